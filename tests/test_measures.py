"""Measures: how they are written, and what is said where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from geomerge.errors import InputError
from geomerge.restate.measures import Count, Drop, Largest, Measure, Rate, Shares, measure_of


@pytest.mark.parametrize(
    ("written", "measure"),
    [
        ("count", Count()),
        ("count:whole", Count(count="whole")),
        ({"count": "whole"}, Count(count="whole")),
        ("rate:people", Rate(rate="people")),
        ("mean: people", Rate(rate="people")),
        ({"rate": "people"}, Rate(rate="people")),
        ({"mean": "people"}, Rate(rate="people")),
        ("rate:a:b", Rate(rate="a:b")),
        ("largest", Largest()),
        ("largest:people", Largest(largest="people")),
        ({"largest": None}, Largest()),
        ("shares", Shares()),
        ({"shares": "people"}, Shares(shares="people")),
        ("drop", Drop()),
        (Rate(rate="people"), Rate(rate="people")),
    ],
)
def test_as_written(written: Any, measure: Measure):
    assert measure_of(written, "f") == measure


@pytest.mark.parametrize(
    "written",
    ["sum", "rate", "mean", "count:half", "drop:it", "", 3, None, {}, {"rate": "a", "mean": "b"}, {"rate": 3}, {1: 2}],
)
def test_what_is_none(written: Any):
    with pytest.raises(InputError, match=r"Column f has the measure .* Write count, count:whole, rate:COLUMN"):
        measure_of(written, "f")


def test_weights():
    measures = [Count(), Rate(rate="a"), Largest(largest="b"), Shares(shares="c"), Largest(), Drop()]
    assert [measure.weight for measure in measures] == [None, "a", "b", "c", None, None]
