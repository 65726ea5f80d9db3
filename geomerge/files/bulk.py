"""Bulk: many rows of a GeoPackage changed by one statement, so that no value passes through Python row by row."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 5_000  # rows; fewer are written one by one before one statement is prepared
SPARSE = 8  # times as many row numbers between the first and the last as rows, up to which all are looked at
WIDTH = 4  # bytes that tell where a value stands


@dataclass(frozen=True)
class Values:
    """New values of a column, each that repeats held once.

    Parameters
    ----------
    places
        For each row where its value stands in ``known``.
    known
        The values, as SQLite stores them.

    Examples
    --------
    >>> Values(np.array([1, 0, 1]), ["a", "b"]).listed()
    ['b', 'a', 'b']
    """

    places: NDArray[np.int64]
    known: list[Any]

    def listed(self) -> list[Any]:
        """Return the value of each row."""
        return [self.known[place] for place in self.places.tolist()]


def worth_it(rows: NDArray[np.int64]) -> bool:
    """Return whether rows are so many, and their numbers so close, that one look at all of the table is cheaper."""
    return len(rows) >= FEW and int(rows.max()) - int(rows.min()) < SPARSE * len(rows)


def update(
    connection: sqlite3.Connection, table: str, key: str, columns: Mapping[str, Values], rows: NDArray[np.int64]
) -> int:
    """Write new values into rows of a table, and return how many were there.

    What goes where is handed over as one string of bytes, some for each row number from the first to the last: texts
    that are all as long as each other, or else the place of the value in a table of those that are new; zeros where
    the row stays as it is.

    Parameters
    ----------
    connection
        Connection to the file, within a transaction.
    table, key
        The table and its column of row numbers, as SQL identifiers.
    columns
        New values by column, as SQL identifiers too.
    rows
        Row numbers, none twice.
    """
    first, last = int(rows.min()), int(rows.max())
    (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    settings, given, changed = [], [], ""
    with contextlib.ExitStack() as stack:
        for at, (column, values) in enumerate(columns.items()):
            texts = _equally_long(values.known) if encoding == "UTF-8" else None
            known = np.arange(1, len(values.known) + 1).astype(f">u{WIDTH}") if texts is None else texts
            width = known.dtype.itemsize
            carried = np.zeros(last - first + 1, dtype=known.dtype)
            carried[rows - first] = known[values.places]
            given.append(carried.tobytes())
            # qualified, since columns of the table can be called like ours
            there = f"substr(?{at + 3}, 1 + ({table}.{key} - ?1) * {width}, {width})"
            changed = changed or f"{there} <> zeroblob({width})"
            if texts is None:
                name = stack.enter_context(_known(connection, at, values.known))
                settings.append(f"{column} = (SELECT value FROM {name} WHERE place = {there})")
            else:
                settings.append(f"{column} = CAST({there} AS TEXT)")
        done = connection.execute(
            f"UPDATE {table} SET {', '.join(settings)} WHERE {table}.{key} BETWEEN ?1 AND ?2 AND {changed}",
            (first, last, *given),
        )
    return done.rowcount


def _equally_long(values: list[Any]) -> NDArray[np.bytes_] | None:
    """Return texts as bytes if all are of one length and no byte of them is zero, as codes are; else None."""
    if not all(isinstance(value, str) for value in values):
        return None
    texts = [value.encode() for value in values]
    length = len(texts[0]) if texts else 0
    alike = length > 0 and all(len(text) == length and b"\0" not in text for text in texts)
    return np.array(texts, dtype=f"S{length}") if alike else None


@contextlib.contextmanager
def _known(connection: sqlite3.Connection, at: int, values: list[Any]) -> Iterator[str]:
    """Give the name of a table that holds values by their place for as long as they are needed."""
    name = f'temp."geomerge: new values {at}"'
    connection.execute(f"CREATE TABLE {name} (place BLOB PRIMARY KEY, value) WITHOUT ROWID")
    keys = (place.to_bytes(WIDTH, "big") for place in range(1, len(values) + 1))
    connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", zip(keys, values, strict=True))
    yield name
    connection.execute(f"DROP TABLE {name}")


@contextlib.contextmanager
def resting(connection: sqlite3.Connection, table: str) -> Iterator[None]:
    """Take the triggers away that keep the spatial index of a table, while no row changes its geometry or its number.

    They would do nothing, but have SQLite look at each row twice. They come back word for word; triggers of anybody
    else stay. Their names are those of the standard, https://www.geopackage.org/spec/#extension_rtree.
    """
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) "
        "AND lower(name) GLOB 'rtree_*_update[1-7]' AND substr(lower(name), 7, length(?1) + 1) = lower(?1) || '_' "
        "ORDER BY rowid",
        (table,),
    ).fetchall()
    for name, _ in triggers:
        doubled = name.replace('"', '""')
        connection.execute(f'DROP TRIGGER "{doubled}"')
    yield
    for _, sql in triggers:
        connection.execute(sql)
