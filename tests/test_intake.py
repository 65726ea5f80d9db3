"""Intake: each fault of a statistic or a crosswalk has its sentence, and all are told at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.restate.intake import intake

TABLE = pd.DataFrame({"code": ["1", "2"], "n": [1, 2], "r": [0.5, 1.5], "kind": ["a", "b"]})
WAY = pd.DataFrame({"old_code": ["1", "2", "2"], "new_code": ["9", "9", None], "share": [1.0, 0.5, 0.5]})
MEASURES = {"n": "count", "r": "rate:n", "kind": "largest:n"}


def taken(table: pd.DataFrame = TABLE, way: pd.DataFrame = WAY, **given: Any):
    options = {"code": "code", "columns": MEASURES, "by": (), "suppressed": (), **given}
    return intake(table, way, **options)


def faults(*args: Any, **given: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        taken(*args, **given)
    return list(caught.value.faults)


def test_what_is_in_order_passes():
    found = taken()
    assert found.figures["n"].tolist() == [1, 2]
    assert found.crosswalk["part"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("change", "given", "sentence"),
    [
        ({"m": 1}, {}, "Column m has no measure. State what it measures"),
        ({7: 1}, {}, "The statistics have columns whose names are no text: 7."),
        ({"share": 1}, {"by": ["share"]}, "Column share has the name of a column of the review."),
        ({"kind": None}, {"columns": {**MEASURES, "kind": "shares"}}, "Column kind holds no class at all."),
        ({}, {"by": "year"}, "The statistics have no column year."),
        ({}, {"by": ["year"]}, "The statistics have no column year. They have code, n, r, kind."),
        ({}, {"columns": {**MEASURES, "code": "count"}}, "Column code has two roles."),
        ({}, {"by": ["n"]}, "Column n has two roles."),
        ({}, {"columns": {**MEASURES, "r": "rate:kind"}}, "Column r is weighted by kind, which is no count."),
        ({}, {"columns": {**MEASURES, "n": "total"}}, "Column n has the measure 'total'."),
        ({"estimated": "x"}, {}, "Column estimated marks rows with true or false, but holds something else."),
        (
            {"code": [1, 2]},
            {},
            "Column code of the statistics holds 1, but codes are text: numbers lose leading zeros.",
        ),
        ({"code": ["1", 2]}, {}, "Column code of the statistics holds 2, but codes are text"),
        ({"code": ["1", "1"]}, {}, "1 rows repeat the code of another row, first code 1."),
        ({"n": ["1", "2"]}, {}, "Column n holds text where numbers are needed, such as '1', '2'."),
        (
            {"n": ["1", "1 000"]},
            {"suppressed": ["1"]},
            "Column n holds text where numbers are needed, such as '1 000'.",
        ),
        ({"n": [True, False]}, {}, "Column n holds true and false, not numbers."),
        ({"n": [1, np.inf]}, {}, "Column n is infinite in 1 rows, first in that of 2."),
        ({"n": [1, -1]}, {}, "Column n is negative, but others are weighted by it in 1 rows, first in that of 2."),
        ({"n": pd.to_datetime(["2020-01-01"] * 2)}, {}, "Column n holds text where numbers are needed"),
        (
            {"kind_a": 1},
            {"columns": {**MEASURES, "kind": "shares", "kind_a": "count"}},
            "The classes of kind need columns",
        ),
        ({"kind": [1, "1"]}, {"columns": {**MEASURES, "kind": "shares"}}, "Column kind has classes that read the same"),
    ],
)
def test_a_fault_of_the_statistics(change: dict[str, Any], given: dict[str, Any], sentence: str):
    kept = TABLE.drop(columns=[column for column in change if column in TABLE.columns])
    (fault,) = faults(pd.concat([kept, pd.DataFrame(change, index=TABLE.index)], axis=1), **given)
    assert fault.startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"old_code": [1, 2, 2]}, "Column old_code of the crosswalk holds 1, but codes are text"),
        ({"new_code": [9.0, 9.0, None]}, "Column new_code of the crosswalk holds 9.0, but codes are text"),
        ({"share": [1, 0.5, 0.4]}, "The shares of 1 old units do not add up to 1 (2: 0.9)."),
        ({"share": [1, 1.5, -0.5]}, "The share of 2 is 1.5. Shares lie between 0 and 1."),
        ({"share": ["1", "0.5", "0.5"]}, "Column share of the crosswalk holds '1', which is no number."),
        ({"new_code": ["9", "9", "9"]}, "The crosswalk has 1 rows twice, first 2 to 9."),
        ({"estimated": "True"}, "Column estimated of the crosswalk must hold true or false."),
    ],
)
def test_a_fault_of_the_crosswalk(change: dict[str, Any], sentence: str):
    (fault,) = faults(way=WAY.assign(**change))
    assert fault.startswith(sentence)


def test_columns_the_crosswalk_lacks():
    assert faults(way=WAY.drop(columns="share")) == ["The crosswalk has no column share. It has old_code, new_code."]


def test_two_columns_of_one_name():
    assert faults(pd.concat([TABLE, TABLE[["kind"]]], axis=1)) == ["The statistics have two columns kind. Rename one."]


def test_all_faults_at_once():
    odd = TABLE.assign(code=["1", "1"], n=["x", "y"], r=[1, np.inf])
    assert len(faults(odd, WAY.assign(share=0.3))) == 4
    assert len(faults(TABLE.assign(m=1), WAY[["old_code"]], by=["year"], columns={**MEASURES, "kind": "huge"})) == 4


def test_too_many_classes():
    table = pd.DataFrame({"code": [str(i) for i in range(300)], "kind": [f"k{i}" for i in range(300)]})
    (fault,) = faults(table, columns={"kind": "shares"})
    assert fault.startswith("Column kind has 300 classes")


def test_rows_repeat_only_within_a_combination():
    table = TABLE.assign(code="1", year=[2019, 2020])
    assert taken(table, by=["year"]).by == ("year",)
    (fault,) = faults(table.assign(year=2020), by=["year"])
    assert "first code 1, year 2020" in fault


@pytest.mark.parametrize("values", [[Decimal(1), Decimal(2)], np.array([1, 2.0], dtype=object), [None, None]])
def test_numbers_in_other_clothes(values: Any):
    found = taken(TABLE.assign(n=pd.Series(values, dtype=object)))
    assert pd.api.types.is_numeric_dtype(found.figures["n"].dtype)


def test_suppressed_cells_are_empty_and_known():
    table = TABLE.assign(n=["1", ":"], r=["..", "0.5"], kind=["..", "b"])
    found = taken(table, suppressed=[":", ".."])
    assert found.figures["n"].dtype == "Int64"
    assert found.figures["r"].dtype == "float64"
    assert {column: flags.tolist() for column, flags in found.suppressed.items()} == {
        "n": [False, True],
        "r": [True, False],
        "kind": [True, False],
    }


def test_a_unit_with_an_unknown_share_need_not_add_up():
    assert len(taken(way=WAY.assign(share=[1.0, 0.5, None])).crosswalk) == 3


def test_land_of_no_unit_leads_nowhere():
    created = pd.DataFrame({"old_code": [None], "new_code": ["7"], "share": [np.nan]})
    assert len(taken(way=pd.concat([WAY, created])).crosswalk) == 3
