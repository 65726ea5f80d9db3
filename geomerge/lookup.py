"""Look a code up: what it is, what it was, and what it became, as a person would ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from geomerge.crosswalk import crosswalk
from geomerge.days import hint
from geomerge.errors import InputError
from geomerge.history import History, as_date, in_words
from geomerge.sentences import sentence

Direction = Literal["became", "was", "is"]


@dataclass(frozen=True)
class Answer:
    """What one unit is on another day.

    Parameters
    ----------
    code, name, parent
        The unit, and the name of its parent; empty where not known.
    valid_from, valid_to
        First day of the unit (empty where it was there from the beginning), and first day without it (empty
        where it is still there), ISO.
    on
        The other day.
    direction
        ``became`` on a later day, ``was`` on an earlier one, ``is`` where the unit itself is valid then.
    rows
        Rows of the crosswalk between the two days, the earlier code first: those of what the unit became, or
        of what became the unit.
    known_until
        Last day for which all changes are known, where that is before the other day; else empty.
    life
        What happened to the unit while it had its code, one sentence an event, with the date.
    """

    code: str
    name: str
    parent: str
    valid_from: str
    valid_to: str
    on: str
    direction: Direction
    rows: pd.DataFrame
    known_until: str = ""
    life: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Return the answer in words, the unit first."""
        inside = f", in {self.parent}" if self.parent else ""
        said = [f"{_titled(self.code, self.name)}{inside}, valid {in_words(self.valid_from, self.valid_to)}"]
        if self.direction == "is":
            said.append(f"On {self.on} it is valid itself.")
        elif self.rows.empty:
            said.append(f"On {self.on} its land belongs to no unit.")
        elif self.direction == "became":
            said.append(f"On {self.on} it is")
            said += self._listed("new")
        else:
            said.append(f"On {self.on} it was")
            said += self._listed("old")
        listed = {event for events in self.rows["event"] for event in events.split("; ") if event}
        said += [f"    {event}" for event in sorted(listed)]
        said += ["While it had the code", *(f"  {event}" for event in self.life)] if self.life else []
        if self.known_until:
            said.append(f"All changes are known up to {self.known_until}; later ones are not in the answer.")
        return said

    def _listed(self, side: str) -> list[str]:
        rows: list[dict[str, Any]] = self.record()["rows"]
        return [f"  {_titled(row[f'{side}_code'], row[f'{side}_name'])} ({_size(row)})" for row in rows]

    def record(self) -> dict[str, Any]:
        """Return the answer for machines."""
        rows = self.rows.astype(object).where(self.rows.notna(), None).to_dict("records")
        return {**self.__dict__, "rows": rows}


def lookup(
    history: History,
    code: str,
    on: dt.date | str | None = None,
    *,
    since: dt.date | str | None = None,
    parents: bool = False,
) -> list[Answer]:
    """Answer what a code became, or what it was, on a day; one answer for each time the code was in use.

    Parameters
    ----------
    history
        The history of the units.
    code
        Code of a unit; with ``parents``, of a parent.
    on
        The day asked for. Without it, a unit that ended is followed to the last change, and each unit that
        came to life later is traced to the day before.
    since
        Day on which the code is meant: also land that a unit that lives on gave or received in between is
        told. Without it, the code is taken as it was when it began or ended.
    parents
        Look parents up instead of units.

    Returns
    -------
    list of Answer

    Raises
    ------
    InputError
        If no unit ever had the code, none had it on the day it is meant, or a day lies before the history.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> merge = {"merge": "0706 0719", "into": "0710", "name": "Sandefjord"}
    >>> history = History.of(Plan(date="2017-01-01", events=[merge]))
    >>> for sentence in lookup(history, "0719", "2020-01-01")[0].sentences():
    ...     print(sentence)
    0719, valid until 2016-12-31
    On 2020-01-01 it is
      0710 Sandefjord (the whole)
        2017-01-01 merge 0706 0719 > 0710
    """
    if not isinstance(code, str):
        raise InputError(f"{code!r} is no code. Codes are text, with their zeros.")
    periods = history.parent_periods if parents else history.periods
    known = periods[periods["code"] == code]
    if known.empty:
        remedy = _meant(code, periods)
        if not parents and code in set(history.parent_periods["code"]):
            remedy = "A parent has it: look parents up (parents)."
        raise InputError(f"No {'parent' if parents else history.level} ever had the code {code}. {remedy}")
    for day in (on, since):
        if day is not None:
            history.position(day)  # raises before the history begins
    found: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in known.to_dict("records")
    ]
    if since is not None:
        meant = as_date(since).isoformat()
        found = [p for p in found if _text(p["valid_from"]) <= meant < (_text(p["valid_to"]) or "9999")]
        if not found:
            times = " and ".join(
                f"{p['valid_from']} to before {_text(p['valid_to']) or 'now'}" for p in known.to_dict("records")
            )
            raise InputError(f"{code} was not in use on {since}, but from {times}. Name a day in that time.")
    return [
        _answer(history, period, day, None if since is None else as_date(since), parents)
        for period in found
        for day in _days(period, history, on)
    ]


def _meant(code: str, periods: pd.DataFrame) -> str:
    return hint(code, set(periods["code"])).replace("use the units of the day before", "see which history it is from")


def _days(period: dict[str, Any], history: History, on: dt.date | str | None) -> list[dt.date]:
    """Return the days to answer for: the one asked for, or the day before a unit came, and the last after it went."""
    if on is not None:
        return [as_date(on)]
    began, ended = _text(period["valid_from"]), _text(period["valid_to"])
    first = history.begin or history.plan.dates[0] - dt.timedelta(days=1)
    before = [as_date(began) - dt.timedelta(days=1)] if began and as_date(began) > first else []
    after = [history.plan.dates[-1]] if ended or not before else []
    return [*before, *after]


def _answer(history: History, period: dict[str, Any], day: dt.date, since: dt.date | None, parents: bool) -> Answer:
    code, began, ended = period["code"], _text(period["valid_from"]), _text(period["valid_to"])
    meant = since or day
    if since is None and began and day < as_date(began):
        meant = as_date(began)
    elif since is None and ended and day >= as_date(ended):
        meant = as_date(ended) - dt.timedelta(days=1)
    rows = crosswalk(history, min(day, meant), max(day, meant), parents=parents, findings=[])  # said in the answer
    direction: Direction = "is" if day == meant else "became" if day > meant else "was"
    if direction == "is":
        rows = rows.iloc[:0]
    else:
        rows = rows[(rows["new_code" if direction == "was" else "old_code"] == code) & rows["new_code"].notna()]
    parent = _text(period["parent"])
    return Answer(
        code=code,
        name=_text(period["name"]),
        parent=_titled(parent, history.parent_names().get(parent)) if parent else "",
        valid_from=began,
        valid_to=ended,
        on=day.isoformat(),
        direction=direction,
        rows=rows.reset_index(drop=True),
        known_until="" if history.is_known(day) else str(history.known_until),
        life=() if parents else tuple(_life(history, code, began, ended)),
    )


def _life(history: History, code: str, began: str, ended: str) -> Iterator[str]:
    """Yield what the plan says of a code between its first day and its end."""
    for date in history.plan.dates:
        if not (began < date.isoformat() and (not ended or date.isoformat() < ended)):
            continue
        for event in history.plan.on(date):
            received = [*event.whole().values(), *(cut.new for cut in event.cuts())]
            if code in (*event.old_codes(), *received, *event.names(), *event.parents()):
                yield f"{date}: {sentence(event)}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _titled(code: str, name: object) -> str:
    return f"{code} {name}" if isinstance(name, str) and name else code


def _size(row: Mapping[str, Any]) -> str:
    if row["kind"] == "whole":
        return "the whole"
    if row["share"] is None:
        return "a part, nobody says how much"
    return (
        f"{'about ' if row['estimated'] else ''}{row['share']:.1%} of the {row['by'] or 'whole'} of {row['old_code']}"
    )
