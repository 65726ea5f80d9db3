"""Suspects: the few polygons of a coverage that may break it; of all others it is proved without a closer look.

The search for faults takes a polygon for faulty only where one of its segments

- stands twice with land on the same side, or more than twice: told by :meth:`Segments.matched`;
- is not matched by exactly one of another polygon, and comes within the gap width of a segment of another polygon:
  told of each pair, with no doubt where both share a corner, go apart there, and the one does not lead into the land
  of the other;
- is not matched, and begins in another polygon. Then all of its line of unmatched segments lies there, or the line
  meets the other's edge before and after, so that the pair above is told of, or shares a corner, and the tip of
  the segment there lies in the other polygon. So the start of each line, and those tips, are all that need be tested.

Boxes around chunks of segments tell nearly all of them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import STRtree

from geomerge.segments import Geometries, Indices, Mask, Numbers, Points, Segments, segments_of

_CHUNK = 32  # segments in a chunk
_MOST = 3_000_000  # pairs to look at; where there are more, all are suspects
_SURE = 1e-12  # relative error far above that of a product of two differences


def suspects(polygons: Geometries, gap_width: float) -> Mask:
    """Return which polygons may have edges that break the coverage at any width up to the gap width.

    Examples
    --------
    >>> row = np.array([shapely.box(x, 0, x + 1, 1) for x in (0, 1, 2.005, 3.005)], dtype=object)
    >>> suspects(row, 0.01).tolist(), suspects(row, 0.001).tolist()
    ([False, True, True, False], [False, False, False, False])
    """
    found = np.zeros(len(polygons), dtype=bool)
    bounds = shapely.bounds(polygons).T
    if not np.isfinite(bounds).all():
        return ~found
    segments = segments_of(polygons)
    matched, wrong = segments.matched()
    found[segments.owner[segments.ring(np.flatnonzero(wrong))]] = True
    unmatched = ~matched
    unmatched[segments.between] = False
    if not unmatched.any():
        return found
    reach = gap_width * (1 + 1e-9) + float(np.abs(bounds).max()) * _SURE
    one, other, many = _close(segments, unmatched, reach)
    land = _Land(polygons, bounds)
    many = np.append(many, one[~_apart(segments, one, other, land, gap_width, reach)])
    found[segments.owner[segments.ring(many)]] = True
    found[_inside(segments, np.flatnonzero(unmatched), land)] = True
    return found


@dataclass(frozen=True)
class _Land:
    """The polygons, with their bounds, one column each."""

    polygons: Geometries
    bounds: Numbers

    def holds(self, which: Indices, points: Points) -> Mask:
        """Return which points lie in the polygon named for each, its edge left out."""
        west, south, east, north = self.bounds[:, which]
        held = (points.real > west) & (points.real < east) & (points.imag > south) & (points.imag < north)
        at = np.flatnonzero(held)
        if not len(at):
            return np.asarray(held)
        # as the search does: part by part, and by counting rings, which makes a difference where they are invalid
        wanted, place = np.unique(which[at], return_inverse=True)
        parts, polygon = shapely.get_parts(self.polygons[wanted], return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        count = np.bincount(polygon[part], minlength=len(wanted))
        ring, pair = _spread((np.cumsum(count) - count)[place], count[place])
        inside = _within(rings, np.append(True, np.diff(part) > 0), ring, points[at[pair]])
        runs = np.flatnonzero(np.append(True, (np.diff(pair) > 0) | (np.diff(part[ring]) > 0)))
        held[at] = False
        held[at[pair[runs[np.add.reduceat(inside, runs) % 2 == 1]]]] = True
        return np.asarray(held)


def _within(rings: Geometries, shell: Mask, which: Indices, points: Points) -> Indices:
    """Return 1 for points that lie within the ring named for each, of a hole also its edge, else 0."""
    west, south, east, north = shapely.bounds(rings).T[:, which]
    near = (points.real >= west) & (points.real <= east) & (points.imag >= south) & (points.imag <= north)
    at = np.flatnonzero(near)
    areas = np.asarray(shapely.polygons(rings), dtype=object)[which[at]]
    drawn = shapely.points(points[at].real, points[at].imag)
    found = np.zeros(len(points), dtype=np.intp)
    found[at] = np.where(shell[which[at]], shapely.contains(areas, drawn), shapely.intersects(areas, drawn))
    return found


def _runs(segments: Segments, starts: Indices, ends: Indices) -> Numbers:
    """Return the bounds of runs of segments, one column each, given the first of each run and the point it ends in."""
    found = np.empty((4, len(starts)))
    cuts = np.column_stack([starts, ends]).ravel()
    last = segments.points[ends]
    for axis, name in enumerate(("real", "imag")):
        along, end = getattr(segments.points, name), getattr(last, name)
        found[axis] = np.minimum(np.minimum.reduceat(along, cuts)[::2], end)
        found[axis + 2] = np.maximum(np.maximum.reduceat(along, cuts)[::2], end)
    return found


def _bounds(segments: Segments, at: Indices) -> Numbers:
    """Return the bounds of some segments, one column each."""
    start, end = segments.start[at], segments.end[at]
    low = [np.minimum(start.real, end.real), np.minimum(start.imag, end.imag)]
    return np.stack([*low, np.maximum(start.real, end.real), np.maximum(start.imag, end.imag)])


def _drawn(bounds: Numbers) -> Geometries:
    return np.asarray(shapely.box(*bounds))


def _near(one: Numbers, other: Numbers, reach: float) -> Mask:
    """Return which pairs of bounds come within reach of each other."""
    across = (one[0] <= other[2] + reach) & (other[0] <= one[2] + reach)
    return np.asarray(across & (one[1] <= other[3] + reach) & (other[1] <= one[3] + reach))


def _spread(first: Indices, count: Indices) -> tuple[Indices, Indices]:
    """Return all positions of ranges, and which range each is of.

    Examples
    --------
    >>> [found.tolist() for found in _spread(np.array([5, 9]), np.array([2, 1]))]
    [[5, 6, 9], [0, 0, 1]]
    """
    which = np.repeat(np.arange(len(first)), count)
    begin = np.cumsum(count) - count
    return np.arange(len(which)) - np.repeat(begin - first, count), which


def _close(segments: Segments, unmatched: Mask, reach: float) -> tuple[Indices, Indices, Indices]:
    """Return pairs of an unmatched segment and one of another polygon whose bounds come within reach.

    Where there are too many of them, the unmatched segments are returned alone, behind the pairs.
    """
    first, last = segments.ends[:-1], segments.ends[1:] - 1
    number, ring = _spread(np.zeros(len(first), dtype=np.intp), -(-(last - first) // _CHUNK))
    starts = first[ring] + _CHUNK * number
    ends = np.minimum(starts + _CHUNK, last[ring])
    count, owner, bounds = ends - starts, segments.owner[ring], _runs(segments, starts, ends)
    looking = np.flatnonzero(np.logical_or.reduceat(unmatched, starts))
    wider = bounds[:, looking] + reach * np.array([[-1], [-1], [1], [1]])
    at, near = STRtree(_drawn(bounds)).query(_drawn(wider))
    foreign = owner[looking[at]] != owner[near]
    at, near = looking[at[foreign]], near[foreign]
    one, pair = _spread(starts[at], count[at])
    one, near = one[unmatched[one]], near[pair[unmatched[one]]]
    kept = _near(_bounds(segments, one), bounds[:, near], reach)
    one, near = one[kept], near[kept]
    if count[near].sum() > _MOST:
        return one[:0], one[:0], one
    other, pair = _spread(starts[near], count[near])
    one = one[pair]
    kept = _near(_bounds(segments, one), _bounds(segments, other), reach)
    return one[kept], other[kept], one[:0]


def _apart(segments: Segments, one: Indices, other: Indices, land: _Land, gap_width: float, reach: float) -> Mask:
    """Return which pairs of segments do not disturb each other: farther than reach, or apart from a shared corner."""
    start, end, begin, stop = segments.start[one], segments.end[one], segments.start[other], segments.end[other]
    at_begin, at_stop = (start == begin) | (end == begin), (start == stop) | (end == stop)
    apart = np.zeros(len(one), dtype=bool)
    if (free := np.flatnonzero(~at_begin & ~at_stop)).size:
        lines = (np.stack([pair[0][free], pair[1][free]], axis=1) for pair in ((start, end), (begin, stop)))
        first, second = (shapely.linestrings(np.stack([line.real, line.imag], axis=-1)) for line in lines)
        apart[free] = shapely.distance(first, second) > reach
    at = np.flatnonzero(at_begin != at_stop)
    corner = np.where(at_begin[at], begin[at], stop[at])
    tip = np.where(start[at] == corner, end[at], start[at])
    beside = np.where(at_begin[at], stop[at], begin[at])
    out = np.where(at_begin[at], other[at], segments.after(other[at]))  # of the two segments at the other's corner
    into = np.where(at_begin[at], segments.before(other[at]), other[at])
    following, previous = segments.end[out] - corner, segments.start[into] - corner
    ring = segments.ring(other[at])
    left = segments.left[ring]
    following, previous = np.where(left, following, previous), np.where(left, previous, following)
    good = _diverging(tip - corner, beside - corner, gap_width) & _outside(tip - corner, following, previous)
    apart[at] = good & ~land.holds(segments.owner[ring], tip)
    return apart


def _cross(one: Points, other: Points) -> tuple[Numbers, Numbers]:
    """Return sine and cosine of the angle from one direction to another."""
    product, size = one.conj() * other, np.abs(one) * np.abs(other)
    return product.imag / size, product.real / size


def _diverging(one: Points, other: Points, gap_width: float) -> Mask:
    """Return which pairs of segments with a common end go apart: not on one line, nor side by side within the width.

    Side by side are segments whose projections upon each other are longer than the width, and end within it.
    """
    sine, cosine = _cross(one, other)
    least = np.minimum(np.abs(one), np.abs(other)) * cosine * np.abs(sine)  # the distance of those ends at least
    return (cosine <= 0) | ((np.abs(sine) > _SURE) & (least > gap_width * (1 + 1e-9)))


def _outside(ahead: Points, following: Points, previous: Points) -> Mask:
    """Return which directions lead out of a corner, whose land lies to the left of what follows."""
    turn, along = _cross(following, previous)
    from_following, _ = _cross(following, ahead)
    to_previous, _ = _cross(ahead, previous)
    convex = (from_following < -_SURE) | (to_previous < -_SURE)
    reflex = (from_following < -_SURE) & (to_previous < -_SURE)
    straight = (from_following < -_SURE) & (along < 0)
    return np.where(turn > _SURE, convex, np.where(turn < -_SURE, reflex, straight))


def _inside(segments: Segments, unmatched: Indices, land: _Land) -> Indices:
    """Return the owners of lines of unmatched segments that begin in another polygon whose bounds hold them."""
    breaks = np.flatnonzero((np.diff(unmatched) > 1) | (np.diff(segments.ring(unmatched)) > 0))
    starts, ends = unmatched[np.append(0, breaks + 1)], unmatched[np.append(breaks, -1)] + 1
    owner, lines = segments.owner[segments.ring(starts)], _runs(segments, starts, ends)
    line, holder = STRtree(_drawn(land.bounds)).query(_drawn(lines))
    held = (lines[:2, line] >= land.bounds[:2, holder]) & (lines[2:, line] <= land.bounds[2:, holder])
    held = held.all(axis=0) & (owner[line] != holder)
    line, holder = line[held], holder[held]
    return np.asarray(owner[line[land.holds(holder, segments.start[starts[line]])]])
