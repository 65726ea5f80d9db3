"""Sight: what stands in the columns about one unit, row by row: a code, keys; and what is decided so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.recode import fates
from geomerge.recode.cells import Cells, Read, read_code
from geomerge.recode.groups import Group, Texts
from geomerge.recode.keys import Keys, spread
from geomerge.recode.keytext import read_keys
from geomerge.recode.translation import Step, Translation

BLANK = -1  # status of a row without a code


@dataclass
class Sight:
    """What stands in the columns of a group: a code, or why there is none, and keys; and what is decided so far.

    Parameters
    ----------
    reads
        Of each column the code in each distinct value.
    code, fault
        The code of each row (None where there is none), and why it cannot be told.
    status
        What the code is by itself.
    keys
        The keys of each row, one entry a description.
    target, by
        New code of each row, None where it is not decided, and what decided.
    new_keys
        New keys, None where not decided.
    """

    reads: dict[str, list[Read]]
    code: Texts
    fault: Texts
    status: NDArray[np.int8]
    keys: list[Keys]
    target: Texts
    by: Texts
    new_keys: list[Texts] = field(default_factory=list)


def look(group: Group, table: Mapping[str, Cells], step: Step, translation: Translation, old: bool) -> Sight:
    """Return what stands in the columns of a group, with nothing decided yet."""
    reads: dict[str, list[Read]] = {}
    rows = len(next(iter(table.values())).place)
    code, fault = np.full(rows, None, dtype=object), np.full(rows, "", dtype=object)
    keys: list[Keys] = []
    for name, column in group.coded.items():
        cells = table[name]
        if column.holds == "key":
            reads[name], found = read_keys(cells.values, column.layout)
            keys.append(Keys((name,), _each(cells, found, None), column.layout))
        else:
            reads[name] = [read_code(value, column) for value in cells.values]
        mine = _each(cells, [read.code for read in reads[name]], None)
        wrong = _each(cells, [read.fault for read in reads[name]], "")
        wrong[(code != None) & (mine != None) & (code != mine)] = fates.CODES_DISAGREE  # noqa: E711
        fault = np.where(fault == "", wrong, fault)
        code = np.where(code == None, mine, code)  # noqa: E711
    keys += [spread(code, config, table) for config in group.keys]
    place, known = pd.factorize(code)
    status = fates.statuses(known.tolist(), step, complete=translation.complete, parents=False, old=old)
    status = np.append(status, np.int8(BLANK))[place]
    new_keys = [np.full(rows, None, dtype=object) for _ in keys]
    target, by = np.full(rows, None, dtype=object), np.full(rows, "", dtype=object)
    return Sight(reads, code, fault, status, keys, target, by, new_keys)


def _each(cells: Cells, found: list[Any], missing: Any) -> Texts:
    told = np.empty(len(found) + 1, dtype=object)
    told[:-1], told[-1] = found, missing
    return np.asarray(told[cells.place], dtype=object)
