"""Database servers: every table that an address leads to, with what the catalogue tells of its keys."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from geomerge.databases.address import Address, read_address, table_name
from geomerge.databases.connecting import connected
from geomerge.errors import LayerError
from geomerge.inventory.keys import Catalogue
from geomerge.inventory.reading import BATCH, SHAPES, RawTable, Rows

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

INTERNAL = frozenset(["information_schema", "pg_catalog", "pg_toast", "topology", "tiger", "tiger_data", "sys", "mysql",
                      "performance_schema"])  # fmt: skip
OWN = frozenset(["spatial_ref_sys", "geometry_columns", "geography_columns", "raster_columns", "raster_overviews"])
SPARE = 20  # a table so many times larger than the sample is sampled by the server
SEED = 1


def is_address(source: str) -> bool:
    """Return whether a source is the address of a database.

    Examples
    --------
    >>> is_address("postgresql://gis@localhost/cases"), is_address("cases.csv")
    (True, False)
    """
    return "://" in source and not source.startswith(("zip://", "file://"))


def without_secrets(source: str) -> str:
    """Return a source without what may be a password, whatever is wrong with its address.

    Examples
    --------
    >>> without_secrets("postgresql://gis:abc@db/cases?password=abc"), without_secrets("cases@home.csv")
    ('postgresql://db/cases', 'cases@home.csv')
    """
    scheme, found, rest = source.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}" if found else source


def tables_at(source: str, *, sample: int, full: bool, problems: list[tuple[str, str]]) -> Iterator[RawTable]:
    """Yield the tables of a database, or the one that is named (``address|schema.table``).

    Parameters
    ----------
    source
        Address, without a password.
    sample
        Rows wanted of each table.
    full
        Whether all rows are wanted.
    problems
        Where to put tables that cannot be read, with the reason.

    Raises
    ------
    LayerError
        If the database cannot be reached, or there is no such table.
    """
    url, _, named = source.partition("|")
    address = read_address(url)
    with _connection(address) as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Did not recognize type")  # of geometry, which is left out
        warnings.filterwarnings("ignore", message=".*reflection of expression-based index")
        from sqlalchemy import exc, inspect

        inspector = inspect(connection)
        listed = [each for each in _listed(inspector) if not named or _is(each, named, inspector)]
        if not listed:
            what = f"no table {named}" if named else "no table that may be seen"
            raise LayerError(f"{address.shown} has {what}. Correct the name, or ask its owner for permission.")
        for schema, name in listed:
            shown = f"{schema}.{name}" if schema else name
            try:
                with connection.begin_nested():
                    table = _table(connection, inspector, schema, name, sample, full)
                    if table is not None:
                        table.source, table.table = address.shown, shown
                        yield table
            except exc.SQLAlchemyError as error:
                told = str(getattr(error, "orig", error)).splitlines()[0].rstrip(".")
                problems.append((f"{address.shown}|{shown}", f"{told}. Ask its owner for permission, or leave it out."))


@contextlib.contextmanager
def _connection(address: Address) -> Iterator[Connection]:
    """Open a database for reading: PostgreSQL as every part of geomerge does, others by SQLAlchemy."""
    from sqlalchemy import URL, create_engine, exc
    from sqlalchemy.pool import StaticPool

    if address.postgres:
        with connected(address) as session:
            engine = create_engine("postgresql+psycopg://", creator=lambda: session, poolclass=StaticPool)
            with engine.connect() as connection:
                yield connection
        return
    filled = address.filled()
    port = int(filled.port) if filled.port and filled.port.isdigit() else None
    try:
        url = URL.create(
            filled.scheme, filled.user, filled.secret, filled.host, port, filled.name or None, dict(filled.options)
        )
        engine = create_engine(url)
        with engine.connect() as connection:
            yield connection
    except ModuleNotFoundError as error:
        raise LayerError(f"{address.shown} needs {error.name}, the driver of the database. Install it.") from error
    except exc.SQLAlchemyError as error:
        told = str(getattr(error, "orig", error)).splitlines()[0].rstrip(".")
        hidden = told.replace(filled.secret, "...") if filled.secret else told
        raise LayerError(f"{address.shown}: {hidden}. Are the address and your permissions right?") from None


def _listed(inspector: Inspector) -> list[tuple[str | None, str]]:
    """Return the schema and name of each table and view; no schema where it is the one that is looked in anyway."""
    found: list[tuple[str | None, str]] = []
    for schema in sorted(inspector.get_schema_names()):
        if schema in INTERNAL or schema.startswith(("pg_temp", "pg_toast")):
            continue
        names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        usual = schema == inspector.default_schema_name
        found += [(None if usual else schema, name) for name in sorted(names) if name not in OWN]
    return found


def _is(table: tuple[str | None, str], named: str, inspector: Inspector) -> bool:
    wanted = table_name(named)
    schema = table[0] or inspector.default_schema_name
    return table[1] == wanted.table and wanted.schema in (None, schema)


def _table(
    connection: Connection, inspector: Inspector, schema: str | None, name: str, sample: int, full: bool
) -> RawTable | None:
    from sqlalchemy import column, func, select, table

    described = inspector.get_columns(name, schema)
    kept = [each["name"] for each in described if not _is_shape(each["type"])]
    if not kept:
        return None
    target = table(name, *(column(each) for each in kept), schema=schema)
    total = int(connection.execute(select(func.count()).select_from(target)).scalar_one())
    drawn: Any = target
    large = not full and total > SPARE * sample and connection.dialect.name == "postgresql"
    if large and name not in inspector.get_view_names(schema):
        drawn = _sampled(target, 100.0 * 2 * sample / total)
    query = select(*(drawn.c[each] for each in kept))
    result = connection.execute(query, execution_options={"yield_per": BATCH})
    return RawTable("", None, kept, _rows(result), total=total, catalogue=_catalogue(inspector, schema, name))


def _sampled(target: Any, percent: float) -> Any:
    """Return a fair sample of the rows of a table, drawn by the server, the same each time."""
    from sqlalchemy import func, literal

    return target.tablesample(func.bernoulli(literal(percent)), seed=literal(SEED))


def _is_shape(kind: Any) -> bool:
    from sqlalchemy.types import ARRAY, JSON, LargeBinary, NullType

    if isinstance(kind, LargeBinary | NullType | ARRAY | JSON):
        return True
    return any(word in type(kind).__name__.lower() for word in SHAPES)


def _rows(result: Any) -> Rows:
    with contextlib.closing(result):
        for part in result.partitions():
            yield [tuple(row) for row in part]


def _catalogue(inspector: Inspector, schema: str | None, name: str) -> Catalogue:
    primary = inspector.get_pk_constraint(name, schema)
    unique: list[set[Any]] = [set(each["column_names"]) for each in inspector.get_unique_constraints(name, schema)]
    unique += [set(each["column_names"]) for each in inspector.get_indexes(name, schema) if each["unique"]]
    foreign = {
        mine: f"{each['referred_table']}.{theirs}"
        for each in inspector.get_foreign_keys(name, schema)
        for mine, theirs in zip(each["constrained_columns"], each["referred_columns"], strict=True)
    }
    alone = frozenset(str(next(iter(columns))) for columns in unique if len(columns) == 1)
    return Catalogue(tuple(primary["constrained_columns"]), alone, foreign)
