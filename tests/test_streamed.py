"""A layer carried out part by part gives the same results, byte for byte, however small the parts are."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge import pictures, pieces
from geomerge.cli import main
from geomerge.errors import Blocked, InputError, LayerError
from geomerge.features import Held
from geomerge.inputs import read_inputs
from geomerge.job import read_job
from geomerge.reassign import Judge, assign
from geomerge.results import counts
from geomerge.reuse import recipes
from geomerge.run import carry_out, run
from geomerge.streamed import Streamed

PARTS = [{"code": "0120", "name": "W", "area": "half.geojson"}, {"code": "0121", "name": "E", "remainder": True}]
SPLIT = {"events": [{"split": "0102", "into": PARTS}]}
MERGE = {"events": [{"merge": ["0101", "0102"], "into": "0110", "name": "Åbø"}]}
SKIPPED = frozenset(["timings.json"])


def parcels(count: int = 60) -> gpd.GeoDataFrame:
    """Return parcels all over four squares, some over a border, some without a place or with a strange code."""
    rng = np.random.default_rng(7)
    low = rng.uniform(0, [3900, 900], (count, 2))
    shapes = np.asarray(shapely.box(*low.T, *(low + rng.uniform(20, 90, (count, 2))).T), dtype=object)
    codes = [f"01{1 + int(min(x // 1000, 3)):02d}" for x in low[:, 0]]
    codes[3], codes[11], shapes[17] = "0999", None, None
    ids = [None if at == 41 else float(at) for at in range(count)]
    ids[50] = ids[9]
    odd = [at for at, code in enumerate(codes) if code == "0102"][2::5]
    text = ["wrong" if at in odd else f"{1 + at % 5}/{at}" for at in range(count)]
    data = {"id": ids, "code": codes, "gnr": 1 + np.arange(count) % 5, "bnr": np.arange(count), "text": text}
    return gpd.GeoDataFrame(data, geometry=shapes, crs="EPSG:25833")


def written(small_job: Any, suffix: str, plan: dict[str, Any], table: gpd.GeoDataFrame | None = None) -> Path:
    """Write a job with keys, in whose parcels something is wrong here and there, and a table that follows them."""
    table = parcels() if table is None else table
    small_job.plan |= plan
    small_job.parcels = table
    if plan is MERGE:
        small_job.plan["keys"] = [{"from": "0102", "to": "0110", "add": 100}]
    layer: dict[str, Any] = {"name": "parcels", "path": f"parcels.{suffix}", "code": "code", "id": "id"}
    layer |= {"key": ["gnr", "bnr"], "key_text": "text"} if plan is MERGE else {}
    follows = {"layer": "parcels", "foreign_key": "parcel", "key": "id"}
    small_job.job["layers"] = [
        layer,
        {"name": "tenants", "path": "tenants.csv", "code": "code", "follows": follows},
    ]
    path = small_job.write()
    half = gpd.GeoDataFrame(geometry=[shapely.box(1000, 0, 1480, 1000)], crs="EPSG:25833")
    half.to_crs(4326).to_file(small_job.folder / "half.geojson", driver="GeoJSON")
    if suffix == "parquet":
        table.to_parquet(small_job.folder / "parcels.parquet", row_group_size=16)
    tenants = pd.DataFrame({"parcel": table["id"].dropna().astype(int), "code": table["code"][table["id"].notna()]})
    tenants.to_csv(small_job.folder / "tenants.csv", index=False)
    return Path(path)


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, since these take most of the time of a small job; and look at the sources of geomerge once."""
    names = ("before_after.png", "before_after.svg", "before.svg", "after.svg")
    monkeypatch.setattr("geomerge.outputs.draw", lambda *_, **__: dict.fromkeys(names, b"<svg/>"))
    monkeypatch.setattr("geomerge.reuse.program", lambda: "as it is")


@pytest.fixture
def at_a_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what sets how many rows are worked on at a time."""
    return lambda rows: monkeypatch.setattr("geomerge.streamed.rows_that_fit", lambda *_: rows)


def contents(folder: Path) -> dict[str, bytes]:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in SKIPPED}


@pytest.mark.parametrize(("suffix", "plan"), [("gpkg", MERGE), ("parquet", SPLIT)])
def test_the_same_bytes(
    suffix: str, plan: dict[str, Any], small_job: Any, tmp_path: Path, at_a_time: Callable[[int], None]
) -> None:
    path = written(small_job, suffix, plan)
    whole = run(path, output=tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    assert whole.counts["layers"]["parcels"]["moved"] > 10
    assert whole.counts["layers"]["parcels"]["review"] > 1
    at_a_time(13)
    done = run(path, output=tmp_path / "parts", memory="100GB")
    found = contents(tmp_path / "parts")
    assert [name for name in expected if expected[name] != found.get(name)] == []
    assert found.keys() == expected.keys()
    assert isinstance(done.results.moved["parcels"], Streamed)
    assert counts(done.results)["layers"] == whole.counts["layers"]


def test_the_same_bytes_of_the_sample(
    finished_sample: Path, tmp_path: Path, at_a_time: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geomerge.reuse.program", recipes.program)  # all as in the run before
    monkeypatch.setattr("geomerge.outputs.draw", pictures.draw)
    at_a_time(1500)
    run(finished_sample / "job.yaml", output=tmp_path / "parts", memory="100GB")
    expected, found = contents(finished_sample / "out"), contents(tmp_path / "parts")
    assert [name for name in expected if expected[name] != found.get(name)] == []


@pytest.mark.parametrize("rows", [13, 59])
def test_findings_do_not_depend_on_the_parts(rows: int, small_job: Any, at_a_time: Callable[[int], None]) -> None:
    job = read_job(written(small_job, "gpkg", MERGE))
    whole = carry_out(read_inputs(job))
    checks = {finding.check for finding in whole.findings}
    assert {"id", "review", "unreadable key"} <= checks
    at_a_time(rows)
    parts = carry_out(read_inputs(job, memory=10**12))
    assert isinstance(parts.moved["parcels"], Streamed)
    assert parts.findings == whole.findings
    assert parts.accounts["parcels"].counts == whole.accounts["parcels"].counts
    assert parts.accounts["parcels"].review.equals(whole.accounts["parcels"].review)


def test_keys_that_collide_across_parts_are_found(small_job: Any, at_a_time: Callable[[int], None]) -> None:
    table = parcels()
    table["bnr"] = 1  # so that keys of the two old units meet in the new one
    small_job.plan["keys"] = []
    path = written(small_job, "gpkg", MERGE, table)
    plan = yaml.safe_load((small_job.folder / "plan.yaml").read_text(encoding="utf-8"))
    (small_job.folder / "plan.yaml").write_text(yaml.safe_dump(plan | {"keys": []}), encoding="utf-8")
    job = read_job(path)
    at_a_time(25)
    found = carry_out(read_inputs(job, memory=10**12)).findings
    assert found == carry_out(read_inputs(job)).findings
    assert "key collision" in {finding.check for finding in found}
    with pytest.raises(Blocked, match="stand for several old ones"):
        run(path, memory="100GB")
    assert not small_job.output.exists()


def test_a_layer_without_rows(small_job: Any, tmp_path: Path) -> None:
    path = written(small_job, "gpkg", MERGE, parcels().iloc[:0].astype({"code": "str"}))
    run(path, output=tmp_path / "whole")
    run(path, output=tmp_path / "parts", memory="100GB")
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


def test_another_crs_than_that_of_the_job(small_job: Any, tmp_path: Path, at_a_time: Callable[[int], None]) -> None:
    path = written(small_job, "gpkg", SPLIT, parcels().to_crs("EPSG:25832"))
    run(path, output=tmp_path / "whole")
    at_a_time(13)
    run(path, output=tmp_path / "parts", memory="100GB")
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


def test_row_numbers_with_gaps_and_below_zero(small_job: Any, tmp_path: Path, at_a_time: Callable[[int], None]) -> None:
    path = written(small_job, "gpkg", SPLIT)
    with closing(sqlite3.connect(small_job.folder / "parcels.gpkg")) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute("UPDATE parcels SET fid = fid * fid * 1000 - 40000")
    run(path, output=tmp_path / "whole")
    at_a_time(7)
    run(path, output=tmp_path / "parts", memory="100GB")
    assert contents(tmp_path / "whole") == contents(tmp_path / "parts")


def test_the_job_file_says_how_much_memory(small_job: Any) -> None:
    path = written(small_job, "gpkg", MERGE)
    path.write_text(path.read_text(encoding="utf-8") + "memory: 100GB\n", encoding="utf-8")
    assert isinstance(run(path, dry_run=True).results.moved["parcels"], Streamed)
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("size", ["-1", "abc", "0", "1e999", ""])
def test_what_is_no_size_is_told(size: str, small_job: Any) -> None:
    result = CliRunner().invoke(main, ["run", str(small_job.write()), "--memory", size])
    assert result.exit_code == 2
    assert "is no size of memory; write it like 2GB" in result.output
    small_job.job["memory"] = size or " "
    with pytest.raises(InputError, match="is no size of memory"):
        read_job(small_job.write())


def test_too_little_memory_is_refused_with_the_least_that_works(small_job: Any) -> None:
    result = CliRunner().invoke(main, ["run", str(small_job.write()), "--memory", "50 MB"])
    assert result.exit_code == 2
    assert "this job needs at least" in result.output
    assert not small_job.output.exists()


def test_what_must_be_held_as_a_whole_is_refused_before_it_is_read(small_job: Any) -> None:
    small_job.write()
    table = gpd.GeoDataFrame(pd.concat([parcels(2000)] * 4, ignore_index=True), crs="EPSG:25833")
    table.to_file(small_job.folder / "parcels.geojson", driver="GeoJSON")
    small_job.job["layers"][0]["path"] = "parcels.geojson"
    path = small_job.write()
    assert run(path, dry_run=True, memory="100GB").counts["layers"]["parcels"]["rows"] == 8000
    with pytest.raises(InputError, match=r"parcels\.geojson, which is worked on as a whole, needs at least"):
        run(path, memory="10MB")


def test_codes_that_lost_their_zeros_are_told_of_all_rows(small_job: Any) -> None:
    small_job.parcels = parcels().assign(code=np.arange(60) + 101)
    job = read_job(small_job.write())
    with pytest.raises(InputError) as whole:
        read_inputs(job)
    with pytest.raises(InputError) as parts:
        read_inputs(job, memory=10**12)
    assert parts.value.faults == whole.value.faults
    assert "(101 to 160)" in parts.value.faults[0]


def test_nothing_is_left_of_the_spool(small_job: Any, at_a_time: Callable[[int], None]) -> None:
    path = written(small_job, "gpkg", SPLIT)
    at_a_time(30)
    done = run(path, memory="100GB")
    before = {entry.name for entry in small_job.folder.iterdir()}
    assert not [name for name in before if "staging" in name]
    with pytest.raises(LayerError, match="gone when it is over"):
        next(done.results.moved["parcels"].ledgers())  # type: ignore[attr-defined]
    gc.collect()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_nothing_is_left_after_an_interrupt(small_job: Any) -> None:
    path = written(small_job, "gpkg", MERGE)
    program = (
        "import sys, time, geomerge.streamed as streamed\n"
        "from geomerge.run import run\n"
        "streamed.rows_that_fit = lambda *_: 7\n"
        "add = streamed._Total.add\n"
        "def slow(self, part, moved):\n"
        "    add(self, part, moved)\n"
        "    print('part', flush=True)\n"
        "    time.sleep(0.2)\n"
        "streamed._Total.add = slow\n"
        "run(sys.argv[1], memory='100GB')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, stderr=-3) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert [entry for entry in small_job.folder.iterdir() if "spool" in entry.name]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    time.sleep(0.1)
    assert not [entry.name for entry in small_job.folder.iterdir() if "staging" in entry.name]
    assert not small_job.output.exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 60), max_size=6), verify=st.sampled_from(["affected", "all", "none"]))
def test_what_is_said_of_a_feature_does_not_depend_on_its_part(cuts: list[int], verify: Any, drawn: Any) -> None:
    units = gpd.GeoDataFrame(
        {"code": ["0101", "0102", "0103", "0104"]},
        geometry=[shapely.box(x * 1000, 0, x * 1000 + 1000, 1000) for x in range(4)],
        crs="EPSG:25833",
    )
    plan = drawn.plan(
        {"split": "0102", "into": [{"code": "0120", "area": "half"}, {"code": "0121", "remainder": True}]},
        {"merge": ["0103", "0104"], "into": "0130"},
        sources={"half": gpd.GeoDataFrame(geometry=[shapely.box(1000, 0, 1480, 1000)], crs="EPSG:25833")},
    )
    cut = pieces(units, plan, findings=[])
    table = parcels()
    whole = assign(table["code"], Held(table), cut, verify=verify, findings=[])
    judge = Judge(cut, len(table), verify=verify)
    ends = sorted({0, 60, *cuts})
    parts = [table.iloc[start:end] for start, end in itertools.pairwise(ends)]
    found = pd.concat([judge.of(part["code"], Held(part)) for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(found, whole)
