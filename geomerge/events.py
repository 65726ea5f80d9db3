"""Events: each says which old code becomes which new code, whole or in part.

Every event answers the same questions (``whole``, ``cuts``, ``creates``, ``names``, ``parents``), so that
nothing further down needs to know which kind of event it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag, model_validator

from geomerge.selectors import Code, Codes, Cut, Date, Model, Parent, Portion, Selector, Text


class BaseEvent(Model):
    """One change on one date; the date is the plan's where none is given.

    ``kind`` is the key that tells the event in a file, and the field with the units it names; ``deed`` is
    what it does to them, as in "Event 3 merges 0706". ``evidence`` grades where the event is known from,
    such as ``official`` or ``derived``.
    """

    kind: ClassVar[str]
    deed: ClassVar[str]

    date: Date | None = None
    note: str | None = None
    evidence: Text | None = None

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
        """Return the selectors of the event, also those that name nothing."""
        return []

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

    def record(self) -> dict[str, Any]:
        """Return the event as it stands in a file: what is given, its kind first.

        Examples
        --------
        >>> Merge(name="Sandefjord", merge=["0706", "0719"], into="0710").record()
        {'merge': ['0706', '0719'], 'into': '0710', 'name': 'Sandefjord'}
        """
        given = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if isinstance(into := given.get("into"), list):
            given["into"] = [_ordered(part, "code", "name", "parent") for part in into]
        return _ordered(given, self.kind, "to", "into", "name", "parent")


def _ordered(given: Mapping[str, Any], *first: str) -> dict[str, Any]:
    return {name: given[name] for name in dict.fromkeys([*first, *given]) if name in given}


class Named(Model):
    """What gives a unit its name and its parent."""

    name: Text | None = None
    parent: Parent | None = None

    def new_unit(self) -> str:
        """Return the code of the unit."""
        raise NotImplementedError

    def names(self) -> dict[str, str]:
        return {self.new_unit(): self.name} if self.name else {}

    def parents(self) -> dict[str, Parent]:
        return {self.new_unit(): self.parent} if self.parent else {}


class Merge(Named, BaseEvent):
    """Several units become one, under a new code or the code of one of them."""

    kind = "merge"
    deed = "merges"
    merge: Codes
    into: Code

    def whole(self) -> dict[str, str | None]:
        return dict.fromkeys(self.merge, self.into)

    def new_unit(self) -> str:
        return self.into


class SplitPart(Named, Portion):
    """One of the units a split unit becomes; exactly one of them is the remainder."""

    code: Code
    remainder: bool = False

    def new_unit(self) -> str:
        return self.code


class Split(BaseEvent):
    """One unit becomes several; what no part names is the remainder."""

    kind = "split"
    deed = "splits"
    split: Code
    into: tuple[SplitPart, ...] = Field(min_length=2)

    def whole(self) -> dict[str, str | None]:
        remainder = [part.code for part in self.into if part.remainder]
        return {self.split: remainder[-1]} if remainder else {}

    def cuts(self) -> list[Cut]:
        return [Cut(self.split, part.code, part) for part in self.into if not part.remainder]

    def creates(self) -> list[str]:
        return [part.code for part in self.into]

    def old_codes(self) -> tuple[str, ...]:
        return (self.split,)

    def names(self) -> dict[str, str]:
        return {code: name for part in self.into for code, name in part.names().items()}

    def parents(self) -> dict[str, Parent]:
        return {code: parent for part in self.into for code, parent in part.parents().items()}

    def selectors(self) -> list[Selector]:
        return [part for part in self.into if not part.remainder]


class Transfer(BaseEvent, Portion):
    """A part of one unit moves to another unit that lives on."""

    kind = "transfer"
    deed = "takes a part of"
    transfer: Code
    to: Code

    def cuts(self) -> list[Cut]:
        return [Cut(self.transfer, self.to, self)]

    def selectors(self) -> list[Selector]:
        return [self]


class Renumber(Named, BaseEvent):
    """The code changes, the territory does not."""

    kind = "renumber"
    deed = "renumbers"
    renumber: Code
    to: Code

    def whole(self) -> dict[str, str | None]:
        return {self.renumber: self.to}

    def new_unit(self) -> str:
        return self.to


class Rename(BaseEvent):
    """The name changes, code and territory do not."""

    kind = "rename"
    deed = "renames"
    rename: Code
    name: Text

    def names(self) -> dict[str, str]:
        return {self.rename: self.name}


class Reparent(BaseEvent):
    """Units move to another parent, code and territory do not change."""

    kind = "reparent"
    deed = "gives a parent to"
    reparent: Codes
    parent: Parent

    def parents(self) -> dict[str, Parent]:
        return dict.fromkeys(self.reparent, self.parent)


class Create(Named, BaseEvent, Selector):
    """A unit comes to life on land that belonged to no unit."""

    kind = "create"
    deed = "creates"
    create: Code

    def cuts(self) -> list[Cut]:
        return [Cut(None, self.create, self, "created")]

    def creates(self) -> list[str]:
        return [self.create]

    def selectors(self) -> list[Selector]:
        return [self]

    def new_unit(self) -> str:
        return self.create


class Abolish(BaseEvent):
    """A unit ends and its territory belongs to no unit any more."""

    kind = "abolish"
    deed = "abolishes"
    abolish: Codes

    def whole(self) -> dict[str, str | None]:
        return dict.fromkeys(self.abolish, None)


class Correct(BaseEvent, Selector):
    """The drawn line gets better, nothing changes in law: no code, key or parcel moves.

    With ``to``, the part named goes to that unit's drawing. Without, an ``edition`` is needed, and the
    units named are drawn as they are there: among themselves, and towards land that belongs to no unit.
    """

    kind = "correct"
    deed = "corrects"
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


KINDS: tuple[type[BaseEvent], ...] = (
    Merge,
    Split,
    Transfer,
    Renumber,
    Rename,
    Reparent,
    Create,
    Abolish,
    Correct,
)


def _kind_of(event: Any) -> str | None:
    if isinstance(event, BaseEvent):
        return f"({event.kind})"
    found = [kind.kind for kind in KINDS if isinstance(event, Mapping) and kind.kind in event]
    return f"({found[0]})" if len(found) == 1 else None


# Tags stand in brackets, so that nobody takes them for keys of the file when faults are told.
Event = Annotated[
    Annotated[Merge, Tag("(merge)")]
    | Annotated[Split, Tag("(split)")]
    | Annotated[Transfer, Tag("(transfer)")]
    | Annotated[Renumber, Tag("(renumber)")]
    | Annotated[Rename, Tag("(rename)")]
    | Annotated[Reparent, Tag("(reparent)")]
    | Annotated[Create, Tag("(create)")]
    | Annotated[Abolish, Tag("(abolish)")]
    | Annotated[Correct, Tag("(correct)")],
    Discriminator(
        _kind_of,
        custom_error_type="event_kind",
        custom_error_message=f"an event has exactly one of the keys {', '.join(kind.kind for kind in KINDS)}",
    ),
]
