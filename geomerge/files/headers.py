"""Headers: the names of the columns of text files and sheets, the same wherever they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def column_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Return names of columns, each once; those without a name are called by their place.

    Examples
    --------
    >>> column_names(["code", "", "code"])
    ('code', 'column 2', 'code.1')
    """
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        title = str(name).strip() if name is not None and str(name).strip() else f"column {place}"
        number = 0
        while (f"{title}.{number}" if number else title) in found:
            number += 1
        found.append(f"{title}.{number}" if number else title)
    return tuple(found)
