"""Codes are text: numbers get back the zeros they lost, where their width is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from geomerge.errors import InputError


def as_codes(values: pd.Series, width: int | None, what: str) -> pd.Series:
    """Return a column of codes as text; numbers need the width they had before their zeros were lost.

    Parameters
    ----------
    values
        The column.
    width
        Digits of a code, where it is known.
    what
        What the column is called in messages.

    Raises
    ------
    InputError
        If it holds numbers and their width is not known, or numbers with decimals.

    Examples
    --------
    >>> as_codes(pd.Series([706, 1507]), 4, "Column code").tolist()
    ['0706', '1507']
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():
        if width is None:
            shortest, longest = int(values.min()), int(values.max())
            raise InputError(
                f"{what} holds numbers ({shortest} to {longest}), so codes may have lost their zeros. "
                f"State their width (code_width: {len(str(longest))})."
            )
        if (values.dropna() % 1 != 0).any():
            raise InputError(f"{what} holds numbers with decimals. Codes have none.")
        values = mapped(values, lambda number: str(int(number)))
    return mapped(values, lambda code: code.zfill(width or 0) if isinstance(code, str) else code)


def as_ids(values: pd.Series) -> pd.Series:
    """Return ids as they are told apart: whole numbers without decimals, which a column with gaps is read with.

    Examples
    --------
    >>> as_ids(pd.Series([1234567.0, None])).tolist(), as_ids(pd.Series(["a"])).tolist()
    ([1234567, <NA>], ['a'])
    """
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        return values.astype("Int64")
    return values


def mapped(values: pd.Series, change: Callable[[Any], Any]) -> pd.Series:
    """Return changed values; what is missing is None, and no type is guessed."""
    place, known = pd.factorize(values)  # what repeats is changed once; -1 stands for what is missing
    changed = np.empty(len(known) + 1, dtype=object)
    changed[:-1] = [change(value) for value in known]
    return pd.Series(changed[place], index=values.index, dtype=object)
