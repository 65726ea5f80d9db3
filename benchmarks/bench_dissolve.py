"""New boundaries: geomerge's pieces and dissolve against GeoPandas's overlay and dissolve.

python benchmarks/bench_dissolve.py [--quick] [--json] [--memory] [--turns N]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from country import FULL, QUICK, Reform, norway, synthetic
from measure import OURS, Case, Row, main

import geomerge

FLOOR = "shapely, bare union of what changes"
EQUAL = 1e-9  # largest share of a unit's area that two equal answers may differ in


def with_geomerge(reform: Reform) -> gpd.GeoDataFrame:
    table = geomerge.pieces(reform.units, reform.plan, findings=[])
    units = geomerge.dissolve(table, units=reform.units, plan=reform.plan, policies={"population": "sum"}, findings=[])
    return units.set_index("code")[["geometry"]]


def labelled(reform: Reform) -> gpd.GeoDataFrame:
    """Return units, and the parts of those that are cut, with their new code: what there is to dissolve."""
    units, parts = reform.units[["code", "geometry"]], reform.parts
    if not len(parts):
        return units.assign(new=units["code"].map(reform.whole))
    is_cut = units["code"].isin(parts["from_code"])
    laid = gpd.overlay(units[is_cut], parts, how="identity", keep_geom_type=True)
    rest = laid["code"].map(reform.whole)
    laid["new"] = laid["to_code"].where(laid["from_code"] == laid["code"], rest)
    whole = units[~is_cut]
    whole = whole.assign(new=whole["code"].map(reform.whole))
    return gpd.GeoDataFrame(pd.concat([whole, laid[["code", "new", "geometry"]]], ignore_index=True))


def all_units(reform: Reform, method: str) -> gpd.GeoDataFrame:
    return labelled(reform)[["new", "geometry"]].dissolve("new", method=method)


def changed_units(reform: Reform) -> gpd.GeoDataFrame:
    """Return the same, joining only what consists of several parts."""
    table = labelled(reform)[["new", "geometry"]]
    several = table["new"].duplicated(keep=False)
    joined = table[several].dissolve("new", method="coverage")
    return gpd.GeoDataFrame(pd.concat([table[~several].set_index("new"), joined]))


def bare_union(parts: list[Any]) -> list[Any]:
    """Return the union of each group of parts: nothing is looked up, checked, named or carried over."""
    return [shapely.coverage_union_all(group) for group in parts]


def named(reform: Reform, joined: list[Any]) -> gpd.GeoDataFrame:
    """Return the bare unions, and all that does not change, as the other methods do."""
    table = labelled(reform)[["new", "geometry"]]
    several = table["new"].duplicated(keep=False)
    codes = pd.Index(table.loc[several, "new"].unique(), name="new")
    unions = gpd.GeoDataFrame(geometry=joined, index=codes, crs=table.crs)
    return gpd.GeoDataFrame(pd.concat([table[~several].set_index("new"), unions]))


def groups(reform: Reform) -> list[Any]:
    """Return the parts of each unit that consists of several, in the order of its first part."""
    table = labelled(reform)
    several = table[table["new"].duplicated(keep=False)]
    shapes = several.geometry.to_numpy()
    return [shapes[found] for found in several.reset_index().groupby("new", sort=False).indices.values()]


def checked(reform: Reform) -> gpd.GeoDataFrame:
    """Return the same, and look first for invalid units, gaps and overlaps, without mending any."""
    shapes = reform.units.geometry.to_numpy()
    shapely.is_valid(shapes)
    shapely.coverage_invalid_edges(shapes, gap_width=0.01)
    return all_units(reform, "coverage")


def describe(reform: Reform, answer: gpd.GeoDataFrame | list[Any], answers: Mapping[str, Any]) -> Row:
    """Say how an answer differs from ours, and what it is worth as a map."""
    if isinstance(answer, list):
        answer = named(reform, answer)
    ours = answers[OURS].geometry
    ours, theirs = ours.sort_index(), answer.geometry.sort_index()
    same_codes = list(ours.index) == list(theirs.index)
    shapes = theirs.to_numpy()
    row: Row = {"equal": "other codes"}
    if same_codes:
        expected = shapely.make_valid(ours.to_numpy())
        apart = shapely.area(shapely.symmetric_difference(expected, shapely.make_valid(shapes)))
        differing = int((apart > EQUAL * shapely.area(expected)).sum())
        row["equal"] = "yes" if not differing else f"{len(ours) - differing} of {len(ours)}"
    before = reform.units.set_index("code").geometry
    bad, bad_before = int((~answer.is_valid).sum()), int((~before.is_valid).sum())
    row["valid"] = f"{bad} not, as {bad_before} before" if bad else "yes"
    alone = pd.Series(reform.whole)
    alone = alone[~alone.duplicated(keep=False) & ~alone.isin(reform.parts["to_code"])]
    alone = alone[~alone.index.isin(reform.parts["from_code"])]
    row["whole units byte-identical"] = _kept(before.loc[alone.index], theirs.reindex(alone.to_numpy()))
    row["edges matched"] = "yes" if shapely.coverage_is_valid(shapes) else "no"
    return row


def _kept(before: gpd.GeoSeries, after: gpd.GeoSeries) -> str:
    """Return yes, or how many units kept their bytes, and how many others only got a corner of a cut."""
    pairs = list(zip(before.to_numpy(), after.to_numpy(), strict=True))
    changed = [(old, new) for old, new in pairs if old.wkb != new.wkb]
    if not changed:
        return "yes"
    corners = [set(map(tuple, shapely.get_coordinates(new).tolist())) for _, new in changed]
    cornered = sum(
        set(map(tuple, shapely.get_coordinates(old).tolist())) < found
        for (old, _), found in zip(changed, corners, strict=True)
    )
    text = f"{len(pairs) - len(changed)} of {len(pairs)}"
    return f"{text}, {cornered} got a corner" if cornered else text


def cases(quick: bool) -> Iterator[Case]:
    size = QUICK if quick else FULL
    for reform in (synthetic(size, cuts=False), synthetic(size, cuts=True), norway()):
        if reform is None:
            continue
        ways: dict[str, Callable[[Reform], gpd.GeoDataFrame]] = {
            OURS: with_geomerge,
            "geopandas, unary": partial(all_units, method="unary"),
            "geopandas, coverage": partial(all_units, method="coverage"),
            "geopandas, coverage, only what changes": changed_units,
            "geopandas, coverage, after one check": checked,
        }
        methods: dict[str, Callable[[], Any]] = {name: partial(way, reform) for name, way in ways.items()}
        yield Case(
            f"{reform.name}, {len(reform.units)} units, {reform.vertices:,} vertices",
            methods | {FLOOR: partial(bare_union, groups(reform))},
            partial(describe, reform),
        )


if __name__ == "__main__":
    main(__file__, "New boundaries", cases)
