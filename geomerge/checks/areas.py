"""Checks of areas: every square metre goes somewhere, once, in total and unit by unit."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.checks.edges import faulty
from geomerge.coverage import objects
from geomerge.crs import length_unit
from geomerge.findings import Finding, Notes

TOLERANCE = 1e-9  # relative to the area; below it, an area passes


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
    grown[suspicious[~faulty(shapes, suspicious, gap_width)]] = 0.0
    before, mended = float(unit_areas.sum()), float(grown.sum())
    gained = float(areas[pieces["old_code"].isna()].sum())
    lost = float(areas[pieces["new_code"].isna()].sum())
    after = float(np.nansum(shapely.area(objects(new_units.geometry.to_numpy()))))
    difference = before + mended + gained - lost - after
    row = {"before": before, "mended": mended, "gained": gained, "lost": lost, "after": after}
    return pd.DataFrame([{**row, "difference": difference, "relative": difference / before if before else 0.0}])


def check_balance(balance: pd.DataFrame, *, tolerance: float = TOLERANCE, unit: str = "m") -> Iterator[Finding]:
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


def unit_balance(pieces: gpd.GeoDataFrame, units: gpd.GeoDataFrame, *, side: str, code: str = "code") -> pd.DataFrame:
    """Return the area of each unit beside that of its pieces.

    Parameters
    ----------
    pieces
        The pieces.
    units
        The units before (``side`` is ``old_code``) or after (``new_code``).
    code
        Column of the units with their code.

    Returns
    -------
    DataFrame
        ``code``, ``area`` of the unit, ``pieces`` (their area), ``difference`` (area - pieces), in squared CRS
        units, and ``relative`` to the area.

    Examples
    --------
    >>> units = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, 2, 1)], crs="EPSG:25832")
    >>> table = gpd.GeoDataFrame({"old_code": ["1"], "new_code": ["9"]}, geometry=units.geometry, crs="EPSG:25832")
    >>> unit_balance(table, units, side="old_code").values.tolist()
    [['1', 2.0, 2.0, 0.0, 0.0]]
    """
    areas = pd.Series(np.nan_to_num(shapely.area(objects(pieces.geometry.to_numpy()))))
    held = areas.groupby(pieces[side].to_numpy()).sum()
    found = pd.DataFrame({"code": units[code].to_numpy()})
    found["area"] = np.nan_to_num(shapely.area(objects(units.geometry.to_numpy())))
    found["pieces"] = found["code"].map(held).fillna(0.0).astype(np.float64)
    found["difference"] = found["area"] - found["pieces"]
    found["relative"] = (found["difference"] / found["area"]).where(found["area"] > 0, found["difference"])
    return found


def check_unit_areas(
    pieces: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    *,
    side: str,
    code: str = "code",
    tolerance: float = TOLERANCE,
) -> Iterator[Finding]:
    """Find units whose pieces do not add up to their area; up to the tolerance, relative to it, they pass.

    After the change it is a fault; before it, a unit may have been mended, which its pieces show.
    """
    notes = Notes(length_unit(units.crs))
    balance = unit_balance(pieces, units, side=side, code=code)
    for at in np.flatnonzero(balance["relative"].abs() > tolerance).tolist():
        row = balance.iloc[at]
        what = f"The pieces of {row['code']} have {notes.area(row['pieces'])}, the unit has {notes.area(row['area'])}"
        where = shapely.point_on_surface(units.geometry.iat[at])
        if side == "new_code":
            yield Finding("must", "area of a unit", what, "units", "Do not use the result: land is lost.", where)
        else:
            yield Finding("should", "area of a unit", what, "units before", "See how the unit was mended.", where)
