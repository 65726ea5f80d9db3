"""Commands for codes through time: what they print, write, and the exit codes scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner, Result

from geomerge.cli import main
from geomerge.planfile import read_plan

CHANGES = "old_code,new_code,new_name,date\n0706,0710,Sandefjord,2017-01-01\n0719,0710,Sandefjord,2017-01-01\n"
PEOPLE = "code;people;rate\n0706;45000;3,5\n0719;5500;2,0\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_units_tell_what_a_list_does_not(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("old_code,new_code,new_name,date\n1,2,To,2020-01-01\n")
    (tmp_path / "units.csv").write_text("kode\n1\n2\n")
    target = tmp_path / "plan.yaml"
    done = call("changes", tmp_path / "list.csv", "--since", "2019-01-01", "--units", tmp_path / "units.csv",
                "--code", "kode", "-o", target)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert read_plan(target).sentences() == ["1 joins 2 To."]


@pytest.fixture
def changes(tmp_path: Path) -> Path:
    path = tmp_path / "changes.csv"
    path.write_text(CHANGES, encoding="utf-8")
    return path


def test_an_official_list_becomes_a_plan(changes: Path, tmp_path: Path) -> None:
    done = call("changes", changes, "-o", tmp_path / "plan.yaml")
    assert done.exit_code == 0, done.output
    assert "1 events on 1 days" in done.stdout
    assert read_plan(tmp_path / "plan.yaml").sentences() == ["0706 and 0719 merge into 0710 Sandefjord."]


def test_crosswalk_of_the_history_that_ships(tmp_path: Path) -> None:
    target = tmp_path / "crosswalk.csv"
    done = call("crosswalk", "NO", "--since", "2015-06-01", "--until", "2024-01-01", "-o", target)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(target, dtype=str)
    assert table.loc[table.old_code == "0720", "new_code"].tolist() == ["3905", "3907"]
    assert "have no share: nobody says how much they hold" in done.stderr


def test_crosswalk_of_counties_and_with_sizes(changes: Path, tmp_path: Path) -> None:
    target = tmp_path / "counties.csv"
    assert call("crosswalk", "NO", "--parents", "--since", "2019-01-01", "-o", target).exit_code == 0
    assert pd.read_csv(target, dtype=str).set_index("old_code").loc["02", "new_code"] == "32"
    (tmp_path / "people.csv").write_text(PEOPLE)
    back = ("crosswalk", changes, "--since", "2017-01-01", "--until", "2016-01-01", "-o", target)
    assert call(*back, "--sizes", tmp_path / "people.csv", "--size", "people").exit_code == 0
    assert pd.read_csv(target)["share"].round(4).tolist() == [0.8911, 0.1089]
    wrong = call(*back, "--sizes", tmp_path / "people.csv", "--size", "folk")
    assert wrong.exit_code == 2
    assert "has no column folk. It has code, people, rate. Name the columns with --code and --size" in wrong.stderr


def test_crosswalk_of_pieces_by_points(tmp_path: Path) -> None:
    boxes = [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 4, 1)]
    cut = gpd.GeoDataFrame(
        {"old_code": ["1", "1"], "new_code": ["8", "9"], "event": "split", "kind": "part"}, geometry=boxes, crs=25833
    )
    cut.to_file(tmp_path / "pieces.gpkg")
    gpd.GeoDataFrame(geometry=[shapely.Point(0.5, 0.5)], crs=25833).to_file(tmp_path / "points.gpkg")
    target = tmp_path / "crosswalk.csv"
    assert call("crosswalk", tmp_path / "pieces.gpkg", "-o", target).exit_code == 0
    assert pd.read_csv(target)["share"].tolist() == [0.25, 0.75]
    assert (
        call("crosswalk", tmp_path / "pieces.gpkg", "--points", tmp_path / "points.gpkg", "-o", target).exit_code == 0
    )
    assert pd.read_csv(target)["share"].tolist() == [1, 0]


def test_sizes_and_their_column_go_together(tmp_path: Path) -> None:
    done = call("crosswalk", "NO", "--size", "people", "-o", tmp_path / "crosswalk.csv")
    assert done.exit_code == 2
    assert "--sizes and --size go together" in done.stderr


def test_lookup_for_people_and_for_machines() -> None:
    done = call("lookup", "NO", "0720", "--on", "2026-01-01")
    assert done.exit_code == 0, done.output
    assert "3907 Sandefjord (97.5% of the area of 0720)" in done.stdout
    answers = json.loads(call("lookup", "NO", "3907", "--on", "2015-06-01", "--json").stdout)
    assert [row["old_code"] for row in answers[0]["rows"]] == ["0706", "0719", "0720"]
    assert "30 Viken" in call("lookup", "NO", "30", "--parents").stdout


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("lookup", "NO", "720"), "Did you mean 0720? A code keeps its zeros"),
        (("lookup", "XX", "0720"), "There is no history XX"),
        (("lookup", "NO", "0720", "--on", "soon"), "'soon' is no date"),
        (("lookup", "NO", "0720", "--on", "1960-01-01"), "begins on 1971-01-01"),
        (("crosswalk", "nowhere.gpkg", "-o", "x.csv"), "There is no history nowhere.gpkg"),
        (("vintage", "nowhere.csv"), "nowhere.csv does not exist"),
    ],
)
def test_faults_give_2_and_no_traceback(arguments: tuple[str, ...], fault: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert fault in done.stderr
    assert "Traceback" not in done.output


def test_vintage(tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("kommune,people\n0706,1\n0719,2\n0301,3\n")
    done = call("vintage", tmp_path / "units.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "column kommune, 3 codes in 3 rows"
    assert "to 2016-12-31: all codes are valid" in done.stdout
    (tmp_path / "units.csv").write_text("kommune,people\n0706,1\n719,2\n0301,3\n3907,3\n")
    done = call("vintage", tmp_path / "units.csv", "--column", "kommune")
    assert done.exit_code == 1
    assert "never a code: 719 (1 row, the first has the index" in done.stdout
    printed = json.loads(call("vintage", tmp_path / "units.csv", "--column", "kommune", "--json").stdout)
    assert printed["never"][0]["remedy"] == "Did you mean 0719? A code keeps its zeros."


def test_restate(changes: Path, tmp_path: Path) -> None:
    assert call("crosswalk", changes, "-o", tmp_path / "crosswalk.csv").exit_code == 0
    (tmp_path / "people.csv").write_text(PEOPLE)
    arguments = ("restate", tmp_path / "people.csv", tmp_path / "crosswalk.csv", "-o", tmp_path / "new.csv")
    done = call(*arguments, "--column", "people=count", "--column", "rate=rate:people", "--decimal", ",")
    assert done.exit_code == 0, done.output
    new = pd.read_csv(tmp_path / "new.csv", dtype={"code": str})
    assert new[["code", "people"]].values.tolist() == [["0710", 50500]]
    assert new["rate"].item() == pytest.approx((45000 * 3.5 + 5500 * 2) / 50500)
    assert "1 rows, 0 of them with an estimate, 0 for review" in done.stdout


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        (["people"], "--column people names no measure. Write it as people=count"),
        (["people=count"], "Column rate has no measure"),
        (["people=count", "rate=count"], "Column rate holds text where numbers are needed"),
        (["people=count", "rate=median"], "median"),
    ],
)
def test_measures_that_do_not_fit_are_told(changes: Path, tmp_path: Path, columns: list[str], fault: str) -> None:
    assert call("crosswalk", changes, "-o", tmp_path / "crosswalk.csv").exit_code == 0
    (tmp_path / "people.csv").write_text(PEOPLE)
    given = [word for column in columns for word in ("--column", column)]
    done = call("restate", tmp_path / "people.csv", tmp_path / "crosswalk.csv", "-o", tmp_path / "new.csv", *given)
    assert done.exit_code == 2
    assert fault in done.stderr
    assert not (tmp_path / "new.csv").exists()


def test_what_could_not_be_restated_is_written_for_review(changes: Path, tmp_path: Path) -> None:
    assert call("crosswalk", changes, "-o", tmp_path / "crosswalk.csv").exit_code == 0
    (tmp_path / "people.csv").write_text("code,people\n0706,45000\n0719,5500\n0301,9\n")
    done = call("restate", tmp_path / "people.csv", tmp_path / "crosswalk.csv", "-o", tmp_path / "new.csv",
                "--column", "people=count", "--review", tmp_path / "review.csv")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "review.csv", dtype=str)["code"].tolist() == ["0301"]
