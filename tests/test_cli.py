"""Commands: what they print, and the exit codes scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from click.testing import CliRunner, Result

from geomerge.cli import main


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_run_prints_a_short_summary(small_job: Any) -> None:
    done = call("run", small_job.write())
    assert done.exit_code == 0, done.output
    for line in (
        "units before     4",
        "units after      3",
        "rows moved       2",
        "rows for review  0",
        "area balance",
    ):
        assert line in done.stdout
    assert "report.html" in done.stdout
    assert small_job.output.is_dir()


def test_run_for_machines(small_job: Any) -> None:
    done = call("run", small_job.write(), "--json")
    printed = json.loads(done.stdout)
    assert printed["output"] == str(small_job.output)
    assert printed["layers"]["parcels"] == {"rows": 4, "moved": 2, "by_code": 2, "review": 0}


def test_a_second_run_says_what_it_reused(small_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomerge.reuse.program", lambda: "this one")
    assert "reused" not in call("run", small_job.write()).stdout
    again = call("run", small_job.path)
    assert "rows moved       2" in again.stdout
    assert "reused           everything" in again.stdout.splitlines()
    small_job.job["layers"][0]["min_share"] = 0.8
    small_job.path.write_text(json.dumps(small_job.job))
    lines = call("run", small_job.path).stdout.splitlines()
    assert "reused           boundaries.gpkg, layers/units.gpkg, review.gpkg, figures" in lines
    assert "redone           parcels: the job changed" in lines
    assert "redone           layers/parcels.gpkg: parcels changed" in lines
    small_job.job["layers"][0]["min_share"] = 0.7
    small_job.path.write_text(json.dumps(small_job.job))
    printed = json.loads(call("run", small_job.path, "--json").stdout)
    assert printed["redone"] == {"parcels": "the job changed", "layers/parcels.gpkg": "parcels changed"}
    assert "figures" in printed["reused"]
    assert "reused" not in call("run", small_job.path, "--fresh").stdout


def test_quiet(small_job: Any) -> None:
    assert call("run", small_job.write(), "-q").output == ""


def test_dry_run_writes_nothing(small_job: Any) -> None:
    done = call("run", small_job.write(), "--dry-run")
    assert done.exit_code == 0
    assert "Nothing was written" in done.stdout
    assert not small_job.output.exists()


def test_findings_that_block_give_1(small_job: Any) -> None:
    small_job.plan["events"] = [
        {"merge": ["0101", "0199"], "into": "0110", "name": "X"},
        {"renumber": "07", "to": "08"},
    ]
    for command in ("check", "run"):
        done = call(command, small_job.write())
        assert done.exit_code == 1
        assert "No unit has the code 0199" in done.output
        assert "No unit has the code 07" in done.output
        assert not small_job.output.exists()


def test_check_without_findings(small_job: Any) -> None:
    done = call("check", small_job.write())
    assert done.exit_code == 0
    assert done.stdout.startswith("No finding")
    assert json.loads(call("check", small_job.path, "--json").stdout) == []


def test_usage_gives_2() -> None:
    assert call("run").exit_code == 2
    assert call("no-such-command").exit_code == 2


def test_the_verbs_one_by_one(small_job: Any, tmp_path: Path) -> None:
    small_job.write()
    cut, new, moved = tmp_path / "pieces.gpkg", tmp_path / "new.gpkg", tmp_path / "moved.gpkg"
    plan, units = tmp_path / "plan.yaml", tmp_path / "units.gpkg"
    assert call("pieces", plan, units, "-o", cut).exit_code == 0
    assert gpd.read_file(cut)["new_code"].tolist() == ["0110", "0110", "0103", "0104"]
    assert call("dissolve", cut, "--units", units, "--plan", plan, "--name", "name", "-o", new).exit_code == 0
    assert gpd.read_file(new)["name"].tolist() == ["Åbø", "Cå", "Dæ"]
    done = call("reassign", tmp_path / "parcels.gpkg", "--pieces", cut, "-o", moved)
    assert done.exit_code == 0, done.output
    assert gpd.read_file(moved, layer="updated")["new_code"].tolist() == ["0110", "0110", "0103", "0104"]
    assert call("export", new, "-o", tmp_path / "new.fgb").exit_code == 0
    assert len(gpd.read_file(tmp_path / "new.fgb")) == 3


def test_schema() -> None:
    for what in ("plan", "job"):
        assert json.loads(call("schema", what).stdout)["type"] == "object"


@pytest.mark.parametrize("name", list(main.commands))
def test_every_command_has_help(name: str) -> None:
    done = call(name, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


def test_no_verb_writes_into_what_it_reads(small_job: Any, tmp_path: Path) -> None:
    small_job.write()
    units = tmp_path / "units.gpkg"
    before = units.read_bytes()
    for arguments in (
        ["export", units, "-o", units],
        ["pieces", tmp_path / "plan.yaml", f"{units}|units", "-o", units],
        ["dissolve", units, "-o", units],
        ["reassign", units, "--pieces", tmp_path / "parcels.gpkg", "-o", units],
    ):
        done = call(*arguments)
        assert done.exit_code == 2
        assert "is both source and target" in done.stderr
    assert units.read_bytes() == before
