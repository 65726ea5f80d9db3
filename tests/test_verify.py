"""A finished run is proved by its files; each fault put into them is found."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from geomerge import verify, verify_units
from geomerge.cli import main
from geomerge.errors import InputError


@pytest.fixture
def finished(finished_sample: Path) -> Path:
    return finished_sample / "out"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def must(folder: Path, **given: Any) -> list[str]:
    return [finding.what for finding in verify(folder, **given) if finding.blocks]


def change(path: Path, *statements: str) -> None:
    """Change a GeoPackage, without the triggers that want functions of a spatial SQLite."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            connection.execute(statement)


def as_run(folder: Path, file: str) -> None:
    """Let the manifest say of a changed file that the run wrote it so."""
    from geomerge.manifest import sha256

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for output in manifest["outputs"]:
        if output["path"] == file:
            output["sha256"] = sha256(folder / file)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_run_is_in_order(finished):
    found = verify(finished)
    assert [finding for finding in found if finding.blocks] == []
    assert {finding.check for finding in found} == {"neighbour", "repeated id"}


def test_borders_that_went_are_told_with_their_line(finished):
    lost = [finding for finding in verify(finished) if "0706 and 0719" in finding.what and "parcels" in finding.where]
    assert [finding.what for finding in lost] == [
        "29 features lost a neighbour: the border between 0706 and 0719 is gone"
    ]
    assert lost[0].geometry.geom_type == "MultiLineString"


def test_a_file_changed_after_the_run(copy):
    with (copy / "crosswalk.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    (copy / "figures" / "before_after.svg").unlink()
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    assert must(copy) == [
        "crosswalk.csv was changed after the run",
        "figures/before_after.svg is missing",
        "The crosswalk is not the one that the pieces give",
    ]
    assert [f.what for f in verify(copy) if f.check == "foreign file"] == ["notes.txt is not of the run"]


def test_a_decision_in_the_review_is_no_change(copy):
    change(copy / "review.gpkg", "UPDATE parcels SET decision = '0710'")
    assert must(copy) == []


def test_a_code_no_unit_has(copy):
    file = "layers/cadastre_2016.gpkg"
    change(copy / file, "UPDATE teig SET kommunenummer = '0719' WHERE teigid = '5300003347'")
    as_run(copy, file)
    assert must(copy) == [
        "1 rows have another code than the ledger says, first 5300003347 with 0719",
        "1 rows have codes that no unit has, and 0 are in review: 0719 in 1 rows",
    ]


def test_a_row_lost(copy):
    file = "layers/cadastre_2016.gpkg"
    change(copy / file, "DELETE FROM teig WHERE teigid = '5300003347'")
    as_run(copy, file)
    assert must(copy) == [
        "parcels had 5642 rows, but 5608 are updated and 33 are in review",
        "1 rows of the ledger are not in the layer, first 5300003347",
    ]


def test_a_row_of_the_review_lost(copy):
    change(copy / "review.gpkg", "DELETE FROM parcels WHERE fid = 1")
    assert "33 rows went to review, but 32 are there" in must(copy)


def test_a_key_that_leads_back_to_two(copy):
    path = copy / "ledger.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("0719-2/1,0710-202/1", "0719-2/1,0710-1/1"), encoding="utf-8")
    as_run(copy, "ledger.csv")
    assert must(copy) == [
        "1 new keys of the ledger stand for several old ones, first 0710-1/1 for 0706-1/1 and 0719-2/1"
    ]


def test_a_key_that_leads_back_to_another_one_in_another_layer(copy):
    path = copy / "ledger.csv"
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("addresses,") and ",0706-1/1," in line)
    path.write_text(text.replace(line, line.replace(",0706-1/1,", ",0706-1/77,")), encoding="utf-8")
    as_run(copy, "ledger.csv")
    assert any("stand for several old ones" in what and "0706-1/77" in what for what in must(copy))


def test_a_new_code_that_the_ledger_does_not_tell_of(copy):
    path = copy / "ledger.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("parcels,5300003347,")), encoding="utf-8")
    as_run(copy, "ledger.csv")
    assert must(copy) == ["1 rows have a new code, but are not in the ledger, first 5300003347 with 0710"]


def test_a_row_of_the_review_with_another_code_than_its_layer(copy):
    change(copy / "review.gpkg", "UPDATE parcels SET code = '0701' WHERE fid = 1")
    assert any(what.startswith("1 rows have another code than the review says") for what in must(copy))


def test_units_that_are_not_those_of_the_boundaries(copy):
    file = "layers/units_2016.gpkg"
    change(
        copy / file,
        "DELETE FROM kommuner WHERE kommunenummer = '0701'",
        "UPDATE kommuner SET geom = (SELECT geom FROM kommuner WHERE kommunenummer = '0704') "
        "WHERE kommunenummer = '0702'",
    )
    as_run(copy, file)
    found = must(copy)
    assert "0701 are not in layers/units_2016.gpkg" in found
    assert any(what.startswith("0702 differs by") for what in found)


def test_a_crosswalk_that_is_not_that_of_the_pieces(copy):
    path = copy / "crosswalk.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0704", "0701", 1), encoding="utf-8")
    as_run(copy, "crosswalk.csv")
    assert must(copy) == ["The crosswalk is not the one that the pieces give"]


def test_a_manifest_that_was_edited(copy):
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"title": "Mine"}), encoding="utf-8")
    assert must(copy) == ["manifest.json was changed after the run"]


def test_a_unit_moved(copy):
    units = gpd.read_file(copy / "boundaries.gpkg", layer="units")
    corner = shapely.get_coordinates(units.geometry)[0]
    unit = units["code"].iat[0]
    moved = [
        shapely.transform(shape, lambda points: points + (points == corner) * 5.0) if code == unit else shape
        for code, shape in zip(units["code"], units.geometry, strict=True)
    ]
    units.set_geometry(gpd.GeoSeries(moved, crs=units.crs)).to_file(copy / "boundaries.gpkg", layer="units")
    as_run(copy, "boundaries.gpkg")
    found = must(copy)
    assert f"{unit} is not touched by the plan, but its geometry is another" in found
    assert any(what.startswith("The level has") for what in found)
    assert any(what.startswith(f"The pieces of {unit} have") for what in found)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="holds no finished run"):
        verify(tmp_path)
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="no run that can be verified"):
        verify(tmp_path)


def test_a_run_without_its_boundaries(copy):
    (copy / "boundaries.gpkg").unlink()
    with pytest.raises(InputError, match=r"lacks boundaries.gpkg"):
        verify(copy)


class TestUnits:
    def drawn(self, *shapes, codes=("1", "2"), names=("A", "B")):
        return gpd.GeoDataFrame({"code": codes, "name": names}, geometry=list(shapes), crs="EPSG:25832")

    def checks(self, units, **given):
        return [finding.check for finding in verify_units(units, words=["name"], **given)]

    def test_in_order(self):
        assert self.checks(self.drawn(shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 9))) == []

    def test_words(self):
        units = self.drawn(shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 9), codes=["1", "1"], names=["A", " "])
        assert self.checks(units) == ["code twice", "name missing"]

    def test_a_gap_is_new_or_was_there(self):
        units = self.drawn(shapely.box(0, 0, 9, 9), shapely.box(9.005, 0, 18, 9))
        assert self.checks(units) == ["unmatched edge", "unmatched edge"]
        assert self.checks(units, before=units) == []

    def test_a_sliver_and_a_spike(self):
        sliver = shapely.union(shapely.box(0, 0, 10, 10), shapely.box(20, 0, 20.1, 10))
        spike = shapely.Polygon([(30, 0), (40, 0), (40, 5), (60, 5.01), (40, 5.02), (40, 10), (30, 10)])
        assert self.checks(self.drawn(sliver, spike)) == ["sliver", "spike"]

    def test_a_spike_at_the_first_corner_of_a_ring(self):
        spike = shapely.Polygon([(60, 5.01), (40, 5.02), (40, 10), (30, 10), (30, 0), (40, 0), (40, 5)])
        assert self.checks(self.drawn(shapely.box(0, 0, 10, 10), spike)) == ["spike"]


def test_command(copy, tmp_path):
    done = CliRunner().invoke(main, ["verify", str(copy), "-o", str(tmp_path / "findings.gpkg")])
    assert done.exit_code == 0, done.output
    assert "should  neighbour: 29 features lost a neighbour" in done.output
    assert len(gpd.read_file(tmp_path / "findings.gpkg")) == done.output.count("\nshould") + 1
    (copy / "ledger.csv").write_text("", encoding="utf-8")
    assert CliRunner().invoke(main, ["verify", str(copy)]).exit_code == 2


def test_command_on_units(sample):
    done = CliRunner().invoke(
        main, ["verify", str(sample / "units_2016.gpkg") + "|kommuner", "--code", "kommunenummer"]
    )
    assert (done.exit_code, done.output) == (0, "No finding: all is in order.\n")


def test_a_column_that_is_missing(sample):
    done = CliRunner().invoke(main, ["verify", f"{sample / 'units_2016.gpkg'}|kommuner"])
    assert done.exit_code == 2
    assert "The units have no column code. They have kommunenummer" in done.output
