"""Flows: which row of a statistic goes into which new row, with which share, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.restate.intake import ESTIMATED, Flags, Intake

Positions = NDArray[np.intp]
Numbers = NDArray[Any]
Unknown = Literal["review", "keep", "refuse"]
Absent = Literal["missing", "zero"]

# Why a figure is in the review; the first applies to the whole row, the last to figures that are in order themselves.
REASONS = (
    "",
    "has no code",
    "code is not in the crosswalk",
    "nothing follows",
    "share is unknown",
    "figure is missing",
    "figure is suppressed",
    "joins a unit whose share is unknown",
    "joins a unit without a row",
    "joins a missing figure",
)
NO_CODE, UNKNOWN_CODE, NO_SUCCESSOR, UNKNOWN_SHARE, MISSING, SUPPRESSED = range(1, 7)
JOINS_UNKNOWN_SHARE, JOINS_ABSENT, JOINS_MISSING = range(7, 10)


@dataclass(frozen=True)
class Flows:
    """The flows, in the order of old codes, so that sums do not depend on the order of rows.

    Parameters
    ----------
    row, cell, share
        Of each flow: the row it comes from, the new row it goes into (-1: none), and its share of the old row.
    line
        Its row in the crosswalk (-1: none).
    reason
        Why all its figures are in the review, by position in ``REASONS``; 0 if nothing stands in the way.
    carried
        The share of the old row it stands for in the review.
    part, estimated
        Whether a part of a unit flows, and whether its share is an estimate, or its row was one before.
    blocked
        Of each new row: why all its figures are missing.
    first, group, new
        Of each new row: the first row that flows into it, the number of its combination of ``by``, its code.
    """

    row: Positions
    cell: Positions
    share: NDArray[np.float64]
    line: Positions
    reason: NDArray[np.int8]
    carried: NDArray[np.float64]
    part: Flags
    estimated: Flags
    blocked: NDArray[np.int8]
    first: Positions
    group: Positions
    new: NDArray[np.object_]

    @cached_property
    def counts(self) -> Flags:
        """Whether each flow adds to a new row: it goes somewhere, and its share is not zero."""
        found: Flags = (self.cell >= 0) & (self.share != 0)
        return found

    @cached_property
    def lone(self) -> Positions:
        """Of each new row: its only flow, or -1 where there is none or several."""
        only = np.full(len(self.new), -1, dtype=np.intp)
        flows = np.flatnonzero(self.counts)
        only[self.cell[flows]] = flows
        only[np.bincount(self.cell[flows], minlength=len(self.new)) != 1] = -1
        return only

    @cached_property
    def alone(self) -> Flags:
        """Whether each flow is the only one into its new row."""
        found = np.zeros(len(self.row), dtype=bool)
        found[self.lone[self.lone >= 0]] = True
        return found

    def add(self, values: Numbers, use: Flags) -> Numbers:
        """Return the sums of values by new row over the flows in use."""
        sums = np.zeros(len(self.new), dtype=values.dtype)
        np.add.at(sums, self.cell[use], values[use])
        return sums

    def touched(self, flows: Flags) -> Flags:
        """Return which new rows one of the flows goes into."""
        found = np.zeros(len(self.new), dtype=bool)
        found[self.cell[flows & (self.cell >= 0)]] = True
        return found


def flows(taken: Intake, *, unknown: Unknown, absent: Absent) -> Flows:
    """Let each row of a statistic flow along the crosswalk.

    Parameters
    ----------
    taken
        The statistic and the crosswalk.
    unknown
        ``keep`` lets a code that is not in the crosswalk stay as it is; otherwise its rows go into the review.
    absent
        ``missing``: a new row is incomplete where an old unit that flows into it has no row; ``zero`` takes it for 0.

    Returns
    -------
    Flows
        At least one for each row of the statistic.

    Examples
    --------
    >>> from geomerge.restate.intake import intake
    >>> table = pd.DataFrame({"code": ["1", "2"], "people": [10, 20]})
    >>> way = pd.DataFrame({"old_code": ["1", "2", "2"], "new_code": ["9", "9", "8"], "share": [1, 0.5, 0.5]})
    >>> taken = intake(table, way, code="code", columns={"people": "count"}, by=(), suppressed=())
    >>> found = flows(taken, unknown="review", absent="missing")
    >>> found.new[found.cell].tolist(), found.share.tolist()
    (['9', '8', '9'], [1.0, 0.5, 0.5])
    """
    codes = taken.statistics[taken.code]
    way = _with_kept(taken.crosswalk, codes) if unknown == "keep" else taken.crosswalk
    row, line = _lines(codes, way["old_code"])
    found = line >= 0
    targets, names = pd.factorize(way["new_code"], use_na_sentinel=True)
    target = np.where(found, targets[line] if len(way) else -1, -1)
    share = np.where(found, _at(way["share"], line), 1.0)

    group = _groups(taken)
    cell = np.full(len(row), -1, dtype=np.intp)
    keys, firsts = pd.factorize((group[row] * max(len(names), 1) + target)[target >= 0])
    cell[target >= 0] = keys
    first = np.full(len(firsts), len(codes), dtype=np.intp)
    np.minimum.at(first, keys, row[target >= 0])

    # A row without a known share stands in the review once, not once for each unit it may flow into.
    lost = np.isnan(share)
    starts = np.r_[True, row[1:] != row[:-1]] if len(row) else np.zeros(0, dtype=bool)
    astray = _rows_with(lost, row, len(codes))[row]
    share = np.where(astray, np.nan, share)
    carried = np.where(astray, starts.astype(float), share)
    reason = np.select(
        [~found & codes.isna().to_numpy()[row], ~found, astray, cell < 0],
        [NO_CODE, UNKNOWN_CODE, UNKNOWN_SHARE, NO_SUCCESSOR],
        0,
    ).astype(np.int8)

    marked = taken.statistics[ESTIMATED].to_numpy(dtype=bool, na_value=True) if ESTIMATED in taken.statistics else None
    part = found & _at(way["part"], line).astype(bool)
    estimated = found & _at(way[ESTIMATED], line).astype(bool)
    if marked is not None:
        estimated |= marked[row]
    place = firsts % max(len(names), 1)
    blocked = np.zeros(len(firsts), dtype=np.int8)
    if absent == "missing":
        wanted = np.bincount(targets[(targets >= 0) & (way["share"] != 0).to_numpy()], minlength=len(names))
        there = np.bincount(cell[(cell >= 0) & (share != 0)], minlength=len(firsts))
        blocked[there < wanted[place]] = JOINS_ABSENT
    blocked[cell[astray & (cell >= 0)]] = JOINS_UNKNOWN_SHARE
    order = np.argsort(line, kind="stable")
    parts = (part[order], estimated[order])
    new = np.asarray(names, dtype=object)[place]
    sorted_ = (row[order], cell[order], share[order], line[order], reason[order], carried[order])
    return Flows(*sorted_, *parts, blocked, first, group[first], new)


def _with_kept(way: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
    """Return the crosswalk with a row for each code it does not know, which stays as it is."""
    known = pd.Index(way["old_code"])
    kept = pd.Index(codes.dropna().astype(object).unique()).difference(known, sort=True)
    if not len(kept):
        return way
    same = pd.DataFrame({"old_code": kept, "new_code": kept, "share": 1.0, "part": False, "by": "", ESTIMATED: False})
    return pd.concat([way, same], ignore_index=True)


def _lines(codes: pd.Series, old: pd.Series) -> tuple[Positions, Positions]:
    """Return, for each flow, its row and its line of the crosswalk, whose lines stand in the order of old codes."""
    number, units = pd.factorize(old)
    unit = pd.Index(units, dtype=object).get_indexer(pd.Index(codes.astype(object), dtype=object))
    lines = np.bincount(number, minlength=len(units))
    starts = np.cumsum(lines) - lines
    several = np.where(unit >= 0, lines[unit] if len(units) else 1, 1)
    row = np.repeat(np.arange(len(codes), dtype=np.intp), several)
    step = np.arange(len(row)) - np.repeat(np.cumsum(several) - several, several)
    line = np.where(unit[row] >= 0, (starts[unit[row]] if len(units) else 0) + step, -1)
    return row.astype(np.intp), line.astype(np.intp)


def _at(column: pd.Series, line: Positions) -> Numbers:
    """Return the values of a column of the crosswalk by flow; anything where there is no line."""
    values = column.to_numpy()
    return values[line] if len(values) else np.zeros(len(line), dtype=values.dtype)


def _groups(taken: Intake) -> Positions:
    """Return the number of the combination of ``by`` of each row."""
    if not taken.by:
        return np.zeros(len(taken.statistics), dtype=np.intp)
    grouped = taken.statistics.groupby(list(taken.by), dropna=False, sort=False, observed=True)
    return np.asarray(grouped.ngroup(), dtype=np.intp)


def _rows_with(flags: Flags, row: Positions, rows: int) -> Flags:
    found = np.zeros(rows, dtype=bool)
    found[row[flags]] = True
    return found
