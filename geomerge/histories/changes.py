"""A plain table of code changes, as statistical offices publish them, read as a plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

import pandas as pd

from geomerge.errors import InputError
from geomerge.plan import Plan

COLUMNS = ("old_code", "new_code", "new_name", "date")

T = TypeVar("T")


def plan_from_changes(
    changes: pd.DataFrame,
    *,
    title: str = "",
    edition: str | None = None,
    redraw: bool = False,
    parents: Mapping[str, str] | None = None,
    placed: bool = True,
) -> Plan:
    """Read rows old code -> new code as events; a split or a part needs an edition to say where it runs.

    Several rows with one new code are a merge, several with one old code a split, equal codes a rename, and
    a row without a new code the end of a unit. Where a unit goes to several that others go to as well, parts
    of it are transferred there, and the rest goes along as a whole. A row without an old code makes a unit
    of land that belonged to none; it needs an edition as well.

    Parameters
    ----------
    changes
        ``old_code``, ``new_code``, ``new_name``, ``date`` (ISO), all text. Where they are there, ``old_name``
        tells a rename from a row that only says that a unit lives on, ``parent`` (a code, or codes by level)
        is the parent a new code gets, and ``note`` becomes the note of the event; further columns are
        ignored.
    title
        Title of the plan.
    edition
        File of the units after the change, by which units are split.
    redraw
        Whether split units are also corrected towards land of no unit, as the edition draws the coast;
        otherwise the remainder keeps what the edition gives to nobody.
    parents
        Parent of each new code, where it is to be stated.
    placed
        Whether each part must have a place. Without, and without an edition, parts name none: enough to
        follow codes, and the check of a plan says where a place is missing.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If a column is missing, values cannot be used, or a unit is split and no edition is given; all faults.

    Examples
    --------
    >>> changes = pd.DataFrame(
    ...     {
    ...         "old_code": ["1", "2", "3"],
    ...         "new_code": ["9", "9", "4"],
    ...         "new_name": ["Nine", "Nine", "Four"],
    ...         "date": "2020-01-01",
    ...     }
    ... )
    >>> [event.label() for event in plan_from_changes(changes).events]
    ['merge 1 2 > 9', 'renumber 3 > 4']
    """
    placeless = edition is None and not placed
    _require_text(changes, needed=("date",) if edition or placeless else ("old_code", "date"))
    rows = changes.drop_duplicates(["old_code", "new_code", "date"])
    cut = rows.groupby(["date", "old_code"])["new_code"].nunique()
    if edition is None and placed and (cut > 1).any():
        old = ", ".join(sorted({str(code) for _, code in cut.index[cut > 1]}))
        raise InputError(f"{old} go to several units. Give the edition that shows where they are split.")
    events: list[dict[str, Any]] = []
    for day, of_day in rows.groupby("date"):
        found = _Day(of_day, edition, parents or {}).events()
        if redraw and edition is not None:
            found += [{"correct": code, "edition": edition} for date, code in cut.index[cut > 1] if date == day]
        events += [{**event, "date": day} for event in found]
    if not events:
        raise InputError("The table of changes holds no change: every row leaves code and name as they were.")
    return Plan.model_validate({"title": title, "events": events})


def _require_text(changes: pd.DataFrame, needed: tuple[str, ...]) -> None:
    if missing := [column for column in COLUMNS if column not in changes.columns]:
        raise InputError(f"The table of changes has no column {', '.join(missing)}.")
    if not len(changes):
        raise InputError("The table of changes is empty.")
    faults = []
    for column in COLUMNS:
        values = changes[column].dropna()
        if numbers := [value for value in values if not isinstance(value, str)]:
            faults.append(f"Column {column} of the changes holds {numbers[0]!r}, which is no text. Read it as text.")
    for column in needed:
        if changes[column].isna().any():
            row = changes.index[changes[column].isna()][0]
            faults.append(f"Column {column} of the changes is empty in row {row}. Fill it in.")
    if (nothing := changes["old_code"].isna() & changes["new_code"].isna()).any() and not faults:
        faults.append(f"Row {changes.index[nothing][0]} of the changes has neither an old nor a new code. Remove it.")
    if not faults:
        faults = [f"{day} is no date. Write it as 2020-01-31." for day in changes["date"].unique() if _no_date(day)]
    if faults:
        raise InputError(*faults)


def _no_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() != text
    except ValueError:
        return True


class _Day:
    """The changes of one date: who goes where, and who comes from whom alone."""

    def __init__(self, rows: pd.DataFrame, edition: str | None, parents: Mapping[str, str]) -> None:
        self.edition = edition
        going = rows.dropna(subset=["old_code", "new_code"])
        self.names: dict[str, str] = _by_code(rows, "new_name")
        self.parents: dict[str, Any] = {**parents, **_by_code(rows, "parent")}
        self.ended = sorted(rows.loc[rows["new_code"].isna(), "old_code"])
        self.created = sorted(rows.loc[rows["old_code"].isna(), "new_code"])
        self.heirs: dict[str, list[str]] = {str(old): sorted(new) for old, new in going.groupby("old_code")["new_code"]}
        self.makers: dict[str, list[str]] = {}
        for old, new in self.heirs.items():
            if len(new) == 1:
                self.makers.setdefault(new[0], []).append(old)
        self.unchanged: set[str] = set()
        self.namesakes: dict[str, str] = {}
        if "old_name" in rows:
            alike = going[going["old_name"] == going["new_name"]]
            self.unchanged = set(alike.loc[alike["old_code"] == alike["new_code"], "old_code"])
            self.namesakes = dict(zip(alike["old_code"], alike["new_code"], strict=True))
        self.notes: dict[tuple[str | None, str | None], str] = {}
        if "note" in rows:
            noted = rows.dropna(subset="note")
            pairs = zip(_or_none(noted["old_code"]), _or_none(noted["new_code"]), strict=True)
            self.notes = dict(zip(pairs, noted["note"], strict=True))

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the date."""
        shared = set(self.makers)
        found: list[dict[str, Any]] = []
        for old, new in self.heirs.items():
            if len(new) > 1:
                found += self._divide(old, new, shared)
                shared |= set(new)  # what one unit makes, others only add to
        for code, makers in self.makers.items():
            found += self._whole(sorted(makers), code)
        found += [{"create": code, **self._given(code), **self._place()} for code in self.created]
        return [*map(self._noted, found), *map(self._noted, [{"abolish": self.ended}] if self.ended else [])]

    def _divide(self, old: str, new: list[str], shared: set[str]) -> list[dict[str, Any]]:
        """Hand parts to units that others go to as well; what is left is split, or goes along as a whole."""
        own = [code for code in new if code not in shared] or [old if old in new else new[-1]]
        moved = [{"transfer": old, "to": code, **self._place()} for code in new if code not in own]
        namesake = self.namesakes.get(old)
        remainder = old if old in own else namesake if namesake in own else own[-1]
        if len(own) == 1:
            self.makers.setdefault(remainder, []).append(old)
            return moved
        parts = [{"code": c, **self._given(c), **self._place()} for c in own if c != remainder]
        rest = {"code": remainder, **self._given(remainder), "remainder": True}
        return [*moved, {"split": old, "into": [*parts, rest]}]

    def _whole(self, old: list[str], new: str) -> list[dict[str, Any]]:
        if len(old) > 1:
            return [{"merge": old, "into": new, **self._given(new)}]
        if old[0] != new:
            return [{"renumber": old[0], "to": new, **self._given(new)}]
        named = new in self.names and new not in self.unchanged
        renamed = [{"rename": new, "name": self.names[new]}] if named else []
        return renamed + ([{"reparent": new, "parent": self.parents[new]}] if new in self.parents else [])

    def _place(self) -> dict[str, str]:
        return {"edition": self.edition} if self.edition is not None else {}

    def _given(self, code: str) -> dict[str, Any]:
        name = {"name": self.names[code]} if code in self.names else {}
        return name | ({"parent": self.parents[code]} if code in self.parents else {})

    def _noted(self, event: dict[str, Any]) -> dict[str, Any]:
        """Add what the rows of an event say about it, each text once."""
        old = {code for field in ("merge", "split", "transfer", "renumber") for code in _listed(event.get(field))}
        new = {part["code"] if isinstance(part, dict) else part for part in _listed(event.get("into"))}
        new |= set(_listed(event.get("to")))
        same = [event.get("rename"), event.get("reparent")]
        pairs = [(code, code) for code in same if code] + [(code, None) for code in _listed(event.get("abolish"))]
        told = dict.fromkeys(
            note
            for (before, after), note in self.notes.items()
            if (before in old and after in new)
            or (before, after) in pairs
            or (before is None and after == event.get("create"))
        )
        return {**event, "note": "; ".join(told)} if told else event


def _by_code(rows: pd.DataFrame, column: str) -> dict[str, Any]:
    """Return what a column says of each new code; nothing where there is no such column."""
    if column not in rows:
        return {}
    given = rows.dropna(subset=["new_code", column])
    return dict(zip(given["new_code"], given[column], strict=True))


def _or_none(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in values]


def _listed(value: T | list[T] | None) -> list[T]:
    return value if isinstance(value, list) else [] if value is None else [value]
