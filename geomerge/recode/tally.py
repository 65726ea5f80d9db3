"""Tally: what happened to the rows of a register, added up part by part; bounded, however large the register is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from geomerge.findings import Finding
from geomerge.recode.cells import Cells, Indices
from geomerge.recode.fates import KEPT, NOT_AFFECTED, RECODED, REVIEW
from geomerge.recode.groups import Told
from geomerge.registers import RegisterConfig

LISTED = 100_000  # rows for review that are listed; all are counted
EXAMPLES = 5  # changes of each column that are shown
LOOKED_AT = 2_000  # distinct changes among which examples are sought


Identify = Callable[[Indices], Iterable[Any]]


class Tally:
    """Counts, samples and the review of a register.

    Parameters
    ----------
    register
        What it is.
    """

    def __init__(self, register: RegisterConfig) -> None:
        self.register = register
        self.rows = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.by: Counter[str] = Counter()
        self.names_left = 0
        self.notes: list[str] = []
        self._districts: dict[str, dict[str, set[str]]] = {
            name: {} for name, column in register.columns.items() if column.holds == "district"
        }
        self._samples: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in register.changing}
        self._changed: Counter[str] = Counter()
        self._review: list[pd.DataFrame] = []
        self._listed = 0

    def add(
        self,
        told: Told,
        place: Indices,
        table: Mapping[str, Cells],
        *,
        ids: Identify | None = None,
        numbers: Indices | None = None,
        broken: Mapping[int, str] | None = None,
    ) -> None:
        """Add a part of the rows.

        Parameters
        ----------
        told, table
            Its distinct combinations, and what is told of them.
        place
            Which of them each row is.
        ids
            Gives what identifies some rows.
        numbers
            Numbers of the rows within the part, where it holds others that cannot be understood.
        broken
            Those others by their number, each with the reason; they are for review.
        """
        counts = np.bincount(place, minlength=len(told.outcome))
        for outcome in (RECODED, KEPT, REVIEW):
            mine = told.outcome == outcome
            self.outcomes[outcome] += int(counts[mine].sum())
            source = told.by if outcome == RECODED else told.reason
            for text in pd.unique(source[mine]).tolist():
                many = int(counts[mine & (source == text)].sum())
                if outcome == RECODED:
                    self.by[text] += many
                else:
                    self.reasons[(outcome, text)] += many
        self.names_left += int(counts[told.names_left].sum())
        for name, changed in told.changed.items():
            self._note(name, np.flatnonzero(changed), counts, told, table[name])
        for name, known in self._districts.items():
            _note_districts(known, told, table[name], told.new.get(name), told.changed.get(name))
        self._list(told, place, table, ids, np.arange(len(place)) if numbers is None else numbers)
        self._add_broken(broken or {})
        self.rows += len(place) + len(broken or {})

    def _add_broken(self, rows: Mapping[int, str]) -> None:
        for number, reason in rows.items():
            self.outcomes[REVIEW] += 1
            self.reasons[(REVIEW, reason)] += 1
            if self._listed < LISTED:
                self._review.append(pd.DataFrame({"row": [self.rows + number], "reason": [reason]}))
                self._listed += 1

    def note(self, sentence: str) -> None:
        """Add what else a person should know of the register."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _note(self, name: str, rows: Indices, counts: Any, told: Told, cells: Cells) -> None:
        self._changed[name] += int(counts[rows].sum())
        for row in rows[:LOOKED_AT].tolist():
            value = cells.values[cells.place[row]] if cells.place[row] >= 0 else ""
            self._samples[name][(str(value), str(told.new[name][row]))] += int(counts[row])

    def _list(
        self, told: Told, place: Indices, table: Mapping[str, Cells], ids: Identify | None, numbers: Indices
    ) -> None:
        rows = np.flatnonzero((told.outcome == REVIEW)[place])[: LISTED - self._listed]
        if not len(rows):
            return
        listed = pd.DataFrame({"row": numbers[rows] + self.rows})
        if ids is not None:
            listed["id"] = [_text(value) for value in ids(rows)]
        for name, cells in table.items():
            listed[name] = cells.take(place[rows]).each(_text, "")
        listed["reason"] = told.reason[place[rows]]
        self._review.append(listed)
        self._listed += len(rows)

    @property
    def counts(self) -> dict[str, int]:
        """Rows, and how many of them are recoded, kept and for review."""
        return {"rows": self.rows, **{outcome: self.outcomes[outcome] for outcome in (RECODED, KEPT, REVIEW)}}

    @property
    def review(self) -> pd.DataFrame:
        """Rows for review: ``register``, ``row`` (from 0), ``id``, what decides, ``reason``, ``decision``."""
        columns = ["row", *(["id"] if self.register.id else []), *self.register.needed, "reason"]
        found = pd.concat(self._review, ignore_index=True) if self._review else pd.DataFrame(columns=columns)
        found = found.reindex(columns=list(dict.fromkeys(columns))).sort_values("row", ignore_index=True)
        found.insert(0, "register", self.register.name)
        found["decision"] = ""
        texts = found.columns.drop("row")
        return found.astype(dict.fromkeys(texts, object)).where(found.notna(), "")

    @property
    def samples(self) -> pd.DataFrame:
        """Changes of each column: ``column``, ``old``, ``new``, ``rows``; the most frequent of the first ones."""
        rows = [
            (name, old, new, many)
            for name, found in self._samples.items()
            for (old, new), many in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
        ]
        return pd.DataFrame(rows, columns=["column", "old", "new", "rows"])

    @property
    def changed(self) -> dict[str, int]:
        """Number of cells that change, by column."""
        return {name: self._changed[name] for name in self.register.changing if self._changed[name]}

    def findings(self) -> list[Finding]:
        """Return what a person must know of the register."""
        name, found = self.register.name, []
        for (outcome, reason), many in sorted(self.reasons.items(), key=lambda item: (-item[1], item[0])):
            if outcome == REVIEW:
                found.append(for_review(reason, many, name))
        if self._listed < self.outcomes[REVIEW]:
            what = f"Only the first {self._listed} of {self.outcomes[REVIEW]} rows for review of {name} are listed"
            found.append(Finding("should", "review", what, name, "See first why they are so many."))
        for column, known in self._districts.items():
            for new, old in sorted(known.items()):
                if len(old) > 1:
                    what = f"Column {column} of {name} would hold {new} for {' and '.join(sorted(old))}"
                    remedy = "Renumber the districts first, or leave the column out."
                    found.append(Finding("must", "district collision", what, name, remedy))
        if self.names_left:
            what = f"Another name than that of the unit stands in {self.names_left} recoded rows of {name}, and stays"
            found.append(Finding("should", "name", what, name, "Correct the names by hand."))
        found += [Finding("should", "register", note, name) for note in self.notes]
        return found


def for_review(reason: str, rows: int, register: str) -> Finding:
    """Return what tells that rows of a register are for review, for one reason."""
    what = f"For review, {reason}: {rows} row{'' if rows == 1 else 's'} of {register}"
    return Finding("should", "review", what, register, "They stay as they are. Decide them by hand.")


def identify(rows: pd.DataFrame, register: RegisterConfig) -> Identify | None:
    """Return what gives the identifiers of rows of a table, where it has any."""
    if register.id is None:
        return None
    column = rows[register.id]
    return lambda chosen: column.iloc[chosen].tolist()


def _note_districts(known: dict[str, set[str]], told: Told, cells: Cells, new: Any, changed: Any) -> None:
    """Note which districts each new one stands for; two of them could not be told apart any more."""
    stays = told.reason == NOT_AFFECTED
    for row in np.flatnonzero(stays if changed is None else stays | changed).tolist():
        if cells.place[row] >= 0:
            old = str(cells.values[cells.place[row]])
            known.setdefault(str(new[row]) if changed is not None and changed[row] else old, set()).add(old)


def _text(value: Any) -> str:
    missing = value is None or value is pd.NA or value != value
    return "" if missing else str(value)
