"""Streets that share a code in a new unit: those that may be one street, and those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from geomerge.streets.gather import Streets


@dataclass(frozen=True)
class Shared:
    """Streets, by their rows, that have one code in a new unit.

    Parameters
    ----------
    unit, code
        The new unit, and the code as the table of new codes makes it.
    bodies
        The rows that are, or may be, one street; a collision has several bodies.
    decided
        Whether the table says of each street that it has this code.
    """

    unit: str
    code: str
    bodies: tuple[tuple[int, ...], ...]
    decided: bool

    @property
    def collides(self) -> bool:
        """Whether the code stands for different streets."""
        return len(self.bodies) > 1

    @property
    def streets(self) -> list[int]:
        """All rows."""
        return [row for body in self.bodies for row in body]


def shared_codes(streets: Streets, max_distance: float) -> Iterator[Shared]:
    """Yield the codes that several streets have in a new unit, in the order of units and codes.

    Streets of one name are one body if the table gives them the code on purpose, or if an address of one lies within
    ``max_distance`` of an address of the other; where addresses have no geometry, nothing tells that.
    """
    table = streets.table
    several = table[table.duplicated(["unit", "now_code"], keep=False)]
    for (unit, code), rows in several.groupby(["unit", "now_code"], sort=True):
        bodies: list[tuple[int, ...]] = []
        for row in map(int, rows.index):
            kin = [body for body in bodies if any(_one(streets, row, other, max_distance) for other in body)]
            bodies = [body for body in bodies if body not in kin]
            bodies.append((*(other for body in kin for other in body), row))
        yield Shared(str(unit), str(code), tuple(sorted(bodies)), bool(rows["decided"].all()))


def _one(streets: Streets, row: int, other: int, max_distance: float) -> bool:
    """Return whether two streets of one code are, or may be, one."""
    name, decided = streets.text("now_name", row), streets.table["decided"]
    if not name or name != streets.text("now_name", other):
        return False
    return bool(decided.iat[row] and decided.iat[other]) or _near(streets, row, other, max_distance)


def _near(streets: Streets, row: int, other: int, max_distance: float) -> bool:
    if streets.points is None:
        return False
    one, two = (
        shapely.geometrycollections(shapes[~shapely.is_missing(shapes)])
        for shapes in (streets.points[streets.rows([each])] for each in (row, other))
    )
    return bool(shapely.distance(one, two) <= max_distance)  # that of an empty collection is NaN


def same_houses(streets: Streets, shared: Shared) -> list[str]:
    """Return the house numbers that several streets of one body have."""
    found: set[str] = set()
    if streets.houses is None:
        return []
    for body in shared.bodies:
        held = pd.DataFrame({"street": streets.of_row, "house": streets.houses}).iloc[streets.rows(body)]
        held = held[held["house"] != ""].drop_duplicates()
        found |= set(held["house"][held["house"].duplicated()])
    return sorted(found, key=lambda house: (len(house), house))


def ranked(streets: Streets, unit: str) -> list[str]:
    """Return the old units of a new unit, the one with most addresses on streets first, then by code."""
    rows = streets.table[streets.table["unit"] == unit]
    totals = rows.groupby("old_unit", sort=True)["addresses"].sum()
    return [str(old) for old in totals.index[np.argsort(-totals.to_numpy(), kind="stable")]]
