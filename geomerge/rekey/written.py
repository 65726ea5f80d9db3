"""How the keys of features are written: in columns of their own, or whole in one column; read and made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.keylayout import KeyLayout, as_texts, is_zero, key_layout

LONGEST = 18  # digits of a number that int64 holds


def is_whole(key: Sequence[str], layout: KeyLayout | None) -> bool:
    """Return whether one column holds whole keys: where a layout of several parts is given, and one column."""
    return layout is not None and len(key) == 1 and len(layout.below) > 1


def require_columns(features: pd.DataFrame, key: Sequence[str], layout: KeyLayout | None, *others: str) -> None:
    """Raise InputError if a column is missing, or the key has more columns than its layout has parts."""
    if missing := [column for column in (*others, *key) if column not in features.columns]:
        raise InputError(
            f"The features have no column {', '.join(missing)}. They have {', '.join(map(str, features.columns))}."
        )
    if layout is not None and len(key) > len(layout.below):
        raise InputError(
            f"The key has the columns {', '.join(key)}, but the layout {layout.name} has only the parts "
            f"{', '.join(layout.below)} below the unit. Name the columns in the order of these parts."
        )


def columns_layout(features: pd.DataFrame, key: Sequence[str]) -> KeyLayout:
    """Return the layout of keys about which nothing is declared but their columns: ``code-first/second``."""
    parts: list[dict[str, object]] = [{"name": "(unit)", "unit": True, "kind": "text", "pattern": "[0-9A-Za-z]+"}]
    for number, name in enumerate(key):
        is_number = number == 0 or pd.api.types.is_numeric_dtype(features[name].dtype)
        form = {"kind": "number"} if is_number else {"kind": "text", "pattern": "[^/-]*"}
        parts.append({"name": name, "before": ["-" if number == 0 else "/"], "optional": number > 0, **form})
    wide = [part | {"width": LONGEST} for part in parts]
    return key_layout({"name": "(columns)", "parts": wide, "leading": key[0]})


def parts_of(features: pd.DataFrame, key: Sequence[str], layout: KeyLayout) -> pd.DataFrame:
    """Return the parts of keys below the unit, by the names of the layout.

    Numbers are ``Int64``, and 0 where an optional part is missing; what is not readable is missing.
    """
    if is_whole(key, layout):
        return layout.parse(features[key[0]])[list(layout.below)]
    columns = {}
    for name, column in zip(layout.below, key, strict=False):
        part = layout.part(name)
        columns[name] = as_numbers(features[column]) if part.kind == "number" else part.texts(features[column])
    for name in layout.below[len(key) :]:
        columns[name] = pd.Series(0 if layout.part(name).kind == "number" else "", index=features.index)
    optional = [name for name in columns if layout.part(name).optional]
    filled = {name: columns[name].fillna(0 if layout.part(name).kind == "number" else "") for name in optional}
    return pd.DataFrame(columns | filled, index=features.index)


def check_numbers(
    features: pd.DataFrame, key: Sequence[str], layout: KeyLayout, parts: pd.DataFrame, moved: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Find features that move, but whose numbers are none."""
    if is_whole(key, layout):
        return  # told where the text is changed
    for name, column in zip(layout.below, key, strict=False):
        if layout.part(name).kind == "number":
            unread = features[column].notna().to_numpy() & parts[name].isna().to_numpy() & moved
            if unread.any():
                first = features.loc[unread, column].iat[0]
                what = f"{int(unread.sum())} values in column {column} are no numbers, first {first!r}"
                yield Finding("should", "unreadable key", what, column, "They stay as they are; correct them.")


def as_numbers(values: pd.Series) -> pd.Series:
    """Return whole numbers as ``Int64``; what is none is missing.

    Examples
    --------
    >>> as_numbers(pd.Series(["012", "12a", None])).tolist()
    [12, <NA>, <NA>]
    """
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("Int64")
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.where(numbers % 1 == 0).astype("Int64")


def joined(features: pd.DataFrame, code: pd.Series, key: Sequence[str], layout: KeyLayout | None = None) -> pd.Series:
    """Return code and key as one text, equal for equal keys: trailing parts that are 0 or missing are left out.

    A feature without a number has no key: where all parts are 0 or missing, the text is missing.

    Parameters
    ----------
    features, key
        The features, and the columns that make up their key.
    code
        Code of the unit of each feature.
    layout
        How the keys are written; without it, as ``0710-212/3``.

    Examples
    --------
    >>> parcels = pd.DataFrame({"gnr": [12, 12, 0], "bnr": [3, 3, 0], "fnr": [0, 1, None]})
    >>> joined(parcels, pd.Series(["0710", "0710", "0710"]), ["gnr", "bnr", "fnr"]).tolist()
    ['0710-12/3', '0710-12/3/1', <NA>]
    """
    if layout is not None:
        parts = parts_of(features, key, layout)
        if layout.unit is not None:
            parts = parts.assign(**{layout.unit: code})
        empty = pd.Series(True, index=features.index)
        for name in layout.below:
            empty &= is_zero(parts[name])
        return layout.format(parts).mask(empty)
    texts = _texts(features[key[0]])
    for column in key[1:]:
        texts = texts + "/" + _texts(features[column])
    texts = texts.str.replace(r"(/0+)+$", "", regex=True)
    return (code.astype("string").fillna("") + "-" + texts).mask(texts.str.fullmatch("0*"))


def differ(before: pd.DataFrame, after: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """Return for which features a column of the key has another value; missing equals missing."""
    found = pd.Series(False, index=after.index)
    for column in key:
        old, new = before[column], after[column]
        found |= ~((old == new).fillna(False).astype(bool) | (old.isna() & new.isna()))
    return found


def _texts(numbers: pd.Series) -> pd.Series:
    return as_texts(numbers).fillna("0")
