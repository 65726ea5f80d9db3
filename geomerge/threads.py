"""Threads: GEOS lets go of the interpreter while it computes, so that what is worth it is done on all cores at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

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
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
