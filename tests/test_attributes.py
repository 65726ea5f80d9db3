"""Attributes: one policy per field, and nothing dropped in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geomerge.attributes import Constant, Source, Take, combine, whole_numbers
from geomerge.errors import InputError

BOTH = (Source("B", 1, 1.0, 30.0), Source("A", 0, 0.5, 10.0))


def combined(values, policy, sources=BOTH):
    found = []
    return combine("f", values, sources, policy, "X", found.append), [finding.check for finding in found]


@pytest.mark.parametrize(
    ("values", "policy", "result", "checks"),
    [
        ([10, 20], "sum", 25.0, ["estimate"]),
        ([10, None], "sum", 5.0, ["estimate"]),
        ([np.nan, 20], "sum", 20, []),
        ([None, None], "sum", None, []),
        ([10, 20], "mean", 17.5, []),
        ([10, None], "mean", 10.0, []),
        (["a", "b"], "join", "b, a", []),
        (["a", "a"], "join", "a", []),
        ([None, None], "join", None, []),
        (["a", "b"], Take(take="largest"), "b", []),
        (["a", "b"], Take(take="A"), "a", []),
        (["a", "b"], Take(take="Q"), None, ["attribute dropped"]),
        (["a", "b"], Constant(constant="c"), "c", []),
        (["a", "a"], None, "a", []),
        (["a", "b"], None, None, ["attribute dropped"]),
        ([None, np.nan], None, np.nan, []),
        ([None, "b"], None, None, ["attribute dropped"]),
    ],
)
def test_policies(values, policy, result, checks):
    found, said = combined(values, policy)
    assert (pd.isna(found) and pd.isna(result)) or found == result
    assert said == checks


def test_whole_sums_are_no_estimate_and_stay_whole():
    whole = (Source("B", 1, 1.0, 30.0), Source("A", 0, 1.0, 10.0))
    found, said = combined([2**60 + 1, 2], "sum", whole)
    assert found == 2**60 + 3
    assert said == []


def test_a_number_of_a_part_is_kept_and_it_is_said():
    part = (Source("A", 0, 0.5, 10.0),)
    assert combined([10, 20], None, part) == (10, ["attribute copied"])
    assert combined(["ten", "x"], None, part) == ("ten", [])
    assert combined([True, False], None, part) == (True, [])


@pytest.mark.parametrize("policy", ["sum", "mean"])
def test_text_cannot_be_added_up(policy):
    with pytest.raises(InputError, match="needs numbers, but it holds 'b'"):
        combined([1, "b"], policy)


def test_whole_numbers_keep_their_total():
    assert sum(whole_numbers([10 / 3] * 3)) == 10
    assert whole_numbers([0.4, 0.4, 0.2]) == [1, 0, 0]
    assert whole_numbers([3.0, 4.0]) == [3, 4]
    assert whole_numbers([]) == []
