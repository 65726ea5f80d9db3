"""Read an official list of changes as a plan, and an official list of units as a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, Report, collector
from geomerge.histories import rows
from geomerge.histories.changes import plan_from_changes
from geomerge.histories.readers import UnitsReader, Window, chosen, readers
from geomerge.histories.receivers import Doubt, completed
from geomerge.histories.source import SHOWN, Source, named
from geomerge.history import as_date
from geomerge.plan import Plan

UNITS = ("code", "name", "parent", "level", "valid_from", "valid_to")

Day = dt.date | str


def read_changes(
    source: str | PurePath,
    *,
    reader: str | None = None,
    since: Day | None = None,
    until: Day | None = None,
    units: Iterable[str] | None = None,
    edition: str | None = None,
    redraw: bool = False,
    parents: Mapping[str, str] | None = None,
    date: Day | None = None,
    title: str = "",
    findings: list[Finding] | None = None,
) -> Plan:
    r"""Read the changes that take effect after ``since`` and up to ``until`` from an official list.

    ``since`` is the day whose units the plan starts from, ``until`` the day whose units it leads to: a
    change that takes effect on the day d is in the plan when ``since`` < d <= ``until``.

    Parameters
    ----------
    source
        Path of a file, or address of a classification, a query or a correspondence table of KLASS.
    reader
        ``klass``, ``fso``, ``insee``, ``csv``, or one that another package adds; without, the one that
        recognises the source.
    since, until
        Days (ISO, or ``datetime.date``); without, the list is read from its first, or up to its last change.
    units
        Codes alive on ``since``. Lists that have no row for a unit that others join say by it whether such
        a unit was there; without, the list itself is asked, and what it does not tell is reported.
    edition
        File of the units after the changes, by which units are split. Without, parts name no place: codes
        can be followed, and the check of a plan says which parts need a place.
    redraw, parents
        As in :func:`geomerge.plan_from_changes`.
    date
        Date of the changes, where the list has none.
    title
        Title of the plan; without, reader and source.
    findings
        Where to put what the list leaves open, and which rows are no change; warned of where none is given.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If no reader, or several, recognise the source; if it cannot be read, rows contradict each other, or
        no change is in that time. All faults, with their rows as people count them.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> text = "old_code,new_code,new_name,date\n0719,0710,Sandefjord,2017-01-01\n0706,0710,Sandefjord,2017-01-01\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "changes.csv")
    ...     _ = path.write_text(text)
    ...     plan = read_changes(path, since="2016-01-01")
    >>> plan.sentences()
    ['0706 and 0719 merge into 0710 Sandefjord.']
    """
    report = collector(findings)
    alive: list[Any] | None = None if units is None else list(units)
    if alive is not None and (numbers := [code for code in alive if not isinstance(code, str)]):
        raise InputError(f"units hold {numbers[0]!r}, which is no text. Codes are text, with their zeros.")
    given, window = Source(str(source)), Window(_day(since, "since"), _day(until, "until"), _day(date, "date"))
    found = chosen(given, reader)
    table = found.changes(given, window, report)
    rows.required(rows.COLUMNS, table.columns, f"What the reader {found.name} makes of {source}")
    if faults := list(rows.faults_of_dates(table["date"], given.name)):
        raise InputError(*faults)
    table = table.assign(date=table["date"].map(rows.iso_date))
    if not table["date"].map(window.holds).any():
        raise InputError(_no_change(table, window, given))
    leaves_out = found.leaves_out if alive is None else tuple({"receivers", *found.leaves_out})
    if alive is not None and window.since is not None:
        table = table[table["date"] > window.since.isoformat()]
    table, doubts = completed(table, leaves_out, alive)
    word = "entry" if given.is_json or given.is_address else "row"
    rows.require_consistent(table, window.holds, given.name, word)
    _tell(doubts, window, report)
    return plan_from_changes(
        table[table["date"].map(window.holds)],
        title=title or f"{found.name}: {PurePath(given.name).name}",
        edition=edition,
        redraw=redraw,
        parents=parents,
        placed=edition is not None,
    )


def read_units(
    source: str | PurePath,
    *,
    on: Day | None = None,
    reader: str | None = None,
    findings: list[Finding] | None = None,
) -> pd.DataFrame:
    r"""Read the units of an official list that are valid on a day.

    Parameters
    ----------
    source
        Path of a file, or address of a classification or a version of KLASS.
    on
        Day (ISO, or ``datetime.date``); without, every unit of the list.
    reader
        Name of a reader; without, the one that recognises the source.
    findings
        Where to put what is odd, such as notes that are cut off; warned of where none is given.

    Returns
    -------
    DataFrame
        ``code, name, parent, level, valid_from, valid_to``, all text, missing where the list has none; a unit
        is valid from the first day on, and no longer on the last. Codes of no unit are left out.

    Raises
    ------
    InputError
        If no reader recognises the source, it cannot be read, or a code stands there twice.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "units.csv")
    ...     _ = path.write_text("code,name,valid_from\n0710,Sandefjord,2017-01-01\n")
    ...     read_units(path, on="2016-12-31").empty
    True
    """
    given, day = Source(str(source)), _day(on, "on")
    found = chosen(given, reader, units=True)
    if not isinstance(found, UnitsReader):
        able = ", ".join(name for name, known in readers().items() if isinstance(known, UnitsReader))
        raise InputError(f"The reader {found.name} reads no lists of units. These do: {able}.")
    table = found.units(given, day, collector(findings)).reindex(columns=list(UNITS)).astype(object)
    table = table.where(table.notna(), None)
    faults = [
        fault for side in ("valid_from", "valid_to") for fault in rows.faults_of_dates(table[side].dropna(), given.name)
    ]
    if faults:
        raise InputError(*faults)
    table["valid_from"], table["valid_to"] = (
        table["valid_from"].map(rows.iso_date),
        table["valid_to"].map(rows.iso_date),
    )
    if day is not None:
        begun = table["valid_from"].isna() | (table["valid_from"].fillna("") <= day.isoformat())
        table = table[begun & (table["valid_to"].isna() | (table["valid_to"].fillna("9") > day.isoformat()))]
        twice = table[table["code"].duplicated(keep=False)]
        if len(twice):
            codes = ", ".join(twice["code"].unique()[:SHOWN])
            raise InputError(f"{source} {named(twice.index)}: {codes} stand there several times. One unit is one row.")
    return table.reset_index(drop=True)


def _day(day: Day | None, name: str) -> dt.date | None:
    return None if day is None else as_date(day, name)


def _no_change(table: pd.DataFrame, window: Window, source: Source) -> str:
    what = f"{source.name} has no change {window}"
    if table.empty:
        return f"{what}; it has none at all. The day before the first wanted change must be in the time asked for."
    return f"{what}. Its changes are of {table['date'].min()} to {table['date'].max()}."


def _tell(doubts: Iterable[Doubt], window: Window, report: Report) -> None:
    """Report which codes the list does not tell to be old or new, those of the window only."""
    open_ = [doubt for doubt in doubts if window.holds(doubt.date)]
    for lives_on, reading in ((True, "units that were there and live on"), (False, "new units")):
        codes = [f"{doubt.code} {doubt.name} ({doubt.date})" for doubt in open_ if doubt.lives_on is lives_on]
        if codes:
            more = f" and {len(codes) - SHOWN} more" if len(codes) > SHOWN else ""
            what = f"The list does not tell whether some codes were units before; they are read as {reading}"
            remedy = "Give the codes alive on the first day (units)."
            report(Finding("should", "receiver", what, ", ".join(codes[:SHOWN]) + more, remedy))
