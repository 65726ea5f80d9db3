"""The public surface, listed by hand: a name that comes or goes is a decision."""

from __future__ import annotations

import subprocess
import sys

import geomerge

SURFACE = [
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
    "check_plan",
    "check_streets",
    "check_ledger",
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


def test_surface() -> None:
    assert sorted(geomerge.__all__, key=str.swapcase) == sorted(SURFACE, key=str.swapcase)


def test_every_name_is_documented() -> None:
    for name in geomerge.__all__:
        assert getattr(geomerge, name).__doc__, name


def test_a_verb_stays_the_verb_after_its_module_is_imported() -> None:
    code = (
        "import geomerge, geomerge.run, geomerge.pieces, geomerge.dissolve, geomerge.reassign, geomerge.export;"
        "assert all(callable(v) for v in (geomerge.run, geomerge.pieces, geomerge.dissolve, geomerge.reassign,"
        "geomerge.export))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_light() -> None:
    code = "import sys, geomerge; assert 'geopandas' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
