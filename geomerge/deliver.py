"""Deliver: results go into PostGIS in one transaction, as tables of their own or back to where layers came from."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from geomerge import layers
from geomerge.databases import catalog, constraints, returning
from geomerge.databases.address import Address, TableName, file_name, is_database, read_address, table_name
from geomerge.databases.catalog import Table
from geomerge.databases.engine import transaction
from geomerge.databases.reading import from_connection
from geomerge.databases.returning import Changes
from geomerge.databases.structure import raw
from geomerge.databases.writing import Layer, Written, write
from geomerge.errors import LayerError
from geomerge.files import arrow
from geomerge.files.blob import wkb_of
from geomerge.files.geopackage import opened, quoted
from geomerge.layers.snapshots import write_snapshot
from geomerge.manifest import sha256
from geomerge.previous import BOUNDARIES, CROSSWALK, LEDGER_FILE, MANIFEST
from geomerge.progress import progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLES = (CROSSWALK, LEDGER_FILE)
FORM = "postgresql://user@host/name|schema"


def deliver(results: str | Path, target: str, *, back: bool = False, dry_run: bool = False) -> pd.DataFrame:
    """Write results into PostGIS in one transaction: all of them, or nothing.

    Parameters
    ----------
    results
        Folder of a run, a file, or ``file|layer``.
    target
        Address of the database with a schema (``postgresql://user@host/name|schema``), for one layer with a table
        (``|schema.table``). A table that is not there is made, with a primary key, a spatial index and a comment.
        One that is there keeps its grants, comments, indexes, key and other columns; only rows that differ are written.
    back
        Write the layers that a run read from this database back to their tables: the cells that changed, the rows
        that were added and removed, by primary key. Refused if the tables have changed since the run. The target is
        the address alone.
    dry_run
        Do it all, and take it back.

    Returns
    -------
    DataFrame
        ``table``, ``action`` (created or changed), and the number of rows ``added``, ``changed`` and ``removed``.

    Raises
    ------
    LayerError
        If the results or the database cannot be read or written. Nothing is changed then.

    Examples
    --------
    >>> deliver("out", "cadastre.gpkg")
    Traceback (most recent call last):
    geomerge.errors.LayerError: cadastre.gpkg is no address of a database. Write it as postgresql://user@host/name|schema.
    """
    url, place = layers.split_name(target)
    if not is_database(url):
        raise LayerError(f"{url} is no address of a database. Write it as {FORM}.")
    address = read_address(url)
    if back:
        if place is not None:
            raise LayerError(f"Changes go back to the tables they came from. Leave |{place} out.")
        done = _back(Path(results), address, dry_run)
    else:
        done = _out(results, address, place, dry_run)
    columns = ["table", "action", "added", "changed", "removed"]
    return pd.DataFrame([[getattr(each, column) for column in columns] for each in done], columns=columns)


def _out(results: str | Path, address: Address, place: str | None, dry_run: bool) -> list[Written]:
    if not place:
        raise LayerError(f"{address.shown} needs a schema. Write {address.shown}|schema, for one layer |schema.table.")
    wanted = dict(_named(results, table_name(place)))
    with transaction(address, write=not dry_run) as connection:
        session = raw(connection)
        _make_schemas(session, {name.schema or "public" for name in wanted})
        return [write(session, name, _layer(*source)) for name, source in progress(wanted.items(), "deliver")]


def _named(results: str | Path, place: TableName) -> Iterator[tuple[TableName, tuple[str, str | None, str]]]:
    """Yield the tables to write, each with file, layer and comment; LayerError if two have the same name."""
    found = list(_sources(results))
    if place.schema is not None:
        if len(found) != 1:
            raise LayerError(f"{results} holds {len(found)} layers. Name a schema alone, or one layer (file|layer).")
        yield place, found[0]
        return
    names: dict[str, str] = {}
    for path, layer, comment in found:
        name = table_name(layer).table if layer and layer.count(".") == 1 else layer or Path(path).stem
        if Path(path).parent.name == "layers" and name in names:
            name = f"{name}_updated"  # beside the table of boundaries that is called the same
        if names.setdefault(name, path) != path:
            raise LayerError(f"{names[name]} and {path} both hold a layer {name}. Deliver them one by one.")
        yield TableName(place.table, name), (path, layer, comment)


def _sources(results: str | Path) -> Iterator[tuple[str, str | None, str]]:
    path, layer = layers.split_name(results)
    if not Path(path).is_dir() or Path(path).suffix.lower() == ".gdb":
        names = [layer] if layer else layers.layer_names(path) if Path(path).suffix.lower() == ".gpkg" else [None]
        for name in names:
            if name != "layer_styles":
                yield path, name, f"{Path(path).name}, written by geomerge"
        return
    folder = Path(path)
    if layer is not None:
        raise LayerError(f"{folder} is a folder. Name a file in it (file|{layer}).")
    manifest = _manifest(folder)
    comment = f"{manifest['title']}, {manifest['dates'][-1]}, written by geomerge"
    written = sorted(each["path"] for each in manifest["outputs"])
    files = [name for name in written if name == BOUNDARIES or name in TABLES or name.startswith("layers/")]
    for name in files:
        suffix = Path(name).suffix.lower()
        if suffix not in (".gpkg", ".parquet", ".fgb", ".geojson", ".json", ".shp", ".gml", ".csv"):
            continue
        several = layers.layer_names(folder / name) if suffix == ".gpkg" else [None]
        for each in several:
            if each != "layer_styles":
                yield str(folder / name), each, comment


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LayerError(f"{folder} holds no results of a run ({MANIFEST}). Name the output folder of one.") from error
    return found


def _layer(path: str, name: str | None, comment: str) -> Layer:
    info = layers.describe(path, name)
    if info.driver in ("CSV", "Parquet"):
        content = arrow.from_frame(layers.read(path, name), info.name)
        return Layer(content, range(1, content.table.num_rows + 1), comment)
    content, fids = layers.read_arrow(info, info.layer)
    return Layer(content, fids.tolist(), comment)


def _make_schemas(connection: Any, schemas: set[str]) -> None:
    from psycopg import sql

    for schema in sorted(schemas):
        there = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
        if there is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _back(folder: Path, address: Address, dry_run: bool) -> list[Written]:
    """Write changes back to the tables that a run read, if these are as they were then."""
    manifest = _manifest(folder)
    known = {each["path"]: each["sha256"] for each in manifest["inputs"]}
    updated = folder / "layers" / file_name(address.shown)
    if address.shown not in known or not updated.exists():
        read = ", ".join(name for name in known if is_database(name)) or "none"
        raise LayerError(f"The run in {folder} wrote no layers of {address.shown}. The databases it read: {read}.")
    with transaction(address, write=not dry_run) as connection:
        found = _to_return(connection, address, updated, known[address.shown])
        every = {table.name: [column.name for column in table.columns] for table, _ in found}
        with constraints.deferred(connection, constraints.within(constraints.foreign_keys(connection), every)):
            for step in (returning.add, returning.change, returning.remove):
                for table, what in found:
                    step(raw(connection), table, what)
        return [returning.counted(*each) for each in found]


def _to_return(connection: Connection, address: Address, updated: Path, before: str) -> list[tuple[Table, Changes]]:
    """Return what a run changed, table by table; LayerError if the tables are not as the run read them."""
    names, session = _tables(updated), raw(connection)
    tables = {name: catalog.require(session, address, name) for name in names}
    returning.lock(session, tables.values())
    with tempfile.TemporaryDirectory(prefix="geomerge-") as place:
        now = Path(place) / updated.name
        write_snapshot((from_connection(session, address, name) for name in names), names, now)
        if sha256(now) != before:
            raise LayerError(
                f"{address.shown} has changed since the run, in {' or '.join(names)}. Nothing was changed. Run the job "
                f"again, and deliver that."
            )
        changes = [(table, _changes(now, updated, name, table)) for name, table in tables.items()]
    found = [each for each in changes if any((each[1].changed, each[1].added, each[1].removed))]
    for table, _ in found:
        returning.require_returnable(table)
    return found


def _tables(file: Path) -> list[str]:
    """Return the tables of a GeoPackage in the order in which they were written."""
    with opened(file) as connection:
        rows = connection.execute(
            "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes') ORDER BY rowid"
        ).fetchall()
    return [name for (name,) in rows if name != "layer_styles"]


def _changes(before: Path, after: Path, name: str, table: Table) -> Changes:
    """Return how a table in one GeoPackage differs from that in another, row by row."""
    with closing(sqlite3.connect(f"{after.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("ATTACH ? AS old", (f"{before.resolve().as_uri()}?mode=ro",))
        connection.row_factory = sqlite3.Row
        info = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
        fid = next(row["name"] for row in info if row["pk"])
        there = {column.name.lower(): column.name for column in table.columns}
        columns = [row["name"] for row in info if row["name"] != fid and row["name"].lower() in there]
        old, new = f"old.{quoted(name)}", f"main.{quoted(name)}"

        def rows(query: str) -> Iterator[dict[str, Any]]:
            for row in connection.execute(query):
                yield {there[column.lower()]: row[column] for column in columns}

        row = quoted(fid)
        missing = f"SELECT * FROM {{}} WHERE {row} NOT IN (SELECT {row} FROM {{}}) ORDER BY {row}"
        added = [_as_wkb(each, table) for each in rows(missing.format(new, old))]
        removed = list(rows(missing.format(old, new)))
        differ = " OR ".join(f"o.{quoted(column)} IS NOT n.{quoted(column)}" for column in columns)
        joined = f"{old} o JOIN {new} n USING ({row}) WHERE {differ} ORDER BY {row}"
        sides = [rows(f"SELECT {', '.join(f'{side}.{quoted(c)}' for c in columns)} FROM {joined}") for side in "on"]
        pairs = list(zip(*(list(side) for side in sides), strict=True))
    changed = [
        (was, _as_wkb({column: value for column, value in now.items() if was[column] != value}, table))
        for was, now in pairs
    ]
    return Changes(changed, added, removed)


def _as_wkb(row: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return a row with its geometry as WKB, not as GeoPackage has it."""
    if table.shape is not None and row.get(table.shape.name) is not None:
        row[table.shape.name] = wkb_of(row[table.shape.name])
    return row
