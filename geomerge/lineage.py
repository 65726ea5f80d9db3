"""Lineage: which old units make up each new unit, with what share, and what that makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.attributes import Source
from geomerge.coverage import Indices
from geomerge.errors import InputError
from geomerge.steps import Step, needed_cuts

Dates = dict[str, str]


@dataclass(frozen=True)
class Lineage:
    """The new units in the order of their first predecessor, each with its pieces and its old units.

    ``sources`` holds the old units of each new one, the largest territory first; ``corrected`` tells which
    new units are only drawn differently.
    """

    codes: tuple[str, ...]
    groups: tuple[Indices, ...]
    sources: tuple[tuple[Source, ...], ...]
    corrected: frozenset[str]

    @property
    def predecessors(self) -> list[str]:
        """Codes of the old units of each new one, separated by blanks."""
        return [" ".join(sorted(source.code for source in sources)) for sources in self.sources]

    @property
    def untouched(self) -> list[bool]:
        """Whether each new unit is one old unit as a whole."""
        return [len(sources) == 1 and sources[0].share == 1.0 for sources in self.sources]

    @property
    def families(self) -> list[list[int]]:
        """Positions of the new units that share old units, one list a family."""
        up = list(range(len(self.codes)))

        def head(position: int) -> int:
            while up[position] != position:
                up[position] = up[up[position]]
                position = up[position]
            return position

        first: dict[str, int] = {}
        for position, sources in enumerate(self.sources):
            for source in sources:
                up[head(position)] = head(first.setdefault(source.code, position))
        found: dict[int, list[int]] = {}
        for position in range(len(self.codes)):
            found.setdefault(head(position), []).append(position)
        return list(found.values())


def lineage(pieces: gpd.GeoDataFrame, codes: Sequence[str]) -> Lineage:
    """Read the lineage of all new units from the pieces.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    codes
        Codes of the old units, in their order.

    Examples
    --------
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "2", "2"], "new_code": ["9", "9", "2"], "kind": ["whole", "part", "part"]},
    ...     geometry=[shapely.box(0, 0, 2, 1), shapely.box(2, 0, 3, 1), shapely.box(3, 0, 4, 1)],
    ... )
    >>> found = lineage(table, ["1", "2"])
    >>> [[(source.code, source.share) for source in sources] for sources in found.sources]
    [[('1', 1.0), ('2', 0.5)], [('2', 0.5)]]
    """
    old, new = _texts(pieces["old_code"]), _texts(pieces["new_code"])
    corrects = (pieces["kind"] == "correction").tolist()
    areas = np.nan_to_num(shapely.area(pieces.geometry.to_numpy())).tolist()
    rows = {code: row for row, code in enumerate(codes)}
    if missing := sorted({code for code in old if code is not None} - set(rows)):
        raise InputError(
            f"The pieces name {', '.join(missing[:5])}, which are not among the units they were made from."
        )
    groups: dict[str, list[int]] = {}
    for position, code in enumerate(new):
        if code is not None:
            groups.setdefault(code, []).append(position)
    corrections = [
        (one, other) for one, other, correct in zip(old, new, corrects, strict=True) if correct and other is not None
    ]
    sources = _sources(zip(old, new, corrects, areas, strict=True), rows)
    return Lineage(
        tuple(groups),
        tuple(np.array(found, dtype=np.intp) for found in groups.values()),
        tuple(tuple(sorted(sources.get(code, []), key=lambda s: (-s.area, s.code))) for code in groups),
        frozenset(code for pair in corrections for code in pair if code is not None),
    )


def _texts(codes: pd.Series) -> list[str | None]:
    return [code if isinstance(code, str) else None for code in codes.to_numpy(dtype=object)]


def _sources(
    ways: Iterable[tuple[str | None, str | None, bool, float]], rows: Mapping[str, int]
) -> dict[str, list[Source]]:
    """Return the old units of each new one by what they are in law; a correction moves no land."""
    parts: dict[str, dict[str | None, list[float]]] = {}
    for old, new, corrects, area in ways:
        if old is not None and not corrects:
            parts.setdefault(old, {}).setdefault(new, []).append(area)
    found: dict[str, list[Source]] = {}
    for old, heirs in parts.items():
        sums = {new: math.fsum(areas) for new, areas in heirs.items()}
        total = math.fsum(sums.values()) or 1.0
        for new, area in sums.items():
            if new is not None:
                share = 1.0 if len(sums) == 1 else area / total
                found.setdefault(new, []).append(Source(old, rows[old], share, area))
    return found


def new_index(found: Lineage, old: pd.Index) -> pd.Index:
    """Give each new unit the label of its largest predecessor, unless that lives on or is larger elsewhere.

    Units without a label of their own get new numbers, or their code where labels are no numbers.
    """
    heirs: dict[int, tuple[bool, float, int]] = {}
    for number, sources in enumerate(found.sources):
        for source in sources[:1]:
            claim = (source.code == found.codes[number], source.area, -number)
            heirs[source.row] = max(heirs.get(source.row, claim), claim)
    taken = {-number: old[row] for row, (_, _, number) in heirs.items()}
    numeric = pd.api.types.is_integer_dtype(old.dtype)
    following = int(old.max()) + 1 if numeric and len(old) else 0
    fresh = [number for number in range(len(found.codes)) if number not in taken]
    labels: dict[int, Any] = {n: following + i if numeric else found.codes[n] for i, n in enumerate(fresh)}
    labels |= taken
    index: pd.Index = pd.Index([labels[number] for number in range(len(found.codes))], name=old.name)
    return index


def changes(found: Lineage, renamed: Sequence[bool]) -> list[str]:
    """Return what became of each new unit.

    Returns
    -------
    list of str
        ``unchanged``, ``renamed``, ``renumbered``, ``merged`` (of several whole units), ``split`` (a part of
        one unit that ended or lives on elsewhere), ``adjusted`` (gave or received a part), ``created``,
        ``corrected`` (only drawn differently).
    """
    return [_change(found, position, renamed[position]) for position in range(len(found.codes))]


def _change(found: Lineage, position: int, renamed: bool) -> str:
    new, sources = found.codes[position], found.sources[position]
    whole = [source for source in sources if source.share == 1.0]
    if not sources:
        return "created"
    if len(whole) > 1:
        return "merged"
    if len(sources) == 1 and whole:
        if whole[0].code != new:
            return "renumbered"
        if renamed:
            return "renamed"
        return "corrected" if new in found.corrected else "unchanged"
    continues = any(source.code == new for source in sources)
    return "adjusted" if whole or continues or len(sources) > 1 else "split"


def last_changes(road: Sequence[Step], before: Mapping[str, str]) -> Dates:
    """Return the ISO date of the last change of code or territory by new code; a correction is no change.

    Parameters
    ----------
    road
        The steps of the plan.
    before
        Date by old code, empty where it is not known.
    """
    dates = dict(before)
    for step in road:
        cuts = [entry.cut for entry in needed_cuts(step) if entry.cut.kind != "correction"]
        gave, received = {cut.unit for cut in cuts}, {cut.new for cut in cuts}
        members: dict[str, list[str]] = {}
        for old, (new, _) in step.whole.items():
            if new is not None:
                members.setdefault(new, []).append(old)
        after: Dates = {}
        for new in step.alive:
            olds = members.get(new, [])
            same = olds == [new] and new not in gave and new not in received
            after[new] = dates.get(new, "") if same else step.date.isoformat()
        dates = after
    return dates
