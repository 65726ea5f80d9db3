"""What a run did, or would do, with registers: counts, samples, review, findings, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from geomerge.findings import Finding
from geomerge.recode.tally import Tally
from geomerge.registers import RegisterConfig


@dataclass
class RegisterResult:
    """What happened, or would happen, to a register.

    Parameters
    ----------
    name, source
        The register.
    counts
        ``rows``, ``recoded``, ``kept``, ``review``.
    changed
        Number of cells that change, by column.
    samples, review
        Changes by column, and the rows a person must decide.
    findings
        What was noticed.
    """

    name: str
    source: str
    counts: dict[str, int]
    changed: dict[str, int] = field(default_factory=dict)
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)
    review: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """What a run did with registers: each of them, and the way back (None where nothing was changed)."""

    registers: tuple[RegisterResult, ...]
    undo: Path | None = None

    @property
    def review(self) -> pd.DataFrame:
        """The rows for review of all registers."""
        found = [each.review for each in self.registers if len(each.review)]
        if not found:
            return pd.DataFrame()
        whole = pd.concat(found, ignore_index=True).astype(object)
        return whole.where(whole.notna(), "")

    @property
    def findings(self) -> list[Finding]:
        """What was noticed in all registers."""
        return [finding for each in self.registers for finding in each.findings]


def result_of(register: RegisterConfig, tally: Tally) -> RegisterResult:
    """Return the result of a register whose rows were counted."""
    return RegisterResult(
        register.name, register.source, tally.counts, tally.changed, tally.samples, tally.review, tally.findings()
    )
