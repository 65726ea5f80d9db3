"""Diff: from two editions of the boundaries to the plan that leads from one to the other, with the evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geomerge.coverage import Indices
from geomerge.crs import from_metres, length_unit
from geomerge.diff.deduce import Codes, Fates, Parts, corrections, events, fates
from geomerge.diff.editions import Edition, read_editions
from geomerge.diff.evidence import evidence_table, lost, moved_land, unclear
from geomerge.diff.official import Listed, check_list, listed
from geomerge.diff.overlay import OUTSIDE, Overlay, overlay
from geomerge.diff.redrawn import MAIN, REAL, Pairs, Thresholds, judge, pairs_of
from geomerge.errors import InputError
from geomerge.findings import Finding, Notes
from geomerge.history import as_date
from geomerge.plan import Plan
from geomerge.rules import check_plan


@dataclass(frozen=True)
class Difference:
    """What changed between two editions.

    Parameters
    ----------
    plan
        The plan that leads from the first edition to the second, with the parts it moves as ``sources``; None
        where nothing changed. Its events are graded ``derived``.
    evidence
        One row for each pair of an old and a new unit that share land: what :func:`diff` returns as evidence.
    findings
        What nobody could decide, what is odd in the editions, and what speaks against an official list.
    thresholds
        What was too small to be a change, as given or as measured.
    """

    plan: Plan | None
    evidence: gpd.GeoDataFrame
    findings: tuple[Finding, ...]
    thresholds: Thresholds


def diff(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    *,
    code: str = "code",
    name: str | None = None,
    date: dt.date | str,
    official: Plan | None = None,
    noise: float | None = None,
    spread: float = 4.0,
    balance: float = 1 / 3,
    detail: float | None = None,
    chance: float = 0.05,
    redraw: bool = False,
    areas: str = "areas.gpkg",
    edition: str = "edition.gpkg",
    findings: list[Finding] | None = None,
) -> Difference:
    """Find what changed between two editions, and tell it from lines that were merely drawn anew.

    Units are matched by the land they share, never by code or name. Each patch of land between a border as it
    was and as it is must prove a change, see :func:`geomerge.diff.redrawn.judge`; what proves none stays where it
    was, unless ``redraw`` says to draw it as the second edition does.

    Parameters
    ----------
    before, after
        The two editions, one polygon or multipolygon a row, in the same projected CRS.
    code, name
        Columns of both with the code of each unit, text, and with its name, if names are to be compared.
    date
        First day of the second edition's order.
    official
        Official list of the changes; what it names needs no other proof than land wide enough.
    noise
        Mean width, in CRS units, below which land between two lines is no change: 5 m (half a millimetre on a
        map 1:10 000), or a hundredth of the width of a typical unit where that is less.
    spread
        Land must be this many times as wide as the median distance between old and new borders around it:
        4 times is 2.7 standard deviations where lines scatter.
    balance
        Where the lines cross, at most this share of the land may lie on the other side: a border that moved
        to and fro in alike amounts was drawn anew.
    detail
        Area, in squared CRS units, up to which a generalisation leaves corners out; without it, the upper
        quartile of the corners the borders have (a corner's area is the triangle with those beside it). 0
        where lines are drawn in full.
    chance
        Corners prove a change if so many places at most, where one corner goes and another comes, are to be
        expected in both editions by chance: 0.05 is the usual level of significance.
    redraw
        Whether the plan also corrects what is merely drawn otherwise. Land that a divided unit loses to
        nobody is always corrected: else it would stay with the rest of the unit, wherever it lies.
    areas, edition
        What the plan calls the files with the parts that move, and with the second edition where it needs it.
    findings
        List that also gets the findings.

    Returns
    -------
    Difference
        Its ``evidence`` has ``old_code``, ``new_code`` (missing for land of no unit), ``verdict`` (``whole``,
        ``part``, ``transfer``, ``created``, ``abolished``; ``redrawn``; ``unclear`` beside a transfer), ``rule``
        that decided, ``area``, ``moved`` (what of it goes over in the plan), both in squared CRS units,
        ``share_old``, ``share_new`` of the area, the figures of the largest patch that decided (``width``,
        ``limit``, ``kept``, ``gone``, ``come``, ``opposite``, in CRS units, ``old_corners``, ``new_corners``,
        as :func:`geomerge.diff.redrawn.judge` has them), ``reason`` as a sentence, geometry. Sorted by code.

    Raises
    ------
    InputError, CRSError
        If an edition cannot be used; all faults of both.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> def drawn(**units):
    ...     rows = {"code": list(units)}
    ...     return gpd.GeoDataFrame(rows, geometry=[shapely.box(*b) for b in units.values()], crs="EPSG:25832")
    >>> before = drawn(a=(0, 0, 300, 500), b=(300, 0, 900, 500), c=(900, 0, 990, 500))
    >>> after = drawn(d=(0, 0, 400, 500), e=(400, 0, 990, 500))
    >>> found = diff(before, after, date="2020-01-01")
    >>> [event.label() for event in found.plan.events]
    ['transfer b > d', 'renumber a > d', 'merge b c > e']
    >>> found.evidence.query("verdict == 'transfer'")[["old_code", "new_code", "area"]].values.tolist()
    [['b', 'd', 50000.0]]
    """
    day = as_date(date)
    notes = Notes(length_unit(getattr(before, "crs", None)))
    old, new = read_editions(before, after, code=code, name=name, notes=notes)
    limits = _thresholds(old, noise, spread, balance, detail, chance)
    land = overlay(old.shapes, new.shapes)
    for side, owner, what in ((old, land.old, "before"), (new, land.new, "after")):
        _note_overlaps(side, owner, land, what, notes)
    said = listed(official, old.codes) if official is not None else None
    patches = judge(land, old.shapes, new.shapes, limits, listed=_positions(said, old, new))
    codes = Codes(old.codes, new.codes, old.names, new.names)
    real = patches[patches["verdict"].isin([MAIN, REAL])]
    moved = real.groupby(["old", "new"])[["area"]].sum().reset_index()
    found = fates(dict(zip(pairs_of(moved), moved["area"], strict=True)), codes)
    evidence = evidence_table(land, patches, found, old, new, notes)
    listed_events, sources = _parts_and_events(land, patches, found, codes, day, notes, new.table.crs, areas)
    again = _redrawn(patches, from_metres(0.001, before.crs))
    if not redraw:  # what a divided unit loses to nobody would stay with its rest, wherever it lies
        again = {(unit, to) for unit, to in again if to == OUTSIDE and unit in found.divided}
    if again:
        columns = [code, *([name] if name is not None else []), new.table.geometry.name]
        sources |= {f"{edition}|units": new.table[columns].copy()}
        listed_events += corrections(again, found, codes, f"{edition}|units", day)
    plan = _plan(listed_events, sources, day)
    for finding in [*(check_plan(plan, old.codes) if plan else ()), *unclear(evidence, notes), *lost(evidence, notes)]:
        notes(finding)
    if said is not None:
        shapes = gpd.GeoSeries(old.shapes, index=list(old.codes), crs=before.crs)
        for finding in check_list(said, evidence, shapes, _by_code(new), notes):
            notes(finding)
    if findings is not None:
        findings.extend(notes.found)
    return Difference(plan, evidence, tuple(notes.found), replace(limits, detail=patches.attrs["detail"]))


def _thresholds(
    old: Edition, noise: float | None, spread: float, balance: float, detail: float | None, chance: float
) -> Thresholds:
    given = {"noise": noise, "spread": spread, "balance": balance, "detail": detail, "chance": chance}
    if wrong := [f"{name} is {value:g}. Give 0 or more." for name, value in given.items() if value and value < 0]:
        raise InputError(*wrong)
    if noise is None:
        typical = float(np.sqrt(np.median(shapely.area(old.shapes))))
        noise = min(from_metres(5.0, old.table.crs), typical / 100)
    return Thresholds(noise, spread, balance, detail, chance)


def _note_overlaps(edition: Edition, owner: Indices, land: Overlay, what: str, notes: Notes) -> None:
    """Note units part of whose land also belongs to another unit of the same edition."""
    inside = owner != OUTSIDE
    held = np.bincount(owner[inside], weights=shapely.area(land.faces[inside]), minlength=len(edition.codes))
    areas = shapely.area(edition.shapes)
    for position in np.flatnonzero(areas - held > 1e-6 * areas).tolist():
        lost = notes.area(float(areas[position] - held[position]))
        where = shapely.point_on_surface(edition.shapes[position])
        told = f"{lost} of {edition.codes[position]} also belong to another unit"
        notes(Finding("should", "overlap", told, what, "Mend the edition; the other unit was taken.", where))


def _positions(said: Listed | None, old: Edition, new: Edition) -> Pairs:
    """Return the pairs an official list names by position; the map has no such unit where one is missing."""
    if said is None:
        return frozenset()
    before, after = ({code: row for row, code in enumerate(edition.codes)} for edition in (old, new))
    return frozenset((before[one], after[other]) for one, other in said.pairs if other in after)


def _by_code(edition: Edition) -> dict[str, str]:
    names = edition.names or [""] * len(edition.codes)
    return {code: name if isinstance(name, str) else "" for code, name in zip(edition.codes, names, strict=True)}


def _parts_and_events(
    land: Overlay, patches: pd.DataFrame, found: Fates, codes: Codes, day: dt.date, notes: Notes, crs: CRS, file: str
) -> tuple[list[dict[str, Any]], dict[str, gpd.GeoDataFrame]]:
    """Return the events, and the table of each part that goes its own way, by the name the events have for it."""
    pairs = sorted([*found.parts, *found.moved, *((OUTSIDE, unit) for unit in found.created)])
    shapes = moved_land(land, patches, pairs)
    inside = land.old != OUTSIDE
    total = np.bincount(land.old[inside], weights=shapely.area(land.faces[inside]))
    sources: dict[str, gpd.GeoDataFrame] = {}
    names, told = {}, {}
    for pair, shape, area in zip(pairs, shapes, shapely.area(shapes).tolist(), strict=True):
        old, new = (None if pair[0] == OUTSIDE else codes.old[pair[0]]), codes.new[pair[1]]
        names[pair] = f"{file}|{_layer(old, new)}"
        row = {"old_code": [old], "new_code": [new], "area": [area]}
        sources[names[pair]] = gpd.GeoDataFrame(row, geometry=[shape], crs=crs)
        if old is not None:
            told[pair] = f"{notes.area(area)} of {old} ({100 * area / total[pair[0]]:.4g} %) go to {new}"
    listed = events(found, codes, Parts(names, told), day)
    return [{**event, "evidence": "derived"} for event in listed], sources


def _redrawn(patches: pd.DataFrame, least: float) -> set[tuple[int, int]]:
    """Return the pairs of units between which a line was drawn anew by more than rounding."""
    wide = patches["width"] >= least
    return set(pairs_of(patches[wide & ~patches["verdict"].isin([MAIN, REAL])]))


def _plan(listed: Sequence[dict[str, Any]], sources: dict[str, gpd.GeoDataFrame], day: dt.date) -> Plan | None:
    if not listed:
        return None
    given = {"title": "What changed between two editions", "date": day, "events": list(listed)}
    return Plan.model_validate(given).model_copy(update={"sources": sources})


def _layer(old: str | None, new: str) -> str:
    """Return the name of the layer with a part; no sign in it means anything to a file of layers."""
    return f"{'new' if old is None else old} to {new}".replace("|", " ")
