"""Tables in CSV: read as text, and written again row by row, with only the cells that change written anew."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from geomerge.errors import LayerError
from geomerge.files.revision import Revision, as_text

DELIMITERS = ";,\t|"
BATCH = 65_536  # rows written at once
LONGEST_CELL = 2**31 - 1


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


def sniff(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a CSV file is written; LayerError if its encoding or its header cannot be read."""
    name = _encoding(path, encoding)
    _require_encoding(path, name)
    return dialect_of(path, name)


def dialect_of(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a CSV file is written by its header alone; the rest of it may turn out to be otherwise."""
    name = _encoding(path, encoding)
    with _opened(path, name) as stream:
        text = stream.readline()
        while text.count('"') % 2 and (more := stream.readline()):
            text += more
    if not text.strip("\r\n"):
        raise LayerError(f"{path} is empty. A table needs a header row.")
    split = {delimiter: cells(text.rstrip("\r\n"), delimiter) or [] for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: len(split[mark]))
    header: list[str] = []
    for cell in split[delimiter]:
        title, number = value_of(cell), 0
        while (f"{title}.{number}" if number else title) in header:
            number += 1
        header.append(f"{title}.{number}" if number else title)
    return Dialect(name, delimiter, tuple(header))


def _encoding(path: Path, encoding: str | None) -> str:
    """Return the encoding that a file is said to have, and what marks it at its beginning."""
    with path.open("rb") as stream:
        marked = stream.read(3) == b"\xef\xbb\xbf"
    name = encoding or "utf-8"
    return "utf-8-sig" if marked and name.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig") else name


def _require_encoding(path: Path, name: str) -> None:
    """Raise LayerError unless a file is in an encoding, checked line by line."""
    with path.open("rb") as stream:
        number, line = 0, b""
        try:
            for number, line in enumerate(stream, start=1):  # noqa: B007
                line.decode(name)
        except UnicodeDecodeError as error:
            raise LayerError(
                f"{path} is not {name}: line {number} holds byte 0x{line[error.start]:02X}. "
                f"Name its encoding, for example encoding: ISO-8859-1."
            ) from error
        except LookupError as error:
            raise LayerError(f"{path}: {name} is no encoding. Write for example UTF-8 or ISO-8859-1.") from error


def _opened(path: Path, encoding: str) -> Any:
    return path.open(encoding=encoding, newline="\n")  # lines end with \n; a \r before it stays


def read(path: Path, encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV file, every value as text; empty values are missing.

    Raises
    ------
    LayerError
        If the encoding is another, or a row has more or fewer values than the header.
    """
    dialect = sniff(path, encoding)
    rows: list[list[str | None]] = []
    with path.open(encoding=dialect.encoding, newline="") as stream, _long_cells():
        reader = csv.reader(stream, delimiter=dialect.delimiter)
        next(reader)
        for row in reader:
            if row:
                _require_count(path, reader.line_num, len(row), dialect)
                rows.append([value or None for value in row])
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(dialect.header)
    table = pd.DataFrame(
        {name: pd.Series(values, dtype="str") for name, values in zip(dialect.header, columns, strict=True)}
    )
    table.index = pd.RangeIndex(len(rows), name="fid")
    return table


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells hold geometry as text, which is longer than the csv module expects."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _require_count(path: Path, line: int, count: int, dialect: Dialect) -> None:
    if count != len(dialect.header):
        raise LayerError(
            f"{path} line {line} has {count} values, but the header has {len(dialect.header)}. "
            f"Correct the row; a value that holds {dialect.delimiter!r} must stand in quotes."
        )


def rewrite(source: Path, target: Path, revision: Revision, encoding: str | None = None) -> None:
    """Copy a CSV file row by row; cells that do not change are copied as they are written.

    Parameters
    ----------
    source, target
        Files.
    revision
        What changes, by row number.
    encoding
        Encoding of the source, where it is not UTF-8.
    """
    dialect = sniff(source, encoding)
    place = {name: at for at, name in enumerate(dialect.header)}
    if strange := [name for name in revision.changed if name not in place]:
        raise LayerError(f"{source} has no column {', '.join(strange)}. It has {', '.join(dialect.header)}.")
    values = {row: {place[name]: v for name, v in new.items()} for row, new in revision.cells.items()}
    removed, copied = set(revision.removed), dict.fromkeys(revision.added.values(), "")
    line_end = "\n"
    try:
        with (
            _opened(source, dialect.encoding) as old,
            target.open("w", encoding=dialect.encoding, newline="") as out,
        ):
            ended = True
            for number, line, text in _records(source, old, dialect):
                if number in copied:
                    copied[number] = text
                if number is None or number not in removed:
                    out.write(
                        _changed(source, line, text, values.get(number, {}), dialect) if number is not None else text
                    )
                ended = text.endswith("\n")
                line_end = "\r\n" if text.endswith("\r\n") else line_end
            for new, like in revision.added.items():
                text = copied[like].rstrip("\r\n") + line_end
                out.write(("" if ended else line_end) + _changed(source, 0, text, values.get(new, {}), dialect))
                ended = True
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        raise LayerError(
            f"{target}: {dialect.encoding} has no letter {letter!r}. Convert {source} to UTF-8 first."
        ) from error


def _records(path: Path, stream: Any, dialect: Dialect) -> Iterator[tuple[int | None, int, str]]:
    """Yield row number, line number and text of each record; header and empty lines have no row number."""
    row, line, header = 0, 0, True
    for text in stream:
        line += 1
        first = line
        while '"' in text and cells(text.rstrip("\r\n"), dialect.delimiter) is None:
            more = stream.readline()
            if not more:
                raise LayerError(f"{path} line {first}: a quote is opened and never closed. Close it.")
            text, line = text + more, line + 1
        if header or not text.strip("\r\n"):
            header = False
            yield None, first, text
            continue
        yield row, first, text
        row += 1


def _changed(path: Path, line: int, text: str, new: dict[int, Any], dialect: Dialect) -> str:
    if not new:
        return text
    body = text.rstrip("\r\n")
    found = cells(body, dialect.delimiter) or []
    _require_count(path, line, len(found), dialect)
    for at, value in new.items():
        if value_of(found[at]) != as_text(value):
            found[at] = as_cell(as_text(value), found[at].startswith('"'), dialect.delimiter)
    return dialect.delimiter.join(found) + text[len(body) :]


def cells(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a record as they are written, quotes and all; None if a quote is not closed.

    Examples
    --------
    >>> cells('a;"b;c";d "e"', ";"), cells('a;"b', ";")
    (['a', '"b;c"', 'd "e"'], None)
    """
    if '"' not in text:
        return text.split(delimiter)
    found, start, at, inside = [], 0, 0, False
    while at < len(text):
        mark = text[at]
        if inside:
            if mark == '"':
                if text[at + 1 : at + 2] == '"':
                    at += 1
                else:
                    inside = False
        elif mark == '"' and at == start:
            inside = True
        elif mark == delimiter:
            found.append(text[start:at])
            start = at + 1
        at += 1
    return None if inside else [*found, text[start:]]


def value_of(cell: str) -> str:
    """Return the value of a cell as it is written.

    Examples
    --------
    >>> value_of('"a ""b"" c"'), value_of("c")
    ('a "b" c', 'c')
    """
    if not cell.startswith('"'):
        return cell
    end = cell.rfind('"')
    return cell[1:end].replace('""', '"') + cell[end + 1 :]


def as_cell(value: str, quoted: bool, delimiter: str) -> str:
    """Return a value as a cell is written, in quotes if it was so before, or if it must be.

    Examples
    --------
    >>> as_cell("a;b", False, ";"), as_cell("0710", True, ";"), as_cell("0710", False, ";")
    ('"a;b"', '"0710"', '0710')
    """
    if quoted or any(mark in value for mark in (delimiter, '"', "\r", "\n")):
        return '"' + value.replace('"', '""') + '"'
    return value


def write(path: Path, header: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """Write a new CSV file in UTF-8, with commas."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([as_text(value) for value in row] for row in rows)


def write_header(stream: BinaryIO, columns: Iterable[str]) -> None:
    """Write the first line of a table in UTF-8, with commas."""
    stream.write(pd.DataFrame(columns=list(columns)).to_csv(index=False, lineterminator="\n").encode())


def write_rows(stream: BinaryIO, table: pd.DataFrame, *, decimals: str = "%.6g") -> None:
    """Write the rows of a table without its index; large ones column by column, not value by value.

    Parameters
    ----------
    stream
        Where to write.
    table
        Columns of texts, whole numbers or decimal numbers.
    decimals
        How decimal numbers are written.
    """
    for start in range(0, len(table), BATCH):
        part = table.iloc[start : start + BATCH]
        columns = [_texts(part[name], decimals) for name in part.columns]
        if any(column is None for column in columns):
            text = part.to_csv(index=False, header=False, lineterminator="\n", float_format=decimals)
            stream.write(text.encode())
            continue
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, ","), "", "\n")
        stream.write(memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()])


def _texts(column: pd.Series, decimals: str) -> pa.Array | None:
    """Return a column as it is written, missing values empty; None where values of its type are not known here."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return pa.array(column.to_numpy()).cast(pa.string())
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        texts = np.full(len(column), "", dtype=object)
        texts[~missing] = [decimals % value for value in column.to_numpy()[~missing].tolist()]
        return pa.array(texts, type=pa.string())
    if pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty"):
        values = column.to_numpy(dtype=object)[~missing]
        if not all(isinstance(value, str | int) for value in values):
            return None
        column = pd.Series(None, index=column.index, dtype=object).mask(~missing, column.map(str))
    found = pa.array(column, type=pa.string(), from_pandas=True).fill_null("")
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    data = bytes(found.buffers()[2] or b"")
    if b"\r" in data:  # Python quotes it or not, from version to version
        return None
    if not any(mark in data for mark in (b",", b'"', b"\n")):
        return found
    marked = pc.match_substring_regex(found, '[,"\n]')
    inner = pc.replace_substring(found, '"', '""')
    return pc.if_else(marked, pc.binary_join_element_wise('"', inner, '"', ""), found)
