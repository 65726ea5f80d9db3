"""Rekey: new parcel keys by rule, without collisions, and the ledger that leads from old to new."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.plan import KeyRule


def rekey(
    features: pd.DataFrame,
    rules: Sequence[KeyRule],
    *,
    key: Sequence[str],
    code: str = "code",
    text: str | None = None,
) -> pd.DataFrame:
    """Change the leading number of each key by the most specific rule for its old and new unit; else it stays.

    Parameters
    ----------
    features
        Features with their old code in ``code`` and the new one in ``new_code``, as from :func:`geomerge.reassign`.
    rules
        Rules of the plan. One for a range of numbers goes before one for all, a narrower range before a wider one.
    key
        Columns that make up the key below the unit, the leading number first.
    code
        Column with the old code.
    text
        Column that holds the key as text, such as ``12/3``; its leading number follows.

    Returns
    -------
    DataFrame
        The key columns and the text column with their new values, on the same index.

    Examples
    --------
    >>> parcels = pd.DataFrame({"code": ["0719", "0706"], "new_code": "0710", "gnr": [12, 12], "bnr": [3, 3]})
    >>> rules = [KeyRule.model_validate({"from": "0719", "to": "0710", "add": 200})]
    >>> rekey(parcels, rules, key=["gnr", "bnr"]).values.tolist()
    [[212, 3], [12, 3]]
    """
    missing = [
        column for column in (code, "new_code", *key, *([text] if text else [])) if column not in features.columns
    ]
    if missing:
        raise InputError(f"The features have no column {', '.join(missing)}. They have {', '.join(features.columns)}.")
    leading = key[0]
    numbers = pd.to_numeric(features[leading], errors="coerce")
    added = pd.Series(0, index=features.index, dtype=np.int64)
    for rule in sorted(rules, key=_width, reverse=True):  # the most specific comes last and wins
        low, high = _range(rule)
        meant = (features[code] == rule.from_) & (features["new_code"] == rule.to) & numbers.between(low, high)
        added[meant] = rule.add
    found = features[[*key, *([text] if text else [])]].copy()
    moved = added != 0
    shifted = (numbers + added)[moved]
    new_numbers = shifted.astype(np.int64)
    found.loc[moved, leading] = new_numbers if pd.api.types.is_numeric_dtype(found[leading]) else new_numbers.map(str)
    if text:
        texts = [_follow(t, o, n) for t, o, n in zip(found.loc[moved, text], numbers[moved], new_numbers, strict=True)]
        found[text] = found[text].mask(moved, pd.Series(texts, index=found.index[moved], dtype=object))
    return found


def joined(features: pd.DataFrame, code: pd.Series, key: Sequence[str]) -> pd.Series:
    """Return code and key as one text, such as ``0710-212/3``; trailing parts that are 0 or missing are left out.

    Examples
    --------
    >>> parcels = pd.DataFrame({"gnr": [12, 12], "bnr": [3, 3], "fnr": [0, 1]})
    >>> joined(parcels, pd.Series(["0710", "0710"]), ["gnr", "bnr", "fnr"]).tolist()
    ['0710-12/3', '0710-12/3/1']
    """
    parts = _texts(features[key[0]])
    for column in key[1:]:
        parts = parts + "/" + _texts(features[column])
    return code.astype("string").fillna("") + "-" + parts.str.replace(r"(/0+)+$", "", regex=True)


def _texts(numbers: pd.Series) -> pd.Series:
    """Return numbers as text, whole ones without decimals: a column with gaps is read as decimal numbers."""
    if pd.api.types.is_float_dtype(numbers.dtype) and (numbers.dropna() % 1 == 0).all():
        numbers = numbers.astype("Int64")
    return numbers.astype("string").fillna("0")


def check_keys(old: pd.Series, new: pd.Series, layer: str) -> Iterator[Finding]:
    """Find new keys that stand for several old ones."""
    pairs = pd.DataFrame({"old": old, "new": new}).drop_duplicates()
    several = pairs[pairs.duplicated("new", keep=False)].sort_values(["new", "old"])
    count = several["new"].nunique()
    if count:
        first = several[several["new"] == several["new"].iat[0]]
        yield Finding(
            "must",
            "key collision",
            f"{count} new keys of {layer} stand for several old ones, first {first['new'].iat[0]} for "
            f"{' and '.join(first['old'])}",
            layer,
            "Give the plan rules for new keys (keys: from, to, add).",
        )


def _range(rule: KeyRule) -> tuple[float, float]:
    if rule.numbers is None:
        return -np.inf, np.inf
    low, _, high = rule.numbers.partition("-")
    return float(low), float(high or low)


def _width(rule: KeyRule) -> float:
    low, high = _range(rule)
    return high - low


def _follow(text: object, old: float, new: int) -> object:
    if not isinstance(text, str):
        return text
    return re.sub(rf"^0*{int(old)}(?!\d)", str(new), text)
