"""Where features lie: exact shares, whatever the shape, and the same as a plain intersection gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPoint, MultiPolygon, Point, Polygon, box

from geomerge.locate import locate

# Two squares side by side, and land of nobody around them.
LEFT, RIGHT = box(0, 0, 4, 4), box(4, 0, 8, 4)


def shares(feature: Any, *polygons: Any) -> dict[int, float]:
    found = locate(np.array([feature], dtype=object), np.array(polygons or (LEFT, RIGHT), dtype=object))
    assert (found.feature == 0).all()
    return {int(polygon): round(float(share), 9) for polygon, share in zip(found.polygon, found.share, strict=True)}


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (box(1, 1, 2, 2), {0: 1}),
        (box(3, 1, 7, 2), {1: 0.75, 0: 0.25}),
        (box(3, 1, 4, 2), {0: 1}),
        (box(-1, 1, 1, 2), {0: 0.5}),
        (box(20, 20, 21, 21), {}),
        (box(-1, -1, 9, 5), {0: 16 / 60, 1: 16 / 60}),
        (Point(1, 1), {0: 1}),
        (Point(4, 1), {0: 0.5, 1: 0.5}),
        (Point(0, 0), {0: 1}),
        (Point(9, 9), {}),
        (LineString([(1, 1), (2, 1)]), {0: 1}),
        (LineString([(3, 1), (7, 1)]), {1: 0.75, 0: 0.25}),
        (LineString([(4, 1), (4, 3)]), {0: 0.5, 1: 0.5}),
        (None, {}),
        (Polygon(), {}),
        (Point(), {}),
    ],
)
def test_shares_by_area_length_or_point(feature: Any, expected: dict[int, float]) -> None:
    assert shares(feature) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (MultiPolygon([box(1, 1, 2, 2), box(5, 1, 8, 2)]), {1: 0.75, 0: 0.25}),
        (MultiPolygon([box(1, 1, 2, 2), box(20, 1, 21, 2)]), {0: 0.5}),
        (MultiPoint([(1, 1), (2, 2), (5, 1), (4, 2)]), {0: 0.625, 1: 0.375}),
        (shapely.GeometryCollection([Point(5, 1), LineString([(5, 2), (6, 2)]), box(1, 1, 2, 2)]), {0: 1}),
        (shapely.GeometryCollection([shapely.GeometryCollection([box(5, 1, 6, 2)])]), {1: 1}),
        (shapely.MultiLineString([[(1, 1), (2, 1)], [(5, 1), (8, 1)]]), {1: 0.75, 0: 0.25}),
    ],
)
def test_parts_that_touch_no_border_are_located_one_by_one(feature: Any, expected: dict[int, float]) -> None:
    assert shares(feature) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (Polygon([(3, 0), (5, 2), (5, 0), (3, 2)]), {0: 0.5, 1: 0.5}),  # a bow tie across the border
        (Polygon([(3, 1), (7, 1), (3, 1)]), {1: 0.75, 0: 0.25}),  # collapsed to a line
        (LineString([(3, 1), (7, 1), (3, 1), (7, 1)]), {1: 0.75, 0: 0.25}),  # drawn three times
        (LineString([(4, 1), (4, 1)]), {0: 0.5, 1: 0.5}),  # collapsed to a point
        (Polygon([(1, 1), (1, 1), (1, 1), (1, 1)]), {0: 1}),
    ],
)
def test_faulty_features_are_located_as_well(feature: Any, expected: dict[int, float]) -> None:
    assert shares(feature) == pytest.approx(expected)


def test_islands_holes_and_enclaves() -> None:
    enclave = box(1, 1, 3, 3)
    around = LEFT.difference(enclave)
    assert shares(box(1.5, 1.5, 2, 2), around, enclave) == {1: 1}
    assert shares(box(0.5, 0.5, 3.5, 3.5), around, enclave) == pytest.approx({0: 5 / 9, 1: 4 / 9})
    assert shares(box(1.5, 1.5, 2, 2), MultiPolygon([box(9, 9, 10, 10), enclave])) == {0: 1}


def test_no_feature_and_no_polygon() -> None:
    empty, squares = np.empty(0, dtype=object), np.array([LEFT, None, Polygon()], dtype=object)
    for features, polygons in ((empty, squares), (squares, empty), (empty, empty)):
        found = locate(features, polygons)
        assert len(found.feature) == len(found.polygon) == len(found.share) == 0
    assert shares(box(1, 1, 2, 2), None, Polygon(), LEFT) == {2: 1}


def test_many_features_keep_their_order_and_the_largest_share_comes_first() -> None:
    features = np.array([Point(5, 1), None, box(3, 1, 7, 2), Point(1, 1)], dtype=object)
    found = locate(features, np.array([LEFT, RIGHT]))
    assert found.feature.tolist() == [0, 2, 2, 3]
    assert found.polygon.tolist() == [1, 1, 0, 0]


def circle(corners: int) -> Polygon:
    return Point(0, 0).buffer(100, quad_segs=corners // 4)


@pytest.mark.parametrize("corners", [200, 8000])
def test_long_borders_give_the_same_shares_as_a_plain_intersection(corners: int) -> None:
    """Polygons of many corners are intersected around the features only."""
    inner = circle(corners)
    outer = box(-200, -200, 200, 200).difference(inner)
    angles = np.linspace(0, 2 * np.pi, 300)
    x, y = 100 * np.cos(angles), 100 * np.sin(angles)
    features = shapely.box(x - 2, y - 2, x + 3, y + 1)
    found = locate(features, np.array([inner, outer]))
    expected = np.column_stack([shapely.area(shapely.intersection(features, p)) / 15 for p in (inner, outer)])
    got = np.zeros_like(expected)
    got[found.feature, found.polygon] = found.share
    np.testing.assert_allclose(got, expected, atol=1e-9)


boxes = st.tuples(*[st.integers(-2, 18)] * 2, *[st.integers(1, 9)] * 2).map(
    lambda b: box(b[0] / 2, b[1] / 2, (b[0] + b[2]) / 2, (b[1] + b[3]) / 2)
)
points = st.tuples(*[st.integers(-2, 18)] * 2).map(lambda p: Point(p[0] / 2, p[1] / 2))
lines = st.lists(st.tuples(*[st.integers(-2, 18)] * 2), min_size=2, max_size=4, unique=True).map(
    lambda c: shapely.transform(LineString(c), lambda xy: xy / 2)
)
grids = st.integers(1, 3).map(
    lambda n: np.array([box(i * 3, j * 3, i * 3 + 3, j * 3 + 3) for i in range(n) for j in range(n)])
)


@settings(max_examples=60)
@given(st.lists(st.one_of(boxes, points, lines), min_size=1, max_size=6), grids)
def test_shares_are_those_of_a_plain_intersection(features: list[Any], polygons: Any) -> None:
    found = locate(np.array(features, dtype=object), polygons)
    total = np.bincount(found.feature, weights=found.share, minlength=len(features))
    assert (total <= 1 + 1e-9).all()
    for feature, polygon, share in zip(found.feature, found.polygon, found.share, strict=True):
        overlap = shapely.intersection(features[feature], polygons[polygon])
        assert overlap.area == pytest.approx(share * features[feature].area)
    for number, feature in enumerate(features):
        for position, polygon in enumerate(polygons):
            if feature.geom_type == "Polygon" and shapely.intersection(feature, polygon).area > 0:
                assert ((found.feature == number) & (found.polygon == position)).any()
