"""Databases that SQLAlchemy reaches, opened for one transaction that is kept as a whole or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geomerge.databases.address import Address
from geomerge.databases.connecting import KEPT, SETTINGS, UNCERTAIN, place_of, without_secret
from geomerge.databases.connecting import sentence as said_by_postgres
from geomerge.databases.connecting import told as told_by_postgres
from geomerge.errors import LayerError
from geomerge.files.geopackage import add_functions

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

WAIT = 5.0  # seconds for a lock of SQLite


@contextlib.contextmanager
def transaction(address: Address, *, write: bool) -> Iterator[Connection]:
    """Open a database for one transaction.

    Parameters
    ----------
    address
        The database.
    write
        Whether it is kept at the end; without it all is taken back, whatever was done.

    Raises
    ------
    LayerError
        If the database cannot be opened or refuses what is asked; nothing is changed then.
    """
    engine = _engine(address, write)
    try:
        with told(address), engine.connect() as connection, _of_driver(address, connection):
            for setting in SETTINGS if address.postgres else ():
                connection.exec_driver_sql(setting)
            yield connection
            if write:
                keep(connection)
            else:
                if address.postgres:
                    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")  # so that a trial checks all of them
                connection.rollback()
    finally:
        engine.dispose()


def keep(connection: Connection) -> None:
    """Keep what was done; a connection that is lost just then does not tell whether it was kept."""
    from sqlalchemy import exc

    try:
        connection.commit()
    except exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise LayerError(UNCERTAIN) from None


@contextlib.contextmanager
def _of_driver(address: Address, connection: Connection) -> Iterator[None]:
    """Tell what the driver of PostgreSQL itself says, where it was used without SQLAlchemy."""
    if not address.postgres:
        yield
        return
    try:
        with told_by_postgres(address):
            yield
    except LayerError:
        session: Any = connection.connection.driver_connection if not connection.invalidated else None
        if session is not None and session.closed:
            connection.invalidate()  # there is nothing left to be rolled back
        raise


def _engine(address: Address, write: bool) -> Engine:
    import sqlalchemy

    filled = address.filled()
    if address.scheme.startswith("sqlite"):
        file = Path(filled.name)
        if not file.is_file():
            raise LayerError(f"{file} does not exist. Correct the address: sqlite:///folder/file.sqlite.")
        return _sqlite(sqlalchemy, file, write)
    try:
        if address.postgres:
            url = sqlalchemy.URL.create("postgresql+psycopg", database=filled.name or None)
            return sqlalchemy.create_engine(url, connect_args=place_of(address), poolclass=sqlalchemy.NullPool)
        url = sqlalchemy.URL.create(
            filled.scheme, filled.user, filled.secret, filled.host, int(filled.port) if filled.port else None,
            filled.name or None, dict(filled.options),
        )  # fmt: skip
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    except (sqlalchemy.exc.ArgumentError, ModuleNotFoundError, ValueError) as error:
        raise LayerError(f"{address.shown} cannot be opened: {error}. Install its driver, or correct it.") from None


def _sqlite(sqlalchemy: Any, file: Path, write: bool) -> Engine:
    """Return SQLite with transactions of our own: Python's would leave some statements out of them."""

    def opened() -> sqlite3.Connection:
        mode = "rw" if write else "ro"
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=WAIT)
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = ON")  # or else triggers of a GeoPackage may not call them
        add_functions(connection)
        return connection

    engine: Engine = sqlalchemy.create_engine("sqlite://", creator=opened, poolclass=sqlalchemy.NullPool)

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")

    sqlalchemy.event.listen(engine, "begin", begin)
    return engine


@contextlib.contextmanager
def told(address: Address) -> Iterator[None]:
    """Turn what a driver says into one sentence with its remedy."""
    from sqlalchemy import exc

    try:
        yield
    except exc.DBAPIError as error:
        raise LayerError(without_secret(address, f"{address.shown}: {_sentence(error.orig or error)}")) from None
    except exc.SQLAlchemyError as error:
        what = str(error).splitlines()[0].rstrip(".")
        raise LayerError(without_secret(address, f"{address.shown}: {what}. {KEPT}")) from None
    except sqlite3.Error as error:
        raise LayerError(f"{address.shown}: {_sentence(error)}") from None


def _sentence(error: BaseException) -> str:
    if type(error).__module__.startswith("psycopg"):
        return said_by_postgres(error)
    what = str(error).rstrip(".")
    remedy = "Correct the rows or the database."
    if "locked" in what or "busy" in what:
        remedy = "Close it in other programs, and try again."
    elif "readonly" in what or "unable to open" in what:
        remedy = "Ask for permission to write the file and its folder."
    elif "not a database" in what or "malformed" in what:
        remedy = "It is damaged, or no SQLite. Get a fresh copy of it."
    return f"{what}. {KEPT} {remedy}"
