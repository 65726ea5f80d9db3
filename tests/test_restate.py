"""Restate: old figures in new units; totals stay, estimates are marked, nothing is guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomerge.errors import Blocked
from geomerge.findings import Finding, GeomergeWarning
from geomerge.restate import Restated, check_totals, restate
from geomerge.restate.figures import Figure, Total
from geomerge.restate.flows import REASONS

# 1 and 2 merge into 9; 3 is split, three quarters go to 9 and a quarter to 8; 4 is renumbered; 5 ends, 6 stays.
WAY = pd.DataFrame(
    [
        ("1", "9", "whole", 1.0, "", False),
        ("2", "9", "whole", 1.0, "", False),
        ("3", "9", "part", 0.75, "area", False),
        ("3", "8", "part", 0.25, "area", False),
        ("4", "7", "whole", 1.0, "", False),
        ("5", None, "whole", 1.0, "", False),
        ("6", "6", "whole", 1.0, "", False),
    ],
    columns=["old_code", "new_code", "kind", "share", "by", "estimated"],
)
CODES = list("123456")


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"code": CODES, **columns})


def done(statistics: pd.DataFrame, columns: dict[str, Any], way: pd.DataFrame = WAY, **given: Any):
    """Restate; return the result and the checks that found something."""
    found: list[Finding] = []
    result = restate(statistics, way, columns=columns, findings=found, **given)
    return result, [finding.check for finding in found]


def by_code(result: Restated, column: str) -> dict[str, Any]:
    """Return a column of the result by code; None where it is missing."""
    values = result.statistics[column].astype(object)
    return dict(zip(result.statistics["code"], values.where(values.notna(), None), strict=True))


def total(result: Restated, column: str) -> list[float]:
    row = result.totals.set_index("column").loc[column]
    return row[["before", "after", "review", "difference"]].tolist()


# Counts


def test_counts_are_added_up_by_share():
    result, checks = done(table(people=[10, 20, 40, 7, 3, 5]), {"people": "count"})
    assert by_code(result, "people") == {"9": 60.0, "8": 10.0, "7": 7.0, "6": 5.0}
    assert by_code(result, "estimated") == {"9": True, "8": True, "7": False, "6": False}
    assert result.review[["code", "people", "share", "reason"]].values.tolist() == [["5", 3, 1.0, "nothing follows"]]
    assert total(result, "people") == [85, 82, 3, 0]
    assert checks == ["estimate", "review"]


def test_whole_numbers_stay_whole_where_no_share_divides_them():
    merged = table(people=[10, 20, 40, 7, 3, 5]).query("code != '3'")
    way = WAY.query("old_code != '3'")
    result, _ = done(merged, {"people": "count"}, way)
    assert result.statistics["people"].dtype == np.int64
    big = 2**60 + 1  # more than a float can hold
    result, _ = done(merged.assign(people=[big, 2, 0, 0, 0]), {"people": "count"}, way)
    assert by_code(result, "people")["9"] == big + 2


@pytest.mark.parametrize(
    ("given", "undivided", "divided", "gap"),
    [
        ("int64", "int64", "float64", "Int64"),
        ("int32", "int32", "float64", "Int64"),
        ("uint8", "uint8", "float64", "Int64"),
        ("Int16", "Int16", "Float64", "Int16"),
        ("float32", "float32", "float32", "float32"),
        ("float64", "float64", "float64", "float64"),
        ("Float64", "Float64", "Float64", "Float64"),
        ("int64[pyarrow]", "int64[pyarrow]", "double[pyarrow]", "int64[pyarrow]"),
    ],
)
def test_types_stay_where_they_can_hold_the_result(given: str, undivided: str, divided: str, gap: str):
    whole = pd.DataFrame({"code": ["1", "2", "4"], "n": pd.array([1, 2, 3], dtype=given)})
    way = WAY.query("old_code != '3'")
    assert str(done(whole, {"n": "count"}, way)[0].statistics["n"].dtype) == undivided
    parts = table(n=pd.array([1, 2, 3, 4, 5, 6], dtype=given))
    assert str(done(parts, {"n": "count"})[0].statistics["n"].dtype) == divided
    assert str(done(whole.head(1), {"n": "count"}, way)[0].statistics["n"].dtype) == gap


def test_a_sum_too_large_for_its_type_gets_a_wider_one():
    small = pd.DataFrame({"code": ["1", "2"], "n": np.array([200, 100], dtype=np.uint8)})
    result, _ = done(small, {"n": "count"}, WAY.query("old_code != '3'"))
    assert by_code(result, "n") == {"9": 300}


def test_untouched_units_keep_their_figures_to_the_last_bit():
    values = [0.1, 0.2, 0.3, 0.1 + 0.2, 1e300, -0.0]
    result, _ = done(table(n=values, r=[1.1, 2.2, 3.3, 1 / 3, 0.0, 0.1]), {"n": "count", "r": "rate:n"})
    found = result.statistics.set_index("code")
    assert found.loc["7", "n"].hex() == values[3].hex()
    assert found.loc["6", "n"].hex() == values[5].hex()
    assert found.loc["7", "r"] == 1 / 3


def test_divided_counts_can_be_rounded_and_the_total_stays():
    statistics = pd.DataFrame({"code": ["1", "2", "3"] * 2, "year": [1, 1, 1, 2, 2, 2], "n": [1, 2, 3, 4, 5, 7]})
    result, checks = done(statistics, {"n": "count:whole"}, by=["year"])
    assert result.statistics[["code", "year", "n"]].values.tolist() == [
        ["9", 1, 5],
        ["8", 1, 1],
        ["9", 2, 14],
        ["8", 2, 2],
    ]
    assert result.statistics["n"].dtype == np.int64
    assert total(result, "n") == [22, 22, 0, 0]
    assert checks == ["estimate"]


def test_rounding_that_moves_a_total_is_reported():
    way = pd.DataFrame({"old_code": ["1", "1"], "new_code": ["9", None], "share": [0.6, 0.4]})
    result, checks = done(pd.DataFrame({"code": ["1"], "n": [1]}), {"n": "count:whole"}, way)
    assert total(result, "n") == pytest.approx([1, 1, 0.4, -0.4])
    assert checks == ["estimate", "review", "rounded total"]


def test_negative_counts_are_added_and_reported():
    result, checks = done(table(moves=[-10, 20, 40, 7, 3, 5]), {"moves": "count"})
    assert by_code(result, "moves")["9"] == 40
    assert "negative count" in checks


# Rates


def test_rates_are_weighted_by_their_denominator():
    statistics = table(people=[10, 30, 40, 7, 3, 5], rate=[4.0, 8.0, 2.0, 1.5, 9.0, 0.0])
    result, _ = done(statistics, {"people": "count", "rate": "rate:people"})
    # (10*4 + 30*8 + 30*2) / 70
    assert by_code(result, "rate") == {"9": pytest.approx(340 / 70), "8": 2.0, "7": 1.5, "6": 0.0}
    assert result.totals.set_index("column").loc["rate", "measure"] == "mean"
    assert total(result, "rate") == pytest.approx([(40 + 240 + 80 + 10.5 + 27) / 95, (360 + 10.5) / 92, 9.0, 0])


def test_the_overall_mean_stays():
    statistics = table(people=[10, 30, 40, 7, 3, 5], rate=[4.0, 8.0, 2.0, 1.5, 9.0, 0.0]).query("code != '5'")
    result, _ = done(statistics, {"rate": "rate:people"})
    before, after, review, difference = total(result, "rate")
    assert before == pytest.approx(after, rel=1e-12)
    assert np.isnan(review)
    assert difference == pytest.approx(0, abs=1e-12)
    assert "people" in result.statistics  # restated as a count, without being asked for


def test_a_denominator_of_zero_leaves_no_rate_where_several_meet():
    statistics = table(people=[0, 0, 0, 0, 1, 1], rate=[4.0, 8.0, 2.0, 1.5, 9.0, 0.0])
    result, checks = done(statistics, {"rate": "rate:people"})
    assert by_code(result, "rate") == {"9": None, "8": 2.0, "7": 1.5, "6": 0.0}
    assert "zero denominator" in checks


def test_a_rate_of_nobody_is_not_missed():
    statistics = table(people=[10, 0, 0, 0, 1, 1], rate=[4.0, None, 2.0, None, 9.0, 0.0])
    result, _ = done(statistics, {"rate": "rate:people"})
    assert by_code(result, "rate") == {"9": 4.0, "8": 2.0, "7": None, "6": 0.0}
    assert result.review["code"].tolist() == ["5"]


def test_a_rate_without_a_weight_passes_only_where_it_is_alone():
    statistics = table(people=[10, None, 4, None, 1, 1], rate=[4.0, 5.0, 2.0, 3.0, 9.0, 0.0])
    result, _ = done(statistics, {"people": "count", "rate": "rate:people"})
    assert by_code(result, "rate") == {"9": None, "8": 2.0, "7": 3.0, "6": 0.0}
    assert total(result, "rate")[3] == pytest.approx(0, abs=1e-12)


# Classes


@pytest.mark.parametrize(
    ("measure", "nine"),
    [("largest:people", "b"), ({"largest": "people"}, "b"), ("largest", "a")],
)
def test_the_class_of_the_largest(measure: Any, nine: str):
    statistics = table(people=[10, 30, 39, 7, 3, 5], kind=["a", "b", "c", "d", "e", "f"])
    result, checks = done(statistics, {"people": "count", "kind": measure})
    assert by_code(result, "kind") == {"9": nine, "8": "c", "7": "d", "6": "f"}
    assert ("tie" in checks) == (measure == "largest")


def test_ties_are_settled_by_rule_and_reported():
    way = pd.DataFrame({"old_code": ["1", "2", "3", "4"], "new_code": ["2", "2", "5", "5"], "share": 1.0})
    statistics = pd.DataFrame({"code": ["4", "3", "2", "1"], "kind": list("dcba")})
    found: list[Finding] = []
    result = restate(statistics, way, columns={"kind": "largest"}, findings=found)
    assert by_code(result, "kind") == {"5": "c", "2": "b"}
    assert [str(finding) for finding in found] == [
        "Column kind of 5 is that of 3, as 3 and 4 contribute the same (2 rows). "
        "The unit that keeps its code goes first, then the lowest code. Name a column that tells them apart."
    ]


def test_equal_contributions_of_one_class_are_no_tie():
    way = pd.DataFrame({"old_code": ["1", "2"], "new_code": ["5", "5"], "share": 1.0})
    result, checks = done(pd.DataFrame({"code": ["1", "2"], "kind": ["a", "a"]}), {"kind": "largest"}, way)
    assert by_code(result, "kind") == {"5": "a"}
    assert checks == []


def test_a_missing_class_matters_only_where_it_wins():
    way = pd.DataFrame({"old_code": ["1", "2"], "new_code": ["5", "5"], "share": 1.0})
    statistics = pd.DataFrame({"code": ["1", "2"], "people": [1, 2], "kind": [None, "b"]})
    result, _ = done(statistics, {"people": "drop", "kind": "largest:people"}, way)
    assert by_code(result, "kind") == {"5": "b"}
    assert list(result.statistics) == ["code", "kind", "estimated"]
    result, _ = done(statistics.assign(kind=["a", None]), {"people": "drop", "kind": "largest:people"}, way)
    assert by_code(result, "kind") == {"5": None}
    assert result.review["reason"].tolist() == ["joins a missing figure", "figure is missing"]


def test_whole_numbers_can_be_classes():
    statistics = table(kind=[1, 2, 3, 4, 5, 6])
    result, _ = done(statistics, {"kind": "largest"})
    assert result.statistics["kind"].dtype == np.int64
    result, _ = done(statistics.tail(5), {"kind": "largest"})
    assert result.statistics["kind"].dtype == "Int64"


def test_one_column_for_each_class():
    statistics = table(people=[10, 30, 40, 7, 3, 5], kind=["b", "a", "b", "a", "a", "b"], last=0)
    result, _ = done(statistics, {"people": "count", "kind": "shares:people", "last": "count"})
    assert list(result.statistics) == ["code", "people", "kind_a", "kind_b", "last", "estimated"]
    assert by_code(result, "kind_a") == {"9": pytest.approx(30 / 70), "8": 0.0, "7": 1.0, "6": 0.0}
    assert (result.statistics[["kind_a", "kind_b"]].sum(axis=1) == 1).all()


# What is not known


def test_a_missing_figure_is_not_zero():
    result, _ = done(
        table(people=[10, None, 40, 7, 3, 5], rain=[1, 2, 3, 4, 5, 6]), {"people": "count", "rain": "count"}
    )
    assert by_code(result, "people") == {"9": None, "8": 10.0, "7": 7.0, "6": 5.0}
    assert by_code(result, "rain")["9"] == 5.25
    review = result.review[["code", "people", "rain", "new_code", "share", "reason"]].astype(object)
    assert review.where(review.notna(), None).values.tolist() == [
        ["1", 10.0, None, "9", 1.0, "people: joins a missing figure"],
        ["2", None, None, "9", 1.0, "people: figure is missing"],
        ["3", 30.0, None, "9", 0.75, "people: joins a missing figure"],
        ["5", 3.0, 5.0, None, 1.0, "nothing follows"],
    ]
    assert total(result, "people") == [65, 22, 43, 0]
    assert total(result, "rain") == [21, 16, 5, 0]


def test_an_unknown_share_leaves_what_it_may_flow_into_missing():
    way = WAY.assign(share=WAY["share"].where(WAY["old_code"] != "3"))
    statistics = table(people=[10, 20, 40, 7, 3, 5], kind=list("abcdef"))
    result, checks = done(statistics, {"people": "count", "kind": "largest:people"}, way)
    assert by_code(result, "people") == {"9": None, "8": None, "7": 7, "6": 5}
    assert by_code(result, "kind") == {"9": None, "8": None, "7": "d", "6": "f"}
    assert dict(zip(result.review["code"], result.review["reason"], strict=True)) == {
        "1": "joins a unit whose share is unknown",
        "2": "joins a unit whose share is unknown",
        "3": "share is unknown",
        "5": "nothing follows",
    }
    assert total(result, "people") == [85, 12, 73, 0]
    assert checks == ["review"]


def test_codes_the_crosswalk_does_not_name():
    statistics = pd.DataFrame({"code": ["4", "77", None], "people": [1, 2, 4]})
    result, checks = done(statistics, {"people": "count"})
    assert by_code(result, "people") == {"7": 1}
    assert result.review["reason"].tolist() == ["code is not in the crosswalk", "has no code"]
    assert total(result, "people") == [7, 1, 6, 0]
    assert checks == ["unknown code", "review"]
    result, checks = done(statistics, {"people": "count"}, unknown="keep")
    assert by_code(result, "people") == {"7": 1, "77": 2}
    assert checks == ["unknown code", "review"]
    with pytest.raises(Blocked, match="1 codes are not in the crosswalk, first 77"):
        done(statistics, {"people": "count"}, unknown="refuse")


def test_a_kept_code_joins_what_flows_into_it():
    way = pd.DataFrame({"old_code": ["3", "3"], "new_code": ["1", "8"], "share": [0.25, 0.75]})
    result, _ = done(pd.DataFrame({"code": ["1", "3"], "n": [1, 4]}), {"n": "count"}, way, unknown="keep")
    assert by_code(result, "n") == {"1": 2.0, "8": 3.0}


@pytest.mark.parametrize(
    ("code", "hint"),
    [("706", "lost leading zeros"), ("0710", "the table may be of the later edition"), ("x", "Correct them")],
)
def test_unknown_codes_get_a_hint(code: str, hint: str):
    way = pd.DataFrame({"old_code": ["0706"], "new_code": ["0710"], "share": [1.0]})
    with pytest.raises(Blocked, match=hint):
        done(pd.DataFrame({"code": [code], "n": [1]}), {"n": "count"}, way, unknown="refuse")


def test_a_unit_without_a_row_makes_its_new_unit_incomplete():
    statistics = pd.DataFrame({"code": ["1", "2", "3", "1", "3"], "year": [1, 1, 1, 2, 2], "n": [1, 2, 4, 1, 4]})
    result, _ = done(statistics, {"n": "count"}, by=["year"])
    assert result.statistics.set_index(["code", "year"])["n"].dropna().to_dict() == {
        ("9", 1): 6.0,
        ("8", 1): 1.0,
        ("8", 2): 1.0,
    }
    assert result.review["reason"].tolist() == ["joins a unit without a row"] * 2
    result, checks = done(statistics, {"n": "count"}, by=["year"], absent="zero")
    assert result.statistics["n"].tolist() == [6.0, 1.0, 4.0, 1.0]
    assert checks == ["estimate"]


def test_suppressed_figures():
    statistics = table(people=["10", ":", "40", "7", "3", "5"])
    result, _ = done(statistics, {"people": "count"}, suppressed=[":"])
    assert by_code(result, "people") == {"9": None, "8": 10.0, "7": 7.0, "6": 5.0}
    reasons = dict(zip(result.review["code"], result.review["reason"], strict=True))
    assert reasons["2"] == "figure is suppressed"
    assert reasons["1"] == "joins a missing figure"
    assert total(result, "people") == [65, 22, 43, 0]


def test_a_share_of_zero_carries_nothing_not_even_a_gap():
    way = pd.DataFrame({"old_code": ["1", "1", "2"], "new_code": ["8", "9", "9"], "share": [1.0, 0.0, 1.0]})
    statistics = pd.DataFrame({"code": ["1", "2"], "n": [None, 5], "r": [3.0, 4.0]})
    result, _ = done(statistics, {"n": "count", "r": "rate:n"}, way)
    assert by_code(result, "n") == {"8": None, "9": 5.0}
    assert by_code(result, "r") == {"8": 3.0, "9": 4.0}


# Marks


def test_counted_shares_of_the_very_column_are_no_estimate():
    way = WAY.assign(by=WAY["by"].replace("area", "people"))
    statistics = table(people=[10, 20, 40, 7, 3, 5], cows=[1, 1, 4, 1, 1, 1], goats=0)
    result, _ = done(statistics, {"people": "count", "cows": "count", "goats": "count"}, way)
    assert result.estimates.set_index(result.statistics["code"]).loc["8"].to_dict() == {
        "people": False,
        "cows": True,
        "goats": False,  # a share of nothing is nothing
    }
    assert by_code(result, "estimated") == {"9": True, "8": True, "7": False, "6": False}
    result, _ = done(statistics[["code", "people"]], {"people": "count"}, way.assign(estimated=way["by"] == "people"))
    assert by_code(result, "estimated") == {"9": True, "8": True, "7": False, "6": False}


def test_estimates_stay_estimates():
    statistics = table(people=[10, 20, 40, 7, 3, 5], estimated=[False, False, False, True, False, False])
    result, _ = done(statistics, {"people": "count"})
    assert by_code(result, "estimated")["7"]


def test_backwards_a_merged_unit_is_divided_and_marked():
    back = pd.DataFrame(
        {
            "old_code": ["9", "9", "7"],
            "new_code": ["1", "2", "4"],
            "share": [0.4, 0.6, 1.0],
            "by": ["people", "people", ""],
        }
    )
    statistics = pd.DataFrame({"code": ["9", "7"], "cows": [50, 3], "rate": [2.5, 1.0]})
    result, _ = done(statistics, {"cows": "count", "rate": "rate:cows"}, back)
    assert by_code(result, "cows") == {"1": 20.0, "2": 30.0, "4": 3.0}
    assert by_code(result, "rate") == {"1": 2.5, "2": 2.5, "4": 1.0}
    assert by_code(result, "estimated") == {"1": True, "2": True, "4": False}


def test_no_warning_where_nothing_is_to_be_said_and_one_where_something_is():
    restate(table(n=1).query("code in ['4', '6']"), WAY, columns={"n": "count"})
    with pytest.warns(GeomergeWarning, match="rest on an estimate"):
        restate(table(n=1).query("code != '5'"), WAY, columns={"n": "count"})


# Shape


def test_order_of_columns_and_rows():
    statistics = pd.DataFrame(
        {
            "year": [2020, 2020, 2019, 2019],
            "n": [1, 2, 3, 4],
            "code": pd.Categorical(["6", "4", "4", "6"]),
            "sex": pd.Categorical(["w", "m", "m", "w"]),
            "name": list("abcd"),
        },
        index=[7, 5, 3, 1],
    )
    result, _ = done(statistics, {"n": "count", "name": "drop"}, by=["sex", "year"])
    assert result.statistics.drop(columns="estimated").values.tolist() == [
        [2020, 1, "6", "w"],
        [2020, 2, "7", "m"],
        [2019, 3, "7", "m"],
        [2019, 4, "6", "w"],
    ]
    assert result.statistics["sex"].dtype == statistics["sex"].dtype
    assert result.statistics["code"].dtype == "category"
    assert result.statistics.index.equals(result.estimates.index)


def test_missing_values_of_by_are_a_group_of_their_own():
    statistics = pd.DataFrame({"code": ["1", "2", "1", "2"], "age": ["old", "old", None, None], "n": [1, 2, 4, 8]})
    result, _ = done(statistics, {"n": "count"}, WAY.query("old_code != '3'"), by=["age"])
    assert result.statistics["n"].tolist() == [3, 12]


def test_no_rows_and_no_columns():
    result, checks = done(table(n=1).head(0), {"n": "count"})
    assert list(result.statistics) == ["code", "n", "estimated"]
    assert (len(result.statistics), len(result.review), checks) == (0, 0, [])
    result, _ = done(table(n=1).head(0), {"n": "count"}, WAY.head(0), unknown="keep")
    assert len(result.statistics) == 0
    result, _ = done(table(n=1), {"n": "count"}, WAY.head(0))
    assert len(result.review) == 6
    result, _ = done(table(), {})
    assert sorted(result.statistics["code"]) == ["6", "7", "8", "9"]


def test_a_total_that_did_not_stay_blocks():
    def figure(difference: float, slack: float = 0.0) -> Figure:
        empty = np.zeros(0)
        balance = Total("sum", 100, 100 - difference, 0, difference, 100, slack)
        return Figure("n", "n", pd.Series(dtype=float), empty, empty, balance)

    assert list(check_totals([figure(1e-8)])) == []
    assert [finding.severity for finding in check_totals([figure(1e-6), figure(0.4, 0.5)])] == ["must", "should"]


def test_the_example_of_the_page_runs_and_shows_what_it_says():
    page = (Path(__file__).parents[1] / "docs/restate.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code, names)
    for shown in (names["new"].statistics, names["new"].totals):
        assert shown.round(2).to_string(index=False) in page


def test_every_reason_is_documented():
    page = (Path(__file__).parents[1] / "docs/restate.md").read_text(encoding="utf-8")
    assert [reason for reason in REASONS if f"| {reason} |" not in page] == [""]


# Properties

OLD, NEW = "abcd", "wxyz"
figures_of = st.lists(st.integers(0, 1000), min_size=len(OLD), max_size=len(OLD))


@st.composite
def ways(draw: st.DrawFn, olds: str = OLD, news: str = NEW) -> pd.DataFrame:
    """Draw a crosswalk; its shares are multiples of 1/8, so that sums are exact."""
    rows = []
    for old in olds:
        eighths = draw(st.lists(st.sampled_from(news), min_size=8, max_size=8))
        rows += [(old, new, eighths.count(new) / 8) for new in sorted(set(eighths))]
    return pd.DataFrame(rows, columns=["old_code", "new_code", "share"])


def composed(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    both = first.merge(second, left_on="new_code", right_on="old_code", suffixes=("", "_2"))
    both["share"] = both["share"] * both["share_2"]
    found = both.groupby(["old_code", "new_code_2"], as_index=False)["share"].sum()
    return found.rename(columns={"new_code_2": "new_code"})


def drawn(people: list[int], rate: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"code": list(OLD), "people": people, "rate": np.array(rate) / 7, "kind": list("ppqr")})


MEASURES = {"people": "count", "rate": "rate:people", "kind": "largest:people"}


@given(ways(), figures_of, figures_of)
def test_totals_stay_and_inputs_too(way: pd.DataFrame, people: list[int], rate: list[int]):
    statistics = drawn(people, rate)
    before, way_before = statistics.copy(deep=True), way.copy(deep=True)
    result, _ = done(statistics, MEASURES, way)
    assert result.statistics["people"].sum() == sum(people)
    means = result.statistics.fillna({"rate": 0})
    assert (means["rate"] * means["people"]).sum() == pytest.approx((statistics["rate"] * statistics["people"]).sum())
    assert len(result.review) == 0
    pd.testing.assert_frame_equal(statistics, before)
    pd.testing.assert_frame_equal(way, way_before)


@given(figures_of, figures_of)
def test_the_identity_changes_nothing(people: list[int], rate: list[int]):
    statistics = drawn(people, rate)
    way = pd.DataFrame({"old_code": list(OLD), "new_code": list(OLD), "share": 1.0})
    found: list[Finding] = []
    result = restate(statistics, way, columns=MEASURES, findings=found)
    pd.testing.assert_frame_equal(result.statistics.drop(columns="estimated"), statistics, check_exact=True)
    assert not result.estimates.any(axis=None)
    assert found == []


@given(ways(), ways(NEW, "klm"), figures_of)
def test_one_long_way_is_two_short_ones(first: pd.DataFrame, second: pd.DataFrame, people: list[int]):
    statistics = pd.DataFrame({"code": list(OLD), "people": people})
    reached = second[second["old_code"].isin(first["new_code"])]
    halfway = done(statistics, {"people": "count"}, first)[0].statistics
    twice = done(halfway, {"people": "count"}, reached)[0]
    once = done(statistics, {"people": "count"}, composed(first, reached))[0]
    assert by_code(once, "people") == by_code(twice, "people")


@given(ways(), figures_of, figures_of, st.permutations(range(len(OLD))), st.randoms())
def test_the_order_of_rows_is_irrelevant(way, people, rate, order, random):
    statistics = drawn(people, rate)
    columns = {**MEASURES, "people": "count:whole"}
    lines = list(range(len(way)))
    random.shuffle(lines)
    one = done(statistics, columns, way)[0]
    other = done(statistics.iloc[order], columns, way.iloc[lines])[0]
    tables = [result.statistics.sort_values("code", ignore_index=True) for result in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
