"""Projecting: the results of a run as layers of a QGIS project, with styles, forms and words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomerge import qgis
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.previous import BOUNDARIES, LEDGER_FILE, REVIEW
from geomerge.results import Account, Results

ANSWERS = "answers"

_ROLES: Mapping[str, tuple[qgis.Role, str | None]] = {
    "units": ("units", "change"),
    "units_before": ("units_before", "change"),
    "boundary_lines": ("boundary_lines", "status"),
    "pieces": ("pieces", None),
    "inserted_corners": ("inserted_corners", None),
}
_TABLE = qgis.style_for("table")
_ASIDE = ("pieces", "inserted_corners")
_ON_TOP = ("boundary_lines", "inserted_corners")  # of the layers that follow
MANY, CLOSE, CORNERS = 1_000, 50_000, 100_000  # so many features are drawn only at these scales and larger ones
MANY_FINDINGS = 100  # from so many on, each is drawn smaller

# What people read beside the columns of a review, and which of them they do not need.
_LABELS = {
    "layer": "Layer",
    "id": "Id",
    "code": "Old code",
    "key": "Key",
    "reason": "Why a person must decide",
    "new_code": "Likeliest unit",
    "share": "Share in the likeliest unit",
    "runner_up": "Next likeliest unit",
    "runner_up_share": "Share in the next likeliest unit",
    "border_distance": "Distance to the new border",
    "event": "Events",
    "decision": "Decision",
    "decided_by": "Decided by",
    "note": "Note",
    "earlier": "Earlier decision",
}
_HIDDEN = ("fid", "basis")
_WHO = 'if("decision" is null, "decided_by", coalesce("decided_by", @user_account_name))'
_REVIEW_LAYER, _REVIEW_PREFIX, _MOVED_PREFIX = "Review: ", "review_", "moved_"


@dataclass(frozen=True)
class Shown:
    """What a project shows: the tables of boundaries.gpkg, those in review by layer, findings, and answers."""

    title: str
    inputs: Inputs
    results: Results
    boundaries: Mapping[str, gpd.GeoDataFrame]
    reviews: Mapping[str, Any]
    findings: gpd.GeoDataFrame


def project_file(shown: Shown) -> bytes:
    """Return the QGIS project of a run; the same results give the same bytes."""
    reviewed = [layer for name, table in shown.reviews.items() for layer in _review_layers(name, table)]
    drawn = [*reviewed, *_finding_layers(shown.findings), *_answer_layer(shown)]
    boundaries = {name: _boundary_layer(name, table) for name, table in shown.boundaries.items()}
    drawn += [layer for name, layer in boundaries.items() if name in _ON_TOP]
    drawn += [layer for name, account in shown.results.accounts.items() for layer in _updated(shown, name, account)]
    drawn += [layer for name, layer in boundaries.items() if name not in _ON_TOP]
    units = shown.results.units
    return qgis.project(
        shown.title, drawn, crs=units.crs, extent=units.total_bounds, affected=_affected(shown), note=_note(shown)
    )


def _note(shown: Shown) -> str:
    plan = shown.inputs.plan.title
    named = [plan.rstrip(".")] if plan and plan != shown.title else []
    return ". ".join([*named, f"In force from {shown.results.dates[-1]}", "Made by geomerge"]) + "."


def _affected(shown: Shown) -> list[float] | None:
    """Return the bounds of all units that change, before and after; None where none does."""
    tables = [shown.boundaries[name] for name in ("units_before", "units") if name in shown.boundaries]
    bounds = [table.total_bounds for table in (one[one["change"] != "unchanged"] for one in tables) if len(table)]
    return [*np.min(bounds, axis=0)[:2], *np.max(bounds, axis=0)[2:]] if bounds else None


def readable(name: str) -> str:
    """Return the name of a layer as people read it.

    Examples
    --------
    >>> readable("cadastral_units")
    'Cadastral units'
    """
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


# --- Boundaries ---


def boundary_style(name: str, table: gpd.GeoDataFrame) -> qgis.LayerStyle:
    """Return the style of a table of boundaries.gpkg; units say which codes they come from, or become."""
    role, column = _ROLES.get(name, ("level", None))
    style = qgis.style_for(role, values=table[column] if column else None)
    own, name_below = '"code"', "'\\n', \"name\""
    if role == "units":
        return replace(style, label=f"concat({_several('predecessors', after=' → ')}, {own}, {name_below})")
    if role == "units_before":
        return replace(style, label=f"concat({own}, {_several('successors', before=' → ')}, {name_below})")
    return style


def _several(column: str, *, before: str = "", after: str = "") -> str:
    """Return an expression for the codes in a column, or for their number; nothing where it is the unit's own code."""
    number = f"array_length(string_to_array(\"{column}\", ' '))"
    told = f"if({number} > 4, concat({number}, ' units'), replace(\"{column}\", ' ', ', '))"
    same = f"coalesce(\"{column}\", '') in ('', \"code\")"
    return f"if({same}, '', concat('{before}', {told}, '{after}'))"


def _boundary_layer(name: str, table: gpd.GeoDataFrame) -> qgis.ProjectLayer:
    group: qgis.Group = "before" if name == "units_before" else "after"
    closer = CORNERS if name == "inserted_corners" and len(table) > MANY else 0
    style, visible = boundary_style(name, table), name not in _ASIDE
    return qgis.ProjectLayer(group, readable(name), BOUNDARIES, style, name, visible=visible, closer=closer, fixed=True)


# --- Updated layers ---


def _updated(shown: Shown, name: str, account: Account) -> Iterator[qgis.ProjectLayer]:
    """Yield an updated layer, coloured by how its features came to their units, and what it takes this from."""
    if account.kinds is None:
        return
    loaded = shown.inputs.layers[name]
    file = f"layers/{loaded.config.target}"
    table = loaded.info.layer if file.endswith((".gpkg", ".gdb")) else None
    kind = qgis.geometries(account.kinds)[0]
    closer = CLOSE if account.counts["rows"] > MANY else 0
    layer = qgis.ProjectLayer(
        "after", readable(name), file, qgis.style_for("features", geometry=kind), table,
        crs=account.crs, visible=False, closer=closer,
    )  # fmt: skip
    config = loaded.config
    if kind == "table" or not isinstance(config, LayerConfig) or not config.id:
        yield layer  # without ids nothing can be joined
        return
    ledger = f"Ledger of {name}"
    where = qgis.equals("layer", name)
    joins = [qgis.Join(ledger, config.id, "id", ("old_code", "new_code", "method"), _MOVED_PREFIX)]
    needed = [qgis.ProjectLayer("after", ledger, LEDGER_FILE, _TABLE, where=where, fixed=True, aside=True)]
    if name in shown.reviews:
        waiting = f"Rows in review of {name}"
        joins.append(qgis.Join(waiting, config.id, "id", ("reason",), _REVIEW_PREFIX))
        needed.append(qgis.ProjectLayer("after", waiting, REVIEW, _TABLE, name, fixed=True, aside=True))
    yield replace(layer, style=_method_style(kind, account), joins=tuple(joins))
    yield from (replace(one, visible=False) for one in needed)


def _method_style(kind: qgis.Geometry, account: Account) -> qgis.LayerStyle:
    method = f'"{_MOVED_PREFIX}method"'
    values = [name.removeprefix("by_") for name, count in account.counts.items() if name.startswith("by_") and count]
    if account.review is not None:
        values.append("review")
        method = f"if(\"{_REVIEW_PREFIX}reason\" is not null, 'review', {method})"
    style = qgis.style_for("moved", geometry=kind, values=[*values, ""], words={"": "Not affected"})
    return replace(style, field=f"coalesce({method}, '')")


# --- Review ---


def kinds_of(table: Any) -> tuple[qgis.Geometry, ...]:
    """Return the kinds of geometry of a table in review."""
    return qgis.geometries(table.geom_type.dropna().unique()) if isinstance(table, gpd.GeoDataFrame) else ("table",)


def review_style(table: Any, kind: qgis.Geometry) -> qgis.LayerStyle:
    """Return the style of a table in review: by the reason."""
    return (
        qgis.style_for("review", geometry=kind, values=table["reason"]) if kind != "table" else qgis.style_for("table")
    )


def _review_titles(name: str, table: Any) -> list[str]:
    kinds, title = kinds_of(table), f"{_REVIEW_LAYER}{readable(name)}"
    return [title] if len(kinds) == 1 else [f"{title} ({kind}s)" for kind in kinds]


def _review_layers(name: str, table: Any) -> Iterator[qgis.ProjectLayer]:
    kinds, form = kinds_of(table), _form(name, table)
    for kind, title in zip(kinds, _review_titles(name, table), strict=True):
        style = review_style(table, kind)
        yield qgis.ProjectLayer("review", title, REVIEW, style, name, mixed=len(kinds) > 1, form=form)


def _finding_layers(table: gpd.GeoDataFrame) -> Iterator[qgis.ProjectLayer]:
    kinds = kinds_of(table)
    for kind in kinds:
        style = qgis.style_for("findings", geometry=kind, values=table["severity"])
        if kind == "point" and shapely.get_num_geometries(table.geometry.dropna()).sum() > MANY_FINDINGS:
            style = _smaller(style)
        title = "Findings" if len(kinds) == 1 else f"Findings ({kind}s)"
        yield qgis.ProjectLayer("review", title, REVIEW, style, "findings", mixed=len(kinds) > 1, fixed=True)


def _smaller(style: qgis.LayerStyle) -> qgis.LayerStyle:
    """Return a style of points that do not hide the map when there are very many."""
    small = (replace(one, symbol=replace(one.symbol, size=1.4, width=0.1)) for one in style.categories)
    return replace(style, categories=tuple(small))


def _answer_layer(shown: Shown) -> Sequence[qgis.ProjectLayer]:
    style = qgis.style_for("table")
    layer = qgis.ProjectLayer("review", readable(ANSWERS), REVIEW, style, ANSWERS, visible=False, fixed=True)
    return [layer] if shown.reviews else []


def _form(name: str, table: Any) -> qgis.Form:
    """Return the form of a review: what is known can be read, what was decided can be written."""
    geometry = table.geometry.name if isinstance(table, gpd.GeoDataFrame) else None
    columns = ["fid", *(str(column) for column in table.columns if column != geometry)]
    answers = qgis.Answers(readable(ANSWERS), "answer", "text", ("id", "id"), ("layer", name))
    written: dict[str, dict[str, Any]] = {
        "decision": {"answers": answers, "editable": True},
        "decided_by": {"default": _WHO, "editable": True},
        "note": {"lines": True, "editable": True},
    }

    def field(column: str) -> qgis.Field:
        label = _LABELS.get(column, readable(column))
        return qgis.Field(column, label, hidden=column in _HIDDEN, **written.get(column, {}))

    return qgis.Form(tuple(field(column) for column in columns))
