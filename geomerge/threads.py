"""Threads: GEOS lets go of the interpreter while it computes, so that what is worth it is done on all cores at once."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

CGROUP: Final = Path("/sys/fs/cgroup")  # where Linux tells what a container may use
WORTH_IT = 10_000  # vertices; fewer are done before a thread has begun


def on_all_cores(work: Callable[[T], R], items: Sequence[T], vertices: int) -> Iterator[R]:
    """Yield what work makes of each item, in their order, whatever the number of cores.

    Parameters
    ----------
    work
        Called with each item; it spends its time in GEOS or numpy, and has no say in anything else.
    items
        The items.
    vertices
        How many all of them have together: where these are few, there is but one thread.

    Examples
    --------
    >>> list(on_all_cores(len, ["one", "three"], WORTH_IT))
    [3, 5]
    """
    if vertices < WORTH_IT or len(items) < 2 or cores() < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(min(cores(), len(items))) as pool:
        yield from pool.map(work, items)


def cores() -> int:
    """Return how many cores this process may use: as many as all that limits it leaves, and at least one.

    That are the cores it may run on, the quota of the container (cgroup) it runs in, and ``OMP_NUM_THREADS``, which
    Dask sets to 1 for its workers, since it has as many of them as there are cores.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(there, _asked_for() or there, _quota() or there))


def _asked_for() -> int | None:
    """Return the first number of ``OMP_NUM_THREADS``, which may be a list; None where it holds no number."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdigit() and int(first) else None


def _quota(root: Path = CGROUP) -> int | None:
    """Return how many cores a container may use, rounded up; None where there is no limit.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, "CPU Interface Files", and cgroup-v1 for the other two.
    """
    one_file, two_files = [root / "cpu.max"], [root / "cpu/cpu.cfs_quota_us", root / "cpu/cpu.cfs_period_us"]
    for files in (one_file, two_files):
        with contextlib.suppress(OSError, ValueError):  # not there, or "max" where there is no limit
            quota, period = (int(number) for file in files for number in file.read_text(encoding="ascii").split())
            if quota > 0 and period > 0:
                return math.ceil(quota / period)
    return None
