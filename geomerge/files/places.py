"""Where the rows of a file lie: boxes read off the file, and geometries only of the rows that need a look."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geomerge.errors import LayerError
from geomerge.features import Features
from geomerge.files.arrow import unusual_type
from geomerge.files.blob import wkb_of
from geomerge.files.geopackage import key_of, opened, quoted

Geometries = NDArray[Any]
Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]

WKB_TYPES = (
    "Unknown", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection",
)  # fmt: skip
STRAIGHT_TYPES = frozenset(["POINT", "LINESTRING", "MULTIPOINT", "MULTILINESTRING"])
BATCH = 65_536  # rows read at once
GP = int.from_bytes(b"GP", "little")
HEAD = 40  # bytes of a blob up to the end of its box
UNKNOWN = (-np.inf, -np.inf, np.inf, np.inf)
MARGIN = 0.1  # of the extent of a box: far more than the edges of a box bend in another CRS
WIDEST = 500_000.0  # metres across, up to which that is so


class InGeoPackage:
    """The rows of a table in a GeoPackage, with the boxes that stand before each geometry.

    Parameters
    ----------
    path, table
        The file, and the table in it.
    fids
        Row numbers, in the order in which the rows are wanted.
    crs
        CRS of the geometry, None where it is not known.
    straightened
        Reads geometries by their row numbers; for curves, and for measures, which are left out.
    part
        First and last row number, where the rows are a part of the table.
    """

    def __init__(
        self,
        path: Path,
        table: str,
        fids: Indices,
        crs: Any,
        straightened: Callable[[Indices], Geometries],
        part: tuple[int, int] | None = None,
    ) -> None:
        self._path, self._table, self._fids, self._crs = path, table, fids, crs
        self._straightened, self._part = straightened, part
        with opened(path) as connection:
            self._key = key_of(connection, table)
            (self._column,) = connection.execute(
                "SELECT column_name FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)", (table,)
            ).fetchone()

    @property
    def column(self) -> str:
        """The column that holds the geometry."""
        return str(self._column)

    @property
    def crs(self) -> Any:
        return self._crs

    def located(self, crs: Any) -> InGeoPackage:
        """Return the same rows, said to be in a CRS that the file does not name."""
        return InGeoPackage(self._path, self._table, self._fids, crs, self._straightened, self._part)

    def __len__(self) -> int:
        return len(self._fids)

    def bounds(self) -> Numbers:
        found = np.empty((len(self), 4))
        within = "" if self._part is None else f"WHERE {quoted(self._key)} BETWEEN ? AND ? "
        query = (
            f"SELECT coalesce(substr({quoted(self._column)}, 1, {HEAD}), x'') FROM {quoted(self._table)} "
            f"{within}ORDER BY {quoted(self._key)}"
        )
        order, start = np.argsort(self._fids, kind="stable"), 0
        with opened(self._path) as connection:
            cursor = connection.execute(query, self._part or ())
            while rows := cursor.fetchmany(BATCH):
                found[order[start : start + len(rows)]] = boxes([row[0] for row in rows])
                start += len(rows)
        if start != len(self):
            raise LayerError(f"{self._path} was changed while it was read. Close it in other programs, and try again.")
        return found

    def geometry(self, rows: Indices) -> Geometries:
        fids = self._fids[rows]
        found = np.full(len(rows), None, dtype=object)
        query = (  # many rows at once, handed over as one list
            f"SELECT held.{quoted(self._key)}, held.{quoted(self._column)} FROM json_each(?) AS wanted "
            f"JOIN {quoted(self._table)} AS held ON held.{quoted(self._key)} = wanted.value "
            f"WHERE held.{quoted(self._column)} IS NOT NULL"
        )
        unusual = []
        with opened(self._path) as connection:
            for start in range(0, len(rows), BATCH):
                wanted = fids[start : start + BATCH].tolist()
                known = dict(connection.execute(query, (json.dumps(wanted),)).fetchall())
                blobs = [known.get(fid) for fid in wanted]
                values = [wkb_of(one) if one and one[:2] == b"GP" else None for one in blobs]
                strange = [
                    at for at, value in enumerate(values) if blobs[at] and (not value or unusual_type([value[:5]]))
                ]
                for at in strange:
                    values[at] = None
                unusual += [start + at for at in strange]
                found[start : start + len(values)] = self._parsed(values)
        if unusual:
            found[unusual] = self._straightened(fids[unusual])
        return found

    def kinds(self) -> list[str]:
        """Return the types of geometry there are; the declared one, where that says enough."""
        with opened(self._path) as connection:
            (kind,) = connection.execute(
                "SELECT geometry_type_name FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)",
                (self._table,),
            ).fetchone()
            if kind.upper() in (name.upper() for name in WKB_TYPES[1:-1]):
                return [kind]
            found = heads(connection, self._table)
        codes = {int.from_bytes(head[1:5], "little" if head[0] else "big") % 1000 for head in found}
        return sorted({WKB_TYPES[code] if code < len(WKB_TYPES) else "Unknown" for code in codes})

    def _parsed(self, values: list[bytes | None]) -> Geometries:
        try:
            return np.asarray(shapely.from_wkb(values), dtype=object)
        except shapely.errors.GEOSException as error:
            raise LayerError(
                f"{self._path}|{self._table} is damaged or cut short: {error}. Get a fresh copy of it."
            ) from error


class Reprojected:
    """The rows of a file in another CRS than that of the file.

    Parameters
    ----------
    features
        The rows as the file has them.
    crs
        CRS to bring them to.
    """

    def __init__(self, features: Features, crs: CRS) -> None:
        self._features, self._crs = features, crs

    @property
    def crs(self) -> Any:
        return self._crs

    def __len__(self) -> int:
        return len(self._features)

    def bounds(self) -> Numbers:
        boxes = self._features.bounds()
        known = np.isfinite(boxes).all(axis=1)
        found = np.where(np.isnan(boxes), np.nan, UNKNOWN)
        low, high = boxes[known, :2], boxes[known, 2:]
        middle = (low + high) / 2
        xs = np.column_stack([where[:, 0] for where in (low, middle, high)])[:, [0, 1, 2, 0, 1, 2, 0, 1, 2]]
        ys = np.column_stack([where[:, 1] for where in (low, middle, high)])[:, [0, 0, 0, 1, 1, 1, 2, 2, 2]]
        transformer = Transformer.from_crs(self._features.crs, self._crs, always_xy=True)
        xs, ys = (np.reshape(moved, (-1, 9)) for moved in transformer.transform(xs.ravel(), ys.ravel()))
        west, south, east, north = xs.min(axis=1), ys.min(axis=1), xs.max(axis=1), ys.max(axis=1)
        widest = np.maximum(east - west, north - south)
        around = MARGIN * widest + 1e-6 * np.maximum(np.abs(xs), np.abs(ys)).max(axis=1)
        moved = np.column_stack([west - around, south - around, east + around, north + around])
        limit = WIDEST / CRS(self._crs).axis_info[0].unit_conversion_factor
        moved[~((widest < limit) & np.isfinite(moved).all(axis=1))] = UNKNOWN
        found[known] = moved
        return found

    def geometry(self, rows: Indices) -> Geometries:
        shapes = gpd.GeoSeries(self._features.geometry(rows), crs=self._features.crs)
        return np.asarray(shapes.to_crs(self._crs).to_numpy(), dtype=object)


def unusual(path: Path, table: str) -> str | None:
    """Return ``curves`` or ``measures`` if a table holds some, by the types in the WKB of its blobs."""
    with opened(path) as connection:
        found = connection.execute(
            "SELECT column_name, geometry_type_name, m FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)",
            (table,),
        ).fetchone()
        if found is None:
            return None
        _, kind, measured = found
        return None if kind.upper() in STRAIGHT_TYPES and not measured else unusual_type(heads(connection, table))


def heads(connection: sqlite3.Connection, table: str) -> list[bytes]:
    """Return the first five bytes of the WKB in a table, which tell the type, each once."""
    (column,) = connection.execute(
        "SELECT column_name FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)", (table,)
    ).fetchone()
    found = connection.execute(
        f"SELECT DISTINCT substr({quoted(column)}, 1, 4), "
        f"substr({quoted(column)}, 9 + {_ENVELOPE_SQL.format(quoted(column))}, 5) "
        f"FROM {quoted(table)} WHERE {quoted(column)} IS NOT NULL"
    )
    return [head[1] for head in found]


_ENVELOPE_SQL = (  # bytes of the envelope, by the fourth byte of the header
    "CASE (instr('0123456789ABCDEF', substr(hex(substr({0}, 4, 1)), 2, 1)) - 1) / 2 "
    "WHEN 1 THEN 32 WHEN 2 THEN 48 WHEN 3 THEN 48 WHEN 4 THEN 64 ELSE 0 END"
)


def boxes(starts: Sequence[bytes]) -> Numbers:
    """Return the boxes in the first 40 bytes of GeoPackage blobs: min x, min y, max x, max y.

    NaN where the geometry is missing (no bytes) or empty, infinite where the box is not told.

    Examples
    --------
    >>> from geomerge.files.blob import blob
    >>> boxes([blob(shape, 0)[:40] for shape in (shapely.box(1, 2, 3, 4), shapely.Point(5, 6))] + [b""]).tolist()
    [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 5.0, 6.0], [nan, nan, nan, nan]]
    """
    joined = b"".join(starts)
    if len(joined) < HEAD * len(starts):
        joined = b"".join(start.ljust(HEAD, b"\0") for start in starts)
    data = np.frombuffer(joined, dtype=np.uint8).reshape(-1, HEAD)
    flags, magic = data[:, 3], np.ascontiguousarray(data[:, :2]).view("<u2")[:, 0]
    plain, boxed = (magic == GP) & (flags & 0x20 == 0), flags & 0x0E > 0
    found = _numbers(data[:, 8:], (flags & 1) > 0, "f8")[:, [0, 2, 1, 3]]
    found[~(plain & boxed & np.isfinite(found).all(axis=1))] = UNKNOWN
    bare = np.flatnonzero(plain & ~boxed)  # points, as a rule: what stands there is the WKB
    little = data[bare, 8] == 1
    kind, point = _numbers(data[bare, 9:13], little, "u4")[:, 0], _numbers(data[bare, 13:29], little, "f8")
    alone = np.isin(kind, (1, 1001)) & np.isfinite(point).all(axis=1)
    found[bare[alone]] = np.tile(point[alone], 2)
    found[(plain & (flags & 0x10 > 0)) | (magic == 0)] = np.nan
    return found


def _numbers(data: NDArray[np.uint8], little: NDArray[np.bool_], kind: str) -> NDArray[Any]:
    data = np.ascontiguousarray(data)
    if little.all():
        return data.view(f"<{kind}")
    return np.where(little[:, None], data.view(f"<{kind}"), data.view(f">{kind}"))
