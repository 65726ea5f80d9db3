"""GeoPackages in place: rows of a copied file are updated by SQL, everything else in it stays."""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from geomerge.errors import LayerError
from geomerge.files import bulk
from geomerge.files.blob import blob, bound_at, is_empty
from geomerge.files.guards import copy_bytes
from geomerge.files.revision import Revision, alike
from geomerge.files.storing import stored_column

PATIENCE = 5.0  # seconds to wait for another program


@contextmanager
def open_file(path: Path, *, own_copy: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for changes, with the functions its triggers call; all or nothing is kept.

    Parameters
    ----------
    path
        The file.
    own_copy
        Whether nobody else knows the file yet, so that it is thrown away if anything goes wrong. Then no journal
        is kept, which takes as long as the changes themselves.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)) as connection:
        add_functions(connection)
        try:
            connection.execute("PRAGMA trusted_schema = ON")  # or else triggers may not call them
            if own_copy:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise LayerError(
                f"{path} cannot be changed: {error}. Free the disk, or close it in other programs."
            ) from error
        except sqlite3.DatabaseError as error:
            raise LayerError(f"{path} cannot be changed: {error}. Correct the row it names in the source.") from error


def add_functions(connection: sqlite3.Connection) -> None:
    """Add the functions that the triggers of a GeoPackage call."""
    bounds = {"ST_MinX": 0, "ST_MaxX": 1, "ST_MinY": 2, "ST_MaxY": 3}
    for name, position in bounds.items():
        connection.create_function(name, 1, bound_at(position), deterministic=True)
    connection.create_function("ST_IsEmpty", 1, is_empty, deterministic=True)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for reading: with its write-ahead log, and where its folder cannot be written.

    Raises
    ------
    LayerError
        If another program holds it, or it is damaged.
    """
    uri = path.resolve().as_uri()
    log = path.with_name(f"{path.name}-wal")
    pending = log.exists() and log.stat().st_size > 0
    try:
        if not _would_leave_files(path):
            with closing(sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
                if _answers(connection):
                    yield connection
                    return
        if not pending:  # a finished file whose folder cannot hold the locks of a log
            with closing(sqlite3.connect(f"{uri}?immutable=1", uri=True)) as connection:
                _answers(connection)
                yield connection
            return
        with tempfile.TemporaryDirectory(prefix="geomerge-") as folder:
            copy = Path(shutil.copyfile(path, Path(folder) / path.name))
            shutil.copyfile(log, Path(folder) / log.name)
            with closing(sqlite3.connect(copy)) as connection:
                yield connection
    except sqlite3.OperationalError as error:
        raise LayerError(f"{path} cannot be read: {error}. Close it in other programs, and try again.") from error
    except sqlite3.DatabaseError as error:
        raise LayerError(f"{path} is damaged: {error}. Get a fresh copy of it.") from error


def _would_leave_files(path: Path) -> bool:
    """Return whether SQLite would leave a log beside a file: it keeps one, and no program has it open.

    Source: https://www.sqlite.org/fileformat2.html, "File format version numbers".
    """
    with path.open("rb") as stream:
        head = stream.read(20)
    return head[18:20] == b"\x02\x02" and not path.with_name(f"{path.name}-shm").exists()


def _answers(connection: sqlite3.Connection) -> bool:
    """Start to read, so that none can lock the file; return False if its folder would have to be written."""
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if "unable to open" in str(error) or "readonly" in str(error):
            return False
        raise
    return True


def copy_file(source: Path, target: Path) -> None:
    """Copy a GeoPackage as its readers see it, with what still stands in its write-ahead log."""
    with opened(source) as old:
        (mode,) = old.execute("PRAGMA journal_mode").fetchone()
        try:
            if mode != "wal":  # as long as it is open, nobody changes it
                copy_bytes(source, target)
                return
            with closing(sqlite3.connect(target)) as new:
                old.backup(new)
                new.execute("PRAGMA journal_mode = DELETE")  # one file, that also opens where nothing can be written
        except sqlite3.OperationalError as error:
            raise LayerError(
                f"{target} cannot be written: {error}. Free the disk, or choose another folder."
            ) from error


def revise(connection: sqlite3.Connection, table: str, revision: Revision, *, changed_at: str) -> None:
    """Change rows of one table.

    Parameters
    ----------
    connection
        Opened by :func:`open_file`.
    table
        Name of the table.
    revision
        What changes, by row number (fid).
    changed_at
        Time to write to ``gpkg_contents``, so that the same input gives the same bytes.
    """
    declared = _columns(connection, table)
    fid = key_of(connection, table)
    if strange := [name for name in revision.changed if name not in declared]:
        raise LayerError(f"Table {table} has no column {', '.join(strange)}. It has {', '.join(declared)}.")
    listed = ", ".join(quoted(name) for name in declared if name != fid)
    rows = _Rows(connection, table, fid, declared[fid])
    rows.require([*revision.removed, *revision.added.values()])
    connection.executemany(
        f"INSERT INTO {quoted(table)} ({quoted(fid)}, {listed}) SELECT ?, {listed} FROM {quoted(table)} "
        f"WHERE {quoted(fid)} = ?",
        [(int(new), int(like)) for new, like in revision.added.items()],
    )
    for changed in revision.blocks():
        for columns, numbers in alike(changed):
            found = {name: stored_column(_at(changed[name], numbers), declared[name], name, table) for name in columns}
            rows.rewrite(found, numbers)
    if len(revision.geometry):
        _update_geometry(rows, revision)
    connection.executemany(
        f"DELETE FROM {quoted(table)} WHERE {quoted(fid)} = ?", [(int(row),) for row in revision.removed]
    )
    connection.execute(
        "UPDATE gpkg_contents SET last_change = ? WHERE lower(table_name) = lower(?)", (changed_at, table)
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of a table, told apart by its primary key."""

    connection: sqlite3.Connection
    table: str
    key: str
    declared: str

    def rewrite(self, values: Mapping[str, bulk.Values], rows: np.ndarray[Any, Any]) -> None:
        """Write new values of some columns, none of them the geometry, into rows."""
        if self.declared != "INTEGER" or not bulk.worth_it(rows):
            self.update({name: new.listed() for name, new in values.items()}, rows.tolist())
            return
        columns = {quoted(name): new for name, new in values.items()}
        with bulk.resting(self.connection, self.table):
            done = bulk.update(self.connection, quoted(self.table), quoted(self.key), columns, rows)
        if done != len(rows):
            self.require(rows)

    def update(self, values: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> None:
        """Write new values of some columns into rows, in the order in which these lie in the file."""
        named = ", ".join(f"{quoted(name)} = ?" for name in values)
        sql = f"UPDATE {quoted(self.table)} SET {named} WHERE {quoted(self.key)} = ?"
        done = self.connection.executemany(sql, zip(*values.values(), rows, strict=True))
        if done.rowcount != len(rows):
            self.require(rows)

    def require(self, rows: Iterable[int]) -> None:
        """Raise LayerError if a row is not there."""
        query = f"SELECT 1 FROM {quoted(self.table)} WHERE {quoted(self.key)} = ?"
        for row in sorted(map(int, rows)):
            if self.connection.execute(query, (row,)).fetchone() is None:
                raise LayerError(f"Table {self.table} has no row {row}. Keep the index of the layer read.")


def _update_geometry(rows: _Rows, revision: Revision) -> None:
    """Write new geometries; a declared type that they do not fit is widened."""
    connection, table = rows.connection, rows.table
    column, kind, srs, z = connection.execute(
        "SELECT column_name, geometry_type_name, srs_id, z FROM gpkg_geometry_columns "
        "WHERE lower(table_name) = lower(?)",
        (table,),
    ).fetchone()
    shapes = revision.geometry.to_numpy()
    if kind.upper().startswith("MULTI"):
        shapes = np.array([_multi(shape) for shape in shapes], dtype=object)
    kinds = {shape.geom_type.upper() for shape in shapes if shape is not None}
    wider = "GEOMETRY" if kinds - {kind.upper()} and kind.upper() not in ("GEOMETRY", "GEOMETRYCOLLECTION") else kind
    heights = 2 if z == 0 and shapely.has_z(shapes).any() else z
    if wider != kind and wider == "GEOMETRY" and z == 1:
        heights = 2  # GDAL knows no type for any geometry with heights, so they are optional
    if (wider, heights) != (kind, z):
        connection.execute(
            "UPDATE gpkg_geometry_columns SET geometry_type_name = ?, z = ? WHERE lower(table_name) = lower(?)",
            (wider, heights, table),
        )
        _redeclare(connection, table, column, kind, wider)
    blobs = [blob(shape, srs) for shape in shapes]
    rows.update({column: blobs}, [int(row) for row in revision.geometry.index])
    bounds = [float(bound) for bound in shapely.total_bounds(shapes)]
    if not any(map(math.isnan, bounds)):
        connection.execute(
            "UPDATE gpkg_contents SET "
            "min_x = min(coalesce(min_x, ?1), ?1), min_y = min(coalesce(min_y, ?2), ?2), "
            "max_x = max(coalesce(max_x, ?3), ?3), max_y = max(coalesce(max_y, ?4), ?4) "
            "WHERE lower(table_name) = lower(?5)",
            (*bounds, table),
        )


def _redeclare(connection: sqlite3.Connection, table: str, column: str, kind: str, wider: str) -> None:
    """Give a column another type where its table is declared, as SQLite advises if that touches no row.

    Source: https://www.sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes".
    """
    (sql,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (table,)
    ).fetchone()
    name = f"(?:{re.escape(quoted(column))}|{re.escape(column)})"
    new, count = re.subn(rf"({name}\s+){re.escape(kind)}\b", rf"\g<1>{wider}", sql, flags=re.IGNORECASE)
    if count != 1 or new == sql:
        return
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND lower(name) = lower(?)", (new, table))
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    connection.execute("PRAGMA writable_schema = OFF")


def quoted(name: str) -> str:
    """Return a name as an SQL identifier; names are data and may hold anything.

    Examples
    --------
    >>> print(quoted('parcels "2017" new'))
    "parcels ""2017"" new"
    """
    return '"' + name.replace('"', '""') + '"'


def _multi(shape: Any) -> Any:
    if shape is None:
        return None
    makers: dict[int, Any] = {1: shapely.multilinestrings, 3: shapely.multipolygons}
    maker = makers.get(int(shapely.get_type_id(shape)))
    return maker([shape]) if maker is not None else shape


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Return the columns of a table with their declared types."""
    return {row[1]: str(row[2]).upper() for row in connection.execute(f"PRAGMA table_info({quoted(table)})")}


def key_of(connection: sqlite3.Connection, table: str) -> str:
    """Return the column that holds the row numbers of a table; LayerError if there is none."""
    keys = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})") if row[5]]
    if len(keys) != 1:
        raise LayerError(f"Table {table} has no single primary key, so its rows cannot be told apart. Give it one.")
    return str(keys[0])


def _at(values: pd.Series, rows: np.ndarray[Any, Any]) -> pd.Series:
    """Return the values of some rows; as a rule those are all, in their order."""
    return values if np.array_equal(values.index.to_numpy(), rows) else values.loc[rows]
