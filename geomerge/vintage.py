"""Vintage: from which days a table can be, judged by the codes in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geomerge.codes import as_codes
from geomerge.days import hint
from geomerge.errors import InputError
from geomerge.history import History, in_words

RANGES = ("valid_from", "valid_to", "codes", "rows", "units", "names")
UNKNOWN = ("code", "rows", "first_row", "remedy")


@dataclass(frozen=True)
class Vintage:
    """From which days a column can be.

    Parameters
    ----------
    column
        Name of the column.
    ranges
        The days on which most codes were valid, one row a range: ``valid_from`` (missing: from the beginning),
        ``valid_to`` (first day after it, missing: until today), ``codes`` and ``rows`` valid in it, ``units``
        there were, ``names`` that agree (missing where no names were given).
    codes, rows
        How many codes and rows the column has, those that never were among them.
    never
        Codes that no unit ever had: ``code``, ``rows``, ``first_row``, ``remedy``.
    stray
        Codes that were not valid in the first of the ranges, but on another day: the columns of the periods
        of the history, and ``rows``.
    """

    column: str
    ranges: pd.DataFrame
    codes: int
    rows: int
    never: pd.DataFrame
    stray: pd.DataFrame

    @property
    def is_certain(self) -> bool:
        """Whether there are days on which all codes that ever were are valid together."""
        return self.stray.empty and not self.ranges.empty

    def sentences(self) -> list[str]:
        """Return the result in words, one line each."""
        said = []
        for row in _records(self.ranges):
            valid = "all" if row["codes"] == self.codes else f"{row['codes']} of {self.codes}"
            known = "every unit of that time" if row["codes"] == row["units"] else f"of {row['units']} units"
            said.append(f"{in_words(row['valid_from'], row['valid_to'])}: {valid} codes are valid ({known})")
        for row in _records(self.stray):
            when = in_words(row["valid_from"], row["valid_to"])
            said.append(f"not valid then: {row['code']} ({_count(row['rows'])}), which was {when}")
        for row in _records(self.never):
            where = f"{_count(row['rows'])}, the first has the index {row['first_row']}"
            said.append(f"never a code: {row['code']} ({where}). {row['remedy']}")
        return said


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows with None where a text is missing."""
    filled = table.astype(object).where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in filled.to_dict("records")]


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def vintage(
    table: pd.DataFrame,
    history: History,
    *,
    column: str | None = None,
    code_width: int | None = None,
    name: str | None = None,
) -> Vintage:
    """Return the days on which all codes of a column were valid, or else those on which most were.

    Parameters
    ----------
    table
        Any table with a column of codes, text.
    history
        The history of the units.
    column
        Column with the codes; without, the one that has most codes of the history.
    code_width
        Digits of a code, where codes have lost their zeros.
    name
        Column with names, which can tell apart days with the same codes.

    Returns
    -------
    Vintage

    Raises
    ------
    InputError
        If there is no such column, it holds numbers or nothing, or several columns hold codes.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> history = History.of(Plan(date="2020-01-01", events=[{"renumber": "0101", "to": "3001"}]))
    >>> found = vintage(pd.DataFrame({"code": ["3001", "3001"]}), history)
    >>> found.sentences()
    ['since 2020-01-01: all codes are valid (every unit of that time)']
    """
    ever = set(history.periods["code"])
    column = _column(table, ever, column)
    values = _texts(table[column].dropna(), history, code_width)
    if name is not None and name not in table.columns:
        raise InputError(f"The table has no column {name}. It has {', '.join(map(str, table.columns))}.")
    rows = Counter(values)
    known = rows.keys() & ever
    ranges = _ranges(history, rows, known, None if name is None else _pairs(values, table[name]))
    best = _valid_at(history, ranges.iloc[0]["valid_from"]) if len(ranges) else set()
    stray = history.periods[history.periods["code"].isin(known - best)]
    never = [
        (code, rows[code], values.index[values == code][0], _meant(code, ever)) for code in sorted(rows.keys() - ever)
    ]
    return Vintage(
        column,
        ranges,
        len(rows),
        len(values),
        pd.DataFrame(never, columns=list(UNKNOWN)),
        stray.assign(rows=stray["code"].map(rows)).reset_index(drop=True),
    )


def _meant(code: str, ever: set[str]) -> str:
    return hint(code, ever).replace(", or use the units of the day before", "")


def _column(table: pd.DataFrame, ever: set[str], column: str | None) -> str:
    """Return the column with the codes, named or found: more than half of its rows, and most different codes."""
    if column is not None:
        if column not in table.columns:
            raise InputError(f"The table has no column {column}. It has {', '.join(map(str, table.columns))}.")
        if table[column].dropna().empty:
            raise InputError(f"Column {column} is empty. Name another column.")
        return column
    names: list[Any] = table.columns.tolist()
    if odd := [name for name in names if not isinstance(name, str) or names.count(name) > 1]:
        raise InputError(f"Column {odd[0]!r} is called by no text, or like another one. Rename it, or name the column.")
    filled = {name: table[name].dropna() for name in table.columns}
    hits = {name: values[values.isin(ever)] for name, values in filled.items() if len(values)}
    shares = {name: len(found) / len(filled[name]) for name, found in hits.items()}
    different = {name: found.nunique() for name, found in hits.items() if shares[name] > 0.5}
    best = max(different.values(), default=0)
    # a year is a code by chance, but always the same few
    found = [name for name, count in different.items() if 2 * count > best]
    if len(found) > 1:
        raise InputError(f"Columns {' and '.join(found)} hold codes of the history. Name the one that is meant.")
    if not found:
        seen = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda hit: -hit[1])[:5])
        numbers = [f"{name} holds numbers" for name in table.select_dtypes("number").columns]
        remedy = f"Name the column{' and the width of its codes; ' if numbers else ''}{', '.join(numbers)}."
        raise InputError(f"No column holds codes of the history (shares: {seen or 'no column'}). {remedy}")
    return found[0]


def _texts(values: pd.Series, history: History, code_width: int | None) -> pd.Series:
    """Return codes as text, with the zeros they lost where their width is stated."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if not numeric and (odd := [value for value in values if not isinstance(value, str)]):
        raise InputError(f"Column {values.name} holds {odd[0]!r} among texts. Make all of them text, with zeros.")
    widths = {len(code) for code in history.periods["code"]}
    if numeric and code_width is None:
        stated = f" (code_width: {widths.pop()})" if len(widths) == 1 else ""
        raise InputError(
            f"Column {values.name} holds numbers, so codes may have lost their zeros. State their width{stated}."
        )
    return values if code_width is None else as_codes(values, code_width, f"Column {values.name}")


def _pairs(codes: pd.Series, names: pd.Series) -> set[tuple[str, str]]:
    named = pd.DataFrame({"code": codes, "name": names}).dropna()
    return set(zip(named["code"], named["name"], strict=True))


def _ranges(history: History, rows: Counter[str], known: set[str], pairs: set[tuple[str, str]] | None) -> pd.DataFrame:
    """Return the days on which most codes were valid, those in a row as one range, with most agreeing names."""
    begin = None if history.begin is None else history.begin.isoformat()
    starts = [begin, *(date.isoformat() for date in history.plan.dates)]
    valid = [known & described.keys() for described in history.described]
    names = [
        None if pairs is None else len(pairs & {(code, name) for code, (name, _) in described.items() if name})
        for described in history.described
    ]
    best = max(((len(codes), agreeing or 0) for codes, agreeing in zip(valid, names, strict=True)), default=(0, 0))
    found: list[list[object]] = []
    previous: set[str] | None = None
    for position, (codes, agreeing) in enumerate(zip(valid, names, strict=True)):
        chosen = (len(codes), agreeing or 0) == best and best[0] > 0
        end = starts[position + 1] if position + 1 < len(starts) else None
        units = len(history.described[position])
        if chosen and previous == codes and found:
            found[-1][1] = end
        elif chosen:
            count = sum(rows[code] for code in codes)
            found.append([starts[position], end, len(codes), count, units, agreeing])
        previous = codes if chosen else None
    table = pd.DataFrame(found, columns=list(RANGES))
    return table.astype({"valid_from": "str", "valid_to": "str"})


def _valid_at(history: History, since: object) -> set[str]:
    position = 0 if not isinstance(since, str) or history.plan.dates[0].isoformat() > since else history.position(since)
    return set(history.described[position])
