"""Recipes: hashes over all that decides what a step of a job makes; what has the same recipe is the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.files.guards import JOURNALS, sidecars
from geomerge.findings import Finding
from geomerge.manifest import Hashes, versions

Recipe = Mapping[str, str | None]  # hash of each part, None where it cannot be told

ALONE = (".gpkg", ".parquet", ".fgb", ".geojson", ".json", ".csv", ".zip")  # formats of one file
TEXT = re.compile(r"[A-Za-z0-9._-]+")


def digest(*values: object) -> str:
    """Return a hash over texts, numbers, findings and tables; tables by column, type, index and value.

    Examples
    --------
    >>> digest("0301", None) == digest("0301", None), digest("0301") == digest(301)
    (True, False)
    """
    found = hashlib.sha256()
    for value in values:
        _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: object) -> None:
    """Add a value with its type and its length, so that no two lists of values look alike."""
    if isinstance(value, pd.DataFrame):
        crs = value.crs.srs if isinstance(value, gpd.GeoDataFrame) and value.crs is not None else None
        _add(found, [crs, [str(name) for name in value.columns], value.index])
        for at in range(value.shape[1]):
            _add(found, value.iloc[:, at])
    elif isinstance(value, gpd.GeoSeries):
        shapes = shapely.to_wkb(value.to_numpy(), output_dimension=4)
        _add_bytes(found, shapes.tolist())
    elif isinstance(value, pd.Series | pd.Index):
        _add(found, str(value.dtype))
        if isinstance(value.dtype, np.dtype) and value.dtype.kind in "iufb":
            _add(found, value.to_numpy().tobytes())
        elif isinstance(value.dtype, pd.StringDtype):
            _add_bytes(found, [text.encode() if isinstance(text, str) else None for text in value.tolist()])
        else:
            _add(found, value.tolist())
    elif isinstance(value, Finding):
        place = None if value.geometry is None else bytes(shapely.to_wkb(value.geometry, output_dimension=4))
        _add(found, [value.record(), place])
    elif isinstance(value, Mapping):
        _add(found, [list(pair) for pair in value.items()])
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        found.update(f"[{len(value)}".encode())
        for part in value:
            _add(found, part)
    else:
        content = value if isinstance(value, bytes) else repr(value).encode()
        found.update(f"{type(value).__name__}{len(content)}:".encode() + content)


def _add_bytes(found: Any, values: Sequence[bytes | None]) -> None:
    """Add many values at once: how long each is, -1 where it is missing, and then all of them."""
    lengths = [-1 if value is None else len(value) for value in values]
    _add(found, np.array(lengths, dtype=np.int64).tobytes())
    found.update(b"".join(value for value in values if value is not None))


def program() -> str:
    """Return a hash over the sources of geomerge and the versions of what it stands on."""
    package = Path(__file__).parents[1]
    files = [path for path in sorted(package.rglob("*")) if path.is_file() and not _aside(path.relative_to(package))]
    sources = {path.relative_to(package).as_posix(): hashlib.sha256(path.read_bytes()).digest() for path in files}
    return digest(sources, versions(), _required())


def _aside(path: Path) -> bool:
    """Return whether a file is none of the program's: compiled, hidden, or kept by an editor."""
    return path.name.endswith("~") or any(part.startswith((".", "__pycache__")) for part in path.parts)


def _required() -> dict[str, str]:
    """Return the versions of the libraries that geomerge cannot do without."""
    named = [TEXT.match(line) for line in requires("geomerge") or () if "extra ==" not in line]
    found = {}
    for name in sorted(match.group() for match in named if match):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not needed on this system
            continue
    return found


def file_digest(path: str, hashes: Hashes) -> str | None:
    """Return a hash over a file of a layer and all that is read with it; None where that is no file at hand."""
    name = Path(path.removeprefix("zip://").partition("!")[0])
    if not name.exists():
        return None
    try:
        return digest({file.name: hashes.of(file) for file in companions(name)})
    except OSError:  # reading says what is wrong with it
        return None


def companions(path: Path) -> list[Path]:
    """Return a file with those beside it that are read with it."""
    if path.suffix.lower() == ".shp":
        beside = list(sidecars(path).values())
    elif path.is_dir() or path.suffix.lower() in ALONE:
        places = {path, path.resolve()}  # SQLite looks beside the file that a link leads to
        beside = [place.with_name(place.name + end) for place in places for end in JOURNALS if end != "-shm"]
    else:
        beside = [file for file in path.parent.iterdir() if file.name.startswith(f"{path.stem}.") and file.is_file()]
    return sorted({path, *(file for file in beside if file.exists())})


def differing(recipe: Recipe, other: Recipe) -> list[str]:
    """Return the parts of a recipe that are not the same in another one; what cannot be told is never the same.

    Examples
    --------
    >>> differing({"input": "a", "pieces": "b", "job": None}, {"input": "a", "pieces": "c", "job": None})
    ['pieces', 'job']
    """
    parts = dict.fromkeys([*recipe, *other])
    return [part for part in parts if recipe.get(part) is None or recipe.get(part) != other.get(part)]
