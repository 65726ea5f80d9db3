"""Streets that meet in a new unit: collisions, names alike, what is cut, and the codes proposed for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge.cli import main
from geomerge.errors import Blocked, InputError
from geomerge.findings import Finding
from geomerge.run import run
from geomerge.streets import check_streets, near_names, propose_streets, recode_streets
from geomerge.streets.names import read_words

COLUMNS = ["code", "new_code", "street_code", "street_name", "number", "letter", "x"]


def addresses(*rows: tuple[Any, ...], spatial: bool = True) -> pd.DataFrame:
    """Return addresses: old unit, new unit, code and name of the street, number, letter, and kilometres to the east."""
    filled = [(*row, *(1, None, 0.0)[len(row) - 4 :]) for row in rows]
    table = pd.DataFrame(filled, columns=COLUMNS)
    if not spatial:
        return table.drop(columns="x")
    points = shapely.points(table.pop("x") * 1000, 0.0)
    return gpd.GeoDataFrame(table, geometry=points, crs="EPSG:25832")


def told(found: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in found if finding.check == check]


def must(found: list[Finding]) -> list[str]:
    return [finding.check for finding in found if finding.blocks]


MEETING = addresses(
    ("A", "N", "1000", "Storgata", 1, None, 0),
    ("A", "N", "1000", "Storgata", 2, None, 1),
    ("B", "N", "1000", "Kirkeveien", 1, None, 9),
    ("B", "N", "1001", "Storgata", 1, None, 8),
)


def test_one_code_for_two_streets_blocks_and_says_where() -> None:
    (finding,) = told(check_streets(MEETING), "street code collision")
    assert finding.blocks
    assert (
        finding.what
        == "1 street code of N stands for different streets, first 1000 for Storgata (A) and Kirkeveien (B)"
    )
    assert finding.geometry.equals(shapely.MultiPoint([(0, 0), (9000, 0)]))


def test_equal_names_warn() -> None:
    (finding,) = told(check_streets(MEETING), "equal street names")
    assert not finding.blocks
    assert finding.what == "1 street name of N stands for several streets, first Storgata (A) and Storgata (B)"
    assert len(finding.geometry.geoms) == 2


def test_without_places_findings_have_none() -> None:
    found = check_streets(pd.DataFrame(MEETING.drop(columns="geometry")))
    assert must(found) == ["street code collision"]
    assert {finding.geometry for finding in found} == {None}


def test_what_a_unit_had_before_is_not_told_of_the_reform() -> None:
    alone = addresses(("A", "N", "1000", "Storgata"), ("A", "N", "1001", "Storgata"), ("B", "M", "1000", "Kirkeveien"))
    assert check_streets(alone) == []
    assert propose_streets(alone).empty


def test_a_code_with_several_names_is_told_once() -> None:
    found = check_streets(
        addresses(
            ("A", "N", "1", "Storgata"),
            ("A", "N", "1", "Storgata"),
            ("A", "N", "1", "Strogata"),
            ("B", "N", "2", "Bakken"),
        )
    )
    assert [finding.what for finding in found] == [
        "1 street code of A has addresses under several names, first 1, mostly Storgata"
    ]


def test_addresses_without_a_street_are_left_out() -> None:
    rows = addresses(("A", "N", None, None), ("B", "N", "0", None), ("A", "N", "0000", "x"), ("B", "N", None, "y"))
    assert check_streets(rows) == []


class TestOneStreet:
    """A street of one code and one name on both sides of an old border."""

    near = addresses(("A", "N", "7", "Grensevegen", 1, None, 0), ("B", "N", "7", "Grensevegen", 2, None, 0.4))
    far = addresses(("A", "N", "7", "Grensevegen", 1, None, 0), ("B", "N", "7", "Grensevegen", 2, None, 0.6))

    def test_near_ones_may_be_one_and_are_told(self) -> None:
        found = check_streets(self.near, number="number")
        assert must(found) == []
        (finding,) = told(found, "maybe one street")
        assert "first 7 for Grensevegen (A) and Grensevegen (B)" in finding.what

    def test_far_ones_collide(self) -> None:
        assert must(check_streets(self.far)) == ["street code collision"]
        assert must(check_streets(self.far, max_distance=600.0)) == []

    def test_without_places_they_collide(self) -> None:
        assert must(check_streets(pd.DataFrame(self.near.drop(columns="geometry")))) == ["street code collision"]

    def test_they_are_not_merged(self) -> None:
        table = propose_streets(self.near)
        assert table["new_street_code"].tolist() == ["", ""]
        assert recode_streets(self.near, table)["street_code"].tolist() == ["7", "7"]

    def test_a_person_can_say_that_they_are_one(self) -> None:
        table = propose_streets(self.far).assign(new_street_code="7")
        assert check_streets(self.far, table=table, number="number") == told(
            check_streets(self.far), "equal street names"
        )

    def test_a_house_number_twice_blocks(self) -> None:
        rows = addresses(
            ("A", "N", "7", "Vei", 1, "b", 0), ("B", "N", "7", "Vei", 1, "B ", 0), ("B", "N", "7", "Vei", 2, None, 0)
        )
        (finding,) = told(check_streets(rows, number="number", letter="letter"), "address collision")
        assert finding.blocks
        assert "first 1B" in finding.what
        assert told(check_streets(rows.iloc[[0, 2]], number="number", letter="letter"), "address collision") == []


class TestDivided:
    """A street that the new border cuts."""

    rows = addresses(
        ("A", "N", "5", "Langveien", 1),
        ("A", "M", "5", "Langveien", 2),
        ("B", "M", "5", "Torget", 1),
        ("B", "M", "5", "Torget", 3),
    )

    def test_it_goes_to_both_sides_and_is_told(self) -> None:
        (finding,) = told(check_streets(self.rows), "street divided")
        assert finding.what == "1 street of A is cut by a new border and now in M and N, first 5 Langveien"

    def test_each_side_gets_its_own_code(self) -> None:
        table = propose_streets(self.rows)
        assert table[["unit", "old_unit", "new_street_code"]].values.tolist() == [["M", "A", "6"], ["M", "B", "5"]]
        assert recode_streets(self.rows, table)["street_code"].tolist() == ["5", "6", "5", "5"]


class TestProposal:
    """New codes for streets that collide."""

    def test_the_unit_with_most_addresses_keeps_and_others_get_the_smallest_free_number(self) -> None:
        rows = addresses(
            ("A", "N", "1000", "Storgata"),
            ("B", "N", "1000", "Kirkeveien"),
            ("B", "N", "1001", "Bakken"),
            ("C", "N", "1000", "Torget"),
            ("B", None, "1002", "in review: its code is used"),
        )
        table = propose_streets(rows)
        assert table[["old_unit", "street_code", "new_street_code"]].values.tolist() == [
            ["A", "1000", "1003"],
            ["B", "1000", "1000"],
            ["C", "1000", "1004"],
        ]
        assert table["reason"].tolist() == [
            "1000 is Kirkeveien of B, which keeps it",
            "keeps its code: B brings 2 addresses, no other with this code brings more",
            "1000 is Kirkeveien of B, which keeps it",
        ]
        assert must(check_streets(rows, table=table)) == []

    def test_a_tie_goes_to_the_lower_code_of_the_unit(self) -> None:
        rows = addresses(("B", "N", "1", "x"), ("A", "N", "1", "y"))
        assert propose_streets(rows)["new_street_code"].tolist() == ["1", "2"]
        assert propose_streets(rows.iloc[::-1]).equals(propose_streets(rows))

    def test_zeros_stay(self) -> None:
        rows = addresses(("A", "N", "00100", "x"), ("B", "N", "00100", "y"))
        assert propose_streets(rows)["new_street_code"].tolist() == ["00100", "00101"]

    def test_a_code_that_is_no_number_is_left_to_a_person(self) -> None:
        rows = addresses(("A", "N", "K1", "x"), ("B", "N", "K1", "y"))
        table = propose_streets(rows)
        assert table["new_street_code"].tolist() == ["K1", ""]
        assert "think of one" in table["reason"].iat[1]
        assert must(check_streets(rows, table=table)) == ["street code collision"]

    def test_what_is_decided_comes_back_and_is_not_proposed_again(self) -> None:
        table = propose_streets(MEETING)
        table.loc[table["old_unit"] == "B", "new_street_code"] = "4711"
        table["reason"] = "as we say"
        again = propose_streets(MEETING, table=table)
        assert again.to_dict() == table.to_dict()

    def test_a_decision_that_takes_a_code_makes_the_other_street_move(self) -> None:
        rows = addresses(("A", "N", "1", "x"), ("A", "N", "2", "z"), ("A", "N", "3", "w"), ("B", "N", "9", "y"))
        table = pd.DataFrame([["N", "B", "9", "y", "2", ""]], columns=[*propose_streets(rows).columns])
        assert must(check_streets(rows, table=table)) == ["street code collision"]
        again = propose_streets(rows, table=table)
        assert again[["old_unit", "new_street_code"]].values.tolist() == [["A", "4"], ["B", "2"]]
        assert must(check_streets(rows, table=again)) == []

    @settings(max_examples=20)
    @given(
        st.lists(
            st.tuples(st.sampled_from("ABC"), st.sampled_from("NM"), st.integers(1, 6), st.sampled_from("xyz")),
            min_size=1,
            max_size=25,
        )
    )
    def test_applied_it_leaves_no_collision_and_changes_nothing_else(
        self, rows: list[tuple[str, str, int, str]]
    ) -> None:
        table = addresses(*((a, n, s, f"{name}{a}{s}") for a, n, s, name in rows), spatial=False)
        proposed = propose_streets(table)
        assert must(check_streets(table, table=proposed)) == []
        after = recode_streets(table, proposed)
        assert must(check_streets(after)) == []
        assert after.drop(columns="street_code").equals(table.drop(columns="street_code"))
        streets = ["code", "new_code", "street_code"]
        assert len(after[streets].drop_duplicates()) == len(table[streets].drop_duplicates())  # none was merged
        assert propose_streets(after).empty


class TestRecode:
    """Codes of a table put into addresses."""

    table = pd.DataFrame(
        [["N", "B", "1000", "Kirkeveien", "1002", "Gamle Kirkevei", ""], ["N", "A", "1000", "Storgata", "", "", ""]],
        columns=["unit", "old_unit", "street_code", "street_name", "new_street_code", "new_street_name", "reason"],
    )

    def test_codes_and_names_change_where_the_table_says(self) -> None:
        after = recode_streets(MEETING, self.table, name="street_name")
        assert after["street_code"].tolist() == ["1000", "1000", "1002", "1001"]
        assert after["street_name"].tolist() == ["Storgata", "Storgata", "Gamle Kirkevei", "Storgata"]
        assert isinstance(after, gpd.GeoDataFrame)
        assert MEETING["street_code"].tolist() == ["1000", "1000", "1000", "1001"]

    @pytest.mark.parametrize("kind", ["int32", "Int64", "float64"])
    def test_a_column_of_numbers_stays_one(self, kind: str) -> None:
        numbers = MEETING.assign(street_code=MEETING["street_code"].astype(int).astype(kind))
        after = recode_streets(numbers, self.table)
        assert after["street_code"].dtype == kind
        assert after["street_code"].tolist() == [1000, 1000, 1002, 1001]

    def test_a_column_of_numbers_takes_no_text(self) -> None:
        numbers = MEETING.assign(street_code=MEETING["street_code"].astype(int))
        with pytest.raises(InputError, match="type int64, which K2 of the table of streets is not"):
            recode_streets(numbers, self.table.assign(new_street_code="K2"))

    def test_faults_of_the_table_are_told_together(self) -> None:
        faulty = pd.concat([self.table, self.table.assign(new_street_code="7"), self.table.assign(unit=None)])
        with pytest.raises(InputError) as error:
            recode_streets(MEETING, faulty)
        assert [fault[:5] for fault in error.value.faults] == ["Row 4", "Row 5", "Row 6", "Row 7"]

    def test_a_table_of_numbers_is_refused(self) -> None:
        with pytest.raises(InputError, match="leading zeros"):
            recode_streets(MEETING, self.table.assign(street_code=1000))

    def test_missing_columns_are_named(self) -> None:
        with pytest.raises(InputError, match="no column new_street_code"):
            recode_streets(MEETING, self.table.drop(columns="new_street_code"))
        with pytest.raises(InputError, match="no column veg"):
            check_streets(MEETING, street="veg")

    def test_rows_that_name_no_street_or_another_name_are_told(self) -> None:
        strange = pd.concat([self.table.iloc[:1].assign(old_unit="X"), self.table.assign(street_name="Bakken")])
        found = [finding.what for finding in told(check_streets(MEETING, table=strange), "street table")]
        assert found == [
            "1 row of the table names no street, first 1000 of X in N",
            "2 rows of the table have another street name than the addresses, first 1000 of B: Bakken, but Kirkeveien",
        ]


class TestNames:
    """Names that are nearly equal."""

    @pytest.mark.parametrize(
        ("one", "other", "likeness"),
        [
            ("Kirkeveien", "KIRKEVEIEN", "spelling"),
            ("Kirkeveien", "Kirkev.", "spelling"),
            ("Kirkevegen", "Kirkeveien", "spelling"),
            ("Kirke veien", "Kirkeveien", "spelling"),
            ("Kirke v.", "Kirkeveien", "spelling"),
            ("Olav V gate", "Olav V.s gt.", "one letter"),
            ("Aasgata", "Åsgaten", "spelling"),
            ("Kirkeveien", "Kirkevien", "one letter"),
            ("Mølleveien", "Mollegata", None),
            ("Eikelia", "Eiketun", None),
            ("1. gate", "2. gate", None),
            ("Vei 12", "Vei 13", None),
            ("Ulv", "Ulb", None),
            ("Storgata", "Storgata", "equal"),
        ],
    )
    def test_likeness(self, one: str, other: str, likeness: str | None) -> None:
        rows = addresses(("A", "N", "1", one), ("B", "N", "2", other))
        assert near_names(rows, language="no")["likeness"].tolist() == [likeness] * bool(likeness)

    def test_without_a_language_no_words_are_known(self) -> None:
        rows = addresses(("A", "N", "1", "Kirkeveien"), ("B", "N", "2", "Kirkev."), ("C", "N", "3", "kirkeveien"))
        assert near_names(rows)[["street_name", "other_name"]].values.tolist() == [["Kirkeveien", "kirkeveien"]]

    def test_they_are_told_apart_from_equal_ones(self) -> None:
        rows = addresses(("A", "N", "1", "Kirkeveien"), ("B", "N", "2", "Kirkev."), ("B", "N", "3", "Kirkeveien"))
        found = check_streets(rows, language="no")
        assert [finding.check for finding in found] == ["equal street names", "street names alike"]
        assert found[1].what == "1 pair of street names of N is nearly equal, first Kirkev. (B) and Kirkeveien (A)"

    def test_pairs_of_one_old_unit_are_none(self) -> None:
        assert near_names(addresses(("A", "N", "1", "Storgata"), ("A", "N", "2", "Storgaten")), language="no").empty

    def test_an_unknown_language_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"language xx\. Known: no, sv"):
            near_names(MEETING, language="xx")

    @pytest.mark.parametrize("language", ["no", "sv", "da", "de", "fr", "nl", "en"])
    def test_words_stand_for_themselves(self, language: str) -> None:
        words = read_words(language)
        assert words.full
        for form, stands_for in words.full:
            assert words.spelled(f"x{form}") == words.spelled(f"x{stands_for}")
        for form, stands_for in words.short:
            assert words.spelled(f"X{form}.") == words.spelled(f"x{stands_for}")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


class TestJob:
    """A layer of a job with streets: 0101 and 0102 become 0101, so rows of 0101 are of no event."""

    @pytest.fixture
    def job(self, small_job: Any) -> Any:
        small_job.plan["events"] = [{"merge": ["0101", "0102"], "into": "0101"}]
        points = [(100, 100), (120, 100), (1500, 900), (1600, 900), (1700, 900), (2500, 100), (9e9, 9e9)]
        table = {
            "id": range(7),
            "code": ["0101", "0101", "0102", "0102", "0102", "0103", "0102"],
            "veg": pd.array([10, 11, 10, 12, 12, 10, 10], dtype="int32"),
            "navn": ["Storgata", "Bakken", "Kirkeveien", "Stien", "Stien", "Storgata", "Kirkeveien"],
            "nr": [1, 1, 1, 1, 2, 1, 2],
            "note": ["a", None, "c", "d", "e", "f", "g"],
        }
        gpd.GeoDataFrame(table, geometry=shapely.points(points), crs="EPSG:25833").to_file(
            small_job.folder / "adr.gpkg"
        )
        streets = {"code": "veg", "name": "navn", "number": "nr"}
        config = {
            "name": "addresses",
            "path": "adr.gpkg",
            "code": "code",
            "id": "id",
            "verify": "all",
            "streets": streets,
        }
        small_job.job["layers"].append(config)
        return small_job

    def decided(self, job: Any, text: str) -> Path:
        job.job["layers"][-1]["streets"]["table"] = "streets.csv"
        (job.folder / "streets.csv").write_text(text, encoding="utf-8")
        return Path(job.write())

    def rows(self, job: Any) -> list[Any]:
        table = pyogrio.read_dataframe(job.output / "layers" / "adr.gpkg")
        assert table["veg"].dtype == "int32"
        return list(table["veg"])

    def test_a_collision_blocks_the_run(self, job: Any) -> None:
        with pytest.raises(Blocked, match="1 street code of 0101 stands for different streets"):
            run(job.write())
        assert not job.output.exists()
        assert call("check", job.path).exit_code == 1

    def test_the_command_proposes_and_the_job_takes_it_back(self, job: Any) -> None:
        job.write()
        target = job.folder / "streets.csv"
        found = call("streets", job.path, "-o", target, "--names", job.folder / "names.csv")
        assert found.exit_code == 1
        assert "2 streets that share a code, 1 of them with another one" in found.stdout
        assert target.read_text(encoding="utf-8").splitlines()[1:] == [
            '0101,0101,10,Storgata,13,"10 is Kirkeveien of 0102, which keeps it"',
            '0101,0102,10,Kirkeveien,10,"keeps its code: 0102 brings 3 addresses, no other with this code brings more"',
        ]
        self.decided(job, target.read_text(encoding="utf-8"))
        run(job.path)
        assert self.rows(job) == [13, 11, 10, 12, 12, 10, 10]  # the first is of no event: 0101 goes on
        assert (job.output / "streets.csv").read_bytes() == target.read_bytes()
        assert "streets.csv" in {
            entry["path"] for entry in json.loads((job.output / "manifest.json").read_text())["inputs"]
        }

    def test_only_the_street_changes(self, job: Any) -> None:
        self.decided(job, "unit,old_unit,street_code,street_name,new_street_code\n0101,0102,10,Kirkeveien,77\n")
        run(job.path)
        before = pyogrio.read_dataframe(job.folder / "adr.gpkg")
        after = pyogrio.read_dataframe(job.output / "layers" / "adr.gpkg")
        assert list(after["veg"]) == [10, 11, 77, 12, 12, 10, 10]  # the last one is in review and stays
        assert list(after["code"]) == ["0101"] * 5 + ["0103", "0102"]
        pd.testing.assert_frame_equal(
            pd.DataFrame(after).drop(columns=["veg", "code", "geometry"]),
            pd.DataFrame(before).drop(columns=["veg", "code", "geometry"]),
        )
        assert after.geometry.to_wkb().tolist() == before.geometry.to_wkb().tolist()

    def test_an_edited_table_is_noticed_by_the_next_run(self, job: Any) -> None:
        head = "unit,old_unit,street_code,street_name,new_street_code\n"
        self.decided(job, f"{head}0101,0102,10,Kirkeveien,77\n")
        run(job.path)
        self.decided(job, f"{head}0101,0102,10,Kirkeveien,78\n")
        run(job.path)
        assert self.rows(job)[2] == 78
        files = {path.name: path.read_bytes() for path in (job.output / "layers").iterdir()}
        run(job.path, fresh=True)
        assert files == {path.name: path.read_bytes() for path in (job.output / "layers").iterdir()}

    def test_findings_have_places_in_the_review(self, job: Any) -> None:
        self.decided(job, "unit,old_unit,street_code,street_name,new_street_code,new_street_name\n"
                          "0101,0102,10,Kirkeveien,77,Storgata\n")  # fmt: skip
        run(job.path)
        found = pyogrio.read_dataframe(job.output / "review.gpkg", layer="findings")
        (place,) = found.loc[found["check"] == "equal street names", "geometry"]
        assert sorted(point.x for point in place.geoms) == [100, 1500]
        assert list(pyogrio.read_dataframe(job.output / "layers" / "adr.gpkg")["navn"])[2] == "Storgata"

    def test_a_table_may_serve_several_layers(self, job: Any) -> None:
        text = "layer,unit,old_unit,street_code,street_name,new_street_code\n" + "".join(
            f"{layer},0101,0102,10,Kirkeveien,{code}\n" for layer, code in (("addresses", 77), ("doors", 88))
        )
        self.decided(job, text)
        shutil.copyfile(job.folder / "adr.gpkg", job.folder / "doors.gpkg")
        job.job["layers"].append(job.job["layers"][-1] | {"name": "doors", "path": "doors.gpkg"})
        run(job.write())
        assert self.rows(job)[2] == 77
        assert pyogrio.read_dataframe(job.output / "layers" / "doors.gpkg")["veg"].iat[2] == 88
        assert {path.name for path in job.output.glob("streets*")} == {"streets_addresses.csv", "streets_doors.csv"}
        assert call("streets", job.path).exit_code == 2
        assert call("streets", job.path, "--layer", "doors").exit_code == 0

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"code": "gate"}, "has no column gate"),
            ({"table": "nothing.csv"}, "nothing.csv"),
            ({"language": "xx"}, "language xx"),
            ({"max_distance": -1}, "max_distance"),
        ],
    )
    def test_faults_of_the_job_are_told(self, job: Any, change: dict[str, Any], words: str) -> None:
        job.job["layers"][-1]["streets"] |= change
        done = call("check", job.write())
        assert done.exit_code == 2
        assert words in done.stderr

    def test_the_command_does_not_write_over_what_was_edited(self, job: Any) -> None:
        path = self.decided(job, "unit,old_unit,street_code,street_name,new_street_code\n")
        done = call("streets", path, "-o", job.folder / "streets.csv", "--overwrite")
        assert (done.exit_code, "is both source and target" in done.stderr) == (2, True)
        (job.folder / "mine.csv").write_text("edited")
        done = call("streets", path, "-o", job.folder / "mine.csv")
        assert (done.exit_code, "somebody may have edited it" in done.stderr) == (2, True)
        assert (job.folder / "mine.csv").read_text() == "edited"
        assert call("streets", path, "-o", job.folder / "mine.csv", "--overwrite").exit_code == 1

    def test_a_job_without_streets_says_so(self, small_job: Any) -> None:
        done = call("streets", small_job.write())
        assert (done.exit_code, "No layer" in done.stderr) == (2, True)


def test_the_table_of_the_sample_is_what_the_command_proposes(sample: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sample, tmp_path / "sample", ignore=shutil.ignore_patterns("*.py", "__pycache__")))
    job = yaml.safe_load((folder / "job.yaml").read_text(encoding="utf-8"))
    job["layers"] = [layer for layer in job["layers"] if layer["name"] == "addresses"]
    del job["layers"][0]["streets"]["table"]
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    assert call("streets", folder / "job.yaml", "-o", tmp_path / "streets.csv").exit_code == 1
    assert (tmp_path / "streets.csv").read_bytes() == (sample / "streets_2017.csv").read_bytes()
