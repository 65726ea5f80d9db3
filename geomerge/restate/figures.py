"""Figures: the columns of a statistic in new units, each by its measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.findings import Finding, Report
from geomerge.restate.flows import (
    JOINS_MISSING,
    MISSING,
    SUPPRESSED,
    Flows,
    Numbers,
)
from geomerge.restate.intake import Flags, Intake
from geomerge.restate.measures import Count, Largest, Measure, Rate, Shares

Reals = NDArray[np.float64]
Held = NDArray[np.int8]

TIE = 1e-9  # contributions closer than this are equal, relative to the larger one


@dataclass(frozen=True)
class Total:
    """The sum, or the overall weighted mean, before and after and of what is in the review.

    ``difference`` is what the second and third lack of the first, ``scale`` the size it is judged by, ``slack`` what
    rounding to whole numbers may move.
    """

    measure: str
    before: float
    after: float
    review: float
    difference: float
    scale: float
    slack: float = 0.0


@dataclass(frozen=True)
class Figure:
    """A column in new units.

    Parameters
    ----------
    name, source
        Name of the column, and of the one it comes from.
    values
        Its values by new row.
    held
        Why each flow did not become part of them, by position in ``REASONS``; 0 if it did.
    estimated
        Which of them rest on an estimate.
    total
        Its balance; a class has none.
    """

    name: str
    source: str
    values: pd.Series
    held: Held
    estimated: Flags
    total: Total | None = None


def figures(taken: Intake, found: Flows, column: str, report: Report) -> Iterator[Figure]:
    """Carry a column over to new units, one figure for each column it becomes.

    Parameters
    ----------
    taken
        The statistic.
    found
        Its flows, see :func:`geomerge.restate.flows.flows`.
    column
        Name of the column.
    report
        Called with each finding: ties, and rates that rest on nothing.

    Examples
    --------
    >>> from geomerge.restate.flows import flows
    >>> from geomerge.restate.intake import intake
    >>> table = pd.DataFrame({"code": ["1", "2"], "people": [10, 30], "rate": [4.0, 8.0]})
    >>> way = pd.DataFrame({"old_code": ["1", "2"], "new_code": ["9", "9"], "share": [1.0, 1.0]})
    >>> measures = {"people": "count", "rate": "rate:people"}
    >>> taken = intake(table, way, code="code", columns=measures, by=(), suppressed=())
    >>> found = flows(taken, unknown="review", absent="missing")
    >>> [figure.values.tolist() for column in measures for figure in figures(taken, found, column, print)]
    [[40], [7.0]]
    """
    measure: Measure = taken.measures[column]
    values = taken.figures[column]
    unfit = np.where(taken.suppressed[column], SUPPRESSED, MISSING)
    own = np.where(values.isna().to_numpy(), unfit, 0).astype(np.int8)
    if isinstance(measure, Count):
        yield _count(taken, found, measure, column, own)
    elif isinstance(measure, Rate):
        yield _rate(taken, found, (column, column, measure.rate), values, own, report)
    elif isinstance(measure, Largest):
        yield _largest(taken, found, measure, column, own, report)
    elif isinstance(measure, Shares):
        for name in sorted(values.dropna().unique(), key=str):
            within = (values == name).astype(np.float64).mask(values.isna())
            yield _rate(taken, found, (f"{column}_{name}", column, measure.shares), within, own, report)


def _held(found: Flows, own: Held) -> tuple[Held, Flags]:
    """Return why each flow goes into the review, and which new rows stay without a figure for it.

    One figure that is missing makes the new one unknown, so all that flow into it are held back.
    """
    first = np.where(found.share == 0, 0, np.where(found.reason > 0, found.reason, own))
    blocked = np.where((found.blocked == 0) & found.touched(first > 0), JOINS_MISSING, found.blocked)
    joined = np.where(found.counts, blocked[found.cell] if len(blocked) else 0, 0)
    return np.where(first > 0, first, joined).astype(np.int8), blocked > 0


def _count(taken: Intake, found: Flows, measure: Count, column: str, own: Held) -> Figure:
    values = taken.figures[column]
    held, gap = _held(found, own[found.row])
    use = found.counts & (held == 0)
    divided = use & (found.share != 1)
    exact = pd.api.types.is_integer_dtype(values.dtype) and not divided.any()
    rows: Numbers = values.to_numpy(dtype=np.int64, na_value=0) if exact else _reals(values)
    given = rows[found.row]
    sums = found.add(given if exact else given * found.share, use)
    untouched = use & found.alone & ~divided
    sums[found.cell[untouched]] = given[untouched]  # adding to zero would turn -0.0 into 0.0
    slack = 0.0
    if measure.count == "whole" and divided.any():
        slack = 0.5 * len(np.unique(found.group[found.cell[divided]]))
        sums = _whole(sums, found, found.touched(divided))
    counted = np.append(taken.crosswalk["by"].to_numpy() == column, False)  # the last stands for no line
    sure = counted[np.clip(found.line, -1, len(counted) - 1)]
    guess = use & (found.estimated | (found.part & ~sure)) & (given != 0)
    known, kept = _reals(values), np.where(held > 0, found.carried, 0.0)
    before, after = float(np.nansum(known)), float(sums[~gap].sum())
    review = float(np.nansum(known[found.row] * kept))
    scale = float(np.nansum(np.abs(known)))
    total = Total("sum", before, after, review, before - after - review, scale, slack)
    return Figure(column, column, _typed(sums, gap, values.dtype, exact), held, found.touched(guess) & ~gap, total)


def _rate(
    taken: Intake, found: Flows, names: tuple[str, str, str | None], values: pd.Series, own: Held, report: Report
) -> Figure:
    name, source, weighted = names
    rates, (weights, unfit) = _reals(values), _weights(taken, weighted)
    nothing = weights == 0
    own = np.where(nothing, 0, own).astype(np.int8)  # a rate of nobody is no figure that could be missing
    row, share = found.row, found.share
    held, gap = _held(found, np.where(found.alone, own[row], np.maximum(own, unfit)[row]).astype(np.int8))
    use = found.counts & (held == 0)
    parts = np.where(nothing, 0.0, rates * weights)[row]
    below = found.add(weights[row] * share, use)
    means = np.full(len(found.new), np.nan)
    np.divide(found.add(parts * share, use), below, out=means, where=below > 0)
    untouched = use & found.alone
    means[found.cell[untouched]] = rates[row[untouched]]
    means[gap] = np.nan
    empty = ~gap & np.isnan(means) & found.touched(use & ~np.isnan(rates[row]))
    if empty.any():
        what = f"Column {source} of {found.new[empty.argmax()]} is empty, as its {weighted} is zero"
        where = f"{int(empty.sum())} rows"
        report(Finding("should", "zero denominator", what, where, f"Check {weighted} of its old units."))
    guess = use & (found.estimated | found.part)
    same = bool((found.lone >= 0).all()) and not gap.any()
    total = _mean_total(found, held, rates, weights, means, np.where(gap, np.nan, below))
    marks = found.touched(guess) & ~np.isnan(means)
    return Figure(name, source, _typed(means, gap, values.dtype, same), held, marks, total)


def _mean_total(found: Flows, held: Held, rates: Reals, weights: Reals, means: Reals, below: Reals) -> Total:
    """Balance the numerators, and show them as means."""
    kept = np.where(held > 0, found.carried, 0.0)
    products = np.where(weights == 0, 0.0, rates * weights)
    above = np.where(below == 0, 0.0, means * below)
    pairs = []
    for number, weight in (
        (products, weights),
        (above, below),
        (products[found.row] * kept, weights[found.row] * kept),
    ):
        known = ~np.isnan(number)
        pairs.append((float(number[known].sum()), float(weight[known].sum())))
    before, after, review = (number / weight if weight else np.nan for number, weight in pairs)
    base = pairs[0][1]
    missing = pairs[0][0] - pairs[1][0] - pairs[2][0]
    scale = float(np.nansum(np.abs(products)))
    return Total("mean", before, after, review, missing / base if base else missing, scale / base if base else scale)


def _largest(taken: Intake, found: Flows, measure: Largest, column: str, own: Held, report: Report) -> Figure:
    classes = taken.figures[column]
    weights, unfit = _weights(taken, measure.largest)
    light = np.where(found.alone, 0, unfit[found.row]).astype(np.int8)
    held, gap = _held(found, light)
    use = found.counts & (held == 0)
    amount = np.where(found.alone, 1.0, weights[found.row] * found.share)
    most = np.full(len(found.new), -np.inf)
    np.maximum.at(most, found.cell[use], amount[use])
    first = np.flatnonzero(use & (amount >= most[found.cell] * (1 - TIE))) if len(most) else np.zeros(0, dtype=np.intp)
    codes = taken.statistics[taken.code].to_numpy(dtype=object)
    goes_on = codes[found.row[first]] == found.new[found.cell[first]]
    order = first[np.lexsort((first, ~goes_on, found.cell[first]))]  # flows stand in the order of old codes
    cells, at = np.unique(found.cell[order], return_index=True)
    winner = order[at]
    _report_ties(found, first, winner, classes, codes, column, report)
    without = np.zeros(len(found.row), dtype=np.int8)
    without[winner] = own[found.row[winner]]
    held, gap = _held(found, np.maximum(light, without))
    source = np.full(len(found.new), -1, dtype=np.intp)
    source[cells] = found.row[winner]
    marks = found.touched(found.counts & (held == 0) & (found.estimated | found.part)) & ~gap
    gap = gap | (source < 0)
    values = classes.take(np.where(source < 0, 0, source)).reset_index(drop=True) if len(classes) else classes
    if gap.any() and isinstance(values.dtype, np.dtype) and values.dtype.kind in "iub":
        values = values.convert_dtypes()
    return Figure(column, column, values.mask(gap) if gap.any() else values, held, marks)


def _report_ties(
    found: Flows,
    first: NDArray[np.intp],
    winner: NDArray[np.intp],
    classes: pd.Series,
    codes: NDArray[np.object_],
    column: str,
    report: Report,
) -> None:
    """Report where old units of different classes contribute the same, the most of all."""
    kinds, _ = pd.factorize(classes)
    won = np.full(len(found.new), -1)
    won[found.cell[winner]] = kinds[found.row[winner]]
    tied = first[kinds[found.row[first]] != won[found.cell[first]]]
    if not len(tied):
        return
    cell = found.cell[tied].min()
    rivals = sorted({str(codes[row]) for row in found.row[first[found.cell[first] == cell]]})
    chosen = codes[found.row[winner[found.cell[winner] == cell][0]]]
    what = f"Column {column} of {found.new[cell]} is that of {chosen}, as {' and '.join(rivals)} contribute the same"
    where = f"{len(np.unique(found.cell[tied]))} rows"
    remedy = "The unit that keeps its code goes first, then the lowest code. Name a column that tells them apart."
    report(Finding("should", "tie", what, where, remedy))


def _weights(taken: Intake, column: str | None) -> tuple[Reals, Held]:
    """Return the weight of each row, and why it has none; all weigh the same where no column is named."""
    rows = len(taken.statistics)
    if column is None:
        return np.ones(rows), np.zeros(rows, dtype=np.int8)
    weights = _reals(taken.figures[column])
    unfit = np.where(taken.suppressed[column], SUPPRESSED, MISSING)
    return weights, np.where(np.isnan(weights), unfit, 0).astype(np.int8)


def _reals(values: pd.Series) -> Reals:
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _typed(values: Numbers, gap: Flags, dtype: object, same: bool) -> pd.Series:
    """Return values in the type of the column they come from, where that can hold each of them, else in a wider one.

    ``same`` tells that they may be whole numbers again if they were.
    """
    kind = pd.api.types.pandas_dtype(dtype)
    numpy = isinstance(kind, np.dtype)
    was_whole = pd.api.types.is_integer_dtype(kind)
    if values.dtype.kind == "i":
        found = pd.Series(values).astype("Int64").mask(gap) if gap.any() else pd.Series(values)
    else:
        found = pd.Series(values).mask(gap)
    if was_whole and not (same or values.dtype.kind == "i"):
        return found if numpy else found.astype("double[pyarrow]" if isinstance(kind, pd.ArrowDtype) else "Float64")
    if numpy and was_whole and found.isna().any():
        return found
    try:
        cast = found.astype(kind)
    except (TypeError, ValueError, OverflowError):
        return found
    equal = (cast == found) | (cast.isna() & found.isna())
    return cast if bool(equal.all()) else found


def _whole(sums: Reals, found: Flows, divided: Flags) -> Numbers:
    """Round what was divided to whole numbers by largest remainder, so that the total of each group stays."""
    at = np.flatnonzero(divided)
    group, (by_code, _) = found.group[at], pd.factorize(found.new[at], sort=True)
    floors = np.floor(sums[at] + 1e-9)
    rest = np.round(sums[at] - floors, 9)
    ups = np.rint(np.bincount(group, weights=rest, minlength=1))
    order = np.lexsort((by_code, -rest, group))
    ranked = group[order]
    rank = np.arange(len(at)) - np.searchsorted(ranked, ranked)
    result = sums.copy()
    result[at] = floors
    result[at[order[rank < ups[ranked]]]] += 1
    return result.astype(np.int64) if bool((result == np.floor(result)).all()) else result
