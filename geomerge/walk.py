"""Pieces on their way through the dates of a plan: cut where a part goes its own way, then handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from geomerge.coverage import Mask, join, objects
from geomerge.cut import NOBODY, Sliced, cut
from geomerge.findings import Finding, Notes
from geomerge.mend import note_corners
from geomerge.parts import Claim, Sources, claim
from geomerge.selectors import Cut
from geomerge.steps import Step, needed_cuts
from geomerge.trails import Trail, was

Kind = Literal["whole", "part", "created", "correction"]

ARRIVED = ""  # no unit has this code: land that has reached its code takes no part in further cuts of the day


@dataclass(frozen=True)
class Piece:
    """Land that was one unit's and has gone the same way since; ``now`` is the code it has reached.

    ``rank`` is the position of the old unit; land that was nobody's comes after all of them. ``trail`` holds
    the codes it had before.
    """

    rank: int
    old: str | None
    now: str | None
    geometry: Any
    events: tuple[str, ...] = ()
    kind: Kind = "whole"
    trail: Trail = ()


def touched(road: Sequence[Step], codes: Sequence[str]) -> Mask:
    """Return which of the units are merged, cut, or joined by a part, on any date: their geometry changes.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> from geomerge.steps import steps
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9"}])
    >>> touched(steps(plan, ["1", "2", "3"]), ["1", "2", "3"]).tolist()
    [True, True, False]
    """
    now: list[str | None] = list(codes)
    affected = np.zeros(len(codes), dtype=bool)
    for step in road:
        cuts = [entry.cut for entry in needed_cuts(step)]
        given = {cut.unit for cut in cuts if cut.unit is not None}
        received = {cut.new for cut in cuts if cut.new is not None}
        heirs = Counter(new for new, _ in step.whole.values())
        affected |= np.array([code in given for code in now], dtype=bool)
        now = [step.whole[code][0] if code is not None and code in step.whole else None for code in now]
        affected |= np.array([code is not None and (heirs[code] > 1 or code in received) for code in now], dtype=bool)
    return affected


def walk(pieces: Sequence[Piece], step: Step, sources: Sources, *, sliver_width: float, notes: Notes) -> list[Piece]:
    """Return the pieces after one date: first what names a part, then what names the whole."""
    marked = [replace(piece, trail=(*piece.trail, (step.date, piece.now))) for piece in pieces]
    routed = _along_trails(marked, step, notes)
    standing = [routed.get(at, piece) for at, piece in enumerate(marked)]
    units = [ARRIVED if at in routed else piece.now for at, piece in enumerate(marked)]
    cut_off = _cut(standing, units, step, sources, sliver_width, notes)
    return [piece if arrived else _as_whole(piece, step) for piece, arrived in cut_off]


def _along_trails(pieces: Sequence[Piece], step: Step, notes: Notes) -> dict[int, Piece]:
    """Return the pieces that a former unit names, by position, under their new code; no geometry is needed."""
    routed: dict[int, Piece] = {}
    for entry in needed_cuts(step):
        cut = entry.cut
        if not cut.by_trail:
            continue
        mine = [at for at, piece in enumerate(pieces) if piece.now == cut.unit]
        found = [at for at in mine if was(pieces[at].trail[:-1], cut.unit, cut.selector)]
        if not found or (cut.unit is not None and len(found) == len(mine)):
            what = f"{'All' if found else 'No'} land of {cut.unit} was {cut.selector.former}, as far as the plan tells"
            remedy = "Name the unit as a whole instead." if found else "Give an edition that still has the former unit."
            notes(Finding("must", "part", what, entry.event, remedy))
        if any(at in routed and routed[at].now != cut.new for at in found):
            what = f"Land of {cut.unit} that was {cut.selector.former} is named for two units"
            notes(Finding("must", "part", what, entry.event, "Name each former unit once."))
        routed = {at: _claimed(pieces[at], cut, entry.event) for at in found} | routed
    return routed


def _claimed(piece: Piece, cut: Cut, event: str) -> Piece:
    kind = piece.kind if cut.kind != "correction" else "correction"
    return replace(piece, now=cut.new, events=(*piece.events, event), kind=kind)


def _as_whole(piece: Piece, step: Step) -> Piece:
    if piece.now is None:
        return piece
    new, label = step.whole[piece.now]
    return replace(piece, now=new, events=(*piece.events, label) if label else piece.events)


def _cut(
    pieces: Sequence[Piece],
    units: Sequence[str | None],
    step: Step,
    sources: Sources,
    sliver_width: float,
    notes: Notes,
) -> list[tuple[Piece, bool]]:
    """Return the pieces after the cuts of a date, and whether each has reached its code after that date."""
    claims = _claims(pieces, units, step, sources, notes)
    if not claims:
        return [(piece, unit == ARRIVED) for piece, unit in zip(pieces, units, strict=True)]
    shapes = objects([piece.geometry for piece in pieces])
    sliced = cut(shapes, units, claims, sliver_width=sliver_width, notes=notes)
    received = [pieces[position].old or f"new land of {pieces[position].now}" for position in sliced.matched]
    note_corners(received, sliced.corners, "edge matched to a cut", notes)
    return list(_after(pieces, units, sliced, claims))


def _after(
    pieces: Sequence[Piece], units: Sequence[str | None], sliced: Sliced, claims: Sequence[Claim]
) -> Iterator[tuple[Piece, bool]]:
    cut_up = {part.owner for part in sliced.slices}
    for position, piece in enumerate(pieces):
        if position not in cut_up:
            yield replace(piece, geometry=sliced.polygons[position]), units[position] == ARRIVED
    free = Piece(len(pieces), None, None, None, kind="created")
    for part in sliced.slices:
        piece = replace(free if part.owner == NOBODY else pieces[part.owner], geometry=part.geometry)
        if part.claim == NOBODY:
            yield piece, False
        else:
            claim = claims[part.claim]
            yield _claimed(piece, claim.cut, claim.event), True


def _claims(
    pieces: Sequence[Piece], units: Sequence[str | None], step: Step, sources: Sources, notes: Notes
) -> list[Claim]:
    members: dict[str | None, list[Any]] = {}
    for piece, unit in zip(pieces, units, strict=True):
        members.setdefault(unit, []).append(piece.geometry)
    territories: dict[str | None, Any] = {None: None}
    claims = []
    for entry in needed_cuts(step):
        unit = entry.cut.unit
        if entry.cut.by_trail:
            continue
        if unit not in territories:
            if not (shapes := [shape for shape in members.get(unit, []) if shape and not shape.is_empty]):
                continue  # noted before: the unit has no geometry
            territories[unit] = join(objects(shapes))
        if found := claim(entry, territories[unit], sources, notes):
            claims.append(found)
    return claims


def together(pieces: Sequence[Piece]) -> list[Piece]:
    """Join the pieces that went from the same old unit to the same new one, and tell whole from part.

    Returns
    -------
    list of Piece
        In the order of the old units, then by new code.
    """
    groups: dict[tuple[str | None, str | None, bool], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.old, piece.now, piece.kind == "correction"), []).append(piece)
    heirs = Counter(old for old, _, corrected in groups if not corrected)
    found = []
    for (old, _, _), group in groups.items():
        piece = group[0]
        if len(group) > 1:
            events = tuple(dict.fromkeys(label for piece in group for label in piece.events))
            piece = replace(piece, events=events, geometry=join(objects([piece.geometry for piece in group])))
        if piece.kind == "whole" and old is not None and heirs[old] > 1:
            piece = replace(piece, kind="part")
        found.append(piece)
    last = len(pieces)
    return sorted(
        found,
        key=lambda p: (last if p.old is None else p.rank, p.now is None, p.now or "", p.kind == "correction"),
    )
