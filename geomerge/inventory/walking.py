"""Walking: the files with tables below folders, each once; what else lies there is counted."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geomerge.errors import LayerError

TEXT = frozenset([".csv", ".tsv", ".txt"])
BOOKS = frozenset([".xlsx", ".xlsm", ".xls"])
PARQUET = frozenset([".parquet", ".geoparquet"])
SQLITE = frozenset([".gpkg", ".sqlite", ".sqlite3", ".db", ".db3"])
LAYERS = frozenset([".shp", ".dbf", ".geojson", ".gml", ".fgb", ".tab", ".mif", ".kml", ".geojsonl", ".geojsons"])
FOLDERS = frozenset([".gdb"])  # folders that are one file
SNIFFED = frozenset([".json"])  # GeoJSON, or anything else
TABLES = TEXT | BOOKS | PARQUET | SQLITE | LAYERS
HEAD = 4096


@dataclass
class Found:
    """What lies below the sources.

    Parameters
    ----------
    files
        Files that may hold tables, in order.
    skipped
        Other files, by suffix.
    problems
        Folders that may not be read, with the reason.
    """

    files: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)


def walk(sources: Sequence[Path]) -> Found:
    """Return the files with tables below folders; a file that is named itself is always one of them.

    A folder or file that links lead to several times is visited once. Hidden ones are left out.

    Parameters
    ----------
    sources
        Folders and files.

    Raises
    ------
    LayerError
        If a source does not exist; all that do not are named.
    """
    if missing := [source for source in sources if not source.exists()]:
        raise LayerError(
            *(f"{source} does not exist. Name a folder, a file or the address of a database." for source in missing)
        )
    found, seen = Found(), set[tuple[int, int]]()
    for source in sorted(sources, key=Path.is_dir):  # a file that is named is read, whatever folder it lies in
        if source.is_dir() and source.suffix.lower() not in FOLDERS:
            for path in _below(source, seen, found):
                _sort(path, found)
        elif _new(source, seen):
            found.files.append(source)
    return found


def _below(folder: Path, seen: set[tuple[int, int]], found: Found) -> Iterator[Path]:
    """Yield the files below a folder, by name; links are followed, and no place is visited twice."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        if not _new(here, seen):
            continue
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append((str(here), f"{error.strerror}. Ask its owner for permission."))
            continue
        folders = []
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            if entry.is_dir() and path.suffix.lower() not in FOLDERS:
                folders.append(path)
            elif not path.exists():
                found.problems.append((entry.path, "It is a link to what does not exist. Mend or remove it."))
            elif _new(path, seen):
                yield path
        waiting += reversed(folders)


def _new(path: Path, seen: set[tuple[int, int]]) -> bool:
    status = path.stat()
    place = (status.st_dev, status.st_ino)
    if place in seen:
        return False
    seen.add(place)
    return True


def _sort(path: Path, found: Found) -> None:
    suffix = kind_of(path)
    if suffix == ".dbf" and any(path.with_suffix(shape).exists() for shape in (".shp", ".SHP")):
        found.skipped["part of a shapefile"] += 1
    elif suffix in TABLES or suffix in FOLDERS or (suffix in SNIFFED and is_geojson(path)) or _holds_layers(path):
        found.files.append(path)
    else:
        found.skipped[path.suffix.lower() or "no suffix"] += 1


def kind_of(path: Path) -> str:
    """Return the suffix that tells what a file is, also below that of a packed one.

    Examples
    --------
    >>> kind_of(Path("cases.CSV.gz")), kind_of(Path("cases.xlsx"))
    ('.csv', '.xlsx')
    """
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if suffix == ".gz" and inner in TEXT else suffix


def is_geojson(path: Path) -> bool:
    """Return whether a file begins like GeoJSON."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError:
        return True  # reading it tells what is wrong
    return b'"FeatureCollection"' in head or (b'"Feature"' in head and b'"geometry"' in head)


def inner_layers(path: Path) -> list[str]:
    """Return the files with layers in an archive (ZIP); LayerError if there is none, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise LayerError(f"{path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    found = sorted(name for name in names if Path(name).suffix.lower() in LAYERS | {".gpkg"})
    shapes = {name[: -len(".shp")] for name in found if name.lower().endswith(".shp")}
    found = [name for name in found if not (name.lower().endswith(".dbf") and name[: -len(".dbf")] in shapes)]
    if not found:
        raise LayerError(f"{path} holds no layer. Unpack it, and name what is in it.")
    return found


def _holds_layers(path: Path) -> bool:
    if path.suffix.lower() != ".zip":
        return False
    try:
        return bool(inner_layers(path))
    except OSError:
        return True  # reading it tells what is wrong
    except LayerError as error:
        return "damaged" in str(error)
