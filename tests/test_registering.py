"""Registers of a job: recoded copies among its results, taken again where nothing changed; sources stay as they are."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge.cli import main
from geomerge.errors import Blocked, InputError
from geomerge.recode.files import recode_registers
from geomerge.recode.sources import read_registers, read_translation
from geomerge.registering import Ledger
from geomerge.run import Run, run
from geomerge.verify import verify

FILES = ["building_cases_2016.csv", "electoral_roll_2016.sqlite", "health_cases_2016.csv", "pupils_2016.xlsx"]
CASES = "case,unit,day\nA1,0101,2019-05-01\nA2,0101,2020-05-01\nA3,0103,2020-05-01\nA4,0999,2020-05-01\n"
REGISTER: dict[str, Any] = {
    "name": "cases", "source": "cases.csv", "id": "case", "date": "day", "columns": {"unit": "unit"},
}  # fmt: skip


def state(folder: Path) -> dict[str, str]:
    """Return the hash of every file in a folder; what the steps of a run took is none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timings.json")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def contents(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def faults_of(job: Any, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        run(job.write(), **options)
    return list(caught.value.faults)


@pytest.fixture(scope="module")
def done(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample job, run once beside a copy of the sample."""
    folder = tmp_path_factory.mktemp("registering") / "sample"
    shutil.copytree(sample, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.md"))
    before = state(folder)
    found = run(folder / "job.yaml")
    assert state(folder) == before
    return found


@pytest.fixture
def job(small_job: Any) -> Any:
    """A small job with a register."""
    (small_job.folder / "cases.csv").write_text(CASES, encoding="utf-8")
    small_job.job["registers"] = [dict(REGISTER)]
    return small_job


def output(found: Run) -> Path:
    assert found.output is not None
    return found.output


# --- the sample --------------------------------------------------------------------------------------------


def test_golden_counts_of_the_sample(done: Run) -> None:
    counts = ("rows", "recoded", "kept", "review")
    assert {name: tuple(found[each] for each in counts) for name, found in done.counts["registers"].items()} == {
        "building_cases": (480, 121, 353, 6),
        "pupils": (260, 233, 26, 1),
        "wards": (9, 7, 2, 0),
        "voters": (700, 639, 61, 0),
        "health_cases": (140, 52, 82, 6),
    }
    assert done.results.registers == done.counts["registers"]
    manifest = json.loads((output(done) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["registers"] == done.counts["registers"]
    assert set(FILES) <= {entry["path"] for entry in manifest["inputs"]}
    assert {f"registers/{name}" for name in FILES} <= {entry["path"] for entry in manifest["outputs"]}


def test_copies_are_what_recode_makes_of_the_sources(done: Run, tmp_path: Path) -> None:
    source = output(done).parent / "sample"
    for name in FILES:
        shutil.copyfile(source / name, tmp_path / name)
    registers = read_registers(source / "job.yaml")
    translation = read_translation(source / "job.yaml", registers)
    found = recode_registers(registers, translation, folder=tmp_path, commit=True)
    assert {each.name: each.counts for each in found.registers} == done.counts["registers"]
    for name in FILES:
        made, here = output(done) / "registers" / name, tmp_path / name
        if name.endswith(".sqlite"):
            assert contents(made) == contents(here)
        else:
            assert made.read_bytes() == here.read_bytes(), name


def test_cases_follow_their_date_and_the_ledger(done: Run) -> None:
    ledger = pd.read_csv(output(done) / "ledger.csv", dtype=str)
    keys = dict(ledger.loc[ledger["layer"] == "parcels", ["old_key", "new_key"]].dropna().to_numpy().tolist())
    tables = []
    for folder in (output(done).parent / "sample", output(done) / "registers"):
        with (folder / FILES[0]).open(encoding="iso-8859-1", newline="") as stream:
            tables.append([dict(zip("abcdefgh", row, strict=False)) for row in csv.reader(stream, delimiter=";")][1:])
    review = pd.read_csv(output(done) / "registers/review/building_cases.csv")
    moved = 0
    for number, (before, after) in enumerate(zip(*tables, strict=True)):
        if before["f"].endswith("2016") or number in set(review["row"]):
            assert after == before
        elif before != after:
            moved += 1
            assert after["d"] == keys[before["d"]]
            assert after["b"] == after["d"][:4]
    assert moved == 121
    assert sorted(review["reason"]) == [
        "cell is a formula",
        "columns name different units",
        "date is missing or cannot be read",
        "row has 9 values, the header 8",
        "unit is split, and nothing decides",
        "unknown code",
    ]


def test_voters_stay_with_their_wards(done: Run) -> None:
    with closing(sqlite3.connect(output(done) / "registers" / FILES[1])) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        codes = {code for (code,) in connection.execute("SELECT DISTINCT kommune FROM velger")}
        vear = connection.execute("SELECT krets, kommune FROM valgkrets WHERE navn = 'Vear øst'").fetchall()
        odd = connection.execute("SELECT count(*) FROM velger WHERE substr(krets, 1, 4) <> kommune").fetchone()
    assert codes == {"0704", "0710"}
    assert vear == [("07040049", "0704")]
    assert odd == (0,)


def test_numbers_of_offices_stay(done: Run) -> None:
    tables = [
        pd.read_csv(folder / FILES[2], dtype=str)
        for folder in (output(done).parent / "sample", output(done) / "registers")
    ]
    assert tables[1]["kontor"].equals(tables[0]["kontor"])
    assert {"0706", "0719"} <= set(tables[1]["kontor"])
    assert not {"0706", "0719"} & set(tables[1]["bosted"])


def test_an_unchanged_register_is_taken_again(done: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(output(done).parent, tmp_path / "again"))
    cases = folder / "sample" / FILES[2]
    cases.write_text(cases.read_text(encoding="utf-8").replace(",0706,A,", ",0701,A,"), encoding="utf-8")
    again = run(folder / "sample" / "job.yaml")
    redone = {step.step: step.why for step in again.steps if not step.reused}
    assert redone.pop("registers/health_cases_2016.csv") == "health_cases_2016.csv changed"
    assert not [name for name in redone if name.startswith("registers/")]
    assert {name: again.counts["registers"][name] for name in ("pupils", "voters", "wards", "building_cases")} == {
        name: done.counts["registers"][name] for name in ("pupils", "voters", "wards", "building_cases")
    }
    clean = run(folder / "sample" / "job.yaml", output=tmp_path / "clean", fresh=True)
    assert state(output(again)) == state(output(clean))


def test_verify_finds_what_was_changed_afterwards(done: Run, tmp_path: Path) -> None:
    assert [finding for finding in verify(output(done)) if finding.check == "register"] == []
    folder = Path(shutil.copytree(output(done), tmp_path / "out"))
    cases, roll = folder / "registers" / FILES[2], folder / "registers" / FILES[1]
    cases.write_text(cases.read_text(encoding="utf-8").replace(",0710,", ",0706,", 1), encoding="utf-8")
    with closing(sqlite3.connect(roll)) as connection, connection:
        connection.execute("UPDATE velger SET kommune = '0720', krets = '07040061' WHERE velgernr < 70003")
    found = [finding for finding in verify(folder) if finding.check == "register"]
    assert all(finding.blocks for finding in found)
    assert [(finding.where, finding.what.partition(", first")[0]) for finding in found] == [
        ("voters", "columns name different units in 2 rows of registers/electoral_roll_2016.sqlite"),
        ("health_cases", "unknown code in 1 row of registers/health_cases_2016.csv"),
    ]
    row = next(n for n, line in enumerate(cases.read_text(encoding="utf-8").splitlines()[1:]) if ",0706," in line[11:])
    assert f"first row {row} (bosted 0706)" in found[1].what


# --- a small job -------------------------------------------------------------------------------------------


def test_a_register_of_a_small_job(job: Any) -> None:
    before = state(job.folder)
    found = run(job.write())
    assert found.counts["registers"] == {"cases": {"rows": 4, "recoded": 1, "kept": 2, "review": 1}}
    made = job.output / "registers"
    assert (made / "cases.csv").read_text(encoding="utf-8") == CASES.replace("A2,0101", "A2,0110")
    assert (made / "review" / "cases.csv").read_text(encoding="utf-8").splitlines() == [
        "row,id,unit,day,reason",
        "3,A4,0999,2020-05-01,unknown code",
    ]
    told = json.loads((made / "counts" / "cases.json").read_text(encoding="utf-8"))
    assert told["changed"] == {"unit": 1}
    assert told["samples"] == [{"column": "unit", "old": "0101", "new": "0110", "rows": 1}]
    assert "For review, unknown code: 1 row of cases" in [finding.what for finding in found.results.findings]
    assert [name for name in state(job.folder) if name not in before and not name.startswith("out/")] == [
        "job.yaml", "parcels.gpkg", "plan.yaml", "units.gpkg",
    ]  # fmt: skip
    assert verify(job.output) == []


def test_a_job_without_registers_has_no_folder_for_them(small_job: Any) -> None:
    found = run(small_job.write())
    assert found.counts["registers"] == {}
    assert not (small_job.output / "registers").exists()


def test_what_a_second_run_takes_again(job: Any) -> None:
    step = "registers/cases.csv"

    def why() -> str | None:
        return {each.step: each.why for each in run(job.write()).steps}.get(step)

    run(job.write())
    assert why() == ""
    first = (job.output / step).read_bytes()
    job.parcels["code"] = ["0101", "0102", "0103", "0103"]  # says nothing of keys
    job.plan["title"] = "Another title"
    assert why() == ""
    job.job["registers"][0]["id"] = "unit"
    assert why() == "the job changed"
    job.plan["events"][0]["into"] = "0120"
    assert why() == "codes changed"
    assert (job.output / step).read_bytes() == first.replace(b"0110", b"0120")
    (job.output / step).write_bytes(first)
    assert why() == "the previous result is not as it was written"
    (job.folder / "cases.csv").write_text(CASES + "A5,0102,2021-01-01\n", encoding="utf-8")
    assert why() == "cases.csv changed"
    assert run(job.path).counts["registers"]["cases"]["recoded"] == 2


def test_all_faults_are_told_before_anything_is_done(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("units were cut")

    monkeypatch.setattr(sys.modules["geomerge.run"], "pieces", refuse)
    (job.folder / "numbers.csv").write_text("unit\n101\n", encoding="utf-8")
    (job.folder / "latin.csv").write_bytes("unit,navn\n0101,Bø\n".encode("latin-1"))
    (job.folder / "cases.doc").write_text("no table", encoding="utf-8")
    job.job["layers"][0]["id"] = "missing"
    job.job["registers"] += [
        {"name": "lost", "source": "lost.csv", "columns": {"unit": "unit"}},
        {"name": "wrong", "source": "numbers.csv", "columns": {"kommune": "unit"}},
        {"name": "latin", "source": "latin.csv", "columns": {"unit": "unit"}},
        {"name": "word", "source": "cases.doc", "columns": {"unit": "unit"}},
        {"name": "tax", "source": "tax.sqlite", "columns": {"unit": "unit"}},
        {
            "name": "parents",
            "source": "latin.csv",
            "encoding": "latin-1",
            "columns": {"unit": "unit", "navn": "parent"},
        },
    ]
    told = faults_of(job)
    for words in ("no column missing", "lost.csv", "no column kommune", "latin.csv", "cases.doc", "tax.sqlite"):
        assert any(words in fault for fault in told), words
    assert not job.output.exists()
    checked = CliRunner().invoke(main, ["check", str(job.path)])
    assert checked.exit_code == 2
    assert [fault for fault in told if fault not in checked.output] == []


def test_files_of_one_name_are_told_apart(job: Any) -> None:
    (job.folder / "north").mkdir()
    (job.folder / "north" / "Cases.csv").write_text(CASES, encoding="utf-8")
    job.job["registers"].append({**REGISTER, "name": "north", "source": "north/Cases.csv"})
    assert faults_of(job) == [
        "north/Cases.csv and cases.csv would both be written to registers/Cases.csv. Rename one of them."
    ]


def test_a_plan_that_cannot_be_is_told_by_its_own_check(job: Any) -> None:
    job.plan["events"] = [{"merge": ["0101", "0777"], "into": "0110"}]
    with pytest.raises(Blocked) as caught:
        run(job.write())
    assert any("0777" in finding.what for finding in caught.value.findings)


def test_districts_that_would_be_one_block_the_run(job: Any) -> None:
    (job.folder / "wards.csv").write_text("ward\n010101\n010201\n", encoding="utf-8")
    columns = {"ward": {"holds": "district", "width": 4}}
    job.job["registers"].append({"name": "wards", "source": "wards.csv", "columns": columns})
    with pytest.raises(Blocked, match="would hold 011001 for 010101 and 010201"):
        run(job.write())
    assert not job.output.exists()
    checked = CliRunner().invoke(main, ["check", str(job.path)])
    assert checked.exit_code == 1
    assert "would hold 011001" in checked.output


def test_check_and_a_dry_run_look_at_registers(job: Any) -> None:
    before = state(job.write().parent)
    found = run(job.path, dry_run=True)
    assert found.counts["registers"] == {"cases": {"rows": 4, "recoded": 1, "kept": 2, "review": 1}}
    checked = CliRunner().invoke(main, ["check", str(job.path)])
    assert (checked.exit_code, "unknown code: 1 row of cases" in checked.output) == (0, True)
    assert state(job.folder) == before
    told = CliRunner().invoke(main, ["run", "--dry-run", str(job.path)]).output
    assert "cases              rows 4, recoded 1, kept 2, review 1" in told


def test_two_sheets_and_a_split_unit_decided_by_an_address(job: Any) -> None:
    with pd.ExcelWriter(job.folder / "book.xlsx") as book:
        pd.DataFrame({"unit": ["0101", "0103"], "parcel": [1, 3]}).to_excel(book, sheet_name="a", index=False)
        pd.DataFrame({"unit": ["0102"]}).to_excel(book, sheet_name="b", index=False)
    address = {"layer": "parcels", "columns": {"id": "parcel"}}
    common = {"source": "book.xlsx", "columns": {"unit": "unit"}}
    job.job["registers"] = [
        {"name": "a", "table": "a", "address": address, **common},
        {"name": "b", "table": "b", **common},
    ]
    found = run(job.write())
    assert [each["recoded"] for each in found.counts["registers"].values()] == [1, 1]
    made = pd.read_excel(job.output / "registers" / "book.xlsx", sheet_name=None, dtype=str)
    assert {name: sheet["unit"].tolist() for name, sheet in made.items()} == {"a": ["0110", "0103"], "b": ["0110"]}


def test_a_source_that_was_recoded_where_it_is_stays(job: Any) -> None:
    job.plan["events"] = [{"renumber": "0102", "to": "0109"}, {"renumber": "0101", "to": "0102", "date": "2020-07-01"}]
    job.job["registers"] = [{"name": "cases", "source": "cases.csv", "columns": {"unit": "unit"}, "state": "old"}]
    assert run(job.write()).counts["registers"]["cases"]["recoded"] == 2
    registers = read_registers(job.path)
    recode_registers(registers, read_translation(job.path, registers), folder=job.folder, commit=True)
    assert (job.folder / "cases.csv").read_text(encoding="utf-8") == CASES.replace("0101", "0102")
    found = run(job.path)
    assert found.counts["registers"]["cases"]["recoded"] == 0
    assert (job.output / "registers" / "cases.csv").read_bytes() == (job.folder / "cases.csv").read_bytes()


def test_an_interrupted_run_leaves_sources_and_results(job: Any) -> None:
    run(job.write())
    (job.folder / "cases.csv").write_text(CASES + "A5,0102,2021-01-01\n", encoding="utf-8")
    before = state(job.folder)
    code = (
        "import sys, time, geomerge.registering as registering\n"
        "first = registering.recode_copies\n"
        "def slow(*given, **more):\n    first(*given, **more); print('half', flush=True); time.sleep(60)\n"
        "registering.recode_copies = slow\n"
        "from geomerge import run\n"
        "run(sys.argv[1])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(job.path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"half"
        process.send_signal(signal.SIGKILL)
    left = {name: digest for name, digest in state(job.folder).items() if not name.startswith(".out")}
    assert left == before
    assert run(job.path).counts["registers"]["cases"]["recoded"] == 2
    assert not [path for path in job.folder.iterdir() if path.name.startswith(".")]


# --- the ledger --------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["parcels", "addresses"]), st.sampled_from(["", "0101-1/1", "0102-1/2"]), st.integers(0, 2)
    )
)


@settings(max_examples=25)
@given(ROWS, st.integers(1, 4))
def test_a_ledger_read_in_parts_is_the_whole(rows: list[tuple[str, str, int]], size: int) -> None:
    table = pd.DataFrame(
        [(layer, str(at), "0110", key, f"0110-{n}" if key else "") for at, (layer, key, n) in enumerate(rows)],
        columns=["layer", "id", "new_code", "old_key", "new_key"],
        dtype=object,
    )
    parts = [table.iloc[at : at + size] for at in range(0, len(table), size)]
    whole, found = Ledger.of([table], ["addresses"]), Ledger.of(parts, ["addresses"])
    pairs = {(key, f"0110-{n}") for _, key, n in rows if key}
    assert set(found.keys.itertuples(index=False, name=None)) == pairs
    assert len(found.keys) == len(pairs)
    pd.testing.assert_frame_equal(found.keys, whole.keys)
    assert found.led["id"].tolist() == [str(at) for at, (layer, _, _) in enumerate(rows) if layer == "addresses"]
