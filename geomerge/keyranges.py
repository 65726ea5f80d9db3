"""Keys of parcels as people write them: single ones, with all below them, and ranges."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Token = tuple[int, int | str]


def tokens(key: str) -> tuple[Token, ...]:
    """Split a key into numbers and words that compare as people sort them.

    Examples
    --------
    >>> tokens("12/3") < tokens("12/10") < tokens("12/10b")
    True
    """
    found = re.findall(r"\d+|[^\W\d_]+", key)
    return tuple((0, int(token)) if token.isdigit() else (1, token) for token in found)


def matching(wanted: str, known: Sequence[tuple[Token, ...]]) -> NDArray[np.bool_]:
    """Return which keys are meant: a key with all below it, or a range of them, both ends included.

    Examples
    --------
    >>> keys = [tokens(key) for key in ("12/1", "12/1/4", "12/2", "13/1", "14/9", "14/10")]
    >>> matching("12/1", keys).tolist()
    [True, True, False, False, False, False]
    >>> matching("12/2..14/9", keys).tolist()
    [False, False, True, True, True, False]
    >>> matching("12..13", keys).tolist()
    [True, True, True, True, False, False]
    """
    first, _, last = wanted.partition("..")
    low = tokens(first)
    high = tokens(last) or low
    if not low:
        return np.zeros(len(known), dtype=bool)
    return np.array([low <= key[: len(low)] and key[: len(high)] <= high for key in known], dtype=bool)
