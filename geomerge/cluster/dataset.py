"""A GeoParquet dataset as partitions that fit into memory: one file, or a folder of files with one schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from geomerge import layers
from geomerge.crs import same_crs
from geomerge.errors import LayerError

SUFFIXES = (".parquet", ".geoparquet")


@dataclass(frozen=True)
class Partition:
    """Rows of one file that are worked on together: ``start`` to ``stop`` of some of its row groups.

    ``first`` is the number in the whole dataset of the row at ``start``.
    """

    number: int
    file: str
    groups: tuple[int, ...]
    start: int
    stop: int
    first: int

    def __str__(self) -> str:
        if len(self.groups) > 1:
            return f"{self.file}, row groups {self.groups[0]} to {self.groups[-1]}"
        return ", row group ".join([self.file, *map(str, self.groups)])


@dataclass(frozen=True)
class Dataset:
    """Files that are one layer, in the order of their names, and how all of them are declared."""

    files: tuple[str, ...]
    schema: pa.Schema
    geometry: str
    crs: CRS | None
    geo: Mapping[str, Any]
    codec: str
    rows: int
    partitions: tuple[Partition, ...]


def open_dataset(source: Path, rows: int) -> Dataset:
    """Read how a dataset is declared, without its rows, and divide it into partitions of at most so many rows.

    Raises
    ------
    LayerError
        If a file is missing, damaged, no GeoParquet, or declared in another way than the first one.
    """
    files = _files(source)
    faults: list[str] = []
    infos, heads = [], []
    for file in files:
        try:
            infos.append(layers.describe(file))
            heads.append(pq.ParquetFile(file))
        except LayerError as error:
            faults += error.faults
    faults = faults or list(_unfit(infos, heads))
    if faults:
        raise LayerError(*faults)
    geo = _geo(heads[0].schema_arrow)
    sizes = [[head.metadata.row_group(at).num_rows for at in range(head.num_row_groups)] for head in heads]
    named = tuple(str(file) for file in files)
    # a dataset without rows has results without rows, which are declared like others
    partitions = tuple(divide(named, sizes, rows)) or (Partition(0, named[0], (), 0, 0, 0),)
    total = sum(info.rows for info in infos)
    codec = next((codec for head in heads for codec in _codecs(head.metadata)), "SNAPPY")
    for head in heads:
        head.close()
    schema = _without_range(heads[0].schema_arrow)
    return Dataset(named, schema, geo["primary_column"], infos[0].crs, geo, codec, total, partitions)


def divide(files: Sequence[str], sizes: Sequence[Sequence[int]], rows: int) -> Iterator[Partition]:
    """Divide files, given the sizes of their row groups: small groups go together, large ones are cut evenly.

    Examples
    --------
    >>> [(p.groups, p.start, p.stop, p.first) for p in divide(["a"], [[4, 4, 25]], 10)]
    [((0, 1), 0, 8, 0), ((2,), 0, 8, 8), ((2,), 8, 16, 16), ((2,), 16, 25, 24)]
    """
    number = first = 0
    for file, groups in zip(files, sizes, strict=True):
        for together in _together(groups, rows):
            count = sum(groups[at] for at in together)
            cuts = [count * part // -(-count // rows) for part in range(-(-count // rows) + 1)]
            for start, stop in pairwise(cuts):
                yield Partition(number, file, together, start, stop, first + start)
                number += 1
            first += count


def read(data: Dataset, partition: Partition) -> pa.Table:
    """Read the rows of a partition, as they are in the file; LayerError with its place if it is damaged."""
    try:
        with pq.ParquetFile(partition.file) as file:
            groups = list(partition.groups)
            whole = sum(file.metadata.row_group(at).num_rows for at in groups)
            if partition.stop - partition.start == whole:
                table = file.read_row_groups(groups)
            else:
                table = pa.Table.from_batches(_slices(file, partition), schema=file.schema_arrow)
    except (pa.ArrowException, OSError) as error:
        raise LayerError(f"{partition} is damaged or cannot be read: {error}. Get a fresh copy of the file.") from error
    if table.num_rows != partition.stop - partition.start:
        raise LayerError(f"{partition} has changed since the work began. Start again when nobody writes to it.")
    return table.replace_schema_metadata(data.schema.metadata)


def row_numbers(partition: Partition) -> pa.Array:
    """Return the numbers in the whole dataset of the rows of a partition."""
    return pa.array(np.arange(partition.first, partition.first + partition.stop - partition.start))


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        if source.suffix.lower() not in SUFFIXES and source.exists():
            raise LayerError(
                f"{source} is no GeoParquet. Write it as one first: geomerge export {source} -o it.parquet."
            )
        return [source]  # a missing one is told by the door to files
    inside = [path.relative_to(source) for path in source.rglob("*") if path.suffix.lower() in SUFFIXES]
    named = sorted(path for path in inside if not any(part.startswith((".", "_")) for part in path.parts))
    if not named:
        raise LayerError(f"{source} holds no GeoParquet file. Name a file, or a folder with files (.parquet).")
    if told := [path for path in named if any("=" in part for part in path.parts[:-1])]:
        raise LayerError(
            f"{source} holds folders whose names are values ({told[0].parent}), which would be lost. Write them "
            f"into a column of the files, or name one of the folders."
        )
    return [source / path for path in named]


def _unfit(infos: Sequence[layers.Info], heads: Sequence[pq.ParquetFile]) -> Iterator[str]:
    """Yield what keeps files from being one layer with geometry."""
    first = heads[0].schema_arrow
    for info, head in zip(infos, heads, strict=True):
        schema = head.schema_arrow
        geo = _geo(schema)
        if not geo:
            yield f"{info.path} has no geometry. Write it as GeoParquet first (geomerge export)."
            continue
        encoding = geo["columns"][geo["primary_column"]].get("encoding")
        if encoding != "WKB":
            yield f"{info.path} holds its geometry as {encoding}, not as WKB. Write it anew as WKB."
        if not same_crs(info.crs, infos[0].crs):
            yield f"{info.path} is in another CRS than {infos[0].path}. Reproject one of them."
        if schema.names != first.names:
            odd = ", ".join(sorted(set(schema.names) ^ set(first.names))) or "their order"
            yield f"{info.path} has other columns than {infos[0].path} ({odd}). Write all files with the same columns."
            continue
        for name in schema.names:
            mine, other = schema.field(name).type, first.field(name).type
            if mine != other:
                yield f"Column {name} of {info.path} is {mine}, but {other} in {infos[0].path}. Give it one type."


def _geo(schema: pa.Schema) -> dict[str, Any]:
    text = (schema.metadata or {}).get(b"geo")
    return dict(json.loads(text)) if text else {}


def _without_range(schema: pa.Schema) -> pa.Schema:
    """Return a schema whose notes for pandas do not number all rows; of each part, they would be wrong."""
    metadata = dict(schema.metadata or {})
    if b"pandas" in metadata:
        notes = json.loads(metadata[b"pandas"])
        notes["index_columns"] = [name for name in notes.get("index_columns", []) if isinstance(name, str)]
        metadata[b"pandas"] = json.dumps(notes).encode()
    return schema.with_metadata(metadata)


def _codecs(metadata: Any) -> Iterator[str]:
    """Yield how the first rows of a file are compressed, as it is asked for when they are written again."""
    if metadata.num_row_groups and metadata.num_columns:
        codec = str(metadata.row_group(0).column(0).compression)
        yield "NONE" if codec == "UNCOMPRESSED" else codec


def _together(sizes: Sequence[int], rows: int) -> Iterator[tuple[int, ...]]:
    """Yield numbers of row groups that go together."""
    found: list[int] = []
    count = 0
    for at, size in enumerate(sizes):
        if found and count + size > rows:
            yield tuple(found)
            found, count = [], 0
        if size:
            found.append(at)
            count += size
    if found:
        yield tuple(found)


def _slices(file: pq.ParquetFile, partition: Partition) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a partition out of row groups that hold more; what lies behind them is not read."""
    at = 0
    for batch in file.iter_batches(row_groups=list(partition.groups)):
        low, high = max(partition.start - at, 0), min(partition.stop - at, batch.num_rows)
        if low < high:
            yield batch.slice(low, high - low)
        at += batch.num_rows
        if at >= partition.stop:
            return
