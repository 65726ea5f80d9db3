"""Profiles: what a column holds, counted batch by batch in bounded memory."""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

KEPT = 20_000  # different values of a column that are kept
TEXT, WHOLE, DECIMAL, DAY, TRUTH, OTHER = "text", "integer", "decimal", "date", "boolean", "other"


@dataclass
class Profile:
    """What is in a column.

    Above :data:`KEPT` different values, those are kept whose checksum ends in enough zeros: a fair sample of the
    different values, the same for each column that holds the same values, with all of their rows counted.

    Parameters
    ----------
    name
        Name of the column.
    empty
        Texts that stand for no value.
    rows, filled
        Rows read, and those with a value.
    blanks
        Values with blanks around them.
    kinds
        Rows by the type of the value.
    counts
        Rows by value, as text without blanks around.
    level
        Zeros at the end of the checksum of those that are kept.
    stand_ins
        Rows with a text that stands for no value.
    """

    name: str
    empty: frozenset[str] = frozenset()
    rows: int = 0
    filled: int = 0
    blanks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    level: int = 0
    stand_ins: int = 0

    def add(self, values: Sequence[Any]) -> None:
        """Count values."""
        self.rows += len(values)
        column = np.empty(len(values), dtype=object)
        column[:] = values
        try:
            place, different = pd.factorize(column)
        except TypeError:  # lists and the like, which are no values
            column[:] = [value if isinstance(value, Hashable) else None for value in values]
            place, different = pd.factorize(column)
        for value, count in zip(different, np.bincount(place[place >= 0], minlength=len(different)), strict=True):
            self._count(value, int(count))

    def _count(self, value: Any, count: int) -> None:
        kind, text = as_text(value)
        bare = text.strip()
        if not bare:
            return
        if kind == TEXT and bare.casefold() in self.empty:
            self.stand_ins += count
            return
        self.filled += count
        self.kinds[kind] += count
        self.blanks += count if bare != text else 0
        if self.level == 0 or ends_in_zeros(bare, self.level):
            self.counts[bare] += count
            self.shrink(KEPT)

    def shrink(self, limit: int) -> None:
        """Keep a smaller sample of the different values."""
        while len(self.counts) > limit:
            self.level += 1
            self.counts = self._kept()

    def _kept(self) -> Counter[str]:
        return Counter({text: rows for text, rows in self.counts.items() if ends_in_zeros(text, self.level)})

    @property
    def distinct(self) -> int:
        """Different values; about as many, where not all are kept."""
        return len(self.counts) << self.level

    @property
    def exact(self) -> bool:
        """Whether all different values are kept."""
        return self.level == 0

    @property
    def kept_rows(self) -> int:
        """Rows of the values that are kept."""
        return self.counts.total()

    @property
    def kind(self) -> str:
        """Type of most values, ``empty`` where there is none; whole numbers among decimals do not make them so."""
        if not self.kinds:
            return "empty"
        if self.kinds[DECIMAL] and self.kinds[WHOLE]:
            return DECIMAL if self.kinds[DECIMAL] + self.kinds[WHOLE] > self.filled / 2 else TEXT
        return max(sorted(self.kinds), key=lambda kind: self.kinds[kind])

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers by its type."""
        return self.kind in (WHOLE, DECIMAL)

    @property
    def repeated(self) -> int:
        """Values that stand in several rows."""
        return sum(1 for rows in self.counts.values() if rows > 1)


def as_text(value: Any) -> tuple[str, str]:
    """Return the type and the text of a value; a whole number that a missing one made decimal is whole again.

    Examples
    --------
    >>> as_text(301.0), as_text("0301 "), as_text(None), as_text(1.5)
    (('integer', '301'), ('text', '0301 '), ('other', ''), ('decimal', '1.5'))
    """
    if isinstance(value, str):
        return TEXT, value
    if value is None or value is pd.NaT or value is pd.NA:
        return OTHER, ""
    if isinstance(value, bool | np.bool_):
        return TRUTH, str(bool(value)).lower()
    if isinstance(value, int | np.integer):
        return WHOLE, str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if number != number:
            return OTHER, ""
        whole = abs(number) < 1e15 and number == int(number)
        return (WHOLE, str(int(number))) if whole else (DECIMAL, repr(number))
    if isinstance(value, dt.date | dt.datetime | np.datetime64):
        return DAY, str(value)
    if isinstance(value, bytes | bytearray | memoryview | list | dict | set | tuple | np.ndarray):
        return OTHER, ""
    text = str(value)  # decimals of databases, UUIDs
    return (WHOLE if text.lstrip("-").isdigit() else TEXT), text


def ends_in_zeros(text: str, level: int) -> bool:
    """Return whether the checksum of a text ends in so many zeros."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) & ((1 << level) - 1) == 0


@dataclass
class Thinned:
    """Rows spread evenly over a table of unknown length: every first, second, fourth ... row, as it gets longer.

    Parameters
    ----------
    limit
        Most rows that are kept.
    """

    limit: int
    rows: list[Sequence[Any]] = field(default_factory=list)
    seen: int = 0
    step: int = 1

    def add(self, batch: Iterable[Sequence[Any]]) -> None:
        """Take in rows, in their order."""
        for row in batch:
            if self.seen % self.step == 0:
                if len(self.rows) == self.limit:
                    self.rows = self.rows[::2]
                    self.step *= 2
                    if self.seen % self.step == 0:
                        self.rows.append(row)
                else:
                    self.rows.append(row)
            self.seen += 1


@dataclass(frozen=True)
class Content:
    """What was read of a table.

    Parameters
    ----------
    rows
        Rows of the table.
    read
        Rows that were read.
    sample
        Rows spread over the table, as they are.
    profiles
        Profile of each column.
    """

    rows: int
    read: int
    sample: pd.DataFrame
    profiles: tuple[Profile, ...]


def gather(
    header: Sequence[str],
    batches: Iterable[Sequence[Sequence[Any]]],
    *,
    sample: int,
    full: bool,
    empty: frozenset[str],
    total: int | None = None,
) -> Content:
    """Count what is in the rows of a table, of a sample of them, or with ``full`` of all.

    Parameters
    ----------
    header
        Names of the columns.
    batches
        The rows, some at a time.
    sample
        Rows of the sample.
    full
        Whether every row counts, and not only those of the sample.
    empty
        Texts that stand for no value.
    total
        Rows of the table, where ``batches`` are not all of them.

    Examples
    --------
    >>> rows = [(code, 1) for code in ["0301", "0301", "1103", None]]
    >>> content = gather(["code", "one"], [rows], sample=2, full=True, empty=frozenset())
    >>> content.rows, content.read, len(content.sample), content.profiles[0].distinct
    (4, 4, 2, 2)
    """
    kept = Thinned(max(sample, 1))
    profiles = tuple(Profile(name, empty) for name in header)
    for batch in batches:
        kept.add(batch)
        if full:
            _count(profiles, batch)
    if not full:
        _count(profiles, kept.rows)
    rows = kept.seen if total is None else total
    columns = list(zip(*kept.rows, strict=True)) if kept.rows else [()] * len(header)
    table = pd.DataFrame({place: pd.Series(list(values), dtype=object) for place, values in enumerate(columns)})
    table.columns = pd.Index(header)
    return Content(rows, kept.seen if full else len(kept.rows), table, profiles)


def _count(profiles: Sequence[Profile], rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        for profile, values in zip(profiles, zip(*rows, strict=True), strict=True):
            profile.add(values)
