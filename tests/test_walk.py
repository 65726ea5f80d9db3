"""The walk of pieces through the dates: what is touched, what is joined again."""

from __future__ import annotations

import pytest
import shapely

from geomerge.steps import steps
from geomerge.walk import Piece, needed_cuts, together, touched

STRIP = {"transfer": "A", "to": "B", "area": "s"}


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ([{"merge": ["A", "B"], "into": "X"}], "AB"),
        ([{"renumber": "A", "to": "X"}], ""),
        ([{"rename": "A", "name": "X"}, {"reparent": "B", "parent": "P"}], ""),
        ([{"abolish": "A"}], ""),
        ([STRIP], "AB"),
        ([STRIP, {"merge": ["A", "B"], "into": "X"}], "AB"),
        ([{"create": "X", "area": "s"}], ""),
        ([{"correct": "C", "edition": "e"}], "C"),
        ([{"renumber": "A", "to": "X"}, {"merge": ["X", "C"], "into": "Y", "date": "2021-01-01"}], "AC"),
        ([{"abolish": "C"}, {**STRIP, "date": "2021-01-01"}], "AB"),
    ],
)
def test_touched(drawn, events, affected):
    road = steps(drawn.plan(*events), list("ABC"))
    found = touched(road, list("ABC"))
    assert "".join(code for code, hit in zip("ABC", found, strict=True) if hit) == affected


def test_needed_cuts_are_in_one_order_and_law_goes_first(drawn):
    events = [{"correct": ["A"], "to": "C", "area": "t"}, STRIP, {**STRIP, "area": "r"}]
    orders = [drawn.plan(*events), drawn.plan(*reversed(events))]
    found = [[entry.cut.selector.area for entry in needed_cuts(steps(plan, "ABC")[0])] for plan in orders]
    assert found == [["r", "s", "t"]] * 2


def piece(rank, old, now, x, kind="whole"):
    return Piece(rank, old, now, shapely.box(x, 0, x + 1, 1), (f"to {now}",) if now != old else (), kind)


def test_together():
    found = together(
        [
            piece(1, "B", "Y", 5),
            piece(0, "A", "X", 0),
            piece(0, "A", "Y", 1),
            piece(0, "A", "X", 2),
            piece(0, "A", "Y", 3, "correction"),
            piece(9, None, "Z", 7, "created"),
            piece(2, "C", None, 8),
        ]
    )
    assert [(p.old, p.now, p.kind, p.geometry.area) for p in found] == [
        ("A", "X", "part", 2),
        ("A", "Y", "part", 1),
        ("A", "Y", "correction", 1),
        ("B", "Y", "whole", 1),
        ("C", None, "whole", 1),
        (None, "Z", "created", 1),
    ]
    assert found[0].events == ("to X",)
