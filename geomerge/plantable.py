"""A plan as a table: one row an event, one row a new unit where a unit is split."""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from geomerge.documents import Place, explain, read_text
from geomerge.errors import PlanFormatError
from geomerge.events import KINDS
from geomerge.files import csvfile
from geomerge.plan import Plan
from geomerge.selectors import SELECTORS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "date",
    "event",
    "unit",
    "to",
    "name",
    "parent",
    "area",
    "line",
    "side",
    "holding",
    "districts",
    "keys",
    "former",
    "before",
    "edition",
    "remainder",
    "share",
    "by",
    "evidence",
    "note",
)
NEEDED = ("date", "event", "unit")
LISTED = ("districts", "keys", "holding")
OF_PART = ("name", "parent", "side", "holding", "before", "remainder", "share", "by", *SELECTORS)
FREE = ("note", "remainder", "share")  # numbers and ticks do no harm there

# Fields of an event that are called otherwise in a table.
FIELDS = {"into": "to", "code": "to"} | {known.kind: "unit" for known in KINDS}


@dataclass(frozen=True)
class Row:
    """A row as people count them, the header being row 1, with what is filled in."""

    number: int
    values: Mapping[str, str]

    def given(self, *columns: str) -> dict[str, Any]:
        """Return what is filled in of some columns."""
        return {
            column: self.values[column].split() if column in LISTED else self.values[column]
            for column in columns
            if column in self.values
        }


def load_table(path: Path) -> Plan:
    """Read a plan from CSV or XLSX; PlanFormatError with all faults and their rows."""
    cells = _sheet(path) if path.suffix.lower() == ".xlsx" else _lines(path)
    rows = _rows(path, cells)
    if not rows:
        raise PlanFormatError(f"{path} has a header, but no rows.")
    faults = [(row.number, fault) for row in rows for fault in _faults_of(row)]
    unusable = {number for number, _ in faults}
    groups = [group for group in _grouped(rows) if not any(row.number in unusable for row in group)]
    told = [(number, f"{path} row {number}: {fault}.") for number, fault in faults]
    try:
        plan = Plan.model_validate({"title": path.stem, "events": [_event(group) for group in groups]})
    except ValidationError as error:
        told += explain(error, str(path), lambda place: _find(groups, place)) if groups else []
    else:
        if not told:
            return plan
    raise PlanFormatError(*(sentence for _, sentence in sorted(told)))


def _lines(path: Path) -> list[list[str]]:
    text = read_text(path)
    delimiter = csvfile.sniff(path).delimiter
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def load_keys(path: Path) -> pd.DataFrame:
    """Read the first sheet of a workbook as a table of keys, all text; PlanFormatError if a key has become a date."""
    import pandas as pd

    rows = _cells(path)
    faults = [
        f"{path} cell {cell.coordinate} holds a date, where a key must be text: 12/3 was read as a day. "
        f"Format the column as text and write the key again."
        for row in rows[1:]
        for cell in row
        if isinstance(cell.value, dt.date)
    ]
    if faults:
        raise PlanFormatError(*faults)
    texts = [[None if cell.value is None else _cell_text(cell.value) for cell in row] for row in rows]
    header, filled = texts[0] if texts else [], [row for row in texts[1:] if any(row)]
    return pd.DataFrame(filled, columns=[(name or "").strip() for name in header], dtype="string")


def _cells(path: Path) -> list[tuple[Any, ...]]:
    """Read the cells of the first sheet."""
    import openpyxl  # takes as long to load as a small plan to read
    from openpyxl.utils.exceptions import InvalidFileException

    if not path.is_file():
        reason = "it is a folder" if path.is_dir() else "there is no such file"
        raise PlanFormatError(f"{path} cannot be read: {reason}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that do not touch the values
            book = openpyxl.load_workbook(path, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise PlanFormatError(f"{path} is no XLSX file. Save it as an Excel workbook (.xlsx).") from error
    return list(book.worksheets[0].iter_rows())


def _sheet(path: Path) -> list[list[str]]:
    """Read the first sheet; a number where a code is expected has lost its zeros and is refused."""
    rows = _cells(path)
    header = [str(cell.value or "").strip().lower() for cell in rows[0]] if rows else []
    faults = [
        f"{path} cell {cell.coordinate} holds {_number_of(cell.value)}, where {column} must be text. "
        f"Format the column as text and write the code with its zeros."
        for row in rows[1:]
        for column, cell in zip(header, row, strict=True)
        if isinstance(cell.value, bool | int | float) and column not in FREE
    ]
    if faults:
        raise PlanFormatError(*faults)
    return [[_cell_text(cell.value) for cell in row] for row in rows]


def _number_of(value: object) -> str:
    return f"the truth value {value}" if isinstance(value, bool) else f"the number {value}"


def _cell_text(value: object) -> str:
    if isinstance(value, dt.datetime):
        value = value.date()
    return "" if value is None else str(value)


def _rows(path: Path, cells: Sequence[Sequence[str]]) -> list[Row]:
    if not any(text.strip() for line in cells for text in line):
        raise PlanFormatError(f"{path} is empty.")
    header = [text.strip().lower() for text in cells[0]]
    named = [column for column in header if column]
    faults = [f"has no column {column}" for column in NEEDED if column not in header]
    for column in dict.fromkeys(named):
        if column not in COLUMNS:
            faults.append(f"column {column} is not known{_meant(column, COLUMNS)}")
        elif named.count(column) > 1:
            faults.append(f"column {column} stands there {named.count(column)} times")
    if faults:
        every = f"The columns of a plan are {', '.join(COLUMNS)}."
        raise PlanFormatError(*(f"{path} row 1: {fault}. {every}" for fault in faults))
    rows = []
    for number, line in enumerate(cells[1:], start=2):
        filled = [(place, text.strip()) for place, text in enumerate(line) if text.strip()]
        if stray := [text for place, text in filled if place >= len(header) or not header[place]]:
            faults.append(f"{path} row {number}: {stray[0]!r} stands in a column without a name.")
        rows.append(Row(number, {header[place]: text for place, text in filled if place < len(header)}))
    if faults:
        raise PlanFormatError(*faults)
    return [row for row in rows if row.values]


def _faults_of(row: Row) -> Iterable[str]:
    """Tell what is wrong with a row before it can be an event."""
    kinds = [known.kind for known in KINDS]
    kind = row.values.get("event")
    if kind is not None and kind not in kinds:
        yield f"event: {kind!r} is none of {', '.join(kinds)}{_meant(kind, kinds)}"
    for column in NEEDED:
        if column not in row.values:
            yield f"{column}: is missing"


def _meant(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """Put the rows of one split together; any other row is an event of its own."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        split = row.values.get("event") == "split"
        key = (row.values.get("date"), row.values.get("unit")) if split else (row.number,)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _event(rows: Sequence[Row]) -> dict[str, Any]:
    row = rows[0]
    kind = row.values["event"]
    event: dict[str, Any] = {kind: row.values["unit"], **row.given("date", "evidence")}
    if notes := "; ".join(dict.fromkeys(row.values["note"] for row in rows if "note" in row.values)):
        event["note"] = notes
    if kind == "split":
        return event | {"into": [_split_part(part) for part in rows]}
    target = "into" if kind == "merge" else "to"
    if "to" in row.values:
        event[target] = row.values["to"]
    return event | row.given(*OF_PART)


def _split_part(row: Row) -> dict[str, Any]:
    part = row.given(*OF_PART)
    if part.get("remainder", "").lower() == "x":
        part["remainder"] = "true"
    return part | ({"code": row.values["to"]} if "to" in row.values else {})


def _find(groups: Sequence[Sequence[Row]], path: tuple[Any, ...]) -> Place:
    """Return row and column of a place in the plan made of the rows."""
    steps = [step for step in path if step is not None]
    if len(steps) < 2:
        return "", ""
    rows = groups[steps[1]]
    inner = [step for step in steps[2:] if not str(step).startswith("(")]
    row = rows[0]
    if len(inner) > 1 and inner[0] == "into" and isinstance(inner[1], int):
        row, inner = rows[inner[1]], inner[2:]
    if inner == ["into"]:
        return f"row {row.number}", "rows, one for each new unit"
    column = str(inner[0]) if inner else ""
    return f"row {row.number}", FIELDS.get(column, column)


def rows_of(plan: Plan) -> list[dict[str, str]]:
    """Return the rows of a table that says what the plan says; PlanFormatError for what no table can hold.

    Examples
    --------
    >>> rows_of(Plan(date="2020-01-01", events=[{"merge": "1 2", "into": "9"}]))
    [{'date': '2020-01-01', 'event': 'merge', 'unit': '1 2', 'to': '9'}]
    """
    held = {"rules for keys": plan.keys, "names of parents": plan.parents}
    if lost := [what for what, values in held.items() if values]:
        raise PlanFormatError(f"A table cannot hold {' and '.join(lost)}. Write the plan as YAML.")
    rows = []
    for date in plan.dates:
        for event in plan.on(date):
            record = event.record() | {"date": date.isoformat()}
            parts = record.pop("into") if isinstance(record.get("into"), list) else [{}]
            for part in parts:
                cells = {FIELDS.get(name, name): value for name, value in (record | part).items()}
                ordered = {"event": event.kind, **cells}
                rows.append({column: _cell(ordered[column]) for column in COLUMNS if column in ordered})
    return rows


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        raise PlanFormatError("A table cannot hold parents by level. Write the plan as YAML.")
    if isinstance(value, bool):
        return "x" if value else ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
