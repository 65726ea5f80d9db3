"""One map of a figure: units filled by change, boundary lines by status, names where they fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path
from shapely import Polygon, affinity
from shapely.geometry.base import BaseGeometry

from geomerge.palette import CHANGES, INK, LINES, LineClass

Extent = tuple[float, float, float, float]

WIDEST: Final = 800.0  # points that a map is wide at most
LABEL_SIZES: Final = (8.0, 7.0, 6.0, 5.0)  # points, the largest that fits is taken


@dataclass(frozen=True)
class Panel:
    """One map of the figure: its axes, its extent and the ground length of a point on the page."""

    axes: Axes
    extent: Extent
    point: float


def lighter(table: gpd.GeoDataFrame, width: float) -> gpd.GeoDataFrame:
    """Return a table without the corners that no map this wide can show, for several maps of the same.

    Examples
    --------
    >>> coast = shapely.LineString([(0, 0), (50, 0.0001), (100, 0)])
    >>> lighter(gpd.GeoDataFrame(geometry=[coast]), width=100).geometry.iloc[0].wkt
    'LINESTRING (0 0, 100 0)'
    """
    shapes = shapely.simplify(table.geometry.to_numpy(), width / WIDEST / 20, preserve_topology=False)
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs))


def visible(panel: Panel, geometry: gpd.GeoSeries) -> np.ndarray[Any, Any]:
    """Return which geometries have a part in the extent of the panel."""
    bounds = shapely.bounds(geometry.to_numpy()).reshape(-1, 4)
    low, high = panel.extent[:2], panel.extent[2:]
    return np.asarray((bounds[:, :2] <= high).all(axis=1) & (bounds[:, 2:] >= low).all(axis=1))


def draw_panel(
    panel: Panel,
    heading: str,
    table: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    statuses: Sequence[str],
    *,
    labels: bool,
) -> None:
    """Draw one map: units, lines on top, labels above all."""
    plural = "unit" if len(table) == 1 else "units"
    panel.axes.set_title(f"{heading} · {len(table)} {plural}", loc="left", fontsize=9, color=INK, pad=5)
    shown = table[visible(panel, table.geometry)]
    _draw_units(panel, shown)
    # thinner lines where the units are small on the page
    area = float(shapely.area(shown.geometry.to_numpy()).mean()) if len(shown) else 0.0
    weight = min(max(math.sqrt(area) / panel.point / 40, 0.55), 1.0)
    _draw_lines(panel, lines[visible(panel, lines.geometry)], statuses, weight)
    if labels:
        _draw_labels(panel, shown[shown["change"] != "unchanged"])


def _draw_units(panel: Panel, table: gpd.GeoDataFrame) -> None:
    """Fill the units: one shape for each change, with the corners the page can show."""
    for name, change in CHANGES.items():
        geometry = table.geometry.to_numpy()[(table["change"] == name).to_numpy()]
        parts = shapely.get_parts(shapely.get_parts(geometry))
        polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        if not len(polygons):
            continue
        rings = shapely.get_rings(shapely.orient_polygons(polygons))
        outline = _outline(shapely.simplify(rings, 0.15 * panel.point))
        # no add_patch: it would measure each corner for limits that are set already
        panel.axes.add_artist(PathPatch(outline, facecolor=change.color, edgecolor=change.color, linewidth=0.2))


def _outline(rings: np.ndarray[Any, Any]) -> Outline:
    """Return one shape with all rings."""
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    codes = np.full(len(corners), Outline.LINETO, dtype=np.uint8)
    first = np.flatnonzero(np.diff(ring, prepend=-1))
    codes[first] = Outline.MOVETO
    codes[np.append(first[1:], len(corners)) - 1] = Outline.CLOSEPOLY
    return Outline(corners, codes)


def _draw_lines(panel: Panel, lines: gpd.GeoDataFrame, statuses: Sequence[str], weight: float) -> None:
    """Draw boundary lines, joined into long ones so that dashes run on."""
    for status in statuses:
        kind = LINES[status]
        geometry = lines.geometry.to_numpy()[(lines["status"] == status).to_numpy()]
        parts = shapely.get_parts(shapely.get_parts(geometry))
        parts = parts[shapely.get_dimensions(parts) == 1]
        if not len(parts):
            continue
        joined = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
        corners = [shapely.get_coordinates(line) for line in shapely.simplify(joined, 0.15 * panel.point)]
        drawn = LineCollection(corners, colors=kind.color, linewidths=kind.width * weight, linestyles=[dashes(kind)])
        drawn.set_capstyle("butt" if kind.dashed else "round")
        panel.axes.add_collection(drawn, autolim=False)


def dashes(kind: LineClass) -> Literal["solid"] | tuple[float, tuple[float, float]]:
    """Return the line style of a kind of boundary line, for matplotlib."""
    return (0.0, (3.0, 1.5)) if kind.dashed else "solid"


def _draw_labels(panel: Panel, table: gpd.GeoDataFrame) -> None:
    """Write names and codes where they fit, the largest units first."""
    window = shapely.box(*panel.extent)
    places = [_largest_part(geometry, window) for geometry in table.geometry]
    texts = [(str(code), str(name)) for code, name in zip(table["code"], table["name"], strict=True)]
    taken: list[BaseGeometry] = []
    for place, text in sorted(zip(places, texts, strict=True), key=lambda pair: (-pair[0].area, pair[1])):
        label = _fit(panel, place, *text, taken)
        if label:
            box, size, words = label
            taken.append(box)
            drawn = panel.axes.text(box.centroid.x, box.centroid.y, words, fontsize=size, color=INK)
            drawn.set(ha="center", va="center", linespacing=1.1, clip_on=True, parse_math=False)


def _largest_part(geometry: BaseGeometry | None, window: Polygon) -> Polygon:
    """Return the largest part of a unit that the panel shows."""
    sound = shapely.make_valid(geometry) if geometry is not None else Polygon()
    parts = shapely.get_parts(shapely.get_parts(shapely.intersection(sound, window)))
    polygons: list[Polygon] = [part for part in parts if isinstance(part, Polygon)]
    return max(polygons, key=lambda part: part.area, default=Polygon())


def _fit(
    panel: Panel, place: Polygon, code: str, name: str, taken: Sequence[BaseGeometry]
) -> tuple[BaseGeometry, float, str] | None:
    """Return box, font size and text of the largest label that stays inside ``place``, if one does.

    The label goes where the largest ellipse of its proportions fits: the largest circle inside the place,
    squeezed along x by the proportions of the label.
    """
    if place.is_empty:
        return None
    west, south, east, north = place.bounds
    outline = shapely.simplify(place, 0.5 * panel.point)
    rows = {row: _row_width(row) for row in f"{name}\n{code}".split("\n")}
    for size, text in [*((size, f"{name}\n{code}") for size in LABEL_SIZES), (LABEL_SIZES[-1], code)]:
        widths = [rows[row] for row in text.split("\n")]
        width, height = panel.point * (size * max(widths) + 1.0), panel.point * (1.2 * size * len(widths))
        if width > 1.1 * (east - west) or height > 1.1 * (north - south):
            continue
        squeezed = affinity.scale(outline, xfact=height / width, origin=(0, 0))
        circle = shapely.maximum_inscribed_circle(squeezed, tolerance=height / 8)
        x, y = circle.coords[0]
        x *= width / height
        box = shapely.box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        inside = shapely.intersection(box, outline).area >= 0.96 * box.area
        if inside and not any(box.intersects(other) for other in taken):
            return box, size, text
    return None


def _row_width(row: str) -> float:
    """Return the width of a line of text in points, for each point of its size."""
    font = FontProperties(family=["DejaVu Sans"], size=100)
    return float(text_to_path.get_text_width_height_descent(row or " ", font, False)[0]) / 100
