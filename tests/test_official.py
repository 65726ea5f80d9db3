"""An official list against the map; test_diff has the findings of whole editions."""

from __future__ import annotations

from geomerge.diff.official import listed
from geomerge.plan import Plan


def test_a_list_is_followed_over_its_dates():
    plan = Plan.model_validate(
        {
            "events": [
                {"merge": "1 2", "into": "9", "date": "2020-01-01"},
                {"renumber": "9", "to": "8", "name": "Eight", "date": "2021-01-01"},
                {"abolish": "3", "date": "2021-01-01"},
            ]
        }
    )
    found = listed(plan, ["1", "2", "3", "4"])
    assert found.pairs == {("1", "8"), ("2", "8"), ("4", "4")}
    assert found.names == {"8": "Eight"}
    assert found.slips == ()


def test_parts_count_without_saying_where_they_are():
    split = {"split": "1", "into": [{"code": "1", "remainder": True}, {"code": "2"}]}
    found = listed(Plan(date="2020-01-01", events=[split]), ["1"])
    assert found.pairs == {("1", "1"), ("1", "2")}
    assert found.slips == ()


def test_codes_that_no_unit_has_are_slips():
    found = listed(Plan(date="2020-01-01", events=[{"renumber": "7", "to": "8"}]), ["1"])
    assert [(slip.check, slip.severity) for slip in found.slips] == [("list", "should")]
