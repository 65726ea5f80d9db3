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


def test_text_does_not_refer_to_numbers() -> None:
    with pytest.raises(InputError, match="Column parcel of the rows holds text, but the key it refers to holds num"):
        told(rows("7"))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"foreign_key": "teig"}, "The rows have no column teig"),
        ({"key": "teig"}, "The features have no column teig"),
        ({"by": "owner"}, "The rows have no column owner"),
        ({"code": "kommune"}, "The features have no column kommune"),
    ],
)
def test_missing_columns_are_named(options: dict[str, str], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        follow(rows(7), PARCELS, **({"foreign_key": "parcel", "key": "id"} | options))
