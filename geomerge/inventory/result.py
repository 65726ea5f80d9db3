"""The result of an inventory: tables of what was found, read off the verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from geomerge.inventory.judging import SHOWN, Verdict
from geomerge.inventory.keys import Catalogue, KeyRole, Place, from_catalogue, measured, references

COLUMNS = (
    "source", "table", "column", "type", "holds", "certainty", "confidence", "rows", "read", "filled", "distinct",
    "unknown", "unknown_codes", "vintage", "changing", "changing_rows", "zeros_lost", "blanks", "looks_like_code",
    "key", "key_confidence", "key_why", "width", "layout", "pattern", "about", "why",
)  # fmt: skip
TABLES = ("source", "table", "rows", "read", "columns", "encoding", "concern")
PROBLEMS = ("source", "what")
SKIPPED = ("kind", "files")
REMEMBERED = 2000  # values of a column that are kept to compare it with other tables


@dataclass
class TableFound:
    """A table that was read.

    Parameters
    ----------
    source, table
        Where it is.
    rows, read
        Rows it has, and rows that were read.
    verdicts
        What its columns hold, without the values.
    roles
        Whether they are keys.
    encoding, crs
        Encoding of its text, and CRS of its geometry, where they are known.
    concern
        What is wrong with its rows.
    places
        Its columns that may be keys, to be compared with those of other tables.
    """

    source: str
    table: str | None
    rows: int
    read: int
    verdicts: list[Verdict]
    roles: list[KeyRole]
    encoding: str | None = None
    crs: str | None = None
    concern: str = ""
    places: list[Place] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Source and table."""
        return f"{self.source}|{self.table}" if self.table else self.source


def table_found(
    source: str, table: str | None, rows: int, read: int, verdicts: list[Verdict], catalogue: Catalogue, **more: Any
) -> TableFound:
    """Return what was found in a table, with the keys that its catalogue and its rows tell of."""
    found = TableFound(source, table, rows, read, verdicts, [], **more)
    for verdict in verdicts:
        place = Place(found.name, verdict.profile, rows, read)
        told = from_catalogue(verdict.profile.name, catalogue)
        found.roles.append(told if told.role else measured(place))
        found.places.append(place)
    return found


@dataclass
class Inventory:
    """Which columns of which tables hold codes.

    Parameters
    ----------
    found
        The tables that were read.
    problems
        What could not be read: ``source``, and ``what`` is wrong, with the remedy.
    skipped
        Files that are no tables, counted: ``kind``, ``files``.
    sampled
        Rows of each table that were read at most, None where all were.
    """

    found: list[TableFound]
    problems: pd.DataFrame
    skipped: pd.DataFrame
    sampled: int | None

    @property
    def columns(self) -> pd.DataFrame:
        """One row a column: where it is, what it holds, how certain that is and why; see ``docs/inventory.md``."""
        rows = [_row(table, *each) for table in self.found for each in zip(table.verdicts, table.roles, strict=True)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        whole = (
            "rows",
            "read",
            "filled",
            "distinct",
            "unknown",
            "changing",
            "changing_rows",
            "zeros_lost",
            "blanks",
            "width",
        )
        return frame.astype(dict.fromkeys(whole, "Int64"))

    @property
    def tables(self) -> pd.DataFrame:
        """One row a table: ``source``, ``table``, ``rows``, ``read``, ``columns``, ``encoding``, ``concern``."""
        rows = [(t.source, t.table, t.rows, t.read, len(t.verdicts), t.encoding, t.concern) for t in self.found]
        return pd.DataFrame(rows, columns=list(TABLES))

    def registers(self) -> str:
        """Return the section ``registers`` of a job, to be read and confirmed by a person."""
        from geomerge.inventory.section import registers_section

        return registers_section(self)

    def page(self, title: str = "Inventory") -> str:
        """Return the inventory as one HTML page that needs no network."""
        from geomerge.inventory.page import page

        return page(self, title)


def settle_references(found: Iterable[TableFound]) -> None:
    """Find the columns that refer to those of other tables, and forget all values."""
    tables = list(found)
    places = [place for table in tables for place in table.places]
    wanted = [verdict.holds in ("unit", "district", "key") for table in tables for verdict in table.verdicts]
    roles = iter(references(places, wanted))
    for table in tables:
        for at, role in enumerate([next(roles) for _ in table.places]):
            if role.role and not table.roles[at].role:
                table.roles[at] = role
        table.places = []


def shrink(table: TableFound) -> None:
    """Forget most values of a table, so that many tables fit into memory."""
    for verdict in table.verdicts:
        verdict.profile.shrink(REMEMBERED)


def _row(table: TableFound, verdict: Verdict, role: KeyRole) -> dict[str, Any]:
    profile, details = verdict.profile, verdict.details or {}
    changing, unknown = verdict.changing, verdict.unknown
    return {
        "source": table.source, "table": table.table, "column": profile.name, "type": profile.kind,
        "holds": verdict.holds or None, "certainty": verdict.certainty or None,
        "confidence": verdict.confidence if verdict.holds else None,
        "rows": table.rows, "read": profile.rows, "filled": profile.filled, "distinct": verdict.distinct,
        "unknown": None if unknown is None else len(unknown),
        "unknown_codes": listed(unknown or {}) or None,
        "vintage": verdict.vintage or None,
        "changing": None if changing is None else len(changing),
        "changing_rows": None if changing is None else sum(changing.values()),
        "zeros_lost": verdict.lost if verdict.holds else None, "blanks": profile.blanks,
        "looks_like_code": round(verdict.looks, 2),
        "key": role.role or None, "key_confidence": role.confidence if role.role else None,
        "key_why": role.says or None,
        "width": details.get("width"), "layout": details.get("layout"), "pattern": details.get("pattern"),
        "about": details.get("about"), "why": "; ".join(verdict.reasons) or None,
    }  # fmt: skip


def listed(codes: Mapping[str, int]) -> str:
    """Return codes with their rows, the commonest first, and how many more there are.

    Examples
    --------
    >>> listed({"9999": 3, "0000": 1})
    '9999 (3 rows), 0000 (1 row)'
    """
    ordered = sorted(codes.items(), key=lambda each: (-each[1], each[0]))
    shown = ", ".join(f"{code} ({rows} row{'' if rows == 1 else 's'})" for code, rows in ordered[:SHOWN])
    return f"{shown} and {len(codes) - SHOWN} more" if len(codes) > SHOWN else shown


def counted_kinds(skipped: Counter[str]) -> pd.DataFrame:
    """Return counts of skipped files as a table, the commonest kind first."""
    rows = sorted(skipped.items(), key=lambda each: (-each[1], each[0]))
    return pd.DataFrame(rows, columns=list(SKIPPED))
