"""GeoPackages in place: rows of a copied file are updated by SQL, everything else in it stays byte for byte."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from geomerge.errors import LayerError

ENVELOPE_BYTES = (0, 32, 48, 48, 64)


@contextmanager
def open_file(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for changes, with the functions its triggers call; commit at the end, roll back on errors."""
    connection = sqlite3.connect(path, isolation_level=None)
    bounds = {"ST_MinX": 0, "ST_MinY": 1, "ST_MaxX": 2, "ST_MaxY": 3}
    for name, position in bounds.items():
        connection.create_function(name, 1, _bound(position), deterministic=True)
    connection.create_function("ST_IsEmpty", 1, _is_empty, deterministic=True)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


def copy_file(source: Path, target: Path) -> None:
    """Copy a GeoPackage as its readers see it, with what still stands in its write-ahead log."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    try:
        with sqlite3.connect(uri, uri=True, timeout=5) as old, sqlite3.connect(target) as new:
            old.backup(new)
        new.close()
        old.close()
    except sqlite3.OperationalError as error:
        raise LayerError(
            f"{source} cannot be copied: {error}. Close it in other programs, and see that its folder can be written."
        ) from error
    except sqlite3.DatabaseError as error:
        raise LayerError(f"{source} is damaged: {error}. Get a fresh copy of it.") from error


def revise(
    connection: sqlite3.Connection,
    table: str,
    *,
    changed: Mapping[str, pd.Series],
    geometry: pd.Series,
    removed: Sequence[int],
    added: Mapping[int, int],
    changed_at: str,
) -> None:
    """Change rows of one table.

    Parameters
    ----------
    connection
        Opened by :func:`open_file`.
    table
        Name of the table.
    changed
        New values by column, each a series by row number (fid).
    geometry
        New geometries by row number, in the CRS of the table.
    removed
        Row numbers to delete.
    added
        Row numbers to add, each with that of the row it is first copied from.
    changed_at
        Time to write to ``gpkg_contents``, so that the same input gives the same bytes.
    """
    fid = _key(connection, table)
    columns = [name for name in _columns(connection, table) if name != fid]
    listed = ", ".join(map(quoted, columns))
    for new, like in added.items():
        connection.execute(
            f"INSERT INTO {quoted(table)} ({quoted(fid)}, {listed}) SELECT ?, {listed} FROM {quoted(table)} "
            f"WHERE {quoted(fid)} = ?",
            (new, like),
        )
    for column, values in changed.items():
        _update(connection, table, fid, column, zip(values.index.tolist(), map(_plain, values), strict=True))
    if len(geometry):
        _update_geometry(connection, table, fid, geometry)
    connection.executemany(f"DELETE FROM {quoted(table)} WHERE {quoted(fid)} = ?", [(int(row),) for row in removed])
    connection.execute(
        "UPDATE gpkg_contents SET last_change = ? WHERE lower(table_name) = lower(?)", (changed_at, table)
    )


def _update(
    connection: sqlite3.Connection, table: str, fid: str, column: str, values: Iterable[tuple[int, Any]]
) -> None:
    connection.executemany(
        f"UPDATE {quoted(table)} SET {quoted(column)} = ? WHERE {quoted(fid)} = ?", [(v, f) for f, v in values]
    )


def _update_geometry(connection: sqlite3.Connection, table: str, fid: str, geometry: pd.Series) -> None:
    column, kind, srs = connection.execute(
        "SELECT column_name, geometry_type_name, srs_id FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)",
        (table,),
    ).fetchone()
    shapes = geometry.to_numpy()
    if kind.upper() == "MULTIPOLYGON":
        shapes = np.array([_multi(shape) for shape in shapes], dtype=object)
    elif kind.upper() == "POLYGON" and (shapely.get_type_id(shapes) == 6).any():
        connection.execute(
            "UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY' WHERE lower(table_name) = lower(?)",
            (table,),
        )
    rows = zip(geometry.index.tolist(), [blob(shape, srs) for shape in shapes], strict=True)
    _update(connection, table, fid, column, rows)
    xmin, ymin, xmax, ymax = (float(bound) for bound in shapely.total_bounds(shapes))
    connection.execute(
        "UPDATE gpkg_contents SET min_x = min(min_x, ?), min_y = min(min_y, ?), max_x = max(max_x, ?), "
        "max_y = max(max_y, ?) WHERE lower(table_name) = lower(?)",
        (xmin, ymin, xmax, ymax, table),
    )


def add_table(connection: sqlite3.Connection, create: str, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Create a plain table, registered as attributes, and fill it."""
    connection.execute(create)
    for row in rows:
        marks = ", ".join("?" for _ in row)
        connection.execute(
            f"INSERT INTO {quoted(name)} ({', '.join(map(quoted, row))}) VALUES ({marks})", list(row.values())
        )


def register_attributes(connection: sqlite3.Connection, name: str, changed_at: str) -> None:
    """List a table in ``gpkg_contents``, as readers expect of tables without geometry."""
    connection.execute(
        "INSERT OR REPLACE INTO gpkg_contents (table_name, data_type, identifier, last_change) VALUES (?, ?, ?, ?)",
        (name, "attributes", name, changed_at),
    )


def quoted(name: str) -> str:
    """Return a name as an SQL identifier; names are data and may hold anything."""
    return '"' + name.replace('"', '""') + '"'


def blob(shape: Any, srs: int) -> bytes:
    """Return a geometry as a GeoPackage blob: header with envelope, then ISO WKB.

    Source: OGC 12-128r18, clause 2.1.3.
    """
    empty = bool(shapely.is_empty(shape))
    envelope = b"" if empty else struct.pack("<4d", *(shape.bounds[i] for i in (0, 2, 1, 3)))
    flags = 1 | (0 if empty else 1 << 1) | (empty << 4)
    return b"GP" + struct.pack("<BBi", 0, flags, srs) + envelope + shapely.to_wkb(shape, flavor="iso")


def wkb_of(data: bytes) -> bytes:
    """Return the WKB inside a GeoPackage blob."""
    return data[8 + ENVELOPE_BYTES[(data[3] >> 1) & 7] :]


def curved(path: Path, table: str) -> bool:
    """Return whether a table holds curves, by the type in the WKB of its blobs."""
    with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as connection:
        found = connection.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE lower(table_name) = lower(?)", (table,)
        ).fetchone()
        if found is None:
            return False
        heads = connection.execute(
            f"SELECT substr({quoted(found[0])}, 1, 77) FROM {quoted(table)} WHERE {quoted(found[0])} IS NOT NULL"
        )
        result = any(_type_of(head[0]) % 1000 in range(8, 15) for head in heads)
    connection.close()
    return result


def _type_of(head: bytes) -> int:
    wkb = wkb_of(head)
    return int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0xFFFF if len(wkb) >= 5 else 0


def _bound(position: int) -> Any:
    def bound(data: bytes | None) -> float | None:
        return None if data is None else float(shapely.from_wkb(wkb_of(data)).bounds[position])

    return bound


def _is_empty(data: bytes | None) -> int | None:
    return None if data is None else (data[3] >> 4) & 1


def _multi(shape: Any) -> Any:
    return shapely.multipolygons([shape]) if shapely.get_type_id(shape) == 3 else shape


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")]


def _key(connection: sqlite3.Connection, table: str) -> str:
    keys = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})") if row[5]]
    if len(keys) != 1:
        raise LayerError(f"Table {table} has no single primary key, so its rows cannot be told apart. Give it one.")
    return str(keys[0])


def _plain(value: Any) -> Any:
    """Return a value as SQLite takes it."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value
