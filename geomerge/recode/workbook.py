"""Recode a sheet of an Excel workbook: only the cells that change are written anew, all else stays as it is."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from geomerge.errors import LayerError
from geomerge.files.headers import column_names
from geomerge.recode.sheet import Cell, cells, changed, number_of, value_of
from geomerge.recode.tally import Tally, identify
from geomerge.recode.translate import cells_of, require_columns, translate_cells
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
LINK = ("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
        "{http://purl.oclc.org/ooxml/officeDocument/relationships}id")  # fmt: skip
BOOK, STRINGS = "xl/workbook.xml", "xl/sharedStrings.xml"
LOOKED_AT = 20  # rows among which the names of the columns stand
FIRST_DAY = {False: dt.date(1899, 12, 30), True: dt.date(1904, 1, 1)}


def recode_workbook(source: Path, target: Path | None, register: RegisterConfig, translation: Translation) -> Tally:
    """Recode a sheet of a workbook into another one; nothing is written without a target.

    The first row that names all columns that are wanted is the header, and what stands above it stays. A cell with
    a formula is for review, and stays.

    Raises
    ------
    LayerError
        If it is no workbook, or has no such sheet.
    """
    try:
        with zipfile.ZipFile(source) as book:
            sheet = _Sheet(book, source, register)
            tally, edits = sheet.recoded(translation)
            if target is not None:
                _write(book, target, edits)
    except (zipfile.BadZipFile, KeyError) as error:
        raise LayerError(f"{source} is no XLSX file. Save it as an Excel workbook (.xlsx).") from error
    return tally


class _Sheet:
    def __init__(self, book: zipfile.ZipFile, source: Path, register: RegisterConfig) -> None:
        self.book, self.source, self.register = book, source, register
        root = ElementTree.fromstring(book.read(BOOK))
        self.member = self._member(root)
        self.is_1904 = any(
            element.get("date1904") in ("1", "true") for element in root.iter() if _is(element, "workbookPr")
        )
        names = book.namelist()
        self.strings = book.read(STRINGS) if STRINGS in names else b""
        self.shared = _shared(self.strings)
        self.formulas = any(b"<f" in book.read(name) for name in names if name.startswith("xl/worksheets/sheet"))

    def _member(self, root: ElementTree.Element) -> str:
        """Return the member of the archive that holds the sheet."""
        sheets = {str(element.get("name")): next(filter(None, map(element.get, LINK)))
                  for element in root.iter() if _is(element, "sheet")}  # fmt: skip
        wanted = self.register.table
        if wanted is None and len(sheets) > 1:
            raise LayerError(f"{self.source} has several sheets: {', '.join(sheets)}. Name one (table).")
        if wanted is not None and wanted not in sheets:
            raise LayerError(f"{self.source} has no sheet {wanted}. It has {', '.join(sheets)}.")
        link = sheets[wanted] if wanted is not None else next(iter(sheets.values()))
        relations = ElementTree.fromstring(self.book.read("xl/_rels/workbook.xml.rels"))
        goal = next(str(element.get("Target")) for element in relations if element.get("Id") == link)
        return goal.lstrip("/") if goal.startswith("/") else str(PurePosixPath("xl") / goal)

    def recoded(self, translation: Translation) -> tuple[Tally, dict[str, bytes]]:
        """Return what happens to the rows, and the members of the archive that change."""
        xml = self.book.read(self.member)
        table, places = self._table(xml)
        require_columns(table.columns, self.register)
        tally = Tally(self.register)
        told, place, combinations = translate_cells(
            cells_of(table, self.register), len(table), self.register, translation
        )
        tally.add(told, place, combinations, ids=identify(table, self.register))
        new: dict[str, int] = {}
        edits: list[tuple[Cell, Any]] = []
        for name, moved in told.changed.items():
            for row in np.flatnonzero(moved[place]).tolist():
                cell = places.get((row, name))
                if cell is not None:
                    edits.append((cell, told.new[name][place[row]]))

        def add(text: str) -> int:
            return new.setdefault(text, len(self.shared) + len(new))

        pieces, at = [], 0
        for cell, value in sorted(edits, key=lambda edit: edit[0].start):
            pieces += [xml[at : cell.start], changed(xml[cell.start : cell.end], cell, value, add)]
            at = cell.end
        members = {self.member: b"".join([*pieces, xml[at:]])} if edits else {}
        if new:
            members[STRINGS] = _with_strings(self.strings, list(new), len(self.shared))
        if edits and self.formulas:
            tally.note("Formulas of the workbook show their former values until it is opened and saved")
        return tally, members

    def _table(self, xml: bytes) -> tuple[pd.DataFrame, dict[tuple[int, str], Cell]]:
        """Return the sheet as a table, and the cell behind each value."""
        found: dict[int, list[tuple[Cell, Any]]] = {}
        for cell in cells(xml, str(self.source)):
            value = value_of(cell, self.shared)
            if value is not None and value != "":
                found.setdefault(cell.row, []).append((cell, value))
        first = self._first(found)
        header = _header(found.get(first, []))
        rows: list[dict[str, Any]] = []
        places: dict[tuple[int, str], Cell] = {}
        for _, filled in sorted(item for item in found.items() if item[0] > first):
            named = [(header[cell.column], cell, value) for cell, value in filled if cell.column in header]
            if named:
                places |= {(len(rows), name): cell for name, cell, _ in named}
                rows.append({name: self._dated(name, value) for name, _, value in named})
        columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in header.values()}
        return pd.DataFrame(columns), places

    def _first(self, found: dict[int, list[tuple[Cell, Any]]]) -> int:
        """Return the row that names the columns: the first with all that are wanted, else the first of all."""
        rows = sorted(found)[:LOOKED_AT]
        wanted = set(self.register.wanted)
        named = (row for row in rows if wanted <= set(_header(found[row]).values()))
        return next(named, rows[0] if rows else 0)

    def _dated(self, name: str, value: Any) -> Any:
        if (
            name != self.register.date
            or not isinstance(value, int | float)
            or isinstance(value, bool)
            or value < 10_000
        ):
            return value
        return FIRST_DAY[self.is_1904] + dt.timedelta(days=int(value))


def _header(row: list[tuple[Cell, Any]]) -> dict[str, str]:
    """Return the names in a row by their columns."""
    width = max((number_of(cell.column) for cell, _ in row), default=0)
    titles: list[Any] = [None] * width
    for cell, value in row:
        titles[number_of(cell.column) - 1] = value
    named = column_names(titles)
    return {cell.column: named[number_of(cell.column) - 1] for cell, _ in row}


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag in (MAIN + name, STRICT + name)


def _shared(xml: bytes) -> list[str]:
    if not xml:
        return []
    found = []
    for entry in ElementTree.fromstring(xml):
        parts = [entry, *(run for run in entry if _is(run, "r"))]
        found.append("".join(text.text or "" for part in parts for text in part if _is(text, "t")))
    return found


def _with_strings(xml: bytes, texts: list[str], known: int) -> bytes:
    """Return the shared strings with more of them at the end."""
    end = xml.rindex(b"</")
    p = re.sub(rb"\w+\s*>.*", b"", xml[end + 2 :], flags=re.DOTALL).decode()  # the prefix of the namespace
    added = "".join(f'<{p}si><{p}t xml:space="preserve">{escape(text)}</{p}t></{p}si>' for text in texts).encode()
    head = re.sub(rb'(\suniqueCount=")\d+(")', rb"\g<1>%d\g<2>" % (known + len(texts)), xml[:end], count=1)
    return head + added + xml[end:]


def _write(book: zipfile.ZipFile, target: Path, edits: dict[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w") as new:
        new.comment = book.comment
        for member in book.infolist():
            content = edits.get(member.filename)
            new.writestr(member, book.read(member) if content is None else content)
