"""Flows: every row of a statistic goes somewhere, or has a reason why not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geomerge.restate.flows import (
    JOINS_ABSENT,
    JOINS_UNKNOWN_SHARE,
    NO_CODE,
    NO_SUCCESSOR,
    UNKNOWN_CODE,
    UNKNOWN_SHARE,
    flows,
)
from geomerge.restate.intake import intake

WAY = pd.DataFrame(
    {
        "old_code": ["1", "2", "2", "3", "4", "4"],
        "new_code": ["9", "9", "8", None, "8", "7"],
        "share": [1, 0.25, 0.75, 1, np.nan, np.nan],
    }
)


def flowing(codes: list[str | None], unknown="review", absent="missing"):
    table = pd.DataFrame({"code": codes})
    taken = intake(table, WAY, code="code", columns={}, by=(), suppressed=())
    return flows(taken, unknown=unknown, absent=absent)


def test_flows_stand_in_the_order_of_old_codes():
    found = flowing(["2", "1"])
    assert found.row.tolist() == [1, 0, 0]
    assert found.new[found.cell].tolist() == ["9", "8", "9"]
    assert found.share.tolist() == [1, 0.75, 0.25]
    assert found.part.tolist() == [False, True, True]
    assert found.alone.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(None, NO_CODE), ("x", UNKNOWN_CODE), ("3", NO_SUCCESSOR), ("4", UNKNOWN_SHARE), ("1", 0)],
)
def test_reasons(code: str | None, reason: int):
    assert set(flowing([code]).reason.tolist()) == {reason}


def test_a_row_without_a_share_is_carried_once():
    found = flowing(["4"])
    assert found.carried.tolist() == [1, 0]
    assert found.blocked.tolist() == [JOINS_UNKNOWN_SHARE] * 2


def test_a_new_row_that_lacks_one_of_its_units_is_blocked():
    assert flowing(["1"]).blocked.tolist() == [JOINS_ABSENT]
    assert flowing(["1"], absent="zero").blocked.tolist() == [0]


def test_a_kept_code_flows_into_itself():
    found = flowing(["x", "1"], unknown="keep", absent="zero")
    assert sorted(found.new[found.cell]) == ["9", "x"]
    assert found.reason.tolist() == [0, 0]
