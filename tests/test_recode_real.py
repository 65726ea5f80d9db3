"""Registers drawn from real units are recoded by the official lists of Norway, Switzerland and France."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geomerge import Translation, read_changes, read_history, recode
from geomerge.recode.csvrows import recode_csv
from geomerge.registers import register_of

FACTS = Path(__file__).parents[2] / "shared" / "facts" / "norway_kommune_changes.csv"


def test_norway_by_the_list_of_changes() -> None:
    if not FACTS.is_file():
        pytest.skip("../shared/facts is missing")
    changes = pd.read_csv(FACTS, dtype=str)
    changes = changes[changes["date"] == "2020-01-01"]
    history = read_history("NO")
    translation = Translation.of(history, "2019-12-31", "2020-01-01")
    heirs = changes.groupby("old_code")["new_code"].agg(lambda codes: sorted(set(codes)))
    register = pd.DataFrame({"k": history.units_on("2019-12-31")["code"].repeat(3).to_list()})
    done = recode(register, translation, columns={"k": "unit"}, findings=[])
    assert done.counts["recoded"] > 600
    review = set(done.review["row"])
    for row, (old, new) in enumerate(zip(register["k"], done.table["k"], strict=True)):
        told = heirs.get(old, [old])
        if row in review:
            assert new == old
        else:
            assert told == [new], old
    again = recode(done.table, translation, columns={"k": "unit"}, findings=[])
    assert again.counts["recoded"] == 0


def test_switzerland_by_the_list_of_the_statistical_office(shared: Path, tmp_path: Path) -> None:
    before = gpd.read_file(shared / "switzerland" / "municipalities_2010.shp", ignore_geometry=True)
    after = gpd.read_file(shared / "switzerland" / "municipalities_2012.shp", ignore_geometry=True)
    codes = before["id"].astype(int).astype(str)
    plan = read_changes(
        shared / "switzerland" / "bfs_mutations_1850_2021-04.xlsx", since="2010-01-01", until="2012-01-01", findings=[]
    )
    translation = Translation.of(plan, units=codes)
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    pd.DataFrame({"n": range(len(codes)), "gemeinde": codes}).to_csv(source, index=False)
    tally = recode_csv(source, target, register_of({"gemeinde": "unit"}), translation)
    assert tally.counts["review"] == 0
    found = pd.read_csv(target, dtype=str)["gemeinde"]
    assert set(found) == set(after["id"].astype(int).astype(str))
    assert tally.counts["recoded"] == int((found != codes).sum()) > 100


def test_french_keys_follow_their_commune(shared: Path) -> None:
    from geomerge import Plan

    parcels = gpd.read_file(shared / "france" / "parcels_91216.geojson", ignore_geometry=True)
    plan = Plan(
        date="2024-01-01",
        events=[{"merge": ["91216", "91345"], "into": "91345"}],
        keys=[{"from": "91216", "prefix": "code"}],
    )
    register = pd.DataFrame({"id": parcels["id"], "commune": parcels["commune"]})
    columns = {"id": {"holds": "key", "layout": "cadastre_fr"}, "commune": "unit"}
    done = recode(register, plan, columns=columns, units=["91216", "91345"], findings=[])
    assert done.counts == {"rows": 4241, "recoded": 4241, "kept": 0, "review": 0}
    assert set(done.table["commune"]) == {"91345"}
    assert done.table["id"].tolist() == [f"91345216{key[8:]}" for key in register["id"]]
    again = recode(done.table, plan, columns=columns, units=["91216", "91345"], findings=[])
    assert again.counts["recoded"] == 0
