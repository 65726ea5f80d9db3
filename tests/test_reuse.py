"""A second run redoes only what changed, and its results are those of a run that starts afresh."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge import pictures
from geomerge.errors import InputError
from geomerge.results import counts
from geomerge.reuse import recipes
from geomerge.run import Run, run

LAYERS = ["parcels", "owners", "houses", "shops"]
FILES = {
    "parcels": "layers/parcels.gpkg",
    "owners": "layers/owners.csv",
    "houses": "layers/houses.shp",
    "shops": "layers/shops.shp",
}


def hashes(folder: Path) -> dict[str, str]:
    """Return the hashes of all results; what the steps took is none."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / "timings.json")
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what figures show instead of drawing it, and take geomerge for what it was when the test began."""

    def draw(*shown: Any) -> dict[str, bytes]:
        text = f"<svg><!-- {[str(part) for part in shown]} --></svg>"
        return {name: text.encode() for name in ("before_after.png", "before_after.svg", "before.svg", "after.svg")}

    monkeypatch.setattr("geomerge.outputs.draw", draw)
    monkeypatch.setenv("OGR_SQLITE_SYNCHRONOUS", "OFF")
    monkeypatch.setattr("geomerge.reuse.program", lambda: "this one")


class Reform:
    """A small job with layers of four formats; one is led by another, one has a key, one lies in another CRS.

    0101 and 0102 become 0110, the east of 0103 goes to 0104.
    """

    def __init__(self, small: Any) -> None:
        self.small = small
        self.clean = 0
        small.parcels["number"] = [1, 1, 2, 2]
        across = shapely.box(2400, 300, 2600, 400)
        more = {"id": [5], "code": ["0103"], "number": [3], "geometry": [across]}
        small.parcels = pd.concat([small.parcels, gpd.GeoDataFrame(more, crs=small.parcels.crs)], ignore_index=True)
        self.owners = pd.DataFrame(
            {"owner": ["Ada", "Bo", "Eva"], "parcel": [1, 3, 5], "kommune": ["0101", "0103", "0103"]}
        )
        spots = [shapely.Point(150, 150), shapely.Point(2900, 500)]
        long = {"a_name_that_shapefiles_cut": ["p", "q"]}  # a finding of writing
        houses = gpd.GeoDataFrame({"house": [7, 8], "code": ["0101", "0103"], **long}, geometry=spots, crs="EPSG:25833")
        self.houses = houses.to_crs("EPSG:4326")
        shops = [shapely.Point(3100, 500), shapely.Point(1100, 600)]
        self.shops = gpd.GeoDataFrame({"shop": ["x", "y"], "KOMM": [104, 102]}, geometry=shops, crs="EPSG:25833")
        small.plan["events"].append({"transfer": "0103", "to": "0104", "area": "east.geojson"})
        self.east = gpd.GeoDataFrame(geometry=[shapely.box(2500, -10, 3000, 1010)], crs="EPSG:25833")
        small.plan["keys"] = [{"from": "0102", "to": "0110", "add": 200}]
        small.job["layers"] = [
            {"name": "parcels", "path": "parcels.gpkg", "code": "code", "id": "id", "key": ["number"]},
            {
                "name": "owners", "path": "owners.csv", "code": "kommune", "id": "owner",
                "follows": {"layer": "parcels", "foreign_key": "parcel", "key": "id"},
            },
            {"name": "houses", "path": "houses.geojson", "code": "code", "id": "house", "format": "shp"},
            {"name": "shops", "path": "shops.shp", "code": "KOMM", "code_width": 4},
        ]  # fmt: skip

    def run(self, **options: Any) -> Run:
        """Write the files of the job, those that changed, and run it."""
        place = self.small.folder
        self._keep(place / "owners.csv", lambda path: self.owners.to_csv(path, index=False))
        self._keep(place / "houses.geojson", lambda path: self.houses.to_file(path))
        self._keep(place / "east.geojson", lambda path: self.east.to_crs("EPSG:4326").to_file(path))
        self.shops.to_file(place / "shops.shp")
        before = {
            name: (place / name).read_bytes() for name in ("units.gpkg", "parcels.gpkg") if (place / name).exists()
        }
        tables = {name: _table(place / name) for name in before}
        self.small.write()
        for name, content in before.items():  # GDAL writes the time into them
            if _table(place / name) == tables[name]:
                (place / name).write_bytes(content)
        return run(self.small.path, **options)

    def _keep(self, path: Path, write: Callable[[Path], object]) -> None:
        path.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write(path)

    def require_same_as_clean(self) -> None:
        """Compare the results with those of a run that starts afresh in another folder."""
        self.clean += 1
        other = self.small.folder.parent / f"{self.small.folder.name}-clean-{self.clean}"
        run(self.small.path, output=other, fresh=True)
        assert hashes(self.small.output) == hashes(other)
        shutil.rmtree(other)


def _table(path: Path) -> str:
    table = gpd.read_file(path)
    return f"{table.crs} {list(table.columns)} {table.to_wkt().to_csv()}"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where a job that was run once is kept for all tests."""
    return {"folder": tmp_path_factory.mktemp("reform") / "kept"}


@pytest.fixture
def reform(small_job: Any, ready: dict[str, Path]) -> Reform:
    """A job that was run once, somewhere else."""
    made = Reform(small_job)
    if not ready["folder"].exists():
        assert made.run().steps == ()
        made.small.folder.rename(ready["folder"])
    shutil.copytree(ready["folder"], made.small.folder, dirs_exist_ok=True)
    return made


def redone(done: Run) -> list[str]:
    """Return the steps that were done again, in order of their names."""
    return sorted(step.step for step in done.steps if not step.reused)


def reused(done: Run) -> set[str]:
    return {step.step for step in done.steps if step.reused}


def test_nothing_changed_so_nothing_is_done(reform: Reform, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashes(reform.small.output)
    manifest = json.loads((reform.small.output / "manifest.json").read_text())
    assert "format" in [finding["check"] for finding in manifest["findings"]]
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["geomerge.run"], "read_inputs", None)
        done = reform.run()
    assert redone(done) == []
    assert {*LAYERS, *FILES.values(), "boundaries.gpkg", "review.gpkg", "figures"} <= reused(done)
    assert hashes(reform.small.output) == before
    assert all(file.stat().st_nlink == 1 for file in reform.small.output.rglob("*") if file.is_file())
    reform.require_same_as_clean()


def test_the_results_are_there_when_they_are_asked_for(reform: Reform) -> None:
    done = reform.run()
    assert list(done.results.moved) == LAYERS
    assert counts(done.results) == dict(done.counts)


def rename_the_plan(reform: Reform) -> None:
    reform.small.plan["title"] += "!"


def rename_a_unit_that_stays(reform: Reform) -> None:
    reform.small.units.loc[3, "name"] += "x"


def rename_the_new_unit(reform: Reform) -> None:
    reform.small.plan["events"][0]["name"] += "y"


def add_another_number(reform: Reform) -> None:
    reform.small.plan["keys"][0]["add"] += 100


def change_a_parcel(reform: Reform) -> None:
    reform.small.parcels.loc[3, "number"] += 10


def lose_the_code_of_a_parcel(reform: Reform) -> None:
    reform.small.parcels.loc[1, "code"] = "0199" if reform.small.parcels.loc[1, "code"] == "0102" else "0102"


def change_an_owner(reform: Reform) -> None:
    reform.owners.loc[1, "parcel"] = 4 - reform.owners.loc[1, "parcel"]


def move_a_house(reform: Reform) -> None:
    reform.houses.geometry = reform.houses.geometry.translate(0.0001)


def open_a_shop(reform: Reform) -> None:
    more = gpd.GeoDataFrame({"shop": ["z"], "KOMM": [101]}, geometry=[shapely.Point(1, 1)], crs="EPSG:25833")
    reform.shops = pd.concat([reform.shops, more], ignore_index=True)


def ask_for_more(reform: Reform) -> None:
    layer = reform.small.job["layers"][2]
    layer["min_share"] = layer.get("min_share", 0.9) - 0.01


def move_the_border(reform: Reform) -> None:
    reform.east.geometry = reform.east.geometry.translate(5)


def decide(reform: Reform) -> None:
    """Decide a row of the review, which the next run is allowed to replace."""
    with closing(sqlite3.connect(reform.small.output / "review.gpkg")) as connection:
        connection.execute("UPDATE gpkg_contents SET description = 'mine' WHERE table_name = 'findings'")
        connection.commit()


def spoil_houses(reform: Reform) -> None:
    with (reform.small.output / FILES["houses"]).open("a") as stream:
        stream.write("\n")


def lose_the_figures(reform: Reform) -> None:
    shutil.rmtree(reform.small.output / "figures")


def write_into_the_manifest(reform: Reform) -> None:
    file = reform.small.output / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"title": "Mine"}))


EDITS: dict[Callable[[Reform], None], set[str]] = {
    rename_the_plan: {"figures"},
    rename_a_unit_that_stays: {"boundaries.gpkg", "figures", "layers/units.gpkg"},
    rename_the_new_unit: {"boundaries.gpkg", "figures", "layers/units.gpkg"},
    add_another_number: {"parcels", FILES["parcels"]},
    change_a_parcel: {"parcels", "owners", FILES["parcels"], FILES["owners"]},
    lose_the_code_of_a_parcel: {"parcels", "owners", FILES["parcels"], FILES["owners"], "review.gpkg"},
    change_an_owner: {"owners", "parcels", FILES["owners"]},
    move_a_house: {"houses", FILES["houses"]},
    open_a_shop: {"shops", FILES["shops"]},
    ask_for_more: {"houses", FILES["houses"]},
    move_the_border: {*LAYERS, *FILES.values(), "boundaries.gpkg", "figures", "layers/units.gpkg", "review.gpkg"},
    decide: {"review.gpkg"},
    spoil_houses: {"houses", FILES["houses"]},
    lose_the_figures: {"figures"},
    write_into_the_manifest: set(),
}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edit_affects_only_what_follows_from_it(reform: Reform, edit: Callable[[Reform], None]) -> None:
    edit(reform)
    done = reform.run()
    assert set(redone(done)) - {"review.gpkg"} == EDITS[edit] - {"review.gpkg"}
    assert ("review.gpkg" in redone(done)) >= ("review.gpkg" in EDITS[edit])
    reform.require_same_as_clean()


@given(edits=st.lists(st.sampled_from(list(EDITS)), min_size=2, max_size=2))
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edits_end_in_the_results_of_a_clean_run(
    reform: Reform, ready: dict[str, Path], edits: list[Callable[[Reform], None]]
) -> None:
    shutil.rmtree(reform.small.folder)
    shutil.copytree(ready["folder"], reform.small.folder)
    again = Reform(type(reform.small)(reform.small.folder))
    for edit in edits:
        edit(again)
        again.run()
    again.require_same_as_clean()


def test_layers_of_one_file_are_written_together(small_job: Any) -> None:
    more = gpd.GeoDataFrame({"id": [1], "code": ["0101"]}, geometry=[shapely.Point(150, 150)], crs="EPSG:25833")
    small_job.job["layers"].append(
        {"name": "trees", "path": "parcels.gpkg", "layer": "trees", "code": "code", "id": "id"}
    )
    small_job.job["layers"][0]["layer"] = "parcels"
    small_job.write()
    more.to_file(small_job.folder / "parcels.gpkg", layer="trees")
    run(small_job.path)
    small_job.job["layers"][1]["min_share"] = 0.8
    small_job.path.write_text(json.dumps(small_job.job))
    done = run(small_job.path)
    assert {step.step: step.why for step in done.steps if not step.reused} == {
        "parcels": "it stands in layers/parcels.gpkg",
        "trees": "the job changed",
        "layers/parcels.gpkg": "trees changed",
    }
    assert run(small_job.path, output=small_job.folder / "clean", fresh=True).steps == ()
    assert hashes(small_job.output) == hashes(small_job.folder / "clean")


def test_another_geomerge_reuses_nothing(reform: Reform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomerge.reuse.program", lambda: "the next one")
    done = reform.run()
    assert reused(done) == set()
    assert {step.why for step in done.steps} == {"geomerge or what it stands on changed"}


def test_fresh_reuses_nothing(reform: Reform) -> None:
    done = reform.run(fresh=True)
    assert done.steps == ()
    assert list(done.results.moved) == LAYERS


def test_a_record_that_was_edited_is_not_believed(reform: Reform) -> None:
    record = reform.small.output / "reuse" / "steps.json"
    record.write_text(record.read_text().replace('"rows": 5', '"rows": 6'))
    done = reform.run()
    assert done.steps == ()
    assert done.counts["layers"]["parcels"]["rows"] == 5


def test_the_rows_of_a_lost_ledger_are_made_again(reform: Reform) -> None:
    (reform.small.output / "ledger.csv").unlink()
    done = reform.run()
    assert {step.step for step in done.steps if not step.reused} == set(LAYERS)
    reform.require_same_as_clean()


def test_decisions_are_replayed_by_a_run_that_has_nothing_else_to_do(reform: Reform) -> None:
    reform.small.parcels.loc[1, "code"] = "0199"
    reform.small.parcels.loc[1, "number"] = 99  # a number that nobody has where it goes
    reform.run()
    review = reform.small.output / "review.gpkg"
    with closing(sqlite3.connect(review)) as connection:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(name, 1, lambda _: 0)
        connection.execute("UPDATE parcels SET decision = new_code")
        connection.commit()
    assert "parcels" in redone(reform.run())
    reform.require_same_as_clean()


def test_a_layer_in_which_a_program_writes_is_read_again(reform: Reform) -> None:
    """What stands in the journal beside a GeoPackage is part of it."""
    with closing(sqlite3.connect(reform.small.folder / "parcels.gpkg")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(name, 1, lambda _: 0)
        run(reform.small.path)
        connection.execute("UPDATE parcels SET number = 77 WHERE id = 4")
        connection.commit()
        assert "parcels" in redone(run(reform.small.path))


def test_a_fault_is_told_and_what_was_there_stays(reform: Reform) -> None:
    before = hashes(reform.small.output)
    reform.houses = reform.houses.rename(columns={"code": "kode"})
    with pytest.raises(InputError, match="has no column code"):
        reform.run()
    assert hashes(reform.small.output) == before
    reform.houses = reform.houses.rename(columns={"kode": "code"})
    assert redone(reform.run()) == []


def test_an_input_that_is_written_while_it_is_read_is_read_again(
    reform: Reform, monkeypatch: pytest.MonkeyPatch
) -> None:
    reform.houses.geometry = reform.houses.geometry.translate(0.0001)
    with monkeypatch.context() as patch:
        patch.setattr("geomerge.manifest.Hashes.outdated", lambda _hashes, path: path.name == "houses.geojson")
        reform.run()
    assert {"houses", FILES["houses"]} <= set(redone(reform.run()))


def test_layers_come_and_go(reform: Reform) -> None:
    shops = reform.small.job["layers"].pop()
    assert {"shops", FILES["shops"]} & {step.step for step in reform.run().steps} == set()
    assert not (reform.small.output / "layers" / "shops.shp").exists()
    reform.small.job["layers"].insert(0, shops)
    assert redone(reform.run()) == [FILES["shops"], "shops"]
    reform.require_same_as_clean()


def test_the_sample(finished_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomerge.reuse.program", recipes.program)  # as in the run before
    monkeypatch.setattr("geomerge.outputs.draw", pictures.draw)
    shutil.copytree(finished_sample, tmp_path / "sample")
    job, plan, out = (tmp_path / "sample" / name for name in ("job.yaml", "plan.yaml", "out"))
    plan.write_text(plan.read_text(encoding="utf-8").replace("add: 600", "add: 700"), encoding="utf-8")
    done = run(job, output=out)
    assert {"districts", "buildings", "boundaries.gpkg", "figures", "layers/units_2016.gpkg"} <= reused(done)
    assert {"parcels", "cadastral_units", "addresses"} <= set(redone(done))
    run(job, output=tmp_path / "clean", fresh=True)
    assert hashes(out) == hashes(tmp_path / "clean")


def test_tables_that_differ_have_other_hashes() -> None:
    shapes = [shapely.box(0, 0, 1, 1), None]
    table = gpd.GeoDataFrame({"a": ["x", None], "n": [1, 2]}, geometry=shapes, crs="EPSG:25833")
    others = [
        table.assign(a=["", None]),
        table.assign(a=["x", ""]),
        table.assign(a=[None, "x"]),
        table.assign(n=[1, 3]),
        table.assign(n=[1.0, 2.0]),
        table.rename(columns={"a": "b"}),
        table.set_axis([0, 2]),
        table.set_crs("EPSG:25832", allow_override=True),
        table.set_geometry([None, shapes[0]], crs=table.crs),
        table.set_geometry([shapely.box(0, 0, 1, 2), None], crs=table.crs),
        table.assign(a=pd.Series(["x", None], dtype=object)),
    ]
    found = [recipes.digest(one) for one in (table, *others)]
    assert len(set(found)) == len(found)
    assert recipes.digest(table.copy(deep=True)) == found[0]
