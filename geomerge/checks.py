"""Checks: each takes tables and returns findings. They prove that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Geometries, Indices, Mask, are_valid, around, faulty_edges, objects, present
from geomerge.crs import length_unit
from geomerge.findings import Finding, Notes


def area_balance(
    pieces: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    new_units: gpd.GeoDataFrame,
    *,
    code: str = "code",
    gap_width: float = 0.01,
) -> pd.DataFrame:
    """Return where every square metre goes, in total.

    Parameters
    ----------
    pieces, units, new_units
        The pieces, and the units before and after.
    code
        Column of the units with their code.
    gap_width
        Width up to which the units were mended.

    Returns
    -------
    DataFrame
        One row with ``before``, ``mended`` (by which units that were invalid or did not match their
        neighbours became larger), ``gained``, ``lost``, ``after``, ``difference`` (before + mended + gained -
        lost - after), in squared CRS units, and ``relative`` to the area before.

    Examples
    --------
    >>> units = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, 2, 1)], crs="EPSG:25832")
    >>> table = gpd.GeoDataFrame({"old_code": ["1"], "new_code": ["9"]}, geometry=units.geometry, crs="EPSG:25832")
    >>> area_balance(table, units, units)[["before", "after", "difference"]].values.tolist()
    [[2.0, 2.0, 0.0]]
    """
    areas = np.nan_to_num(shapely.area(objects(pieces.geometry.to_numpy())))
    shapes = objects(units.geometry.to_numpy())
    unit_areas = np.nan_to_num(shapely.area(shapes))
    held = pd.Series(areas).groupby(pieces["old_code"].to_numpy()).sum()
    grown = units[code].map(held).fillna(0.0).to_numpy() - unit_areas
    grown[np.abs(grown) <= 1e-9 * unit_areas] = 0.0
    suspicious = np.flatnonzero(grown)
    grown[suspicious[~_faulty(shapes, suspicious, gap_width)]] = 0.0
    before, mended = float(unit_areas.sum()), float(grown.sum())
    gained = float(areas[pieces["old_code"].isna()].sum())
    lost = float(areas[pieces["new_code"].isna()].sum())
    after = float(np.nansum(shapely.area(objects(new_units.geometry.to_numpy()))))
    difference = before + mended + gained - lost - after
    row = {"before": before, "mended": mended, "gained": gained, "lost": lost, "after": after}
    return pd.DataFrame([{**row, "difference": difference, "relative": difference / before if before else 0.0}])


def _faulty(shapes: Geometries, chosen: Indices, gap_width: float) -> Mask:
    """Return which of the chosen polygons are invalid or do not match their neighbours."""
    faulty = ~are_valid(shapes[chosen])
    return np.asarray(faulty | ~shapely.is_missing(_faulty_edges(shapes, chosen, gap_width)))


def _faulty_edges(shapes: Geometries, chosen: Indices, gap_width: float = 0.0) -> Geometries:
    """Return the edges of the chosen polygons that break the coverage; all others are only looked at beside them."""
    found = objects([None] * len(shapes))
    near = around(shapes[chosen], shapes, gap_width)
    found[near] = faulty_edges(shapes[near], gap_width)
    return found[chosen]


def check_balance(balance: pd.DataFrame, *, tolerance: float = 1e-9, unit: str = "m") -> Iterator[Finding]:
    """Find an area that does not add up; up to the tolerance, relative to the area before, it passes."""
    row = balance.iloc[0]
    if abs(row["relative"]) > tolerance or (row["before"] == 0 and row["difference"] != 0):
        missing = "missing after" if row["difference"] > 0 else "too much after"
        what = f"{Notes(unit).area(abs(row['difference']))} are {missing} the change"
        remedy = "Look at the overlaps and invalid polygons of the units; mend them with a larger gap_width."
        yield Finding("must", "area balance", what, "pieces", remedy)


def check_lost(pieces: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Find land that no unit has any more."""
    notes = Notes(length_unit(pieces.crs))
    lost = pieces[pieces["new_code"].isna()]
    for code, shape in zip(lost["old_code"], lost.geometry, strict=True):
        if shape is not None:
            what = f"{notes.area(shape.area)} of {code} belong to no unit any more"
            where = shapely.point_on_surface(shape)
            yield Finding("should", "land of no unit", what, "pieces", "See that this is meant.", where)


def check_units(new_units: gpd.GeoDataFrame, *, code: str, before: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Find new units that are invalid or do not share their edges, though the old ones were and did.

    A polygon that is as it was before, but for its code and corners inserted, is no fault of the change.
    """
    notes = Notes(length_unit(new_units.crs))
    shapes, old = objects(new_units.geometry.to_numpy()), objects(before.geometry.to_numpy())
    changed = _changed(shapes, old)
    invalid = changed[~are_valid(shapes[changed])]
    heirs = new_units["predecessors"] if "predecessors" in new_units.columns else new_units[code]
    makers = np.flatnonzero(before[code].isin(heirs.iloc[invalid]))
    faulty_before = set(before[code].to_numpy()[makers[~are_valid(old[makers])]])
    for position in invalid[~heirs.iloc[invalid].isin(faulty_before).to_numpy()].tolist():
        reason = shapely.is_valid_reason(shapes[position])
        what = f"The new unit {new_units[code].iat[position]} is invalid: {reason}"
        where = shapely.Point(shapely.get_coordinates(shapes[position])[0])
        yield Finding("must", "invalid polygon", what, "units", "Correct the polygons it is made of.", where)
    edges = _faulty_edges(shapes, changed)
    for position, faulty in zip(changed.tolist(), edges, strict=True):
        if faulty is None:
            continue
        length = notes.length(shapely.length(faulty))
        what = f"The new unit {new_units[code].iat[position]} does not share {length} of its edges"
        where = shapely.get_point(shapely.get_parts(faulty)[0], 0)
        yield Finding("should", "unmatched edge", what, "units", "Mend the units with a larger gap_width.", where)


def _changed(shapes: Geometries, before: Geometries) -> Indices:
    """Return the positions of polygons that none before is equal to, byte by byte."""
    known = set(shapely.to_wkb(before[present(before)]).tolist())
    return np.array([at for at, wkb in enumerate(shapely.to_wkb(shapes)) if wkb and wkb not in known], dtype=np.intp)


def check_counts(layer: str, before: int, updated: int, review: int) -> Iterator[Finding]:
    """Find rows that are in neither updated nor review, or in both."""
    if before != updated + review:
        what = f"{layer} had {before} rows, but {updated} are updated and {review} are in review"
        remedy = "This is a defect of geomerge; do not use the result."
        yield Finding("must", "rows lost", what, layer, remedy)


def check_ids(table: pd.DataFrame, identifier: str | None, layer: str) -> Iterator[Finding]:
    """Find rows that their id does not tell apart."""
    if identifier is None:
        return
    ids = table[identifier]
    repeated = ids[ids.duplicated(keep=False) & ids.notna()]
    if len(repeated):
        what = f"{identifier} is not unique: {len(repeated)} rows share theirs, first {repeated.iloc[0]}"
        yield Finding("should", "id", what, layer, "Name a column that identifies a row (id), or none.")
    if missing := int(ids.isna().sum()):
        yield Finding("should", "id", f"{missing} rows have no {identifier}", layer, "Fill it in, or name another id.")
