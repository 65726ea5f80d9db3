"""Pieces: the largest areas that go from one old unit to one new unit. Every other result is a reading of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

from geomerge.coverage import Geometries
from geomerge.crs import require_projected
from geomerge.cut import NOBODY, cut
from geomerge.errors import InputError
from geomerge.findings import Finding, collector, require
from geomerge.mend import mend, repair, report_corners
from geomerge.parts import Sources, Subunits, claim, require_sources_crs
from geomerge.plan import Plan
from geomerge.rules import check_plan
from geomerge.steps import LabelledCut, Step, steps

Report = Callable[[Finding], None]

COLUMNS = ("old_code", "new_code", "event", "kind")


@dataclass
class _State:
    """The pieces so far, as parallel columns; ``now`` is the code each of them has reached."""

    old: list[str | None]
    now: list[str | None]
    events: list[tuple[str, ...]]
    kind: list[str]
    geometry: Geometries


def pieces(
    units: gpd.GeoDataFrame,
    plan: Plan,
    *,
    code: str = "code",
    districts: Subunits | None = None,
    parcels: Subunits | None = None,
    gap_width: float = 0.01,
    sliver_width: float = 0.001,
    findings: list[Finding] | None = None,
) -> gpd.GeoDataFrame:
    """Cut the old units by the plan, once; a unit that is not cut is its own piece, with the same geometry object.

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
        Gaps and overlaps next to units that are merged or cut are mended up to this width, in CRS units.
    sliver_width
        Parts of a cut narrower than this, in CRS units, stay with what they share the longest edge with.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        ``old_code`` (missing for created land), ``new_code`` (missing for land that no unit has any more), ``event``
        (empty where nothing happens), ``kind`` (``whole``, ``part``, ``created``, ``correction``), geometry.

    Raises
    ------
    Blocked
        If the plan contradicts the units or itself; all findings are in the error.
    InputError, CRSError
        If a column or a CRS is missing or does not fit.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from geomerge import Plan, pieces
    >>> squares = [shapely.box(i, 0, i + 1, 1) for i in range(3)]
    >>> units = gpd.GeoDataFrame({"code": ["1", "2", "3"]}, geometry=squares, crs="EPSG:25832")
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9"}])
    >>> pieces(units, plan)[["old_code", "new_code", "event"]].to_dict("list")
    {'old_code': ['1', '2', '3'], 'new_code': ['9', '9', '3'], 'event': ['merge 1 2 > 9', 'merge 1 2 > 9', '']}
    """
    report = collector(findings)
    codes = unit_codes(units, code)
    require(plan_findings := check_plan(plan, codes))
    for finding in plan_findings:
        report(finding)
    sources = Sources(plan.sources, code, districts, parcels)
    road = steps(plan, codes)
    if any(step.cuts for step in road):
        require_projected(units, "units")
        require_sources_crs(units, sources)
    blocking: list[Finding] = []
    affected = touched(road, codes)
    geometry = repair(units.geometry.to_numpy(), codes, affected, report)
    _report_missing(geometry, codes, affected, blocking.append, report)
    geometry = mend(geometry, codes, affected, gap_width=gap_width, report=_both(report, blocking))
    state = _State(list(codes), list(codes), [()] * len(codes), ["whole"] * len(codes), geometry)
    for step in road:
        state = _cut(state, step, sources, sliver_width, _both(report, blocking))
        state = _rename(state, step)
    require(blocking)
    return _table(state, units)


def unit_codes(units: gpd.GeoDataFrame, code: str) -> list[str]:
    """Return the codes of the units; raise InputError where they are missing or are no text."""
    if code not in units.columns:
        raise InputError(f"The units have no column {code}. They have {', '.join(map(str, units.columns))}.")
    values = units[code]
    faults = []
    if numbers := [value for value in values.dropna() if not isinstance(value, str)]:
        faults.append(
            f"Column {code} of the units holds numbers such as {numbers[0]}, not text: leading zeros may be lost. "
            f"Read it as text, or give the width of the codes (code_width)."
        )
    if values.isna().any():
        rows = ", ".join(map(str, values.index[values.isna()][:5]))
        faults.append(f"Column {code} of the units is empty in {values.isna().sum()} rows (row {rows}). Fill it in.")
    if faults:
        raise InputError(*faults)
    return list(values)


def touched(road: Sequence[Step], codes: Sequence[str]) -> np.ndarray:
    """Return which of the units are merged, cut, or joined by a part, on any date: their geometry changes."""
    now: list[str | None] = list(codes)
    affected = np.zeros(len(codes), dtype=bool)
    for step in road:
        cut_units = {entry.cut.unit for entry in step.cuts}
        affected |= np.array([code in cut_units for code in now], dtype=bool)
        now = [step.whole[code][0] if code in step.whole else None for code in now]
        heirs = Counter(new for new, _ in step.whole.values())
        receiving = {entry.cut.new for entry in step.cuts}
        affected |= np.array([code is not None and (heirs[code] > 1 or code in receiving) for code in now], dtype=bool)
    return affected


def _report_missing(
    geometry: Geometries, codes: Sequence[str], affected: np.ndarray, block: Report, report: Report
) -> None:
    for position in np.flatnonzero(shapely.is_missing(geometry) | shapely.is_empty(geometry)):
        severe = bool(affected[position])
        finding = Finding(
            "must" if severe else "should", "no geometry", f"{codes[position]} has no geometry", "units",
            "Give it its polygon." if severe else "It stays without.",
        )  # fmt: skip
        report(finding)
        block(finding)


def _both(report: Report, blocking: list[Finding]) -> Report:
    def both(finding: Finding) -> None:
        report(finding)
        blocking.append(finding)

    return both


def _cut(state: _State, step: Step, sources: Sources, sliver_width: float, report: Report) -> _State:
    entries = _needed(state, step)
    territories = {entry.cut.unit: _territory(state, entry.cut.unit) for entry in entries}
    found = [claim(entry, territories[entry.cut.unit], sources, report) for entry in entries]
    claims = [entry for entry in found if entry is not None]
    if not claims:
        return state
    sliced = cut(state.geometry, state.now, claims, sliver_width=sliver_width, report=report)
    matched = [state.old[position] or "" for position in sliced.matched]
    report_corners(matched, sliced.corners, "edge matched to a cut", report)
    owners = {part.owner for part in sliced.slices}
    divided = {p.owner for p in sliced.slices if p.claim != NOBODY and claims[p.claim].cut.kind == "part"}
    keep = [position for position in range(len(state.old)) if position not in owners]
    rows = [(state.old[i], state.now[i], state.events[i], state.kind[i], sliced.polygons[i]) for i in keep]
    places: list[float] = list(keep)
    for part in sliced.slices:
        old, events, kind = (None, (), "whole") if part.owner == NOBODY else (
            state.old[part.owner], state.events[part.owner], state.kind[part.owner]
        )  # fmt: skip
        now: str | None = None if part.owner == NOBODY else state.now[part.owner]
        if part.claim != NOBODY:
            entry = claims[part.claim]
            now, kind, events = _moved(entry.cut.new), entry.cut.kind, (*events, entry.event)
        elif part.owner in divided:
            kind = "part"
        rows.append((old, now, events, kind, part.geometry))
        places.append(part.owner if part.owner != NOBODY else len(state.old))
    order = np.argsort(places, kind="stable")
    columns = list(zip(*(rows[i] for i in order), strict=True))
    geometry = np.array([*columns[4], None], dtype=object)[:-1]
    return _State(list(columns[0]), list(columns[1]), list(columns[2]), list(columns[3]), geometry)


class _Arrived(str):
    """A code that is valid after the date already, so that the fate of the code before the date does not apply."""


def _moved(code: str | None) -> str | None:
    return None if code is None else _Arrived(code)


def _needed(state: _State, step: Step) -> list[LabelledCut]:
    """Return the cuts to make; a part whose unit goes there as a whole need not be cut off."""
    def stays(entry: LabelledCut) -> bool:
        unit = entry.cut.unit
        return unit is not None and entry.cut.kind == "part" and step.whole[unit][0] == entry.cut.new

    return [
        entry
        for entry in step.cuts
        if not stays(entry) and (entry.cut.unit is None or entry.cut.unit in state.now)
    ]


def _territory(state: _State, unit: str | None) -> object:
    if unit is None:
        return None
    return shapely.union_all(state.geometry[[now == unit for now in state.now]])


def _rename(state: _State, step: Step) -> _State:
    now: list[str | None] = []
    events = []
    for code, labels in zip(state.now, state.events, strict=True):
        if isinstance(code, _Arrived) or code is None:
            now.append(None if code is None else str(code))
            events.append(labels)
            continue
        new, label = step.whole[code]
        now.append(new)
        events.append((*labels, label) if label else labels)
    return _State(state.old, now, events, state.kind, state.geometry)


def _table(state: _State, units: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    columns = {
        "old_code": state.old,
        "new_code": state.now,
        "event": ["; ".join(dict.fromkeys(labels)) for labels in state.events],
        "kind": state.kind,
    }
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(state.geometry, crs=units.crs), crs=units.crs)
