"""A plan read for a given set of units: what happens to each code, one date after the other."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from geomerge.events import BaseEvent
from geomerge.plan import Plan
from geomerge.selectors import Cut, Parent

T = TypeVar("T")


@dataclass(frozen=True)
class LabelledCut:
    """A cut with the label of its event."""

    cut: Cut
    event: str


@dataclass(frozen=True)
class Step:
    """All changes of one date.

    ``whole`` has an entry for every unit alive before the date: its new code (None where it ends) and the
    label of the event, empty where nothing happens to it. ``evidence`` has the grade of each label that has one,
    ``events`` are those of the date.
    """

    date: dt.date
    whole: Mapping[str, tuple[str | None, str]]
    cuts: tuple[LabelledCut, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, Parent] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    events: tuple[BaseEvent, ...] = ()

    @cached_property
    def alive(self) -> tuple[str, ...]:
        """Codes valid after the date, in the order of their predecessors."""
        new = [code for code, _ in self.whole.values() if code]
        new += [entry.cut.new for entry in self.cuts if entry.cut.new]
        return tuple(dict.fromkeys(new))

    def successors(self, code: str) -> tuple[str, ...]:
        """Return the codes that follow on a code in law: that of the whole first, then those of its parts."""
        new, _ = self.whole.get(code, (None, ""))
        parts = [e.cut.new for e in self.cuts if e.cut.unit == code and e.cut.kind == "part"]
        return tuple(dict.fromkeys(found for found in [new, *parts] if found))


def steps(plan: Plan, codes: Iterable[str]) -> list[Step]:
    """Return one step a date, in order; a part handed to a unit that itself goes elsewhere goes with it.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9"}])
    >>> steps(plan, ["1", "2", "3"])[0].whole
    {'1': ('9', 'merge 1 2 > 9'), '2': ('9', 'merge 1 2 > 9'), '3': ('3', '')}
    """
    alive = tuple(codes)
    found = []
    for date, events in plan.labelled().items():
        step = _step(date, events, alive)
        found.append(step)
        alive = step.alive
    return found


def _step(date: dt.date, events: Sequence[tuple[str, BaseEvent]], alive: tuple[str, ...]) -> Step:
    whole: dict[str, tuple[str | None, str]] = {code: (code, "") for code in alive}
    cuts: list[LabelledCut] = []
    names: dict[str, str] = {}
    parents: dict[str, Parent] = {}
    created: set[str] = set()
    evidence: dict[str, str] = {}
    for label, event in events:
        whole.update({old: (new, label) for old, new in event.whole().items()})
        cuts += [LabelledCut(cut, label) for cut in event.cuts()]
        names |= event.names()
        parents |= event.parents()
        created |= set(event.creates())
        evidence |= {label: event.evidence} if event.evidence else {}
    valid = {new for new, _ in whole.values()} | created
    followed = [replace(entry, cut=_follow(entry.cut, whole, valid)) for entry in cuts]
    return Step(date, whole, tuple(followed), names, parents, evidence, tuple(event for _, event in events))


def _follow(cut: Cut, whole: Mapping[str, tuple[str | None, str]], valid: set[str | None]) -> Cut:
    """Let a part given to a unit that ends on the same date go where that unit goes."""
    if cut.new is None or cut.new in valid or cut.new not in whole:
        return cut
    return replace(cut, new=whole[cut.new][0], unit_there=cut.unit_there or cut.new)


def needed_cuts(step: Step) -> list[LabelledCut]:
    """Return the cuts of a date, law before drawing, without parts that go where their whole unit goes."""
    needed = [entry for entry in step.cuts if not _goes_along(entry.cut, step)]
    return sorted(needed, key=lambda entry: (entry.cut.kind == "correction", entry.event, repr(entry.cut)))


def _goes_along(cut: Cut, step: Step) -> bool:
    return cut.unit is not None and not cut.outside and step.whole[cut.unit][0] == cut.new


def final_names(found: Iterable[Step]) -> dict[str, str]:
    """Return the name last given to each code that is valid in the end."""
    return _final([(step, step.names) for step in found])


def final_parents(found: Iterable[Step]) -> dict[str, Parent]:
    """Return the parent last given to each code that is valid in the end."""
    return _final([(step, step.parents) for step in found])


def _final(given: Iterable[tuple[Step, Mapping[str, T]]]) -> dict[str, T]:
    known: dict[str, T] = {}
    alive: tuple[str, ...] = ()
    for step, values in given:
        known = inherited(known, step) | dict(values)
        alive = step.alive
    return {code: value for code, value in known.items() if code in alive}


def inherited(values: Mapping[str, T], step: Step) -> dict[str, T]:
    """Carry what is known of codes over a date: to the same code, or else to the sole whole successor.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": "1 2", "into": "1"}, {"renumber": "3", "to": "4"}])
    >>> inherited({"1": "Ås", "2": "Bø", "3": "Å"}, steps(plan, ["1", "2", "3"])[0])
    {'1': 'Ås', '4': 'Å'}
    """
    heirs = Counter(new for new, _ in step.whole.values())
    return {
        new: values[old]
        for old, (new, _) in step.whole.items()
        if old in values and new is not None and (new == old or heirs[new] == 1)
    }


def makers(step: Step) -> dict[str, list[str]]:
    """Return what each code after a date is made of: whole units, or else what gives it a part."""
    whole: dict[str, list[str]] = {}
    for old, (new, _) in step.whole.items():
        if new is not None:
            whole.setdefault(new, []).append(old)
    parts: dict[str, list[str]] = {}
    for entry in step.cuts:
        if entry.cut.new is not None and entry.cut.unit:
            parts.setdefault(entry.cut.new, []).append(entry.cut.unit)
    return parts | whole


def parents_of(step: Step, parents: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the parent given to each code after a date, or else the parents of what it is made of."""
    made_of = makers(step)
    return {
        code: [first_parent(step.parents[code])]
        if code in step.parents
        else sorted({parents[old] for old in made_of.get(code, ()) if old in parents})
        for code in step.alive
    }


def sole_parents(step: Step, parents: Mapping[str, str]) -> dict[str, str]:
    """Return the parent of each code after a date, where it can be told.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9"}])
    >>> sole_parents(steps(plan, ["1", "2"])[0], {"1": "A", "2": "A"})
    {'9': 'A'}
    """
    return {code: found[0] for code, found in parents_of(step, parents).items() if len(found) == 1}


def first_parent(parent: Parent) -> str:
    """Return the parent at the first level."""
    return parent if isinstance(parent, str) else next(iter(parent.values()))
