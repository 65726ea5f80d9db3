"""Registers in a database are recoded: all tables in one transaction, with a way back; a dry run only looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geomerge.databases import constraints, marks
from geomerge.databases.address import Address, TableName, read_address
from geomerge.databases.changing import Record, Rows, by_way, by_way_of, prepare
from geomerge.databases.constraints import ForeignKey
from geomerge.databases.engine import keep, transaction
from geomerge.databases.mapping import Mapping, Translate, Values, read_mapping, review_rows
from geomerge.databases.structure import Structure, structure
from geomerge.databases.undo import Changed, read_undo, rows_back, write_undo
from geomerge.errors import LayerError
from geomerge.files.finishing import uninterrupted
from geomerge.progress import progress

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Register:
    """A table that is recoded.

    Parameters
    ----------
    name, table
        What it is called, and the table: ``schema.table``.
    needed, changing
        Columns that decide what becomes of a row, and those of them that may change.
    translate
        Gives rows, a table of the needed columns, their new values, outcome and reason, row by row.
    once
        A mark that is left in the database, so that a second run changes nothing; needed where a code is both
        an old and a new one, as rows do not tell then whether they were recoded. None elsewhere.
    identifier
        Column that identifies a row for review; without one, alike rows stand there once, with their number.
    """

    name: str
    table: str | None
    needed: tuple[str, ...]
    changing: tuple[str, ...]
    translate: Translate
    once: str | None = None
    identifier: str | None = None


@dataclass(frozen=True)
class Recoded:
    """What was, or would be, changed in one register.

    Parameters
    ----------
    name, table
        The register, and its table.
    outcomes
        Number of rows by outcome: ``recoded``, ``kept``, ``review``.
    changed
        Number of rows that change.
    sample, review
        Old and new values that occur most; combinations of values that no rule decides.
    notes
        What the database does by itself then, and what was left alone.
    """

    name: str
    table: str
    outcomes: dict[str, int]
    changed: int
    sample: pd.DataFrame
    review: pd.DataFrame
    notes: tuple[str, ...] = ()


Follows = dict[Values, set[Values]]


@dataclass
class _Work:
    """A register on its way."""

    register: Register
    structure: Structure
    done_before: bool = False
    mapping: Mapping = field(default_factory=lambda: Mapping((), ()))
    notes: list[str] = field(default_factory=list)
    review: pd.DataFrame | None = None
    following: list[tuple[tuple[str, ...], Follows]] = field(default_factory=list)


def recode_tables(
    url: str, registers: Sequence[Register], *, apply: bool = False, undo: str | Path | None = None
) -> tuple[Recoded, ...]:
    """Recode tables of one database together: all of them, or none.

    Parameters
    ----------
    url
        Address of the database, without a password: ``postgresql://user@host/name``, ``sqlite:///file``.
    registers
        The tables, each once.
    apply
        Change them. Without it the tables are only read.
    undo
        File to write, with which :func:`undo_tables` restores the former state; needed to change anything. It is
        not written where nothing changes.

    Raises
    ------
    LayerError
        If the database refuses, a table or column is missing, or rows change meanwhile. Nothing is changed then.
    """
    address = read_address(url)
    target = _undo_target(undo) if apply else None
    with transaction(address, write=apply) as connection:
        works = [_Work(register, each) for register, each in _structures(connection, address, registers)]
        if apply:
            _lock(connection, [work.structure for work in works])
        keys = constraints.foreign_keys(connection)
        _read(connection, works, keys)
        if target is not None and (changed := _change(connection, works, keys)):
            with uninterrupted():
                write_undo(target, address.shown, changed)
                _keep(connection, target)
    return tuple(_told(work) for work in works)


def undo_tables(url: str, file: str | Path) -> dict[str, int]:
    """Restore what :func:`recode_tables` changed, all or nothing; rows that others changed since forbid it.

    Returns
    -------
    dict
        Number of rows restored by table.
    """
    address, path = read_address(url), Path(file)
    database, changed = read_undo(path)
    if database != address.shown:
        raise LayerError(f"{path} belongs to {database}, not to {address.shown}. Name the database it belongs to.")
    with transaction(address, write=True) as connection:
        found = [(each, structure(connection, address, str(each.table), each.columns)) for each in changed]
        _lock(connection, [each for _, each in found])
        keys = constraints.foreign_keys(connection)
        rows = {made.name: rows_back(connection, made, each, at) for at, (each, made) in enumerate(found)}
        _update(connection, rows, keys)
        for each in changed:
            if each.mark is not None:
                marks.remove(connection, each.table, each.mark)
    return {str(each.table): len(each.records) for each in changed}


def _undo_target(undo: str | Path | None) -> Path:
    if undo is None:
        raise LayerError("Nothing is changed without a way back. Name a file for it (undo).")
    target = Path(undo)
    if target.exists():
        raise LayerError(f"{target} exists, and may be the way back of an earlier run. Name another file (undo).")
    if not target.parent.is_dir():
        raise LayerError(f"{target.parent} is no folder. Make it, or name another file (undo).")
    return target


def _structures(
    connection: Connection, address: Address, registers: Sequence[Register]
) -> list[tuple[Register, Structure]]:
    found, faults = list[tuple[Register, Structure]](), list[str]()
    for register in registers:
        try:
            wanted = [*register.needed, *([register.identifier] if register.identifier else [])]
            made = structure(connection, address, register.table, wanted)
        except LayerError as error:
            faults += error.faults
            continue
        if any(made.name == other.name for _, other in found):
            faults.append(f"{made.name} stands in two registers. Describe all its columns in one.")
        if computed := sorted(made.generated & set(register.changing)):
            faults.append(
                f"Column {', '.join(computed)} of {made.name} is computed by the database. Describe those it is "
                f"computed from."
            )
        found.append((register, made))
    if faults:
        raise LayerError(*faults)
    return found


def _lock(connection: Connection, tables: Sequence[Structure]) -> None:
    """Let nobody else write until all is done; SQLite lets nobody anyway."""
    if connection.dialect.name == "postgresql":
        for table in sorted(tables, key=lambda each: str(each.name)):
            connection.exec_driver_sql(f"LOCK TABLE {table.quoted(connection)} IN SHARE ROW EXCLUSIVE MODE")


def _read(connection: Connection, works: Sequence[_Work], keys: Sequence[ForeignKey]) -> None:
    changing = {work.structure.name: work.register.changing for work in works}
    inner = [key for key in constraints.within(keys, changing) if key.cascades]
    for work in progress(works, "read"):
        register, name = work.register, work.structure.name
        links = [key.columns for key in inner if key.child == name]
        links += [key.parent_columns for key in inner if key.parent == name]
        work.done_before = register.once is not None and marks.there(connection, name, register.once)
        work.mapping = Mapping(register.needed, register.changing)
        if work.done_before:
            work.notes.append("was recoded before by the same plan, so nothing changes")
            continue
        work.mapping = read_mapping(
            connection, work.structure, register.needed, register.changing, register.translate, links
        )
        if register.identifier is not None:
            work.review = review_rows(connection, work.structure, work.mapping, register.identifier)
        work.notes += [f"trigger {name} runs for each row that changes" for name in work.structure.triggers]
    _leave_to_database(works, inner)
    real = {work.structure.name: work.register.changing for work in works if work.mapping.changes}
    for note in constraints.followers(keys, real):
        works[0].notes.append(note)


def _leave_to_database(works: Sequence[_Work], inner: Sequence[ForeignKey]) -> None:
    """Leave columns that follow their parents to the database, after making sure that it does what is wanted."""
    by_name = {work.structure.name: work for work in works}
    faults = []
    for key in inner:
        child, parent = by_name[key.child], by_name[key.parent]
        given = parent.mapping.links.get(key.parent_columns, {})
        for old, wanted in child.mapping.links.get(key.columns, {}).items():
            if None in old:
                continue
            if wanted != given.get(old, {old}):
                shown, told = ("/".join(map(str, values)) for values in (old, sorted(wanted, key=str)[0]))
                faults.append(
                    f"{key.child}: rows with {shown} in {', '.join(key.columns)} are to hold {told}, but {key.parent} "
                    f"makes them follow it (ON UPDATE CASCADE). Recode the child without it, or drop that rule first."
                )
                break
        child.following.append((key.columns, given))
        child.notes.append(f"{', '.join(key.columns)} follows {key.parent} by itself (ON UPDATE CASCADE)")
    for work in works:
        following = {column for key in inner if key.child == work.structure.name for column in key.columns}
        work.mapping = work.mapping.without(following) if following else work.mapping
    if faults:
        raise LayerError(*faults)


def _change(connection: Connection, works: Sequence[_Work], keys: Sequence[ForeignKey]) -> list[Changed]:
    rows = {
        work.structure.name: prepare(connection, work.structure, work.mapping, at)
        for at, work in enumerate(works)
        if work.mapping.changes
    }
    records = _update(connection, rows, keys)
    changed = []
    for work in works:
        name, once = work.structure.name, work.register.once
        if once is not None and not work.done_before:
            marks.leave(connection, name, once)
        mark = once if once is not None and not work.done_before else None
        if name in records or mark is not None:
            found = [_followed(work, record) for record in records.get(name, [])]
            changed.append(Changed(name, work.mapping.changing, mark, found))
    return changed


def _followed(work: _Work, record: Record) -> Record:
    """Return a record with the key that its row has when its parents have changed, too."""
    key = dict(zip(work.structure.key_names, record.key, strict=False))
    for columns, given in work.following:
        if set(columns) <= set(key):
            old = tuple(key[column] for column in columns)
            (new,) = given.get(old, {old})
            key |= dict(zip(columns, new, strict=True))
        elif set(columns) & set(key):
            raise LayerError(
                f"{work.structure.name}: a part of its key follows another table, so there is no way back. Nothing was "
                f"changed. Recode its parent by itself."
            )
    return Record(tuple(key.values()) or record.key, record.before, record.after)


def _update(
    connection: Connection, rows: dict[TableName, Rows], keys: Sequence[ForeignKey]
) -> dict[TableName, list[Record]]:
    """Change rows of all tables, children first, with their foreign keys checked at the end."""
    inner = constraints.within(keys, {name: each.columns for name, each in rows.items()})
    records = {}
    with constraints.deferred(connection, inner):
        ways = {name: by_way(connection, each) for name, each in rows.items()}
        for key in inner:
            parent, child = ways[key.parent], ways[key.child]
            stays = child.via is not None or child.structure.by_number
            if key.on_update == "RESTRICT" and parent.via in key.parent_columns and not stays:
                ways[key.child] = by_way_of(connection, child, key.columns[key.parent_columns.index(parent.via)])
        order = constraints.children_first(list(rows), keys)
        for name in order:
            ways[name].step_aside(connection)
        for name in progress(order, "recode"):
            records[name] = ways[name].update(connection)
    return records


def _keep(connection: Connection, target: Path) -> None:
    """Keep the changes; the way back goes where they surely do not stay."""
    from sqlalchemy import exc

    try:
        keep(connection)
    except exc.SQLAlchemyError:
        target.unlink(missing_ok=True)
        raise


def _told(work: _Work) -> Recoded:
    mapping = work.mapping
    return Recoded(
        work.register.name, str(work.structure.name), mapping.counts(), mapping.rows, mapping.sample(),
        mapping.for_review() if work.review is None else work.review, tuple(dict.fromkeys(work.notes)),
    )  # fmt: skip
