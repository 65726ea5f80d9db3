"""New keys by the most specific rule."""

from __future__ import annotations

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.plan import KeyRule
from geomerge.rekey import check_keys, joined, rekey


def rule(old: str, new: str, add: int, numbers: str | None = None) -> KeyRule:
    return KeyRule.model_validate({"from": old, "to": new, "add": add, "numbers": numbers})


@pytest.fixture
def parcels() -> pd.DataFrame:
    """Hjelmeland: numbers 4-11 and 143 go to Stavanger, each by its own rule; the rest stays."""
    return pd.DataFrame(
        {
            "code": "1133",
            "new_code": ["1103", "1103", "1103", "1133"],
            "gnr": [3, 5, 143, 5],
            "bnr": [1, 2, 3, 4],
            "text": ["3/1", "5/2", "143/3/1", "5/4"],
        }
    )


RULES = [rule("1133", "1103", 200, "143"), rule("1133", "1103", 100), rule("1133", "1103", 300, "4-11")]


@pytest.mark.parametrize("rules", [RULES, RULES[::-1]])
def test_the_most_specific_rule_wins(parcels: pd.DataFrame, rules: list[KeyRule]) -> None:
    found = rekey(parcels, rules, key=["gnr", "bnr"], text="text")
    assert found["gnr"].tolist() == [103, 305, 343, 5]
    assert found["bnr"].tolist() == [1, 2, 3, 4]
    assert found["text"].tolist() == ["103/1", "305/2", "343/3/1", "5/4"]


def test_input_stays(parcels: pd.DataFrame) -> None:
    before = parcels.copy()
    rekey(parcels, RULES, key=["gnr"])
    pd.testing.assert_frame_equal(parcels, before)


def test_numbers_kept_as_text_stay_text(parcels: pd.DataFrame) -> None:
    parcels["gnr"] = parcels["gnr"].astype("string")
    assert rekey(parcels, RULES, key=["gnr"])["gnr"].tolist() == ["103", "305", "343", "5"]


def test_missing_column(parcels: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no column fnr"):
        rekey(parcels, RULES, key=["gnr", "fnr"])


def test_collisions_are_found() -> None:
    old = pd.Series(["0706-1/1", "0719-1/1", "0719-1/1", "0706-2/1"])
    new = pd.Series(["0710-1/1", "0710-1/1", "0710-1/1", "0710-2/1"])
    (finding,) = check_keys(old, new, "parcels")
    assert finding.blocks
    assert "1 new keys of parcels" in finding.what
    assert "0706-1/1 and 0719-1/1" in finding.what


def test_zero_and_missing_are_the_same_key() -> None:
    parcels = pd.DataFrame({"gnr": [1, 1], "fnr": pd.array([0, None], dtype="Int64")})
    assert joined(parcels, pd.Series(["0706", "0706"]), ["gnr", "fnr"]).tolist() == ["0706-1", "0706-1"]
