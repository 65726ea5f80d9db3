"""Cut units along claims: node all lines once, give each face to an owner and a claim, join the faces again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geomerge.coverage import (
    Arrangement,
    Geometries,
    Indices,
    arrange,
    insert_corners,
    join,
    new_vertices,
    tolerance,
)
from geomerge.findings import Finding
from geomerge.parts import Claim

Report = Callable[[Finding], None]

NOBODY = -1  # owner of land of no unit; also the claim of what nobody claims


@dataclass(frozen=True)
class Slice:
    """A part of one polygon after the cut: ``owner`` is its position, ``claim`` that of the claim, or NOBODY."""

    owner: int
    claim: int
    geometry: object


@dataclass(frozen=True)
class Sliced:
    """Result of a cut: the slices, the polygons around (corners inserted), and where corners were inserted."""

    slices: tuple[Slice, ...]
    polygons: Geometries
    matched: Indices
    corners: Geometries


def cut(
    polygons: Geometries,
    units: Sequence[str | None],
    claims: Sequence[Claim],
    *,
    sliver_width: float,
    report: Report,
) -> Sliced:
    """Cut polygons by the claims on their units.

    Parameters
    ----------
    polygons
        All polygons of the coverage.
    units
        Unit each polygon belongs to on the day of the cut.
    claims
        The claims; those on land of no unit have no unit.
    sliver_width
        Faces up to this mean width, in CRS units, go to the slice with the longest shared edge.
    report
        Called with each finding.

    Returns
    -------
    Sliced
    """
    owners = _owners_to_cut(polygons, units, claims)
    context = _context(polygons, claims)
    drawn = np.union1d(owners, context)
    lines = np.concatenate([shapely.boundary(polygons[drawn]), *[claim.lines for claim in claims]])
    found = arrange(lines)
    owner = np.full(len(found.faces), NOBODY, dtype=np.intp)
    holder, face = found.inside(polygons[drawn])
    owner[face] = drawn[holder]
    claimed = _claimed(found, owner, units, claims, report)
    kept = np.isin(owner, owners) | ((owner == NOBODY) & (claimed != NOBODY))
    claimed = _absorb_slivers(found, owner, claimed, kept, sliver_width)
    slices = _slices(found, owner, claimed, kept)
    return _match_others(slices, polygons, owners, found.faces[kept])


def _owners_to_cut(polygons: Geometries, units: Sequence[str | None], claims: Sequence[Claim]) -> Indices:
    cut_units = {claim.cut.unit for claim in claims if claim.cut.unit is not None}
    owners = np.flatnonzero([unit in cut_units for unit in units])
    return owners[~shapely.is_empty(polygons[owners]) & ~shapely.is_missing(polygons[owners])]


def _context(polygons: Geometries, claims: Sequence[Claim]) -> Indices:
    """Return the polygons a claim on land of no unit may touch: it must not take from them."""
    free = [claim.area for claim in claims if claim.cut.unit is None]
    if not free:
        return np.empty(0, dtype=np.intp)
    return np.unique(shapely.STRtree(polygons).query(np.array(free), predicate="intersects")[1])


def _claimed(
    found: Arrangement, owner: Indices, units: Sequence[str | None], claims: Sequence[Claim], report: Report
) -> Indices:
    """Return the claim on each face; a face claimed for two units is reported."""
    claimed = np.full(len(found.faces), NOBODY, dtype=np.intp)
    unit_of_face = [units[position] if position != NOBODY else None for position in owner]
    for number, claim in enumerate(claims):
        hit = np.zeros(len(found.faces), dtype=bool)
        hit[found.inside(np.array([claim.area]))[1]] = True
        hit = (hit != claim.cut.outside) & np.array([unit == claim.cut.unit for unit in unit_of_face])
        if claim.cut.outside:
            hit &= claimed == NOBODY
        taken = hit & (claimed != NOBODY)
        for position in np.flatnonzero(taken & (found.widths > 1e-3)):
            _report_overlap(found.faces[position], claims[claimed[position]], claim, report)
        claimed[hit & ~taken] = number
    return claimed


def _report_overlap(face: object, first: Claim, second: Claim, report: Report) -> None:
    if first.cut.new == second.cut.new:
        return
    report(
        Finding(
            "must", "parts overlap",
            f"{shapely.area(face) / 1e6:.6f} km² of {first.cut.unit} are claimed for both {first.cut.new} and {second.cut.new}",
            f"{first.event}; {second.event}", "Draw the parts so that they do not overlap.", shapely.point_on_surface(face),
        )  # fmt: skip
    )


def _absorb_slivers(
    found: Arrangement, owner: Indices, claimed: Indices, kept: np.ndarray, sliver_width: float
) -> Indices:
    """Give thin faces to the slice of the same polygon that they share the longest edge with."""
    absorbed = claimed.copy()
    for position in np.flatnonzero(kept & (found.widths <= sliver_width)):
        around = np.flatnonzero(kept & (owner == owner[position]) & (found.widths > sliver_width))
        edge = shapely.boundary(found.faces[position])
        near = around[shapely.intersects(found.faces[around], edge)]
        lengths = shapely.length(shapely.intersection(shapely.boundary(found.faces[near]), edge))
        if lengths.any():
            absorbed[position] = claimed[near[int(np.argmax(lengths))]]
    return absorbed


def _slices(found: Arrangement, owner: Indices, claimed: Indices, kept: np.ndarray) -> tuple[Slice, ...]:
    pairs = np.unique(np.column_stack([owner[kept], claimed[kept]]), axis=0)
    return tuple(
        Slice(int(o), int(c), join(found.faces[kept & (owner == o) & (claimed == c)])) for o, c in pairs.tolist()
    )


def _match_others(slices: tuple[Slice, ...], polygons: Geometries, owners: Indices, faces: Geometries) -> Sliced:
    """Insert the corners made by the cut into the edges of the polygons that were not cut."""
    corners = new_vertices(faces, polygons)
    others = np.setdiff1d(np.arange(len(polygons)), owners)
    others = others[~shapely.is_missing(polygons[others])]
    around = polygons.copy()
    matched, which, corner = insert_corners(polygons[others], corners, tolerance(polygons))
    around[others] = matched
    return Sliced(slices, around, others[which], corners[corner])
