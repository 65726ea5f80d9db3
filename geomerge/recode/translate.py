"""Translate rows of a register: each is recoded, kept or for review, with the reason; what repeats is done once."""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.recode.cells import NUMBER, Cells, Indices, distinct, read_code
from geomerge.recode.deciding import decide
from geomerge.recode.fates import DATED_BEFORE, NO_DATE, RECODED
from geomerge.recode.groups import Told, groups_of
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig

FOREVER = {"infinity": dt.date.max, "-infinity": dt.date.min}  # as PostgreSQL writes them
BEFORE = -1  # of a row whose date lies before all changes


@dataclass(frozen=True)
class Translated:
    """What becomes of the rows of a register.

    Parameters
    ----------
    values
        The columns that may change, with their new values; those of a row that is kept or for review are as
        they were.
    outcome
        ``recoded``, ``kept`` or ``review``.
    reason
        Why a row is kept or for review.
    by
        What decided a row that is recoded: ``code``, ``key``, ``address`` or ``place``.
    names_left
        Rows that are recoded, while their column of names holds another name than that of the old unit.
    """

    values: pd.DataFrame
    outcome: pd.Series
    reason: pd.Series
    by: pd.Series
    names_left: pd.Series


def translate(rows: pd.DataFrame, register: RegisterConfig, translation: Translation) -> Translated:
    """Give the codes and keys in rows of a register their new values; no row is changed in part.

    A row that is dated before a change keeps the codes of its time. A code that goes whole to one new code is
    recoded. A row of a unit that is split is decided by its key in the ledger, by its address, or by its
    place. What none of these decides is for review, as is what could be either old or new.

    Parameters
    ----------
    rows
        Rows with at least the columns ``register.needed``. Values may be texts or numbers, and keep their type.
    register
        What the columns hold.
    translation
        What became of codes and keys.

    Returns
    -------
    Translated
        On the index of the rows. Only distinct combinations of the columns are worked on.

    Raises
    ------
    InputError
        If a column is missing, holds numbers without a width, or needs what the translation does not know.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> from geomerge.registers import register_of
    >>> plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    >>> cases = pd.DataFrame({"kommune": ["0719", "0704"], "year": [1, 2]})
    >>> found = translate(cases, register_of({"kommune": "unit"}), Translation.of(plan))
    >>> found.values["kommune"].tolist(), found.outcome.tolist(), found.reason.tolist()
    (['0710', '0704'], ['recoded', 'kept'], ['', 'not named by the plan'])
    """
    require_columns(rows.columns, register)
    found, place, _ = translate_cells(cells_of(rows, register), len(rows), register, translation)
    new = new_columns(rows, found, place)
    values = {name: new.get(name, rows[name]) for name in register.changing}
    told = {
        field: pd.Series(getattr(found, field)[place], index=rows.index, dtype=object)
        for field in ("outcome", "reason", "by")
    }
    left = pd.Series(found.names_left[place], index=rows.index)
    return Translated(pd.DataFrame(values, index=rows.index), **told, names_left=left)


def cells_of(rows: pd.DataFrame, register: RegisterConfig) -> dict[str, Cells]:
    """Return the columns that decide, by what repeats in them."""
    return {name: Cells.of(rows[name]) for name in register.needed}


def new_columns(rows: pd.DataFrame, told: Told, place: Indices) -> dict[str, pd.Series]:
    """Return the columns in which something changes, with their new values."""
    found = {}
    for name, changed in told.changed.items():
        if (mine := changed[place]).any():
            found[name] = _replaced(rows[name], mine, told.new[name][place[mine]])
    return found


def translate_cells(
    table: Mapping[str, Cells], rows: int, register: RegisterConfig, translation: Translation
) -> tuple[Told, Indices, dict[str, Cells]]:
    """Return what becomes of the distinct combinations of some columns, which of them each row is, and these."""
    if faults := [*_unfit(table, register), *unknown_needs(register, translation)]:
        raise InputError(*faults)
    combinations, place = distinct(table, rows)
    count = int(place.max()) + 1 if len(place) else 0
    told = Told.empty(count)
    when, dated = _positions(combinations, count, register, translation)
    told.reason[when == BEFORE] = DATED_BEFORE
    for position in np.unique(when[when != BEFORE]).tolist():
        chosen = np.flatnonzero(when == position)
        part = {name: cells.take(chosen) for name, cells in combinations.items()}
        for group in groups_of(register):
            told.add(chosen, decide(group, part, register, translation, position), group.of)
    told.turn((told.outcome == RECODED) & ~dated, NO_DATE)
    told.settle()
    return told, place, combinations


def require_columns(present: Any, register: RegisterConfig) -> None:
    """Raise InputError if a register lacks columns that its description names."""
    there = list(present)
    if missing := [name for name in register.wanted if name not in there]:
        raise InputError(
            f"{register.name} has no column {', '.join(missing)}. It has {', '.join(map(str, there)) or 'none'}. "
            f"Name the right columns in the job."
        )
    if twice := sorted({str(name) for name in register.wanted if there.count(name) > 1}):
        raise InputError(f"{register.name} has two columns {', '.join(twice)}. Rename one.")


def unknown_needs(register: RegisterConfig, translation: Translation) -> Iterator[str]:
    """Find what a register needs and the translation does not know."""
    held = {column.holds for column in register.columns.values()}
    if register.date is not None and not translation.days:
        yield f"{register.name} has dates, and the crosswalk has no day. State the first day of the new codes (day)."
    if "parent" in held and not translation.last.parents:
        yield f"{register.name} holds parents, and those of the units are not known. Give units with their parents."
    if "name" in held and not translation.last.names:
        yield f"{register.name} holds names of units, and those are not known. Give units with their names."
    if "parent name" in held and not (translation.parent_names and translation.last.parents):
        yield f"{register.name} holds names of parents, and those are not known. Use a history that has them."
    address = register.address
    if address is not None and address.layer not in translation.addresses:
        yield f"{register.name} names addresses of {address.layer}, and no such layer of addresses is given."


def _unfit(table: Mapping[str, Cells], register: RegisterConfig) -> Iterator[str]:
    for name, column in register.columns.items():
        if column.holds in ("unit", "parent", "district"):
            reads = [(value, read_code(value, column)) for value in table[name].values]
            if odd := [value for value, read in reads if read.fault == NUMBER]:
                what = "digits" if column.holds == "district" else "width"
                yield (
                    f"{register.name}: column {name} holds numbers, such as {odd[0]!r}, so codes may have lost their "
                    f"zeros. State their {what} ({name}: {{holds: {column.holds}, {what}: {len(str(int(odd[0])))}}})."
                )


def _replaced(column: pd.Series, changed: NDArray[np.bool_], new: NDArray[np.object_]) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = column.cat.categories
        column = column.cat.add_categories([value for value in dict.fromkeys(new.tolist()) if value not in known])
    found = column.copy()
    found[changed] = new if found.dtype == object else pd.array(new.tolist(), dtype=found.dtype)
    return found


def _positions(
    table: Mapping[str, Cells], rows: int, register: RegisterConfig, translation: Translation
) -> tuple[Indices, NDArray[np.bool_]]:
    """Return after which change each row is, and whether its date is known; without one it is after the last."""
    last = max(len(translation.days) - 1, 0)
    if register.date is None:
        return np.full(rows, last, dtype=np.intp), np.ones(rows, dtype=bool)
    days = [read_day(value, translation.days) for value in table[register.date].values]
    found = [last if day is None else bisect.bisect_right(translation.days, day) - 1 for day in days]
    place = table[register.date].place
    when = np.array([*found, last], dtype=np.intp)[place]
    return when, np.array([*(day is not None for day in days), False], dtype=bool)[place]


def read_day(value: Any, days: tuple[dt.date, ...]) -> dt.date | None:
    """Return the day that a cell holds; a year alone tells enough where all changes are on its first day.

    Examples
    --------
    >>> days = (dt.date(2017, 1, 1),)
    >>> [str(read_day(value, days)) for value in ("2016-12-31", "31.12.2016 08:00", "2017", "soon")]
    ['2016-12-31', '2016-12-31', '2017-01-01', 'None']
    """
    if isinstance(value, dt.datetime):
        return value.date() if value == value else None
    if isinstance(value, dt.date):
        return value
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if text.strip() in FOREVER:
        return FOREVER[text.strip()]
    found = re.match(r"\s*(?:(\d{4})-?(\d\d)-?(\d\d)|(\d\d?)\.(\d\d?)\.(\d{4})|(\d{4})\s*$)(?!\d)", text)
    if found is None:
        return None
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
    if found[7]:
        inside = [change for change in days if change.year == int(found[7]) and (change.month, change.day) != (1, 1)]
        year, month, day = (None, None, None) if inside else (found[7], "1", "1")
    try:
        return None if year is None else dt.date(int(year), int(month), int(day))
    except ValueError:
        return None
