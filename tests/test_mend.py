"""Mending: what is narrow, next to what changes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge.coverage import faulty_edges, objects
from geomerge.findings import Notes
from geomerge.mend import mend, repair


def mended(shapes, affected, gap_width=0.01):
    notes = Notes()
    codes = [chr(ord("A") + number) for number in range(len(shapes))]
    mask = np.array([code in affected for code in codes], dtype=bool)
    done = mend(objects(shapes), codes, mask, gap_width=gap_width, notes=notes)
    return done, notes.found


def checks(found):
    return sorted({(finding.severity, finding.check) for finding in found})


def same(before, after):
    return [one is other for one, other in zip(before, after, strict=True)]


def frame(x):
    """Return four polygons around a square hole from 0 to 10 that stands at x."""
    return [
        shapely.Polygon([(x - 5, -5), (x + 15, -5), (x + 15, 0), (x + 10, 0), (x, 0), (x - 5, 0)]),
        shapely.Polygon([(x - 5, 10), (x, 10), (x + 10, 10), (x + 15, 10), (x + 15, 15), (x - 5, 15)]),
        shapely.Polygon([(x - 5, 0), (x, 0), (x, 10), (x - 5, 10)]),
        shapely.Polygon([(x + 10, 0), (x + 15, 0), (x + 15, 10), (x + 10, 10)]),
    ]


GAP = [
    shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)]),
    shapely.Polygon([(10.004, 0), (20, 0), (20, 10), (10.004, 10)]),
]


@pytest.mark.parametrize(
    ("affected", "areas"), [("A", [100.04, 99.96]), ("B", [100, 100]), ("AB", [100.04, 99.96])], ids=str
)
def test_a_gap_goes_to_the_affected(affected, areas):
    done, found = mended(GAP, affected)
    assert shapely.area(done) == pytest.approx(areas)
    assert faulty_edges(done, 0.01).tolist() == [None, None]
    assert ("should", "unmatched edge") in checks(found)


def test_a_gap_that_opens_to_the_outside_is_closed():
    done, _ = mended(GAP, "AB")
    joined = shapely.coverage_union_all(done)
    assert joined.geom_type == "Polygon"
    assert joined.area == pytest.approx(200)


def test_a_gap_inside_is_closed():
    hole = [*frame(0), shapely.Polygon([(0.003, 0), (10, 0), (10, 10), (0.003, 10)])]
    done, _ = mended(hole, "E")
    assert done[4].equals(shapely.box(0, 0, 10, 10))
    assert same(hole[2:4], done[2:4]) == [True, True]
    assert [after.equals(before) for after, before in zip(done[:2], hole[:2], strict=True)] == [True, True]
    assert faulty_edges(done, 0.01).tolist() == [None] * 5


def test_a_wider_gap_is_no_fault():
    done, found = mended(GAP, "AB", gap_width=0.003)
    assert all(same(GAP, done))
    assert found == []


@pytest.mark.parametrize(
    ("affected", "areas"), [("A", [99.96, 100]), ("B", [100, 99.96]), ("AB", [100, 99.96])], ids=str
)
def test_an_overlap_goes_to_what_is_not_affected(affected, areas):
    shapes = [shapely.box(0, 0, 10.004, 10), shapely.box(10, 0, 20.004, 10)]
    shapes = [shapes[0], shapely.box(10, 0, 20, 10)]
    shapes[0] = shapely.box(0.004, 0, 10.004, 10)
    done, _ = mended(shapes, affected)
    assert shapely.area(done) == pytest.approx(areas)
    assert faulty_edges(done, 0.01).tolist() == [None, None]


def test_a_wider_overlap_blocks():
    shapes = [shapely.box(0, 0, 11, 10), shapely.box(10, 0, 20, 10)]
    _, found = mended(shapes, "A")
    assert ("must", "overlap") in checks(found)
    text = next(str(finding) for finding in found if finding.blocks)
    assert text.startswith("A and B overlap by 10.000 m² at 10.500 5.000, wider than the gap width 0.01 (units).")


def test_an_overlap_of_others_does_not_block():
    """Two neighbours of a merged unit that overlap each other are no business of the reform."""
    shapes = [
        shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)]),
        shapely.Polygon([(10.003, 0), (20, 0), (20, 6), (10.003, 6)]),
        shapely.Polygon([(10.003, 4), (20, 4), (20, 10), (10.003, 10)]),
    ]
    _, found = mended(shapes, "A")
    assert not any(finding.blocks for finding in found)


def test_an_edge_without_the_neighbours_corner_gets_it():
    shapes = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 5), shapely.box(10, 5, 20, 10)]
    done, found = mended(shapes, "A")
    assert (10, 5) in done[0].exterior.coords[:]
    assert faulty_edges(done).tolist() == [None, None, None]
    assert same(shapes[1:], done[1:]) == [True, True]
    assert checks(found) == [("should", "unmatched edge")]


def test_a_neighbour_without_the_affected_corner_gets_it():
    shapes = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 5), shapely.box(10, 5, 20, 10)]
    done, found = mended(shapes, "B")
    assert (10, 5) in done[0].exterior.coords[:]
    assert done[0].equals(shapes[0])
    assert ("should", "inserted corner") in checks(found)


def test_an_edge_that_is_off_by_less_than_the_width():
    off = shapely.Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (10.002, 5)])
    shapes = [shapely.box(0, 0, 10, 10), off]
    done, _ = mended(shapes, "A")
    assert faulty_edges(done, 0.01).tolist() == [None, None]
    assert done[1] is off


def test_what_lies_elsewhere_stays_as_it_is():
    far = [shapely.box(100, 0, 110.004, 10), shapely.box(110, 0, 120, 10)]
    done, found = mended([*GAP, *far], "A")
    assert same(far, done[2:]) == [True, True]
    assert not any("C" in finding.what or "D" in finding.what for finding in found)


def test_heights_survive():
    raised = [shapely.force_3d(shape, z=3.0) for shape in GAP]
    done, _ = mended(raised, "A")
    assert set(shapely.get_coordinates(done, include_z=True)[:, 2]) == {3.0}


def test_nothing_affected_nothing_looked_at():
    done, found = mended(GAP, "")
    assert all(same(GAP, done))
    assert found == []


def test_repair_only_the_affected():
    bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    shapes = objects([bowtie, bowtie, None, shapely.box(0, 0, 1, 1)])
    notes = Notes()
    done = repair(shapes, list("ABCD"), np.array([True, False, True, True]), notes)
    assert done[0].is_valid
    assert same(shapes[1:], done[1:]) == [True, True, True]
    assert [finding.what[:12] for finding in notes.found] == ["A is invalid", "B is invalid"]
