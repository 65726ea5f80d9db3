"""The ledger asked both ways."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.keyledger import check_ledger, lookup_key

ROWS = [
    ("parcels", "1", "0719", "0710", "0719-12/3", "0710-212/3"),
    ("parcels", "2", "0719", "0710", "0719-12/3", "0710-212/3"),
    ("addresses", "1", "0719", "0710", "0719-12/3", "0710-212/3"),
    ("parcels", "3", "0706", "0710", "0706-12/3", "0710-12/3"),
    ("parcels", "4", "0720", "0710", "0720-8/1/2", "0710-408/1/2"),
    ("parcels", "5", "0720", "0704", "0720-8/1/2", "0704-608/1/2"),
    ("parcels", "6", "0720", "0704", None, None),
]


@pytest.fixture
def ledger() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["layer", "id", "old_code", "new_code", "old_key", "new_key"])


@pytest.mark.parametrize("key", ["0719-12/3", "0719-12/3/0/0", " 0719 - 12 / 3 ", "0719-012/003", "0719 gnr 12 bnr 3"])
def test_a_key_is_found_however_it_is_written(ledger: pd.DataFrame, key: str) -> None:
    assert lookup_key(ledger, key).sentences() == ["0719-12/3 became 0710-212/3 (addresses and parcels, 3 rows)."]


def test_the_way_back(ledger: pd.DataFrame) -> None:
    answer = lookup_key(ledger, "0710-212/3/0")
    assert answer.sentences() == ["0710-212/3 was 0719-12/3 (addresses and parcels, 3 rows)."]
    assert json.loads(json.dumps(answer.record()))["was"] == [
        {"old": "0719-12/3", "new": "0710-212/3", "layers": ["addresses", "parcels"], "rows": 3}
    ]


def test_several_answers_are_all_told(ledger: pd.DataFrame) -> None:
    assert lookup_key(ledger, "0720-8/1/2").sentences() == [
        "0720-8/1/2 became 2 different ones: 0704-608/1/2 (parcels, 1 row), 0710-408/1/2 (parcels, 1 row)."
    ]
    assert lookup_key(ledger, "12/3").sentences() == [
        "0706-12/3 became 0710-12/3 (parcels, 1 row).",
        "0719-12/3 became 0710-212/3 (addresses and parcels, 3 rows).",
        "0710-12/3 was 0706-12/3 (parcels, 1 row).",
    ]


def test_codes_are_answered_as_well(ledger: pd.DataFrame) -> None:
    assert lookup_key(ledger, "0720").sentences() == [
        "0720 became 2 different ones: 0704 (parcels, 2 rows), 0710 (parcels, 1 row)."
    ]
    assert [step.old for step in lookup_key(ledger, "0710").was] == ["0706", "0719", "0720"]


@pytest.mark.parametrize("key", ["0719-99/9", "0710-400/1", "Hovland", "719-12/3", ""])
def test_what_is_unknown_is_told_plainly(ledger: pd.DataFrame, key: str) -> None:
    answer = lookup_key(ledger, key)
    assert not answer.is_known
    assert "is not in the ledger" in answer.sentences()[0]


def test_keys_of_other_layouts() -> None:
    french = ("parcels", "1", "91216", "91999", "91216000AB0037", "91999216AB0037")
    odd = ("parcels", "1", "A", "B", "A-12b/07", "B-12b/07")
    for row, key in ((french, "91216 000 AB 0037"), (french, "000AB0037"), (odd, "A - 12b/7/0")):
        (answer,) = lookup_key(
            pd.DataFrame([row], columns=["layer", "id", "old_code", "new_code", "old_key", "new_key"]), key
        ).became
        assert answer.new == row[-1]


def test_a_ledger_that_is_none(ledger: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no column new_key"):
        lookup_key(ledger.drop(columns="new_key"), "0719-12/3")
    with pytest.raises(InputError, match="no layout of keys xy"):
        lookup_key(ledger, "0719-12/3", layout="xy")


@pytest.mark.parametrize(
    ("changes", "checks"),
    [
        ({}, []),
        ({(0, "new_key"): "0710-12/3"}, ["key collision", "divided key"]),
        ({(3, "new_key"): "0710-212/3"}, ["key collision"]),
        ({(3, "new_key"): None}, ["lost key"]),
        ({(1, "id"): "1"}, ["repeated id"]),
    ],
)
def test_one_to_one(ledger: pd.DataFrame, changes: dict[Any, Any], checks: list[str]) -> None:
    sound = ledger.drop(index=5)
    for (row, column), value in changes.items():
        sound.loc[row, column] = value
    assert [finding.check for finding in check_ledger(sound)] == checks
    assert [finding.check for finding in check_ledger(ledger)] == ["divided key"]
    assert [finding.check for finding in check_ledger(ledger.fillna(""))] == ["divided key"]
