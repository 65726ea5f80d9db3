"""Find what is wrong with a coverage, say where, and mend it next to the units a reform touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import STRtree

from geomerge.corners import insert_corners, with_heights
from geomerge.coverage import (
    Geometries,
    Indices,
    Mask,
    are_valid,
    around,
    arrange,
    faulty_edges,
    join,
    make_valid,
    objects,
    present,
    settle,
    tolerance,
)
from geomerge.findings import Finding, Notes, place
from geomerge.suspects import suspects

FREE = -1  # label of a face that belongs to nobody, or to nobody that may change


def repair(polygons: Geometries, codes: Sequence[str], affected: Mask, notes: Notes) -> Geometries:
    """Return the polygons with the invalid among the affected made valid; all invalid ones are noted."""
    invalid = ~are_valid(polygons)
    for position in np.flatnonzero(invalid).tolist():
        reason = shapely.is_valid_reason(polygons[position])
        remedy = "It was repaired, because the plan changes it."
        if not affected[position]:
            remedy = "It was left as it is; correct it in its source."
        where = shapely.Point(shapely.get_coordinates(polygons[position])[0])
        what = f"{codes[position]} is invalid: {reason}"
        notes(Finding("should", "invalid polygon", what, "units", remedy, where))
    repaired = polygons.copy()
    touched = np.flatnonzero(invalid & affected)
    repaired[touched] = make_valid(polygons[touched])
    return repaired


def mend(polygons: Geometries, codes: Sequence[str], affected: Mask, *, gap_width: float, notes: Notes) -> Geometries:
    """Close gaps and overlaps of the affected polygons up to a width, and match their edges.

    A gap goes to the affected polygon with the longest shared edge. An overlap goes to a polygon that is not
    affected, else to the one with the longest shared edge; equal lengths go to the first code. A wider gap is
    no fault, a wider overlap blocks. A polygon that is not affected changes only by corners inserted into its
    edges.

    Parameters
    ----------
    polygons, codes
        The coverage and the codes of its polygons.
    affected
        Which polygons may change.
    gap_width
        Widest gap or overlap to close, in CRS units.
    notes
        Takes the findings.

    Returns
    -------
    array of polygons
    """
    if not affected.any():
        return polygons
    near = around(polygons[affected], polygons, gap_width)
    if not suspects(polygons[near], gap_width).any():  # then there is no fault either where not all take part
        return polygons
    near = _around(polygons, np.flatnonzero(affected), codes, gap_width)
    edges = faulty_edges(polygons[near], gap_width)
    faulty = ~shapely.is_missing(edges)
    _note_faults(edges, [codes[position] for position in near], affected[near], notes)
    growing = near[faulty & affected[near]]
    if not len(growing):
        return polygons
    at = _around(polygons, growing, codes, gap_width)
    names = tuple(codes[position] for position in at)
    context = _Context(make_valid(polygons[at]), names, affected[at], np.isin(at, growing))
    mended = polygons.copy()
    mended[at] = _rebuilt(polygons[at], context, edges[faulty], gap_width, notes)
    return _match_others(mended, polygons, growing, np.setdiff1d(near, growing), codes, notes)


@dataclass(frozen=True)
class _Context:
    """The polygons to mend and all within the gap width of them, in the order of their codes."""

    shapes: Geometries
    codes: tuple[str, ...]
    affected: Mask
    growing: Mask


def _around(polygons: Geometries, chosen: Indices, codes: Sequence[str], reach: float) -> Indices:
    """Return the positions of the chosen polygons and of all within reach, in the order of their codes."""
    there = np.flatnonzero(present(polygons))
    near = STRtree(polygons[there]).query(polygons[chosen], predicate="dwithin", distance=reach)[1]
    return np.array(sorted(there[np.unique(near)], key=lambda position: codes[position]), dtype=np.intp)


def _rebuilt(polygons: Geometries, context: _Context, faulty: Geometries, gap_width: float, notes: Notes) -> Geometries:
    """Return the polygons, the growing ones put together again from the faces between all lines around."""
    lines = np.append(shapely.boundary(context.shapes), _mouths(faulty, context.shapes, gap_width))
    found = arrange(lines)
    holder, face = found.inside(context.shapes)
    label = np.full(len(found.faces), FREE, dtype=np.intp)
    label[face] = holder
    order = np.argsort(face, kind="stable")
    holders = np.split(holder[order], np.searchsorted(face[order], np.arange(1, len(found.faces))))
    allowed = set(_candidates(holders, context, found.widths <= gap_width))
    unsettled = np.isin(np.arange(len(found.faces)), [position for position, _ in allowed])
    wide = unsettled & (found.widths > gap_width)
    _note_overlaps(found.faces[wide], [holders[p] for p in np.flatnonzero(wide)], context, gap_width, notes)
    label = settle(label, unsettled, found.faces, allowed)
    mended = polygons.copy()
    for position in np.flatnonzero(context.growing):
        faces = found.faces[label == position]
        if len(faces):
            joined, around = objects([join(faces)]), np.append(polygons[[position]], polygons)
            mended[position] = (with_heights(joined, around) if polygons[position].has_z else joined)[0]
    return mended


def _mouths(faulty: Geometries, polygons: Geometries, gap_width: float) -> Geometries:
    """Return lines across gaps where these end: an open gap becomes a face as well."""
    ends = shapely.get_parts(shapely.boundary(shapely.line_merge(faulty)))
    borders = shapely.boundary(polygons)
    at, near = STRtree(borders).query(ends, predicate="dwithin", distance=gap_width)
    corners = shapely.extract_unique_points(borders)
    to_corner = shapely.shortest_line(ends[at], corners[near])
    to_border = shapely.shortest_line(ends[at], borders[near])
    lines = np.where(shapely.length(to_corner) <= gap_width, to_corner, to_border)
    return np.asarray(lines[shapely.length(lines) > 0])


def _candidates(holders: Sequence[Indices], context: _Context, thin: Mask) -> Iterator[tuple[int, int]]:
    """Yield each face to give away, be it a gap or an overlap, with each polygon that may get it."""
    growing = np.flatnonzero(context.growing)
    for position, held in enumerate(holders):
        if len(held) == 0 and thin[position]:
            yield from ((position, int(candidate)) for candidate in growing)
        elif len(held) > 1 and context.affected[held].any():
            fixed = held[~context.affected[held]]
            yield from ((position, int(holder)) for holder in (fixed if len(fixed) else held))


def _match_others(
    mended: Geometries,
    before: Geometries,
    changed: Indices,
    others: Indices,
    codes: Sequence[str],
    notes: Notes,
) -> Geometries:
    """Insert the corners of mended polygons into the edges of the polygons around."""
    corners = np.asarray(shapely.points(np.unique(shapely.get_coordinates(mended[changed]), axis=0)))
    if not len(others):
        return mended
    matched = insert_corners(mended[others], corners, tolerance(before[others]))
    mended[others] = matched.polygons
    note_corners([codes[others[w]] for w in matched.which], corners[matched.corner], "mending", notes)
    return mended


def note_corners(codes: Sequence[str], corners: Geometries, why: str, notes: Notes) -> None:
    """Note each corner that was inserted into the edge of a unit."""
    remedy = "Nothing to do: the edge is matched, its course is the same."
    for code, corner in zip(codes, corners, strict=True):
        what = f"{code} received a corner at {place(corner)}"
        notes(Finding("should", "inserted corner", what, why, remedy, corner))


def _note_faults(edges: Geometries, codes: Sequence[str], affected: Mask, notes: Notes) -> None:
    for position in np.flatnonzero(~shapely.is_missing(edges)).tolist():
        where = shapely.get_point(shapely.get_parts(edges[position])[0], 0)
        length = notes.length(shapely.length(edges[position]))
        what = f"{codes[position]} does not match its neighbours along {length}, first at {place(where)}"
        remedy = "It was mended." if affected[position] else "It was left as it is, but for corners inserted."
        notes(Finding("should", "unmatched edge", what, "units", remedy, where))


def _note_overlaps(
    faces: Geometries, holders: Sequence[Indices], context: _Context, gap_width: float, notes: Notes
) -> None:
    remedy = "Correct the layer, or state a larger gap_width if the overlap may be given to one of them."
    for face, held in zip(faces, holders, strict=True):
        where = shapely.point_on_surface(face)
        what = (
            f"{' and '.join(context.codes[holder] for holder in held)} overlap by {notes.area(face.area)} "
            f"at {place(where)}, wider than the gap width {gap_width:g}"
        )
        notes(Finding("must", "overlap", what, "units", remedy, where))
