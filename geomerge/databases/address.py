"""Addresses of databases: ``postgresql://user@host:port/db|schema.table``; a password is never a part of one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from geomerge.errors import LayerError

POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
FILES = ("zip", "file", "http", "https", "s3", "gs", "az")  # schemes of files, which are no databases
SECRET_OPTIONS = ("password", "sslpassword")
VARIABLE = re.compile(r"\$\{(\w+)\}")
NAME = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".]+))\s*(?:\.|$)')
FORM = "postgresql://user@host:port/database"


@dataclass(frozen=True)
class Address:
    """Where a database is, in parts; variables such as ``${PASSWORD}`` stand for their values until it is opened.

    Parameters
    ----------
    scheme
        What comes before ``://``.
    user, secret, host, port, name
        Who connects, the variable that holds the password, and which database of which server.
    options
        What follows the question mark.
    """

    scheme: str
    user: str | None
    secret: str | None = field(repr=False)
    host: str | None
    port: str | None
    name: str
    options: Mapping[str, str]

    @property
    def postgres(self) -> bool:
        """Whether it is PostgreSQL."""
        return self.scheme in POSTGRES

    @property
    def shown(self) -> str:
        """The address for messages, logs and manifests: without the password."""
        if self.scheme.startswith("sqlite"):
            return f"{self.scheme}:///{self.name}"
        user = f"{quote(self.user, safe='${}')}@" if self.user else ""
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host or ""
        port = f":{self.port}" if self.port else ""
        options = {name: text for name, text in self.options.items() if name not in SECRET_OPTIONS}
        asked = f"?{urlencode(options, safe='/${}')}" if options else ""
        return f"{self.scheme}://{user}{host}{port}/{quote(self.name, safe='/:${}')}{asked}"

    def filled(self) -> Address:
        """Return the address with the values of its variables; LayerError with all that are not set."""
        texts = [self.user, self.secret, self.host, self.port, self.name, *self.options.values()]
        names = sorted({name for text in texts if text for name in VARIABLE.findall(text)})
        if missing := [name for name in names if name not in os.environ]:
            raise LayerError(
                f"{self.shown} names {', '.join(f'${{{name}}}' for name in missing)}, which no variable of the "
                f"environment is called. Set it, or give the password in PGPASSWORD or ~/.pgpass."
            )

        def value(text: str | None) -> str | None:
            return None if text is None else VARIABLE.sub(lambda found: os.environ[found[1]], text)

        options = {name: value(text) or "" for name, text in self.options.items()}
        return Address(
            self.scheme, value(self.user), value(self.secret), value(self.host), value(self.port),
            value(self.name) or "", options,
        )  # fmt: skip


def is_database(path: object) -> bool:
    """Return whether a path is the address of a PostgreSQL database.

    Examples
    --------
    >>> is_database("postgresql://gis@localhost/cadastre"), is_database("cadastre.gpkg")
    (True, False)
    """
    return str(path).partition("://")[0] in POSTGRES and "://" in str(path)


def read_address(url: str) -> Address:
    """Return the parts of an address; LayerError if it holds a password.

    Examples
    --------
    >>> read_address("postgresql://gis:${SECRET}@db.example:5433/cadastre").shown
    'postgresql://gis@db.example:5433/cadastre'
    >>> read_address("postgresql://gis:abc@db.example/cadastre")
    Traceback (most recent call last):
    geomerge.errors.LayerError: postgresql://...@db.example/cadastre holds a password, ...
    """
    scheme, found, rest = url.partition("://")
    if not found or not re.fullmatch(r"[a-z0-9+]+", scheme):
        raise LayerError(f"{url.rpartition('@')[2]} is no address of a database. Write it as {FORM}.")
    if scheme.startswith("sqlite"):
        return Address(scheme, None, None, None, None, rest.removeprefix("/"), {})
    rest, _, asked = rest.partition("?")
    at, _, name = rest.partition("/")
    who, _, where = at.rpartition("@")
    user, _, secret = who.partition(":")
    found_port = re.search(r":(\d*|\$\{\w+\})$", where)
    host = where[: found_port.start()] if found_port else where
    options = dict(parse_qsl(asked, keep_blank_values=True))
    tail = f"{scheme}://...@{url.rpartition('@')[2].partition('?')[0]}"  # nothing that may be a part of a password
    if "@" in name + asked or (":" in host and not host.startswith("[")):
        raise LayerError(
            f"{tail} is not well-formed: write @ as %40, / as %2F, : as %3A and ? as %3F inside its parts."
        )
    secrets = [secret, *(options.get(name) for name in SECRET_OPTIONS)]
    if any(text and not VARIABLE.fullmatch(unquote(text)) for text in secrets):
        raise LayerError(
            f"{tail} holds a password, which files, histories and lists of processes would show. Write a variable "
            f"in its place, such as ${{DB_PASSWORD}}, or leave it out and set PGPASSWORD or ~/.pgpass."
        )
    return Address(
        scheme, unquote(user) or None, unquote(secret) or None, unquote(host).strip("[]") or None,
        found_port[1] if found_port else None, unquote(name), options,
    )  # fmt: skip


def shown(url: str) -> str:
    """Return an address without its password, for messages, logs, manifests and reports.

    Examples
    --------
    >>> shown("postgresql://gis:${SECRET}@localhost/cadastre?sslmode=require")
    'postgresql://gis@localhost/cadastre?sslmode=require'
    """
    return read_address(url).shown


def file_name(url: str) -> str:
    """Return the name of the file that stands for a database.

    Examples
    --------
    >>> file_name("postgresql://gis@localhost/cadastre")
    'cadastre.gpkg'
    """
    name = read_address(url).name
    return f"{''.join(letter if letter.isalnum() or letter in '-_' else '_' for letter in name) or 'database'}.gpkg"


def require_no_password(path: str) -> str:
    """Return a path as it is; ValueError if it is an address with a password in it, for models of documents."""
    if "://" in path and path.partition("://")[0] not in FILES:
        try:
            read_address(path)
        except LayerError as error:
            raise ValueError(str(error).rstrip(".")) from None
    return path


@dataclass(frozen=True)
class TableName:
    """The name of a table, as the database has it: capital letters count."""

    schema: str | None
    table: str

    def __str__(self) -> str:
        return ".".join(_quoted(part) for part in (self.schema, self.table) if part)


def table_name(text: str) -> TableName:
    """Return schema and table; a name with dots or quotes stands in double quotes, as in SQL.

    Examples
    --------
    >>> table_name("cadastre.parcels")
    TableName(schema='cadastre', table='parcels')
    >>> table_name('"a.b"."parcels 2020"')
    TableName(schema='a.b', table='parcels 2020')
    """
    parts, at = [], 0
    while at < len(text) and (found := NAME.match(text, at)):
        parts.append(found[1].replace('""', '"') if found[1] else found[2].strip())
        at = found.end()
    if at < len(text) or not 1 <= len(parts) <= 2 or "" in parts:
        raise LayerError(f"{text!r} is no name of a table. Write schema.table, odd names in double quotes.")
    return TableName(parts[0] if len(parts) == 2 else None, parts[-1])


def _quoted(part: str) -> str:
    return part if re.fullmatch(r"[^\".]+", part) and part == part.strip() else '"' + part.replace('"', '""') + '"'
