"""What a selector names: files, sub-units, keys, former units and editions, all turned into one claim on territory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomerge.coverage import Geometries, arrange
from geomerge.crs import require_same_crs
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.plan import Cut, Selector
from geomerge.steps import LabelledCut

Report = Callable[[Finding], None]


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
    """Territory claimed by a cut: what lies inside ``area`` (outside of it, if so said), bounded by ``lines``."""

    cut: Cut
    event: str
    area: Any
    lines: Geometries


@dataclass(frozen=True)
class Sources:
    """The tables that selectors can refer to, all in the CRS of the units."""

    files: dict[str, gpd.GeoDataFrame]
    code: str
    districts: Subunits | None = None
    parcels: Subunits | None = None


def claim(entry: LabelledCut, territory: Any, sources: Sources, report: Report) -> Claim | None:
    """Return the claim of one cut on a territory; what is wrong is reported, and then there may be none.

    Parameters
    ----------
    entry
        The cut and the label of its event.
    territory
        Polygon of the unit that is cut, None for land of no unit.
    sources
        Tables behind the selectors.
    report
        Called with each finding.
    """
    cut, selector = entry.cut, entry.cut.selector
    if selector.line:
        lines = shapely.get_parts(_file(selector.line, sources).geometry.to_numpy())
        return Claim(cut, entry.event, _side(selector, lines, territory), lines)
    try:
        area = _area(cut, sources)
    except _Missing as missing:
        report(Finding("must", "part", str(missing), entry.event, "Correct the selector or the layer it refers to."))
        return None
    found = Claim(cut, entry.event, area, _segments(shapely.boundary(area), territory))
    if cut.unit is not None and not cut.outside:
        _check_place(found, territory, report)
    return found


class _Missing(Exception):
    """The selector names something its table does not have."""


def _area(cut: Cut, sources: Sources) -> Any:
    selector = cut.selector
    if selector.area:
        return _union(_file(selector.area, sources))
    if selector.districts:
        return _union(_district_rows(cut, sources))
    if selector.keys:
        return _union(_parcel_rows(cut, sources))
    assert selector.edition is not None  # the checker asked for a selector
    edition = _file(selector.edition, sources)
    if cut.outside:
        return _union(edition)
    column = edition_column(edition, sources.code, selector.edition)
    names = [selector.former] if selector.former else [cut.new, cut.unit_there]
    for name in filter(None, names):
        rows = edition[edition[column] == name]
        if len(rows):
            return _union(rows)
    raise _Missing(f"{selector.edition} has no unit {' or '.join(filter(None, names))}")


def edition_column(edition: gpd.GeoDataFrame, code: str, name: str) -> str:
    """Return the column with the codes of an edition: named as in the units, or ``code``; always text."""
    for column in (code, "code"):
        if column in edition.columns:
            if not all(isinstance(value, str) for value in edition[column].dropna()):
                raise InputError(
                    f"Column {column} of {name} holds numbers, not text: leading zeros are lost. Convert it to text."
                )
            return column
    raise InputError(f"{name} has no column {code} (it has {', '.join(edition.columns)}). Name the code column so.")


def _file(name: str, sources: Sources) -> gpd.GeoDataFrame:
    if name not in sources.files:
        raise InputError(f"The plan refers to {name}, which is not among its sources. Read it with read_plan.")
    return sources.files[name]


def _union(table: gpd.GeoDataFrame) -> Any:
    geometries = table.geometry.dropna().to_numpy().copy()
    invalid = ~shapely.is_valid(geometries)
    geometries[invalid] = shapely.make_valid(geometries[invalid], method="structure")
    polygons = geometries[shapely.get_dimensions(geometries) == 2]
    if not len(polygons):
        raise _Missing("The part named has no polygon")
    return shapely.coverage_union_all(polygons) if shapely.coverage_is_valid(polygons) else shapely.union_all(polygons)


def _district_rows(cut: Cut, sources: Sources) -> gpd.GeoDataFrame:
    if sources.districts is None:
        raise _Missing("The part is named by districts, but there is no layer of districts")
    wanted = list(cut.selector.districts or ())
    table, key = sources.districts.table, sources.districts.key
    if missing := sorted(set(wanted) - set(table[key])):
        raise _Missing(f"No district {', '.join(missing)} in column {key}")
    return table[table[key].isin(wanted)]


def _parcel_rows(cut: Cut, sources: Sources) -> gpd.GeoDataFrame:
    if sources.parcels is None:
        raise _Missing("The part is named by parcel keys, but there is no layer of parcels")
    parcels = sources.parcels
    table = parcels.table
    if parcels.code is not None and cut.unit is not None:
        table = table[table[parcels.code] == cut.unit]
    tokens = [_tokens(str(key)) for key in table[parcels.key]]
    chosen = np.zeros(len(table), dtype=bool)
    missing = []
    for wanted in cut.selector.keys or ():
        hits = _matching(wanted, tokens)
        missing += [] if hits.any() else [wanted]
        chosen |= hits
    if missing:
        raise _Missing(f"No parcel of {cut.unit} has the key {', '.join(missing)}")
    return table[chosen]


_Token = tuple[int, int | str]


def _tokens(key: str) -> tuple[_Token, ...]:
    """Split a key into numbers and words that compare as people sort them."""
    found = re.findall(r"\d+|[^\W\d_]+", key)
    return tuple((0, int(token)) if token.isdigit() else (1, token) for token in found)


def _matching(wanted: str, tokens: Sequence[tuple[_Token, ...]]) -> Any:
    """Return which keys are meant: a key with all below it, or a range of them, both ends included."""
    first, _, last = wanted.partition("..")
    low = _tokens(first)
    high = _tokens(last) or low
    return np.array([low <= key[: len(low)] and key[: len(high)] <= high for key in tokens], dtype=bool)


def _segments(lines: Any, territory: Any) -> Geometries:
    """Return the single segments of lines, only those that touch the territory."""
    parts = shapely.get_parts(lines)
    coordinates, part = shapely.get_coordinates(parts, include_z=bool(shapely.has_z(lines)), return_index=True)
    same = part[1:] == part[:-1]
    pairs = np.stack([coordinates[:-1][same], coordinates[1:][same]], axis=1)
    segments: Geometries = shapely.linestrings(pairs)
    if territory is None:
        return segments
    return segments[shapely.STRtree(segments).query(territory, predicate="intersects")]


def _side(selector: Selector, lines: Geometries, territory: Any) -> Any:
    """Return the faces of a territory on the named side of a cutting line."""
    faces = arrange(np.append(lines, shapely.boundary(territory)))
    inside = faces.faces[faces.inside(np.array([territory]))[1]]
    if selector.holding is not None:
        return shapely.union_all(inside[shapely.contains(inside, shapely.Point(selector.holding))])
    # a thin strip along one side of the line tells which faces touch the line from there
    width = 1e-6 * max(shapely.length(lines).max(), 1e-9) * (1 if selector.side == "left" else -1)
    strips = shapely.union_all(shapely.buffer(lines, width, single_sided=True))
    touched = shapely.area(shapely.intersection(inside, strips))
    other = shapely.area(shapely.intersection(inside, shapely.union_all(shapely.buffer(lines, -width, single_sided=True))))
    return shapely.union_all(inside[touched > other])


def _check_place(found: Claim, territory: Any, report: Report) -> None:
    inside = shapely.area(shapely.intersection(found.area, territory))
    whole, unit = shapely.area(found.area), shapely.area(territory)
    place = shapely.point_on_surface(found.area)
    if inside <= 1e-9 * unit:
        report(
            Finding(
                "must", "part outside", f"The part named does not lie in {found.cut.unit}", found.event,
                "Correct the unit or the part; check its CRS.", place,
            )  # fmt: skip
        )
    elif inside >= (1 - 1e-9) * unit:
        report(
            Finding(
                "must", "part is whole", f"The part named is all of {found.cut.unit}", found.event,
                "Name the unit as a whole (merge, renumber) instead.", place,
            )  # fmt: skip
        )
    elif found.cut.selector.former is None and found.cut.selector.edition is None and inside < 0.99 * whole:
        report(
            Finding(
                "should", "part outside",
                f"{(whole - inside) / 1e6:.3f} of {whole / 1e6:.3f} km² of the part named lie outside {found.cut.unit}",
                found.event, "Only what lies inside is cut; see that this is meant.", place,
            )  # fmt: skip
        )


def require_sources_crs(units: gpd.GeoDataFrame, sources: Sources) -> None:
    """Raise CRSError unless every table behind the selectors is in the CRS of the units."""
    subunits = {"districts": sources.districts, "parcels": sources.parcels}
    tables = sources.files | {name: layer.table for name, layer in subunits.items() if layer is not None}
    require_same_crs(units=units, **tables)
