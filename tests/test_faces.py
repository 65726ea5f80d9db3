"""Faces: what is settled by boxes alone is settled exactly, and little is left open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from geomerge import faces
from geomerge.faces import NOBODY, UNSETTLED, Faces

LEFT, RIGHT = box(0, 0, 4, 4), box(4, 0, 8, 4)


def holder(*boxes: Any, polygons: Any = (LEFT, RIGHT), many: int = 1000) -> list[int]:
    return (
        Faces(np.array([*polygons, None], dtype=object)[:-1], many)
        .holder(np.array(boxes, dtype=float).reshape(-1, 4))
        .tolist()
    )


def test_boxes_inside_across_and_outside() -> None:
    assert holder((1, 1, 2, 2), (5, 1, 6, 2), (3, 1, 5, 2), (20, 20, 21, 21)) == [0, 1, UNSETTLED, NOBODY]


def test_what_touches_a_border_is_never_settled() -> None:
    assert holder((4, 1, 4, 1), (3, 1, 4, 2), (0, 0, 0, 0), (-1, 1, 0, 2), (-9, -9, 9, 9)) == [UNSETTLED] * 5


def test_boxes_that_are_missing_or_not_known() -> None:
    nan, inf = np.nan, np.inf
    assert holder((nan,) * 4, (-inf, -inf, inf, inf), (1, 1, inf, 2)) == [NOBODY, UNSETTLED, UNSETTLED]
    assert holder((-inf, -inf, inf, inf), polygons=()) == [NOBODY]
    assert holder(polygons=()) == []


def test_holes_overlaps_and_polygons_that_are_missing() -> None:
    enclave = box(1, 1, 3, 3)
    boxes = (1.5, 1.5, 2, 2), (0.2, 0.2, 0.4, 0.4)
    assert holder(*boxes, polygons=(LEFT.difference(enclave), None, enclave, Polygon())) == [2, 0]
    assert holder(*boxes, polygons=(LEFT, enclave)) == [UNSETTLED, 0]


def test_long_edges_are_walked_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "MOST_STEPS", 100)
    slope = Polygon([(0, 0), (1000, 0.5), (1000, 900)])
    assert holder((900, 100, 901, 101), (10, 500, 11, 501), polygons=(slope,), many=100_000) == [0, NOBODY]


def test_few_boxes_are_left_open() -> None:
    across, up = np.meshgrid(np.arange(-2, 12, 0.1), np.arange(-2, 6, 0.1))
    boxes = np.column_stack([across.ravel(), up.ravel(), across.ravel() + 0.05, up.ravel() + 0.05])
    found = np.array(holder(*boxes, many=len(boxes)))
    wider = shapely.box(*(boxes + np.array([-0.1, -0.1, 0.1, 0.1])).T)
    near = shapely.intersects(wider, shapely.union_all([LEFT.boundary, RIGHT.boundary]))
    assert (found[~near] != UNSETTLED).all()


corners = st.tuples(st.floats(-5, 25), st.floats(-5, 25))
polygons = st.lists(st.lists(corners, min_size=3, max_size=6).map(Polygon).filter(lambda p: p.is_valid), max_size=3)
boxes = st.lists(
    st.tuples(corners, st.floats(0, 3), st.floats(0, 3)).map(lambda b: (*b[0], b[0][0] + b[1], b[0][1] + b[2])),
    min_size=1,
    max_size=20,
)


@settings(max_examples=150)
@given(polygons, boxes, st.sampled_from([1, 100, 10_000]))
def test_what_is_settled_is_so(polygons: list[Any], boxes: list[Any], many: int) -> None:
    found = holder(*boxes, polygons=polygons, many=many)
    for corners, number in zip(boxes, found, strict=True):
        shape = box(*corners) if corners[0] < corners[2] and corners[1] < corners[3] else shapely.Point(*corners[:2])
        meeting = [place for place, polygon in enumerate(polygons) if polygon.intersects(shape)]
        if number == UNSETTLED:
            continue
        assert meeting == ([] if number == NOBODY else [number])
        assert number == NOBODY or polygons[number].contains_properly(shape)
