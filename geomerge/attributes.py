"""Attributes of new units: one policy per field, and nothing dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from geomerge.errors import InputError
from geomerge.findings import Finding

Report = Callable[[Finding], None]


class Take(BaseModel):
    """Take the value of a named old unit, or of the ``largest`` one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    take: Annotated[str, Field(min_length=1)]


class Constant(BaseModel):
    """The same value in every new unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    constant: str | int | float | bool | None


Policy = Literal["sum", "mean", "join"] | Take | Constant


@dataclass(frozen=True)
class Source:
    """One old unit as a source of attributes: its code, row, and the share of its area that came along."""

    code: str
    row: Any
    share: float
    area: float


def combine(
    field: str,
    values: Mapping[Any, Any],
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
        Value of the field by row of the old units.
    sources
        The old units, the largest first.
    policy
        ``sum`` (of a unit that was cut, by its share of the area), ``mean`` (weighted by area), ``join`` (different
        texts, joined by ", "), ``take`` or ``constant``. Without one, equal values are kept; different ones are
        dropped, which is reported.
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
    known = [value for value in given if not pd.isna(value)]
    if policy == "join":
        return ", ".join(dict.fromkeys(str(value) for value in known)) or None
    if policy is None:
        return _agreed(field, given, sources, new_code, report)
    if not all(isinstance(value, int | float | np.number) for value in known):
        raise InputError(f"Policy {policy} of field {field} needs numbers, but it holds {known[0]!r}. Use join or take.")
    if not known:
        return None
    if policy == "mean":
        weighted = [(v, source.area) for v, source in zip(given, sources, strict=True) if not pd.isna(v)]
        return float(sum(v * a for v, a in weighted) / sum(a for _, a in weighted))
    return _summed(field, given, sources, new_code, report)


def _agreed(field: str, given: list[Any], sources: Sequence[Source], new_code: str, report: Report) -> Any:
    if len({str(value) for value in given}) == 1:
        return given[0]
    listed = "; ".join(f"{source.code}: {value}" for source, value in zip(sources, given, strict=True))
    report(
        Finding(
            "should", "attribute dropped", f"Field {field} of {new_code} is empty, its old units differ", listed,
            f"State a policy for {field} (attributes: take, sum, mean, join or constant).",
        )  # fmt: skip
    )
    return None


def _taken(
    field: str, given: list[Any], sources: Sequence[Source], policy: Take, new_code: str, report: Report
) -> Any:
    if policy.take == "largest":
        return given[0]
    for source, value in zip(sources, given, strict=True):
        if source.code == policy.take:
            return value
    return _agreed(field, given, sources, new_code, report)


def _summed(field: str, given: list[Any], sources: Sequence[Source], new_code: str, report: Report) -> float:
    estimated = [source for source in sources if source.share < 1]
    if estimated:
        shares = ", ".join(f"{source.code}: {source.share:.4f}" for source in estimated)
        report(
            Finding(
                "should", "estimate", f"Field {field} of {new_code} rests on shares of area", shares,
                "Replace it by a counted figure where there is one.",
            )  # fmt: skip
        )
    return float(sum(v * source.share for v, source in zip(given, sources, strict=True) if not pd.isna(v)))


def whole_numbers(totals: pd.Series, target: float) -> pd.Series:
    """Round figures to whole numbers so that they still add up to the target, by largest remainder.

    Examples
    --------
    >>> whole_numbers(pd.Series([1.5, 1.5, 2.0]), 5).tolist()
    [2, 1, 2]
    """
    floors = np.floor(totals.to_numpy(dtype=float) + 1e-9)
    missing = round(target - floors.sum())
    order = np.argsort(-(totals.to_numpy(dtype=float) - floors), kind="stable")
    floors[order[: max(missing, 0)]] += 1
    return pd.Series(floors.astype(np.int64), index=totals.index)
