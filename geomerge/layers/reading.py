"""Layers are read: described, as tables, as Arrow tables, or only what is asked for of them."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geomerge import databases
from geomerge.errors import LayerError
from geomerge.files import arrow, csvfile, parquet, shapefile
from geomerge.files.arrow import Content
from geomerge.files.formats import SEPARATOR, Info
from geomerge.files.geopackage import quoted
from geomerge.files.guards import on_disk, require_file
from geomerge.files.places import InGeoPackage, unusual
from geomerge.files.rowgroups import InParquet, read_columns

STRAIGHT = frozenset(["Point", "LineString", "MultiPoint", "MultiLineString"])
PLAIN_FLATGEOBUF = {"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"}  # its own Arrow stream is wrong after a null geometry
SIMPLE = frozenset(["int16", "int32", "int64", "float32", "float64", "object", "str"])  # the same by way of Arrow
NEVER_CURVED = frozenset(["GeoJSON", "ESRI Shapefile", "CSV", "Parquet"])


def describe(path: str | Path, layer: str | None = None, encoding: str | None = None) -> Info:
    """Return how a layer is declared; LayerError if it cannot be opened.

    Parameters
    ----------
    path, layer
        The file, and the layer where it has several.
    encoding
        Encoding of the text, where the file does not declare the right one.
    """
    if databases.is_database(path):
        return databases.describe(str(path), layer)
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
    if info.driver == databases.DRIVER:
        return databases.read(info, columns)
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


def read_apart(info: Info, columns: list[str]) -> tuple[pd.DataFrame, InGeoPackage | InParquet] | None:
    """Read columns of a layer, and leave its geometry in the file; None where the format cannot do that.

    Parameters
    ----------
    info
        The layer.
    columns
        Columns to read; all of them are there.

    Returns
    -------
    DataFrame, Features
        The columns as :func:`read` gives them, and where the rows lie.
    """
    if info.driver == "Parquet" and parquet.declared_geometry(pq.read_schema(info.path)):
        return read_columns(info, columns), InParquet(Path(info.path), info.crs)
    if info.driver == "GPKG" and info.spatial and info.layer and Path(info.path).is_file():
        try:
            return read_geopackage(info, info.layer, columns)
        except LayerError:  # a view, whose rows have no numbers
            return None
    return None


def read_geopackage(
    info: Info, layer: str, columns: list[str], part: tuple[str, int, int] | None = None
) -> tuple[pd.DataFrame, InGeoPackage]:
    """Read columns of a table in a GeoPackage, and say where its rows lie.

    Parameters
    ----------
    info, layer
        The layer.
    columns
        Columns to read.
    part
        The column of row numbers with the first and the last of them, where only a part is wanted.
    """
    simple = all(str(info.fields[column]) in SIMPLE for column in columns)
    with _readable(info.path, layer):
        table = pyogrio.read_dataframe(
            info.path, layer=layer, columns=columns, fid_as_index=True, read_geometry=False, use_arrow=simple,
            where=None if part is None else f"{quoted(part[0])} BETWEEN {part[1]:d} AND {part[2]:d}",
        )  # fmt: skip
    table.index = pd.Index(table.index.to_numpy(dtype=np.int64), name="fid")

    def straightened(fids: NDArray[np.int64]) -> NDArray[Any]:
        with _readable(info.path, layer):
            found = pyogrio.read_dataframe(info.path, layer=layer, columns=[], fids=fids, fid_as_index=True)
        return np.asarray(found.geometry.reindex(fids).to_numpy(), dtype=object)

    within = None if part is None else part[1:]
    return table, InGeoPackage(Path(info.path), layer, table.index.to_numpy(), info.crs, straightened, within)


def refuse_curves(info: Info, why: str) -> None:
    """Raise LayerError if the geometry of a layer could only be kept by drawing it anew."""
    found = "measures" if info.measured else None
    if info.driver == databases.DRIVER and info.spatial:
        found = arrow.unusual_type(databases.read_content(info.path, info.layer).heads())
    elif info.driver == "GPKG" and info.layer and info.spatial:
        with on_disk(info.path) as file:
            found = unusual(file, info.layer) or found
    elif info.spatial and info.driver not in NEVER_CURVED and info.geometry_type not in STRAIGHT:
        with (
            _readable(info.path, info.layer),
            pyogrio.open_arrow(info.path, layer=info.layer, columns=[], use_pyarrow=True) as (meta, reader),
        ):
            column = meta["geometry_name"] or "wkb_geometry"
            heads = (value[:5] for batch in reader for value in batch.column(column).to_pylist() if value)
            found = arrow.unusual_type(heads) or found
    arrow.refuse(found, info.name, why)


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers in a file, or of the tables in a database."""
    if databases.is_database(path):
        return databases.layer_names(str(path))
    require_file(path)
    with _readable(path, None):
        return [str(name) for name in pyogrio.list_layers(str(path))[:, 0]]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that touch files."""
    return {"pyogrio": pyogrio.__version__, "gdal": ".".join(map(str, pyogrio.__gdal_version__))}


def read_arrow(source: Info, layer: str | None) -> tuple[Content, NDArray[np.int64]]:
    """Read a layer as an Arrow table, times with their zones, and the numbers of its rows."""
    if source.driver == databases.DRIVER:
        content = databases.read_content(source.path, layer)
        return content, np.arange(1, content.table.num_rows + 1)
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
