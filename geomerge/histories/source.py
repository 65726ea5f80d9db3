"""What an official list is read from: a file or an address, as text, rows or JSON, whatever its encoding."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import urllib.error
import urllib.request
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from geomerge.errors import InputError
from geomerge.files import csvfile

HEAD = 65_536  # bytes that show what a file is
SECONDS = 60
SHOWN = 5  # rows a message names before it counts the others

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_PART_OF_UTF8 = re.compile(rb"[\xc2-\xc5][\x80-\x9f\xa1-\xbf]")  # in Windows-1252 no word holds these pairs
_NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class Source:
    """A file or an address; nothing is read before it is asked for.

    Parameters
    ----------
    name
        Path or address (``https://...``).

    Examples
    --------
    >>> Source("https://data.ssb.no/api/klass/v1/classifications/131").is_address
    True
    """

    name: str

    @property
    def is_address(self) -> bool:
        """Whether the source lies in the network."""
        return _ADDRESS.match(self.name) is not None

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file; nothing of an address, which is not fetched to see what it is."""
        if self.is_address:
            return b""
        try:
            with Path(self.name).open("rb") as stream:
                return stream.read(HEAD)
        except OSError as error:
            raise InputError(f"{self.name} cannot be read: {error.strerror}.") from error

    @cached_property
    def data(self) -> bytes:
        """All bytes of a file."""
        return self.head if self.is_address or len(self.head) < HEAD else Path(self.name).read_bytes()

    @property
    def is_workbook(self) -> bool:
        """Whether the file is an XLSX workbook, whatever it is called."""
        return self.head.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in self.head

    @property
    def is_json(self) -> bool:
        """Whether the file looks like JSON."""
        return self.head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The column names of a file with separated values; none where it is something else."""
        if self.is_workbook or self.is_json or b"\x00" in self.head:
            return ()
        line = self.head.removeprefix(codecs.BOM_UTF8).decode("latin-1").splitlines()
        return tuple(cell.strip().strip('"').strip() for cell in _split(line[0])) if line else ()

    def table(self) -> pd.DataFrame:
        """Return a file with separated values, all as text; the index counts rows as people do.

        Raises
        ------
        InputError
            If the encoding cannot be told, or rows are longer than the header.
        """
        return table_of(decoded(self.data, self.name), self.name)

    def json(self) -> Any:
        """Return what a JSON file holds; InputError with the place if it is not well-formed."""
        return json_of(decoded(self.data, self.name), self.name)

    @cached_property
    def sheet(self) -> list[list[Any]]:
        """The cells of the first sheet of a workbook."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of styles and extensions that do not touch the values
                book = openpyxl.load_workbook(io.BytesIO(self.data), data_only=True)
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise InputError(f"{self.name} is no XLSX file. Save it as an Excel workbook (.xlsx).") from error
        return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def decoded(data: bytes, name: str) -> str:
    r"""Return the text of a file in UTF-8, Windows-1252 or ISO-8859-1.

    UTF-8 is told by its form. What is not UTF-8 is ISO-8859-1, or Windows-1252 where it holds bytes that
    ISO-8859-1 has no letter for.

    Raises
    ------
    InputError
        If it is none of them, or some lines are UTF-8 and others are not.

    Examples
    --------
    >>> decoded(b"\x8aibenik, R\xf8yrvik", "list.csv")
    'Šibenik, Røyrvik'
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(data, name, error.start)
    if _PART_OF_UTF8.search(data):
        raise InputError(f"{place} is not UTF-8, but other letters of the file are. Save it in one encoding.")
    if re.search(rb"[\x80-\x9f]", data) is None:
        return data.decode("iso-8859-1")
    try:
        return data.decode("windows-1252")
    except UnicodeDecodeError as error:
        place = _place(data, name, error.start)
        raise InputError(f"{place} is no letter in UTF-8, ISO-8859-1 or Windows-1252. Save it as UTF-8.") from error


def _place(data: bytes, name: str, at: int) -> str:
    line = data.count(b"\n", 0, at) + 1
    return f"{name} row {line}: byte 0x{data[at]:02X}"


def table_of(text: str, name: str) -> pd.DataFrame:
    """Return separated values as a table of text; values that a row leaves out at its end are empty."""
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise InputError(f"{name} is empty. A list needs a header row.")
    delimiter = _delimiter(lines[0])
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{name} is no table: {error}. Is a quote opened and never closed?") from error
    header = [_clean(cell) for cell in records[0]]
    if twice := [cell for cell, count in Counter(header).items() if cell and count > 1]:
        raise InputError(f"{name} row 1: several columns are called {', '.join(twice)}. Keep one.")
    rows: dict[int, list[str]] = {}
    long: list[int] = []
    for number, record in enumerate(records[1:], start=2):
        cells = [_clean(cell) for cell in record]
        if any(cells[len(header) :]):
            long.append(number)
        elif any(cells):
            rows[number] = cells[: len(header)] + [""] * (len(header) - len(cells))
    if long:
        raise InputError(
            f"{name} {named(long)}: more values than the header has columns. "
            f"A value that holds {delimiter!r} must stand in quotes."
        )
    return pd.DataFrame(list(rows.values()), index=list(rows), columns=header, dtype="str")


def json_of(text: str, name: str) -> Any:
    """Return what a JSON text holds; InputError with the place if it is not well-formed."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{name} row {error.lineno} is no JSON: {error.msg}. Fetch the file again.") from error


def _delimiter(line: str) -> str:
    return max(csvfile.DELIMITERS, key=lambda mark: len(csvfile.cells(line, mark) or []))


def _split(line: str) -> list[str]:
    return csvfile.cells(line, _delimiter(line)) or []


def _clean(text: str) -> str:
    return text.replace(_NO_BREAK_SPACE, " ").strip()


def fetch(address: str, missing: str = "Check the address.") -> str:
    """Return the text (JSON) a service answers with; ``missing`` is the remedy where it finds nothing (404).

    Raises
    ------
    InputError
        If it cannot be reached or answers with a fault; the message holds the address and the status.
    """
    request = urllib.request.Request(address, headers={"Accept": "application/json", "Accept-Charset": "utf-8"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return decoded(answer.read(), address)
    except urllib.error.HTTPError as error:
        remedy = missing if error.code == HTTPStatus.NOT_FOUND else "Try again later, or read a saved answer."
        with error:
            raise InputError(f"{address} answers {error.code} ({error.reason}). {remedy}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(f"{address} cannot be reached: {reason}. Save the answer as a file and read that.") from error


def named(rows: Iterable[Any], word: str = "row") -> str:
    """Return the numbers of rows as people name them.

    Examples
    --------
    >>> named([4]), named([4, 7]), named(range(2, 20))
    ('row 4', 'rows 4 and 7', 'rows 2, 3, 4, 5, 6 and 13 more')
    """
    numbers = [str(row) for row in rows]
    shown, more = numbers[:SHOWN], len(numbers) - SHOWN
    if len(shown) == 1:
        return f"{word} {shown[0]}"
    words = f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"
    return (
        f"{words} {', '.join(shown)} and {more} more"
        if more > 0
        else f"{words} {', '.join(shown[:-1])} and {shown[-1]}"
    )
