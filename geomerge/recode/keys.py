"""Keys of rows: read out of columns, followed by the ledger or the rules, and written back as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.keylayout import key_layout
from geomerge.plan import Plan
from geomerge.recode.cells import Cells, Indices, is_whole, paired
from geomerge.recode.keytext import Layout, plain
from geomerge.registers import KeyConfig
from geomerge.rekey import rekey

Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Keys:
    """The keys that one description finds in the rows of a register.

    Parameters
    ----------
    columns
        Columns of the numbers; none where the key is one text.
    texts
        Key of each row in one form, such as ``0710-12/3``; None where there is none.
    layout
        How it is written.
    """

    columns: tuple[str, ...]
    texts: Texts
    layout: Layout = None


def spread(codes: Texts, config: KeyConfig, table: Mapping[str, Cells]) -> Keys:
    """Return keys whose numbers stand in columns of their own.

    Examples
    --------
    >>> table = {"gnr": Cells.of(pd.Series([12, 12])), "bnr": Cells.of(pd.Series(["3", "0003"]))}
    >>> config = KeyConfig(code="kommune", numbers=("gnr", "bnr"))
    >>> spread(np.array(["0710", None], dtype=object), config, table).texts.tolist()
    ['0710-12/3', None]
    """
    parts = [table[name].each(_number, "0") for name in config.numbers]
    odd = np.zeros(len(codes), dtype=bool)
    tail = np.full(len(codes), "", dtype=object)
    for part in reversed(parts[1:]):
        odd |= part == None  # noqa: E711 (an array of objects)
        part[odd] = "0"
        tail = np.where((part == "0") & (tail == ""), "", "/" + part + tail)
    lead = parts[0]
    odd |= lead == None  # noqa: E711
    lead[odd] = "0"
    known = ~odd & (codes != None) & ~((lead == "0") & (tail == ""))  # noqa: E711
    texts = np.full(len(codes), None, dtype=object)
    texts[known] = codes[known] + "-" + lead[known] + tail[known]
    return Keys(config.numbers, texts, config.layout)


def _number(value: Any) -> str | None:
    """Return a part of a key as text, numbers without zeros in front; None if it can be none."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("=") or any(mark in text for mark in "/-\0"):
            return None
        return (text.lstrip("0") or "0") if text.isdecimal() or not text else text
    return str(int(value)) if is_whole(value) else None


def by_rule(keys: Texts, new_codes: Texts, plan: Plan | None, layout: Layout = None) -> Texts:
    """Return keys in their new units, with the numbers that the most specific rule of the plan gives.

    Examples
    --------
    >>> rules = [{"from": "0719", "to": "0710", "add": 200}]
    >>> plan = Plan(date="2017-01-01", events=[{"merge": "0706 0719", "into": "0710"}], keys=rules)
    >>> by_rule(np.array(["0719-12/3"], dtype=object), np.array(["0710"], dtype=object), plan).tolist()
    ['0710-212/3']
    """
    parted = pd.Series(keys, dtype=object).str.rpartition("-")
    parts = parted[2].str.split("/", expand=True).fillna("0").astype(object)
    if plan is not None and plan.keys:
        known = None if layout is None else key_layout(layout)
        below = known.below if known is not None else tuple(f"part {at}" for at in range(parts.shape[1]))
        features = parts.reindex(columns=range(len(below)), fill_value="0").set_axis(list(below), axis=1)
        for name in below:
            part = known.part(name) if known is not None else None
            if part is not None and part.kind == "text":
                features[name] = features[name].str.zfill(part.width if part.padded else 0)
            elif features[name].str.isdecimal().all():
                features[name] = pd.to_numeric(features[name])
        features = features.assign(code=parted[0].astype(object), new_code=new_codes)
        parts = rekey(features, plan, key=list(below), layout=known, findings=[]).astype(object)
    columns = [parts[name].map(str) for name in parts.columns]
    texts = [plain(code, rest) for code, *rest in zip(new_codes, *columns, strict=True)]
    return np.array(texts, dtype=object)


def numbers_of(keys: Iterable[str], count: int) -> list[Texts]:
    """Return the numbers of keys, one array a part; parts that a key lacks are 0.

    Examples
    --------
    >>> [part.tolist() for part in numbers_of(["0710-212/3", "0710-7"], 3)]
    [['212', '7'], ['3', '0'], ['0', '0']]
    """
    parts = [key.rpartition("-")[2].split("/") for key in keys]
    return [
        np.array([key[at] if at < len(key) and key[at] else "0" for key in parts], dtype=object) for at in range(count)
    ]


def put_numbers(cells: Cells, rows: Indices, numbers: Texts) -> Texts:
    """Return a part of keys in some rows, with new numbers written as the old ones are.

    Examples
    --------
    >>> put_numbers(Cells.of(pd.Series(["0012", "7", " "])), np.array([0, 1, 2]), np.array(["212", "7", "0"])).tolist()
    ['0212', '7', ' ']
    """
    values = cells.values

    def put(place: int, number: str) -> Any:
        value = values[place] if place >= 0 else None
        if (_number(value) if value is not None else "0") == number:
            return value
        if isinstance(value, str):
            inner = value.strip()
            padded = number.zfill(len(inner)) if inner.startswith("0") else number
            return value.replace(inner, padded) if inner else number
        return int(number) if value is None else type(value)(int(number))

    return paired(cells.place[rows], numbers, put)
