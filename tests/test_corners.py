"""Corners inserted into edges, and their heights."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge.corners import insert_corners, require_no_measures, with_heights
from geomerge.coverage import objects
from geomerge.errors import InputError


def points(*at: tuple[float, float]) -> np.ndarray:
    return objects([shapely.Point(each) for each in at])


def test_the_ring_keeps_its_start_and_its_course():
    square = objects([shapely.box(0, 0, 1, 1)])
    done = insert_corners(square, points((0, 0.7), (0, 0.2), (1, 0.5), (0.5, 0.5)), 1e-9)
    assert done.polygons[0].exterior.coords[:] == [
        (1, 0),
        (1, 0.5),
        (1, 1),
        (0, 1),
        (0, 0.7),
        (0, 0.2),
        (0, 0),
        (1, 0),
    ]
    assert sorted(done.corner.tolist()) == [0, 1, 2]


def test_what_needs_no_corner_is_the_same_object():
    squares = objects([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6), None])
    done = insert_corners(squares, points((1, 1)), 1e-9)
    assert all(after is before for after, before in zip(done.polygons, squares, strict=True))
    assert len(done.which) == 0


def test_a_corner_next_to_a_corner_moves_neither():
    """Or the next neighbour would no longer match."""
    done = insert_corners(objects([shapely.box(0, 0, 1, 1)]), points((1, 1 - 1e-7)), 1e-6)
    coordinates = shapely.get_coordinates(done.polygons[0]).tolist()
    assert [1, 1] in coordinates
    assert [1, 1 - 1e-7] in coordinates


def test_holes_and_parts_get_corners():
    ring = shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2)
    shape = shapely.MultiPolygon([ring, shapely.box(5, 0, 6, 1)])
    done = insert_corners(objects([shape]), points((1, 1.5), (5, 0.5)), 1e-9)
    assert done.polygons[0].geom_type == "MultiPolygon"
    assert shapely.get_num_coordinates(done.polygons[0]) == shapely.get_num_coordinates(shape) + 2
    assert done.polygons[0].equals(shape)


def test_the_height_is_that_of_the_edge():
    slope = shapely.from_wkt("POLYGON Z ((0 0 0, 4 0 8, 4 4 8, 0 4 0, 0 0 0))")
    done = insert_corners(objects([slope]), points((1, 0)), 1e-9)
    assert (1, 0, 2) in done.polygons[0].exterior.coords[:]


def test_measures_cannot_be_interpolated():
    shape = shapely.from_wkt("POLYGON M ((0 0 0, 4 0 8, 4 4 8, 0 4 0, 0 0 0))")
    with pytest.raises(InputError, match="M values"):
        insert_corners(objects([shape]), points((1, 0)), 1e-9)
    with pytest.raises(InputError, match="joins A, B, C, D, E and others, which have M values"):
        require_no_measures(objects([shape] * 7), list("ABCDEFG"))
    require_no_measures(objects([None, shapely.box(0, 0, 1, 1)]), ["A", "B"])


def test_heights_of_the_first_that_has_the_corner():
    low = shapely.from_wkt("POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))")
    high = shapely.from_wkt("POLYGON Z ((0 0 9, 1 0 9, 0 1 9, 0 0 9))")
    found = with_heights(points((0, 0), (0, 1)), objects([low, high]))
    assert shapely.get_z(found).tolist() == [1, 9]


def test_heights_of_lines_inside():
    low = shapely.from_wkt("POLYGON Z ((0 0 1, 4 0 1, 4 4 1, 0 4 1, 0 0 1))")
    line = shapely.from_wkt("LINESTRING Z (2 0 7, 2 2 7, 2 4 7)")
    found = with_heights(points((2, 0), (2, 2), (3.5, 2)), objects([low]), objects([line]))
    assert shapely.get_z(found).tolist() == [1, 7, 1]


def test_heights_missing_at_a_corner_are_filled_from_the_nearest():
    broken = shapely.polygons([[0, 0, np.nan], [4, 0, 5], [4, 4, 5], [0, 4, 5], [0, 0, np.nan]])
    found = with_heights(points((0, 0), (1, 0)), objects([broken]))
    assert not np.isnan(shapely.get_z(found)).any()


def test_without_heights_nothing_happens():
    flat = points((0, 0))
    assert with_heights(flat, objects([shapely.box(0, 0, 1, 1), None]), objects([]))[0] is flat[0]
