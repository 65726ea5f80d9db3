"""The plan: all dated events of a reform, with the rules for new keys and the names of new parents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from geomerge.events import BaseEvent, Event
from geomerge.selectors import Code, Cut, Date, Model, Parent, Selector, Text
from geomerge.sentences import sentence

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = ["Cut", "KeyRule", "Parent", "ParentName", "Plan", "Selector"]


def _rising(numbers: str) -> str:
    first, _, last = numbers.partition("-")
    if last and int(last) < int(first):
        raise ValueError(f"the range {numbers} ends before it begins")
    return numbers


def _in_order(events: Iterable[BaseEvent]) -> list[tuple[str, BaseEvent]]:
    """Return events with their labels, in an order that does not depend on that of lines."""
    alike: dict[str, list[BaseEvent]] = {}
    for event in events:
        alike.setdefault(event.label(), []).append(event)
    ordered = {label: sorted(same, key=repr) if len(same) > 1 else same for label, same in alike.items()}
    return [(label, event) for label in sorted(ordered) for event in ordered[label]]


class ParentName(Model):
    """Name of a parent unit, such as a new county; ``level`` is the first level where none is given."""

    code: Code
    name: Text
    level: Text | None = None


class KeyRule(Model):
    """How parcel keys change; ``add``, ``keep``, ``prefix`` and ``table`` are the ways, and a rule has one of them.

    Parameters
    ----------
    from_, to
        The old unit (``from``) and the new one. A rule that names only one of them is for parcels that change
        their unit; a ``table`` may do without both.
    numbers
        Leading numbers the rule is for, ``143`` or ``4-11``; all where none are given.
    add
        What is added to the leading number.
    keep
        The key stays as it is.
    prefix
        Where the key has no prefix yet, it gets this one; ``code`` stands for the end of the old unit's code.
    table
        File (CSV, XLSX) with old and new keys, in the columns ``from`` and ``to``, or ``old_key`` and ``new_key``.

    Examples
    --------
    >>> print(KeyRule.model_validate({"from": "0719", "to": "0710", "numbers": "1-20", "add": 200}))
    1-20 (add 200)
    """

    from_: Code | None = Field(default=None, alias="from")
    to: Code | None = None
    numbers: Annotated[str, Field(pattern=r"^\d+(-\d+)?$"), AfterValidator(_rising)] | None = None
    add: int | None = None
    keep: bool = False
    prefix: Text | None = None
    table: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> KeyRule:
        ways = [name for name in ("add", "prefix", "table") if getattr(self, name) is not None]
        ways += ["keep"] if self.keep else []
        if len(ways) != 1:
            given = f"but here are {' and '.join(ways)}" if ways else "but here is none of them"
            raise ValueError(f"a rule for keys has one of add, keep, prefix and table, {given}")
        if self.table is None and self.from_ is None and self.to is None:
            raise ValueError("a rule for keys names the old unit (from), the new one (to), or both")
        if self.table is not None and self.numbers is not None:
            raise ValueError("a table names its keys itself; leave numbers out")
        return self

    @property
    def span(self) -> tuple[float, float]:
        """First and last leading number the rule is for."""
        if self.numbers is None:
            return 0, float("inf")
        low, _, high = self.numbers.partition("-")
        return int(low), int(high or low)

    @property
    def way(self) -> tuple[str, object]:
        """The way keys change, and by what."""
        ways = (("add", self.add), ("prefix", self.prefix), ("table", self.table))
        return next(((name, value) for name, value in ways if value is not None), ("keep", ""))

    def __str__(self) -> str:
        name, value = self.way
        return f"{'all numbers' if self.numbers is None else self.numbers} ({f'{name} {value}'.strip()})"


class Plan(Model):
    """All events of a reform.

    Parameters
    ----------
    title
        What the reform is called.
    date
        First day of the new order, for events that carry no date of their own.
    events
        Merge, split, transfer, renumber, rename, reparent, create, abolish, correct; their order never
        matters.
    parents
        Names of parent units that did not exist before.
    keys
        Rules for new parcel keys; the most specific wins.
    sources
        Tables behind the files the plan refers to, by the name used there; ``read_plan`` fills them.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["0101", "0102"], "into": "0110"}])
    >>> plan.dates
    (datetime.date(2020, 1, 1),)
    >>> plan.sentences()
    ['0101 and 0102 merge into 0110.']
    """

    title: str = ""
    date: Date | None = None
    events: tuple[Event, ...] = Field(min_length=1)
    parents: tuple[ParentName, ...] = ()
    keys: tuple[KeyRule, ...] = ()
    sources: SkipJsonSchema[dict[str, Any]] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="after")
    def _dated(self) -> Plan:
        if self.date is None and (undated := [event.label() for event in self.events if event.date is None]):
            raise ValueError(f"no date for: {'; '.join(undated)}; give the plan a date")
        return self

    def date_of(self, event: BaseEvent) -> dt.date:
        """Return the date of an event: its own, or else the plan's."""
        found = event.date or self.date
        assert found is not None  # _dated made sure
        return found

    @property
    def dates(self) -> tuple[dt.date, ...]:
        """The dates on which something changes, in order."""
        return tuple(sorted({self.date_of(event) for event in self.events}))

    def on(self, date: dt.date) -> tuple[BaseEvent, ...]:
        """Return the events of one date, in an order that does not depend on the order of lines."""
        return tuple(event for _, event in _in_order(event for event in self.events if self.date_of(event) == date))

    def labelled(self) -> dict[dt.date, list[tuple[str, BaseEvent]]]:
        """Return the events of each date with their labels; dates and events in order, as in :meth:`on`."""
        found: dict[dt.date, list[BaseEvent]] = {}
        for event in self.events:
            found.setdefault(self.date_of(event), []).append(event)
        return {date: _in_order(found[date]) for date in sorted(found)}

    def until(self, date: dt.date) -> Plan:
        """Return the plan up to and including a date."""
        return self.model_copy(update={"events": tuple(e for e in self.events if self.date_of(e) <= date)})

    def key_files(self) -> Iterator[str]:
        """Yield each table of old and new keys the plan refers to, once."""
        yield from dict.fromkeys(rule.table for rule in self.keys if rule.table is not None)

    def files(self) -> Iterator[str]:
        """Yield each file the plan refers to, once."""
        selectors = (selector for event in self.events for selector in event.selectors())
        layers = (name for selector in selectors for name in selector.files)
        yield from dict.fromkeys([*layers, *self.key_files()])

    def to_crs(self, crs: CRS | str) -> Plan:
        """Return the plan with its source layers in another CRS; tables of keys have none."""
        keys = set(self.key_files())
        moved = {name: table if name in keys else table.to_crs(crs) for name, table in self.sources.items()}
        return self.model_copy(update={"sources": moved})

    def sentences(self) -> list[str]:
        """Return one sentence an event, in order of dates; the date stands before it where there are several.

        Examples
        --------
        >>> transfer = {"transfer": "0720", "to": "0704", "area": "vear.geojson"}
        >>> merge = {"merge": "0706 0719 0720", "into": "0710", "name": "Sandefjord"}
        >>> for sentence in Plan(date="2017-01-01", events=[transfer, merge]).sentences():
        ...     print(sentence)
        0706, 0719 and 0720 merge into 0710 Sandefjord.
        A part of 0720 (area vear.geojson) moves to 0704.
        """
        several = len(self.dates) > 1
        return [
            f"{date.isoformat()}: {sentence(event)}" if several else sentence(event)
            for date in self.dates
            for event in self.on(date)
        ]
