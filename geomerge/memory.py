"""Memory: how much a run may use, how much it uses, and how many rows fit into the rest."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from geomerge.errors import InputError

SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?(?:e\+?\d+)?)\s*(?P<unit>[kmgt]i?)?b?", re.IGNORECASE)
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that the system counts by
STATM = Path("/proc/self/statm")

RESERVE = 280_000_000  # bytes for what units take on their way to results: faces, figures, blocks that are written
PLANNED = 0.93  # of the memory that is set; the rest is for what was not foreseen
FEWEST = 10_000  # rows at a time: with fewer, the start of each part costs more than its rows
MOST = 250_000  # with more rows at a time nothing is faster


def parse_size(text: str | int) -> int:
    """Return a size in bytes: a number with kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).

    Small letters, blanks and a missing B do no harm; a number without a unit is one of bytes.

    Raises
    ------
    ValueError
        If it is no such size, or is 0.

    Examples
    --------
    >>> parse_size("2GB"), parse_size("1.5 g"), parse_size("512 MiB"), parse_size("1e9")
    (2000000000, 1500000000, 536870912, 1000000000)
    >>> parse_size("-1")
    Traceback (most recent call last):
    ValueError: -1 is no size of memory; write it like 2GB or 512MB
    """
    found = SIZE.fullmatch(str(text).strip())
    unit = (found["unit"] or "").lower() if found else ""
    base = 1024 if unit.endswith("i") else 1000
    try:
        size = int(float(found["number"]) * base ** POWERS[unit[:1]]) if found else 0
    except OverflowError:
        size = 0
    if size <= 0:
        raise ValueError(f"{text} is no size of memory; write it like 2GB or 512MB")
    return size


def sized(size: int) -> str:
    """Return a size as people write it, rounded up to the next 10 MB.

    Examples
    --------
    >>> sized(1_503_000_000), sized(3_000_000_000)
    ('1510MB', '3GB')
    """
    tens = -(-size // 10_000_000)
    return f"{tens // 100}GB" if tens % 100 == 0 else f"{tens * 10}MB"


def in_use() -> int:
    """Return the bytes of memory this process uses now; the most it has used, where the system tells no more."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * _page()
    if find_spec("resource") is None:  # Windows has no such module
        return 0
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * UNIT


def _page() -> int:
    import resource

    return resource.getpagesize()


def rows_that_fit(room: int, bytes_per_row: float) -> int:
    """Return how many rows to work on at a time so that they fit into some bytes of memory.

    Examples
    --------
    >>> rows_that_fit(200_000_000, 1000.0)
    200000
    """
    return max(FEWEST, min(MOST, int(room / max(bytes_per_row, 1.0))))


def require_enough(memory: int, least: int, what: str) -> None:
    """Raise InputError if a setting is less than the least that works."""
    if memory < least:
        raise InputError(
            f"The memory of {sized(memory)} is too little: {what} needs at least {sized(least)}. "
            f"Give it more (memory), or leave the setting out."
        )
