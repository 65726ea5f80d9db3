"""Lines that divide a territory: which side is which."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge.coverage import objects
from geomerge.lines import side_of_lines

SQUARE = shapely.box(0, 0, 10, 10)


def lines(*corners: list[tuple[float, float]]) -> np.ndarray:
    return objects([shapely.LineString(each) for each in corners])


@pytest.mark.parametrize(("side", "bounds"), [("left", (0, 0, 4, 10)), ("right", (4, 0, 10, 10))])
def test_sides_of_a_line(side, bounds):
    up = lines([(4, -1), (4, 11)])
    assert side_of_lines(up, SQUARE, side=side).area.bounds == bounds


def test_the_direction_of_the_line_counts():
    down = lines([(4, 11), (4, -1)])
    assert side_of_lines(down, SQUARE, side="left").area.bounds == (4, 0, 10, 10)


def test_a_winding_line_that_leaves_and_returns():
    """Land on one side is on that side wherever the line cuts it off."""
    winding = lines([(2, -1), (2, 11), (4, 11), (4, -1), (6, -1), (6, 11)])
    left, right = (side_of_lines(winding, SQUARE, side=side).area for side in ("left", "right"))
    assert left.area == pytest.approx(2 * 10 + 2 * 10)
    assert right.area == pytest.approx(2 * 10 + 4 * 10)
    assert left.intersection(right).area == 0


def test_a_strip_far_thinner_than_the_line_is_long():
    """No width is assumed: a strip of a millimetre along a line of ten kilometres has its side."""
    land = shapely.box(0, 0, 10_000, 100)
    line = lines([(-5, 0.001), (10_005, 0.001)])
    assert side_of_lines(line, land, side="right").area.area == pytest.approx(10)


def test_far_from_the_origin():
    land = shapely.box(600_000.123, 7_000_000.456, 610_000.789, 7_010_000.321)
    line = lines([(599_000.7, 7_003_000.1), (611_000.3, 7_004_567.9)])
    left, right = (side_of_lines(line, land, side=side).area for side in ("left", "right"))
    assert left.area + right.area == pytest.approx(land.area, rel=1e-12)
    assert left.centroid.y > right.centroid.y


def test_several_segments_and_a_closed_line():
    ring = lines([(2, 2), (5, 2), (5, 5), (2, 5), (2, 2)])
    assert side_of_lines(ring, SQUARE, side="left").area.area == 9
    assert side_of_lines(ring, SQUARE, side="right").area.area == 91
    halves = lines([(4, -1), (4, 5)], [(4, 5), (4, 11)])
    assert side_of_lines(halves, SQUARE, side="left").area.area == 40


def test_a_line_along_an_edge_and_then_across():
    line = lines([(0, 0), (0, 5), (10, 5)])
    assert side_of_lines(line, SQUARE, side="right").area.bounds == (0, 0, 10, 5)


def test_holding_a_point():
    two = lines([(2, -1), (2, 11)], [(6, 11), (6, -1)])
    assert side_of_lines(two, SQUARE, holding=(4, 4)).area.bounds == (2, 0, 6, 10)


def test_a_hole_and_islands():
    land = shapely.MultiPolygon([SQUARE - shapely.box(3, 3, 5, 5), shapely.box(20, 0, 21, 1)])
    found = side_of_lines(lines([(4, -1), (4, 11)]), land, side="left")
    assert found.area.area == 40 - 2
    assert [part.bounds for part in found.apart] == [(20, 0, 21, 1)]


@pytest.mark.parametrize(
    ("line", "chosen", "fault"),
    [
        ([(4, 1), (4, 9)], {"side": "left"}, "does not divide"),
        ([(4, -1), (4, 9)], {"holding": (1, 1)}, "does not divide"),
        ([(12, -1), (12, 11)], {"side": "left"}, "does not divide"),
        ([(0, 0), (0, 10)], {"side": "right"}, "does not divide"),
        ([(4, -1), (4, 11)], {"holding": (40, 1)}, "does not lie in"),
        ([(4, -1), (4, 11)], {"holding": (4, 5)}, "lies on the line"),
    ],
)
def test_faults(line, chosen, fault):
    assert fault in side_of_lines(lines(line), SQUARE, **chosen).fault


def test_lines_that_run_against_each_other():
    found = side_of_lines(lines([(2, -1), (2, 11)], [(6, -1), (6, 11)]), SQUARE, side="left")
    assert "both sides" in found.fault
