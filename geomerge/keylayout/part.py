"""A part of a key: its form, its width, and what stands before it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from geomerge.selectors import Model, Text

BLANK = r"[\s\x{a0}]*"  # as Arrow writes it; a no-break space counts as a blank


def _compiles(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern} is no pattern: {error}") from error
    if groups:
        raise ValueError(f"{pattern} has a group of its own; write (?:...)")
    return pattern


class KeyPart(Model):
    """One part of a key.

    Parameters
    ----------
    name
        What it is called; the name of its column.
    kind
        ``number``, whose leading zeros do not count, or ``text``.
    width
        Characters it has at most; exactly so many where it is ``padded``.
    padded
        Whether it is written with zeros in front, up to its width.
    pattern
        Pattern of a text (a regular expression).
    before
        What stands before it: the first is written, all are read, with blanks around. None: nothing.
    optional
        Whether 0 and missing are equal, and left out where nothing follows.
    unit
        Whether it is the code of the unit; then it may be missing from a key that is written within its unit.
    columns
        Other names that columns have for it.
    """

    name: Text
    kind: Literal["number", "text"] = "number"
    width: Annotated[int, Field(ge=1)]
    padded: bool = False
    pattern: Annotated[Text, AfterValidator(_compiles)] | None = None
    before: tuple[str, ...] = ()
    optional: bool = False
    unit: bool = False
    columns: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> KeyPart:
        if (self.kind == "text") == (self.pattern is None):
            raise ValueError(f"{self.name}: a text needs a pattern, and a number has none")
        return self

    @property
    def form(self) -> str:
        """Pattern of its value."""
        if self.pattern is not None:
            return self.pattern
        return rf"[0-9]{{{self.width}}}" if self.padded else rf"[0-9]{{1,{self.width}}}"

    def texts(self, values: pd.Series) -> pd.Series:
        """Return values as they are written: numbers without decimals and zeros, or with all of them."""
        texts = as_texts(values)
        if self.kind == "number" and not pd.api.types.is_numeric_dtype(values.dtype):
            texts = texts.str.replace(r"^0+(?=\d)", "", regex=True)
        return texts.str.zfill(self.width) if self.padded else texts


def separators(before: tuple[str, ...], running: bool) -> str:
    """Return the pattern of what may stand before a part, with blanks around."""
    if not before:
        return "" if running else BLANK
    marks = sorted((word.split() for word in before), key=lambda words: (-len("".join(words)), words))
    choices = [BLANK.join(map(re.escape, words)) for words in marks if words]
    if not running and [] in marks:
        choices.append(r"[\s\x{a0}]")
    return rf"{BLANK}(?i:{'|'.join(choices)}){BLANK}"


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, written for Arrow, for Python."""
    return re.compile(pattern.replace(r"\x{a0}", r"\xa0"))


def as_texts(values: pd.Series) -> pd.Series:
    """Return values as text, whole numbers without decimals: a column with gaps is read as decimal numbers.

    Examples
    --------
    >>> as_texts(pd.Series([12.0, None])).tolist()
    ['12', <NA>]
    """
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string")


def is_zero(values: pd.Series) -> pd.Series:
    """Return which values are 0, empty or missing.

    Examples
    --------
    >>> is_zero(pd.Series(["000", "", None, "10"])).tolist()
    [True, True, True, False]
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.fillna(0) == 0
    return values.astype("string").str.fullmatch("0*").fillna(True).astype(bool)
