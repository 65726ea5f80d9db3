"""Costs: the time and the memory that each step of a run takes."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

log = logging.getLogger("geomerge")

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that the system counts by


@dataclass(frozen=True)
class Cost:
    """What a step took.

    Parameters
    ----------
    step
        What was done.
    seconds
        How long it took.
    peak_mb
        The most memory the process has had up to its end, in megabytes; None where the system does not tell.
    """

    step: str
    seconds: float
    peak_mb: int | None

    def record(self) -> dict[str, Any]:
        """Return the cost for a file."""
        return {"step": self.step, "seconds": round(self.seconds, 3), "peak_mb": self.peak_mb}


@dataclass
class Costs:
    """The steps that are done, in their order; a step within another is told before it.

    Examples
    --------
    >>> costs = Costs()
    >>> with costs.of("cut"):
    ...     pass
    >>> [cost.step for cost in costs.done]
    ['cut']
    """

    done: list[Cost] = field(default_factory=list)

    @contextlib.contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Measure a step, and tell what it took."""
        start = time.perf_counter()
        yield
        cost = Cost(step, time.perf_counter() - start, _peak())
        self.done.append(cost)
        memory = "" if cost.peak_mb is None else f", peak {cost.peak_mb} MB"
        log.info("%s: %.1f s%s", step, cost.seconds, memory)

    def record(self) -> dict[str, Any]:
        """Return the costs for a file."""
        seconds = sum(cost.seconds for cost in self.done)
        return {"seconds": round(seconds, 3), "steps": [cost.record() for cost in self.done]}


def _peak() -> int | None:
    if find_spec("resource") is None:  # Windows has no such module
        return None
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1_000_000)
