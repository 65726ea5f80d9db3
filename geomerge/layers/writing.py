"""Layers are written: through GDAL as Arrow tables, or feature by feature in formats that have no road of their own."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from pyproj import CRS

from geomerge.errors import LayerError
from geomerge.files import arrow, csvfile, parquet
from geomerge.files.arrow import Content
from geomerge.files.formats import Format, Info, concerns, format_of
from geomerge.files.guards import unwritable
from geomerge.files.revision import Revision, records
from geomerge.layers.reading import refuse_curves

EPOCH = "1970-01-01T00:00:00.000Z"
LOSSES = ("truncated", "not successfully", "clamp", "overflow", "rror")  # words of GDAL where a value did not fit

Report = Callable[[str], None]


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


def write_tiles(table: gpd.GeoDataFrame, path: Path, name: str, title: str, zooms: tuple[int, int]) -> None:
    """Write a table as vector tiles in one file (PMTiles), from the lowest to the highest zoom.

    Raises
    ------
    LayerError
        If the file cannot be written, or GDAL was built without PMTiles.
    """
    if "w" not in pyogrio.list_drivers().get("PMTiles", ""):
        raise LayerError("This GDAL does not write PMTiles. Write GeoJSON or TopoJSON, or install a newer pyogrio.")
    options = {"MINZOOM": zooms[0], "MAXZOOM": zooms[1], "NAME": title, "DESCRIPTION": title}
    threads = pyogrio.get_gdal_config_option("GDAL_NUM_THREADS")
    pyogrio.set_gdal_config_options({"GDAL_NUM_THREADS": "1"})  # several would put the tiles in any order
    path.unlink(missing_ok=True)  # GDAL adds to a file that exists, and cannot with this one
    try:
        with writable(path, EPOCH):
            pyogrio.write_dataframe(table, path, driver="PMTiles", layer=name, dataset_options=options)
    finally:
        pyogrio.set_gdal_config_options({"GDAL_NUM_THREADS": threads})


@contextlib.contextmanager
def writable(path: Path, changed_at: str) -> Iterator[None]:
    """Let GDAL write a given time, not the clock's, and say in one sentence what went wrong.

    SQLite does not wait for the disk: nobody knows the file until it is complete and in its place.
    """
    log = logging.getLogger("pyogrio")
    level = log.level
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": changed_at, "OGR_SQLITE_SYNCHRONOUS": "OFF"})
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
        pyogrio.set_gdal_config_options(dict.fromkeys(("OGR_CURRENT_DATE", "OGR_SQLITE_SYNCHRONOUS")))
        log.setLevel(level)


def _silent(_sentence: str) -> None:
    """Hear nobody."""
