"""The ledger of keys, asked both ways: what a key became, what it was, and whether the answer is the only one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.keylayout import KeyLayout, as_texts, key_layout, shipped_layouts
from geomerge.rekey import check_keys

NEEDED = ("layer", "id", "old_code", "new_code", "old_key", "new_key")
SHOWN = 5


@dataclass(frozen=True)
class KeyStep:
    """One way of a key, or of a code, through the reform: from where to where, in which layers, in how many rows."""

    old: str
    new: str
    layers: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class KeyAnswer:
    """What a ledger says of a key, or of a code of a unit.

    Parameters
    ----------
    asked
        The key as it was asked for.
    became, was
        Where it went, and where it came from; several where the answer is not the only one, none where the ledger
        does not know it that way.
    """

    asked: str
    became: tuple[KeyStep, ...]
    was: tuple[KeyStep, ...]

    @property
    def is_known(self) -> bool:
        """Whether the ledger knows it at all."""
        return bool(self.became or self.was)

    def sentences(self) -> list[str]:
        """Return the answer in words."""
        if not self.is_known:
            return [f"{self.asked} is not in the ledger: no event concerns it, or nothing has that key."]
        found = []
        for steps, verb, asked, other in ((self.became, "became", "old", "new"), (self.was, "was", "new", "old")):
            by_asked: dict[str, list[KeyStep]] = {}
            for step in steps:
                if len(steps) == 1 and step.old == step.new:
                    found += [f"{step.old} stays as it is ({_where(step)})."] if verb == "became" else []
                    continue
                by_asked.setdefault(getattr(step, asked), []).append(step)
            for name, ways in by_asked.items():
                told = [f"{getattr(way, other)} ({_where(way)})" for way in ways[:SHOWN]]
                more = f" and {len(ways) - SHOWN} more" if len(ways) > SHOWN else ""
                several = f"{len(ways)} different ones: " if len(ways) > 1 else ""
                found.append(f"{name} {verb} {several}{', '.join(told)}{more}.")
        return found

    def record(self) -> dict[str, Any]:
        """Return the answer for machines."""
        return asdict(self)


def lookup_key(
    ledger: pd.DataFrame, key: str, *, layout: str | Mapping[str, object] | KeyLayout | None = None
) -> KeyAnswer:
    """Tell what a key became and what it was by a ledger; a key without its unit's code is looked up in all units.

    Parameters
    ----------
    ledger
        Columns ``layer``, ``old_code``, ``new_code``, ``old_key``, ``new_key``, as a run writes them.
    key
        The key however it is written (``0719-12/3``, ``0719 - 12/3/0/0``), or the code of a unit.
    layout
        How the keys are written; else the first layout that ships and reads all of them, or none.

    Returns
    -------
    KeyAnswer

    Raises
    ------
    InputError
        If the ledger lacks a column.

    Examples
    --------
    >>> row = {"layer": "parcels", "id": "1", "old_code": "0719", "new_code": "0710"}
    >>> ledger = pd.DataFrame([row | {"old_key": "0719-12/3", "new_key": "0710-212/3"}])
    >>> lookup_key(ledger, "0719 - 12/3/0/0").sentences()
    ['0719-12/3 became 0710-212/3 (parcels, 1 row).']
    >>> lookup_key(ledger, "0710-212/3").sentences()
    ['0710-212/3 was 0719-12/3 (parcels, 1 row).']
    """
    ledger = _sound(ledger)
    key = " ".join(key.split())
    codes = ledger[["layer", "old_code", "new_code"]].rename(columns={"old_code": "old", "new_code": "new"})
    if (codes[["old", "new"]] == key).any(axis=None):
        return KeyAnswer(key, _steps(codes[codes["old"] == key]), _steps(codes[codes["new"] == key]))
    keys = ledger[["layer", "old_key", "new_key"]].rename(columns={"old_key": "old", "new_key": "new"})
    keys = keys.dropna(subset=["old", "new"])
    known = _layout(keys, layout)
    return KeyAnswer(
        key,
        _steps(keys[_meant(key, keys["old"], known)]),
        _steps(keys[_meant(key, keys["new"], known)]),
    )


def check_ledger(ledger: pd.DataFrame) -> Iterator[Finding]:
    """Find where a ledger is not one to one: then a register cannot follow it, or not be led back.

    Examples
    --------
    >>> row = {"layer": "parcels", "old_code": "1", "new_code": "9", "new_key": "9-1/1"}
    >>> ledger = pd.DataFrame([row | {"id": "a", "old_key": "1-1/1"}, row | {"id": "b", "old_key": "1-2/1"}])
    >>> [finding.check for finding in check_ledger(ledger)]
    ['key collision']
    """
    ledger = _sound(ledger)
    yield from check_keys(ledger["old_key"], ledger["new_key"], "the ledger")
    halves = ledger[ledger["old_key"].isna() != ledger["new_key"].isna()]
    if len(halves):
        what = f"{len(halves)} rows of the ledger have a key on one side only, first {halves['id'].iat[0]}"
        yield Finding("must", "lost key", what, "the ledger", "Look at the keys of these rows.")
    twice = ledger[ledger.duplicated(["layer", "id"], keep=False)]
    if len(twice):
        first = twice.iloc[0]
        what = f"{len(twice)} rows of the ledger share an id within their layer, first {first['layer']} {first['id']}"
        yield Finding("should", "repeated id", what, "the ledger", "Name the column that identifies a row (id).")


def _sound(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are asked for, as text, with what is empty missing."""
    if missing := [column for column in NEEDED if column not in ledger.columns]:
        raise InputError(
            f"The ledger has no column {', '.join(missing)}. It has {', '.join(map(str, ledger.columns))}. "
            f"Name a ledger that a run wrote."
        )
    return ledger[list(NEEDED)].apply(as_texts).replace("", None)


def _layout(keys: pd.DataFrame, layout: str | Mapping[str, object] | KeyLayout | None) -> KeyLayout | None:
    """Return the layout that is named, or the first that ships and reads all keys."""
    if layout is not None:
        return key_layout(layout)
    texts = pd.concat([keys["old"], keys["new"]])
    for name in shipped_layouts():
        found = key_layout(name)
        if found.unit is not None and len(texts) and found.parse(texts)[found.unit].notna().all():
            return found
    return None


def _meant(key: str, keys: pd.Series, layout: KeyLayout | None) -> pd.Series:
    """Return which keys are meant; one without the code of its unit stands for those of all units."""
    if layout is None:
        wanted, known = _plain(pd.Series([key])).iat[0], _plain(keys)
        return known == wanted
    asked = layout.parse([key])
    if asked[layout.below[0]].isna().any():
        return pd.Series(False, index=keys.index)
    with_unit = layout.unit is not None and bool(asked[layout.unit].notna().all())
    known = layout.format(layout.parse(keys), unit=with_unit)
    return (known == layout.format(asked, unit=with_unit).iat[0]).fillna(False).astype(bool)


def _plain(keys: pd.Series) -> pd.Series:
    """Return keys without what is equal in all layouts: blanks, zeros in front of numbers, empty parts at the end."""
    texts = as_texts(keys).str.replace(r"\s+", "", regex=True).str.replace(r"(/0+)+$", "", regex=True)
    return texts.str.replace(r"(?<=[/-])0+(?=\d)", "", regex=True)


def _steps(rows: pd.DataFrame) -> tuple[KeyStep, ...]:
    steps: list[KeyStep] = []
    for (old, new), together in rows.fillna({"old": "none", "new": "none"}).groupby(["old", "new"], sort=True):
        steps.append(KeyStep(str(old), str(new), tuple(sorted(together["layer"].unique())), len(together)))
    return tuple(steps)


def _where(step: KeyStep) -> str:
    return f"{_listed(step.layers)}, {step.rows} row{'' if step.rows == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return re.sub(r", ([^,]*)$", r" and \1", ", ".join(names))
