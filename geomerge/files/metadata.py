"""Metadata inside GeoPackages and Parquet files: items that GDAL and QGIS show, where the standards put them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from geomerge.files import geopackage
from geomerge.files.thrift import BINARY, LIST, STRUCT, Items, Struct, read, write

# Fields of the footer of a Parquet file, by their numbers in parquet.thrift.
KEY_VALUES, KEY, VALUE = 5, 1, 2
PARQUET = b"PAR1"

STANDARD = "http://gdal.org"  # whose readers show the items
TABLES = (
    """CREATE TABLE IF NOT EXISTS gpkg_metadata (
        id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL, md_scope TEXT NOT NULL DEFAULT 'dataset',
        md_standard_uri TEXT NOT NULL, mime_type TEXT NOT NULL DEFAULT 'text/xml',
        metadata TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (
        reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
        timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
        md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
        CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
        CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id))""",
    """CREATE TABLE IF NOT EXISTS gpkg_extensions (
        table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
        CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
)
EXTENSION = ("gpkg_metadata", "http://www.geopackage.org/spec120/#extension_metadata", "read-write")


def write_items(path: Path, items: Mapping[str, str], tables: Iterable[str], *, time: str) -> None:
    """Write items into a fresh GeoPackage, for each of the tables, or a Parquet file; other formats have no place.

    Parameters
    ----------
    path
        The file.
    items, tables, time
        As for :func:`describe`.
    """
    if path.suffix.lower() == ".gpkg":
        with geopackage.open_file(path, own_copy=True) as connection:
            describe(connection, items, tables, time=time)
    elif path.suffix.lower() == ".parquet":
        describe_parquet(path, items)


def describe(connection: sqlite3.Connection, items: Mapping[str, str], tables: Iterable[str], *, time: str) -> None:
    """Write items about tables of a GeoPackage; those of the same names that GDAL's readers know are replaced.

    Parameters
    ----------
    connection
        The GeoPackage, open for changes.
    items
        What to write, by name.
    tables
        Tables the items are about.
    time
        Time to write, in the form of the standard.
    """
    for statement in TABLES:
        connection.execute(statement)
    for name in ("gpkg_metadata", "gpkg_metadata_reference"):
        known = connection.execute("SELECT 1 FROM gpkg_extensions WHERE table_name = ?", (name,)).fetchone()
        if not known:
            connection.execute("INSERT INTO gpkg_extensions VALUES (?, NULL, ?, ?, ?)", (name, *EXTENSION))
    for table in tables:
        entry = _entry(connection, table)
        content = _document(_items(entry[1]) | dict(items) if entry else items)
        if entry:
            connection.execute("UPDATE gpkg_metadata SET metadata = ? WHERE id = ?", (content, entry[0]))
            continue
        fresh = connection.execute(
            "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) "
            "VALUES ('dataset', ?, 'text/xml', ?)",
            (STANDARD, content),
        ).lastrowid
        connection.execute(
            "INSERT INTO gpkg_metadata_reference VALUES ('table', ?, NULL, NULL, ?, ?, NULL)", (table, time, fresh)
        )


def _entry(connection: sqlite3.Connection, table: str) -> tuple[int, str] | None:
    """Return id and text of what GDAL's readers know of a table already."""
    found: tuple[int, str] | None = connection.execute(
        "SELECT id, metadata FROM gpkg_metadata JOIN gpkg_metadata_reference ON id = md_file_id "
        "WHERE reference_scope = 'table' AND lower(table_name) = lower(?) AND md_standard_uri = ?",
        (table, STANDARD),
    ).fetchone()
    return found


def _items(document: str) -> dict[str, str]:
    """Return the items of a document that are in no domain of their own."""
    root = ElementTree.fromstring(document)
    plain = (group for group in root.iter("Metadata") if not group.get("domain"))
    return {item.get("key", ""): item.text or "" for group in plain for item in group.iter("MDI")}


def _document(items: Mapping[str, str]) -> str:
    root = ElementTree.Element("GDALMultiDomainMetadata")
    group = ElementTree.SubElement(root, "Metadata")
    for key, value in items.items():
        ElementTree.SubElement(group, "MDI", key=key).text = value
    return ElementTree.tostring(root, encoding="unicode")


def describe_parquet(path: Path, items: Mapping[str, str]) -> None:
    """Write items into the footer of a Parquet file; those of the same names are replaced, rows stay as they are."""
    with path.open("r+b") as stream:
        stream.seek(-8, os.SEEK_END)
        size = int.from_bytes(stream.read(4), "little")
        start = stream.seek(-8 - size, os.SEEK_END)
        footer, _ = read(stream.read(size))
        known = footer.value(KEY_VALUES, Items(STRUCT, [])).values
        kept = [pair for pair in known if pair.value(KEY).decode() not in items]
        footer.put(KEY_VALUES, Items(STRUCT, [*kept, *(_pair(name, value) for name, value in items.items())]), LIST)
        content = write(Struct(sorted(footer.items())))
        stream.seek(start)
        stream.write(content + len(content).to_bytes(4, "little") + PARQUET)
        stream.truncate()


def _pair(name: str, value: str) -> Struct:
    return Struct({KEY: (BINARY, name.encode()), VALUE: (BINARY, value.encode())})
