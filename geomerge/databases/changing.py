"""Rows of a table get their new values: told apart by their key, swapped codes by way of values nobody has."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geomerge.databases.mapping import Mapping, Values
from geomerge.databases.structure import Structure, exact, raw
from geomerge.databases.writing import copy
from geomerge.errors import LayerError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, TableClause

PORTION = 10_000  # rows sent or fetched at once
PLACEHOLDERS = "~" + string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Record:
    """A row that was changed: how to find it now, and its values before and after."""

    key: Values
    before: Values
    after: Values


@dataclass(frozen=True)
class Rows:
    """The rows of a table that change, in a temporary table: their key, values before and after.

    Parameters
    ----------
    structure
        The table.
    columns
        Columns that change.
    table
        The temporary table: ``k0`` and on the key, ``b0`` and on before, ``a0`` and on after, ``v`` in between.
    count
        Number of rows.
    via
        Column that holds a value of nobody in between, so that codes can be swapped; None where none are.
    """

    structure: Structure
    columns: tuple[str, ...]
    table: TableClause
    count: int
    via: str | None = None

    def step_aside(self, connection: Connection) -> None:
        """Give the rows the values in between, where there are some."""
        import sqlalchemy as sa

        if self.via is not None and self.count:
            target = self.structure.table
            step = sa.update(target).values({target.c[self.via]: self.table.c.v}).where(*self.matching())
            self._require(connection.execute(step).rowcount)

    def update(self, connection: Connection) -> list[Record]:
        """Give the rows their new values, and return how to find each again; LayerError if others were changed."""
        if self.count and self.structure.by_number and connection.dialect.name == "postgresql":
            return self._update_numbered(connection)
        self._update(connection)
        names, place = self.structure.key_names, {column: at for at, column in enumerate(self.columns)}
        return [
            Record(tuple(after[place[n]] if n in place else key[k] for k, n in enumerate(names)) or key, before, after)
            for key, before, after in values_of(connection, self)
        ]

    def _update_numbered(self, connection: Connection) -> list[Record]:
        """Change rows without a key; each is found again by the digest of all it holds then."""
        import sqlalchemy as sa

        target, rows = self.structure.table, self.table
        new = {target.c[column]: rows.c[f"a{at}"] for at, column in enumerate(self.columns)}
        sides = [rows.c[f"{side}{at}"] for side in "ba" for at in range(len(self.columns))]
        step = sa.update(target).values(new).where(*self.matching()).returning(digest_of(connection, target), *sides)
        found = connection.execute(step).all()
        self._require(len(found))
        width = len(self.columns)
        return sorted(
            (Record((row[0],), tuple(row[1 : width + 1]), tuple(row[width + 1 :])) for row in found), key=repr
        )

    def _update(self, connection: Connection) -> None:
        import sqlalchemy as sa

        target, rows = self.structure.table, self.table
        if self.count == 0:
            return
        new = {target.c[column]: rows.c[f"a{at}"] for at, column in enumerate(self.columns)}
        done = sa.update(target).values(new).where(*self.matching(self.via))
        self._require(connection.execute(done).rowcount)

    def matching(self, moved: str | None = None) -> Iterator[ColumnElement[bool]]:
        """Return what joins the rows with their table; a column that was moved is found by where it was moved to."""
        names = self.structure.key_names or (None,)
        for at, (key, name) in enumerate(zip(self.structure.key, names, strict=True)):
            yield key == (self.table.c.v if moved is not None and name == moved else self.table.c[f"k{at}"])

    def _require(self, done: int) -> None:
        if done != self.count:
            raise LayerError(
                f"{self.structure.name}: {done} of {self.count} rows were found to change, so somebody else works on "
                f"it, or a trigger does. Nothing was changed. Try again when it is quiet."
            )


def prepare(connection: Connection, structure: Structure, mapping: Mapping, number: int) -> Rows:
    """Find the rows that a mapping changes, with their new values."""
    columns = mapping.changing
    known = _temporary(
        connection, f"geomerge_map_{number}", structure,
        {**{f"o{at}": name for at, name in enumerate(mapping.needed)}, **{f"n{at}": n for at, n in enumerate(columns)}},
    )  # fmt: skip
    records = [
        {**{f"o{at}": value for at, value in enumerate(old)}, **{f"n{at}": value for at, value in enumerate(new)}}
        for old, new, _ in mapping.changes
    ]
    fill(connection, known, records)
    rows = rows_of(connection, structure, columns, number)
    for empty in sorted({tuple(value is None for value in old) for old, _, _ in mapping.changes}):
        _find(connection, structure, mapping, known, rows, empty)
    count = counted(connection, rows)
    if count != mapping.rows:
        raise LayerError(f"{structure.name} was changed while it was read. Nothing was changed. Try again.")
    return Rows(structure, columns, rows, count)


def rows_of(connection: Connection, structure: Structure, columns: Sequence[str], number: int) -> TableClause:
    """Return a new temporary table for the rows of a table that change."""
    wanted = {f"{side}{at}": name for side in "ba" for at, name in enumerate(columns)}
    return _temporary(connection, f"geomerge_rows_{number}", structure, wanted, keyed=True)


def _temporary(
    connection: Connection, name: str, structure: Structure, columns: dict[str, str], *, keyed: bool = False
) -> TableClause:
    """Make an empty temporary table whose columns have the types of those of another, and return it."""
    import sqlalchemy as sa

    table = structure.table
    wanted: list[ColumnElement[Any]] = [table.c[column].label(label) for label, column in columns.items()]
    if keyed:
        wanted += [key.label(f"k{at}") for at, key in enumerate(structure.key)]
    query = sa.select(*wanted).select_from(table).where(sa.false())
    text = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    quote = connection.dialect.identifier_preparer.quote_identifier
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quote(name)} AS {text}")
    types: dict[str, Any] = {label: table.c[column].type for label, column in columns.items()}
    keys = {f"k{at}": key.type for at, key in enumerate(structure.key)} if keyed else {}
    return sa.table(name, *(sa.column(label, kind) for label, kind in {**types, **keys}.items()))


def fill(connection: Connection, table: TableClause, records: Sequence[dict[str, Any]]) -> None:
    """Send records to a temporary table."""
    if connection.dialect.name == "postgresql":
        from psycopg import sql

        names = [column.name for column in table.c]
        copy(raw(connection), sql.Identifier(table.name), names, ([record.get(n) for n in names] for record in records))
        return
    for start in range(0, len(records), PORTION):
        connection.execute(table.insert(), list(records[start : start + PORTION]))


def _find(
    connection: Connection,
    structure: Structure,
    mapping: Mapping,
    known: TableClause,
    rows: TableClause,
    empty: tuple[bool, ...],
) -> None:
    """Add the rows whose values are empty in some columns and equal to those of the mapping in the others."""
    import sqlalchemy as sa

    table = structure.table
    same: list[ColumnElement[bool]] = []
    for at, (name, missing) in enumerate(zip(mapping.needed, empty, strict=True)):
        old = known.c[f"o{at}"]
        same += (
            [table.c[name].is_(None), old.is_(None)]
            if missing
            else [exact(connection, table.c[name]) == exact(connection, old)]
        )
    labels = [f"k{at}" for at in range(len(structure.key))]
    wanted: list[Any] = list(structure.key)
    for at, name in enumerate(mapping.changing):
        labels += [f"b{at}", f"a{at}"]
        wanted += [table.c[name], known.c[f"n{at}"]]
    connection.execute(
        rows.insert().from_select(labels, sa.select(*wanted).select_from(table.join(known, sa.and_(*same))))
    )


def counted(connection: Connection, table: TableClause) -> int:
    """Return the number of rows of a table."""
    import sqlalchemy as sa

    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def by_way(connection: Connection, rows: Rows) -> Rows:
    """Return rows that change by way of values nobody has, where a unique column would hold a code twice meanwhile."""
    import sqlalchemy as sa

    structure, table = rows.structure, rows.table
    for unique in structure.unique:
        shared = [column for column in rows.columns if column in unique]
        if not shared or structure.by_number:
            continue
        at = rows.columns.index(shared[0])
        met = sa.select(sa.func.count()).select_from(table).where(
            table.c[f"a{at}"].in_(sa.select(table.c[f"b{at}"])), table.c[f"a{at}"] != table.c[f"b{at}"]
        )  # fmt: skip
        if connection.execute(met).scalar_one():
            return by_way_of(connection, rows, shared[0])
    return rows


def by_way_of(connection: Connection, rows: Rows, column: str) -> Rows:
    """Return rows whose column holds a value of nobody in between."""
    import sqlalchemy as sa

    structure, table, at = rows.structure, rows.table, rows.columns.index(column)
    target = structure.table.c[column]
    taken = {row[0] for row in connection.execute(sa.select(target).distinct())}
    taken |= {row[0] for row in connection.execute(sa.select(table.c[f"a{at}"]).distinct())}
    found = {row[0] for row in connection.execute(sa.select(table.c[f"b{at}"]).distinct())}
    olds = sorted(found - {None}, key=str)
    free = unused(olds[0], getattr(target.type, "length", None), taken)
    quote = connection.dialect.identifier_preparer.quote_identifier
    source = sa.select(*table.c, table.c[f"b{at}"].label("v")).where(sa.true()).compile(dialect=connection.dialect)
    moved = f"{table.name}_via"
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quote(moved)} AS {source}")
    with_via = sa.table(moved, *(sa.column(c.name, c.type) for c in table.c), sa.column("v", target.type))
    steps = [{"old": old, "new": next(free)} for old in olds]
    step = sa.update(with_via).values(v=sa.bindparam("new", type_=target.type))
    connection.execute(step.where(with_via.c[f"b{at}"] == sa.bindparam("old", type_=target.type)), steps)
    return Rows(structure, rows.columns, with_via, rows.count, column)


def unused(example: Any, width: int | None, taken: set[Any]) -> Iterator[Any]:
    """Yield values of the kind of an example that are not taken, as wide as its column.

    Examples
    --------
    >>> list(itertools.islice(unused("0301", 4, {"~~~~"}), 2)), list(itertools.islice(unused(301, None, {-1}), 2))
    (['~~~a', '~~~b'], [-2, -3])
    """
    if isinstance(example, str):
        texts: Iterator[Any] = map("".join, itertools.product(PLACEHOLDERS, repeat=min(width or 12, 12)))
        return (text for text in texts if text not in taken)
    if isinstance(example, int) and not isinstance(example, bool):
        return (number for number in itertools.count(-1, -1) if number not in taken)
    raise LayerError(
        f"Codes are swapped in a unique column of {type(example).__name__}, where no value can stand for them "
        f"meanwhile. Drop the constraint while the register is recoded."
    )


def digest_of(connection: Connection, table: TableClause) -> ColumnElement[str]:
    """Return the digest of all that a row of PostgreSQL holds."""
    import sqlalchemy as sa

    quote = connection.dialect.identifier_preparer.quote_identifier
    return sa.literal_column(f"md5(CAST({quote(table.name)} AS text))", sa.Text())


def values_of(connection: Connection, rows: Rows) -> Iterator[tuple[Values, Values, Values]]:
    """Yield the key, the values before and the values after of each row, in the order of the keys."""
    import sqlalchemy as sa

    keys = [rows.table.c[f"k{at}"] for at in range(len(rows.structure.key))]
    before = [rows.table.c[f"b{at}"] for at in range(len(rows.columns))]
    after = [rows.table.c[f"a{at}"] for at in range(len(rows.columns))]
    query = sa.select(*keys, *before, *after).order_by(*keys)
    result = connection.execute(query, execution_options={"stream_results": True, "yield_per": PORTION})
    split = (len(keys), len(keys) + len(before))
    for row in result:
        yield tuple(row[: split[0]]), tuple(row[split[0] : split[1]]), tuple(row[split[1] :])
