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
    from geomerge.atlas import read_run, write_maps
    from geomerge.attributes import Constant, Take
    from geomerge.crosswalk import compose, crosswalk, invert
    from geomerge.deliver import deliver
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
    from geomerge.inventory import Inventory, inventory
    from geomerge.job import Job, read_job
    from geomerge.keylayout import KeyLayout, key_layout
    from geomerge.keyledger import check_ledger, lookup_key
    from geomerge.keyproposal import propose_keys
    from geomerge.layers import read as read_layer
    from geomerge.lookup import Answer, lookup
    from geomerge.maps import change_map, save_figure
    from geomerge.notice import verify_notice, write_notice
    from geomerge.parts import Subunits
    from geomerge.pieces import pieces
    from geomerge.plan import Plan
    from geomerge.planfile import read_plan, write_plan
    from geomerge.reassign import reassign
    from geomerge.recode import Recoded, Translation, recode
    from geomerge.rekey import rekey
    from geomerge.restate import Restated, restate
    from geomerge.restate.measures import Count, Drop, Largest, Rate, Shares
    from geomerge.rules import check_plan
    from geomerge.run import Run, run
    from geomerge.simplify import simplify, simplify_level
    from geomerge.streets import check_streets, near_names, propose_streets, recode_streets
    from geomerge.verify import verify, verify_units
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
    "Inventory",
    "Job",
    "KeyLayout",
    "Largest",
    "LayerError",
    "Level",
    "Plan",
    "PlanFormatError",
    "Rate",
    "Recoded",
    "Restated",
    "Run",
    "Shares",
    "Subunits",
    "Take",
    "Translation",
    "Vintage",
    "boundary_lines",
    "change_map",
    "check_ledger",
    "check_plan",
    "check_streets",
    "compose",
    "crosswalk",
    "deliver",
    "diff",
    "dissolve",
    "dissolve_level",
    "export",
    "findings_table",
    "follow",
    "inventory",
    "invert",
    "key_layout",
    "lookup",
    "lookup_key",
    "near_names",
    "pieces",
    "plan_from_changes",
    "propose_keys",
    "propose_streets",
    "read_changes",
    "read_history",
    "read_job",
    "read_layer",
    "read_plan",
    "read_run",
    "read_units",
    "reassign",
    "recode",
    "recode_streets",
    "rekey",
    "restate",
    "run",
    "save_figure",
    "shipped_histories",
    "simplify",
    "simplify_level",
    "verify",
    "verify_notice",
    "verify_units",
    "vintage",
    "write_maps",
    "write_notice",
    "write_plan",
]

# Where each name lives, if not in the module that is called like it.
_HOMES = {
    **dict.fromkeys(("read_run", "write_maps"), "atlas"),
    "Constant": "attributes",
    "Take": "attributes",
    "Level": "dissolve",
    "dissolve_level": "dissolve",
    "boundary_lines": "edges",
    **dict.fromkeys(("Blocked", "CRSError", "GeomergeError", "InputError", "LayerError", "PlanFormatError"), "errors"),
    **dict.fromkeys(("KeyLayout", "key_layout"), "keylayout"),
    **dict.fromkeys(("check_ledger", "lookup_key"), "keyledger"),
    "propose_keys": "keyproposal",
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
    "Inventory": "inventory",
    "Restated": "restate",
    **dict.fromkeys(("Count", "Drop", "Largest", "Rate", "Shares"), "restate.measures"),
    **dict.fromkeys(("Recoded", "Translation"), "recode"),
    "check_plan": "rules",
    "Run": "run",
    "Vintage": "vintage",
    "simplify_level": "simplify",
    **dict.fromkeys(("check_streets", "near_names", "propose_streets", "recode_streets"), "streets"),
    **dict.fromkeys(("verify_notice", "write_notice"), "notice"),
    "verify_units": "verify",
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
