"""A print layout of a project: before and after side by side on one sheet, with title, legend and scale bar."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from geomerge.palette import INK, PAPER
from geomerge.qgis.styles import add, flag

PAGE = (420.0, 297.0)  # A3 on its side, millimetres
MARGIN, GUTTER, TOP, BOTTOM = 12.0, 8.0, 32.0, 32.0
MAP = ((PAGE[0] - 2 * MARGIN - GUTTER) / 2, PAGE[1] - TOP - BOTTOM)
LONGEST_BAR = 40.0  # millimetres of one segment of the scale bar, at most
FONT = "Sans Serif"
# The numbers QGIS gives to what stands on a sheet.
_PAGE, _MAP, _LABEL, _LEGEND, _SCALE_BAR = "65638", "65639", "65641", "65642", "65646"
_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of URLs, as RFC 4122 gives it

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """One map of a sheet: its heading, the map theme it shows, and the layers of its legend (id, name, source)."""

    heading: str
    theme: str
    legend: tuple[tuple[str, str, str], ...]


def add_layout(
    root: ET.Element, name: str, title: str, note: str, maps: Sequence[Shown], extent: Sequence[float], metres: float
) -> None:
    """Add a sheet to a project; it can be exported as PDF as it is.

    Parameters
    ----------
    root
        The project.
    name
        What the layout is called.
    title, note
        The line at the top, and the small one at the bottom.
    maps
        Two maps, from left to right.
    extent
        West, south, east and north of what both show.
    metres
        Length of a unit of the CRS.

    Examples
    --------
    >>> root = ET.Element("qgis")
    >>> add_layout(root, "Sheet", "Reform", "", [Shown("Before", "Before", ())], (0, 0, 40_000, 30_000), 1.0)
    >>> [item.get("type") for item in root.iter("LayoutItem")]
    ['65638', '65641', '65641', '65641', '65639', '65642', '65646']
    """
    layouts = root.find("Layouts")
    parent = layouts if layouts is not None else add(root, "Layouts")
    layout = add(parent, "Layout", {"name": name, "units": "mm", "printResolution": "300", "worldFileMap": ""})
    add(layout, "Snapper", {"snapToGuides": "1", "snapToGrid": "0", "snapToItems": "1", "tolerance": "5"})
    add(layout, "Grid", {"resolution": "10", "resUnits": "mm", "offsetX": "0", "offsetY": "0", "offsetUnits": "mm"})
    pages = add(layout, "PageCollection")
    _add_item(pages, _PAGE, f"{name} page", (0, 0, *PAGE), {"background": "true"})
    add(pages, "GuideCollection", {"visible": "1"})
    _add_label(layout, title, (MARGIN, 9, PAGE[0] - 2 * MARGIN, 12), size=20)
    _add_label(layout, note, (MARGIN, PAGE[1] - 9, PAGE[0] - 2 * MARGIN, 6), size=7)
    view = _fitted(extent)
    for number, shown in enumerate(maps):
        left = MARGIN + number * (MAP[0] + GUTTER)
        _add_label(layout, shown.heading, (left, TOP - 8, MAP[0], 7), size=12)
        link = _add_map(layout, shown, (left, TOP, *MAP), view)
        _add_legend(layout, shown, link, (left, TOP + MAP[1] + 3))
        if number == len(maps) - 1:
            _add_scale_bar(layout, link, view, metres)
    add(layout, "Atlas", {"enabled": "0", "coverageLayer": "", "filenamePattern": ""})


def _fitted(extent: Sequence[float]) -> Box:
    """Widen an extent to the shape of a map."""
    west, south, east, north = (float(bound) for bound in extent)
    scale = max((east - west) / MAP[0], (north - south) / MAP[1])
    across, up = scale * MAP[0] / 2, scale * MAP[1] / 2
    x, y = (west + east) / 2, (south + north) / 2
    return x - across, y - up, x + across, y + up


def _add_item(
    parent: ET.Element, kind: str, name: str, box: Box, more: Mapping[str, str], *, frame: bool = False
) -> tuple[ET.Element, str]:
    """Add what every item on a sheet has; return it with its id."""
    link = f"{{{uuid.uuid5(_NAMESPACE, name)}}}"
    left, top, width, height = (f"{length:g}" for length in box)
    place = {"position": f"{left},{top},mm", "positionOnPage": f"{left},{top},mm", "size": f"{width},{height},mm"}
    drawn = {"visibility": "1", "opacity": "1", "blendMode": "0", "frame": str(frame).lower(), "background": "false"}
    fixed = {"referencePoint": "0", "itemRotation": "0", "zValue": str(len(parent)), "excludeFromExports": "0"}
    names = {"type": kind, "id": name, "uuid": link, "templateUuid": link, "groupUuid": ""}
    line = {"outlineWidthM": "0.2,mm", "frameJoinStyle": "miter", "positionLock": "false"}
    item = add(parent, "LayoutItem", {**names, **place, **drawn, **fixed, **line, **more})
    add(item, "FrameColor", _color("#9a9a9a"))
    add(item, "BackgroundColor", _color(PAPER))
    add(item, "LayoutObject")
    return item, link


def _color(color: str) -> dict[str, str]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return {"red": str(red), "green": str(green), "blue": str(blue), "alpha": "255"}


def _font(size: float) -> dict[str, str]:
    return {"description": f"{FONT},{size:g},-1,5,50,0,0,0,0,0", "style": ""}


def _add_label(layout: ET.Element, text: str, box: Box, *, size: float) -> None:
    more = {"labelText": text, "htmlState": "0", "halign": "1", "valign": "128", "marginX": "0", "marginY": "0"}
    item, _ = _add_item(layout, _LABEL, f"{layout.get('name')} label {len(layout)}", box, more)
    add(item, "LabelFont", _font(size))
    add(item, "FontColor", _color(INK))


def _add_map(layout: ET.Element, shown: Shown, box: Box, view: Box) -> str:
    theme = {"followPreset": "true", "followPresetName": shown.theme, "keepLayerSet": "false"}
    more = {**theme, "drawCanvasItems": "false", "mapRotation": "0", "mapFlags": "0", "background": "true"}
    item, link = _add_item(layout, _MAP, f"{layout.get('name')} {shown.heading}", box, more, frame=True)
    add(item, "Extent", dict(zip(("xmin", "ymin", "xmax", "ymax"), map(repr, view), strict=True)))
    add(item, "LayerSet")
    add(item, "AtlasMap", {"atlasDriven": "0", "scalingMode": "2", "margin": "0.1"})
    return link


def _add_legend(layout: ET.Element, shown: Shown, link: str, corner: tuple[float, float]) -> None:
    """Add the legend of a map, in the words of the layers' styles, in three columns."""
    columns = {"columnCount": "3", "splitLayer": "1", "equalColumnWidth": "0", "columnSpace": "6", "boxSpace": "0"}
    sizes = {"symbolWidth": "6", "symbolHeight": "3", "lineSpacing": "1", "fontColor": INK, "resizeToContents": "1"}
    more = {**columns, **sizes, "title": "", "map_uuid": link, "legendFilterByAtlas": "0", "symbolAlignment": "1"}
    box = (*corner, MAP[0] * 0.75, 20.0)
    item, _ = _add_item(layout, _LEGEND, f"{layout.get('name')} legend {shown.heading}", box, more)
    styles = add(item, "styles")
    for name, size in {"title": 9, "group": 9, "subgroup": 8, "symbol": 8, "symbolLabel": 8}.items():
        gaps = {"marginTop": "1", "marginLeft": "2" if name == "symbolLabel" else "0", "marginBottom": "0"}
        style = add(styles, "style", {"name": name, "alignment": "1", "indent": "0", **gaps})
        add(style, "styleFont", _font(size))
    tree = add(item, "layer-tree-group")
    for layer_id, name, source in shown.legend:
        node = {"id": layer_id, "name": name, "source": source, "providerKey": "ogr"}
        leaf = add(tree, "layer-tree-layer", {**node, "checked": "Qt::Checked", "expanded": flag(True)})
        properties = add(add(leaf, "customproperties"), "Option", {"type": "Map"})
        add(properties, "Option", {"type": "QString", "name": "legend/title-style", "value": "hidden"})


def _add_scale_bar(layout: ET.Element, link: str, view: Box, metres: float) -> None:
    per_millimetre = (view[2] - view[0]) * metres / MAP[0]
    segment = _round_length(LONGEST_BAR * per_millimetre)
    in_km = segment >= 1000
    unit = 1000.0 if in_km else 1.0
    length = {
        "unitType": "meters",
        "unitLabel": "km" if in_km else "m",
        "numMapUnitsPerScaleBarUnit": f"{unit:g}",
        "numUnitsPerSegment": f"{segment:g}",
        "numSegments": "2",
        "numSegmentsLeft": "0",
        "segmentSizeMode": "0",
    }
    drawn = {"style": "Line Ticks Up", "height": "2", "labelBarSpace": "1.5", "boxContentSpace": "0", "alignment": "0"}
    bounds = {"minBarWidth": "20", "maxBarWidth": "100", "segmentMillimeters": f"{segment / per_millimetre:g}"}
    width = 2 * segment / per_millimetre + 15
    box = (PAGE[0] - MARGIN - width, TOP + MAP[1] + 4, width, 12.0)
    more = {**length, **drawn, **bounds, "mapUuid": link, "outlineWidth": "0.3"}
    item, _ = _add_item(layout, _SCALE_BAR, f"{layout.get('name')} scale", box, more)
    red, green, blue = bytes.fromhex(INK.removeprefix("#"))
    letters = {"fontFamily": FONT, "fontSize": "8", "fontSizeUnit": "Point", "fontWeight": "50"}
    add(item, "text-style", {**letters, "textColor": f"{red},{green},{blue},255", "textOpacity": "1"})


def _round_length(length: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not longer.

    Examples
    --------
    >>> _round_length(734.0), _round_length(19_000.0)
    (500.0, 10000.0)
    """
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= length)
