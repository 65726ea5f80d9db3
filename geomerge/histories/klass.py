"""Statistics Norway's KLASS: changes, codes and correspondences, from files or from the service."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, Report
from geomerge.histories import rows
from geomerge.histories.klassweb import address_of_changes, address_of_units, valid_from
from geomerge.histories.readers import Window
from geomerge.histories.receivers import bare
from geomerge.histories.source import Source, fetch, json_of, named

CHANGES = {
    "oldCode": "old_code",
    "oldName": "old_name",
    "newCode": "new_code",
    "newName": "new_name",
    "changeOccurred": "date",
}
CORRESPONDENCES = {
    "sourceCode": "old_code",
    "sourceName": "old_name",
    "targetCode": "new_code",
    "targetName": "new_name",
}
TURNED = {"old_code": "new_code", "old_name": "new_name", "new_code": "old_code", "new_name": "old_name"}
UNITS = {"code": "code", "name": "name", "parentCode": "parent", "level": "level", "notes": "note"}

# Codes of no unit ("Uoppgitt": not stated) that KLASS keeps among the units.
PSEUDO = frozenset(["99", "9999", "99999999"])

# The service cuts longer notes off without a mark.
LONGEST_NOTE = 255

# What 404 means: the service has changes only between versions that follow each other.
NO_TABLE = "Two versions that follow each other in that time have no table of changes: ask for a shorter time."

WEB_HEADER = re.compile(r"\w*_(\d{4})")
WEB_CELL = re.compile(r"(\S+) - (.+)")
YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Klass:
    """Reads what KLASS answers (JSON, CSV), what its pages let one download, and the service itself."""

    name: str = "klass"
    title: str = "KLASS, Statistics Norway: changes or a correspondence table (JSON, CSV, https://.../klass/v1/...)"
    leaves_out: tuple[str, ...] = ("receivers",)

    def recognises(self, source: Source) -> bool:
        """Return whether a source is of KLASS, by its address, its columns or its first bytes."""
        if source.is_address:
            return "/classifications/" in source.name or "/correspondencetables/" in source.name
        if source.is_json:
            return any(
                key in source.head for key in (b'"codeChanges"', b'"correspondenceItems"', b'"correspondenceMaps"')
            )
        return (
            {"oldCode", "newCode"} <= set(source.header)
            or {"sourceCode", "targetCode"} <= set(source.header)
            or _is_web(source.header)
        )

    def changes(self, source: Source, window: Window, report: Report) -> pd.DataFrame:
        """Return all changes of a list; what is no change is reported."""
        if source.is_address:
            address = address_of_changes(source.name, window)
            answer = json_of(fetch(address, NO_TABLE), address)
            table, word = _of_json(answer, window, report, address), "entry"
        elif source.is_json:
            table, word = _of_json(source.json(), window, report, source.name), "entry"
        else:
            table, word = _of_table(source.table(), window, report, source.name), "row"
        _require(table, source.name, word)
        table["date"] = table["date"].map(rows.iso_date)
        return rows.without(table, _no_changes(table), window.holds, report, word)

    def recognises_units(self, source: Source) -> bool:
        """Return whether a source is a list of codes, or a version of a classification."""
        if source.is_address:
            return "/classifications/" in source.name or "/versions/" in source.name
        if source.is_json:
            return b'"codes"' in source.head or b'"classificationItems"' in source.head or b'"levels"' in source.head
        return {"code", "parentCode", "name"} <= set(source.header)

    def units(self, source: Source, on: dt.date | None, report: Report) -> pd.DataFrame:
        """Return the units of a list of codes; pseudo codes are left out, cut notes reported."""
        if source.is_address:
            address = address_of_units(source.name, on)
            table = _units_of_json(json_of(fetch(address), address), address)
        else:
            table = _units_of_json(source.json(), source.name) if source.is_json else source.table()
        rows.required(["code", "name"], table.columns, source.name)
        found = table.rename(columns=UNITS).reindex(columns=[*UNITS.values()]).replace("", None)
        for column, known in (("valid_from", "validFrom"), ("valid_to", "validTo")):
            requested = f"{known}InRequestedRange"
            given = table[known] if known in table else table.get(requested)
            found[column] = None if given is None else given.replace("", None)
        pseudo = found["code"].isin(PSEUDO)
        notes = found["note"].dropna().astype(str)
        if len(cut := notes[notes.str.len() == LONGEST_NOTE]):
            what = f"Notes of {LONGEST_NOTE} characters are probably cut off"
            report(
                Finding("should", "cut note", what, ", ".join(found.loc[cut.index, "code"]), "See the page of KLASS.")
            )
        return found[~pseudo].drop(columns="note")


def _is_web(header: tuple[str, ...]) -> bool:
    return len(header) >= 2 and all(WEB_HEADER.fullmatch(name) for name in header[:2])


def _of_json(answer: Any, window: Window, report: Report, name: str) -> pd.DataFrame:
    """Return the changes in an answer of the service, by what it holds."""
    if not isinstance(answer, dict):
        raise InputError(f"{name} holds no answer of KLASS. Fetch its changes or a correspondence table.")
    if "codeChanges" in answer:
        return _entries(answer["codeChanges"], CHANGES, name)
    if "correspondenceItems" in answer:
        items = answer["correspondenceItems"]
        if not window.date and isinstance(items, list) and items and all("validFrom" in item for item in items):
            return _entries(items, CORRESPONDENCES | {"validFrom": "date"}, name)
        return _dated(_entries(items, CORRESPONDENCES, name), window, name)
    if "correspondenceMaps" in answer:
        table = _entries(answer["correspondenceMaps"], CORRESPONDENCES, name)
        starts = [_start(answer, side, name) for side in ("source", "target")]
        return _directed(table, starts, window, report, name)
    raise InputError(f"{name} holds neither changes nor correspondences, but {', '.join(answer)}.")


def _entries(entries: Any, names: dict[str, str], name: str) -> pd.DataFrame:
    table = _table_of(entries, name)
    if len(table):
        rows.required(names, table.columns, name)
    return rows.renamed(table.reindex(columns=list(names)), names)


def _table_of(entries: Any, name: str) -> pd.DataFrame:
    """Return entries as rows, counted from 1."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{name} holds something else where a list of entries should be. Fetch it again.")
    return pd.DataFrame(entries, index=pd.RangeIndex(1, len(entries) + 1), dtype=object)


def _start(answer: dict[str, Any], side: str, name: str) -> str | None:
    """Return the first day of a version: as the service tells, or else 1 January of the year in its name."""
    if name.startswith("http") and answer.get(f"{side}Id") is not None:
        return valid_from(name, answer[f"{side}Id"])
    return _first_of_january(str(answer.get(side, "")))


def _first_of_january(text: str) -> str | None:
    years = YEAR.findall(text)
    return f"{years[-1]}-01-01" if years else None


def _of_table(table: pd.DataFrame, window: Window, report: Report, name: str) -> pd.DataFrame:
    if _is_web(tuple(table.columns)):
        return _of_web(table, window, report, name)
    if "oldCode" in table or "newCode" in table:
        rows.required(CHANGES, table.columns, name)
        return rows.renamed(table, CHANGES)
    rows.required(CORRESPONDENCES, table.columns, name)
    return _dated(rows.renamed(table, CORRESPONDENCES), window, name)


def _of_web(table: pd.DataFrame, window: Window, report: Report, name: str) -> pd.DataFrame:
    """Read ``0706 - Sandefjord;0710 - Sandefjord``; the years stand in the header, whichever comes first."""
    cells = [table.iloc[:, place].str.extract(WEB_CELL) for place in (0, 1)]
    faults = [
        f"{name} {named(told.index[unread])}: column {column} does not hold a code and a name, as in 0706 - Sandefjord."
        for column, told in zip(table.columns, cells, strict=False)
        if (unread := told[0].isna() & (table[column] != "")).any()
    ]
    if faults:
        raise InputError(*faults)
    found = pd.concat(cells, axis="columns").set_axis(["old_code", "old_name", "new_code", "new_name"], axis="columns")
    found = found.astype(object).where(found.notna(), None)
    return _directed(found, [_first_of_january(column) for column in table.columns[:2]], window, report, name)


def _directed(table: pd.DataFrame, starts: list[str | None], window: Window, report: Report, name: str) -> pd.DataFrame:
    """Turn a table that leads from the later version to the earlier one, and date it by the later."""
    first, last = starts
    if first is None or last is None or first == last:
        return _dated(table, window, name)
    if first > last:
        table = table.rename(columns=TURNED)
        what = f"The table leads from {first} back to {last}; it is read the other way round"
        report(Finding("should", "turned table", what, name, "Nothing needs to be done."))
    return table.assign(date=str(window.date or max(first, last)))


def _dated(table: pd.DataFrame, window: Window, name: str) -> pd.DataFrame:
    if window.date is None:
        raise InputError(f"{name} does not say when its changes took effect. Give the date of the newer codes (date).")
    return table.assign(date=str(window.date))


def _require(table: pd.DataFrame, name: str, word: str) -> None:
    """Raise InputError with all rows that cannot be read."""
    codes = table[["old_code", "new_code"]]
    texts = table[[*rows.COLUMNS[:4]]].map(lambda cell: cell is None or isinstance(cell, str)).all(axis="columns")
    faults = []
    if len(numbers := table.index[~texts]):
        faults.append(f"{name} {named(numbers, word)}: a code or a name is no text. Codes are text, with their zeros.")
    if len(nothing := table.index[codes.isna().all(axis="columns")]):
        faults.append(f"{name} {named(nothing, word)}: neither an old nor a new code. Remove the row.")
    faults += rows.faults_of_dates(table["date"], name, word)
    if texts.all():
        faults += rows.faults_of_width(table, name, word)
    if faults:
        raise InputError(*faults)


def _no_changes(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield the rows of codes of no unit, and those that change only what tells a label from others."""
    pseudo = table["old_code"].isin(PSEUDO) | table["new_code"].isin(PSEUDO)
    yield "pseudo code", "Codes of no unit", pseudo
    old, new = (table[column].fillna("") for column in ("old_name", "new_name"))
    same = (table["old_code"] == table["new_code"]) & (old != new) & (old.map(bare) == new.map(bare))
    yield "label", "Rows that change only what stands in brackets after a name", same


def _units_of_json(answer: Any, name: str) -> pd.DataFrame:
    if isinstance(answer, dict) and "codes" in answer:
        return _table_of(answer["codes"], name)
    if isinstance(answer, dict) and "classificationItems" in answer:
        table = _table_of(answer["classificationItems"], name)
        return table.assign(validFrom=answer.get("validFrom"), validTo=answer.get("validTo"))
    raise InputError(f"{name} holds no codes. Fetch codesAt of a classification, or one of its versions.")
