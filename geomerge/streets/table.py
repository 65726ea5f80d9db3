"""The table of new street codes: read as a person left it, and applied to streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from geomerge.errors import InputError

KEY = ("unit", "old_unit", "street_code")
COLUMNS = (*KEY, "street_name", "new_street_code", "reason")
NEW_NAME = "new_street_name"


class Entry(NamedTuple):
    """What the table says of one street; an empty text where it says nothing."""

    name: str
    code: str
    new_name: str
    reason: str


@dataclass(frozen=True)
class Table:
    """New codes and names by new unit, old unit and old street code."""

    entries: dict[tuple[str, str, str], Entry]

    def applied(self, streets: pd.DataFrame) -> pd.DataFrame:
        """Return streets with ``now_code``, ``now_name`` and ``decided``."""
        keys = list(streets[list(KEY)].itertuples(index=False, name=None))
        found = [self.entries.get(key) for key in keys]
        now = [(entry.code if entry else "") or key[2] for key, entry in zip(keys, found, strict=True)]
        names = [
            (entry.new_name if entry else "") or name for name, entry in zip(streets["street_name"], found, strict=True)
        ]
        columns = {"now_code": now, "now_name": names}
        return streets.assign(
            **{name: pd.Series(values, index=streets.index, dtype=object) for name, values in columns.items()},
            decided=pd.Series([bool(entry and entry.code) for entry in found], index=streets.index, dtype=bool),
        )


def read_table(table: pd.DataFrame | None) -> Table:
    """Return a table of new street codes by what it is looked up by; InputError with all its faults."""
    if table is None:
        return Table({})
    if missing := [column for column in COLUMNS[:5] if column not in table.columns]:
        raise InputError(
            f"The table of streets has no column {', '.join(missing)}. It has {', '.join(map(str, table.columns))}."
        )
    names = [*KEY, "street_name", "new_street_code", NEW_NAME, "reason"]
    texts = table.reindex(columns=names)
    if numbers := [
        name for name in names[:5] if pd.api.types.is_numeric_dtype(texts[name]) and texts[name].notna().any()
    ]:
        raise InputError(
            f"Column {', '.join(numbers)} of the table of streets holds numbers: leading zeros may be lost. "
            f"Read it as text."
        )
    texts = texts.astype("string").apply(lambda column: column.str.strip()).fillna("")
    entries: dict[tuple[str, str, str], Entry] = {}
    faults = []
    for number, row in enumerate(texts.itertuples(index=False, name=None), start=2):  # the header is row 1
        key, entry = row[:3], Entry(row[3], row[4], row[5], row[6])
        if "" in key:
            faults.append(f"Row {number} of the table of streets lacks its unit, old_unit or street_code. Fill it in.")
        elif entries.setdefault(key, entry)[1:3] != entry[1:3]:
            faults.append(
                f"Row {number} of the table of streets gives street {key[2]} of {key[1]} in {key[0]} another code or "
                f"name than a row above. Keep one of them."
            )
    if faults:
        raise InputError(*faults)
    return Table(entries)


def as_text(values: pd.Series) -> pd.Series:
    """Return codes as text without spaces around; whole numbers without decimals.

    Examples
    --------
    >>> as_text(pd.Series([1000.0, None])).tolist(), as_text(pd.Series([" 01000"])).tolist()
    (['1000', <NA>], ['01000'])
    """
    if pd.api.types.is_float_dtype(values.dtype):
        if (values.dropna() % 1 != 0).any():
            raise InputError(f"Column {values.name} holds numbers with decimals. Codes and numbers have none.")
        values = values.astype("Int64")
    return values.astype("string").str.strip()
