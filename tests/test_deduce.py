"""Events deduced from areas: who goes as a whole, what is split off, what is handed over."""

from __future__ import annotations

import datetime as dt

import pytest

from geomerge.diff.deduce import Codes, Parts, corrections, events, fates, interim
from geomerge.diff.overlay import OUTSIDE

DAY = dt.date(2020, 1, 1)


def found(areas, old, new):
    codes = Codes(list(old), list(new))
    return fates(areas, codes), codes


@pytest.mark.parametrize(
    ("areas", "whole", "parts", "moved"),
    [
        ({(0, 0): 9, (1, 0): 1}, {0: 0, 1: 0}, [], []),
        ({(0, 0): 9, (0, 1): 1}, {0: 0}, [(0, 1)], []),
        ({(0, 0): 9, (0, 1): 1, (1, 1): 5}, {0: 0, 1: 1}, [], [(0, 1)]),
        # most of 0 joins 1, but nobody else could become the new 0
        ({(0, 0): 1, (0, 1): 9, (1, 1): 5}, {0: 0, 1: 1}, [], [(0, 1)]),
        # 0 is split between two units, and joins a third in part
        ({(0, 0): 3, (0, 1): 4, (0, 2): 9, (1, 2): 5}, {0: 0, 1: 2}, [(0, 1)], [(0, 2)]),
    ],
)
def test_fates(areas, whole, parts, moved):
    fate, _ = found(areas, "ab", "abc")
    assert fate.whole == whole
    assert sorted(fate.parts) == parts
    assert sorted(fate.moved) == moved


def test_the_remainder_of_a_split_keeps_the_code():
    fate, codes = found({(0, 0): 1, (0, 1): 9}, "a", "ab")
    assert fate.whole == {0: 0}
    listed = events(fate, codes, Parts({(0, 1): "areas.gpkg|b"}, {(0, 1): "9 m²"}), DAY)
    into = [{"code": "b", "area": "areas.gpkg|b"}, {"code": "a", "remainder": True}]
    assert listed == [{"split": "a", "into": into, "note": "9 m²"}]


def test_equal_areas_go_to_the_first_unit():
    assert found({(0, 1): 5, (0, 0): 5, (1, 0): 1, (1, 1): 9}, "ab", "cd")[0].whole == {0: 0, 1: 1}


def test_created_and_abolished_units():
    fate, codes = found({(OUTSIDE, 0): 5, (0, OUTSIDE): 5}, "a", "b")
    assert events(fate, codes, Parts({(OUTSIDE, 0): "new"}), DAY) == [
        {"create": "b", "area": "new"},
        {"abolish": ["a"]},
    ]
    assert [fate.kind(pair) for pair in ((OUTSIDE, 0), (0, OUTSIDE))] == ["created", "abolished"]


def test_codes_that_pass_to_another_unit_are_put_aside_the_day_before():
    fate, codes = found({(0, 1): 5, (1, 0): 5, (2, 2): 5}, "abc", "abc")
    assert interim(fate, codes, DAY) == ["a until 2020-01-01", "b until 2020-01-01", "c"]
    listed = events(fate, codes, Parts({}), DAY)
    assert [event.get("date") for event in listed] == [dt.date(2019, 12, 31)] * 2 + [None] * 2
    taken = Codes(["a", "b", "a until 2020-01-01"], ["a", "b", "c"])
    assert interim(fate, taken, DAY)[0] == "a until 2020-01-01*"


def test_corrections_name_each_pair_and_each_coast():
    fate, codes = found({(0, 0): 5, (0, 1): 3, (1, 2): 5}, "ab", "abc")
    drawn = [(0, 2), (0, OUTSIDE), (OUTSIDE, 0), (OUTSIDE, 1), (OUTSIDE, 2)]
    assert corrections(drawn, fate, codes, "edition", DAY) == [
        {"correct": ["a"], "to": "c", "edition": "edition"},
        {"correct": ["a"], "edition": "edition"},
        {"correct": ["b until 2020-01-01"], "edition": "edition"},
        {"correct": ["b"], "edition": "edition", "date": dt.date(2020, 1, 2)},
    ]
