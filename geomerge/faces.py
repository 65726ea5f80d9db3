"""Faces: which polygon holds all of a box, told for millions of boxes without a look at any geometry."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Mask, Numbers, tolerance
from geomerge.portions import each, spread

NOBODY = -1  # no polygon holds any of the box
UNSETTLED = -2  # a border may pass through the box, or several polygons lie over each other there

MOST_CELLS = 4_000_000
MOST_STEPS = 20_000_000  # along all borders, from cell to cell
PORTION = 65_536  # boxes at a time: what is computed of them stays in the cache


class Faces:
    """The plane divided by the borders of polygons, drawn into a grid of cells.

    What touches no cell that a border passes through lies in one face, with all of it and in the same polygons as any
    point of it. Cells are numbered by comparisons that rounding cannot turn around, so that what is settled is
    settled exactly; all else is left open.

    Parameters
    ----------
    polygons
        Polygons, of which some may be missing.
    boxes
        How many boxes will be asked for: a finer grid leaves fewer of them open, and pays for many only.

    Examples
    --------
    >>> faces = Faces(np.array([shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)]), 1000)
    >>> faces.holder(np.array([[1, 1, 2, 2], [5, 1, 6, 2], [3, 1, 5, 2], [9, 9, 9, 9], [np.nan] * 4])).tolist()
    [0, 1, -2, -1, -1]
    """

    def __init__(self, polygons: Geometries, boxes: int) -> None:
        self.polygons = polygons
        rings = shapely.get_rings(shapely.get_parts(polygons))
        corners, ring = shapely.get_coordinates(rings, return_index=True)
        same = ring[1:] == ring[:-1]
        frame = shapely.total_bounds(polygons) if len(corners) else np.array([0.0, 0.0, 1.0, 1.0])
        self._lay(frame, _side(frame, len(corners) + 8 * boxes))
        while (steps := self._steps(corners)[same]).sum() > MOST_STEPS:
            self._lay(frame, 2 * self._side)
        marked = np.zeros(self._shape[::-1], dtype=np.bool_)
        self._mark_short(marked, corners, same, steps <= 1)
        self._mark_long(marked, corners[:-1][same][steps > 1], corners[1:][same][steps > 1], steps[steps > 1])
        self._count = np.zeros(self._shape[::-1] + 1, dtype=np.int32)
        np.cumsum(np.cumsum(marked, axis=0, dtype=np.int32), axis=1, out=self._count[1:, 1:])
        # cells side by side without a border between them lie in one face
        starts = np.logical_not(marked)
        starts[:, 1:] &= marked[:, :-1]
        self._run = (np.cumsum(starts, dtype=np.int32) - 1).reshape(starts.shape)
        self._holder = self._holders(np.argwhere(starts))

    def holder(self, bounds: Numbers) -> Indices:
        """Return the polygon that holds all of each box, ``NOBODY``, or ``UNSETTLED``; missing boxes are nowhere."""
        return np.asarray(np.concatenate(spread(self._holder_of, bounds, rows=PORTION)))

    def _holder_of(self, bounds: Numbers) -> Indices:
        known = np.logical_not(without_box(bounds))
        boxes = np.where(known[:, None], bounds, 0.0)
        west, south = self._cells(boxes[:, :2]).T
        east, north = self._cells(boxes[:, 2:]).T
        count = self._count
        borders = count[north + 1, east + 1] - count[south, east + 1] - count[north + 1, west] + count[south, west]
        found = np.where(borders == 0, self._holder[self._run[south, west]], UNSETTLED)
        return np.asarray(np.where(known, found, NOBODY))

    def _lay(self, frame: Numbers, side: float) -> None:
        """Lay cells over a frame, with one more all around, in which lies all of the land outside."""
        self._side = side
        self._low = frame[:2] - side / 3  # borders that follow an axis lie in cells, not between them
        self._shape = np.floor((frame[2:] - self._low) / side).astype(np.intp) + 3

    def _cells(self, points: Numbers) -> Indices:
        """Return column and row of points; of two points, that further east is in no column further west."""
        at = np.floor((points - self._low) / self._side)
        cells: Indices = np.clip(at, -1, self._shape - 2).astype(np.intp) + 1
        return cells

    def _steps(self, corners: Numbers) -> Indices:
        """Return how many cells lie from each corner to the next, along the longer side."""
        cells = self._cells(corners)
        right, up = np.abs(cells[1:] - cells[:-1]).T
        return np.asarray(np.maximum(right, up))

    def _mark_short(self, marked: Mask, corners: Numbers, same: Mask, short: Mask) -> None:
        """Mark the cells of edges that end in the cell they begin in, or in one beside it."""
        column, row = self._cells(corners).T
        first = np.flatnonzero(same)[short]
        for right, up in ((0, 0), (1, 1), (0, 1), (1, 0)):
            marked[row[first + up], column[first + right]] = True

    def _mark_long(self, marked: Mask, start: Numbers, end: Numbers, steps: Indices) -> None:
        """Mark the cells of edges that are longer, which are walked in steps from cell to cell."""
        if not len(start):
            return
        edge = np.repeat(np.arange(len(steps)), steps)
        number = np.arange(len(edge)) - np.repeat(np.cumsum(steps) - steps, steps)
        ahead = (end - start)[edge]
        first = start[edge] + ahead * (number / steps[edge])[:, None]
        second = start[edge] + ahead * ((number + 1) / steps[edge])[:, None]
        slack = tolerance(self.polygons)  # steps are rounded
        low = self._cells(np.minimum(first, second) - slack)
        high = self._cells(np.maximum(first, second) + slack)
        widest = int((high - low).max()) + 1
        for right, up in np.ndindex(widest, widest):
            column, row = np.minimum(low + np.array([right, up]), high).T
            marked[row, column] = True

    def _holders(self, cells: Indices) -> Indices:
        """Return the polygon that holds each of some cells without a border."""
        points = shapely.points(self._low + (cells[:, ::-1] - 0.5) * self._side)
        polygon, cell = holders(np.asarray(points, dtype=object), self.polygons)
        found = np.full(len(cells), NOBODY, dtype=np.intp)
        found[cell] = polygon
        found[np.bincount(cell, minlength=len(cells)) > 1] = UNSETTLED
        return np.append(found, NOBODY)  # there may be no cell without a border


def _side(frame: Numbers, wanted: int) -> float:
    """Return the side of cells, of which about as many as wanted lie in a frame."""
    extent = frame[2:] - frame[:2]
    longest = float(extent.max()) or 1.0
    return float(np.sqrt(np.maximum(extent, longest / 1000).prod() / min(max(wanted, 1), MOST_CELLS)))


def holders(points: Geometries, polygons: Geometries) -> tuple[Indices, Indices]:
    """Return pairs of a polygon and a point that lies in it or on its border."""
    tree = STRtree(points)

    def found(some: Geometries, number: Indices) -> Indices:
        # polygons are prepared, points are in the tree: ten times as fast as the other way round
        polygon, point = tree.query(some, predicate="intersects")
        return np.stack([number[polygon], point])

    pairs = np.concatenate(spread(found, polygons, np.arange(len(polygons)), rows=16), axis=1)
    return pairs[0], pairs[1]


def without_box(bounds: Numbers) -> Mask:
    """Return which boxes are none: of what is missing or empty."""
    west, south, east, north = np.isnan(bounds).T  # much faster than along the short axis
    return np.asarray(west | south | east | north)


def boxes_of(shapes: Geometries) -> Numbers:
    """Return the box around each shape, NaN where there is none."""
    return np.asarray(each(shapely.bounds, shapes), dtype=np.float64).reshape(-1, 4)
