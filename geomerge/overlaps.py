"""Overlaps: the area that many small polygons share with large ones, added up between their edges.

Whether a point lies in a polygon is told by the edges on any way to it from a point that is known. The way leads
from a corner below the small polygon to the right, then up. So the shared area is that of the small polygon, if the
corner lies in the large one, and, for each edge of the large one on such ways, plus or minus the part of the small
polygon that lies behind it: above it where the way leads up, to its right where it leads along the bottom. Only edges
near the small polygon count, nothing has to be noded, and all of it is arithmetic on arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geomerge.borders import Borders
from geomerge.coverage import Geometries, Indices, Mask, Numbers, tolerance
from geomerge.faces import holders
from geomerge.portions import spread

ASIDE = 3 / 32  # of its size lies the corner beside it: seldom on lines that borders and parcels have in common
SLENDER = 1 / 64  # of its box; what fills less of it loses digits when large areas cancel
MOST = 1 << 20  # pairs of edges of two polygons
ROUNDING = 1e-9  # of a share
STEP = 8  # edges, by which tables differ in width
PORTION = 4096  # pairs of polygons
TINY = 1e-300


def shared_areas(shapes: Geometries, borders: Borders, shape: Indices, polygon: Indices) -> Numbers:
    """Return the area that shapes share with polygons, pair by pair; NaN where this way is not exact enough.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons.
    borders
        Borders of the large polygons.
    shape, polygon
        The pairs, by number.

    Examples
    --------
    >>> shapes = np.array([shapely.box(3, 1, 7, 2), shapely.Polygon([(3, 0), (5, 0), (3, 2)])])
    >>> borders = Borders(np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)]))
    >>> shared_areas(shapes, borders, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).tolist()
    [1.0, 3.0, 1.5, 0.5]
    """
    bounds, extent = shapely.bounds(shapes), shapely.area(shapes)
    size = bounds[:, 2:] - bounds[:, :2]
    corner = bounds[:, :2] - size * ASIDE
    holder, held = holders(np.asarray(shapely.points(corner), dtype=object), borders.polygons)
    count = max(len(borders.polygons), 1)
    starts_inside = np.isin(shape * count + polygon, held * count + holder)
    slack = tolerance(borders.polygons) if len(shape) else 0.0

    def found(shape: Indices, polygon: Indices) -> Numbers:
        return _behind_edges(shapes[shape], corner[shape], bounds[shape, 2:], polygon, borders, slack)

    area = starts_inside * extent[shape] + np.concatenate(spread(found, shape, polygon, rows=PORTION))
    exact = (extent >= SLENDER * size.prod(axis=1))[shape]
    exact &= (area >= -ROUNDING * extent[shape]) & (area <= (1 + ROUNDING) * extent[shape])
    return np.asarray(np.where(exact, np.clip(area, 0, extent[shape]), np.nan))


@dataclass(frozen=True)
class Slopes:
    """Edges from left to right: of which pair, from x to x, height and slope there, and what they count."""

    pair: Indices
    left: Numbers
    right: Numbers
    height: Numbers
    slope: Numbers
    weight: Numbers

    def padded(self, rows: Indices, start: Indices, count: Indices, width: int) -> list[Numbers]:
        """Return the columns of some pairs as tables of one width; what is not there has no length."""
        number = np.arange(width)
        there = number < count[rows, None]
        at = np.where(there, start[rows, None] + number, 0)
        columns = (self.left, self.right, self.height, self.slope, self.weight)
        return [np.where(there, column[at], 0.0) for column in columns]


def _behind_edges(
    shapes: Geometries, corner: Numbers, upper: Numbers, polygon: Indices, borders: Borders, slack: float
) -> Numbers:
    """Return how much of each shape lies behind the edges of its polygon; NaN where the corner is too near to one."""
    count = len(shapes)
    small = _edges_of(shapes, corner)
    large, unsure = _edges_near(corner, upper, polygon, borders, slack)
    counts = [np.bincount(edges.pair, minlength=count) for edges in (small, large)]
    starts = [np.cumsum(number) - number for number in counts]
    # tables of few widths, so that little is padded and each sum has the same order wherever its pair stands
    widths = [(number + STEP - 1) // STEP * STEP for number in counts]
    unsure |= widths[0] * widths[1] > MOST
    found = np.where(unsure, np.nan, 0.0)
    todo = ~unsure & (counts[1] > 0)
    key = widths[0] * MOST + widths[1]
    for one in np.unique(key[todo]).tolist():
        rows = np.flatnonzero(todo & (key == one))
        wide, broad = divmod(one, MOST)
        step = max(1, MOST // 4 // (wide * broad))
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            first = small.padded(some, starts[0], counts[0], wide)
            second = large.padded(some, starts[1], counts[1], broad)
            found[some] = _between(first, second)
    return found


def _between(small: list[Numbers], large: list[Numbers]) -> Numbers:
    """Return the sums of what lies below edges of one kind and above those of the other."""
    left, right, height, slope, weight = (column[:, :, None] for column in small)
    left_, right_, height_, slope_, weight_ = (column[:, None, :] for column in large)
    start = np.maximum(left, left_)
    width = np.maximum(np.minimum(right, right_) - start, 0.0)
    here = (height + slope * (start - left)) - (height_ + slope_ * (start - left_))
    there = here + (slope - slope_) * width
    # the area between two straight edges, as far as the first is above the second
    above = np.maximum(here, 0.0) + np.maximum(there, 0.0)
    area = 0.5 * width * above * above / np.maximum(np.abs(here) + np.abs(there), TINY)
    area *= weight * weight_
    return np.asarray(area.reshape(len(area), -1).sum(axis=1))


def _edges_of(shapes: Geometries, corner: Numbers) -> Slopes:
    """Return the edges of shapes: upper ones count, lower ones count against them."""
    parts, owner = shapely.get_parts(shapely.orient_polygons(shapes), return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    pair = owner[part[ring]]
    corners = corners - corner[pair]
    same = (ring[1:] == ring[:-1]) & (corners[1:, 0] != corners[:-1, 0])
    start, end = corners[:-1][same], corners[1:][same]
    return _sloped(pair[:-1][same], start, end, np.sign(start[:, 0] - end[:, 0]))


def _sloped(pair: Indices, start: Numbers, end: Numbers, weight: Numbers) -> Slopes:
    """Return edges from left to right; none of them is upright."""
    turned = (end[:, 0] < start[:, 0])[:, None]
    start, end = np.where(turned, end, start), np.where(turned, start, end)
    slope = (end[:, 1] - start[:, 1]) / (end[:, 0] - start[:, 0])
    return Slopes(pair, start[:, 0], end[:, 0], start[:, 1], slope, weight)


def _edges_near(
    corner: Numbers, upper: Numbers, polygon: Indices, borders: Borders, slack: float
) -> tuple[Slopes, Mask]:
    """Return the edges of polygons on the ways from the corners, and which corners are too near to an edge."""
    pair, line = borders.tree.query(np.asarray(shapely.box(*corner.T, *upper.T), dtype=object))
    mine = borders.polygon[line] == polygon[pair]
    pair, line = pair[mine], line[mine]
    number = borders.edges[line]
    edge = np.arange(number.sum()) + np.repeat(borders.first[line] - np.cumsum(number) + number, number)
    pair = np.repeat(pair, number)
    start, end = borders.vertices[edge] - corner[pair], borders.vertices[edge + 1] - corner[pair]
    near = (np.maximum(start, end) >= -slack).all(axis=1) & (np.minimum(start, end) <= (upper - corner)[pair]).all(
        axis=1
    )
    pair, start, end = pair[near], start[near], end[near]
    unsure = np.zeros(len(polygon), dtype=np.bool_)
    unsure[pair[_distance(start, end) <= slack]] = True
    return _on_the_way(pair, start, end, (upper - corner)[:, 0]), unsure


def _distance(start: Numbers, end: Numbers) -> Numbers:
    """Return the distance of edges to the origin."""
    (x, y), (right, up) = start.T, (end - start).T
    at = np.clip(-(x * right + y * up) / np.maximum(right * right + up * up, TINY), 0, 1)
    return np.asarray(np.hypot(x + right * at, y + up * at))


def _on_the_way(pair: Indices, start: Numbers, end: Numbers, width: Numbers) -> Slopes:
    """Return edges above the bottom and to the right of the corner, and where they cross the bottom, what is behind.

    The polygon lies to the left of its edges: who goes up enters it through one that leads to the right.
    """
    steep = end[:, 1] - start[:, 1]
    enters = np.sign(end[:, 0] - start[:, 0])
    turned = (end[:, 0] < start[:, 0])[:, None]
    left, right = np.where(turned, end, start), np.where(turned, start, end)
    cut = (left[:, 0] < 0) & (right[:, 0] >= 0)
    run = np.where(cut, right[:, 0] - left[:, 0], 1.0)
    at_side = left[:, 1] - left[:, 0] / run * (right[:, 1] - left[:, 1])
    left = np.where(cut[:, None], np.column_stack([np.zeros(len(cut)), at_side]), left)
    crossing = ((left[:, 1] < 0) != (right[:, 1] < 0)) & (right[:, 0] >= 0)
    rise = np.where(crossing, right[:, 1] - left[:, 1], 1.0)
    bottom = np.column_stack([left[:, 0] - left[:, 1] / rise * (right[:, 0] - left[:, 0]), np.zeros(len(cut))])
    rises: NDArray[np.bool_] = right[:, 1] > left[:, 1]
    left_ = np.where((crossing & rises)[:, None], bottom, left)
    right_ = np.where((crossing & ~rises)[:, None], bottom, right)
    kept = (right_[:, 0] > left_[:, 0]) & (np.maximum(left_[:, 1], right_[:, 1]) >= 0) & (right[:, 0] >= 0)
    kept &= (left[:, 1] >= 0) | (right[:, 1] >= 0)
    above = _sloped(pair[kept], left_[kept], right_[kept], enters[kept])
    crossed = np.flatnonzero(crossing & (bottom[:, 0] < width[pair]))
    none = np.zeros(len(crossed))
    columns = [
        (above.pair, pair[crossed]),
        (above.left, bottom[crossed, 0]),
        (above.right, width[pair[crossed]]),
        (above.height, none),
        (above.slope, none),
        (above.weight, -np.sign(steep[crossed])),
    ]
    joined = [np.concatenate(column) for column in columns]
    order = np.argsort(joined[0], kind="stable")
    return Slopes(*(column[order] for column in joined))
