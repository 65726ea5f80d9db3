"""What a check found: one sentence with its place and its remedy, ``must`` (blocks) or ``should`` (warns)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from geomerge.errors import Blocked

if TYPE_CHECKING:  # findings about codes need no geometry, nor the time to load it
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

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
    import geopandas as gpd

    ordered = sorted(findings, key=lambda finding: not finding.blocks)
    geometry = [finding.geometry for finding in ordered]
    records = [finding.record() for finding in ordered]
    columns = {column: [record[column] for record in records] for column in COLUMNS}
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=crs)


class GeomergeWarning(UserWarning):
    """A finding that nobody collects."""


Report = Callable[[Finding], None]


def collector(findings: list[Finding] | None) -> Report:
    """Return where findings go: into the list, or out as warnings where there is none."""
    if findings is None:
        return lambda finding: warnings.warn(str(finding), GeomergeWarning, stacklevel=3)
    return findings.append


class Notes:
    """Findings of one piece of work in the order they are made; an instance is called with each of them.

    Parameters
    ----------
    unit
        Unit of length, for the texts of findings.

    Examples
    --------
    >>> notes = Notes("m")
    >>> notes(Finding("should", "sliver", f"{notes.area(12.5)} are narrow"))
    >>> notes.found[0].what, notes.area(2_500_000), notes.length(0.25)
    ('12.500 m² are narrow', '2.500 km²', '0.250 m')
    """

    def __init__(self, unit: str = "m") -> None:
        self.unit = unit
        self.found: list[Finding] = []

    def __call__(self, finding: Finding) -> None:
        if finding.geometry is not None or finding not in self.found:  # said once where several cuts share a fault
            self.found.append(finding)

    def area(self, value: float) -> str:
        """Return an area as text."""
        if self.unit != "m":
            return f"{value:.3f} square {self.unit}"
        return f"{value / 1e6:.3f} km²" if abs(value) >= 1e5 else f"{value:.3f} m²"

    def length(self, value: float) -> str:
        """Return a length as text."""
        return f"{value:.3f} {self.unit}"

    def settle(self, findings: list[Finding] | None) -> None:
        """Hand all findings over, to the list or as warnings; raise Blocked if one of them blocks."""
        if findings is not None:
            findings.extend(self.found)
        require(self.found)
        if findings is None:
            for finding in self.found:
                warnings.warn(str(finding), GeomergeWarning, stacklevel=3)


def place(point: Any) -> str:
    """Return the coordinates of a point as text.

    Examples
    --------
    >>> import shapely
    >>> place(shapely.Point(1, 2.5))
    '1.000 2.500'
    """
    return f"{point.x:.3f} {point.y:.3f}"
