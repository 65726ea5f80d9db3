"""Deduce the events of a reform from the land that went from each old unit to each new one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from geomerge.diff.overlay import OUTSIDE
from geomerge.diff.redrawn import Pairs

WHOLE, PART, TRANSFER, CREATED, ABOLISHED = "whole", "part", "transfer", "created", "abolished"


@dataclass(frozen=True)
class Fates:
    """What became of the old units, by position: the new unit each goes to as a whole, and the parts that do not.

    ``parts`` are those a split makes a unit of, ``moved`` those that a unit with land of its own receives.
    """

    whole: Mapping[int, int]
    parts: Pairs
    moved: Pairs
    created: frozenset[int]
    abolished: frozenset[int]

    @property
    def divided(self) -> frozenset[int]:
        """Old units that go to several new ones."""
        return frozenset(old for old, _ in self.parts | self.moved)

    def kind(self, pair: tuple[int, int]) -> str:
        """Return what a pair is between which land goes over: of one that goes to several, the rest is a ``part``."""
        old, new = pair
        if old == OUTSIDE:
            return CREATED
        if new == OUTSIDE:
            return ABOLISHED
        if pair in self.moved:
            return TRANSFER
        return PART if old in self.divided else WHOLE


@dataclass(frozen=True)
class Codes:
    """Codes and names of the old and new units, by position; without names where they are not compared."""

    old: Sequence[str]
    new: Sequence[str]
    old_names: Sequence[Any] = ()
    new_names: Sequence[Any] = ()

    def named(self, position: int) -> dict[str, str]:
        """Return the name of a new unit as an event has it; nothing where it has none."""
        name = self.new_names[position] if self.new_names else None
        return {"name": name} if isinstance(name, str) and name else {}

    def renamed(self, old: int, new: int) -> dict[str, str]:
        """Return the name of a new unit where the old one had another."""
        named = self.named(new)
        return named if named and named["name"] != self.old_names[old] else {}


def fates(areas: Mapping[tuple[int, int], float], codes: Codes) -> Fates:
    """Read off which units go as a whole, and which parts go their own way.

    An old unit goes to its largest heir, unless a new unit has no other source: then to that one, and what
    the others receive is transferred. A unit that is the only source of several is split.

    Parameters
    ----------
    areas
        Land that goes from each old to each new unit, by position, in squared CRS units; a unit that comes
        from or goes to no unit is paired with OUTSIDE.
    codes
        The codes.

    Examples
    --------
    >>> found = fates({(0, 0): 5.0, (0, 1): 3.0, (1, 1): 4.0}, Codes(["1", "2"], ["1", "2"]))
    >>> dict(found.whole), sorted(found.moved), sorted(found.parts)
    ({0: 0, 1: 1}, [(0, 1)], [])
    """
    heirs, sources = _ranked(areas, 0), _ranked(areas, 1)
    created = frozenset(new for old, new in areas if old == OUTSIDE)
    abolished = {old for old, new in areas if new == OUTSIDE}
    whole = {old: news[0] for old, news in heirs.items() if old not in abolished}
    makers = Counter(whole.values())
    founded: dict[int, list[int]] = {}
    for new in sorted(sources):
        if new not in created and not makers[new]:
            founded.setdefault(sources[new][0], []).append(new)
    parts = set()
    for old, alone in founded.items():
        own = [new for new in heirs[old] if new in alone or (new == whole.get(old) and makers[new] == 1)]
        remainder = next((new for new in own if codes.new[new] == codes.old[old]), own[0])
        makers.subtract([whole[old]] if old in whole else [])
        makers[remainder] += 1
        whole[old] = remainder
        parts |= {(old, new) for new in own if new != remainder}
    moved = {(old, new) for old, news in heirs.items() for new in news} - parts - set(whole.items())
    return Fates(whole, frozenset(parts), frozenset(moved), created, frozenset(abolished))


def _ranked(areas: Mapping[tuple[int, int], float], side: int) -> dict[int, list[int]]:
    """Return the units of the other edition by unit, the largest area first, then in the order of codes."""
    found: dict[int, list[int]] = {}
    for pair in sorted(areas, key=lambda pair: (-areas[pair], pair)):
        if OUTSIDE not in pair:
            found.setdefault(pair[side], []).append(pair[1 - side])
    return found


@dataclass(frozen=True)
class Parts:
    """Where the plan finds the parts: the name of the table of each pair, and a note on its size."""

    names: Mapping[tuple[int, int], str]
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def of(self, pair: tuple[int, int]) -> dict[str, str]:
        """Return the selector of a pair."""
        return {"area": self.names[pair]}

    def note(self, pairs: Iterable[tuple[int, int]]) -> dict[str, str]:
        """Return the note of an event on pairs."""
        told = "; ".join(self.notes[pair] for pair in pairs if pair in self.notes)
        return {"note": told} if told else {}


def events(found: Fates, codes: Codes, parts: Parts, date: dt.date) -> list[dict[str, Any]]:
    """Return the events as a plan has them, in the order of the old units.

    Where an old unit's code passes to another unit on the same day that the unit itself gets a new one, it is
    renumbered for a day before: one day holds no chain of codes.
    """
    old = interim(found, codes, date)
    makers: dict[int, list[int]] = {}
    for unit, new in found.whole.items():
        makers.setdefault(new, []).append(unit)
    before = {"date": date - dt.timedelta(days=1)}
    listed = [
        {"renumber": codes.old[unit], "to": code, **before} for unit, code in enumerate(old) if code != codes.old[unit]
    ]
    split = sorted({unit for unit, _ in found.parts})
    for unit in split:
        listed += _split(unit, found, codes, old, parts)
    for unit, new in sorted(found.moved):
        listed.append(
            {"transfer": old[unit], "to": codes.new[new], **parts.of((unit, new)), **parts.note([(unit, new)])}
        )
    for new, units in sorted(makers.items(), key=lambda item: min(item[1])):
        listed += _whole(sorted(units), new, codes, old, split)
    listed += [
        {"create": codes.new[new], **codes.named(new), **parts.of((OUTSIDE, new))} for new in sorted(found.created)
    ]
    return listed + ([{"abolish": [old[unit] for unit in sorted(found.abolished)]}] if found.abolished else [])


def interim(found: Fates, codes: Codes, date: dt.date) -> list[str]:
    """Return the codes of the old units on the day of the reform, with another where one would be used twice."""
    going = {codes.old[unit]: codes.new[new] for unit, new in found.whole.items()}
    passed = {new for old, new in going.items() if old != new} | {codes.new[new] for _, new in found.parts}
    passed |= {codes.new[new] for new in found.created}
    taken = {*codes.old, *codes.new}
    twice = (code in passed and going.get(code) != code for code in codes.old)
    return [_free(f"{code} until {date}", taken) if used else code for code, used in zip(codes.old, twice, strict=True)]


def _free(code: str, taken: set[str]) -> str:
    while code in taken:
        code += "*"
    taken.add(code)
    return code


def _split(unit: int, found: Fates, codes: Codes, old: Sequence[str], parts: Parts) -> Iterator[dict[str, Any]]:
    news = sorted(new for other, new in found.parts if other == unit)
    into: list[dict[str, Any]] = [{"code": codes.new[new], **codes.named(new), **parts.of((unit, new))} for new in news]
    rest = found.whole[unit]
    into.append({"code": codes.new[rest], **codes.named(rest), "remainder": True})
    yield {"split": old[unit], "into": into, **parts.note((unit, new) for new in news)}


def _whole(
    units: Sequence[int], new: int, codes: Codes, old: Sequence[str], split: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield what happens to units that go as a whole; a split says itself where the remainder goes."""
    code = codes.new[new]
    if len(units) > 1:
        yield {"merge": [old[unit] for unit in units], "into": code, **codes.named(new)}
    elif units[0] in split:
        return
    elif old[units[0]] != code:
        yield {"renumber": old[units[0]], "to": code, **codes.renamed(units[0], new)}
    elif renamed := codes.renamed(units[0], new):
        yield {"rename": code, **renamed}


def corrections(
    redrawn: Iterable[tuple[int, int]], found: Fates, codes: Codes, edition: str, date: dt.date
) -> list[dict[str, Any]]:
    """Return corrections that draw units as the edition does, one for each pair of units between which a line moved.

    New land of a unit that no old unit becomes as a whole is drawn the day after, when the unit is there.
    """
    old = interim(found, codes, date)
    makers = {new: unit for unit, new in sorted(found.whole.items(), reverse=True)}
    listed: list[dict[str, Any]] = []
    outer: set[str] = set()
    late: set[str] = set()
    for unit, new in sorted(redrawn):
        if OUTSIDE not in (unit, new):
            listed.append({"correct": [old[unit]], "to": codes.new[new], "edition": edition})
        elif unit != OUTSIDE:
            outer.add(old[unit])
        elif new in makers:
            outer.add(old[makers[new]])
        else:
            late.add(codes.new[new])
    listed += [{"correct": [code], "edition": edition} for code in sorted(outer)]
    after = date + dt.timedelta(days=1)
    return listed + [{"correct": [code], "edition": edition, "date": after} for code in sorted(late)]
