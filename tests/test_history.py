"""A history: who is there on a day, what is called how, and what contradicts it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from geomerge.errors import Blocked, InputError
from geomerge.history import History, as_date, first_codes
from geomerge.plan import Plan

UNITS = pd.DataFrame({"code": ["1", "2", "3"], "name": ["En", "To", None], "parent": ["p", "p", "q"]}, dtype="str")
EVENTS: list[dict[str, Any]] = [
    {"date": "2018-01-01", "merge": ["1", "2"], "into": "9", "name": "Ni", "parent": "p"},
    {"date": "2020-07-01", "renumber": "9", "to": "1"},
    {"date": "2020-07-01", "rename": "3", "name": "Tre"},
    {"date": "2024-01-01", "reparent": "3", "parent": "r"},
]


def history(**more: Any) -> History:
    plan = Plan.model_validate({"events": EVENTS, "parents": [{"code": "r", "name": "Rest"}]})
    return History(plan, UNITS, **more)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2017-12-31", [["1", "En", "p"], ["2", "To", "p"], ["3", None, "q"]]),
        ("2018-01-01", [["3", None, "q"], ["9", "Ni", "p"]]),
        (dt.date(2020, 7, 1), [["1", "Ni", "p"], ["3", "Tre", "q"]]),
        ("2099-01-01", [["1", "Ni", "p"], ["3", "Tre", "r"]]),
    ],
)
def test_units_on_a_day(day: Any, expected: list[list[str | None]]) -> None:
    found = history().units_on(day)
    assert found.astype(object).where(found.notna(), None).values.tolist() == expected


def test_a_code_that_is_used_again_has_two_periods() -> None:
    found = history().periods.astype(object).where(lambda table: table.notna(), None)
    assert found.values.tolist() == [
        ["1", "En", "p", None, "2018-01-01"],
        ["1", "Ni", "p", "2020-07-01", None],
        ["2", "To", "p", None, "2018-01-01"],
        ["3", "Tre", "r", None, None],
        ["9", "Ni", "p", "2018-01-01", "2020-07-01"],
    ]


def test_parents_have_periods_as_well() -> None:
    found = history(begin=dt.date(2000, 1, 1)).parent_periods.astype(object).where(lambda table: table.notna(), None)
    assert found.values.tolist() == [
        ["p", None, None, "2000-01-01", None],
        ["q", None, None, "2000-01-01", "2024-01-01"],
        ["r", "Rest", None, "2024-01-01", None],
    ]


def test_days_before_the_beginning_are_refused() -> None:
    with pytest.raises(InputError, match="Cities begins on 2000-01-01, and says nothing of 1999-12-31"):
        history(begin=dt.date(2000, 1, 1), title="Cities").position("1999-12-31")
    assert history().position("1066-10-14") == 0


def test_what_is_known() -> None:
    assert history().is_known("2099-01-01")
    assert not history(known_until=dt.date(2025, 7, 1)).is_known("2025-07-02")


def test_parts_need_no_place_but_all_else_must_fit() -> None:
    part = {"date": "2019-01-01", "transfer": "9", "to": "3"}
    History(Plan.model_validate({"events": [*EVENTS, part]}), UNITS)
    faulty = [*EVENTS, part | {"transfer": "2"}, {"date": "2021-01-01", "renumber": "4", "to": "5"}]
    with pytest.raises(Blocked) as caught:
        History(Plan.model_validate({"events": faulty}), UNITS)
    assert [finding.check for finding in caught.value.findings] == ["date", "unknown code"]


def test_a_former_unit_that_no_land_was_is_told() -> None:
    part = {"date": "2019-01-01", "transfer": "9", "to": "3", "former": "2"}
    plan = Plan.model_validate({"events": [*EVENTS, part]})
    History(plan, UNITS, begin=dt.date(2000, 1, 1))
    misspelt = Plan.model_validate({"events": [*EVENTS, part | {"former": "02"}]})
    with pytest.raises(Blocked, match=r"No land of 9 was 02 before 2019-01-01.*Did you mean 2\?"):
        History(misspelt, UNITS, begin=dt.date(2000, 1, 1))
    History(misspelt, UNITS)  # where not all units are known, nobody can tell


def test_the_first_change_comes_after_the_beginning() -> None:
    with pytest.raises(Blocked, match="begins on 2018-01-01, but its first change is on 2018-01-01"):
        history(begin=dt.date(2018, 1, 1))


@pytest.mark.parametrize("day", ["1.1.2020", "2020-13-01", None, 2020])
def test_what_is_no_date(day: Any) -> None:
    with pytest.raises(InputError, match=r"is no date. Write it as 2020-01-31"):
        as_date(day)


@pytest.mark.parametrize(
    ("events", "codes"),
    [
        ([{"merge": ["1", "2"], "into": "9"}, {"date": "2021-01-01", "renumber": "9", "to": "8"}], "12"),
        ([{"merge": ["1", "2"], "into": "1"}], "12"),
        ([{"split": "1", "into": [{"code": "2", "area": "a"}, {"code": "3", "remainder": True}]}], "1"),
        ([{"transfer": "1", "to": "2", "area": "a"}], "12"),
        ([{"transfer": "1", "to": "9", "area": "a"}, {"merge": ["1", "2"], "into": "9"}], "12"),
        ([{"rename": "1", "name": "En"}, {"renumber": "2", "to": "3", "name": "To"}], "12"),
        ([{"create": "9", "area": "a"}, {"abolish": "1"}], "1"),
    ],
)
def test_codes_that_must_have_been_there(events: list[dict[str, Any]], codes: str) -> None:
    assert "".join(first_codes(Plan.model_validate({"date": "2020-01-01", "events": events}))) == codes
