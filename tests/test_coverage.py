"""Coverages: arrangements, joins, faults, shared edges."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge.coverage import arrange, edges_of, faulty_edges, join, make_valid, new_vertices, objects, settle
from geomerge.coverage import tolerance as tolerance_of


def boxes(*bounds: tuple[float, float, float, float]) -> np.ndarray:
    return objects([shapely.box(*each) for each in bounds])


def test_faces_of_an_arrangement_lie_in_the_polygons_they_come_from():
    shapes = boxes((0, 0, 2, 2), (1, 1, 3, 3))
    found = arrange(shapely.boundary(shapes))
    polygon, face = found.inside(shapes)
    assert len(found.faces) == 3
    assert np.bincount(face, minlength=3).tolist().count(2) == 1
    assert shapely.area(found.faces[face[polygon == 0]]).sum() == 4


def test_width_is_twice_the_area_by_the_perimeter():
    found = arrange(shapely.boundary(boxes((0, 0, 1000, 0.01))))
    assert found.widths[0] == pytest.approx(0.01, rel=1e-4)


def test_join_cancels_inner_edges():
    joined = join(boxes((0, 0, 1, 1), (1, 0, 2, 1), (0, 1, 2, 2)))
    assert joined.equals(shapely.box(0, 0, 2, 2))
    assert joined.geom_type == "Polygon"


def test_join_of_one_is_the_same_object():
    shapes = boxes((0, 0, 1, 1))
    assert join(shapes) is shapes[0]


@pytest.mark.parametrize("second", [(0.5, 0, 2, 1), (1, 0.5, 2, 1)], ids=["overlap", "unmatched edge"])
def test_join_of_what_is_no_coverage_is_valid_all_the_same(second):
    shapes = boxes((0, 0, 1, 1), second)
    joined = join(shapes)
    assert joined.is_valid
    assert joined.equals(shapely.union_all(shapes))


def test_make_valid_leaves_valid_ones_alone():
    shapes = objects([shapely.box(0, 0, 1, 1), shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), None])
    made = make_valid(shapes)
    assert made[0] is shapes[0]
    assert made[1].is_valid
    assert made[2] is None


def test_new_vertices():
    new = new_vertices(boxes((0, 0, 1, 1), (1, 0, 2, 1)), boxes((0, 0, 1, 1)))
    assert shapely.get_coordinates(new).tolist() == [[2, 0], [2, 1]]


def test_tolerance_grows_with_the_coordinates():
    assert tolerance_of(boxes((0, 0, 1e6, 7e6))) == pytest.approx(7e-6)
    assert tolerance_of(objects([None])) == 0


@pytest.mark.parametrize(("gap_width", "found"), [(0.0, False), (0.004, False), (0.006, True), (1.0, True)], ids=str)
def test_a_gap_is_a_fault_up_to_the_gap_width(gap_width, found):
    """Below the width it is a fault, above it passes; the wide tolerance does not hide the narrow gap."""
    dented = shapely.Polygon([(1, 0), (2, 0), (2, 3), (1, 3), (1, 2), (1.005, 1.5), (1, 1)])
    whole = shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 2), (1, 3), (0, 3)])
    shapes = objects([whole, dented])
    edges = faulty_edges(shapes, gap_width)
    assert (edges[1] is not None) is found


def test_faulty_edges_of_overlap_and_unmatched_edge():
    assert faulty_edges(boxes((0, 0, 1.1, 1), (1, 0, 2, 1)))[0] is not None
    assert faulty_edges(boxes((0, 0, 1, 1), (1, 0, 2, 0.5), (1, 0.5, 2, 1)))[0] is not None
    assert faulty_edges(boxes((0, 0, 1, 1)))[0] is None


def test_edges_stand_once_with_both_sides():
    edges = edges_of(boxes((0, 0, 1, 1), (1, 0, 2, 1)))
    between = edges.second >= 0
    assert len(edges.segments) == 7
    assert edges.first[between].tolist(), edges.second[between].tolist() == ([0], [1])
    face, other, length = edges.between()
    assert sorted(zip(face.tolist(), other.tolist(), length.tolist(), strict=True)) == [(0, 1, 1), (1, 0, 1)]


def test_edges_of_holes_and_multipolygons():
    ring = shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2)
    edges = edges_of(objects([ring, shapely.box(1, 1, 2, 2), None]))
    assert len(edges.segments) == 8
    assert (edges.second >= 0).sum() == 4


def test_a_face_goes_where_its_longest_edge_is_and_ties_to_the_first():
    faces = boxes((0, 0, 1, 1), (1, 0, 1.1, 1), (1.1, 0, 2, 1), (1, 1, 1.1, 2))
    label = np.array([0, -1, 2, 3])
    unsettled = np.array([False, True, False, False])
    allowed = {(1, 0), (1, 2), (1, 3)}
    assert settle(label, unsettled, faces, allowed).tolist() == [0, 0, 2, 3]
    assert settle(label, unsettled, faces, {(1, 2), (1, 3)}).tolist() == [0, 2, 2, 3]
    assert settle(label, unsettled, faces, set()).tolist() == [0, -1, 2, 3]


def test_a_face_among_faces_to_settle_waits_for_them():
    faces = boxes((0, 0, 1, 1), (1, 0, 1.1, 1), (1.1, 0, 1.2, 1))
    unsettled = np.array([False, True, True])
    assert settle(np.array([0, -1, -1]), unsettled, faces, {(1, 0), (2, 0)}).tolist() == [0, 0, 0]
