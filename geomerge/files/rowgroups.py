"""Where the rows of a GeoParquet file lie: boxes read off the file, geometries batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from geomerge.errors import LayerError
from geomerge.files.formats import Info
from geomerge.files.parquet import declared_geometry

Geometries = NDArray[Any]
Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]

BATCH = 65_536  # rows read at once
UNKNOWN = (-np.inf, -np.inf, np.inf, np.inf)
SIDES = ("xmin", "ymin", "xmax", "ymax")


class InParquet:
    """The rows of a GeoParquet file whose geometry is WKB.

    Parameters
    ----------
    path
        The file.
    crs
        CRS of the geometry, None where it is not known.
    part
        First row and the one after the last, where the rows are a part of the file.
    """

    def __init__(self, path: Path, crs: Any, part: tuple[int, int] | None = None) -> None:
        self._path, self._crs, self._part = path, crs, part
        with pq.ParquetFile(path) as file:
            self._start, self._end = part or (0, int(file.metadata.num_rows))
            self._column, self._declared = declared_geometry(file.schema_arrow) or ("", {})

    @property
    def column(self) -> str:
        """The column that holds the geometry."""
        return self._column

    @property
    def crs(self) -> Any:
        return self._crs

    def located(self, crs: Any) -> InParquet:
        """Return the same rows, said to be in a CRS that the file does not name."""
        return InParquet(self._path, crs, self._part)

    def __len__(self) -> int:
        return self._end - self._start

    def bounds(self) -> Numbers:
        covering = self._declared.get("covering", {}).get("bbox")
        if covering and all(len(covering.get(side, ())) == 2 for side in SIDES):
            return self._covering(covering)
        found = [shapely.bounds(self._parsed(column)) for _, column in self._batches(self._column)]
        return np.concatenate([np.empty((0, 4)), *found])

    def geometry(self, rows: Indices) -> Geometries:
        found = np.full(len(rows), None, dtype=object)
        for start, column in self._batches(self._column, rows):
            first, last = np.searchsorted(rows, (start, start + len(column)))
            found[first:last] = self._parsed(column.take(pa.array(rows[first:last] - start)))
        return found

    def kinds(self) -> list[str]:
        """Return the types of geometry there are; those declared, where that says enough."""
        if declared := self._declared.get("geometry_types"):
            return [str(kind).partition(" ")[0] for kind in declared]
        shapes = (shape for _, column in self._batches(self._column) for shape in self._parsed(column))
        return sorted({shape.geom_type for shape in shapes if shape is not None})

    def _covering(self, covering: dict[str, list[str]]) -> Numbers:
        """Return the boxes that the file holds; those rounded to four bytes are made larger by as much."""
        found = np.empty((len(self), 4))
        for start, column in self._batches(covering["xmin"][0]):
            for at, side in enumerate(SIDES):
                values = pc.struct_field(column, covering[side][1]).to_numpy(zero_copy_only=False)
                if values.dtype == np.float32:
                    values = np.nextafter(values, np.float32(-np.inf if at < 2 else np.inf))
                found[start : start + len(column), at] = values
        found[np.isnan(found).any(axis=1)] = UNKNOWN
        return found

    def _batches(self, column: str, rows: Indices | None = None) -> Iterator[tuple[int, pa.Array]]:
        """Yield a column batch by batch with the number of its first row; only groups with some of the rows."""
        for start, batch in batches(self._path, [column], self._start, self._end, rows):
            yield start, batch.column(0)

    def _parsed(self, column: pa.Array) -> Geometries:
        try:
            return np.asarray(shapely.from_wkb(column.to_numpy(zero_copy_only=False)), dtype=object)
        except shapely.errors.GEOSException as error:
            raise LayerError(f"{self._path} is damaged or cut short: {error}. Get a fresh copy of it.") from error


def batches(
    path: Path, columns: list[str], first: int, end: int, rows: Indices | None = None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the rows of a part of a file batch by batch, with the number that the first has in the part.

    Groups without any of ``rows``, numbers in the part, are not read.
    """
    at = 0
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                after = at + file.metadata.row_group(group).num_rows
                low, high = max(at, first), min(after, end)
                if low < high and (rows is None or np.diff(np.searchsorted(rows, (low - first, high - first)))[0]):
                    for batch in file.iter_batches(BATCH, row_groups=[group], columns=columns):
                        some = batch.slice(max(low - at, 0), max(min(high - at, batch.num_rows) - max(low - at, 0), 0))
                        if some.num_rows:
                            yield max(low, at) - first, some
                        at += batch.num_rows
                        if at >= high:
                            break
                at = after
    except (pa.ArrowInvalid, OSError) as error:
        raise LayerError(f"{path} is damaged or cut short: {error}. Get a fresh copy of it.") from error


def read_columns(info: Info, columns: list[str], part: tuple[int, int] | None = None) -> pd.DataFrame:
    """Read columns of a Parquet file, all rows or a part of them; the index holds the numbers of the rows."""
    try:
        with pq.ParquetFile(info.path) as file:
            if part is None:
                table = file.read(columns=columns).to_pandas()
            else:
                some = [batch for _, batch in batches(Path(info.path), columns, *part)]
                table = pa.Table.from_batches(some, file.read_row_groups([], columns=columns).schema).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise LayerError(f"{info.path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    if kept := [name for name in table.index.names if name in columns]:
        table = table.reset_index(level=kept)
    found: pd.DataFrame = table[columns]
    start = 0 if part is None else part[0]
    return found.set_axis(pd.RangeIndex(start, start + len(found), name="fid"))
