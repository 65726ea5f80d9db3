"""The history of Norway that ships, against the official lists and the published editions."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geomerge.crosswalk import compose, crosswalk
from geomerge.histories.shipped import read_history
from geomerge.history import History
from geomerge.lookup import lookup
from geomerge.restate import restate
from geomerge.vintage import vintage


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


@pytest.fixture(scope="module")
def klass(shared: Path) -> list[dict[str, str]]:
    """Return the official change table."""
    return json.loads((shared / "norway/klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]


@pytest.fixture(scope="module")
def classification(shared: Path) -> dict[str, list[dict[str, str]]]:
    """Return the smallest areas (grunnkretser) of each year, with the units they lie in."""
    years: dict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(shared / "norway/classifications.csv.gz", "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter=";"):
            if not row["kommune_no"].startswith("9") and row["kommune_no"].isdigit():
                years[row["version_date"]].append(row)
    return years


def test_every_code_that_vanished_or_came_is_explained(norway: History, klass: list[dict[str, str]]) -> None:
    """Between any two days of the list, what is gone has successors and what is new has predecessors."""
    table = crosswalk(norway)
    assert table["new_code"].notna().all()
    by_day: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in klass:
        by_day[row["changeOccurred"]].append(row)
    for day, rows in by_day.items():
        before = (pd.Timestamp(day) - pd.Timedelta(days=1)).date()
        old, new = set(norway.units_on(before)["code"]), set(norway.units_on(day)["code"])
        assert old - new == {row["oldCode"] for row in rows} - new, day
        assert new - old == {row["newCode"] for row in rows} - old, day
        found = crosswalk(norway, before, day)
        pairs = set(zip(found["old_code"], found["new_code"], strict=True))
        assert {(row["oldCode"], row["newCode"]) for row in rows} <= pairs, day


@pytest.mark.parametrize("year", range(2002, 2026))
def test_units_of_each_year_are_those_of_the_classification(norway, classification, year) -> None:
    listed = {row["kommune_no"] for row in classification[f"{year}-01-01"]}
    assert set(norway.units_on(f"{year}-01-01")["code"]) == listed


@pytest.mark.parametrize("year", [2002, 2010, 2016, 2018, 2020, 2024])
def test_counties_of_each_year_are_those_of_the_classification(norway, classification, year) -> None:
    listed = {(row["kommune_no"], row["fylke_no"].removeprefix("EKA")) for row in classification[f"{year}-01-01"]}
    valid = norway.units_on(f"{year}-01-01")
    assert set(zip(valid["code"], valid["parent"], strict=True)) == listed


def test_the_crosswalk_from_2016_to_2024_leads_to_the_units_of_2024(norway, classification) -> None:
    found = crosswalk(norway, "2016-01-01", "2024-01-01")
    assert set(found["old_code"]) == {row["kommune_no"] for row in classification["2016-01-01"]}
    assert set(found["new_code"]) == {row["kommune_no"] for row in classification["2024-01-01"]}
    joined = compose(crosswalk(norway, "2016-01-01", "2020-01-01"), crosswalk(norway, "2020-01-01", "2024-01-01"))
    direct = set(zip(found["old_code"], found["new_code"], strict=True))
    # the history knows that land of Haram came back; tables in between only know that Ålesund was divided
    assert direct <= set(zip(joined["old_code"], joined["new_code"], strict=True))


@pytest.mark.parametrize(("since", "until"), [(2016, 2017), (2017, 2018), (2019, 2020), (2023, 2024), (2016, 2024)])
def test_the_classification_of_the_smallest_areas_agrees(norway, classification, since, until) -> None:
    """An area with the same name and last digits in two years went where the crosswalk says."""
    named: list[dict[tuple[str, str], list[str]]] = []
    for year in (since, until):
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in classification[f"{year}-01-01"]:
            found[row["grunnkrets_name"], row["grunnkrets_no"][4:]].append(row["kommune_no"])
        named.append(found)
    seen = Counter(
        (named[0][key][0], named[1][key][0])
        for key in named[0].keys() & named[1].keys()
        if len(named[0][key]) == len(named[1][key]) == 1
    )
    table = crosswalk(norway, f"{since}-01-01", f"{until}-01-01")
    pairs = set(zip(table["old_code"], table["new_code"], strict=True))
    strange = {pair: count for pair, count in seen.items() if pair not in pairs}
    assert sum(strange.values()) <= 0.001 * sum(seen.values()), strange
    assert sum(seen.values()) > 9000


def test_the_reform_of_2020_has_the_counts_that_the_authority_published(norway) -> None:
    table = crosswalk(norway, "2019-12-31", "2020-01-01")
    official = table[table["evidence"] == "official"]
    makers = official.groupby("new_code")["old_code"].agg(set)
    several = makers[makers.map(len) > 1]
    assert len(several) == 43
    assert len(set().union(*several)) == 109
    renumbered = {new: olds for new, olds in makers.items() if olds != {new} and new not in several}
    assert len(renumbered) == 202


def test_the_reform_of_2024_changed_114_codes(norway) -> None:
    table = crosswalk(norway, "2023-12-31", "2024-01-01")
    official = table[table["evidence"].str.contains("official")]
    assert official.loc[official["old_code"] != official["new_code"], "old_code"].nunique() == 114
    gone = set(norway.units_on("2023-12-31")["code"]) - set(norway.units_on("2024-01-01")["code"])
    assert len(gone) == 114


def test_transfers_that_the_list_leaves_out_are_parts_with_their_evidence(norway, shared) -> None:
    known = pd.read_csv(shared.parent / "facts" / "norway_partial_transfers.csv", dtype=str)
    for row in known.itertuples():
        year = int(row.date[:4])
        day = row.date if "-" in row.date else f"{row.date}-01-01"
        before = (pd.Timestamp(day) - pd.Timedelta(days=1)).date()
        table = crosswalk(norway, before, day).set_index(["old_code", "new_code"])
        pair = (row.from_code, row.to_code)
        if pair == ("1124", "1102"):  # the text has no direction; the editions show it
            pair = pair[::-1]
        assert table.loc[pair, "kind"] == "part", (year, pair)
        assert table.loc[pair, "evidence"], pair


def test_counties_agree_with_the_facts(norway, shared) -> None:
    known = pd.read_csv(shared.parent / "facts" / "norway_fylke_changes.csv", dtype=str)
    for day, rows in known.groupby("date"):
        before = (pd.Timestamp(day) - pd.Timedelta(days=1)).date()
        table = crosswalk(norway, before, day, parents=True)
        pairs = set(zip(table["old_code"], table["new_code"], strict=True))
        assert set(zip(rows["old_code"], rows["new_code"], strict=True)) <= pairs


def test_a_merger_that_was_undone_is_followed_exactly(norway) -> None:
    table = crosswalk(norway, "2019-06-01", "2024-01-01").set_index("old_code")
    assert table.loc["1534", "new_code"] == "1580"
    assert table.loc["1504", "new_code"] == "1508"
    assert (table.loc["1534", "kind"], table.loc["1534", "share"]) == ("whole", 1.0)
    (answer,) = lookup(norway, "3907", "2015-06-01")
    assert answer.rows["old_code"].tolist() == ["0706", "0719", "0720"]


@pytest.mark.parametrize(
    ("year", "since", "until"),
    [
        (2016, "2013-01-01", "2017-01-01"),
        (2017, "2017-01-01", "2018-01-01"),
        (2019, "2019-01-01", "2020-01-01"),
        (2020, "2020-01-01", "2024-01-01"),
        (2024, "2024-01-01", None),
    ],
)
def test_the_vintage_of_each_edition_is_found(norway, shared, year, since, until) -> None:
    edition = pd.DataFrame(gpd.read_file(shared / "norway" / f"kommune_{year}.geojson", ignore_geometry=True))
    found = vintage(edition, norway)
    assert found.column == "kommune_no"
    assert found.is_certain
    assert found.ranges["codes"].item() == found.ranges["units"].item()
    assert found.ranges["valid_from"].item() == since
    assert found.ranges["valid_to"].astype(object).where(found.ranges["valid_to"].notna(), None).item() == until


def test_people_of_2016_in_the_units_of_2024(norway, shared) -> None:
    """The total stays; what is not known stands in the review."""
    edition = pd.DataFrame(gpd.read_file(shared / "norway/kommune_2016.geojson", ignore_geometry=True))
    people = edition[["kommune_no", "population"]]
    table = crosswalk(norway, "2016-01-01", "2024-01-01")
    found = restate(people, table, code="kommune_no", columns={"population": "count"}, findings=[])
    totals = found.totals.iloc[0]
    assert totals["before"] == people["population"].sum() == 5_198_473
    assert totals["after"] + totals["review"] == pytest.approx(totals["before"], rel=1e-12)
    sizes = people.set_index("kommune_no")["population"]
    back = crosswalk(norway, "2024-01-01", "2016-01-01", sizes=sizes, by="population")
    assert back.groupby("old_code")["share"].sum(min_count=1).dropna().between(1 - 1e-9, 1 + 1e-9).mean() > 0.9
