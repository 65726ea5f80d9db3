"""Read a plan from a file people can read aloud (YAML), or from a table (CSV, XLSX) with the same words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
from pydantic import ValidationError

from geomerge import csvfile, layers
from geomerge.documents import explain, load
from geomerge.errors import InputError, PlanFormatError
from geomerge.plan import KINDS, SELECTORS, Plan

COLUMNS = (
    "date", "event", "unit", "to", "name", "parent", "area", "line", "side", "districts", "keys", "former", "edition",
    "remainder", "note",
)  # fmt: skip
LISTED = ("districts", "keys")


def read_plan(path: str | Path) -> Plan:
    """Read a plan, and the tables its parts refer to, relative to the folder of the plan.

    Parameters
    ----------
    path
        YAML, CSV or XLSX. A table has the columns ``date, event, unit, to, name, parent, area, line, side, districts,
        keys, former, edition, remainder, note``; ``unit`` holds one code or several, separated by blanks; the rows of a
        split stand one below the other, one for each new unit.

    Returns
    -------
    Plan

    Raises
    ------
    PlanFormatError
        If the file is not well-formed; all faults with their lines.
    LayerError
        If a file the plan refers to cannot be read.
    """
    path = Path(path)
    plan = load(path, Plan) if path.suffix.lower() in (".yaml", ".yml") else _from_table(path)
    faults: list[str] = []
    sources = {}
    for name in plan.files():
        try:
            sources[name] = read_source(path.parent, name)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(*faults)
    return plan.model_copy(update={"sources": sources})


def read_source(folder: Path, name: str) -> gpd.GeoDataFrame:
    """Read a layer that a plan refers to by a name such as ``editions.gpkg|units``."""
    file, layer = layers.split_name(name)
    found = layers.read(folder / file, layer)
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(f"{name} has no geometry, so it cannot show where a part lies.")
    return found


def _from_table(path: Path) -> Plan:
    rows = _rows(path)
    events = [_event(group, path) for group in _grouped(rows)]
    try:
        return Plan.model_validate({"title": path.stem, "events": events})
    except ValidationError as error:
        raise PlanFormatError(*explain(error, str(path))) from error


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise PlanFormatError(f"{path} does not exist.")
    if path.suffix.lower() == ".xlsx":
        table = _sheet(path)
    elif path.suffix.lower() == ".csv":
        table = csvfile.read(path).fillna("")
    else:
        raise PlanFormatError(f"{path}: a plan is YAML (.yaml), CSV or XLSX.")
    if missing := [column for column in ("event", "unit") if column not in table.columns]:
        raise PlanFormatError(f"{path} has no column {', '.join(missing)}. A plan has {', '.join(COLUMNS)}.")
    if unknown := [column for column in table.columns if column not in COLUMNS]:
        raise PlanFormatError(f"{path}: column {', '.join(unknown)} is not known. A plan has {', '.join(COLUMNS)}.")
    rows = [{str(k): str(v).strip() for k, v in row.items() if str(v).strip()} for row in table.to_dict("records")]
    return [row | {"row": str(number)} for number, row in enumerate(rows, start=2) if row]


def _sheet(path: Path) -> pd.DataFrame:
    """Read the first sheet; a number where a code is expected has lost its zeros and is refused."""
    sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
    cells = [[cell for cell in row] for row in sheet.iter_rows()]
    header = [str(cell.value or "") for cell in cells[0]] if cells else []
    faults, rows = [], []
    for row in cells[1:]:
        texts = []
        for name, cell in zip(header, row, strict=False):
            if isinstance(cell.value, int | float) and name not in ("note", "remainder"):
                faults.append(
                    f"{path} cell {cell.coordinate} holds the number {cell.value}; "
                    f"format the column {name} as text and write the code with its zeros."
                )
            value = cell.value.date() if isinstance(cell.value, dt.datetime) else cell.value
            texts.append("" if value is None else str(value))
        rows.append(texts)
    if faults:
        raise PlanFormatError(*faults)
    return pd.DataFrame(rows, columns=header)


def _grouped(rows: Iterable[dict[str, str]]) -> list[list[dict[str, str]]]:
    """Put the rows of one split together; any other row is an event of its own."""
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        split = row.get("event") == "split"
        key = ("split", row.get("date", ""), row.get("unit", "")) if split else ("row", row["row"])
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _event(rows: list[dict[str, str]], path: Path) -> dict[str, Any]:
    row = rows[0]
    kind = row.get("event", "")
    if kind not in {known.kind for known in KINDS}:
        names = ", ".join(known.kind for known in KINDS)
        raise PlanFormatError(f"{path} row {row['row']}: event {kind or '(empty)'} is none of {names}.")
    event: dict[str, Any] = {kind: row.get("unit", ""), **_given(row, "date", "note")}
    if kind == "split":
        event["into"] = [_split_part(part) for part in rows]
        return event
    target = "into" if kind == "merge" else "to"
    event |= {target: row["to"]} if "to" in row else {}
    return event | _given(row, "name", "parent", "side", *SELECTORS)


def _split_part(row: Mapping[str, str]) -> dict[str, Any]:
    remainder = row.get("remainder", "").lower() in ("true", "yes", "1", "x")
    return {"code": row.get("to", ""), "remainder": remainder, **_given(row, "name", "parent", "side", *SELECTORS)}


def _given(row: Mapping[str, str], *columns: str) -> dict[str, Any]:
    return {column: row[column].split() if column in LISTED else row[column] for column in columns if column in row}
