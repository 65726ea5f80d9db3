"""Text files: their encoding, how their cells are divided, and their rows, some at a time, however large the file."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from geomerge.errors import LayerError
from geomerge.files.headers import column_names

DELIMITERS = ";,\t|"
HEAD = 65_536  # bytes and characters by which a file is judged
CHUNK = 1 << 20
LONGEST = 1 << 24  # characters of a cell; geometry is long, a quote that nobody closed is longer
BATCH = 5000
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ONLY_IN_WINDOWS = frozenset(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}
UNUSED_IN_WINDOWS = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])


@dataclass
class TextTable:
    """A table in a text file.

    Parameters
    ----------
    path
        The file, also one that is packed (``.gz``).
    encoding
        Encoding of the text.
    delimiter
        What divides cells.
    header
        Names of the columns; what has none is called by its place.
    broken
        Rows with more cells than the header, which are left out, and with fewer, whose last ones are taken as
        empty; by their number of cells, counted while rows are read.
    first_broken
        Line near which the first of them is.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    broken: Counter[int] = field(default_factory=Counter)
    first_broken: int | None = None

    def batches(self) -> Iterator[list[list[str]]]:
        """Yield the rows, some thousand at a time; those with other numbers of cells than the header are counted."""
        width = len(self.header)
        with opened(self.path, self.encoding) as stream, _long_cells():
            reader = csv.reader(stream, delimiter=self.delimiter)
            try:
                next(reader)
                while batch := list(itertools.islice(reader, BATCH)):
                    if any(len(row) != width for row in batch):
                        self._note(batch, width, reader.line_num)
                        batch = [[*row, *[""] * (width - len(row))] for row in batch if 0 < len(row) <= width]
                    yield batch
            except csv.Error as error:
                raise LayerError(
                    f"{self.path} line {reader.line_num} cannot be read: {error}. Is a quote opened and never closed?"
                ) from error

    def _note(self, batch: list[list[str]], width: int, last: int) -> None:
        for place, row in enumerate(batch):
            if row and len(row) != width:
                self.broken[len(row)] += 1
                if self.first_broken is None:
                    self.first_broken = max(last - len(batch) + place + 1, 2)

    def concern(self) -> str:
        """Return what is wrong with the rows that were read, empty if nothing is."""
        width = len(self.header)
        long = sum(rows for cells, rows in self.broken.items() if cells > width)
        short = self.broken.total() - long
        said = [
            f"{count} {'row has' if count == 1 else 'rows have'} {what} values than the header ({width}); {done}"
            for count, what, done in (
                (long, "more", f"left out. A value with {self.delimiter!r} stands in quotes"),
                (short, "fewer", "the last were taken as empty"),
            )
            if count
        ]
        return f"{'. '.join(said)}. The first is near line {self.first_broken}." if said else ""


def read_text(path: Path) -> TextTable:
    """Return how a text file is written; LayerError if it is empty, or no table.

    Parameters
    ----------
    path
        The file.
    """
    encoding = encoding_of(path)
    with opened(path, encoding) as stream, _long_cells():
        head = stream.read(HEAD)
        if not head.strip():
            raise LayerError(f"{path} is empty. A table needs a header row.")
        if "\0" in head:
            raise LayerError(f"{path} is no text. Is it named like what it is?")
        delimiter = _delimiter(head)
        try:
            names = next(csv.reader(io.StringIO(head), delimiter=delimiter))
        except (csv.Error, StopIteration) as error:
            raise LayerError(f"{path}: its header row cannot be read: {error}. Correct it.") from error
    return TextTable(path, encoding, delimiter, column_names(names))


def _delimiter(head: str) -> str:
    """Return what divides the header into most cells, and the next rows into as many."""
    lines = head.splitlines()[:21]
    lines = lines if len(head) < HEAD or len(lines) < 2 else lines[:-1]

    def fit(mark: str) -> tuple[int, int]:
        rows = [row for row in csv.reader(lines, delimiter=mark) if row]
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0, width)

    return max(DELIMITERS, key=fit)


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: by its mark, as UTF-8 where all of it is, else that of Windows or Latin-1.

    Raises
    ------
    LayerError
        If the file is packed and damaged.
    """
    with raw(path) as stream:
        head = stream.read(HEAD)
        for mark, name in MARKS:
            if head.startswith(mark):
                return name
        if wide := _wide(head):
            return wide
        decoder = codecs.getincrementaldecoder("utf-8")()
        high: set[int] = set()
        utf8, chunk = True, head
        while chunk:
            if utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
            high.update(chunk.translate(None, bytes(range(128))))
            chunk = stream.read(CHUNK)
        with contextlib.suppress(UnicodeDecodeError):
            if utf8:
                decoder.decode(b"", final=True)
                return "utf-8"
    return "windows-1252" if high & ONLY_IN_WINDOWS and not high & set(UNUSED_IN_WINDOWS) else "ISO-8859-1"


def _wide(head: bytes) -> str | None:
    """Return UTF-16 without a mark, where every other byte is zero."""
    even, odd = head[::2], head[1::2]
    if len(head) < 4 or b"\0" not in head:
        return None
    if odd.count(0) > 0.4 * len(odd) and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if even.count(0) > 0.4 * len(even) and not odd.count(0) else None


@contextlib.contextmanager
def raw(path: Path) -> Iterator[IO[bytes]]:
    """Open a file as bytes, unpacked where it is packed; LayerError if what is packed is damaged."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as plain:
            yield plain
        return
    try:
        with gzip.open(path, "rb") as packed:
            yield packed  # type: ignore[misc]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LayerError(f"{path} is damaged or cut short: {error}. Get a fresh copy of it.") from error


@contextlib.contextmanager
def opened(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a text file; LayerError where its bytes are no text after all."""
    with raw(path) as stream:
        try:
            yield io.TextIOWrapper(stream, encoding=encoding, newline="")
        except UnicodeDecodeError as error:
            raise LayerError(f"{path} is not {encoding} throughout: {error.reason}. Convert it to UTF-8.") from error


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
