"""What tells a border that moved from a line drawn anew, rule by rule; test_diff has them at work."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely

from geomerge.coverage import objects
from geomerge.diff.overlay import OUTSIDE, overlay
from geomerge.diff.redrawn import Thresholds, judge, main_pairs


def judged(before, after, *, listed=frozenset(), **given):
    shapes = [objects(list(table.geometry)) for table in (before, after)]
    limits = Thresholds(**{"noise": 0.1, "detail": 1e9, **given})
    return judge(overlay(*shapes), *shapes, limits, listed=listed).set_index(["old", "new"])


@pytest.mark.parametrize(
    ("first", "second", "rule", "verdict"),
    [
        (("AAB", "AAB"), ("AAB", "ABB"), "end", "real"),
        (("AABBB", "AABBB", "AABBB"), ("AABBB", "AAABB", "AABBB"), "corner left out", "redrawn"),
        (("AAAABB", "AABABB", "AAAABB"), ("AAAABB", "AAAABB", "AAAABB"), "ring", "real"),
        (("AAAABB", "AAAABB", "AAAABB"), ("AAAABB", "AABABB", "AAAABB"), "ring", "real"),
    ],
)
def test_rules(drawn, first, second, rule, verdict):
    patches = judged(drawn(*first), drawn(*second))
    small = patches[patches.area == 100].iloc[0]
    assert (small.rule, small.verdict) == (rule, verdict)


def test_thresholds_decide(drawn):
    editions = drawn("AABBB", "AABBB", "AABBB"), drawn("AABBB", "AAABB", "AABBB")
    for given, rule in (
        ({}, "corner left out"),
        ({"detail": 99.0}, "area"),
        ({"noise": 5.1, "detail": 99.0}, "narrow"),
        ({"listed": frozenset([(1, 0)])}, "listed"),
        ({"noise": 5.1, "listed": frozenset([(1, 0)])}, "narrow"),
    ):
        assert judged(*editions, **given).loc[(1, 0)].rule == rule


def test_the_coast_is_never_a_change(drawn):
    patches = judged(drawn("AAB", "AAB"), drawn("AAB", " AB"))
    assert patches.loc[(0, OUTSIDE)].rule == "outer"


def test_a_unit_of_its_own_is_no_neighbour_s(drawn):
    """Most of C lies where nobody was, though it took a bit of B: it is new, not the heir of B."""
    before, after = drawn("AABBBB    "), drawn("AABBBCCCC ")
    table = overlay(*(objects(list(table.geometry)) for table in (before, after))).patches()
    assert main_pairs(table) == {(0, 0), (1, 1), (OUTSIDE, 2)}


def test_an_island_drawn_elsewhere_is_the_same_island():
    table = pd.DataFrame({"old": [0, 0, -1], "new": [0, -1, 0], "area": [1.0, 3.0, 3.0]})
    assert main_pairs(table) == {(0, 0)}


def test_what_is_measured_is_told(drawn):
    before, after = drawn("AAB", "ABB"), drawn("AAB", "ABB")
    shapes = [objects(list(table.geometry)) for table in (before, after)]
    patches = judge(overlay(*shapes), *shapes, Thresholds(noise=0.1))
    assert patches.attrs == {"detail": 0.0, "chance": 0.0}  # two corners tell nothing


def test_borders_that_scatter_make_the_limit_wider():
    """Twenty corners move by a metre each; a strip three metres wide among them proves nothing."""
    line = [(50 + (y % 20) / 10, y) for y in range(0, 201, 10)]
    shaken = [(x + 1, y) if 0 < y < 200 else (x, y) for x, y in line]
    shaken[10] = (shaken[10][0] + 3, shaken[10][1])

    def units(border):
        west = shapely.Polygon([(0, 0), *border, (0, 200)])
        return objects([west, shapely.difference(shapely.box(0, 0, 100, 200), west)])

    before, after = units(line), units(shaken)
    patches = judge(overlay(before, after), before, after, Thresholds(noise=0.1)).set_index(["old", "new"])
    row = patches.loc[(1, 0)]
    assert row.rule == "narrow"
    assert row.limit == pytest.approx(4, rel=0.02)
