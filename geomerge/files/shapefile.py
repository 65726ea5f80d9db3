"""Shapefiles in place: records are copied as they are, and only the bytes of what changes are written anew.

Sources: ESRI Shapefile Technical Description, July 1998; dBASE III file structure.
"""

from __future__ import annotations

import datetime as dt
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from geomerge.errors import LayerError
from geomerge.files.guards import sidecars
from geomerge.files.revision import Revision

HEADER = 100
PLACES = (".qix", ".sbn", ".sbx", ".fbn", ".fbx")  # indexes of shapes, wrong as soon as these change
VALUES = (".atx", ".idm", ".ind", ".ain", ".aih", ".ixs", ".mxs")  # and of values
MISSING = {"N": b"*", "F": b"*", "D": b"0", "L": b"?", "C": b" "}  # as GDAL writes them
LANGUAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x57: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip

Draw = Callable[[Path, Any], Path]


@dataclass(frozen=True)
class Column:
    """A field of a dBASE table: where it stands in a record, and how it is declared."""

    name: str
    kind: str
    start: int
    width: int
    decimals: int


@dataclass(frozen=True)
class Table:
    """How a dBASE table is declared."""

    header: bytes
    rows: int
    record: int
    columns: tuple[Column, ...]


def encoding(path: Path) -> str:
    """Return the encoding of the texts of a shapefile, by its .cpg file or the language byte of its table."""
    told = beside(path, ".cpg")
    if told is not None:
        name = told.read_text(encoding="ascii", errors="replace").strip().upper()
        digits = "".join(filter(str.isdigit, name))
        if "8859" in digits:
            return f"iso8859-{digits.partition('8859')[2] or 1}"
        known = {
            "UTF-8": "utf-8",
            "UTF8": "utf-8",
            "65001": "utf-8",
            "SYSTEM": "cp1252",
            "LATIN1": "iso8859-1",
        }
        return known.get(name) or (f"cp{digits}" if digits else "utf-8")
    with _require(path, ".dbf").open("rb") as stream:
        return LANGUAGES.get(stream.read(32)[29], "iso8859-1")


def require_whole(path: Path) -> None:
    """Raise LayerError if a shapefile or its table holds less than its header says."""
    if path.suffix.lower() == ".shp":
        head, size = _head(path), path.stat().st_size
        said = int.from_bytes(head[24:28], "big") * 2 if len(head) == HEADER else HEADER
        if size < said:
            raise LayerError(f"{path} is cut short: it has {size} of {said} bytes. Get a fresh copy of it.")
    table = _require(path, ".dbf")
    with table.open("rb") as stream:
        rows, length, record = struct.unpack("<IHH", stream.read(12).ljust(12, b"\0")[4:])
    if table.stat().st_size < length + rows * record or length < 32:
        raise LayerError(f"{table} is cut short: it holds fewer than its {rows} rows. Get a fresh copy of it.")


def rewrite(source: Path, target: Path, revision: Revision, *, text: str, changed_at: str, draw: Draw) -> None:
    """Write a shapefile again with a revision.

    Parameters
    ----------
    source, target
        Files, .shp or a table .dbf alone.
    revision
        What changes, by row number.
    text
        Encoding of texts.
    changed_at
        Day written into the table.
    draw
        Writes geometries as a new shapefile with one record each, of the type of the source, in a folder.
    """
    moved = not (revision.same_rows and revision.geometry.empty)
    stale = (PLACES if moved else ()) + (VALUES if moved or revision.changed else ())
    for suffix, file in sidecars(source).items():
        if suffix not in (".shx", ".dbf") and not suffix.endswith(stale):
            shutil.copyfile(file, target.with_name(target.stem + file.name[len(source.stem) :]))
    rewrite_table(_require(source, ".dbf"), target.with_suffix(".dbf"), revision, text, changed_at)
    if source.suffix.lower() != ".dbf":
        _rewrite_shapes(source, target, revision, draw)


def declared(stream: BinaryIO, path: Path, text: str) -> Table:
    """Read the header of a dBASE table."""
    head = stream.read(32)
    if len(head) < 32:
        raise LayerError(f"{path} is damaged or cut short. Get a fresh copy of it.")
    rows, length, record = struct.unpack("<IHH", head[4:12])
    fields = stream.read(length - 32)
    columns, start = [], 1
    for at in range(0, len(fields) - 31, 32):
        if fields[at] in (0x0D, 0):
            break
        name = fields[at : at + 11].split(b"\0")[0].decode(text, errors="replace")
        kind, width, decimals = chr(fields[at + 11]), fields[at + 16], fields[at + 17]
        width, decimals = (width + 256 * decimals, 0) if kind == "C" else (width, decimals)
        columns.append(Column(name, kind, start, width, decimals))
        start += width
    return Table(head + fields, rows, record, tuple(columns))


def rewrite_table(source: Path, target: Path, revision: Revision, text: str, changed_at: str) -> None:
    """Copy a dBASE table record by record."""
    with source.open("rb") as old, target.open("wb") as new:
        table = declared(old, source, text)
        place = {column.name: column for column in table.columns}
        if strange := [name for name in revision.changed if name not in place]:
            raise LayerError(f"{source} has no column {', '.join(strange)}. It has {', '.join(place)}.")
        cells = {
            row: [(place[name], _bytes(value, place[name], text, source)) for name, value in values.items()]
            for row, values in revision.cells.items()
        }
        removed, copied = set(revision.removed), dict.fromkeys(revision.added.values(), b"")
        year, month, day = (int(part) for part in changed_at[:10].split("-"))
        rows = table.rows - len(removed) + len(revision.added)
        new.write(table.header[:1] + bytes([year - 1900, month, day]) + struct.pack("<I", rows) + table.header[8:])
        for row in range(table.rows):
            record = old.read(table.record)
            if len(record) < table.record:
                raise LayerError(
                    f"{source} is cut short: it ends in row {row} of {table.rows}. Get a fresh copy of it."
                )
            if row in copied:
                copied[row] = record
            if row not in removed:
                new.write(_patched(record, cells.get(row, [])))
        for row, like in revision.added.items():
            new.write(_patched(copied[like], cells.get(row, [])))
        new.write(old.read())


def _patched(record: bytes, cells: list[tuple[Column, bytes]]) -> bytes:
    for column, value in cells:
        record = record[: column.start] + value + record[column.start + column.width :]
    return record


def _bytes(value: Any, column: Column, text: str, path: Path) -> bytes:
    """Return a value as a dBASE table holds it; LayerError if it does not fit."""
    if value is None:
        return MISSING.get(column.kind, b" ") * column.width
    try:
        found = _text(value, column).encode(text)
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        raise LayerError(
            f"{path}: {text} has no letter {letter!r} of {value!r}. Convert the file to UTF-8 first."
        ) from error
    except (ValueError, TypeError) as error:
        raise LayerError(f"{path}: {value!r} does not fit column {column.name} (type {column.kind}).") from error
    if len(found) > column.width:
        raise LayerError(
            f"{path}: {value!r} is longer than column {column.name} is declared, {column.width} bytes. "
            f"Widen the column, or ask for another format (format)."
        )
    return found.rjust(column.width) if column.kind in "NF" else found.ljust(column.width)


def _text(value: Any, column: Column) -> str:
    if column.kind in "NF":
        if not isinstance(value, str) and float(value) != round(float(value), column.decimals):
            raise ValueError(value)
        return str(int(value)) if column.decimals == 0 else f"{float(value):.{column.decimals}f}"
    if column.kind == "D":
        return (
            value.strftime("%Y%m%d") if isinstance(value, dt.date) else dt.date.fromisoformat(value).strftime("%Y%m%d")
        )
    if column.kind == "L":
        return "T" if value else "F"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _rewrite_shapes(source: Path, target: Path, revision: Revision, draw: Draw) -> None:
    index = _require(source, ".shx")
    if revision.same_rows and revision.geometry.empty:
        shutil.copyfile(source, target)
        shutil.copyfile(index, target.with_suffix(".shx"))
        return
    header = source.read_bytes()[:HEADER] if source.stat().st_size < HEADER else _head(source)
    redrawn: dict[int, bytes] = {}
    if not revision.geometry.empty:
        drawn = draw(target.parent, revision.geometry.to_numpy())
        header = _widened(header, _head(drawn), source)
        redrawn = dict(zip(map(int, revision.geometry.index), _records(drawn, drawn.with_suffix(".shx")), strict=True))
        shutil.rmtree(drawn.parent)
    removed, copied = set(revision.removed), dict.fromkeys(revision.added.values(), b"")
    places: list[tuple[int, int]] = []
    with target.open("wb") as new:
        new.write(header)
        for row, record in enumerate(_records(source, index)):
            if row in copied:
                copied[row] = record
            if row not in removed:
                places.append(_write_record(new, len(places), redrawn.get(row, record)))
        for row, like in revision.added.items():
            places.append(_write_record(new, len(places), redrawn.get(row, copied[like])))
        size = new.tell()
        new.seek(24)
        new.write(struct.pack(">i", size // 2))
    rows = b"".join(struct.pack(">2i", *place) for place in places)
    length = struct.pack(">i", (HEADER + len(rows)) // 2)
    target.with_suffix(".shx").write_bytes(header[:24] + length + header[28:] + rows)


def _records(path: Path, index: Path) -> Iterator[bytes]:
    """Yield the content of each record, in the order of the index."""
    places = index.read_bytes()[HEADER:]
    with path.open("rb") as stream:
        for offset, length in struct.iter_unpack(">2i", places[: len(places) // 8 * 8]):
            stream.seek(offset * 2 + 8)
            content = stream.read(length * 2)
            if len(content) < length * 2:
                raise LayerError(f"{path} is cut short: its index names more than it holds. Get a fresh copy of it.")
            yield content


def _write_record(stream: BinaryIO, row: int, content: bytes) -> tuple[int, int]:
    place = stream.tell() // 2, len(content) // 2
    stream.write(struct.pack(">2i", row + 1, place[1]) + content)
    return place


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEADER)


def _widened(header: bytes, other: bytes, path: Path) -> bytes:
    """Return the header of a file with bounds that hold those of another."""
    kind, new = header[32], other[32]
    if new not in (0, kind):
        raise LayerError(
            f"{path} holds shapes of type {kind}, and a new one is of type {new}. Ask for another format (format)."
        )
    if new == 0:
        return header
    a, b = struct.unpack("<8d", header[36:100]), struct.unpack("<8d", other[36:100])
    low, high = [map(pick, a, b) for pick in (min, max)]
    bounds = [pair[at >= 2] for at, pair in enumerate(zip(low, high, strict=True))][:4]
    heights = [min(a[4], b[4]), max(a[5], b[5])]
    return header[:36] + struct.pack("<8d", *bounds, *heights, *a[6:])


def beside(path: Path, suffix: str) -> Path | None:
    """Return the file that belongs to another by its suffix, in small or capital letters."""
    for file in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if file.exists():
            return file
    return None


def _require(path: Path, suffix: str) -> Path:
    found = beside(path, suffix)
    if found is None:
        raise LayerError(f"{path.with_suffix(suffix)} is missing, which belongs to {path.name}. Copy it as well.")
    return found
