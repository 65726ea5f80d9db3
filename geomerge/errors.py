"""Every error geomerge raises on purpose.

.. code-block:: text

    GeomergeError
    ├── InputError            the input cannot be used: files, columns, CRS, geometry   exit code 2
    │   ├── PlanFormatError   the plan or job is not well-formed
    │   ├── LayerError        a file, layer or column cannot be read or written
    │   └── CRSError          the CRS is missing, differs, or cannot measure areas
    └── Blocked               the input was read, but findings forbid to go on          exit code 1

A caller that catches :class:`GeomergeError` catches them all; anything else is a defect of geomerge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geomerge.findings import Finding


class GeomergeError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    faults
        One sentence or several; each names the what, the where and the remedy.

    Examples
    --------
    >>> print(GeomergeError("No column 'kode'.", "No CRS."))
    No column 'kode'.
    No CRS.
    """

    exit_code = 2

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class InputError(GeomergeError):
    """The input cannot be used as it is."""


class PlanFormatError(InputError):
    """A plan or job file is not well-formed."""


class LayerError(InputError):
    """A file, layer or column cannot be read or written."""


class CRSError(InputError):
    """The CRS is missing, differs between tables, or cannot measure areas."""


class Blocked(GeomergeError):
    """Findings of severity ``must`` forbid to go on; all of them are in :attr:`findings`."""

    exit_code = 1

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(*(str(finding) for finding in self.findings if finding.blocks))
