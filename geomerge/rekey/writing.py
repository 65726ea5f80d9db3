"""New keys written where the old ones stood: in columns of numbers or texts, and inside longer texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.findings import Finding, Report
from geomerge.keylayout import KeyLayout, plain_layout
from geomerge.rekey.change import Keys
from geomerge.rekey.written import is_whole


def changed_keys(keys: Keys, new: Mapping[str, pd.Series], values: pd.Series, column: str, report: Report) -> pd.Series:
    """Return a column of the key with its new values; its type stays."""
    if is_whole(keys.columns, keys.layout):
        found, stuck = _texts_changed(keys, new, values, (keys.layout,))
        _tell(report, stuck, f"keys in column {column} are none of the layout {keys.layout.name}", column)
        return found
    name = keys.layout.below[keys.columns.index(column)]
    if name not in new or not len(new[name]):
        return values
    places, made = new[name].index.to_numpy(dtype=np.intp), new[name]
    found = values.copy()
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = made.astype("int64")
        _require_room(values, int(numbers.max()), column)
        found.iloc[places] = numbers.to_numpy()
        return found
    texts = keys.layout.part(name).texts(made)
    old = values.iloc[places].astype("string")
    padded = old.str.startswith("0").fillna(False).to_numpy(dtype=bool)
    found.iloc[places] = [
        text.zfill(len(before)) if zeros else text for text, before, zeros in zip(texts, old, padded, strict=True)
    ]
    return found


def changed_texts(
    keys: Keys, new: Mapping[str, pd.Series], values: pd.Series, declared: KeyLayout | None, report: Report
) -> pd.Series:
    """Return a column that shows keys as text with the parts that change; a text that shows another key stays."""
    layouts = (declared,) if declared else (plain_layout(), plain_layout(with_unit=False))
    found, stuck = _texts_changed(keys, new, values, layouts)
    _tell(report, stuck, f"texts in column {values.name} do not show the key of their row", str(values.name))
    return found


def _require_room(values: pd.Series, highest: int, column: str) -> None:
    if not pd.api.types.is_integer_dtype(values.dtype):
        return
    kind: Any = getattr(values.dtype, "numpy_dtype", values.dtype)
    if highest > np.iinfo(kind).max:
        raise InputError(f"Column {column} holds {values.dtype}, in which there is no room for {highest}. Widen it.")


def _tell(report: Report, stuck: Sequence[str], what: str, column: str) -> None:
    if stuck:
        said = f"{len(stuck)} {what}, first {stuck[0]!r}"
        remedy = "They stay as they are. Correct them, or name the layout of the keys."
        report(Finding("should", "unreadable key", said, column, remedy))


@dataclass(frozen=True)
class _Wanted:
    """What becomes of the key of one feature: the old values of its parts, the new ones, and its units."""

    given: Mapping[str, str]
    values: Mapping[str, str]
    old: str
    new: str

    def of(self, text: str, layout: KeyLayout) -> str | None:
        """Return a text with the new key, None where it does not show the old one."""
        if layout.unit is None:
            return layout.replaced(text, self.values, self.given)
        return layout.replaced(text, {**self.values, layout.unit: self.new}, {**self.given, layout.unit: self.old})


def _texts_changed(
    keys: Keys, new: Mapping[str, pd.Series], values: pd.Series, layouts: Sequence[KeyLayout]
) -> tuple[pd.Series, list[str]]:
    """Return texts with the new values of their parts; and those that should have changed but do not show the key."""
    whole = values.name in keys.columns
    moved = ((keys.old != keys.new) & keys.new.notna()).to_numpy(dtype=bool) & (layouts[0].unit is not None)
    for changes in new.values():
        moved[changes.index.to_numpy(dtype=np.intp)] = True
    places = np.flatnonzero(moved & values.notna().to_numpy())
    shown = keys.layout.below if is_whole(keys.columns, keys.layout) else keys.layout.below[: len(keys.columns)]
    names = {name: name for name in shown} if layouts[0] is keys.layout else {shown[0]: str(layouts[0].number)}
    found, done = values.copy(), np.zeros(len(places), dtype=bool)
    for layout in layouts:
        left = np.flatnonzero(~done)
        made = _rewritten(keys, new, values.iloc[places[left]], places[left], names, layout)
        ready = made.notna().to_numpy()
        found.iloc[places[left[ready]]] = made[ready].astype(object).to_numpy()
        done[left[ready]] = True
    stuck = []
    for place, wanted in zip(places[~done], _wanted(keys, new, places[~done], names), strict=True):
        text = str(values.iat[place])
        results = (wanted.of(text, layout) for layout in layouts)
        result = next((each for each in results if each is not None), None)
        if result is not None:
            found.iat[place] = result
        elif wanted.values or whole:
            stuck.append(text)
    return found, stuck


def _rewritten(
    keys: Keys,
    new: Mapping[str, pd.Series],
    texts: pd.Series,
    places: NDArray[np.intp],
    names: Mapping[str, str],
    layout: KeyLayout,
) -> pd.Series:
    """Return new texts at once for those that are nothing but the key of their row, in its usual form; else missing."""
    texts = texts.astype("string").set_axis(places)
    parts = layout.parse(texts)
    usual = layout.format(parts) == texts
    for name, said in names.items():
        usual &= (parts[said] == keys.parts[name].iloc[places]).fillna(False)
    for name, said in names.items():
        if name in new:
            changes = new[name][new[name].index.isin(places)]
            parts.loc[changes.index, said] = changes
    if layout.unit is not None:
        shown = parts[layout.unit].notna()
        usual &= (~shown | (parts[layout.unit] == keys.old.iloc[places])).fillna(False)
        parts[layout.unit] = keys.new.iloc[places].astype("string").where(shown)
    return layout.format(parts).where(usual.fillna(False).astype(bool))


def _wanted(
    keys: Keys, new: Mapping[str, pd.Series], places: NDArray[np.intp], names: Mapping[str, str]
) -> Iterator[_Wanted]:
    """Yield what becomes of the key at each place, under the names that another layout has for its parts."""
    before = keys.parts[list(names)].iloc[places].astype("string").fillna("").to_numpy(dtype=object)
    after = {said: new[name].astype("string").to_dict() for name, said in names.items() if name in new}
    units = zip(keys.old.iloc[places], keys.new.iloc[places], strict=True)
    for place, parts, (old, to) in zip(places, before, units, strict=True):
        values = {name: changes[place] for name, changes in after.items() if place in changes}
        yield _Wanted(dict(zip(names.values(), parts, strict=True)), values, old, to)
