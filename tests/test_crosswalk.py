"""The crosswalk: old code to new code, whole or in part, with shares that add up."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from geomerge.crosswalk import COLUMNS, crosswalk

Row = tuple[str | None, str | None, str, str, float]


def pieces(*rows: Row) -> gpd.GeoDataFrame:
    """Make pieces of a given width, one metre high, side by side."""
    table = pd.DataFrame(rows, columns=["old_code", "new_code", "kind", "event", "width"])
    right = table["width"].cumsum()
    shapes = [box(x - width, 0, x, 1) for x, width in zip(right, table["width"], strict=True)]
    return gpd.GeoDataFrame(table.drop(columns="width"), geometry=shapes, crs=25832)


def rows(table: pd.DataFrame) -> list[list[Any]]:
    return table[["old_code", "new_code", "kind", "share", "area"]].astype(object).values.tolist()


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
