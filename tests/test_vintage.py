"""From which days a table can be, by its codes, and by its names where they are given."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.history import History
from geomerge.plan import Plan
from geomerge.vintage import Vintage, vintage

PLAN = Plan.model_validate(
    {
        "events": [
            {"date": "2018-01-01", "merge": ["0101", "0102"], "into": "0109", "name": "Ni"},
            {"date": "2019-01-01", "rename": "0103", "name": "Trê"},
            {"date": "2020-01-01", "renumber": "0109", "to": "3009"},
        ]
    }
)
HISTORY = History(PLAN, pd.DataFrame({"code": ["0101", "0102", "0103"], "name": ["En", "To", "Tre"]}))


def judged(*codes: Any, **options: Any) -> Vintage:
    return vintage(pd.DataFrame({"id": range(len(codes)), "code": list(codes)}), HISTORY, **options)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (
            ["0101", "0102", "0103"],
            ["until 2017-12-31: all codes are valid (every unit of that time)"],
        ),
        (["0109"], ["from 2018-01-01 to 2019-12-31: all codes are valid (of 2 units)"]),
        (["3009", "0103", "0103"], ["since 2020-01-01: all codes are valid (every unit of that time)"]),
        (["0103"], ["always: all codes are valid (of 3 units)"]),
    ],
)
def test_the_days_on_which_all_codes_are_valid(codes: list[str], expected: list[str]) -> None:
    found = judged(*codes)
    assert found.sentences() == expected
    assert found.is_certain
    assert found.column == "code"


def test_names_tell_apart_days_with_the_same_codes() -> None:
    table = pd.DataFrame({"code": ["0109", "0103"], "name": ["Ni", "Trê"]})
    assert vintage(table, HISTORY).ranges["valid_from"].tolist() == ["2018-01-01"]
    found = vintage(table, HISTORY, name="name")
    assert found.ranges[["valid_from", "valid_to", "names"]].values.tolist() == [["2019-01-01", "2020-01-01", 2]]


def test_codes_of_several_days_are_told_with_the_days_they_were_valid() -> None:
    found = judged("0101", "0102", "0103", "3009", "3009")
    assert not found.is_certain
    assert found.sentences() == [
        "until 2017-12-31: 3 of 4 codes are valid (every unit of that time)",
        "not valid then: 3009 (2 rows), which was since 2020-01-01",
    ]


def test_codes_that_never_were_are_told_with_what_was_meant() -> None:
    found = judged("0101", "0102", "101", "9999", "9999", column="code")
    assert found.sentences()[1:] == [
        "never a code: 101 (1 row, the first has the index 2). Did you mean 0101? A code keeps its zeros.",
        "never a code: 9999 (2 rows, the first has the index 3). Correct the code.",
    ]


def test_a_column_of_years_is_not_taken_for_codes() -> None:
    table = pd.DataFrame({"kommune": ["0101", "102", "0103"], "year": ["3009"] * 3})
    assert vintage(table, HISTORY).column == "kommune"


def test_codes_get_back_their_zeros_where_their_width_is_stated() -> None:
    assert judged(101, 102, 103, column="code", code_width=4).is_certain
    assert judged("101", "0102", column="code", code_width=4).never.empty
    assert judged("101", "0102", column="code").never["code"].tolist() == ["101"]


@pytest.mark.parametrize(
    ("table", "options", "fault"),
    [
        ({"code": ["0101"]}, {"column": "kode"}, "The table has no column kode. It has code"),
        ({"code": ["0101"]}, {"name": "navn"}, "The table has no column navn"),
        ({"code": [101]}, {"column": "code"}, r"Column code holds numbers.*State their width \(code_width: 4\)"),
        ({"code": [101]}, {}, "No column holds codes of the history .* code holds numbers"),
        ({"code": [None]}, {"column": "code"}, "Column code is empty"),
        ({"code": ["0101"], "other": ["0103"]}, {}, "Columns code and other hold codes of the history"),
        ({"code": ["0101", 102]}, {"column": "code"}, "Column code holds 102 among texts"),
        ({"code": ["x", "y", "0101"]}, {}, r"No column holds codes of the history \(shares: code 33%\)"),
        ({}, {}, r"\(shares: no column\)"),
        ({0: ["0101"]}, {}, "Column 0 is called by no text"),
        ({"code": [True, False]}, {"column": "code"}, "Column code holds True among texts"),
    ],
)
def test_faults(table: dict[str, Any], options: dict[str, str], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        vintage(pd.DataFrame(table), HISTORY, **options)
