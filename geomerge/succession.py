"""Succession: how much of each unit has become part of which other unit, and how far that is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from geomerge.selectors import Portion
from geomerge.steps import Step, needed_cuts
from geomerge.trails import Ways, was


@dataclass(frozen=True)
class Heir:
    """A unit that has land of an old one.

    ``share`` is the share of the old unit, NaN where nobody knows it; ``estimated`` tells that it takes the
    land of a unit on the way to be spread evenly; ``by`` is what it counts, empty where nothing had to be
    weighed, and ``amount`` how much that is. ``ways`` are the positions of the trails that the land may have
    gone.
    """

    old: str
    new: str | None
    ways: frozenset[int] = frozenset()
    share: float = 1.0
    amount: float = math.nan
    estimated: bool = False
    by: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()


def heirs(road: Sequence[Step], ways: Ways, since: int, until: int) -> list[Heir]:
    """Follow the land of each unit over the steps, from one position on the road to a later one.

    The share of a part applies to all land of its unit. Where a unit came from several, the part of each is
    taken to be alike, which is said; where a former unit names the part, it is not, and no share is known.

    Parameters
    ----------
    road
        The steps of a plan.
    ways
        The trails of its land, from :func:`geomerge.trails.trails`.
    since, until
        Numbers of steps that lie behind: 0 is before the first.

    Returns
    -------
    list of Heir
        By old code, then by new code.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> from geomerge.steps import steps
    >>> from geomerge.trails import trails
    >>> part = {"transfer": "1", "to": "2", "share": "0.25", "by": "area"}
    >>> road = steps(Plan(date="2020-01-01", events=[part]), "12")
    >>> [(heir.old, heir.new, heir.share) for heir in heirs(road, trails(road, "12"), 0, 1)]
    [('1', '1', 0.75), ('1', '2', 0.25), ('2', '2', 1.0)]
    """
    held = _held(ways, since)
    found = [Heir(code, code, members) for code, members in held.items() if code is not None]
    for position in range(since, until):
        division = _Division(road, position, ways, held)
        moved = [onward for heir in found for onward in division.onward(heir)]
        found = [heir for shared in added_up(moved) for heir in completed(shared)]
        held = _held(ways, position + 1)
    return sorted(found, key=lambda heir: (heir.old, heir.new is None, heir.new or ""))


def _held(ways: Ways, position: int) -> dict[str | None, frozenset[int]]:
    """Return the ways that lead through each unit at a position."""
    found: dict[str | None, set[int]] = {}
    for number, way in enumerate(ways):
        found.setdefault(way[position], set()).add(number)
    return {code: frozenset(numbers) for code, numbers in found.items()}


@dataclass(frozen=True)
class _Part:
    """A part of a unit: where it goes, by which event, its share, and the ways that a former unit names."""

    new: str | None
    event: str
    share: float
    by: str
    named: frozenset[int]


class _Division:
    """How the events of one date divide the units, and the land that each of them has from old ones."""

    def __init__(self, road: Sequence[Step], position: int, ways: Ways, held: dict[str | None, frozenset[int]]) -> None:
        self.step, self.position, self.ways, self.held = road[position], position, ways, held
        self.parts: dict[str | None, list[_Part]] = {}
        dates = [step.date for step in road[:position]]
        for entry in needed_cuts(self.step):
            unit, selector = entry.cut.unit, entry.cut.selector
            if entry.cut.kind == "correction":
                continue
            through = held.get(unit, frozenset())
            trails = {} if selector.former is None else {n: tuple(zip(dates, ways[n], strict=False)) for n in through}
            named = frozenset(n for n, trail in trails.items() if was(trail, unit, selector))
            share = selector.share if isinstance(selector, Portion) and selector.share else math.nan
            by = (selector.by if isinstance(selector, Portion) else None) or ""
            self.parts.setdefault(unit, []).append(_Part(entry.cut.new, entry.event, share, by, named))

    def onward(self, heir: Heir) -> list[Heir]:
        """Return who has the land of an heir after the date."""
        whole, label = (None, "") if heir.new is None else self.step.whole[heir.new]
        parts = self.parts.get(heir.new, [])
        if not label and not parts:
            return [heir]
        targets: dict[str | None, set[int]] = {}
        for number in heir.ways:
            targets.setdefault(self.ways[number][self.position + 1], set()).add(number)
        shares, estimated = self._shares(heir, heir.new, whole, set(targets))
        by = {part.by for part in parts if part.by and len(targets) > 1}
        found = []
        for new, members in targets.items():
            labels = [label] if new == whole else [part.event for part in parts if part.new == new]
            found.append(
                replace(
                    heir,
                    new=new,
                    ways=frozenset(members),
                    share=heir.share * shares[new],
                    estimated=heir.estimated or estimated,
                    by=heir.by | by,
                    events=heir.events | {f"{self.step.date} {event}" for event in labels if event},
                    evidence=heir.evidence | {self.step.evidence[e] for e in labels if e in self.step.evidence},
                )
            )
        return found

    def _shares(
        self, heir: Heir, unit: str | None, whole: str | None, targets: set[str | None]
    ) -> tuple[dict[str | None, float], bool]:
        """Return the share of an heir's land that goes to each target, and whether that is an estimate."""
        if len(targets) == 1:
            return dict.fromkeys(targets, 1.0), False
        parts = self.parts[unit]
        if heir.ways == self.held[unit]:
            return _divided(parts, whole, 1.0), False
        named = frozenset[int]().union(*(part.named for part in parts))
        if heir.ways & named:
            return dict.fromkeys(targets, math.nan), False
        rest = 1 - math.fsum(part.share for part in parts if part.named)
        shares = _divided([part for part in parts if not part.named], whole, rest)
        return shares, not self.held[unit] - named <= heir.ways


def _divided(parts: Iterable[_Part], whole: str | None, total: float) -> dict[str | None, float]:
    """Return the share of each new unit in land that is a share of its unit itself, NaN where it is not known."""
    shares: dict[str | None, float] = {}
    for part in parts:
        shares[part.new] = shares.get(part.new, 0.0) + part.share / total
    return shares | {whole: 1 - math.fsum(shares.values())}


def added_up(found: Iterable[Heir]) -> list[list[Heir]]:
    """Add up land that meets again; return the heirs of each old unit."""
    by_unit: dict[str, dict[str | None, Heir]] = {}
    for heir in found:
        meeting = by_unit.setdefault(heir.old, {})
        met = meeting.get(heir.new)
        meeting[heir.new] = heir if met is None else _sum(met, heir)
    return [list(meeting.values()) for meeting in by_unit.values()]


def _sum(one: Heir, other: Heir) -> Heir:
    return replace(
        one,
        ways=one.ways | other.ways,
        share=one.share + other.share,
        amount=one.amount + other.amount,
        estimated=one.estimated or other.estimated,
        by=one.by | other.by,
        events=one.events | other.events,
        evidence=one.evidence | other.evidence,
    )


def completed(shared: list[Heir]) -> list[Heir]:
    """Fill in the one share that follows from all others; what is whole again needs no weight."""
    if len(shared) == 1:
        return [replace(shared[0], share=1.0, estimated=False, by=frozenset())]
    unknown = [heir for heir in shared if math.isnan(heir.share)]
    unsure = [heir for heir in shared if math.isnan(heir.share) or heir.estimated]
    follows = unsure if len(unsure) == 1 else unknown
    if len(follows) != 1:
        return shared
    rest = 1 - math.fsum(heir.share for heir in shared if heir is not follows[0])
    by = frozenset[str]().union(*(heir.by for heir in shared))
    known = replace(follows[0], share=rest, estimated=len(unsure) > 1, by=by)
    return [known if heir is follows[0] else heir for heir in shared]


def by_amount(shared: list[Heir]) -> list[Heir]:
    """Share an old unit out by the amounts of its heirs; without all of them, no share is known."""
    if len(shared) == 1:
        counted = frozenset() if math.isnan(shared[0].amount) else shared[0].by
        return [replace(heir, by=counted) for heir in completed(shared)]
    total = math.fsum(heir.amount for heir in shared)
    if not total or math.isnan(total):
        return [replace(heir, share=math.nan, estimated=False, by=frozenset()) for heir in shared]
    estimated = any(heir.estimated for heir in shared)  # as each of them is in the total
    return [replace(heir, share=heir.amount / total, estimated=estimated) for heir in shared]
