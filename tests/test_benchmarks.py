"""The benchmarks run, and the methods they compare give the same answers; times are no test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def measured(script: str) -> dict[str, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_all_ways_draw_the_same_boundaries() -> None:
    found = measured("bench_dissolve.py")
    assert len(found) >= 2
    for case, rows in found.items():
        assert [row["equal"] for row in rows] == ["yes"] * 6, case
        ours = rows[0]
        assert ours["method"] == "geomerge"
        assert ours["edges matched"] == "yes", case
        kept = re.fullmatch(r"yes|(\d+) of (\d+), (\d+) got a corner", ours["whole units byte-identical"])
        assert kept, case
        assert kept[0] == "yes" or int(kept[1]) + int(kept[3]) == int(kept[2]), case
        assert ours["valid"] == "yes" or not case.startswith("synthetic"), case


@pytest.mark.slow
def test_all_exact_ways_give_parcels_the_same_unit_and_shares() -> None:
    found = measured("bench_reassign.py")
    assert found
    for case, rows in found.items():
        by_method = {row["method"]: row for row in rows}
        points = [by_method.pop(name) for name in ("geopandas, sjoin of points", "shapely, one point")]
        assert points[0]["same unit"] == points[1]["same unit"]
        if found_by_maup := by_method.pop("maup, assign", None):
            assert found_by_maup["same unit"].startswith("yes"), case
        assert len(by_method) == 6
        for method, row in by_method.items():
            for column in ("same unit", "shares within 1e-6", "same runner-up"):
                assert row[column].startswith("yes"), (case, method, column)


@pytest.mark.slow
def test_geomerge_and_its_peers_do_the_same_national_job() -> None:
    found = measured("bench_national.py")
    assert [case.partition(":")[0] for case in found] == ["reassign", "job", "dissolve"]
    for case, rows in found.items():
        assert rows[0]["method"] == "geomerge"
        for row in rows:
            assert "fails" not in row, (case, row)
            told = {name: row.get(name, "yes") for name in ("same code", "shares within 1e-6", "same runner-up")}
            exact = not row["method"].startswith("floor")
            assert not exact or all(text.startswith(("yes", "not told")) for text in told.values()), (case, row)
    job = next(rows for case, rows in found.items() if case.startswith("job"))
    assert [job[0][name] for name in ("row order", "geometry type", "columns", "geometry")] == ["kept"] * 4
