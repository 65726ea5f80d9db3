"""The rules a plan must obey, checked against the units it is for; all faults are found together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from geomerge.days import Day, days, hint, unknown_after, unknown_before
from geomerge.events import BaseEvent, Correct, Create, Merge, Renumber, Split, Transfer
from geomerge.findings import Finding
from geomerge.keyrules import check_key_rules, where_of
from geomerge.plan import Plan
from geomerge.selectors import SELECTORS, Portion
from geomerge.steps import first_parent, inherited, makers, parents_of, sole_parents

UNPLACED = "unplaced part"  # blocks where land is cut; codes can be followed without
NAME_THE_PART = f"Give it an {', '.join(SELECTORS[:-1])} or {SELECTORS[-1]}"


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
    >>> for finding in check_plan(plan, ["0706", "0719"]):
    ...     print(finding)
    No unit has the code 706 (merge 0719 706 > 0710). Did you mean 0706? A code keeps its zeros.
    """
    codes = list(codes)
    findings = list(_repeated_units(codes))
    known_names, known_parents = _present(names), _present(parents)
    road = list(days(plan, codes))
    for day in road:
        for rule in RULES:
            findings += rule(day)
        if names is not None:
            findings += _nameless(day, known_names)
            known_names = inherited(known_names, day.step) | dict(day.step.names)
        if parents is not None:
            findings += _orphans(day, known_parents)
            known_parents = sole_parents(day.step, known_parents)
    if parents is not None:
        findings += _strange_parents(plan, set(_present(parents).values()))
    return [*findings, *check_key_rules(plan), *_key_units(plan, codes, road)]


def _present(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what is known; a table holds None or NaN where it is not."""
    return {code: str(value) for code, value in (values or {}).items() if value is not None and value == value}


def _repeated_units(codes: list[str]) -> Iterator[Finding]:
    for code, count in Counter(codes).items():
        if count > 1:
            what = f"The code {code} stands {count} times in the units"
            remedy = "One unit is one row; dissolve its parts by code first."
            yield _fault("repeated code", what, "units", remedy)


def _unknown(day: Day) -> Iterator[Finding]:
    alive = frozenset(day.step.alive)
    for event in day.events:
        old = event.old_codes()
        for code in old:
            if code not in day.alive:
                yield unknown_before(code, event, day)
        for code in [] if old else dict.fromkeys([*event.names(), *event.parents()]):
            if code not in alive:
                yield unknown_after(code, event, day)


def _repeated(day: Day) -> Iterator[Finding]:
    for event in day.events:
        listed = getattr(event, event.kind)
        if isinstance(event, Split):
            listed = tuple(part.code for part in event.into)
        for code, count in Counter(listed if isinstance(listed, tuple) else ()).items():
            if count > 1:
                what = f"{day.says(event, 'lists')} {code} {count} times"
                yield _fault("repeated code", what, event.label(), "List it once.")
    for position, event in enumerate(day.events[1:], start=1):
        if event == day.events[position - 1]:
            yield _fault("repeated event", "The event stands in the plan twice", event.label(), "Keep one.")


def _fates(day: Day) -> Iterator[Finding]:
    fates: dict[str, list[BaseEvent]] = {}
    for event in day.events:
        for code in event.whole():
            fates.setdefault(code, []).append(event)
    for code, events in sorted(fates.items()):
        if len(events) > 1 and code in day.alive:
            what = f"{code} goes whole to {len(events)} places on {day.date}"
            remedy = "Keep one; name what goes elsewhere as a part (transfer, split)."
            yield _fault("two fates", what, _labels(events), remedy)


def _one_target(day: Day) -> Iterator[Finding]:
    makers: dict[str, list[BaseEvent]] = {}
    for event in day.events:
        if isinstance(event, Merge | Renumber):
            makers.setdefault(event.into if isinstance(event, Merge) else event.to, []).append(event)
    for code, events in makers.items():
        if len(events) > 1 and any(isinstance(event, Renumber) for event in events):
            what = f"{len(events)} events give the code {code} on {day.date}"
            yield _fault("collision", what, _labels(events), "Use one merge if they become one unit.")


def _cycles(day: Day) -> Iterator[Finding]:
    moves = {old: new for event in day.events for old, new in event.whole().items() if new and new != old}
    seen: set[str] = set()
    for start in sorted(moves):
        chain = [start]
        while (following := moves.get(chain[-1])) and following not in chain:
            chain.append(following)
        if following == start and start not in seen:
            seen |= set(chain)
            what = f"{' > '.join([*chain, start])} leads back to its start on {day.date}"
            yield _fault("cycle", what, "", "Give one of the changes another date or another code.")
        elif not following and len(chain) > 2 and chain[1] in day.alive:
            what = f"{chain[0]} becomes {chain[1]}, which itself becomes {chain[2]} on {day.date}"
            remedy = f"Name the last code {chain[-1]}, or give the changes their own dates."
            yield _fault("chain", what, "", remedy)


def _remainders(day: Day) -> Iterator[Finding]:
    for event in day.events:
        if not isinstance(event, Split):
            continue
        remainders = sum(part.remainder for part in event.into)
        if remainders != 1:
            count = f"{remainders} remainders" if remainders else "no remainder"
            remedy = "Mark exactly one part with remainder: true; it takes what no other part names."
            yield _fault("remainder", f"The split of {event.split} has {count}", event.label(), remedy)
        for part in event.into:
            if part.remainder == part.names_a_part:
                fault = "is the remainder and names a part" if part.remainder else "names no part"
                remedy = f"{NAME_THE_PART}, or make it the remainder."
                yield _fault("part" if part.remainder else UNPLACED, f"{part.code} {fault}", event.label(), remedy)


def _parts(day: Day) -> Iterator[Finding]:
    for event in day.events:
        unnamed = [selector for selector in event.selectors() if not selector.names_a_part]
        if unnamed and not isinstance(event, Split):
            what = "The event does not say which part it is about"
            yield _fault(UNPLACED, what, event.label(), f"{NAME_THE_PART}.")
        receiver = event.to if isinstance(event, Transfer | Correct) else None
        if receiver in event.old_codes():
            what = f"A part of {receiver} moves to {receiver} itself"
            yield _fault("part", what, event.label(), "Correct one of the codes.")


def _collisions(day: Day) -> Iterator[Finding]:
    for event in day.events:
        new = set(event.creates()) | {code for code in event.whole().values() if code}
        for code in sorted((new & day.alive).difference(event.old_codes())):
            if day.step.whole[code][0] == code or isinstance(event, Create):
                remedy = f"Add {code} to the merge if it takes part; else choose another code."
                if isinstance(event, Split):
                    remedy = f"Use a transfer to {code} if that unit lives on; else choose another code."
                elif not isinstance(event, Merge):
                    remedy = "Choose another code, or merge the two if they become one unit."
                what = f"{code} is the code of another unit that lives on"
                yield _fault("collision", what, event.label(), remedy)


def _receivers(day: Day) -> Iterator[Finding]:
    """Check that what receives a part is there afterwards; with a unit that merges, the part goes along."""
    for event in day.events:
        if not isinstance(event, Transfer | Correct) or event.to is None or event.to in day.valid:
            continue
        if day.step.whole.get(event.to, ("", ""))[0] is None:
            what = f"A part moves to {event.to}, which is abolished on {day.date}"
            yield _fault("unknown code", what, event.label(), "Name a unit that lives on.")
        elif event.to not in day.step.whole:
            yield unknown_after(event.to, event, day, "gives a part to")


def _contradictions(day: Day) -> Iterator[Finding]:
    """Find names and parents that contradict each other."""
    for what in ("names", "parents"):
        given: dict[str, object] = {}
        for event in day.events:
            for code, value in getattr(event, what)().items():
                if given.setdefault(code, value) != value:
                    word = what.removesuffix("s")
                    fault = f"{code} gets two {what}: {given[code]} and {value}"
                    yield _fault(word, fault, event.label(), f"Keep one {word}.")


def _shares(day: Day) -> Iterator[Finding]:
    """Find parts of one unit that would leave nothing of it, or are not counted by the same."""
    sizes: dict[str, list[tuple[float, str, str]]] = {}
    for event in day.events:
        for cut in event.cuts():
            size = cut.selector
            if cut.unit is not None and isinstance(size, Portion) and size.share is not None and size.by is not None:
                sizes.setdefault(cut.unit, []).append((size.share, size.by, event.label()))
    for unit, found in sizes.items():
        where = "; ".join(dict.fromkeys(label for _, _, label in found))
        if (total := sum(share for share, _, _ in found)) >= 1:
            what = f"The parts of {unit} on {day.date} hold {total:g} of it, which leaves nothing"
            yield _fault("shares", what, where, "Correct the shares, or let the unit go as a whole.")
        if len(by := sorted({by for _, by, _ in found})) > 1:
            what = f"The parts of {unit} on {day.date} are counted by {' and '.join(by)}"
            yield _fault("shares", what, where, "Count all of them by the same.")


Rule = Callable[[Day], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    _unknown,
    _repeated,
    _fates,
    _one_target,
    _cycles,
    _remainders,
    _parts,
    _collisions,
    _receivers,
    _contradictions,
    _shares,
)


def _nameless(day: Day, names: Mapping[str, str]) -> Iterator[Finding]:
    known = inherited(names, day.step) | dict(day.step.names)
    for code in day.step.alive:
        if code not in known and (code not in day.alive or day.step.whole[code][0] != code):
            what = f"The new unit {code} has no name"
            yield _fault("name", what, day.maker(code), "Give the event a name.")


def _orphans(day: Day, parents: Mapping[str, str]) -> Iterator[Finding]:
    made_of, possible = makers(day.step), parents_of(day.step, parents)
    for code in day.step.alive:
        found = possible[code]
        unchanged = day.step.whole.get(code, ("", ""))[0] == code and made_of[code] == [code]
        if len(found) != 1 and not unchanged:
            come = f"come from several parents ({', '.join(found)})" if found else "have no parent"
            what = f"The parts of the new unit {code} {come}"
            yield _fault("parent", what, day.maker(code), "Give the event a parent.")


def _strange_parents(plan: Plan, known: set[str]) -> Iterator[Finding]:
    """Find parents that no unit has and the plan does not introduce: a slip, or a name that is missing."""
    known = known | {parent.code for parent in plan.parents}
    for event in plan.events:
        for parent in dict.fromkeys(first_parent(parent) for parent in event.parents().values()):
            if parent not in known:
                remedy = f"If it is new, name it under parents. {hint(parent, known)}"
                what = f"No unit has the parent {parent} so far"
                yield Finding("should", "unknown parent", what, event.label(), remedy)


def _key_units(plan: Plan, codes: Iterable[str], road: Iterable[Day]) -> Iterator[Finding]:
    """Find rules for keys between units where nothing moves."""
    if not plan.keys:
        return
    heirs = {code: {code} for code in codes}
    for day in road:
        heirs = {old: {new for code in now for new in day.step.successors(code)} for old, now in heirs.items()}
    reached = {new for found in heirs.values() for new in found}
    for rule in plan.keys:
        old, new = rule.from_, rule.to
        if old is not None and old not in heirs:
            yield _fault("key rule", f"No unit has the code {old}", where_of(rule), hint(old, heirs))
        elif old is not None and new is not None and new not in heirs[old]:
            found = sorted(heirs[old])
            remedy = f"It goes to {' and '.join(found)}." if found else "It ends without a successor."
            yield _fault("key rule", f"Nothing of {old} goes to {new}", where_of(rule), remedy)
        elif old is None and new is not None and new not in reached:
            yield _fault("key rule", f"No unit becomes {new}", where_of(rule), hint(new, reached))


def _fault(check: str, what: str, where: str, remedy: str) -> Finding:
    return Finding("must", check, what, where, remedy)


def _labels(events: Iterable[BaseEvent]) -> str:
    return "; ".join(event.label() for event in events)
