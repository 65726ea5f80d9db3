"""Which rule is for which key, and what the key becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.findings import Finding, Report
from geomerge.keylayout import KeyLayout
from geomerge.keyrules import concerns, in_order, where_of
from geomerge.plan import KeyRule
from geomerge.rekey.tables import key_table, looked_up

END_OF_CODE = "code"


@dataclass(frozen=True)
class Keys:
    """Keys of features, all on one index of positions.

    Parameters
    ----------
    layout, columns
        How they are written, and in which columns.
    parts
        Their parts below the unit.
    old, new
        Old and new unit of each.
    """

    layout: KeyLayout
    columns: tuple[str, ...]
    parts: pd.DataFrame
    old: pd.Series
    new: pd.Series

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """Leading numbers, NaN where there is none; None where the layout has none."""
        name = self.layout.number
        if name is None:
            return None
        numbers = self.parts[name].astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
        return np.where(numbers > 0, numbers, np.nan)

    @cached_property
    def moves(self) -> Mapping[tuple[str, str], NDArray[np.intp]]:
        """Positions of the keys by old and new unit."""
        found = pd.DataFrame({"old": self.old, "new": self.new}).groupby(["old", "new"], sort=False).indices
        moves: dict[Any, NDArray[np.intp]] = {pair: np.asarray(places) for pair, places in found.items()}
        return moves

    def renewed(
        self, rules: Sequence[KeyRule], tables: Mapping[str, pd.DataFrame], report: Report
    ) -> dict[str, pd.Series]:
        """Return the new values of each part that changes somewhere, by position."""
        ordered = in_order(rules)
        winner = self._winners(ordered)
        changes: dict[str, list[pd.Series]] = {}
        faults: list[str] = []
        for rank, rule in enumerate(ordered):
            if rule.table is not None:
                continue
            places = np.flatnonzero(winner == rank)
            try:
                for name, values in self._by(rule, places).items():
                    changes.setdefault(name, []).append(values)
            except InputError as error:
                faults += error.faults
        if faults:
            raise InputError(*faults)
        new = {name: pd.concat(series).sort_index() for name, series in changes.items()}
        for rule in ordered:
            if rule.table is not None:
                new = self._by_table(rule, tables, new, report)
        return {name: values[self._differs(name, values)] for name, values in new.items()}

    def _differs(self, name: str, values: pd.Series) -> pd.Series:
        return (values != self.parts[name].reindex(values.index)).fillna(True).astype(bool)

    def _winners(self, ordered: Sequence[KeyRule]) -> NDArray[np.int32]:
        """Return the place of the most specific rule for each key, tables aside; -1 where there is none."""
        winner = np.full(len(self.old), -1, dtype=np.int32)
        for (old, new), places in self.moves.items():
            for rank, rule in enumerate(ordered):
                if rule.table is not None or not concerns(rule, old, new):
                    continue
                if rule.numbers is None:
                    winner[places] = rank
                    continue
                if self.numbers is None:
                    raise InputError(
                        f"The rule for {rule} ({where_of(rule)}) names numbers, but keys of the layout "
                        f"{self.layout.name} have no leading number."
                    )
                low, high = rule.span
                numbers = self.numbers[places]
                winner[places[(numbers >= low) & (numbers <= high)]] = rank
        return winner

    def _by(self, rule: KeyRule, places: NDArray[np.intp]) -> dict[str, pd.Series]:
        """Return the new values that a rule gives keys, by part."""
        if rule.add is not None:
            return self._shifted(rule, rule.add, places)
        if rule.prefix is not None:
            return self._prefixed(rule, rule.prefix, places)
        return {}

    def _shifted(self, rule: KeyRule, add: int, places: NDArray[np.intp]) -> dict[str, pd.Series]:
        name = self.layout.number
        if name is None or self.numbers is None:
            raise InputError(
                f"The rule for {rule} ({where_of(rule)}) adds to a number, but keys of the layout {self.layout.name} "
                f"have no leading number. Use prefix or table."
            )
        places = places[~np.isnan(self.numbers[places])]
        numbers = self.numbers[places].astype(np.int64)
        highest = 10 ** self.layout.part(name).width - 1
        wrong = numbers[(numbers + add < 1) | (numbers + add > highest)]
        if len(wrong):
            raise InputError(
                f"The rule for {rule} ({where_of(rule)}) makes {wrong[0]} {wrong[0] + add}, but numbers are from 1 to "
                f"{highest}. Correct what is added."
            )
        return {name: pd.Series(numbers + add, index=places, dtype="Int64")}

    def _prefixed(self, rule: KeyRule, prefix: str, places: NDArray[np.intp]) -> dict[str, pd.Series]:
        name = self.layout.prefix
        if name is None:
            raise InputError(
                f"The rule for {rule} ({where_of(rule)}) gives a prefix, but keys of the layout {self.layout.name} "
                f"have none. Use add or table, or name the layout of the keys."
            )
        part = self.layout.part(name)
        values = part.texts(self.parts[name].iloc[places])
        places = places[values.str.fullmatch("0*").fillna(False).to_numpy(dtype=bool)]
        ends = self.old.iloc[places].astype("string").str[-part.width :]
        new = ends if prefix == END_OF_CODE else pd.Series(prefix, index=places, dtype="string")
        return {name: part.texts(new)}

    def _by_table(
        self, rule: KeyRule, tables: Mapping[str, pd.DataFrame], new: dict[str, pd.Series], report: Report
    ) -> dict[str, pd.Series]:
        """Return new values with those that a table names put over them."""
        table = key_table(rule, tables, self.layout)
        meant = [places for (old, to), places in self.moves.items() if concerns(rule, old, to)]
        places = np.sort(np.concatenate(meant)) if meant else np.array([], dtype=np.intp)
        keys = self.layout.format(self.parts.iloc[places], unit=False)
        found = looked_up(table, keys, self.old.iloc[places], self.new.iloc[places])
        unused = table.rows[~table.rows["old_key"].isin(keys.iloc[found.index].unique())]
        if len(unused):
            report(
                Finding(
                    "should",
                    "unused key",
                    f"{len(unused)} of {len(table.rows)} keys in {rule.table} are in no row, first "
                    f"{unused['old_key'].iat[0]}",
                    where_of(rule),
                    "Look whether the table is for these rows.",
                )
            )
        found.index = pd.Index(places[found.index.to_numpy(dtype=np.intp)])
        for name in self.layout.below:
            before = new.get(name)
            values = found[name]
            new[name] = values if before is None else pd.concat([before.drop(values.index, errors="ignore"), values])
        return new
