"""Population of Norway in the units of the following year, against what was counted there."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.findings import Finding
from geomerge.restate import Restated, restate


def crosswalk(shared: Path, first: int, last: int) -> pd.DataFrame:
    """Return what the code table says, with shares of area where a unit was split."""
    text = {"new_code": str, "old_code": str, "whole_old_codes": str, "split_old_codes": str}
    units = pd.read_csv(shared / f"norway/expected_{first}_{last}_units.csv", dtype=text)
    areas = pd.read_csv(shared / f"norway/expected_{first}_{last}_overlay.csv", dtype=text)
    found = []
    for kind in ("whole", "split"):
        pairs = units[["new_code"]].assign(old_code=units[f"{kind}_old_codes"].str.split()).explode("old_code")
        found.append(pairs.dropna().assign(kind="part" if kind == "split" else kind))
    way = pd.concat(found).merge(areas, on=["old_code", "new_code"], how="left", validate="1:1")
    way["share"] = way["area_m2"] / way.groupby("old_code")["area_m2"].transform("sum")
    way.loc[way["kind"] == "whole", "share"] = 1.0
    return way.assign(by=way["kind"].map({"whole": "", "part": "area"}), estimated=False)


def people(shared: Path, year: int, level: str = "kommune") -> pd.DataFrame:
    table = gpd.read_file(shared / f"norway/{level}_{year}.geojson").rename(columns={"kommune_no": "code"})
    return pd.DataFrame(table[["code", "population"]])


def restated(statistics: pd.DataFrame, way: pd.DataFrame) -> tuple[Restated, pd.Series]:
    found: list[Finding] = []
    result = restate(statistics, way, columns={"population": "count"}, findings=found)
    assert {finding.check for finding in found} <= {"estimate"}
    assert len(result.review) == 0
    return result, result.statistics.set_index("code")["population"]


@pytest.mark.parametrize(("first", "last"), [(2016, 2017), (2019, 2020), (2023, 2024)])
def test_the_population_of_norway_stays(shared, first, last):
    old, way = people(shared, first), crosswalk(shared, first, last)
    result, new = restated(old, way)
    assert set(new.index) == set(people(shared, last)["code"])
    totals = result.totals.iloc[0]
    assert totals["before"] == old["population"].sum()
    assert totals["after"] == pytest.approx(totals["before"], rel=1e-12)
    split = set(way.loc[way["kind"] == "part", "new_code"])
    marked = set(result.statistics.loc[result.statistics["estimated"], "code"])
    assert marked == split
    wholes = way[~way["new_code"].isin(split)].merge(old, left_on="old_code", right_on="code")
    by_hand = wholes.groupby("new_code")["population"].sum()
    assert (new.loc[by_hand.index] == by_hand).all()
    assert len(by_hand) == {2017: 424, 2020: 351, 2024: 355}[last]


def test_area_gives_haram_almost_three_times_its_people(shared):
    """Ålesund was split in 2024: what its parts were counted to have shows what a weight is worth."""
    old, way = people(shared, 2023), crosswalk(shared, 2023, 2024)
    counted = people(shared, 2024).set_index("code")["population"]
    _, by_area = restated(old, way)
    assert by_area["1580"] == pytest.approx(26_408, abs=1)
    assert counted["1580"] == 9_357

    # The same by the people who lived in 2019 in the former Haram (1534), and in what else became Ålesund.
    parts = people(shared, 2019, "delomraade").groupby("code")["population"].sum()
    haram = parts["1534"] / parts[["1504", "1523", "1529", "1534", "1546"]].sum()
    way.loc[way["new_code"] == "1580", "share"] = haram
    way.loc[way["new_code"] == "1508", "share"] = 1 - haram
    result, by_people = restated(old, way.assign(by=way["by"].replace("area", "people")))
    assert by_people["1580"] == pytest.approx(9_646, abs=1)
    assert result.totals.iloc[0]["difference"] == pytest.approx(0, abs=1e-6)


def test_a_transfer_by_area_and_by_districts(shared):
    """Vear (a fortieth of Stokke) went to Tønsberg in 2017: the people of its districts weigh it differently."""
    old, way = people(shared, 2016), crosswalk(shared, 2016, 2017)
    before = old.set_index("code")["population"]
    districts = gpd.read_file(shared / "norway/delomraade_2016.geojson").to_crs(3035)
    assert districts.groupby("kommune_no")["population"].sum().to_dict() == before.to_dict()
    _, by_area = restated(old, way)
    assert by_area["0704"] - before["0704"] == pytest.approx(292.6, abs=0.1)

    tonsberg = gpd.read_file(shared / "norway/kommune_2017.geojson").to_crs(3035).set_index("kommune_no")
    stokke = districts[districts["kommune_no"] == "0720"]
    inside = shapely.area(shapely.intersection(stokke.geometry, tonsberg.geometry["0704"])) / stokke.area
    way.loc[(way["old_code"] == "0720") & (way["new_code"] == "0704"), "share"] = moved = (
        inside * stokke["population"]
    ).sum() / before["0720"]
    way.loc[(way["old_code"] == "0720") & (way["new_code"] == "0710"), "share"] = 1 - moved
    result, by_districts = restated(old, way)
    assert by_districts["0704"] - before["0704"] == pytest.approx(997.5, abs=0.1)
    assert result.totals.iloc[0]["difference"] == pytest.approx(0, abs=1e-6)


def test_backwards_by_area_and_by_people(shared):
    """What merged is divided again: by area Sandefjord (0706) loses 28 650 of its 45 737 people, by people none."""
    old, way = people(shared, 2016), crosswalk(shared, 2016, 2017)
    before = old.set_index("code")["population"]
    _, forth = restated(old, way)
    back = way.rename(columns={"old_code": "new_code", "new_code": "old_code"}).drop(columns="kind")
    moved = way["old_code"].map(before) * way["share"]
    off = {}
    for by, amount in (("area", back["area_m2"].fillna(1)), ("population", moved)):
        share = amount / amount.groupby(back["old_code"]).transform("sum")
        estimated = back.duplicated("old_code", keep=False)
        result, again = restated(forth.reset_index(), back.assign(share=share, by=by, estimated=estimated))
        assert result.totals.iloc[0]["after"] == pytest.approx(5_198_473, rel=1e-12)
        assert set(result.statistics.loc[result.statistics["estimated"], "code"]) == {"0704", "0706", "0719", "0720"}
        off[by] = (again - before).round().loc[lambda errors: errors != 0].to_dict()
    assert off == {"area": {"0704": -910, "0706": -28650, "0719": 22250, "0720": 7311}, "population": {}}
