"""Cut units along claims: node all lines once, give each face an owner and a claim, join the faces again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely import STRtree

from geomerge.corners import insert_corners, with_heights
from geomerge.coverage import (
    Arrangement,
    Geometries,
    Indices,
    Mask,
    around,
    arrange,
    join,
    keys,
    new_vertices,
    objects,
    present,
    settle,
    tolerance,
)
from geomerge.findings import Finding, Notes
from geomerge.parts import Claim

NOBODY = -1  # owner of land of no unit; also the claim of what nobody claims


@dataclass(frozen=True)
class Slice:
    """A part of a polygon after the cut: ``owner`` is its position, ``claim`` of the claim, or NOBODY."""

    owner: int
    claim: int
    geometry: Any


@dataclass(frozen=True)
class Sliced:
    """Result of a cut: the slices, the polygons around, and the corners inserted into these."""

    slices: tuple[Slice, ...]
    polygons: Geometries
    matched: Indices
    corners: Geometries


@dataclass(frozen=True)
class _Faces:
    """The faces that take part in a cut, with the polygon each lies in and the claim on it."""

    faces: Geometries
    owner: Indices
    claimed: Indices


def cut(
    polygons: Geometries,
    units: Sequence[str | None],
    claims: Sequence[Claim],
    *,
    sliver_width: float,
    notes: Notes,
) -> Sliced:
    """Cut polygons by the claims on their units.

    Parameters
    ----------
    polygons
        All polygons of the coverage.
    units
        Unit each polygon belongs to on the day of the cut; None where it belongs to none.
    claims
        The claims; those on land of no unit have no unit.
    sliver_width
        Faces up to this mean width, in CRS units, go to the slice of the same polygon with the longest shared
        edge.
    notes
        Takes the findings.

    Returns
    -------
    Sliced
    """
    owners, context = _owners(polygons, units, claims)
    drawn = np.union1d(owners, context)
    lines = _through_corners(np.concatenate([claim.lines for claim in claims]), polygons[drawn])
    found = arrange(np.concatenate([shapely.boundary(polygons[drawn]), lines]))
    owner = np.full(len(found.faces), NOBODY, dtype=np.intp)
    holder, face = found.inside(polygons[drawn])
    owner[face] = drawn[holder]
    claimed = _claimed(found, owner, units, claims, sliver_width, notes)
    kept = np.isin(owner, owners) | ((owner == NOBODY) & (claimed != NOBODY))
    parts = _Faces(found.faces[kept], owner[kept], claimed[kept])
    parts = _without_slivers(parts, found.widths[kept] <= sliver_width)
    _note_created(parts, claims, notes)
    return _match_others(tuple(_slices(parts, polygons, drawn, claims)), polygons, owners, parts.faces)


def _owners(polygons: Geometries, units: Sequence[str | None], claims: Sequence[Claim]) -> tuple[Indices, Indices]:
    """Return the polygons to cut, and those around that a claim on land of no unit must not take from."""
    named = {claim.cut.unit for claim in claims}
    there = present(polygons)
    owners = np.flatnonzero([unit is not None and unit in named for unit in units] & there)
    free = objects([claim.area for claim in claims if claim.cut.unit is None])
    if not len(free):
        return owners, owners
    context = np.unique(STRtree(polygons).query(free, predicate="intersects")[1])
    lost = [position for position in context if units[position] is None]
    return np.union1d(owners, np.array(lost, dtype=np.intp)), context


def _through_corners(segments: Geometries, polygons: Geometries) -> Geometries:
    """Return segments that run exactly through the corners of polygons that they pass within rounding.

    Otherwise the corner lies on the tip of a face too small to be told inside from outside.
    """
    at = pd.Index(keys(shapely.get_coordinates(polygons))).unique().to_numpy().view(np.float64).reshape(-1, 2)
    points = np.asarray(shapely.points(at))
    reach = tolerance(polygons)
    near, segment = STRtree(segments).query(points, predicate="dwithin", distance=reach)
    drawn = np.asarray(shapely.force_2d(segments))
    ends = shapely.get_coordinates(drawn).reshape(-1, 2, 2)[segment]
    beside = ~(ends == at[near, None]).all(axis=2).any(axis=1)  # neither end of the segment is the corner
    near, segment = near[beside], segment[beside]
    for position in np.unique(segment):
        target = shapely.multipoints(points[near[segment == position]])
        drawn[position] = shapely.snap(drawn[position], target, reach)
    return drawn


def _claimed(
    found: Arrangement,
    owner: Indices,
    units: Sequence[str | None],
    claims: Sequence[Claim],
    sliver_width: float,
    notes: Notes,
) -> Indices:
    """Return the claim on each face; a face claimed for two units is noted."""
    claimed = np.full(len(found.faces), NOBODY, dtype=np.intp)
    unit_of_face = [units[position] if position != NOBODY else None for position in owner]
    for number, claim in enumerate(claims):
        hit = np.zeros(len(found.faces), dtype=bool)
        hit[found.inside(objects([claim.area]))[1]] = True
        hit = (hit != claim.cut.outside) & np.array([unit == claim.cut.unit for unit in unit_of_face])
        if claim.cut.outside:
            hit &= claimed == NOBODY
        taken = hit & (claimed != NOBODY)
        for first in np.unique(claimed[taken & (found.widths > sliver_width)]):
            _note_overlap(found.faces[taken & (claimed == first)], claims[first], claim, notes)
        claimed[hit & ~taken] = number
    return claimed


def _note_overlap(faces: Geometries, first: Claim, second: Claim, notes: Notes) -> None:
    if first.cut.new == second.cut.new:
        return
    whose = first.cut.unit or "land of no unit"
    area = notes.area(float(shapely.area(faces).sum()))
    what = f"{area} of {whose} are claimed for both {first.cut.new or 'nobody'} and {second.cut.new or 'nobody'}"
    where = shapely.point_on_surface(faces[int(np.argmax(shapely.area(faces)))])
    remedy = "Draw the parts so that they do not overlap."
    notes(Finding("must", "parts overlap", what, f"{first.event}; {second.event}", remedy, where))


def _note_created(parts: _Faces, claims: Sequence[Claim], notes: Notes) -> None:
    """Note land for a created unit that is not free."""
    for number, claim in enumerate(claims):
        if claim.cut.kind != "created":
            continue
        found, wanted = shapely.area(parts.faces[parts.claimed == number]).sum(), shapely.area(claim.area)
        if found >= (1 - 1e-9) * wanted:
            continue
        what = f"{notes.area(wanted - found)} of the land for {claim.cut.new} belong to other units"
        remedy = "They keep it; use a transfer or a split if the new unit is to have it."
        severity: Any = "should" if found else "must"
        where = shapely.point_on_surface(claim.area)
        notes(Finding(severity, "land is not free", what, claim.event, remedy, where))


def _without_slivers(parts: _Faces, thin: Mask) -> _Faces:
    """Give thin faces to the slice of the same polygon that they share the longest edge with."""
    if not thin.any():
        return parts
    pairs, label = np.unique(np.column_stack([parts.owner, parts.claimed]), axis=0, return_inverse=True)
    label = label.ravel()
    allowed = {
        (int(face), int(group))
        for face in np.flatnonzero(thin)
        for group in np.flatnonzero(pairs[:, 0] == parts.owner[face])
    }
    label = settle(label, thin, parts.faces, allowed)
    return _Faces(parts.faces, parts.owner, pairs[label, 1])


def _slices(parts: _Faces, polygons: Geometries, drawn: Indices, claims: Sequence[Claim]) -> Iterator[Slice]:
    """Yield the slices, by owner and claim; each with the heights of its polygon, then of the claims."""
    lines = np.concatenate([claim.lines for claim in claims])
    for owner, claim in np.unique(np.column_stack([parts.owner, parts.claimed]), axis=0).tolist():
        shape = objects([join(parts.faces[(parts.owner == owner) & (parts.claimed == claim)])])
        if owner == NOBODY:
            shape = with_heights(shape, polygons[drawn], lines)
        elif polygons[owner].has_z:
            shape = with_heights(shape, np.append(polygons[[owner]], polygons[drawn]), lines)
        yield Slice(owner, claim, shape[0])


def _match_others(slices: tuple[Slice, ...], polygons: Geometries, owners: Indices, faces: Geometries) -> Sliced:
    """Insert the corners made by the cut into the edges of the polygons that were not cut."""
    near = np.unique(shapely.STRtree(polygons).query(faces)[1])  # no other polygon can have their corners
    corners = new_vertices(faces, polygons[near])
    beside = around(corners, polygons, tolerance(polygons))
    others = np.setdiff1d(beside, owners)
    matched = insert_corners(polygons[others], corners, tolerance(polygons))
    after = polygons.copy()
    after[others] = matched.polygons
    return Sliced(slices, after, others[matched.which], corners[matched.corner])
