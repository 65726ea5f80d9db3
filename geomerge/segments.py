"""Segments: the edges of polygons as plain numbers, each matched with the one that runs the other way beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Geometries = NDArray[np.object_]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Points = NDArray[np.complex128]  # x and y of each point as one number: compared and looked up at once

_ODD = np.uint64(0x9E3779B97F4A7C15)  # its product with different numbers is different, and looks random
_FEW = 512  # keys that are quicker sorted than scattered


@dataclass(frozen=True)
class Segments:
    """The segments of polygons: each leads from a point to the next one, but for the last point of a ring.

    ``ends`` tells where rings begin and end in the points; ``owner`` and ``left`` tell for each ring which
    polygon it is of, and whether land lies to its left. No two points in a row are the same; ``kept`` finds those
    that are left among all corners, where some are not.
    """

    points: Points
    ends: Indices
    owner: Indices
    left: Mask
    kept: Indices | None = None

    @property
    def start(self) -> Points:
        """The point at which each segment begins."""
        return self.points[:-1]

    @property
    def end(self) -> Points:
        """The point at which each segment ends."""
        return self.points[1:]

    @property
    def between(self) -> Indices:
        """Positions that are no segments: from one ring to the next."""
        return self.ends[1:-1] - 1

    def ring(self, at: Indices) -> Indices:
        """Return the ring of some segments."""
        return np.asarray(np.searchsorted(self.ends, at, side="right") - 1)

    def before(self, at: Indices) -> Indices:
        """Return the segments before some, around their rings."""
        ring = self.ring(at)
        return np.where(at == self.ends[ring], self.ends[ring + 1] - 2, at - 1)

    def after(self, at: Indices) -> Indices:
        """Return the segments after some, around their rings."""
        ring = self.ring(at)
        return np.where(at == self.ends[ring + 1] - 2, self.ends[ring], at + 1)

    def matched(self) -> tuple[Mask, Mask]:
        """Return which segments stand exactly twice with land on both sides, and which are drawn wrongly.

        Wrong are those that stand more than twice, or twice with land on the same side.

        Examples
        --------
        >>> boxes = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], dtype=object)
        >>> matched, wrong = segments_of(boxes).matched()
        >>> np.flatnonzero(matched).tolist(), wrong.any().item()
        ([0, 7], False)
        """
        one, other, more = self.twins()
        wrong = np.zeros(len(self.start), dtype=bool)
        wrong[more] = True
        left = np.repeat(self.left, np.diff(self.ends))
        same_side = left[one] == left[other]
        good = (self.start[one] == self.end[other]) == same_side
        matched = np.zeros(len(self.start), dtype=bool)
        for mask, chosen in ((matched, good), (wrong, ~good)):
            mask[one[chosen]] = mask[other[chosen]] = True
        return matched, wrong

    def twins(self) -> tuple[Indices, Indices, Indices]:
        """Return the pairs of segments with the same ends, and all segments that stand more than twice.

        The first of a pair stands before the other.
        """
        mixed = _mixed(self.points)
        keys = mixed[:-1] + mixed[1:]
        keys[self.between] = np.arange(len(self.between), dtype=np.uint64) * _ODD  # each of them another key
        one, other, many = _twins(keys)
        against = (self.start[one] == self.end[other]) & (self.end[one] == self.start[other])
        if (at := np.flatnonzero(~against)).size:
            along = (self.start[one[at]] == self.start[other[at]]) & (self.end[one[at]] == self.end[other[at]])
            against[at[along]] = True
            one, other = one[against], other[against]
        more = np.flatnonzero(many)
        return np.minimum(one, other), np.maximum(one, other), more[~np.isin(more, self.between)]


def segments_of(polygons: Geometries) -> Segments:
    """Return the segments of polygons and multipolygons, none of them missing.

    Examples
    --------
    >>> found = segments_of(np.array([shapely.box(0, 0, 1, 1)], dtype=object))
    >>> found.start.tolist(), found.left.tolist()
    ([(1+0j), (1+1j), 1j, 0j], [True])
    """
    _, corners, offsets = shapely.to_ragged_array(polygons, include_z=False, include_m=False)
    ends, parts = offsets[0].astype(np.intp), offsets[1].astype(np.intp)
    corners += 0.0  # there is but one zero
    points = np.ascontiguousarray(corners).view(np.complex128).ravel()
    holder = np.repeat(np.arange(len(parts) - 1), np.diff(parts))
    if len(offsets) > 2:
        holder = np.repeat(np.arange(len(polygons)), np.diff(offsets[2]))[holder]
    shell = np.zeros(len(ends) - 1, dtype=bool)
    shell[parts[:-1][np.diff(parts) > 0]] = True
    left = _counterclockwise(points, ends) == shell
    repeated = points[1:] == points[:-1]
    repeated[ends[1:-1] - 1] = False
    if not repeated.any():
        return Segments(points, ends, holder, left)
    kept = np.flatnonzero(~np.append(False, repeated))
    return Segments(points[kept], np.searchsorted(kept, ends), holder, left, kept)


def _counterclockwise(points: Points, ends: Indices) -> Mask:
    """Return which rings run counterclockwise: by the corner at the top where there is one, else as GEOS tells."""
    tops = np.maximum.reduceat(points.imag, ends[:-1])
    length = np.diff(ends)
    top = np.flatnonzero(points.imag == np.repeat(tops, length))
    ring = np.searchsorted(ends, top, side="right") - 1
    once = np.bincount(ring, minlength=len(length))[ring] == 1
    top, ring = top[once], ring[once]  # the corner where a ring closes stands twice
    come, go = points[top] - points[top - 1], points[top + 1] - points[top]
    turn, size = (come.conj() * go).imag, np.abs(come) * np.abs(go)
    clear = np.abs(turn) > 1e-12 * size
    found = np.zeros(len(length), dtype=bool)
    found[ring[clear]] = turn[clear] > 0
    for number in np.setdiff1d(np.arange(len(length)), ring[clear]).tolist():
        line = points[ends[number] : ends[number + 1]]
        found[number] = shapely.is_ccw(shapely.linearrings(line.real, line.imag))
    return found


def _mixed(points: Points) -> NDArray[np.uint64]:
    """Return a number for each point that looks random, the same for the same point."""
    bits = points.view(np.uint64).reshape(-1, 2)
    mixed = bits[:, 0] * _ODD + bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(32)
    return np.asarray(mixed * np.uint64(0xD6E8FEB86659FD93))


def _twins(keys: NDArray[np.uint64]) -> tuple[Indices, Indices, Mask]:
    """Return the pairs of keys that equal each other and no third one, and which keys stand more than twice.

    Sorting is what takes long, so keys are scattered over slots: where one or two fall into a slot, all is
    known. The few in crowded slots are scattered anew, and the last of them sorted.
    """
    ones, others = [], []
    left, bits = np.arange(len(keys)), keys
    while len(left) > _FEW:
        size = (2 * len(left)).bit_length()
        slot = (bits >> np.uint64(64 - size)).astype(np.intp)
        table = np.empty(1 << size, dtype=np.int32)
        table[slot] = np.arange(len(left), dtype=np.int32)
        winner = table.take(slot)
        late = np.flatnonzero(winner != np.arange(len(left), dtype=np.int32))
        into = slot[late]
        table[into] = late
        table[into[table[into] != late]] = -1  # a third one
        crowded = table[into] < 0
        second, first = late[~crowded], winner[late[~crowded]]
        equal = bits[second] == bits[first]
        ones.append(left[first[equal]])
        others.append(left[second[equal]])
        again = np.zeros(len(left), dtype=bool)
        again[late[crowded]] = again[winner[late[crowded]]] = True
        fewer = 2 * int(np.count_nonzero(again)) < len(left)
        left, bits = left[again], bits[again] * _ODD
        if not fewer:
            break  # most stand more than twice
    order = left[np.argsort(keys[left], kind="stable")]
    fresh = np.flatnonzero(np.append(True, keys[order][1:] != keys[order][:-1])) if len(order) else order
    count = np.diff(np.append(fresh, len(order)))
    many = np.zeros(len(keys), dtype=bool)
    many[order[np.repeat(count > 2, count)]] = True
    ones.append(order[fresh[count == 2]])
    others.append(order[fresh[count == 2] + 1])
    return np.concatenate(ones), np.concatenate(others), many
