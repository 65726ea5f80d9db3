"""The walk of pieces through the dates: what is touched, what is joined again."""

from __future__ import annotations

import pytest
import shapely

from geomerge.errors import Blocked
from geomerge.steps import needed_cuts, steps
from geomerge.walk import Piece, together, touched

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


MERGE = {"merge": ["A", "B"], "into": "M", "date": "2020-01-01"}
DEMERGE = {
    "split": "M",
    "into": [{"code": "X", "former": "B"}, {"code": "Y", "remainder": True}],
    "date": "2024-01-01",
}


def test_a_former_unit_comes_back_as_it_was_without_any_cut(drawn):
    units = drawn("AAB", "ACB")
    cut, new, _ = drawn.change(units, MERGE, DEMERGE)
    assert dict(zip(cut.old_code, cut.new_code, strict=True)) == {"A": "Y", "B": "X", "C": "C"}
    assert set(cut.kind) == {"whole"}
    before = dict(zip(units.code, units.geometry.to_wkb(), strict=True))
    assert new.geometry.to_wkb().to_dict() == {"X": before["B"], "Y": before["A"], "C": before["C"]}


def test_what_a_former_unit_names_goes_before_the_cuts_of_the_day_and_keeps_the_edges(drawn):
    units = drawn("AAB", "ACB")
    strip = {"transfer": "M", "to": "C", "area": "s", "date": "2024-01-01"}
    sources = {"s": drawn.area(0.5, 0, 2.5, 1)}
    cut, new, _ = drawn.change(units, MERGE, DEMERGE, strip, sources=sources)
    pairs = {(old, now): area / 100 for old, now, area in zip(cut.old_code, cut.new_code, cut.area, strict=True)}
    assert pairs == {("A", "Y"): 2.5, ("A", "C"): 0.5, ("B", "X"): 2, ("C", "C"): 1}
    assert shapely.coverage_is_valid(new.geometry.to_numpy())


def test_land_that_was_abolished_can_come_back(drawn):
    events = [{"abolish": "B", "date": "2020-01-01"}, {"create": "N", "former": "B", "date": "2021-01-01"}]
    _, new, _ = drawn.change(drawn("AB"), *events)
    assert sorted(new.code) == ["A", "N"]


@pytest.mark.parametrize(
    ("former", "fault"),
    [("Z", "No land of M was Z, as far as the plan tells"), ("A", None)],
)
def test_a_former_unit_that_the_plan_does_not_know_is_told(drawn, former, fault):
    event = {"transfer": "M", "to": "C", "former": former, "date": "2024-01-01"}
    if fault is None:
        drawn.change(drawn("ABC"), MERGE, event)
        return
    with pytest.raises(Blocked, match=fault):
        drawn.change(drawn("ABC"), MERGE, event)


def test_a_former_unit_that_is_all_there_is_is_no_part(drawn):
    events = [{"renumber": "A", "to": "M", "date": "2020-01-01"},
              {"transfer": "M", "to": "B", "former": "A", "date": "2021-01-01"}]  # fmt: skip
    with pytest.raises(Blocked, match=r"All land of M was A.*Name the unit as a whole instead"):
        drawn.change(drawn("AB"), *events)
