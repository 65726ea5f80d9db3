"""Connections to databases, and what goes wrong with them in one sentence; a password is never in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from geomerge.databases.address import SECRET_OPTIONS, Address
from geomerge.errors import LayerError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

PATIENCE = "15"  # seconds to wait for a server
KEPT = "Nothing was changed."
UNCERTAIN = "The connection was lost while the changes were being kept. Look whether they are there, then try again."
SETTINGS = (  # how values are written as text, and how long somebody else is waited for
    "SET LOCAL TIME ZONE 'UTC'",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL lock_timeout = '15s'",
)


@contextlib.contextmanager
def connected(address: Address) -> Iterator[Connection]:
    """Open PostgreSQL to read: the server refuses all changes, and all tables are seen as of one moment.

    Raises
    ------
    LayerError
        If the server cannot be reached, or refuses what is asked.
    """
    psycopg = driver(address)
    with told(address):
        connection = psycopg.connect(**place_of(address))
    with contextlib.closing(connection), told(address):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for setting in SETTINGS:
            connection.execute(setting)
        yield connection
        connection.commit()


def driver(address: Address) -> Any:
    """Return psycopg; LayerError if it is not installed, or the database is none of PostgreSQL."""
    if not address.postgres:
        raise LayerError(f"{address.shown} is no PostgreSQL, so no layers can be read or written there.")
    try:
        import psycopg
    except ModuleNotFoundError as error:
        raise LayerError(f"{address.shown} needs psycopg. Install geomerge[postgis].") from error
    return psycopg


def place_of(address: Address) -> dict[str, Any]:
    """Return what psycopg is told; what the address does not say comes from PGHOST, PGPASSWORD and the like."""
    filled = address.filled()
    told = {"connect_timeout": PATIENCE, "application_name": "geomerge", "client_encoding": "UTF8"}
    named = {
        "user": filled.user, "password": filled.secret, "host": filled.host, "port": filled.port,
        "dbname": filled.name or None,
    }  # fmt: skip
    return {**told, **filled.options, **{name: text for name, text in named.items() if text}}


@contextlib.contextmanager
def told(address: Address) -> Iterator[None]:
    """Turn what a server or driver says into one sentence with its remedy."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise LayerError(without_secret(address, f"{address.shown}: {sentence(error)}")) from None


def sentence(error: BaseException) -> str:
    """Return what a server or driver says, and what to do about it."""
    from psycopg import errors

    diagnosis = getattr(error, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    detail = getattr(diagnosis, "message_detail", None)
    what = primary or _last_line(error)
    said = f"{what.rstrip('.')}. " + (f"{detail.rstrip('.')}. " if detail else "")
    remedies: list[tuple[tuple[type[BaseException], ...], str]] = [
        ((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction), "Ask its owner for the permission (GRANT)."),
        ((errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName), "Correct the name."),
        ((errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure, errors.QueryCanceled),
         "Somebody else works on it. Try again later."),
        ((errors.DiskFull, errors.OutOfMemory), "Free the disk of the server."),
        ((errors.IntegrityError, errors.DataError), "Correct the rows it names."),
        ((errors.AdminShutdown, errors.CrashShutdown), "The connection was closed in the middle. Try again."),
    ]  # fmt: skip
    for kinds, remedy in remedies:
        if isinstance(error, kinds):
            return f"{said}{KEPT} {remedy}"
    if isinstance(error, errors.InvalidPassword) or "password" in what:
        return f"{said}Set PGPASSWORD, name a variable in the address (user:${{DB_PASSWORD}}@), or use ~/.pgpass."
    if isinstance(error, errors.OperationalError) and diagnosis is not None and diagnosis.sqlstate is None:
        lost = "closed" in what or "lost" in what or "terminat" in what
        if lost:
            return f"{said}The connection was lost in the middle. {KEPT} Try again."
        return f"{said}Is the server running, and are host, port and name of the database right?"
    return f"{said}{KEPT}"


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fatal = [line.rpartition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return (fatal or lines or [type(error).__name__])[0]


def without_secret(address: Address, text: str) -> str:
    """Return a text without the password, whatever the driver put into it."""
    filled = address.filled()
    for secret in (filled.secret, *(filled.options.get(name) for name in SECRET_OPTIONS)):
        if secret:
            text = text.replace(secret, "...")
    return text
