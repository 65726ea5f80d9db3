"""Checks of words: no name, code or parent missing, no code twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from geomerge.findings import Finding


def check_names(
    units: pd.DataFrame, *, code: str = "code", words: Sequence[str] = ("name",), table: str = "units"
) -> Iterator[Finding]:
    """Find units without a code, with a code that another has, or without one of the words they should have.

    Parameters
    ----------
    units
        Units, or the units of a level.
    code
        Column with their code.
    words
        Columns that no unit should leave empty, such as name and parent.
    table
        What the table is called.
    """
    codes = units[code]
    if missing := int(_empty(codes).sum()):
        yield Finding("must", "code missing", f"{missing} units have no code", table, "Give each unit a code.")
    repeated = codes[codes.duplicated() & ~_empty(codes)].unique()
    for value in repeated:
        what = f"{int((codes == value).sum())} units have the code {value}"
        yield Finding("must", "code twice", what, table, "Give each unit a code of its own.")
    for word in words:
        without = codes[_empty(units[word])]
        if len(without):
            what = f"{len(without)} units have no {word}: {', '.join(without.astype(str).head(5))}"
            yield Finding("should", f"{word} missing", what, table, "Give it in the plan.")


def _empty(values: pd.Series) -> pd.Series:
    return values.isna() | (values.astype("string").str.strip() == "")
