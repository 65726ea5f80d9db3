"""What a project shows, in words for people."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.projecting import boundary_style, readable, review_style


@pytest.mark.parametrize(("name", "words"), [("cadastral_units", "Cadastral units"), ("ÅS", "ÅS"), ("_", "")])
def test_names_are_readable(name: str, words: str) -> None:
    assert readable(name) == words


def test_units_say_where_their_codes_come_from() -> None:
    table = gpd.GeoDataFrame({"change": ["merged"]}, geometry=[shapely.box(0, 0, 1, 1)])
    after, before = boundary_style("units", table), boundary_style("units_before", table)
    assert '"predecessors"' in after.label
    assert '"successors"' in before.label
    assert [one.value for one in after.categories] == ["merged"]


def test_levels_and_lines_have_no_arrows() -> None:
    table = gpd.GeoDataFrame({"status": ["new"]}, geometry=[shapely.LineString([(0, 0), (1, 1)])])
    assert boundary_style("boundary_lines", table).label == ""
    assert boundary_style("county", table).field is None


def test_a_table_in_review_has_no_symbols() -> None:
    assert review_style(pd.DataFrame({"reason": ["tie"]}), "table").geometry == "table"
