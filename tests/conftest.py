"""What all tests share: where data lies, which real programs there are, how examples are drawn."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# No test opens a window; programs that tests start inherit this.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real editions, parcels and change lists, which lie beside the project and not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the folder of the sample reform."""
    return ROOT / "sample_data"


@pytest.fixture(scope="session")
def real_program() -> Callable[[str], str]:
    """Look a program up by name; without it the test is skipped, or fails where real ones are required."""

    def look_up(name: str) -> str:
        return shutil.which(name) or _missing(f"{name} is not installed")

    return look_up


@pytest.fixture(scope="session")
def qgis_python() -> str:
    """Return the Python that can import QGIS: the system's, seldom the one that runs the tests."""
    for name in ("/usr/bin/python3", "python3"):
        program = shutil.which(name)
        trial = [program, "-c", "import qgis.core"]
        if program and subprocess.run(trial, capture_output=True).returncode == 0:
            return program
    return _missing("no Python here can import qgis.core")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("GEOMERGE_REQUIRE_REAL") == "1":
        pytest.fail(f"{reason}, but GEOMERGE_REQUIRE_REAL=1 wants it", pytrace=False)
    pytest.skip(reason)
