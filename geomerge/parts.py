"""What a selector names, be it a file, sub-units, keys or an edition, turned into a claim on territory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomerge.coverage import Geometries, join, make_valid, objects
from geomerge.crs import require_same_crs
from geomerge.errors import InputError
from geomerge.findings import Finding, Notes
from geomerge.keyranges import matching, tokens
from geomerge.lines import side_of_lines
from geomerge.plan import Plan
from geomerge.selectors import Cut
from geomerge.steps import LabelledCut


@dataclass(frozen=True)
class Subunits:
    """A layer of smaller areas that can name a part: statistical tracts, cadastral districts, parcels.

    Parameters
    ----------
    table
        The areas.
    key
        Column that names them: district codes, or parcel keys without the code of the unit.
    code
        Column with the code of the unit they lie in; needed where the key alone is not unique.
    """

    table: gpd.GeoDataFrame
    key: str
    code: str | None = None


@dataclass(frozen=True)
class Claim:
    """Territory claimed by a cut: inside ``area`` (outside of it, if so said), bounded by ``lines``."""

    cut: Cut
    event: str
    area: Any
    lines: Geometries


@dataclass(frozen=True)
class Sources:
    """The tables that selectors can refer to, all in the CRS of the units."""

    files: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    code: str = "code"
    districts: Subunits | None = None
    parcels: Subunits | None = None


class _Unclear(Exception):
    """The selector names nothing that can be cut."""


def claim(entry: LabelledCut, territory: Any, sources: Sources, notes: Notes) -> Claim | None:
    """Return the claim of one cut on a territory; what is wrong is noted, and then there may be none.

    Parameters
    ----------
    entry
        The cut and the label of its event.
    territory
        Polygon of the unit that is cut, None for land of no unit.
    sources
        Tables behind the selectors.
    notes
        Takes the findings.
    """
    cut, selector = entry.cut, entry.cut.selector
    try:
        if selector.line:
            lines = shapely.get_parts(_file(selector.line, sources).geometry.to_numpy())
            area = _beside_lines(entry, lines, territory, notes)
        else:
            area = _area(cut, territory, sources)
            lines = shapely.boundary(objects([area]))
    except _Unclear as fault:
        remedy = "Correct the selector or the layer it refers to."
        notes(Finding("must", "part", str(fault), entry.event, remedy))
        return None
    found = Claim(cut, entry.event, area, _segments(lines, territory))
    by_edition = cut.kind == "correction" and selector.edition is not None
    if cut.unit is not None and not by_edition:
        _check_place(found, territory, notes)
    return found


def _beside_lines(entry: LabelledCut, lines: Geometries, territory: Any, notes: Notes) -> Any:
    cut = entry.cut
    if territory is None:
        raise _Unclear(f"A line cannot tell which land of no unit goes to {cut.new}")
    found = side_of_lines(lines, territory, side=cut.selector.side, holding=cut.selector.holding)
    if found.fault:
        raise _Unclear(found.fault.format(unit=cut.unit))
    if found.apart:
        area = notes.area(float(shapely.area(found.apart).sum()))
        what = f"The line does not touch {len(found.apart)} parts ({area}) of {cut.unit}; they do not move"
        remedy = "Name them with an area if they are to move as well."
        where = shapely.point_on_surface(found.apart[0])
        notes(Finding("should", "parts apart", what, entry.event, remedy, where))
    return found.area


def _area(cut: Cut, territory: Any, sources: Sources) -> Any:
    selector = cut.selector
    if selector.area:
        return _union(_file(selector.area, sources))
    if selector.districts:
        return _union(_district_rows(cut, sources))
    if selector.keys:
        return _union(_parcel_rows(cut, sources))
    assert selector.edition is not None  # the plan was checked: every cut has a selector
    edition = _file(selector.edition, sources)
    if cut.outside:  # only what is drawn around the territory counts
        around = edition.sindex.query(shapely.box(*shapely.bounds(territory)), sort=True)
        return _union(edition.iloc[around]) if len(around) else shapely.Polygon()
    names = [selector.former] if selector.former else list(filter(None, [cut.new, cut.unit_there]))
    column = edition_column(edition, sources.code, selector.edition, names)
    for name in names:
        rows = edition[edition[column] == name]
        if len(rows):
            return _union(rows)
    raise _Unclear(f"{selector.edition} has no unit {' or '.join(names)}")


def edition_column(edition: gpd.GeoDataFrame, code: str, name: str, wanted: Sequence[str] = ()) -> str:
    """Return the column with the codes of an edition, always text.

    It is the one named as in the units, or ``code``; else the only column in which a wanted code stands.
    """
    for column in (code, "code"):
        if column in edition.columns:
            if not all(isinstance(value, str) for value in edition[column].dropna()):
                raise InputError(
                    f"Column {column} of {name} holds numbers, not text: leading zeros are lost. Convert it to text."
                )
            return column
    others = [column for column in edition.columns if column != edition.geometry.name]
    holding = [str(column) for column in others if edition[column].isin(wanted).any()]
    if len(holding) == 1:
        return holding[0]
    has = ", ".join(map(str, edition.columns))
    raise InputError(f"{name} has no column {code} (it has {has}). Name the code column so.")


def _file(name: str, sources: Sources) -> gpd.GeoDataFrame:
    return sources.files[name]  # require_sources made sure


def _union(table: gpd.GeoDataFrame) -> Any:
    geometries = make_valid(table.geometry.dropna().to_numpy())
    polygons = geometries[(shapely.get_dimensions(geometries) == 2) & ~shapely.is_empty(geometries)]
    if not len(polygons):
        raise _Unclear("The part named has no polygon")
    return join(polygons) if shapely.coverage_is_valid(polygons) else shapely.union_all(polygons)


def _district_rows(cut: Cut, sources: Sources) -> gpd.GeoDataFrame:
    if sources.districts is None:
        raise _Unclear("The part is named by districts, but there is no layer of districts")
    wanted = list(cut.selector.districts or ())
    table, key = sources.districts.table, sources.districts.key
    if sources.districts.code is not None and cut.unit is not None:
        table = table[table[sources.districts.code] == cut.unit]
    if missing := sorted(set(wanted) - set(table[key])):
        raise _Unclear(f"No district of {cut.unit} has the code {', '.join(missing)} in column {key}")
    return table[table[key].isin(wanted)]


def _parcel_rows(cut: Cut, sources: Sources) -> gpd.GeoDataFrame:
    if sources.parcels is None:
        raise _Unclear("The part is named by parcel keys, but there is no layer of parcels")
    parcels = sources.parcels
    table = parcels.table
    if parcels.code is not None and cut.unit is not None:
        table = table[table[parcels.code] == cut.unit]
    known = [tokens(str(key)) for key in table[parcels.key]]
    chosen = np.zeros(len(table), dtype=bool)
    missing = []
    for wanted in cut.selector.keys or ():
        hits = matching(wanted, known)
        missing += [] if hits.any() else [wanted]
        chosen |= hits
    if missing:
        raise _Unclear(f"No parcel of {cut.unit} has the key {', '.join(missing)}")
    return table[chosen]


def _segments(lines: Geometries, territory: Any) -> Geometries:
    """Return the single segments of lines, only those that touch the territory."""
    parts = shapely.get_parts(lines)
    has_z = bool(shapely.has_z(parts).any())
    corners, part = shapely.get_coordinates(parts, include_z=has_z, return_index=True)
    same = part[1:] == part[:-1]
    segments = np.asarray(shapely.linestrings(np.stack([corners[:-1][same], corners[1:][same]], axis=1)), dtype=object)
    if territory is None:
        return segments
    return segments[np.sort(shapely.STRtree(segments).query(territory, predicate="intersects"))]


def _check_place(found: Claim, territory: Any, notes: Notes) -> None:
    """Note a part that lies outside of its unit, or is all of it."""
    inside = shapely.area(shapely.intersection(found.area, territory))
    whole, unit = shapely.area(found.area), shapely.area(territory)
    where = shapely.point_on_surface(found.area)
    code, selector = found.cut.unit, found.cut.selector
    if inside <= 1e-9 * unit:
        what, remedy = (
            f"The part named does not lie in {code}",
            "Correct the unit or the part; check its CRS.",
        )
        notes(Finding("must", "part outside", what, found.event, remedy, where))
    elif inside >= (1 - 1e-9) * unit:
        what = f"The part named is all of {code}"
        remedy = "Name the unit as a whole (merge, renumber) instead."
        notes(Finding("must", "part is whole", what, found.event, remedy, where))
    elif selector.former is None and selector.edition is None and inside < 0.99 * whole:
        what = f"{notes.area(whole - inside)} of the part named ({notes.area(whole)}) lie outside {code}"
        remedy = "Only what lies inside is cut; see that this is meant."
        notes(Finding("should", "part outside", what, found.event, remedy, where))


def require_sources(units: gpd.GeoDataFrame, plan: Plan, sources: Sources) -> None:
    """Raise InputError for files that were not read, CRSError unless all are in the CRS of the units."""
    if missing := [name for name in plan.files() if name not in sources.files]:
        raise InputError(
            f"The plan refers to {', '.join(missing)}, but its sources have no such table. "
            f"Read the plan with read_plan, or give the tables as sources."
        )
    subunits = {"districts": sources.districts, "parcels": sources.parcels}
    tables = sources.files | {name: layer.table for name, layer in subunits.items() if layer is not None}
    require_same_crs(units=units, **tables)
