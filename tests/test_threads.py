"""Threads: the same results, however many cores there are."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomerge import threads
from geomerge.coverage import are_valid, join_all, objects


@pytest.mark.parametrize("vertices", [0, threads.WORTH_IT])
@pytest.mark.parametrize("cores", [1, 2, 7])
def test_results_stand_in_the_order_of_the_items(monkeypatch, cores, vertices):
    monkeypatch.setattr(threads, "cores", lambda: cores)
    assert list(threads.on_all_cores(abs, range(-20, 0), vertices)) == list(range(20, 0, -1))
    assert list(threads.on_all_cores(abs, [], vertices)) == []


def test_what_goes_wrong_in_a_thread_is_told():
    with pytest.raises(ZeroDivisionError):
        list(threads.on_all_cores(lambda value: 1 / value, [1, 0], threads.WORTH_IT))


@pytest.mark.parametrize("cores", [1, 3])
def test_unions_and_validity_do_not_depend_on_the_cores(monkeypatch, cores):
    monkeypatch.setattr(threads, "cores", lambda: cores)
    monkeypatch.setattr(threads, "WORTH_IT", 1)
    bowtie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    row = objects([*(shapely.box(x, 0, x + 1, 1) for x in range(6)), bowtie, None, shapely.Polygon()])
    assert are_valid(row).tolist() == [True] * 6 + [False, True, True]
    assert are_valid(row[:0]).tolist() == []
    joined = join_all(row, [np.array([0, 1, 2]), np.array([3]), np.array([4, 5])])
    assert joined[1] is row[3]
    assert [shape.wkt for shape in joined[[0, 2]]] == [
        shapely.coverage_union_all(row[at]).wkt for at in ([0, 1, 2], [4, 5])
    ]
