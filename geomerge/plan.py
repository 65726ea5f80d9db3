"""The plan: dated events, each saying which old code becomes which new code, whole or in part.

Every event answers the same questions (``whole``, ``cuts``, ``names``, ``parents``), so that nothing further down
needs to know which kind of event it reads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema
from pyproj import CRS

SELECTORS = ("area", "line", "districts", "keys", "former", "edition")


def _text(value: object) -> object:
    if isinstance(value, bool | int | float):
        raise ValueError(f"a code is text, but this is the number {value}; put it in quotes, with its zeros")
    return value.strip() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return value.split() if isinstance(value, str) else value


Code = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], BeforeValidator(_listed), Field(min_length=1)]
Texts = Annotated[tuple[Code, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
Parent = Code | dict[str, Code]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Selector(_Model):
    """Names a part of a unit; without any field it names nothing.

    Parameters
    ----------
    area
        Polygon file: the part lies inside.
    line, side, holding
        Line file that cuts the unit; the part lies to the ``left`` or ``right`` of the line's direction, or is the one
        that holds the point ``[x, y]`` (in the CRS of the line).
    districts
        Codes of sub-units whose area makes up the part.
    keys
        Keys of parcels (``12/3``) or ranges of them (``12/1..14/9``, ``40..49``) whose area makes up the part.
    former
        Code of a former unit: the part is what belonged to it, given an ``edition`` that still has it.
    edition
        Another edition of the units: the part is what lies in the new unit there.
    """

    area: str | None = None
    line: str | None = None
    side: Literal["left", "right"] | None = None
    holding: tuple[float, float] | None = None
    districts: Codes | None = None
    keys: Texts | None = None
    former: Code | None = None
    edition: str | None = None

    def _selector_faults(self) -> list[str]:
        given = [name for name in SELECTORS if getattr(self, name) is not None]
        if given == ["former"]:
            return ["former needs an edition that still has the unit"]
        if len(given) > 1 and set(given) != {"former", "edition"}:
            return [f"a part is named in one way, but here are {' and '.join(given)}"]
        if self.line and (self.side is None) == (self.holding is None):
            return ["a line needs either a side (left, right) or a point that the part is holding ([x, y])"]
        return []

    @model_validator(mode="after")
    def _one_way(self) -> Selector:
        if faults := self._selector_faults():
            raise ValueError("; ".join(faults))
        return self

    @property
    def names_a_part(self) -> bool:
        """Whether any of the ways to name a part is given."""
        return any(getattr(self, name) is not None for name in SELECTORS)

    @property
    def files(self) -> tuple[str, ...]:
        """Files the selector refers to."""
        return tuple(name for name in (self.area, self.line, self.edition) if name is not None)

    def __str__(self) -> str:
        given = [(name, getattr(self, name)) for name in SELECTORS if getattr(self, name) is not None]
        return ", ".join(f"{name} {' '.join(value) if isinstance(value, tuple) else value}" for name, value in given)


@dataclass(frozen=True)
class Cut:
    """A part of ``unit`` (of no unit where it is None) that goes to ``new`` (to none where it is None).

    ``outside`` turns the selector round: the part is what lies outside of it. ``unit_there`` is the code to look up in
    an edition, where it is not ``new`` itself.
    """

    unit: str | None
    new: str | None
    selector: Selector
    kind: Literal["part", "correction", "created"] = "part"
    outside: bool = False
    unit_there: str | None = None


class _Event(_Model):
    """One change on one date; the date is the plan's where none is given."""

    kind: ClassVar[str]

    date: dt.date | None = None
    note: str | None = None

    def whole(self) -> dict[str, str | None]:
        """Return the new code of each unit that goes as a whole, None where it ends."""
        return {}

    def cuts(self) -> list[Cut]:
        """Return the parts that go their own way."""
        return []

    def creates(self) -> list[str]:
        """Return the codes that come to life here without being anyone's whole successor."""
        return []

    def names(self) -> dict[str, str]:
        """Return the names given to codes valid after the event."""
        return {}

    def parents(self) -> dict[str, Parent]:
        """Return the parents given to codes valid after the event."""
        return {}

    def old_codes(self) -> tuple[str, ...]:
        """Return the codes of the units the event names as they were before it."""
        return tuple(dict.fromkeys([*self.whole(), *(cut.unit for cut in self.cuts() if cut.unit)]))

    def selectors(self) -> list[Selector]:
        """Return the selectors of the event."""
        return list(dict.fromkeys(cut.selector for cut in self.cuts()))

    def label(self) -> str:
        """Return a text that identifies the event in tables, the same whatever the order of lines.

        Examples
        --------
        >>> Merge(merge=["0719", "0706"], into="0710").label()
        'merge 0706 0719 > 0710'
        """
        new = [code for code in self.whole().values() if code] + [cut.new for cut in self.cuts() if cut.new]
        new += [*self.creates(), *self.names(), *self.parents()]
        targets = " ".join(sorted(dict.fromkeys(new)))
        old = " ".join(sorted(self.old_codes())) or targets
        return f"{self.kind} {old}" + (f" > {targets}" if targets and targets != old else "")


class _Named(_Model):
    name: str | None = None
    parent: Parent | None = None

    def _named(self, code: str) -> dict[str, str]:
        return {code: self.name} if self.name else {}

    def _placed(self, code: str) -> dict[str, Parent]:
        return {code: self.parent} if self.parent else {}


class Merge(_Event, _Named):
    """Several units become one, under a new code or the code of one of them."""

    kind = "merge"
    merge: Codes
    into: Code

    def whole(self) -> dict[str, str | None]:
        return dict.fromkeys(self.merge, self.into)

    def names(self) -> dict[str, str]:
        return self._named(self.into)

    def parents(self) -> dict[str, Parent]:
        return self._placed(self.into)


class SplitPart(Selector, _Named):
    """One of the units a split unit becomes; exactly one of them is the remainder."""

    code: Code
    remainder: bool = False


class Split(_Event):
    """One unit becomes several; what no part names is the remainder."""

    kind = "split"
    split: Code
    into: tuple[SplitPart, ...] = Field(min_length=2)

    def whole(self) -> dict[str, str | None]:
        return {self.split: part.code for part in self.into if part.remainder}

    def cuts(self) -> list[Cut]:
        return [Cut(self.split, part.code, part) for part in self.into if not part.remainder]

    def creates(self) -> list[str]:
        return [part.code for part in self.into]

    def old_codes(self) -> tuple[str, ...]:
        return (self.split,)

    def names(self) -> dict[str, str]:
        return {part.code: part.name for part in self.into if part.name}

    def parents(self) -> dict[str, Parent]:
        return {part.code: part.parent for part in self.into if part.parent}


class Transfer(_Event, Selector):
    """A part of one unit moves to another unit that lives on."""

    kind = "transfer"
    transfer: Code
    to: Code

    def cuts(self) -> list[Cut]:
        return [Cut(self.transfer, self.to, self)]

    def selectors(self) -> list[Selector]:
        return [self]


class Renumber(_Event, _Named):
    """The code changes, the territory does not."""

    kind = "renumber"
    renumber: Code
    to: Code

    def whole(self) -> dict[str, str | None]:
        return {self.renumber: self.to}

    def names(self) -> dict[str, str]:
        return self._named(self.to)

    def parents(self) -> dict[str, Parent]:
        return self._placed(self.to)


class Rename(_Event):
    """The name changes, code and territory do not."""

    kind = "rename"
    rename: Code
    name: str = Field(min_length=1)

    def names(self) -> dict[str, str]:
        return {self.rename: self.name}

    def old_codes(self) -> tuple[str, ...]:
        return ()


class Reparent(_Event):
    """Units move to another parent, code and territory do not change."""

    kind = "reparent"
    reparent: Codes
    parent: Parent

    def parents(self) -> dict[str, Parent]:
        return dict.fromkeys(self.reparent, self.parent)

    def old_codes(self) -> tuple[str, ...]:
        return ()


class Create(_Event, Selector, _Named):
    """A unit comes to life on land that belonged to no unit."""

    kind = "create"
    create: Code

    def cuts(self) -> list[Cut]:
        return [Cut(None, self.create, self, "created")]

    def creates(self) -> list[str]:
        return [self.create]

    def selectors(self) -> list[Selector]:
        return [self]

    def names(self) -> dict[str, str]:
        return self._named(self.create)

    def parents(self) -> dict[str, Parent]:
        return self._placed(self.create)


class Abolish(_Event):
    """A unit ends and its territory belongs to no unit any more."""

    kind = "abolish"
    abolish: Codes

    def whole(self) -> dict[str, str | None]:
        return dict.fromkeys(self.abolish, None)


class Correct(_Event, Selector):
    """The drawn line gets better, nothing changes in law: no code, key or parcel moves.

    With ``to``, the part named goes to that unit's drawing. Without, an ``edition`` is needed, and the units named are
    drawn as they are there: among themselves, and towards land that belongs to no unit.
    """

    kind = "correct"
    correct: Codes
    to: Code | None = None

    @model_validator(mode="after")
    def _complete(self) -> Correct:
        if self.to is None and self.edition is None:
            raise ValueError("a correction needs an edition, or a unit (to) and a part of the other")
        return self

    def cuts(self) -> list[Cut]:
        if self.to is not None:
            return [Cut(unit, self.to, self, "correction") for unit in self.correct]
        moved = [
            Cut(unit, other, self, "correction") for unit in self.correct for other in self.correct if other != unit
        ]
        lost = [Cut(unit, None, self, "correction", outside=True) for unit in self.correct]
        gained = [Cut(None, unit, self, "correction") for unit in self.correct]
        return [*moved, *lost, *gained]

    def old_codes(self) -> tuple[str, ...]:
        return self.correct

    def selectors(self) -> list[Selector]:
        return [self]


KINDS: tuple[type[_Event], ...] = (
    Merge, Split, Transfer, Renumber, Rename, Reparent, Create, Abolish, Correct,
)  # fmt: skip


def _kind_of(event: Any) -> str | None:
    keys = event if isinstance(event, Mapping) else {type(event).kind} if isinstance(event, _Event) else ()
    found = [kind.kind for kind in KINDS if kind.kind in keys]
    return found[0] if len(found) == 1 else None


Event = Annotated[
    Annotated[Merge, Tag("merge")]
    | Annotated[Split, Tag("split")]
    | Annotated[Transfer, Tag("transfer")]
    | Annotated[Renumber, Tag("renumber")]
    | Annotated[Rename, Tag("rename")]
    | Annotated[Reparent, Tag("reparent")]
    | Annotated[Create, Tag("create")]
    | Annotated[Abolish, Tag("abolish")]
    | Annotated[Correct, Tag("correct")],
    Discriminator(
        _kind_of,
        custom_error_type="event_kind",
        custom_error_message=f"an event has exactly one of the keys {', '.join(kind.kind for kind in KINDS)}",
    ),
]


class ParentName(_Model):
    """Name of a parent unit, such as a new county; ``level`` is the first level where none is given."""

    code: Code
    name: str
    level: str | None = None


class KeyRule(_Model):
    """How the leading number of parcel keys changes: ``add`` to those in ``numbers`` (all where none are given)."""

    from_: Code = Field(alias="from")
    to: Code
    numbers: str | None = Field(default=None, pattern=r"^\d+(-\d+)?$")
    add: int


class Plan(_Model):
    """All events of a reform.

    Parameters
    ----------
    title
        What the reform is called.
    date
        First day of the new order, for events that carry no date of their own.
    events
        Merge, split, transfer, renumber, rename, reparent, create, abolish, correct; their order never matters.
    parents
        Names of parent units that did not exist before.
    keys
        Rules for new parcel keys; the most specific wins.
    sources
        Tables behind the files the plan refers to, by the name used there; ``read_plan`` fills them.

    Examples
    --------
    >>> plan = Plan(title="Two become one", date="2020-01-01", events=[{"merge": ["0101", "0102"], "into": "0110"}])
    >>> plan.dates
    (datetime.date(2020, 1, 1),)
    >>> [event.label() for event in plan.events]
    ['merge 0101 0102 > 0110']
    """

    title: str = ""
    date: dt.date | None = None
    events: tuple[Event, ...] = Field(min_length=1)
    parents: tuple[ParentName, ...] = ()
    keys: tuple[KeyRule, ...] = ()
    sources: SkipJsonSchema[dict[str, Any]] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="after")
    def _dated(self) -> Plan:
        if self.date is None and (undated := [event.label() for event in self.events if event.date is None]):
            raise ValueError(f"no date for: {'; '.join(undated)}; give the plan a date")
        return self

    def date_of(self, event: _Event) -> dt.date:
        """Return the date of an event: its own, or else the plan's."""
        found = event.date or self.date
        assert found is not None  # _dated made sure
        return found

    @property
    def dates(self) -> tuple[dt.date, ...]:
        """The dates on which something changes, in order."""
        return tuple(sorted({self.date_of(event) for event in self.events}))

    def on(self, date: dt.date) -> tuple[_Event, ...]:
        """Return the events of one date, in an order that does not depend on the order of lines."""
        return tuple(sorted((e for e in self.events if self.date_of(e) == date), key=lambda e: e.label()))

    def until(self, date: dt.date) -> Plan:
        """Return the plan up to and including a date."""
        return self.model_copy(update={"events": tuple(e for e in self.events if self.date_of(e) <= date)})

    def files(self) -> Iterator[str]:
        """Yield each file the plan refers to, once."""
        selectors = (selector for event in self.events for selector in event.selectors())
        yield from dict.fromkeys(name for selector in selectors for name in selector.files)

    def to_crs(self, crs: CRS | str) -> Plan:
        """Return the plan with its source tables in another CRS."""
        return self.model_copy(update={"sources": {name: t.to_crs(crs) for name, t in self.sources.items()}})

    def sentences(self) -> Sequence[str]:
        """Return what was decided, one sentence an event, in order of dates."""
        return [
            f"{date.isoformat()}: {event.label()}"
            + (f" ({'; '.join(names)})" if (names := [s for s in map(str, event.selectors()) if s]) else "")
            + (f": {', '.join(event.names().values())}" if event.names() else "")
            for date in self.dates
            for event in self.on(date)
        ]
