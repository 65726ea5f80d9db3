"""One map of a figure: units filled by change, boundary lines by status, names where they fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from shapely import Polygon, affinity

from geomerge.layout import Extent, Layout
from geomerge.palette import CHANGES, INK, LINES, ChangeClass, LineClass

WIDEST: Final = 800.0  # points that a map is wide at most
FINEST: Final = 0.15  # points, the smallest detail that is drawn
LABEL_SIZES: Final = (8.0, 7.0, 6.0, 5.0)  # points, the largest that fits is taken
ASCENT, DESCENT, SPACING = 0.76, 0.24, 1.1  # of the letters of DejaVu Sans, by their size, and between lines


@dataclass(frozen=True)
class Widths:
    """How wide texts are, in points for each point of their size: the sum of their letters, each measured once.

    Examples
    --------
    >>> widths = Widths()
    >>> round(widths.of("0301") / widths.of("0"), 3)
    4.0
    """

    letters: dict[str, float] = field(default_factory=dict)
    family: str = "DejaVu Sans"
    weight: str = "normal"

    def of(self, text: str) -> float:
        """Return the width of a line of text."""
        for letter in set(text) - set(self.letters):
            self.letters[letter] = self._measured(f"n{letter}n") - self._measured("nn")
        return sum(self.letters[letter] for letter in text)

    def _measured(self, text: str) -> float:
        font = FontProperties(family=[self.family], weight=self.weight, size=100)
        return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 100


@dataclass(frozen=True)
class Look:
    """How the units and the lines of a map look, and how large its labels are."""

    changes: Mapping[str, ChangeClass] = field(default_factory=lambda: CHANGES)
    lines: Mapping[str, LineClass] = field(default_factory=lambda: LINES)
    hatches: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[float, ...] = LABEL_SIZES
    ink: str = INK


@dataclass(frozen=True)
class Panel:
    """One map of the figure: its axes, its extent, the ground length of a point on the page, and how things look."""

    axes: Axes
    extent: Extent
    point: float
    widths: Widths = field(default_factory=Widths)
    look: Look = field(default_factory=Look)


def add_panel(
    figure: Figure, layout: Layout, number: int, *, widths: Widths | None = None, look: Look | None = None
) -> Panel:
    """Add the axes of one of the maps of a layout to a figure."""
    width, height = figure.get_size_inches()
    left, base, across, up = layout.boxes[number]
    axes = figure.add_axes((left / width, base / height, across / width, up / height))
    axes.set(xlim=layout.shown[::2], ylim=layout.shown[1::2], xticks=[], yticks=[], facecolor="white")
    for spine in axes.spines.values():
        spine.set(color="#d0d0d0", linewidth=0.5)
    return Panel(axes, layout.shown, layout.inch / 72, widths or Widths(), look or Look())


class Label(Text):
    """Lines of text one below the other around a point, laid out by what is known of their letters."""

    def __init__(self, at: tuple[float, float], text: str, size: float, widths: Widths, ink: str = INK) -> None:
        super().__init__(*at, text, fontsize=size, color=ink, ha="center", va="center", linespacing=SPACING)
        self.set(parse_math=False, clip_on=False, fontfamily=[widths.family])
        self._rows = [(row, widths.of(row)) for row in text.split("\n")]

    def draw(self, renderer: RendererBase) -> None:
        """Draw each line; matplotlib would measure all of them again in each format."""
        font = self.get_fontproperties()
        size = float(renderer.points_to_pixels(font.get_size_in_points()))  # type: ignore[arg-type]
        x, y = self.get_transform().transform(self.get_unitless_position())
        y = renderer.get_canvas_width_height()[1] - y if renderer.flipy() else y
        down = 1 if renderer.flipy() else -1
        step = size * (SPACING * ASCENT + DESCENT)
        height = size * (ASCENT + DESCENT) + step * (len(self._rows) - 1)
        context = renderer.new_gc()
        context.set_foreground(self.get_color())
        for at, (row, width) in enumerate(self._rows):
            base = y + down * (size * ASCENT + step * at - height / 2)
            renderer.draw_text(context, x - width * size / 2, base, row, font, 0, ismath=False, mtext=self)
        context.restore()


def lighter(table: gpd.GeoDataFrame, width: float) -> gpd.GeoDataFrame:
    """Return a table without the corners that no map this wide can show, for several maps of the same.

    Examples
    --------
    >>> coast = shapely.LineString([(0, 0), (50, 0.0001), (100, 0)])
    >>> lighter(gpd.GeoDataFrame(geometry=[coast]), width=100).geometry.iloc[0].wkt
    'LINESTRING (0 0, 100 0)'
    """
    shapes = shapely.simplify(table.geometry.to_numpy(), width / WIDEST * FINEST, preserve_topology=False)
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs))


def changed_units(units_before: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the units after, and those before that cease to exist and whose land no unit has any more."""
    gone = units_before[units_before["change"] == "abolished"]
    return gpd.GeoDataFrame(pd.concat([units, gone], ignore_index=True), crs=units.crs) if len(gone) else units


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
    shown = draw_map(panel, table, lines, statuses)
    if labels:
        changed = shown[shown["change"] != "unchanged"]
        pairs = zip(changed["name"], changed["code"], strict=True)
        draw_labels(panel, changed, [(f"{name}\n{code}".strip(), str(code)) for name, code in pairs])


def draw_map(
    panel: Panel, table: gpd.GeoDataFrame, lines: gpd.GeoDataFrame, statuses: Sequence[str]
) -> gpd.GeoDataFrame:
    """Draw units and the lines on top, and return the units that the panel shows."""
    shown = table[visible(panel, table.geometry)]
    _draw_units(panel, shown)
    # thinner lines where the units are small on the page
    area = float(shapely.area(shown.geometry.to_numpy()).mean()) if len(shown) else 0.0
    weight = min(max(math.sqrt(area) / panel.point / 40, 0.55), 1.0)
    _draw_lines(panel, lines[visible(panel, lines.geometry)], statuses, weight)
    return shown


def _draw_units(panel: Panel, table: gpd.GeoDataFrame) -> None:
    """Fill the units: one shape for each change, with the corners the page can show."""
    for name, change in panel.look.changes.items():
        geometry = table.geometry.to_numpy()[(table["change"] == name).to_numpy()]
        shape = draw_shapes(panel.axes, geometry, change.color, FINEST * panel.point)
        if shape and (hatch := panel.look.hatches.get(name)):
            shape.set(hatch=hatch, hatchcolor=hatch_color(change))
            shape.set_hatch_linewidth(0.5)


def hatch_color(change: ChangeClass) -> tuple[float, float, float]:
    """Return a darker shade of a fill, for the hatch on it."""
    red, green, blue = to_rgb(change.color)
    return 0.6 * red, 0.6 * green, 0.6 * blue


def draw_shapes(axes: Axes, geometry: np.ndarray[Any, Any], color: str, detail: float) -> PathPatch | None:
    """Fill polygons as one shape, without the corners that are of no more detail; None where there are none."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    if not len(polygons):
        return None
    rings = shapely.get_rings(shapely.orient_polygons(polygons))
    outline = _outline(shapely.simplify(rings, detail), closed=True)
    shape = PathPatch(outline, facecolor=color, edgecolor=color, linewidth=0.2)
    axes.add_artist(shape)  # no add_patch: it would measure each corner for limits that are set already
    return shape


def _outline(lines: np.ndarray[Any, Any], *, closed: bool) -> Outline:
    """Return one shape with all lines or rings."""
    corners, line = shapely.get_coordinates(lines, return_index=True)
    codes = np.full(len(corners), Outline.LINETO, dtype=np.uint8)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    codes[first] = Outline.MOVETO
    if closed:
        codes[np.append(first[1:], len(corners)) - 1] = Outline.CLOSEPOLY
    return Outline(corners, codes)


def _draw_lines(panel: Panel, lines: gpd.GeoDataFrame, statuses: Sequence[str], weight: float) -> None:
    """Draw boundary lines: one shape for each status, of lines joined into long ones so that dashes run on."""
    for status in statuses:
        kind = panel.look.lines[status]
        geometry = lines.geometry.to_numpy()[(lines["status"] == status).to_numpy()]
        parts = shapely.get_parts(shapely.get_parts(geometry))
        parts = parts[shapely.get_dimensions(parts) == 1]
        if not len(parts):
            continue
        joined = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
        outline = _outline(shapely.simplify(joined, FINEST * panel.point), closed=False)
        drawn = PathCollection([outline], facecolors="none", edgecolors=kind.color, linewidths=kind.width * weight)
        drawn.set(linestyle=dashes(kind), capstyle="butt" if kind.dashed else "round", joinstyle="round")
        panel.axes.add_collection(drawn, autolim=False)


def dashes(kind: LineClass) -> Literal["solid"] | tuple[float, tuple[float, float]]:
    """Return the line style of a kind of boundary line, for matplotlib."""
    return (0.0, (3.0, 1.5)) if kind.dashed else "solid"


def draw_scale(
    figure: Figure, panel: Panel, crs: Any, *, right: float, base: float, size: float = 8.0, decimal: str = "."
) -> None:
    """Draw a bar of a round length whose lower right end is given in inches."""
    width, height = figure.get_size_inches()
    metre = 1.0 / crs.axis_info[0].unit_conversion_factor
    inch = 72 * panel.point / metre
    length = _round_length(1.8 * inch)
    ends = ((right - length / inch) / width, right / width)
    low, high = base / height, (base + 0.06) / height
    color = panel.look.ink
    figure.add_artist(Line2D([ends[0], *ends, ends[1]], [high, low, low, high], color=color, linewidth=0.9))
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    text = text.replace(".", decimal)
    words = figure.text(sum(ends) / 2, (base + 0.05) / height, text, fontsize=size, color=color, ha="center")
    words.set(va="bottom", fontfamily=[panel.widths.family])


def _round_length(longest: float) -> float:
    """Return the longest length of 1, 2 or 5 times a power of ten that is not above ``longest``."""
    power = 10.0 ** math.floor(math.log10(longest))
    return max(power * step for step in (1, 2, 5) if power * step <= longest)


def draw_labels(
    panel: Panel, table: gpd.GeoDataFrame, labels: Sequence[tuple[str, ...]], *, look: Look | None = None
) -> None:
    """Write into each unit the first of its labels that fits, the largest units first."""
    look = look or panel.look
    places = _largest_parts(panel, table.geometry.to_numpy())
    area, outlines = shapely.area(places), shapely.simplify(places, 0.5 * panel.point)
    taken: list[Extent] = []
    for at in sorted(range(len(labels)), key=lambda at: (-area[at], labels[at])):
        label = _fit(panel, outlines[at], labels[at], look.sizes, taken)
        if label:
            box, size, words = label
            taken.append(box)
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            if (change := table["change"].iat[at]) in panel.look.hatches:  # letters on a hatch are hard to read
                color, sides = panel.look.changes[change].color, (box[2] - box[0], box[3] - box[1])
                panel.axes.add_artist(Rectangle(box[:2], *sides, facecolor=color, edgecolor="none"))
            panel.axes.add_artist(Label(middle, words, size, panel.widths, look.ink))


def _largest_parts(panel: Panel, geometry: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the largest part of each unit that the panel shows."""
    found = geometry.copy()
    found[shapely.is_missing(found)] = Polygon()
    broken = ~shapely.is_valid(found)
    found[broken] = shapely.make_valid(found[broken])
    box = shapely.bounds(found)
    across = ~((box[:, :2] >= panel.extent[:2]).all(axis=1) & (box[:, 2:] <= panel.extent[2:]).all(axis=1))
    found[across] = shapely.intersection(found[across], shapely.box(*panel.extent))
    parts, unit = shapely.get_parts(found, return_index=True)
    parts, within = shapely.get_parts(parts, return_index=True)
    unit = unit[within]
    order = np.lexsort((-shapely.area(parts), unit))
    first = order[np.diff(unit[order], prepend=-1) != 0]
    first = first[shapely.get_type_id(parts[first]) == shapely.GeometryType.POLYGON]
    largest = np.full(len(found), Polygon(), dtype=object)
    largest[unit[first]] = parts[first]
    return largest


def _fit(
    panel: Panel, outline: Polygon, labels: Sequence[str], sizes: Sequence[float], taken: Iterable[Extent]
) -> tuple[Extent, float, str] | None:
    """Return box, font size and text of the largest label that stays inside an outline, if one does.

    The label goes where the largest ellipse of its proportions fits: the largest circle inside the place,
    squeezed along x by the proportions of the label.
    """
    if outline.is_empty or not labels:
        return None
    west, south, east, north = outline.bounds
    rows = {row: panel.widths.of(row) for label in labels for row in label.split("\n")}
    for size, text in [*((size, labels[0]) for size in sizes), *((sizes[-1], label) for label in labels[1:])]:
        widths = [rows[row] for row in text.split("\n")]
        width, height = panel.point * (size * max(widths) + 1.0), panel.point * (1.2 * size * len(widths))
        if width > 1.1 * (east - west) or height > 1.1 * (north - south):
            continue
        squeezed = affinity.scale(outline, xfact=height / width, origin=(0, 0))
        circle = shapely.maximum_inscribed_circle(squeezed, tolerance=height / 8)
        x, y = circle.coords[0]
        x *= width / height
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        inside = shapely.area(shapely.intersection(shapely.box(*box), outline)) >= 0.96 * width * height
        if inside and not any(_overlap(box, other) for other in taken):
            return box, size, text
    return None


def _overlap(one: Extent, other: Extent) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
