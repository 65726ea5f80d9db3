"""Sheets of Excel workbooks as bytes: where each cell stands in the XML, and the XML of a cell with another value.

Source: ECMA-376, Office Open XML File Formats, part 1, 18.3.1.4 (c) and 18.4 (shared strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from geomerge.errors import LayerError

WANTED = ("c", "v", "t", "f", "row")
NUMBER = re.compile(r"[-+]?\d+(\.0*)?$")


@dataclass
class Cell:
    """A cell of a sheet.

    Parameters
    ----------
    row, column
        Number of its row, and its column in letters.
    kind
        What its value is: ``s`` the number of a shared string, ``inlineStr``, ``str``, ``n`` and others.
    start, end
        Where its element stands in the XML.
    text
        What its value says.
    formula
        Whether it is computed.
    """

    row: int
    column: str
    kind: str
    start: int
    end: int = 0
    text: str = ""
    formula: bool = False


def cells(xml: bytes, name: str) -> Iterator[Cell]:
    """Yield the cells of a sheet in order; LayerError if it is no XML.

    Examples
    --------
    >>> xml = b'<sheetData><row r="2"><c r="B2" t="s"><v>0</v></c><c><f>1+1</f><v>2</v></c></row></sheetData>'
    >>> [(cell.row, cell.column, cell.kind, cell.text, cell.formula) for cell in cells(xml, "a.xlsx")]
    [(2, 'B', 's', '0', False), (2, 'C', 'n', '2', True)]
    """
    parser = _Parser()
    yield from parser.parsed(xml, name)


class _Parser:
    def __init__(self) -> None:
        self.found: list[Cell] = []
        self.row = self.at = 0
        self.cell: Cell | None = None
        self.text: list[str] | None = None
        self.phonetic = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data

    def parsed(self, xml: bytes, name: str) -> list[Cell]:
        try:
            self.parser.Parse(xml, True)
        except expat.ExpatError as error:
            raise LayerError(f"{name} is damaged: {error}. Open and save it in a spreadsheet program.") from error
        for cell in self.found:
            close = xml.index(b">", cell.end) + 1 if xml[cell.end : cell.end + 2] == b"</" else cell.end
            cell.end = close
        return self.found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "row":
            self.row, self.at = int(attributes.get("r", self.row + 1)), 0
        elif name == "c":
            letters = re.sub(r"\d+$", "", attributes.get("r", "")) or letters_of(self.at + 1)
            self.at = number_of(letters)
            self.cell = Cell(self.row, letters, attributes.get("t", "n"), self.parser.CurrentByteIndex)
        elif name == "f" and self.cell is not None:
            self.cell.formula = True
        elif name == "rPh":
            self.phonetic += 1
        elif name in ("v", "t") and self.cell is not None and not self.phonetic:
            self.text = []

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name == "rPh":
            self.phonetic -= 1
        elif name in ("v", "t") and self.text is not None and self.cell is not None:
            self.cell.text += "".join(self.text)
            self.text = None
        elif name == "c" and self.cell is not None:
            self.cell.end = self.parser.CurrentByteIndex
            self.found.append(self.cell)
            self.cell = None

    def _data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)


def number_of(letters: str) -> int:
    """Return the number of a column.

    Examples
    --------
    >>> number_of("A"), number_of("AB"), letters_of(28)
    (1, 28, 'AB')
    """
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found


def letters_of(number: int) -> str:
    """Return the letters of a column."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def value_of(cell: Cell, shared: list[str]) -> Any:
    """Return what a cell holds: a text or a number; a formula begins with an equals sign."""
    if cell.formula:
        return "="
    if cell.kind == "s":
        return shared[int(cell.text)] if cell.text.strip().isdigit() else ""
    if cell.kind == "b":
        return cell.text.strip() == "1"
    if cell.kind != "n":
        return cell.text
    if not cell.text.strip():
        return None
    return int(cell.text.partition(".")[0]) if NUMBER.match(cell.text.strip()) else float(cell.text)


def changed(element: bytes, cell: Cell, value: Any, add: Any) -> bytes:
    """Return the XML of a cell with another value; its style and all else stay.

    Parameters
    ----------
    element, cell
        The XML, and what it says.
    value
        New value, a text or a number.
    add
        Adds a text to the shared strings, and returns its number.
    """
    if cell.kind == "n":
        return _between(element, b"v", str(value).encode())
    if cell.kind == "s":
        return _between(element, b"v", str(add(value)).encode())
    written = escape(value).encode()
    if cell.kind == "inlineStr":
        found = re.search(rb"<(\w+:)?is(?:\s[^>]*)?>", element)
        prefix = (found[1] or b"") if found is not None else b""
        inner = b'<%st xml:space="preserve">%s</%st>' % (prefix, written, prefix)
        return _between(element, b"is", inner)
    return _between(element, b"v", written)


def _between(element: bytes, tag: bytes, content: bytes) -> bytes:
    found = re.search(rb"<(?:\w+:)?" + tag + rb"(?:\s[^>]*)?>(.*?)</(?:\w+:)?" + tag + rb"\s*>", element, re.DOTALL)
    if found is None:
        raise LayerError(f"{element[:80]!r} holds no value. Open and save the workbook in a spreadsheet program.")
    return element[: found.start(1)] + content + element[found.end(1) :]
