"""Dissolve pieces into new units, and new units into their levels; inner edges vanish without a trace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.attributes import Policy, Source, combine, whole_numbers
from geomerge.coverage import Geometries, join
from geomerge.errors import InputError
from geomerge.findings import Finding, collector
from geomerge.plan import Parent, Plan
from geomerge.progress import progress
from geomerge.steps import final_names, final_parents, steps

Report = Callable[[Finding], None]


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
    """Join the pieces of each new unit along their shared edges; a unit of one piece keeps its geometry object.

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
        How to combine each field where a new unit has several old ones: ``sum``, ``mean``, ``join``, ``Take``,
        ``Constant``. Fields without a policy are kept where the old units agree, and dropped with a finding else.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    GeoDataFrame
        The columns of the units (``code`` without units), then ``change``, ``predecessors`` (old codes, separated by
        blanks), ``valid_from`` (ISO date of the last change of code or territory, empty where there was none), geometry.
        The index is that of the largest predecessor; units without one of their own follow with new numbers.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "2"], "new_code": ["9", "9"], "event": ["merge", "merge"], "kind": ["whole", "whole"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:25832")
    >>> new = dissolve(table)
    >>> new.code.item(), new.predecessors.item(), new.geometry.area.item()
    ('9', '1 2', 2.0)
    """
    report = collector(findings)
    _require_columns(pieces, ("old_code", "new_code", "event", "kind"))
    old = units if units is not None else _bare_units(pieces, code)
    made = _Made(pieces, old, code)
    rows = pd.DataFrame(
        {column: _carried(column, made, (policies or {}).get(column), report) for column in made.attributes},
        index=made.index,
    )
    if plan is not None:
        _apply_plan(rows, plan, made, code, name, levels)
    rows[code] = made.codes
    rows["change"] = _changes(made, rows, name)
    rows["predecessors"] = made.predecessors
    rows["valid_from"] = _valid_from(made, plan)
    geometry = gpd.GeoSeries(made.geometry, index=made.index, crs=pieces.crs)
    shape = old.geometry.name
    table = gpd.GeoDataFrame(rows.assign(**{shape: geometry}), geometry=shape, crs=pieces.crs)
    ours = ["change", "predecessors", "valid_from"]
    return table[[*(c for c in old.columns if c != shape and c not in ours), *ours, shape]]


def dissolve_level(units: gpd.GeoDataFrame, level: Level) -> gpd.GeoDataFrame:
    """Join units by their parent, on the edges of the units.

    Returns
    -------
    GeoDataFrame
        ``code`` (the level's name where it has no column), ``name``, ``units`` (how many), geometry; sorted by code.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> units = gpd.GeoDataFrame({"code": ["1", "2"], "county": ["A", "A"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:25832")
    >>> dissolve_level(units, Level("county", "county"))[["code", "units"]].to_dict("records")
    [{'code': 'A', 'units': 2}]
    """
    parents = units[level.column] if level.column else pd.Series(level.name, index=units.index)
    labels = units[level.label] if level.label else parents
    geometry = units.geometry.to_numpy()
    usable = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    rows = []
    for parent in sorted(parents[usable].dropna().unique()):
        members = (parents == parent).to_numpy() & usable
        polygons = geometry[members]
        invalid = ~shapely.is_valid(polygons)
        polygons[invalid] = shapely.make_valid(polygons[invalid], method="structure", keep_collapsed=False)
        rows.append((parent, labels[members].iloc[0], int(members.sum()), join(polygons)))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    data = {"code": list(columns[0]), "name": list(columns[1]), "units": list(columns[2])}
    return gpd.GeoDataFrame(data, geometry=list(columns[3]), crs=units.crs)


class _Made:
    """Which pieces and old units make up each new unit, in the order of their first predecessor."""

    def __init__(self, pieces: gpd.GeoDataFrame, old: gpd.GeoDataFrame, code: str) -> None:
        self.pieces, self.old, self.code = pieces, old, code
        alive = pieces["new_code"].notna().to_numpy()
        self.codes: list[str] = list(dict.fromkeys(pieces["new_code"][alive]))
        position = {new: number for number, new in enumerate(self.codes)}
        self.groups: list[list[int]] = [[] for _ in self.codes]
        for row in np.flatnonzero(alive):
            self.groups[position[pieces["new_code"].iat[row]]].append(int(row))
        shapes = pieces.geometry.to_numpy()
        self.areas = shapely.area(shapes)
        self.old_areas = pd.Series(self.areas).groupby(pieces["old_code"].to_numpy()).sum()
        self.geometry: Geometries = _joined(shapes, self.groups)
        rows = dict(zip(old[code], old.index, strict=True))
        self.sources = [self._sources(group, rows) for group in self.groups]
        self.attributes = [column for column in old.columns if column not in (code, old.geometry.name)]
        self.index = self._index(old)

    def _sources(self, group: list[int], rows: Mapping[str, Any]) -> list[Source]:
        """Return the old units of a new one, the largest share of territory first."""
        found: dict[str, float] = {}
        for row in group:
            old_code = self.pieces["old_code"].iat[row]
            if isinstance(old_code, str) and self.pieces["kind"].iat[row] != "correction":
                found[old_code] = found.get(old_code, 0.0) + float(self.areas[row])
        parts = {c for c, k in zip(self.pieces["old_code"], self.pieces["kind"], strict=True) if k == "part"}
        share = {c: area / self.old_areas[c] if c in parts and self.old_areas[c] else 1.0 for c, area in found.items()}
        ordered = sorted(found, key=lambda c: (-found[c], c))
        return [Source(c, rows[c], share[c], found[c]) for c in ordered]

    def _index(self, old: gpd.GeoDataFrame) -> pd.Index:
        """Give each new unit the index of its largest predecessor, unless a larger piece of that one went elsewhere."""
        heir: dict[Any, tuple[float, int]] = {}
        for number, sources in enumerate(self.sources):
            for source in sources[:1]:
                continues = source.code == self.codes[number]
                heir[source.row] = max(heir.get(source.row, (-1.0, 0)), (source.area + 1e18 * continues, number))
        taken = {number: row for row, (_, number) in heir.items()}
        fresh = iter(range(_next_number(old.index), _next_number(old.index) + len(self.codes)))
        return pd.Index([taken[n] if n in taken else next(fresh) for n in range(len(self.codes))], name=old.index.name)

    @property
    def predecessors(self) -> list[str]:
        return [" ".join(sorted(source.code for source in sources)) for sources in self.sources]

    @property
    def untouched(self) -> list[bool]:
        """Whether each new unit is one old unit as a whole."""
        return [len(s) == 1 and s[0].share == 1.0 for s in self.sources]


def _next_number(index: pd.Index) -> int:
    numbers = pd.to_numeric(index.to_series(), errors="coerce")
    return int(numbers.max()) + 1 if numbers.notna().any() else len(index)


def _joined(shapes: Geometries, groups: Sequence[Sequence[int]]) -> Geometries:
    joined = [join(shapes[list(group)]) for group in progress(groups, "dissolve")]
    return np.array([*joined, None], dtype=object)[:-1]


def _require_columns(table: gpd.GeoDataFrame, columns: Sequence[str]) -> None:
    if missing := [column for column in columns if column not in table.columns]:
        raise InputError(f"The pieces have no column {', '.join(missing)}. Make them with geomerge.pieces.")


def _bare_units(pieces: gpd.GeoDataFrame, code: str) -> gpd.GeoDataFrame:
    old = list(dict.fromkeys(pieces["old_code"].dropna()))
    return gpd.GeoDataFrame({code: old}, geometry=gpd.GeoSeries([None] * len(old), crs=pieces.crs))


def _carried(column: str, made: _Made, policy: Policy | None, report: Report) -> pd.Series:
    values = made.old[column].to_dict()
    carried = [
        (values[sources[0].row] if alone else combine(column, values, sources, policy, new, report))
        if sources else None
        for new, sources, alone in zip(made.codes, made.sources, made.untouched, strict=True)
    ]  # fmt: skip
    result = pd.Series(carried, index=made.index, dtype=object)
    before = made.old[column]
    if policy == "sum" and pd.api.types.is_integer_dtype(before.dtype) and result.notna().all():
        kept = {source.row for sources in made.sources for source in sources}
        return whole_numbers(result, float(before[list(kept)].sum())).astype(before.dtype)
    try:
        return result.astype(before.dtype)
    except (TypeError, ValueError):  # an integer column that now has an empty value
        return result.astype("Int64") if pd.api.types.is_integer_dtype(before.dtype) else result


def _apply_plan(
    rows: pd.DataFrame, plan: Plan, made: _Made, code: str, name: str | None, levels: Sequence[Level]
) -> None:
    """Write the names and parents that the plan gives, and the labels of the parents."""
    road = steps(plan, made.old[code])
    at = dict(zip(made.codes, made.index, strict=True))
    if name is not None:
        for new, given in final_names(road).items():
            if new in at:
                rows.loc[at[new], name] = given
    columns = {level.name: level for level in levels if level.column}
    for new, parent in final_parents(road).items():
        for level_name, parent_code in _by_level(parent, list(columns)).items():
            if new in at and level_name in columns:
                rows.loc[at[new], columns[level_name].column] = parent_code
    for level in columns.values():
        _label_parents(rows, made.old, level, plan, next(iter(columns)))


def _by_level(parent: Parent, levels: Sequence[str]) -> dict[str, str]:
    if isinstance(parent, dict):
        return parent
    return {levels[0]: parent} if levels else {}


def _label_parents(rows: pd.DataFrame, old: gpd.GeoDataFrame, level: Level, plan: Plan, first_level: str) -> None:
    if level.label is None or level.column is None:
        return
    known = dict(zip(old[level.column], old[level.label], strict=True))
    known |= {p.code: p.name for p in plan.parents if (p.level or first_level) == level.name}
    rows[level.label] = rows[level.column].map(known).astype(old[level.label].dtype)


def _changes(made: _Made, rows: pd.DataFrame, name: str | None) -> list[str]:
    old_names = dict(zip(made.old[made.code], made.old[name], strict=True)) if name else {}
    corrected = set(made.pieces.loc[made.pieces["kind"] == "correction", ["old_code", "new_code"]].stack())
    found = []
    for new, index, sources in zip(made.codes, made.index, made.sources, strict=True):
        whole = [source for source in sources if source.share == 1.0]
        continues = any(source.code == new for source in sources)
        if not sources:
            change = "created"
        elif len(whole) > 1:
            change = "merged"
        elif len(sources) == 1 and whole:
            change = _alone(new, sources[0], corrected, bool(name) and rows.loc[index, name] != old_names[sources[0].code])
        elif whole or continues or len(sources) > 1:
            change = "adjusted"
        else:
            change = "split"
        found.append(change)
    return found


def _alone(new: str, source: Source, corrected: set[str], other_name: bool) -> str:
    if source.code != new:
        return "renumbered"
    if other_name:
        return "renamed"
    return "corrected" if new in corrected else "unchanged"


def _valid_from(made: _Made, plan: Plan | None) -> list[str]:
    """Return the date of the last event on each new unit; a correction is no change of the unit."""
    if plan is None:
        return [""] * len(made.codes)
    dates: dict[str, dt.date] = {event.label(): plan.date_of(event) for event in plan.events if event.kind != "correct"}
    last: dict[str, str] = {}
    for new, labels in zip(made.pieces["new_code"], made.pieces["event"], strict=True):
        for label in filter(None, labels.split("; ")):
            if isinstance(new, str) and label in dates:
                last[new] = max(last.get(new, ""), dates[label].isoformat())
    return [last.get(code, "") for code in made.codes]
