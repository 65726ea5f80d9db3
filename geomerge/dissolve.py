"""Dissolve pieces into new units, and new units into their levels; inner edges vanish without a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geomerge.attributes import Policy, combine, policy_of, whole_numbers
from geomerge.coverage import join_all, make_valid, objects, present
from geomerge.errors import InputError
from geomerge.findings import Finding, Notes
from geomerge.lineage import Lineage, changes, last_changes, lineage, new_index
from geomerge.plan import Parent, Plan
from geomerge.steps import Step, final_names, final_parents, steps

OURS = ("change", "predecessors", "valid_from")


@dataclass(frozen=True)
class Level:
    """A grouping of units: all rows with the same value in ``column`` (all units where it is None).

    Parameters
    ----------
    name
        Such as county or nation.
    column
        Column of the units with the code of the parent.
    label
        Column of the units with the name of the parent.
    """

    name: str
    column: str | None = None
    label: str | None = None


def dissolve(
    pieces: gpd.GeoDataFrame,
    *,
    units: gpd.GeoDataFrame | None = None,
    plan: Plan | None = None,
    code: str = "code",
    name: str | None = None,
    levels: Sequence[Level] = (),
    policies: Mapping[str, Policy] | None = None,
    findings: list[Finding] | None = None,
) -> gpd.GeoDataFrame:
    """Join the pieces of each new unit along their shared edges; one of a single piece keeps its geometry.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    units
        The old units; given, their columns are carried over, in their order.
    plan
        The plan; given, names and parents come from it, and ``valid_from``.
    code, name
        Columns of the units with code and name.
    levels
        Parent levels of the units, so that a new parent is written to its column.
    policies
        How to combine each field where a new unit is not one old unit as a whole: ``sum``, ``mean``,
        ``join``, ``Take``, ``Constant``. Fields without a policy are kept where the old units agree, else
        dropped with a finding.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        The columns of the units (``code`` without units), then ``change``, ``predecessors`` (old codes,
        separated by blanks), ``valid_from`` (ISO date of the last change of code or territory; that of the
        old unit, or empty, where there was none), geometry. The index is that of the largest predecessor;
        units without one of their own have new numbers (their code, where the index holds no numbers).

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> table = gpd.GeoDataFrame(
    ...     {
    ...         "old_code": ["1", "2"],
    ...         "new_code": ["9", "9"],
    ...         "event": ["merge", "merge"],
    ...         "kind": ["whole", "whole"],
    ...     },
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
    ...     crs="EPSG:25832",
    ... )
    >>> new = dissolve(table)
    >>> new.code.item(), new.predecessors.item(), new.geometry.area.item()
    ('9', '1 2', 2.0)
    """
    notes = Notes()
    old = units if units is not None else _bare_units(pieces, code)
    _require_columns(pieces, old, [code, *filter(None, [name, *_level_columns(levels)])])
    made = lineage(pieces, list(old[code]))
    road = steps(plan, old[code]) if plan is not None else []
    given = _from_plan(road, old, name, levels)
    rows = pd.DataFrame({code: pd.Series(made.codes, dtype=old[code].dtype)})
    for column in old.columns:
        if column not in (code, old.geometry.name, *OURS):
            policy = policy_of((policies or {}).get(column), str(column))
            rows[column] = _carried(old[column], made, policy, given.get(column, {}), notes)
    if plan is not None:
        _label_parents(rows, made, old, levels, plan, notes)
    notes.settle(findings)
    rows["change"] = changes(made, _renamed(rows, made, old, name))
    rows["predecessors"] = made.predecessors
    rows["valid_from"] = _valid_from(made, old, plan, road, code)
    return _table(rows, pieces, made, old)


def dissolve_level(units: gpd.GeoDataFrame, level: Level, *, findings: list[Finding] | None = None) -> gpd.GeoDataFrame:
    """Join units by their parent, on the edges of the units.

    Parameters
    ----------
    units
        The units.
    level
        The level.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        ``code`` (the level's name where it has no column), ``name``, ``units`` (how many), geometry; sorted
        by code.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> units = gpd.GeoDataFrame(
    ...     {"code": ["1", "2"], "county": ["A", "A"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
    ...     crs="EPSG:25832",
    ... )
    >>> dissolve_level(units, Level("county", "county"))[["code", "units"]].to_dict("records")
    [{'code': 'A', 'units': 2}]
    """
    if missing := [column for column in _level_columns([level]) if column not in units.columns]:
        raise InputError(f"The units have no column {', '.join(missing)} for the level {level.name}.")
    notes = Notes()
    parents = (units[level.column] if level.column else pd.Series(level.name, index=units.index)).to_numpy()
    labels = units[level.label].to_numpy() if level.label else parents
    shapes = objects(units.geometry.to_numpy())
    there = present(shapes)
    if lost := int((there & pd.isna(parents)).sum()):
        what = f"{lost} units have no parent and are in no {level.name}"
        notes(Finding("should", "no parent", what, level.name, f"Fill in column {level.column}."))
    rows = np.flatnonzero(there)
    members = pd.Series(rows).groupby(parents[there], sort=True).indices
    at = {parent: rows[found] for parent, found in members.items()}
    notes.settle(findings)
    data = {
        "code": list(at),
        "name": [labels[found[0]] for found in at.values()],
        "units": [len(found) for found in at.values()],
    }
    joined = join_all(make_valid(shapes), [*at.values()], level.name)
    return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(joined, crs=units.crs), crs=units.crs)


def _level_columns(levels: Sequence[Level]) -> list[str]:
    return [column for level in levels for column in (level.column, level.label) if column is not None]


def _require_columns(pieces: gpd.GeoDataFrame, units: gpd.GeoDataFrame, columns: Sequence[str]) -> None:
    if missing := [column for column in ("old_code", "new_code", "event", "kind") if column not in pieces.columns]:
        raise InputError(f"The pieces have no column {', '.join(missing)}. Make them with geomerge.pieces.")
    if missing := [column for column in columns if column not in units.columns]:
        raise InputError(
            f"The units have no column {', '.join(missing)}. They have {', '.join(map(str, units.columns))}."
        )


def _bare_units(pieces: gpd.GeoDataFrame, code: str) -> gpd.GeoDataFrame:
    old = list(dict.fromkeys(pieces["old_code"].dropna())) if "old_code" in pieces.columns else []
    return gpd.GeoDataFrame({code: old}, geometry=gpd.GeoSeries([None] * len(old), crs=pieces.crs))


def _from_plan(
    road: Sequence[Step], old: gpd.GeoDataFrame, name: str | None, levels: Sequence[Level]
) -> dict[str, dict[str, str]]:
    """Return what the plan says of new units, by column and code: their names and parents."""
    given: dict[str, dict[str, str]] = {name: final_names(road)} if name is not None else {}
    columns = {level.name: level.column for level in levels if level.column is not None}
    for new, parent in final_parents(road).items():
        for level, parent_code in _by_level(parent, list(columns)).items():
            if level in columns:
                given.setdefault(columns[level], {})[new] = parent_code
    for column in given:
        if given[column] and pd.api.types.is_numeric_dtype(old[column].dtype):
            raise InputError(
                f"Column {column} of the units holds numbers, but the plan gives text such as "
                f"{next(iter(given[column].values()))}. Convert the column to text."
            )
    return given


def _by_level(parent: Parent, levels: Sequence[str]) -> dict[str, str]:
    if isinstance(parent, dict):
        return parent
    return {levels[0]: parent} if levels else {}


def _carried(
    before: pd.Series, made: Lineage, policy: Policy | None, given: Mapping[str, str], notes: Notes
) -> pd.Series:
    """Return a column of the new units: what the plan gives, else the old value, else several combined."""
    values = before.tolist()
    carried: list[Any] = []
    for new, sources, untouched in zip(made.codes, made.sources, made.untouched, strict=True):
        if new in given:
            carried.append(given[new])
        elif not sources:
            carried.append(None)
        elif untouched:
            carried.append(values[sources[0].row])
        else:
            carried.append(combine(str(before.name), values, sources, policy, new, notes))
    if policy == "sum" and pd.api.types.is_integer_dtype(before.dtype):
        _keep_whole(carried, made)
    return _as_before(carried, before)


def _keep_whole(carried: list[Any], made: Lineage) -> None:
    """Round shared out figures so that those of each family of units still have the same total."""
    for family in made.families:
        known = [position for position in family if not pd.isna(carried[position])]
        if any(isinstance(carried[position], float) for position in known):
            rounded = whole_numbers([carried[position] for position in known])
            for position, figure in zip(known, rounded, strict=True):
                carried[position] = figure


def _as_before(carried: list[Any], before: pd.Series) -> pd.Series:
    """Return values with the type of the column they come from, or the nearest one that holds them."""
    result = pd.Series(carried, dtype=object)
    known = result.dropna()
    if pd.api.types.is_integer_dtype(before.dtype) and not all(value == int(value) for value in known):
        return result.astype("Float64" if len(known) < len(result) else "float64")
    if len(known) < len(result) and isinstance(before.dtype, np.dtype):  # without room for an empty value
        if before.dtype.kind == "b":
            return result.astype("boolean")
        if before.dtype.kind in "iu":
            return result.astype("Int64")
    return result.astype(before.dtype)


def _label_parents(
    rows: pd.DataFrame,
    made: Lineage,
    old: gpd.GeoDataFrame,
    levels: Sequence[Level],
    plan: Plan,
    notes: Notes,
) -> None:
    """Write the names of parents that the plan names, and of those that are new to a unit."""
    first = next((level.name for level in levels if level.column), None)
    for level in levels:
        if level.label is None or level.column is None:
            continue
        named = {p.code: p.name for p in plan.parents if (p.level or first) == level.name}
        known = dict(zip(old[level.column], old[level.label], strict=True)) | named
        before = old[level.column].tolist()
        labels = rows[level.label].tolist()
        for position, parent in enumerate(rows[level.column]):
            sources = made.sources[position]
            kept = made.untouched[position] and parent == before[sources[0].row] and parent not in named
            if pd.isna(parent) or kept:
                continue
            labels[position] = known.get(parent)
            if parent not in known:
                what = f"The {level.name} {parent} has no name"
                notes(Finding("should", "no name", what, "plan", "Add it to parents of the plan."))
        rows[level.label] = pd.Series(labels, dtype=old[level.label].dtype)


def _renamed(rows: pd.DataFrame, made: Lineage, old: gpd.GeoDataFrame, name: str | None) -> list[bool]:
    if name is None:
        return [False] * len(made.codes)
    before, after = old[name].tolist(), rows[name].tolist()
    return [
        bool(sources) and str(after[position]) != str(before[sources[0].row])
        for position, sources in enumerate(made.sources)
    ]


def _valid_from(made: Lineage, old: gpd.GeoDataFrame, plan: Plan | None, road: Sequence[Step], code: str) -> list[str]:
    known = old["valid_from"] if "valid_from" in old.columns else pd.Series("", index=old.index)
    before = dict(zip(old[code], known.where(known.notna(), "").astype(str), strict=True))
    dates = before if plan is None else last_changes(road, before)
    return [dates.get(new, "") for new in made.codes]


def _table(rows: pd.DataFrame, pieces: gpd.GeoDataFrame, made: Lineage, old: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    shape = old.geometry.name
    joined = join_all(objects(pieces.geometry.to_numpy()), made.groups, "dissolve")
    rows.index = new_index(made, old.index)
    geometry = gpd.GeoSeries(joined, index=rows.index, crs=pieces.crs)
    table = gpd.GeoDataFrame(rows.assign(**{shape: geometry}), geometry=shape, crs=pieces.crs)
    return table[[*(c for c in old.columns if c != shape and c not in OURS), *OURS, shape]]
