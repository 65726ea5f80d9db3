"""Tables of old and new keys, made ready to be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from geomerge.errors import InputError
from geomerge.keylayout import KeyLayout
from geomerge.keyrules import key_columns, where_of
from geomerge.plan import KeyRule


@dataclass(frozen=True)
class KeyTable:
    """Old keys below their unit, each with its new parts and the units it is limited to.

    Parameters
    ----------
    rows
        ``old_key``, ``old_code`` and ``new_code`` (missing where the table does not say) and the new parts.
    parts
        Names of the parts.
    """

    rows: pd.DataFrame
    parts: tuple[str, ...]


def key_table(rule: KeyRule, tables: Mapping[str, pd.DataFrame], layout: KeyLayout) -> KeyTable:
    """Read the table of a rule by a layout; InputError with all that is wrong with it."""
    name, where = str(rule.table), where_of(rule)
    if name not in tables:
        raise InputError(f"The rule for {where} needs the table {name}, but it was not given (tables).")
    table = tables[name]
    pair = key_columns(table)
    if pair is None:
        raise InputError(
            f"{name} has no columns from and to (or old_key and new_key). It has {', '.join(table.columns)}."
        )
    old, new = (layout.parse(table[column]) for column in pair)
    faults = []
    for column, parsed in zip(pair, (old, new), strict=True):
        unread = parsed[layout.below[0]].isna()
        if unread.any():
            first = table.loc[unread, column].iat[0]
            faults.append(
                f"{int(unread.sum())} keys in column {column} of {name} are none of the layout {layout.name}, first "
                f"{first!r}. Correct them."
            )
    if faults:
        raise InputError(*faults)
    rows = new[list(layout.below)].copy()
    rows["old_code"] = old[layout.unit] if layout.unit else pd.NA
    rows["new_code"] = new[layout.unit] if layout.unit else pd.NA
    rows["old_key"] = layout.format(old, unit=False)
    return KeyTable(_distinct(rows, name), layout.below)


def _distinct(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return rows without repetitions; InputError if an old key gets several new ones."""
    rows = rows.drop_duplicates()
    units = ["old_key", "old_code", "new_code"]
    several = rows[rows.duplicated(units, keep=False)]
    if len(several):
        raise InputError(
            f"{several.groupby(units, dropna=False).ngroups} old keys get several new ones in {name}, first "
            f"{several['old_key'].iat[0]}. Give each old key one new key."
        )
    return rows


def looked_up(table: KeyTable, keys: pd.Series, old: pd.Series, new: pd.Series) -> pd.DataFrame:
    """Return the new parts of the keys that a table names, by position among the keys.

    Parameters
    ----------
    table
        The table.
    keys
        Keys below their unit.
    old, new
        Old and new unit of each.
    """
    asked = pd.DataFrame(
        {"old_key": keys.to_numpy(), "is_old": old.to_numpy(), "is_new": new.to_numpy(), "at": range(len(keys))}
    )
    found = asked.merge(table.rows, on="old_key")
    for code, given in (("old_code", "is_old"), ("new_code", "is_new")):
        limited = found[code].notna()
        found = found[~limited | (found[code] == found[given]).fillna(False)]
    named = (
        found[["old_code", "new_code"]].notna().sum(axis=1)
    )  # a row that names the units goes before one that does not
    found = found.assign(named=named).sort_values(["at", "named"], kind="stable").drop_duplicates("at", keep="last")
    return found.set_index("at")[list(table.parts)]
