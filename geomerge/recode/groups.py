"""Groups: columns of a register that are about the same unit; and what is told of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomerge.recode.cells import Indices
from geomerge.recode.fates import KEPT, RECODED, REVIEW
from geomerge.registers import ROW, AddressConfig, ColumnConfig, KeyConfig, PlaceConfig, RegisterConfig

Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Columns about the same unit.

    Parameters
    ----------
    of
        What they are about.
    coded
        Columns that hold the code of the unit in some form; that of the unit alone first.
    columns
        All its columns.
    parent, name, parent_name
        Columns with the parent, the name and the name of the parent.
    keys
        Keys spread over columns.
    place, address
        Where the unit of a row is looked up if it is split.
    """

    of: str
    coded: dict[str, ColumnConfig]
    columns: dict[str, ColumnConfig]
    parent: str | None = None
    name: str | None = None
    parent_name: str | None = None
    keys: tuple[KeyConfig, ...] = ()
    place: PlaceConfig | None = None
    address: AddressConfig | None = None


def groups_of(register: RegisterConfig) -> Iterator[Group]:
    """Yield the groups of a register, in the order of its description.

    Examples
    --------
    >>> from geomerge.registers import register_of
    >>> columns = {"kommune": "unit", "fylke": "parent", "arbeid": {"holds": "unit", "of": "work"}}
    >>> [(group.of, list(group.coded), group.parent) for group in groups_of(register_of(columns))]
    [('row', ['kommune'], 'fylke'), ('work', ['arbeid'], None)]
    """
    for of in dict.fromkeys(column.of for column in register.columns.values()):
        mine = {name: column for name, column in register.columns.items() if column.of == of}
        holding = {column.holds: name for name, column in mine.items()}
        coded = {n: c for n, c in mine.items() if c.holds in ("unit", "district", "key", "composite")}
        unit = holding.get("unit")
        yield Group(
            of,
            {n: coded[n] for n in sorted(coded, key=lambda name: name != unit)},
            mine,
            holding.get("parent"),
            holding.get("name"),
            holding.get("parent name"),
            tuple(key for key in register.keys if key.code in coded),
            register.place if register.place is not None and register.place.of == of else None,
            register.address if register.address is not None and register.address.of == of else None,
        )


@dataclass
class Told:
    """What is told of rows: outcome, reason, what decided it; and new values of columns where these change."""

    outcome: Texts
    reason: Texts
    by: Texts
    names_left: Flags
    new: dict[str, Texts] = field(default_factory=dict)
    changed: dict[str, Flags] = field(default_factory=dict)

    @classmethod
    def empty(cls, rows: int) -> Told:
        """Return rows of which nothing is told yet: they are kept."""
        outcome, reason, by = (np.full(rows, text, dtype=object) for text in (KEPT, "", ""))
        return cls(outcome, reason, by, np.zeros(rows, dtype=bool))

    def turn(self, rows: Flags | Indices, reason: Any) -> None:
        """Send rows to the review, for one reason or each for its own."""
        self.outcome[rows], self.reason[rows], self.by[rows] = REVIEW, reason, ""

    def put(self, column: str, rows: Indices, values: Texts) -> None:
        """Note new values of a column in some rows."""
        if column not in self.new:
            self.new[column] = np.full(len(self.outcome), None, dtype=object)
            self.changed[column] = np.zeros(len(self.outcome), dtype=bool)
        self.new[column][rows] = values
        self.changed[column][rows] = True

    def add(self, rows: Indices, other: Told, of: str) -> None:
        """Add what is told of one group: review goes before recoded, and that before kept; else the first stays."""
        rank: dict[Any, int] = {KEPT: 0, RECODED: 1, REVIEW: 2}
        mine, theirs = ([rank[outcome] for outcome in told] for told in (self.outcome[rows], other.outcome))
        first = (self.reason[rows] == "") & (self.by[rows] == "")
        better = (np.array(theirs, dtype=int) > np.array(mine, dtype=int)) | first
        reasons = (
            other.reason if of == ROW else np.array([f"{of}: {text}" if text else "" for text in other.reason], object)
        )
        for target, source in ((self.outcome, other.outcome), (self.reason, reasons), (self.by, other.by)):
            target[rows[better]] = source[better]
        self.names_left[rows] |= other.names_left
        for column, changed in other.changed.items():
            self.put(column, rows[changed], other.new[column][changed])

    def settle(self) -> None:
        """Let rows for review stay wholly as they are."""
        for changed in self.changed.values():
            changed &= self.outcome == RECODED
        self.names_left &= self.outcome == RECODED
