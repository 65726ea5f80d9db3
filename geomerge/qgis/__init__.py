"""The look of a reform in QGIS: a style for each layer by the role it plays, and the project that shows them.

Nothing here reads a layer or needs QGIS: the functions take descriptions and return styles, rows and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, get_args

from geomerge.errors import InputError
from geomerge.palette import CHANGES, INK, LINES, METHODS, OTHER, PAPER, SEVERITIES, STRONG
from geomerge.qgis.forms import Answers, Field, Form, equals
from geomerge.qgis.joins import Join
from geomerge.qgis.project import Group, ProjectLayer, project
from geomerge.qgis.sld import sld
from geomerge.qgis.styles import Category, Geometry, LayerStyle, Symbol, qml

__all__ = [
    "LAYER_STYLES_CONTENTS",
    "LAYER_STYLES_INSERT",
    "LAYER_STYLES_TABLE",
    "Answers",
    "Category",
    "Field",
    "Form",
    "Geometry",
    "Group",
    "Join",
    "LayerStyle",
    "ProjectLayer",
    "Role",
    "Symbol",
    "equals",
    "geometries",
    "layer_styles_rows",
    "project",
    "qml",
    "sld",
    "style_for",
]

Role = Literal[
    "units",
    "units_before",
    "pieces",
    "boundary_lines",
    "level",
    "features",
    "moved",
    "review",
    "findings",
    "inserted_corners",
    "table",
]

# Value -> (text, colour): what is known in advance of each column that makes a legend.
_VOCABULARIES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "units": {name: (one.text, one.color) for name, one in CHANGES.items() if name != "abolished"},
    "units_before": {name: (one.text_before, one.color) for name, one in CHANGES.items() if name != "created"},
    "boundary_lines": {name: (one.text, one.color) for name, one in LINES.items()},
    "findings": {name: (one.text, one.color) for name, one in SEVERITIES.items()},
    "moved": {name: (one.text, one.color) for name, one in METHODS.items()},
}
_OTHER = ("Any other value", OTHER)
# Screens are looked at from further away than paper: a line of one point is drawn 0.5 millimetres wide.
_MILLIMETRES_PER_POINT = 0.5


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
        ``status`` (`boundary_lines`), ``method`` (`moved`), ``reason`` (`review`) or ``severity`` (`findings`);
        other roles have one symbol.
    geometry
        Kind of geometry of `features`, `moved`, `review` and `findings`, which may have any.
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
    ['Merger of units', 'Unchanged']
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
        "point": Symbol("#5d6b75", outline=PAPER, width=0.1, size=1.4),
    }
    dashed = Symbol(None, outline="#6b5876", width=0.25, dashed=True)
    corner = Symbol(PAPER, outline=INK, width=0.3, size=1.5)
    units = LayerStyle("polygon", field="change", label_fields=("code", "name"), label_scale=3_000_000)
    styles = {
        "units": units,
        "units_before": units,
        "pieces": LayerStyle("polygon", dashed, label_fields=("old_code", "new_code"), label_separator=" → "),
        "boundary_lines": LayerStyle("line", field="status"),
        "level": LayerStyle("polygon", Symbol(None, outline=INK, width=0.7)),
        "features": LayerStyle(geometry, thin[geometry]),
        "moved": LayerStyle(geometry, field="method"),
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
        color = STRONG[number % len(STRONG)] if role == "review" else _OTHER[1]
        legend[value] = (text[:1].upper() + text[1:], color)
    return legend | ({"": _OTHER} if "" in occurring else {})


def _category_symbol(role: Role, geometry: Geometry, value: str, color: str) -> Symbol:
    if role in ("units", "units_before"):
        return Symbol(color, outline="#6f6f6f", width=0.15)
    if role == "boundary_lines":
        kind = LINES.get(value, LINES["kept"])
        return Symbol(color, width=kind.width * _MILLIMETRES_PER_POINT, dashed=kind.dashed)
    if role == "moved":
        return _moved_symbol(geometry, color)
    if geometry == "polygon":
        return Symbol(f"{color}2b", outline=color, width=0.6)
    if geometry == "line":
        return Symbol(color, width=0.9)
    # Shape as well as colour, for those who see no colour.
    return Symbol(color, outline=INK, width=0.2, size=2.8, shape="square" if value == "must" else "circle")


def _moved_symbol(geometry: Geometry, color: str) -> Symbol:
    """Draw one of very many features: thin, and pale enough for what lies below."""
    symbols = {
        "polygon": Symbol(f"{color}99", outline="#5d6b75", width=0.1),
        "line": Symbol(color, width=0.3),
        "point": Symbol(color, outline=PAPER, width=0.1, size=1.6),
    }
    return symbols[geometry]


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
            "styleQML": qml(style),
            "styleSLD": sld(style, table),
            "useAsDefault": 1,
            "description": f"Style of {table}",
            "owner": "",
            "ui": None,
            "update_time": update_time,
        }
        for number, (table, style) in enumerate(styles.items(), start=1)
    ]
