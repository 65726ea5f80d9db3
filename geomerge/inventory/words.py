"""Words in the names of columns, as data: what they say a column holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

LONG = 5  # letters from which a word is found anywhere in a name
CUT = 8  # letters from which a name may be a longer word cut short, as in a Shapefile


@dataclass(frozen=True)
class Words:
    """Words by what they say.

    Parameters
    ----------
    holds
        Words by what a column holds.
    other
        Which of these say that a column holds something else, whatever unit it names besides.
    code
        Words for some code.
    place
        Words for the coordinates ``x`` and ``y``.
    empty
        Texts that stand for no value.
    """

    holds: Mapping[str, Sequence[str]]
    other: Sequence[str]
    code: Sequence[str]
    place: Mapping[str, Sequence[str]]
    empty: frozenset[str]

    def said(self, header: str) -> tuple[str, ...]:
        """Return what the name of a column says it holds; what says something else comes alone.

        Examples
        --------
        >>> words = shipped_words()
        >>> words.said("kommunenr"), words.said("KommuneNavn"), words.said("nav_kontor"), words.said("remark")
        (('unit',), ('name',), ('office',), ())
        """
        found = [what for what, words in self.holds.items() if matches(header, words)]
        return tuple([what for what in found if what in self.other] or found)

    def names_unit(self, header: str) -> bool:
        """Return whether the name of a column has a word for a unit, whatever else it says."""
        return matches(header, self.holds["unit"])

    def axis(self, header: str) -> str | None:
        """Return ``x`` or ``y`` where a column is called like a coordinate."""
        return next((axis for axis, words in self.place.items() if matches(header, words, alone=True)), None)


def matches(header: str, words: Sequence[str], *, alone: bool = False) -> bool:
    """Return whether one of some words is in the name of a column, or, ``alone``, is all of it.

    Examples
    --------
    >>> matches("bostedskommune", ["kommune"]), matches("navnr", ["nav"]), matches("kommune", ["kommune"], alone=True)
    (True, False, True)
    """
    spaced = re.sub(r"(?<=[a-zæøåäöü])(?=[A-ZÆØÅÄÖÜ])", "_", header).casefold()
    tokens = [token for token in re.split(r"[\W_]+", spaced) if token]
    tokens += [bare for token in tokens if (bare := token.rstrip("0123456789")) and bare != token]
    joined = "".join(re.split(r"[\W_]+", header.casefold()))
    for word in words:
        plain = word.lstrip("-=").casefold().replace("_", "")
        if plain == joined or (len(joined) >= CUT and plain.startswith(joined)):
            return True
        if alone:
            continue
        if word.startswith("-"):
            if any(token.endswith(plain) for token in tokens):
                return True
        elif plain in tokens or (len(plain) >= LONG and plain in joined and not word.startswith("=")):
            return True
    return False


def shipped_words() -> Words:
    """Return the words that ship with geomerge (``words.yaml``)."""
    import yaml

    text = resources.files("geomerge.inventory").joinpath("words.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return Words(**{**read, "empty": frozenset(read["empty"])})
