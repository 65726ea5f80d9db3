"""Partitions: a layer that is read part by part, with what is known of all of its rows before any of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from geomerge.codes import as_codes
from geomerge.files.places import InGeoPackage
from geomerge.files.rowgroups import InParquet
from geomerge.layers import Parted
from geomerge.memory import FEWEST

AT_ONCE = 65_536  # rows
OVERHEAD = 450.0  # bytes of a row beside its columns and its geometry
COPIES = 4.0  # times that the columns of a row are in memory at once, at most
GROUPS = 8.0  # times that a row group is, read, changed and written
SHAPES = 5.0  # times that its geometry is: as bytes, as an object, and cut


@dataclass(frozen=True)
class Partitions:
    """A layer that is read part by part; all parts have the types of the whole.

    Parameters
    ----------
    parted
        The layer.
    empty
        Its columns without rows, of the types that they have when all rows are read at once.
    count
        How many rows there are.
    row_bytes
        Bytes of memory that a row takes while it is worked on.
    """

    parted: Parted
    empty: pd.DataFrame
    count: int
    row_bytes: float

    def read(self, rows: int) -> Iterator[tuple[pd.DataFrame, InGeoPackage | InParquet]]:
        """Yield so many rows at a time, and where they lie, in the order of the file."""
        for part in self.parted.parts(rows):
            table, source = self.parted.read(part)
            yield table.astype(self.empty.dtypes.to_dict()), source

    @property
    def held(self) -> int:
        """Bytes of memory that writing takes however small the parts are."""
        return int(GROUPS * self.parted.held())

    @property
    def least(self) -> int:
        """Bytes of memory that it takes at least."""
        return int(FEWEST * self.row_bytes) + self.held


def surveyed(parted: Parted, code: str, width: int | None, what: str) -> Partitions:
    """Read all rows once, keep none, and say what is known of them.

    Parameters
    ----------
    parted
        The layer.
    code, width, what
        Column of the codes, their width where it is known, and what the column is called in messages.

    Raises
    ------
    InputError
        If the codes are numbers of which the width is not known.
    """
    types: dict[str, Any] = {}
    codes: list[Any] = []
    count, heaviest = 0, 0.0
    for part in parted.parts(AT_ONCE):
        table, _ = parted.read(part)
        codes += _telling(table[code])
        told = {str(name): column.dtype for name, column in table.items() if not _tells_nothing(column)}
        types |= {name: _common(types[name], dtype) if name in types else dtype for name, dtype in told.items()}
        own = float(table.memory_usage(deep=True).sum()) / max(len(table), 1)
        heaviest = max(heaviest, COPIES * own + SHAPES * parted.weight(part))
        count += len(table)
    if codes:
        as_codes(pd.Series(codes), width, what)
    return Partitions(parted, parted.empty().astype(types), count, heaviest + OVERHEAD)


def _tells_nothing(column: pd.Series) -> bool:
    """Return whether a column has values of no type: all of them are missing."""
    return column.dtype == object and bool(column.isna().all())


def _common(first: Any, second: Any) -> Any:
    """Return the type that a column has whose parts are of two types."""
    if first == second:
        return first
    plain = isinstance(first, np.dtype) and isinstance(second, np.dtype)
    return np.result_type(first, second) if plain and first.kind in "biuf" and second.kind in "biuf" else np.dtype("O")


def _telling(codes: pd.Series) -> list[Any]:
    """Return the numbers that tell whether codes can be used: the ends of their range, and one with decimals."""
    if not pd.api.types.is_numeric_dtype(codes.dtype) or not codes.notna().any():
        return []
    return [codes.min(), codes.max(), *codes[codes % 1 != 0].dropna().head(1)]
