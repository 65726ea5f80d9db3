"""Layers that are read part by part, so that only one part of their rows is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from geomerge.errors import LayerError
from geomerge.files import parquet
from geomerge.files.formats import Info
from geomerge.files.geopackage import key_of, opened, quoted
from geomerge.files.places import InGeoPackage
from geomerge.files.rowgroups import InParquet, read_columns
from geomerge.layers.reading import read_geopackage

# the size of a file that its layer takes in memory while it is read and written; measured, with room to spare
TIMES = {"GeoJSON": 3.0, "GML": 3.0, "FlatGeobuf": 3.0, "ESRI Shapefile": 2.5, "GPKG": 3.0, "Parquet": 6.0, "CSV": 12.0}
MOST_TIMES = 8.0  # of all others

Part = tuple[int, int]  # in a GeoPackage the first row number and the last; in GeoParquet the one after the last


@dataclass(frozen=True)
class Parted:
    """A layer in a GeoPackage or a GeoParquet file, of which any part of the rows can be read.

    Parameters
    ----------
    info, columns
        The layer, and its columns that are read.
    source
        Where its rows lie: what it says of CRS and types of geometry.
    key
        Column that holds the row numbers, None in GeoParquet.
    """

    info: Info
    columns: list[str]
    source: InGeoPackage | InParquet
    key: str | None

    def parts(self, rows: int) -> Iterator[Part]:
        """Yield parts of so many rows, in the order of the file."""
        if self.key is None:
            count = len(self.source)
            yield from ((start, min(start + rows, count)) for start in range(0, count, rows))
            return
        key, table = quoted(self.key), quoted(self.info.layer or "")
        query = f"SELECT min({key}), max({key}) FROM (SELECT {key} FROM {table} {{}} ORDER BY {key} LIMIT ?)"
        after: tuple[int, ...] = ()
        while True:
            with opened(Path(self.info.path)) as connection:
                where = f"WHERE {key} > ?" if after else ""
                first, last = connection.execute(query.format(where), (*after, rows)).fetchone()
            if first is None:
                return
            yield int(first), int(last)
            after = (int(last),)

    def read(self, part: Part) -> tuple[pd.DataFrame, InGeoPackage | InParquet]:
        """Read the columns of a part, and say where its rows lie; the index holds the row numbers of the file."""
        if self.key is None:
            path = Path(self.info.path)
            return read_columns(self.info, self.columns, part), InParquet(path, self.info.crs, part)
        return read_geopackage(self.info, self.info.layer or "", self.columns, (self.key, *part))

    def empty(self) -> pd.DataFrame:
        """Return the columns without any rows."""
        return self.read((0, 0) if self.key is None else (0, -1))[0]

    def weight(self, part: Part) -> float:
        """Return how many bytes the geometry of a row has in a part, on average."""
        if self.key is None:
            found = pq.read_metadata(self.info.path)
            groups = [found.row_group(at) for at in range(found.num_row_groups)]
            at = found.schema.to_arrow_schema().names.index(self.source.column)
            return max((g.column(at).total_uncompressed_size / g.num_rows for g in groups if g.num_rows), default=0.0)
        column, key, table = (quoted(name) for name in (self.source.column, self.key, self.info.layer or ""))
        query = f"SELECT coalesce(avg(length({column})), 0.0) FROM {table} WHERE {key} BETWEEN ? AND ?"
        with opened(Path(self.info.path)) as connection:
            (found,) = connection.execute(query, part).fetchone()
        return float(found)

    def held(self) -> int:
        """Return the bytes that are held however small the parts are: the largest row group, which is written whole."""
        if self.key is not None:
            return 0
        found = pq.read_metadata(self.info.path)
        return max((found.row_group(at).total_byte_size for at in range(found.num_row_groups)), default=0)


def parted(info: Info, columns: list[str]) -> Parted | None:
    """Return a layer of which any part can be read, None where its format cannot do that."""
    if info.driver == "Parquet" and parquet.declared_geometry(pq.read_schema(info.path)):
        return Parted(info, columns, InParquet(Path(info.path), info.crs), None)
    if info.driver == "GPKG" and info.spatial and info.layer and Path(info.path).is_file():
        try:
            with opened(Path(info.path)) as connection:
                key = key_of(connection, info.layer)
        except LayerError:  # a view, whose rows have no numbers
            return None
        none = np.empty(0, dtype=np.int64)
        return Parted(info, columns, InGeoPackage(Path(info.path), info.layer, none, info.crs, _nothing), key)
    return None


def size_in_memory(info: Info) -> int:
    """Return about how many bytes of memory a layer takes that is read, and written, as a whole."""
    file = Path(info.path.removeprefix("zip://").partition("!")[0])
    beside = list(file.parent.glob(f"{file.stem}.*")) if info.driver == "ESRI Shapefile" else [file]
    if info.driver == "OpenFileGDB":
        beside = list(file.rglob("*"))
    return int(TIMES.get(info.driver, MOST_TIMES) * sum(name.stat().st_size for name in beside if name.is_file()))


def _nothing(fids: NDArray[np.int64]) -> NDArray[Any]:
    return np.full(len(fids), None, dtype=object)
