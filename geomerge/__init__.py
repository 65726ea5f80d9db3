"""geomerge: from a dated plan of changes to new boundaries, reassigned parcels and updated layers.

The same words as on the command line: read a plan, cut the units into pieces, dissolve them, reassign what lies in
them, export. ``run`` does a whole job. Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geomerge.assignment import Assignment
    from geomerge.attributes import Constant, Take
    from geomerge.crosswalk import compose, crosswalk, invert
    from geomerge.diff import Difference, diff
    from geomerge.dissolve import Level, dissolve, dissolve_level
    from geomerge.edges import boundary_lines
    from geomerge.errors import Blocked, CRSError, GeomergeError, InputError, LayerError, PlanFormatError
    from geomerge.export import export
    from geomerge.findings import Finding, GeomergeWarning, findings_table
    from geomerge.follow import follow
    from geomerge.histories.changes import plan_from_changes
    from geomerge.histories.reading import read_changes, read_units
    from geomerge.histories.shipped import read_history, shipped_histories
    from geomerge.history import History
    from geomerge.job import Job, read_job
    from geomerge.layers import read as read_layer
    from geomerge.lookup import Answer, lookup
    from geomerge.maps import change_map, save_figure
    from geomerge.parts import Subunits
    from geomerge.pieces import pieces
    from geomerge.plan import Plan
    from geomerge.planfile import read_plan, write_plan
    from geomerge.reassign import reassign
    from geomerge.rekey import rekey
    from geomerge.restate import Restated, restate
    from geomerge.restate.measures import Count, Drop, Largest, Rate, Shares
    from geomerge.rules import check_plan
    from geomerge.run import Run, run
    from geomerge.vintage import Vintage, vintage

__all__ = [
    "Answer",
    "Assignment",
    "Blocked",
    "CRSError",
    "Constant",
    "Count",
    "Difference",
    "Drop",
    "Finding",
    "GeomergeError",
    "GeomergeWarning",
    "History",
    "InputError",
    "Job",
    "Largest",
    "LayerError",
    "Level",
    "Plan",
    "PlanFormatError",
    "Rate",
    "Restated",
    "Run",
    "Shares",
    "Subunits",
    "Take",
    "Vintage",
    "boundary_lines",
    "change_map",
    "check_plan",
    "compose",
    "crosswalk",
    "diff",
    "dissolve",
    "dissolve_level",
    "export",
    "findings_table",
    "follow",
    "invert",
    "lookup",
    "pieces",
    "plan_from_changes",
    "read_changes",
    "read_history",
    "read_job",
    "read_layer",
    "read_plan",
    "read_units",
    "reassign",
    "rekey",
    "restate",
    "run",
    "save_figure",
    "shipped_histories",
    "vintage",
    "write_plan",
]

# Where each name lives, if not in the module that is called like it.
_HOMES = {
    "Constant": "attributes",
    "Take": "attributes",
    "Level": "dissolve",
    "dissolve_level": "dissolve",
    "boundary_lines": "edges",
    **dict.fromkeys(("Blocked", "CRSError", "GeomergeError", "InputError", "LayerError", "PlanFormatError"), "errors"),
    **dict.fromkeys(("Finding", "GeomergeWarning", "findings_table"), "findings"),
    **dict.fromkeys(("compose", "invert"), "crosswalk"),
    "plan_from_changes": "histories.changes",
    **dict.fromkeys(("read_changes", "read_units"), "histories.reading"),
    **dict.fromkeys(("read_history", "shipped_histories"), "histories.shipped"),
    "History": "history",
    "Answer": "lookup",
    "Job": "job",
    "read_job": "job",
    "read_layer": "layers",
    "change_map": "maps",
    "save_figure": "maps",
    "Subunits": "parts",
    "Plan": "plan",
    **dict.fromkeys(("read_plan", "write_plan"), "planfile"),
    "Assignment": "assignment",
    "Difference": "diff",
    "Restated": "restate",
    **dict.fromkeys(("Count", "Drop", "Largest", "Rate", "Shares"), "restate.measures"),
    "check_plan": "rules",
    "Run": "run",
    "Vintage": "vintage",
}


class _Lazy:
    """A name of the package, imported at first use; it stays the function where a module is called the same."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, package: ModuleType, owner: type | None = None) -> Any:
        module = importlib.import_module(f"{__name__}.{_HOMES.get(self.name, self.name)}")
        return getattr(module, "read" if self.name == "read_layer" else self.name)

    def __set__(self, package: ModuleType, value: object) -> None:
        """Let the import system set what it likes: ``geomerge.pieces`` is the verb, not the module."""


sys.modules[__name__].__class__ = type("Package", (ModuleType,), {name: _Lazy(name) for name in __all__})
