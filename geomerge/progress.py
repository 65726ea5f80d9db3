"""Progress of long work: a bar in terminals and notebooks, silence when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], what: str, *, total: int | None = None) -> Iterable[T]:
    """Return the items, counted on a bar while they are used."""
    return tqdm(items, desc=what, total=total, leave=False, disable=_silent(), file=sys.stderr, delay=0.5)


def _silent() -> bool:
    in_notebook = "ipykernel" in sys.modules
    return not in_notebook and not sys.stderr.isatty()
