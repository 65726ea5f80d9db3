"""Values as a GeoPackage stores them: numbers where they are declared, dates and times as text."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd

from geomerge.errors import LayerError
from geomerge.files.bulk import Values
from geomerge.files.revision import plain, require_width


def stored_column(values: pd.Series, declared: str, column: str, table: str) -> Values:
    """Return values as a GeoPackage stores them; each text or number that repeats is looked at once."""
    whole = isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu"
    if whole and re.match("(TINY|SMALL|MEDIUM|INT)", declared):
        place, numbers = pd.factorize(values.to_numpy())
        return Values(place, numbers.tolist())
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        found = [stored(plain(value), declared, column, table) for value in values.astype(object)]
        return Values(np.arange(len(found)), found)
    place, texts = pd.factorize(values)
    known = [stored(text, declared, column, table) for text in texts.tolist()]
    missing = place < 0
    if missing.any():
        place, known = np.where(missing, len(known), place), [*known, None]
    return Values(place, known)


def stored(value: Any, declared: str, column: str, table: str) -> Any:
    """Return a value as a GeoPackage stores it: numbers where they are declared, dates and times as ISO text.

    Examples
    --------
    >>> stored(dt.date(2020, 1, 1), "DATE", "since", "parcels"), stored("7", "INTEGER", "number", "parcels")
    ('2020-01-01', 7)
    """
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        if declared == "DATE":
            return value.date().isoformat()
        utc = value if value.tzinfo is None else value.astimezone(dt.UTC)
        return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if re.match(r"(BOOL|TINY|SMALL|MEDIUM|INT|DOUBLE|FLOAT|REAL)", declared) and not isinstance(value, bool):
        try:
            number = float(value)
            whole = not declared.startswith(("DOUBLE", "FLOAT", "REAL"))
            if whole and (int(value) != number or (str(value).strip() != str(int(value)) and isinstance(value, str))):
                raise ValueError(value)
        except (TypeError, ValueError) as error:
            raise LayerError(
                f"Table {table}: {value!r} does not fit column {column} ({declared}). Correct the value, or the column."
            ) from error
        return int(value) if whole else number
    width = re.fullmatch(r"TEXT\s*\(\s*(\d+)\s*\)", declared)
    if width:
        require_width(value, int(width[1]), column, f"Table {table}")
    return value if isinstance(value, bool | int | float | bytes) or declared.startswith("BLOB") else str(value)
