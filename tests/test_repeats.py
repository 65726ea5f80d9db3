"""What stands several times is found, however many turns that takes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomerge.repeats import BYTES, hashed, in_several, repeated

numbers = st.lists(st.lists(st.integers(0, 20), max_size=8), max_size=5)
rooms = st.sampled_from([1, BYTES, 5 * BYTES, 10**6])


@given(numbers, rooms)
def test_repeated(parts: list[list[int]], room: int) -> None:
    counts = Counter(number for part in parts for number in part)
    found = repeated(lambda: (np.array(part, dtype=np.uint64) for part in parts), room)
    assert sorted(found.tolist()) == sorted(number for number, count in counts.items() if count > 1)


@given(st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=8), max_size=5), rooms)
def test_in_several(parts: list[list[tuple[int, int]]], room: int) -> None:
    pairs = {pair for part in parts for pair in part}
    counts = Counter(first for first, _ in pairs)
    arrays = [np.array(part, dtype=np.uint64).reshape(-1, 2) for part in parts]
    found = in_several(lambda: ((array[:, 0], array[:, 1]) for array in arrays), room)
    assert sorted(found.tolist()) == sorted(first for first, count in counts.items() if count > 1)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["a", "b", "a"]),
        pd.Series(["a", "b", "a"], dtype=object),
        pd.Series(["a", "b", "a"], dtype="string"),
        pd.Series([1, 2, 1]),
        pd.Series([1.5, 2.5, 1.5]),
        pd.Series([1, "x", 1], dtype=object),
    ],
    ids=lambda values: str(values.dtype),
)
def test_equal_values_have_equal_numbers(values: pd.Series) -> None:
    one, other, again = hashed(values).tolist()
    assert one == again
    assert one != other
    assert hashed(values.iloc[:1]).tolist() == [one]  # whatever stands beside it
