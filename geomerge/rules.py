"""The rules a plan must obey, checked against the units it is for; all faults are found together."""

from __future__ import annotations

import datetime as dt
import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from geomerge.findings import Finding
from geomerge.plan import Create, Merge, Plan, Renumber, Split, _Event
from geomerge.steps import Step, steps


@dataclass(frozen=True)
class _Day:
    """The events of one date and the codes alive before it; ``ended`` tells when and how a code went."""

    date: dt.date
    events: tuple[_Event, ...]
    alive: frozenset[str]
    step: Step
    ended: Mapping[str, tuple[dt.date, str]]


def check_plan(
    plan: Plan,
    codes: Iterable[str],
    *,
    names: Mapping[str, str] | None = None,
    parents: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Find everything in the plan that contradicts the units, or itself.

    Parameters
    ----------
    plan
        The plan.
    codes
        Codes of the units alive before its first date.
    names
        Name of each unit; given, new units need a name.
    parents
        Parent of each unit at the first level; given, new units need a parent that can be told.

    Returns
    -------
    list of Finding
        Empty where the plan can be carried out.

    Examples
    --------
    >>> plan = Plan(date="2017-01-01", events=[{"merge": ["706", "0719"], "into": "0710"}])
    >>> for finding in check_plan(plan, ["0706", "0719"]): print(finding)
    No unit has the code 706 (merge 0719 706 > 0710). Did you mean 0706?
    """
    codes = list(codes)
    findings = list(_repeated(codes))
    alive, ended = frozenset(codes), dict[str, tuple[dt.date, str]]()
    known_names, known_parents = dict(names or {}), dict(parents or {})
    for date, step in zip(plan.dates, steps(plan, dict.fromkeys(codes)), strict=True):
        day = _Day(date, plan.on(date), alive, step, ended)
        for rule in (_unknown, _twice, _fates, _cycles, _remainders, _collisions, _receivers, _selectors):
            findings += rule(day)
        if names is not None:
            findings += _nameless(day, known_names)
        if parents is not None:
            findings += _orphans(day, known_parents)
        gone = alive - set(step.alive)
        ended = ended | {code: (date, step.whole[code][1]) for code in gone if code in step.whole}
        alive = frozenset(step.alive)
    return findings


def _repeated(codes: list[str]) -> Iterator[Finding]:
    for code, count in Counter(codes).items():
        if count > 1:
            yield Finding(
                "must", "repeated code", f"The code {code} stands {count} times in the units", "units",
                "One unit is one row; dissolve its parts by code first.",
            )  # fmt: skip


def _unknown(day: _Day) -> Iterator[Finding]:
    for event in day.events:
        named_after = [*event.names(), *event.parents()] if not event.old_codes() else []
        for code in event.old_codes():
            if code not in day.alive:
                yield _unknown_code(code, event, day)
        for code in named_after:
            if code not in day.step.alive:
                yield _unknown_code(code, event, day)


def _unknown_code(code: str, event: _Event, day: _Day) -> Finding:
    if code in day.ended:
        date, label = day.ended[code]
        new = day.step.whole.get(code, (None, ""))[0]
        heirs = label.split(" > ")[-1] if " > " in label else new
        remedy = f"Name its successor {heirs} or correct the date." if heirs else "Correct the date."
        return Finding("must", "date", f"{code} ended on {date}, before {day.date}", event.label(), remedy)
    padded = [known for known in day.alive if known.lstrip("0") == code.lstrip("0")]
    close = padded or difflib.get_close_matches(code, sorted(day.alive), n=1)
    remedy = f"Did you mean {close[0]}?" if close else "Correct the code, or use units of the day before."
    return Finding("must", "unknown code", f"No unit has the code {code}", event.label(), remedy)


def _twice(day: _Day) -> Iterator[Finding]:
    for event in day.events:
        listed: tuple[str, ...] = ()
        if isinstance(event, Merge):
            listed = event.merge
        elif isinstance(event, Split):
            listed = tuple(part.code for part in event.into)
        for code, count in Counter(listed).items():
            if count > 1:
                yield Finding(
                    "must", "repeated code", f"{code} is listed {count} times", event.label(), "List it once."
                )


def _fates(day: _Day) -> Iterator[Finding]:
    for code in sorted(day.alive):
        events = [event for event in day.events if code in event.whole()]
        if len(events) > 1:
            labels = "; ".join(event.label() for event in events)
            yield Finding(
                "must", "two fates", f"{code} goes whole to two places on {day.date}", labels,
                "Keep one; name what goes elsewhere as a part (transfer, split).",
            )  # fmt: skip
    renumbered = Counter(event.to for event in day.events if isinstance(event, Renumber))
    for code, count in renumbered.items():
        if count > 1:
            yield Finding(
                "must", "collision", f"{count} units are renumbered to {code} on {day.date}", "",
                "Use a merge if they become one unit.",
            )  # fmt: skip


def _cycles(day: _Day) -> Iterator[Finding]:
    moves = {old: new for event in day.events for old, new in event.whole().items() if new and new != old}
    seen: set[str] = set()
    for start in sorted(moves):
        chain = [start]
        while (following := moves.get(chain[-1])) and following not in chain:
            chain.append(following)
        if following and following == start and not seen & set(chain):
            seen |= set(chain)
            yield Finding(
                "must", "cycle", f"{' > '.join([*chain, start])} leads back to its start on {day.date}", "",
                "Give one of the changes another date or another code.",
            )  # fmt: skip
        elif not following and len(chain) > 2 and chain[1] in day.alive:
            yield Finding(
                "must", "chain", f"{chain[0]} becomes {chain[1]}, which itself becomes {chain[2]} on {day.date}", "",
                f"Name the last code {chain[-1]}, or give the changes their own dates.",
            )  # fmt: skip


def _remainders(day: _Day) -> Iterator[Finding]:
    for event in day.events:
        if not isinstance(event, Split):
            continue
        remainders = sum(part.remainder for part in event.into)
        if remainders != 1:
            yield Finding(
                "must", "remainder", f"The split of {event.split} has {remainders or 'no'} remainder", event.label(),
                "Mark exactly one part with remainder: true; it takes what no other part names.",
            )  # fmt: skip
        for part in event.into:
            if part.remainder == part.names_a_part:
                fault = "is the remainder and names a part" if part.remainder else "does not say which part it is"
                yield Finding(
                    "must", "part", f"{part.code} {fault}", event.label(),
                    "Give it an area, line, districts, keys, former or edition, or make it the remainder.",
                )  # fmt: skip


def _selectors(day: _Day) -> Iterator[Finding]:
    for event in day.events:
        if isinstance(event, Split):
            continue
        if any(not cut.selector.names_a_part for cut in event.cuts()):
            yield Finding(
                "must", "part", "The event does not say which part it is about", event.label(),
                "Give it an area, line, districts, keys, former or edition.",
            )  # fmt: skip


def _collisions(day: _Day) -> Iterator[Finding]:
    for event in day.events:
        new = set(event.creates()) | {code for code in event.whole().values() if code}
        for code in sorted(new & (day.alive - set(event.old_codes()))):
            if day.step.whole[code][0] == code or isinstance(event, Create):
                remedy = f"Add {code} to the merge if it takes part; else choose another code."
                if isinstance(event, Split):
                    remedy = f"Use a transfer to {code} if that unit lives on; else choose another code."
                yield Finding(
                    "must", "collision", f"{code} is the code of another unit that lives on", event.label(), remedy
                )


def _receivers(day: _Day) -> Iterator[Finding]:
    valid = {new for new, _ in day.step.whole.values()} | {c for e in day.events for c in e.creates()}
    for entry in day.step.cuts:
        cut = entry.cut
        if cut.new is not None and cut.new not in valid:
            close = difflib.get_close_matches(cut.new, sorted(filter(None, valid)), n=1)
            remedy = f"Did you mean {close[0]}?" if close else "Name a unit that is valid after the date."
            yield Finding("must", "unknown code", f"No unit has the code {cut.new} afterwards", entry.event, remedy)
        elif cut.new == cut.unit and cut.kind == "part" and day.step.whole.get(cut.unit, ("", ""))[0] == cut.unit:
            yield Finding("must", "part", f"A part of {cut.unit} moves to itself", entry.event, "Correct the code.")


def _nameless(day: _Day, names: dict[str, str]) -> Iterator[Finding]:
    given: dict[str, str] = {}
    for event in day.events:
        for code, name in event.names().items():
            if given.setdefault(code, name) != name:
                yield Finding(
                    "must", "name", f"{code} is named both {given[code]} and {name}", event.label(), "Keep one name."
                )
    heirs = Counter(new for new, _ in day.step.whole.values())
    inherited = {
        new: names[old] for old, (new, _) in day.step.whole.items()
        if new and old in names and (new == old or heirs[new] == 1)
    }  # fmt: skip
    for code in day.step.alive:
        if code not in given and code not in inherited:
            yield Finding(
                "must", "name", f"The new unit {code} has no name", _maker(code, day), "Give the event a name."
            )
    names.clear()
    names.update(inherited | given)


def _orphans(day: _Day, parents: dict[str, str]) -> Iterator[Finding]:
    given = {code: parent for event in day.events for code, parent in event.parents().items()}
    after: dict[str, str] = {}
    for code in day.step.alive:
        if code in given:
            parent = given[code]
            after[code] = parent if isinstance(parent, str) else next(iter(parent.values()))
            continue
        makers = [old for old, (new, _) in day.step.whole.items() if new == code]
        makers = makers or [entry.cut.unit for entry in day.step.cuts if entry.cut.new == code and entry.cut.unit]
        found = sorted({parents[old] for old in makers if old in parents})
        if len(found) == 1:
            after[code] = found[0]
        else:
            what = f"come from several parents ({', '.join(found)})" if found else "have no parent"
            yield Finding(
                "must", "parent", f"The parts of the new unit {code} {what}", _maker(code, day),
                "Give the event a parent.",
            )  # fmt: skip
    parents.clear()
    parents.update(after)


def _maker(code: str, day: _Day) -> str:
    makers: Collection[str] = [label for new, label in day.step.whole.values() if new == code and label]
    makers = makers or [entry.event for entry in day.step.cuts if entry.cut.new == code]
    return next(iter(makers), "")
