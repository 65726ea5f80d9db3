"""Windows: intersect polygons with many small shapes, each with the part of the polygon around it."""

from __future__ import annotations

import numpy as np
import shapely

from geomerge.coverage import Geometries, Indices, Numbers
from geomerge.portions import each

LONG = 64  # vertices of a polygon, above which only the part of it around a shape is intersected
DEPTH = 16  # halvings of a window, at most


def intersections(shapes: Geometries, polygons: Geometries, polygon: Indices) -> Geometries:
    """Return what each shape shares with one of the polygons, told by its number.

    Polygons with many vertices are cut to windows, these to smaller ones, as long as a shape fits in. Windows lie in a
    fixed pattern over each polygon, so that the answer for a shape does not depend on other shapes.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> circle = shapely.Point(0, 0).buffer(100, quad_segs=1000)
    >>> shapes = shapely.box([-2, 90, 99], -1, [0, 95, 103], 1)
    >>> found = intersections(shapes, np.array([circle]), np.zeros(3, dtype=int))
    >>> shapely.area(found).round(2).tolist()
    [4.0, 10.0, 2.0]
    """
    used, part = np.unique(polygon, return_inverse=True)
    parts = polygons[used]
    frames = shapely.bounds(parts)
    sides = (frames[:, 2:] - frames[:, :2]).max(axis=1, initial=0)
    whole = frames[part]
    boxes = shapely.bounds(shapes)
    boxes = np.hstack([np.maximum(boxes[:, :2], whole[:, :2]), np.minimum(boxes[:, 2:], whole[:, 2:])])
    low, side = frames[part, :2], sides[part]
    for depth in range(1, DEPTH):
        long = shapely.get_num_coordinates(parts) > LONG
        rows = np.flatnonzero(long[part])
        at, window = _window(boxes[rows], low[rows], side[rows] / 2**depth)
        fits = (window[:, :2] <= boxes[rows, :2]).all(axis=1) & (window[:, 2:] >= boxes[rows, 2:]).all(axis=1)
        if not fits.any():
            break
        rows, at, window = rows[fits], at[fits], window[fits]
        key = (part[rows] << 2 * DEPTH + 2) | (at[:, 0] << DEPTH + 1) | at[:, 1]
        _, first, child = np.unique(key, return_index=True, return_inverse=True)
        frame = np.asarray(shapely.box(*window[first].T), dtype=object)
        cut = each(_cut, parts[part[rows[first]]], frame)
        part[rows] = len(parts) + child
        parts = np.append(parts, cut)
        kept, part = np.unique(part, return_inverse=True)
        parts = parts[kept]
    return each(shapely.intersection, shapes, parts[part])


def _window(boxes: Numbers, low: Numbers, side: Numbers) -> tuple[Indices, Numbers]:
    """Return the place, in sides, of the window around each box, and the window: two sides wide and high."""
    at = np.floor((boxes[:, :2] - low) / side[:, None])
    corner = low + at * side[:, None]
    return at.astype(np.intp), np.hstack([corner, corner + 2 * side[:, None]])


def _cut(polygons: Geometries, windows: Geometries) -> Geometries:
    """Return the part of each polygon in its window; only areas count."""
    found = np.asarray(shapely.intersection(polygons, windows), dtype=object)
    for position in np.flatnonzero(shapely.get_type_id(found) == shapely.GeometryType.GEOMETRYCOLLECTION).tolist():
        inner = shapely.get_parts(found[position])
        areas = shapely.get_parts(inner[shapely.get_dimensions(inner) == 2])
        found[position] = shapely.multipolygons(areas)
    shapely.bounds(found)  # computed once and kept, before several threads ask for it
    return found
