"""Parts of a result: each written by itself, at once or not at all, and together one GeoParquet dataset."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geomerge.cluster.dataset import Dataset
from geomerge.errors import LayerError
from geomerge.files.arrow import NAMES
from geomerge.files.guards import unwritable
from geomerge.manifest import listed

SIDES = ("xmin", "ymin", "xmax", "ymax")
BOX = "bbox"


@dataclass(frozen=True)
class Part:
    """A part that was written: its file, as a manifest lists it, and where its geometries are of which types."""

    output: Mapping[str, Any]
    bounds: tuple[float, ...]
    kinds: tuple[str, ...]


@contextlib.contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Give a path of its own to write to, and put the file in its place when it is whole.

    Work that is done twice, because a worker died or was only thought to be dead, replaces its own result.
    """
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield fresh
        fresh.replace(path)
    except OSError as error:
        raise LayerError(unwritable(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def write_part(table: pa.Table, shapes: Any, path: Path, data: Dataset) -> Part:
    """Write one part, with the boxes of its geometries for those who look for a place."""
    boxes = shapely.bounds(shapes)
    there = ~np.isnan(boxes).any(axis=1)
    bounds = tuple(shapely.total_bounds(shapes).tolist()) if there.any() else ()
    kinds = shapely.get_type_id(shapes) * 2 + shapely.has_z(shapes)
    names = [NAMES[kind // 2] + (" Z" if kind % 2 else "") for kind in np.unique(kinds).tolist() if kind >= 0]
    if adds_boxes(data):
        sides = [pa.array(boxes[:, at], from_pandas=True) for at in range(4)]
        column = pa.StructArray.from_arrays(sides, names=list(SIDES), mask=pa.array(~there))
        table = table.append_column(BOX, column)
    metadata = dict(table.schema.metadata or {}) | {b"geo": declared(data, bounds, names)}
    with placed(path) as fresh:
        pq.write_table(table.replace_schema_metadata(metadata), fresh, compression=data.codec)
    name = path.relative_to(path.parents[1]).as_posix()
    return Part(listed({name: path})[0], bounds, tuple(names))


def write_common(path: Path, parts: Sequence[Part], data: Dataset) -> None:
    """Write what all parts have in common, for programs that read it instead of every part."""
    schema = pq.read_schema(path.with_name(Path(str(parts[0].output["path"])).name))
    bounds = np.array([part.bounds for part in parts if part.bounds])
    total = (*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist()) if len(bounds) else ()
    kinds = sorted({kind for part in parts for kind in part.kinds})
    metadata = dict(schema.metadata or {}) | {b"geo": declared(data, total, kinds)}
    with placed(path) as fresh:
        pq.write_metadata(schema.with_metadata(metadata), fresh)


def adds_boxes(data: Dataset) -> bool:
    """Return whether boxes are added: where there are none, and no other column has their name."""
    return "covering" not in data.geo["columns"][data.geometry] and BOX not in data.schema.names


def declared(data: Dataset, bounds: Sequence[float], kinds: Sequence[str]) -> bytes:
    """Return how the geometry of a part is declared: as in the source, but with its own bounds and types."""
    geo = json.loads(json.dumps(data.geo))
    column = geo["columns"][data.geometry]
    column["geometry_types"] = sorted(kinds)
    for each in geo["columns"].values():
        each.pop("bbox", None)
    if bounds:
        column["bbox"] = list(bounds)
    if adds_boxes(data):
        geo["version"] = max(geo.get("version", ""), "1.1.0")
        column["covering"] = {BOX: {side: [BOX, side] for side in SIDES}}
    return json.dumps(geo).encode()
