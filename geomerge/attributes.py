"""Attributes of new units: one policy per field, and nothing dropped in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from geomerge.errors import InputError
from geomerge.findings import Finding, Report


class Take(BaseModel):
    """Take the value of a named old unit, or of the ``largest`` one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    take: Annotated[str, Field(min_length=1)]


class Constant(BaseModel):
    """The same value in every new unit that is not one old unit as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    constant: str | int | float | bool | None


Policy = Literal["sum", "mean", "join"] | Take | Constant


def policy_of(value: Any, field: str) -> Policy | None:
    """Return a policy from how it is written in a job: ``sum``, ``{"take": "largest"}``; InputError if it is none.

    Examples
    --------
    >>> policy_of({"take": "largest"}, "name")
    Take(take='largest')
    """
    try:
        return TypeAdapter(Policy | None).validate_python(value)
    except ValidationError as error:
        raise InputError(f"Field {field} has the policy {value!r}. Use sum, mean, join, take or constant.") from error


@dataclass(frozen=True)
class Source:
    """One old unit as a source of attributes: its code, its position, and how much of it came along."""

    code: str
    row: int
    share: float
    area: float


def combine(
    field: str,
    values: Sequence[Any],
    sources: Sequence[Source],
    policy: Policy | None,
    new_code: str,
    report: Report,
) -> Any:
    """Return the value of a field of a new unit from the values of the old units.

    Parameters
    ----------
    field
        Name of the field.
    values
        Value of the field of each old unit, by its position.
    sources
        The old units, the largest first.
    policy
        ``sum`` (of a unit that was cut, by its share of the area), ``mean`` (weighted by area), ``join``
        (different texts, joined by ", "), ``take`` or ``constant``. Without one, equal values are kept;
        of different ones, that of the unit that lives on under its code; else they are dropped, which is reported,
        as is a number of a unit that was cut and is kept as it is.
    new_code
        Code of the new unit.
    report
        Called with each finding.
    """
    given = [values[source.row] for source in sources]
    if isinstance(policy, Constant):
        return policy.constant
    if isinstance(policy, Take):
        return _taken(field, given, sources, policy, new_code, report)
    if policy is None:
        return _agreed(field, given, sources, new_code, report)
    known = [(value, source) for value, source in zip(given, sources, strict=True) if not pd.isna(value)]
    if policy == "join":
        return ", ".join(dict.fromkeys(str(value) for value, _ in known)) or None
    if unfit := [value for value, _ in known if not _is_number(value)]:
        raise InputError(
            f"Policy {policy} of field {field} needs numbers, but it holds {unfit[0]!r}. Use join or take."
        )
    if not known:
        return None
    if policy == "mean":
        weight = sum(source.area for _, source in known)
        return float(sum(value * source.area for value, source in known) / weight) if weight else None
    return _summed(field, known, new_code, report)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _agreed(field: str, given: list[Any], sources: Sequence[Source], new_code: str, report: Report) -> Any:
    """Return the value the old units agree on, or that of the unit that lives on; else none, which is reported."""
    texts = [None if pd.isna(value) else str(value) for value in given]
    remedy = f"State a policy for {field} (attributes: take, sum, mean, join or constant)."
    if len(set(texts)) > 1:
        listed = "; ".join(f"{source.code}: {text}" for source, text in zip(sources, texts, strict=True))
        own = next((i for i, source in enumerate(sources) if source.code == new_code), None)
        if own is None:
            what = f"Field {field} of {new_code} is empty, its old units differ"
            report(Finding("should", "attribute dropped", what, listed, remedy))
            return None
        if any(s.share == 1 and text != texts[own] for s, text in zip(sources, texts, strict=True)):
            what = f"Field {field} of {new_code} stays as it was, units that joined it differ"
            report(Finding("should", "attribute dropped", what, listed, remedy))
        return given[own]
    if _is_number(given[0]) and not pd.isna(given[0]) and all(source.share < 1 for source in sources):
        what = f"Field {field} of {new_code} is that of all of {', '.join(source.code for source in sources)}"
        remedy = f"State a policy for {field} if it counts something: sum shares it out by area."
        report(Finding("should", "attribute copied", what, f"{new_code} is a part", remedy))
    return given[0]


def _taken(field: str, given: list[Any], sources: Sequence[Source], policy: Take, new_code: str, report: Report) -> Any:
    if policy.take == "largest":
        return given[0]
    for source, value in zip(sources, given, strict=True):
        if source.code == policy.take:
            return value
    return _agreed(field, given, sources, new_code, report)


def _summed(field: str, known: Sequence[tuple[Any, Source]], new_code: str, report: Report) -> float:
    estimated = [source for _, source in known if source.share < 1]
    if estimated:
        shares = ", ".join(f"{source.code}: {source.share:.4f}" for source in estimated)
        what = f"Field {field} of {new_code} rests on shares of area"
        remedy = "Replace it by a counted figure where there is one."
        report(Finding("should", "estimate", what, shares, remedy))
        return float(sum(value * source.share for value, source in known))
    total = sum(value for value, _ in known)
    return total  # type: ignore[no-any-return]


def whole_numbers(figures: Sequence[float]) -> list[int]:
    """Round figures to whole numbers that add up to their rounded sum, by largest remainder.

    Examples
    --------
    >>> whole_numbers([1.5, 1.5, 2.0])
    [2, 1, 2]
    """
    floors = [int(np.floor(figure + 1e-9)) for figure in figures]
    missing = round(sum(figures)) - sum(floors)
    order = sorted(range(len(floors)), key=lambda i: floors[i] - figures[i])
    for position in order[: max(missing, 0)]:
        floors[position] += 1
    return floors
