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
    """

    def __init__(self, path: Path, crs: Any) -> None:
        self._path, self._crs = path, crs
        with pq.ParquetFile(path) as file:
            self._rows = int(file.metadata.num_rows)
            self._column, self._declared = declared_geometry(file.schema_arrow) or ("", {})

    @property
    def crs(self) -> Any:
        return self._crs

    def located(self, crs: Any) -> InParquet:
        """Return the same rows, said to be in a CRS that the file does not name."""
        return InParquet(self._path, crs)

    def __len__(self) -> int:
        return self._rows

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
        found = {shape.geom_type for shape in self.geometry(np.arange(len(self))) if shape is not None}
        return sorted(found)

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
        start = 0
        try:
            with pq.ParquetFile(self._path) as file:
                for group in range(file.num_row_groups):
                    end = start + file.metadata.row_group(group).num_rows
                    if rows is None or np.diff(np.searchsorted(rows, (start, end)))[0]:
                        for batch in file.iter_batches(BATCH, row_groups=[group], columns=[column]):
                            yield start, batch.column(0)
                            start += batch.num_rows
                    start = end
        except (pa.ArrowInvalid, OSError) as error:
            raise LayerError(f"{self._path} is damaged or cut short: {error}. Get a fresh copy of it.") from error

    def _parsed(self, column: pa.Array) -> Geometries:
        try:
            return np.asarray(shapely.from_wkb(column.to_numpy(zero_copy_only=False)), dtype=object)
        except shapely.errors.GEOSException as error:
            raise LayerError(f"{self._path} is damaged or cut short: {error}. Get a fresh copy of it.") from error


def read_columns(info: Info, columns: list[str]) -> pd.DataFrame:
    """Read columns of a Parquet file; the index holds the numbers of the rows."""
    try:
        with pq.ParquetFile(info.path) as file:
            table = file.read(columns=columns).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise LayerError(f"{info.path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    if kept := [name for name in table.index.names if name in columns]:
        table = table.reset_index(level=kept)
    found: pd.DataFrame = table[columns]
    return found.set_axis(pd.RangeIndex(len(found), name="fid"))
