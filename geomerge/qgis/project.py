"""A QGIS project: the layers of a reform in groups for before, after and review, with a map theme for each.

Nothing here reads a layer or needs QGIS: what comes out are bytes that QGIS 3.22 and later read.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree as ET

from pyproj import CRS
from shapely import box

from geomerge.errors import InputError
from geomerge.qgis.forms import Form, add_form
from geomerge.qgis.joins import Join, add_joins
from geomerge.qgis.layout import Shown, add_layout
from geomerge.qgis.styles import DOCTYPE, QGIS_VERSION, LayerStyle, add, add_style, flag, xml_text

Group = Literal["before", "after", "review"]

# From the top of the layer tree, which is also the order of drawing.
LAYOUT = "Before and after"
WHOLE, AFFECTED = "Whole extent", "Affected area"
_GROUPS: Mapping[Group, str] = {"review": "Review", "after": "After", "before": "Before"}
_WKB_TYPES = {"polygon": "MultiPolygon", "line": "MultiLineString", "point": "Point", "table": "NoGeometry"}
_GEOMETRY_NAMES = {"polygon": "Polygon", "line": "Line", "point": "Point", "table": "No geometry"}
_OGR_TYPES = {"polygon": "Polygon", "line": "LineString", "point": "Point"}
# Paths that mean something on one machine only: from a root or a drive, or written the way of one system.
_ONE_MACHINE = re.compile(r"/|[A-Za-z]:|.*\\")


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
    closer
        Smallest scale at which it is drawn, as its denominator; 0 draws it at any.
    form
        The form in which its rows are read and written.
    where
        Which rows it has, as a condition in SQL; empty for all.
    joins
        Columns of other layers of the project.
    fixed
        Whether its rows cannot be edited.
    aside
        Whether it is there for other layers only, and no line of the layer tree.

    Examples
    --------
    >>> layer = ProjectLayer("after", "Units", "boundaries.gpkg", LayerStyle("polygon"), table="units")
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
    closer: int = 0
    form: Form | None = None
    where: str = ""
    joins: tuple[Join, ...] = ()
    fixed: bool = False
    aside: bool = False

    def __post_init__(self) -> None:
        if _ONE_MACHINE.match(self.path):
            fault = f"The path {self.path!r} of layer {self.name!r} is not relative"
            raise InputError(f"{fault}. Give it from the project's folder, with forward slashes.")
        if "|" in self.path + (self.table or ""):
            fault = f"QGIS cannot open {self.source!r} of layer {self.name!r}"
            raise InputError(f"{fault}. Take '|' out of the names of file and table.")

    @property
    def source(self) -> str:
        """The data source as QGIS writes it."""
        # Without the leading dot QGIS takes the path for one that is relative to nothing.
        path = self.path if self.path.startswith(("./", "../")) else f"./{self.path}"
        table = "" if self.table is None else f"|layername={self.table}"
        kind = f"|geometrytype={_OGR_TYPES[self.style.geometry]}" if self.mixed else ""
        rows = f"|subset={self.where}" if self.where else ""
        return f"{path}{table}{kind}{rows}"


def project(
    title: str,
    layers: Sequence[ProjectLayer],
    *,
    crs: Any,
    extent: Sequence[float] | None = None,
    affected: Sequence[float] | None = None,
    note: str = "",
) -> bytes:
    """Return a QGIS project (``.qgz``) with the layers in the groups Review, After and Before.

    Within a group the first layer is drawn on top. Before is switched off when there is anything else to see;
    the map themes Before, After and Review switch between the three views. A print layout (A3) shows before and
    after side by side.

    Parameters
    ----------
    title
        Title of the project.
    layers
        The layers, each group from top to bottom.
    crs
        CRS of the map, anything pyproj understands.
    extent
        West, south, east and north of the first view, in `crs`; None leaves it to QGIS, and makes no print layout.
    affected
        The same of what the reform changes: a spatial bookmark goes there, and the print layout shows it.
    note
        Small line at the foot of the print layout.

    Returns
    -------
    bytes
        The file: the same input gives the same bytes, and the folder can be moved as a whole.

    Examples
    --------
    >>> units = ProjectLayer("after", "Units", "boundaries.gpkg", LayerStyle("polygon"), table="units")
    >>> content = project("Reform", [units], crs="EPSG:25833", extent=(0, 0, 40_000, 30_000))
    >>> zipfile.ZipFile(io.BytesIO(content)).namelist()
    ['project.qgs']
    """
    named = _with_ids(layers)
    root = _project_element(title, named, CRS.from_user_input(crs))
    _add_views(root, title, named, CRS.from_user_input(crs), {WHOLE: extent, AFFECTED: affected}, note)
    text = f"{DOCTYPE}\n{xml_text(root)}"
    member = zipfile.ZipInfo("project.qgs", date_time=(1980, 1, 1, 0, 0, 0))
    member.external_attr = 0o644 << 16
    member.create_system = 3  # the same on every platform
    buffer = io.BytesIO()
    # Stored, not deflated: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(member, text.encode())
    return buffer.getvalue()


def _project_element(title: str, named: Sequence[tuple[str, ProjectLayer]], crs: CRS) -> ET.Element:
    root = ET.Element("qgis", version=QGIS_VERSION, projectname=title)
    add(root, "title", text=title)
    _add_crs(ET.SubElement(root, "projectCrs"), crs)
    _add_tree(root, named)
    map_layers = ET.SubElement(root, "projectlayers")
    sources = {layer.name: (layer_id, layer.source) for layer_id, layer in named}
    for layer_id, layer in named:
        _add_layer(map_layers, layer_id, layer, crs, sources)
    properties = ET.SubElement(root, "properties")
    _add_property(properties, "Paths", "Absolute", "bool", "false")
    _add_property(properties, "PAL", "PlacementEngineVersion", "int", "1")
    _add_property(properties, "SpatialRefSys", "ProjectionsEnabled", "int", "1")
    _add_themes(root, named)
    add(ET.SubElement(root, "projectMetadata"), "title", text=title)
    return root


def _add_views(
    root: ET.Element,
    title: str,
    named: Sequence[tuple[str, ProjectLayer]],
    crs: CRS,
    extents: Mapping[str, Sequence[float] | None],
    note: str,
) -> None:
    """Add the first view, a bookmark for each extent, and the print layout; nothing where there is no geometry."""
    views = {  # a plan may hold no geometry at all; its extent is then not a number
        name: _with_margin(extent)
        for name, extent in extents.items()
        if extent is not None and all(math.isfinite(bound) for bound in extent)
    }
    if WHOLE not in views:
        return
    _add_canvas(root, crs, views[WHOLE])
    bookmarks = ET.SubElement(root, "Bookmarks")
    for name, view in views.items():
        place = {"id": name.casefold().replace(" ", "_"), "name": name, "group": "", "extent": box(*view).wkt}
        _add_crs(ET.SubElement(bookmarks, "Bookmark", place), crs)
    maps = [shown for group in ("before", "after") if (shown := _shown(group, named))]
    metres = crs.axis_info[0].unit_conversion_factor if crs.is_projected else 111_320.0
    add_layout(root, LAYOUT, title, note, maps, views.get(AFFECTED, views[WHOLE]), metres)


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
    add(element, "wkt", text=crs.to_wkt("WKT2_2019"))
    add(element, "authid", text=":".join(authority) if authority else "")
    add(element, "description", text=crs.name)
    add(element, "geographicflag", text=str(crs.is_geographic).lower())


def _add_tree(root: ET.Element, named: Sequence[tuple[str, ProjectLayer]]) -> None:
    tree = ET.SubElement(root, "layer-tree-group")
    present = [group for group in _GROUPS if any(layer.group == group for _, layer in named)]
    for group in present:
        shown = group != "before" or present == ["before"]
        state = {"checked": _checked(shown), "expanded": flag(shown)}
        branch = ET.SubElement(tree, "layer-tree-group", {"name": _GROUPS[group], **state})
        for layer_id, layer in named:
            if layer.group == group:
                _add_tree_layer(branch, layer_id, layer)


def _add_tree_layer(parent: ET.Element, layer_id: str, layer: ProjectLayer) -> None:
    source = {"id": layer_id, "name": layer.name, "source": layer.source, "providerKey": "ogr"}
    # A legend of one line says no more than the layer's own line.
    state = {"checked": _checked(layer.visible), "expanded": flag(len(layer.style.categories) > 1)}
    ET.SubElement(parent, "layer-tree-layer", {**source, **state})


def _shown(group: Group, named: Sequence[tuple[str, ProjectLayer]]) -> Shown | None:
    """Return one map of the print layout: the theme of a group, with those of its layers that need a legend."""
    visible = [(layer_id, layer) for layer_id, layer in named if layer.group == group and layer.visible]
    told = tuple((layer_id, layer.name, layer.source) for layer_id, layer in visible if layer.style.categories)
    return Shown(_GROUPS[group], _GROUPS[group], told) if visible else None


def _checked(value: bool) -> str:
    return "Qt::Checked" if value else "Qt::Unchecked"


def _add_canvas(root: ET.Element, crs: CRS, extent: tuple[float, float, float, float]) -> None:
    """Write the first view twice: the desktop reads the canvas, other programs the project's default view."""
    bounds = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(repr, extent), strict=True))
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    corners = ET.SubElement(canvas, "extent")
    for name, bound in bounds.items():
        add(corners, name, text=bound)
    add(canvas, "rotation", text="0")
    _add_crs(ET.SubElement(canvas, "destinationsrs"), crs)
    settings = ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0", rotation="0")
    _add_crs(ET.SubElement(settings, "DefaultViewExtent", bounds), crs)


def _add_layer(
    parent: ET.Element, layer_id: str, layer: ProjectLayer, project_crs: CRS, sources: Mapping[str, tuple[str, str]]
) -> None:
    geometry = layer.style.geometry
    kind = {"geometry": _GEOMETRY_NAMES[geometry], "wkbType": _WKB_TYPES[geometry]}
    element = ET.SubElement(parent, "maplayer", {"type": "vector", **kind, "readOnly": flag(layer.fixed)})
    add(element, "id", text=layer_id)
    add(element, "datasource", text=layer.source)
    add(element, "layername", text=layer.name)
    if geometry != "table":
        crs = project_crs if layer.crs is None else CRS.from_user_input(layer.crs)
        _add_crs(ET.SubElement(element, "srs"), crs)
    ET.SubElement(element, "provider", encoding="UTF-8").text = "ogr"
    # Named here, because QGIS would translate the name and the map themes would not find it.
    manager = ET.SubElement(element, "map-layer-style-manager", current="default")
    ET.SubElement(manager, "map-layer-style", name="default")
    add_style(element, layer.style)
    if layer.closer:  # the names are those of denominators: the largest scale is the smallest number
        scales = {"hasScaleBasedVisibilityFlag": "1", "minScale": str(layer.closer), "maxScale": "0"}
        element.attrib.update(scales)
    add_joins(element, layer.joins, sources)
    if layer.aside:
        flags = add(element, "flags")
        for name, value in {"Identifiable": False, "Removable": True, "Searchable": False, "Private": True}.items():
            add(flags, name, text=flag(value))
    if layer.form is not None:
        add_form(element, layer.form, sources)


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
