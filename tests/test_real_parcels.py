"""Real parcels of France and Denmark: located as computed one by one, reassigned without losing any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geomerge import layers
from geomerge.assignment import Assignment
from geomerge.crosswalk import crosswalk
from geomerge.locate import locate
from geomerge.parts import Subunits
from geomerge.pieces import pieces
from geomerge.plan import Plan
from geomerge.reassign import reassign

HERE, NEIGHBOUR = "91216", "91667"


@pytest.fixture(scope="module")
def communes(shared: Path) -> gpd.GeoDataFrame:
    return layers.read(shared / "france" / "communes_91.geojson").to_crs(2154)


@pytest.fixture(scope="module")
def parcels(shared: Path) -> gpd.GeoDataFrame:
    table = layers.read(shared / "france" / "parcels_91216.geojson").to_crs(2154)
    return table.assign(code=table["commune"])


@pytest.fixture(scope="module")
def unchanged(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    columns = {"old_code": communes["code"], "new_code": communes["code"], "event": "", "kind": "whole"}
    return gpd.GeoDataFrame(columns, geometry=communes.geometry)


def require_complete(found: Assignment, table: pd.DataFrame) -> pd.DataFrame:
    whole = pd.concat([found.updated, found.review])
    assert sorted(whole.index) == sorted(table.index)
    assert found.updated["new_code"].notna().all()
    assert (found.review["reason"] != "").all()
    return whole


def test_shares_are_those_computed_one_by_one(
    shared: Path, parcels: gpd.GeoDataFrame, communes: gpd.GeoDataFrame
) -> None:
    found = locate(parcels.geometry.to_numpy(), communes.geometry.to_numpy())
    pairs = {
        "parcel_id": parcels["id"].to_numpy()[found.feature],
        "commune_code": communes["code"].to_numpy()[found.polygon],
    }
    got = pd.Series(found.share, index=pd.MultiIndex.from_frame(pd.DataFrame(pairs)))
    table = pd.read_csv(shared / "france" / "expected_parcels_91216_overlay.csv", dtype={"commune_code": str})
    expected = table.set_index(["parcel_id", "commune_code"])["share"]
    assert len(got) == len(expected) == 4277
    assert set(got.index) == set(expected.index)
    assert (got - expected).abs().max() < 1e-6
    winners = got.groupby(level="parcel_id").idxmax().str[1]
    assert winners.value_counts().to_dict() == {HERE: 4235, "91345": 2, "91589": 2, NEIGHBOUR: 2}


def test_only_parcels_drawn_in_another_commune_disagree(parcels: gpd.GeoDataFrame, unchanged: gpd.GeoDataFrame) -> None:
    found = reassign(parcels, unchanged, verify="all", findings=[])
    assert len(found.updated) == 4235
    assert set(found.updated["new_code"]) == {HERE}
    assert found.review["reason"].tolist() == ["code disagrees with the place"] * 6
    assert sorted(found.review["new_code"]) == ["91345", "91345", "91589", "91589", NEIGHBOUR, NEIGHBOUR]
    assert len(reassign(parcels, unchanged, findings=[]).review) == 0


def test_a_commune_cut_in_two(parcels: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> None:
    x0, y0, x1, y1 = communes.loc[communes["code"] == HERE].total_bounds
    middle = (x0 + x1) / 2
    line = gpd.GeoDataFrame(geometry=[shapely.LineString([(middle, y0 - 1), (middle, y1 + 1)])], crs=2154)
    event = {"transfer": HERE, "to": NEIGHBOUR, "line": "middle.gpkg", "side": "left"}
    plan = Plan.model_validate({"date": "2030-01-01", "events": [event], "sources": {"middle.gpkg": line}})
    cut = pieces(communes, plan, findings=[])
    table = crosswalk(cut)
    assert table.loc[table["old_code"] == HERE, "kind"].tolist() == ["part", "part"]

    found = reassign(parcels, cut, findings=[])
    whole = require_complete(found, parcels)
    assert len(whole) == 4241
    bounds = found.updated.geometry.bounds
    west = found.updated["new_code"] == NEIGHBOUR
    assert west.sum() > 1000
    assert (~west).sum() > 1000
    # what is decided lies on its side of the line, but for less than a tenth
    assert (bounds.loc[west, "minx"] < middle).all()
    assert (bounds.loc[~west, "maxx"] > middle).all()
    touched = (bounds["minx"] < middle) & (bounds["maxx"] > middle)
    assert set(found.updated.loc[~touched, "method"]) == {"contains"}
    straddling = found.review[found.review["reason"] == "straddles the new border"]
    assert straddling["share"].max() < 0.9
    assert straddling["border_distance"].max() < 1e-6
    assert set(found.review["reason"]) == {"straddles the new border", "code disagrees with the place"}
    assert (found.review["reason"] == "code disagrees with the place").sum() == 6


# new code, method, runner-up, reason: rows, and the sums of their shares, second shares and distances to the border,
# as they came out when every parcel at a border was intersected with all of each commune
ASSIGNED = [
    ("91216", "contains", "", "", 2524, 2524.0, 0.0, 1351556.228544),
    ("91216", "share", "91667", "", 17, 16.485848, 0.514152, 0.0),
    ("91216", "share", "91667", "straddles the new border", 31, 21.449876, 9.550124, 0.0),
    ("91345", "contains", "", "code disagrees with the place", 1, 1.0, 0.0, 1028.789157),
    ("91345", "share", "91667", "code disagrees with the place", 1, 0.560493, 0.439507, 61.704019),
    ("91589", "contains", "", "code disagrees with the place", 2, 2.0, 0.0, 2818.441942),
    ("91667", "contains", "", "", 1617, 1617.0, 0.0, 550001.403828),
    ("91667", "share", "91216", "", 15, 14.529522, 0.470478, 0.0),
    ("91667", "share", "91216", "code disagrees with the place", 2, 1.843854, 0.156146, 1414.353472),
    ("91667", "share", "91216", "straddles the new border", 31, 22.335342, 8.664658, 0.0),
]


@pytest.mark.parametrize("verify", ["affected", "all"])
def test_a_commune_cut_in_two_parcel_by_parcel(
    parcels: gpd.GeoDataFrame, communes: gpd.GeoDataFrame, verify: Any
) -> None:
    x0, y0, x1, y1 = communes.loc[communes["code"] == HERE].total_bounds
    middle = (x0 + x1) / 2
    line = gpd.GeoDataFrame(geometry=[shapely.LineString([(middle, y0 - 1), (middle, y1 + 1)])], crs=2154)
    event = {"transfer": HERE, "to": NEIGHBOUR, "line": "middle.gpkg", "side": "left"}
    plan = Plan.model_validate({"date": "2030-01-01", "events": [event], "sources": {"middle.gpkg": line}})
    found = require_complete(
        reassign(parcels, pieces(communes, plan, findings=[]), verify=verify, findings=[]), parcels
    )
    keys = ["new_code", "method", "runner_up", "reason"]
    grouped = pd.DataFrame(found).fillna({"runner_up": "", "runner_up_share": 0.0}).groupby(keys)
    told = grouped[["share", "runner_up_share", "border_distance"]].sum()
    told.insert(0, "rows", grouped.size())
    expected = pd.DataFrame(ASSIGNED, columns=[*keys, *told.columns]).set_index(keys)
    pd.testing.assert_frame_equal(told, expected, rtol=0, atol=2e-6)


def test_the_order_of_parcels_and_pieces_never_matters(parcels: gpd.GeoDataFrame, unchanged: gpd.GeoDataFrame) -> None:
    rng = np.random.default_rng(1)
    one = reassign(parcels, unchanged, verify="all", findings=[])
    order = rng.permutation(len(parcels))
    other = reassign(parcels.iloc[order], unchanged.iloc[rng.permutation(len(unchanged))], verify="all", findings=[])
    pd.testing.assert_frame_equal(other.review.sort_index(), one.review.sort_index())
    pd.testing.assert_frame_equal(other.updated.sort_index(), one.updated.sort_index())


@pytest.fixture(scope="module")
def borup(shared: Path) -> gpd.GeoDataFrame:
    """Read the parcels of Borup, which make up all of what is a unit here."""
    path = f"zip://{shared}/denmark/cadastre_60851_gml.zip!60851_GML_UTM32-EUREF89/MINIMAKS/60851.gml"
    table = layers.read(path, "Jordstykke")
    return table[["matrikelnummer", "kommunekode", table.geometry.name]]


@pytest.fixture(scope="module")
def municipalities(borup: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    lejre = shapely.coverage_union_all(borup.geometry.to_numpy())
    x0, y0, x1, y1 = lejre.bounds
    neighbour = shapely.box(x0 - 100, y0 - 100, x1 + 100, y1 + 100).difference(lejre)
    return gpd.GeoDataFrame({"code": ["0350", "0259"]}, geometry=[lejre, neighbour], crs=borup.crs)


def test_parcels_that_move_by_their_keys(borup: gpd.GeoDataFrame, municipalities: gpd.GeoDataFrame) -> None:
    moving = sorted(borup["matrikelnummer"])[:9]
    event: dict[str, Any] = {"transfer": "0350", "to": "0259", "keys": moving}
    plan = Plan.model_validate({"date": "2030-01-01", "events": [event]})
    cut = pieces(municipalities, plan, parcels=Subunits(borup, "matrikelnummer", "kommunekode"), findings=[])
    found = reassign(borup, cut, code="kommunekode", findings=[])
    require_complete(found, borup)
    assert len(found.review) == 0
    went = found.updated.loc[found.updated["new_code"] == "0259", "matrikelnummer"]
    assert set(moving) <= set(went)
    assert set(found.updated["method"]) == {"contains"}


def test_parcels_cut_by_a_line(borup: gpd.GeoDataFrame, municipalities: gpd.GeoDataFrame) -> None:
    x0, y0, x1, y1 = municipalities.geometry.iloc[0].bounds
    line = gpd.GeoDataFrame(geometry=[shapely.LineString([(x0 - 9, y0 - 9), (x1 + 9, y1 + 9)])], crs=borup.crs)
    event = {"transfer": "0350", "to": "0259", "line": "line.gpkg", "side": "right"}
    plan = Plan.model_validate({"date": "2030-01-01", "events": [event], "sources": {"line.gpkg": line}})
    found = reassign(borup, pieces(municipalities, plan, findings=[]), code="kommunekode", findings=[])
    assert len(require_complete(found, borup)) == 47
    crossed = borup.geometry.intersects(line.geometry.iloc[0])
    for part in (found.updated, found.review):
        assert (crossed.loc[part.index] == ((part["share"] < 1) & (part["runner_up"].notna()))).all()
    assert set(found.review["reason"]) == {"straddles the new border"}
