"""The rules by which a column is judged: each gives points, and the points give the confidence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

CERTAIN, LIKELY, UNCLEAR = 0.95, 0.7, 0.3
CLOSE = 1.5  # points between two guesses that are too near to decide
CAP = 6.0  # most points that hits give or take
RIGHT = 0.97  # share of the values of a column of codes that are known codes
RIGHT_OF_FEW = 0.6  # the same, where not all codes are known
BY_ROWS = 0.75  # how much the rows of the values count, against the different values
AROUND = 50  # numbers around those of the column that could have been hit as well
COUNTED = 40  # different values that count at most

# Points of each rule, and what it says. Confidence is 1 / (1 + e^-points): 0 points are 0.5, 3 are 0.95.
RULES: Mapping[str, tuple[float, str]] = {
    "start": (-3.0, "before anything is known, a column holds what is asked for in one of twenty"),
    "hits": (
        CAP,
        "values are codes (or names) far more often than chance gives, up to this; or fewer, down to minus this",
    ),
    "header": (3.0, "the name of the column has a word for it"),
    "code word": (1.0, "the name of the column says code or number, and not of what"),
    "header differs": (-4.0, "the name of the column says it holds something else"),
    "zeros": (1.0, "values are texts with a leading zero"),
    "numbers": (-1.0, "values are numbers, which codes are not"),
    "names agree": (4.0, "names beside the codes are those of the units"),
    "parents agree": (5.0, "values are the parents of the codes beside them"),
    "codes agree": (4.0, "values begin with, or hold, the code beside them"),
    "form": (2.0, "all values have the form"),
    "form differs": (-6.0, "values have the form of something else"),
    "agrees less": (-6.0, "another column agrees better with the codes"),
    "layout": (4.0, "values have the form of a key, and nothing else is written so"),
    "years": (-3.0, "all that would be codes would be years as well"),
    "in a row": (1.5, "values are numbers without gaps"),
    "decimals": (5.0, "values have decimals"),
    "type": (6.0, "the type of the column says so"),
    "one for one": (1.0, "each value has one name beside it, and most are no codes of the time"),
}


@dataclass(frozen=True)
class Evidence:
    """What speaks for a guess, or against it.

    Parameters
    ----------
    rule
        Name of the rule.
    points
        Points it gives.
    says
        What was seen, in words.
    """

    rule: str
    points: float
    says: str


@dataclass(frozen=True)
class Guess:
    """What a column might hold.

    Parameters
    ----------
    holds
        What it might hold.
    evidence
        What speaks for it and against it.
    details
        What else is known if it holds that: width, layout, pattern, codes.
    """

    holds: str
    evidence: tuple[Evidence, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> float:
        """Sum of the points."""
        return sum(each.points for each in self.evidence)

    @property
    def confidence(self) -> float:
        """From 0 to 1, never quite either.

        Examples
        --------
        >>> Guess("unit", (evidence("start"), evidence("header"), evidence("zeros"))).confidence
        0.73
        """
        return round(min(max(1 / (1 + math.exp(-self.points)), 0.01), 0.99), 2)

    def plus(self, *more: Evidence) -> Guess:
        """Return the guess with more evidence; a rule counts once."""
        known = {each.rule for each in self.evidence}
        return replace(self, evidence=(*self.evidence, *(each for each in more if each.rule not in known)))


def evidence(rule: str, says: str = "", points: float | None = None) -> Evidence:
    """Return evidence by a rule, with its points unless others are given."""
    return Evidence(rule, RULES[rule][0] if points is None else points, says or RULES[rule][1])


def certainty(confidence: float) -> str:
    """Return a confidence as a word.

    Examples
    --------
    >>> [certainty(value) for value in (0.97, 0.8, 0.5)]
    ['certain', 'likely', 'unclear']
    """
    return "certain" if confidence >= CERTAIN else "likely" if confidence >= LIKELY else "unclear"


def hits(counts: Mapping[str, int], codes: Collection[str], what: str, *, complete: bool = True) -> Evidence:
    """Return how much it says that so many values are among some codes.

    Codes crowd: of the four-digit numbers from 2000 to 2030 half are codes of Norway. So it counts how many of the
    numbers around those that were hit could have been hit as well; that share is what chance gives.
    Where not all codes are known, what is none of them says less.

    Examples
    --------
    >>> codes = {str(code) for code in range(1000, 5000, 20)}
    >>> hits({"1000": 1, "1020": 1, "1040": 5}, codes, "codes").points > 3
    True
    >>> hits({str(number): 1 for number in range(1000, 1100)}, codes, "codes").points
    -6.0
    """
    found = [value for value in counts if value in codes]
    rows = counts.values()
    share = sum(counts[value] for value in found) / sum(rows) if counts else 0.0
    fair = BY_ROWS * share + (1 - BY_ROWS) * len(found) / len(counts) if counts else 0.0
    right = RIGHT if complete else RIGHT_OF_FEW
    says = f"{len(found)} of {len(counts)} different values, {share:.0%} of the rows, are {what}"
    if not found:
        return evidence("hits", says, -CAP)
    chance = _chance(found, codes)
    number = min(len(counts), COUNTED)
    points = number * (fair * math.log(right / chance) + (1 - fair) * math.log((1 - right) / (1 - chance)))
    return evidence("hits", says, round(max(min(points, CAP), -CAP), 1))


def _chance(found: Collection[str], codes: Collection[str]) -> float:
    numbers = [int(value) for value in found if value.isascii() and value.isdigit()]
    if len(numbers) < len(found) or not numbers:
        return 0.15  # names of places are given to much else
    coded = [int(code) for code in codes if code.isascii() and code.isdigit()]
    margins = (AROUND, 0) if len(numbers) > 2 else (AROUND,)  # one code is no crowd, nor are two
    shares = []
    for margin in margins:
        low, high = max(min(numbers) - margin, 0), max(numbers) + margin
        shares.append(sum(low <= code <= high for code in coded) / (high - low + 1))
    return min(max(*shares, 0.005), 0.95)
