"""The foot of a page: legend, scale, an arrow to the north, and a small map of where the maps are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyproj
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle

from geomerge.atlas.setting import GAP, LINE, Setting, area
from geomerge.atlas.sheets import Sheet, View
from geomerge.atlas.style import BESIDE
from geomerge.atlas.views import within
from geomerge.drawing import Panel, dashes, draw_scale, draw_shapes, hatch_color
from geomerge.layout import Extent

LOCATOR: Final = 1.1  # inches
ROW: Final = 1.65  # height of a row of the legend, by the size of its letters


def foot_height(sheet: Sheet, setting: Setting, width: float) -> float:
    """Return the height in inches of what stands side by side below the maps."""
    entries = _entries(sheet.views, None, setting)
    rows = math.ceil(len(entries) / _columns(entries, setting, sheet, width)) if entries else 0
    legend = rows * setting.style.font.legend * ROW / 72
    located = LOCATOR if _located(sheet, setting) else 0.0
    scale = (setting.style.font.legend * LINE + 6) / 72 if setting.style.show.scale_bar else 0.0
    return max(legend, located, scale + (0.45 if setting.style.show.north_arrow else 0.0))


def _beside_legend(sheet: Sheet, setting: Setting) -> float:
    """Return the width in inches that the small map and the scale bar take at the right."""
    located = _locator_size(setting)[0] + GAP if _located(sheet, setting) else 0.0
    return located + (2.0 if setting.style.show.scale_bar or setting.style.show.north_arrow else 0.0)


def _located(sheet: Sheet, setting: Setting) -> bool:
    """Return whether the sheet has a small map: where it shows less than half of the whole."""
    return setting.style.show.locator and 2 * area(sheet.extent) < area(setting.place.extent)


def _locator_size(setting: Setting) -> tuple[float, float]:
    west, south, east, north = setting.place.extent
    longest = max(east - west, north - south) or 1.0
    return LOCATOR * max((east - west) / longest, 0.3), LOCATOR * max((north - south) / longest, 0.3)


def draw_foot(figure: Figure, sheet: Sheet, panel: Panel, setting: Setting, base: float) -> None:
    """Draw the legend at the left, scale, north and the small map at the right, from a height in inches upwards."""
    width, height = figure.get_size_inches()
    margin = setting.margin
    right = width - margin
    if _located(sheet, setting):
        across, up = _locator_size(setting)
        axes = figure.add_axes(((right - across) / width, base / height, across / width, up / height))
        _draw_locator(axes, panel.extent, setting)
        right -= across + GAP
    crs = sheet.views[-1].units.crs
    size = setting.style.font.legend
    if setting.style.show.scale_bar:
        draw_scale(figure, panel, crs, right=right, base=base, size=size, decimal=setting.style.said.decimal)
    if setting.style.show.north_arrow:
        above = base + ((size * LINE + 10) / 72 if setting.style.show.scale_bar else 0.0)
        _draw_north(figure, (right - 0.2, above), panel.extent, crs, setting)
    entries = _entries(sheet.views, panel, setting)
    if entries:
        columns = _columns(entries, setting, sheet, width)
        top = base + math.ceil(len(entries) / columns) * size * ROW / 72
        _draw_legend(figure, entries, columns, (margin / width, top / height), setting)


def _entries(views: Sequence[View], panel: Panel | None, setting: Setting) -> list[Patch | Line2D]:
    """Return a legend entry for each change and each kind of line that the panel shows."""
    if not setting.style.show.legend:
        return []
    changes: set[str] = set()
    statuses: set[str] = set()
    for view in views:
        units, lines = view.units, view.lines
        if panel is not None:
            units, lines = within(panel, units), within(panel, lines)
            units, lines = units[~units.geometry.is_empty], lines[~lines.geometry.is_empty]
        changes |= set(units["change"])
        statuses |= set(lines["status"]) & set(view.statuses)
    look = setting.style.look
    order = [*(name for name in look.changes if name != BESIDE), BESIDE]
    fills = [look.changes[name] for name in order if name in changes]
    found: list[Patch | Line2D] = []
    for fill in fills:
        patch = Patch(facecolor=fill.color, edgecolor="#8a8a8a", linewidth=0.3, label=fill.text)
        patch.set(hatch=look.hatches.get(fill.name), hatchcolor=hatch_color(fill))
        patch.set_hatch_linewidth(0.5)
        found.append(patch)
    for name, line in look.lines.items():
        if name in statuses:
            stroke = Line2D([], [], color=line.color, linewidth=max(line.width, 0.8), label=line.text)
            stroke.set(linestyle=dashes(line))
            found.append(stroke)
    return found


def _columns(entries: Sequence[Patch | Line2D], setting: Setting, sheet: Sheet, width: float) -> int:
    """Return how many columns of legend stand beside what is at the right."""
    room = width - 2 * setting.margin - _beside_legend(sheet, setting)
    widths = setting.plain
    widest = (max(widths.of(str(entry.get_label())) for entry in entries) + 4.2) * setting.style.font.legend / 72
    return max(1, min(int(room / widest), math.ceil(len(entries) / 2)))


def _draw_legend(
    figure: Figure, entries: list[Patch | Line2D], columns: int, at: tuple[float, float], setting: Setting
) -> None:
    legend = figure.legend(
        handles=entries,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=at,
        frameon=False,
        prop=FontProperties(family=[setting.style.font.family], size=setting.style.font.legend),
        labelcolor=setting.style.colors.ink,
        borderpad=0,
        borderaxespad=0,
        handlelength=1.8,
        handleheight=0.9,
        columnspacing=1.6,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_locator(axes: Axes, shown: Extent, setting: Setting) -> None:
    """Draw all units in grey, and a frame round what the sheet shows."""
    west, south, east, north = setting.place.extent
    rim = 0.03 * max(east - west, north - south)
    axes.set(xlim=(west - rim, east + rim), ylim=(south - rim, north + rim), xticks=[], yticks=[], aspect="equal")
    axes.patch.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set(color="#d0d0d0", linewidth=0.5)
    scale = max(east - west, north - south) / LOCATOR / 72
    draw_shapes(axes, setting.place.units.geometry.to_numpy(), "#d9d9d6", 0.3 * scale)
    box = np.clip(shown, [west - rim, south - rim] * 2, [east + rim, north + rim] * 2)
    box = _at_least(box, 6 * scale)
    frame = Rectangle(
        (box[0], box[1]), box[2] - box[0], box[3] - box[1], facecolor="none", edgecolor=setting.style.colors.locator
    )
    frame.set(linewidth=1.2)
    axes.add_artist(frame)


def _at_least(box: np.ndarray[Any, Any], side: float) -> np.ndarray[Any, Any]:
    """Return a box that is seen, however small it is."""
    more = np.maximum(side - (box[2:] - box[:2]), 0) / 2
    return np.concatenate([box[:2] - more, box[2:] + more])


def _draw_north(figure: Figure, at: tuple[float, float], extent: Extent, crs: Any, setting: Setting) -> None:
    """Draw an arrow to true north in the middle of the map; at is the middle of its foot in inches."""
    width, height = figure.get_size_inches()
    angle = north_of(((extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2), crs)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = np.array([(0.0, 0.14), (0.07, -0.11), (0.0, -0.06), (-0.07, -0.11)]) @ turn.T
    middle = np.array([at[0], at[1] + 0.15])
    corners = (shape + middle) / (width, height)
    color, words = setting.style.colors.ink, setting.style.said
    figure.add_artist(Polygon(corners, facecolor=color, edgecolor="none", transform=figure.transFigure))
    x, y = (middle + turn @ (0.0, 0.2)) / (width, height)
    text = figure.text(x, y, words.north, fontsize=setting.style.font.legend - 1, color=color, ha="center")
    text.set(va="center", fontfamily=[setting.style.font.family], parse_math=False)


def north_of(point: tuple[float, float], crs: Any) -> float:
    """Return the direction of true north at a point of a CRS, in radians to the left of up.

    Examples
    --------
    >>> round(abs(north_of((500_000, 6_500_000), pyproj.CRS("EPSG:25832"))), 6)
    0.0
    """
    there = pyproj.CRS(crs)
    if there.geodetic_crs is None:
        return 0.0
    to_degrees = pyproj.Transformer.from_crs(there, there.geodetic_crs, always_xy=True)
    lon, lat = to_degrees.transform(*point)
    x, y = to_degrees.transform(lon, min(lat + 0.01, 90.0), direction="INVERSE")
    angle = math.atan2(-(x - point[0]), y - point[1])
    return angle if math.isfinite(angle) else 0.0
