"""A reform with several dates, date by date: each with the units before and after it, read off the pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from geomerge.atlas.reform import Reform
from geomerge.coverage import join, objects
from geomerge.dissolve import dissolve
from geomerge.edges import boundary_lines
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.manifest import sha256
from geomerge.plan import Plan
from geomerge.planfile import read_plan
from geomerge.results import fates_of
from geomerge.steps import Step, steps
from geomerge.trails import trails

UNIT = ["code", "name", "geometry"]


def states(reform: Reform, plan: Plan) -> Iterator[Reform]:
    """Yield the reform of each date of a plan, in order.

    Parameters
    ----------
    reform
        The whole reform.
    plan
        Its plan.

    Raises
    ------
    InputError
        If the plan does not lead to the pieces of the reform, or leaves open which way land went.
    """
    road = steps(plan, list(reform.before["code"]))
    ways = _ways(reform, road, list(reform.before["code"]))
    units = reform.before[UNIT]
    for number, step in enumerate(road):
        pieces = _pieces(reform.pieces, [way[number] for way in ways], [way[number + 1] for way in ways])
        events = tuple(event for event in plan.events if plan.date_of(event) == step.date)
        found: list[Finding] = []
        after = dissolve(
            pieces, units=units, plan=plan.model_copy(update={"events": events}), name="name", findings=found
        )
        before = fates_of(units, pieces, after, code="code", name="name")
        yield replace(
            reform,
            dates=(step.date.isoformat(),),
            before=before,
            after=after,
            lines=boundary_lines(pieces),
            pieces=pieces,
        )
        units = after[UNIT]


def plan_of(reform: Reform, path: str | Path) -> Plan:
    """Read the plan of a run; InputError if it is not the one that the run was made with."""
    path = Path(path)
    plan = read_plan(path)
    if sha256(path) not in reform.hashes:
        raise InputError(f"{path} is not the plan of this run, or was changed since. Repeat the run, or name its plan.")
    return plan


def _ways(reform: Reform, road: Sequence[Step], codes: Sequence[str]) -> list[tuple[str | None, ...]]:
    """Return the codes that the land of each piece had, one after the other."""
    known: dict[tuple[str | None, str | None], list[tuple[str | None, ...]]] = {}
    for way in trails(road, codes):
        known.setdefault((way[0], way[-1]), []).append(way)
    ends = [
        (old if isinstance(old, str) else None, new if isinstance(new, str) else None)
        for old, new in zip(reform.pieces["old_code"], reform.pieces["new_code"], strict=True)
    ]
    faults = []
    for old, new in dict.fromkeys(ends):
        found = known.get((old, new), [])
        if len(found) != 1:
            land = f"Land that went from {old or 'nobody'} to {new or 'nobody'}"
            what = (
                "went several ways that the run does not tell apart" if found else "went there by no event of the plan"
            )
            faults.append(f"{land} {what}: no map of each date can be drawn. Draw a series by level instead.")
    if faults:
        raise InputError(*faults)
    return [known[end][0] for end in ends]


def _pieces(pieces: gpd.GeoDataFrame, old: Sequence[str | None], new: Sequence[str | None]) -> gpd.GeoDataFrame:
    """Return the pieces of one date, joined where they go the same way on it."""
    ways = pd.DataFrame({"old_code": old, "new_code": new, "kind": pieces["kind"].to_numpy()}, dtype=object)
    there = ways["old_code"].notna() | ways["new_code"].notna()
    ways["kind"] = ways["kind"].where(ways["kind"] == "correction", "part")
    shapes = objects(pieces.geometry.to_numpy())
    rows, joined = [], []
    number = ways[there].groupby(["old_code", "new_code", "kind"], dropna=False, sort=False).ngroup()
    for _, at in number.groupby(number).groups.items():
        positions = np.asarray(at)
        rows.append([None if pd.isna(value) else value for value in ways.loc[positions[0]]])
        joined.append(shapes[positions[0]] if len(positions) == 1 else join(shapes[positions]))
    table = pd.DataFrame(rows, columns=["old_code", "new_code", "kind"], dtype=object)
    heirs = table[table["kind"] == "part"].groupby("old_code", dropna=False)["new_code"].transform("size")
    table.loc[heirs.index[heirs == 1], "kind"] = "whole"
    table.insert(2, "event", "")
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(objects(joined), crs=pieces.crs), crs=pieces.crs)
