"""Codes are text, and get back the zeros they lost."""

from __future__ import annotations

import pandas as pd
import pytest

from geomerge.codes import as_codes
from geomerge.errors import InputError

WHAT = "Column code of units.gpkg"


def test_numbers_without_a_width_are_refused() -> None:
    with pytest.raises(InputError, match=r"units.gpkg holds numbers \(301 to 5061\).*code_width: 4"):
        as_codes(pd.Series([301, 5061]), None, WHAT)


def test_decimals_are_no_codes() -> None:
    with pytest.raises(InputError, match="with decimals"):
        as_codes(pd.Series([301.5]), 4, WHAT)


def test_missing_codes_stay_missing() -> None:
    assert as_codes(pd.Series([301, None]), 4, WHAT).tolist() == ["0301", None]
    assert as_codes(pd.Series(["0301", None], dtype="string"), None, WHAT).tolist() == ["0301", None]


def test_texts_are_padded_as_well() -> None:
    assert as_codes(pd.Series(["301"]), 4, WHAT).tolist() == ["0301"]
