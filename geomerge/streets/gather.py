"""Streets gathered from addresses: one row for each street of an old unit in each new unit it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.errors import InputError
from geomerge.streets.table import Table, as_text, read_table

Indices = np.ndarray[Any, np.dtype[np.intp]]


class Named(TypedDict, total=False):
    """The names of columns that a caller gives."""

    code: str
    new_code: str
    street: str
    name: str
    number: str | None
    letter: str | None


@dataclass(frozen=True)
class Columns:
    """The columns of addresses: old and new unit, code and name of the street, number and letter of the house."""

    code: str = "code"
    new_code: str = "new_code"
    street: str = "street_code"
    name: str = "street_name"
    number: str | None = None
    letter: str | None = None

    def require(self, addresses: pd.DataFrame, meant: Sequence[str] = ()) -> None:
        """Raise InputError if the addresses lack a column: one of those meant, or any."""
        wanted = [str(getattr(self, one) or "") for one in meant or (field.name for field in fields(self))]
        if missing := [column for column in wanted if column and column not in addresses.columns]:
            there = ", ".join(map(str, addresses.columns))
            raise InputError(f"The addresses have no column {', '.join(missing)}. They have {there}.")


@dataclass(frozen=True)
class Streets:
    """The streets of addresses.

    Parameters
    ----------
    table
        One row a street: ``unit`` it goes to, ``old_unit``, ``street_code`` and ``street_name`` as they were,
        ``now_code`` and ``now_name`` as the table of new codes makes them, ``decided`` (whether that names a code),
        ``addresses`` (their number), ``names`` (how many names it has), ``first`` (position of its first address).
    of_row
        The row of ``table`` for each address; -1 where it has no street or no new unit.
    used
        Codes that streets of each old unit have, wherever they go.
    houses
        Number and letter of each address as one text; None where they are not known.
    points
        Geometry of each address; None where they have none.
    given
        The table of new codes.
    """

    table: pd.DataFrame
    of_row: Indices
    used: dict[str, frozenset[str]]
    houses: Any
    points: Any
    given: Table

    def text(self, column: str, street: int) -> str:
        """Return a text of one street."""
        return str(self.table[column].iat[street])

    def rows(self, streets: Sequence[int]) -> Indices:
        """Return the positions of the addresses of some streets."""
        return np.flatnonzero(np.isin(self.of_row, list(streets)))

    def place(self, streets: Sequence[int]) -> shapely.MultiPoint | None:
        """Return the first address of each street as points; None where addresses have no geometry."""
        if self.points is None:
            return None
        shapes = self.points[self.table["first"].to_numpy()[list(streets)]]
        found = shapely.centroid(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])
        return shapely.MultiPoint(found.tolist()) if len(found) else None


def gather(addresses: pd.DataFrame, columns: Columns, given: pd.DataFrame | None = None) -> Streets:
    """Return the streets of addresses; those of units that take streets from one old unit only cannot collide.

    Rows without a street code, or with 0, are no address on a street. Rows without a new unit go nowhere yet, but the
    codes of their streets count as used.
    """
    columns.require(addresses)
    table = read_table(given)
    codes = as_text(addresses[columns.street])
    on_street = (codes.notna() & ~codes.str.fullmatch("0*").fillna(True)).to_numpy(dtype=bool)
    old, new = addresses[columns.code], addresses[columns.new_code]
    known = np.flatnonzero(on_street & old.notna().to_numpy() & new.notna().to_numpy())
    frame = pd.DataFrame(
        {
            "unit": new.to_numpy(dtype=object)[known],
            "old_unit": old.to_numpy(dtype=object)[known],
            "street_code": codes.to_numpy(dtype=object)[known],
            "name": addresses[columns.name].astype("string").str.strip().fillna("").to_numpy(dtype=object)[known],
        }
    )
    found, of_known = _summary(frame, known)
    of_row = np.full(len(addresses), -1, dtype=np.intp)
    of_row[known] = of_known
    present = pd.DataFrame({"old": old.to_numpy(dtype=object), "code": codes.to_numpy(dtype=object)})[on_street]
    used = {str(unit): frozenset(part) for unit, part in present.groupby("old")["code"]}
    return Streets(
        table.applied(found),
        of_row,
        used,
        _houses(addresses, columns),
        addresses.geometry.to_numpy() if isinstance(addresses, gpd.GeoDataFrame) else None,
        table,
    )


def _summary(frame: pd.DataFrame, at: Indices) -> tuple[pd.DataFrame, Indices]:
    """Return one row a street with its most frequent name, and the row of each address."""
    key = ["unit", "old_unit", "street_code"]
    groups = frame.groupby(key, sort=True)
    of_row = groups.ngroup().to_numpy()
    counted = frame.groupby([*key, "name"], sort=True).size().reset_index(name="count")
    best = counted.sort_values([*key, "count", "name"], ascending=[True] * 3 + [False, True], kind="stable")
    found = best.drop_duplicates(key).reset_index(drop=True).rename(columns={"name": "street_name"})
    totals = counted.groupby(key, sort=True)["count"]
    firsts = pd.Series(at, dtype=np.intp).groupby(of_row).min()
    found = found.drop(columns="count").assign(
        addresses=totals.sum().to_numpy(), names=totals.size().to_numpy(), first=firsts.to_numpy()
    )
    return found, np.asarray(of_row, dtype=np.intp)


def _houses(addresses: pd.DataFrame, columns: Columns) -> Any:
    if columns.number is None:
        return None
    numbers = as_text(addresses[columns.number])
    if columns.letter is not None:
        numbers = numbers.fillna("") + addresses[columns.letter].astype("string").str.strip().str.upper().fillna("")
    return numbers.fillna("").to_numpy(dtype=object)
