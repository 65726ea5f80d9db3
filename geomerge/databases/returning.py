"""Changes go back to the tables that a job read: cell by cell, by primary key, if nobody changed the tables since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from geomerge.databases import catalog
from geomerge.databases.catalog import Column, Table
from geomerge.databases.writing import Written, copy, ewkb, join
from geomerge.errors import LayerError

if TYPE_CHECKING:
    from psycopg import sql

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Changes:
    """What a job changed in a table.

    Parameters
    ----------
    changed
        Former values of the key, and new values of the columns that change, for each row.
    added
        New rows, by column; geometry as WKB.
    removed
        Former values of the key of rows that go.
    """

    changed: Sequence[tuple[Record, Record]] = ()
    added: Sequence[Record] = ()
    removed: Sequence[Record] = field(default_factory=tuple)


def require_returnable(table: Table) -> None:
    """Raise LayerError if rows of a table cannot be told apart, or are none of its own."""
    if table.kind != "table":
        raise LayerError(f"{table.name} is a {table.kind}, so changes cannot go back there. Write a new table.")
    if not table.key:
        raise LayerError(f"{table.name} has no primary key, so changes cannot go back there. Give it one.")


def add(connection: Any, table: Table, changes: Changes) -> None:
    """Add new rows; a column that is empty in all of them gets what the table says for it (a sequence, a default)."""
    from psycopg import sql

    if not changes.added:
        return
    names = [
        column
        for column in table.columns
        if not column.generated and any(row.get(column.name) is not None for row in changes.added)
    ]
    stage = sql.Identifier("geomerge_added")
    _stage(connection, stage, table, names, [[row.get(column.name) for column in names] for row in changes.added])
    wanted = sql.SQL(", ").join(_taken(column) for column in names)
    listed = sql.SQL(", ").join(sql.Identifier(column.name) for column in names)
    step = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} s")
    connection.execute(step.format(table.identifier, listed, wanted, stage))
    connection.execute(sql.SQL("DROP TABLE {}").format(stage))


def change(connection: Any, table: Table, changes: Changes) -> None:
    """Write new values into rows; all other values of these rows, and all other rows, are not touched."""
    from psycopg import sql

    names = [column for column in table.columns if any(column.name in new for _, new in changes.changed)]
    if not names:
        return
    stage = sql.Identifier("geomerge_changed")
    keys = [table.column(name) for name in table.key]
    columns = [*(_as(key, f"k{at}") for at, key in enumerate(keys)), *(_as(c, f"v{at}") for at, c in enumerate(names))]
    flags = [_as(Column("", "bool", "boolean", False, False, False, "B"), f"f{at}") for at, _ in enumerate(names)]
    records = [
        [*(key[column.name] for column in keys), *(new.get(c.name) for c in names), *(c.name in new for c in names)]
        for key, new in changes.changed
    ]
    _stage(connection, stage, table, [*columns, *flags], records)
    parts = [
        sql.SQL("{0} = CASE WHEN s.{1} THEN {2} ELSE t.{0} END").format(
            sql.Identifier(column.name), sql.Identifier(f"f{at}"), _taken(column, f"v{at}")
        )
        for at, column in enumerate(names)
    ]
    same = sql.SQL(" AND ").join(
        sql.SQL("t.{} = s.{}").format(sql.Identifier(key.name), sql.Identifier(f"k{at}")) for at, key in enumerate(keys)
    )
    step = sql.SQL("UPDATE {} t SET {} FROM {} s WHERE {}")
    done = connection.execute(step.format(table.identifier, sql.SQL(", ").join(parts), stage, same)).rowcount
    _require(table, done, len(changes.changed))
    connection.execute(sql.SQL("DROP TABLE {}").format(stage))


def remove(connection: Any, table: Table, changes: Changes) -> None:
    """Remove rows."""
    from psycopg import sql

    if not changes.removed:
        return
    stage = sql.Identifier("geomerge_removed")
    keys = [table.column(name) for name in table.key]
    _stage(connection, stage, table, keys, [[row[key.name] for key in keys] for row in changes.removed])
    step = sql.SQL("DELETE FROM {} t USING {} s WHERE {}").format(table.identifier, stage, join("t", "s", table.key))
    _require(table, connection.execute(step).rowcount, len(changes.removed))
    connection.execute(sql.SQL("DROP TABLE {}").format(stage))


def counted(table: Table, changes: Changes) -> Written:
    """Return how much is done."""
    return Written(str(table.name), "changed", len(changes.added), len(changes.changed), len(changes.removed))


def lock(connection: Any, tables: Iterable[Table]) -> None:
    """Let nobody else write to tables until the transaction ends."""
    from psycopg import sql

    for table in sorted(tables, key=lambda each: str(each.name)):
        connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table.identifier))


def _as(column: Column, name: str) -> Column:
    return Column(name, column.type, column.declared, False, False, False, column.category)


def _stage(
    connection: Any, stage: sql.Identifier, table: Table, columns: Sequence[Column], records: Iterable[Sequence[Any]]
) -> None:
    """Send rows to a new temporary table with columns of the same types; lists are text there, as JSON."""
    from psycopg import sql

    kinds = [
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL("text" if c.category == "A" else c.declared))
        for c in columns
    ]
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(stage, sql.SQL(", ").join(kinds))
    )
    shapes = [at for at, column in enumerate(columns) if column.spatial]
    number = catalog.srid_of(connection, table, table.shape) if shapes and table.shape else 0
    sent = [list(record) for record in records]
    for at in shapes:
        for record, shape in zip(sent, ewkb([record[at] for record in sent], number), strict=True):
            record[at] = shape
    copy(connection, stage, [column.name for column in columns], sent)


def _taken(column: Column, name: str | None = None) -> sql.Composed:
    """Return a staged value in the type of its column."""
    from psycopg import sql

    staged = sql.SQL("s.{}").format(sql.Identifier(name or column.name))
    if column.category != "A":
        return staged
    listed = "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text({0}::jsonb))::{1} END"
    return sql.SQL(listed).format(staged, sql.SQL(column.declared))


def _require(table: Table, done: int, wanted: int) -> None:
    if done != wanted:
        raise LayerError(f"{table.name}: {done} of {wanted} rows were found. Nothing was changed. Run the job again.")
