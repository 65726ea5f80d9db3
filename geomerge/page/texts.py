"""The texts of the page in its language, and numbers and dates as that language writes them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import yaml

from geomerge.errors import InputError

AREAS = ("area", "area_m2")


def read_texts(language: str) -> Texts:
    """Return the texts of a language; InputError if there is none.

    Examples
    --------
    >>> read_texts("no").many("verdict.must", 2)
    '2 funn hindrer at resultatet kan brukes.'
    """
    known = yaml.safe_load(files("geomerge.page").joinpath("texts.yaml").read_text(encoding="utf-8"))
    if language not in known:
        raise InputError(f"The page is not written in {language}. Choose one of {', '.join(known)} (language).")
    return Texts(known[language])


@dataclass(frozen=True)
class Texts:
    """All texts of one language, by section and name.

    Parameters
    ----------
    content
        The texts as they stand in the file.
    """

    content: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a text, or a section of texts; a dot leads into a section."""
        found: Any = self.content
        for part in name.split("."):
            found = found[part]
        return found

    def many(self, name: str, count: int, **values: object) -> str:
        """Return a text that counts, in the form for one or for more."""
        one, more = self[name]
        text: str = one if count == 1 else more
        return text.format(count=self.number(count), **values)

    def listed(self, items: Iterable[str]) -> str:
        """Return items as one text.

        Examples
        --------
        >>> read_texts("no").listed(["0706", "0719", "0720"])
        '0706, 0719 og 0720'
        """
        *first, last = items
        return f"{', '.join(first)} {self['and']} {last}" if first else last

    def number(self, value: float, decimals: int = 0) -> str:
        """Return a number as people write it.

        Examples
        --------
        >>> read_texts("no").number(1234567.5, 1).split("\u00a0")
        ['1', '234', '567,5']
        """
        if math.isnan(value):
            return str(self["none"])
        text = f"{value:,.{decimals}f}"
        if not text.strip("-0.,"):
            text = text.lstrip("-")
        return "".join({",": self["thousands"], ".": self["decimal"], "-": "\u2212"}.get(sign, sign) for sign in text)

    def square_km(self, square_metres: float) -> str:
        """Return an area in square kilometres with three decimals, without the unit.

        Examples
        --------
        >>> read_texts("en").square_km(451_928_687.8)
        '451.929'
        """
        return self.number(square_metres / 1e6, 3)

    def date(self, day: str) -> str:
        """Return a date in words; what is none stays as it is.

        Examples
        --------
        >>> read_texts("no").date("2017-01-31")
        '31. januar 2017'
        """
        try:
            found = dt.date.fromisoformat(day)
        except ValueError:
            return day
        text: str = self["date"]
        return text.format(day=found.day, month=self["months"][found.month - 1], year=found.year)

    def value(self, name: str, value: object) -> str:
        """Return a value of a column in words or figures."""
        if value is None or value is pd.NA or value is pd.NaT:
            return str(self["none"])
        if isinstance(value, (bool, np.bool_)):
            return str(self["yes" if value else "no"])
        if isinstance(value, (int, float, np.integer, np.floating)):
            amount = float(value)
            if name in AREAS:
                return self.square_km(amount)
            return self.number(amount, 0 if math.isnan(amount) or amount.is_integer() else 3)
        if name == "kind":
            return str(self["kinds"].get(str(value), value))
        return str(value)

    def heading(self, name: str) -> str:
        """Return the heading of a column; one that is not ours keeps its name.

        Examples
        --------
        >>> read_texts("en").heading("by_share"), read_texts("en").heading("innbyggere")
        ('By largest share', 'Innbyggere')
        """
        words = self["columns"].get(name) or name.replace("_", " ")
        return str(words[:1].upper() + words[1:])
