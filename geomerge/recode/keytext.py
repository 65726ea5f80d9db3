"""Keys as one text: read by their layout into one form, and written back in the form they had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.keylayout import KeyLayout, key_layout
from geomerge.recode.cells import BLANK, FORMULA, UNREADABLE, Read

WRITTEN = re.compile(r"(?P<code>\w+?)(?P<mark>\s*-\s*)(?P<numbers>\d+(?:/\d+)*)")

Layout = str | KeyLayout | None
Texts = NDArray[np.object_]


def plain(code: str, parts: Sequence[str]) -> str:
    """Return a key in one form: numbers without zeros in front, and without parts at the end that are 0 or empty.

    Examples
    --------
    >>> plain("0710", ["012", "3", "0", ""])
    '0710-12/3'
    """
    short = [part.lstrip("0") or "0" if part.isdecimal() or not part else part for part in parts]
    while short and short[-1] == "0":
        short.pop()
    return f"{code}-{'/'.join(short)}"


def plain_keys(texts: Sequence[Any], layout: Layout) -> list[str | None]:
    """Return keys in one form, None where a text is no key with the code of its unit.

    Examples
    --------
    >>> plain_keys(["0719-12/3/0/0", "12/3", 7], None), plain_keys(["91216000AB0037"], "cadastre_fr")
    (['0719-12/3', None, None], ['91216-0/AB/37'])
    """
    if layout is None:
        found = [WRITTEN.fullmatch(text.strip()) if isinstance(text, str) else None for text in texts]
        return [plain(key["code"], key["numbers"].split("/")) if key is not None else None for key in found]
    known = key_layout(layout)
    parts = known.parse(pd.Series(list(texts), dtype=object))
    columns = [parts[name].astype("string").fillna("0").astype(object) for name in known.below]
    codes = parts[known.unit].astype(object) if known.unit else pd.Series("", index=parts.index, dtype=object)
    return [plain(code, rest) if isinstance(code, str) else None for code, *rest in zip(codes, *columns, strict=True)]


def read_keys(values: Sequence[Any], layout: Layout) -> tuple[list[Read], list[str | None]]:
    """Return of each text the code in it, and the key in one form.

    Examples
    --------
    >>> read_keys(["0710-0012/3/0/0"], None)
    ([Read(code='0710', start=0, end=4, fault='')], ['0710-12/3'])
    """
    keys = plain_keys(values, layout)
    reads = [_read(value, key) for value, key in zip(values, keys, strict=True)]
    return reads, [None if key is None or key.endswith("-") else key for key in keys]


def _read(value: Any, key: str | None) -> Read:
    text = value.strip() if isinstance(value, str) else value
    if text is None or text != text or text == "":
        return BLANK
    if isinstance(text, str) and text.startswith("="):
        return Read(fault=FORMULA)
    if key is None:
        return Read(fault=UNREADABLE)
    code = key.rpartition("-")[0]
    start = value.index(code)
    return Read(code, start, start + len(code))


def put_keys(values: Sequence[str], keys: Sequence[str], layout: Layout) -> Texts:
    """Return texts with other keys in them, written as they were; None where a text cannot show its key.

    Examples
    --------
    >>> put_keys(["0719-0012/3/0/0"], ["0710-212/3"], None).tolist()
    ['0710-0212/3/0/0']
    >>> put_keys(["91216000AB0037"], ["91999-216/AB/37"], "cadastre_fr").tolist()
    ['91999216AB0037']
    """
    known = None if layout is None else key_layout(layout)
    before = plain_keys(values, known)
    put = _put if known is None else partial(_put_parts, known)
    made = [put(value, old or "", new) for value, old, new in zip(values, before, keys, strict=True)]
    shown = plain_keys(made, known)
    found = np.empty(len(made), dtype=object)
    found[:] = [text if told == key else None for text, told, key in zip(made, shown, keys, strict=True)]
    return found


def _put_parts(layout: KeyLayout, value: str, old: str, new: str) -> str | None:
    (code, *was), (target, *parts) = (_parted(key, len(layout.below)) for key in (old, new))
    values = {name: part for name, part, former in zip(layout.below, parts, was, strict=True) if part != former}
    if layout.unit is not None and target != code:
        values[layout.unit] = target
    return layout.changed(value, values)


def _parted(key: str, count: int) -> list[str]:
    code, _, numbers = key.rpartition("-")
    parts = numbers.split("/") if numbers else []
    return [code, *parts, *["0"] * (count - len(parts))]


def _put(value: str, _old: str, new: str) -> str | None:
    text = value.strip()
    found = WRITTEN.fullmatch(text)
    if found is None:
        return None
    old = found["numbers"].split("/")
    code, *numbers = _parted(new, len(old))
    written = [
        number.zfill(len(old[at])) if at < len(old) and old[at].startswith("0") else number
        for at, number in enumerate(numbers)
    ]
    return value.replace(text, f"{code}{found['mark']}{'/'.join(written)}")
