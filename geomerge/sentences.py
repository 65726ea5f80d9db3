"""Sentences: what each event decides, in plain English."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch

from geomerge.events import (
    Abolish,
    BaseEvent,
    Correct,
    Create,
    Merge,
    Named,
    Rename,
    Renumber,
    Reparent,
    Split,
    Transfer,
)
from geomerge.selectors import Selector


@singledispatch
def sentence(event: BaseEvent) -> str:
    """Return what an event decides.

    Examples
    --------
    >>> sentence(Transfer(transfer="0720", to="0704", area="vear.geojson"))
    'A part of 0720 (area vear.geojson) moves to 0704.'
    """
    raise NotImplementedError(event.kind)


@sentence.register
def _merge(event: Merge) -> str:
    others = [code for code in event.merge if code != event.into]
    if others and len(others) < len(event.merge):
        return f"{_listed(others)} {_verb('join', others)} {_titled(event)}."
    return f"{_listed(event.merge)} {_verb('merge', event.merge)} into {_titled(event)}."


@sentence.register
def _split(event: Split) -> str:
    parts = [f"a part{_named(part)} becomes {_titled(part)}" for part in event.into if not part.remainder]
    for part in event.into:
        if part.remainder:
            parts.append(f"the rest {'stays' if part.code == event.split else 'becomes'} {_titled(part)}")
    return f"{event.split} is split: {_listed(parts)}."


@sentence.register
def _transfer(event: Transfer) -> str:
    return f"A part of {event.transfer}{_named(event)} moves to {event.to}."


@sentence.register
def _renumber(event: Renumber) -> str:
    return f"{event.renumber} gets the code {_titled(event)}."


@sentence.register
def _rename(event: Rename) -> str:
    return f"{event.rename} is named {event.name}."


@sentence.register
def _reparent(event: Reparent) -> str:
    parent = event.parent
    if not isinstance(parent, str):
        parent = _listed(f"{level} {code}" for level, code in parent.items())
    return f"{_listed(event.reparent)} {_verb('move', event.reparent)} to parent {parent}."


@sentence.register
def _create(event: Create) -> str:
    return f"{_titled(event)} is created on land of no unit{_named(event)}."


@sentence.register
def _abolish(event: Abolish) -> str:
    return f"{_listed(event.abolish)} {_verb('end', event.abolish)} without a successor."


@sentence.register
def _correct(event: Correct) -> str:
    if event.to is not None:
        drawn = f"A part of {_listed(event.correct)}{_named(event)} is drawn as part of {event.to}"
    else:
        drawn = f"{_listed(event.correct)} {'is' if len(event.correct) == 1 else 'are'} redrawn{_named(event)}"
    return f"{drawn}; nothing changes in law."


def _listed(items: Iterable[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _verb(plural: str, items: Iterable[str]) -> str:
    return plural if len(list(items)) > 1 else f"{plural}s"


def _titled(unit: Named) -> str:
    return f"{unit.new_unit()} {unit.name}" if unit.name else unit.new_unit()


def _named(selector: Selector) -> str:
    return f" ({selector})" if selector.names_a_part else ""
