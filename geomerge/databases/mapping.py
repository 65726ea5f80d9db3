"""Which values of a table become which: its distinct combinations are read in portions and translated."""

from __future__ import annotations

import decimal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from geomerge.databases.structure import Structure, exact
from geomerge.files.revision import plain

if TYPE_CHECKING:
    from sqlalchemy import Connection

PORTION = 50_000  # combinations translated at once
SHOWN = 10  # combinations of the sample
RECODED = "recoded"

Values = tuple[Any, ...]


class Told(Protocol):
    """What becomes of rows: new values of the columns that may change, an outcome and a reason."""

    @property
    def values(self) -> pd.DataFrame:
        """New values."""

    @property
    def outcome(self) -> pd.Series:
        """``recoded``, ``kept`` or ``review``."""

    @property
    def reason(self) -> pd.Series:
        """Why a row is kept or for review."""


Translate = Callable[[pd.DataFrame], Told]


@dataclass
class Mapping:
    """What becomes of the combinations of values in one table.

    Parameters
    ----------
    needed, changing
        Columns that decide, and those of them that may change.
    changes
        Old and new values, with the number of rows.
    outcomes
        Rows by outcome and reason.
    review
        Combinations for review, with their reason and number of rows.
    links
        For columns that a foreign key joins: old values with the new ones that rows want, changed or not.
    """

    needed: tuple[str, ...]
    changing: tuple[str, ...]
    changes: list[tuple[Values, Values, int]] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    review: list[tuple[Values, str, int]] = field(default_factory=list)
    links: dict[tuple[str, ...], dict[Values, set[Values]]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows that change."""
        return sum(count for _, _, count in self.changes)

    def counts(self) -> dict[str, int]:
        """Return the number of rows by outcome."""
        found: Counter[str] = Counter()
        for (outcome, _), count in self.outcomes.items():
            found[outcome] += count
        return dict(sorted(found.items()))

    def sample(self) -> pd.DataFrame:
        """Return the changes of most rows: old and new values by column, and the number of rows."""
        most = sorted(self.changes, key=lambda change: -change[2])[:SHOWN]
        place = [self.needed.index(column) for column in self.changing]
        records = [
            {
                **{f"old {column}": old[at] for column, at in zip(self.changing, place, strict=True)},
                **{f"new {column}": value for column, value in zip(self.changing, new, strict=True)},
                "rows": count,
            }
            for old, new, count in most
        ]
        sides = [f"{side} {column}" for side in ("old", "new") for column in self.changing]
        return pd.DataFrame(records, columns=[*sides, "rows"])

    def for_review(self) -> pd.DataFrame:
        """Return the combinations that no rule decides: their values, the reason, the number of rows."""
        records = [(*values, reason, count) for values, reason, count in self.review]
        return pd.DataFrame(records, columns=[*self.needed, "reason", "rows"], dtype=object)

    def without(self, columns: set[str]) -> Mapping:
        """Return the mapping of the other columns, for those that the database changes by itself."""
        kept = tuple(column for column in self.changing if column not in columns)
        at = [self.changing.index(column) for column in kept]
        place = [self.needed.index(column) for column in kept]
        changes = [
            (old, tuple(new[k] for k in at), count)
            for old, new, count in self.changes
            if any(new[k] != old[p] for k, p in zip(at, place, strict=True))
        ]
        return Mapping(self.needed, kept, changes, self.outcomes, self.review, self.links)


def read_mapping(
    connection: Connection,
    table: Structure,
    needed: Sequence[str],
    changing: Sequence[str],
    translate: Translate,
    links: Iterable[tuple[str, ...]] = (),
) -> Mapping:
    """Read the combinations of values in a table in portions, and translate them."""
    found = Mapping(tuple(needed), tuple(changing), links={columns: {} for columns in links})
    place = [found.needed.index(column) for column in changing]
    for rows in _portions(connection, table, needed):
        olds = [tuple(row[:-1]) for row in rows]
        frame = pd.DataFrame(
            {name: pd.Series([_readable(old[at]) for old in olds], dtype=object) for at, name in enumerate(needed)}
        )
        told = translate(frame)
        news = [[plain(value) for value in told.values[column].astype(object)] for column in changing]
        outcomes, reasons = told.outcome.tolist(), told.reason.tolist()
        for at, (old, row) in enumerate(zip(olds, rows, strict=True)):
            count, outcome, reason = int(row[-1]), outcomes[at], reasons[at]
            found.outcomes[outcome, reason] += count
            changed = outcome == RECODED
            new = tuple(_like(old[p], column[at]) if changed else old[p] for column, p in zip(news, place, strict=True))
            _link(found, old, new)
            if changed and any(value is not old[p] and value != old[p] for value, p in zip(new, place, strict=True)):
                found.changes.append((old, new, count))
            elif not changed and outcome == "review":
                found.review.append((old, reason, count))
    return found


def _link(found: Mapping, old: Values, new: Values) -> None:
    before = dict(zip(found.needed, old, strict=True))
    after = before | dict(zip(found.changing, new, strict=True))
    for columns, wanted in found.links.items():
        if set(columns) <= set(before):
            wanted.setdefault(tuple(before[c] for c in columns), set()).add(tuple(after[c] for c in columns))


def _portions(connection: Connection, table: Structure, needed: Sequence[str]) -> Iterator[Sequence[Any]]:
    import sqlalchemy as sa

    columns = [exact(connection, table.table.c[name]).label(name) for name in needed]
    query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
    result = connection.execute(query, execution_options={"stream_results": True, "yield_per": PORTION})
    yield from result.partitions(PORTION)


def review_rows(connection: Connection, table: Structure, found: Mapping, identifier: str) -> pd.DataFrame:
    """Return the rows that no rule decides, one by one: what identifies them, their values and the reason."""
    import sqlalchemy as sa

    reasons = {values: reason for values, reason, _ in found.review}
    records = []
    if reasons:
        columns = [table.table.c[identifier], *(exact(connection, table.table.c[name]) for name in found.needed)]
        query = sa.select(*columns).order_by(columns[0])
        for row in connection.execute(query, execution_options={"stream_results": True, "yield_per": PORTION}):
            if (values := tuple(row[1:])) in reasons:
                records.append((row[0], *values, reasons[values]))
    others = [at for at, name in enumerate(found.needed) if name != identifier]
    return pd.DataFrame(
        [(row[0], *(row[at + 1] for at in others), row[-1]) for row in records],
        columns=[identifier, *(found.needed[at] for at in others), "reason"],
        dtype=object,
    )


def _like(old: Any, new: Any) -> Any:
    """Return a new value as the old one is: a whole number stays one, though a column with gaps makes it a decimal.

    Nothing is taken away by a recoding, so what a table cannot tell from a gap (NaN) stays.
    """
    if new is None:
        return old
    return int(new) if isinstance(new, float) and isinstance(old, int) and new.is_integer() else new


def _readable(value: Any) -> Any:
    """Return a value as a register in a file would have it: whole decimals are whole numbers."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
