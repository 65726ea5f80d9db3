"""Where features lie: the share of each in each polygon, exact, with the least geometry work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.coverage import Geometries, Indices

CHUNK = 32  # vertices a piece of border line: short enough for tight boxes, long enough for few of them
LONG = 1024  # vertices of a polygon, above which only the part of it around the features is intersected
FEW = 8  # features that are not worth halving
LEAST = 1e-12  # share below which a feature only touches

Pairs = tuple[Indices, Indices, NDArray[np.float64]]


@dataclass(frozen=True)
class Shares:
    """Pairs of a feature and a polygon it lies in, with the share of it that does; the largest first."""

    feature: Indices
    polygon: Indices
    share: NDArray[np.float64]


def locate(features: Geometries, polygons: Geometries) -> Shares:
    """Return how features lie in polygons; where no border is touched, nothing is intersected.

    Areas are measured by area, lines by length, points by their number; what lies on a border is shared out
    evenly among the polygons that meet there. Features that are missing or empty have no pair.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> squares = np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)])
    >>> found = locate(np.array([shapely.box(3, 1, 7, 2), shapely.Point(1, 1)]), squares)
    >>> found.feature.tolist(), found.polygon.tolist(), found.share.tolist()
    ([0, 0, 1], [1, 0, 0], [0.75, 0.25, 1.0])
    """
    parts, owner, weight = _parts(features)
    at_border = _touching(parts, polygons)
    part, polygon, share = (
        np.concatenate(columns)
        for columns in zip(
            _contained(parts, np.flatnonzero(~at_border), polygons),
            _measured(parts, np.flatnonzero(at_border), polygons),
            strict=True,
        )
    )
    return _added_up(owner[part], polygon, share * weight[part])


def border_chunks(polygons: Geometries) -> Geometries:
    """Return the borders of polygons in short lines, so that the boxes around them are tight."""
    return line_chunks(shapely.get_parts(shapely.boundary(polygons)))


def line_chunks(lines: Geometries) -> Geometries:
    """Return lines cut into short ones; what is no line, or has no length in vertices, is left out."""
    coordinates, line = shapely.get_coordinates(lines, return_index=True)
    if not len(coordinates):
        return np.empty(0, dtype=object)
    starts = np.r_[0, np.flatnonzero(line[1:] != line[:-1]) + 1]
    position = np.arange(len(line)) - np.repeat(starts, np.diff(np.r_[starts, len(line)]))
    begins = position % CHUNK == 0
    chunk = np.cumsum(begins) - 1
    # the first vertex of a chunk also ends the chunk before on the same line, so that no edge is lost
    shared = np.flatnonzero(begins & (position > 0))
    vertices = np.insert(coordinates, shared, coordinates[shared], axis=0)
    owner = np.insert(chunk, shared, chunk[shared] - 1)
    kept = np.bincount(owner)[owner] > 1
    _, dense = np.unique(owner[kept], return_inverse=True)
    return np.asarray(shapely.linestrings(vertices[kept], indices=dense))


def _parts(features: Geometries) -> tuple[Geometries, Indices, NDArray[np.float64]]:
    """Return the single parts of features that count, the feature of each, and its weight in the feature."""
    parts, owner = shapely.get_parts(features, return_index=True)
    while (shapely.get_type_id(parts) == shapely.GeometryType.GEOMETRYCOLLECTION).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owner = owner[inner]
    usable = ~shapely.is_empty(parts)
    parts, owner = parts[usable], owner[usable]
    dimension = shapely.get_dimensions(parts)
    highest = np.zeros(len(features), dtype=np.intp)
    np.maximum.at(highest, owner, dimension)
    counts = dimension == highest[owner]  # of a collection, only areas, or else only lines, are measured
    parts, owner = parts[counts], owner[counts]
    several = np.bincount(owner, minlength=len(features)) > 1
    size = _size(parts)
    total = np.bincount(owner, weights=size, minlength=len(features))
    alike = total[owner] <= 0  # no part has any extent
    number = np.bincount(owner, minlength=len(features))
    weight = np.where(alike, 1 / number[owner], size / np.where(alike, 1, total[owner]))
    return parts, owner, np.where(several[owner], weight, 1.0)


def _touching(parts: Geometries, polygons: Geometries) -> NDArray[np.bool_]:
    touching = np.zeros(len(parts), dtype=bool)
    chunks = border_chunks(polygons)
    if len(parts) and len(chunks):
        touching[np.unique(STRtree(parts).query(chunks, predicate="intersects")[1])] = True
    return touching


def _contained(parts: Geometries, which: Indices, polygons: Geometries) -> Pairs:
    """Locate parts that touch no border: each lies where any of its points lies."""
    coordinates, owner = shapely.get_coordinates(parts[which], return_index=True)
    _, first = np.unique(owner, return_index=True)
    points = shapely.points(coordinates[first])
    polygon, position = STRtree(np.asarray(points)).query(polygons, predicate="intersects")
    return which[position], polygon, np.ones(len(position))


def _measured(parts: Geometries, which: Indices, polygons: Geometries) -> Pairs:
    """Measure parts that touch a border, polygon by polygon."""
    shapes = shapely.make_valid(parts[which], method="structure", keep_collapsed=False)
    collapsed = shapely.is_empty(shapes)
    shapes[collapsed] = shapely.make_valid(parts[which][collapsed])
    lines = shapely.get_dimensions(shapes) == 1
    shapes[lines] = shapely.node(shapes[lines])  # what is drawn twice counts once
    polygon, position = STRtree(shapes).query(polygons, predicate="intersects")
    extent = _size(shapes)[position]
    touched = np.bincount(position, minlength=len(shapes))
    share = 1 / touched[position]  # a point is shared out among all it touches
    extended = np.flatnonzero(extent > 0)
    first = np.flatnonzero(np.diff(polygon[extended], prepend=-1))
    for pairs in np.split(extended, first[1:]) if len(extended) else []:
        inside = shapes[position[pairs]]
        overlap = _overlap(inside, polygons[polygon[pairs[0]]])
        share[pairs] = _size(overlap, shapely.get_dimensions(inside)) / extent[pairs]
    total = np.bincount(position, weights=share, minlength=len(shapes))[position]
    share = share / np.maximum(total, 1)  # a line along a border is shared out as well
    kept = share > LEAST
    return which[position[kept]], polygon[kept], share[kept]


def _overlap(shapes: Geometries, polygon: Any) -> Geometries:
    """Intersect shapes with a polygon; with a long one by halves, each with the part of it around them."""
    if len(shapes) <= FEW or shapely.get_num_coordinates(polygon) <= LONG:
        return np.asarray(shapely.intersection(shapes, polygon))
    around = shapely.get_parts(shapely.intersection(polygon, shapely.box(*shapely.total_bounds(shapes))))
    near = shapely.multipolygons(around[shapely.get_dimensions(around) == 2])
    bounds = shapely.bounds(shapes)
    middle = bounds[:, :2] + bounds[:, 2:]
    axis = int(np.argmax(np.ptp(middle, axis=0)))
    halves = np.array_split(np.argsort(middle[:, axis], kind="stable"), 2)
    found = np.empty(len(shapes), dtype=object)
    for half in halves:
        found[half] = _overlap(shapes[half], near)
    return found


def _added_up(feature: Indices, polygon: Indices, share: NDArray[np.float64]) -> Shares:
    """Add up the parts of each feature in each polygon, and put the largest share first."""
    if not len(feature):
        return Shares(feature, polygon, share)
    key, at = np.unique(np.column_stack([feature, polygon]), axis=0, return_inverse=True)
    total = np.minimum(np.bincount(at.ravel(), weights=share), 1.0)
    order = np.lexsort([key[:, 1], -total, key[:, 0]])
    return Shares(key[order, 0], key[order, 1], total[order])


def _size(shapes: Geometries, dimension: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Return areas of areas and lengths of lines."""
    if dimension is None:
        dimension = np.asarray(shapely.get_dimensions(shapes))
    return np.asarray(np.where(dimension == 2, shapely.area(shapes), shapely.length(shapes)), dtype=np.float64)
