"""A whole job, on the small drawing and on the sample."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geomerge.errors import InputError
from geomerge.results import counts
from geomerge.run import Run, run

OUTPUT = [
    "boundaries.gpkg",
    "crosswalk.csv",
    "figures",
    "layers",
    "ledger.csv",
    "manifest.json",
    "parents.csv",
    "project.qgz",
    "registers",
    "report.html",
    "reuse",
    "review.gpkg",
    "streets.csv",
    "timings.json",
]


@pytest.fixture(scope="module")
def done(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample job, run once."""
    return run(sample / "job.yaml", output=tmp_path_factory.mktemp("sample") / "out")


def folder(done: Run) -> Path:
    assert done.output is not None
    return done.output


def hashes(path: Path) -> dict[str, str]:
    """Return the hashes of all results; what the steps took is none."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and file != path / "timings.json")
    return {file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_output_is_laid_out(done: Run) -> None:
    assert sorted(path.name for path in folder(done).iterdir()) == OUTPUT


def test_golden_counts(done: Run) -> None:
    found = counts(done.results)
    assert (found["units_before"], found["units_after"], found["pieces"]) == (14, 12, 15)
    assert found["changes"] == {"adjusted": 1, "merged": 1, "unchanged": 10}
    assert found["layers"] == {
        "parcels": {
            "rows": 5642,
            "moved": 5134,
            "by_code": 3436,
            "by_contains": 1693,
            "by_share": 5,
            "review": 33,
        },
        "cadastral_units": {"rows": 5682, "moved": 5174, "by_follows": 5174, "review": 33},
        "districts": {"rows": 63, "moved": 23, "by_code": 16, "by_contains": 7, "review": 1},
        "addresses": {"rows": 2500, "moved": 2292, "by_code": 1514, "by_contains": 778, "review": 0},
        "buildings": {"rows": 2506, "moved": 2297, "by_code": 1527, "by_contains": 770, "review": 0},
    }
    assert abs(done.results.balance["relative"].iat[0]) < 1e-12


def test_golden_crosswalk(done: Run) -> None:
    table = pd.read_csv(folder(done) / "crosswalk.csv", dtype=str)
    changed = table[table["event"].notna()]
    assert changed[["old_code", "new_code", "kind"]].values.tolist() == [
        ["0706", "0710", "whole"],
        ["0719", "0710", "whole"],
        ["0720", "0704", "part"],
        ["0720", "0710", "part"],
    ]
    assert float(changed["share"].iloc[2]) == pytest.approx(0.0272241, abs=1e-7)


def test_units_keep_schema_and_untouched_bytes(done: Run, sample: Path) -> None:
    before = pyogrio.read_dataframe(sample / "units_2016.gpkg", layer="kommuner", fid_as_index=True)
    after = pyogrio.read_dataframe(folder(done) / "layers" / "units_2016.gpkg", layer="kommuner", fid_as_index=True)
    assert list(before.columns) == list(after.columns)
    assert (before.dtypes == after.dtypes).all()
    untouched = after.index[~after["kommunenummer"].isin(["0704", "0710"])]
    pd.testing.assert_frame_equal(
        pd.DataFrame(before.loc[untouched]).drop(columns="geometry"),
        pd.DataFrame(after.loc[untouched]).drop(columns="geometry"),
    )
    assert (before.geometry.loc[untouched].to_wkb() == after.geometry.loc[untouched].to_wkb()).all()
    names = dict(zip(after["kommunenummer"], after["kommunenavn"], strict=True))
    assert (names["0704"], names["0710"]) == ("Tønsberg", "Sandefjord")
    assert after["innbyggere"].sum() == before["innbyggere"].sum()
    assert pyogrio.read_dataframe(folder(done) / "layers" / "units_2016.gpkg", layer="produktinfo").shape == (
        4,
        2,
    )


def test_every_parcel_is_in_exactly_one_place(done: Run, sample: Path) -> None:
    before = pyogrio.read_dataframe(sample / "cadastre_2016.gpkg", layer="teig")
    after = pyogrio.read_dataframe(folder(done) / "layers" / "cadastre_2016.gpkg", layer="teig")
    ledger = pd.read_csv(folder(done) / "ledger.csv", dtype=str)
    review = pyogrio.read_dataframe(folder(done) / "review.gpkg", layer="parcels")
    assert after["teigid"].tolist() == before["teigid"].tolist()
    assert after.geometry.to_wkb().tolist() == before.geometry.to_wkb().tolist()
    changed = after["kommunenummer"].fillna("") != before["kommunenummer"].fillna("")
    moved = set(ledger.loc[ledger["layer"] == "parcels", "id"])
    assert set(after.loc[changed, "teigid"].astype(str)) <= moved
    assert not moved & set(review["id"])
    assert review["reason"].value_counts().to_dict() == {
        "straddles the new border": 26,
        "code disagrees with the place": 3,
        "unknown code": 1,
        "no code": 1,
        "outside every unit": 1,
        "no geometry": 1,
    }
    rows = after["teigid"].astype(str).isin(review["id"])
    unchanged = after.loc[rows, "kommunenummer"].fillna("") == before.loc[rows, "kommunenummer"].fillna("")
    assert unchanged.all()


def test_new_keys_do_not_collide(done: Run) -> None:
    ledger = pd.read_csv(folder(done) / "ledger.csv", dtype=str)
    parcels = ledger[ledger["layer"] == "parcels"][["old_key", "new_key"]].drop_duplicates()
    assert parcels["new_key"].is_unique
    teig = pyogrio.read_dataframe(folder(done) / "layers" / "cadastre_2016.gpkg", layer="teig")
    addresses = pyogrio.read_dataframe(folder(done) / "layers" / "addresses_2016.gpkg", layer="adresse")
    properties = set(zip(teig["kommunenummer"], teig["gardsnummer"], teig["bruksnummer"], strict=True))
    named = set(zip(addresses["kommunenummer"], addresses["gardsnummer"], addresses["bruksnummer"], strict=True))
    undecided = pyogrio.read_dataframe(folder(done) / "review.gpkg", layer="parcels")
    assert len(named - properties) <= len(undecided)  # addresses on parcels that a person must decide
    assert (teig["matrikkelnummertekst"].str.split("/").str[0].astype(int) == teig["gardsnummer"]).all()


def test_manifest_holds_the_hashes(done: Run, sample: Path) -> None:
    manifest = json.loads((folder(done) / "manifest.json").read_text())
    written = {entry["path"]: entry["sha256"] for entry in manifest["outputs"]}
    assert written == {name: digest for name, digest in hashes(folder(done)).items() if name != "manifest.json"}
    read = {entry["path"]: entry["sha256"] for entry in manifest["inputs"]}
    assert read["vear.geojson"] == hashlib.sha256((sample / "vear.geojson").read_bytes()).hexdigest()
    assert manifest["counts"]["units_after"] == 12


def test_the_same_input_gives_the_same_bytes(done: Run, sample: Path, tmp_path: Path) -> None:
    again = run(sample / "job.yaml", output=tmp_path / "again")
    assert hashes(folder(again)) == hashes(folder(done))


def test_the_time_of_each_step_stands_apart_from_the_manifest(done: Run) -> None:
    timings = json.loads((folder(done) / "timings.json").read_text())
    steps = [entry["step"] for entry in timings["steps"]]
    assert steps == [cost.step for cost in done.costs]
    assert {"read parcels", "cut", "dissolve", "reassign parcels", "rekey parcels", "write layers"} <= set(steps)
    assert all(entry["seconds"] >= 0 and entry["peak_mb"] > 10 for entry in timings["steps"])
    manifest = json.loads((folder(done) / "manifest.json").read_text())
    assert manifest["timings"] == "timings.json"
    assert "timings.json" not in {entry["path"] for entry in manifest["outputs"]}


def test_boundaries_hold_styles(done: Run) -> None:
    layers = [name for name, _ in pyogrio.list_layers(folder(done) / "boundaries.gpkg")]
    assert {"units", "units_before", "pieces", "boundary_lines", "county", "nation", "layer_styles"} <= set(layers)
    styles = pyogrio.read_dataframe(folder(done) / "boundaries.gpkg", layer="layer_styles")
    assert set(styles["f_table_name"]) == set(layers) - {"layer_styles"}


def test_levels_lie_on_the_edges_of_the_units(done: Run) -> None:
    units = done.results.new_units.dissolve("fylkesnummer").geometry
    counties = done.results.levels["county"].set_index("code").geometry
    for code, county in counties.items():
        assert county.symmetric_difference(units[code]).area < 1e-6 * county.area
    assert done.results.levels["nation"]["units"].tolist() == [12]


def test_a_killed_run_leaves_the_previous_results(small_job: Any) -> None:
    run(small_job.write())
    before = hashes(small_job.output)
    small_job.plan["title"] = "Another title"
    small_job.write()
    code = (
        "import sys, time, geomerge.outputs as outputs\n"
        "first = outputs._write_layers\n"
        "def slow(*arguments):\n    first(*arguments); print('half', flush=True); time.sleep(60)\n"
        "outputs._write_layers = slow\n"
        "from geomerge import run\n"
        "run(sys.argv[1])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(small_job.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"half"
        process.send_signal(signal.SIGKILL)
    assert hashes(small_job.output) == before
    again = run(small_job.path)
    assert hashes(folder(again)) != before


def test_ctrl_c_says_so_and_cleans_up(small_job: Any) -> None:
    run(small_job.write())
    before = hashes(small_job.output)
    code = (
        "import sys, time, geomerge.outputs as outputs\n"
        "def slow(*arguments):\n    print('half', flush=True); time.sleep(60)\n"
        "outputs._write_layers = slow\n"
        "from geomerge.cli import main\n"
        "main(['run', '--fresh', sys.argv[1]])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(small_job.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "half"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130
    assert message.strip() == "geomerge: interrupted. The previous results are as they were."
    assert hashes(small_job.output) == before
    assert not [path for path in small_job.folder.iterdir() if path.name.startswith(".out")]


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files, which only POSIX can")
def test_a_full_disk_leaves_the_previous_results(small_job: Any) -> None:
    run(small_job.write())
    before = hashes(small_job.output)
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from geomerge.cli import main\n"
        "import geomerge.run, geomerge.outputs\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "main(['run', '--fresh', sys.argv[1]])\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(small_job.path)], capture_output=True, text=True)
    assert process.returncode == 2, process.stderr
    assert "cannot be written" in process.stderr
    assert "Traceback" not in process.stderr
    assert hashes(small_job.output) == before


def test_renumbering_alone_never_looks_at_geometry(small_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small_job.plan["events"] = [{"renumber": "0101", "to": "0201"}, {"renumber": "0102", "to": "0202"}]
    small_job.write()

    def refuse(*_: object) -> None:
        raise AssertionError("geometry was looked at")

    monkeypatch.setattr("geomerge.place.locate", refuse)
    done = run(small_job.path, dry_run=True)
    assert counts(done.results)["layers"]["parcels"]["moved"] == 2  # type: ignore[index]


def test_geographic_units_come_back_as_they_were(small_job: Any) -> None:
    small_job.units = small_job.units.to_crs("EPSG:4326")
    small_job.job["crs"] = "EPSG:25833"
    run(small_job.write())
    after = gpd.read_file(small_job.output / "layers" / "units.gpkg")
    assert after.crs == "EPSG:4326"
    before = small_job.units.set_index("code").geometry
    new = after.set_index("code").geometry
    assert new["0103"].wkb == before["0103"].wkb
    corners = {tuple(c) for code in ("0101", "0102") for c in before[code].exterior.coords}
    assert {tuple(c) for c in new["0110"].exterior.coords} <= corners


def test_inputs_are_never_in_the_folder_that_is_replaced(small_job: Any) -> None:
    small_job.job["output"] = "."
    small_job.write()
    for overwrite in (False, True):
        with pytest.raises(InputError, match="Choose a folder of its own"):
            run(small_job.path, overwrite=overwrite)
    assert (small_job.folder / "units.gpkg").exists()


def test_a_link_as_output_stays_a_link(small_job: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    small_job.output.symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        run(small_job.write())
    assert small_job.output.is_symlink()
    assert (tmp_path / "elsewhere" / "manifest.json").exists()


def test_the_ledger_tells_which_rows_stay_in_a_unit_that_gives_land_away(small_job: Any) -> None:
    """By them, registers know of every key of such a unit whether it moved."""
    strip = gpd.GeoDataFrame(geometry=[shapely.box(2900, 0, 3000, 1000)], crs="EPSG:25833")
    strip.to_file(small_job.folder / "strip.gpkg")
    small_job.plan["events"] = [{"transfer": "0103", "to": "0104", "area": "strip.gpkg"}]
    done = run(small_job.write())
    assert done.counts["layers"]["parcels"]["moved"] == 0
    ledger = pd.read_csv(small_job.output / "ledger.csv", dtype=str, keep_default_na=False)
    assert ledger[["id", "old_code", "new_code", "event"]].values.tolist() == [["3", "0103", "0103", ""]]
