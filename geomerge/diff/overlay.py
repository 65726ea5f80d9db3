"""Overlay two editions: faces between all lines of both, the units each lies in, and the patches they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Edges, Geometries, Indices, Numbers, arrange, edges_of, keys

OUTSIDE = -1  # position of the unit where there is none


@dataclass(frozen=True)
class Overlay:
    """Faces with the positions of the old and the new unit they lie in, OUTSIDE where there is none.

    ``patch`` numbers the connected faces that lie in the same two units; ``edges`` are those between faces.
    """

    faces: Geometries
    old: Indices
    new: Indices
    patch: Indices
    edges: Edges

    @property
    def olds(self) -> tuple[Indices, Indices]:
        """Old unit on the two sides of each edge."""
        return _beside(self.edges, self.old)

    @property
    def news(self) -> tuple[Indices, Indices]:
        """New unit on the two sides of each edge."""
        return _beside(self.edges, self.new)

    @property
    def rims(self) -> tuple[Indices, Indices]:
        """Patch on the two sides of each edge."""
        return _beside(self.edges, self.patch)

    def patches(self) -> pd.DataFrame:
        """Return the patches by number: ``old``, ``new``, ``area``, ``width`` (twice the area by the rim)."""
        first, second = self.rims
        rim = first != second
        length = np.asarray(shapely.length(self.edges.segments[rim]))
        sides = np.concatenate([first[rim], second[rim]])
        inside = sides != OUTSIDE
        count = int(self.patch.max(initial=-1)) + 1
        rims = np.bincount(sides[inside], weights=np.tile(length, 2)[inside], minlength=count)
        area = np.bincount(self.patch, weights=shapely.area(self.faces), minlength=count)
        _, at = np.unique(self.patch, return_index=True)
        width = np.divide(2 * area, rims, out=np.zeros(count), where=rims > 0)
        return pd.DataFrame({"old": self.old[at], "new": self.new[at], "area": area, "width": width})


def overlay(before: Geometries, after: Geometries) -> Overlay:
    """Overlay two coverages of valid polygons.

    Examples
    --------
    >>> import shapely
    >>> from geomerge.coverage import objects
    >>> before = objects([shapely.box(0, 0, 2, 2), shapely.box(2, 0, 4, 2)])
    >>> after = objects([shapely.box(0, 0, 3, 2), shapely.box(3, 0, 4, 2)])
    >>> overlay(before, after).patches().values.tolist()
    [[0.0, 0.0, 4.0, 1.0], [1.0, 0.0, 2.0, 0.666...], [1.0, 1.0, 2.0, 0.666...]]
    """
    found = arrange(shapely.boundary(np.concatenate([before, after])))
    owners = np.full((2, len(found.faces)), OUTSIDE, dtype=np.intp)
    for owner, polygons in zip(owners, (before, after), strict=True):
        holder, face = found.inside(polygons)
        owner[face] = holder
    land = (owners != OUTSIDE).any(axis=0)
    old, new = owners[:, land]
    # the faces in the order of their units, so that patches are numbered the same whatever the lines
    west, south, *_ = shapely.bounds(found.faces[land]).T
    order = np.lexsort([south, west, new, old])
    faces, old, new = found.faces[land][order], old[order], new[order]
    edges = edges_of(faces)
    inner = edges.second >= 0
    first, second = edges.first[inner], edges.second[inner]
    same = (old[first] == old[second]) & (new[first] == new[second])
    return Overlay(faces, old, new, _connected(len(faces), first[same], second[same]), edges)


def corner_areas(polygons: Geometries) -> Numbers:
    """Return the area of the triangle each corner of the inner borders makes with the corners beside it.

    Corners where several borders meet are left out: no generalisation takes them away.

    Examples
    --------
    >>> import shapely
    >>> from geomerge.coverage import objects
    >>> rows = ["POLYGON ((0 0, 4 0, 6 2, 4 4, 0 4, 0 0))", "POLYGON ((4 0, 9 0, 9 4, 4 4, 6 2, 4 0))"]
    >>> corner_areas(objects([shapely.from_wkt(row) for row in rows])).tolist()
    [4.0]
    """
    edges = edges_of(polygons)
    ends = shapely.get_coordinates(edges.segments).reshape(-1, 2, 2)
    here, there = ends.reshape(-1, 2), ends[:, ::-1].reshape(-1, 2)
    inner = np.repeat((edges.second >= 0) & (edges.first != edges.second), 2)
    _, at, count = np.unique(keys(here), return_inverse=True, return_counts=True)
    plain = (count == 2) & (np.bincount(at, weights=inner) == 2)
    order = np.argsort(at, kind="stable")
    pairs = order[plain[at[order]]].reshape(-1, 2)
    one, other = there[pairs[:, 0]] - here[pairs[:, 0]], there[pairs[:, 1]] - here[pairs[:, 0]]
    return np.asarray(np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2)


def _beside(edges: Edges, values: Indices) -> tuple[Indices, Indices]:
    known = np.append(values, OUTSIDE)  # the last is for the side without a face
    return known[edges.first], known[edges.second]


def _connected(count: int, first: Indices, second: Indices) -> Indices:
    """Return the number of the group of each of ``count`` things, connected by pairs; numbered as they come."""
    label = np.arange(count, dtype=np.intp)
    while True:
        known = label.copy()
        least = np.minimum(label[first], label[second])
        np.minimum.at(label, label[first], least)
        np.minimum.at(label, label[second], least)
        label = label[label]
        if (label == known).all():
            return np.unique(label, return_inverse=True)[1].astype(np.intp)
