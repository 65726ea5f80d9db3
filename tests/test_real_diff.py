"""Diff on real editions, against the official lists and the transfers that documents confirm."""

from __future__ import annotations

import json
import time
from functools import cache

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.diff import diff
from geomerge.dissolve import dissolve
from geomerge.histories.reading import read_changes
from geomerge.pieces import pieces
from geomerge.planfile import read_plan, write_plan

# Transfers of 2020 that are in no list of codes, but in documents or in an independent generalisation.
CONFIRMED = (
    *("0214>3020", "0226>3034", "0716>3801", "0716>3802", "0822>3808", "1129>1130", "1133>1103", "1231>4621"),
    *("1418>4638", "1439>4649", "1520>1525", "1520>1577", "1546>1547", "5039>5054", "5051>5007"),
)
# Pairs of more than 0.05 km² that no other generalisation shows.
UNCONFIRMED = ("0807>3817", "0926>4204", "1241>4622", "1445>4647", "2012>5432")

# Parts that move without being in the list of codes. 1102>1124 is documented; 1234>1233 and 3453>3452 are not, but
# each edition has corners there that the other lacks, which lines drawn anew do not show in these editions.
TRANSFERS = {
    (2016, 2017): {"1102>1124", "1234>1233"},
    (2019, 2020): set(CONFIRMED),
    (2023, 2024): {"3453>3452"},
}

# Units that come out equal to the published ones; the others have lines that were generalised anew.
EQUAL = {(2016, 2017): (299, 426), (2019, 2020): (329, 356), (2023, 2024): (319, 357)}


@cache
def municipalities(folder, year):
    table = gpd.read_file(folder / "norway" / f"kommune_{year}.geojson").to_crs(3035)
    return table.rename(columns={"kommune_no": "code", "kommune_name": "name"})[["code", "name", "geometry"]]


def official_changes(folder, year):
    rows = json.loads((folder / "norway/klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]
    names = {"oldCode": "old_code", "newCode": "new_code", "newName": "new_name", "changeOccurred": "date"}
    changes = pd.DataFrame(rows).rename(columns=names)
    return changes[changes.date == f"{year}-01-01"]


def pairs(rows):
    return set(rows.old_code + ">" + rows.new_code)


def equal_units(before, after, plan):
    """Return which of the units that the plan makes equal those of the second edition."""
    cut = pieces(before, plan, findings=[])
    made = dissolve(cut, units=before, plan=plan, findings=[]).set_index("code").geometry.make_valid()
    published = after.set_index("code").geometry.make_valid().loc[made.index]
    assert len(made) == len(after)
    moved = shapely.area(shapely.symmetric_difference(made.to_numpy(), published.to_numpy()))
    return pd.Series(moved / published.area.to_numpy(), index=made.index) < 1e-9


@pytest.fixture(scope="module", params=EQUAL, ids=lambda years: f"{years[0]}-{years[1]}")
def norway(request, shared):
    first, last = request.param
    editions = municipalities(shared, first), municipalities(shared, last)
    return request.param, *editions, diff(*editions, name="name", date=f"{last}-01-01")


def test_all_official_changes_are_found(norway, shared):
    years, _, _, found = norway
    changes = official_changes(shared, years[1])
    moved = found.evidence[found.evidence.moved > 0].dropna(subset=["old_code", "new_code"])
    assert pairs(changes) <= pairs(moved)
    same = moved[moved.old_code == moved.new_code]
    assert pairs(moved) - pairs(changes) - pairs(same) == TRANSFERS[years]


def test_merges_are_those_of_the_list(norway, shared):
    years, _, _, found = norway
    changes = official_changes(shared, years[1])
    merged = {event.into for event in found.plan.events if event.kind == "merge"}
    made = changes.drop_duplicates(["old_code", "new_code"]).groupby("new_code").old_code.nunique()
    assert merged <= set(made.index[made > 1])
    assert set(made.index[made > 1]) - merged <= {"0704", "5056"}  # units that gain a part, and go on


def test_confirmed_transfers_have_their_areas(norway, shared):
    years, _, _, found = norway
    overlay = shared / "norway" / f"expected_{years[0]}_{years[1]}_overlay.csv"
    expected = (
        pd.read_csv(overlay, dtype={"old_code": str, "new_code": str}).set_index(["old_code", "new_code"]).area_m2
    )
    shown = found.evidence.dropna(subset=["old_code", "new_code"]).set_index(["old_code", "new_code"])
    assert (shown.area.reindex(expected.index) - expected).abs().max() < 10
    assert set(shown.index[shown.area > 1e4]) == set(expected.index)
    for pair in TRANSFERS[years]:
        place = tuple(pair.split(">"))
        assert shown.loc[place, "verdict"] == "transfer"
        assert shown.loc[place, "moved"] == pytest.approx(expected[place], rel=0.01)


def test_what_one_generalisation_shows_is_no_transfer(norway):
    years, _, _, found = norway
    if years == (2019, 2020):
        shown = found.evidence[found.evidence.verdict == "transfer"]
        assert not pairs(shown) & set(UNCONFIRMED)
        left_open = found.evidence[found.evidence.verdict == "unclear"]
        assert pairs(left_open) == {"0701>3803", "0807>3817", "1519>1520"}  # the first is documented


def test_the_plan_gives_the_second_edition(norway):
    years, before, after, found = norway
    equal = equal_units(before, after, found.plan)
    assert (equal.sum(), len(equal)) == EQUAL[years]


def test_the_plan_draws_the_second_edition(norway, tmp_path):
    years, before, after, _ = norway
    found = diff(before, after, date=f"{years[1]}-01-01", redraw=True)
    written = write_plan(found.plan, tmp_path / "plan.yaml")
    equal = equal_units(before, after, read_plan(written))
    assert set(equal.index[~equal]) <= {"1422", "2030"}  # equal to 5e-9; 1422 is invalid in both editions


def test_the_list_of_codes_leaves_transfers_out(norway, shared):
    years, before, after, _ = norway
    official = read_changes(
        shared / "norway/klass_131_changes.json", since=f"{years[0]}-01-01", until=f"{years[1]}-01-01", findings=[]
    )
    found = diff(before, after, name="name", date=f"{years[1]}-01-01", official=official)
    told = {finding.where.replace(" ", "") for finding in found.findings if finding.check == "left out"}
    assert told == TRANSFERS[years]
    assert not [finding for finding in found.findings if finding.check in ("contradicted", "list", "name")]


def test_all_of_norway_takes_seconds(shared):
    editions = municipalities(shared, 2019), municipalities(shared, 2020)
    start = time.perf_counter()
    diff(*editions, date="2020-01-01")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(("first", "last", "merged"), [(2010, 2011, 13), (2011, 2012, 23), (2010, 2012, 36)], ids=str)
def test_switzerland_only_merges(shared, first, last, merged):
    before, after = (
        gpd.read_file(shared / "switzerland" / f"municipalities_{year}.shp").assign(
            code=lambda t: t.id.astype(int).astype(str)
        )
        for year in (first, last)
    )
    list_of_mutations = shared / "switzerland/bfs_mutations_1850_2021-04.xlsx"
    official = read_changes(
        list_of_mutations, since=f"{first}-01-01", until=f"{last}-01-01", units=before.code, findings=[]
    )
    found = diff(before, after, date=f"{last}-01-01", official=official)
    assert [event.kind for event in found.plan.events] == ["merge"] * merged
    assert set(found.evidence.verdict) == {"whole"}
    assert found.findings == ()
    expected = pd.read_csv(shared / "switzerland" / f"expected_{max(first, last - 1)}_{last}_overlay.csv", dtype=str)
    if last - first == 1:
        assert pairs(found.evidence) == pairs(expected)
    assert equal_units(before, after, found.plan).all()


def test_two_generalisations_of_one_year_hardly_differ(shared):
    """There are 18,500 patches of land between their lines."""
    other = gpd.read_file(shared / "norway/readymaps_kommuner_2019.geojson").to_crs(3035)
    other = other.assign(code=other.kommunenummer.astype(int).astype(str).str.zfill(4))
    found = diff(municipalities(shared, 2019), other, date="2019-06-01")
    assert (found.evidence.verdict == "transfer").sum() <= 10
    assert {event.kind for event in found.plan.events} <= {"transfer", "correct"}
