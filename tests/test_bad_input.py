"""Wrong input of every kind: one clear message with the what, the where and the remedy, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from geomerge.cli import main

Spoil = Callable[[Any], None]


def spoiled(small_job: Any, before: Spoil | None = None, after: Spoil | None = None) -> tuple[int, str]:
    """Run a job that was changed before, or whose files were changed after writing; return exit code and messages."""
    if before:
        before(small_job)
    small_job.write()
    if after:
        after(small_job)
    done = CliRunner().invoke(main, ["run", str(small_job.path)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert not small_job.output.exists()
    assert not [path for path in small_job.folder.iterdir() if path.name.startswith(".")]
    return done.exit_code, done.stderr


def units_without(job: Any) -> None:
    job.units = job.units.rename(columns={"code": "kode"})


def parcels_without(job: Any) -> None:
    job.parcels = job.parcels.rename(columns={"code": "kode"})


def no_crs(job: Any) -> None:
    job.units = job.units.set_crs(None, allow_override=True)


def no_parcel_crs(job: Any) -> None:
    job.parcels = job.parcels.set_crs(None, allow_override=True)


def degrees(job: Any) -> None:
    job.units = job.units.to_crs("EPSG:4326")


def lost_zeros(job: Any) -> None:
    job.units["code"] = job.units["code"].astype(int)


def stripped_zeros(job: Any) -> None:
    job.units["code"] = job.units["code"].str.lstrip("0")


def double(job: Any) -> None:
    job.units.loc[1, "code"] = "0101"


def empty_code(job: Any) -> None:
    job.units.loc[2, "code"] = None


def no_geometry(job: Any) -> None:
    job.units.loc[0, "geometry"] = None


def points(job: Any) -> None:
    job.units["geometry"] = job.units.representative_point()


def no_rows(job: Any) -> None:
    job.units = job.units.iloc[:0]


def same_file(job: Any) -> None:
    job.job["crs"] = "EPSG:99999999"


def unknown_level(job: Any) -> None:
    job.job["units"]["levels"] = [{"name": "county", "code": "fylke"}]


def unknown_word(job: Any) -> None:
    job.job["unitz"] = {}


def follows_nobody(job: Any) -> None:
    job.job["layers"][0]["follows"] = {"layer": "teig", "foreign_key": "a", "key": "b"}


CASES: dict[str, tuple[Spoil, int, list[str]]] = {
    "column missing in units": (
        units_without,
        2,
        ["units.gpkg has no column code", "It has kode, name", "Name the right"],
    ),
    "column missing in parcels": (parcels_without, 2, ["parcels.gpkg has no column code"]),
    "no CRS": (no_crs, 2, ["units.gpkg", "CRS", "crs: EPSG"]),
    "no CRS of a layer": (no_parcel_crs, 2, ["parcels.gpkg", "CRS"]),
    "degrees": (degrees, 2, ["units.gpkg", "EPSG:4326", "degree", "crs: EPSG:"]),
    "codes that are numbers": (lost_zeros, 2, ["Column code of units.gpkg holds numbers", "code_width"]),
    "codes without zeros": (stripped_zeros, 1, ["No unit has the code 0101", "Did you mean 101?"]),
    "a code twice": (double, 1, ["The code 0101 stands 2 times", "dissolve"]),
    "a code missing": (empty_code, 2, ["Column code of", "empty in 1 rows"]),
    "no geometry": (no_geometry, 1, ["0101 has no geometry", "Give it its polygon"]),
    "points for units": (points, 2, ["units.gpkg holds other geometries than polygons"]),
    "no rows": (no_rows, 2, ["units.gpkg", "empty"]),
    "no such CRS": (same_file, 2, ["EPSG:99999999"]),
    "no such level": (unknown_level, 2, ["units.gpkg has no column fylke"]),
    "unknown word in the job": (unknown_word, 2, ["job.yaml line", "unitz", "not known"]),
    "follows nobody": (follows_nobody, 2, ["parcels follows teig"]),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_tables(small_job: Any, case: str) -> None:
    spoil, code, texts = CASES[case]
    got, message = spoiled(small_job, spoil)
    assert got == code, message
    for text in texts:
        assert text in message
    assert "Traceback" not in message


def truncate(name: str) -> Spoil:
    def spoil(job: Any) -> None:
        path = job.folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])

    return spoil


def remove(name: str) -> Spoil:
    return lambda job: (job.folder / name).unlink()


def text(name: str, content: str, encoding: str = "utf-8") -> Spoil:
    return lambda job: (job.folder / name).write_text(content, encoding=encoding)


FILES: dict[str, tuple[Spoil, int, list[str]]] = {
    "a cut short file": (truncate("units.gpkg"), 2, ["units.gpkg", "damaged"]),
    "a cut short layer": (truncate("parcels.gpkg"), 2, ["parcels.gpkg", "damaged"]),
    "an empty file": (text("parcels.gpkg", ""), 2, ["parcels.gpkg"]),
    "a missing file": (remove("parcels.gpkg"), 2, ["parcels.gpkg does not exist", "units.gpkg"]),
    "a missing plan": (remove("plan.yaml"), 2, ["plan.yaml"]),
    "a missing job": (remove("job.yaml"), 2, ["job.yaml"]),
    "a broken plan": (text("plan.yaml", "events: [merge: {"), 2, ["plan.yaml", "line 1"]),
    "a plan in Latin-1": (text("plan.yaml", "title: Ærø", "latin-1"), 2, ["plan.yaml", "UTF-8"]),
    "an empty plan": (text("plan.yaml", ""), 2, ["plan.yaml"]),
    "a plan without events": (text("plan.yaml", "title: x\ndate: 2020-01-01\nevents: []"), 2, ["events"]),
}


@pytest.mark.parametrize("case", FILES)
def test_wrong_files(small_job: Any, case: str) -> None:
    spoil, code, texts = FILES[case]
    got, message = spoiled(small_job, after=spoil)
    assert got == code, message
    for text_ in texts:
        assert text_ in message
    assert "Traceback" not in message


def test_all_faults_at_once(small_job: Any) -> None:
    def spoil(job: Any) -> None:
        units_without(job)
        parcels_without(job)
        job.plan["events"] = [{"merge": "0101", "into": ""}, {"transfer": "0102"}]

    code, message = spoiled(small_job, spoil)
    assert code == 2
    for part in (
        "units.gpkg has no column code",
        "parcels.gpkg has no column code",
        "into",
        "to: is missing",
    ):
        assert part in message


def test_an_invalid_unit_is_told_and_only_repaired_where_it_changes(small_job: Any) -> None:
    bow = shapely.Polygon(
        [
            (3000, 0),
            (4000, 0),
            (4000, 1000),
            (3900, 1000),
            (3950, 1010),
            (3900, 1010),
            (3950, 1000),
            (3000, 1000),
        ]
    )
    assert not bow.is_valid
    small_job.units.loc[3, "geometry"] = bow
    done = CliRunner().invoke(main, ["run", str(small_job.write())])
    assert done.exit_code == 0, done.output
    units = gpd.read_file(small_job.output / "layers" / "units.gpkg")
    assert units.geometry.iloc[2].wkb == bow.wkb
    findings = gpd.read_file(small_job.output / "review.gpkg", layer="findings")
    assert findings["what"].str.contains("0104 is invalid").any()


def test_a_folder_that_is_a_file(small_job: Any, tmp_path: Path) -> None:
    small_job.write()
    (tmp_path / "out").write_text("mine")
    done = CliRunner().invoke(main, ["run", str(small_job.path)])
    assert done.exit_code == 2
    assert "is a file" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_what_is_asked_for_beside_a_run_never_replaces_a_file(sample, tmp_path):
    for file in ("plan.yaml", "job.yaml"):
        (tmp_path / file).write_bytes((sample / file).read_bytes())
    precious = tmp_path / "registers.yaml"
    precious.write_text("mine", encoding="utf-8")
    units = f"{sample / 'units_2016.gpkg'}|kommuner"
    for arguments in (
        ["keys", str(sample / "job.yaml"), "-o", str(precious)],
        ["verify", units, "--code", "kommunenummer", "-o", str(precious)],
        ["recode", str(sample / "job.yaml"), "--review", str(precious)],
        ["inventory", units, "--units", units, "--code", "kommunenummer", "-o", str(tmp_path)],
    ):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 2, (arguments, done.output)
        assert "exists already" in done.output
    assert precious.read_text(encoding="utf-8") == "mine"


def test_metres_that_are_said_to_be_degrees(small_job):
    small_job.write()
    path = small_job.folder / "units.geojson"
    small_job.units.set_crs("EPSG:4326", allow_override=True).to_file(path)
    small_job.job["units"]["path"] = path.name
    small_job.job["crs"] = "EPSG:25833"
    done = CliRunner().invoke(main, ["check", str(small_job.write())])
    assert done.exit_code == 2
    assert "up to 4000, are no degrees. Give the file the CRS it is in" in done.output


@pytest.mark.parametrize("target", [".", "/"])
def test_the_folder_one_is_in_is_never_replaced(small_job, monkeypatch, target):
    monkeypatch.chdir(small_job.folder.parent)
    done = CliRunner().invoke(main, ["run", str(small_job.write()), "-o", target, "--overwrite"])
    assert done.exit_code == 2, done.output
    assert "Choose a folder of its own" in done.output or "the folder you are in" in done.output
