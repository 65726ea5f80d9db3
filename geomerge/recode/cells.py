"""Cells: what repeats is looked at once; codes are read out of cells, and put back in the form they had."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from geomerge.registers import CODE, ColumnConfig

Indices = NDArray[np.intp]
MISSING = -1
WIDEST = 2**62  # combinations that can be numbered


@dataclass(frozen=True)
class Cells:
    """A column as its distinct values, and which of them stands in each row (MISSING where none does)."""

    place: Indices
    values: tuple[Any, ...]

    @classmethod
    def of(cls, column: pd.Series) -> Cells:
        """Return a column; values of other types stay apart, even where Python takes them for equal.

        Examples
        --------
        >>> Cells.of(pd.Series([706, 706.0, None, "706"], dtype=object)).values
        (706, 706.0, '706')
        """
        if isinstance(column.dtype, pd.CategoricalDtype):
            return cls(column.cat.codes.to_numpy().astype(np.intp), tuple(column.cat.categories.tolist()))
        if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty"):
            told = [None if pd.isna(value) else (type(value).__name__, value) for value in column]
            place, known = pd.factorize(pd.Series(told, dtype=object))
            return cls(place, tuple(value for _, value in known))
        if column.dtype == object:  # pandas ends texts at a NUL when it compares them, Arrow does not
            found = pa.array(column, type=pa.large_string(), from_pandas=True).dictionary_encode()
            return cls(found.indices.fill_null(MISSING).to_numpy().astype(np.intp), tuple(found.dictionary.to_pylist()))
        place, known = pd.factorize(column)
        return cls(place, tuple(known.tolist()))

    def take(self, rows: Indices) -> Cells:
        """Return some rows."""
        return Cells(self.place[rows], self.values)

    def each(self, read: Callable[[Any], Any], missing: Any = None) -> NDArray[np.object_]:
        """Return for each row what is read from its value, each distinct value read once."""
        found = np.empty(len(self.values) + 1, dtype=object)
        found[:-1] = [read(value) for value in self.values]
        found[-1] = missing
        return np.asarray(found[self.place], dtype=object)


def distinct(columns: Mapping[str, Cells], rows: int) -> tuple[dict[str, Cells], Indices]:
    """Return the distinct combinations of columns, and which of them each row is.

    Examples
    --------
    >>> table = {"a": Cells.of(pd.Series(["x", "x", "y"])), "b": Cells.of(pd.Series([1, 1, 1]))}
    >>> found, place = distinct(table, 3)
    >>> found["a"].place.tolist(), place.tolist()
    ([0, 1], [0, 0, 1])
    """
    together, size = np.zeros(rows, dtype=np.int64), 1
    for cells in columns.values():
        wide = len(cells.values) + 1
        if size > WIDEST // wide:
            together, known = pd.factorize(together)
            size = len(known)
        together = together * wide + (cells.place + 1)
        size *= wide
    if size <= 4 * rows + 1024:  # few enough to be counted without a search
        first = np.full(size, rows, dtype=np.intp)
        first[together[::-1]] = np.arange(rows)[::-1]
        there = np.flatnonzero(first < rows)
        number = np.empty(size, dtype=np.intp)
        number[there] = np.arange(len(there))
        return {name: cells.take(first[there]) for name, cells in columns.items()}, number[together]
    place, known = pd.factorize(together)
    firsts = np.empty(len(known), dtype=np.intp)
    firsts[place[::-1]] = np.arange(rows)[::-1]
    return {name: cells.take(firsts) for name, cells in columns.items()}, place


def paired(
    left: Indices, right: Sequence[Hashable] | NDArray[np.object_], change: Callable[[int, Any], Any]
) -> NDArray[np.object_]:
    """Return what is made of two things in each row, each distinct pair made once.

    Examples
    --------
    >>> paired(np.array([0, 1, 0]), ["a", "b", "a"], lambda number, letter: f"{number}{letter}").tolist()
    ['0a', '1b', '0a']
    """
    other, known = pd.factorize(np.asarray(right, dtype=object))
    pairs, place = np.unique(np.stack([left, other]), axis=1, return_inverse=True) if len(left) else (left, left)
    found = np.empty(len(pairs.T) if len(left) else 0, dtype=object)
    if len(left):
        found[:] = [change(a, known[b] if b >= 0 else None) for a, b in pairs.T.tolist()]
    return np.asarray(found[place], dtype=object)


@dataclass(frozen=True)
class Read:
    """A code as it stands in a cell: the code, and where in the text of the cell.

    ``code`` is None where the cell is blank; ``fault`` says why it cannot be read.
    """

    code: str | None = None
    start: int = 0
    end: int = 0
    fault: str = ""


BLANK = Read()
FORMULA, UNREADABLE, SEVERAL = "cell is a formula", "code cannot be read", "text holds several codes"
NUMBER = "number without a width"


def read_code(value: Any, column: ColumnConfig) -> Read:
    """Read the code out of a cell, by what its column holds.

    Examples
    --------
    >>> read_code(" 0706 ", ColumnConfig(holds="unit")), read_code(706, ColumnConfig(holds="unit", width=4)).code
    (Read(code='0706', start=1, end=5, fault=''), '0706')
    >>> read_code("07060101", ColumnConfig(holds="district", width=4)).code
    '0706'
    """
    if isinstance(value, str):
        return _read_text(value, column)
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return Read(fault=UNREADABLE)
    if value != value:  # not a number
        return BLANK
    if not is_whole(value):
        return Read(fault=UNREADABLE)
    width = column.digits if column.holds == "district" else column.width
    if width is None:
        return Read(fault=NUMBER)
    return _read_text(f"{int(value):0{width}d}", column)


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number that is not negative, be it written as a decimal one.

    Examples
    --------
    >>> [is_whole(value) for value in (706, 706.0, 706.5, -1, True, float("inf"), "706")]
    [True, True, False, False, False, False, False]
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    decimal = isinstance(value, float | np.floating)
    return bool(value >= 0 and (not decimal or (math.isfinite(value) and value == int(value))))


def _read_text(text: str, column: ColumnConfig) -> Read:
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    inner = text[start:end]
    if not inner:
        return BLANK
    if inner.startswith("="):
        return Read(fault=FORMULA)
    if "\0" in inner:
        return Read(fault=UNREADABLE)
    if column.holds == "composite":
        found = [each for each in re.finditer(column.pattern or "", text) if each[CODE]]
        if len(found) != 1:
            return Read(fault=SEVERAL if found else UNREADABLE)
        return Read(found[0][CODE], *found[0].span(CODE))
    if column.holds == "district":
        width = column.width or 0
        if column.digits and inner.isdigit():
            width -= max(column.digits - len(inner), 0)
        if len(inner) <= width or width <= 0:
            return Read(fault=UNREADABLE)
        return Read(inner[:width].zfill(column.width or 0), start, start + width)
    if column.width and inner.isdigit():
        return Read(inner.zfill(column.width), start, end)
    return Read(inner, start, end)


def put_code(value: Any, read: Read, code: str, column: ColumnConfig) -> Any:
    """Return a cell with another code in it, of the same type, with its blanks, and without zeros where it has none.

    Returns None where the cell is a number and the code is not.

    Examples
    --------
    >>> unit = ColumnConfig(holds="unit", width=4)
    >>> put_code(" 0706 ", Read("0706", 1, 5), "0710", unit), put_code(706, Read("0706", 0, 4), "0301", unit)
    (' 0710 ', 301)
    """
    if isinstance(value, str):
        bare = read.end - read.start < len(read.code or "")
        return value[: read.start] + (code.lstrip("0") if bare else code) + value[read.end :]
    width = (column.digits if column.holds == "district" else column.width) or 0
    whole = f"{int(value):0{width}d}"
    made = whole[: read.start] + code + whole[read.end :]
    return type(value)(int(made)) if made.isdigit() else None
