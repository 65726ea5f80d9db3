"""Marks: which tables were recoded by which plan, kept in the database where codes alone do not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geomerge.databases.address import TableName

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

NAME = "geomerge_recoded"


def _table(name: TableName) -> Table:
    import sqlalchemy as sa

    return sa.Table(
        NAME, sa.MetaData(),
        sa.Column("table_name", sa.String(200), primary_key=True), sa.Column("plan", sa.String(100), primary_key=True),
        schema=sa.quoted_name(name.schema, True) if name.schema else None,
    )  # fmt: skip


def there(connection: Connection, name: TableName, mark: str) -> bool:
    """Return whether a table bears a mark."""
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table(NAME, schema=name.schema):
        return False
    table = _table(name)
    query = sa.select(table.c.plan).where(table.c.table_name == name.table, table.c.plan == mark)
    return connection.execute(query).first() is not None


def leave(connection: Connection, name: TableName, mark: str) -> None:
    """Leave a mark beside a table; the table of marks is made where there is none yet."""
    table = _table(name)
    table.create(connection, checkfirst=True)
    connection.execute(table.insert().values(table_name=name.table, plan=mark))


def remove(connection: Connection, name: TableName, mark: str) -> None:
    """Remove a mark, and the table of marks with the last of them."""
    import sqlalchemy as sa

    table = _table(name)
    connection.execute(table.delete().where(table.c.table_name == name.table, table.c.plan == mark))
    if connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0:
        table.drop(connection)
