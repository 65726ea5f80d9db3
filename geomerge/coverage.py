"""Coverages: polygons that share edges vertex by vertex. Cut them into faces, join faces, find faults.

Everything here rests on one construction, the *arrangement*: all lines noded together and polygonised.
Whatever is put together from its faces shares its edges exactly, because each edge exists once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.progress import progress
from geomerge.segments import Geometries as Geometries
from geomerge.segments import Indices as Indices
from geomerge.segments import Mask as Mask
from geomerge.segments import Numbers as Numbers
from geomerge.suspects import suspects
from geomerge.threads import cores, on_all_cores


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
    def widths(self) -> Numbers:
        """Mean width of each face: twice its area by its perimeter."""
        perimeters = shapely.length(self.faces)
        areas = shapely.area(self.faces)
        return np.divide(2 * areas, perimeters, out=np.zeros(len(self.faces)), where=perimeters > 0)


def arrange(lines: Geometries) -> Arrangement:
    """Node lines together and return the faces between them, without heights.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> lines = shapely.boundary(np.array([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)]))
    >>> sorted(shapely.area(arrange(lines).faces).tolist())
    [2.0, 2.0, 2.0]
    """
    noded = shapely.get_parts(shapely.union_all(shapely.force_2d(lines)))
    faces = shapely.get_parts(shapely.polygonize(noded))
    return Arrangement(faces, shapely.point_on_surface(faces))


def tolerance(geometries: Geometries) -> float:
    """Return the distance, in CRS units, by which rounding may move a computed crossing off its edge."""
    bounds = np.abs(shapely.total_bounds(geometries))
    return 0.0 if np.isnan(bounds).all() else float(np.nanmax(bounds)) * 1e-12


def present(geometries: Geometries) -> Mask:
    """Return which geometries are there and not empty."""
    return np.asarray(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))


def objects(geometries: Sequence[Any]) -> Geometries:
    """Return geometries as a one-dimensional array, whatever they are."""
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array


def join(polygons: Geometries) -> Any:
    """Return the union of polygons that share their edges; inner edges cancel without a trace.

    The coverage union is exact and fast, but silent about faults; where its result is not valid or has
    another area, the slower union of any polygons is taken.

    Examples
    --------
    >>> import shapely
    >>> join(objects([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])).area
    2.0
    """
    if len(polygons) == 1:
        return polygons[0]
    try:
        joined = shapely.coverage_union_all(polygons)
    except shapely.errors.GEOSException:
        return shapely.union_all(polygons)
    expected = float(shapely.area(polygons).sum())
    if shapely.is_valid(joined) and abs(shapely.area(joined) - expected) <= 1e-9 * expected:
        return joined
    return shapely.union_all(polygons)


def join_all(polygons: Geometries, groups: Sequence[Indices], what: str = "join") -> Geometries:
    """Return the union of each group of polygons, as :func:`join` makes it, on all cores.

    Examples
    --------
    >>> row = objects([shapely.box(x, 0, x + 1, 1) for x in range(3)])
    >>> shapely.area(join_all(row, [np.array([0, 1]), np.array([2])])).tolist()
    [2.0, 1.0]
    """
    several = [number for number, group in enumerate(groups) if len(group) > 1]
    joined = objects([polygons[group[0]] if len(group) == 1 else None for group in groups])
    members = [polygons[groups[number]] for number in several]
    vertices = sum(int(shapely.get_num_coordinates(each).sum()) for each in members)
    for number, union in zip(
        several, progress(on_all_cores(join, members, vertices), what, total=len(members)), strict=True
    ):
        joined[number] = union
    return joined


def are_valid(polygons: Geometries) -> Mask:
    """Return which polygons are valid; those that are missing or empty are no less so."""
    vertices = int(shapely.get_num_coordinates(polygons).sum())
    shares = np.array_split(polygons, max(1, min(len(polygons), 4 * cores())))  # in small shares no core has to wait
    valid = np.concatenate([*on_all_cores(shapely.is_valid, shares, vertices)])
    return np.asarray(valid | ~present(polygons))


def make_valid(polygons: Geometries) -> Geometries:
    """Return polygons with the invalid ones made valid; the others are the same objects."""
    repaired = polygons.copy()
    invalid = ~are_valid(polygons)
    repaired[invalid] = shapely.make_valid(polygons[invalid], method="structure", keep_collapsed=False)
    return repaired


def keys(coordinates: Numbers) -> NDArray[np.complex128]:
    """Return x and y of each coordinate as one number that can be sorted and looked up."""
    return np.ascontiguousarray(coordinates[:, :2]).view(np.complex128).ravel()


def new_vertices(geometries: Geometries, known: Geometries) -> Geometries:
    """Return the vertices of geometries, as points, that no known geometry has."""
    there = pd.Index(keys(shapely.get_coordinates(geometries))).unique()  # hashed: sorting complex numbers is slow
    found = np.sort(there[~there.isin(keys(shapely.get_coordinates(known)))].to_numpy())
    return np.asarray(shapely.points(found.real, found.imag), dtype=object)


def faulty_edges(polygons: Geometries, gap_width: float = 0.0) -> Geometries:
    """Return the edges of each polygon that break the coverage, None where there are none.

    A wide tolerance can hide narrow gaps, so several widths are tried.
    """
    found = np.full(len(polygons), None, dtype=object)
    if len(polygons) < 2:
        return found
    looked_at = np.flatnonzero(suspects(polygons, gap_width) & present(polygons))
    if not len(looked_at):
        return found
    context = around(polygons[looked_at], polygons, gap_width)  # others have no say in whether an edge is matched
    chosen = np.searchsorted(context, looked_at)
    for width in sorted({0.0, gap_width / 100, gap_width / 10, gap_width}):
        edges = shapely.coverage_invalid_edges(polygons[context], gap_width=width)[chosen]
        fresh = present(edges) & shapely.is_missing(found[looked_at])
        found[looked_at[fresh]] = edges[fresh]
    return found


def around(shapes: Geometries, polygons: Geometries, reach: float) -> Indices:
    """Return the positions of polygons whose bounds come within reach of those of any of the shapes.

    Examples
    --------
    >>> row = objects([shapely.box(x, 0, x + 1, 1) for x in (0, 1, 3)])
    >>> around(row[:1], row, 0.5).tolist()
    [0, 1]
    """
    if not len(shapes):
        return np.empty(0, dtype=np.intp)
    low, high = np.split(shapely.bounds(shapes).T, 2)
    more = reach * (1 + 1e-9) + tolerance(shapes)
    boxes = np.asarray(shapely.box(*(low - more), *(high + more)))
    return np.unique(STRtree(polygons).query(boxes)[1])


@dataclass(frozen=True)
class Edges:
    """Each distinct edge of polygons once, with the polygons on its two sides (-1 where there is none)."""

    segments: Geometries
    first: Indices
    second: Indices

    def between(self) -> tuple[Indices, Indices, Numbers]:
        """Return every ordered pair of different polygons that share an edge, with its length."""
        shared = (self.second >= 0) & (self.first != self.second)
        first, second = self.first[shared], self.second[shared]
        lengths = np.asarray(shapely.length(self.segments[shared]))
        return np.append(first, second), np.append(second, first), np.append(lengths, lengths)


def edges_of(polygons: Geometries) -> Edges:
    """Return the edges of polygons; only edges equal in both corners are the same one.

    Examples
    --------
    >>> import shapely
    >>> edges = edges_of(objects([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]))
    >>> len(edges.segments), int((edges.second >= 0).sum())
    (7, 1)
    """
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    has_z = bool(shapely.has_z(rings).any())
    corners, ring = shapely.get_coordinates(rings, include_z=has_z, return_index=True)
    same = ring[1:] == ring[:-1]
    start, end = corners[:-1][same], corners[1:][same]
    holder = owner[ring_part[ring[:-1][same]]]
    backwards = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[backwards], end[backwards] = end[backwards].copy(), start[backwards].copy()
    order = np.lexsort([end[:, 1], end[:, 0], start[:, 1], start[:, 0]])
    start, end, holder = start[order], end[order], holder[order]
    fresh = np.ones(len(holder), dtype=bool)
    fresh[1:] = (start[1:, :2] != start[:-1, :2]).any(axis=1) | (end[1:, :2] != end[:-1, :2]).any(axis=1)
    at = np.flatnonzero(fresh)
    following = np.append(holder, -1)[at + 1]
    second = np.where(np.append(fresh, True)[at + 1], -1, following)
    segments = np.asarray(shapely.linestrings(np.stack([start[at], end[at]], axis=1)), dtype=object)
    return Edges(segments, holder[at], second)


def settle(labels: Indices, unsettled: Mask, faces: Geometries, allowed: set[tuple[int, int]]) -> Indices:
    """Give each unsettled face the label it shares the longest edge with, among the allowed (face, label).

    Equal lengths go to the smallest label; a face that only touches unsettled ones waits for them.
    """
    labels, waiting = labels.copy(), unsettled.copy()
    faces_here, others, lengths = edges_of(faces).between()
    while True:
        ready = waiting[faces_here] & ~waiting[others]
        shared: dict[tuple[int, int], float] = {}
        for face, label, length in zip(
            faces_here[ready].tolist(), labels[others[ready]].tolist(), lengths[ready].tolist(), strict=True
        ):
            if (face, label) in allowed:
                shared[face, label] = shared.get((face, label), 0.0) + length
        if not shared:
            return labels
        for face, label in sorted(shared, key=lambda pair: (shared[pair], -pair[1])):
            labels[face] = label  # the longest comes last
            waiting[face] = False
