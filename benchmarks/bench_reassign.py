"""The new unit of each parcel: geomerge's reassign against GeoPandas's overlay and sjoin.

python benchmarks/bench_reassign.py [--quick] [--json] [--memory] [--turns N]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from country import FULL, QUICK, norway, parcels_of, synthetic
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
    shares = laid.groupby(["parcel", "new_code"], as_index=False)["share"].sum()
    shares = shares[shares["share"] > NOISE].sort_values("share", ascending=False, kind="stable")
    first = shares.drop_duplicates("parcel").set_index("parcel")
    others = shares[shares.duplicated("parcel")].drop_duplicates("parcel").set_index("parcel")
    runner_up = others.rename(columns={"new_code": "runner_up", "share": "runner_up_share"})
    return pd.DataFrame(first.join(runner_up).reindex(size.index))


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
    for reform in (synthetic(size, cuts=True), norway()):
        if reform is None:
            continue
        pieces, parcels = parcels_of(reform, size.parcels)
        divided = pieces["old_code"].duplicated(keep=False)
        in_cut = int(parcels["code"].isin(pieces.loc[divided, "old_code"]).sum())
        ways: dict[str, Callable[..., pd.DataFrame]] = {
            OURS: with_geomerge,
            f"{OURS}, verify none": partial(with_geomerge, verify="none"),
            f"{OURS}, verify all": partial(with_geomerge, verify="all"),
            "geopandas, overlay of all": with_overlay,
            "geopandas, code, then overlay": with_code_and_overlay,
            "geopandas, sjoin of points": with_sjoin,
        }
        yield Case(
            f"{reform.name}, {len(parcels):,} parcels, {in_cut:,} in units that are cut",
            {name: partial(way, parcels, pieces) for name, way in ways.items()},
            describe,
        )


if __name__ == "__main__":
    main(__file__, "New units of parcels", cases)
