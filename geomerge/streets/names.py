"""Names of streets: which are written differently but may mean the same: the words of a language, one letter."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rapidfuzz import process
from rapidfuzz.distance import OSA

from geomerge.errors import InputError

EQUAL, SPELLING, ONE_LETTER = "equal", "spelling", "one letter"
PAIRS = (
    "unit",
    "likeness",
    "street_name",
    "old_unit",
    "street_code",
    "other_name",
    "other_old_unit",
    "other_street_code",
)
SHORTEST = 5  # letters of a name in which one may be a slip
AT_ONCE = 1000  # names compared with all others at once

Street = tuple[str, str, str]  # name, old unit, code


@dataclass(frozen=True)
class Words:
    """The words and letters that a language writes in several ways, each with the form that stands for all of them.

    Parameters
    ----------
    letters
        Letters, such as ``aa`` for ``å``.
    full
        Ends of names, longest first, such as ``vegen`` for ``veien``.
    short
        What stands before a full stop or alone, longest first, such as ``v`` for ``veien``.
    """

    letters: tuple[tuple[str, str], ...] = ()
    full: tuple[tuple[str, str], ...] = ()
    short: tuple[tuple[str, str], ...] = ()

    def spelled(self, name: str) -> str:
        """Return a name as it would be written if there were one way to write it.

        Examples
        --------
        >>> words = read_words("no")
        >>> {words.spelled(name) for name in ("Kirkev.", "KIRKEVEIEN", "Kirkevegen", "Kirke veien")}
        {'kirkeveien'}
        """
        tokens = re.findall(r"[^\W_]+\.?", name.casefold())
        return "".join(self._token(token) for token in tokens)

    def _token(self, token: str) -> str:
        word = token.removesuffix(".")
        for old, new in self.letters:
            word = word.replace(old, new)
        for form, stands_for in self.short:
            if word == form or (token.endswith(".") and word.endswith(form)):
                return word.removesuffix(form) + stands_for
        for form, stands_for in self.full:
            if word.endswith(form):
                return word.removesuffix(form) + stands_for
        return word


def read_words(language: str | None) -> Words:
    """Return the words of a language; none where no language is named.

    Raises
    ------
    InputError
        If nothing is known of the language.
    """
    if language is None:
        return Words()
    text = resources.files("geomerge.streets").joinpath("words.yaml").read_text(encoding="utf-8")
    known: dict[str, Any] = yaml.safe_load(text)
    if language not in known:
        raise InputError(f"No words of street names are known for the language {language}. Known: {', '.join(known)}.")
    found = known[language]
    full = {form: line["full"][0] for line in found["words"] for form in line["full"]}
    short = {form: line["full"][0] for line in found["words"] for form in line["short"]}
    return Words(tuple(found["letters"].items()), _longest_first(full), _longest_first(short))


def _longest_first(forms: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(forms.items(), key=lambda item: (-len(item[0]), item[0])))


def pairs(streets: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Return the streets of one new unit that come from different old units and have equal or nearly equal names.

    Parameters
    ----------
    streets
        One row a street: ``unit``, ``old_unit``, ``now_code``, ``now_name``.
    words
        The words of the language.
    """
    units: dict[str, dict[str, list[Street]]] = {}
    columns = ["unit", "now_name", "old_unit", "now_code"]
    for unit, *street in streets[streets["now_name"] != ""][columns].itertuples(index=False, name=None):
        units.setdefault(unit, {}).setdefault(street[0], []).append((street[0], street[1], street[2]))
    found: list[tuple[str, ...]] = []
    for unit, named in sorted(units.items()):
        names = sorted(named)
        for one, other, likeness in [*((name, name, EQUAL) for name in names), *_alike(names, words)]:
            found += [(unit, likeness, *pair) for pair in _apart(named[one], named[other])]
    table = pd.DataFrame(found, columns=list(PAIRS), dtype=object)
    order = table["likeness"].map({EQUAL: 0, SPELLING: 1, ONE_LETTER: 2})
    return table.iloc[np.lexsort([order.to_numpy(dtype=np.int64), table["unit"].to_numpy(dtype=str)])].reset_index(
        drop=True
    )


def _apart(one: list[Street], other: list[Street]) -> Iterator[tuple[str, ...]]:
    """Yield the pairs of streets from different old units, each pair once."""
    couples = itertools.combinations(one, 2) if one is other else itertools.product(one, other)
    for first, second in couples:
        if first[1] != second[1]:
            yield (*first, *second)


def _alike(names: list[str], words: Words) -> Iterator[tuple[str, str, str]]:
    """Yield pairs of names that are not equal but spelled alike; numbers in them must be the same."""
    spelled = [words.spelled(name) for name in names]
    digits = [re.sub(r"\D+", " ", name).strip() for name in spelled]
    for start in range(0, len(names), AT_ONCE):
        distances = process.cdist(
            spelled[start : start + AT_ONCE], spelled, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8
        )
        for row, column in np.argwhere(distances <= 1).tolist():
            one = start + row
            if one >= column or digits[one] != digits[column]:
                continue
            if spelled[one] == spelled[column]:
                yield names[one], names[column], SPELLING
            elif min(len(spelled[one]), len(spelled[column])) >= SHORTEST:
                yield names[one], names[column], ONE_LETTER
