"""Crosswalk: which old code becomes which new code, whole or in part, with the share, between any two dates."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, collector
from geomerge.history import History
from geomerge.plan import Plan
from geomerge.succession import Heir, added_up, by_amount, completed, heirs

if TYPE_CHECKING:  # codes are led through time without geometry, and without the time to load it
    import geopandas as gpd

COLUMNS = ("old_code", "new_code", "kind", "share", "by", "amount", "estimated", "evidence", "event")

Day = dt.date | str | None


def crosswalk(
    source: History | Plan | gpd.GeoDataFrame,
    since: Day = None,
    until: Day = None,
    *,
    parents: bool = False,
    sizes: Mapping[str, float] | pd.Series | None = None,
    by: str | None = None,
    points: gpd.GeoDataFrame | None = None,
    weight: str | None = None,
    findings: list[Finding] | None = None,
) -> pd.DataFrame:
    """Return which code of one date is which code of another, with the share of it; a part stays a part.

    A share that nobody knows is missing, never left out and never guessed. A later ``since`` than ``until``
    leads backwards. A correction is no change of codes and has no row.

    Parameters
    ----------
    source
        A history or a plan; or pieces made by :func:`geomerge.pieces`, which measure the shares.
    since, until
        Days whose codes are meant, with the changes of the day itself; before the first change and after the
        last where none are given. Pieces know only these.
    parents
        Of a history: lead from parent to parent (county to county) instead of from unit to unit.
    sizes, by
        Of a history: size of each unit valid on the earlier of the two days, and what it counts. Shares of
        parents, and those that lead backwards, need them.
    points, weight
        Of pieces: features that weigh instead of the area (addresses, parcels, districts): each counts 1, or
        what its column ``weight`` says, in the pieces it lies in. What lies in several is divided by its
        area or length, and the shares that rest on that are estimates.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    DataFrame
        ``old_code``, ``new_code`` (missing where nothing follows), ``kind`` (``whole`` or ``part``),
        ``share`` of the old unit (they sum to 1; missing where not known), ``by`` (``area``, ``points``, the
        column of weights, or empty where nothing was weighed), ``amount`` (what ``by`` counts; areas in
        squared CRS units), ``estimated`` (whether the share takes something to be spread evenly: the land of
        a unit on the way, or what a district counts), ``evidence``, ``event`` (of pieces the labels, of a
        history with their dates); of a history also ``old_name`` and ``new_name``. Sorted by code.

    Raises
    ------
    InputError
        If a date is none, lies before the history begins, or options do not fit the source.

    Examples
    --------
    >>> history = Plan(
    ...     events=[
    ...         {"date": "2020-01-01", "merge": "1504 1534", "into": "1507"},
    ...         {
    ...             "date": "2024-01-01",
    ...             "split": "1507",
    ...             "into": [{"code": "1580", "former": "1534"}, {"code": "1508", "remainder": True}],
    ...         },
    ...     ]
    ... )
    >>> crosswalk(history)[["old_code", "new_code", "kind", "share"]].values.tolist()
    [['1504', '1508', 'whole', 1.0], ['1534', '1580', 'whole', 1.0]]
    >>> crosswalk(history, "2020-01-01", "2024-01-01")[["old_code", "new_code", "kind", "share"]].values.tolist()
    [['1507', '1508', 'part', nan], ['1507', '1580', 'part', nan]]
    """
    if not isinstance(source, History | Plan):
        if since is not None or until is not None or parents or sizes is not None:
            raise InputError(
                "Pieces lead from the first to the last date of their plan. Give a history for other days."
            )
        from geomerge.weighing import shares_of

        return shares_of(source, points, weight)[list(COLUMNS)]
    if points is not None or weight is not None:
        raise InputError("Points can only weigh pieces. Cut the units by the plan first (pieces).")
    history = History.of(source) if isinstance(source, Plan) else source
    start = 0 if since is None else history.position(since)
    end = len(history.road) if until is None else history.position(until)
    report = collector(findings)
    weights = None if sizes is None else _checked(sizes)
    if parents:
        _require_parents(history, start, end)
    for finding in _doubts(history, (since, until), min(start, end), weights):
        report(finding)
    links = _links(history, start, end, parents, weights, by)
    return _named(_table(links), history, start, end, parents)


def _checked(sizes: Mapping[str, float] | pd.Series) -> dict[str, float]:
    """Return sizes by code; InputError unless all are numbers from 0, one a code."""
    table = pd.Series(dict(sizes) if isinstance(sizes, Mapping) else sizes)
    if twice := table.index[table.index.duplicated()].tolist():
        raise InputError(f"The size of {twice[0]} is given {(table.index == twice[0]).sum()} times. Give one a unit.")
    numbers = pd.to_numeric(table, errors="coerce").astype(float)
    faulty = table.index[~((numbers >= 0) & np.isfinite(numbers))]
    if len(faulty):
        told = (
            f"The size of {code} is {table.astype(object)[code]!r}, which is no number from 0." for code in faulty[:5]
        )
        raise InputError(*told)
    return {str(code): float(number) for code, number in numbers.items()}


def _require_parents(history: History, *positions: int) -> None:
    """Raise InputError for units whose parent nobody tells."""
    for position in positions:
        if lacking := sorted(code for code, (_, parent) in history.described[position].items() if not parent):
            day = history.road[position - 1].date if position else "the beginning"
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            raise InputError(
                f"The parent of {', '.join(lacking[:5])}{more} is not known from {day} on. "
                f"State it in the units of the history, or in the event that makes the unit (parent)."
            )


def _doubts(history: History, days: tuple[Day, Day], early: int, sizes: dict[str, float] | None) -> Iterator[Finding]:
    """Find days after the last that is known, and units without a size."""
    for day in days:
        if day is not None and not history.is_known(day):
            what = f"Changes are known up to {history.known_until}, and not up to {day}"
            yield Finding("should", "date", what, history.title, "See whether there have been any since.")
    if sizes is not None and (lacking := sorted(set(history.described[early]) - sizes.keys())):
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        what = f"No size is given for {', '.join(lacking[:5])}{more}, so shares that need it are missing"
        yield Finding("should", "size", what, "sizes", "Give the size of every unit valid on the earlier day.")


def _links(
    history: History, start: int, end: int, parents: bool, sizes: dict[str, float] | None, by: str | None
) -> list[Heir]:
    """Return what leads from code to code, in the direction and on the level that are asked for."""
    early, late = min(start, end), max(start, end)
    found = [*heirs(history.road, history.ways, early, late), *_new_land(history, early, late)]
    if parents:  # what stays within a parent needs no share of its own
        above = [replace(heir, new=_parent(history, heir.new, late)) for heir in found]
        found = [heir for shared in added_up(above) for heir in completed(shared)]
    led = []
    for heir in found:
        old, new = (_parent(history, heir.old, early) if parents else heir.old or None), heir.new
        if start > end:
            old, new = new, old
        if old is not None:
            size = math.nan if sizes is None else sizes.get(heir.old, math.nan)
            events = {event.partition(" ")[0] for event in heir.events} if parents else heir.events
            led.append(replace(heir, old=old, new=new, amount=size * heir.share, events=frozenset(events)))
    settle = by_amount if parents or start > end else completed
    settled = [heir for shared in added_up(led) for heir in settle(shared)]
    weighed = frozenset([by] if by else [])
    return [heir if math.isnan(heir.amount) else replace(heir, by=heir.by | weighed) for heir in settled]


def _parent(history: History, code: str | None, position: int) -> str | None:
    return history.described[position][code][1] if code else None


def _new_land(history: History, early: int, late: int) -> list[Heir]:
    """Return the land that was no unit's on the earlier day, under an empty old code."""
    new = {way[late] for way in history.ways if way[early] is None and way[late] is not None}
    return [Heir("", code, share=math.nan) for code in sorted(filter(None, new))]


def _table(found: Iterable[Heir]) -> pd.DataFrame:
    ordered = sorted(found, key=lambda heir: (heir.old, heir.new is None, heir.new or ""))
    count = Counter(heir.old for heir in ordered)
    rows = [
        (
            heir.old,
            heir.new,
            "whole" if count[heir.old] == 1 else "part",
            heir.share,
            _joined(heir.by) if heir.share == heir.share else "",
            heir.amount,
            heir.estimated and not math.isnan(heir.share),
            _joined(heir.evidence),
            _joined(heir.events),
        )
        for heir in ordered
    ]
    texts = dict.fromkeys(("old_code", "new_code", "kind", "by", "evidence", "event"), "str")
    numbers = dict.fromkeys(("share", "amount"), "float64")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({**texts, **numbers, "estimated": bool})


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(sorted(texts))


def _parted(text: object) -> frozenset[str]:
    """Return the parts of a joined text; an empty one comes back from a file as missing."""
    return frozenset(filter(None, text.split("; "))) if isinstance(text, str) else frozenset()


def _heirs(table: pd.DataFrame) -> Iterator[Heir]:
    """Yield the rows of a crosswalk again as what they were made from."""
    for row in table.to_dict("records"):
        new = row["new_code"] if isinstance(row["new_code"], str) else None
        by, evidence, events = (_parted(row[column]) for column in ("by", "evidence", "event"))
        estimated = str(row["estimated"]).lower() == "true"  # a file has it as text
        share, amount = float(row["share"]), float(row["amount"])
        yield Heir(str(row["old_code"]), new, frozenset(), share, amount, estimated, by, events, evidence)


def _named(table: pd.DataFrame, history: History, start: int, end: int, parents: bool) -> pd.DataFrame:
    for column, position in (("old", start), ("new", end)):
        names = {code: name for code, (name, _) in history.described[position].items()}
        named = history.parent_names() if parents else names
        table[f"{column}_name"] = table[f"{column}_code"].map(named).astype("str")
    return table


def invert(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a crosswalk round: old codes become new ones, and shares are of what the amounts add up to there.

    Parameters
    ----------
    table
        Table made by :func:`crosswalk`.

    Returns
    -------
    DataFrame
        The same columns; without amounts, only what is whole has a share.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": "1 2", "into": "9"}])
    >>> back = invert(crosswalk(plan, sizes={"1": 30, "2": 10}, by="population"))
    >>> back[["old_code", "new_code", "kind", "share", "by"]].values.tolist()
    [['9', '1', 'part', 0.75, 'population'], ['9', '2', 'part', 0.25, 'population']]
    """
    turned = [replace(heir, old=heir.new, new=heir.old) for heir in _heirs(table) if heir.new is not None]
    return _table(heir for shared in added_up(turned) for heir in by_amount(shared))


def compose(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Join two crosswalks that meet in the same codes to one that leads from the first to the last.

    Shares are multiplied and added up. Where a unit in the middle came from several and is divided again, that
    takes each of them to be spread evenly over it, and the share is marked as an estimate. Land that was no
    unit's before has no row, so a unit made partly of it looks whole. A history knows more: where it reaches over
    both, ask it directly.

    Parameters
    ----------
    first, second
        Tables made by :func:`crosswalk`; the new codes of the first are the old codes of the second.

    Returns
    -------
    DataFrame
        The columns of a crosswalk; ``amount`` follows the first.

    Raises
    ------
    InputError
        If the second does not say what becomes of a code.

    Examples
    --------
    >>> one = Plan(date="2020-01-01", events=[{"merge": "1 2", "into": "9"}])
    >>> other = Plan(date="2024-01-01", events=[{"renumber": "9", "to": "8"}])
    >>> compose(crosswalk(one), crosswalk(other))[["old_code", "new_code", "share"]].values.tolist()
    [['1', '8', 1.0], ['2', '8', 1.0]]
    """
    if missing := sorted(set(first["new_code"].dropna()) - set(second["old_code"])):
        raise InputError(
            f"The second crosswalk does not say what becomes of {', '.join(missing[:5])}. "
            f"Give one that begins where the first ends."
        )
    onward: dict[str | None, list[Heir]] = {None: [Heir("", None)]}
    for heir in _heirs(second):
        onward.setdefault(heir.old, []).append(heir)
    makers = Counter(heir.new for heir in _heirs(first))
    joined = [
        replace(
            heir,
            new=then.new,
            share=heir.share * then.share,
            amount=heir.amount * then.share,
            estimated=heir.estimated or then.estimated or (len(onward[heir.new]) > 1 and makers[heir.new] > 1),
            by=heir.by | then.by,
            events=heir.events | then.events,
            evidence=heir.evidence | then.evidence,
        )
        for heir in _heirs(first)
        for then in onward[heir.new]
    ]
    return _table(heir for shared in added_up(joined) for heir in completed(shared))
