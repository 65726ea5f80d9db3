"""Trails: every way that land can have gone, by the codes it had."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from geomerge.plan import Plan
from geomerge.selectors import Selector
from geomerge.steps import steps
from geomerge.trails import trails, was


def ways(*events: dict[str, Any], codes: str = "ABC") -> set[str]:
    """Return the ways through the years 2020, 2021, ...; ``-`` where the land is no unit's."""
    dated = [{"date": f"20{20 + number}-01-01", **event} for number, event in enumerate(events)]
    road = steps(Plan.model_validate({"events": dated}), codes)
    return {"".join(code or "-" for code in way) for way in trails(road, codes)}


MERGE = {"merge": ["A", "B"], "into": "M"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"renumber": "A", "to": "X"}], {"AX", "BB", "CC"}),
        ([MERGE], {"AM", "BM", "CC"}),
        ([{"abolish": "A"}], {"A-", "BB", "CC"}),
        ([{"abolish": "A"}, MERGE | {"merge": ["B", "C"]}], {"A--", "BBM", "CCM"}),
        # a part that nobody placed may be anywhere in its unit
        ([{"transfer": "A", "to": "B"}], {"AA", "AB", "BB", "CC"}),
        ([MERGE, {"transfer": "M", "to": "C"}], {"AMM", "AMC", "BMM", "BMC", "CCC"}),
        # a part that goes where the whole goes is none
        ([{"transfer": "A", "to": "B"}, {"merge": ["A", "B"], "into": "A", "date": "2020-01-01"}], {"AA", "BA", "CC"}),
        # a former unit takes its own land, and no other
        ([MERGE, {"transfer": "M", "to": "C", "former": "A"}], {"AMC", "BMM", "CCC"}),
        (
            [MERGE, {"split": "M", "into": [{"code": "X", "former": "B"}, {"code": "Y", "remainder": True}]}],
            {"AMY", "BMX", "CCC"},
        ),
        # also where the land came by a part of its own
        ([{"transfer": "A", "to": "B"}, {"transfer": "B", "to": "C", "former": "A"}], {"AAA", "ABC", "BBB", "CCC"}),
        # the plan begins after the former unit: its land may be anywhere
        ([{"transfer": "A", "to": "B", "former": "Z"}], {"AA", "AB", "BB", "CC"}),
        # new land, and land that comes back
        ([{"renumber": "A", "to": "X"}, {"create": "N", "area": "n"}], {"AXX", "BBB", "CCC", "--N"}),
        ([{"abolish": "A"}, {"create": "N", "former": "A"}], {"A-N", "BBB", "CCC"}),
        ([{"abolish": "A"}, {"create": "N", "area": "n"}], {"A-N", "A--", "BBB", "CCC", "--N"}),
        # a better drawing moves no land
        ([{"correct": ["A"], "to": "B", "area": "n"}], {"AA", "BB", "CC"}),
    ],
)
def test_ways(events: list[dict[str, Any]], expected: set[str]) -> None:
    assert ways(*events) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("2020-01-01", {"AXXMP", "BBAMQ", "CCCCC"}),  # the first unit A
        ("2022-01-01", {"AXXMQ", "BBAMP", "CCCCC"}),  # the second one
    ],
)
def test_a_code_that_is_used_again_is_another_unit(before: str, expected: set[str]) -> None:
    parts = [{"code": "P", "former": "A", "before": before}, {"code": "Q", "remainder": True}]
    events = [
        {"renumber": "A", "to": "X"},
        {"renumber": "B", "to": "A"},
        {"merge": ["A", "X"], "into": "M"},
        {"split": "M", "into": parts},
    ]
    assert ways(*events) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [(None, True), ("2019-06-01", True), ("2020-01-01", True), ("2020-01-02", False), ("2022-01-01", False)],
)
def test_was(before: str | None, expected: bool) -> None:
    trail = ((dt.date(2020, 1, 1), "A"), (dt.date(2021, 1, 1), "B"))
    assert was(trail, "C", Selector(former="A", before=before)) is expected


def test_what_it_is_now_counts_only_on_a_later_day() -> None:
    trail = ((dt.date(2020, 1, 1), "A"),)
    assert not was(trail, "B", Selector(former="B"))
    assert was(trail, "B", Selector(former="B", before="2021-01-01"))
