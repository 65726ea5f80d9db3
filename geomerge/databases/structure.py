"""How a table that is recoded is made: its columns, what tells its rows apart, what must be unique, what watches it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geomerge.databases import catalog
from geomerge.databases.address import Address, TableName, table_name
from geomerge.errors import LayerError

if TYPE_CHECKING:
    from sqlalchemy import Connection, TableClause
    from sqlalchemy.sql.elements import ColumnElement

WATCHING = """
SELECT tgname FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal AND tgtype & 16 <> 0 AND tgenabled <> 'D'
ORDER BY 1
"""
OF_PROGRAMS = (  # how tables of SQLite begin that hold no rows of anybody
    "sqlite_", "geomerge_", "geometry_columns", "spatial_ref_sys", "spatialite_", "views_geometry_", "virts_geometry_",
    "idx_", "data_licenses", "sql_statements_log",
)  # fmt: skip


@dataclass(frozen=True)
class Structure:
    """A table of a database, ready for statements.

    Parameters
    ----------
    name, schema
        The table as the database has it; no schema where the dialect knows none.
    table
        The table in statements, with the columns that are needed and their types.
    key, key_names
        What tells its rows apart, in statements and by name; a row number where the table has no key.
    by_number
        Whether rows are told apart by a number that lives no longer than the transaction (``ctid``).
    unique
        Columns that must be unique together.
    generated
        Columns that the database computes.
    triggers
        What the database does by itself when rows change.
    """

    name: TableName
    table: TableClause
    key: tuple[ColumnElement[Any], ...]
    key_names: tuple[str, ...]
    by_number: bool
    unique: tuple[tuple[str, ...], ...]
    generated: frozenset[str]
    triggers: tuple[str, ...]

    def quoted(self, connection: Connection) -> str:
        """Return schema and table as the driver quotes them."""
        return connection.dialect.identifier_preparer.format_table(self.table)


def structure(connection: Connection, address: Address, text: str | None, needed: Sequence[str]) -> Structure:
    """Return how a table is made; LayerError if it is none, or lacks a column.

    Parameters
    ----------
    connection, address
        The database.
    text
        Schema and table.
    needed
        Columns that are looked at or changed.
    """
    import sqlalchemy as sa

    name, kind = _found(connection, address, text)
    if kind != "table":
        raise LayerError(f"{address.shown}|{name} is a {kind}, which holds no rows of its own. Name its table.")
    inspector = sa.inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # types such as geometry, which are left alone
        columns = {column["name"]: column for column in inspector.get_columns(name.table, schema=name.schema)}
    if missing := [column for column in needed if column not in columns]:
        raise LayerError(
            f"{address.shown}|{name} has no column {', '.join(missing)}. It has {', '.join(columns)}. "
            f"Name the right columns in the register."
        )
    primary = tuple(inspector.get_pk_constraint(name.table, schema=name.schema)["constrained_columns"])
    unique = _unique(inspector, name, primary)
    required = {column for column, found in columns.items() if not found["nullable"]}
    names = primary or next((each for each in unique if required >= set(each)), ())
    wanted = {each: columns[each]["type"] for each in dict.fromkeys([*needed, *names])}
    number = None if names else _number(connection, columns, address, name)
    table = sa.table(
        sa.quoted_name(name.table, True),
        *(sa.column(sa.quoted_name(each, True), kind) for each, kind in wanted.items()),
        *([sa.column(number)] if number else []),
        schema=sa.quoted_name(name.schema, True) if name.schema else None,
    )
    key = tuple(table.c[each] for each in (names or (number,)) if each)
    return Structure(
        name, table, key, names, number is not None, unique,
        frozenset(each for each, found in columns.items() if found.get("computed")),
        _triggers(connection, name),
    )  # fmt: skip


def raw(connection: Connection) -> Any:
    """Return the connection of the driver."""
    return connection.connection.driver_connection


def exact(connection: Connection, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a value that is compared letter by letter, also where its column takes capitals or blanks for the same.

    Days of PostgreSQL are texts, as Python has none for ``infinity``.
    """
    import sqlalchemy as sa

    if connection.dialect.name == "sqlite" and isinstance(value.type, sa.String | sa.types.NullType):
        return sa.collate(value, "BINARY")
    if connection.dialect.name == "postgresql" and isinstance(value.type, sa.String | sa.Date | sa.DateTime):
        return sa.collate(sa.cast(value, sa.Text()), "C")
    return value


def _found(connection: Connection, address: Address, text: str | None) -> tuple[TableName, str]:
    import sqlalchemy as sa

    if address.postgres:
        table = catalog.require(raw(connection), address, text)
        return table.name, table.kind
    inspector = sa.inspect(connection)
    if not text:
        text = _only(connection, inspector.get_table_names(), address)
    name = table_name(text)
    tables, views = inspector.get_table_names(schema=name.schema), inspector.get_view_names(schema=name.schema)
    if name.table not in [*tables, *views]:
        near = ", ".join(str(TableName(name.schema, table)) for table in sorted([*tables, *views])[:8])
        raise LayerError(f"{address.shown} has no table {name}. " + (f"It has {near}." if near else "It has none."))
    return name, "view" if name.table in views else "table"


def _only(connection: Connection, tables: Sequence[str], address: Address) -> str:
    """Return the only table that holds rows of somebody, in a GeoPackage its only layer; LayerError with all others."""
    if "gpkg_contents" in tables:
        listed = connection.exec_driver_sql(
            "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes') ORDER BY 1"
        )
        tables = [name for (name,) in listed if name != "layer_styles"]
    names = [str(TableName(None, name)) for name in tables if not name.startswith(OF_PROGRAMS)]
    if len(names) != 1:
        raise LayerError(f"{address.shown} has {', '.join(names) or 'no tables'}. Name one of its tables (table).")
    return names[0]


def _unique(inspector: Any, name: TableName, primary: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    found = [primary] if primary else []
    found += [tuple(each["column_names"]) for each in inspector.get_unique_constraints(name.table, schema=name.schema)]
    indexes = inspector.get_indexes(name.table, schema=name.schema)
    found += [
        tuple(each["column_names"]) for each in indexes if each.get("unique") and None not in each["column_names"]
    ]
    return tuple(dict.fromkeys(found))


def _number(connection: Connection, columns: Mapping[str, Any], address: Address, name: TableName) -> str:
    """Return the column that tells rows apart where there is no key: the place of the row in its table."""
    import sqlalchemy as sa

    dialect = connection.dialect.name
    if dialect == "postgresql":
        parts = sa.text("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(:name)")
        if connection.execute(parts, {"name": _as_text(connection, name)}).scalar_one():
            raise LayerError(
                f"{address.shown}|{name} has parts and no primary key, so rows of several parts cannot be told apart. "
                f"Add a key, or name the parts."
            )
        return "ctid"
    taken = {column.lower() for column in columns}
    free = [each for each in ("rowid", "oid", "_rowid_") if each not in taken]
    if dialect != "sqlite" or not free:
        raise LayerError(
            f"{address.shown}|{name} has no primary key, and nothing else tells its rows apart there. Add a key."
        )
    return free[0]


def _as_text(connection: Connection, name: TableName) -> str:
    """Return schema and table as a value that the server reads as a name."""
    asked = "SELECT format('%%I.%%I', %s::text, %s::text)"
    return str(raw(connection).execute(asked, (name.schema, name.table)).fetchone()[0])


def _on_update(trigger: str, text: str) -> bool:
    """Return whether a trigger of SQLite runs when rows are updated, by the statement that made it.

    Examples
    --------
    >>> _on_update("a", "CREATE TRIGGER a AFTER UPDATE ON t BEGIN SELECT 1; END")
    True
    >>> _on_update("update", 'CREATE TRIGGER "update" INSERT ON t BEGIN UPDATE n SET a = 1; END')
    False
    """
    event = re.search(r"\b(DELETE|INSERT|UPDATE)\b", text.replace(trigger, "", 1), re.IGNORECASE)
    return event is not None and event[1].upper() == "UPDATE"


def _triggers(connection: Connection, name: TableName) -> tuple[str, ...]:
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        found = catalog.find(raw(connection), name)
        rows = raw(connection).execute(WATCHING, (found.oid,)).fetchall() if found else []
        return tuple(row[0] for row in rows)
    if connection.dialect.name == "sqlite":
        asked = sa.text(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name) "
            "AND name NOT LIKE 'rtree_%' ORDER BY 1"
        )
        rows = connection.execute(asked, {"name": name.table}).all()
        return tuple(trigger for trigger, text in rows if _on_update(trigger, text))
    return ()
