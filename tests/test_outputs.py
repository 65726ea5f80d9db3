"""What a job leaves behind, opened by the program it is for."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from geomerge.run import run


@pytest.fixture(scope="module")
def seen(sample: Path, qgis_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a real QGIS finds in the project of the sample job, after its folder was moved."""
    folder = tmp_path_factory.mktemp("qgis")
    run(sample / "job.yaml", output=folder / "out")
    (folder / "out").rename(folder / "moved")
    (folder / "home").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    clean = {"HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "home"), "QT_QPA_PLATFORM": "offscreen"}
    opened = folder / "moved"
    command = [qgis_python, "-s", str(Path(__file__).with_name("qgis_open.py"))]
    done = subprocess.run(
        [*command, str(opened / "project.qgz"), str(opened / "boundaries.gpkg"), str(folder)],
        env=kept | clean, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.real
def test_the_project_opens_in_qgis(seen: dict[str, Any]) -> None:
    assert seen["opened"], seen["error"]
    assert seen["crs"] == "EPSG:25832"
    assert seen["groups"] == [["Review", True], ["After", True], ["Before", False]]
    assert [name for name, layer in seen["layers"].items() if not layer["valid"]] == []


@pytest.mark.real
def test_qgis_finds_every_layer_with_its_features(seen: dict[str, Any]) -> None:
    features = {name: layer["features"] for name, layer in seen["layers"].items()}
    expected = {"Units": 12, "Units before": 14, "County": 2, "Nation": 1, "Pieces": 15, "Review: Districts": 1}
    expected |= {"Parcels": 5642, "Districts": 63, "Addresses": 2500, "Buildings": 2506}
    assert {name: features[name] for name in expected} == expected


@pytest.mark.real
def test_styles_are_applied_and_drawn(seen: dict[str, Any]) -> None:
    legend = [label for _, label, _ in seen["layers"]["Units"]["categories"]]
    assert legend == ["Merger of units", "Part gained or lost", "Unchanged"]
    assert all(style["loaded"] for style in seen["default_styles"].values())
    drawn = seen["pictures"]["opened"]
    assert drawn["errors"] == []
    for _, _, color in seen["layers"]["Units"]["categories"]:
        assert drawn["colors"].get(color, 0) > 5000
