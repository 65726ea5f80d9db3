"""Provenance: from which plan and which run data come, carried in the data themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """Which run of which plan made a file.

    Parameters
    ----------
    date
        First day of the new order.
    plan
        SHA-256 of what the plan decides.
    run
        Id of the run: the same for the same inputs, decisions and versions.
    geomerge
        Version of geomerge.
    """

    date: str
    plan: str
    run: str
    geomerge: str

    def items(self) -> dict[str, str]:
        """Return what is written into files, under names that nobody else uses.

        Examples
        --------
        >>> list(Provenance("2020-01-01", "ab", "cd", "0.1").items())
        ['GEOMERGE_DATE', 'GEOMERGE_PLAN_SHA256', 'GEOMERGE_RUN', 'GEOMERGE_VERSION']
        """
        values = (self.date, self.plan, self.run, self.geomerge)
        names = ("DATE", "PLAN_SHA256", "RUN", "VERSION")
        return {f"GEOMERGE_{name}": value for name, value in zip(names, values, strict=True)}
