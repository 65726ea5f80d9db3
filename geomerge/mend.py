"""Find what is wrong with a coverage, say where, and mend it next to the units a reform touches - nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.coverage import (
    Arrangement,
    Geometries,
    Indices,
    arrange,
    faulty_edges,
    insert_corners,
    join,
    new_vertices,
    tolerance,
)
from geomerge.findings import Finding

Report = Callable[[Finding], None]
Mask = NDArray[np.bool_]

FREE = -1  # a face that belongs to nobody


def repair(polygons: Geometries, codes: Sequence[str], affected: Mask, report: Report) -> Geometries:
    """Return the polygons with the invalid among the affected made valid; all invalid ones are reported."""
    present = ~(shapely.is_missing(polygons) | shapely.is_empty(polygons))
    invalid = present & ~shapely.is_valid(polygons)
    repaired = polygons.copy()
    for position in np.flatnonzero(invalid):
        reason = shapely.is_valid_reason(polygons[position])
        place = shapely.Point(shapely.get_coordinates(polygons[position])[0])
        touched = bool(affected[position])
        remedy = "It was repaired, because the plan changes it." if touched else "It was left as it is."
        report(
            Finding("should", "invalid polygon", f"{codes[position]} is invalid: {reason}", "units", remedy, place)
        )
        if touched:
            repaired[position] = shapely.make_valid(polygons[position], method="structure", keep_collapsed=False)
    return repaired


def mend(
    polygons: Geometries,
    codes: Sequence[str],
    affected: Mask,
    *,
    gap_width: float,
    report: Report,
) -> Geometries:
    """Close gaps and overlaps of the affected polygons up to a width, and match their edges; others stay as they are.

    A gap goes to the affected polygon with the longest shared edge. An overlap goes to the polygon that is not
    affected, else to the one with the longest edge around it; equal lengths go to the first code. What is wider is
    reported and left. A polygon that is not affected changes only by corners inserted into its edges.

    Parameters
    ----------
    polygons, codes
        The coverage and the codes of its polygons.
    affected
        Which polygons may change.
    gap_width
        Widest gap or overlap to close, in CRS units.
    report
        Called with each finding.

    Returns
    -------
    array of polygons
    """
    edges = faulty_edges(polygons, gap_width)
    faulty = np.array([edge is not None for edge in edges], dtype=bool)
    _report_faults(edges, codes, affected, report)
    to_mend = np.flatnonzero(faulty & affected)
    if not len(to_mend):
        return polygons
    near = np.unique(STRtree(polygons).query(polygons[to_mend], predicate="dwithin", distance=gap_width)[1])
    near = near[~(shapely.is_missing(polygons[near]) | shapely.is_empty(polygons[near]))]
    context = shapely.make_valid(polygons[near], method="structure", keep_collapsed=False)
    found = arrange(shapely.boundary(context))
    owner = _owners(found, context, affected[near], faulty[near] & affected[near], gap_width, codes, near, report)
    mended = polygons.copy()
    for position in np.flatnonzero(faulty[near] & affected[near]):
        mended[near[position]] = join(found.faces[owner == position])
    return _match_others(mended, polygons, to_mend, codes, report)


def _owners(
    found: Arrangement,
    context: Geometries,
    affected: Mask,
    growing: Mask,
    gap_width: float,
    codes: Sequence[str],
    near: Indices,
    report: Report,
) -> Indices:
    """Return the position of the polygon each face goes to."""
    holder, face = found.inside(context)
    count = np.bincount(face, minlength=len(found.faces))
    owner = np.full(len(found.faces), FREE, dtype=np.intp)
    owner[face] = holder
    thin = found.widths <= gap_width
    for position in np.flatnonzero((count > 1) | ((count == 0) & thin)):
        holders = holder[face == position]
        if len(holders) == 0:
            candidates = np.flatnonzero(growing)
        else:
            fixed = holders[~affected[holders]]
            candidates = fixed if len(fixed) else holders
            if not thin[position]:
                _report_overlap(found.faces[position], [codes[near[h]] for h in holders], gap_width, report)
        owner[position] = _longest_edge(found.faces[position], context, candidates, codes, near)
    return owner


def _longest_edge(
    face: object, context: Geometries, candidates: Indices, codes: Sequence[str], near: Indices
) -> np.intp:
    around = shapely.boundary(face)
    lengths = shapely.length(shapely.intersection(shapely.boundary(context[candidates]), around))
    if not lengths.any():
        return np.intp(FREE)
    order = sorted(range(len(candidates)), key=lambda i: (-lengths[i], codes[near[candidates[i]]]))
    return np.intp(candidates[order[0]])


def _match_others(
    mended: Geometries, before: Geometries, changed: Indices, codes: Sequence[str], report: Report
) -> Geometries:
    """Insert the corners that mending made into the edges of the polygons around."""
    corners = new_vertices(mended[changed], before)
    others = np.setdiff1d(np.arange(len(mended)), changed)
    if not len(corners) or not len(others):
        return mended
    matched, which, corner = insert_corners(mended[others], corners, tolerance(before))
    mended[others] = matched
    report_corners([codes[others[w]] for w in which], corners[corner], "mending", report)
    return mended


def report_corners(codes: Sequence[str], corners: Geometries, why: str, report: Report) -> None:
    """Report each corner that was inserted into the edge of a unit."""
    for code, corner in zip(codes, corners, strict=True):
        report(
            Finding(
                "should", "inserted corner", f"{code} received a corner at {place(corner)}", why,
                "Nothing to do: the edge is matched, its course is the same.", corner,
            )  # fmt: skip
        )


def place(point: object) -> str:
    """Return the coordinates of a point as text."""
    return f"{shapely.get_x(point):.3f} {shapely.get_y(point):.3f}"


def _report_faults(edges: Geometries, codes: Sequence[str], affected: Mask, report: Report) -> None:
    for position in np.flatnonzero([edge is not None for edge in edges]):
        where = shapely.get_point(shapely.get_geometry(shapely.multilinestrings(shapely.get_parts(edges[position])), 0), 0)
        length = shapely.length(edges[position])
        remedy = "Mended where within the gap width." if affected[position] else "Left as it is."
        report(
            Finding(
                "should", "unmatched edge",
                f"{codes[position]} does not share {length:.3f} of its edges with its neighbours, first at {place(where)}",
                "units", remedy, where,
            )  # fmt: skip
        )


def _report_overlap(face: object, codes: list[str], gap_width: float, report: Report) -> None:
    where = shapely.point_on_surface(face)
    report(
        Finding(
            "must", "overlap",
            f"{' and '.join(sorted(codes))} overlap by {shapely.area(face):.3f} m² at {place(where)}, "
            f"wider than the gap width {gap_width:g}",
            "units", "Correct the layer, or state a larger gap_width if the overlap may be given to one of them.", where,
        )  # fmt: skip
    )
