"""Where features lie: the share of each in each polygon, exact, with the least geometry work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.coverage import Geometries, Indices

CHUNK = 32  # vertices a piece of border line: short enough for tight boxes, long enough for few of them


@dataclass(frozen=True)
class Shares:
    """Pairs of a feature and a polygon it lies in, with the share of its area, length or points, the largest first."""

    feature: Indices
    polygon: Indices
    share: NDArray[np.float64]


def locate(features: Geometries, polygons: Geometries) -> Shares:
    """Return how features lie in polygons; ``share`` is 1 without any intersection where no border is touched.

    Points have share 1 in every polygon they touch; areas are measured by area, lines by length. Features that are
    missing or empty have no pair.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> squares = np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)])
    >>> found = locate(np.array([shapely.box(3, 1, 7, 2), shapely.Point(1, 1)]), squares)
    >>> found.feature.tolist(), found.polygon.tolist(), found.share.tolist()
    ([0, 0, 1], [1, 0, 0], [0.75, 0.25, 1.0])
    """
    usable = np.flatnonzero(~(shapely.is_missing(features) | shapely.is_empty(features)))
    at_border = _touching(features[usable], polygons)
    clear, unclear = usable[~at_border], usable[at_border]
    # a feature that touches no border lies where any of its points lies
    holder, inside = STRtree(_first_points(features[clear])).query(polygons, predicate="intersects")
    feature, polygon, share = _measured(features, unclear, polygons)
    pairs = Shares(
        np.concatenate([clear[inside], feature]),
        np.concatenate([holder, polygon]),
        np.concatenate([np.ones(len(inside)), share]),
    )
    order = np.lexsort([pairs.polygon, -pairs.share, pairs.feature])
    return Shares(pairs.feature[order], pairs.polygon[order], pairs.share[order])


def border_chunks(polygons: Geometries) -> Geometries:
    """Return the borders of polygons in short lines, so that the boxes around them are tight."""
    parts = shapely.get_parts(shapely.boundary(polygons))
    coordinates, line = shapely.get_coordinates(parts, return_index=True)
    if not len(coordinates):
        return np.empty(0, dtype=object)
    position = _position(line)
    piece = np.unique(np.column_stack([line, position // CHUNK]), axis=0, return_inverse=True)[1].ravel()
    last = np.flatnonzero((position % CHUNK == 0) & (position > 0))
    # the first vertex of a piece also ends the piece before, so that no edge is lost
    doubled = np.concatenate([coordinates, coordinates[last]])
    owner = np.concatenate([piece, piece[last] - 1])
    order = np.lexsort([np.r_[np.arange(len(coordinates)), last], owner])
    doubled, owner = doubled[order], owner[order]
    counts = np.bincount(owner)
    long_enough = counts[owner] > 1
    _, dense = np.unique(owner[long_enough], return_inverse=True)
    chunks: Geometries = shapely.linestrings(doubled[long_enough], indices=dense)
    return chunks


def _position(line: Indices) -> Indices:
    starts = np.r_[0, np.flatnonzero(line[1:] != line[:-1]) + 1]
    lengths = np.diff(np.r_[starts, len(line)])
    return np.arange(len(line)) - np.repeat(starts, lengths)


def _touching(features: Geometries, polygons: Geometries) -> NDArray[np.bool_]:
    touching = np.zeros(len(features), dtype=bool)
    chunks = border_chunks(polygons)
    if len(features) and len(chunks):
        touching[np.unique(STRtree(features).query(chunks, predicate="intersects")[1])] = True
    return touching


def _first_points(features: Geometries) -> Geometries:
    coordinates, owner = shapely.get_coordinates(features, return_index=True)
    _, first = np.unique(owner, return_index=True)
    return shapely.points(coordinates[first])


def _measured(
    features: Geometries, which: Indices, polygons: Geometries
) -> tuple[Indices, Indices, NDArray[np.float64]]:
    polygon, position = STRtree(features[which]).query(polygons, predicate="intersects")
    feature = which[position]
    dimension = shapely.get_dimensions(features[feature])
    share = np.ones(len(feature))
    extended = dimension > 0
    shapes = shapely.make_valid(features[feature[extended]], method="structure")
    overlap = shapely.intersection(shapes, polygons[polygon[extended]])
    with np.errstate(invalid="ignore"):  # a feature without extent has no share
        share[extended] = np.nan_to_num(_size(overlap, dimension[extended]) / _size(shapes, dimension[extended]))
    kept = ~extended | (share > 1e-12)
    return feature[kept], polygon[kept], share[kept]


def _size(shapes: Geometries, dimension: Indices) -> NDArray[np.float64]:
    return np.where(dimension == 2, shapely.area(shapes), shapely.length(shapes))
