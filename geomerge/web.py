"""Editions for the web: units and levels, simplified for a scale, in the formats that maps on the web read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd

from geomerge import layers
from geomerge.errors import InputError, LayerError
from geomerge.export import export
from geomerge.findings import Finding
from geomerge.simplify import simplify, simplify_level

GEOGRAPHIC = "EPSG:4326"
ZOOM_0 = 559_082_264.0  # scale of a web map at zoom 0: its width is the equator, in 256 pixels of 0.28 mm
DEEPEST = 14
DECIMALS = 6  # of a degree, some 10 cm


def edition(
    units: gpd.GeoDataFrame,
    levels: Mapping[str, gpd.GeoDataFrame],
    *,
    scale: float,
    smallest: float | None = None,
    code: str = "code",
    findings: list[Finding] | None = None,
) -> dict[str, gpd.GeoDataFrame]:
    """Return units and levels simplified for a scale, all on the same edges.

    Parameters
    ----------
    units, levels
        Units in a projected CRS, and the levels they make up, by name.
    scale, smallest, code, findings
        As for :func:`geomerge.simplify`.

    Returns
    -------
    dict
        ``units`` and the levels, by name.
    """
    drawn = simplify(units, scale=scale, smallest=smallest, code=code, findings=findings)
    return {"units": drawn, **{name: simplify_level(level, units, drawn) for name, level in levels.items()}}


def write_edition(
    tables: Mapping[str, gpd.GeoDataFrame], target: Path, *, scale: float, title: str, findings: list[Finding]
) -> list[Path]:
    """Write an edition in the format of the suffix, and return the files.

    TopoJSON and the formats that hold several layers become one file, the others one for each table, named after it.

    Parameters
    ----------
    tables
        Tables by name.
    target
        File to write; where there is one for each table, its name is added.
    scale
        Denominator of the scale, for the zooms of tiles.
    title
        Title of the edition.
    findings
        List that collects what a format cannot hold.

    Raises
    ------
    InputError
        If the suffix is no format for editions.
    LayerError
        If a file cannot be written.
    """
    suffix = target.suffix.casefold()
    if suffix == ".topojson":
        _write_topojson(tables, target)
        return [target]
    written = []
    for name, table in tables.items():
        apart = target if suffix in (".gpkg", ".gdb") else target.with_name(f"{target.stem}_{name}{target.suffix}")
        if suffix == ".pmtiles":
            deepest = min(DEEPEST, max(0, math.ceil(math.log2(ZOOM_0 / scale))))
            layers.write_tiles(table, apart, name, f"{title}: {name}", (0, deepest))
        elif suffix in (".geojson", ".json"):
            export(table.to_crs(GEOGRAPHIC), apart, findings=findings)
        elif suffix in (".gpkg", ".gdb", ".fgb", ".parquet"):
            export(table, apart, layer=name, findings=findings)
        else:
            raise InputError(
                f"{target.name} is no edition for the web. Name a file that ends in .geojson, .topojson, .pmtiles, "
                f".fgb, .parquet or .gpkg (-o)."
            )
        written.append(apart)
    return list(dict.fromkeys(written))


def _write_topojson(tables: Mapping[str, gpd.GeoDataFrame], target: Path) -> None:
    """Write tables as objects of one TopoJSON file: an edge that two units share stands in it once."""
    try:
        from topojson.core.topology import Topology
    except ModuleNotFoundError as error:
        raise LayerError(
            "TopoJSON is written by a package that is not installed: pip install geomerge[web]."
        ) from error
    geographic = [table.to_crs(GEOGRAPHIC) for table in tables.values()]
    west, south, east, north = geographic[0].total_bounds
    steps = math.ceil(max(east - west, north - south) * 10**DECIMALS) + 1
    topology = Topology(geographic, object_name=list(tables), prequantize=steps, winding_order="CW_CCW")
    try:
        target.write_text(f"{topology.to_json()}\n", encoding="utf-8")
    except OSError as error:
        raise LayerError(f"{target} cannot be written: {error.strerror}. Choose another folder (-o).") from error
