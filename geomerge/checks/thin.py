"""Checks for what is too thin to be meant: slivers and spikes that a change made."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import shapely

from geomerge.checks.edges import changed
from geomerge.coverage import Geometries, Indices, Numbers, keys, objects
from geomerge.crs import length_unit
from geomerge.findings import Finding, Notes


def check_thin(
    new_units: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame,
    *,
    code: str = "code",
    width: float = 0.5,
    angle: float = 1.0,
) -> Iterator[Finding]:
    """Find slivers and spikes that the change made: narrow parts or holes, and corners that turn back.

    Parameters
    ----------
    new_units, before
        The units after and before; what stood in a unit before is not told.
    code
        Column of the new units with their code.
    width
        Mean width, twice the area by the perimeter, below which a part or a hole is a sliver, in CRS units.
    angle
        Angle between two edges, in degrees, below which their corner is a spike.
    """
    notes = Notes(length_unit(new_units.crs))
    shapes, old = objects(new_units.geometry.to_numpy()), objects(before.geometry.to_numpy())
    fresh = changed(shapes, old)
    known = set(shapely.to_wkb(shapely.normalize(_thin(old, width)[0])).tolist())
    for ring, at in zip(*_thin(shapes[fresh], width), strict=True):
        if shapely.to_wkb(shapely.normalize(ring)) not in known:
            what = f"{new_units[code].iat[fresh[at]]} has a sliver of {notes.area(ring.area)}"
            remedy = "Draw the cut along the border, or widen sliver_width."
            yield Finding("should", "sliver", what, "units", remedy, shapely.Point(shapely.get_coordinates(ring)[0]))
    stood = set(keys(_spikes(old, angle)[0]).tolist())
    for corner, at in zip(*_spikes(shapes[fresh], angle), strict=True):
        if keys(corner[None])[0] not in stood:
            what = (
                f"{new_units[code].iat[fresh[at]]} has a spike at {notes.length(corner[0])} {notes.length(corner[1])}"
            )
            remedy = "Correct the line that was cut along."
            yield Finding("should", "spike", what, "units", remedy, shapely.Point(corner))


def _thin(shapes: Geometries, width: float) -> tuple[Geometries, Indices]:
    """Return narrow parts and holes as polygons, and which shape each is of."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    faces = objects(list(parts[part]))  # a part with holes is as wide as what is left of it
    hole = np.append(False, np.diff(part) == 0)[: len(part)]
    faces[hole] = shapely.polygons(rings[hole])
    length = shapely.length(faces)
    narrow = 2 * shapely.area(faces) < width * length
    return objects(list(faces[narrow])), owner[part[narrow]]


def _spikes(shapes: Geometries, angle: float) -> tuple[Numbers, Indices]:
    """Return corners whose edges nearly turn back, and which shape each is of."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    if not len(corners):
        return corners, owner[:0]
    points = keys(corners)
    here = np.flatnonzero(np.append(ring[1:] == ring[:-1], False))  # the last of a ring is its first
    before = here - 1
    start = np.flatnonzero(np.append(True, ring[here][1:] != ring[here][:-1]))
    before[start] = here[np.append(start[1:], len(here)) - 1]
    away, back = points[here + 1] - points[here], points[before] - points[here]
    turn = np.abs(np.angle(away * back.conjugate(), deg=True))
    sharp = here[(turn < angle) & (away != 0) & (back != 0)]
    return corners[sharp], owner[part[ring[sharp]]]
