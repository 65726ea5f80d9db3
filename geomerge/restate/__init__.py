"""Restate: old figures in new units; totals stay, estimates are marked, and what is not known is never guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, Notes, Severity
from geomerge.restate.figures import Figure, figures
from geomerge.restate.flows import REASONS, UNKNOWN_SHARE, Absent, Flows, Numbers, Unknown, flows
from geomerge.restate.intake import ESTIMATED, Flags, Intake, intake
from geomerge.restate.measures import Count, Drop, Measure

TOTALS = ("column", "measure", "before", "after", "review", "difference")
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Restated:
    """Figures in new units.

    Parameters
    ----------
    statistics
        The columns of the old table in their order, with the new codes; rows in the order of the first old row
        that goes into each. ``estimated`` tells whether a figure of the row rests on an estimate.
    estimates
        The same for each figure, on the same index.
    review
        What could not be restated, in the columns of the old table: counts with the part that is missing from the
        result, other figures as they were, and nothing where a column was restated. ``new_code`` is where it would
        go, ``share`` the share of the old row it stands for, ``reason`` why it is here.
    totals
        ``column``, ``measure`` (``sum``, or ``mean`` of a rate, weighted by its denominator), ``before``, ``after``,
        ``review`` and ``difference``. Sums: before = after + review. Means: the same for the numerators.
    """

    statistics: pd.DataFrame
    estimates: pd.DataFrame
    review: pd.DataFrame
    totals: pd.DataFrame


def restate(
    statistics: pd.DataFrame,
    crosswalk: pd.DataFrame,
    *,
    columns: Mapping[str, Measure | str | Mapping[str, str]],
    code: str = "code",
    by: Sequence[str] = (),
    suppressed: Sequence[str] = (),
    unknown: Unknown = "review",
    absent: Absent = "missing",
    findings: list[Finding] | None = None,
) -> Restated:
    """Divide the figures of each old unit among the units that follow it, by the shares of the crosswalk.

    A new unit with one predecessor that was not cut has exactly the old figures. Where one of the figures that
    make up a new one is not known, the new one is missing, and all of them are in the review. Whether new or
    old units come first in time does not matter: a crosswalk leads from its ``old_code`` to its ``new_code``.

    Parameters
    ----------
    statistics
        One row for each unit, or for each unit and combination of ``by``.
    crosswalk
        ``old_code``, ``new_code`` (missing where nothing follows) and ``share`` of the old unit (missing where it
        is not known), as from :func:`geomerge.crosswalk`. ``by`` names what was weighed, ``estimated`` whether
        the share is an estimate; without it, every share of a part is one.
    columns
        What each column measures, see :func:`geomerge.restate.measures.measure_of`. The column a rate is weighted by
        is restated as a count.
    code
        Column with the code of the unit, text.
    by
        Further columns that identify a row, such as year and sex. Each combination is restated by itself.
    suppressed
        Texts that stand for a withheld figure, such as ``":"``.
    unknown
        What becomes of codes that the crosswalk does not name: ``review``, ``keep`` (the crosswalk lists only
        changes, all others stay), or ``refuse``.
    absent
        What it means that an old unit has no row in a combination of ``by``: its figures are ``missing``, or
        ``zero`` (the table lists only what occurs).
    findings
        List that takes up the findings; without it they are warnings.

    Returns
    -------
    Restated
        ``statistics``, ``estimates``, ``review`` and ``totals``. Whole numbers stay whole unless a share divides
        them; ``count:whole`` rounds those by largest remainder.

    Raises
    ------
    InputError
        The tables cannot be used; all faults are named together.
    Blocked
        A total did not stay, or ``unknown="refuse"`` and there are unknown codes.

    Notes
    -----
    This is areal interpolation with weights that may be areas, points or people: M. F. Goodchild and N. S.-N. Lam,
    "Areal interpolation: a variant of the traditional spatial problem", Geo-Processing 1 (1980), 297-312. Counts
    are its extensive variables, rates its intensive ones. A figure rests on an estimate where a part of a unit
    flows in, unless the share is one of that very column and not itself an estimate. Largest: the class of the
    old unit that contributes most; of equal ones that which keeps its code, then the lowest code, and a finding.

    Examples
    --------
    >>> old = pd.DataFrame({"code": ["0719", "0720"], "people": [5_000, 10_000], "unemployed": [4.0, 2.0]})
    >>> way = pd.DataFrame(
    ...     {
    ...         "old_code": ["0719", "0720", "0720"],
    ...         "new_code": ["0710", "0710", "0704"],
    ...         "share": [1.0, 0.9, 0.1],
    ...     }
    ... )
    >>> found = restate(old, way, columns={"people": "count", "unemployed": "rate:people"}, findings=[])
    >>> found.statistics.round(3)
       code   people  unemployed  estimated
    0  0710  14000.0       2.714       True
    1  0704   1000.0       2.000       True
    >>> found.totals.round(3)
           column measure     before      after  review  difference
    0      people     sum  15000.000  15000.000     0.0         0.0
    1  unemployed    mean      2.667      2.667     NaN         0.0
    """
    notes = Notes()
    options = ((unknown, "unknown", ("review", "keep", "refuse")), (absent, "absent", ("missing", "zero")))
    faults = [f"{name}={value!r}. Use {' or '.join(words)}." for value, name, words in options if value not in words]
    if faults:
        raise InputError(*faults)
    taken = intake(statistics, crosswalk, code=code, columns=columns, by=by, suppressed=suppressed)
    found = flows(taken, unknown=unknown, absent=absent)
    made = [
        figure
        for column, measure in taken.measures.items()
        if not isinstance(measure, Drop)
        for figure in figures(taken, found, column, notes)
    ]
    table, estimates = _assembled(taken, found, made)
    review, totals = _review(taken, found, made), _totals(made)
    for finding in (*_unknown_codes(taken, unknown), *_remarks(taken, table, review), *check_totals(made)):
        notes(finding)
    notes.settle(findings)
    return Restated(table, estimates, review, totals)


def _assembled(taken: Intake, found: Flows, made: Sequence[Figure]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the figures together in the order of the old columns and of the first old rows."""
    order = np.lexsort((found.new, found.first)) if len(found.new) else np.zeros(0, dtype=np.intp)
    first = found.first[order]
    parts: dict[str, pd.Series] = {}
    marks: dict[str, pd.Series] = {}
    for column in map(str, taken.statistics.columns):
        if column == taken.code:
            parts[column] = _codes(found.new[order], taken.statistics[column])
        elif column in taken.by:
            parts[column] = taken.statistics[column].iloc[first].reset_index(drop=True)
        for figure in (figure for figure in made if figure.source == column):
            parts[figure.name] = figure.values.iloc[order].reset_index(drop=True)
            marks[figure.name] = pd.Series(figure.estimated[order])
    estimates = pd.DataFrame(marks, index=range(len(order)), dtype=bool)
    parts[ESTIMATED] = estimates.any(axis=1)
    return pd.DataFrame(parts, index=estimates.index), estimates


def _codes(codes: Numbers, old: pd.Series) -> pd.Series:
    """Return new codes in the type of the old ones; categories are those that occur."""
    kind: Any = "category" if isinstance(old.dtype, pd.CategoricalDtype) else old.dtype
    return pd.Series(codes, dtype=object).astype(kind)


def _review(taken: Intake, found: Flows, made: Sequence[Figure]) -> pd.DataFrame:
    """List what could not be restated: a row for each flow, with the figures that are missing from the result."""
    held = np.column_stack([figure.held for figure in made]) if made else found.reason[:, None]
    at = np.flatnonzero((held > 0).any(axis=1) & (found.carried > 0))
    at = at[np.lexsort((found.line[at], found.row[at]))]
    cell, row, carried = found.cell[at], found.row[at], found.carried[at]
    goes = (cell >= 0) & (found.reason[at] != UNKNOWN_SHARE)
    parts = {}
    for column in map(str, taken.statistics.columns):
        if column in taken.measures:
            own = [number for number, figure in enumerate(made) if figure.source == column]
            values = taken.figures[column].iloc[row].reset_index(drop=True)
            if isinstance(taken.measures[column], Count) and (carried != 1).any():
                values = values.astype("Float64") * carried
            restated: Flags = np.full(len(at), bool(own)) & ~(held[at][:, own] > 0).any(axis=1)
            whole = restated.any() and isinstance(values.dtype, np.dtype) and values.dtype.kind in "iub"
            parts[column] = (values.convert_dtypes() if whole else values).mask(restated)
        else:
            parts[column] = taken.statistics[column].iloc[row].reset_index(drop=True)
    new = np.full(len(at), None, dtype=object)
    new[goes] = found.new[cell[goes]]
    parts["new_code"] = pd.Series(new, dtype=object)
    parts["share"] = pd.Series(carried)
    parts["reason"] = pd.Series(_reasons(held[at], [figure.name for figure in made]), dtype=object)
    return pd.DataFrame(parts, index=range(len(at)))


def _reasons(held: Numbers, names: Sequence[str]) -> Numbers:
    """Return the reason of each row, with the columns where they differ."""
    patterns, which = np.unique(held, axis=0, return_inverse=True)
    texts = []
    for pattern in patterns:
        if len(set(pattern)) == 1:
            texts.append(REASONS[pattern[0]])
        else:
            texts.append("; ".join(f"{name}: {REASONS[why]}" for name, why in zip(names, pattern, strict=True) if why))
    return np.array(texts, dtype=object)[which.reshape(-1)]


def _totals(made: Sequence[Figure]) -> pd.DataFrame:
    rows = [
        (figure.name, total.measure, total.before, total.after, total.review, total.difference)
        for figure in made
        if (total := figure.total) is not None
    ]
    return pd.DataFrame(rows, columns=list(TOTALS))


def check_totals(made: Sequence[Figure]) -> Iterator[Finding]:
    """Find totals that did not stay, up to a relative error of 1e-9."""
    for figure in made:
        total = figure.total
        if total is None or abs(total.difference) <= TOLERANCE * total.scale:
            continue
        sizes = f"before {total.before:.9g}, after {total.after:.9g}, in the review {total.review:.9g}"
        if abs(total.difference) <= total.slack + TOLERANCE * total.scale:
            what = f"Rounding changes the total of {figure.name} by {-total.difference:.3g}"
            remedy = "What is in the review is no whole number; decide on it, or leave counts exact."
            yield Finding("should", "rounded total", what, sizes, remedy)
        else:
            what = f"The total of {figure.name} did not stay"
            yield Finding(
                "must", "total", what, sizes, "Check the shares of the crosswalk and the size of the figures."
            )


def _unknown_codes(taken: Intake, unknown: Unknown) -> Iterator[Finding]:
    """Find codes that the crosswalk does not name, and say what they may be instead."""
    given = pd.Series(taken.statistics[taken.code].unique(), dtype=object).dropna()
    known = set(taken.crosswalk["old_code"])
    odd = sorted(set(given) - known)
    if not odd:
        return
    what = f"{len(odd)} codes are not in the crosswalk, first {', '.join(odd[:5])}"
    done = {"keep": "They stay as they are.", "review": "Their rows are in the review.", "refuse": ""}[unknown]
    width = max(map(len, known), default=0)
    if any(code.zfill(width) in known for code in odd):
        remedy = "They seem to have lost leading zeros: read them as text."
    elif any(code in set(taken.crosswalk["new_code"].dropna()) for code in odd):
        remedy = "They are among its new codes: the table may be of the later edition, in whole or in part."
    else:
        remedy = "Correct them, or use a crosswalk that starts at the edition of the table."
    severity: Severity = "must" if unknown == "refuse" else "should"
    yield Finding(severity, "unknown code", what, f"column {taken.code}", f"{done} {remedy}".strip())


def _remarks(taken: Intake, table: pd.DataFrame, review: pd.DataFrame) -> Iterator[Finding]:
    """Say what the reader of the result must know."""
    for column, measure in taken.measures.items():
        if isinstance(measure, Count):
            below = (taken.figures[column] < 0).fillna(False).to_numpy(dtype=bool)
            if below.any():
                what = f"Column {column} counts, but {int(below.sum())} figures are negative"
                first = str(taken.statistics[taken.code].iloc[int(below.argmax())])
                yield Finding("should", "negative count", what, f"first {first}", "Correct it, unless it is a balance.")
    if marked := int(table[ESTIMATED].sum()):
        what = f"{marked} of {len(table)} rows rest on an estimate"
        yield Finding(
            "should", "estimate", what, "column estimated", "Replace them by counted figures where there are."
        )
    reasons = review["reason"]
    if len(reasons):
        listed = "; ".join(
            f"{reason}: {count}" for reason, count in reasons.value_counts().sort_index().head(5).items()
        )
        remedy = "See the review."
        if reasons.str.contains("without a row", regex=False).any():
            remedy += " Where a unit without a row means nothing occurred there, state absent='zero'."
        yield Finding("should", "review", f"{len(reasons)} rows or parts of rows could not be restated", listed, remedy)
