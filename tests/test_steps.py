"""A plan read date by date: whole fates, parts that follow, and names and parents that are carried along."""

from __future__ import annotations

from typing import Any

from geomerge.plan import Plan
from geomerge.steps import Step, final_names, final_parents, steps


def road(*events: dict[str, Any], codes: str = "1 2 3 4") -> list[Step]:
    return steps(Plan.model_validate({"date": "2020-01-01", "events": events}), codes.split())


def moved(step: Step) -> list[tuple[str | None, str | None, str | None]]:
    return [(entry.cut.unit, entry.cut.new, entry.cut.unit_there) for entry in step.cuts]


def test_what_nothing_happens_to_stays() -> None:
    (step,) = road({"merge": "1 2", "into": "9"})
    assert step.whole == {
        "1": ("9", "merge 1 2 > 9"),
        "2": ("9", "merge 1 2 > 9"),
        "3": ("3", ""),
        "4": ("4", ""),
    }
    assert step.alive == ("9", "3", "4")


def test_each_date_starts_from_the_codes_of_the_one_before() -> None:
    first, second = road({"renumber": "1", "to": "5", "date": "2019-01-01"}, {"merge": "5 2", "into": "6"})
    assert first.alive == ("5", "2", "3", "4")
    assert set(second.whole) == {"5", "2", "3", "4"}
    assert second.alive == ("6", "3", "4")


def test_a_part_given_to_a_unit_that_merges_goes_along() -> None:
    (step,) = road({"transfer": "1", "to": "2", "area": "a"}, {"merge": "2 3", "into": "9"})
    assert moved(step) == [("1", "9", "2")]


def test_a_part_given_to_a_unit_that_is_renumbered_goes_along() -> None:
    (step,) = road({"transfer": "1", "to": "2", "area": "a"}, {"renumber": "2", "to": "9"})
    assert moved(step) == [("1", "9", "2")]


def test_a_part_given_to_a_code_that_is_new_stays_there() -> None:
    part = {"code": "1806", "area": "a"}
    (step,) = road(
        {"split": "1", "into": [part, {"code": "1875", "remainder": True}]},
        {"merge": "2 3", "into": "1806"},
        {"renumber": "4", "to": "1875"},
    )
    assert moved(step) == [("1", "1806", None)]
    assert step.successors("1") == ("1875", "1806")


def test_abolished_units_have_no_successor() -> None:
    (step,) = road({"abolish": "1"})
    assert step.whole["1"] == (None, "abolish 1")
    assert step.successors("1") == ()
    assert step.alive == ("2", "3", "4")


def test_a_correction_makes_no_successor() -> None:
    (step,) = road({"correct": "1", "to": "2", "area": "a"})
    assert step.successors("1") == ("1",)


def test_names_are_carried_to_the_same_code_or_a_sole_successor() -> None:
    named = [{"rename": code, "name": f"Name {code}", "date": "2018-01-01"} for code in ("1", "2", "3")]
    found = road(*named, {"merge": "1 2", "into": "1", "date": "2019-01-01"}, {"renumber": "3", "to": "5"})
    assert final_names(found) == {"1": "Name 1", "5": "Name 3"}


def test_names_of_several_that_merge_are_not_carried() -> None:
    named = [{"rename": code, "name": f"Name {code}", "date": "2018-01-01"} for code in ("1", "2")]
    assert final_names(road(*named, {"merge": "1 2", "into": "9"})) == {}


def test_the_last_parent_given_counts_and_ends_with_its_unit() -> None:
    found = road(
        {"reparent": "1 2", "parent": "A", "date": "2018-01-01"},
        {"reparent": "1", "parent": "B", "date": "2019-01-01"},
        {"abolish": "2"},
    )
    assert final_parents(found) == {"1": "B"}
