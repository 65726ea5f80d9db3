"""Measures: what a column of a statistic measures, and so how it is carried over to other units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geomerge.errors import InputError

Column = Annotated[str, Field(min_length=1)]


class _Measure(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def weight(self) -> str | None:
        """Name of the column that tells how much each old unit weighs."""
        return None


class Count(_Measure):
    """People, dwellings, tonnes: each new unit gets the share of each old one, and the shares are added up.

    ``whole`` rounds what was divided to whole numbers, by largest remainder, so that the total stays.
    """

    count: Literal["exact", "whole"] = "exact"


class Rate(_Measure):
    """A rate or a mean: the mean of the old units, each weighted by its share of the denominator."""

    rate: Column

    @property
    def weight(self) -> str | None:
        return self.rate


class Largest(_Measure):
    """A class: that of the old unit that contributes most of a column, or most of itself where none is named."""

    largest: Column | None = None

    @property
    def weight(self) -> str | None:
        return self.largest


class Shares(_Measure):
    """A class, as one column for each: the share of a column, or of the units, that belongs to the class."""

    shares: Column | None = None

    @property
    def weight(self) -> str | None:
        return self.shares


class Drop(_Measure):
    """Leave the column out, such as the name of the old unit."""

    drop: Literal[True] = True


Measure = Count | Rate | Largest | Shares | Drop

WORDS: Mapping[str, type[Measure]] = {
    "count": Count,
    "rate": Rate,
    "mean": Rate,
    "largest": Largest,
    "shares": Shares,
    "drop": Drop,
}


def measure_of(value: Any, column: str) -> Measure:
    """Return a measure from how it is written: ``count``, ``rate:population``, ``{"largest": "population"}``.

    Parameters
    ----------
    value
        A measure, its text, or a mapping with one word: ``count`` (``count:whole`` rounds), ``rate`` or ``mean``
        with the column it is weighted by, ``largest`` and ``shares`` with or without one, ``drop``.
    column
        Name of the column, for the message.

    Raises
    ------
    InputError
        It is none of these.

    Examples
    --------
    >>> measure_of("rate:population", "unemployed_pct")
    Rate(rate='population')
    >>> measure_of({"mean": "persons"}, "income")
    Rate(rate='persons')
    >>> measure_of("largest", "centrality")
    Largest(largest=None)
    """
    if isinstance(value, Measure):
        return value
    written: Any = value
    if isinstance(value, str):
        word, _, weight = (part.strip() for part in value.partition(":"))
        written = {word: weight} if weight else {word: None}
    remedy = (
        "Write count, count:whole, rate:COLUMN, mean:COLUMN, largest, largest:COLUMN, shares, shares:COLUMN or drop."
    )
    if not isinstance(written, Mapping) or len(written) != 1:
        raise InputError(f"Column {column} has the measure {value!r}. {remedy}")
    (word, given), *_ = written.items()
    kind = WORDS.get(word)
    if kind is None:
        raise InputError(f"Column {column} has the measure {value!r}. {remedy}")
    field = next(iter(kind.model_fields))
    try:
        return kind.model_validate({} if given is None else {field: given})
    except ValidationError as error:
        raise InputError(f"Column {column} has the measure {value!r}. {remedy}") from error
