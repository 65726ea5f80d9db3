"""Weighing: shares by area, and by features that lie in the pieces."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from geomerge.weighing import shares_of

PIECES = gpd.GeoDataFrame(
    {
        "old_code": ["1", "1", "2", "1"],
        "new_code": ["8", "9", "9", "9"],
        "event": ["split", "split", "merge", "drawn anew"],
        "kind": ["part", "part", "whole", "correction"],
    },
    geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 4, 1), shapely.box(4, 0, 5, 1), shapely.box(5, 0, 9, 9)],
    crs="EPSG:25833",
)


def test_area_weighs_and_a_correction_does_not() -> None:
    found = shares_of(PIECES, None, None)
    assert found[["old_code", "new_code", "kind", "share"]].values.tolist() == [
        ["1", "8", "part", 0.25],
        ["1", "9", "part", 0.75],
        ["2", "9", "whole", 1.0],
    ]
    assert not found["estimated"].any()


@pytest.mark.parametrize(("weight", "share"), [(None, 0.5), ("people", 0.9)])
def test_points_weigh(weight: str | None, share: float) -> None:
    points = gpd.GeoDataFrame({"people": [9, 1]}, geometry=gpd.points_from_xy([0.5, 2], [0.5, 0.5]), crs=PIECES.crs)
    found = shares_of(PIECES, points, weight)
    assert found["share"].tolist() == [share, pytest.approx(1 - share), 1.0]
    assert set(found["by"]) == {weight or "points"}
