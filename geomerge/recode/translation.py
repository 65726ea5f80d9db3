"""Translation: what each old code became, on each day of change, with names, parents, keys and places."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from geomerge.crosswalk import crosswalk
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.history import History, as_date
from geomerge.plan import Plan
from geomerge.recode.keytext import Layout
from geomerge.recode.ledger import Ledger

if TYPE_CHECKING:  # codes are recoded without geometry, and without the time to load it
    import geopandas as gpd

Heirs = Mapping[str, tuple[str | None, ...]]
Day = dt.date | str | None


@dataclass(frozen=True)
class Step:
    """What the codes of before the reform are on one day.

    Parameters
    ----------
    heirs
        New codes of each old one; None among them where nothing follows.
    names, parents
        Name and parent of each new code, where known.
    parent_heirs
        New codes of each old parent.
    """

    heirs: Heirs
    names: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    parent_heirs: Heirs = field(default_factory=dict)

    @cached_property
    def new(self) -> frozenset[str]:
        """Every new code."""
        return frozenset(code for codes in self.heirs.values() for code in codes if code is not None)

    @cached_property
    def reused(self) -> frozenset[str]:
        """Codes that were those of one unit and are those of another, so that they tell nothing by themselves."""
        return _reused(self.heirs)

    @cached_property
    def reused_parents(self) -> frozenset[str]:
        """Codes of parents that tell nothing by themselves."""
        return _reused(self.parent_heirs)


def _reused(heirs: Heirs) -> frozenset[str]:
    received = {new for old, codes in heirs.items() for new in codes if new is not None and new != old}
    return frozenset(old for old, codes in heirs.items() if old in received and any(new != old for new in codes))


class Translation:
    """What became of codes and keys, ready to be looked up for the rows of any register.

    Parameters
    ----------
    days
        Days on which codes changed, in order.
    step
        Gives what the old codes are after one of the days, by its position.
    complete
        Whether all codes of before the reform are known, so that any other is a mistake.
    names, parents
        Name and parent of each old code, where known.
    parent_names
        Name of each parent, where known.
    plan
        The plan, for its rules for new keys.
    ledger
        New keys by old ones, after the last day.
    pieces
        Where the parts of divided units lie, after the last day.
    addresses
        Tables of addresses by the name of their layer: ``old_code``, ``new_code``, and the columns that name one.

    Examples
    --------
    >>> plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710", "name": "Sandefjord"}])
    >>> translation = Translation.of(plan)
    >>> translation.last.heirs["0719"], translation.last.names
    (('0710',), {'0710': 'Sandefjord'})
    """

    def __init__(
        self,
        days: Sequence[dt.date],
        step: Callable[[int], Step],
        *,
        complete: bool,
        names: Mapping[str, str] | None = None,
        parents: Mapping[str, str] | None = None,
        parent_names: Mapping[str, str] | None = None,
        plan: Plan | None = None,
        ledger: pd.DataFrame | None = None,
        pieces: gpd.GeoDataFrame | None = None,
        addresses: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        self.days = tuple(days)
        self.complete = complete
        self.names, self.parents, self.parent_names = dict(names or {}), dict(parents or {}), dict(parent_names or {})
        self.plan, self.ledger, self.pieces, self.addresses = plan, ledger, pieces, dict(addresses or {})
        self._make, self._made = step, dict[int, Step]()
        self._ledgers = dict[str | None, Ledger]()

    @classmethod
    def of(
        cls,
        source: History | Plan | pd.DataFrame,
        since: Day = None,
        until: Day = None,
        *,
        units: pd.DataFrame | Iterable[str] | None = None,
        day: Day = None,
        ledger: pd.DataFrame | None = None,
        pieces: gpd.GeoDataFrame | None = None,
        addresses: Mapping[str, pd.DataFrame] | None = None,
    ) -> Translation:
        """Return the translation of a history, a plan, or a crosswalk.

        Parameters
        ----------
        source
            A history or plan; or a table with ``old_code`` and ``new_code``, made by
            :func:`geomerge.crosswalk`.
        since, until
            Of a history or plan: the day whose codes the registers hold (before the first change where none is
            given), and the day whose codes they shall hold (after the last one).
        units
            Of a plan: all units of before the reform, as codes or as a table with ``code`` and where known
            ``name`` and ``parent``. Without them a code that the plan does not name counts as one that stays.
        day
            Of a crosswalk: first day of the new codes, for registers with dates.
        ledger
            New keys: ``old_key`` and ``new_key``, such as a run writes.
        pieces
            Parts of divided units, made by :func:`geomerge.pieces`.
        addresses
            Tables of addresses by the name of their layer, with ``old_code`` and ``new_code``.

        Raises
        ------
        InputError
            If columns are missing, or options do not fit the source.
        """
        if isinstance(source, pd.DataFrame):
            return _of_table(source, since or until, day, units, ledger, pieces, addresses)
        if day is not None:
            raise InputError("A history has its own days. Name the last of them in until, not in day.")
        history = _with_units(source, units)
        start = 0 if since is None else history.position(since)
        end = len(history.road) if until is None else history.position(until)
        if end < start:
            raise InputError(f"{until} lies before {since}. Registers are recoded forwards; undo leads back.")
        if end == start:
            raise InputError(f"Nothing changes from {since or 'the beginning'} to {until}. Name other days.")
        names, parents = _described(history, start)
        return cls(
            history.plan.dates[start:end],
            lambda position: _step(history, start, start + position + 1),
            complete=history.begin is not None or units is not None,
            names=names,
            parents=parents,
            parent_names=history.parent_names(),
            plan=history.plan,
            ledger=ledger,
            pieces=pieces,
            addresses=addresses,
        )

    def ledger_as(self, layout: Layout) -> Ledger | None:
        """Return the ledger of keys that are written in some layout; None where there is no ledger."""
        name = layout if isinstance(layout, str) or layout is None else repr(layout)
        if self.ledger is not None and name not in self._ledgers:
            self._ledgers[name] = Ledger(self.ledger, layout)
        return self._ledgers.get(name)

    def step(self, position: int) -> Step:
        """Return what the old codes are after the day at a position."""
        if position not in self._made:
            self._made[position] = self._make(position)
        return self._made[position]

    @cached_property
    def mark(self) -> str:
        """Tells this translation from others: the same changes of codes have the same mark."""
        told = repr(([day.isoformat() for day in self.days], sorted(self.last.heirs.items())))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def last(self) -> Step:
        """What the old codes are after the last day."""
        return self.step(max(len(self.days) - 1, 0))


def _with_units(source: History | Plan, units: pd.DataFrame | Iterable[str] | None) -> History:
    if isinstance(source, History):
        if units is not None:
            raise InputError("A history knows its units. Give units only with a plan.")
        return source
    if units is None:
        return History.of(source)
    table = units if isinstance(units, pd.DataFrame) else pd.DataFrame({"code": list(units)})
    if "code" not in table.columns:
        raise InputError(f"The units have no column code. They have {', '.join(map(str, table.columns))}.")
    return History(source, table.dropna(subset=["code"]).drop_duplicates("code"), title=source.title)


def _described(history: History, position: int) -> tuple[dict[str, str], dict[str, str]]:
    there = history.described[position]
    names = {code: name for code, (name, _) in there.items() if name}
    return names, {code: parent for code, (_, parent) in there.items() if parent}


def _step(history: History, start: int, end: int) -> Step:
    dates = history.plan.dates
    days = (dates[start] - dt.timedelta(days=1) if start else None, dates[end - 1])
    silent: list[Finding] = []  # shares are not asked for
    heirs = _heirs(crosswalk(history, *days, findings=silent))
    heirs = {code: (code,) for code in history.described[start]} | heirs
    names, parents = _described(history, end)
    above = history.described[start]
    known = all(parent for there in (above, history.described[end]) for _, parent in there.values())
    parent_heirs = _heirs(crosswalk(history, *days, parents=True, findings=silent)) if known else {}
    return Step(heirs, names, parents, parent_heirs)


def _heirs(table: pd.DataFrame) -> dict[str, tuple[str | None, ...]]:
    found: dict[str, list[str | None]] = {}
    for old, new in zip(table["old_code"], table["new_code"], strict=True):
        if isinstance(old, str):
            found.setdefault(old, []).append(new if isinstance(new, str) else None)
    return {old: tuple(dict.fromkeys(codes)) for old, codes in found.items()}


def _of_table(
    table: pd.DataFrame,
    other: Day,
    day: Day,
    units: object,
    ledger: pd.DataFrame | None,
    pieces: gpd.GeoDataFrame | None,
    addresses: Mapping[str, pd.DataFrame] | None,
) -> Translation:
    if other is not None or units is not None:
        raise InputError(
            "A crosswalk leads from one day to another. Give since, until or units with a plan or history."
        )
    if missing := [column for column in ("old_code", "new_code") if column not in table.columns]:
        listed = ", ".join(map(str, table.columns))
        raise InputError(f"The crosswalk has no column {', '.join(missing)}. It has {listed}.")
    for column in ("old_code", "new_code"):
        if odd := [code for code in table[column].dropna() if not isinstance(code, str)]:
            raise InputError(f"Column {column} of the crosswalk holds {odd[0]!r}, but codes are text. Read it as text.")
    named = {
        side: dict(table[[f"{side}_code", f"{side}_name"]].dropna().itertuples(index=False, name=None))
        if f"{side}_name" in table.columns
        else {}
        for side in ("old", "new")
    }
    step = Step(_heirs(table), named["new"])
    days = () if day is None else (as_date(day),)
    return Translation(
        days, lambda _: step, complete=True, names=named["old"], ledger=ledger, pieces=pieces, addresses=addresses
    )
