"""Trails: the codes that one and the same land has had, date after date; a plan walked without geometry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from geomerge.selectors import Cut, Selector
from geomerge.steps import Step, needed_cuts

# Each code of a piece of land, with the day on which it gave way to the next one, or was confirmed.
Trail = tuple[tuple[dt.date, str | None], ...]
Way = tuple[Trail, str | None]  # the trail of a piece of land, and the code it has reached
Ways = tuple[tuple[str | None, ...], ...]  # the same as codes: before the first date, and after each one


def was(trail: Trail, now: str | None, selector: Selector) -> bool:
    """Return whether land was the former unit that a selector names.

    Parameters
    ----------
    trail, now
        The codes the land had, and has.
    selector
        Its ``former`` is the code; with ``before`` only what it was on the day before that date counts.

    Examples
    --------
    >>> trail = ((dt.date(2020, 1, 1), "1534"),)
    >>> was(trail, "1507", Selector(former="1534")), was(trail, "1507", Selector(former="1504"))
    (True, False)
    >>> was(trail, "1507", Selector(former="1534", before="2021-01-01"))
    False
    """
    if selector.before is None:
        return any(code == selector.former for _, code in trail)
    on_day = next((code for until, code in trail if selector.before <= until), now)
    return on_day == selector.former


def trails(road: Sequence[Step], codes: Iterable[str]) -> Ways:
    """Return every way that land has gone: its code before the first date, and after each one.

    A part that nobody has placed may be anywhere in its unit, so each way through that unit goes on both as
    the part and as the rest; a new unit may have land that units lost to nobody before. A part named by a
    former unit takes exactly the ways through that unit.

    Parameters
    ----------
    road
        The steps of a plan.
    codes
        Codes alive before the first of them.

    Returns
    -------
    tuple of tuple
        Each with one code more than there are steps, None while the land is no unit's.

    Examples
    --------
    >>> from geomerge.plan import Plan
    >>> from geomerge.steps import steps
    >>> plan = Plan(
    ...     events=[
    ...         {"date": "2020-01-01", "merge": "1 2", "into": "9"},
    ...         {
    ...             "date": "2024-01-01",
    ...             "split": "9",
    ...             "into": [{"code": "4", "former": "1"}, {"code": "5", "remainder": True}],
    ...         },
    ...     ]
    ... )
    >>> trails(steps(plan, "12"), "12")
    (('1', '9', '4'), ('2', '9', '5'))
    """
    ways: list[Way] = [((), code) for code in codes]
    for number, step in enumerate(road):
        new_land: Trail = tuple((earlier.date, None) for earlier in road[: number + 1])
        ways = list(dict.fromkeys(_onward(ways, step, new_land)))  # ways that meet are one
    return tuple((*(code for _, code in trail), now) for trail, now in ways)


def _onward(ways: Sequence[Way], step: Step, new_land: Trail) -> Iterator[Way]:
    cuts = [entry.cut for entry in needed_cuts(step) if entry.cut.kind != "correction"]
    taken = [_taken(cut, ways) for cut in cuts]
    for way in ways:
        trail, now = way
        longer = (*trail, (step.date, now))
        named = [cut.new for cut, found in zip(cuts, taken, strict=True) if way in found]
        if named:
            yield from ((longer, new) for new in named)
            continue
        yield longer, None if now is None else step.whole[now][0]
        anywhere = [cut.new for cut, found in zip(cuts, taken, strict=True) if cut.unit == now and not found]
        yield from ((longer, new) for new in anywhere)
    yield from ((new_land, cut.new) for cut, found in zip(cuts, taken, strict=True) if cut.unit is None and not found)


def _taken(cut: Cut, ways: Sequence[Way]) -> set[Way]:
    """Return the ways that a former unit names; none where nobody has placed the part, or the plan begins later."""
    if cut.selector.former is None:
        return set()
    return {(trail, now) for trail, now in ways if now == cut.unit and was(trail, now, cut.selector)}
