"""The look of a reform in QGIS: a style for every layer, and a project that shows before, after and review.

Nothing here reads a layer or needs QGIS: the functions take descriptions and return text, rows and bytes that
QGIS 3.22 and later read.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal, get_args
from xml.etree import ElementTree as ET

from pyproj import CRS

from geomerge.errors import InputError
from geomerge.qgis_styles import (
    DOCTYPE,
    QGIS_VERSION,
    Category,
    Geometry,
    LayerStyle,
    Symbol,
    add_style,
    xml_text,
)

__all__ = [
    "LAYER_STYLES_CONTENTS",
    "LAYER_STYLES_INSERT",
    "LAYER_STYLES_TABLE",
    "Category",
    "Geometry",
    "Group",
    "LayerStyle",
    "ProjectLayer",
    "Role",
    "Symbol",
    "geometries",
    "layer_styles_rows",
    "project",
    "style_for",
]

Group = Literal["before", "after", "review"]
Role = Literal[
    "units",
    "units_before",
    "pieces",
    "boundary_lines",
    "level",
    "features",
    "review",
    "findings",
    "inserted_corners",
    "table",
]

# --- Colours and words: hues of Okabe and Ito, distinct with every kind of colour blindness ---

_CHANGES = {
    "merged": ("Merged from several units", "#86b9e8"),
    "split": ("Made from a part of a unit", "#f8cd72"),
    "adjusted": ("Gained or lost a part", "#83d8bd"),
    "created": ("New unit", "#e2b5d6"),
    "renumbered": ("New code, same area", "#cbe6f8"),
    "renamed": ("New name, same area", "#f9f09b"),
    "corrected": ("Boundary corrected, no legal change", "#ada79c"),
    "unchanged": ("Unchanged", "#f7f7f5"),
}
_CHANGES_BEFORE = {
    "merged": ("Merges with other units", "#86b9e8"),
    "split": ("Is divided between several units", "#f8cd72"),
    "adjusted": ("Gains or loses a part", "#83d8bd"),
    "abolished": ("Ceases to exist", "#e58e66"),
    "renumbered": ("Gets a new code", "#cbe6f8"),
    "renamed": ("Gets a new name", "#f9f09b"),
    "corrected": ("Boundary corrected, no legal change", "#ada79c"),
    "unchanged": ("Unchanged", "#f7f7f5"),
}
_STATUSES = {
    "new": ("New boundary", "#0072b2"),
    "removed": ("Removed boundary", "#d55e00"),
    "kept": ("Kept boundary", "#8f8f8f"),
}
_SEVERITIES = {
    "must": ("Must be mended", "#d55e00"),
    "should": ("Should be looked at", "#f0c419"),
}
_VOCABULARIES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "units": _CHANGES,
    "units_before": _CHANGES_BEFORE,
    "boundary_lines": _STATUSES,
    "findings": _SEVERITIES,
}
_STRONG = ("#d55e00", "#0072b2", "#5b2a86", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f4a12")
_OTHER = ("Any other value", "#d0cdc9")
_INK = "#2b2b2b"
_PAPER = "#ffffff"


def style_for(
    role: Role,
    *,
    geometry: Geometry | None = None,
    values: Iterable[str] | None = None,
    words: Mapping[str, str] | None = None,
) -> LayerStyle:
    """Return the style of a layer from the role it plays in a reform.

    Parameters
    ----------
    role
        What the layer holds. The legend comes from the column ``change`` (`units`, `units_before`),
        ``status`` (`boundary_lines`), ``reason`` (`review`) or ``severity`` (`findings`); other roles have
        one symbol.
    geometry
        Kind of geometry of `features`, `review` and `findings`, which may have any.
    values
        The values that occur: the legend shows these and no others. Without them it shows all values known
        in advance, and one category for any other, so that no feature is invisible.
    words
        Legend text per value, in place of the usual one.

    Returns
    -------
    LayerStyle
        The style; :func:`dataclasses.replace` changes a part of it.

    Examples
    --------
    >>> [category.label for category in style_for("units", values=["unchanged", "merged"]).categories]
    ['Merged from several units', 'Unchanged']
    >>> style_for("review", geometry="point", values=["two_units"]).categories[0].label
    'Two units'
    """
    style = _plain_style(role, geometry or "polygon")
    if style.field is None:
        return style
    legend = _legend(role, values)
    categories = tuple(
        Category(value, (words or {}).get(value, text), _category_symbol(role, style.geometry, value, color))
        for value, (text, color) in legend.items()
    )
    return replace(style, categories=categories)


def _plain_style(role: Role, geometry: Geometry) -> LayerStyle:
    """Return the style of a role before its categories are known."""
    if role not in get_args(Role):
        raise InputError(f"No style has the role {role!r}. Use one of {', '.join(get_args(Role))}.")
    if role == "table" or geometry == "table":
        return LayerStyle("table")
    thin = {
        "polygon": Symbol(None, outline="#5d6b75", width=0.12),
        "line": Symbol("#5d6b75", width=0.25),
        "point": Symbol("#5d6b75", outline=_PAPER, width=0.1, size=1.4),
    }
    dashed = Symbol(None, outline="#6b5876", width=0.25, dashed=True)
    corner = Symbol(_PAPER, outline=_INK, width=0.3, size=1.5)
    units = LayerStyle("polygon", field="change", label_fields=("code", "name"), label_scale=3_000_000)
    styles = {
        "units": units,
        "units_before": units,
        "pieces": LayerStyle("polygon", dashed, label_fields=("old_code", "new_code"), label_separator=" → "),
        "boundary_lines": LayerStyle("line", field="status"),
        "level": LayerStyle("polygon", Symbol(None, outline=_INK, width=0.7)),
        "features": LayerStyle(geometry, thin[geometry]),
        "review": LayerStyle(geometry, field="reason"),
        "findings": LayerStyle(geometry, field="severity"),
        "inserted_corners": LayerStyle("point", corner),
    }
    return styles[role]


def _legend(role: Role, values: Iterable[str] | None) -> dict[str, tuple[str, str]]:
    """Return value -> (text, colour): known values in their order, then the others sorted."""
    known = _VOCABULARIES.get(role, {})
    if values is None:
        return {**known, "": _OTHER}
    occurring = set(values)
    legend = {value: entry for value, entry in known.items() if value in occurring}
    for number, value in enumerate(sorted(occurring - {"", *known})):
        text = value.replace("_", " ")
        color = _STRONG[number % len(_STRONG)] if role == "review" else _OTHER[1]
        legend[value] = (text[:1].upper() + text[1:], color)
    return legend | ({"": _OTHER} if "" in occurring else {})


def _category_symbol(role: Role, geometry: Geometry, value: str, color: str) -> Symbol:
    if role in ("units", "units_before"):
        return Symbol(color, outline="#6f6f6f", width=0.15)
    if role == "boundary_lines":
        width = {"new": 0.8, "removed": 0.55}.get(value, 0.2)
        return Symbol(color, width=width, dashed=value == "removed")
    if geometry == "polygon":
        return Symbol(f"{color}66", outline=color, width=0.5)
    if geometry == "line":
        return Symbol(color, width=0.9)
    # Shape as well as colour, for those who see no colour.
    return Symbol(color, outline=_INK, width=0.2, size=2.8, shape="square" if value == "must" else "circle")


def geometries(geom_types: Iterable[str | None]) -> tuple[Geometry, ...]:
    """Return the kinds of geometry of a layer, areas first, from the names of its geometry types.

    Examples
    --------
    >>> geometries(["Point", "MultiPolygon", "Polygon", None])
    ('polygon', 'point')
    """
    names = {str(name).casefold().removeprefix("multi") for name in geom_types if name}
    kinds: dict[Geometry, set[str]] = {
        "polygon": {"polygon"},
        "line": {"linestring", "linearring"},
        "point": {"point"},
    }
    found: tuple[Geometry, ...] = tuple(kind for kind, accepted in kinds.items() if accepted & names)
    return found or ("table",)


# --- Styles inside a GeoPackage ---

# As QGIS itself creates it, so that people can save their own styles next to these.
LAYER_STYLES_TABLE = (
    'CREATE TABLE "layer_styles" ("id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, '
    '"f_table_catalog" TEXT(256), "f_table_schema" TEXT(256), "f_table_name" TEXT(256), '
    '"f_geometry_column" TEXT(256), "styleName" TEXT(30), "styleQML" TEXT, "styleSLD" TEXT, '
    '"useAsDefault" BOOLEAN, "description" TEXT, "owner" TEXT(30), "ui" TEXT(30), '
    "\"update_time\" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
)
LAYER_STYLES_CONTENTS = (
    "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
    "VALUES ('layer_styles', 'attributes', 'layer_styles', '', :update_time, 0)"
)
LAYER_STYLES_INSERT = (
    "INSERT INTO layer_styles VALUES (:id, :f_table_catalog, :f_table_schema, :f_table_name, "
    ":f_geometry_column, :styleName, :styleQML, :styleSLD, :useAsDefault, :description, :owner, :ui, "
    ":update_time)"
)


def layer_styles_rows(
    styles: Mapping[str, LayerStyle], *, update_time: str, geometry_column: str = "geom"
) -> list[dict[str, str | int | None]]:
    """Return the rows of the table ``layer_styles``, by which a GeoPackage carries its own styles.

    Parameters
    ----------
    styles
        Table name -> style; each becomes the default style of its table.
    update_time
        Time of the run, such as ``2026-01-01T00:00:00.000Z``; given, so that a run can be repeated exactly.
    geometry_column
        Name of the geometry column in the GeoPackage.

    Returns
    -------
    list of dict
        Parameters of ``LAYER_STYLES_INSERT``, one dict per table.

    Examples
    --------
    >>> rows = layer_styles_rows({"units": style_for("units")}, update_time="2026-01-01T00:00:00.000Z")
    >>> rows[0]["f_table_name"], rows[0]["useAsDefault"]
    ('units', 1)
    """
    return [
        {
            "id": number,
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": table,
            "f_geometry_column": "" if style.geometry == "table" else geometry_column,
            "styleName": table[:30],
            "styleQML": style.qml(),
            "styleSLD": style.sld(table),
            "useAsDefault": 1,
            "description": f"Style of {table}",
            "owner": "",
            "ui": None,
            "update_time": update_time,
        }
        for number, (table, style) in enumerate(styles.items(), start=1)
    ]


# --- The project ---

# From the top of the layer tree, which is also the order of drawing.
_GROUPS: Mapping[Group, str] = {"review": "Review", "after": "After", "before": "Before"}
_WKB_TYPES = {"polygon": "MultiPolygon", "line": "MultiLineString", "point": "Point", "table": "NoGeometry"}
_GEOMETRY_NAMES = {"polygon": "Polygon", "line": "Line", "point": "Point", "table": "No geometry"}
_OGR_TYPES = {"polygon": "Polygon", "line": "LineString", "point": "Point"}


@dataclass(frozen=True)
class ProjectLayer:
    """One layer of a project: where it is and how it looks.

    Parameters
    ----------
    group
        Where it stands in the layer tree.
    name
        What people read in the layer tree.
    path
        File, relative to the project, with forward slashes.
    style
        Its look; also tells the kind of geometry.
    table
        Table of a GeoPackage; None for a file that is one layer.
    crs
        CRS of the layer, anything pyproj understands; None takes the CRS of the project.
    mixed
        The file holds several kinds of geometry, and the layer is those of the kind of its style.
    visible
        Whether it is ticked in the layer tree.

    Examples
    --------
    >>> layer = ProjectLayer("after", "Units", "boundaries.gpkg", style_for("units"), table="units")
    >>> layer.source
    './boundaries.gpkg|layername=units'
    """

    group: Group
    name: str
    path: str
    style: LayerStyle
    table: str | None = None
    crs: Any = None
    mixed: bool = False
    visible: bool = True

    def __post_init__(self) -> None:
        if PurePosixPath(self.path).is_absolute() or PureWindowsPath(self.path).anchor or "\\" in self.path:
            fault = f"The path {self.path!r} of layer {self.name!r} is not relative"
            raise InputError(f"{fault}. Give it from the project's folder, with forward slashes.")
        if "|" in self.path + (self.table or ""):
            fault = f"QGIS cannot open {self.source!r} of layer {self.name!r}"
            raise InputError(f"{fault}. Take '|' out of the names of file and table.")

    @property
    def source(self) -> str:
        """The data source as QGIS writes it."""
        # Without the leading dot QGIS takes the path for one that is relative to nothing.
        path = self.path if self.path.startswith("../") else f"./{PurePosixPath(self.path)}"
        table = "" if self.table is None else f"|layername={self.table}"
        kind = f"|geometrytype={_OGR_TYPES[self.style.geometry]}" if self.mixed else ""
        return f"{path}{table}{kind}"


def project(
    title: str, layers: Sequence[ProjectLayer], *, crs: Any, extent: Sequence[float] | None = None
) -> bytes:
    """Return a QGIS project (``.qgz``) with the layers in the groups Review, After and Before.

    Within a group the first layer is drawn on top. Before is switched off when there is anything else to see;
    the map themes Before, After and Review switch between the three views.

    Parameters
    ----------
    title
        Title of the project.
    layers
        The layers, each group from top to bottom.
    crs
        CRS of the map, anything pyproj understands.
    extent
        West, south, east and north of the first view, in `crs`; None leaves it to QGIS.

    Returns
    -------
    bytes
        The file: the same input gives the same bytes, and the folder can be moved as a whole.

    Examples
    --------
    >>> units = ProjectLayer("after", "Units", "boundaries.gpkg", style_for("units"), table="units")
    >>> content = project("Reform", [units], crs="EPSG:25833", extent=(0, 0, 40_000, 30_000))
    >>> zipfile.ZipFile(io.BytesIO(content)).namelist()
    ['project.qgs']
    """
    root = _project_element(title, layers, CRS.from_user_input(crs), extent)
    text = f"{DOCTYPE}\n{xml_text(root)}"
    member = zipfile.ZipInfo("project.qgs", date_time=(1980, 1, 1, 0, 0, 0))
    member.external_attr = 0o644 << 16
    member.create_system = 3  # the same on every platform
    buffer = io.BytesIO()
    # Stored, not deflated: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(member, text.encode())
    return buffer.getvalue()


def _project_element(
    title: str, layers: Sequence[ProjectLayer], crs: CRS, extent: Sequence[float] | None
) -> ET.Element:
    root = ET.Element("qgis", version=QGIS_VERSION, projectname=title)
    _add_text(root, "title", title)
    _add_crs(ET.SubElement(root, "projectCrs"), crs)
    named = _with_ids(layers)
    _add_tree(root, named)
    # A plan may hold no geometry at all; its extent is then not a number.
    if extent is not None and all(math.isfinite(bound) for bound in extent):
        _add_canvas(root, crs, _with_margin(extent))
    map_layers = ET.SubElement(root, "projectlayers")
    for layer_id, layer in named:
        _add_layer(map_layers, layer_id, layer, crs)
    properties = ET.SubElement(root, "properties")
    _add_property(properties, "Paths", "Absolute", "bool", "false")
    _add_property(properties, "PAL", "PlacementEngineVersion", "int", "1")
    _add_property(properties, "SpatialRefSys", "ProjectionsEnabled", "int", "1")
    _add_themes(root, named)
    _add_text(ET.SubElement(root, "projectMetadata"), "title", title)
    return root


def _add_text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _add_property(parent: ET.Element, scope: str, name: str, kind: str, value: str) -> None:
    ET.SubElement(ET.SubElement(parent, scope), name, type=kind).text = value


def _with_ids(layers: Sequence[ProjectLayer]) -> list[tuple[str, ProjectLayer]]:
    """Give each layer an id from its place and name, in the order of the layer tree."""
    ordered = [layer for group in _GROUPS for layer in layers if layer.group == group]
    words = (re.sub(r"\W+", "_", layer.name, flags=re.ASCII).strip("_") for layer in ordered)
    return [
        (f"{layer.group}_{number:02d}_{word}", layer)
        for number, (layer, word) in enumerate(zip(ordered, words, strict=True), start=1)
    ]


def _with_margin(extent: Sequence[float]) -> tuple[float, float, float, float]:
    """Widen an extent a little, so that outlines at its edge are seen; a single point gets a width."""
    west, south, east, north = (float(bound) for bound in extent)
    margin = 0.04 * max(east - west, north - south) or 0.01 * max(abs(west), abs(north), 1.0)
    return west - margin, south - margin, east + margin, north + margin


def _add_crs(parent: ET.Element, crs: CRS) -> None:
    """Describe a CRS by its authority, which QGIS tries first, and by its text, which always works."""
    element = ET.SubElement(parent, "spatialrefsys")
    authority = crs.to_authority()
    _add_text(element, "wkt", crs.to_wkt("WKT2_2019"))
    _add_text(element, "authid", ":".join(authority) if authority else "")
    _add_text(element, "description", crs.name)
    _add_text(element, "geographicflag", str(crs.is_geographic).lower())


def _add_tree(root: ET.Element, named: Sequence[tuple[str, ProjectLayer]]) -> None:
    tree = ET.SubElement(root, "layer-tree-group")
    present = [group for group in _GROUPS if any(layer.group == group for _, layer in named)]
    for group in present:
        shown = group != "before" or present == ["before"]
        state = {"checked": _checked(shown), "expanded": _flag(shown)}
        branch = ET.SubElement(tree, "layer-tree-group", {"name": _GROUPS[group], **state})
        for layer_id, layer in named:
            if layer.group == group:
                _add_tree_layer(branch, layer_id, layer)


def _add_tree_layer(parent: ET.Element, layer_id: str, layer: ProjectLayer) -> None:
    source = {"id": layer_id, "name": layer.name, "source": layer.source, "providerKey": "ogr"}
    # A legend of one line says no more than the layer's own line.
    state = {"checked": _checked(layer.visible), "expanded": _flag(len(layer.style.categories) > 1)}
    ET.SubElement(parent, "layer-tree-layer", {**source, **state})


def _checked(value: bool) -> str:
    return "Qt::Checked" if value else "Qt::Unchecked"


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _add_canvas(root: ET.Element, crs: CRS, extent: tuple[float, float, float, float]) -> None:
    """Write the first view twice: the desktop reads the canvas, other programs the project's default view."""
    bounds = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(repr, extent), strict=True))
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    corners = ET.SubElement(canvas, "extent")
    for name, bound in bounds.items():
        _add_text(corners, name, bound)
    _add_text(canvas, "rotation", "0")
    _add_crs(ET.SubElement(canvas, "destinationsrs"), crs)
    settings = ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0", rotation="0")
    _add_crs(ET.SubElement(settings, "DefaultViewExtent", bounds), crs)


def _add_layer(parent: ET.Element, layer_id: str, layer: ProjectLayer, project_crs: CRS) -> None:
    geometry = layer.style.geometry
    kind = {"geometry": _GEOMETRY_NAMES[geometry], "wkbType": _WKB_TYPES[geometry]}
    element = ET.SubElement(parent, "maplayer", {"type": "vector", **kind})
    _add_text(element, "id", layer_id)
    _add_text(element, "datasource", layer.source)
    _add_text(element, "layername", layer.name)
    if geometry != "table":
        crs = project_crs if layer.crs is None else CRS.from_user_input(layer.crs)
        _add_crs(ET.SubElement(element, "srs"), crs)
    ET.SubElement(element, "provider", encoding="UTF-8").text = "ogr"
    # Named here, because QGIS would translate the name and the map themes would not find it.
    manager = ET.SubElement(element, "map-layer-style-manager", current="default")
    ET.SubElement(manager, "map-layer-style", name="default")
    add_style(element, layer.style)


def _add_themes(root: ET.Element, named: Sequence[tuple[str, ProjectLayer]]) -> None:
    """Write one map theme per group; what is to be reviewed is seen on top of the result."""
    presets = ET.SubElement(root, "visibility-presets")
    for group, title in _GROUPS.items():
        if not any(layer.group == group for _, layer in named):
            continue
        shown: tuple[Group, ...] = ("review", "after") if group == "review" else (group,)
        theme = {"name": title, "has-expanded-info": "0", "has-checked-group-info": "1"}
        preset = ET.SubElement(presets, "visibility-preset", theme)
        for layer_id, layer in named:
            if layer.group in shown and layer.visible:
                ET.SubElement(preset, "layer", id=layer_id, visible="1", style="default", expanded="1")
        checked = ET.SubElement(preset, "checked-group-nodes")
        for name in {_GROUPS[layer.group]: None for _, layer in named if layer.group in shown}:
            ET.SubElement(checked, "checked-group-node", id=name)
