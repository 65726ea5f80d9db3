"""Where features lie: the share of each in each polygon, exact, with the least geometry work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.borders import Borders
from geomerge.coverage import Geometries, Indices
from geomerge.faces import UNSETTLED, Faces, boxes_of, holders
from geomerge.overlaps import shared_areas
from geomerge.portions import each
from geomerge.windows import intersections

LEAST = 1e-12  # share below which a feature only touches

Pairs = tuple[Indices, Indices, NDArray[np.float64]]


@dataclass(frozen=True)
class Shares:
    """Pairs of a feature and a polygon it lies in, with the share of it that does; the largest first."""

    feature: Indices
    polygon: Indices
    share: NDArray[np.float64]


NOWHERE = Shares(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0))


def locate(features: Geometries, polygons: Geometries | Borders) -> Shares:
    """Return how features lie in polygons; where no border is touched, nothing is intersected.

    Areas are measured by area, lines by length, points by their number; what lies on a border is shared out
    evenly among the polygons that meet there. Features that are missing or empty have no pair.

    Parameters
    ----------
    features
        Features of any kind.
    polygons
        Polygons; or their borders, if it is known that the features lie near to these.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> squares = np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)])
    >>> found = locate(np.array([shapely.box(3, 1, 7, 2), shapely.Point(1, 1)]), squares)
    >>> found.feature.tolist(), found.polygon.tolist(), found.share.tolist()
    ([0, 0, 1], [1, 0, 0], [0.75, 0.25, 1.0])
    """
    if isinstance(polygons, Borders):
        return _located(features, polygons)
    holder = Faces(polygons, len(features)).holder(boxes_of(features))
    open_ = np.flatnonzero(holder == UNSETTLED)
    settled = np.flatnonzero(holder >= 0)
    found = _located(features[open_], Borders(polygons)) if len(open_) else NOWHERE
    feature, polygon = np.r_[open_[found.feature], settled], np.r_[found.polygon, holder[settled]]
    order = np.argsort(feature, kind="stable")
    return Shares(feature[order], polygon[order], np.r_[found.share, np.ones(len(settled))][order])


def _located(features: Geometries, borders: Borders) -> Shares:
    """Locate features with a look at each of them."""
    parts, owner, weight = _parts(features)
    polygons, count = borders.polygons, max(len(borders.polygons), 1)
    touching, touched = borders.touched(parts)
    at_border = np.zeros(len(parts), dtype=bool)
    at_border[touching] = True
    # where no border is touched, all of a part lies where any of its points lies
    polygon, part = holders(_any_point(parts), polygons)
    inner = ~at_border[part]
    meeting = np.union1d(touching * count + touched, part[~inner] * count + polygon[~inner])
    measured = _measured(parts, *np.divmod(meeting, count), borders)
    columns = zip((part[inner], polygon[inner], np.ones(inner.sum())), measured, strict=True)
    part, polygon, share = (np.concatenate(column) for column in columns)
    return _added_up(owner[part], polygon, share * weight[part])


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


def _any_point(parts: Geometries) -> Geometries:
    coordinates, owner = shapely.get_coordinates(parts, return_index=True)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    return np.asarray(shapely.points(coordinates[first]), dtype=object)


def _measured(parts: Geometries, part: Indices, polygon: Indices, borders: Borders) -> Pairs:
    """Measure parts that touch a border, each in the polygons it meets."""
    which, position = np.unique(part, return_inverse=True)
    shapes, mended = _sound(parts[which])
    if mended.any():  # what is left of it may meet fewer polygons
        again, met = STRtree(shapes[mended]).query(borders.polygons, predicate="intersects")[::-1]
        as_they_were = ~mended[position]
        position = np.r_[position[as_they_were], np.flatnonzero(mended)[again]]
        polygon = np.r_[polygon[as_they_were], met]
    extent = _size(shapes)[position]
    touched = np.bincount(position, minlength=len(shapes))
    share = 1 / touched[position]  # a point is shared out among all it touches
    extended = np.flatnonzero(extent > 0)
    share[extended] = _shared(shapes, borders, position[extended], polygon[extended]) / extent[extended]
    total = np.bincount(position, weights=share, minlength=len(shapes))[position]
    share = share / np.maximum(total, 1)  # a line along a border is shared out as well
    kept = share > LEAST
    return which[position[kept]], polygon[kept], share[kept]


def _shared(shapes: Geometries, borders: Borders, position: Indices, polygon: Indices) -> NDArray[np.float64]:
    """Return area or length that shapes share with polygons, pair by pair."""
    dimension = shapely.get_dimensions(shapes)[position]
    size = np.full(len(position), np.nan)
    areas = dimension == 2
    size[areas] = shared_areas(shapes, borders, position[areas], polygon[areas])
    rest = np.flatnonzero(np.isnan(size))
    if len(rest):
        overlap = intersections(shapes[position[rest]], borders.polygons, polygon[rest])
        size[rest] = _size(overlap, dimension[rest])
    return size


def _sound(shapes: Geometries) -> tuple[Geometries, NDArray[np.bool_]]:
    """Return valid shapes whose lines count once, and which had to be mended for it."""
    shapes = shapes.copy()
    faulty = ~each(shapely.is_valid, shapes)
    mended = shapely.make_valid(shapes[faulty], method="structure", keep_collapsed=False)
    collapsed = shapely.is_empty(mended)
    mended[collapsed] = shapely.make_valid(shapes[faulty][collapsed])
    shapes[faulty] = mended
    lines = shapely.get_dimensions(shapes) == 1
    shapes[lines] = shapely.node(shapes[lines])  # what is drawn twice counts once
    return shapes, faulty


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
