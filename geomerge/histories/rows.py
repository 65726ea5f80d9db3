"""What readers share: columns that must be there, dates, and contradictions between rows."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, Report
from geomerge.histories.source import named

COLUMNS = ("old_code", "new_code", "old_name", "new_name", "date")
WRITTEN = "written as 2020-01-31"

_FORMS = {
    "%Y-%m-%d": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "%d.%m.%Y": re.compile(r"\d{2}\.\d{2}\.\d{4}"),
    "%d/%m/%Y": re.compile(r"\d{2}/\d{2}/\d{4}"),
}


def required(columns: Iterable[str], there: Iterable[str], name: str) -> None:
    """Raise InputError if columns are missing; all of them are named, with those that are there."""
    there = [str(column) for column in there]
    if missing := [column for column in columns if column not in there]:
        word = "column" if len(missing) == 1 else "columns"
        raise InputError(f"{name} has no {word} {', '.join(missing)}. It has {', '.join(there)}.")


def renamed(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns a reader needs under their own names; empty values are missing."""
    found = table[list(names)].rename(columns=dict(names)).astype(object)
    return found.where(found.notna() & (found != ""), None)


def iso_date(text: object) -> str | None:
    """Return a date in ISO form, from one written so or day first; None if it is none of the calendar.

    Examples
    --------
    >>> iso_date("01.07.2011"), iso_date("2011-02-30")
    ('2011-07-01', None)
    """
    for form, pattern in _FORMS.items():
        if isinstance(text, str) and pattern.fullmatch(text):
            try:
                return dt.datetime.strptime(text, form).date().isoformat()
            except ValueError:
                return None
    return None


def faults_of_dates(dates: pd.Series, name: str, word: str = "row") -> Iterator[str]:
    """Tell the rows whose date cannot be read."""
    read = dates.map(iso_date, na_action="ignore")
    unread = dates[dates.notna() & read.isna()]
    for text, rows in unread.groupby(unread.to_numpy()):
        yield f"{name} {named(rows.index, word)}: {str(text)!r} is no date of the calendar, {WRITTEN}."
    if dates.isna().any():
        yield f"{name} {named(dates.index[dates.isna()], word)}: the date is missing."


def faults_of_width(changes: pd.DataFrame, name: str, word: str = "row") -> Iterator[str]:
    """Tell the rows whose codes are shorter or longer than most; where zeros lead, all must be of one width."""
    where: dict[str, dict[object, None]] = {}
    for column in ("old_code", "new_code"):
        for row, code in changes[column].dropna().items():
            where.setdefault(str(code), {})[row] = None
    widths = Counter(len(code) for code, there in where.items() for _ in there)
    width = widths.most_common(1)[0][0] if widths else 0
    for code in sorted(code for code in where if len(code) != width):
        remedy = "A code keeps its zeros." if len(code) < width else "Correct the code."
        yield f"{name} {named(where[code], word)}: {code} has not the {width} characters of the other codes. {remedy}"


def require_consistent(changes: pd.DataFrame, wanted: Callable[[str], bool], name: str, word: str = "row") -> None:
    """Raise InputError with all rows that contradict each other.

    A code gets one name on one date, what ended cannot end again unless it came to life in between, and what
    is there cannot be created.

    Parameters
    ----------
    changes
        Rows in order of dates, from the first of the list on.
    wanted
        Whether rows of a date are to be used; what contradicts only others does not matter.
    name, word
        Name of the list, and what its rows are called.
    """
    faults = [*_names_that_differ(changes, wanted, name, word), *_lives_that_differ(changes, wanted, name, word)]
    if faults:
        raise InputError(*faults)


def _names_that_differ(changes: pd.DataFrame, wanted: Callable[[str], bool], name: str, word: str) -> Iterator[str]:
    dated = changes[changes["date"].map(wanted)]
    several = dated.groupby(["date", "new_code"])["new_name"].transform("nunique") > 1
    for (date, code), rows in dated[several].groupby(["date", "new_code"]):
        names = sorted(rows["new_name"].dropna().unique())
        where = f"{name} {named(rows.index, word)}"
        yield f"{where}: {code} gets {len(names)} names on {date}: {', '.join(names)}. Keep one."


def _lives_that_differ(changes: pd.DataFrame, wanted: Callable[[str], bool], name: str, word: str) -> Iterator[str]:
    """Follow each code from row to row: when it was made, and when it ended."""
    ended: dict[str, tuple[str, str]] = {}
    made: dict[str, tuple[str, str]] = {}
    for day, rows in changes.groupby("date", sort=True):
        date = str(day)
        old, new = _places(rows, "old_code", word), _places(rows, "new_code", word)
        created = _places(rows[rows["old_code"].isna()], "new_code", word)
        for code in sorted(old.keys() & ended.keys()) if wanted(date) else ():
            when, where = ended[code]
            what = f"{code} changes on {date}, but ended on {when} ({where})"
            yield f"{name} {old[code]}: {what}. Name its successor, or correct a date."
        for code in sorted(created.keys() & made.keys()) if wanted(date) else ():
            when, where = made[code]
            what = f"{code} is created on {date}, but is there since {when} ({where})"
            yield f"{name} {created[code]}: {what}. Choose another code, or correct a date."
        ended = {code: there for code, there in ended.items() if code not in old and code not in new}
        ended |= {code: (date, where) for code, where in old.items() if code not in new}
        made = {code: there for code, there in made.items() if code not in old}
        made |= {code: (date, where) for code, where in new.items()}


def _places(rows: pd.DataFrame, column: str, word: str) -> dict[str, str]:
    """Return the rows that name each code, in words."""
    return {str(code): named(there.index, word) for code, there in rows.dropna(subset=column).groupby(column)}


def without(
    table: pd.DataFrame,
    reasons: Iterable[tuple[str, str, pd.Series]],
    wanted: Callable[[str], bool],
    report: Report,
    word: str = "row",
) -> pd.DataFrame:
    """Leave out rows that are no change, and report those of wanted dates.

    Parameters
    ----------
    table
        All rows.
    reasons
        Name of each reason, what it says of its rows, and which they are.
    wanted
        Whether rows of a date are to be used.
    report
        Called with one finding a reason.
    word
        What the rows of the list are called.
    """
    kept = pd.Series(True, index=table.index)
    for check, what, rows in reasons:
        told = table.index[rows & kept & table["date"].map(wanted)]
        if len(told):
            report(Finding("should", check, f"{what} are left out", named(told, word)))
        kept &= ~rows
    return table[kept]
