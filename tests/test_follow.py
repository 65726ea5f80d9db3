"""Rows that follow features go where all their features went, or to review, and never get torn apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from geomerge.assignment import COLUMNS, Assignment, empty_result
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.follow import follow


def leaders(*rows: tuple[Any, Any, str], **more: Any) -> Assignment:
    """Make an assignment of features: key, new code, reason."""
    table = pd.DataFrame({"id": pd.Series([key for key, _, _ in rows]), **more})
    result = empty_result(len(rows))
    result["new_code"] = pd.Series([code for _, code, _ in rows], dtype=object)
    result["event"] = "split"
    result["reason"] = pd.Series([reason for _, _, reason in rows], dtype=object)
    return Assignment.of(table, result)


PARCELS = leaders((7, "8", ""), (8, "9", ""), (9, "9", "straddles the new border"), (10, None, "no code"))


def rows(*keys: Any, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"parcel": keys, "code": "1"} | more)


def told(table: pd.DataFrame, lead: Assignment = PARCELS, **options: Any) -> list[tuple[Any, str, str]]:
    found = follow(table, lead, foreign_key="parcel", key="id", **({"findings": []} | options))
    assert len(found.updated) + len(found.review) == len(table)
    whole = pd.concat([found.updated, found.review]).astype({"new_code": object})
    whole = whole.loc[table.index] if table.index.is_unique else whole
    return [(None if pd.isna(row.new_code) else row.new_code, row.method, row.reason) for row in whole.itertuples()]


def test_rows_follow_their_features() -> None:
    assert told(rows(8, 7, 8)) == [("9", "follows", ""), ("8", "follows", ""), ("9", "follows", "")]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (9, ("9", "follows", "follows a feature in review")),
        (10, (None, "follows", "follows a feature in review")),
        (11, (None, "", "follows no known feature")),
        (None, (None, "", "follows no known feature")),
    ],
)
def test_what_cannot_follow_goes_to_review(key: Any, expected: tuple[Any, str, str]) -> None:
    assert told(rows(7, key)) == [("8", "follows", ""), expected]


def test_no_key_follows_no_key() -> None:
    lead = leaders((None, "8", ""), ("a", "9", ""))
    assert told(rows(None, "a"), lead) == [(None, "", "follows no known feature"), ("9", "follows", "")]


def test_features_that_share_a_key_must_agree() -> None:
    lead = leaders(
        ("a", "8", ""), ("a", "8", ""), ("b", "8", ""), ("b", "9", ""), ("c", "8", ""), ("c", "8", "no code")
    )
    assert told(rows("a", "b", "c"), lead) == [
        ("8", "follows", ""),
        ("8", "follows", "follows features in several units"),
        ("8", "follows", "follows a feature in review"),
    ]


def test_what_would_be_torn_apart_goes_to_review_as_a_whole() -> None:
    findings: list[Finding] = []
    table = rows(7, 8, 7, 7, 9, owner=["a", "a", "b", "b", "b"])
    assert told(table, by="owner", findings=findings) == [
        ("8", "follows", "follows features in several units"),
        ("9", "follows", "follows features in several units"),
        ("8", "follows", ""),
        ("8", "follows", ""),
        ("9", "follows", "follows a feature in review"),
    ]
    assert [(finding.severity, str(finding)) for finding in findings] == [
        (
            "must",
            "owner a would lie in several units (8, 9) (owner). "
            "Divide it before the reform, or decide where its features go.",
        ),
        ("should", "1 row to decide: follows a feature in review (review). Decide in the review layer."),
        (
            "should",
            "2 rows to decide: follows features in several units (review). Decide in the review layer.",
        ),
    ]


def test_rows_that_belong_to_nothing_stand_alone() -> None:
    assert told(rows(7, 8, 8, owner=[None, None, np.nan]), by="owner") == [
        ("8", "follows", ""),
        ("9", "follows", ""),
        ("9", "follows", ""),
    ]


def test_index_columns_and_input_are_kept() -> None:
    table = rows(7, 9, 8, share=[1, 2, 3]).set_index(pd.Index([5, 5, 4], name="fid"))
    before = table.copy()
    found = follow(table, PARCELS, foreign_key="parcel", key="id", findings=[])
    pd.testing.assert_frame_equal(table, before)
    assert found.updated.index.tolist() == [5, 4]
    assert found.review.index.tolist() == [5]
    aside = [f"{name}_assigned" if name == "share" else name for name in COLUMNS]
    assert list(found.updated.columns) == ["parcel", "code", "share", *aside]
    assert found.updated["share"].tolist() == [1, 3]
    assert found.updated["event"].tolist() == ["split", "split"]


def test_the_event_is_found_where_it_stepped_aside() -> None:
    lead = leaders(("a", "8", ""), event=["fire"])
    found = follow(rows("a"), lead, foreign_key="parcel", key="id", findings=[])
    assert found.updated["event"].tolist() == ["split"]


def test_numbers_with_gaps_still_refer_to_numbers() -> None:
    assert told(pd.DataFrame({"parcel": [7.0, np.nan], "code": "1"})) == [
        ("8", "follows", ""),
        (None, "", "follows no known feature"),
    ]


def test_no_rows_and_no_features() -> None:
    assert told(rows()) == []
    assert told(rows(7), leaders()) == [(None, "", "follows no known feature")]


@pytest.mark.parametrize(
    ("lead", "keys"),
    [
        (PARCELS, ["7", "8", None, "12"]),
        (leaders(("7", "8", ""), ("8", "9", "")), [7, 8, None, 12]),
        (leaders((7.0, "8", ""), (8.0, "9", ""), (None, "9", "")), ["7", "8", None, "12"]),
    ],
)
def test_text_of_plain_digits_refers_to_whole_numbers(lead: Assignment, keys: list[Any]) -> None:
    assert told(rows(*keys), lead) == [
        ("8", "follows", ""),
        ("9", "follows", ""),
        (None, "", "follows no known feature"),
        (None, "", "follows no known feature"),
    ]


def test_long_keys_refer_to_the_last_digit() -> None:
    lead = leaders((9007199254740992, "8", ""), (9007199254740993, "9", ""), (5300001149, "8", ""))
    assert [new for new, _, _ in told(rows("9007199254740993", "5300001149"), lead)] == ["9", "8"]


@pytest.mark.parametrize("text", ["07", "7.0", " 7", "7/1", "-7", "", "\u0667"])
def test_other_text_does_not_refer_to_numbers(text: str) -> None:
    with pytest.raises(InputError, match="Column parcel of the rows holds text, but the key it refers to holds num"):
        told(rows("7", text))
    with pytest.raises(InputError, match="Column parcel of the rows holds numbers, but the key it refers to holds te"):
        told(rows(7), leaders(("7", "8", ""), (text, "9", "")))


@pytest.mark.parametrize("number", [7.5, 2.0**53, float("inf"), True])
def test_text_refers_to_no_numbers_but_whole_ones_told_exactly(number: Any) -> None:
    with pytest.raises(InputError, match="Convert one of them"):
        told(rows("7"), leaders((number, "8", "")))


MERGED = leaders(
    (1, "0110", ""),
    (2, "0103", ""),
    (3, "0110", "straddles the new border"),
    (4, "0110", ""),
    (4, "0110", ""),
    (5, "0110", ""),
    (5, "0104", ""),
    code=["0101", "0103", "0101", "0101", "0102", "0101", "0104"],
)


@pytest.mark.parametrize(
    ("key", "code", "expected"),
    [
        (1, "0101", ("0110", "follows", "")),
        (2, "0103", ("0103", "follows", "")),
        (2, "0101", ("0103", "follows", "code disagrees with the place")),  # would keep a code that has ended
        (1, "0103", ("0110", "follows", "code disagrees with the place")),  # would leave a unit that lives on
        (1, "9999", ("0110", "follows", "code disagrees with the place")),
        (1, None, ("0110", "follows", "no code")),
        (3, "0103", ("0110", "follows", "follows a feature in review")),
        (3, None, ("0110", "follows", "follows a feature in review")),
        (4, "0101", ("0110", "follows", "")),
        (4, "0102", ("0110", "follows", "")),
        (4, "0103", ("0110", "follows", "code disagrees with the place")),
        (5, "0103", ("0110", "follows", "follows features in several units")),
        (6, "0103", (None, "", "follows no known feature")),
        (None, "0101", (None, "", "follows no known feature")),
    ],
)
@pytest.mark.parametrize("text", [False, True])
def test_a_row_has_the_code_of_the_feature_it_follows(
    key: int | None, code: str | None, expected: tuple[Any, str, str], text: bool
) -> None:
    table = pd.DataFrame({"parcel": [1, key], "code": ["0101", code]}).astype({"parcel": "Int64"})
    if text:
        table["parcel"] = ["1", None if key is None else str(key)]
    assert told(table, MERGED) == [("0110", "follows", ""), expected]


def test_the_code_of_the_features_has_a_name_of_its_own() -> None:
    lead = leaders((1, "0110", ""), (2, "0103", ""), kommune=["0101", "0103"])
    table = pd.DataFrame({"parcel": [1, 2], "code": ["0101", "0101"]})
    assert told(table, lead, leader_code="kommune") == [
        ("0110", "follows", ""),
        ("0103", "follows", "code disagrees with the place"),
    ]
    # where the features have no code, there is nothing to compare
    assert told(table, lead) == [("0110", "follows", ""), ("0103", "follows", "")]


def test_a_row_without_a_code_goes_to_review_whatever_the_features_have() -> None:
    assert told(rows(7, 8, code=["1", None])) == [("8", "follows", ""), ("9", "follows", "no code")]


def test_rows_whose_code_disagrees_tear_nothing_apart() -> None:
    table = pd.DataFrame({"parcel": [1, 2], "code": ["0101", "0101"], "owner": "a"})
    findings: list[Finding] = []
    assert told(table, MERGED, by="owner", findings=findings)[0] == ("0110", "follows", "")
    assert [finding.severity for finding in findings] == ["should"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"foreign_key": "teig"}, "The rows have no column teig"),
        ({"key": "teig"}, "The features have no column teig"),
        ({"by": "owner"}, "The rows have no column owner"),
        ({"code": "kommune"}, "The features have no column kommune"),
        ({"leader_code": "kommune"}, "The features have no column kommune"),
    ],
)
def test_missing_columns_are_named(options: dict[str, str], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        follow(rows(7), PARCELS, **({"foreign_key": "parcel", "key": "id"} | options))
