"""Intake of statistics: whether a table and a crosswalk can be restated; all faults are told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.restate.measures import Count, Drop, Measure, Rate, Shares, measure_of

Flags = NDArray[np.bool_]

ESTIMATED = "estimated"
RESERVED = ("new_code", "share", "reason")
MOST_CLASSES = 200
SHARES_ADD_UP = 1e-9

_NUMBERS = frozenset(["integer", "floating", "mixed-integer-float", "decimal", "empty"])


@dataclass(frozen=True)
class Intake:
    """A statistic that can be restated, and the crosswalk it is restated by.

    ``figures`` holds the columns by name, numbers where numbers are needed; ``suppressed`` tells of each which
    cells were withheld. ``crosswalk`` has the rows of known old units, sorted by code, and all columns.
    """

    statistics: pd.DataFrame
    crosswalk: pd.DataFrame
    code: str
    by: tuple[str, ...]
    measures: Mapping[str, Measure]
    figures: Mapping[str, pd.Series]
    suppressed: Mapping[str, Flags]


def intake(
    statistics: pd.DataFrame,
    crosswalk: pd.DataFrame,
    *,
    code: str,
    columns: Mapping[str, Any],
    by: Sequence[str],
    suppressed: Sequence[str],
) -> Intake:
    """Check a statistic and a crosswalk, and return them ready to be restated.

    Parameters
    ----------
    statistics, crosswalk, code, columns, by, suppressed
        As of :func:`geomerge.restate`.

    Returns
    -------
    Intake
        The same figures; a column that is named as a weight and has no measure is a count.

    Raises
    ------
    InputError
        With one sentence for each fault: first those of the columns, then those of what stands in them.

    Examples
    --------
    >>> table = pd.DataFrame({"code": [706], "people": ["many"]})
    >>> way = pd.DataFrame({"old_code": ["0706"], "new_code": ["0710"], "share": [0.9]})
    >>> try:
    ...     intake(table, way, code="code", columns={"people": "count"}, by=(), suppressed=())
    ... except InputError as error:
    ...     print(len(error.faults))
    3
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    suppressed = (suppressed,) if isinstance(suppressed, str) else tuple(suppressed)
    measures, faults = _measures(columns)
    for weight in [measure.weight for measure in measures.values()]:
        if weight is not None:
            measures.setdefault(weight, Count())
    faults += _unfit_columns(statistics, crosswalk, code, by, measures)
    if faults:
        raise InputError(*faults)
    ordered = {str(column): measures[column] for column in statistics.columns if column in measures}
    weights = {measure.weight for measure in ordered.values()} - {None}
    figures, hidden = {}, {}
    for column, measure in ordered.items():
        numeric = isinstance(measure, Count | Rate) or column in weights
        figures[column], hidden[column] = _figures(statistics[column], numeric, suppressed)
        if numeric:
            faults += _unfit_numbers(statistics, code, figures[column], hidden[column], column in weights)
        elif isinstance(measure, Shares):
            faults += _unfit_classes(figures[column], column, statistics.columns)
    faults += _unfit_codes(statistics[code], "statistics")
    faults += _repeated_rows(statistics, [code, *by])
    faults += _unfit_crosswalk(crosswalk)
    if faults:
        raise InputError(*faults)
    return Intake(statistics, _ordered(crosswalk), code, by, ordered, figures, hidden)


def _measures(columns: Mapping[str, Any]) -> tuple[dict[str, Measure], list[str]]:
    measures: dict[str, Measure] = {}
    faults: list[str] = []
    for column, written in columns.items():
        try:
            measures[column] = measure_of(written, column)
        except InputError as error:
            faults += error.faults
    return measures, faults


def _unfit_columns(
    statistics: pd.DataFrame, crosswalk: pd.DataFrame, code: str, by: tuple[str, ...], measures: Mapping[str, Measure]
) -> Iterator[str]:
    there = [str(column) for column in statistics.columns]
    listed = ", ".join(there)
    names: list[object] = list(statistics.columns)
    if odd := ", ".join(repr(name) for name in names if not isinstance(name, str)):
        yield f"The statistics have columns whose names are no text: {odd}. Rename them (columns.map(str))."
        return
    if taken := [column for column in RESERVED if column in there]:
        yield f"Column {', '.join(taken)} has the name of a column of the review. Rename yours."
    if twice := sorted({column for column in there if there.count(column) > 1}):
        yield f"The statistics have two columns {', '.join(twice)}. Rename one."
    if missing := [column for column in dict.fromkeys((code, *by, *measures)) if column not in there]:
        yield f"The statistics have no column {', '.join(missing)}. They have {listed}."
    roles = [code, *by, *measures]
    if twice := sorted({role for role in roles if roles.count(role) > 1}):
        yield f"Column {', '.join(twice)} has two roles. It is the code, one of by, or a figure with a measure."
    if loose := [column for column in there if column not in roles and column != ESTIMATED]:
        yield (
            f"Column {', '.join(loose)} has no measure. State what it measures (count, rate, largest, shares), "
            "name it in by, or drop it."
        )
    if ESTIMATED in roles:
        yield f"Column {ESTIMATED} marks the rows of the result that rest on an estimate. Rename yours."
    elif there.count(ESTIMATED) == 1 and not pd.api.types.is_bool_dtype(statistics[ESTIMATED].dtype):
        yield f"Column {ESTIMATED} marks rows with true or false, but holds something else. Rename yours."
    for column, measure in measures.items():
        if measure.weight is not None and not isinstance(measures[measure.weight], Count | Drop):
            yield f"Column {column} is weighted by {measure.weight}, which is no count. Name its denominator."
    if missing := [column for column in ("old_code", "new_code", "share") if column not in crosswalk.columns]:
        yield f"The crosswalk has no column {', '.join(missing)}. It has {', '.join(map(str, crosswalk.columns))}."


def _figures(given: pd.Series, numeric: bool, suppressed: Sequence[str]) -> tuple[pd.Series, Flags]:
    """Return a column with its withheld cells empty, as numbers where it holds numbers, and which cells they are."""
    plain = pd.api.types.is_numeric_dtype(given.dtype) or not suppressed
    hidden = np.zeros(len(given), dtype=bool) if plain else given.isin(list(suppressed)).to_numpy(dtype=bool)
    shown = given.mask(hidden) if hidden.any() else given
    if not numeric or pd.api.types.is_numeric_dtype(given.dtype):
        return shown, hidden
    if pd.api.types.infer_dtype(shown, skipna=True) in _NUMBERS or hidden.any():
        numbers = pd.to_numeric(shown.astype(object), errors="coerce")
        if (numbers.isna() == shown.isna()).all():
            whole = not shown.dropna().astype(str).str.contains(r"[.eE]", regex=True).any()
            return (numbers.astype("Int64") if whole else numbers.astype(np.float64)), hidden
    return shown, hidden


def _unfit_numbers(
    statistics: pd.DataFrame, code: str, figures: pd.Series, hidden: Flags, is_weight: bool
) -> Iterator[str]:
    column = figures.name
    if pd.api.types.is_bool_dtype(figures.dtype):
        yield f"Column {column} holds true and false, not numbers. Make it 1 and 0, or take it as a class (largest)."
        return
    if not pd.api.types.is_numeric_dtype(figures.dtype):
        bad = figures.notna()
        if hidden.any():
            bad &= pd.to_numeric(figures.astype(object), errors="coerce").isna()
        texts = list(dict.fromkeys(repr(text) for text in figures[bad].head(1000)))
        yield (
            f"Column {column} holds text where numbers are needed, such as {', '.join(texts[:3])}. Convert it "
            "(pandas.to_numeric), and name the marks of withheld figures in suppressed."
        )
        return
    values = figures.to_numpy(dtype=np.float64, na_value=np.nan)
    for unfit, what in (
        (np.isinf(values), "infinite"),
        (is_weight & (values < 0), "negative, but others are weighted by it"),
    ):
        if unfit.any():
            first = statistics[code].iloc[int(unfit.argmax())]
            yield f"Column {column} is {what} in {int(unfit.sum())} rows, first in that of {first}. Correct it."


def _unfit_classes(classes: pd.Series, column: str, taken: pd.Index) -> Iterator[str]:
    found = classes.dropna().unique()
    if len(classes) and not len(found):
        yield f"Column {column} holds no class at all. Drop it."
    elif len(found) > MOST_CLASSES:
        yield f"Column {column} has {len(found)} classes, each a column of its own. Group them, or use largest."
    elif clash := sorted({f"{column}_{name}" for name in found} & set(taken)):
        yield f"The classes of {column} need columns {', '.join(clash)}, which are there already. Rename those."
    elif len({str(name) for name in found}) < len(found):
        yield f"Column {column} has classes that read the same as text. Make them all text."


def _unfit_codes(codes: pd.Series, where: str) -> Iterator[str]:
    kind = pd.api.types.infer_dtype(codes.astype(object), skipna=True)
    if kind not in ("string", "empty"):
        first = next(value for value in codes.dropna() if not isinstance(value, str))
        yield (
            f"Column {codes.name} of the {where} holds {first!r}, but codes are text: numbers lose leading zeros. "
            f"Read it as text, as by pandas.read_csv(..., dtype={{{codes.name!r}: str}})."
        )


def _repeated_rows(statistics: pd.DataFrame, identity: list[str]) -> Iterator[str]:
    coded = statistics.loc[statistics[identity[0]].notna(), identity]
    repeated = coded[coded.duplicated()]
    if len(repeated):
        first = ", ".join(f"{column} {value}" for column, value in repeated.iloc[0].items())
        yield (
            f"{len(repeated)} rows repeat the {', '.join(identity)} of another row, first {first}. "
            "Name the columns that tell them apart in by, or add them up."
        )


def _unfit_crosswalk(crosswalk: pd.DataFrame) -> Iterator[str]:
    yield from _unfit_codes(crosswalk["old_code"], "crosswalk")
    yield from _unfit_codes(crosswalk["new_code"], "crosswalk")
    rows = crosswalk[crosswalk["old_code"].notna()]
    twice = rows[rows.duplicated(["old_code", "new_code"])]
    if len(twice):
        old, new = twice[["old_code", "new_code"]].iloc[0]
        yield f"The crosswalk has {len(twice)} rows twice, first {old} to {new}. Keep one row for each pair."
    if ESTIMATED in rows.columns and pd.api.types.infer_dtype(rows[ESTIMATED], skipna=True) not in ("boolean", "empty"):
        yield f"Column {ESTIMATED} of the crosswalk must hold true or false. Convert it."
    shares = rows["share"]
    if not pd.api.types.is_numeric_dtype(shares.dtype) or pd.api.types.is_bool_dtype(shares.dtype):
        if len(shares.dropna()):
            yield f"Column share of the crosswalk holds {shares.dropna().iloc[0]!r}, which is no number. Convert it."
        return
    values = pd.Series(shares.to_numpy(dtype=np.float64, na_value=np.nan))
    outside = (values < 0) | (values > 1 + SHARES_ADD_UP)
    if outside.any():
        at = int(outside.argmax())
        yield f"The share of {rows['old_code'].iloc[at]} is {values[at]:g}. Shares lie between 0 and 1."
        return
    sums = values.groupby(rows["old_code"].to_numpy()).sum(skipna=False)
    off = sums[(sums - 1).abs() > SHARES_ADD_UP]
    if len(off):
        listed = ", ".join(f"{old}: {total:.9g}" for old, total in off.head(5).items())
        yield (
            f"The shares of {len(off)} old units do not add up to 1 ({listed}). "
            "Add the missing rows (new_code empty where nothing follows), or leave all shares of the unit empty."
        )


def _ordered(crosswalk: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that lead somewhere from a unit, sorted, with columns that were left out at their meaning."""
    rows = crosswalk[crosswalk["old_code"].notna()]
    texts = {column: rows[column].astype(object) for column in ("old_code", "new_code")}
    table = pd.DataFrame(
        {**texts, "share": rows["share"].to_numpy(dtype=np.float64, na_value=np.nan)}, index=rows.index
    )
    table["part"] = rows.duplicated("old_code", keep=False) | (table["share"] != 1)
    table["by"] = rows["by"].fillna("").astype(object) if "by" in rows.columns else ""
    marks = rows.get(ESTIMATED)
    table[ESTIMATED] = table["part"] if marks is None else marks.isna() | marks.eq(True)
    return table.sort_values(["old_code", "new_code"], kind="stable", ignore_index=True)
