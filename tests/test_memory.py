"""Sizes of memory, as people write them, and the rows that fit into it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomerge.errors import InputError
from geomerge.memory import FEWEST, MOST, in_use, parse_size, require_enough, rows_that_fit, sized


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        (" 2 gb ", 2 * 10**9),
        ("2g", 2 * 10**9),
        ("2GiB", 2**31),
        ("0.5 TB", 5 * 10**11),
        ("750000kB", 75 * 10**7),
        ("1e9", 10**9),
        (1_000_000_000, 10**9),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["-1", "abc", "", "0", "0GB", "2 GB RAM", "GB", "nan", "inf", "1e999", "2,5GB", "-2GB"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size of memory; write it like 2GB"):
        parse_size(text)


@given(st.integers(1, 10**14))
def test_what_is_told_is_read_again_and_never_less(size: int) -> None:
    assert size <= parse_size(sized(size)) < size + 10**7


def test_memory_in_use_grows_with_what_is_held() -> None:
    before = in_use()
    held = np.ones(10_000_000)
    assert before > 10_000_000
    assert in_use() - before > held.nbytes // 2


def test_rows_that_fit_are_neither_few_nor_very_many() -> None:
    assert rows_that_fit(-5, 100.0) == FEWEST
    assert rows_that_fit(10**15, 100.0) == MOST
    assert rows_that_fit(50_000_000, 1000.0) == 50_000


def test_the_least_that_works_is_told() -> None:
    require_enough(500, 500, "the job")
    with pytest.raises(InputError, match=r"The memory of 400MB is too little: the job needs at least 510MB\."):
        require_enough(400_000_000, 500_000_001, "the job")
