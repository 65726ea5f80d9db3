"""GeoParquet: read, and written again with the types, row groups, compression and metadata it had.

Source: GeoParquet 1.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from geomerge.errors import LayerError
from geomerge.files.arrow import TIME, Content
from geomerge.files.formats import Info
from geomerge.files.revision import Revision, revised


def describe(path: Path) -> Info:
    """Return how a GeoParquet file is declared; LayerError if it is damaged."""
    try:
        file = pq.read_metadata(path)
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise LayerError(f"{path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    geo = _geo(schema)
    column = geo["primary_column"] if geo else None
    fields = {name: str(schema.field(name).type) for name in schema.names if name != column}
    crs = geo["columns"][column].get("crs", "OGC:CRS84") if geo else None
    return Info(
        str(path), None, "Parquet", CRS.from_user_input(crs) if crs else None, "UTF-8",
        "Unknown" if geo else None, fields, file.num_rows,
    )  # fmt: skip


def read(info: Info) -> Any:
    """Read a GeoParquet or Parquet file; the index holds the numbers of the rows."""
    try:
        table = gpd.read_parquet(info.path) if info.spatial else pd.read_parquet(info.path)
    except (pa.ArrowInvalid, OSError, shapely.errors.GEOSException) as error:
        raise LayerError(f"{info.path} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    if kept := [name for name in table.index.names if name in info.fields]:
        table = table.reset_index(level=kept)
        order = [name for name in pq.read_schema(info.path).names if name in table.columns]
        table = table[order]
    table.index = pd.RangeIndex(len(table), name="fid")
    return table


def rewrite(source: Path, target: Path, revision: Revision) -> None:
    """Write a file again with a revision, row group by row group where only values change."""
    with pq.ParquetFile(source) as file:
        group = file.metadata.row_group(0) if file.metadata.num_row_groups else None
        codec = group.column(0).compression if group is not None and group.num_columns else "SNAPPY"
        options = {"compression": "NONE" if codec == "UNCOMPRESSED" else codec}
        rows = max(group.num_rows, 1) if group is not None else None
        if rows is not None and file.metadata.num_rows and revision.same_rows and revision.geometry.empty:
            _rewrite_values(file, source, target, revision, rows, options)
            return
        table = file.read()
        geo = _geo(table.schema)
        column = geo["primary_column"] if geo else None
        out = revised(table, revision, np.arange(table.num_rows), column, str(source))
        if geo and column is not None and len(revision.geometry):
            out = _widened(out, geo, column, revision)
        pq.write_table(out, target, row_group_size=rows, **options)


def _rewrite_values(
    file: pq.ParquetFile, source: Path, target: Path, revision: Revision, rows: int, options: dict[str, str]
) -> None:
    """Write new values into row groups of the same size; only a few of these are in memory."""
    count = file.metadata.num_rows
    ends = [*range(rows, count, rows), count]
    with pq.ParquetWriter(target, file.schema_arrow, **options) as writer:
        for end, table, changed in zip(ends, _groups(file, rows), revision.up_to(ends), strict=True):
            numbers = np.arange(end - table.num_rows, end)
            writer.write_table(revised(table, Revision(changed), numbers, None, str(source)), row_group_size=rows)


def _groups(file: pq.ParquetFile, rows: int) -> Iterator[pa.Table]:
    """Yield all rows, so many at a time."""
    waiting: list[pa.Table] = []
    for number in range(file.num_row_groups):
        waiting.append(file.read_row_group(number))
        while sum(table.num_rows for table in waiting) >= rows:
            table = pa.concat_tables(waiting) if len(waiting) > 1 else waiting[0]
            yield table.slice(0, rows)
            waiting = [table.slice(rows)]
    if any(table.num_rows for table in waiting):
        yield pa.concat_tables(waiting)


def _widened(table: pa.Table, geo: dict[str, Any], column: str, revision: Revision) -> pa.Table:
    """Return a table whose metadata and boxes hold the new geometries."""
    declared = geo["columns"][column]
    shapes = revision.geometry.to_numpy()
    kinds = {shape.geom_type + (" Z" if shape.has_z else "") for shape in shapes if shape is not None}
    if declared.get("geometry_types"):
        declared["geometry_types"] = sorted({*declared["geometry_types"], *kinds})
    new = shapely.total_bounds(shapes).tolist()
    if (box := declared.get("bbox")) and new[0] == new[0]:
        half = len(box) // 2
        for axis in (0, 1):
            box[axis], box[half + axis] = min(box[axis], new[axis]), max(box[half + axis], new[2 + axis])
    covering = declared.get("covering", {}).get("bbox", {}).get("xmin", [None])[0]
    if covering in table.schema.names:
        field = table.schema.field(covering)
        bounds = shapely.bounds(shapely.from_wkb(table.column(column).to_pylist()))
        names = [field.type.field(at).name for at in range(field.type.num_fields)]
        order = {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3}
        boxes = [dict(zip(names, (row[order[name]] for name in names), strict=True)) for row in bounds.tolist()]
        at = table.schema.get_field_index(covering)
        table = table.set_column(at, field, pa.chunked_array([pa.array(boxes, type=field.type)]))
    metadata = dict(table.schema.metadata or {})
    return table.replace_schema_metadata(metadata | {b"geo": json.dumps(geo).encode()})


def write(content: Content, target: Path) -> None:
    """Write a layer as GeoParquet."""
    table = content.table
    for at, field in enumerate(table.schema):
        if (field.metadata or {}).get(b"GDAL:OGR:type") == TIME[b"GDAL:OGR:type"]:
            table = table.set_column(at, *_times(field.name, table.column(at)))
    metadata = {}
    if content.geometry is not None:
        shapes = content.shapes
        kinds = sorted({shape.geom_type + (" Z" if shape.has_z else "") for shape in shapes if shape is not None})
        crs = json.loads(CRS(content.crs).to_json()) if content.crs else None
        declared = {"encoding": "WKB", "geometry_types": kinds, "crs": crs}
        bounds = shapely.total_bounds(shapes).tolist() if len(shapes) else [float("nan")]
        if bounds[0] == bounds[0]:
            declared["bbox"] = bounds
        geo = {
            "version": "1.0.0",
            "primary_column": content.geometry,
            "columns": {content.geometry: declared},
        }
        metadata = {b"geo": json.dumps(geo).encode()}
    fields = [field.remove_metadata() for field in table.schema]
    pq.write_table(pa.Table.from_arrays(table.columns, schema=pa.schema(fields, metadata=metadata)), target)


def _times(name: str, column: Any) -> tuple[pa.Field, Any]:
    """Return times as timestamps: in UTC where they have a zone, as text where only some have one."""
    texts = column.to_pylist()
    times = [None if text is None else pd.Timestamp(text) for text in texts]
    zoned = {time.tzinfo is not None for time in times if time is not None}
    if len(zoned) > 1:
        return pa.field(name, pa.string()), pa.chunked_array([texts], type=pa.string())
    kind = pa.timestamp("ms", tz="UTC" if zoned == {True} else None)
    values = [None if time is None else time.to_pydatetime() for time in times]
    return pa.field(name, kind), pa.chunked_array([values], type=kind)


def _geo(schema: pa.Schema) -> dict[str, Any] | None:
    text = (schema.metadata or {}).get(b"geo")
    return dict(json.loads(text)) if text else None


def declared_geometry(schema: pa.Schema) -> tuple[str, dict[str, Any]] | None:
    """Return the column with the geometry and what the file says of it, where it is WKB."""
    geo = _geo(schema)
    column = str(geo["primary_column"]) if geo else ""
    declared = dict(geo["columns"][column]) if geo else {}
    return (column, declared) if declared.get("encoding") == "WKB" else None
