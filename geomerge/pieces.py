"""Pieces: the largest areas that go from one old unit to one new unit. All results are read from them."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np

from geomerge.corners import require_no_measures
from geomerge.coverage import Geometries, Mask, objects, present
from geomerge.crs import from_metres, length_unit, require_projected
from geomerge.errors import InputError
from geomerge.findings import Finding, Notes
from geomerge.mend import mend, repair
from geomerge.parts import Sources, Subunits, require_sources
from geomerge.plan import Plan
from geomerge.rules import check_plan
from geomerge.steps import steps
from geomerge.walk import Piece, together, touched, walk

COLUMNS = ("old_code", "new_code", "event", "kind")


def pieces(
    units: gpd.GeoDataFrame,
    plan: Plan,
    *,
    code: str = "code",
    districts: Subunits | None = None,
    parcels: Subunits | None = None,
    gap_width: float | None = None,
    sliver_width: float | None = None,
    findings: list[Finding] | None = None,
) -> gpd.GeoDataFrame:
    """Cut the old units by the plan, once; a unit that is not cut is its own piece, with the same geometry.

    Parameters
    ----------
    units
        One polygon or multipolygon a row; a projected CRS where the plan cuts any of them.
    plan
        The plan, with the tables its parts refer to.
    code
        Column with the code of each unit, text.
    districts, parcels
        Layers of sub-units, where parts are named by districts or by parcel keys.
    gap_width
        Gaps and overlaps next to units that are merged or cut are mended up to this width, in CRS units; 1 cm
        where none is given. A wider gap is no fault, a wider overlap blocks.
    sliver_width
        Parts of a cut up to this width, in CRS units, stay with what they share the longest edge with; 1 mm
        where none is given.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        ``old_code`` (missing for created land), ``new_code`` (missing for land that no unit has any more),
        ``event`` (empty where nothing happens), ``kind`` (``whole``, ``part``, ``created``, ``correction``),
        geometry; in the order of the units, then by new code.

    Raises
    ------
    Blocked
        If the plan contradicts the units or itself; all findings are in the error.
    InputError, CRSError
        If a column or a CRS is missing or does not fit.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from geomerge.plan import Plan
    >>> squares = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    >>> units = gpd.GeoDataFrame({"code": ["1", "2", "3"]}, geometry=squares, crs="EPSG:25832")
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9"}])
    >>> pieces(units, plan)[["old_code", "new_code", "event"]].to_dict("list")
    {'old_code': ['1', '2', '3'], 'new_code': ['9', '9', '3'], 'event': ['merge 1 2 > 9', 'merge 1 2 > 9',
    '']}
    """
    codes = unit_codes(units, code)
    sources = Sources(plan.sources, code, districts, parcels)
    _require_input(units, plan, sources)
    notes = Notes(length_unit(units.crs))
    for finding in check_plan(plan, codes):
        notes(finding)
    if any(finding.blocks for finding in notes.found):
        notes.settle(findings)
    road = steps(plan, codes)
    affected = touched(road, codes)
    shapes = _sound(units, codes, affected, from_metres(0.01, units.crs) if gap_width is None else gap_width, notes)
    found = [Piece(rank, old, old, shapes[rank]) for rank, old in enumerate(codes)]
    width = from_metres(0.001, units.crs) if sliver_width is None else sliver_width
    for step in road:
        found = walk(found, step, sources, sliver_width=width, notes=notes)
    notes.settle(findings)
    return _table(together(found), units)


def unit_codes(units: gpd.GeoDataFrame, code: str) -> list[str]:
    """Return the codes of the units; raise InputError where they are missing or are no text."""
    if code not in units.columns:
        raise InputError(f"The units have no column {code}. They have {', '.join(map(str, units.columns))}.")
    values = units[code]
    faults = []
    if numbers := [value for value in values.dropna() if not isinstance(value, str)]:
        faults.append(
            f"Column {code} of the units holds numbers such as {numbers[0]}, not text: leading zeros may be "
            f"lost. Read it as text, or give the width of the codes (code_width)."
        )
    if values.isna().any():
        rows = ", ".join(map(str, values.index[values.isna()][:5]))
        faults.append(f"Column {code} of the units is empty in {values.isna().sum()} rows (row {rows}). Fill it in.")
    if faults:
        raise InputError(*faults)
    return list(values)


def _require_input(units: gpd.GeoDataFrame, plan: Plan, sources: Sources) -> None:
    """Raise where the plan cuts units and they, or the tables behind its parts, are not fit for it."""
    if any(event.cuts() for event in plan.events):
        require_projected(units, "units")
        require_sources(units, plan, sources)


def _sound(units: gpd.GeoDataFrame, codes: Sequence[str], affected: Mask, gap_width: float, notes: Notes) -> Geometries:
    """Return the geometry of the units, repaired and mended where the plan changes them."""
    shapes = objects(units.geometry.to_numpy())
    require_no_measures(shapes[affected], [codes[position] for position in np.flatnonzero(affected).tolist()])
    for position in np.flatnonzero(~present(shapes)).tolist():
        severe = bool(affected[position])
        remedy = "Give it its polygon." if severe else "It stays without."
        notes(
            Finding(
                "must" if severe else "should",
                "no geometry",
                f"{codes[position]} has no geometry",
                "units",
                remedy,
            )
        )
    shapes = repair(shapes, codes, affected, notes)
    return mend(shapes, codes, affected & present(shapes), gap_width=gap_width, notes=notes)


def _table(found: Sequence[Piece], units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    columns = {
        "old_code": [piece.old for piece in found],
        "new_code": [piece.now for piece in found],
        "event": ["; ".join(dict.fromkeys(piece.events)) for piece in found],
        "kind": [piece.kind for piece in found],
    }
    geometry = gpd.GeoSeries(objects([piece.geometry for piece in found]), crs=units.crs)
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=units.crs)
