"""Overlaps: areas added up between edges are those of an intersection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from geomerge import overlaps
from geomerge.borders import Borders
from geomerge.overlaps import shared_areas

LEFT, RIGHT = box(0, 0, 4, 4), box(4, 0, 8, 4)


def shared(shape: Any, *polygons: Any) -> list[float]:
    borders = Borders(np.array(polygons or (LEFT, RIGHT), dtype=object))
    every = np.arange(len(borders.polygons))
    return shared_areas(np.array([shape], dtype=object), borders, np.zeros_like(every), every).tolist()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (box(1, 1, 2, 2), [1, 0]),
        (box(3, 1, 7, 2), [1, 3]),
        (box(3, 1, 4, 2), [1, 0]),  # touches
        (box(-1, -1, 9, 5), [16, 16]),
        (box(20, 20, 21, 21), [0, 0]),
        (Polygon([(4, 0), (8, 4), (0, 4)]), [8, 8]),
        (MultiPolygon([box(1, 1, 2, 2), box(5, 1, 8, 2)]), [1, 3]),
        (box(1, 1, 7, 3).difference(box(3, 1.5, 5, 2.5)), [5, 5]),
        (Polygon([(3, 1), (3, 2), (7, 2), (7, 1)]), [1, 3]),  # the other way round
    ],
)
def test_shared_areas(shape: Any, expected: list[float]) -> None:
    assert shared(shape) == pytest.approx(expected, abs=1e-12)


def test_land_with_holes_and_islands() -> None:
    enclave = box(1, 1, 3, 3)
    around = MultiPolygon([LEFT.difference(enclave), box(10, 0, 12, 4)])
    assert shared(box(0.5, 0.5, 3.5, 3.5), around, enclave) == pytest.approx([5, 4])
    assert shared(box(2, 2, 11, 3), around, enclave) == pytest.approx([2, 1])


def test_far_from_the_origin_nothing_is_lost() -> None:
    far = np.array([600_000.0, 7_000_000.0])
    moved = [shapely.transform(shape, lambda xy: xy + far) for shape in (box(3, 1, 7, 2), LEFT, RIGHT)]
    assert shared(*moved) == pytest.approx([1, 3], abs=1e-9)


def test_what_is_not_exact_enough_is_not_told() -> None:
    sliver = Polygon([(1, 1), (3, 3), (3, 3.001), (1, 1.001)])
    assert np.isnan(shared(sliver)).all()
    # the corner beside the shape lies on a border
    aside = overlaps.ASIDE * 3.2
    on_it = shared(box(aside, 1, aside + 3.2, 2), LEFT, box(4, 0, 8, 4))
    assert np.isnan(on_it[0])
    assert on_it[1] == pytest.approx(3.5 - 4 + 0.0 if aside + 3.2 > 4 else 0)


def test_pairs_of_very_many_edges_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "MOST", 100)
    circle = shapely.Point(4, 2).buffer(1, quad_segs=50)
    assert np.isnan(shared(circle)).all()


grid = st.integers(-2, 10)
on_grid = st.lists(st.tuples(grid, grid), min_size=3, max_size=7, unique=True)
anywhere = st.lists(st.tuples(st.floats(-2, 10), st.floats(-2, 10)), min_size=3, max_size=7)
shapes = st.one_of(on_grid, anywhere).map(Polygon).filter(lambda shape: shape.is_valid and shape.area > 0.01)


@settings(max_examples=300)
@given(shapes, shapes)
def test_areas_are_those_of_an_intersection(shape: Any, polygon: Any) -> None:
    area = shared(shape, polygon, LEFT)
    for found, other in zip(area, (polygon, LEFT), strict=True):
        assert np.isnan(found) or found == pytest.approx(shapely.intersection(shape, other).area, abs=1e-9)


@settings(max_examples=60)
@given(st.lists(shapes, min_size=2, max_size=6), st.integers(0, 5))
def test_no_shape_depends_on_others(drawn: list[Any], chosen: int) -> None:
    borders = Borders(np.array([LEFT, RIGHT]))
    many = np.array(drawn, dtype=object)
    numbers = np.arange(len(many))
    together = shared_areas(many, borders, numbers, numbers % 2)
    one = chosen % len(many)
    alone = shared_areas(many[[one]], borders, np.array([0]), np.array([one % 2]))
    assert np.array_equal(alone, together[[one]], equal_nan=True)
