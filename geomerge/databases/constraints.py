"""Foreign keys between tables that are recoded together: children first, and checked when all tables are done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geomerge.databases.address import TableName
from geomerge.databases.structure import raw

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOREIGN = """
SELECT c.conname::text, n.nspname::text, t.relname::text, pn.nspname::text, p.relname::text,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num),
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num),
       c.confupdtype::text, c.condeferrable
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 ORDER BY 2, 3, 1
"""
ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT", "a": "NO ACTION"}
FOLLOWING = ("CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: columns of the child that must stand in those of the parent, and what an update there does."""

    name: str | None
    child: TableName
    columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]
    on_update: str
    deferrable: bool

    @property
    def cascades(self) -> bool:
        """Whether the database itself changes the children."""
        return self.on_update == "CASCADE"


def foreign_keys(connection: Connection) -> list[ForeignKey]:
    """Return all foreign keys of a database."""
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        return [
            ForeignKey(
                row[0], TableName(row[1], row[2]), tuple(row[5]), TableName(row[3], row[4]), tuple(row[6]),
                ACTIONS[row[7]], row[8],
            )
            for row in raw(connection).execute(FOREIGN).fetchall()
        ]  # fmt: skip
    inspector = sa.inspect(connection)
    tables = sorted(inspector.get_table_names())
    if connection.dialect.name == "sqlite":
        return [key for table in tables for key in _of_sqlite(connection, inspector, table)]
    found = []
    for table in tables:
        for each in inspector.get_foreign_keys(table):
            options = each.get("options", {})
            parent = TableName(each["referred_schema"], each["referred_table"])
            found.append(
                ForeignKey(
                    each["name"], TableName(None, table), tuple(each["constrained_columns"]), parent,
                    tuple(each["referred_columns"]), str(options.get("onupdate") or "NO ACTION").upper(),
                    bool(options.get("deferrable")),
                )
            )  # fmt: skip
    return found


def _of_sqlite(connection: Connection, inspector: Any, table: str) -> Iterator[ForeignKey]:
    """Yield the foreign keys of a table in SQLite, which names no columns where the key of the parent is meant."""
    import sqlalchemy as sa

    rows = connection.execute(
        sa.text('SELECT id, "table", "from", "to", on_update FROM pragma_foreign_key_list(:name) ORDER BY id, seq'),
        {"name": table},
    ).all()
    for number in dict.fromkeys(row[0] for row in rows):
        parts = [row for row in rows if row[0] == number]
        parent = next(
            (name for name in inspector.get_table_names() if name.lower() == parts[0][1].lower()), parts[0][1]
        )
        named = tuple(row[3] for row in parts)
        if None in named and inspector.has_table(parent):
            named = tuple(inspector.get_pk_constraint(parent)["constrained_columns"])
        columns = tuple(row[2] for row in parts)
        yield ForeignKey(None, TableName(None, table), columns, TableName(None, parent), named, parts[0][4], False)


def children_first(tables: Sequence[TableName], keys: Sequence[ForeignKey]) -> list[TableName]:
    """Return tables in an order in which children come before their parents, as far as there is one.

    Examples
    --------
    >>> units, cases = TableName(None, "units"), TableName(None, "cases")
    >>> key = ForeignKey("fk", cases, ("code",), units, ("code",), "NO ACTION", False)
    >>> [name.table for name in children_first([units, cases], [key])]
    ['cases', 'units']
    """
    waiting, done = list(tables), list[TableName]()
    while waiting:
        free = [
            table
            for table in waiting
            if not any(key.parent == table and key.child in waiting and key.child != table for key in keys)
        ]
        done += free or waiting[:1]
        waiting = [table for table in waiting if table not in done]
    return done


@contextlib.contextmanager
def deferred(connection: Connection, keys: Sequence[ForeignKey]) -> Iterator[None]:
    """Check foreign keys when all tables are changed; those that cannot wait are made to for the transaction.

    ``ALTER CONSTRAINT`` belongs to the transaction as everything else does: it is taken back at the end, and by
    the database itself if anything fails.
    """
    if connection.dialect.name != "postgresql":  # SQLite was told so when it was opened; others cannot wait
        yield
        return
    rigid = [key for key in keys if not key.deferrable and key.name]
    for key in rigid:
        connection.exec_driver_sql(_alter(connection, key, "DEFERRABLE INITIALLY IMMEDIATE"))
    connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
    yield
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    for key in rigid:
        connection.exec_driver_sql(_alter(connection, key, "NOT DEFERRABLE"))


def _alter(connection: Connection, key: ForeignKey, how: str) -> str:
    quote = connection.dialect.identifier_preparer.quote_identifier
    child = ".".join(quote(part) for part in (key.child.schema, key.child.table) if part)
    return f"ALTER TABLE {child} ALTER CONSTRAINT {quote(key.name or '')} {how}"


def within(keys: Sequence[ForeignKey], changing: Mapping[TableName, Sequence[str]]) -> list[ForeignKey]:
    """Return the foreign keys between tables that are changed, on columns that change."""
    return [
        key
        for key in keys
        if set(key.columns) & set(changing.get(key.child, ()))
        and set(key.parent_columns) & set(changing.get(key.parent, ()))
    ]


def followers(keys: Sequence[ForeignKey], changing: Mapping[TableName, Sequence[str]]) -> Iterator[str]:
    """Return what the database changes by itself in tables that are not among those named, in sentences."""
    for key in keys:
        if key.on_update in FOLLOWING and set(key.parent_columns) & set(changing.get(key.parent, ())):
            there = set(key.columns) <= set(changing.get(key.child, ()))
            if not there:
                yield (
                    f"{key.child}: {', '.join(key.columns)} follows {key.parent} by itself (ON UPDATE {key.on_update})"
                )
