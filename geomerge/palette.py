"""The colours and words for changes, boundary lines and findings: the same in figures, report and styles.

The fills are pale relatives of the colours of Okabe and Ito, told apart with any common colour blindness
and light enough for dark text on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

INK: Final = "#1f2328"
PAPER: Final = "#ffffff"
STRANGE_LETTERS: Final = r"Glyph .* missing from font"  # the warning at a script that the font lacks, which is no fault


@dataclass(frozen=True)
class ChangeClass:
    """What happens to a unit, as a legend shows it.

    Parameters
    ----------
    name
        Value of the column ``change``.
    text
        Words for the legend; they hold for the unit before as well as for the unit after.
    color
        Fill of the unit.
    text_before
        Words for the legend of a map that shows the units before and no others.

    Examples
    --------
    >>> CHANGES["merged"].text, CHANGES["merged"].text_before
    ('Merger of units', 'Merges with others')
    """

    name: str
    text: str
    color: str
    text_before: str


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
        Width of the line in points, on paper.
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


@dataclass(frozen=True)
class SeverityClass:
    """How grave a finding is, as a legend shows it.

    Parameters
    ----------
    name
        Value of the column ``severity``.
    text
        Words for the legend.
    color
        Colour of the place of the finding.

    Examples
    --------
    >>> list(SEVERITIES)
    ['must', 'should']
    """

    name: str
    text: str
    color: str


@dataclass(frozen=True)
class MethodClass:
    """How a feature came to its new unit, as a legend shows it.

    Parameters
    ----------
    name
        Value of the column ``method`` of the ledger; ``review`` for a feature that waits for a decision.
    text
        Words for the legend.
    color
        Colour of the feature.

    Examples
    --------
    >>> METHODS["contains"].text
    'By place'
    """

    name: str
    text: str
    color: str


CHANGES: Final[Mapping[str, ChangeClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            ChangeClass("merged", "Merger of units", "#86b9e8", "Merges with others"),
            ChangeClass("split", "Division of a unit", "#f8cd72", "Is divided"),
            ChangeClass("adjusted", "Part gained or lost", "#83d8bd", "Gains or loses a part"),
            ChangeClass("created", "Created", "#e2b5d6", "Created"),
            ChangeClass("abolished", "Abolished", "#e58e66", "Ceases to exist"),
            ChangeClass("renumbered", "New code", "#cbe6f8", "Gets a new code"),
            ChangeClass("renamed", "New name", "#f9f09b", "Gets a new name"),
            ChangeClass("corrected", "Corrected, no legal change", "#ada79c", "Corrected, no legal change"),
            ChangeClass("unchanged", "Unchanged", "#f7f7f5", "Unchanged"),
        )
    }
)

LINES: Final[Mapping[str, LineClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            LineClass("kept", "Kept boundary", "#8a8a8a", 0.4),
            LineClass("removed", "Removed boundary", "#d55e00", 1.0, dashed=True),
            LineClass("new", "New boundary", "#0072b2", 1.6),
        )
    }
)

SEVERITIES: Final[Mapping[str, SeverityClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            SeverityClass("must", "Must be mended", "#d55e00"),
            SeverityClass("should", "Should be looked at", "#f0c419"),
        )
    }
)

METHODS: Final[Mapping[str, MethodClass]] = MappingProxyType(
    {
        one.name: one
        for one in (
            MethodClass("code", "By code", "#56b4e9"),
            MethodClass("contains", "By place", "#009e73"),
            MethodClass("share", "By share", "#e69f00"),
            MethodClass("follows", "Follows another layer", "#cc79a7"),
            MethodClass("decision", "By decision", "#5b2a86"),
            MethodClass("review", "In review", "#d55e00"),
        )
    }
)

# For values no one knows in advance, such as the reasons for a review, in the order they are taken.
STRONG: Final = ("#d55e00", "#0072b2", "#5b2a86", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f4a12")
OTHER: Final = "#d0cdc9"
