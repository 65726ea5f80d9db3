"""What change lists leave out: that a unit lives on under its code while others join it, or parts leave it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Doubt:
    """A code of which the list does not tell whether it was a unit already, and how it was read."""

    code: str
    name: str
    date: str
    lives_on: bool


def completed(
    changes: pd.DataFrame, leaves_out: Collection[str], alive: Iterable[str] | None = None
) -> tuple[pd.DataFrame, list[Doubt]]:
    """Add a row for each unit that lives on while others join it, or parts leave it, where the list has none.

    A code was a unit before if the list itself shows it: it came to life in an earlier row, or a later row
    ends it though no row in between made it. Where the list does not tell, a unit that goes as a whole to a
    code with a name of its own joined a unit that was there; otherwise the code is new.

    Parameters
    ----------
    changes
        All rows of a list, or those after the day of ``alive``.
    leaves_out
        ``receivers``, ``givers`` or both.
    alive
        Codes alive before the first row; given, nothing is guessed.

    Returns
    -------
    DataFrame, list of Doubt
        The rows in order of dates; and what was guessed.

    Examples
    --------
    >>> rows = [["1842", "1804", "Skjerstad", "Bodø", "2005-01-01"]]
    >>> table = pd.DataFrame(rows, columns=["old_code", "new_code", "old_name", "new_name", "date"])
    >>> found, doubts = completed(table, ["receivers"])
    >>> found[["old_code", "new_code"]].values.tolist(), doubts[0].lives_on
    ([['1842', '1804'], ['1804', '1804']], True)
    """
    changes = changes.sort_values("date", kind="stable")
    known = {} if alive is None else dict.fromkeys(alive, True)
    ends = _ends(changes)
    doubts: list[Doubt] = []
    added: list[pd.DataFrame] = []
    for date, rows in changes.groupby("date", sort=True):
        old, new = set(rows["old_code"].dropna()), set(rows["new_code"].dropna())
        staying: list[pd.DataFrame] = []
        for code in sorted(new - old) if "receivers" in leaves_out else ():
            coming = rows[rows["new_code"] == code]
            lives_on = known.get(code) if alive is None else known.get(code, False)
            if lives_on is None and coming["old_code"].notna().any():
                lives_on, certain = _guess(coming, rows)
                if not certain:
                    doubts.append(Doubt(code, str(coming["new_name"].iloc[0]), str(date), lives_on))
            if lives_on:
                staying.append(_stay(coming, code, "new_name"))
        for code in sorted(old - new) if "givers" in leaves_out else ():
            if _ended_again(ends, code, str(date)):
                staying.append(_stay(rows[rows["old_code"] == code], code, "old_name"))
                new.add(code)
        known |= dict.fromkeys(old - new, False) | dict.fromkeys(new, True)
        added += staying
    if not added:
        return changes, doubts
    return pd.concat([changes, *added]).sort_values("date", kind="stable"), doubts


def _stay(rows: pd.DataFrame, code: str, name: str) -> pd.DataFrame:
    """Return a row that says that a unit lives on; it stands where the row stands that proves it."""
    row = rows.iloc[[0]].copy()
    row["old_code"] = row["new_code"] = code
    row["old_name"] = row["new_name"] = row[name]
    for column in ("parent", "note", "mode"):
        if column in row:
            row[column] = pd.Series([None], index=row.index, dtype=object)
    return row


def _ends(changes: pd.DataFrame) -> dict[str, list[tuple[str, bool]]]:
    """Return for each code the dates on which rows name it, and whether it was a unit before the date."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for date, rows in changes.groupby("date", sort=True):
        old = set(rows["old_code"].dropna())
        for code in old | set(rows["new_code"].dropna()):
            found.setdefault(code, []).append((str(date), code in old))
    return found


def _ended_again(ends: dict[str, list[tuple[str, bool]]], code: str, date: str) -> bool:
    later = [was_there for day, was_there in ends[code] if day > date]
    return bool(later) and later[0]


def _guess(coming: pd.DataFrame, rows: pd.DataFrame) -> tuple[bool, bool]:
    """Return whether a code was a unit before, as far as names tell, and whether that is certain."""
    going = coming.dropna(subset="old_code")
    whole = going["old_code"].map(rows.groupby("old_code")["new_code"].nunique()) == 1
    names = zip(going["old_name"], going["new_name"], strict=True)
    kin = pd.Series([related(str(old), str(new)) for old, new in names], index=going.index)
    if kin.any():
        return False, bool((whole & kin).any())
    return len(going) == 1 and bool(whole.all()), False


def related(one: str, other: str) -> bool:
    """Return whether two names are forms of one: equal in one language, without what stands in brackets.

    Examples
    --------
    >>> related("Gratangen", "Gratangen - Rivtták"), related("Nes (Buskerud)", "Nesbyen"), related("Font", "Estavayer")
    (True, True, False)
    """
    pairs = ((a, b) for a in _forms(one) for b in _forms(other))
    return any(a.startswith(b) or b.startswith(a) for a, b in pairs)


def _forms(name: str) -> list[str]:
    parts = re.split(r" - | / ", bare(name))
    return [part.strip().casefold() for part in parts if part.strip()]


def bare(name: str) -> str:
    """Return a name without what only tells it from others of the name.

    Examples
    --------
    >>> bare("Sande (Møre og Romsdal)")
    'Sande'
    """
    return re.sub(r"\s*\([^()]*\)", "", name).strip()
