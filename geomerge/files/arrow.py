"""Layers on their way between formats, as Arrow: types and nulls as they are, fitted to what a format holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from geomerge.errors import LayerError
from geomerge.files.formats import Format, Info, short_names
from geomerge.files.revision import wkb

TIME = {b"GDAL:OGR:type": b"DateTime"}  # a column of text that GDAL takes for times, each with its own zone
FAMILIES = {
    0: "Point",
    4: "Point",
    1: "Line",
    2: "Line",
    5: "Line",
    3: "Polygon",
    6: "Polygon",
    7: "Collection",
}
NAMES = {
    0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString",
    6: "MultiPolygon", 7: "GeometryCollection",
}  # fmt: skip
MULTI = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}


@dataclass(frozen=True)
class Content:
    """A layer as an Arrow table, with what its file declares."""

    table: pa.Table
    geometry: str | None
    geometry_type: str | None
    crs: str | None

    def replaced(self, table: pa.Table) -> Content:
        """Return the layer with another table."""
        return replace(self, table=table)

    def declared(self, geometry_type: str) -> Content:
        """Return the layer with another type of geometry."""
        return replace(self, geometry_type=geometry_type)

    @property
    def kinds(self) -> dict[str, str]:
        """Types by the names of the fields."""
        fields = [field for field in self.table.schema if field.name != self.geometry]
        return {field.name: "datetime" if is_time(field) else str(field.type) for field in fields}

    @property
    def shapes(self) -> Any:
        """The geometries."""
        return shapely.from_wkb(self.table.column(self.geometry).to_pylist())

    def heads(self) -> Iterator[bytes]:
        """Yield the first bytes of each geometry, which tell its type."""
        if self.geometry is not None:
            for chunk in self.table.column(self.geometry).chunks:
                yield from (value[:5] for value in chunk.to_pylist() if value)


def is_time(field: pa.Field) -> bool:
    """Return whether a column holds times, as text or as timestamps."""
    return dict(field.metadata or {}).get(b"GDAL:OGR:type") == b"DateTime" or pa.types.is_timestamp(field.type)


def from_frame(table: pd.DataFrame, name: str, *, multi: bool = False) -> Content:
    """Return a table of geopandas or pandas as an Arrow table; LayerError if a column mixes types."""
    spatial = isinstance(table, gpd.GeoDataFrame)
    geometry = str(table.geometry.name) if isinstance(table, gpd.GeoDataFrame) else None
    plain = pd.DataFrame(table.drop(columns=geometry) if spatial else table)
    try:
        out = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LayerError(
            f"{name} cannot be written: {' '.join(map(str, error.args))}. Give each column one type."
        ) from error
    for at, field in enumerate(out.schema):
        kind, column = field.type, out.column(at)
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
        if (
            pa.types.is_null(column.type)
            or pa.types.is_large_string(column.type)
            or pa.types.is_string_view(column.type)
        ):
            column = column.cast(pa.string())
        metadata = None
        if pa.types.is_timestamp(kind):
            texts = [None if time is pd.NaT else time.isoformat(timespec="milliseconds") for time in plain.iloc[:, at]]
            column, metadata = pa.chunked_array([texts], type=pa.string()), TIME
        out = out.set_column(at, pa.field(field.name, column.type, metadata=metadata), column)
    if not isinstance(table, gpd.GeoDataFrame):
        return Content(out, None, None, None)
    shapes = table.geometry.to_numpy()
    shapes, kind = promoted(shapes) if multi else (shapes, type_of(shapes))
    field = pa.field(geometry, pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
    fields, blobs = [*out.schema, field], pa.chunked_array([list(wkb(shapes))], type=pa.binary())
    out = pa.table([*out.columns, blobs], schema=pa.schema(fields))  # there may be no other column
    return Content(out, geometry, kind, table.crs.to_wkt() if table.crs is not None else None)


def type_of(shapes: Any) -> str:
    """Return the one type that holds all geometries, ``Unknown`` where there is none.

    Examples
    --------
    >>> type_of([shapely.Point(1, 2), None]), type_of([shapely.Point(1, 2), shapely.box(0, 0, 1, 1)])
    ('Point', 'Unknown')
    """
    names = {NAMES[kind] for kind in shapely.get_type_id(shapes).tolist() if kind >= 0}
    if len(names) == 2:
        names = {name for name in names if MULTI.get(name) not in names}
    if len(names) != 1:
        return "Unknown"
    return names.pop() + (" Z" if shapely.has_z(shapes).any() else "")


def promoted(shapes: Any, *, points: bool = False) -> tuple[Any, str]:
    """Return geometries and their type; lines and polygons become their multi type, so that all fit."""
    kind = type_of(shapes)
    base, _, z = kind.partition(" ")
    if base == "Unknown" or (base == "Point" and not points):
        return shapes, kind
    makers: dict[int, Any] = {0: shapely.multipoints, 1: shapely.multilinestrings, 3: shapely.multipolygons}
    out = shapes.copy()
    for at, single in enumerate(shapely.get_type_id(shapes).tolist()):
        if single in makers:
            out[at] = makers[single]([shapes[at]])
    return out, f"{MULTI.get(base, base)} {z}".strip()


def unusual_type(heads: Iterable[bytes | None]) -> str | None:
    r"""Return ``curves`` or ``measures`` if the first five bytes of some WKB say so.

    Examples
    --------
    >>> unusual_type([b"\x01\x03\0\0\0"]), unusual_type([b"\x01\x0a\0\0\0"])
    (None, 'curves')
    """
    measures = None
    for head in heads:
        if not head or len(head) < 5:
            continue
        code = int.from_bytes(head[1:5], "little" if head[0] else "big")
        if code % 1000 in range(8, 18) or (code & 0xFF) in range(8, 18):
            return "curves"
        if (code & 0xFFFF) // 1000 in (2, 3) or code & 0x40000000:
            measures = "measures"
    return measures


def refuse(found: str | None, name: str, why: str) -> None:
    """Raise LayerError for curves or measures."""
    if found == "curves":
        raise LayerError(
            f"{name} holds curves, and {why}. Convert them to straight lines first, at a tolerance of "
            f"your choice (ogr2ogr -nlt CONVERT_TO_LINEAR)."
        )
    if found == "measures":
        raise LayerError(f"{name} has measures (M), and {why}. Drop them first (ogr2ogr -dim XY).")


def fitting(content: Content) -> Content:
    """Return a layer whose geometries fit its declared type: promoted to it or its multi type, or any type declared."""
    base, _, z = (content.geometry_type or "").partition(" ")
    if content.geometry is None or base not in (*MULTI, *MULTI.values()):
        return content
    shapes = content.shapes
    found = type_of(shapes).partition(" ")[0]
    if shapely.is_missing(shapes).all() or (found == base and base in MULTI):
        return content
    if base in MULTI and found != MULTI[base]:
        return content.declared("Unknown")
    if base in MULTI:
        base = MULTI[base]
        content = content.declared(f"{base} {z}".strip())
    at = content.table.schema.get_field_index(content.geometry)
    singles = [kind for kind, multi in NAMES.items() if MULTI.get(multi) == base]
    kinds = shapely.get_type_id(shapes).tolist()
    if not set(kinds) & set(singles):
        return content
    values = content.table.column(at).to_pylist()
    for row, kind in enumerate(kinds):
        if kind in singles:
            values[row] = wkb(promoted(np.array([shapely.from_wkb(values[row])], dtype=object), points=True)[0])[0]
    column = pa.chunked_array([values], type=content.table.schema.field(at).type)
    return content.replaced(content.table.set_column(at, content.table.schema.field(at), column))


def concerns(content: Content, target: Format) -> Iterator[str]:
    """Return what a format cannot hold of the values in a layer, in sentences."""
    width = target.text_width
    for field in content.table.schema:
        if width and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            lengths = [len(value.encode()) for value in content.table.column(field.name).to_pylist() if value]
            if long := sum(length > width for length in lengths):
                yield f"{target.driver} cuts texts to {width} bytes: {long} in {field.name}"
        if pa.types.is_list(field.type) or pa.types.is_struct(field.type):
            yield f"{target.driver} has no lists: {field.name} becomes text"
    if target.driver == "FlatGeobuf" and content.geometry and content.table.column(content.geometry).null_count:
        yield "FlatGeobuf has no spatial index where rows have no geometry"
    elif target.driver == "FlatGeobuf" and content.geometry:
        yield "FlatGeobuf puts rows in the order of their places, so row numbers change"
    if target.driver == "FlatGeobuf" and content.geometry:
        shapes = content.shapes
        if type_of(shapes) == "Unknown" and shapely.has_z(shapes).any():
            yield "FlatGeobuf has no heights where geometries are of several types"


def require_possible(content: Content, target: Format, path: Path) -> None:
    """Raise LayerError if a format cannot hold a layer at all."""
    if not target.binary and (
        found := [f.name for f in content.table.schema if pa.types.is_binary(f.type) and f.name != content.geometry]
    ):
        raise LayerError(
            f"{path}: {target.driver} has no binary values, as in {', '.join(found)}. Use .gpkg or .parquet."
        )
    if content.geometry is None:
        return
    if target.wgs84 and content.crs is None:
        raise LayerError(
            f"{path}: {target.driver} is always in WGS 84, and the layer does not say which CRS it is in. State it."
        )
    if not target.mixed:
        kinds = {FAMILIES[kind] for kind in set(shapely.get_type_id(content.shapes).tolist()) if kind >= 0}
        if len(kinds) > 1 or "Collection" in kinds:
            raise LayerError(
                f"{path}: {target.driver} holds one kind of geometry in a layer, and this one has "
                f"{', '.join(sorted(kinds)).lower()}. "
                f"Use .gpkg or .parquet, or write each kind by itself."
            )


def prepared(content: Content, target: Format) -> Content:
    """Return a layer as a format can hold it."""
    table = content.table
    for at, field in enumerate(table.schema):
        column = table.column(at)
        if pa.types.is_list(field.type) or pa.types.is_struct(field.type) or pa.types.is_map(field.type):
            column = pa.chunked_array(
                [[None if v is None else json.dumps(v, default=str) for v in column.to_pylist()]], pa.string()
            )
        elif is_time(field) and not target.times:
            field = field.remove_metadata()
        elif pa.types.is_string(field.type) and target.text_width:
            column = pa.chunked_array([[_cut(value, target.text_width) for value in column.to_pylist()]], pa.string())
        table = table.set_column(at, pa.field(field.name, column.type, metadata=field.metadata), column)
    if target.name_width is not None:
        names = short_names([name for name in table.schema.names if name != content.geometry], target.name_width)
        table = table.rename_columns([names.get(name, name) for name in table.schema.names])
    content = content.replaced(table)
    if target.mixed or content.geometry is None:
        return fitting(content) if target.driver in ("GPKG", "FlatGeobuf", "GML") else content
    found = promoted(content.shapes)[1] if target.driver == "OpenFileGDB" else type_of(content.shapes)
    declared = [kind for kind in (found, content.geometry_type) if kind not in (None, "Unknown")]
    return content.declared(declared[0] if declared else "Polygon")


def _cut(value: str | None, width: int) -> str | None:
    return None if value is None else value.encode()[:width].decode(errors="ignore")


def new_options(content: Content, target: Format, path: Path) -> dict[str, str]:
    """Return what GDAL is told when it writes a new layer."""
    options = dict(target.options)
    if path.exists():
        options.pop("VERSION", None)
    if target.driver == "FlatGeobuf" and content.geometry and content.table.column(content.geometry).null_count:
        options["SPATIAL_INDEX"] = "NO"
    return options


def own_options(source: Info, content: Content) -> dict[str, str]:
    """Return what GDAL is told when it writes a layer in the format it came in."""
    if source.driver == "OpenFileGDB":
        modern = any(pa.types.is_int64(field.type) or pa.types.is_date(field.type) for field in content.table.schema)
        return {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"} if modern else {}
    if source.driver != "FlatGeobuf" or content.geometry is None:
        return {}
    nulls = content.table.column(content.geometry).null_count
    return {"SPATIAL_INDEX": "YES" if _indexed(source.path) and not nulls else "NO"}


def _indexed(path: str) -> bool:
    """Return whether a FlatGeobuf has a spatial index; without one, its rows have an order that must stay.

    Source: header.fbs of FlatGeobuf 3, field index_node_size.
    """
    if "://" in path or path.startswith("/vsi"):
        return True
    with Path(path).open("rb") as stream:
        data = stream.read(12)
        data = stream.read(int.from_bytes(data[8:12], "little"))
    table = int.from_bytes(data[:4], "little")
    slots = table - int.from_bytes(data[table : table + 4], "little", signed=True)
    length = int.from_bytes(data[slots : slots + 2], "little")
    place = int.from_bytes(data[slots + 22 : slots + 24], "little") if length >= 24 else 0
    return place == 0 or int.from_bytes(data[table + place : table + place + 2], "little") > 0


def as_rows(content: Content) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Return header and rows for a text file, geometry as WKT in the last column."""
    names = [name for name in content.table.schema.names if name != content.geometry]

    def rows() -> Iterator[tuple[Any, ...]]:
        for batch in content.table.to_batches(max_chunksize=10_000):
            columns: list[Any] = [batch.column(name).to_pylist() for name in names]
            if content.geometry is not None:
                shapes = shapely.from_wkb(batch.column(content.geometry).to_pylist())
                columns.append(shapely.to_wkt(shapes, rounding_precision=-1).tolist())
            yield from zip(*columns, strict=True)

    return [*names, *(["WKT"] if content.geometry is not None else [])], rows()
