"""Threads: the same results, however many cores there are."""

from __future__ import annotations

import os

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


@pytest.mark.parametrize(("asked", "found"), [("1", 1), ("3", 3), ("2,1", 2), ("99", 8), ("0", 8), ("", 8), ("all", 8)])
def test_no_more_cores_are_used_than_asked_for(monkeypatch, asked, found):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "_quota", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads.cores() == found


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "strange"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container_is_kept(tmp_path, files, found):
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(f"{content}\n", encoding="ascii")
    assert threads._quota(tmp_path) == found


def test_the_least_of_all_limits_counts(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "_quota", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads.cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.cores() == 2
