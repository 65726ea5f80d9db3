"""How a layer looks, as SLD: what map servers and other programs read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from geomerge.palette import INK, PAPER
from geomerge.qgis.styles import DASH, Category, Geometry, LayerStyle, Symbol, add, split_color, xml_text

_SYMBOLIZERS: dict[Geometry, str] = {
    "polygon": "PolygonSymbolizer",
    "line": "LineSymbolizer",
    "point": "PointSymbolizer",
}
_PIXEL = 0.28  # millimetres, by the standard


def sld(style: LayerStyle, name: str = "layer") -> str:
    """Return a style as the text of an SLD 1.1 document.

    Parameters
    ----------
    style
        The style.
    name
        Name of the layer in the document.

    Examples
    --------
    >>> "#0072b2" in sld(LayerStyle("line", Symbol("#0072b2", width=0.5)), "border")
    True
    """
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml_text(_document(style, name))}'


def _document(style: LayerStyle, name: str) -> ET.Element:
    """Return the document; names carry their prefixes as text, so that no registry of names is changed."""
    namespaces = {
        "xmlns": "http://www.opengis.net/sld",
        "xmlns:se": "http://www.opengis.net/se",
        "xmlns:ogc": "http://www.opengis.net/ogc",
    }
    root = ET.Element("StyledLayerDescriptor", {"version": "1.1.0", **namespaces})
    layer = add(root, "NamedLayer")
    add(layer, "se:Name", text=name)
    user_style = add(layer, "UserStyle")
    add(user_style, "se:Name", text=name)
    if style.geometry == "table":
        return root
    rules = add(user_style, "se:FeatureTypeStyle")
    for category in style.categories if style.field else (Category("", name, style.symbol),):
        _add_rule(rules, style, category)
    if style.label_fields:
        # Apart, because a rule without a filter would keep the rule for all other values from ever applying.
        _add_label(add(user_style, "se:FeatureTypeStyle"), style)
    return root


def _add_rule(parent: ET.Element, style: LayerStyle, category: Category) -> None:
    rule = add(parent, "se:Rule")
    add(rule, "se:Name", text=category.label)
    add(add(rule, "se:Description"), "se:Title", text=category.label)
    if style.field and category.value:
        equal = add(add(rule, "ogc:Filter"), "ogc:PropertyIsEqualTo")
        add(equal, "ogc:PropertyName", text=style.field)
        add(equal, "ogc:Literal", text=category.value)
    elif style.field:
        add(rule, "se:ElseFilter")
    symbolizer = add(rule, f"se:{_SYMBOLIZERS[style.geometry]}")
    symbol = category.symbol
    if style.geometry == "line":
        _add_stroke(symbolizer, symbol, symbol.color)
        return
    if style.geometry == "point":
        graphic = add(symbolizer, "se:Graphic")
        symbolizer = add(graphic, "se:Mark")
        add(symbolizer, "se:WellKnownName", text=symbol.shape)
        add(graphic, "se:Size", text=_pixels(symbol.size))
    _add_fill(symbolizer, symbol.color)
    _add_stroke(symbolizer, symbol, symbol.outline)


def _pixels(millimetres: float) -> str:
    return f"{millimetres / _PIXEL:.2f}"


def _add_fill(parent: ET.Element, color: str | None) -> None:
    if color is not None:
        _add_paint(add(parent, "se:Fill"), "fill", color)


def _add_stroke(parent: ET.Element, symbol: Symbol, color: str | None) -> None:
    if color is None:
        return
    stroke = add(parent, "se:Stroke")
    _add_paint(stroke, "stroke", color)
    _add_parameter(stroke, "stroke-width", _pixels(symbol.width))
    _add_parameter(stroke, "stroke-linejoin", "round")
    if symbol.dashed:
        _add_parameter(stroke, "stroke-dasharray", " ".join(_pixels(length) for length in DASH))


def _add_paint(parent: ET.Element, kind: str, color: str) -> None:
    rgb, alpha = split_color(color)
    _add_parameter(parent, kind, rgb)
    if alpha < 255:
        _add_parameter(parent, f"{kind}-opacity", f"{alpha / 255:.2f}")


def _add_parameter(parent: ET.Element, name: str, value: str) -> None:
    add(parent, "se:SvgParameter", {"name": name}, text=value)


def _add_label(parent: ET.Element, style: LayerStyle) -> None:
    rule = add(parent, "se:Rule")
    add(rule, "se:MaxScaleDenominator", text=str(style.label_scale))
    symbolizer = add(rule, "se:TextSymbolizer")
    label = add(symbolizer, "se:Label")
    for number, column in enumerate(style.label_fields, start=1):
        name = add(label, "ogc:PropertyName", text=column)
        name.tail = style.label_separator if number < len(style.label_fields) else None
    _add_parameter(add(symbolizer, "se:Font"), "font-size", "11")
    halo = add(symbolizer, "se:Halo")
    add(halo, "se:Radius", text="2")
    _add_fill(halo, PAPER)
    _add_fill(symbolizer, INK)
