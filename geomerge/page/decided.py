"""What was decided, in sentences of the language of the page."""

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
from geomerge.page.texts import Texts
from geomerge.plan import Plan
from geomerge.selectors import SELECTORS, Selector


def decided(plan: Plan, texts: Texts) -> list[str]:
    """Return one sentence an event, in the order of :meth:`geomerge.plan.Plan.sentences`.

    Examples
    --------
    >>> from geomerge.page.texts import read_texts
    >>> plan = Plan(date="2017-01-01", events=[{"merge": "0706 0719", "into": "0710", "name": "Sandefjord"}])
    >>> decided(plan, read_texts("no"))
    ['0706 og 0719 slås sammen til 0710 Sandefjord.']
    """
    if "events" not in texts.content:
        return plan.sentences()
    several = len(plan.dates) > 1
    return [
        f"{texts.date(day.isoformat())}: {_sentence(event, texts)}" if several else _sentence(event, texts)
        for day in plan.dates
        for event in plan.on(day)
    ]


@singledispatch
def _sentence(event: BaseEvent, texts: Texts) -> str:
    raise NotImplementedError(event.kind)


@_sentence.register
def _merge(event: Merge, texts: Texts) -> str:
    others = [code for code in event.merge if code != event.into]
    joins = others and len(others) < len(event.merge)
    return _said(texts, "join" if joins else "merge", units=others if joins else event.merge, new=_titled(event))


@_sentence.register
def _split(event: Split, texts: Texts) -> str:
    parts = [
        _said(texts, "split_part", part=_part(part, texts), new=_titled(part))
        for part in event.into
        if not part.remainder
    ]
    for part in event.into:
        if part.remainder:
            parts.append(_said(texts, "split_stays" if part.code == event.split else "split_rest", new=_titled(part)))
    return _said(texts, "split", unit=event.split, parts=parts)


@_sentence.register
def _transfer(event: Transfer, texts: Texts) -> str:
    return _said(texts, "transfer", unit=event.transfer, part=_part(event, texts), new=event.to)


@_sentence.register
def _renumber(event: Renumber, texts: Texts) -> str:
    return _said(texts, "renumber", unit=event.renumber, new=_titled(event))


@_sentence.register
def _rename(event: Rename, texts: Texts) -> str:
    return _said(texts, "rename", unit=event.rename, name=event.name)


@_sentence.register
def _reparent(event: Reparent, texts: Texts) -> str:
    given = event.parent
    parent = [given] if isinstance(given, str) else [f"{level} {code}" for level, code in given.items()]
    return _said(texts, "reparent", units=event.reparent, parent=parent)


@_sentence.register
def _create(event: Create, texts: Texts) -> str:
    return _said(texts, "create", new=_titled(event), part=_part(event, texts))


@_sentence.register
def _abolish(event: Abolish, texts: Texts) -> str:
    return _said(texts, "abolish", units=event.abolish)


@_sentence.register
def _correct(event: Correct, texts: Texts) -> str:
    kind = "correct" if event.to is None else "correct_to"
    return _said(texts, kind, units=event.correct, part=_part(event, texts), new=event.to or "")


def _said(texts: Texts, event: str, **values: str | Iterable[str]) -> str:
    """Return the sentence of a kind of event with its values put in."""
    found = {name: value if isinstance(value, str) else texts.listed(value) for name, value in values.items()}
    text: str = texts[f"events.{event}"]
    return text.format(**found)


def _titled(unit: Named) -> str:
    return f"{unit.new_unit()} {unit.name}" if unit.name else unit.new_unit()


def _part(selector: Selector, texts: Texts) -> str:
    """Return which part a selector names, in brackets; nothing where it names none."""
    if not selector.names_a_part:
        return ""
    if selector.line is not None and selector.side is not None:
        return f" ({texts[f'parts.{selector.side}'].format(line=selector.line)})"
    if selector.line is not None and selector.holding is not None:
        x, y = (f"{value:g}" for value in selector.holding)
        return f" ({texts['parts.holding'].format(x=x, y=y, line=selector.line)})"
    if selector.former is not None:
        given = {name: value for name in ("before", "edition") if (value := getattr(selector, name)) is not None}
        return f" ({texts['parts.' + '_'.join(['former', *given])].format(former=selector.former, **given)})"
    name, value = next((name, value) for name in SELECTORS if (value := getattr(selector, name)) is not None)
    return f" ({texts[f'parts.{name}'].format(value=', '.join(value) if isinstance(value, tuple) else value)})"
