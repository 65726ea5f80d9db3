"""Parquet files chunk by chunk: columns that do not change are copied as they are, byte for byte.

Source: Apache Parquet Format, parquet.thrift; the numbers of fields are those given there.
"""

from __future__ import annotations

import copy
import io
import struct as binary
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from geomerge.errors import LayerError
from geomerge.files.thrift import Struct, read, write

MAGIC = b"PAR1"
PIECE = 1 << 22  # bytes copied at once

GROUPS = 4  # of the file
COLUMNS, BYTES, GROUP_OFFSET, COMPRESSED = 1, 2, 5, 6  # of a row group
PLACE, ABOUT = 2, 3  # of a column chunk
OFFSETS, OFFSETS_SIZE, BOUNDS, BOUNDS_SIZE = 4, 5, 6, 7
PATH, PLAIN_SIZE, SIZE, DATA, INDEX, DICTIONARY = 3, 6, 7, 9, 10, 11  # of what is said about it
BLOOM, BLOOM_SIZE = 14, 15
LOCATIONS, LOCATION = 1, 1  # of an offset index, and of a page in it

Change = Callable[[int], Mapping[str, pa.Array]]


def rewrite_chunks(source: Path, target: Path, schema: pa.Schema, change: Change) -> None:
    """Write a Parquet file again with other values in some columns.

    Parameters
    ----------
    source, target
        Files.
    schema
        Arrow schema of the file.
    change
        Gives the columns of a row group that change; called once for each, in their order.
    """
    with source.open("rb") as old, target.open("wb") as new:
        footer = _footer(old, source)
        new.write(MAGIC)
        rest: list[Callable[[], None]] = []  # indexes and filters come after all data
        for number, group in enumerate(footer.value(GROUPS).values):
            _write_group(old, new, group, schema, change(number), rest)
        for late in rest:
            late()
        content = write(footer)
        new.write(content + binary.pack("<I", len(content)) + MAGIC)


def _footer(stream: BinaryIO, path: Path) -> Struct:
    stream.seek(-8, io.SEEK_END)
    size, magic = binary.unpack("<I4s", stream.read(8))
    if magic != MAGIC:
        raise LayerError(f"{path} is encrypted or damaged. Get a plain copy of it.")
    stream.seek(-8 - size, io.SEEK_END)
    return read(stream.read(size))[0]


def _write_group(
    old: BinaryIO,
    new: BinaryIO,
    group: Struct,
    schema: pa.Schema,
    changed: Mapping[str, pa.Array],
    rest: list[Callable[[], None]],
) -> None:
    grown = [0, 0]
    first = new.tell()
    for chunk in group.value(COLUMNS).values:
        about: Struct = chunk.value(ABOUT)
        names = [name.decode() for name in about.value(PATH).values]
        before = about.value(PLAIN_SIZE), about.value(SIZE)
        if len(names) == 1 and names[0] in changed:
            _write_new(new, chunk, schema.field(names[0]), changed[names[0]])
        else:
            _copy_chunk(old, new, chunk, rest)
        after = chunk.value(ABOUT).value(PLAIN_SIZE), chunk.value(ABOUT).value(SIZE)
        grown = [sum_ + b - a for sum_, a, b in zip(grown, before, after, strict=True)]
    group.put(BYTES, group.value(BYTES) + grown[0])
    if COMPRESSED in group:
        group.put(COMPRESSED, group.value(COMPRESSED) + grown[1])
    if GROUP_OFFSET in group:
        group.put(GROUP_OFFSET, first)


def _begin(about: Struct) -> int:
    places: list[int] = [about.value(field) for field in (DATA, INDEX, DICTIONARY) if about.value(field)]
    return min(places)


def _move(chunk: Struct, moved: int) -> None:
    about: Struct = chunk.value(ABOUT)
    for field in (DATA, INDEX, DICTIONARY):
        if about.value(field):
            about.put(field, about.value(field) + moved)
    if chunk.value(PLACE):
        chunk.put(PLACE, chunk.value(PLACE) + moved)


def _copy_chunk(old: BinaryIO, new: BinaryIO, chunk: Struct, rest: list[Callable[[], None]]) -> None:
    about: Struct = chunk.value(ABOUT)
    begin = _begin(about)
    moved = new.tell() - begin
    _copy(old, new, begin, about.value(SIZE))
    _move(chunk, moved)

    def late() -> None:
        if chunk.value(BOUNDS):
            place, size = chunk.value(BOUNDS), chunk.value(BOUNDS_SIZE)
            chunk.put(BOUNDS, new.tell())
            _copy(old, new, place, size)
        if chunk.value(OFFSETS):
            old.seek(chunk.value(OFFSETS))
            index, _ = read(old.read(chunk.value(OFFSETS_SIZE)))
            for page in index.value(LOCATIONS).values:
                page.put(LOCATION, page.value(LOCATION) + moved)
            content = write(index)
            chunk.put(OFFSETS, new.tell())
            chunk.put(OFFSETS_SIZE, len(content))
            new.write(content)
        if about.value(BLOOM) and about.value(BLOOM_SIZE):
            place = about.value(BLOOM)
            about.put(BLOOM, new.tell())
            _copy(old, new, place, about.value(BLOOM_SIZE))
        else:  # of unknown length
            for field in (BLOOM, BLOOM_SIZE):
                about.pop(field, None)

    rest.append(late)


def _write_new(new: BinaryIO, chunk: Struct, field: pa.Field, values: pa.Array) -> None:
    """Write a chunk with other values, made as one of a file of its own; it has no index and no filter."""
    about: Struct = chunk.value(ABOUT)
    made = io.BytesIO()
    codec = pq_codec(about)
    pq.write_table(
        pa.table([values], schema=pa.schema([field])), made, compression=codec, store_schema=False,
        use_dictionary=bool(about.value(DICTIONARY)), row_group_size=max(len(values), 1),
    )  # fmt: skip
    footer = _footer(made, Path(field.name))
    (group,) = footer.value(GROUPS).values
    (fresh,) = group.value(COLUMNS).values
    told: Struct = copy.deepcopy(fresh.value(ABOUT))
    begin, size = _begin(told), told.value(SIZE)
    place = new.tell()
    new.write(made.getbuffer()[begin : begin + size])
    for at in (OFFSETS, OFFSETS_SIZE, BOUNDS, BOUNDS_SIZE):
        chunk.pop(at, None)
    chunk.put(ABOUT, told)
    chunk.put(PLACE, 0)
    _move(chunk, place - begin)


def pq_codec(about: Struct) -> str:
    """Return how a chunk is compressed, as pyarrow calls it."""
    return ("NONE", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4")[about.value(4)]


def _copy(old: BinaryIO, new: BinaryIO, begin: int, size: int) -> None:
    old.seek(begin)
    while size > 0:
        piece = old.read(min(size, PIECE))
        if not piece:
            raise LayerError("A Parquet file is cut short. Get a fresh copy of it.")
        new.write(piece)
        size -= len(piece)
