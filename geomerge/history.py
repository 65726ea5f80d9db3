"""A history: the units of a first day and all dated changes since, so that each code can be followed."""

from __future__ import annotations

import bisect
import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from geomerge.days import hint
from geomerge.errors import Blocked, InputError
from geomerge.findings import Finding
from geomerge.plan import Plan
from geomerge.rules import UNPLACED, check_plan
from geomerge.steps import Step, inherited, needed_cuts, sole_parents, steps
from geomerge.trails import Trail, Ways, trails, was

PERIODS = ("code", "name", "parent", "valid_from", "valid_to")


@dataclass(frozen=True)
class History:
    """The units of a first day, and a plan with all changes since; a code means the unit that has it on a date.

    Parameters
    ----------
    plan
        All changes. Parts need not say where they lie.
    units
        Units valid before the first change: ``code``, and where known ``name`` and ``parent``.
    begin
        Day from which on the units are known to be valid, None where that is any day before the first change.
    known_until
        Last day for which the changes are known to be complete.
    parents
        Names of the parents: ``code``, ``name``.
    title, level, source
        What it is the history of, what its units are called, and where it is from.

    Raises
    ------
    Blocked
        If the changes contradict the units, or each other; all findings are in the error.

    Examples
    --------
    >>> merge = {"merge": ["0706", "0719"], "into": "0710", "name": "Sandefjord"}
    >>> units = pd.DataFrame({"code": ["0706", "0719"], "name": ["Sandefjord", "Andebu"]})
    >>> history = History(Plan(date="2017-01-01", events=[merge]), units)
    >>> history.units_on("2016-12-31")["code"].tolist(), history.units_on("2017-01-01")["code"].tolist()
    (['0706', '0719'], ['0710'])
    """

    plan: Plan
    units: pd.DataFrame
    begin: dt.date | None = None
    known_until: dt.date | None = None
    parents: pd.DataFrame | None = None
    title: str = ""
    level: str = "unit"
    source: str = ""

    def __post_init__(self) -> None:
        findings = [f for f in check_plan(self.plan, self.codes) if f.blocks and f.check != UNPLACED]
        if self.begin is not None and not findings:
            findings += self._strange_formers()
        if self.begin is not None and self.begin >= self.plan.dates[0]:
            what = f"The history begins on {self.begin}, but its first change is on {self.plan.dates[0]}"
            findings.append(Finding("must", "date", what, "", "Let it begin before, or leave the change out."))
        if findings:
            raise Blocked(findings)

    def _strange_formers(self) -> Iterator[Finding]:
        """Find parts named by a former unit that no land of the unit ever was; only all units can tell."""
        for position, step in enumerate(self.road):
            dates = self.plan.dates[:position]
            named: dict[Trail, str | None] = {}
            for entry in needed_cuts(step):
                unit, selector = entry.cut.unit, entry.cut.selector
                trails = [tuple(zip(dates, way, strict=False)) for way in self.ways if way[position] == unit]
                if selector.former is None:
                    continue
                found = [trail for trail in trails if was(trail, unit, selector)]
                if not found:
                    what = f"No land of {unit} was {selector.former} before {step.date}"
                    yield Finding("must", "former unit", what, entry.event, hint(selector.former, self.codes))
                if any(named.setdefault(trail, entry.cut.new) != entry.cut.new for trail in found):
                    what = f"Land of {unit} that was {selector.former} is named for two units on {step.date}"
                    yield Finding("must", "former unit", what, entry.event, "Name each former unit once.")

    @classmethod
    def of(cls, plan: Plan) -> History:
        """Return the history of the units that a plan names; all others stay as they are."""
        codes = first_codes(plan)
        return cls(plan, pd.DataFrame({"code": pd.Series(codes, dtype="str")}), title=plan.title)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Codes valid before the first change."""
        return tuple(self.units["code"])

    @cached_property
    def road(self) -> tuple[Step, ...]:
        """The changes, one step a date."""
        return tuple(steps(self.plan, self.codes))

    @cached_property
    def ways(self) -> Ways:
        """Every way that land has gone, as codes before the first date and after each one."""
        return trails(self.road, self.codes)

    def position(self, date: dt.date | str) -> int:
        """Return how many dates of change lie behind on a day; InputError before the history begins.

        Examples
        --------
        >>> history = History.of(Plan(date="2020-01-01", events=[{"renumber": "1", "to": "2"}]))
        >>> history.position("2019-12-31"), history.position("2020-01-01")
        (0, 1)
        """
        day = as_date(date)
        if self.begin is not None and day < self.begin:
            title = self.title or "The history"
            raise InputError(f"{title} begins on {self.begin}, and says nothing of {day}. Name a later day.")
        return bisect.bisect_right(self.plan.dates, day)

    def is_known(self, date: dt.date | str) -> bool:
        """Return whether the changes up to a day are known to be complete."""
        return self.known_until is None or as_date(date) <= self.known_until

    def units_on(self, date: dt.date | str) -> pd.DataFrame:
        """Return the units valid on a day, by code: ``code``, ``name``, ``parent`` (missing where not known)."""
        valid = self.described[self.position(date)]
        rows = [(code, *valid[code]) for code in sorted(valid)]
        return pd.DataFrame(rows, columns=list(PERIODS[:3])).astype("str")

    @cached_property
    def described(self) -> tuple[Mapping[str, tuple[str | None, str | None]], ...]:
        """Name and parent of each code, before the first date and after each one."""
        names, parents = self._given("name"), self._given("parent")
        found = [{code: (names.get(code), parents.get(code)) for code in self.codes}]
        for step in self.road:
            names = inherited(names, step) | dict(step.names)
            parents = sole_parents(step, parents)
            found.append({code: (names.get(code), parents.get(code)) for code in step.alive})
        return tuple(found)

    def _given(self, column: str) -> dict[str, str]:
        if column not in self.units.columns:
            return {}
        known = self.units.dropna(subset=[column])
        return dict(zip(known["code"], known[column], strict=True))

    @cached_property
    def periods(self) -> pd.DataFrame:
        """Every unit there ever was, one row for each time its code was valid.

        Returns
        -------
        DataFrame
            ``code``, ``name`` and ``parent`` (the last it had), ``valid_from`` (missing where it was there
            from the beginning), ``valid_to`` (first day on which it was not valid any more, missing where it
            still is); by code, then by date. Dates are ISO texts.
        """
        return self._periods(self.described)

    @cached_property
    def parent_periods(self) -> pd.DataFrame:
        """Every parent there ever was, in the form of :attr:`periods`, without parents of their own."""
        names = self.parent_names()
        codes = [{parent for _, parent in valid.values() if parent} for valid in self.described]
        return self._periods([{code: (names.get(code), None) for code in there} for there in codes])

    def _periods(self, valid: Sequence[Mapping[str, tuple[str | None, str | None]]]) -> pd.DataFrame:
        """Return one row for each time that a code was valid, from what was before the first date and after each."""
        rows: list[list[str | None]] = []
        living: dict[str, list[str | None]] = {}
        begin = None if self.begin is None else self.begin.isoformat()
        for since, there in zip([begin, *(date.isoformat() for date in self.plan.dates)], valid, strict=True):
            for code in living.keys() - there.keys():
                rows.append([*living.pop(code), since])
            for code, (name, parent) in there.items():
                first = living[code][3] if code in living else since
                living[code] = [code, name, parent, first]
        rows += [[*row, None] for row in living.values()]
        rows.sort(key=lambda row: (str(row[0]), row[3] or ""))
        return pd.DataFrame(rows, columns=list(PERIODS)).astype("str")

    def parent_names(self) -> dict[str, str]:
        """Return the name of each parent that has one."""
        named = {parent.code: parent.name for parent in self.plan.parents}
        if self.parents is not None:
            named |= dict(zip(self.parents["code"], self.parents["name"], strict=True))
        return named


def as_date(date: dt.date | str, name: str = "") -> dt.date:
    """Return a day given as a date or as ISO text; InputError, with a name for it, if it is none.

    Examples
    --------
    >>> as_date("2020-01-31")
    datetime.date(2020, 1, 31)
    """
    if isinstance(date, dt.datetime) and date == date:  # NaT is a datetime, but no day
        return date.date()
    if isinstance(date, dt.date) and not isinstance(date, dt.datetime):
        return date
    with contextlib.suppress(TypeError, ValueError):
        found = dt.date.fromisoformat(str(date))
        if found.isoformat() == date:
            return found
    raise InputError(f"{f'{name}: ' if name else ''}{date!r} is no date. Write it as 2020-01-31.")


def in_words(valid_from: str | None, valid_to: str | None) -> str:
    """Return the days of a period, whose end is the first day after it, as a person says them.

    Examples
    --------
    >>> in_words("2017-01-01", "2020-01-01"), in_words(None, "2020-01-01"), in_words("2024-01-01", None)
    ('from 2017-01-01 to 2019-12-31', 'until 2019-12-31', 'since 2024-01-01')
    """
    if not valid_to:
        return f"since {valid_from}" if valid_from else "always"
    last = as_date(valid_to) - dt.timedelta(days=1)
    return f"from {valid_from} to {last}" if valid_from else f"until {last}"


def first_codes(plan: Plan) -> list[str]:
    """Return the codes that must have been there before the first date of a plan, as its events name them.

    Examples
    --------
    >>> first_codes(Plan(date="2020-01-01", events=[{"transfer": "1", "to": "2"}, {"renumber": "3", "to": "4"}]))
    ['1', '2', '3']
    """
    known: set[str] = set()
    first: set[str] = set()
    for date in plan.dates:
        events = plan.on(date)
        made = {code for event in events for code in [*event.whole().values(), *event.creates()] if code}
        named = _flat(event.old_codes() for event in events)
        received = {cut.new for event in events for cut in event.cuts() if cut.new and cut.unit} - made
        told = {code for event in events for code in [*event.names(), *event.parents()]} - made
        first |= (named | received | told) - known
        known |= named | received | told | made
    return sorted(first)


def _flat(listed: Iterable[Iterable[str]]) -> set[str]:
    return {item for items in listed for item in items}
