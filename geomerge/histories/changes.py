"""A plain table of code changes, as statistical offices publish them, read as a plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.plan import Plan

COLUMNS = ("old_code", "new_code", "new_name", "date")


def plan_from_changes(
    changes: pd.DataFrame,
    *,
    title: str = "",
    edition: str | None = None,
    redraw: bool = False,
    parents: Mapping[str, str] | None = None,
) -> Plan:
    """Read rows old code -> new code as events; a split or a part needs an edition to say where it runs.

    Several rows with one new code are a merge, several with one old code a split, equal codes a rename, and
    a row without a new code the end of a unit. Where a unit goes to several that others go to as well, parts
    of it are transferred there, and the rest goes along as a whole.

    Parameters
    ----------
    changes
        ``old_code``, ``new_code``, ``new_name``, ``date`` (ISO), all text; further columns are ignored.
    title
        Title of the plan.
    edition
        File of the units after the change, by which units are split.
    redraw
        Whether split units are also corrected towards land of no unit, as the edition draws the coast;
        otherwise the remainder keeps what the edition gives to nobody.
    parents
        Parent of each new code, where it is to be stated.

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
    _require_text(changes)
    rows = changes.drop_duplicates(["old_code", "new_code", "date"])
    cut = rows.groupby(["date", "old_code"])["new_code"].nunique()
    if edition is None and (cut > 1).any():
        old = ", ".join(sorted({str(code) for _, code in cut.index[cut > 1]}))
        raise InputError(f"{old} go to several units. Give the edition that shows where they are split.")
    events: list[dict[str, Any]] = []
    for day, of_day in rows.groupby("date"):
        found = _Day(of_day, edition, parents or {}).events()
        if redraw:
            found += [{"correct": code, "edition": edition} for date, code in cut.index[cut > 1] if date == day]
        events += [{**event, "date": day} for event in found]
    return Plan.model_validate({"title": title, "events": events})


def _require_text(changes: pd.DataFrame) -> None:
    if missing := [column for column in COLUMNS if column not in changes.columns]:
        raise InputError(f"The table of changes has no column {', '.join(missing)}.")
    if not len(changes):
        raise InputError("The table of changes is empty.")
    faults = []
    for column in COLUMNS:
        values = changes[column].dropna()
        if numbers := [value for value in values if not isinstance(value, str)]:
            faults.append(f"Column {column} of the changes holds {numbers[0]!r}, which is no text. Read it as text.")
    for column in ("old_code", "date"):
        if changes[column].isna().any():
            row = changes.index[changes[column].isna()][0]
            faults.append(f"Column {column} of the changes is empty in row {row}. Fill it in.")
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
        self.edition, self.parents = edition, parents
        named = rows.dropna(subset=["new_code", "new_name"])
        self.names: dict[str, str] = dict(zip(named["new_code"], named["new_name"], strict=True))
        self.ended = sorted(rows.loc[rows["new_code"].isna(), "old_code"])
        self.heirs: dict[str, list[str]] = {
            str(old): sorted(new) for old, new in rows.dropna(subset="new_code").groupby("old_code")["new_code"]
        }
        self.makers: dict[str, list[str]] = {}
        for old, new in self.heirs.items():
            if len(new) == 1:
                self.makers.setdefault(new[0], []).append(old)

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the date."""
        shared = set(self.makers)
        found: list[dict[str, Any]] = []
        for old, new in self.heirs.items():
            if len(new) > 1:
                found += self._divide(old, new, shared)
        for code, makers in self.makers.items():
            found += self._whole(sorted(makers), code)
        return found + ([{"abolish": self.ended}] if self.ended else [])

    def _divide(self, old: str, new: list[str], shared: set[str]) -> list[dict[str, Any]]:
        """Hand parts to units that others go to as well; what is left is split, or goes along as a whole."""
        own = [code for code in new if code not in shared] or new[-1:]
        moved = [{"transfer": old, "to": code, "edition": self.edition} for code in new if code not in own]
        remainder = old if old in own else own[-1]
        if len(own) == 1:
            self.makers.setdefault(remainder, []).append(old)
            return moved
        parts = [{"code": c, **self._given(c), "edition": self.edition} for c in own if c != remainder]
        rest = {"code": remainder, **self._given(remainder), "remainder": True}
        return [*moved, {"split": old, "into": [*parts, rest]}]

    def _whole(self, old: list[str], new: str) -> list[dict[str, Any]]:
        if len(old) > 1:
            return [{"merge": old, "into": new, **self._given(new)}]
        if old[0] != new:
            return [{"renumber": old[0], "to": new, **self._given(new)}]
        renamed = [{"rename": new, "name": self.names[new]}] if new in self.names else []
        return renamed + ([{"reparent": new, "parent": self.parents[new]}] if new in self.parents else [])

    def _given(self, code: str) -> dict[str, Any]:
        name = {"name": self.names[code]} if code in self.names else {}
        return name | ({"parent": self.parents[code]} if code in self.parents else {})
