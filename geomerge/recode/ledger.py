"""The ledger as registers are recoded by it: which key became which, told for millions of rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.recode.keytext import Layout, plain, plain_keys

Texts = NDArray[np.object_]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

SEVERAL = -2  # a key that became several
NOWHERE = -1  # a key that the ledger does not hold


class Ledger:
    """New keys by old ones.

    Parameters
    ----------
    table
        ``old_key`` and ``new_key``, such as ``0719-12/3``; rows without them tell nothing.
    layout
        How they are written.

    Raises
    ------
    InputError
        If it has no such columns.

    Examples
    --------
    >>> ledger = Ledger(pd.DataFrame({"old_key": ["0719-12/3"], "new_key": ["0710-212/3"]}))
    >>> sorted(ledger.codes), sorted(ledger.renumbered)
    (['0719'], [('0719', '0710')])
    """

    def __init__(self, table: pd.DataFrame, layout: Layout = None) -> None:
        if missing := [column for column in ("old_key", "new_key") if column not in table.columns]:
            listed = ", ".join(map(str, table.columns))
            raise InputError(f"The ledger has no column {', '.join(missing)}. It has {listed}.")
        pairs = table[["old_key", "new_key"]].dropna()
        pairs = pd.DataFrame({side: plain_keys(pairs[side].tolist(), layout) for side in pairs.columns}, dtype=object)
        pairs = pairs.dropna().drop_duplicates()
        pairs = pairs[~pairs["old_key"].str.endswith("-")]  # a parcel without a number is told by its place
        several = pairs["old_key"].duplicated(keep=False)
        once = pairs[~pairs["old_key"].duplicated()]
        self._old = pd.Index(once["old_key"].astype(object))
        self._new = once["new_key"].astype(object).to_numpy(copy=True)
        self._new[several.loc[once.index].to_numpy(dtype=bool)] = None
        moved = (pairs["old_key"] != pairs["new_key"]).to_numpy(dtype=bool)
        self._taken = pd.Index(pairs.loc[moved, "new_key"].astype(object).unique())
        old, new = (pairs[side].astype("string").str.rpartition("-") for side in pairs.columns)
        other = (old[2] != new[2]).to_numpy(dtype=bool)
        self.codes = frozenset(old[0].astype(object).tolist())
        self.renumbered = frozenset(zip(old.loc[other, 0].tolist(), new.loc[other, 0].tolist(), strict=True))

    def find(self, keys: Sequence[str] | Texts) -> tuple[Indices, Texts, Flags]:
        """Return of keys in one form the row (or NOWHERE, SEVERAL), the new key, and whether it is another's new key.

        A key below one of the ledger (a section, a lease) goes where that goes.

        Examples
        --------
        >>> ledger = Ledger(pd.DataFrame({"old_key": ["0719-12/3"], "new_key": ["0710-212/3"]}))
        >>> rows, new, taken = ledger.find(["0719-12/3/0/7", "0719-12/4", "0710-212/3"])
        >>> rows.tolist(), new.tolist(), taken.tolist()
        ([0, -1, -1], ['0710-212/3/0/7', None, None], [False, False, True])
        """
        wanted = np.asarray(keys, dtype=object)
        rows = self._old.get_indexer(pd.Index(wanted))
        new = np.full(len(wanted), None, dtype=object)
        hit = rows >= 0
        new[hit] = self._new[rows[hit]]
        for at in np.flatnonzero(~hit).tolist():
            rows[at], new[at] = self._above(wanted[at])
        lost = (rows >= 0) & (new == None)  # noqa: E711 (an array of objects)
        rows[lost] = SEVERAL
        taken = self._taken.get_indexer(pd.Index(wanted)) >= 0
        return rows, new, taken

    def _above(self, key: str) -> tuple[int, str | None]:
        code, _, numbers = key.rpartition("-")
        parts = numbers.split("/")
        for count in range(len(parts) - 1, 0, -1):
            above = plain(code, parts[:count])
            if above in self._old:
                at = int(self._old.get_loc(above))
                led = self._new[at]
                if led is None:
                    return at, None
                filled = [*led.rpartition("-")[2].split("/"), *["0"] * count][:count]
                return at, plain(led.rpartition("-")[0], [*filled, *parts[count:]])
        return NOWHERE, None
