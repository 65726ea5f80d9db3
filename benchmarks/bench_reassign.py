"""The new unit of each parcel: geomerge's reassign against what one would write in GeoPandas, shapely or maup.

The default measures a nation with a million parcels as well, without the ways that nobody would wait for.

python benchmarks/bench_reassign.py [--quick] [--json] [--memory] [--turns N]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from country import FULL, NATION, QUICK, Reform, norway, parcels_of, synthetic
from measure import OURS, Case, Row, main

import geomerge

NEAR = 1e-6  # largest difference between two equal shares
NOISE = 1e-9  # a smaller share is the rounding of a corner, not a place


def with_geomerge(
    parcels: gpd.GeoDataFrame,
    pieces: gpd.GeoDataFrame,
    verify: Literal["affected", "all", "none"] = "affected",
) -> pd.DataFrame:
    found = geomerge.reassign(parcels, pieces, verify=verify, findings=[])
    table = pd.concat([found.updated, found.review]).set_index("parcel").sort_index()
    return pd.DataFrame(table[["new_code", "share", "runner_up", "runner_up_share"]])


def with_overlay(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Intersect everything with everything, and take the largest share of each parcel, and the second."""
    size = parcels.set_index("parcel").area
    laid = gpd.overlay(
        parcels[["parcel", "geometry"]],
        pieces[["new_code", "geometry"]],
        how="intersection",
        keep_geom_type=True,
    )
    laid["share"] = laid.area / laid["parcel"].map(size)
    return ranked(laid).reindex(size.index)


def ranked(laid: pd.DataFrame) -> pd.DataFrame:
    """Add up shares by parcel and new code, and put the largest and the second side by side."""
    shares = laid.groupby(["parcel", "new_code"], as_index=False)["share"].sum()
    shares = shares[shares["share"] > NOISE].sort_values("share", ascending=False, kind="stable")
    first = shares.drop_duplicates("parcel").set_index("parcel")
    others = shares[shares.duplicated("parcel")].drop_duplicates("parcel").set_index("parcel")
    runner_up = others.rename(columns={"new_code": "runner_up", "share": "runner_up_share"})
    return pd.DataFrame(first.join(runner_up))


def with_code_and_overlay(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Take the code where it decides, and intersect only the parcels of units that are cut."""
    divided = pieces["old_code"].duplicated(keep=False)
    whole = pieces[~divided].set_index("old_code")["new_code"]
    undecided = ~parcels["code"].isin(whole.index)
    decided = pd.DataFrame({"new_code": parcels["code"].map(whole).to_numpy()}, index=parcels["parcel"])
    if not undecided.any():
        return decided
    located = with_overlay(parcels[undecided], pieces[divided])
    return pd.DataFrame(pd.concat([decided[~undecided.to_numpy()], located]).sort_index())


def with_shapely(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Ask prepared pieces which parcels they contain, and intersect only the others: the fastest way by hand."""
    shapes, areas = parcels.geometry.to_numpy(), pieces.geometry.to_numpy()
    names, codes = parcels["parcel"].to_numpy(), pieces["new_code"].to_numpy(dtype=object)
    piece, row = shapely.STRtree(shapes).query(areas, predicate="contains_properly")
    inside = pd.DataFrame({"parcel": names[row], "new_code": codes[piece], "share": 1.0})
    rest = np.setdiff1d(np.arange(len(shapes)), row)
    piece, at = shapely.STRtree(shapes[rest]).query(areas, predicate="intersects")
    row = rest[at]
    share = shapely.area(shapely.intersection(shapes[row], areas[piece])) / shapely.area(shapes[row])
    straddling = pd.DataFrame({"parcel": names[row], "new_code": codes[piece], "share": share})
    return pd.DataFrame(pd.concat([inside.set_index("parcel"), ranked(straddling)]).sort_index())


def with_maup(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Let maup assign each parcel to the piece that covers it, or else to that of the largest area."""
    import maup

    found = maup.assign(parcels[["geometry"]], pieces[["geometry"]])
    codes = pieces["new_code"].reindex(found.to_numpy()).to_numpy(dtype=object)
    return pd.DataFrame({"new_code": codes}, index=parcels["parcel"])


def with_one_point(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Ask only where one point inside of each parcel lies, with nothing but shapely."""
    points = shapely.point_on_surface(parcels.geometry.to_numpy())
    piece, row = shapely.STRtree(points).query(pieces.geometry.to_numpy(), predicate="contains")
    found = np.full(len(parcels), None, dtype=object)
    found[row] = pieces["new_code"].to_numpy(dtype=object)[piece]
    return pd.DataFrame({"new_code": found}, index=parcels["parcel"])


def with_sjoin(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Ask only where one point inside of each parcel lies."""
    points = parcels.set_geometry(parcels.representative_point())
    joined = gpd.sjoin(points, pieces[["new_code", "geometry"]], how="left", predicate="within")
    return pd.DataFrame(joined.drop_duplicates("parcel").set_index("parcel").sort_index()[["new_code"]])


def describe(answer: pd.DataFrame, answers: Mapping[str, Any]) -> Row:
    """Count the parcels for which an answer is ours; shares only where both tell them."""
    ours = answers[OURS]
    theirs = answer.reindex(ours.index)
    row: Row = {"same unit": _of(_same(ours["new_code"], theirs["new_code"]))}
    if "share" not in theirs:
        return row | {"shares within 1e-6": "not told", "same runner-up": "not told"}
    both = (ours["share"].notna() & theirs["share"].notna()).to_numpy()
    near = (ours["share"] - theirs["share"]).abs().to_numpy()[both] <= NEAR
    second = _same(ours["runner_up"], theirs["runner_up"])[both]
    return row | {"shares within 1e-6": _of(near), "same runner-up": _of(second)}


def _same(ours: pd.Series, theirs: pd.Series) -> Any:
    return ours.fillna("").to_numpy(dtype=object) == theirs.fillna("").to_numpy(dtype=object)


def _of(agree: Any) -> str:
    """Return yes where all agree, else how many do."""
    count = int(np.sum(agree))
    return f"yes ({count:,})" if count == len(agree) else f"{count:,} of {len(agree):,}"


def cases(quick: bool) -> Iterator[Case]:
    size = QUICK if quick else FULL
    reforms = [(synthetic(size, cuts=True), size.parcels, True), (norway(), size.parcels, True)]
    if not quick:
        reforms.append((synthetic(NATION, cuts=True), NATION.parcels, False))
    for reform, count, patient in reforms:
        if reform is not None:
            yield case_of(reform, count, patient)


def case_of(reform: Reform, count: int, patient: bool) -> Case:
    """Return the ways to reassign parcels; who is not patient leaves the slow ones out."""
    pieces, parcels = parcels_of(reform, count)
    divided = pieces["old_code"].duplicated(keep=False)
    in_cut = int(parcels["code"].isin(pieces.loc[divided, "old_code"]).sum())
    ways: dict[str, Callable[..., pd.DataFrame]] = {
        OURS: with_geomerge,
        f"{OURS}, verify none": partial(with_geomerge, verify="none"),
        f"{OURS}, verify all": partial(with_geomerge, verify="all"),
        "shapely, contains first": with_shapely,
        "geopandas, code, then overlay": with_code_and_overlay,
    }
    if patient:
        ways["geopandas, overlay of all"] = with_overlay
    if find_spec("maup"):  # is no dependency: measured where it is installed
        ways["maup, assign"] = with_maup
    ways["geopandas, sjoin of points"] = with_sjoin
    ways["shapely, one point"] = with_one_point
    return Case(
        f"{reform.name}, {len(parcels):,} parcels, {in_cut:,} in units that are cut",
        {name: partial(way, parcels, pieces) for name, way in ways.items()},
        describe,
    )


if __name__ == "__main__":
    main(__file__, "New units of parcels", cases)
