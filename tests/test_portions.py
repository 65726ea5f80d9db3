"""Portions: the same answer, in the same order, however many threads there are and however rows are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from geomerge import portions, threads
from geomerge.portions import each, spread


@pytest.mark.parametrize("cores", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_portions_come_in_their_order(monkeypatch: pytest.MonkeyPatch, cores: int, rows: int) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    numbers = np.arange(10)
    assert np.concatenate(spread(lambda some: some * 2, numbers, rows=rows)).tolist() == (numbers * 2).tolist()
    monkeypatch.setattr(portions, "ROWS", rows)
    assert each(np.add, numbers, numbers).tolist() == (numbers * 2).tolist()


def test_no_rows_are_one_portion() -> None:
    assert each(shapely.area, np.empty(0, dtype=object)).tolist() == []


@pytest.mark.parametrize("cores", [1, 2])
def test_what_fails_in_a_portion_fails(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)

    def work(some: Any) -> Any:
        if some[0]:
            raise ValueError("wrong")
        return some

    with pytest.raises(ValueError, match="wrong"):
        spread(work, np.arange(4), rows=1)
