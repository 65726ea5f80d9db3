"""A code is looked up both ways, as a person would ask."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.history import History
from geomerge.lookup import lookup
from geomerge.plan import Plan

PLAN = Plan.model_validate(
    {
        "events": [
            {"date": "2017-01-01", "merge": ["0706", "0719", "0720"], "into": "0710", "name": "Sandefjord"},
            {"date": "2017-01-01", "transfer": "0720", "to": "0704", "share": 0.025, "by": "area"},
            {"date": "2020-01-01", "renumber": "0710", "to": "3804"},
            {"date": "2022-01-01", "transfer": "3804", "to": "0704"},
            {"date": "2024-01-01", "renumber": "0704", "to": "0720"},
        ],
        "parents": [{"code": "07", "name": "Vestfold"}],
    }
)
UNITS = pd.DataFrame(
    {"code": ["0704", "0706", "0719", "0720"], "name": ["Tønsberg", "Sandefjord", "Andebu", "Stokke"], "parent": "07"}
)


def history() -> History:
    return History(PLAN, UNITS, begin=dt.date(2010, 1, 1), known_until=dt.date(2025, 1, 1), level="municipality")


def said(code: str, on: str | None = None, **more: str) -> list[list[str]]:
    return [answer.sentences() for answer in lookup(history(), code, on, **more)]


def test_forwards() -> None:
    assert said("0719", "2021-01-01") == [
        [
            "0719 Andebu, in 07 Vestfold, valid from 2010-01-01 to 2016-12-31",
            "On 2021-01-01 it is",
            "  3804 Sandefjord (the whole)",
            "    2017-01-01 merge 0706 0719 0720 > 0710",
            "    2020-01-01 renumber 0710 > 3804",
        ]
    ]


def test_backwards_with_the_part_of_each() -> None:
    assert said("3804", "2015-06-01")[0][1:5] == [
        "On 2015-06-01 it was",
        "  0706 Sandefjord (the whole)",
        "  0719 Andebu (the whole)",
        "  0720 Stokke (97.5% of the area of 0720)",
    ]


def test_a_code_that_was_used_twice_has_two_answers() -> None:
    first, second = said("0720", "2018-01-01")
    assert first[0] == "0720 Stokke, in 07 Vestfold, valid from 2010-01-01 to 2016-12-31"
    assert first[2:4] == ["  0704 Tønsberg (2.5% of the area of 0720)", "  0710 Sandefjord (97.5% of the area of 0720)"]
    assert second[0] == "0720 Tønsberg, in 07 Vestfold, valid since 2024-01-01"
    assert second[2:4] == ["  0704 Tønsberg (the whole)", "  0710 Sandefjord (a part, nobody says how much)"]
    assert len(said("0720", "2018-01-01", since="2024-06-01")) == 1


def test_without_a_day_a_unit_is_followed_to_its_end_and_traced_to_its_beginning() -> None:
    assert [lines[1] for lines in said("3804")] == ["On 2019-12-31 it was"]
    assert [lines[1] for lines in said("0710")] == ["On 2016-12-31 it was", "On 2024-01-01 it is"]
    assert [lines[1] for lines in said("0706")] == ["On 2024-01-01 it is"]


def test_a_unit_that_was_always_there_has_an_answer_without_a_day() -> None:
    assert [lines[:2] for lines in said("07", parents=True)] == [  # type: ignore[arg-type]
        ["07 Vestfold, valid since 2010-01-01", "On 2024-01-01 it is valid itself."]
    ]


def test_a_unit_that_is_there() -> None:
    assert said("0704", "2018-01-01")[0][1] == "On 2018-01-01 it is valid itself."
    # between two days it may have received land all the same
    assert said("0704", "2018-01-01", since="2016-01-01")[0][1:3] == [
        "On 2018-01-01 it is",
        "  0704 Tønsberg (the whole)",
    ]


def test_what_happened_to_a_unit_while_it_had_its_code() -> None:
    assert said("0704", "2018-01-01")[0][2:] == [
        "While it had the code",
        "  2017-01-01: A part of 0720 moves to 0704.",
        "  2022-01-01: A part of 3804 moves to 0704.",
    ]


def test_land_of_no_unit() -> None:
    gone = History.of(Plan(date="2020-01-01", events=[{"abolish": "1"}]))
    assert lookup(gone, "1", "2021-01-01")[0].sentences() == [
        "1, valid until 2019-12-31",
        "On 2021-01-01 its land belongs to no unit.",
    ]


def test_days_beyond_what_is_known_are_said() -> None:
    assert (
        said("0706", "2026-01-01")[0][-1] == "All changes are known up to 2025-01-01; later ones are not in the answer."
    )


def test_parents() -> None:
    (answer,) = lookup(history(), "07", "2020-01-01", parents=True)
    assert answer.sentences() == ["07 Vestfold, valid since 2010-01-01", "On 2020-01-01 it is valid itself."]


@pytest.mark.parametrize(
    ("code", "options", "fault"),
    [
        ("706", {}, r"No municipality ever had the code 706\. Did you mean 0706\? A code keeps its zeros"),
        ("xx", {}, "No municipality ever had the code xx. Correct the code, or see which history it is from"),
        ("07", {}, r"No municipality ever had the code 07. A parent has it: look parents up"),
        ("0706", {"on": "2009-01-01"}, "begins on 2010-01-01"),
        ("0706", {"on": "soon"}, "'soon' is no date"),
        (
            "0706",
            {"since": "2018-01-01"},
            "0706 was not in use on 2018-01-01, but from 2010-01-01 to before 2017-01-01",
        ),
    ],
)
def test_faults(code: str, options: dict[str, str], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        lookup(history(), code, **options)  # type: ignore[arg-type]


def test_the_answer_for_machines_is_json() -> None:
    record = json.loads(json.dumps(lookup(history(), "0719", "2021-01-01")[0].record()))
    assert (record["code"], record["direction"], record["rows"][0]["new_code"]) == ("0719", "became", "3804")
