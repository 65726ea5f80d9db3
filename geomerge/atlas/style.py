"""The style of maps: one file with their colours, letters, sizes and words, every entry of which may be left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from geomerge.documents import load
from geomerge.drawing import Look
from geomerge.errors import InputError
from geomerge.palette import CHANGES, LINES, ChangeClass, LineClass

DEFAULT: Final = Path(__file__).with_name("style.yaml")
TEXTS: Final = Path(__file__).with_name("texts.yaml")
SIZES: Final = {"A5": (148.0, 210.0), "A4": (210.0, 297.0), "A3": (297.0, 420.0), "A2": (420.0, 594.0)}
PLACES: Final = ("title", "date", "unit", "code", "map", "count", "made")
BESIDE: Final = "beside"  # what "changes" of units that a map is not of

Change = Literal[
    "merged", "split", "adjusted", "created", "abolished", "renumbered", "renamed", "corrected", "unchanged"
]
Line = Literal["kept", "removed", "new"]
Kind = Literal["overview", "unit", "level", "date"]
Label = Literal["name and code", "name", "code", "none"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _color(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is no colour; write it as '#1f6fb4', in quotes")
    return text.lower()


def _hatch(text: str) -> str:
    if foreign := sorted(set(text) - set(r"/\|-+xoO.*")):
        raise ValueError(f"a hatch is made of / \\ | - + x o O . *, not of {''.join(foreign)}")
    return text


def page_size(text: str) -> str:
    """Return the text if it is a size of paper, else raise ValueError."""
    millimetres(text)
    return text


def millimetres(text: str) -> tuple[float, float]:
    """Return width and height of paper in millimetres, ValueError if they cannot be told from the text.

    Examples
    --------
    >>> millimetres("A4"), millimetres("180x120 mm")
    ((210.0, 297.0), (180.0, 120.0))
    """
    if text.upper() in SIZES:
        return SIZES[text.upper()]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*x\s*(\d+(?:\.\d+)?)(?:\s*mm)?", text)
    width, height = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not (60 <= width <= 2000 and 60 <= height <= 2000):
        names = ", ".join(SIZES)
        raise ValueError(f"{text!r} is no size; use {names}, or width x height of 60 to 2000 mm, such as 180x120")
    return width, height


def _places(*known: str) -> AfterValidator:
    """Let a text have these placeholders, and no others."""

    def checked(text: str) -> str:
        try:
            found = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise ValueError(f"the braces of {text!r} do not match") from error
        if unknown := [name for name in found if name not in known]:
            raise ValueError(f"{{{unknown[0]}}} is not known; use {', '.join(f'{{{name}}}' for name in known)}")
        return text

    return AfterValidator(checked)


def _twelve(months: tuple[str, ...]) -> tuple[str, ...]:
    if months and len(months) != 12:
        raise ValueError(f"a year has 12 months, not {len(months)}")
    return months


Color = Annotated[str, AfterValidator(_color)]
Points = Annotated[float, Field(ge=3, le=72)]
Filled = Annotated[str, _places(*PLACES)]


class Page(_Model):
    """The paper."""

    size: Annotated[str, AfterValidator(page_size)] = "A4"
    orientation: Literal["auto", "portrait", "landscape"] = "auto"
    margin: Annotated[float, Field(ge=0, le=30)] = 10
    dpi: Annotated[int, Field(ge=50, le=1200)] = 200


class Font(_Model):
    """The letters: their family, and sizes in points."""

    family: str = "DejaVu Sans"
    title: Points = 14
    subtitle: Points = 9.5
    heading: Points = 9
    label: Points = 9
    smallest: Points = 5
    legend: Points = 8
    source: Points = 7


class Colors(_Model):
    """Colours of what is neither a change nor a line."""

    ink: Color = "#1f2328"
    quiet: Color = "#6a6f76"
    beside: Color = "#efefec"
    locator: Color = "#d55e00"


class Fill(_Model):
    """Fill of the units that something happens to; that of the palette where no colour is given."""

    color: Color | None = None
    hatch: Annotated[str, AfterValidator(_hatch)] = ""


class Stroke(_Model):
    """A boundary line; as in the palette where something is left out."""

    color: Color | None = None
    width: Annotated[float, Field(gt=0, le=10)] | None = None
    dashed: bool | None = None


class Labels(_Model):
    """What labels say."""

    changed: Label = "name and code"
    unchanged: Label = "none"
    beside: Label = "name"


class Shown(_Model):
    """What stands beside the maps."""

    legend: bool = True
    scale_bar: bool = True
    north_arrow: bool = True
    locator: bool = True


class UnitMaps(_Model):
    """The maps of single units."""

    changes: tuple[Change, ...] = ("merged", "split", "adjusted", "created", "abolished")
    view: Literal["both", "change"] = "both"


class Title(_Model):
    """Title and subtitle of a kind of map."""

    title: Filled | None = None
    subtitle: Filled | None = None


class Words(_Model):
    """The words on the maps; in a style, those that are to be others than the language has."""

    views: Mapping[Literal["before", "after", "change"], str] = {}
    counted: Annotated[tuple[Annotated[str, _places("count")], ...], Field(max_length=2)] = ()
    date: Annotated[str, _places("day", "month", "year")] = ""
    months: Annotated[tuple[str, ...], AfterValidator(_twelve)] = ()
    decimal: str = ""
    and_: Annotated[str, Field(alias="and")] = ""
    to: str = ""
    part: Annotated[str, _places("name")] = ""
    made: Annotated[str, _places("names")] = ""
    gone: str = ""
    beside: str = ""
    north: str = ""
    titles: Mapping[Kind, Title] = {}
    changes: Mapping[Change, str] = {}
    lines: Mapping[Line, str] = {}

    def over(self, other: Words) -> Words:
        """Return these words, and those of the other where there are none."""
        found: dict[str, Any] = {}
        for name in type(self).model_fields:
            mine, others = getattr(self, name), getattr(other, name)
            found[name] = {**others, **mine} if isinstance(mine, Mapping) else mine or others
        return self.model_copy(update=found)

    def day(self, iso: str) -> str:
        """Return a date as people write it; what is no date stays as it is."""
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", iso):
            return iso
        year, month, day = iso.split("-")
        return self.date.format(day=int(day), month=self.months[int(month) - 1], year=year)

    def count(self, number: int) -> str:
        """Return a number of units in words."""
        return self.counted[0 if number == 1 else -1].format(count=number)

    def span(self, days: list[str]) -> str:
        """Return a first and a last date as one text."""
        return f" {self.to} ".join(days)

    def listed(self, names: list[str]) -> str:
        """Return names as a list in a sentence."""
        return f" {self.and_} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


class Texts(_Model):
    """The words of all languages."""

    en: Words
    no: Words


class Style(_Model):
    """How the maps of a run look; every entry may be left out.

    Examples
    --------
    >>> Style(changes={"merged": {"color": "#336699"}}).look.changes["merged"].color
    '#336699'
    """

    language: Literal["en", "no"] = "en"
    page: Page = Page()
    font: Font = Font()
    colors: Colors = Colors()
    changes: Mapping[Change, Fill] = {}
    lines: Mapping[Line, Stroke] = {}
    labels: Labels = Labels()
    show: Shown = Shown()
    units: UnitMaps = UnitMaps()
    source: Filled = ""
    titles: Mapping[Kind, Title] = {}
    words: Words = Words()

    @cached_property
    def said(self) -> Words:
        """The words in its language."""
        texts: Words = getattr(load(TEXTS, Texts), self.language)
        return self.words.over(texts)

    @cached_property
    def look(self) -> Look:
        """How units and lines are drawn."""
        words = self.said
        fills: dict[str, Fill] = {str(name): fill for name, fill in self.changes.items()}
        strokes: dict[str, Stroke] = {str(name): stroke for name, stroke in self.lines.items()}
        texts: dict[str, str] = {
            str(name): text for known in (words.changes, words.lines) for name, text in known.items()
        }
        changes = {BESIDE: ChangeClass(BESIDE, words.beside, self.colors.beside, words.beside)}
        for name, known in CHANGES.items():
            color = fills.get(name, Fill()).color or known.color
            changes[name] = ChangeClass(name, texts[name], color, texts[name])
        lines = {}
        for name, line in LINES.items():
            own = strokes.get(name, Stroke())
            dashed = line.dashed if own.dashed is None else own.dashed
            lines[name] = LineClass(name, texts[name], own.color or line.color, own.width or line.width, dashed)
        hatches = {name: fill.hatch for name, fill in fills.items() if fill.hatch}
        return Look(changes, lines, hatches, self.sizes(self.font.label), self.colors.ink)

    def printed(self, *, size: str | None = None, dpi: int | None = None) -> Style:
        """Return the style for paper of another size, or more dots an inch; InputError if there is no such size."""
        given: dict[str, Any] = {name: value for name, value in (("size", size), ("dpi", dpi)) if value is not None}
        try:
            page_size(size or self.page.size)
        except ValueError as error:
            raise InputError(f"{error} (--size).") from error
        return self.model_copy(update={"page": self.page.model_copy(update=given)})

    def sizes(self, largest: float) -> tuple[float, ...]:
        """Return the sizes of a label, the largest first."""
        smallest = min(self.font.smallest, largest)
        steps = int(largest - smallest)
        return (*(largest - step for step in range(steps)), smallest)

    def titled(self, kind: Kind, facts: Mapping[str, str]) -> tuple[str, str]:
        """Return title and subtitle of a map, filled in."""
        own, words = self.titles.get(kind, Title()), self.said.titles[kind]
        pairs = ((own.title, words.title), (own.subtitle, words.subtitle))
        title, subtitle = ((mine if mine is not None else given or "").format(**facts) for mine, given in pairs)
        subtitle = " · ".join(part for part in subtitle.split(" · ") if part.strip())
        return title.strip(), subtitle[:1].upper() + subtitle[1:]


def read_style(path: str | Path | None) -> Style:
    """Read a style; PlanFormatError with all faults and their lines. Without a path, the one that ships."""
    return load(Path(path), Style) if path is not None else Style()


def require_font(family: str) -> None:
    """Raise InputError if a font is not installed."""
    from matplotlib import font_manager

    try:
        font_manager.findfont(family, fallback_to_default=False)
    except ValueError as error:
        names = sorted({font.name for font in font_manager.fontManager.ttflist if not font.name.startswith("STIX")})
        close = difflib.get_close_matches(family, names, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Install it, or use one of {', '.join(names[:6])}."
        raise InputError(f"The font {family} (font > family) is not installed. {hint}") from error
