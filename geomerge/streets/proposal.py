"""Propose new street codes where streets collide, as rows a person edits."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from geomerge.streets.collisions import Shared, ranked, shared_codes
from geomerge.streets.gather import Streets
from geomerge.streets.table import COLUMNS, KEY, NEW_NAME, Entry


class Free:
    """Free codes of a new unit: the smallest number from the lowest code in use on that no street has or had.

    Examples
    --------
    >>> free = Free({"0100", "0101", "0103"})
    >>> free.code("0100"), free.code("0103"), free.code("A1")
    ('0102', '0104', '')
    """

    def __init__(self, taken: set[str]) -> None:
        self._numbers = {int(code) for code in taken if code.isdecimal()}
        self._next = min(self._numbers, default=1)

    def code(self, like: str) -> str:
        """Return the next free code, as wide as another; an empty text where that is no number."""
        if not like.isdecimal():
            return ""
        while self._next in self._numbers:
            self._next += 1
        self._numbers.add(self._next)
        return str(self._next).zfill(len(like))


def proposal(streets: Streets, max_distance: float) -> pd.DataFrame:
    """Return the table of new codes: what a person decided, and a proposal for every other street that collides."""
    proposed: dict[int, Entry] = {}
    order: dict[str, list[str]] = {}
    free: dict[str, Free] = {}
    for shared in shared_codes(streets, max_distance):
        if shared.unit not in order:
            order[shared.unit] = ranked(streets, shared.unit)
            free[shared.unit] = Free(_taken(streets, shared.unit, order[shared.unit]))
        if not shared.decided:
            proposed |= dict(_settled(streets, shared, order[shared.unit], free[shared.unit]))
    rows = []
    for row, *values in streets.table[[*KEY, "street_name"]].itertuples(name=None):
        entry = streets.given.entries.get((values[0], values[1], values[2]))
        if entry is None or not (entry.code or entry.new_name):
            entry = proposed.get(row, entry)
        if entry is not None:
            rows.append((*values, entry.code, entry.new_name, entry.reason))
    table = pd.DataFrame(rows, columns=[*KEY, "street_name", "new_street_code", NEW_NAME, "reason"], dtype="string")
    return table if (table[NEW_NAME] != "").any() else table[list(COLUMNS)]


def _taken(streets: Streets, unit: str, old_units: list[str]) -> set[str]:
    """Return the codes no street of a new unit may get: those its old units use anywhere, and those it has now."""
    now = streets.table.loc[streets.table["unit"] == unit, "now_code"]
    return set(now).union(*(streets.used.get(old, frozenset()) for old in old_units))


def _settled(streets: Streets, shared: Shared, order: list[str], free: Free) -> Iterator[tuple[int, Entry]]:
    """Yield what is proposed for the streets that share a code and are not decided, by their rows."""
    table = streets.table
    rank = {row: order.index(streets.text("old_unit", row)) for row in shared.streets}

    def precedence(body: tuple[int, ...]) -> tuple[bool, int, int]:
        return (not table.loc[list(body), "decided"].any(), min(rank[row] for row in body), body[0])

    keeper, *others = sorted(shared.bodies, key=precedence)
    first = min(keeper, key=lambda row: (not table["decided"].iat[row], rank[row]))
    holder = f"{streets.text('now_name', first)} of {streets.text('old_unit', first)}"
    for row in keeper:
        if not table["decided"].iat[row]:
            kept = shared.code if shared.collides and row == first else ""
            yield row, Entry("", kept, "", _why_kept(streets, shared, row, kept))
    for row in (row for body in others for row in body):
        if not table["decided"].iat[row]:
            code = free.code(shared.code)
            hint = "" if code else "; it is no number, so think of one"
            yield row, Entry("", code, "", f"{shared.code} is {holder}, which keeps it{hint}")


def _why_kept(streets: Streets, shared: Shared, row: int, kept: str) -> str:
    if not kept:
        return f"may be one street with {shared.code} of another unit: give both the same code, or each its own"
    table, old = streets.table, streets.text("old_unit", row)
    count = int(table.loc[(table["unit"] == shared.unit) & (table["old_unit"] == old), "addresses"].sum())
    return f"keeps its code: {old} brings {count} addresses, no other with this code brings more"
