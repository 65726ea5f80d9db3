"""Corners: those a neighbour's edge needs where a unit was cut, and the heights of those that are new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Mask, Numbers, keys, objects, present, tolerance
from geomerge.errors import InputError


@dataclass(frozen=True)
class Inserted:
    """Polygons with corners inserted; pairs of positions of a changed polygon and a corner it received."""

    polygons: Geometries
    which: Indices
    corner: Indices


def insert_corners(polygons: Geometries, corners: Geometries, reach: float) -> Inserted:
    """Insert corners into the edges they lie on, so that polygons match a neighbour that was cut.

    No corner that is there already moves, rings keep their start, and heights are interpolated along the
    edge.

    Parameters
    ----------
    polygons
        Polygons whose edges may need the corners; those that need none are returned as the same objects.
    corners
        Points.
    reach
        Distance in CRS units within which a corner lies on an edge.

    Examples
    --------
    >>> import shapely
    >>> corner = objects([shapely.Point(1, 0.5)])
    >>> insert_corners(objects([shapely.box(0, 0, 1, 1)]), corner, 0).polygons[0].wkt
    'POLYGON ((1 0, 1 0.5, 1 1, 0 1, 0 0, 1 0))'
    """
    which, corner = STRtree(corners).query(shapely.boundary(polygons), predicate="dwithin", distance=reach)
    at = shapely.get_coordinates(corners)
    changed = polygons.copy()
    received = np.zeros(len(which), dtype=bool)
    for position in np.unique(which):
        pairs = np.flatnonzero(which == position)
        changed[position], received[pairs] = _into_polygon(polygons[position], at[corner[pairs]], reach)
    return Inserted(changed, which[received], corner[received])


def _into_polygon(polygon: Any, corners: Numbers, reach: float) -> tuple[Any, Any]:
    """Return the polygon with corners inserted, and which of them it received."""
    if shapely.has_m(polygon):
        raise InputError(
            "A unit next to a cut needs a new corner, but has M values, which cannot be told there. "
            "Drop them before: shapely.force_2d(...) or force_3d(...)."
        )
    received = np.zeros(len(corners), dtype=bool)
    parts = []
    for part in shapely.get_parts(polygon):
        rings = []
        for ring in shapely.get_rings(part):
            line = shapely.get_coordinates(ring, include_z=bool(polygon.has_z))
            rings.append(_into_ring(line, corners, reach, received))
        parts.append(shapely.Polygon(rings[0], rings[1:]))
    if not received.any():
        return polygon, received
    return (shapely.MultiPolygon(parts) if polygon.geom_type == "MultiPolygon" else parts[0]), received


def _into_ring(line: Numbers, corners: Numbers, reach: float, received: Any) -> Numbers:
    """Return the coordinates of a ring with corners inserted; notes in ``received`` which ones."""
    start, along = line[:-1], np.diff(line, axis=0)
    squares = (along[:, :2] ** 2).sum(axis=1)
    found = []
    for number in np.flatnonzero(~np.isin(keys(corners), keys(line))):
        offset = corners[number] - start[:, :2]
        reached = (offset * along[:, :2]).sum(axis=1)
        where = np.clip(np.divide(reached, squares, out=np.zeros(len(squares)), where=squares > 0), 0, 1)
        gaps = np.hypot(*(offset - where[:, None] * along[:, :2]).T)
        edge = int(np.argmin(gaps))
        if gaps[edge] <= reach:
            received[number] = True
            height = (start[edge] + where[edge] * along[edge])[2:]
            found.append((edge, where[edge], np.append(corners[number], height)))
    if not found:
        return line
    found.sort(key=lambda corner: corner[:2])
    return np.insert(line, [edge + 1 for edge, _, _ in found], [corner for *_, corner in found], axis=0)


def with_heights(shapes: Geometries, polygons: Geometries, lines: Geometries | None = None) -> Geometries:
    """Return shapes with the heights of polygons and lines, as they are where those have none.

    A corner that a polygon has takes the height it has there (in the first that has it), one on a polygon's
    edge the height of the edge, one that a line has that of the line, any other one that of the nearest edge
    or line.

    Examples
    --------
    >>> import shapely
    >>> slope = objects([shapely.from_wkt("POLYGON Z ((0 0 1, 2 0 3, 2 2 3, 0 2 1, 0 0 1))")])
    >>> with_heights(objects([shapely.Point(1, 0), shapely.Point(2, 2)]), slope).tolist()
    [<POINT Z (1 0 2)>, <POINT Z (2 2 3)>]
    """
    lines = objects([]) if lines is None else lines
    polygons, lines = (known[present(known) & shapely.has_z(known)] for known in (polygons, lines))
    edges = shapely.get_parts(shapely.boundary(polygons))
    known = np.append(edges, lines)
    if not len(known):
        return shapes
    reach = tolerance(known)

    def lift(coordinates: Numbers) -> Numbers:
        points = np.asarray(shapely.points(coordinates[:, :2]))
        heights = _heights_at_corners(coordinates, polygons)
        _fill(heights, lambda at: _heights_on(points[at], edges, reach))
        _fill(heights, lambda at: _heights_at_corners(coordinates[at], lines))
        _fill(heights, lambda at: _heights_on(points[at], known))
        _fill(heights, lambda at: _heights_of_nearest_corner(points[at], known))
        return np.column_stack([coordinates[:, :2], heights])

    return objects(list(shapely.transform(shapely.force_3d(shapes, z=0.0), lift, include_z=True)))


def _fill(heights: Numbers, find: Callable[[Mask], Numbers]) -> None:
    """Fill in heights that are missing."""
    if (missing := np.isnan(heights)).any():
        heights[missing] = find(missing)


def _corners(shapes: Geometries) -> Numbers:
    corners: Numbers = shapely.get_coordinates(shapes, include_z=True)
    return corners[~np.isnan(corners[:, 2])]


def _heights_at_corners(coordinates: Numbers, known: Geometries) -> Numbers:
    """Return the heights that known geometries have at their corners, missing elsewhere."""
    corners = _corners(known)
    if not len(corners):
        return np.full(len(coordinates), np.nan)
    there, first = np.unique(keys(corners), return_index=True)
    wanted = keys(coordinates)
    at = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    return np.where(there[at] == wanted, corners[first[at], 2], np.nan)


def _heights_on(points: Geometries, lines: Geometries, reach: float = np.inf) -> Numbers:
    """Return the heights of the nearest line at its point nearest to each point, missing beyond reach."""
    if not len(lines):
        return np.full(len(points), np.nan)
    nearest = lines[STRtree(lines).nearest(points)]
    feet = shapely.line_interpolate_point(nearest, shapely.line_locate_point(nearest, points))
    return np.where(shapely.distance(feet, points) <= reach, shapely.get_z(feet), np.nan)


def _heights_of_nearest_corner(points: Geometries, known: Geometries) -> Numbers:
    """Return the height of the nearest corner that has one: the nearest edge has a corner without."""
    corners = _corners(known)
    if not len(corners):
        return np.zeros(len(points))
    return np.asarray(corners[:, 2][STRtree(np.asarray(shapely.points(corners[:, :2]))).nearest(points)])


def require_no_measures(polygons: Geometries, codes: list[str]) -> None:
    """Raise InputError for polygons with M values: nobody knows them where polygons are cut or joined."""
    if found := [code for code, has in zip(codes, shapely.has_m(polygons), strict=True) if has]:
        listed = ", ".join(found[:5]) + (" and others" if len(found) > 5 else "")
        raise InputError(
            f"The plan cuts or joins {listed}, which have M values, and these are unknown for the result. "
            f"Drop them before: shapely.force_2d(...) or force_3d(...)."
        )
