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
