"""Layers go out again: in the format and schema they came in, edited in a copy, or in another format."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.files import arrow, csvfile, geojson, geopackage, gml, parquet, shapefile
from geomerge.files.arrow import Content
from geomerge.files.formats import Info, driver_of, format_of
from geomerge.files.guards import on_disk
from geomerge.files.revision import Revision, revised

Report = Callable[[str], None]


def rewrite(source: Info, target: Path, revisions: Mapping[str, Revision], *, changed_at: str, report: Report) -> None:
    """Write a file again with revisions to some of its layers, in the same format and schema.

    Parameters
    ----------
    source
        The layer, or for a file of several layers any of them.
    target
        File to write.
    revisions
        Revision by layer.
    changed_at
        Time to write where the format has a place for it.
    report
        Takes sentences on what could not be kept.
    """
    with layers.writable(target, changed_at), on_disk(source.path) as file:
        if source.driver == "GPKG":
            geopackage.copy_file(file, target)
            with geopackage.open_file(target, own_copy=True) as connection:
                for layer, revision in revisions.items():
                    geopackage.revise(connection, layer, revision, changed_at=changed_at)
        elif source.driver == "OpenFileGDB":
            shutil.copytree(file, target, dirs_exist_ok=True)
            for layer, revision in revisions.items():
                _replace(source, layer, target, revision)
        elif len(revisions) > 1:
            _rewrite_several(source, file, target, revisions)
        elif driver_of(source.driver) is None:
            ((layer, revision),) = revisions.items()
            layers.stream(source, layer, target, revision)
        else:
            (revision,) = revisions.values()
            _rewrite_single(source, file, target, revision, changed_at, report)


def _rewrite_several(source: Info, file: Path, target: Path, revisions: Mapping[str, Revision]) -> None:
    """Write a file again whose layers stand side by side in its text, one after the other."""
    with tempfile.TemporaryDirectory(prefix="geomerge-") as folder:
        for at, (layer, revision) in enumerate(revisions.items()):
            new = Path(folder) / str(at) / target.name
            new.parent.mkdir()
            rows = layers.fids(replace(source, layer=layer)) if source.driver == "GML" else []
            if source.driver != "GML" or not gml.rewrite(file, new, layer, revision, rows):
                raise LayerError(
                    f"{source.path} is {source.driver}, which is written for one layer at a time, and "
                    f"{', '.join(revisions)} change. Ask for a format that holds several (gpkg)."
                )
            file = new
        for made in sorted(file.parent.iterdir()):
            shutil.copyfile(made, target.with_name(made.name))


def _rewrite_single(
    source: Info, file: Path, target: Path, revision: Revision, changed_at: str, report: Report
) -> None:
    """Write a file of one layer again."""
    if source.driver == "CSV":
        csvfile.rewrite(file, target, revision, source.encoding)
    elif source.driver == "Parquet":
        parquet.rewrite(file, target, revision)
    elif source.driver == "ESRI Shapefile":
        if not file.is_file():
            raise LayerError(f"{file} is a folder. Name the shapefile in it.")
        text = source.encoding or shapefile.encoding(file)
        shapefile.rewrite(file, target, revision, text=text, changed_at=changed_at, draw=_drawer(source))
    elif source.driver == "GeoJSON":
        geojson.rewrite(file, target, revision, layers.fids(source))
    elif source.driver == "GML":
        if not gml.rewrite(file, target, source.layer or "", revision, layers.fids(source)):
            report("All fields are kept, but not the names of the GML application schema")
            others = [name for name in layers.layer_names(source.path) if name != source.layer]
            if others:
                report(f"GML is written for one layer at a time, without {', '.join(others)}")
            _replace(source, source.layer or "", target, revision)
    else:
        _replace(source, source.layer or "", target, revision)


def convert(source: Info, target: Path, revision: Revision, *, changed_at: str, report: Report) -> None:
    """Write a revised layer in the format that the suffix of the target names.

    Parameters
    ----------
    source
        The layer.
    target
        File to write; a file that can hold several layers keeps its others.
    revision
        What changes.
    changed_at
        Time to write where the format has a place for it.
    report
        Takes sentences on what the format cannot hold, before it is written.
    """
    known = format_of(target)
    layers.refuse_curves(source, f"{known.suffix} has only straight lines")
    with layers.writable(target, changed_at):
        content = _content(source, source.layer, revision)
        layers.store(content, source, target, known, source.layer or target.stem, report)


def _content(source: Info, layer: str | None, revision: Revision) -> Content:
    """Return a revised layer as an Arrow table."""
    if source.driver == "CSV":
        with on_disk(source.path) as file:
            content = arrow.from_frame(csvfile.read(file, source.encoding), source.name)
        fids = np.arange(content.table.num_rows)
    elif source.driver == "Parquet":
        content = arrow.from_frame(parquet.read(source), source.name)
        fids = np.arange(content.table.num_rows)
    else:
        content, fids = layers.read_arrow(source, layer)
    return content.replaced(revised(content.table, revision, fids, content.geometry, source.name))


def _replace(source: Info, layer: str, target: Path, revision: Revision) -> None:
    """Write a revised layer in its own format, in the place of the one that the target holds."""
    content = _content(source, layer, revision)
    why = f"writing {source.driver} anew would straighten them"
    arrow.refuse(arrow.unusual_type(content.heads()), source.name, why)
    options = arrow.own_options(source, content)
    if source.driver == "OpenFileGDB" and content.geometry is not None:
        options |= layers.grid(source, layer)
    layers.write_arrow(arrow.fitting(content), target, source.driver, layer, options)


def _drawer(source: Info) -> shapefile.Draw:
    """Return what writes geometries as a shapefile of the type of the source."""

    def draw(folder: Path, shapes: Any) -> Path:
        file = Path(tempfile.mkdtemp(prefix=".shapes-", dir=folder)) / "shapes.shp"
        frame = gpd.GeoDataFrame({"n": np.arange(len(shapes))}, geometry=list(shapes))
        kind = source.geometry_type or "Unknown"
        if not kind.endswith("Z") and shapely.has_z(frame.geometry.to_numpy()).any():
            raise LayerError(
                f"{source.name} has no Z, and a new geometry has. Drop it (shapely.force_2d), or ask for "
                f"another format (format)."
            )
        content = arrow.from_frame(frame, str(file)).declared(kind)
        layers.write_arrow(content, file, "ESRI Shapefile", "shapes", {})
        return file

    return draw
