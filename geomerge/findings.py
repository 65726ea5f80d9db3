"""What a check found: one sentence with its place and its remedy, ``must`` (blocks) or ``should`` (warns)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

from geomerge.errors import Blocked

Severity = Literal["must", "should"]

COLUMNS = ("severity", "check", "what", "where", "remedy")


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Parameters
    ----------
    severity
        ``must`` blocks the run, ``should`` warns.
    check
        Name of the check, a short phrase such as ``unknown code``.
    what
        What is wrong, in one sentence.
    where
        The event, file, layer, row or coordinate concerned.
    remedy
        What a person can do about it.
    geometry
        The place on the map, where there is one.

    Examples
    --------
    >>> print(Finding("must", "unknown code", "No unit has the code 706", "event 2", "Write 0706."))
    No unit has the code 706 (event 2). Write 0706.
    """

    severity: Severity
    check: str
    what: str
    where: str = ""
    remedy: str = ""
    geometry: BaseGeometry | None = None

    @property
    def blocks(self) -> bool:
        """Whether the finding forbids to go on."""
        return self.severity == "must"

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.what.rstrip('.')}{place}. {self.remedy}".strip()

    def record(self) -> dict[str, str]:
        """Return the texts of the finding, without its geometry."""
        return {column: str(getattr(self, column)) for column in COLUMNS}


def require(findings: Iterable[Finding]) -> None:
    """Raise :class:`~geomerge.errors.Blocked` with all findings if one of them blocks."""
    found = tuple(findings)
    if any(finding.blocks for finding in found):
        raise Blocked(found)


def findings_table(findings: Sequence[Finding], crs: object = None) -> gpd.GeoDataFrame:
    """Return findings as a table with one row each, in the order of severity, then of discovery.

    Examples
    --------
    >>> table = findings_table([Finding("should", "sliver", "Narrow part")])
    >>> list(table.columns)
    ['severity', 'check', 'what', 'where', 'remedy', 'geometry']
    """
    ordered = sorted(findings, key=lambda finding: not finding.blocks)
    geometry = [finding.geometry for finding in ordered]
    records = [finding.record() for finding in ordered]
    columns = {column: [record[column] for record in records] for column in COLUMNS}
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=crs)


class GeomergeWarning(UserWarning):
    """A finding that nobody collects."""


def collector(findings: list[Finding] | None) -> Callable[[Finding], None]:
    """Return where findings go: into the list, or out as warnings where there is none."""
    if findings is None:
        return lambda finding: warnings.warn(str(finding), GeomergeWarning, stacklevel=3)
    return findings.append
