"""Tables of PostGIS are read as Arrow, by COPY: their types, nulls and order of columns, in the order of their key."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
from pyproj import CRS

from geomerge.databases import catalog
from geomerge.databases.address import Address, TableName, read_address
from geomerge.databases.catalog import Column, Table
from geomerge.databases.connecting import connected
from geomerge.errors import LayerError
from geomerge.files.arrow import Content
from geomerge.files.formats import Info

if TYPE_CHECKING:
    from psycopg import sql

DRIVER = "PostgreSQL"
EXACT = 15  # digits of a number that a float holds
BLOCK = 1 << 24  # bytes parsed at once
TYPES = {
    "bool": pa.bool_(), "int2": pa.int16(), "int4": pa.int32(), "int8": pa.int64(), "oid": pa.int64(),
    "float4": pa.float32(), "float8": pa.float64(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
}  # fmt: skip
BINARY = frozenset(["bytea"])


@dataclass(frozen=True)
class Reading:
    """A table that is being read: what it is declared as, and its rows as they come.

    Parameters
    ----------
    table
        The table.
    crs, geometry, geometry_type
        CRS, column and declared type of its geometry, None where it has none.
    schema
        Its columns in Arrow, the geometry as WKB.
    batches
        Its rows.
    """

    table: Table
    crs: CRS | None
    geometry: str | None
    geometry_type: str | None
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def content(self) -> Content:
        """Return all rows in memory."""
        table = pa.Table.from_batches(self.batches, schema=self.schema)
        return Content(table, self.geometry, self.geometry_type, self.crs.to_wkt() if self.crs else None)


@contextmanager
def reading_all(url: str, layers: Sequence[str | None]) -> Iterator[Iterator[Reading]]:
    """Read tables as they are at one moment; LayerError with all that are not there."""
    address = read_address(url)
    with connected(address) as connection:
        faults: list[str] = []
        for layer in layers:
            try:
                catalog.require(connection, address, layer)
            except LayerError as error:
                faults += error.faults
        if faults:
            raise LayerError(*dict.fromkeys(faults))
        yield (from_connection(connection, address, layer) for layer in layers)


def from_connection(connection: Any, address: Address, layer: str | None) -> Reading:
    """Return a table as it is read on a connection that is open."""
    table = catalog.require(connection, address, layer)
    shape = table.shape
    crs = catalog.crs_of(connection, table, shape) if shape else None
    kind = catalog.declared_shape(shape)[0] if shape else None
    schema = pa.schema([_field(column, shape) for column in table.columns])
    return Reading(table, crs, shape.name if shape else None, kind, schema, _rows(connection, table, schema))


def describe(url: str, layer: str | None) -> Info:
    """Return how a table is declared, in the words of a file."""
    address = read_address(url)
    with connected(address) as connection:
        found = from_connection(connection, address, layer)
        rows = connection.execute(_counting(found.table)).fetchall()[0][0]
    kinds = Content(found.schema.empty_table(), found.geometry, None, None).kinds
    return Info(url, str(found.table.name), DRIVER, found.crs, "UTF-8", found.geometry_type, kinds, rows)


def layer_names(url: str) -> list[str]:
    """Return the tables and views that can be read, without those of PostGIS itself."""
    address = read_address(url)
    with connected(address) as connection:
        rows = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
            "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' "
            "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') "
            "AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2"
        ).fetchall()
    return [str(TableName(*row)) for row in rows]


def read_content(url: str, layer: str | None) -> Content:
    """Return a table with all its rows in memory."""
    with reading_all(url, [layer]) as found:
        return next(found).content()


def read(info: Info, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a table as one of pandas or geopandas; whole numbers with gaps stay whole, and rows count from 1."""
    import geopandas as gpd

    content = read_content(info.path, info.layer)
    table, shape = content.table, content.geometry
    wanted = list(columns) if columns is not None else [name for name in table.schema.names if name != shape]
    frame: pd.DataFrame = table.select(wanted).to_pandas(types_mapper=_nullable(table), date_as_object=False)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="fid")
    if shape is None:
        return frame
    before = table.schema.names[: table.schema.get_field_index(shape)]
    shapes = gpd.GeoSeries.from_wkb(table.column(shape).to_pylist(), index=frame.index, crs=info.crs)
    frame.insert(sum(name in wanted for name in before), shape, shapes)
    spatial: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=shape, crs=info.crs)
    return spatial


def _nullable(table: pa.Table) -> Callable[[pa.DataType], Any]:
    gaps = {str(field.type) for field, column in zip(table.schema, table.columns, strict=True) if column.null_count}
    wide = {"int16": pd.Int16Dtype(), "int32": pd.Int32Dtype(), "int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}
    return lambda kind: wide.get(str(kind)) if str(kind) in gaps else None


def _counting(table: Table) -> sql.Composed:
    from psycopg import sql

    return sql.SQL("SELECT count(*) FROM {}").format(table.identifier)


def _field(column: Column, shape: Column | None) -> pa.Field:
    if column is shape:
        return pa.field(column.name, pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
    if column.spatial or column.type in BINARY:
        return pa.field(column.name, pa.binary())
    if column.type == "numeric":
        return pa.field(column.name, _numeric(column.declared))
    width = re.search(r"char(?:acter)?(?: varying)?\((\d+)\)$", column.declared)
    metadata = {b"GDAL:OGR:width": width[1].encode()} if width else None
    return pa.field(column.name, TYPES.get(column.type, pa.string()), metadata=metadata)


def _numeric(declared: str) -> pa.DataType:
    """Return the type that holds a number of the width it is declared with; text where only text does.

    Examples
    --------
    >>> [str(_numeric(f"numeric{width}")) for width in ("(10,0)", "(12,3)", "(30,10)", "")]
    ['int64', 'double', 'string', 'double']
    """
    found = re.search(r"\((\d+),(-?\d+)\)$", declared)
    if found is None:
        return pa.float64()
    width, scale = int(found[1]), int(found[2])
    if scale == 0 and width <= 18:
        return pa.int64()
    return pa.float64() if width <= EXACT else pa.string()


def _written(column: Column, kind: pa.DataType) -> sql.Composable:
    """Return a column as it is asked for, so that its text is what Arrow reads."""
    from psycopg import sql

    name = sql.Identifier(column.name)
    if column.spatial:
        return sql.SQL("encode(ST_AsBinary({}), 'hex')").format(name)
    if column.type in BINARY:
        return sql.SQL("encode({}, 'hex')").format(name)
    if column.category == "A":
        return sql.SQL("to_json({})::text").format(name)
    if column.type in ("date", "timestamp", "timestamptz"):  # infinity is no day of a calendar
        return sql.SQL("CASE WHEN isfinite({0}) THEN {0} END").format(name)
    return name if not pa.types.is_string(kind) else sql.SQL("{}::text").format(name)


def _query(table: Table, schema: pa.Schema) -> sql.Composed:
    from psycopg import sql

    wanted = [
        sql.SQL("{} AS {}").format(_written(column, schema.field(at).type), sql.Identifier(f"c{at}"))
        for at, column in enumerate(table.columns)
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(wanted), table.identifier)
    if table.key:
        query += sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(map(sql.Identifier, table.key)))
    elif table.kind == "table":
        query += sql.SQL(" ORDER BY tableoid, ctid")
    return query


def _rows(connection: Any, table: Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table: first copied to the disk, so that the server is soon done with them."""
    from psycopg import sql

    if not table.columns:
        raise LayerError(f"{table.name} has no columns.")
    plain = [pa.string() if pa.types.is_binary(field.type) else field.type for field in schema]
    with tempfile.TemporaryFile(prefix="geomerge-") as file:
        command = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true, FORCE_QUOTE *)").format(_query(table, schema))
        with connection.cursor().copy(command) as copy:
            for block in copy:
                file.write(block)
        file.seek(0)
        reader = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(block_size=BLOCK),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types={f"c{at}": kind for at, kind in enumerate(plain)},
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                true_values=["t"], false_values=["f"],
            ),
        )  # fmt: skip
        for batch in reader:
            arrays = [
                _from_hex(array) if pa.types.is_binary(field.type) else array
                for array, field in zip(batch.columns, schema, strict=True)
            ]
            yield pa.record_batch(arrays, schema=schema)


def _from_hex(array: pa.Array) -> pa.Array:
    return pa.array([None if text is None else bytes.fromhex(text) for text in array.to_pylist()], pa.binary())
