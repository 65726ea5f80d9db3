"""Two editions of the boundaries, ready to be compared: what does not fit is told together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomerge.coverage import Geometries, make_valid, objects, present
from geomerge.crs import require_projected, require_same_crs
from geomerge.errors import CRSError, InputError
from geomerge.findings import Finding, Notes
from geomerge.pieces import unit_codes


@dataclass(frozen=True)
class Edition:
    """The units of one edition in the order of their codes; polygons are valid, without heights.

    ``table`` has the same rows, as they are; ``names`` is empty where names are not compared.
    """

    codes: tuple[str, ...]
    names: tuple[Any, ...]
    shapes: Geometries
    table: gpd.GeoDataFrame


def read_editions(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, *, code: str, name: str | None, notes: Notes
) -> tuple[Edition, Edition]:
    """Check two editions and put them in order; a copy of an invalid polygon is repaired, and that is noted.

    Raises
    ------
    InputError
        If a table is empty, or lacks a column, codes or polygons; all faults of both.
    CRSError
        If a CRS is missing, differs, or measures no areas, and nothing else is wrong.

    Examples
    --------
    >>> square = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25832")
    >>> read_editions(square, square.iloc[:0], code="code", name=None, notes=Notes())
    Traceback (most recent call last):
    geomerge.errors.InputError: after has no rows. Give the edition all of its units.
    """
    tables = {"before": before, "after": after}
    faults = [fault for what, table in tables.items() for fault in _faults(table, what, code, name)]
    strange: list[str] = []
    for what, table in tables.items():
        try:
            require_projected(table, what)
        except CRSError as error:
            strange += error.faults
    if not strange:
        try:
            require_same_crs(**tables)
        except CRSError as error:
            strange += error.faults
    if faults:
        raise InputError(*faults, *strange)
    if strange:
        raise CRSError(*strange)
    first, second = (_edition(table, what, code, name, notes) for what, table in tables.items())
    return first, second


def _faults(table: gpd.GeoDataFrame, what: str, code: str, name: str | None) -> list[str]:
    if not len(table):
        return [f"{what} has no rows. Give the edition all of its units."]
    faults = []
    try:
        codes = unit_codes(table, code)
    except InputError as error:
        faults += [f"{what}: {fault}" for fault in error.faults]
    else:
        repeated = sorted({c for c in codes if codes.count(c) > 1}) if len(set(codes)) < len(codes) else []
        if repeated:
            faults.append(f"{what} has several rows with the code {', '.join(repeated[:5])}. Dissolve them by code.")
    if name is not None and name not in table.columns:
        faults.append(f"{what} has no column {name}. It has {', '.join(map(str, table.columns))}.")
    shapes = objects(list(table.geometry))
    empty = np.flatnonzero(~present(shapes) | (shapely.get_dimensions(shapes) != 2))
    if len(empty):
        rows = ", ".join(str(table.index[row]) for row in empty[:5])
        faults.append(f"{what} has {len(empty)} rows without a polygon (row {rows}). Give each its polygon.")
    return faults


def _edition(table: gpd.GeoDataFrame, what: str, code: str, name: str | None, notes: Notes) -> Edition:
    ordered = table.sort_values(code, kind="stable")
    codes = tuple(ordered[code])
    shapes = shapely.force_2d(objects(list(ordered.geometry)))
    for position in np.flatnonzero(~shapely.is_valid(shapes)).tolist():
        reason = shapely.is_valid_reason(shapes[position])
        where = shapely.point_on_surface(shapely.make_valid(shapes[position]))
        remedy = "A repaired copy was measured; correct it in its source."
        notes(Finding("should", "invalid polygon", f"{codes[position]} is invalid: {reason}", what, remedy, where))
    names = tuple(ordered[name]) if name is not None else ()
    return Edition(codes, names, make_valid(shapes), ordered)
