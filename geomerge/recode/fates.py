"""What becomes of each code that a register holds: it stays, it goes whole, or its row must decide."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geomerge.recode.translation import Heirs, Step

# What a code is, by itself.
SAME, NEW, UNNAMED, WHOLE, SPLIT, ENDED, UNKNOWN, REUSED = range(8)

RECODED, KEPT, REVIEW = "recoded", "kept", "review"

NOT_AFFECTED, ALREADY_NEW, DATED_BEFORE = "not affected", "already new", "dated before the change"
NO_CODE, NOT_NAMED = "no code", "not named by the plan"

NO_SUCH_CODE = "unknown code"
UNDECIDED = "unit is split, and nothing decides"
NOTHING_FOLLOWS = "unit ended, and nothing follows"
BOTH = "code is both an old and a new one"
BOTH_KEY = "key is both an old and a new one"
KEY_UNKNOWN = "key is not in the ledger"
KEY_SEVERAL = "key became several"
KEY_ASTRAY = "key went to a unit that did not follow"
KEYS_DISAGREE = "keys lead to different units"
CODES_DISAGREE = "columns name different units"
PARENT_DISAGREES = "parent is not that of the unit"
NO_DATE = "date is missing or cannot be read"
UNFIT = "column holds numbers, and the new code is none"
UNFIT_KEY = "text does not show all of its new key"
ADDRESS_SEVERAL = "address leads to several units"


def status(code: str, heirs: Heirs, new: frozenset[str], reused: frozenset[str], complete: bool) -> int:
    """Return what a code is by itself.

    Examples
    --------
    >>> heirs = {"1": ("2",), "2": ("3",), "4": ("4", "5")}
    >>> step = Step(heirs)
    >>> [status(code, heirs, step.new, step.reused, True) for code in ("1", "2", "3", "4", "9")]
    [3, 7, 1, 4, 6]
    """
    found = heirs.get(code)
    if found is None:
        return NEW if code in new else UNKNOWN if complete else UNNAMED
    if code in reused:
        return REUSED
    if len(found) > 1:
        return SPLIT
    if found[0] is None:
        return ENDED
    return SAME if found[0] == code else WHOLE


def statuses(codes: Iterable[str], step: Step, *, complete: bool, parents: bool, old: bool) -> NDArray[np.int8]:
    """Return what each code is by itself.

    Parameters
    ----------
    codes
        Codes of units, or of parents.
    step
        What the old codes are on the day asked for.
    complete
        Whether all old codes are known.
    parents
        Whether they are codes of parents.
    old
        Whether the register is known to hold only old codes, so that one that is used again is an old one.
    """
    heirs = step.parent_heirs if parents else step.heirs
    new = frozenset(code for found in heirs.values() for code in found if code) if parents else step.new
    reused = frozenset[str]() if old else (step.reused_parents if parents else step.reused)
    return np.array([status(code, heirs, new, reused, complete) for code in codes], dtype=np.int8)
