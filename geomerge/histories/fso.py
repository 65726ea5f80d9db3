"""The Swiss list of mutations of municipalities, of the Federal Statistical Office (FSO, BFS, OFS)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Report
from geomerge.histories import rows
from geomerge.histories.readers import Window
from geomerge.histories.source import Source, named

# Why a state of a municipality begins, and why it ends (standard eCH-0071).
ADMISSION = {
    "20": "first registration",
    "21": "creation",
    "22": "the district changes its name",
    "23": "change of name",
    "24": "another district or canton",
    "26": "change of territory",
    "27": "new number",
}
ABOLITION = {
    "22": "the district changes its name",
    "23": "change of name",
    "24": "another district or canton",
    "26": "change of territory",
    "27": "new number",
    "29": "abolition",
    "30": "annulled",
}
FIRST, ANNULLED = "20", "30"

# The number of all municipalities that had ended before numbers were given (1960); it identifies none.
PLACEHOLDER = "7700"

# Labels of the workbook, without blanks and hyphens; those of the predecessor come before those of the successor.
NUMBER, DATE = "mutationsnummer", "datumderaufnahme"
SIDES = {"kanton": "canton", "bezirksnummer": "district", "bfsgdenummer": "code", "gemeindename": "name"}
MODES = {"aufhebungsmodus": "old_mode", "aufnahmemodus": "new_mode"}

# Columns of the service.
SERVICE = {
    "MutationNumber": "event",
    "MutationDate": "date",
    "InitialCode": "old_code",
    "InitialName": "old_name",
    "InitialStep": "old_mode",
    "TerminalCode": "new_code",
    "TerminalName": "new_name",
    "TerminalStep": "new_mode",
}


@dataclass(frozen=True)
class Fso:
    """Reads the workbook of all mutations (two header rows, German), and what the service gives as CSV."""

    name: str = "fso"
    title: str = "Swiss Federal Statistical Office: mutations of municipalities (XLSX; CSV of the service)"
    leaves_out: tuple[str, ...] = ("receivers", "givers")

    def recognises(self, source: Source) -> bool:
        """Return whether a file has the columns of the service, or is a workbook with the labels of the list."""
        if source.is_workbook:
            return any(NUMBER in map(_label, row) for row in source.sheet[:10])
        return "MutationNumber" in source.header

    def changes(self, source: Source, window: Window, report: Report) -> pd.DataFrame:
        """Return all mutations; those that are no change are reported.

        The mutation number is the event. A parent is given where the district or the canton becomes another
        (``district`` and ``canton``; the service does not number districts, so there it is not).
        """
        table = _of_sheet(source) if source.is_workbook else _of_service(source)
        _require(table, source.name)
        table["date"] = table["date"].map(rows.iso_date)
        table["mode"] = [_joined(*modes) for modes in zip(table["old_mode"], table["new_mode"], strict=True)]
        table["note"] = [_note(event, old, new) for event, old, new in table[["event", "old_mode", "new_mode"]].values]
        table["parent"] = pd.Series(_parents(table), index=table.index, dtype=object)
        table = table.reindex(columns=[*rows.COLUMNS, "event", "mode", "old_mode", "new_mode", "parent", "note"])
        table = rows.without(table, _no_changes(table), window.holds, report)
        return table.drop(columns=["old_mode", "new_mode"])


def _label(value: Any) -> str:
    return re.sub(r"[\s-]", "", str(value or "")).lower()


def _of_sheet(source: Source) -> pd.DataFrame:
    """Read the workbook: a row of groups, a row of labels, then a row each."""
    sheet = source.sheet
    at = next((place for place, row in enumerate(sheet) if NUMBER in map(_label, row)), None)
    if at is None:
        raise InputError(f"{source.name} has no row of labels with Mutationsnummer. Is it the list of mutations?")
    labels = [_label(value) for value in sheet[at]]
    places = {"event": labels.index(NUMBER)} | ({"date": labels.index(DATE)} if DATE in labels else {})
    missing = [] if DATE in labels else ["Datum der Aufnahme"]
    for label, column in SIDES.items():
        found = [place for place, there in enumerate(labels) if there == label]
        if len(found) != 2:
            missing.append(f"{label} of predecessor and successor ({len(found)} found)")
            continue
        places |= {f"old_{column}": found[0], f"new_{column}": found[1]}
    if missing:
        raise InputError(f"{source.name} row {at + 1}: no column {', '.join(missing)}.")
    places |= {column: labels.index(label) for label, column in MODES.items() if label in labels}
    records = {
        number: [_text(row[place]) for place in places.values()]
        for number, row in enumerate(sheet[at + 1 :], start=at + 2)
        if any(value is not None for value in row)
    }
    table = pd.DataFrame(list(records.values()), index=list(records), columns=list(places), dtype=object)
    return table.reindex(columns=[*places, *(column for column in MODES.values() if column not in places)]).replace(
        float("nan"), None
    )


def _text(value: Any) -> str | None:
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None if value is not None else None


def _of_service(source: Source) -> pd.DataFrame:
    table = source.table()
    rows.required(SERVICE, table.columns, source.name)
    return rows.renamed(table, SERVICE)


def _require(table: pd.DataFrame, name: str) -> None:
    """Raise InputError with all rows that cannot be read."""
    faults = list(rows.faults_of_dates(table["date"], name))
    for column, modes, what in (("old_mode", ABOLITION, "abolition"), ("new_mode", ADMISSION, "admission")):
        unknown = table[table[column].notna() & ~table[column].isin(list(modes))]
        for mode, there in unknown.groupby(column):
            known = ", ".join(modes)
            faults.append(f"{name} {named(there.index)}: {what} mode {mode} is not known. There are {known}.")
    for column in ("old_code", "new_code"):
        odd = table[table[column].notna() & ~table[column].astype(str).str.fullmatch(r"\d{1,4}")]
        faults += [f"{name} {named([row])}: {code} is no FSO number." for row, code in odd[column].items()]
    bare = table.index[table["old_code"].isna() & table["new_code"].isna()]
    faults += [f"{name} {named(bare)}: neither predecessor nor successor. Remove the row."] if len(bare) else []
    for event, there in table.groupby("event"):
        if there["date"].nunique() > 1:
            dates = ", ".join(sorted(there["date"].dropna().unique()))
            faults.append(f"{name} {named(there.index)}: mutation {event} has several dates: {dates}. Keep one.")
    if faults:
        raise InputError(*faults)


def _no_changes(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield the rows that are no change, with the reason."""
    yield "annulled", "Annulled mutations (mode 30)", table["old_mode"] == ANNULLED
    yield "first registration", "First registrations (mode 20), of units that were there,", table["new_mode"] == FIRST
    unnumbered = (table["old_code"] == PLACEHOLDER) | (table["new_code"] == PLACEHOLDER)
    yield "no number", f"Rows from before numbers were given ({PLACEHOLDER} stands for any unit)", unnumbered
    same = (table["old_code"] == table["new_code"]) & (table["old_name"] == table["new_name"])
    shared = table.duplicated(["date", "new_code"], keep=False) | table.duplicated(["date", "old_code"], keep=False)
    yield "no change", "Rows that change no number, name or district", same & ~shared & table["parent"].isna()


def _parents(table: pd.DataFrame) -> list[dict[str, str] | None]:
    """Return the district, and the canton, of each successor where it is another than its predecessor's."""
    if "new_district" not in table:
        return [None] * len(table)
    found = []
    for old, new, left, joined in table[["old_district", "new_district", "old_canton", "new_canton"]].values:
        moved = {"district": new} if new and old != new else {}
        found.append(moved | ({"canton": joined} if joined and left != joined else {}) or None)
    return found


def _joined(old: str | None, new: str | None) -> str | None:
    return f"{old or ''}/{new or ''}" if old or new else None


def _note(event: str | None, old: str | None, new: str | None) -> str:
    """Return the note of an event: its number, and that parts move whose place the list does not tell."""
    reasons = dict.fromkeys([ABOLITION[old] if old else "", ADMISSION[new] if new else ""])
    told = ", ".join(reason for reason in reasons if reason)
    return f"mutation {event}" + (f" ({told})" if told else "")
