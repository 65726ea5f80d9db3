"""Held: whether another program is editing a GeoPackage, so that what it has not saved would be lost."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from geomerge.errors import LayerError

CLOSE = "Save the edits and close it in QGIS, choose another folder (-o), or allow to replace it (--overwrite)."


def require_closed(folder: Path) -> None:
    """Raise LayerError if a program is editing a GeoPackage in a folder: what is not saved yet would be lost.

    A file that is only looked at can be replaced: who looks keeps the old one until it is opened again.
    """
    paths = sorted(path for path in folder.rglob("*.gpkg") if path.is_file())
    faults = [f"{path} {why}. {CLOSE}" for path in paths if (why := _why(path))]
    if faults:
        raise LayerError(*faults)


def unsettled(path: Path) -> bool:
    """Return whether a log or a journal of SQLite stands beside a file, as long as a program may write to it."""
    return any(path.with_name(f"{path.name}{end}").exists() for end in ("-wal", "-shm", "-journal"))


def _why(path: Path) -> str:
    """Return why a GeoPackage may not be replaced, empty where it may.

    A program that edits it holds a lock. Where locks do not work, as on some network shares, only what stands beside
    the file tells.
    """
    for end in ("-wal", "-journal"):
        beside = path.with_name(f"{path.name}{end}")
        if beside.exists() and beside.stat().st_size > 0:
            return f"has changes that are not in it yet ({beside.name})"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0)
        ) as connection:
            # In a file with a log this fails while any other program has it open, as one does that edits it.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "is being edited in another program"
    except sqlite3.DatabaseError:  # damaged: there is nothing to lose
        return ""
    return ""
