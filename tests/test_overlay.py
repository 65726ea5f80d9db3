"""Two editions laid over each other: faces, patches and corners, counted by hand."""

from __future__ import annotations

import shapely

from geomerge.coverage import objects
from geomerge.diff.overlay import OUTSIDE, corner_areas, overlay


def shapes(table):
    return objects(list(table.geometry))


def test_every_bit_of_land_lies_in_one_face(drawn):
    before, after = drawn("AAB", "AAB"), drawn("ABB", "CCB")
    land = overlay(shapes(before), shapes(after))
    assert shapely.area(land.faces).sum() == 600
    pairs = [*zip(land.old.tolist(), land.new.tolist(), strict=True)]
    assert pairs == [(0, 0), (0, 1), (0, 2), (1, 1)]


def test_land_of_one_edition_alone_is_outside_of_the_other(drawn):
    patches = overlay(shapes(drawn("AB")), shapes(drawn(" BC"))).patches()
    assert patches[["old", "new"]].to_numpy().tolist() == [[OUTSIDE, 1], [0, OUTSIDE], [1, 0]]


def test_connected_faces_of_a_pair_are_one_patch(drawn):
    before, after = drawn("ABA", "AAA", "ABA"), drawn("ADA", "ACA", "ADA")
    patches = overlay(shapes(before), shapes(after)).patches()
    assert patches[["old", "new", "area"]].to_numpy().tolist() == [
        [0, 0, 300],
        [0, 0, 300],
        [0, 1, 100],
        [1, 2, 100],
        [1, 2, 100],
    ]


def test_patches_have_a_width(drawn):
    patches = overlay(shapes(drawn("AAAB")), shapes(drawn("AABB"))).patches()
    assert patches.width.tolist() == [2 * 200 / 60, 2 * 100 / 40, 2 * 100 / 40]


def test_corners_of_borders_count_those_of_the_coast_and_of_meeting_borders_do_not(drawn):
    assert corner_areas(shapes(drawn("AAB", "ABB"))).tolist() == [50, 50]
    assert corner_areas(shapes(drawn("AB", "CB"))).tolist() == []
    assert corner_areas(shapes(drawn("AAB", "CCB"))).tolist() == [0]  # on the straight border of A and C
