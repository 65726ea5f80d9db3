"""The one door to files: layers are read, described and written here, and nowhere else.

pyogrio moves the bulk, as Arrow tables, with every type and null as the file has it. fiona keeps what pyogrio cannot:
the declared widths of fields, feature by feature.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyproj import CRS

from geomerge import csvfile, geopackage
from geomerge.errors import LayerError

os.environ.setdefault("OGR_CURRENT_DATE", "1970-01-01T00:00:00.000Z")  # fiona's GDAL reads it; see _stamped

SEPARATOR = "|"


@dataclass(frozen=True)
class Format:
    """What a file format is called and what it cannot hold."""

    driver: str
    suffix: str
    name_width: int | None = None
    big_integers: bool = True
    time_zones: bool = True
    many_layers: bool = False
    keeps_widths: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


FORMATS: tuple[Format, ...] = (
    Format("GPKG", ".gpkg", many_layers=True),
    Format("Parquet", ".parquet"),
    Format("FlatGeobuf", ".fgb", time_zones=True),
    Format("GeoJSON", ".geojson", options={"RFC7946": "YES", "COORDINATE_PRECISION": "9"}),
    Format("ESRI Shapefile", ".shp", name_width=10, big_integers=False, time_zones=False, keeps_widths=True),
    Format("OpenFileGDB", ".gdb", time_zones=False, many_layers=True),
    Format("GML", ".gml", options={"FORMAT": "GML3.2"}),
    Format("CSV", ".csv", options={"GEOMETRY": "AS_WKT"}),
)


@dataclass(frozen=True)
class Info:
    """How a layer is declared in its file."""

    path: str
    layer: str | None
    driver: str
    crs: CRS | None
    encoding: str | None
    geometry_type: str | None
    fields: Mapping[str, str]
    rows: int

    @property
    def spatial(self) -> bool:
        """Whether the layer has geometry."""
        return self.geometry_type is not None


@dataclass(frozen=True)
class Revision:
    """Changes to a layer, by row number: everything that is not named stays as it is.

    Parameters
    ----------
    changed
        New values by column.
    geometry
        New geometries, in the CRS of the layer.
    removed
        Rows to leave out.
    added
        New rows, each with the row it is first copied from.
    """

    changed: Mapping[str, pd.Series] = field(default_factory=dict)
    geometry: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    removed: tuple[int, ...] = ()
    added: Mapping[int, int] = field(default_factory=dict)


def split_name(name: str | Path) -> tuple[str, str | None]:
    """Return path and layer of a name such as ``cadastre.gpkg|parcels``."""
    path, _, layer = str(name).partition(SEPARATOR)
    return path, layer or None


def format_of(path: str | Path) -> Format:
    """Return the format of a file by its suffix; LayerError if it is none that can be written."""
    suffix = Path(str(path)).suffix.lower()
    for known in FORMATS:
        if suffix in (known.suffix, ".json" if known.suffix == ".geojson" else None):
            return known
    raise LayerError(
        f"{path}: {suffix or 'no suffix'} is no format that can be written. "
        f"Use one of {' '.join(known.suffix for known in FORMATS)}."
    )


def describe(path: str | Path, layer: str | None = None) -> Info:
    """Return how a layer is declared; LayerError if it cannot be opened."""
    _require_file(path)
    if _is_csv(path):
        dialect = csvfile.sniff(Path(path))
        return Info(str(path), None, "CSV", None, dialect.encoding, None, dict.fromkeys(dialect.header, "str"), -1)
    if _is_parquet(path):
        schema = pq.read_schema(path)
        crs = gpd.read_parquet(path, columns=[_geometry_column(schema)]).crs if _geometry_column(schema) else None
        fields = {name: str(schema.field(name).type) for name in schema.names if name != _geometry_column(schema)}
        return Info(str(path), None, "Parquet", crs, "UTF-8", "Unknown" if crs else None, fields, -1)
    with _readable(path, layer):
        found = pyogrio.read_info(str(path), layer=_layer_name(path, layer))
    crs = CRS(found["crs"]) if found["crs"] else None
    fields = dict(zip(found["fields"].tolist(), map(str, found["dtypes"]), strict=True))
    return Info(
        str(path), found["layer_name"], found["driver"], crs, found["encoding"], found["geometry_type"], fields,
        found["features"],
    )  # fmt: skip


def read(
    path: str | Path, layer: str | None = None, *, columns: Sequence[str] | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Read a layer; the index holds the row numbers (fid) of the file.

    Parameters
    ----------
    path, layer
        The file, and the layer where it has several.
    columns
        Columns to read, all where none are given; the geometry always comes along.
    encoding
        Encoding of the text, where the file does not declare the right one.

    Returns
    -------
    GeoDataFrame, or DataFrame where the layer has no geometry

    Raises
    ------
    LayerError
        If the file, the layer or a column is missing, or the file is damaged.
    """
    info = describe(path, layer)
    if missing := [column for column in columns or () if column not in info.fields]:
        raise LayerError(
            f"{_named(path, layer)} has no column {', '.join(missing)}. It has {', '.join(info.fields)}. "
            f"Name the right column in the job."
        )
    if info.driver == "CSV":
        return csvfile.read(Path(path), encoding)
    if info.driver == "Parquet":
        table = gpd.read_parquet(path) if info.spatial else pd.read_parquet(path)
        table.index = pd.RangeIndex(len(table), name="fid")
        return table
    with _readable(path, layer):
        return pyogrio.read_dataframe(
            str(path), layer=info.layer, columns=columns, fid_as_index=True, encoding=encoding
        )


def refuse_curves(info: Info, why: str) -> None:
    """Raise LayerError if the geometry of a layer could only be kept by drawing it anew."""
    kind = info.geometry_type or ""
    curved = any(word in kind for word in ("Curve", "Compound", "Circular", "Surface"))
    if not curved and info.driver == "GPKG" and info.layer and info.spatial:
        curved = geopackage.curved(Path(info.path), info.layer)
    if curved:
        raise LayerError(
            f"{_named(info.path, info.layer)} holds curves, and {why}. Convert them to straight lines first, at a "
            f"tolerance of your choice (ogr2ogr -nlt CONVERT_TO_LINEAR)."
        )
    if "M" in kind.split(" ")[-1] and " " in kind:
        raise LayerError(
            f"{_named(info.path, info.layer)} has measures (M), and {why}. Drop them first (ogr2ogr -dim XY)."
        )


def rewrite(source: Info, target: Path, revisions: Mapping[str, Revision], *, changed_at: str) -> None:
    """Write a file again with revisions to some of its layers, in the same format and schema.

    A GeoPackage is copied and updated in place; a format with declared widths goes through fiona, feature by feature;
    everything else goes through Arrow.

    Parameters
    ----------
    source
        The layer, or for a GeoPackage any layer of the file.
    target
        File to write.
    revisions
        Revision by layer.
    changed_at
        Time to write where the format has a place for it.
    """
    known = {known.driver: known for known in FORMATS}.get(source.driver)
    with _writable(target), _stamped(changed_at):
        if source.driver == "GPKG":
            geopackage.copy_file(Path(source.path), target)
            with geopackage.open_file(target) as connection:
                for layer, revision in revisions.items():
                    geopackage.revise(connection, layer, **vars(revision), changed_at=changed_at)
            return
        (revision,) = revisions.values()
        if source.driver == "CSV":
            csvfile.rewrite(Path(source.path), target, revision.changed)
        elif source.driver == "Parquet":
            table = pq.read_table(source.path)
            pq.write_table(_revised(table, revision, None, _geometry_column(table.schema)), target)
        elif known is not None and known.keeps_widths:
            _stream(source, target, revision, changed_at)
        else:
            meta, table = _arrow(source)
            table = _revised(table, revision, meta["fid_column"] or "OGC_FID", meta["geometry_name"] or "wkb_geometry")
            options = {"COORDINATE_PRECISION": "15"} if source.driver == "GeoJSON" else {}
            _write_arrow(table, meta, target, source.driver, source.layer, options)


def convert(source: Info, target: Path, revision: Revision, *, changed_at: str, append: bool = False) -> None:
    """Write a revised layer in the format that the suffix of the target names."""
    known = format_of(target)
    with _writable(target), _stamped(changed_at):
        if source.driver in ("CSV", "Parquet"):
            raise LayerError(f"{source.path} can only be written as it is. Leave out the format.")
        meta, table = _arrow(source)
        table = _revised(table, revision, meta["fid_column"] or "OGC_FID", meta["geometry_name"] or "wkb_geometry")
        if known.driver == "Parquet":
            frame = _frame(table, meta)
            frame.to_parquet(target, index=False)
            return
        _write_arrow(table, meta, target, known.driver, source.layer, known.options, append=append)


def write(
    table: pd.DataFrame, path: Path, layer: str | None = None, *, changed_at: str = "1970-01-01T00:00:00.000Z"
) -> None:
    """Write a table as a new layer; polygons and lines are promoted to their multi type."""
    known = format_of(path)
    with _writable(path), _stamped(changed_at), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*CRS was not provided.*|.*'crs' was not provided.*")
        if known.driver == "Parquet":
            table.to_parquet(path, index=False)
            return
        options = dict(known.options)
        if known.driver == "GPKG" and not path.exists():
            options["VERSION"] = "1.3"  # what older QGIS reads without a warning
        pyogrio.write_dataframe(
            table, path, layer=layer, driver=known.driver, append=path.exists() and known.many_layers,
            promote_to_multi=True if isinstance(table, gpd.GeoDataFrame) and len(table) else None,
            geometry_type="Unknown" if isinstance(table, gpd.GeoDataFrame) and not len(table) else None,
            **_write_options(known.driver, options, changed_at),
        )  # fmt: skip


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers in a file."""
    _require_file(path)
    with _readable(path, None):
        return [str(name) for name in pyogrio.list_layers(str(path))[:, 0]]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that touch files."""
    return {"pyogrio": pyogrio.__version__, "gdal": ".".join(map(str, pyogrio.__gdal_version__))}


def _arrow(source: Info) -> tuple[dict[str, Any], pa.Table]:
    with _readable(source.path, source.layer):
        meta, table = pyogrio.read_arrow(source.path, layer=source.layer, return_fids=True)
        return meta, table


def _revised(table: pa.Table, revision: Revision, fid: str | None, geometry: str | None) -> pa.Table:
    """Apply a revision to an Arrow table; types and field metadata stay."""
    numbers = table.column(fid).to_numpy() if fid else np.arange(table.num_rows)
    position = {int(number): row for row, number in enumerate(numbers)}
    kept = [row for number, row in position.items() if number not in set(revision.removed)]
    rows = kept + [position[like] for like in revision.added.values()]
    out = table.take(rows)
    place = {int(numbers[row]): new for new, row in enumerate(kept)}
    place |= {new: len(kept) + offset for offset, new in enumerate(revision.added)}
    wkb = pd.Series(shapely.to_wkb(revision.geometry.to_numpy(), flavor="iso"), index=revision.geometry.index)
    for column, values in [*revision.changed.items(), (geometry, wkb)]:
        if column is None or not len(values):
            continue
        at = out.schema.get_field_index(column)
        found = out.column(column).to_pylist()
        for number, value in values.items():
            if number in place:
                found[place[number]] = None if value is pd.NA or value != value else value
        out = out.set_column(at, out.schema.field(at), pa.array(found, type=out.schema.field(at).type))
    return out.drop_columns([fid]) if fid else out


def _write_arrow(
    table: pa.Table, meta: Mapping[str, Any], target: Path, driver: str, layer: str | None,
    options: Mapping[str, str], *, append: bool = False,
) -> None:  # fmt: skip
    geometry = meta["geometry_name"] or "wkb_geometry"
    spatial = meta["geometry_type"] is not None
    pyogrio.write_arrow(
        table, target, layer=layer, driver=driver, crs=meta["crs"] if spatial else None, append=append,
        geometry_name=geometry if spatial else None,
        geometry_type=_type_for(table, geometry, meta["geometry_type"]) if spatial else None,
        encoding=meta["encoding"] if driver == "ESRI Shapefile" else None, **options,
    )  # fmt: skip


def _type_for(table: pa.Table, geometry: str, declared: str) -> str:
    """Return the declared geometry type, wider where a new geometry does not fit it."""
    if declared not in ("Polygon", "LineString", "Point"):
        return declared
    kinds = set(shapely.get_type_id(shapely.from_wkb(table.column(geometry).to_pylist())).tolist())
    return "Unknown" if kinds & {4, 5, 6} else declared


def _frame(table: pa.Table, meta: Mapping[str, Any]) -> pd.DataFrame:
    geometry = meta["geometry_name"] or "wkb_geometry"
    if meta["geometry_type"] is None:
        return table.to_pandas(types_mapper=pd.ArrowDtype)
    frame = table.drop_columns([geometry]).to_pandas(types_mapper=pd.ArrowDtype)
    shapes = shapely.from_wkb(table.column(geometry).to_pylist())
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=meta["crs"])


def _stream(source: Info, target: Path, revision: Revision, changed_at: str) -> None:
    """Copy a layer feature by feature, with its declared schema."""
    import fiona  # only here: its import is slow, and there is no wheel for Python 3.14

    multi = shapely.get_type_id(revision.geometry.to_numpy()) if len(revision.geometry) else np.array([])
    with fiona.open(source.path, layer=source.layer) as old:
        schema = dict(old.schema)
        if (multi == 6).any() and schema["geometry"] == "Polygon" and old.driver != "ESRI Shapefile":
            schema["geometry"] = "MultiPolygon"
        options = {"DBF_DATE_LAST_UPDATE": changed_at[:10]} if old.driver == "ESRI Shapefile" else {}
        with fiona.open(
            target, "w", driver=old.driver, crs_wkt=old.crs_wkt, schema=schema, encoding=old.encoding, **options
        ) as new:
            new.writerecords(_features(old, revision))


def _features(old: Any, revision: Revision) -> Iterator[Any]:
    changed = {column: values.to_dict() for column, values in revision.changed.items()}
    geometry = revision.geometry.to_dict()
    removed = set(revision.removed)
    copies: dict[int, list[int]] = {}
    for new, like in revision.added.items():
        copies.setdefault(like, []).append(new)
    added: list[Any] = []
    for number, feature in enumerate(old):
        added += [_feature(feature, copy, changed, geometry) for copy in copies.get(number, ())]
        if number not in removed:
            yield _feature(feature, number, changed, geometry)
    yield from added


def _feature(feature: Any, number: int, changed: Mapping[str, dict[int, Any]], geometry: Mapping[int, Any]) -> Any:
    properties = dict(feature["properties"])
    properties |= {column: values[number] for column, values in changed.items() if number in values}
    shape = shapely.geometry.mapping(geometry[number]) if number in geometry else feature["geometry"]
    return {"type": "Feature", "geometry": shape, "properties": properties}


def _write_options(driver: str, options: Mapping[str, str], changed_at: str) -> dict[str, Any]:
    if driver == "ESRI Shapefile":
        return {**options, "DBF_DATE_LAST_UPDATE": changed_at[:10], "encoding": "UTF-8"}
    return dict(options)


@contextlib.contextmanager
def _stamped(changed_at: str) -> Iterator[None]:
    """Let GDAL write a given time into files instead of the clock's, so that the same input gives the same bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": changed_at})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


@contextlib.contextmanager
def _readable(path: str | Path, layer: str | None) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Measured \\(M\\) geometry types")
        try:
            yield
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
            raise LayerError(f"{_named(path, layer)} cannot be read: {error}") from error
        except (pyogrio.errors.FeatureError, pyogrio.errors.GeometryError, shapely.errors.GEOSException) as error:
            raise LayerError(
                f"{_named(path, layer)} is damaged or cut short: {error}. Get a fresh copy of it."
            ) from error


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise LayerError(f"{path} cannot be written: {error.strerror or error}. Free the disk or choose another folder.") from error
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
        raise LayerError(f"{path} cannot be written: {error}. See that the folder is writable and the disk not full.") from error


def _require_file(path: str | Path) -> None:
    inner = str(path).removeprefix("zip://").partition("!")[0]
    if not inner.startswith("/vsi") and not Path(inner).exists():
        near = sorted(entry.name for entry in Path(inner).parent.glob("*"))[:8] if Path(inner).parent.is_dir() else []
        raise LayerError(
            f"{inner} does not exist. " + (f"Its folder holds {', '.join(near)}." if near else "Nor does its folder.")
        )


def _layer_name(path: str | Path, layer: str | None) -> str | None:
    names = layer_names(path)
    if layer is not None and layer not in names:
        raise LayerError(f"{path} has no layer {layer}. It has {', '.join(names)}.")
    if layer is None and len(names) > 1:
        raise LayerError(f"{path} has several layers. Name one of {', '.join(names)}.")
    return layer or (names[0] if names else None)


def _named(path: str | Path, layer: str | None) -> str:
    return f"{path}{SEPARATOR}{layer}" if layer else str(path)


def _is_csv(path: str | Path) -> bool:
    return str(path).lower().endswith((".csv", ".txt", ".tsv"))


def _is_parquet(path: str | Path) -> bool:
    return str(path).lower().endswith((".parquet", ".geoparquet"))


def _geometry_column(schema: pa.Schema) -> str | None:
    import json

    text = (schema.metadata or {}).get(b"geo")
    return str(json.loads(text)["primary_column"]) if text else None


def concerns(info: Info, target: Format) -> Iterable[str]:
    """Return what a format cannot hold of a layer, in sentences."""
    width = target.name_width
    if width and (long := [name for name in info.fields if len(name) > width]):
        yield f"{target.driver} cuts names to {width} characters: {', '.join(long)}"
    if not target.big_integers and (big := [name for name, kind in info.fields.items() if kind == "int64"]):
        yield f"{target.driver} has no 64-bit integers: {', '.join(big)} become decimal numbers"
    if not target.time_zones and (times := [n for n, kind in info.fields.items() if "datetime" in kind]):
        yield f"{target.driver} keeps no time of day with its zone: {', '.join(times)}"
