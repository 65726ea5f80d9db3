"""An assignment: features with their new unit and the reason, divided into decided and undecided ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding

Report = Callable[[Finding], None]

COLUMNS = (
    "new_code",
    "method",
    "share",
    "runner_up",
    "runner_up_share",
    "border_distance",
    "event",
    "reason",
)
DECISIVE = ("new_code", "reason")
NUMBERS = ("share", "runner_up_share", "border_distance")
ASIDE = "_assigned"

NO_CODE = "no code"
UNKNOWN_CODE = "unknown code"
NO_GEOMETRY = "no geometry"
OUTSIDE = "outside every unit"
DISAGREES = "code disagrees with the place"
TIE = "tie between new units"
STRADDLES = "straddles the new border"
ABOLISHED = "unit ends without a successor"
NO_LEADER = "follows no known feature"
LEADER_IN_REVIEW = "follows a feature in review"
LEADERS_APART = "follows features in several units"

REASONS = (
    NO_CODE,
    UNKNOWN_CODE,
    NO_GEOMETRY,
    OUTSIDE,
    DISAGREES,
    TIE,
    STRADDLES,
    ABOLISHED,
    NO_LEADER,
    LEADER_IN_REVIEW,
    LEADERS_APART,
)


@dataclass(frozen=True)
class Assignment:
    """Features with their new unit: each is in exactly one of ``updated`` and ``review``.

    Both tables have the columns of the features and, after them,

    ``new_code``
        The new unit; in the review the likeliest one, missing where none is.
    ``method``
        ``code``, ``contains``, ``share`` or ``follows``; empty where nothing tells.
    ``share``, ``runner_up``, ``runner_up_share``
        Where the place decides: how much lies in the new unit, which unit comes next, and how much lies
        there.
    ``border_distance``
        Distance to the new border in CRS units, where a unit is cut.
    ``event``
        The events that lead to the new unit, empty where nothing happens.
    ``reason``
        Why a person must decide; empty in ``updated``.

    No column of the features is ever overwritten. Features that have a ``new_code`` or a ``reason`` already
    are refused; for any other column that is there already, the added one steps aside and is called
    ``share_assigned``, ``event_assigned`` and so on.
    """

    updated: Any
    review: Any

    @classmethod
    def of(cls, features: pd.DataFrame, result: pd.DataFrame) -> Assignment:
        """Add a result, row by row, to the features; those with a reason go to review."""
        names = added_columns(features)
        decided = (result["reason"] == "").to_numpy()

        def part(rows: np.ndarray) -> Any:
            table = features[rows]
            columns = {
                name: pd.Series(result[column].to_numpy()[rows], index=table.index, dtype=result[column].dtype)
                for column, name in names.items()
            }
            return table.assign(**columns)

        return cls(part(decided), part(~decided))

    def whole(self) -> Any:
        """Return both tables as one, the decided rows first."""
        parts = [part for part in (self.updated, self.review) if len(part)]
        return pd.concat(parts) if parts else self.updated


def added_columns(features: pd.DataFrame) -> dict[str, str]:
    """Return the names under which the columns of an assignment are added to features.

    Examples
    --------
    >>> names = added_columns(pd.DataFrame(columns=["code", "share"]))
    >>> names["share"], names["method"]
    ('share_assigned', 'method')
    """
    if present := [column for column in DECISIVE if column in features.columns]:
        raise InputError(
            f"The features have a column {' and '.join(present)} already, as if they were assigned before. "
            f"Rename it or leave it out; export keeps what a table lacks."
        )
    names = {column: f"{column}{ASIDE}" if column in features.columns else column for column in COLUMNS}
    if taken := [name for column, name in names.items() if name != column and name in features.columns]:
        raise InputError(f"The features have a column {' and '.join(taken)} already. Rename it or leave it out.")
    return names


def added_name(column: str, table: pd.DataFrame) -> str:
    """Return the name an added column has in a table of an assignment."""
    return f"{column}{ASIDE}" if f"{column}{ASIDE}" in table.columns else column


def require_codes(table: pd.DataFrame, code: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of each row's code (-1 where it is missing) and the codes; all of them text."""
    require_column(table, code, "features")
    return text_codes(table[code])


def text_codes(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of each row's code (-1 where it is missing) and the codes; all of them text."""
    position, codes = pd.factorize(column)
    values = np.asarray(codes, dtype=object)
    if numbers := [value for value in values if not isinstance(value, str)]:
        raise InputError(
            f"Column {column.name} of the features holds numbers such as {numbers[0]}, not text: leading zeros may "
            f"be lost. Read it as text, or give the width of the codes (code_width)."
        )
    return position, values


def require_column(table: pd.DataFrame, column: str, name: str) -> None:
    """Raise InputError unless a table has a column, once."""
    count = list(table.columns).count(column)
    if count == 0:
        listed = ", ".join(map(str, table.columns))
        raise InputError(f"The {name} have no column {column}. They have {listed}.")
    if count > 1:
        raise InputError(f"The {name} have {count} columns {column}. Rename all but one.")


def empty_columns(count: int) -> dict[str, np.ndarray]:
    """Return columns of a result that say nothing yet, one row a feature."""
    columns = {}
    for column in COLUMNS:
        missing = None if column in ("new_code", "runner_up") else ""
        columns[column] = np.full(count, np.nan) if column in NUMBERS else np.full(count, missing, dtype=object)
    return columns


def result_of(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return columns of a result as a table; texts stay objects, as missing ones are None."""
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def empty_result(count: int) -> pd.DataFrame:
    """Return a result that says nothing yet, one row a feature."""
    return result_of(empty_columns(count))


def report_review(result: pd.DataFrame, report: Report) -> None:
    """Report how many rows a person must decide, reason by reason."""
    report_reasons(reasons_of(result), report)


def reasons_of(result: pd.DataFrame) -> Counter[str]:
    """Return how many rows a person must decide, by reason."""
    reasons = result["reason"].to_numpy()
    return Counter(reasons[reasons != ""].tolist())  # nearly all are empty


def report_reasons(counts: Mapping[str, int], report: Report) -> None:
    """Report how many rows a person must decide, given their number by reason."""
    for reason in REASONS:
        if count := counts.get(reason, 0):
            what = f"{count} {'row' if count == 1 else 'rows'} to decide: {reason}"
            report(Finding("should", "review", what, "review", "Decide in the review layer."))
