"""Segments: matched with what runs the other way, and what is drawn wrongly."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge import segments as house
from geomerge.coverage import objects
from geomerge.segments import segments_of


def counts(shapes):
    return [int(found.sum()) for found in segments_of(objects(shapes)).matched()]


LEFT, RIGHT = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)


@pytest.mark.parametrize("turn", [shapely.reverse, shapely.normalize, shapely.force_3d, lambda shape: shape])
def test_an_edge_with_land_on_both_sides_is_matched(turn):
    assert counts([LEFT, turn(RIGHT)]) == [2, 0]


def test_land_on_the_same_side_is_wrong():
    assert counts([LEFT, shapely.reverse(LEFT)]) == [0, 8]


def test_what_stands_more_than_twice_is_wrong():
    assert counts([LEFT, RIGHT, RIGHT]) == [0, 9]


def test_a_hole_and_what_fills_it():
    hole = shapely.box(0.2, 0.2, 0.8, 0.8)
    assert counts([LEFT - hole, hole]) == [8, 0]


def test_parts_of_one_polygon_match_each_other():
    assert counts([shapely.MultiPolygon([LEFT, RIGHT])]) == [2, 0]


def test_points_that_are_repeated_and_measures_do_not_count():
    twice = shapely.Polygon([(1, 0), (1, 0), (2, 0), (2, 1), (1, 1), (1, 1), (1, 0)])
    found = segments_of(objects([LEFT, twice]))
    assert len(found.points) == 10
    assert found.kept is not None
    assert counts([LEFT, twice]) == [2, 0]
    measured = shapely.from_wkt("POLYGON M ((1 0 5, 2 0 5, 2 1 5, 1 1 5, 1 0 5))")
    assert counts([LEFT, measured]) == [2, 0]


def test_the_one_zero():
    assert counts([shapely.box(-1, 0, 0, 1), shapely.Polygon([(-0.0, -0.0), (1, 0), (1, 1), (-0.0, 1)])]) == [2, 0]


def test_the_way_from_ring_to_ring_is_no_segment():
    """Two rings may end, and the next ones begin, in the same points."""
    boxes = [shapely.box(x, y, x + 1, y + 1) for x, y in ((0, 0), (5, 0), (0, 1), (5, 1))]
    turned = [
        shapely.Polygon(np.roll(np.array(box.exterior.coords[:-1]), at, axis=0))
        for box, at in zip(boxes, (2, 1, 3, 0), strict=True)
    ]
    assert counts(turned) == counts([shapely.MultiPolygon(turned[:2]), *turned[2:]]) == [4, 0]
    meeting = [
        shapely.Polygon(corners)
        for corners in (
            [(0, 0), (1, 0), (1, 1), (0, 1)],
            [(2, 2), (3, 2), (3, 3)],
            [(0, 0), (0, -1), (1, -1)],
            [(2, 2), (2, 1), (3, 1)],
        )
    ]
    assert counts(meeting) == [0, 0]


def test_neighbours_around_a_ring():
    found = segments_of(objects([LEFT - shapely.box(0.2, 0.2, 0.8, 0.8), RIGHT]))
    at = np.setdiff1d(np.arange(len(found.start)), found.between)
    assert (found.end[at] == found.start[found.after(at)]).all()
    assert (found.start[at] == found.end[found.before(at)]).all()


@pytest.mark.parametrize("size", [10, 5_000])
def test_twins_are_found_as_by_sorting(monkeypatch, size):
    """Few slots are crowded slots, so that keys are scattered several times, and sorted in the end."""
    monkeypatch.setattr(house, "_FEW", 100)
    rng = np.random.default_rng(size)
    for most in (3, size // 2 + 1, 50 * size):
        keys = rng.integers(0, most, size).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        one, other, many = house._twins(keys)
        _, group, count = np.unique(keys, return_inverse=True, return_counts=True)
        assert (keys[one] == keys[other]).all()
        assert sorted([*one, *other]) == np.flatnonzero(count[group] == 2).tolist()
        assert np.flatnonzero(many).tolist() == np.flatnonzero(count[group] > 2).tolist()
