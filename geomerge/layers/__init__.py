"""The one door to files: layers are read, described and written through GDAL here, and nowhere else.

pyogrio moves the bulk, as Arrow tables, with every type and null as the file has it. fiona writes the formats that
have no road of their own, feature by feature, with the schema they declare.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geomerge.errors import LayerError
from geomerge.files import arrow, csvfile, geopackage, parquet, shapefile
from geomerge.files.arrow import Content
from geomerge.files.formats import FORMATS, SEPARATOR, Format, Info, concerns, format_of, split_name
from geomerge.files.guards import on_disk, require_file, unwritable
from geomerge.files.revision import Revision, records

__all__ = ["FORMATS", "SEPARATOR", "Format", "Info", "Revision", "concerns", "format_of", "split_name"]

EPOCH = "1970-01-01T00:00:00.000Z"
STRAIGHT = frozenset(["Point", "LineString", "MultiPoint", "MultiLineString"])
PLAIN_FLATGEOBUF = {"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"}  # its own Arrow stream is wrong after a null geometry
LOSSES = ("truncated", "not successfully", "clamp", "overflow", "rror")  # words of GDAL where a value did not fit
NEVER_CURVED = frozenset(["GeoJSON", "ESRI Shapefile", "CSV", "Parquet"])

Report = Callable[[str], None]


def describe(path: str | Path, layer: str | None = None, encoding: str | None = None) -> Info:
    """Return how a layer is declared; LayerError if it cannot be opened.

    Parameters
    ----------
    path, layer
        The file, and the layer where it has several.
    encoding
        Encoding of the text, where the file does not declare the right one.
    """
    require_file(path)
    if _ends(path, ".csv", ".txt", ".tsv"):
        with on_disk(path) as file:
            dialect = csvfile.sniff(file, encoding)
        return Info(str(path), None, "CSV", None, dialect.encoding, None, dict.fromkeys(dialect.header, "str"), -1)
    if _ends(path, ".parquet", ".geoparquet"):
        return parquet.describe(Path(path))
    name = _layer_name(path, layer)
    with _readable(path, name), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = pyogrio.read_info(str(path), layer=name, encoding=encoding)
    if found["driver"] == "ESRI Shapefile" and encoding is None and not str(path).startswith("/vsi"):
        with on_disk(path) as file:
            if file.is_file():
                shapefile.require_whole(file)
                encoding = shapefile.encoding(file)
    fields = dict(zip(found["fields"].tolist(), map(str, found["dtypes"]), strict=True))
    return Info(
        str(path), found["layer_name"], found["driver"], CRS(found["crs"]) if found["crs"] else None,
        encoding or found["encoding"], found["geometry_type"], fields, found["features"],
        any("Measured" in str(warning.message) for warning in said),
    )  # fmt: skip


def read(
    path: str | Path,
    layer: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    encoding: str | None = None,
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
    info = describe(path, layer, encoding)
    if missing := [column for column in columns or () if column not in info.fields]:
        raise LayerError(
            f"{info.name} has no column {', '.join(missing)}. It has {', '.join(info.fields)}. "
            f"Name the right column in the job."
        )
    if info.driver == "CSV":
        with on_disk(path) as file:
            return csvfile.read(file, encoding)
    if info.driver == "Parquet":
        found: pd.DataFrame = parquet.read(info)
        return found
    with _readable(path, info.layer):
        found = pyogrio.read_dataframe(
            str(path),
            layer=info.layer,
            columns=columns,
            fid_as_index=True,
            encoding=encoding,
            use_arrow=False,
        )
    return found


def refuse_curves(info: Info, why: str) -> None:
    """Raise LayerError if the geometry of a layer could only be kept by drawing it anew."""
    found = "measures" if info.measured else None
    if info.driver == "GPKG" and info.layer and info.spatial:
        with on_disk(info.path) as file:
            found = geopackage.unusual(file, info.layer) or found
    elif info.spatial and info.driver not in NEVER_CURVED and info.geometry_type not in STRAIGHT:
        with (
            _readable(info.path, info.layer),
            pyogrio.open_arrow(info.path, layer=info.layer, columns=[], use_pyarrow=True) as (meta, reader),
        ):
            column = meta["geometry_name"] or "wkb_geometry"
            heads = (value[:5] for batch in reader for value in batch.column(column).to_pylist() if value)
            found = arrow.unusual_type(heads) or found
    arrow.refuse(found, info.name, why)


def write(
    table: pd.DataFrame,
    path: Path,
    layer: str | None = None,
    *,
    changed_at: str = EPOCH,
    report: Report | None = None,
) -> None:
    """Write a table as a new layer; lines and polygons are promoted to their multi type.

    Parameters
    ----------
    table
        Table to write, without its index.
    path
        File to write. One that can hold several layers keeps its others; a layer of the same name is
        replaced.
    layer
        Name of the layer, by default that of the file.
    changed_at
        Time to write where the format has a place for it, so that the same input gives the same bytes.
    report
        Takes sentences on what the format cannot hold, before it is written.
    """
    known = format_of(path)
    content = arrow.from_frame(table, str(path), multi=known.driver in ("GPKG", "FlatGeobuf", "OpenFileGDB"))
    crs = CRS(content.crs) if content.crs else None
    info = Info(str(path), layer, "", crs, None, content.geometry_type, content.kinds, len(table))
    with writable(path, changed_at):
        store(content, info, path, known, layer or path.stem, report or _silent)


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers in a file."""
    require_file(path)
    with _readable(path, None):
        return [str(name) for name in pyogrio.list_layers(str(path))[:, 0]]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that touch files."""
    return {"pyogrio": pyogrio.__version__, "gdal": ".".join(map(str, pyogrio.__gdal_version__))}


def _silent(_sentence: str) -> None:
    """Hear nobody."""


def read_arrow(source: Info, layer: str | None) -> tuple[Content, NDArray[np.int64]]:
    """Read a layer as an Arrow table, times with their zones, and the numbers of its rows."""
    encoding = source.encoding if source.driver == "ESRI Shapefile" else None
    with _readable(source.path, layer):
        meta, table = pyogrio.read_arrow(
            source.path, layer=layer, return_fids=True, datetime_as_string=True, encoding=encoding
        )
    fid = meta["fid_column"] or "OGC_FID"
    kind = meta["geometry_type"]
    geometry = (meta["geometry_name"] or "wkb_geometry") if kind else None
    return Content(table.drop_columns([fid]), geometry, kind, meta["crs"]), table.column(fid).to_numpy()


def grid(source: Info, layer: str | None) -> dict[str, str]:
    """Return the grid to which a layer of a File Geodatabase rounds coordinates, as options to write."""
    with _readable(source.path, layer):
        found = pyogrio.read_dataframe(source.path, sql=f"GetLayerDefinition {layer}")
    text = str(found.iloc[0, 0]) if len(found) else ""
    named = re.findall(r"<((?:XY?|Y|Z|M)(?:Origin|Scale|Tolerance))>([^<]*)<", text)
    return {name.upper(): value for name, value in named}


def fids(source: Info) -> list[int]:
    """Return the row numbers of a layer in the order of the file."""
    with _readable(source.path, source.layer):
        meta, table = pyogrio.read_arrow(
            source.path, layer=source.layer, columns=[], read_geometry=False, return_fids=True
        )
    return [int(fid) for fid in table.column(meta["fid_column"] or "OGC_FID").to_pylist()]


def stream(source: Info, layer: str, target: Path, revision: Revision) -> None:
    """Write a layer again feature by feature, with the fields as they are declared: their order, types and widths."""
    try:
        import fiona  # its wheels are not there for every Python, and the formats listed do without
        from fiona.errors import FionaError
    except ModuleNotFoundError as error:
        raise LayerError(f"{source.name} needs fiona to be written. Install it, or ask for another format.") from error
    refuse_curves(source, f"writing {source.driver} anew would straighten them")
    try:
        with fiona.open(source.path, layer=layer, encoding=source.encoding) as old:
            declared = {"driver": old.driver, "schema": old.schema, "crs_wkt": old.crs_wkt, "encoding": source.encoding}
            with fiona.open(target, "w", layer=layer, **declared) as new:
                new.writerecords(records(old, revision))
    except (FionaError, ValueError, OverflowError) as error:
        raise LayerError(
            f"{source.path} is {source.driver}, which cannot be written again as it is: {error}. "
            f"Ask for another format (format)."
        ) from error


def store(content: Content, info: Info, target: Path, known: Format, layer: str | None, report: Report) -> None:
    """Write an Arrow table in a format, after saying what that cannot hold."""
    for sentence in [*concerns(info, known), *arrow.concerns(content, known)]:
        report(sentence)
    arrow.require_possible(content, known, target)
    content = arrow.prepared(content, known)
    if known.driver == "Parquet":
        parquet.write(content, target)
    elif known.driver == "CSV":
        csvfile.write(target, *arrow.as_rows(content))
    else:
        write_arrow(content, target, known.driver, layer, arrow.new_options(content, known, target))


def write_arrow(content: Content, target: Path, driver: str, layer: str | None, options: Mapping[str, str]) -> None:
    """Write an Arrow table through GDAL, and see that every row has arrived."""
    spatial = content.geometry is not None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        pyogrio.write_arrow(
            content.table, target, layer=layer, driver=driver, crs=content.crs if spatial else None,
            geometry_name=content.geometry,
            geometry_type=content.geometry_type if spatial else None, **options,
        )  # fmt: skip
        found = pyogrio.read_info(
            target, layer=layer if driver in ("GPKG", "OpenFileGDB") else None, force_feature_count=True
        )
    texts = [str(warning.message) for warning in said]
    if lost := [text for text in texts if any(word in text for word in LOSSES)]:
        raise LayerError(f"{target} cannot hold every value: {lost[0]}. Ask for another format (format).")
    if found["features"] != content.table.num_rows:
        raise LayerError(
            f"{target} holds {found['features']} of {content.table.num_rows} rows. "
            f"Free the disk, or choose another folder."
        )


@contextlib.contextmanager
def _readable(path: str | Path, layer: str | None) -> Iterator[None]:
    name = f"{path}{SEPARATOR}{layer}" if layer else str(path)
    guess = Path(str(path)).with_suffix(".gfs")  # GDAL notes there what it finds in GML; an input stays as it is
    leave = not str(path).lower().endswith(".gml") or guess.exists()
    pyogrio.set_gdal_config_options(PLAIN_FLATGEOBUF)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Measured \\(M\\) geometry types")
        warnings.filterwarnings("ignore", message="Non-conformant content .* successfully parsed")
        try:
            yield
        except UnicodeDecodeError as error:
            raise LayerError(
                f"{name} is not {error.encoding}. Name its encoding, for example encoding: ISO-8859-1."
            ) from error
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            if "malformed" in str(error):  # what SQLite says of a file that lacks a part
                raise LayerError(f"{name} is damaged or cut short. Get a fresh copy of it.") from error
            raise LayerError(
                f"{name} cannot be read: {str(error).rstrip('.')}. Is it whole, and open in no other program?"
            ) from error
        except (
            pyogrio.errors.FeatureError,
            pyogrio.errors.GeometryError,
            shapely.errors.GEOSException,
        ) as error:
            raise LayerError(f"{name} is damaged or cut short: {error}. Get a fresh copy of it.") from error
        finally:
            pyogrio.set_gdal_config_options(dict.fromkeys(PLAIN_FLATGEOBUF))
            if not leave:
                guess.unlink(missing_ok=True)


@contextlib.contextmanager
def writable(path: Path, changed_at: str) -> Iterator[None]:
    """Let GDAL write a given time, not the clock's, and say in one sentence what went wrong."""
    log = logging.getLogger("pyogrio")
    level = log.level
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": changed_at})
    log.setLevel(logging.WARNING)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise LayerError(unwritable(path, error)) from error
    except (
        pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
        pyogrio.errors.FieldError, pyogrio.errors.GeometryError,
    ) as error:  # fmt: skip
        raise LayerError(
            f"{path} cannot be written: {str(error).rstrip('.')}. Is its folder writable, and the disk not full?"
        ) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
        log.setLevel(level)


def _layer_name(path: str | Path, layer: str | None) -> str:
    names = layer_names(path)
    if not names:
        raise LayerError(f"{path} holds no layer, or is damaged or cut short. Get a fresh copy of it.")
    if layer is not None and layer not in names:
        raise LayerError(f"{path} has no layer {layer}. It has {', '.join(names)}.")
    if layer is None and len(names) > 1:
        raise LayerError(f"{path} has several layers. Name one of {', '.join(names)}, as in {path}|{names[0]}.")
    return layer or names[0]


def _ends(path: str | Path, *suffixes: str) -> bool:
    return str(path).lower().endswith(suffixes)
