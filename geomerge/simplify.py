"""Simplify: units with fewer corners for maps on the web, which share their edges as before."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import shapely
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Mask, Numbers, faulty_edges, join_all, objects, present
from geomerge.crs import from_metres, length_unit, require_projected, require_same_crs
from geomerge.errors import InputError
from geomerge.findings import Finding, Notes
from geomerge.segments import segments_of

DETAIL = 0.0003  # metres on the map that an eye can just tell apart
SMALLEST = 0.0005  # metres on the map: a square of this side is the smallest island shown


def simplify(
    units: gpd.GeoDataFrame,
    *,
    scale: float | None = None,
    tolerance: float | None = None,
    smallest: float | None = None,
    code: str = "code",
    findings: list[Finding] | None = None,
) -> gpd.GeoDataFrame:
    """Leave out corners that a map of the scale cannot show; an edge that two units share stays one edge.

    Corners are left out by the area of the triangle they make with their neighbours, over the whole coverage at once
    (Visvalingam and Whyatt 1993, as GEOS does it for coverages). Islands and lakes that are too small are left out; the
    largest part of a unit always stays, and so does every part that borders on another unit.

    Parameters
    ----------
    units
        Units that share their edges vertex by vertex, in a projected CRS; or the pieces, or a level.
    scale
        Denominator of the scale: 1_000_000 for 1 : 1 000 000.
    tolerance
        Instead of the scale: side of the square with the area of the smallest triangle that stays, in CRS units.
    smallest
        Smallest island or lake that stays, in squared CRS units; by the scale where it is not given, else 0.
    code
        Column with the code of a unit, for findings.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        The units with simplified polygons, without heights; all else as it was.

    Raises
    ------
    InputError
        If neither scale nor tolerance is given, or one is not above 0.
    CRSError
        If the units have no projected CRS.

    Examples
    --------
    >>> jagged = shapely.Polygon([(0, 0), (500, 1), (1000, 0), (1000, 1000), (0, 1000)])
    >>> table = gpd.GeoDataFrame({"code": ["1"]}, geometry=[jagged], crs="EPSG:25832")
    >>> simplify(table, scale=1_000_000).geometry.iat[0].wkt
    'POLYGON ((0 0, 1000 0, 1000 1000, 0 1000, 0 0))'
    """
    require_projected(units, "the units")
    width, least = _measures(units, scale, tolerance, smallest)
    notes = Notes(length_unit(units.crs))
    shapes = objects(shapely.force_2d(units.geometry.to_numpy()))
    there = np.flatnonzero(present(shapes))
    for finding in _faults(shapes[there], units[code].to_numpy()[there], notes):
        notes(finding)
    kept, dropped, filled = _without_specks(shapes[there], least)
    shapes[there] = shapely.coverage_simplify(kept, width)
    if dropped or filled:
        what = f"{dropped} islands and {filled} lakes below {notes.area(least)} are left out"
        notes(Finding("should", "left out", what, "units", "Give a smaller area (smallest) to keep them."))
    notes.settle(findings)
    return units.set_geometry(gpd.GeoSeries(shapes, index=units.index, crs=units.crs))


def simplify_level(level: gpd.GeoDataFrame, units: gpd.GeoDataFrame, simplified: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Join simplified units to the units of a level, so that both run along the same edges.

    Parameters
    ----------
    level
        The level; each unit lies in one of its polygons.
    units, simplified
        The units, and the same in the same order from :func:`simplify`.

    Returns
    -------
    GeoDataFrame
        The level with simplified polygons, all else as it was.

    Raises
    ------
    InputError
        If a unit lies in no polygon of the level, or in several.

    Examples
    --------
    >>> squares = [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]
    >>> table = gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=squares, crs="EPSG:25832")
    >>> nation = gpd.GeoDataFrame({"nation": ["all"]}, geometry=[shapely.box(0, 0, 2, 1)], crs="EPSG:25832")
    >>> simplify_level(nation, table, simplify(table, tolerance=0.1)).area.tolist()
    [2.0]
    """
    require_same_crs(level=level, units=units, simplified=simplified)
    there = np.flatnonzero(present(objects(units.geometry.to_numpy())))
    points = shapely.point_on_surface(objects(units.geometry.to_numpy())[there])
    point, holder = STRtree(objects(level.geometry.to_numpy())).query(points, predicate="within")
    if len(point) != len(there) or len(np.unique(point)) != len(there):
        raise InputError("Some units lie in no polygon of the level, or in several. Take the level of the same day.")
    polygons = objects(simplified.geometry.to_numpy())
    groups = [there[point[holder == at]] for at in range(len(level))]
    joined = objects([None] * len(level))
    filled = [at for at, group in enumerate(groups) if len(group)]
    joined[filled] = join_all(polygons, [groups[at] for at in filled])
    return level.set_geometry(gpd.GeoSeries(joined, index=level.index, crs=level.crs))


def _measures(
    units: gpd.GeoDataFrame, scale: float | None, tolerance: float | None, smallest: float | None
) -> tuple[float, float]:
    """Return the tolerance and the smallest area, in CRS units."""
    if (scale is None) == (tolerance is None):
        raise InputError("Give either a scale, such as 1000000, or a tolerance in units of the CRS.")
    for name, value in {"scale": scale, "tolerance": tolerance}.items():
        if value is not None and not value > 0:
            raise InputError(f"{name} is {value}; it must be above 0.")
    if smallest is not None and not smallest >= 0:
        raise InputError(f"smallest is {smallest}; it may not be below 0.")
    if scale is None:
        return float(tolerance or 0), smallest or 0.0
    least = from_metres(scale * SMALLEST, units.crs) ** 2 if smallest is None else smallest
    return from_metres(scale * DETAIL, units.crs), least


def _faults(shapes: Geometries, codes: Numbers, notes: Notes) -> Iterator[Finding]:
    """Find edges that are not shared; they are simplified on their own, and may part or cross."""
    for unit, edges in zip(codes, faulty_edges(shapes, 0.01), strict=True):
        if edges is not None:
            what = f"{unit} does not share {notes.length(shapely.length(edges))} of its edges"
            place = shapely.get_point(shapely.get_parts(edges)[0], 0)
            yield Finding("should", "unmatched edge", what, "units", "Mend the units before simplifying them.", place)


def _without_specks(shapes: Geometries, least: float) -> tuple[Geometries, int, int]:
    """Return polygons without small islands and lakes, and how many of each were left out."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    faces = np.asarray(shapely.polygons(rings), dtype=object)
    shell = np.append(True, part[1:] != part[:-1])[: len(part)]
    small = ~_bordering(parts) & (shapely.area(faces) < least)
    lakes = small & ~shell
    islands = np.bincount(part[~small], minlength=len(parts)) == 0  # with all that lies in them
    islands[_largest(shapely.area(parts), owner)] = False
    lakes &= ~islands[part]
    if not (lakes.any() or islands.any()):
        return shapes, 0, 0
    for at in np.unique(part[lakes]).tolist():
        holes = rings[(part == at) & ~shell & ~lakes]
        parts[at] = shapely.polygons(rings[np.flatnonzero(part == at)[0]], holes=holes if len(holes) else None)
    changed = np.unique(np.append(owner[part[lakes]], owner[islands]))
    found = shapes.copy()
    for at in changed.tolist():
        left = parts[(owner == at) & ~islands]
        found[at] = left[0] if len(left) == 1 else shapely.multipolygons(left)
    return found, int(islands.sum()), int(lakes.sum())


def _bordering(parts: Geometries) -> Mask:
    """Return which rings share an edge with another part."""
    segments = segments_of(parts)
    matched, wrong = segments.matched()
    shared = np.append(matched | wrong, False)
    return np.asarray(np.logical_or.reduceat(shared, segments.ends[:-1]))


def _largest(areas: Numbers, owner: Indices) -> Indices:
    """Return the position of the largest part of each owner."""
    order = np.lexsort([-areas, owner])
    return np.asarray(order[np.append(True, np.diff(owner[order]) > 0)[: len(order)]])
