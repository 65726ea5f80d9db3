"""The days of a plan: the events of each, the codes alive before it, and what is known of all other codes."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from geomerge.events import BaseEvent
from geomerge.findings import Finding
from geomerge.plan import Plan
from geomerge.steps import Step, steps


@dataclass(frozen=True)
class Day:
    """One date of a plan.

    ``alive`` are the codes before it, ``ended`` tells when earlier ones went and what followed them,
    ``begins`` when later ones come. ``numbers`` are the places of the events in the plan, counted from 1.
    """

    date: dt.date
    events: tuple[BaseEvent, ...]
    numbers: tuple[int, ...]
    alive: frozenset[str]
    step: Step
    ended: Mapping[str, tuple[dt.date, tuple[str, ...]]]
    begins: Mapping[str, dt.date]

    @cached_property
    def valid(self) -> frozenset[str]:
        """Codes valid after the date that an event or a living unit accounts for."""
        whole = {new for new, _ in self.step.whole.values() if new}
        return frozenset(whole.union(*(event.creates() for event in self.events)))

    def says(self, event: BaseEvent, deed: str = "") -> str:
        """Return how a finding speaks of an event, such as "Event 3 merges"."""
        return f"Event {self.numbers[self.events.index(event)]} {deed or event.deed}"

    def maker(self, code: str) -> str:
        """Return the label of an event that made a code, empty where none did."""
        labels = [label for new, label in self.step.whole.values() if new == code and label]
        labels += [entry.event for entry in self.step.cuts if entry.cut.new == code]
        return next(iter(labels), "")


def days(plan: Plan, codes: Iterable[str]) -> Iterator[Day]:
    """Yield the days of a plan in order.

    Examples
    --------
    >>> plan = Plan(
    ...     events=[
    ...         {"date": "2019-01-01", "renumber": "1", "to": "2"},
    ...         {"date": "2020-01-01", "renumber": "2", "to": "3"},
    ...     ]
    ... )
    >>> [sorted(day.ended) for day in days(plan, ["1"])]
    [[], ['1']]
    """
    alive = frozenset(codes)
    ended: dict[str, tuple[dt.date, tuple[str, ...]]] = {}
    road = steps(plan, sorted(alive))
    number = {id(event): position for position, event in enumerate(plan.events, start=1)}
    for step, later in zip(road, _begins(road), strict=True):
        numbers = tuple(number[id(event)] for event in step.events)
        yield Day(step.date, step.events, numbers, alive, step, dict(ended), later)
        after = frozenset(step.alive)
        for code in alive - after:
            ended[code] = (step.date, step.successors(code))
        for code in after:
            ended.pop(code, None)
        alive = after


def _begins(road: Sequence[Step]) -> list[Mapping[str, dt.date]]:
    """Return for each step when the codes that are there after later ones begin."""
    later: dict[str, dt.date] = {}
    found: list[Mapping[str, dt.date]] = []
    for step in reversed(road):
        found.append(dict(later))
        later |= dict.fromkeys(step.alive, step.date)
    return found[::-1]


def unknown_before(code: str, event: BaseEvent, day: Day, deed: str = "") -> Finding:
    """Return what is wrong with a code that an event names though no unit has it before the date."""
    if code in day.ended:
        date, successors = day.ended[code]
        return _ended(code, event, day, deed, f"ended on {date}", successors)
    if code in day.begins:
        what = f"{day.says(event, deed)} {code} on {day.date}, but {code} begins on {day.begins[code]}"
        remedy = "Name the unit it is on that day, or correct the date."
        return Finding("must", "date", what, event.label(), remedy)
    return Finding("must", "unknown code", f"No unit has the code {code}", event.label(), hint(code, day.alive))


def unknown_after(code: str, event: BaseEvent, day: Day, deed: str = "") -> Finding:
    """Return what is wrong with a code that an event names though no unit has it from the date on."""
    if code in day.alive:
        return _ended(code, event, day, deed, "ends on that day", day.step.successors(code))
    if code in day.ended or code in day.begins:
        return unknown_before(code, event, day, deed)
    what = f"No unit has the code {code} from {day.date} on"
    return Finding("must", "unknown code", what, event.label(), hint(code, day.valid.difference(event.old_codes())))


def _ended(code: str, event: BaseEvent, day: Day, deed: str, how: str, successors: tuple[str, ...]) -> Finding:
    living = dict.fromkeys(found for heir in successors for found in _living(heir, day, {code, heir}))
    remedy = "Correct the code or the date."
    if living:
        remedy = f"Name its successor {' or '.join(living)} or correct the date."
    what = f"{day.says(event, deed)} {code} on {day.date}, but {code} {how}"
    return Finding("must", "date", what, event.label(), remedy)


def _living(code: str, day: Day, seen: set[str]) -> list[str]:
    """Follow a code that ended to those of its successors that are there on the day."""
    if code not in day.ended:
        return [code]
    heirs = [heir for heir in day.ended[code][1] if heir not in seen]
    return [found for heir in heirs for found in _living(heir, day, seen | {heir})]


def hint(code: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown code: the one that was probably meant.

    Examples
    --------
    >>> hint("706", ["0704", "0706"])
    'Did you mean 0706? A code keeps its zeros.'
    """
    candidates = sorted(known)
    for candidate in candidates:
        if candidate.lstrip("0") == code.lstrip("0"):
            return f"Did you mean {candidate}? A code keeps its zeros."
    alike = {known: difflib.SequenceMatcher(None, code, known).ratio() for known in candidates}
    nearest = max(alike.values(), default=0.0)
    close = [known for known in candidates if alike[known] == nearest]
    if nearest > 0.7 and len(close) <= 2:  # more would be no help
        return f"Did you mean {' or '.join(close)}?"
    return "Correct the code, or use the units of the day before."
