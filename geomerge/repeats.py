"""Repeats: which of very many values stand several times, found by numbers made of them, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

BYTES = 64  # of memory for each number that is compared


def hashed(values: pd.Series) -> Hashes:
    """Return a number for each value: equal ones have the same, others another, but for chance.

    Examples
    --------
    >>> one, other, again = hashed(pd.Series(["a", "b", "a"]))
    >>> bool(one == again), bool(one == other)
    (True, False)
    """
    plain = values.to_numpy() if isinstance(values.dtype, np.dtype) else values.to_numpy(dtype=object)
    return np.asarray(pd.util.hash_array(plain, categorize=False), dtype=np.uint64)


def repeated(parts: Callable[[], Iterator[Hashes]], room: int) -> Hashes:
    """Return the numbers that stand several times.

    Parameters
    ----------
    parts
        Gives the numbers, part by part, each time it is called.
    room
        Bytes of memory to do it in: where they are few, there are several turns.

    Examples
    --------
    >>> parts = [np.array([3, 1], dtype=np.uint64), np.array([2, 3], dtype=np.uint64)]
    >>> repeated(lambda: iter(parts), 10**6).tolist()
    [3]
    """
    found = []
    for chosen in _turns(sum(map(len, parts())), room):
        numbers = np.sort(np.concatenate([_NONE, *(part[chosen(part)] for part in parts())]))
        found.append(np.unique(numbers[1:][numbers[1:] == numbers[:-1]]))
    return np.concatenate(found)


def in_several(parts: Callable[[], Iterator[tuple[Hashes, Hashes]]], room: int) -> Hashes:
    """Return the first numbers of pairs that stand with several second ones.

    Examples
    --------
    >>> parts = [(np.array([1, 1, 2], dtype=np.uint64), np.array([5, 6, 7], dtype=np.uint64))] * 2
    >>> in_several(lambda: iter(parts), 10**6).tolist()
    [1]
    """
    found = []
    for chosen in _turns(sum(len(first) for first, _ in parts()), room):
        some = [(first[mask], second[mask]) for first, second in parts() for mask in (chosen(first),)]
        first = np.concatenate([_NONE, *(part for part, _ in some)])
        second = np.concatenate([_NONE, *(part for _, part in some)])
        order = np.lexsort([second, first])
        first, second = first[order], second[order]
        found.append(np.unique(first[1:][(first[1:] == first[:-1]) & (second[1:] != second[:-1])]))
    return np.concatenate(found)


_NONE: Hashes = np.empty(0, dtype=np.uint64)


def _turns(count: int, room: int) -> Iterator[Callable[[Hashes], NDArray[np.bool_]]]:
    """Yield what says which numbers are compared in each turn; equal ones are in the same."""
    turns = max(1, -(-count * BYTES // max(room, 1)))
    for turn in range(turns):
        yield partial(_in_turn, turn, turns)


def _in_turn(turn: int, turns: int, numbers: Hashes) -> NDArray[np.bool_]:
    return np.asarray(numbers % np.uint64(turns) == np.uint64(turn))
