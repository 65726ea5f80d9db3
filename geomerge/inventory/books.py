"""Workbooks (XLSX): the rows of each sheet, some at a time, with the row of the names found."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from geomerge.errors import LayerError
from geomerge.files.headers import column_names

LOOKED_AT = 20  # rows among which the names of the columns stand
BATCH = 5000
NEARLY = 0.8  # share of the widest row that a row of names fills
OLD = b"\xd0\xcf\x11\xe0"  # how old Office files begin, and those with a password
PROTECTED = "EncryptedPackage".encode("utf-16-le")


class Book:
    """A workbook that is open for reading.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path, book: Any) -> None:
        self.path, self._book = path, book

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets that hold cells."""
        return [sheet.title for sheet in self._book.worksheets]

    def rows(self, sheet: str) -> tuple[tuple[str, ...], Iterator[list[tuple[Any, ...]]]]:
        """Return the names of the columns of a sheet, and its rows below; no names where the sheet is empty."""
        self._book[sheet].reset_dimensions()  # some programs write wrong ones
        cells = self._book[sheet].iter_rows(values_only=True)
        head = list(itertools.islice(cells, LOOKED_AT))
        filled = [sum(cell is not None for cell in row) for row in head]
        if not head or not max(filled, default=0):
            return (), iter(())
        at = next(
            (row for row, count in enumerate(filled) if count >= NEARLY * max(filled) and _names(head[row])), None
        )
        at = filled.index(max(filled)) if at is None else at
        width = max(len(row) for row in head)
        header = column_names([*head[at], *[None] * (width - len(head[at]))])
        below = itertools.chain(head[at + 1 :], cells)
        return header, _batches(below, width)


def _names(row: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) for cell in row if cell is not None)


def _batches(rows: Iterator[tuple[Any, ...]], width: int) -> Iterator[list[tuple[Any, ...]]]:
    while batch := list(itertools.islice(rows, BATCH)):
        whole = [(*row[:width], *[None] * (width - len(row))) for row in batch]
        yield [row for row in whole if any(cell is not None for cell in row)]


@contextlib.contextmanager
def open_book(path: Path) -> Iterator[Book]:
    """Open a workbook; LayerError if it is protected, of an old kind, or damaged."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    _require_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of styles and extensions, which hold no values
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ParseError, ValueError, OSError) as error:
        raise LayerError(
            f"{path} is no workbook that can be read: {error}. Open it, and save it anew as XLSX."
        ) from error
    try:
        yield Book(path, book)
    except (zipfile.BadZipFile, ParseError, KeyError) as error:
        raise LayerError(f"{path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    finally:
        book.close()


def write_book(table: pd.DataFrame, path: Path, sheet: str) -> None:
    """Write a table as a workbook, every text as text, the same bytes for the same table."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(sheet)
    page.freeze_panes = "A2"
    for row in ([*table.columns], *table.itertuples(index=False, name=None)):
        cells = []
        for value in row:
            text = isinstance(value, str)
            cell = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub(" ", value) if text else value)
            if text:
                cell.data_type = "s"  # a name that begins with = is no formula
            cells.append(cell)
        page.append(cells)
    made = io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2000-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _require_readable(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(4)
        if head != OLD:
            return
        before = b""
        while chunk := stream.read(1 << 20):
            if PROTECTED in before + chunk:
                raise LayerError(f"{path} is protected by a password. Open it, and save it without one.")
            before = chunk[-len(PROTECTED) :]
    raise LayerError(f"{path} is an old workbook (XLS). Open it, and save it as XLSX.")
