"""Recode a CSV file: only the bytes of cells that change are written anew, in blocks of bounded size, on all cores."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from geomerge.errors import LayerError
from geomerge.files import csvfile
from geomerge.files.csvfile import Dialect
from geomerge.files.headers import column_names
from geomerge.recode.blocks import BLOCK, Scan, blocks, is_utf8, scan, spliced, texts
from geomerge.recode.cells import Cells, Indices
from geomerge.recode.groups import Told
from geomerge.recode.tally import Identify, Tally
from geomerge.recode.translate import require_columns, translate_cells
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig
from geomerge.threads import cores

ONE_BYTE = ("ascii", "iso8859", "cp125", "cp437", "cp85", "cp86", "koi8", "mac")
MOST_LINES = 100_000  # of one record; more mean a quote that is never closed

Part = tuple[bytes, Scan]


class _Unusual(Exception):
    """Quotes stand where they tell nothing, so that the file must be read record by record."""


@dataclass(frozen=True)
class _Done:
    """A block that is recoded."""

    content: bytes | memoryview
    told: Told
    place: Indices
    table: Mapping[str, Cells]
    ids: Identify | None
    scan: Scan


def recode_csv(source: Path, target: Path | None, register: RegisterConfig, translation: Translation) -> Tally:
    """Recode a CSV file into another one; nothing is written without a target.

    Raises
    ------
    LayerError
        If it is in another encoding, or a quote is opened and never closed. A row with more or fewer cells than
        the header is for review, and stays.
    """
    dialect = _dialect(source, register)
    if not set(register.wanted) <= set(dialect.header):  # then as an inventory calls them
        dialect = replace(dialect, header=column_names(dialect.header))
    require_columns(dialect.header, register)
    work = _Work(source, dialect, register, translation)
    try:
        return work.carry_out(target, usual=True)
    except _Unusual:
        return work.carry_out(target, usual=False)


def _dialect(source: Path, register: RegisterConfig) -> Dialect:
    try:
        dialect = csvfile.dialect_of(source, register.encoding)
    except UnicodeDecodeError:
        dialect = csvfile.sniff(source, register.encoding)  # tells the line
    name = codecs.lookup(dialect.encoding).name
    if not name.startswith(("utf-8", *ONE_BYTE)):
        raise LayerError(
            f"{source} is {dialect.encoding}, in which bytes of a letter look like others. Save it as UTF-8."
        )
    return dialect


class _Work:
    def __init__(self, source: Path, dialect: Dialect, register: RegisterConfig, translation: Translation) -> None:
        self.source, self.dialect, self.register, self.translation = source, dialect, register, translation
        self.names = list(register.wanted)
        self.columns = [dialect.header.index(name) for name in self.names]
        self.encoding = codecs.lookup(dialect.encoding.removesuffix("-sig")).name

    def carry_out(self, target: Path | None, *, usual: bool) -> Tally:
        """Recode the file block by block, in order."""
        tally = Tally(self.register)
        with self.source.open("rb") as old, target.open("wb") if target else nullcontext() as new:
            head = next(_records(old, self.dialect.delimiter, self.source))
            if new is not None:
                new.write(head)
            parts = self._usual(old) if usual else self._unusual(old)
            for done in parts:
                broken = {row: self._broken(count) for row, count in done.scan.broken.items()}
                tally.add(done.told, done.place, done.table, ids=done.ids, numbers=done.scan.rows, broken=broken)
                if new is not None:
                    new.write(done.content)
        return tally

    def _broken(self, count: int) -> str:
        return f"row has {count} values, the header {len(self.dialect.header)}"

    def _usual(self, stream: BinaryIO) -> Iterator[_Done]:
        """Yield blocks in order, some of them worked on at the same time."""
        with ThreadPoolExecutor(cores()) as pool:
            waiting: deque[Future[_Done]] = deque()
            for data in blocks(stream):
                if len(data) > 2 * BLOCK:
                    raise _Unusual
                waiting.append(pool.submit(self._block, data))
                if len(waiting) > cores():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _block(self, data: bytes) -> _Done:
        found = scan(data, self.dialect.delimiter, len(self.dialect.header), self.columns)
        if found is None:
            raise _Unusual
        return self._recoded(data, found)

    def _unusual(self, stream: BinaryIO) -> Iterator[_Done]:
        """Yield blocks found record by record, as the csv module finds them."""
        data: list[bytes] = []
        size = 0
        for record in _records(stream, self.dialect.delimiter, self.source):
            data.append(record)
            size += len(record)
            if size > BLOCK:
                yield self._recoded(*self._listed(data))
                data, size = [], 0
        if data:
            yield self._recoded(*self._listed(data))

    def _listed(self, records: list[bytes]) -> Part:
        starts: list[list[int]] = [[] for _ in self.columns]
        ends: list[list[int]] = [[] for _ in self.columns]
        rows: list[int] = []
        broken: dict[int, int] = {}
        begin, row = 0, 0
        for record in records:
            text = record.rstrip(b"\r\n").decode("latin-1")  # one character a byte
            cells = csvfile.cells(text, self.dialect.delimiter) or []
            if text and len(cells) == len(self.dialect.header):
                edges = np.cumsum([begin, *(len(cell) + 1 for cell in cells)])
                for at, column in enumerate(self.columns):
                    starts[at].append(int(edges[column]))
                    ends[at].append(int(edges[column + 1]) - 1)
                rows.append(row)
            elif text:
                broken[row] = len(cells)
            row += bool(text)
            begin += len(record)
        first, last = (tuple(np.array(column, dtype=np.int64) for column in side) for side in (starts, ends))
        return b"".join(records), Scan(first, last, np.array(rows, dtype=np.int64), broken)

    def _recoded(self, data: bytes, found: Scan) -> _Done:
        """Return a block with the new values in the cells that change."""
        self._require_encoding(data)
        written: dict[str, list[str]] = {}
        table: dict[str, Cells] = {}
        for name, starts, ends in zip(self.register.needed, found.starts, found.ends, strict=False):
            cells = texts(data, starts, ends)
            written[name] = [cell.decode(self.encoding) for cell in cells.dictionary.to_pylist()]
            place = cells.indices.to_numpy().astype(np.intp)
            table[name] = Cells(place, tuple(map(csvfile.value_of, written[name])))
        told, place, combinations = translate_cells(table, len(found.rows), self.register, self.translation)
        content = self._written(data, found, told, place, combinations, written)
        return _Done(content, told, place, combinations, self._identify(data, found), found)

    def _identify(self, data: bytes, found: Scan) -> Identify | None:
        if self.register.id is None:
            return None
        at = self.names.index(self.register.id)
        starts, ends = found.starts[at], found.ends[at]
        return lambda rows: [
            csvfile.value_of(data[starts[row] : ends[row]].decode(self.encoding)) for row in rows.tolist()
        ]

    def _written(
        self,
        data: bytes,
        found: Scan,
        told: Told,
        place: Indices,
        combinations: Mapping[str, Cells],
        written: Mapping[str, list[str]],
    ) -> bytes | memoryview:
        starts, ends, cells = [], [], []
        for name, changed in told.changed.items():
            if changed.any():
                at = self.names.index(name)
                rows = np.flatnonzero(changed[place])
                new = self._cells(told, name, combinations[name], written[name])
                starts.append(found.starts[at][rows])
                ends.append(found.ends[at][rows])
                cells.append(new.take(pa.array(place[rows])))
        if not starts:
            return data
        if len(starts) == 1:
            return spliced(data, starts[0], ends[0], cells[0])
        begin = np.concatenate(starts)
        order = np.argsort(begin, kind="stable")
        return spliced(data, begin[order], np.concatenate(ends)[order], pa.concat_arrays(cells).take(pa.array(order)))

    def _cells(self, told: Told, name: str, cells: Cells, written: list[str]) -> pa.Array:
        """Return the new cell of each combination as it is written, quoted if the old one was."""
        made: list[bytes | None] = [None] * len(told.outcome)
        for row in np.flatnonzero(told.changed[name]).tolist():
            before = written[cells.place[row]]
            text = csvfile.as_cell(str(told.new[name][row]), before.startswith('"'), self.dialect.delimiter)
            try:
                made[row] = text.encode(self.encoding)
            except UnicodeEncodeError as error:
                letter = error.object[error.start]
                raise LayerError(
                    f"{self.source}: {self.encoding} has no letter {letter!r}. Convert the file to UTF-8 first."
                ) from error
        return pa.array(made, type=pa.binary())

    def _require_encoding(self, data: bytes) -> None:
        if self.encoding == "utf-8" and not is_utf8(data):
            csvfile.sniff(self.source, self.register.encoding)  # tells the line


def _records(stream: BinaryIO, delimiter: str, path: Path) -> Iterator[bytes]:
    """Yield the records of a stream with their ends, whatever their quotes look like."""
    for line in stream:
        record, lines = line, 1
        while b'"' in record and csvfile.cells(record.rstrip(b"\r\n").decode("latin-1"), delimiter) is None:
            more = stream.readline()
            lines += 1
            if not more or lines > MOST_LINES:
                start = line[:60].decode("latin-1").rstrip()
                raise LayerError(
                    f"{path}: a quote is opened and never closed in the row that begins {start!r}. Close it."
                )
            record += more
        yield record
