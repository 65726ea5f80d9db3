"""An official list of changes against the map: what the list leaves out, and what the map contradicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd

from geomerge.findings import Finding, Notes
from geomerge.plan import Plan
from geomerge.rules import check_plan
from geomerge.steps import final_names, steps

REMEDY = "Look at the place; correct the list, or tell who keeps it."


@dataclass(frozen=True)
class Listed:
    """What an official list says of units: pairs (old code, new code), the names of new units, slips."""

    pairs: frozenset[tuple[str, str]]
    names: Mapping[str, str]
    slips: tuple[Finding, ...]


def listed(official: Plan, codes: Sequence[str]) -> Listed:
    """Follow all units through an official list, up to its last date.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["1", "2"], "into": "9", "name": "Nine"}])
    >>> found = listed(plan, ["1", "2", "3"])
    >>> sorted(found.pairs), found.names
    ([('1', '9'), ('2', '9'), ('3', '3')], {'9': 'Nine'})
    """
    road = steps(official, codes)
    heirs: dict[str, set[str]] = {code: {code} for code in codes}
    for step in road:
        heirs = {old: {new for code in now for new in step.successors(code)} for old, now in heirs.items()}
    slips = tuple(
        replace(finding, severity="should", check="list", remedy=REMEDY)
        for finding in check_plan(official, codes)
        if finding.check == "unknown code"
    )
    return Listed(frozenset((old, new) for old, now in heirs.items() for new in now), final_names(road), slips)


def check_list(
    found: Listed, evidence: gpd.GeoDataFrame, before: gpd.GeoSeries, after: Mapping[str, str], notes: Notes
) -> Iterator[Finding]:
    """Find what a list leaves out, and what the map contradicts.

    Parameters
    ----------
    found
        What the list says.
    evidence
        Table of :func:`geomerge.diff.diff`; land that moved is told by ``moved``.
    before
        Polygons of the old units by code.
    after
        Names of the new units by code; empty where they are not known.
    notes
        Writes areas.
    """
    between = evidence[evidence["old_code"].notna() & evidence["new_code"].notna()]
    moved = between[between["moved"] > 0]
    on_map = set(zip(moved["old_code"], moved["new_code"], strict=True))
    rows = moved[[pair not in found.pairs for pair in zip(moved["old_code"], moved["new_code"], strict=True)]]
    for row in rows.itertuples():
        what = f"{notes.area(float(row.moved))} of {row.old_code} go to {row.new_code}, and the list leaves it out"
        remedy = "Add it to the list, if it was decided; its area is in the plan."
        yield Finding("should", "left out", what, f"{row.old_code} > {row.new_code}", remedy, row.geometry)
    yield from found.slips
    shared = pd.Series(between["area"].to_numpy(), index=[*zip(between["old_code"], between["new_code"], strict=True)])
    for old, new in sorted(found.pairs - on_map):
        place = f"{old} > {new}"
        if new not in after:
            what = f"The list leads from {old} to {new}, but no unit of the second edition has the code {new}"
        elif (old, new) in shared.index:
            area = notes.area(float(shared[old, new]))
            what = f"The list gives land of {old} to {new}, but the map shows only a line drawn anew ({area})"
        else:
            what = f"The list gives land of {old} to {new}, but on the map no land of {old} lies in {new}"
        yield Finding("should", "contradicted", what, place, REMEDY, before[old])
    for code, name in sorted(found.names.items()):
        if after.get(code) not in ("", name, None):
            what = f"{code} is called {name} in the list, but {after[code]} in the second edition"
            yield Finding("should", "name", what, code, "Keep the official name, or correct the list.")
