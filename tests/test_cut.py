"""Cutting: faces, owners and claims."""

from __future__ import annotations

import itertools

import numpy as np
import shapely

from geomerge.coverage import objects
from geomerge.cut import NOBODY, cut
from geomerge.findings import Notes
from geomerge.parts import Claim
from geomerge.selectors import Cut, Selector


def claim(unit, new, area, **more):
    segments = [shapely.LineString(ends) for ends in itertools.pairwise(shapely.get_coordinates(area))]
    return Claim(Cut(unit, new, Selector(area="s"), **more), f"to {new}", area, objects(segments))


def run(polygons, units, claims, sliver_width=0.001):
    notes = Notes()
    done = cut(objects(polygons), units, claims, sliver_width=sliver_width, notes=notes)
    slices = {(part.owner, part.claim): part.geometry.area for part in done.slices}
    return done, slices, notes.found


ROW = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10), shapely.box(20, 0, 30, 10)]


def test_slices_add_up():
    done, slices, found = run(ROW, list("ABC"), [claim("A", "B", shapely.box(6, -5, 15, 20))])
    assert slices == {(0, NOBODY): 60, (0, 0): 40}
    assert found == []
    assert all(after is before for after, before in zip(done.polygons[1:], ROW[1:], strict=True))


def test_a_claim_takes_only_from_its_unit():
    """A line that runs on into another unit that is cut does not divide that one."""
    claims = [claim("A", "C", shapely.box(6, 0, 15, 10)), claim("B", "C", shapely.box(10, 8, 20, 10))]
    _, slices, _ = run(ROW, list("ABC"), claims)
    assert slices == {(0, NOBODY): 60, (0, 0): 40, (1, NOBODY): 80, (1, 1): 20}


def test_a_unit_of_several_polygons():
    _, slices, _ = run(ROW, ["A", "A", "C"], [claim("A", "C", shapely.box(8, 0, 12, 10))])
    assert slices == {(0, NOBODY): 80, (0, 0): 20, (1, NOBODY): 80, (1, 0): 20}


def test_slivers_stay_with_their_polygon():
    thin = claim("A", "B", shapely.box(0.0004, 0, 5, 10))
    _, slices, _ = run(ROW, list("ABC"), [thin])
    assert slices == {(0, NOBODY): 50, (0, 0): 50}
    _, slices, _ = run(ROW, list("ABC"), [thin], sliver_width=0)
    assert slices[0, 0] < 50


def test_parts_that_overlap_are_noted_once():
    claims = [claim("A", "B", shapely.box(0, 0, 5, 10)), claim("A", "C", shapely.box(3, 0, 8, 10))]
    _, _, found = run(ROW, list("ABC"), claims)
    assert [finding.what for finding in found] == ["20.000 m² of A are claimed for both B and C"]
    assert found[0].blocks


def test_parts_for_the_same_unit_may_overlap():
    claims = [claim("A", "B", shapely.box(0, 0, 5, 10)), claim("A", "B", shapely.box(3, 0, 8, 10))]
    _, slices, found = run(ROW, list("ABC"), claims)
    assert sum(slices.values()) == 100
    assert found == []


def test_an_overlap_as_thin_as_a_sliver_is_none():
    claims = [claim("A", "B", shapely.box(0, 0, 5, 10)), claim("A", "C", shapely.box(4.9999, 0, 8, 10))]
    _, slices, found = run(ROW, list("ABC"), claims)
    assert found == []
    assert sum(slices.values()) == 100


def test_outside_takes_what_nobody_claims():
    edition = shapely.box(0, 0, 8, 10)
    claims = [
        claim("A", "B", shapely.box(7, 0, 9, 10)),
        claim("A", None, edition, kind="correction", outside=True),
    ]
    _, slices, _ = run(ROW, list("ABC"), claims)
    assert slices == {(0, NOBODY): 70, (0, 0): 20, (0, 1): 10}


def test_free_land_leaves_others_their_land():
    _, slices, found = run(ROW, list("ABC"), [claim(None, "X", shapely.box(25, 0, 40, 10), kind="created")])
    assert slices == {(NOBODY, 0): 100}
    assert [finding.check for finding in found] == ["land is not free"]


def test_land_of_a_unit_that_ended_is_free():
    _, slices, _ = run(ROW, ["A", "B", None], [claim(None, "X", shapely.box(25, 0, 40, 10), kind="created")])
    assert slices == {(2, NOBODY): 50, (2, 0): 50, (NOBODY, 0): 100}


def test_neighbours_get_corners():
    done, _, _ = run(ROW, list("ABC"), [claim("B", "C", shapely.box(10, 0, 20, 4))])
    assert sorted(done.matched.tolist()) == [0, 2]
    assert shapely.get_coordinates(done.corners).tolist() == [[10, 4], [20, 4]]


def test_a_line_that_passes_a_corner_within_rounding_runs_through_it():
    """Else the corner is lost on the tip of a face of no width, and the neighbour does not match."""
    units = [
        shapely.Polygon([(0, 0), (10, 0), (20, 0), (20, 10), (10, 10.0), (0, 10)]),
        shapely.Polygon([(0, 10), (10, 10.0), (20, 10), (20, 20), (0, 20)]),
    ]
    moved = [shapely.transform(shape, lambda c: c + np.array([600_000, 7_000_000])) for shape in units]
    near = 600_010 - 2e-10
    part = shapely.Polygon([(near, 6_999_990), (600_030, 6_999_990), (600_030, 7_000_010), (near, 7_000_010)])
    done, _, _ = run(moved, list("AB"), [claim("A", "C", part)])
    shapes = [*(piece.geometry for piece in done.slices), done.polygons[1]]
    assert shapely.coverage_is_valid(shapes)
    assert done.polygons[1] is moved[1]
