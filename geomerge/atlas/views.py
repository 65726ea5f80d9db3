"""The maps on a sheet: units, lines on top, and labels that cross no line."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import shapely

from geomerge.atlas.setting import Setting
from geomerge.atlas.sheets import View
from geomerge.atlas.style import BESIDE
from geomerge.drawing import Panel, draw_labels, draw_map, visible


def draw_view(panel: Panel, view: View, setting: Setting, *, heading: bool) -> None:
    """Draw one map: units, lines, and the labels of what the map is of before those of what is beside it."""
    style = setting.style
    if heading:
        words = panel.axes.set_title(style.said.views[view.kind], loc="left", fontsize=style.font.heading, pad=4)
        words.set(color=style.colors.ink, fontfamily=[style.font.family])
    units = within(panel, view.units)
    shown = draw_map(panel, units, within(panel, view.lines), view.statuses)
    quiet = replace(
        style.look,
        ink=style.colors.quiet,
        sizes=style.sizes(max(style.font.label - 2, style.font.smallest)),
    )
    kinds = (
        (~shown["change"].isin([BESIDE, "unchanged"]), style.labels.changed, style.look),
        (shown["change"] == "unchanged", style.labels.unchanged, quiet),
        (shown["change"] == BESIDE, style.labels.beside, quiet),
    )
    for chosen, label, look in kinds:
        if label != "none":
            table = shown[chosen]
            draw_labels(panel, _beside_lines(panel, table, view), _labels(table, label), look=look)


def within(panel: Panel, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return what the panel shows of a table, cut off a little outside of it."""
    west, south, east, north = panel.extent
    rim = 0.02 * max(east - west, north - south)
    table = table[visible(panel, table.geometry)]
    shapes = table.geometry.to_numpy().copy()
    box = shapely.bounds(shapes).reshape(-1, 4)
    beyond = (box[:, 0] < west - rim) | (box[:, 1] < south - rim) | (box[:, 2] > east + rim) | (box[:, 3] > north + rim)
    shapes[beyond] = shapely.clip_by_rect(shapes[beyond], west - rim, south - rim, east + rim, north + rim)
    return table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs))


def _beside_lines(panel: Panel, units: gpd.GeoDataFrame, view: View) -> gpd.GeoDataFrame:
    """Return the units without the ground of lines that run through them, which labels should not cross."""
    if view.kind != "change":
        return units
    gone = view.lines[view.lines["status"] == "removed"]
    near = shapely.union_all(shapely.buffer(gone.geometry.to_numpy(), 2 * panel.point, quad_segs=1))
    return units.set_geometry(gpd.GeoSeries(shapely.difference(units.geometry.to_numpy(), near), index=units.index))


def _labels(table: gpd.GeoDataFrame, label: str) -> list[tuple[str, ...]]:
    """Return what each label may say, the best first; one without a name says the code."""
    found: list[tuple[str, ...]] = []
    for name, code in zip(table["name"], table["code"], strict=True):
        if label == "code" or not name:
            found.append((str(code),))
        else:
            found.append((name,) if label == "name" else (f"{name}\n{code}", name, str(code)))
    return found
