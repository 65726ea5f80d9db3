"""The crosswalk: old code to new code, whole or in part, with shares that add up."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, box

from geomerge.crosswalk import COLUMNS, compose, crosswalk, invert
from geomerge.errors import CRSError, InputError
from geomerge.findings import Finding
from geomerge.history import History
from geomerge.plan import Plan

Row = tuple[str | None, str | None, str, str, float]


def pieces(*rows: Row) -> gpd.GeoDataFrame:
    """Make pieces of a given width, one metre high, side by side."""
    table = pd.DataFrame(rows, columns=["old_code", "new_code", "kind", "event", "width"])
    right = table["width"].cumsum()
    shapes = [box(x - width, 0, x, 1) for x, width in zip(right, table["width"], strict=True)]
    return gpd.GeoDataFrame(table.drop(columns="width"), geometry=shapes, crs=25832)


def rows(table: pd.DataFrame) -> list[list[Any]]:
    return table[["old_code", "new_code", "kind", "share", "amount"]].astype(object).values.tolist()


def test_whole_units_and_parts() -> None:
    found = crosswalk(
        pieces(
            ("2", "9", "part", "merge", 3),
            ("1", "9", "whole", "merge", 5),
            ("2", "8", "part", "transfer", 1),
        )
    )
    assert tuple(found.columns) == COLUMNS
    assert rows(found) == [
        ["1", "9", "whole", 1, 5],
        ["2", "8", "part", 0.25, 1],
        ["2", "9", "part", 0.75, 3],
    ]
    assert found["event"].tolist() == ["merge", "transfer", "merge"]
    assert set(found["by"]) == {"area"}


def test_parts_that_meet_again_are_whole() -> None:
    found = crosswalk(pieces(("1", "9", "part", "a; b", 1), ("1", "9", "whole", "b; c", 2)))
    assert rows(found) == [["1", "9", "whole", 1, 3]]
    assert found["event"].tolist() == ["a; b; c"]


def test_a_correction_is_no_change_of_codes() -> None:
    found = crosswalk(pieces(("1", "1", "whole", "", 3), ("1", "2", "correction", "correct", 1)))
    assert rows(found) == [["1", "1", "whole", 1, 3]]


def test_created_land_has_no_row_and_abolished_land_no_successor() -> None:
    found = crosswalk(
        pieces((None, "9", "created", "create", 1), ("1", None, "part", "abolish", 1), ("1", "2", "part", "", 3))
    )
    assert found["old_code"].tolist() == ["1", "1"]
    assert found["new_code"].isna().tolist() == [False, True]
    assert found["share"].tolist() == [0.75, 0.25]


def test_a_unit_without_area_is_still_whole() -> None:
    table = pieces(("1", "9", "whole", "renumber", 1))
    table.geometry = gpd.GeoSeries([None], crs=25832)
    assert crosswalk(table)["share"].tolist() == [1]


def test_no_pieces_give_no_rows() -> None:
    found = crosswalk(pieces())
    assert tuple(found.columns) == COLUMNS
    assert len(found) == 0


@given(st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("789"), st.integers(1, 9)), min_size=1, max_size=12))
def test_shares_add_up_and_the_order_of_pieces_never_matters(drawn: list[tuple[str, str, int]]) -> None:
    given_rows: list[Row] = [(old, new, "part", "", width) for old, new, width in drawn]
    found = crosswalk(pieces(*given_rows))
    assert found.groupby("old_code")["share"].sum().tolist() == pytest.approx([1] * found["old_code"].nunique())
    pd.testing.assert_frame_equal(found, crosswalk(pieces(*given_rows[::-1])))


def test_points_weigh_instead_of_the_area() -> None:
    cut = pieces(("1", "8", "part", "split", 1), ("1", "9", "part", "split", 3), ("2", "9", "whole", "", 1))
    at = [Point(0.5, 0.5), Point(0.6, 0.5), Point(2, 0.5), Point(2.5, 0.2), Point(9, 9)]
    points = gpd.GeoDataFrame({"people": [5, 1, 2, 2, 7]}, geometry=at, crs=25832)
    counted = crosswalk(cut, points=points)
    assert counted[["old_code", "new_code", "share", "by", "amount"]].values.tolist() == [
        ["1", "8", 0.5, "points", 2],
        ["1", "9", 0.5, "points", 2],
        ["2", "9", 1.0, "points", 0],
    ]
    weighed = crosswalk(cut, points=points, weight="people")
    assert weighed["share"].tolist() == [0.6, 0.4, 1.0]
    assert set(weighed["by"]) == {"people"}
    assert not weighed["estimated"].any()


def test_districts_that_are_divided_give_estimates() -> None:
    cut = pieces(("1", "8", "part", "split", 1), ("1", "9", "part", "split", 3), ("2", "9", "whole", "", 1))
    district = gpd.GeoDataFrame({"people": [10]}, geometry=[box(0, 0, 2, 1)], crs=25832)
    found = crosswalk(cut, points=district, weight="people")
    assert found["share"].tolist() == [0.5, 0.5, 1.0]
    assert found["estimated"].tolist() == [True, True, False]


def test_what_nothing_weighs_has_no_share() -> None:
    cut = pieces(("1", "8", "part", "split", 1), ("1", "9", "part", "split", 3))
    nowhere = gpd.GeoDataFrame(geometry=[Point(99, 99)], crs=25832)
    assert crosswalk(cut, points=nowhere)["share"].isna().all()


@pytest.mark.parametrize(
    ("points", "options", "fault"),
    [
        ({"n": [1]}, {"weight": "people"}, "The points have no column people. They have n, geometry"),
        ({"people": ["many"]}, {"weight": "people"}, "holds 'many' in row 0, which is no weight"),
        ({"people": [-1]}, {"weight": "people"}, "holds -1 in row 0, which is no weight"),
    ],
)
def test_weights_that_weigh_nothing_are_told(points: dict[str, Any], options: dict[str, str], fault: str) -> None:
    table = gpd.GeoDataFrame(points, geometry=[Point(0, 0)], crs=25832)
    with pytest.raises(InputError, match=fault):
        crosswalk(pieces(("1", "2", "whole", "", 1)), points=table, **options)


def test_options_that_do_not_fit_the_source_are_refused() -> None:
    with pytest.raises(InputError, match="Pieces lead from the first to the last date"):
        crosswalk(pieces(("1", "2", "whole", "", 1)), since="2020-01-01")
    with pytest.raises(InputError, match="Points can only weigh pieces"):
        crosswalk(REFORMS, points=gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=25832))
    with pytest.raises(CRSError):
        crosswalk(pieces(("1", "2", "whole", "", 1)), points=gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326))


# A and B become M in 2020, a tenth of M goes to C in 2022, and in 2024 M is divided again: B comes back as X.
REFORMS = Plan.model_validate(
    {
        "events": [
            {"date": "2020-01-01", "merge": ["A", "B"], "into": "M", "name": "Both"},
            {"date": "2022-01-01", "transfer": "M", "to": "C", "share": 0.1, "by": "area", "evidence": "derived"},
            {
                "date": "2024-01-01",
                "split": "M",
                "into": [
                    {"code": "X", "name": "Again", "former": "B", "share": 0.5, "by": "area"},
                    {"code": "Y", "remainder": True},
                ],
            },
        ]
    }
)


def pairs(table: pd.DataFrame) -> dict[str, Any]:
    shares = table["share"].round(6).astype(object).where(table["share"].notna(), "?")
    marked = [f"~{share}" if about else share for share, about in zip(shares, table["estimated"], strict=True)]
    return dict(zip(table["old_code"] + table["new_code"].fillna("-"), marked, strict=True))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, "2020-01-01", {"AM": 1, "BM": 1, "CC": 1}),
        ("2019-06-01", "2022-01-01", {"AC": "~0.1", "AM": "~0.9", "BC": "~0.1", "BM": "~0.9", "CC": 1}),
        ("2020-01-01", "2022-01-01", {"CC": 1, "MC": 0.1, "MM": 0.9}),
        (None, None, {"AC": "~0.1", "AY": "~0.9", "BC": "~0.1", "BX": "~0.9", "CC": 1}),
        ("2022-01-01", None, {"CC": 1, "MX": 0.5, "MY": 0.5}),
        ("2024-01-01", "2019-12-31", {"CA": "?", "CB": "?", "CC": "?", "XB": 1, "YA": 1}),
    ],
)
def test_between_any_two_days(since: str | None, until: str | None, expected: dict[str, Any]) -> None:
    assert pairs(crosswalk(REFORMS, since, until)) == expected


def test_a_history_tells_names_events_and_evidence() -> None:
    found = crosswalk(REFORMS).set_index(["old_code", "new_code"]).loc[("B", "C")]
    assert found["event"] == "2020-01-01 merge A B > M; 2022-01-01 transfer M > C"
    assert (found["evidence"], found["by"], found["kind"]) == ("derived", "area", "part")
    assert crosswalk(REFORMS)["new_name"].dropna().tolist() == ["Both", "Again"]


def test_sizes_weigh_the_way_back() -> None:
    sizes = {"A": 30, "B": 10, "C": 20}
    back = crosswalk(REFORMS, "2024-01-01", "2019-12-31", sizes=sizes, by="people")
    assert pairs(back) == {"CA": "~0.125", "CB": "~0.041667", "CC": "~0.833333", "XB": 1, "YA": 1}
    assert back["amount"].tolist() == pytest.approx([3, 1, 20, 9, 27])
    there = crosswalk(REFORMS, sizes=pd.Series(sizes), by="people")
    pd.testing.assert_frame_equal(invert(there)[list(COLUMNS[:6])], back[list(COLUMNS[:6])])


def test_parents_are_led_by_their_units() -> None:
    units = pd.DataFrame({"code": ["A", "B", "C"], "parent": ["p", "p", "q"]})
    moved = {"date": "2021-01-01", "reparent": "B", "parent": "r"}
    history = History(Plan.model_validate({"events": [moved], "parents": [{"code": "r", "name": "Rest"}]}), units)
    assert pairs(crosswalk(history, parents=True)) == {"pp": "?", "pr": "?", "qq": 1}
    weighed = crosswalk(history, parents=True, sizes={"A": 3, "B": 1, "C": 9}, by="people")
    assert pairs(weighed) == {"pp": 0.75, "pr": 0.25, "qq": 1}
    assert weighed["new_name"].dropna().tolist() == ["Rest"]


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"A": -3}, "The size of A is -3, which is no number from 0"),
        ({"A": float("inf")}, "The size of A is inf"),
        ({"A": "5 000"}, "The size of A is '5 000'"),
        (pd.Series([1, 2], index=["A", "A"]), "The size of A is given 2 times"),
    ],
)
def test_sizes_must_be_numbers_one_a_unit(sizes: Any, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        crosswalk(REFORMS, sizes=sizes, by="people", findings=[])


def test_parents_that_nobody_tells_are_no_end_of_a_county() -> None:
    merge = {"date": "2020-01-01", "merge": ["A", "B"], "into": "M"}
    units = pd.DataFrame({"code": ["A", "B", "C"], "parent": ["p", "q", "q"]})
    with pytest.raises(InputError, match="The parent of M is not known from 2020-01-01 on"):
        crosswalk(History(Plan.model_validate({"events": [merge]}), units), parents=True)
    same = units.assign(parent=["p", "p", "q"])  # what both came from
    assert pairs(crosswalk(History(Plan.model_validate({"events": [merge]}), same), parents=True)) == {"pp": 1, "qq": 1}


def test_a_share_is_an_estimate_also_beside_one_that_nobody_knows() -> None:
    parts = [{"code": "a", "share": 0.5, "by": "area"}, {"code": "b"}, {"code": "c", "remainder": True}]
    events = [
        {"date": "2010-01-01", "merge": ["1", "2"], "into": "9"},
        {"date": "2020-01-01", "split": "9", "into": parts},
    ]
    table = crosswalk(Plan.model_validate({"events": events}))
    assert pairs(table) == {"1a": "~0.5", "1b": "?", "1c": "?", "2a": "~0.5", "2b": "?", "2c": "?"}


def test_abolished_land_may_come_back() -> None:
    abolish = {"date": "2020-01-01", "abolish": "1"}
    by_trail = {"date": "2021-01-01", "create": "5", "former": "1"}
    by_area = {"date": "2021-01-01", "create": "5", "area": "n"}
    assert pairs(crosswalk(Plan.model_validate({"events": [abolish, by_trail]}))) == {"15": 1}
    assert pairs(crosswalk(Plan.model_validate({"events": [abolish, by_area]}))) == {"15": "?", "1-": "?"}


def test_a_crosswalk_from_a_file_can_be_turned_and_joined(tmp_path: Any) -> None:
    table = crosswalk(REFORMS, sizes={"A": 30, "B": 10, "C": 20}, by="people")
    table.to_csv(tmp_path / "crosswalk.csv", index=False)
    again = pd.read_csv(tmp_path / "crosswalk.csv", dtype={"old_code": str, "new_code": str})
    assert pairs(invert(again)) == pairs(invert(table))
    assert pairs(compose(again, crosswalk(REFORMS, "2024-01-01", "2024-01-01"))) == pairs(table)


def test_what_stays_within_a_parent_needs_no_share() -> None:
    units = pd.DataFrame({"code": ["A", "B", "C"], "parent": ["p", "p", "q"]})
    events = [
        {"date": "2021-01-01", "transfer": "A", "to": "B"},  # nobody says how much, but both are in p
        {"date": "2022-01-01", "reparent": "C", "parent": "p"},
    ]
    table = crosswalk(History(Plan.model_validate({"events": events}), units), parents=True)
    assert pairs(table) == {"pp": 1, "qp": 1}


def test_days_beyond_what_is_known_and_units_without_a_size_are_told() -> None:
    history = History(REFORMS, pd.DataFrame({"code": ["A", "B", "C"]}), known_until=dt.date(2025, 1, 1))
    found: list[Finding] = []
    crosswalk(history, "2019-01-01", "2026-01-01", sizes={"A": 1}, by="people", findings=found)
    assert [finding.what for finding in found] == [
        "Changes are known up to 2025-01-01, and not up to 2026-01-01",
        "No size is given for B, C, so shares that need it are missing",
    ]


def test_new_land_leads_back_to_nothing() -> None:
    plan = Plan(date="2020-01-01", events=[{"create": "N", "area": "n"}, {"abolish": "A"}])
    assert pairs(crosswalk(plan)) == {"A-": 1}
    assert pairs(crosswalk(plan, "2020-01-01", "2019-01-01")) == {"N-": 1}


def test_compose_wants_two_that_meet() -> None:
    first, other = crosswalk(REFORMS, None, "2020-01-01"), crosswalk(REFORMS, "2024-01-01", None)
    with pytest.raises(InputError, match="does not say what becomes of M"):
        compose(first, other)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return reforms of four dates; parts are of any size, known or not, and no former unit is named."""
    alive, events = list("ABCD"), []
    for year in range(2020, 2024):
        old, new = draw(st.permutations(alive))[:2]
        date, fresh = f"{year}-01-01", f"{old}{year}"
        size = draw(st.sampled_from([{}, {"share": 0.25, "by": "area"}, {"share": 0.6, "by": "area"}]))
        kind = draw(st.sampled_from(["transfer", "merge", "split", "renumber"]))
        if kind == "transfer":
            events.append({"date": date, "transfer": old, "to": new, **size})
        elif kind == "merge" and len(alive) > 2:
            events.append({"date": date, "merge": [old, new], "into": fresh})
            alive = [code for code in alive if code not in (old, new)] + [fresh]
        elif kind == "split":
            parts = [{"code": fresh, **size}, {"code": f"{fresh}r", "remainder": True}]
            events.append({"date": date, "split": old, "into": parts})
            alive = [code for code in alive if code != old] + [fresh, f"{fresh}r"]
        else:
            events.append({"date": date, "renumber": old, "to": fresh})
            alive = [code for code in alive if code != old] + [fresh]
    return Plan.model_validate({"events": events})


@given(plans(), st.integers(2019, 2023), st.integers(2019, 2023), st.integers(2019, 2023))
def test_composition_equals_the_direct_table(plan: Plan, one: int, two: int, three: int) -> None:
    first, middle, last = (f"{year}-06-01" for year in sorted((one, two, three)))
    direct = crosswalk(plan, first, last)
    joined = compose(crosswalk(plan, first, middle), crosswalk(plan, middle, last))
    assert (
        direct[["old_code", "new_code", "kind"]].values.tolist()
        == joined[["old_code", "new_code", "kind"]].values.tolist()
    )
    assert direct["share"].tolist() == pytest.approx(joined["share"].tolist(), nan_ok=True)
    assert direct["estimated"].tolist() == joined["estimated"].tolist()


@given(plans(), st.integers(2019, 2023))
def test_from_a_day_to_itself_is_the_identity(plan: Plan, year: int) -> None:
    table = crosswalk(plan, f"{year}-06-01", f"{year}-06-01")
    assert table["old_code"].tolist() == table["new_code"].tolist()
    assert set(table["kind"]) == {"whole"}
    assert set(table["share"]) == {1.0}


@given(plans(), st.randoms(use_true_random=False))
def test_known_shares_sum_to_one_and_the_order_of_events_never_matters(plan: Plan, random: Any) -> None:
    table = crosswalk(plan)
    sums = table.groupby("old_code")["share"].agg(lambda shares: shares.sum(skipna=False))
    assert sums.dropna().tolist() == pytest.approx([1] * sums.notna().sum())
    events = list(plan.events)
    random.shuffle(events)
    pd.testing.assert_frame_equal(table, crosswalk(Plan(events=events)))


@given(plans())
def test_the_way_back_leads_to_the_same_pairs(plan: Plan) -> None:
    there, back = crosswalk(plan), crosswalk(plan, "2023-06-01", "2019-06-01")
    assert sorted(zip(there["old_code"], there["new_code"], strict=True)) == sorted(
        zip(back["new_code"], back["old_code"], strict=True)
    )
