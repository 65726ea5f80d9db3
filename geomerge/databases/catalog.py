"""What a database says of a table: its columns, key, CRS, comments, and what hangs on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyproj import CRS
from pyproj.exceptions import CRSError as UnknownCRS

from geomerge.databases.address import Address, TableName, table_name
from geomerge.errors import LayerError

if TYPE_CHECKING:
    from psycopg import sql

KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}
SHAPES = {
    "POINT": "Point", "LINESTRING": "LineString", "POLYGON": "Polygon", "MULTIPOINT": "MultiPoint",
    "MULTILINESTRING": "MultiLineString", "MULTIPOLYGON": "MultiPolygon", "GEOMETRYCOLLECTION": "GeometryCollection",
}  # fmt: skip

_RELATION = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text,
       (SELECT array_agg(a.attname::text ORDER BY place.n)
        FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS place(attnum, n)
        JOIN pg_attribute a ON a.attnum = place.attnum
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid) AS key,
       obj_description(c.oid, 'pg_class')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = %(table)s
  AND CASE WHEN %(schema)s::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = %(schema)s END
"""
_COLUMNS = """
SELECT a.attname::text, t.typname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attgenerated <> '', a.attidentity::text, t.typcategory::text, b.typname::text
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_NEAR = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_(toast|temp)'
  AND (c.relname ILIKE %(table)s OR n.nspname = coalesce(%(schema)s, 'public')) AND c.relname <> 'spatial_ref_sys'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname ILIKE %(table)s DESC, 1, 2 LIMIT 8
"""


@dataclass(frozen=True)
class Column:
    """A column: its name, its type as the database calls it, and whether it may be empty or is computed."""

    name: str
    type: str
    declared: str
    required: bool
    generated: bool
    identity: bool
    category: str

    @property
    def spatial(self) -> bool:
        """Whether it holds geometry."""
        return self.type in ("geometry", "geography")


@dataclass(frozen=True)
class Table:
    """A table or view of a database.

    Parameters
    ----------
    name, oid, kind
        Schema and table, the number the database has for it, and what it is.
    columns
        Its columns in their order.
    key
        Columns of the primary key, none where there is none.
    comment
        What stands beside it.
    """

    name: TableName
    oid: int
    kind: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    comment: str | None

    @property
    def identifier(self) -> sql.Identifier:
        """The table in a statement."""
        return identifier(self.name)

    @property
    def shape(self) -> Column | None:
        """The column of its geometry: the first there is."""
        return next((column for column in self.columns if column.spatial), None)

    def column(self, name: str) -> Column:
        """Return a column that is there."""
        return next(column for column in self.columns if column.name == name)


def identifier(name: TableName) -> sql.Identifier:
    """Return a table in a statement, quoted by the driver."""
    from psycopg import sql

    return sql.Identifier(name.schema, name.table) if name.schema else sql.Identifier(name.table)


def find(connection: Any, name: TableName) -> Table | None:
    """Return a table, None where there is none of the name."""
    asked = {"schema": name.schema, "table": name.table}
    found = connection.execute(_RELATION, asked).fetchone()
    if found is None:
        return None
    oid, schema, table, kind, key, comment = found
    columns = tuple(
        Column(each[0], each[7] or each[1], each[2], each[3], each[4], each[5] != "", each[6])
        for each in connection.execute(_COLUMNS, (oid,)).fetchall()
    )
    return Table(TableName(schema, table), oid, KINDS[kind], columns, tuple(key or ()), comment)


def require(connection: Any, address: Address, text: str | None) -> Table:
    """Return a table; LayerError with those that are there if there is none of the name."""
    if not text:
        raise LayerError(f"{address.shown} needs the name of a table. Write {address.shown}|schema.table.")
    name = table_name(text)
    found = find(connection, name)
    if found is None:
        near = connection.execute(_NEAR, {"schema": name.schema, "table": name.table}).fetchall()
        there = ", ".join(str(TableName(*row)) for row in near)
        raise LayerError(f"{address.shown} has no table {name}. " + (f"It has {there}." if there else "It has none."))
    return found


def declared_shape(column: Column) -> tuple[str, int]:
    """Return the type of a geometry column in the words of GDAL, and its number in spatial_ref_sys (0: none).

    Examples
    --------
    >>> declared_shape(Column("geom", "geometry", "geometry(MultiPolygonZ,25833)", False, False, False, "U"))
    ('MultiPolygon Z', 25833)
    >>> declared_shape(Column("geom", "geometry", "geometry", False, False, False, "U"))
    ('Unknown', 0)
    """
    found = re.search(r"\((\w+?)(Z|M|ZM)?(?:,(\d+))?\)$", column.declared)
    if found is None:
        return "Unknown", 4326 if column.type == "geography" else 0
    kind, dimension = SHAPES.get(found[1].upper(), "Unknown"), found[2] or ""
    kind = "Unknown" if "M" in dimension or kind == "Unknown" else f"{kind} {dimension}".strip()
    return kind, int(found[3] or (4326 if column.type == "geography" else 0))


def srid_of(connection: Any, table: Table, shape: Column) -> int:
    """Return the number of the CRS of a geometry column, 0 where none is; LayerError if its rows are in several."""
    from psycopg import sql

    number = declared_shape(shape)[1]
    if not number:
        asked = sql.SQL("SELECT DISTINCT ST_SRID({}::geometry) FROM {} WHERE {} IS NOT NULL LIMIT 3").format(
            sql.Identifier(shape.name), table.identifier, sql.Identifier(shape.name)
        )
        numbers = sorted(row[0] for row in connection.execute(asked).fetchall())
        if len(numbers) > 1:
            listed = ", ".join(map(str, numbers))
            raise LayerError(
                f"Column {shape.name} of {table.name} holds geometry in several CRS (SRID {listed}). Bring it into one "
                f"(ST_Transform)."
            )
        number = int(numbers[0]) if numbers else 0
    return number


def crs_of(connection: Any, table: Table, shape: Column) -> CRS | None:
    """Return the CRS of a geometry column, None where none is named; LayerError if its rows are in several."""
    number = srid_of(connection, table, shape)
    if not number:
        return None
    found = connection.execute(
        "SELECT auth_name, auth_srid, srtext FROM spatial_ref_sys WHERE srid = %s", (number,)
    ).fetchone()
    for text in _names(found):
        try:
            return CRS.from_user_input(text)
        except UnknownCRS:
            continue
    raise LayerError(
        f"SRID {number} of {table.name} is no CRS that PROJ knows. Correct spatial_ref_sys, or state the CRS (crs)."
    )


def _names(found: Any) -> Iterable[str]:
    if found is not None:
        authority, code, text = found
        if authority and code:
            yield f"{authority}:{code}"
        if text:
            yield text
