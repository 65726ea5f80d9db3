"""The house has floors: arrows point down, one door to files, small rooms, nothing loose in them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "geomerge"

# Top to bottom; a room imports only rooms that stand after it. A folder is one room.
ROOMS = (
    "cli",
    "run",
    "atlas",
    "web",
    "notice",
    "verify",
    "deliver",
    "outputs",
    "projecting",
    "registering",
    "stamping",
    "updates",
    "moving",
    "deciding",
    "streamed",
    "page",
    "reuse",
    "cluster",
    "manifest",
    "publish",
    "previous",
    "held",
    "qgis",
    "pictures",
    "maps",
    "drawing",
    "layout",
    "results",
    "checks",
    "streets",
    "inputs",
    "loaded",
    "recode",
    "job",
    "partitions",
    "registers",
    "inventory",
    "histories",
    "planfile",
    "plantable",
    "documents",
    "export",
    "rewrite",
    "decisions",
    "layers",
    "databases",
    "files",
    "diff",
    "simplify",
    "dissolve",
    "lineage",
    "attributes",
    "edges",
    "restate",
    "lookup",
    "vintage",
    "crosswalk",
    "weighing",
    "follow",
    "reassign",
    "assignment",
    "place",
    "fates",
    "locate",
    "overlaps",
    "borders",
    "faces",
    "windows",
    "features",
    "portions",
    "keyproposal",
    "keyledger",
    "rekey",
    "pieces",
    "walk",
    "cut",
    "parts",
    "keyranges",
    "lines",
    "history",
    "succession",
    "rules",
    "days",
    "trails",
    "steps",
    "keyrules",
    "plan",
    "sentences",
    "events",
    "keylayout",
    "selectors",
    "mend",
    "corners",
    "crs",
    "coverage",
    "suspects",
    "segments",
    "palette",
    "costs",
    "spool",
    "repeats",
    "memory",
    "provenance",
    "progress",
    "findings",
    "codes",
    "known",
    "threads",
    "errors",
)

# The door: these start the house and are no rooms.
DOOR = ("__init__", "__main__")

# May see a path; all others take tables and return tables.
SEE_PATHS = frozenset(
    [
        "atlas",
        "cli",
        "decisions",
        "run",
        "stamping",
        "web",
        "notice",
        "verify",
        "deliver",
        "outputs",
        "registering",
        "page",
        "reuse",
        "cluster",
        "manifest",
        "publish",
        "previous",
        "held",
        "spool",
        "memory",
        "maps",
        "drawing",
        "inputs",
        "recode",
        "job",
        "registers",
        "planfile",
        "plantable",
        "documents",
        "export",
        "rewrite",
        "histories",
        "inventory",
        "layers",
        "databases",
        "files",
        "threads",
    ]
)

# May import the package itself, for its version.
SEE_ROOT = frozenset(["cli", *DOOR])

# Upward, for type checkers only: what an error carries is described on the floor above.
TYPES_ONLY = frozenset([("errors", "findings")])

GIS_DRIVERS = frozenset(["fiona", "pyogrio"])
PATH_MODULES = frozenset(["pathlib", "os.path", "shutil", "tempfile", "glob", "sqlite3"])
PATH_CALLS = frozenset(["read_file", "read_parquet", "read_csv", "read_excel", "to_file", "to_parquet", "savefig"])
MUTABLE_CALLS = frozenset(["list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter"])
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)

MODULE_LINES = 350
FUNCTION_LINES = 60

Check = Callable[[str, ast.Module], Iterator[str]]


def room_of(file: Path) -> str:
    """Return the room a file belongs to: its first name below the package."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    """Return every module of the package; templates hold code for other programs."""
    return sorted(file for file in PACKAGE.rglob("*.py") if room_of(file) != "templates")


def imported(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yield line, dotted name, and whether only type checkers see it, of everything imported anywhere."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}", id(node) in typing_only


def upward_imports(room: str, tree: ast.Module) -> Iterator[str]:
    """Find imports of a room that does not stand below, of the package itself, and relative ones."""
    for line, name, typing_only in imported(tree):
        parts = name.split(".")
        if not parts[0]:
            yield f"{line}: relative import {name}; write it in full"
        elif parts[0] != "geomerge" or room in DOOR:
            continue
        elif len(parts) == 1 or parts[1] not in ROOMS:
            if room not in SEE_ROOT:
                yield f"{line}: imports the package itself ({name})"
        elif room not in ROOMS or parts[1] == room or (typing_only and (room, parts[1]) in TYPES_ONLY):
            continue
        elif ROOMS.index(parts[1]) < ROOMS.index(room):
            yield f"{line}: imports {parts[1]}, which stands above"


def driver_imports(room: str, tree: ast.Module) -> Iterator[str]:
    """Find drivers of GIS files outside the one door."""
    for line, name, _ in imported(tree):
        if name.split(".")[0] in GIS_DRIVERS and room != "layers":
            yield f"{line}: imports {name}; go through layers"


def seen_paths(room: str, tree: ast.Module) -> Iterator[str]:
    """Find what reads, writes or names files in a room that takes tables."""
    if room in SEE_PATHS:
        return
    for line, name, _ in imported(tree):
        if any(name == module or name.startswith(f"{module}.") for module in PATH_MODULES):
            yield f"{line}: imports {name}"
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called == "open" or called.split(".")[-1] in PATH_CALLS:
            yield f"{node.lineno}: calls {called}()"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "os.path":
            yield f"{node.lineno}: uses os.path"


def long_functions(_room: str, tree: ast.Module) -> Iterator[str]:
    """Find functions longer than a screen; the docstring does not count, it is there to be long enough."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES}"


def loose_state(_room: str, tree: ast.Module) -> Iterator[str]:
    """Find state that lives as long as the module: mutable names that are no constants, and ``global``."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_mutable(node.value):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            name = ast.unparse(target)
            if name != name.upper() and name != "__all__":
                yield f"{node.lineno}: {name} is mutable; make it a tuple, a frozenset or a constant"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"


def is_mutable(value: ast.expr | None) -> bool:
    """Tell whether an expression makes a new list, dict or set."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).split(".")[-1] in MUTABLE_CALLS
    return isinstance(value, MUTABLE)


CHECKS = [upward_imports, driver_imports, seen_paths, long_functions, loose_state]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_is_in_order(check: Check) -> None:
    faults = [
        f"geomerge/{file.relative_to(PACKAGE)}:{fault}"
        for file in modules()
        for fault in check(room_of(file), ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert faults == []


def test_every_room_is_listed() -> None:
    assert {room_of(file) for file in modules()} - {*ROOMS, *DOOR} == set()
    assert set(ROOMS) >= SEE_PATHS
    assert len(set(ROOMS)) == len(ROOMS)


def test_rooms_stay_small() -> None:
    lines = {str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines()) for file in modules()}
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


@pytest.mark.parametrize(
    ("check", "room", "source"),
    [
        (upward_imports, "plan", "import geomerge.run"),
        (upward_imports, "plan", "from geomerge.run import run_job"),
        (upward_imports, "plan", "from geomerge import run"),
        (upward_imports, "plan", "def f():\n    from geomerge import cli"),
        (upward_imports, "plan", "import geomerge"),
        (upward_imports, "plan", "from geomerge import __version__"),
        (upward_imports, "plan", "from .errors import InputError"),
        (upward_imports, "errors", "from geomerge.findings import Finding"),
        (driver_imports, "export", "from fiona.model import Feature"),
        (driver_imports, "geopackage", "import pyogrio.raw"),
        (seen_paths, "plan", "from pathlib import Path"),
        (seen_paths, "plan", "from os import path"),
        (seen_paths, "plan", "import os\nos.path.join('a', 'b')"),
        (seen_paths, "plan", "with open('plan.yaml') as f: pass"),
        (seen_paths, "dissolve", "gpd.read_file('units.gpkg')"),
        (long_functions, "plan", "def f():\n" + "    x = 1\n" * FUNCTION_LINES),
        (loose_state, "plan", "cache = {}"),
        (loose_state, "plan", "cache: dict[str, int] = dict()"),
        (loose_state, "plan", "def f():\n    global last\n    last = 1"),
    ],
)
def test_a_fault_is_found(check: Check, room: str, source: str) -> None:
    assert len(list(check(room, ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("check", "room", "source"),
    [
        (upward_imports, "run", "from geomerge import plan\nfrom geomerge.errors import Blocked"),
        (upward_imports, "histories", "from geomerge.histories.norway import read"),
        (upward_imports, "cli", "from geomerge import __version__"),
        (upward_imports, "__init__", "from geomerge.run import run_job"),
        (
            upward_imports,
            "errors",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from geomerge.findings import Finding",
        ),
        (driver_imports, "layers", "import fiona"),
        (seen_paths, "job", "from pathlib import Path"),
        (seen_paths, "plan", "import os\nos.cpu_count()"),
        (long_functions, "plan", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)),
        (loose_state, "plan", "__all__ = ['a']\nKINDS = {'merge': 1}\nkinds = ('merge',)"),
    ],
)
def test_what_is_in_order_passes(check: Check, room: str, source: str) -> None:
    assert list(check(room, ast.parse(source))) == []
