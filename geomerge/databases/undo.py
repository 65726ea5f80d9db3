"""The way back: a file with the former values of every row that was changed, and what puts them there again."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomerge.databases.address import TableName
from geomerge.databases.changing import Record, Rows, counted, digest_of, fill, rows_of
from geomerge.databases.structure import Structure, exact
from geomerge.errors import LayerError
from geomerge.files.guards import staged

if TYPE_CHECKING:
    from sqlalchemy import Connection

KIND = "geomerge undo 1"


@dataclass(frozen=True)
class Changed:
    """What was changed in one table.

    Parameters
    ----------
    table, columns
        The table, and its columns that were changed.
    mark
        The mark that was left, so that a second run changes nothing; None where none was needed.
    records
        Each row that was changed.
    """

    table: TableName
    columns: tuple[str, ...]
    mark: str | None
    records: list[Record]


def write_undo(target: Path, database: str, changed: Sequence[Changed]) -> None:
    """Write what was changed, so that it can be taken back; the last line proves that the file is whole."""
    digest = hashlib.sha256()
    with staged(target) as stage, stage.open("w", encoding="utf-8", newline="\n") as file:
        for line in _lines(database, changed):
            text = json.dumps(line, ensure_ascii=False) + "\n"
            digest.update(text.encode())
            file.write(text)
        file.write(json.dumps({"sha256": digest.hexdigest()}) + "\n")


def _lines(database: str, changed: Sequence[Changed]) -> Iterator[Any]:
    yield {"kind": KIND, "database": database}
    for each in changed:
        yield {
            "schema": each.table.schema, "table": each.table.table, "columns": each.columns, "mark": each.mark,
            "rows": len(each.records),
        }  # fmt: skip
        for row in each.records:
            yield [[_written(value) for value in values] for values in (row.key, row.before, row.after)]


def read_undo(path: Path) -> tuple[str, list[Changed]]:
    """Return the database and what was changed in it; LayerError if the file is not whole."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LayerError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    body, _, last = text.rstrip("\n").rpartition("\n")
    try:
        proof = json.loads(last)
        lines = [json.loads(line) for line in body.split("\n")]
        whole = proof["sha256"] == hashlib.sha256(f"{body}\n".encode()).hexdigest() and lines[0]["kind"] == KIND
    except (json.JSONDecodeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise LayerError(f"{path} is no undo file, or was changed or cut short. Use the file as it was written.")
    found, at = list[Changed](), 1
    while at < len(lines):
        head = lines[at]
        rows = lines[at + 1 : at + 1 + head["rows"]]
        records = [Record(*(tuple(_read(value) for value in values) for values in row)) for row in rows]
        name = TableName(head["schema"], head["table"])
        found.append(Changed(name, tuple(head["columns"]), head["mark"], records))
        at += 1 + head["rows"]
    return str(lines[0]["database"]), found


def rows_back(connection: Connection, structure: Structure, changed: Changed, number: int) -> Rows:
    """Return rows with their former values as the new ones; LayerError if some are not as they were left."""
    table = rows_of(connection, structure, changed.columns, number)
    records = changed.records
    if structure.by_number and connection.dialect.name == "postgresql":
        records = _numbered(connection, structure, records)
    fill(
        connection, table,
        [
            {
                **{f"k{at}": value for at, value in enumerate(row.key)},
                **{f"b{at}": value for at, value in enumerate(row.after)},
                **{f"a{at}": value for at, value in enumerate(row.before)},
            }
            for row in records
        ],
    )  # fmt: skip
    rows = Rows(structure, changed.columns, table, counted(connection, table))
    there = _as_left(connection, rows)
    if there != len(changed.records):
        raise LayerError(
            f"{structure.name}: {len(changed.records) - there} of {len(changed.records)} rows are not as they were "
            f"left, so the former state cannot be had again. Nothing was changed. Look who changed them since."
        )
    return rows


def _as_left(connection: Connection, rows: Rows) -> int:
    import sqlalchemy as sa

    target = rows.structure.table
    same = [
        exact(connection, target.c[name]).is_not_distinct_from(exact(connection, rows.table.c[f"b{at}"]))
        for at, name in enumerate(rows.columns)
    ]
    query = sa.select(sa.func.count()).select_from(target.join(rows.table, sa.and_(*rows.matching(), *same)))
    return int(connection.execute(query).scalar_one())


def _numbered(connection: Connection, structure: Structure, records: Sequence[Record]) -> list[Record]:
    """Return records with the numbers that rows without a key have now; alike rows are taken one by one."""
    import sqlalchemy as sa

    wanted = {row.key[0] for row in records}
    (number,) = structure.key
    query = sa.select(sa.cast(number, sa.Text()), digest_of(connection, structure.table)).select_from(structure.table)
    there: dict[str, list[str]] = {}
    for place, digest in connection.execute(query, execution_options={"stream_results": True}):
        if digest in wanted:
            there.setdefault(digest, []).append(place)
    found = []
    for row in records:
        places = there.get(row.key[0])
        if places:
            found.append(Record((places.pop(),), row.before, row.after))
    return found


def _written(value: Any) -> Any:
    """Return a value as JSON has it, with its type where JSON has none.

    Examples
    --------
    >>> _read(_written(decimal.Decimal("1.50"))), _read(_written(dt.date(2020, 1, 31))), _written("0301")
    (Decimal('1.50'), datetime.date(2020, 1, 31), '0301')
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes | memoryview):
        return {"bytes": bytes(value).hex()}
    for name, kind in _KINDS.items():
        if type(value) is kind:
            return {name: value.isoformat() if hasattr(value, "isoformat") else str(value)}
    raise LayerError(f"{value!r} ({type(value).__name__}) cannot be kept for the way back.")


def _read(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((name, text),) = value.items()
    if name == "bytes":
        return bytes.fromhex(text)
    kind = _KINDS[name]
    return kind.fromisoformat(text) if hasattr(kind, "fromisoformat") else kind(text)


_KINDS: dict[str, Any] = {
    "decimal": decimal.Decimal, "time": dt.datetime, "date": dt.date, "clock": dt.time, "uuid": uuid.UUID,
}  # fmt: skip
