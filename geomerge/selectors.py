"""Selectors: the ways to name a part of a unit; and cuts, the parts that go their own way."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

SELECTORS = ("area", "line", "districts", "keys", "former", "edition")

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _text(value: object) -> object:
    if isinstance(value, bool | int | float):
        raise ValueError(f"a code is text, but this is the number {value}; put it in quotes, with its zeros")
    return value.strip() if isinstance(value, str) else value


def _iso_date(value: object) -> object:
    if isinstance(value, str) and not _ISO_DATE.fullmatch(value):
        raise ValueError(f"{value!r} is no date; write it as 2020-01-31")
    return value


def _in_words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


def _in_one(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _form_of_parent(value: object) -> str:
    return "(by level)" if isinstance(value, Mapping) else "(code)"


# One text, or a list of them.
_LISTED = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        ]
    }
)

Text = Annotated[str, Field(min_length=1)]
Date = Annotated[dt.date, BeforeValidator(_iso_date)]
Code = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], BeforeValidator(_in_words), Field(min_length=1), _LISTED]
Keys = Annotated[tuple[Code, ...], BeforeValidator(_in_one), Field(min_length=1), _LISTED]
Parent = Annotated[
    Annotated[Code, Tag("(code)")] | Annotated[dict[str, Code], Tag("(by level)")],
    Discriminator(_form_of_parent),
]


class Model(BaseModel):
    """What a plan is made of: unchangeable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Selector(Model):
    """Names a part of a unit; without any field it names nothing.

    Parameters
    ----------
    area
        Polygon file: the part lies inside.
    line, side, holding
        Line file that cuts the unit; the part lies to the ``left`` or ``right`` of the line's direction, or
        is the one that holds the point ``[x, y]`` (in the CRS the job works in).
    districts
        Codes of sub-units whose area makes up the part.
    keys
        Keys of parcels (``12/3``) or ranges of them (``12/1..14/9``, ``40..49``) whose area makes up the
        part.
    former, before
        Code of a former unit: the part is what belonged to it, by an ``edition`` that still has it, or else
        by the earlier events of the plan. ``before`` tells which unit is meant where the code was used more
        than once: the one that had it on the day before that date.
    edition
        Another edition of the units: the part is what lies in the new unit there.

    Examples
    --------
    >>> print(Selector(line="brook.gpkg", side="left"))
    left of line brook.gpkg
    """

    area: Text | None = None
    line: Text | None = None
    side: Literal["left", "right"] | None = None
    holding: tuple[float, float] | None = None
    districts: Codes | None = None
    keys: Keys | None = None
    former: Code | None = None
    before: Date | None = None
    edition: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Selector:
        if faults := _faults(self):
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
        if self.line is not None and self.side is not None:
            return f"{self.side} of line {self.line}"
        if self.line is not None and self.holding is not None:
            return f"at {self.holding[0]:g} {self.holding[1]:g}, cut off by line {self.line}"
        if self.former is not None:
            there = f" in edition {self.edition}" if self.edition is not None else ""
            return f"the former {self.former}{f' before {self.before}' if self.before else ''}{there}"
        given = [(name, getattr(self, name)) for name in SELECTORS if getattr(self, name) is not None]
        return "; ".join(f"{name} {', '.join(value) if isinstance(value, tuple) else value}" for name, value in given)


def _faults(selector: Selector) -> list[str]:
    given = [name for name in SELECTORS if getattr(selector, name) is not None]
    faults = []
    if selector.before is not None and selector.former is None:
        faults.append("before belongs to a former unit, but none is named")
    if len(given) > 1 and set(given) != {"former", "edition"}:
        faults.append(f"a part is named in one way, but here are {' and '.join(given)}")
    if selector.line is None and (selector.side is not None or selector.holding is not None):
        faults.append("side and holding belong to a line, but there is none")
    if selector.line is not None and (selector.side is None) == (selector.holding is None):
        faults.append("a line needs either a side (left, right) or a point that the part is holding ([x, y])")
    return faults


class Portion(Selector):
    """A part of a unit, with what is known of its size where no map is at hand.

    Parameters
    ----------
    share
        Share of the unit that the part holds, above 0 and below 1.
    by
        What the share counts: ``area``, ``population``, ...
    """

    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    by: Text | None = None

    @model_validator(mode="after")
    def _measured(self) -> Portion:
        if (self.share is None) != (self.by is None):
            raise ValueError("share and by go together: how much of the unit, and counted by what")
        return self


@dataclass(frozen=True)
class Cut:
    """A part of ``unit`` (of no unit where it is None) that goes to ``new`` (to none where it is None).

    ``outside`` turns the selector round: the part is what lies outside of it. ``unit_there`` is the code to
    look up in an edition, where it is not ``new`` itself.
    """

    unit: str | None
    new: str | None
    selector: Selector
    kind: Literal["part", "correction", "created"] = "part"
    outside: bool = False
    unit_there: str | None = None

    @property
    def by_trail(self) -> bool:
        """Whether only the way the land went tells the part: a former unit, without an edition of it."""
        return self.selector.former is not None and self.selector.edition is None
