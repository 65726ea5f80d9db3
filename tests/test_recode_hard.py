"""Registers that are hard to recode: odd values, odd names, interruptions; the result is right, or nothing changes."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner

from geomerge import Plan, Translation, recode
from geomerge.cli import main
from geomerge.errors import InputError, LayerError
from geomerge.recode import files, onefile
from geomerge.recode.csvrows import recode_csv
from geomerge.recode.files import recode_registers
from geomerge.recode.outcome import Done
from geomerge.recode.undo import undo
from geomerge.recode.workbook import recode_workbook
from geomerge.registers import RegisterConfig

UNITS = ["0704", "0706", "0719"]
PLAN = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
COMPOSITE = {"holds": "composite", "pattern": r"(?P<code>\d{4})"}


def register(source: str, name: str = "r", **described: Any) -> RegisterConfig:
    return RegisterConfig(name=name, source=source, columns=described.pop("columns", {"k": "unit"}), **described)


def carried_out(folder: Path, *registers: RegisterConfig, commit: bool = True) -> Done:
    return recode_registers(registers, Translation.of(PLAN, units=UNITS), folder=folder, commit=commit)


def of_table(values: Any, column: Any = "unit", **described: Any) -> tuple[pd.Series, list[str]]:
    done = recode(pd.DataFrame({"k": values}), PLAN, columns={"k": column}, units=UNITS, findings=[], **described)
    return done.table["k"], done.review["reason"].tolist()


def test_numbers_that_are_no_codes_stay() -> None:
    values = pd.Series([719.0, np.inf, -np.inf, np.nan])
    found, reasons = of_table(values, {"holds": "unit", "width": 4})
    assert found.tolist()[:3] == [710.0, np.inf, -np.inf]
    assert reasons == ["code cannot be read"] * 2


def test_numbers_of_keys_may_be_anything() -> None:
    table = pd.DataFrame({"k": ["0719"] * 4, "g": [np.inf, pd.Timestamp(0), b"1", 7], "b": [1, 2, 3, 4]}, dtype=object)
    done = recode(
        table, PLAN, columns={"k": "unit"}, keys=[{"code": "k", "numbers": ["g", "b"]}], units=UNITS, findings=[]
    )
    assert done.table["g"].tolist() == table["g"].tolist()


def test_categories_stay_categories() -> None:
    found, _ = of_table(pd.Series(["0719", "0704", None], dtype="category"))
    assert isinstance(found.dtype, pd.CategoricalDtype)
    assert found.astype(object).tolist()[:2] == ["0710", "0704"]


def test_a_text_with_several_codes_is_for_review() -> None:
    found, reasons = of_table(["0719/0706", "0719/x"], COMPOSITE)
    assert found.tolist() == ["0719/0706", "0710/x"]
    assert reasons == ["text holds several codes"]


@pytest.mark.parametrize(("day", "after"), [("infinity", "0710"), ("-infinity", "0719")])
def test_days_without_end(day: str, after: str) -> None:
    table = pd.DataFrame({"k": ["0719"], "d": [day]})
    assert recode(table, PLAN, columns={"k": "unit"}, date="d", findings=[]).table["k"].tolist() == [after]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_empty_lines_of_one_column_are_no_rows(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(end.join([b"k", b"0719", b"", b"0704", b""]))
    tally = recode_csv(tmp_path / "a.csv", None, register("a.csv"), Translation.of(PLAN, units=UNITS))
    assert tally.counts == {"rows": 2, "recoded": 1, "kept": 1, "review": 0}


def test_names_of_columns_are_those_of_an_inventory(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b" k ;;n\n0719;1;2\n")
    carried_out(tmp_path, register("a.csv", id="column 2"))
    assert (tmp_path / "a.csv").read_bytes() == b" k ;;n\n0710;1;2\n"


def workbook(path: Path, rows: list[list[Any]]) -> list[list[Any]]:
    """Write rows, recode them, and return what is there then."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    recode_workbook(path, path.with_name("new.xlsx"), register(path.name), Translation.of(PLAN, units=UNITS))
    return [[cell.value for cell in row] for row in openpyxl.load_workbook(path.with_name("new.xlsx")).active.rows]


def test_a_title_above_the_names_stays(tmp_path: Path) -> None:
    found = workbook(tmp_path / "a.xlsx", [["Cases"], [], ["id", "k "], [1, "0719"]])
    assert found == [["Cases", None], [None, None], ["id", "k "], [1, "0710"]]


def test_of_two_columns_of_one_name_the_first_is_meant(tmp_path: Path) -> None:
    assert workbook(tmp_path / "a.xlsx", [["k", "k"], ["0719", "0706"]]) == [["k", "k"], ["0710", "0706"]]


def test_true_is_no_code(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for value in ("k", True, "1"):
        book.active.append([value])
    book.save(tmp_path / "a.xlsx")
    plan = Plan(date="2017-01-01", events=[{"merge": ["1", "2"], "into": "3"}])
    tally = recode_workbook(tmp_path / "a.xlsx", None, register("a.xlsx"), Translation.of(plan, units=["1", "2"]))
    assert tally.changed == {"k": 1}
    assert tally.review["reason"].tolist() == ["code cannot be read"]


def test_an_empty_column_of_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"k": pa.nulls(2)}), tmp_path / "a.parquet")
    assert carried_out(tmp_path, register("a.parquet")).registers[0].counts["kept"] == 2


def test_what_lies_beside_a_layer_comes_back(tmp_path: Path) -> None:
    layer = gpd.GeoDataFrame({"k": ["0719"]}, geometry=[shapely.Point(0, 0)], crs=25832)
    layer.to_file(tmp_path / "a.gml", driver="GML")
    before = {name: (tmp_path / name).read_bytes() for name in ("a.gml", "a.xsd")}
    done = carried_out(tmp_path, register("a.gml"))
    assert done.undo is not None
    undo(done.undo)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for name in "abc":
        (tmp_path / f"{name}.csv").write_bytes(b"id,k\n1,0719\n")
    return tmp_path


def contents(folder: Path) -> set[bytes]:
    return {path.read_bytes()[-5:-1] for path in folder.glob("*.csv")}


def all_three() -> list[RegisterConfig]:
    return [register(f"{name}.csv", name) for name in "abc"]


def stopped_at(number: int, monkeypatch: pytest.MonkeyPatch, stop: Any) -> None:
    """Let something happen when so many registers have been put in their place."""
    replace, count = Path.replace, 0

    def counted(self: Path, target: Any) -> Path:
        nonlocal count
        count += str(target).endswith(".csv")
        if count == number and str(target).endswith(".csv"):
            stop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", counted)


def test_an_interruption_waits_until_all_files_are_in_their_place(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_at(2, monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        carried_out(three, *all_three())
    assert contents(three) == {b"0710"}
    undo(three / "undo" / "1" / "undo.json")
    assert contents(three) == {b"0719"}


def test_an_interruption_before_leaves_nothing(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carried_out(three, *all_three())
    assert contents(three) == {b"0719"}
    assert sorted(path.name for path in three.rglob("*")) == ["a.csv", "b.csv", "c.csv", "undo"]


def test_what_failed_half_way_is_undone(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed() -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        stopped_at(2, patched, failed)
        with pytest.raises(LayerError, match=r"A part was changed already\. Undo that with .*undo\.json"):
            carried_out(three, *all_three())
    assert contents(three) == {b"0710", b"0719"}
    undo(three / "undo" / "1" / "undo.json")
    assert contents(three) == {b"0719"}


def test_a_commit_that_failed_does_not_count_as_recoded(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crosswalk = pd.DataFrame({"old_code": ["0719", "0720"], "new_code": ["0720", "0719"]})
    swapped = Translation.of(crosswalk, day="2017-01-01")
    registers = [register("a.csv", "a", state="old")]

    def failed() -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        stopped_at(1, patched, failed)
        with pytest.raises(LayerError):
            recode_registers(registers, swapped, folder=three, commit=True)
    recode_registers(registers, swapped, folder=three, commit=True)
    assert (three / "a.csv").read_bytes() == b"id,k\n1,0720\n"
    recode_registers(registers, swapped, folder=three, commit=True)
    assert (three / "a.csv").read_bytes() == b"id,k\n1,0720\n"


def test_undo_with_a_full_disk_changes_no_database(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(three / "d.sqlite")) as connection:
        connection.execute("CREATE TABLE t (k text)")
        connection.execute("INSERT INTO t VALUES ('0719')")
        connection.commit()
    done = carried_out(three, *all_three(), register("d.sqlite", "d"))  # the only table needs no name
    assert done.undo is not None

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(LayerError, match="Free the disk"):
            undo(done.undo)
    assert contents(three) == {b"0710"}
    undo(done.undo)
    assert contents(three) == {b"0719"}
    with closing(sqlite3.connect(three / "d.sqlite")) as connection:
        assert connection.execute("SELECT k FROM t").fetchall() == [("0719",)]


def test_a_full_disk_is_told(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onefile, "engine_of", lambda _: full)
    with pytest.raises(InputError, match=r"a\.csv cannot be written: No space left on device\. Free the disk"):
        carried_out(three, *all_three())
    assert contents(three) == {b"0719"}


def test_a_file_marked_read_only_is_refused(three: Path) -> None:
    (three / "a.csv").chmod(0o444)
    with pytest.raises(InputError, match="may only be read"):
        carried_out(three, *all_three())
    assert contents(three) == {b"0719"}
    assert carried_out(three, *all_three(), commit=False).registers[0].counts["recoded"] == 1


def test_where_nothing_changes_there_is_no_way_back(three: Path) -> None:
    assert carried_out(three, *all_three()).undo is not None
    again = carried_out(three, *all_three())
    assert again.undo is None
    assert [path.name for path in (three / "undo").iterdir()] == ["1"]
    (three / "job.yaml").write_text("registers: [{name: a, source: a.csv, columns: {k: unit}}]\n", encoding="utf-8")
    (three / "plan.yaml").write_text(
        "date: 2017-01-01\nevents: [{merge: ['0706', '0719'], into: '0710'}]\n", encoding="utf-8"
    )
    done = CliRunner().invoke(main, ["recode", str(three / "job.yaml"), "--plan", str(three / "plan.yaml"), "--commit"])
    assert done.output.splitlines()[-1] == "Nothing was to be changed."


def test_registers_of_one_name_are_refused(three: Path) -> None:
    with pytest.raises(InputError, match="Rename all but one"):
        carried_out(three, register("a.csv"), register("b.csv"))


def test_collations_of_sqlite_do_not_make_values_alike(tmp_path: Path) -> None:
    rows = [("ab-0719", "0719 ", 1), ("AB-0719", "0719", 2), ("x-9999", None, 3)]
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.execute("CREATE TABLE t (c text COLLATE NOCASE, b text COLLATE RTRIM, id int)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.commit()
        done = carried_out(
            tmp_path, register("a.sqlite", columns={"c": COMPOSITE, "b": {"holds": "unit", "of": "b"}}, id="id")
        )
        assert connection.execute("SELECT * FROM t").fetchall() == [
            ("ab-0710", "0710 ", 1), ("AB-0710", "0710", 2), ("x-9999", None, 3),
        ]  # fmt: skip
        assert done.review[["register", "id", "reason", "decision"]].values.tolist() == [["r", 3, "unknown code", ""]]
        assert done.findings[0].what == "For review, unknown code: 1 row of r"
        assert done.undo is not None
        undo(done.undo)
        assert connection.execute("SELECT * FROM t").fetchall() == rows


@pytest.mark.real
def test_postgresql_by_recode_registers(postgis: Any, tmp_path: Path) -> None:
    postgis.execute(
        "CREATE EXTENSION citext",
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE a (id int PRIMARY KEY, k char(4), c citext, n text COLLATE loose, f float8, d date)",
        "INSERT INTO a VALUES (1, '0719', 'ab-0719', 'x0719', 719, '2017-01-01'), "
        "(2, '0719', 'AB-0719', 'X0719', 'NaN', 'infinity'), (3, '07', 'ab', NULL, 'Infinity', NULL), "
        "(4, '0719', 'ab-0719', 'x0719', 719, '2016-12-31')",
        'CREATE TABLE "o;""x" ("k\'; DROP TABLE a; --" text, z int)',
        "INSERT INTO \"o;\"\"x\" VALUES ('0719', 1), ('0719', 1), ('=0719', 2)",
    )
    other = {of: {**COMPOSITE, "of": of} for of in ("c", "n")}
    columns = {"k": "unit", **other, "f": {"holds": "unit", "width": 4, "of": "f"}}
    registers = [
        register(postgis.url, "a", table="public.a", columns=columns, id="id", date="d"),
        register(postgis.url, "o", table='"o;""x"', columns={"k'; DROP TABLE a; --": "unit"}),
    ]

    def rows() -> list[Any]:
        found = postgis.execute("SELECT id, k, c::text, n, f::text, d::text FROM a ORDER BY id")
        return [*found, *sorted(postgis.execute('SELECT * FROM "o;""x"'))]

    before = rows()
    assert carried_out(tmp_path, *registers, commit=False).registers[0].counts["recoded"] == 2
    assert rows() == before
    done = carried_out(tmp_path, *registers)
    assert rows() == [
        (1, "0710", "ab-0710", "x0710", "710", "2017-01-01"),
        (2, "0710", "AB-0710", "X0710", "NaN", "infinity"),
        *before[2:4],
        ("0710", 1), ("0710", 1), ("=0719", 2),
    ]  # fmt: skip
    assert done.review["reason"].tolist()[-1] == "cell is a formula"
    assert done.review["id"].tolist()[0] == 3
    assert carried_out(tmp_path, *registers).undo is None
    assert done.undo is not None
    undo(done.undo)
    assert rows() == before
