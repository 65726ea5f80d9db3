"""Checks of polygons: valid, one coverage, levels on the same edges, and what the plan does not touch as it was."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geomerge.checks.edges import changed, unmatched
from geomerge.coverage import are_valid, keys, make_valid, objects
from geomerge.crs import length_unit
from geomerge.findings import Finding, Notes

ROUNDING = 1e-6  # CRS units that a corner on an edge may lie beside it: no number is on every line


def check_units(
    new_units: gpd.GeoDataFrame, *, code: str, before: gpd.GeoDataFrame, gap_width: float = 0.0
) -> Iterator[Finding]:
    """Find new units that are invalid or do not share their edges, though the old ones were and did.

    A polygon that is as it was before, but for its code and corners inserted, is no fault of the change. Up to the
    gap width, in CRS units, a gap is taken for a fault and not for water.
    """
    notes = Notes(length_unit(new_units.crs))
    shapes, old = objects(new_units.geometry.to_numpy()), objects(before.geometry.to_numpy())
    fresh = changed(shapes, old)
    invalid = fresh[~are_valid(shapes[fresh])]
    heirs = new_units["predecessors"] if "predecessors" in new_units.columns else new_units[code]
    makers = np.flatnonzero(before[code].isin(heirs.iloc[invalid]))
    faulty_before = set(before[code].to_numpy()[makers[~are_valid(old[makers])]])
    for position in invalid[~heirs.iloc[invalid].isin(faulty_before).to_numpy()].tolist():
        reason = shapely.is_valid_reason(shapes[position])
        what = f"The new unit {new_units[code].iat[position]} is invalid: {reason}"
        where = shapely.Point(shapely.get_coordinates(shapes[position])[0])
        yield Finding("must", "invalid polygon", what, "units", "Correct the polygons it is made of.", where)
    edges = unmatched(shapes, fresh, gap_width)
    for position, faulty in zip(fresh.tolist(), edges, strict=True):
        if faulty is None:
            continue
        length = notes.length(shapely.length(faulty))
        what = f"The new unit {new_units[code].iat[position]} does not share {length} of its edges"
        where = shapely.get_point(shapely.get_parts(faulty)[0], 0)
        yield Finding("should", "unmatched edge", what, "units", "Mend the units with a larger gap_width.", where)


def check_untouched(
    new_units: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame,
    *,
    code: str = "code",
    corners: gpd.GeoSeries | None = None,
) -> Iterator[Finding]:
    """Find units the plan leaves as they are, whose geometry is not the same byte by byte.

    Parameters
    ----------
    new_units
        The new units with ``change`` and ``predecessors``.
    before
        The units before.
    code
        Column of both with the code.
    corners
        Corners inserted on edges that meet a cut; a unit may differ by these, if its course is the same.
    """
    old = dict(zip(before[code], before.geometry, strict=True))
    inserted = set(keys(shapely.get_coordinates(corners.to_numpy())).tolist()) if corners is not None else set()
    still = new_units["change"].isin(["unchanged", "renumbered", "renamed"]).to_numpy()
    for at in np.flatnonzero(still).tolist():
        name, shape = new_units[code].iat[at], new_units.geometry.iat[at]
        was = old.get(new_units["predecessors"].iat[at])
        if shape is None or was is None or shapely.to_wkb(was) == shapely.to_wkb(shape):
            continue
        if _differs_by(inserted, was, shape):
            continue
        what = f"{name} is not touched by the plan, but its geometry is another"
        where = shapely.point_on_surface(shape)
        yield Finding("must", "untouched unit", what, "units", "Do not use the result; repeat the run.", where)


def _differs_by(inserted: set[complex], was: BaseGeometry, shape: BaseGeometry) -> bool:
    """Return whether a shape is the one it was but for inserted corners that lie on its edges, as far as numbers go."""
    before, after = shapely.get_coordinates(was), shapely.get_coordinates(shape)
    fresh = np.isin(keys(after), list(inserted)) & ~np.isin(keys(after), keys(before))
    on_edge = shapely.distance(shapely.points(after[fresh]), was.boundary) <= ROUNDING
    return bool(np.array_equal(after[~fresh], before) and on_edge.all())


def check_same(
    table: gpd.GeoDataFrame, units: gpd.GeoDataFrame, *, code: str, table_name: str, width: float = 0.01
) -> Iterator[Finding]:
    """Find units of a table that do not run as the units with their code do.

    Parameters
    ----------
    table, units
        The units as a file holds them, with ``code``, and as they should be, with a column ``code``; in one CRS.
    table_name
        What the table is called.
    width
        By which an edge may lie elsewhere, in CRS units: files round, and a CRS of their own does too.
    """
    notes = Notes(length_unit(units.crs))
    wanted = dict(zip(units["code"], units.geometry, strict=True))
    for value, shape in zip(table[code], table.geometry, strict=True):
        other = wanted.get(value)
        if shape is None or other is None or shapely.equals_exact(shape, other, width, normalize=True):
            continue
        off = shapely.symmetric_difference(shapely.make_valid(shape), shapely.make_valid(other))
        if off.area > width * other.length:
            what = f"{value} differs by {notes.area(off.area)} from the unit of the boundaries"
            where = shapely.point_on_surface(off)
            yield Finding("must", "units", what, table_name, "Repeat the run.", where)


def check_levels(level: gpd.GeoDataFrame, units: gpd.GeoDataFrame, *, name: str) -> Iterator[Finding]:
    """Find units of a level that do not run along the edges of the units, or hold another area than they.

    Parameters
    ----------
    level, units
        The units of the level, and the units it is made of.
    name
        What the level is called.
    """
    notes = Notes(length_unit(units.crs))
    shapes, tall = objects(units.geometry.to_numpy()), objects(level.geometry.to_numpy())
    corners, owner = shapely.get_coordinates(tall, return_index=True)
    known = shapely.get_coordinates(np.append(shapes, make_valid(shapes)))  # joining mends what is invalid
    alien = ~np.isin(keys(corners), keys(known))
    for at in np.unique(owner[alien]).tolist():
        mine = alien & (owner == at)
        what = f"{int(mine.sum())} corners of {_named(level, at)} are no corners of its units"
        where = shapely.Point(corners[mine][0])
        yield Finding("must", "level edges", what, name, "Make the level from the units anew.", where)
    difference = float(shapely.area(tall).sum() - shapely.area(shapes).sum())
    if abs(difference) > 1e-9 * float(shapely.area(shapes).sum()):
        what = f"The level has {notes.area(abs(difference))} {'more' if difference > 0 else 'less'} than its units"
        yield Finding("must", "level area", what, name, "See that every unit has a parent.")


def _named(table: gpd.GeoDataFrame, at: int) -> str:
    """Return what a reader calls a row: its first text."""
    row = table.drop(columns=table.geometry.name).iloc[at]
    return str(next((value for value in row if isinstance(value, str)), f"row {at}"))
