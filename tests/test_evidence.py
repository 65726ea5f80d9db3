"""The evidence of a diff: one row a pair, its areas add up, and each row says why."""

from __future__ import annotations

import pytest

from geomerge.diff import diff
from geomerge.diff.evidence import COLUMNS

SIDES = ("old_code", "new_code")


def test_columns(drawn):
    found = diff(drawn("AAB"), drawn("ABB"), date="2020-01-01")
    assert list(found.evidence.columns) == [*COLUMNS, "geometry"]
    assert found.evidence.crs == drawn.crs
    assert found.evidence.area.sum() == 300


def test_shares_are_of_the_units(drawn):
    found = diff(drawn("AAAABB"), drawn("AABBBB"), date="2020-01-01")
    row = found.evidence.query("old_code == 'A' and new_code == 'B'").iloc[0]
    assert (row.share_old, row.share_new, row.area, row.moved) == (0.5, 0.5, 200, 200)


NOTCH = ("AABBB", "AABBB", "AABBB"), ("AABBB", "AAABB", "AABBB")
ENCLAVE = ("AAAABB", "AABABB", "AAAABB"), ("AAAABB", "AAAABB", "AAAABB")


@pytest.mark.parametrize(
    ("editions", "pair", "given", "reason"),
    [
        (NOTCH, "AA", {}, "100 % of A are 85.71 % of A."),
        ((("AB ",), ("ABC",)), (None, "C"), {}, "100 % of C belonged to no unit."),
        ((("ABC",), ("AB ",)), ("C", None), {}, "100 % of C belong to no unit any more."),
        ((("AAB",), (" AB",)), ("A", None), {}, "The line towards land of no unit was drawn anew."),
        (NOTCH, "BA", {"noise": 6}, "5.000 m wide on average, less than the 6.000 m that count here."),
        (
            (("AAAAB", "AAABB"), ("AAABB", "AAABB")),
            "AB",
            {},
            "The border's end moved: 10.000 m along the land divide units before and after.",
        ),
        (ENCLAVE, "BA", {}, "The border around it went, over 40.000 m, as a whole."),
        (ENCLAVE[::-1], "AB", {}, "The border around it came about, over 40.000 m, as a whole."),
        (NOTCH, "BA", {"detail": 99}, "100.000 m² in one place are more than the 99.000 m² of a corner left out."),
    ],
)
def test_reasons(drawn, editions, pair, given, reason):
    before, after = (drawn(*rows) for rows in editions)
    table = diff(before, after, date="2020-01-01", **given).evidence
    old, new = (
        table[side].isna() if code is None else table[side] == code for side, code in zip(SIDES, pair, strict=True)
    )
    assert table[old & new].reason.item() == reason


def test_an_empty_pair_is_no_row(drawn):
    found = diff(drawn("ABC"), drawn("ABC"), date="2020-01-01")
    assert len(found.evidence) == 3
    assert found.evidence.reason.tolist()[0] == "100 % of A are 100 % of A."
