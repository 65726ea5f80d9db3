"""The movements of communes in the official geographic code of France (INSEE)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, Report
from geomerge.histories import rows
from geomerge.histories.readers import Window
from geomerge.histories.source import Source, named

MODES = {
    "10": "change of name",
    "20": "creation",
    "21": "re-establishment",
    "30": "suppression",
    "31": "simple merger",
    "32": "new commune",
    "33": "merger with association",
    "34": "association becomes simple merger",
    "35": "delegated commune removed",
    "41": "new code: another department",
    "50": "new code: seat moved",
    "70": "associated commune becomes delegated commune",
}

# Modes that make a commune.
MAKING = ("20", "21")

# Modes that only give a new code; what joins the commune on the same date goes to the new code as well.
RECODING = ("41", "50")

COMMUNE = "COM"  # the others (COMA, COMD, ARM) are parts of communes

COLUMNS = {
    "MOD": "mode",
    "DATE_EFF": "date",
    "TYPECOM_AV": "old_type",
    "COM_AV": "old_code",
    "LIBELLE_AV": "old_name",
    "TYPECOM_AP": "new_type",
    "COM_AP": "new_code",
    "LIBELLE_AP": "new_name",
}
UNITS = {"COM": "code", "LIBELLE": "name", "DEP": "parent"}


@dataclass(frozen=True)
class Insee:
    """Reads ``mvtcommune``; only rows that lead from a commune to a commune change units."""

    name: str = "insee"
    title: str = "INSEE, official geographic code: movements of communes (mvtcommune, CSV)"
    leaves_out: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        """Return whether a file has the columns of the list of movements."""
        return {"MOD", "DATE_EFF", "COM_AV", "COM_AP"} <= set(source.header)

    def changes(self, source: Source, window: Window, report: Report) -> pd.DataFrame:
        """Return all movements between communes; rows about parts of communes are counted in a finding."""
        raw = source.table()
        rows.required(COLUMNS, raw.columns, source.name)
        table = rows.renamed(raw, COLUMNS)
        _require(table, source.name)
        table["date"] = table["date"].map(rows.iso_date)
        units = (table["old_type"] == COMMUNE) & (table["new_type"] == COMMUNE)
        again = _from_parts(table)
        inner = [
            (
                "part of a commune",
                "Rows about associated or delegated communes, or arrondissements,",
                ~units & ~again,
            )
        ]
        table["note"] = "MOD " + table["mode"] + " (" + table["mode"].map(MODES) + ")"
        staying = _from_holders(table, units, again, report)
        kept = pd.concat([rows.without(table, inner, window.holds, report), staying])
        return _recoded(kept)[[*rows.COLUMNS, "mode", "note"]]

    def recognises_units(self, source: Source) -> bool:
        """Return whether a file has the columns of the list of communes."""
        return {"TYPECOM", "COM", "LIBELLE"} <= set(source.header)

    def units(self, source: Source, _on: dt.date | None, _report: Report) -> pd.DataFrame:
        """Return the communes, with their department as parent."""
        table = source.table()
        rows.required(["TYPECOM", *UNITS], table.columns, source.name)
        return rows.renamed(table[table["TYPECOM"] == COMMUNE], UNITS)


def _require(table: pd.DataFrame, name: str) -> None:
    """Raise InputError with all rows that cannot be read."""
    faults = list(rows.faults_of_dates(table["date"], name))
    for mode, there in table[~table["mode"].isin(list(MODES))].groupby("mode", dropna=False):
        faults.append(f"{name} {named(there.index)}: MOD {mode} is not known. There are {', '.join(MODES)}.")
    bare = table.index[table["old_code"].isna() | table["new_code"].isna()]
    faults += [f"{name} {named(bare)}: COM_AV or COM_AP is empty. Fill it in."] if len(bare) else []
    faults += rows.faults_of_width(table, name)
    if faults:
        raise InputError(*faults)


def _from_parts(table: pd.DataFrame) -> pd.Series:
    """Tell the rows that make a commune of a part, where no row says from which commune it comes.

    Only creation and re-establishment do; other movements of a part leave the communes as they are.
    """
    between = table[(table["old_type"] == COMMUNE) & (table["new_type"] == COMMUNE)]
    made = set(zip(between["date"], between["new_code"], strict=True))
    pairs = pd.Series(list(zip(table["date"], table["new_code"], strict=True)), index=table.index)
    becomes = (table["old_type"] != COMMUNE) & (table["new_type"] == COMMUNE) & table["mode"].isin(MAKING)
    return becomes & ~pairs.isin(made)


def _from_holders(table: pd.DataFrame, units: pd.Series, again: pd.Series, report: Report) -> pd.DataFrame:
    """Let communes made of parts come from the commune that took them in; return rows that say that it lives on.

    Where no earlier row tells which one that was, the commune has no old code, and a finding says so.
    """
    joined = table[units & (table["old_code"] != table["new_code"])].sort_values("date", kind="stable")
    staying: dict[Any, dict[str, Any]] = {}
    unknown: list[str] = []
    for row in table.index[again]:
        code, date = str(table.loc[row, "new_code"]), str(table.loc[row, "date"])
        before = joined[(joined["old_code"] == code) & (joined["date"] < date)]
        if before.empty:
            unknown.append(f"{code} {table.loc[row, 'new_name']} ({date})")
            table.loc[row, ["old_code", "old_name"]] = None
            continue
        holder = before.iloc[-1]
        table.loc[row, ["old_code", "old_name"]] = [holder["new_code"], holder["new_name"]]
        lives_on = {"new_code": holder["new_code"], "new_name": holder["new_name"]}
        staying[row] = {**table.loc[row].to_dict(), **lives_on}
    if unknown:
        what = f"The list does not say which commune {len(unknown)} communes were part of; they are read as new land"
        remedy = "Read the list from the day on which they became a part."
        report(Finding("should", "part of a commune", what, ", ".join(unknown[:5]), remedy))
    found = pd.DataFrame(list(staying.values()), columns=table.columns, index=list(staying))
    return found.drop_duplicates(["date", "old_code", "new_code"])


def _recoded(table: pd.DataFrame) -> pd.DataFrame:
    """Let what joins a commune go to the code that the commune gets on the same date."""
    changed = table[table["mode"].isin(RECODING) & (table["old_code"] != table["new_code"])]
    codes = {(date, old): new for date, old, new in changed[["date", "old_code", "new_code"]].values}
    found = table.copy()
    found["new_code"] = [
        codes.get((date, code), code) for date, code in zip(table["date"], table["new_code"], strict=True)
    ]
    return found
