"""The colours and words for each kind of change, the same in figures, in the report and in layer styles.

The fills are pale relatives of the colours of Okabe and Ito, told apart with any common colour blindness
and light enough for dark text on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

INK: Final = "#1f2328"


@dataclass(frozen=True)
class ChangeClass:
    """What happened to a unit, as a legend shows it.

    Parameters
    ----------
    name
        Value of the column ``change``.
    text
        Words for the legend; they hold for the unit before as well as for the unit after.
    color
        Fill of the unit.

    Examples
    --------
    >>> CHANGES["merged"].text
    'Merged from several units'
    """

    name: str
    text: str
    color: str


@dataclass(frozen=True)
class LineClass:
    """What happened to a boundary line, as a legend shows it.

    Parameters
    ----------
    name
        Value of the column ``status``.
    text
        Words for the legend.
    color
        Colour of the line.
    width
        Width of the line in points.
    dashed
        Whether the line is dashed.

    Examples
    --------
    >>> LINES["removed"].dashed
    True
    """

    name: str
    text: str
    color: str
    width: float
    dashed: bool = False


CHANGES: Final[Mapping[str, ChangeClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            ChangeClass("merged", "Merged from several units", "#f5c98a"),
            ChangeClass("split", "Split into several units", "#e8a0bf"),
            ChangeClass("adjusted", "Boundary adjusted", "#9fd8c0"),
            ChangeClass("created", "Created", "#f0e442"),
            ChangeClass("abolished", "Abolished", "#bbbbbb"),
            ChangeClass("renumbered", "New code", "#cfe3f2"),
            ChangeClass("renamed", "New name", "#d9d2e9"),
            ChangeClass("corrected", "Geometry corrected", "#d8c3a5"),
            ChangeClass("unchanged", "Unchanged", "#eeeeee"),
        )
    }
)

LINES: Final[Mapping[str, LineClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            LineClass("kept", "Boundary kept", "#8a8a8a", 0.4),
            LineClass("removed", "Boundary removed", "#d55e00", 1.0, dashed=True),
            LineClass("new", "New boundary", "#0072b2", 1.6),
        )
    }
)
