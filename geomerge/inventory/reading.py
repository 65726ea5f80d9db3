"""Reading: every table of a file or database, its rows some at a time; what cannot be read is told, and goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomerge.errors import LayerError
from geomerge.inventory import walking
from geomerge.inventory.keys import Catalogue

BATCH = 5000
GROUPS = 20  # row groups of a Parquet file that are read for a sample
OWN = ("gpkg_", "rtree_", "sqlite_", "idx_", "layer_styles", "spatial_ref_sys", "geometry_columns", "views_geometry")
SHAPES = ("blob", "geom", "point", "line", "polygon", "curve", "surface")  # in types of columns that are no values

Rows = Iterator[Sequence[Sequence[Any]]]


@dataclass
class RawTable:
    """A table that can be read.

    Parameters
    ----------
    source
        File, or address of a database without its password.
    table
        Table, sheet or layer, where a source has several.
    header
        Names of its columns.
    batches
        Its rows, some at a time.
    total
        Rows it has, where the batches are not all of them.
    encoding
        Encoding of a text file.
    catalogue
        What a database tells of its keys.
    concern
        Tells, when all rows are read, what was wrong with them.
    crs
        CRS of its geometry.
    """

    source: str
    table: str | None
    header: Sequence[str]
    batches: Rows
    total: int | None = None
    encoding: str | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)
    concern: Callable[[], str] = str
    crs: str | None = None


def tables_of(path: Path, *, full: bool, problems: list[tuple[str, str]]) -> Iterator[RawTable]:
    """Yield the tables of a file; each must be read before the next is asked for.

    Parameters
    ----------
    path
        The file.
    full
        Whether all rows are wanted, or some that are spread over the table.
    problems
        Where to put tables that cannot be read, with the reason.

    Raises
    ------
    LayerError
        If the file cannot be read, with the remedy.
    """
    kind = walking.kind_of(path)
    try:
        if path.is_file() and not path.stat().st_size:
            raise LayerError(f"{path} is empty. Get a fresh copy of it.")
        if kind in walking.TEXT:
            yield from _text(path)
        elif kind in walking.BOOKS:
            yield from _book(path)
        elif kind in walking.PARQUET:
            yield from _parquet(path, full=full)
        elif kind in walking.SQLITE:
            yield from _sqlite(path)
        elif kind == ".zip":
            for inner in walking.inner_layers(path):
                yield from _layers(f"zip://{path}!{inner}", problems)
        else:
            yield from _layers(str(path), problems)
    except (OSError, EOFError) as error:
        raise LayerError(f"{path} cannot be read: {error}. Is it whole, and may you read it?") from error


def _text(path: Path) -> Iterator[RawTable]:
    from geomerge.inventory.texts import read_text

    table = read_text(path)
    if len(table.header) < 2 and path.suffix.lower() == ".txt":
        raise LayerError(f"{path} holds no table: nothing divides its lines. If it is one, name it as CSV.")
    yield RawTable(str(path), None, table.header, table.batches(), encoding=table.encoding, concern=table.concern)


def _book(path: Path) -> Iterator[RawTable]:
    from geomerge.inventory.books import open_book

    with open_book(path) as book:
        sheets = [(sheet, *book.rows(sheet)) for sheet in book.sheets]
        filled = [each for each in sheets if each[1]]
        if not filled:
            raise LayerError(f"{path} is empty: none of its sheets holds a value.")
        for sheet, header, batches in filled:
            yield RawTable(str(path), sheet, header, batches)


def _parquet(path: Path, *, full: bool) -> Iterator[RawTable]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            kept = [
                name
                for name, kind in zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)
                if _plain(kind)
            ]
            groups = range(file.num_row_groups)
            if not full and len(groups) > GROUPS:
                groups = range(0, len(groups), -(-len(groups) // GROUPS))
            yield RawTable(
                str(path), None, kept, _arrow_rows(file, list(groups), kept), total=file.metadata.num_rows,
            )  # fmt: skip
    except pa.ArrowException as error:
        raise LayerError(
            f"{path} is damaged or cut short: {str(error).splitlines()[0]}. Get a fresh copy of it."
        ) from error


def _plain(kind: Any) -> bool:
    """Return whether a type of Arrow is that of values, and not of geometry or of lists."""
    import pyarrow as pa

    return not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind))


def _arrow_rows(file: Any, groups: list[int], names: list[str]) -> Rows:
    for batch in file.iter_batches(batch_size=BATCH, row_groups=groups, columns=names):
        columns = [batch.column(name).to_pylist() for name in names]
        yield list(zip(*columns, strict=True)) if columns else []


def _sqlite(path: Path) -> Iterator[RawTable]:
    from geomerge.files.geopackage import opened, quoted

    try:
        with opened(path) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            listed = connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY type, name"
            ).fetchall()
            names = [name for (name,) in listed if not name.lower().startswith(OWN)]
            if not names:
                raise LayerError(f"{path} holds no table.")
            for name in names:
                declared = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
                kept = [row[1] for row in declared if not any(word in str(row[2]).lower() for word in SHAPES)]
                if not kept:
                    continue
                (total,) = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
                cursor = connection.execute(f"SELECT {', '.join(map(quoted, kept))} FROM {quoted(name)}")
                yield RawTable(
                    str(path), name, kept, _fetched(cursor), total=total, catalogue=_catalogue(connection, name),
                    crs=_crs(connection, name),
                )  # fmt: skip
    except sqlite3.Error as error:
        raise LayerError(
            f"{path} cannot be read: {error}. Is it a database of SQLite, whole, and open in no other program?"
        ) from error


def _fetched(cursor: Any) -> Rows:
    while rows := cursor.fetchmany(BATCH):
        yield [tuple(row) for row in rows]


def _catalogue(connection: sqlite3.Connection, table: str) -> Catalogue:
    from geomerge.files.geopackage import quoted

    columns = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    primary = tuple(row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5])
    unique = set()
    for _, index, is_unique, *_ in connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        indexed = connection.execute(f"PRAGMA index_info({quoted(index)})").fetchall()
        if is_unique and len(indexed) == 1 and indexed[0][2]:
            unique.add(indexed[0][2])
    foreign = {
        row[3]: f"{row[2]}.{row[4] or 'its primary key'}"
        for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
    }
    return Catalogue(primary, frozenset(unique), foreign)


def _crs(connection: sqlite3.Connection, table: str) -> str | None:
    try:
        found = connection.execute(
            "SELECT s.organization, s.organization_coordsys_id FROM gpkg_geometry_columns g "
            "JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id WHERE lower(g.table_name) = lower(?)",
            (table,),
        ).fetchone()
    except sqlite3.OperationalError:  # no GeoPackage
        return None
    return f"{found[0].upper()}:{found[1]}" if found and found[0].upper() == "EPSG" else None


def _layers(path: str, problems: list[tuple[str, str]]) -> Iterator[RawTable]:
    """Yield the layers of any file that GDAL can read."""
    from geomerge import layers
    from geomerge.layers.batches import rows_in_batches

    names = layers.layer_names(path)
    if not names:
        raise LayerError(f"{path} holds no layer, or is damaged or cut short. Get a fresh copy of it.")
    for name in names:
        try:
            info = layers.describe(path, name)
        except LayerError as error:
            problems.append((f"{path}|{name}", str(error)))
            continue
        crs = None if info.crs is None else ":".join(info.crs.to_authority() or ()) or None
        yield RawTable(
            path, name if len(names) > 1 else None, list(info.fields), rows_in_batches(info),
            encoding=info.encoding, crs=crs,
        )  # fmt: skip
