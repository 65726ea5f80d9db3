"""Lines that divide a territory: which land lies to their left, to their right, or holds a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Numbers, arrange, join, tolerance

_UNDIVIDED = "The line does not divide {unit}; draw it from border to border, and a bit beyond"


@dataclass(frozen=True)
class Side:
    """Land on one side of lines, and what of the territory they do not touch; or a fault."""

    area: Any = None
    apart: tuple[Any, ...] = ()
    fault: str = ""


def side_of_lines(
    lines: Geometries, territory: Any, *, side: str | None = None, holding: tuple[float, float] | None = None
) -> Side:
    """Return the land to the ``left`` or ``right`` of lines, or the face between them that holds a point.

    The edges of each face run with its land on their left, so an edge that follows the line in its direction
    lies to the line's left, and one that runs against it to the right.

    Examples
    --------
    >>> import numpy as np, shapely
    >>> line = np.array([shapely.LineString([(1, -1), (1, 3)])], dtype=object)
    >>> side_of_lines(line, shapely.box(0, 0, 3, 2), side="left").area.bounds
    (0.0, 0.0, 1.0, 2.0)
    """
    found = arrange(np.append(lines, shapely.boundary(territory)))
    faces = found.faces[np.sort(found.inside(np.array([territory]))[1])]
    if holding is not None:
        held = faces[shapely.contains(faces, shapely.Point(holding))]
        if not len(held):
            return Side(fault=f"The point {holding[0]:g} {holding[1]:g} does not lie in {{unit}}, or lies on the line")
        return Side(fault=_UNDIVIDED) if len(held) == len(faces) else Side(held[0])
    left, right = _lengths(faces, lines, tolerance(np.append(lines, territory)))
    if (np.minimum(left, right) > 1e-9 * (left + right)).any():
        return Side(fault="A part of {unit} lies on both sides of the line; draw lines that run one way")
    if not left.any() or not right.any():
        return Side(fault=_UNDIVIDED)
    chosen = faces[(left if side == "left" else right) > 0]
    return Side(join(chosen), tuple(faces[(left == 0) & (right == 0)]))


def _lengths(faces: Geometries, lines: Geometries, reach: float) -> tuple[Numbers, Numbers]:
    """Return the length of each face's edges that run with the lines, and against them."""
    edges, face = _directed(shapely.orient_polygons(faces))
    segments, _ = _directed(lines)
    middles = shapely.points((edges[:, 0] + edges[:, 1]) / 2)
    tree = STRtree(np.asarray(shapely.linestrings(segments)))
    at, on = tree.query(middles, predicate="dwithin", distance=reach)
    along, course = np.diff(edges, axis=1)[at, 0], np.diff(segments, axis=1)[on, 0]
    lengths = np.hypot(along[:, 0], along[:, 1])
    cosine = (along * course).sum(axis=1) / np.maximum(lengths * np.hypot(course[:, 0], course[:, 1]), 1e-300)
    left = np.bincount(face[at], weights=lengths * (cosine > 0.5), minlength=len(faces)).astype(float)
    right = np.bincount(face[at], weights=lengths * (cosine < -0.5), minlength=len(faces)).astype(float)
    return left, right


def _directed(shapes: Geometries) -> tuple[Any, Indices]:
    """Return the segments (n, 2, 2) of polygons or lines in their direction, and the shape each is of."""
    rings, ring_owner = shapely.get_parts(shapely.boundary(shapes), return_index=True)
    if (shapely.get_dimensions(shapes) == 1).any():
        rings, ring_owner = shapes, np.arange(len(shapes))
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return np.stack([corners[:-1][same], corners[1:][same]], axis=1), ring_owner[ring[:-1][same]]
