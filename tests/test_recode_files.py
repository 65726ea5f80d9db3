"""Registers in files are recoded all at once or not at all, and are restored to the byte."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner

from geomerge import Plan, Translation
from geomerge.cli import main
from geomerge.errors import Blocked, InputError, LayerError
from geomerge.recode import onefile
from geomerge.recode.copies import recode_copies
from geomerge.recode.files import recode_registers
from geomerge.recode.parquetrows import recode_parquet
from geomerge.recode.undo import undo
from geomerge.recode.workbook import recode_workbook
from geomerge.registers import RegisterConfig, register_of

UNITS = ["0704", "0706", "0719"]
PLAN = """
title: A merger
date: 2017-01-01
events:
  - merge: ["0706", "0719"]
    into: "0710"
"""


def translation() -> Translation:
    return Translation.of(Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}]), units=UNITS)


def register(name: str, source: str, **described: Any) -> RegisterConfig:
    return RegisterConfig(name=name, source=source, columns=described.pop("columns", {"k": "unit"}), **described)


def table_of(codes: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"id": range(len(codes)), "k": codes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the same register in several formats."""
    table = table_of(["0719", "0704", "x"])
    (tmp_path / "a.csv").write_bytes(b"id,k\n0,0719\n1,0704\n2,x\n")
    table.to_parquet(tmp_path / "b.parquet")
    with pd.ExcelWriter(tmp_path / "c.xlsx") as book:
        table.to_excel(book, sheet_name="cases", index=False)
        table.to_excel(book, sheet_name="other", index=False)
    shapes = gpd.GeoDataFrame(table, geometry=shapely.points([[0, 0], [1, 1], [2, 2]]), crs="EPSG:25832")
    shapes.to_file(tmp_path / "d.shp")
    shapes.to_file(tmp_path / "e.gpkg", layer="cases")
    shapes.to_file(tmp_path / "g.geojson")
    with closing(sqlite3.connect(tmp_path / "f.sqlite")) as connection:
        connection.executescript(
            "CREATE TABLE t (k TEXT, n);"
            "INSERT INTO t VALUES ('0719', 1), ('0704', 2), ('x', 3), (NULL, 4), ('=0719', 5), ('it''s;--', 6);"
        )
    return tmp_path


REGISTERS = [
    register("a", "a.csv"),
    register("b", "b.parquet"),
    register("c", "c.xlsx", table="cases"),
    register("d", "d.shp"),
    register("e", "e.gpkg", table="cases"),
    register("f", "f.sqlite", table="t"),
    register("g", "g.geojson"),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def codes(folder: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(folder / "f.sqlite")) as connection:
        rows = [row[0] for row in connection.execute("SELECT k FROM t ORDER BY n")]
    return {
        "a": pd.read_csv(folder / "a.csv", dtype=str)["k"].tolist(),
        "b": pd.read_parquet(folder / "b.parquet")["k"].tolist(),
        "c": pd.read_excel(folder / "c.xlsx", sheet_name="cases", dtype=str)["k"].tolist(),
        "d": gpd.read_file(folder / "d.shp")["k"].tolist(),
        "e": gpd.read_file(folder / "e.gpkg", layer="cases")["k"].tolist(),
        "f": rows[:3],
        "g": gpd.read_file(folder / "g.geojson")["k"].tolist(),
    }


def test_all_formats_are_recoded_and_restored(folder: Path) -> None:
    before = contents(folder)
    dry = recode_registers(REGISTERS, translation(), folder=folder)
    assert contents(folder) == before
    assert dry.undo is None
    done = recode_registers(REGISTERS, translation(), folder=folder, commit=True)
    assert [result.counts["recoded"] for result in done.registers] == [1] * 7
    assert [result.counts for result in done.registers] == [result.counts for result in dry.registers]
    assert codes(folder) == {name: ["0710", "0704", "x"] for name in "abcdefg"}
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    after = contents(folder)
    again = recode_registers(REGISTERS, translation(), folder=folder, commit=True)
    assert contents(folder) == after
    assert [result.counts["recoded"] for result in again.registers] == [0] * 7
    assert done.undo is not None
    undo(done.undo)
    assert codes(folder) == {name: ["0719", "0704", "x"] for name in "abcdefg"}
    restored = contents(folder)
    in_place = ("e.gpkg", "f.sqlite")
    assert {name: data for name, data in restored.items() if name not in in_place} == {
        name: data for name, data in before.items() if name not in in_place
    }
    with pytest.raises(InputError, match="was undone already"):
        undo(done.undo)


def test_undo_refuses_what_was_changed_since(folder: Path) -> None:
    done = recode_registers(REGISTERS[:2], translation(), folder=folder, commit=True)
    assert done.undo is not None
    with (folder / "a.csv").open("ab") as stream:
        stream.write(b"3,0719\n")
    before = contents(folder)
    with pytest.raises(InputError, match=r"a\.csv was changed since it was recoded"):
        undo(done.undo)
    assert contents(folder) == before


def test_the_faults_of_all_registers_are_told_and_nothing_changes(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(InputError) as error:
        recode_registers([*REGISTERS, register("x", "x.csv"), register("y", "y.csv")], translation(), folder=folder)
    assert len(error.value.faults) == 2
    wrong = [REGISTERS[0], register("x", "b.parquet", columns={"q": "unit"}), register("y", "c.xlsx", table="none")]
    with pytest.raises(InputError) as error:
        recode_registers(wrong, translation(), folder=folder, commit=True)
    assert len(error.value.faults) == 2
    assert contents(folder) == before


def test_a_locked_database_leaves_all_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomerge.databases.engine.WAIT", 0.1)
    before = contents(folder)
    with closing(sqlite3.connect(folder / "f.sqlite", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="Close it in other programs"):
            recode_registers(REGISTERS, translation(), folder=folder, commit=True)
        connection.execute("ROLLBACK")
    assert contents(folder) == before


def test_a_file_that_changes_meanwhile_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rude(*arguments: Any) -> Any:
        (folder / "a.csv").write_bytes(b"id,k\n9,0719\n")
        return recode_parquet(*arguments)

    monkeypatch.setattr(onefile, "recode_parquet", rude)
    with pytest.raises(LayerError, match="was changed while it was read"):
        recode_registers(REGISTERS[:2], translation(), folder=folder, commit=True)
    assert (folder / "a.csv").read_bytes() == b"id,k\n9,0719\n"


def test_a_database_that_refuses_leaves_no_way_back(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "f.sqlite")) as connection:
        connection.executescript(
            "CREATE TRIGGER no BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 'no change in December'); END;"
        )
    before = contents(folder)
    with pytest.raises(InputError, match="no change in December"):
        recode_registers(REGISTERS[:6], translation(), folder=folder, commit=True)
    assert {name: data for name, data in contents(folder).items() if name != "e.gpkg"} == {
        name: data for name, data in before.items() if name != "e.gpkg"
    }
    (way,) = (folder / "undo").glob("*/undo.json")  # the GeoPackage was changed before
    undo(way)
    assert gpd.read_file(folder / "e.gpkg", layer="cases")["k"].tolist() == ["0719", "0704", "x"]
    with pytest.raises(InputError, match="no change in December"):
        recode_registers([REGISTERS[0], REGISTERS[5]], translation(), folder=folder, commit=True)
    assert len([*(folder / "undo").iterdir()]) == 1


def test_districts_that_could_not_be_told_apart_block(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("d\n07060101\n07190101\n07040101\n", encoding="utf-8")
    described = [register("a", "a.csv", columns={"d": {"holds": "district", "width": 4}})]
    with pytest.raises(Blocked, match="would hold 07100101 for 07060101 and 07190101"):
        recode_registers(described, translation(), folder=tmp_path, commit=True)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").startswith("d\n07060101")


def test_codes_used_again_are_recoded_once(tmp_path: Path) -> None:
    events = [
        {"date": "2019-01-01", "renumber": "2", "to": "3"},
        {"date": "2020-01-01", "renumber": "1", "to": "2"},
    ]
    swap = Translation.of(Plan(events=events), units=["1", "2"])
    (tmp_path / "a.csv").write_text("k\n1\n2\n", encoding="utf-8")
    described = [register("a", "a.csv", state="old")]
    recode_registers(described, swap, folder=tmp_path, commit=True)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "k\n2\n3\n"
    again = recode_registers(described, swap, folder=tmp_path, commit=True)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "k\n2\n3\n"
    assert again.registers[0].counts == {"rows": 2, "recoded": 0, "kept": 1, "review": 1}


def test_copies_leave_the_registers_alone(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    target = tmp_path / "out" / "registers"
    done = recode_copies(REGISTERS, translation(), folder=folder, target=target)
    assert contents(folder) == before
    assert codes(target) == {name: ["0710", "0704", "x"] for name in "abcdefg"}
    assert len(done.review) >= 7


def test_a_workbook_keeps_all_but_the_cells_that_change(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "cases"
    for row in (["id", "k", "n", "d"], [1, "0719", 719, None], [2, "=B2", 706, None], [3, "0719", 704, None]):
        sheet.append(row)
    sheet["B2"].font = openpyxl.styles.Font(bold=True)
    sheet["E2"] = "=CONCATENATE(B2, C2)"
    book.create_sheet("other")["A1"] = "0719"
    source, target = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    book.save(source)
    described = register(
        "c", "a.xlsx", table="cases", columns={"k": "unit", "n": {"holds": "unit", "width": 4, "of": "n"}}
    )
    tally = recode_workbook(source, target, described, translation())
    new = openpyxl.load_workbook(target)["cases"]
    assert [new["B2"].value, new["B3"].value, new["B4"].value] == ["0710", "=B2", "0710"]
    assert [new["C2"].value, new["C3"].value, new["C4"].value] == [710, 706, 704]
    assert new["B2"].font.bold
    assert new["E2"].value == "=CONCATENATE(B2, C2)"
    assert tally.reasons[("review", "cell is a formula")] == 1
    assert any("former values" in finding.what for finding in tally.findings())
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target) as made:
        assert old.namelist() == made.namelist()
        differing = {name for name in old.namelist() if old.read(name) != made.read(name)}
    assert differing == {"xl/worksheets/sheet1.xml"}


STRINGS = b"""<?xml version="1.0"?>
<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="3" uniqueCount="3"><si><t>k</t></si>\
<si><r><t>07</t></r><r><rPr><b/></rPr><t>19</t></r></si><si><t>a &amp; b</t></si></sst>"""
SHEET = b"""<?xml version="1.0"?>
<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData><x:row r="3">\
<x:c r="B3" t="s"><x:v>0</x:v></x:c><x:c r="C3"/></x:row><x:row r="4"><x:c r="B4" s="7" t="s" ><x:v >1</x:v></x:c>\
<x:c r="C4" t="s"><x:v>1</x:v></x:c></x:row><x:row><x:c><x:v>9</x:v></x:c><x:c t="str"><x:v>0706</x:v></x:c></x:row>\
</x:sheetData></x:worksheet>"""


def test_shared_strings_get_the_new_codes(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "plain.xlsx")
    source, target = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as old, zipfile.ZipFile(source, "w") as new:
        for member in old.infolist():
            new.writestr(member, SHEET if "sheet1" in member.filename else old.read(member))
        new.writestr("xl/sharedStrings.xml", STRINGS)
    tally = recode_workbook(source, target, register("c", "a.xlsx"), translation())
    assert tally.counts == {"rows": 2, "recoded": 2, "kept": 0, "review": 0}
    with zipfile.ZipFile(target) as made:
        sheet, strings = made.read("xl/worksheets/sheet1.xml"), made.read("xl/sharedStrings.xml")
    expected = SHEET.replace(b'<x:c r="B4" s="7" t="s" ><x:v >1<', b'<x:c r="B4" s="7" t="s" ><x:v >3<')
    assert sheet == expected.replace(b"0706", b"0710")
    assert strings == STRINGS.replace(b'uniqueCount="3"', b'uniqueCount="4"').replace(
        b"</sst>", b'<si><t xml:space="preserve">0710</t></si></sst>'
    )


def test_a_damaged_workbook_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"no zip")
    with pytest.raises(LayerError, match="is no XLSX file"):
        recode_workbook(tmp_path / "a.xlsx", None, register("c", "a.xlsx"), translation())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.int32()])
@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "write_page_index": True}, {"use_dictionary": False}])
def test_parquet_keeps_every_other_chunk(tmp_path: Path, kind: pa.DataType, options: dict[str, Any]) -> None:
    texts = ["0719", None, "0704", "0706"] * 10
    numbers = [None if text is None else int(text) for text in texts] if kind == pa.int32() else texts
    table = pa.table(
        {"n": list(range(40)), "k": pa.array(numbers, type=kind), "l": [[1, 2]] * 40, "t": ["å"] * 40}
    ).replace_schema_metadata({"made by": "hand"})
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(table, source, row_group_size=16, **options)
    described = register_of({"k": {"holds": "unit", "width": 4}})
    tally = recode_parquet(source, target, described, translation())
    new = pq.read_table(target)
    assert tally.counts == {"rows": 40, "recoded": 20, "kept": 20, "review": 0}
    assert pq.read_schema(target).equals(pq.read_schema(source), check_metadata=True)
    expected = [None if text is None else text.replace("0719", "0710").replace("0706", "0710") for text in texts]
    assert [None if v is None else str(v).zfill(4) for v in new["k"].to_pylist()] == expected
    assert new.drop_columns("k").equals(pq.read_table(source).drop_columns("k"))
    old, made = pq.read_metadata(source), pq.read_metadata(target)
    assert made.num_row_groups == old.num_row_groups == 3
    for group in range(3):
        for at in range(old.num_columns):
            one, other = old.row_group(group).column(at), made.row_group(group).column(at)
            assert (one.compression, one.num_values) == (other.compression, other.num_values)
            if one.path_in_schema != "k":
                assert one.has_offset_index == other.has_offset_index
                assert chunk(source, one) == chunk(target, other)
    filtered = pq.read_table(target, filters=[("n", "==", 33)])
    assert filtered["n"].to_pylist() == [33]


def chunk(path: Path, column: Any) -> bytes:
    start = column.dictionary_page_offset or column.data_page_offset
    return path.read_bytes()[start : start + column.total_compressed_size]


def test_parquet_without_rows_or_damaged(tmp_path: Path) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"k": pa.array([], type=pa.string())}), source)
    assert recode_parquet(source, target, register_of({"k": "unit"}), translation()).rows == 0
    assert pq.read_table(target).num_rows == 0
    source.write_bytes(source.read_bytes()[:20])
    with pytest.raises(LayerError, match="damaged or cut short"):
        recode_parquet(source, target, register_of({"k": "unit"}), translation())


def test_the_command(folder: Path) -> None:
    listed = [{"name": "a", "source": "a.csv", "columns": {"k": "unit"}, "id": "id"}]
    (folder / "registers.yaml").write_text(json.dumps({"registers": listed}), encoding="utf-8")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    before = (folder / "a.csv").read_bytes()
    start = ["recode", str(folder / "registers.yaml"), "--plan", str(folder / "plan.yaml")]
    dry = CliRunner().invoke(main, start)
    assert dry.exit_code == 0, dry.output
    assert "a (a.csv): 3 rows, 1 recoded, 2 kept, 0 review\n  k                0719 > 0710  1 rows" in dry.stdout
    assert "Nothing was changed" in dry.stdout
    assert (folder / "a.csv").read_bytes() == before
    done = CliRunner().invoke(main, [*start, "--commit", "--review", str(folder / "review.csv")])
    assert "geomerge recode --undo" in done.stdout
    assert (folder / "a.csv").read_bytes() != before
    back = CliRunner().invoke(main, ["recode", "--undo", str(folder / "undo" / "1" / "undo.json")])
    assert back.exit_code == 0, back.output
    assert (folder / "a.csv").read_bytes() == before
    assert CliRunner().invoke(main, [*start, "--register", "z"]).exit_code == 2
