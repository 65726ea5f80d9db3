"""How a layer looks: symbols, legend and labels, and the QML that QGIS 3.22 and later read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from geomerge.palette import INK, PAPER

Geometry = Literal["polygon", "line", "point", "table"]
Shape = Literal["circle", "square", "triangle"]

# Written into styles and projects: the oldest version we promise, so that no later one warns.
QGIS_VERSION = "3.22.0"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"

_SYMBOL_TYPES = {"polygon": "fill", "line": "line", "point": "marker"}
_SYMBOL_LAYERS = {"polygon": "SimpleFill", "line": "SimpleLine", "point": "SimpleMarker"}
# The numbers QGIS gives to kinds of geometry and to ways of placing a label.
_GEOMETRY_NUMBERS = {"point": "0", "line": "1", "polygon": "2", "table": "4"}
_PLACEMENTS = {"polygon": "4", "line": "2", "point": "6"}  # horizontal, along the line, around the point

DASH = (2.4, 1.4)  # millimetres drawn and left out


@dataclass(frozen=True)
class Symbol:
    """One polygon, line or marker; widths and sizes in millimetres.

    Parameters
    ----------
    color
        Fill of a polygon or marker, colour of a line: ``#rrggbb`` or ``#rrggbbaa``; None draws no fill.
    outline
        Outline of a polygon or marker.
    width
        Width of the line or outline.
    dashed
        Whether the line or outline is drawn in dashes.
    size
        Diameter of a marker.
    shape
        Shape of a marker.

    Examples
    --------
    >>> Symbol("#0072b2", width=0.6).outline
    '#8a8a8a'
    """

    color: str | None
    outline: str = "#8a8a8a"
    width: float = 0.15
    dashed: bool = False
    size: float = 2.0
    shape: Shape = "circle"


@dataclass(frozen=True)
class Category:
    """One line of a legend: the value in the data, the text people read, and its symbol.

    The value ``""`` stands for every value that has no category of its own.

    Examples
    --------
    >>> Category("new", "New boundary", Symbol("#0072b2")).label
    'New boundary'
    """

    value: str
    label: str
    symbol: Symbol


@dataclass(frozen=True)
class LayerStyle:
    """How one layer looks.

    Parameters
    ----------
    geometry
        Kind of geometry; ``table`` for a table without.
    symbol
        The symbol of every feature, unless `field` chooses between categories.
    field
        Column, or expression in the language of QGIS, whose values choose the category.
    categories
        The legend, in its order.
    label_fields
        Columns written on the map, joined by `label_separator`; none draws no labels.
    label_separator
        Text between the columns.
    label
        What is written on the map in QGIS, as an expression in its language, in place of the columns.
    label_scale
        Labels are drawn at 1:`label_scale` and larger scales.
    opacity
        From 0 (invisible) to 1.

    Examples
    --------
    >>> LayerStyle("line", Symbol("#0072b2", width=0.5)).opacity
    1.0
    """

    geometry: Geometry
    symbol: Symbol = Symbol(None)
    field: str | None = None
    categories: tuple[Category, ...] = ()
    label_fields: tuple[str, ...] = ()
    label_separator: str = " "
    label: str = ""
    label_scale: int = 1_000_000
    opacity: float = 1.0


def qml(style: LayerStyle) -> str:
    """Return a style as the text of a QGIS style file.

    Examples
    --------
    >>> 'type="singleSymbol"' in qml(LayerStyle("line", Symbol("#0072b2", width=0.5)))
    True
    """
    root = ET.Element("qgis", version=QGIS_VERSION, styleCategories="Symbology|Labeling")
    add_style(root, style)
    add(root, "layerGeometryType", text=_GEOMETRY_NUMBERS[style.geometry])
    return f"{DOCTYPE}\n{xml_text(root)}"


def add_style(parent: ET.Element, style: LayerStyle) -> None:
    """Add a style to the element that holds it: the root of a QML file, or a layer of a project.

    Examples
    --------
    >>> layer = ET.Element("maplayer")
    >>> add_style(layer, LayerStyle("line"))
    >>> [element.tag for element in layer]
    ['renderer-v2', 'blendMode', 'featureBlendMode', 'layerOpacity']
    """
    if style.geometry == "table":
        return
    parent.set("labelsEnabled", flag(bool(style.label or style.label_fields)))
    parent.set("hasScaleBasedVisibilityFlag", "0")
    _add_renderer(parent, style)
    if style.label or style.label_fields:
        _add_labeling(parent, style)
    add(parent, "blendMode", text="0")
    add(parent, "featureBlendMode", text="0")
    add(parent, "layerOpacity", text=f"{style.opacity:g}")


def xml_text(root: ET.Element) -> str:
    r"""Return an element as indented text, without the control characters XML forbids.

    Examples
    --------
    >>> print(xml_text(ET.Element("a", name="Bø & \x0bSø")), end="")
    <a name="Bø &amp; Sø" />
    """
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return "".join(char for char in text if char >= " " or char in "\t\n") + "\n"


def add(
    parent: ET.Element, tag: str, attributes: Mapping[str, str] | None = None, *, text: str | None = None
) -> ET.Element:
    """Add a child to an element and return the child.

    Examples
    --------
    >>> add(ET.Element("layer"), "opacity", text="1").text
    '1'
    """
    child = ET.SubElement(parent, tag, dict(attributes or {}))
    child.text = text
    return child


def flag(value: bool) -> str:
    """Return ``1`` or ``0``, the way QGIS writes yes and no.

    Examples
    --------
    >>> flag(True)
    '1'
    """
    return "1" if value else "0"


def split_color(color: str) -> tuple[str, int]:
    """Return ``#rrggbb`` and the opacity from 0 to 255.

    Examples
    --------
    >>> split_color("#0072b266")
    ('#0072b2', 102)
    """
    return color[:7], int(color[7:9] or "ff", 16)


def _rgba(color: str | None) -> str:
    """Return a colour the way QGIS writes it; None is invisible."""
    if color is None:
        return "255,255,255,0"
    rgb, alpha = split_color(color)
    red, green, blue = bytes.fromhex(rgb.removeprefix("#"))
    return f"{red},{green},{blue},{alpha}"


def _add_renderer(parent: ET.Element, style: LayerStyle) -> None:
    """Draw each feature by its category, or all alike."""
    shared = {"forceraster": "0", "symbollevels": "0", "enableorderby": "0", "referencescale": "-1"}
    if style.field is None:
        renderer = add(parent, "renderer-v2", {"type": "singleSymbol", **shared})
        _add_symbol(add(renderer, "symbols"), style.symbol, style.geometry, "0")
        return
    renderer = add(parent, "renderer-v2", {"type": "categorizedSymbol", "attr": style.field, **shared})
    categories, symbols = add(renderer, "categories"), add(renderer, "symbols")
    for number, category in enumerate(style.categories):
        entry = {"value": category.value, "label": category.label, "symbol": str(number), "render": "true"}
        add(categories, "category", {**entry, "type": "string"})
        _add_symbol(symbols, category.symbol, style.geometry, str(number))


def _add_symbol(parent: ET.Element, symbol: Symbol, geometry: Geometry, name: str) -> None:
    kind = {"type": _SYMBOL_TYPES[geometry], "name": name}
    element = add(parent, "symbol", {**kind, "alpha": "1", "clip_to_extent": "1", "force_rhr": "0"})
    drawn = {"class": _SYMBOL_LAYERS[geometry], "enabled": "1", "locked": "0", "pass": "0"}
    options = add(add(element, "layer", drawn), "Option", {"type": "Map"})
    for option, value in _symbol_options(symbol, geometry).items():
        add(options, "Option", {"type": "QString", "name": option, "value": value})


def _symbol_options(symbol: Symbol, geometry: Geometry) -> dict[str, str]:
    width = f"{symbol.width:g}"
    if geometry == "line":
        return {
            "line_color": _rgba(symbol.color),
            "line_width": width,
            "line_width_unit": "MM",
            "line_style": "solid",
            "use_custom_dash": flag(symbol.dashed),
            "customdash": ";".join(f"{length:g}" for length in DASH),
            "customdash_unit": "MM",
            "capstyle": "flat" if symbol.dashed else "round",
            "joinstyle": "round",
        }
    outlined = {
        "color": _rgba(symbol.color),
        "outline_color": _rgba(symbol.outline),
        "outline_style": "dash" if symbol.dashed else "solid",
        "outline_width": width,
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    if geometry == "polygon":
        return {**outlined, "style": "no" if symbol.color is None else "solid"}
    return {**outlined, "name": symbol.shape, "size": f"{symbol.size:g}", "size_unit": "MM"}


def _label_expression(style: LayerStyle) -> str:
    """Join the columns in the language of QGIS; ``concat`` reads an empty column as an empty text."""
    if style.label:
        return style.label
    separator = "'" + style.label_separator.replace("\\", "\\\\").replace("'", "\\'") + "'"
    columns = ('"' + column.replace('"', '""') + '"' for column in style.label_fields)
    return f"concat({f', {separator}, '.join(columns)})"


def _add_labeling(parent: ET.Element, style: LayerStyle) -> None:
    """Write labels in dark letters on a pale rim, in the font of the application, at larger scales only."""
    settings = add(add(parent, "labeling", {"type": "simple"}), "settings", {"calloutType": "simple"})
    content = {"fieldName": _label_expression(style), "isExpression": "1"}
    letters = {"fontSize": "9", "fontSizeUnit": "Point", "textColor": _rgba(INK), "textOpacity": "1"}
    # QGIS takes a missing weight for the thinnest.
    upright = {"fontWeight": "50", "multilineHeight": "1", "blendMode": "0"}
    text = add(settings, "text-style", {**content, **letters, **upright})
    rim = {"bufferDraw": "1", "bufferSize": "0.9", "bufferSizeUnits": "MM", "bufferColor": _rgba(PAPER)}
    add(text, "text-buffer", {**rim, "bufferOpacity": "0.85", "bufferJoinStyle": "128", "bufferNoFill": "1"})
    add(settings, "text-format", {"multilineAlign": "1"})
    placement = {"placement": _PLACEMENTS[style.geometry], "placementFlags": "10", "priority": "5"}
    add(settings, "placement", {**placement, "dist": "0.8", "distUnits": "MM"})
    scales = {"scaleVisibility": "1", "scaleMin": "0", "scaleMax": str(style.label_scale)}
    add(settings, "rendering", {**scales, "drawLabels": "1", "obstacle": "1", "fontMaxPixelSize": "10000"})
