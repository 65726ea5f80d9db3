"""Portions: rows worked on some thousand at a time, on all cores, with the same answer however they are cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from geomerge.threads import WORTH_IT, on_all_cores

Result = TypeVar("Result")

ROWS = 8192  # enough to make the start of a portion cheap, few enough to keep all cores busy to the end


def spread(work: Callable[..., Result], *columns: NDArray[Any], rows: int | None = None) -> list[Result]:
    """Return what some work gives for each portion of the rows, in their order.

    Parameters
    ----------
    work
        Called with a portion of each column; what it gives for a row must depend on that row only.
    columns
        Arrays of the same length.
    rows
        Rows in a portion, ``ROWS`` unless told.

    Examples
    --------
    >>> spread(lambda numbers: int(numbers.sum()), np.arange(6), rows=4)
    [6, 9]
    """
    size = rows or ROWS
    starts = range(0, max(len(columns[0]), 1), size)  # no rows are one portion as well
    return list(on_all_cores(lambda at: work(*(column[at : at + size] for column in columns)), starts, WORTH_IT))


def each(work: Callable[..., Any], *columns: NDArray[Any]) -> NDArray[Any]:
    """Return what some work gives row by row.

    Examples
    --------
    >>> each(np.add, np.arange(3), np.arange(3)).tolist()
    [0, 2, 4]
    """
    return np.concatenate(spread(work, *columns))
