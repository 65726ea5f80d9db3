"""Commands for codes through time: what they print, write, and the exit codes scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    assert "1 event on 1 day" in done.stdout
    assert read_plan(tmp_path / "plan.yaml").sentences() == ["0706 and 0719 merge into 0710 Sandefjord."]


def test_an_empty_list_is_told(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"")
    done = call("changes", tmp_path / "list.csv", "-o", tmp_path / "plan.yaml")
    assert done.exit_code == 2
    assert "list.csv is empty. Get the list again." in done.stderr


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


def test_a_code_is_looked_up_without_loading_geometry() -> None:
    command = "from geomerge.cli import main; main(['lookup', 'NO', '0720'], standalone_mode=False)"
    heavy = "geopandas pyproj pyogrio fiona openpyxl matplotlib distributed"
    code = f"import sys; {command}; sys.exit(' '.join(set('{heavy}'.split()) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0720 Stokke")


@pytest.mark.parametrize(
    "arguments",
    [
        ("changes", "changes.csv", "-o", "changes.csv"),
        ("crosswalk", "changes.csv", "--sizes", "people.csv", "--size", "people", "-o", "people.csv"),
        ("restate", "people.csv", "crosswalk.csv", "--column", "people=count", "-o", "people.csv"),
        ("restate", "people.csv", "crosswalk.csv", "--column", "people=count", "-o", "crosswalk.csv"),
        ("restate", "people.csv", "crosswalk.csv", "--column", "people=count", "-o", "n.csv", "--review", "n.csv"),
        ("restate", "people.csv", "crosswalk.csv", "--column", "people=count", "-o", "n.csv", "--review", "people.csv"),
    ],
)
def test_no_input_is_overwritten(changes: Path, arguments: tuple[str, ...]) -> None:
    folder = changes.parent
    (folder / "people.csv").write_text("code,people\n0706,1\n0719,2\n")
    assert call("crosswalk", changes, "-o", folder / "crosswalk.csv").exit_code == 0
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    done = call(*(folder / word if word.endswith(".csv") else word for word in arguments))
    assert done.exit_code == 2
    assert "is both source and target" in done.stderr
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_diff_writes_a_plan_that_runs(tmp_path: Path, drawn: Any) -> None:
    before, after = drawn("AAAABBCC", "AAAABBCC"), drawn("XXXYYYZZ", "XXXYYYZZ")
    for name, table in (("before", before), ("after", after)):
        table.to_file(tmp_path / f"{name}.gpkg")
    plan, evidence = tmp_path / "plan.yaml", tmp_path / "evidence.gpkg"
    done = call("diff", tmp_path / "before.gpkg", tmp_path / "after.gpkg", "-o", plan, "--date", "2020-01-01",
                "--evidence", evidence)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "A part of A (area plan.areas.gpkg|A to Y) moves to Y." in done.stdout
    assert gpd.read_file(evidence)["verdict"].value_counts().to_dict() == {"whole": 2, "part": 1, "transfer": 1}
    cut, new = tmp_path / "pieces.gpkg", tmp_path / "new.gpkg"
    assert call("pieces", plan, tmp_path / "before.gpkg", "-o", cut).exit_code == 0
    assert call("dissolve", cut, "-o", new).exit_code == 0
    made = gpd.read_file(new).set_index("code").geometry
    assert made.geom_equals(after.set_index("code").geometry.reindex(made.index)).all()


def test_diff_of_equal_editions_has_no_plan(tmp_path: Path, drawn: Any) -> None:
    drawn("AB").to_file(tmp_path / "a.gpkg")
    drawn("AB").to_file(tmp_path / "b.gpkg")
    done = call("diff", tmp_path / "a.gpkg", tmp_path / "b.gpkg", "-o", tmp_path / "plan.yaml", "--date", "2020-01-01")
    assert done.exit_code == 0, done.output
    assert "Nothing changed, so there is no plan." in done.stdout
    assert not (tmp_path / "plan.yaml").exists()


def test_diff_in_degrees_is_refused_with_the_remedy(tmp_path: Path, drawn: Any) -> None:
    drawn("AB").to_crs(4326).to_file(tmp_path / "a.gpkg")
    done = call("diff", tmp_path / "a.gpkg", tmp_path / "a.gpkg", "-o", tmp_path / "p.yaml", "--date", "2020-01-01")
    assert done.exit_code == 2
    assert "Work in a projected CRS" in done.stderr


def test_plans_of_several_editions_in_one_folder_keep_their_parts(tmp_path: Path, drawn: Any) -> None:
    rows = ("AAAABBCC", "AAABBBCC", "AABBBBCC")
    for number, row in enumerate(rows):
        drawn(row, row).to_file(tmp_path / f"{number}.gpkg")
    first = ("diff", tmp_path / "0.gpkg", tmp_path / "1.gpkg", "-o", tmp_path / "p1.yaml", "--date", "2020-01-01")
    assert call(*first).exit_code == 0
    areas = (tmp_path / "p1.areas.gpkg").read_bytes()
    second = ("diff", tmp_path / "1.gpkg", tmp_path / "2.gpkg", "-o", tmp_path / "p2.yaml", "--date", "2021-01-01")
    assert call(*second).exit_code == 0
    assert (tmp_path / "p1.areas.gpkg").read_bytes() == areas
    assert call(*first).exit_code == 0  # again
    assert (tmp_path / "p1.areas.gpkg").read_bytes() == areas


@pytest.mark.parametrize("options", [("--evidence", "1.gpkg"), ("-o", "plan.txt")])
def test_diff_refuses_targets_before_it_begins(tmp_path: Path, drawn: Any, options: tuple[str, str]) -> None:
    for number, row in enumerate(("AAB", "ABB")):
        drawn(row).to_file(tmp_path / f"{number}.gpkg")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    done = call("diff", tmp_path / "0.gpkg", tmp_path / "1.gpkg", "-o", tmp_path / "plan.yaml", "--date", "2020-01-01",
                options[0], tmp_path / options[1])  # fmt: skip
    assert done.exit_code == 2
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
