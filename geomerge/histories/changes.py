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

    Parameters
    ----------
    changes
        ``old_code``, ``new_code``, ``new_name``, ``date`` (ISO), all text; further columns are ignored. Several rows
        with one new code are a merge, several with one old code a split, equal codes a rename.
    title
        Title of the plan.
    edition
        File of the units after the change, by which units are split.
    redraw
        Whether split units are also corrected towards land of no unit, as the edition draws the coast; otherwise the
        remainder keeps what the edition gives to nobody.
    parents
        Parent of each new code, where it is to be stated.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If a column is missing, or a unit is split and no edition is given.

    Examples
    --------
    >>> changes = pd.DataFrame({"old_code": ["1", "2", "3"], "new_code": ["9", "9", "4"],
    ...     "new_name": ["Nine", "Nine", "Four"], "date": "2020-01-01"})
    >>> [event.label() for event in plan_from_changes(changes).events]
    ['merge 1 2 > 9', 'renumber 3 > 4']
    """
    if missing := [column for column in COLUMNS if column not in changes.columns]:
        raise InputError(f"The table of changes has no column {', '.join(missing)}.")
    events: list[dict[str, Any]] = []
    for day, rows in changes.drop_duplicates(["old_code", "new_code", "date"]).groupby("date"):
        date = dt.date.fromisoformat(str(day))
        events += _events(rows, date, edition, dict(parents or {}))
        cut = rows.groupby("old_code")["new_code"].nunique()
        events += [{"correct": old, "edition": edition, "date": date} for old in cut.index[cut > 1] if redraw]
    return Plan.model_validate({"title": title, "events": events})


def _events(rows: pd.DataFrame, date: dt.date, edition: str | None, parents: dict[str, str]) -> list[dict[str, Any]]:
    names = dict(zip(rows["new_code"], rows["new_name"], strict=True))
    heirs = {str(old): sorted(new) for old, new in rows.groupby("old_code")["new_code"]}
    split = {old: new for old, new in heirs.items() if len(new) > 1}
    if split and edition is None:
        raise InputError(f"{', '.join(split)} go to several units. Give the edition that shows where they are split.")
    makers: dict[str, list[str]] = {}
    for old, new in heirs.items():
        if len(new) == 1:
            makers.setdefault(new[0], []).append(old)

    def given(code: str) -> dict[str, Any]:
        return {"name": names[code]} | ({"parent": parents[code]} if code in parents else {})

    events: list[dict[str, Any]] = []
    for old, new in split.items():
        *parts, remainder = new
        if all(code in makers for code in new):  # every heir exists anyway: parts move, the rest goes along as a whole
            makers[remainder].append(old)
            events += [{"transfer": old, "to": code, "edition": edition} for code in parts]
        else:
            into = [{"code": code, **given(code), "edition": edition} for code in parts]
            events.append({"split": old, "into": [*into, {"code": remainder, **given(remainder), "remainder": True}]})
    for new, old in makers.items():
        events.append(_whole(old, new, given(new)))
    return [{**event, "date": date} for event in events]


def _whole(old: list[str], new: str, given: dict[str, Any]) -> dict[str, Any]:
    if len(old) > 1:
        return {"merge": old, "into": new, **given}
    if old[0] != new:
        return {"renumber": old[0], "to": new, **given}
    return {"rename": new, "name": given["name"]}
