"""Give addresses the new codes and names of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.streets.gather import Columns
from geomerge.streets.table import Table, as_text


def recoded(addresses: pd.DataFrame, table: Table, columns: Columns) -> pd.DataFrame:
    """Return addresses with new codes and names; all rows that the table does not change keep what they have."""
    renames = any(entry.new_name for entry in table.entries.values())
    columns.require(addresses, ["code", "new_code", "street", *(["name"] if renames else [])])
    found = addresses.copy()
    units = [addresses[columns.new_code], addresses[columns.code], as_text(addresses[columns.street])]
    keys = pd.MultiIndex.from_arrays([unit.to_numpy(dtype=object) for unit in units])
    position, known = pd.factorize(keys)
    entries = [table.entries.get(key) for key in known]
    for column, texts in (
        (columns.street, [entry.code if entry else "" for entry in entries]),
        (columns.name, [entry.new_name if entry else "" for entry in entries] if renames else []),
    ):
        if any(texts):
            chosen = np.asarray([*texts, ""], dtype=object)[position]
            found[column] = _with(found[column], chosen)
    return found


def _with(values: pd.Series, texts: Any) -> pd.Series:
    """Return a column with the texts that are not empty, in its own type."""
    rows = np.flatnonzero(texts != "")
    new: list[str] = texts[rows].tolist()
    fitting: Any = new
    if pd.api.types.is_numeric_dtype(values.dtype):
        try:
            fitting = pd.Series([int(text) for text in new]).astype(values.dtype).to_numpy()
        except (ValueError, OverflowError) as error:
            misfit = next((text for text in new if not text.isdecimal()), max(new, key=len))
            raise InputError(
                f"Column {values.name} holds numbers of type {values.dtype}, which {misfit} of the table of streets is "
                f"not. Give a number that fits."
            ) from error
    values = values.copy()
    values.iloc[rows] = fitting
    return values
