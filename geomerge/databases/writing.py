"""Layers are written to PostGIS: as new tables, or as changes to tables that are there and keep all that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from geomerge.databases import catalog
from geomerge.databases.address import TableName
from geomerge.databases.catalog import Table
from geomerge.errors import LayerError
from geomerge.files.arrow import Content, fitting, is_time

if TYPE_CHECKING:
    from psycopg import sql

TYPES = {
    "bool": "boolean", "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint",
    "uint8": "smallint", "uint16": "integer", "uint32": "bigint", "float": "real", "double": "double precision",
    "date32[day]": "date", "binary": "bytea", "large_binary": "bytea",
}  # fmt: skip
KEYS = ("fid", "ogc_fid", "row_number")
STAGE = "geomerge_stage"
WITHOUT_EQUALITY = ("json", "xml")


@dataclass(frozen=True)
class Written:
    """What was done to a table: ``created`` or ``changed``, and how many rows were added, changed and removed."""

    table: str
    action: str
    added: int
    changed: int
    removed: int


@dataclass(frozen=True)
class Layer:
    """A layer to write: its rows with the numbers they have in their file, and what is said of it."""

    content: Content
    fids: Sequence[int]
    comment: str


def write(connection: Any, name: TableName, layer: Layer) -> Written:
    """Write a layer as a table; one that is there keeps its grants, comments, indexes, key and other columns.

    Parameters
    ----------
    connection
        A connection of psycopg; the transaction is the caller's.
    name
        Schema and table.
    layer
        What to write. Rows are told apart by the primary key of the table, where the layer has its columns;
        only those that differ are written. Without one, all rows are replaced.

    Raises
    ------
    LayerError
        If the table there is a view, lacks a column, or its CRS is another.
    """
    content = fitting(layer.content)
    fid = next(each for each in KEYS if each not in {field.lower() for field in content.table.schema.names})
    there = catalog.find(connection, name)
    if there is None:
        return _create(connection, name, content, layer, fid)
    if there.kind != "table":
        raise LayerError(f"{there.name} is a {there.kind}. Name another table.")
    return _change(connection, there, content, layer, fid)


def _create(connection: Any, name: TableName, content: Content, layer: Layer, fid: str) -> Written:
    from psycopg import sql

    number = srid(connection, content, name)
    columns = [sql.SQL("{} bigint PRIMARY KEY").format(sql.Identifier(fid))]
    for field in content.table.schema:
        kind = _shape(content, number) if field.name == content.geometry else sql.SQL(_type(field))
        columns.append(sql.SQL("{} {}").format(sql.Identifier(field.name), kind))
    target = catalog.identifier(name)
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(target, sql.SQL(", ").join(columns)))
    copy(connection, target, [fid, *content.table.schema.names], rows(content, layer.fids, number))
    if content.geometry is not None:
        index = sql.SQL("CREATE INDEX ON {} USING gist ({})").format(target, sql.Identifier(content.geometry))
        connection.execute(index)
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(target, sql.Literal(layer.comment)))
    connection.execute(sql.SQL("ANALYZE {}").format(target))
    return Written(str(name), "created", content.table.num_rows, 0, 0)


def _change(connection: Any, there: Table, content: Content, layer: Layer, fid: str) -> Written:
    from psycopg import sql

    names = {column.name for column in there.columns}
    content, number = _fitted(connection, there, content)
    columns = [*content.table.schema.names]
    if lost := [column for column in columns if column not in names]:
        raise LayerError(
            f"{there.name} has no column {', '.join(lost)}. Add it (ALTER TABLE ... ADD COLUMN), or name another table."
        )
    numbered = fid in names
    columns = [fid, *columns] if numbered else columns
    values = rows(content, layer.fids, number)
    stage = sql.Identifier(STAGE)
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WHERE false").format(
            stage, listed, there.identifier
        )
    )
    copy(connection, stage, columns, values if numbered else (row[1:] for row in values))
    plain = [column for column in columns if not there.column(column).generated]
    keyed = bool(there.key) and set(there.key) <= set(columns)
    others = [c for c in there.columns if c.name not in columns and not c.generated]
    if not keyed and others:
        raise LayerError(
            f"{there.name} has columns that the layer lacks ({', '.join(c.name for c in others)}), and no key to keep "
            f"them by. Give it a primary key, or name another table."
        )
    counts = _merge(connection, there, plain, there.key if keyed else ())
    connection.execute(sql.SQL("DROP TABLE {}").format(stage))
    return Written(str(there.name), "changed", *counts)


def _fitted(connection: Any, there: Table, content: Content) -> tuple[Content, int]:
    """Return a layer with its geometry called and numbered as in the table that is there."""
    if content.geometry is None:
        return content, 0
    shape = there.shape
    if shape is None:
        raise LayerError(f"{there.name} has no geometry, and the layer has. Name another table.")
    number, declared = srid(connection, content, there.name), catalog.declared_shape(shape)[1]
    if declared and number != declared:
        raise LayerError(f"{there.name} is in SRID {declared}, the layer in {number}. Bring it there (to_crs).")
    renamed = [shape.name if name == content.geometry else name for name in content.table.schema.names]
    return Content(content.table.rename_columns(renamed), shape.name, content.geometry_type, content.crs), number


def _merge(connection: Any, there: Table, columns: Sequence[str], key: Sequence[str]) -> tuple[int, int, int]:
    """Make a table hold the rows that are staged; return how many were added, changed and removed."""
    from psycopg import sql

    stage, target = sql.Identifier(STAGE), there.identifier
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    same = join("t", "s", key) if key else sql.SQL("false")
    gone = sql.SQL("DELETE FROM {} t WHERE NOT EXISTS (SELECT FROM {} s WHERE {})").format(target, stage, same)
    removed = connection.execute(gone).rowcount
    changed = 0
    others = [column for column in columns if column not in key]
    if key and others:
        parts = [sql.SQL("{0} = s.{0}").format(sql.Identifier(column)) for column in others]
        differs = sql.SQL(" OR ").join(_differs(there, column) for column in others)
        step = sql.SQL("UPDATE {} t SET {} FROM {} s WHERE {} AND ({})")
        changed = connection.execute(step.format(target, sql.SQL(", ").join(parts), stage, same, differs)).rowcount
    new = sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} s WHERE NOT EXISTS (SELECT FROM {} t WHERE {})"
    )
    listed_of = sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(column)) for column in columns)
    added = connection.execute(new.format(target, listed, listed_of, stage, target, same)).rowcount
    return added, changed, removed


def join(one: str, other: str, key: Sequence[str]) -> sql.Composed:
    """Return what joins two tables by a key."""
    from psycopg import sql

    return sql.SQL(" AND ").join(sql.SQL(f"{one}.{{0}} = {other}.{{0}}").format(sql.Identifier(each)) for each in key)


def _differs(there: Table, column: str) -> sql.Composed:
    from psycopg import sql

    cast = "::text" if there.column(column).type in WITHOUT_EQUALITY else ""
    return sql.SQL(f"t.{{0}}{cast} IS DISTINCT FROM s.{{0}}{cast}").format(sql.Identifier(column))


def copy(connection: Any, target: sql.Identifier, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> None:
    """Send rows to a table."""
    from psycopg import sql

    command = sql.SQL("COPY {} ({}) FROM STDIN").format(target, sql.SQL(", ").join(map(sql.Identifier, columns)))
    with connection.cursor().copy(command) as sending:
        for record in records:
            sending.write_row(record)


def rows(content: Content, fids: Sequence[int], number: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a layer, their numbers first, geometry as the database reads it."""
    at = 0
    for batch in content.table.to_batches(max_chunksize=10_000):
        columns: list[Any] = [list(fids[at : at + batch.num_rows])]
        for name in content.table.schema.names:
            values = batch.column(name).to_pylist()
            columns.append(ewkb(values, number) if name == content.geometry else values)
        yield from zip(*columns, strict=True)
        at += batch.num_rows


def ewkb(values: Sequence[bytes | None], number: int) -> list[str | None]:
    """Return WKB as PostGIS reads it, with the number of the CRS.

    Examples
    --------
    >>> ewkb([shapely.to_wkb(shapely.Point(1, 2)), None], 25833)
    ['0101000020E9640000000000000000F03F0000000000000040', None]
    """
    shapes = np.asarray(shapely.set_srid(shapely.from_wkb(list(values)), number), dtype=object)
    found = shapely.to_wkb(shapes, hex=True, output_dimension=4, include_srid=True, flavor="extended")
    return [text if isinstance(text, str) else None for text in found]


def srid(connection: Any, content: Content, name: TableName) -> int:
    """Return the number of a CRS in spatial_ref_sys, 0 where the layer names none."""
    if content.geometry is None or content.crs is None:
        return 0
    crs = CRS(content.crs)
    authority = crs.to_authority() or ("", "")
    found = connection.execute(
        "SELECT srid FROM spatial_ref_sys WHERE lower(auth_name) = lower(%s) AND auth_srid::text = %s", authority
    ).fetchone()
    if found is None:
        raise LayerError(f"{name}: {crs.name} is no CRS of spatial_ref_sys. Bring the layer into one that is (to_crs).")
    return int(found[0])


def _shape(content: Content, number: int) -> sql.Composed:
    from psycopg import sql

    kind = (content.geometry_type or "Unknown").replace(" ", "")
    kind = "GeometryZ" if kind == "UnknownZ" else kind.replace("Unknown", "Geometry")
    return sql.SQL("geometry({}, {})").format(sql.Identifier(kind), sql.Literal(number))


def _type(field: pa.Field) -> str:
    if is_time(field):
        return "timestamptz"
    if pa.types.is_decimal(field.type):
        return "numeric"
    return TYPES.get(str(field.type), "text")
