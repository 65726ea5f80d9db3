"""Borders of polygons in short lines, so that the boxes around them are tight and few are near to a feature."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Numbers
from geomerge.portions import spread

CHUNK = 16  # edges in a short line: enough to have few of them, few enough for tight boxes
PORTION = 2048  # short lines at a time


class Borders:
    """The borders of polygons in short lines, each with its polygon on its left.

    Attributes
    ----------
    polygons, lines
        The polygons, and the short lines.
    polygon
        The polygon of each line, by its number.
    vertices, first, edges
        Vertices of all lines, and of each line its first one and the number of its edges.
    tree
        The lines, to be looked up by their boxes.

    Examples
    --------
    >>> borders = Borders(np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)]))
    >>> borders.polygon.tolist(), borders.edges.tolist()
    ([0, 1], [4, 4])
    >>> [pairs.tolist() for pairs in borders.touched(np.array([shapely.box(1, 1, 4, 2), shapely.Point(1, 1)]))]
    [[0, 0], [0, 1]]
    """

    def __init__(self, polygons: Geometries) -> None:
        self.polygons = polygons
        parts, owner = shapely.get_parts(shapely.orient_polygons(polygons), return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        corners, ring = shapely.get_coordinates(rings, return_index=True)
        self.vertices, chunk, line = _chunked(corners, ring)
        self.lines: Geometries = _lines(self.vertices, chunk)
        self.polygon: Indices = owner[part[line]]
        self.edges: Indices = np.bincount(chunk, minlength=len(line)) - 1
        self.first: Indices = np.cumsum(self.edges + 1) - self.edges - 1
        self.tree = STRtree(self.lines)

    def touched(self, shapes: Geometries) -> tuple[Indices, Indices]:
        """Return pairs of a shape and a polygon whose border it touches, each once and in order."""
        tree = STRtree(shapes)

        def found(lines: Geometries, polygon: Indices) -> Indices:
            # lines are prepared, shapes are in the tree
            line, shape = tree.query(lines, predicate="intersects")
            return np.unique(shape * len(self.polygons) + polygon[line])

        keys = np.unique(np.concatenate(spread(found, self.lines, self.polygon, rows=PORTION)))
        return np.divmod(keys, max(len(self.polygons), 1))


def line_chunks(lines: Geometries) -> Geometries:
    """Return lines cut into short ones; what is no line, or has no length in vertices, is left out.

    Examples
    --------
    >>> line = shapely.LineString([(number, 0) for number in range(20)])
    >>> shapely.length(line_chunks(np.array([line, None]))).tolist()
    [16.0, 3.0]
    """
    return _lines(*_chunked(*shapely.get_coordinates(lines, return_index=True))[:2])


def _chunked(corners: Numbers, line: Indices) -> tuple[Numbers, Indices, Indices]:
    """Return vertices of short lines, the short line of each, and the line that each short one is from."""
    if not len(corners):
        return corners, line, line
    starts = np.r_[0, np.flatnonzero(line[1:] != line[:-1]) + 1]
    position = np.arange(len(line)) - np.repeat(starts, np.diff(np.r_[starts, len(line)]))
    begins = position % CHUNK == 0
    chunk = np.cumsum(begins) - 1
    # the first vertex of a chunk also ends the chunk before on the same line, so that no edge is lost
    shared = np.flatnonzero(begins & (position > 0))
    vertices = np.insert(corners, shared, corners[shared], axis=0)
    owner = np.insert(chunk, shared, chunk[shared] - 1)
    kept = np.bincount(owner)[owner] > 1
    found, dense = np.unique(owner[kept], return_inverse=True)
    return vertices[kept], dense, line[begins][found]


def _lines(vertices: Numbers, line: Indices) -> Geometries:
    if not len(vertices):
        return np.empty(0, dtype=object)
    return np.asarray(shapely.linestrings(vertices, indices=line), dtype=object)
