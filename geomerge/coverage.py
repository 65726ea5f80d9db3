"""Coverages: polygons that share edges vertex by vertex. Cut them into faces, find their faults, mend them.

Everything here rests on one construction, the *arrangement*: all lines noded together and polygonised. Whatever is
put together from its faces shares its edges exactly, because each edge exists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

Geometries = NDArray[np.object_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Arrangement:
    """Faces of noded lines, with a point inside each of them."""

    faces: Geometries
    points: Geometries

    def inside(self, polygons: Geometries) -> tuple[Indices, Indices]:
        """Return pairs (polygon, face) of the faces that lie in a polygon."""
        # polygons are prepared, points are in the tree: ten times as fast as the other way round
        pairs = STRtree(self.points).query(polygons, predicate="contains")
        return pairs[0], pairs[1]

    @property
    def widths(self) -> NDArray[np.float64]:
        """Mean width of each face: twice its area by its perimeter."""
        return widths(self.faces)


def widths(polygons: Geometries) -> NDArray[np.float64]:
    """Return the mean width of polygons, twice the area by the perimeter, in CRS units."""
    perimeters = shapely.length(polygons)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(perimeters > 0, 2 * shapely.area(polygons) / perimeters, 0.0)


def arrange(lines: Geometries) -> Arrangement:
    """Node lines together and return the faces between them.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> lines = shapely.boundary(np.array([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)]))
    >>> sorted(shapely.area(arrange(lines).faces).tolist())
    [2.0, 2.0, 2.0]
    """
    noded = shapely.get_parts(shapely.union_all(lines))
    faces = shapely.get_parts(shapely.polygonize(noded))
    return Arrangement(faces, shapely.point_on_surface(faces))


def tolerance(geometries: Geometries) -> float:
    """Return the distance, in CRS units, by which rounding may move a computed crossing off its edge."""
    bounds = shapely.total_bounds(geometries)
    return float(np.nanmax(np.abs(bounds))) * 1e-12 if len(geometries) else 0.0


def join(polygons: Geometries) -> Any:
    """Return the union of polygons that share their edges; inner edges cancel without a trace.

    The coverage union is exact and fast, but silent about faults; where its result is not valid or has another area,
    the slower union of any polygons is taken.
    """
    if len(polygons) == 1:
        return polygons[0]
    try:
        joined = shapely.coverage_union_all(polygons)
    except shapely.errors.GEOSException:
        return shapely.union_all(polygons)
    expected = shapely.area(polygons).sum()
    if shapely.is_valid(joined) and abs(shapely.area(joined) - expected) <= 1e-9 * expected:
        return joined
    return shapely.union_all(polygons)


def join_groups(polygons: Geometries, groups: Sequence[Indices]) -> Geometries:
    """Return the union of each group of polygons."""
    return np.array([join(polygons[group]) for group in groups] + [None], dtype=object)[:-1]


def vertices(geometries: Geometries) -> NDArray[np.float64]:
    """Return the distinct vertices of geometries as an array (n, 2)."""
    return np.unique(shapely.get_coordinates(geometries), axis=0)


def new_vertices(geometries: Geometries, known: Geometries) -> Geometries:
    """Return the vertices of geometries, as points, that no known geometry has."""
    has_z = bool(shapely.has_z(geometries).any())
    coordinates = shapely.get_coordinates(geometries, include_z=has_z)
    _, first = np.unique(coordinates[:, :2], axis=0, return_index=True)
    coordinates = coordinates[first]
    keys = np.ascontiguousarray(coordinates[:, :2]).view("c16").ravel()
    old = np.ascontiguousarray(shapely.get_coordinates(known)).view("c16").ravel()
    return shapely.points(coordinates[~np.isin(keys, old)])


def insert_corners(polygons: Geometries, corners: Geometries, reach: float) -> tuple[Geometries, Indices, Indices]:
    """Insert corners into the edges they lie on, so that polygons match a neighbour that was cut.

    Parameters
    ----------
    polygons
        Polygons whose edges may need the corners; those that need none are returned as the same objects.
    corners
        Points.
    reach
        Distance in CRS units within which a corner lies on an edge.

    Returns
    -------
    polygons, which, corner
        The polygons, and pairs of the positions of a changed polygon and a corner inserted into it.
    """
    which, corner = STRtree(corners).query(shapely.boundary(polygons), predicate="dwithin", distance=reach)
    new = np.array(
        [not _has_vertex(polygons[p], corners[c]) for p, c in zip(which, corner, strict=True)], dtype=bool
    )
    which, corner = which[new], corner[new]
    changed = polygons.copy()
    for position in np.unique(which):
        changed[position] = shapely.snap(
            polygons[position], shapely.multipoints(corners[corner[which == position]]), reach
        )
    return changed, which, corner


def _has_vertex(polygon: Any, point: Any) -> bool:
    x, y = shapely.get_x(point), shapely.get_y(point)
    coordinates = shapely.get_coordinates(polygon)
    return bool(((coordinates[:, 0] == x) & (coordinates[:, 1] == y)).any())


def faulty_edges(polygons: Geometries, gap_width: float = 0.0) -> Geometries:
    """Return the edges of each polygon that break the coverage, None where there are none.

    A wide tolerance can hide narrow gaps, so several widths are tried.
    """
    if len(polygons) < 2:
        return np.full(len(polygons), None, dtype=object)
    found = np.full(len(polygons), None, dtype=object)
    for width in sorted({0.0, gap_width / 100, gap_width / 10, gap_width}):
        edges = shapely.coverage_invalid_edges(polygons, gap_width=width)
        fresh = ~shapely.is_empty(edges) & np.equal(found, None)
        found[fresh] = edges[fresh]
    return found
