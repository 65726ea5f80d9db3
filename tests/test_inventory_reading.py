"""Reading for an inventory: any encoding, any kind of file; what cannot be read is told, and stops nothing."""

from __future__ import annotations

import gzip
import os
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge import History, Inventory, inventory, read_history
from geomerge.errors import LayerError
from geomerge.files.headers import column_names
from geomerge.inventory.texts import encoding_of, read_text
from geomerge.inventory.walking import walk

CODES = ["0301", "1103", "0706", "0719", "0720", "1601", "1201", "0101", "0104", "0105", "0111", "0118"]
TEXT = "kommune;navn;sak\n" + "".join(f"{code};Sørøya Ærlig;{row}\n" for row, code in enumerate(CODES))


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


def take(norway: History, *sources: Path | str, **options: Any) -> Inventory:
    return inventory(list(sources), history=norway, **options)


def holders(found: Inventory) -> list[tuple[str, Any, str]]:
    held = found.columns[found.columns["holds"] == "unit"]
    return [(Path(row["source"]).name, row["table"], row["column"]) for row in held.to_dict("records")]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("iso-8859-1", "ISO-8859-1"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_encodings_are_recognised(norway: History, tmp_path: Path, encoding: str, found: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert encoding_of(path) == found
    taken = take(norway, path)
    assert holders(taken) == [("cases.csv", None, "kommune")]
    assert taken.tables.iloc[0]["rows"] == len(CODES)


def test_windows_and_late_letters_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"code\nRomsa \x8a\xe5\n")  # a letter that only Windows-1252 has
    assert encoding_of(path) == "windows-1252"
    path.write_bytes(b"code\n" + b"plain\n" * 400_000 + b"\xe5\n")  # far behind what a look at the head shows
    assert encoding_of(path) == "ISO-8859-1"


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_utf8_is_never_taken_for_something_else(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("text") / "a.csv"
    written = ("code;ø\n" + text.replace("\0", "")).encode("utf-8", "replace")
    path.write_bytes(written)
    assert encoding_of(path) == "utf-8"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'code{mark}name\n0301{mark}"Oslo{mark} by, etc; or | so"\n', encoding="utf-8")
    table = read_text(path)
    assert (table.delimiter, table.header) == (mark, ("code", "name"))
    assert [list(row) for batch in table.batches() for row in batch] == [["0301", f"Oslo{mark} by, etc; or | so"]]


def test_broken_rows_are_counted_and_left_out(norway: History, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("kommune;n\n0301;1\n0706;1;2\n0719\n\n1103;4\n", encoding="utf-8")
    found = take(norway, path)
    assert found.tables.iloc[0]["rows"] == 3
    concern = found.tables.iloc[0]["concern"]
    assert concern.startswith("1 row has more values than the header (2); left out.")
    assert "1 row has fewer" in concern
    assert concern.endswith("The first is near line 3.")


def test_what_cannot_be_read_is_told_with_its_remedy(norway: History, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(TEXT, encoding="utf-8")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "blank.csv").write_text("\n \n", encoding="utf-8")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\0\0\0" + bytes(range(256)) * 8)
    (tmp_path / "quote.csv").write_text('a;b\n1;"' + "x" * (1 << 24) + "x\n", encoding="utf-8")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(TEXT.encode() * 200)[:100])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1nothing")
    (tmp_path / "cut.gpkg").write_bytes(b"SQLite format 3\0" + b"\xff" * 3000)
    (tmp_path / "cut.geojson").write_text('{"type": "FeatureCollection", "features": [{"ty', encoding="utf-8")
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4nothing")
    (tmp_path / "cut.xlsx").write_bytes(b"PK\3\4nothing")
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2000))
    (tmp_path / "secret.xlsx").write_bytes(
        b"\xd0\xcf\x11\xe0" + bytes(2000) + "EncryptedPackage".encode("utf-16-le") + bytes(10)
    )
    found = take(norway, tmp_path)
    assert holders(found) == [("good.csv", None, "kommune")]
    told = {Path(row["source"]).name: row["what"] for row in found.problems.to_dict("records")}
    assert sorted(told) == [
        "blank.csv", "cut.csv.gz", "cut.geojson", "cut.gpkg", "cut.parquet", "cut.xlsx", "cut.zip", "empty.csv",
        "old.xls", "picture.csv", "quote.csv", "secret.xlsx",
    ]  # fmt: skip
    assert "protected by a password. Open it, and save it without one." in told["secret.xlsx"]
    assert "save it as XLSX" in told["old.xls"]
    assert "never closed" in told["quote.csv"]
    assert "is empty" in told["empty.csv"]
    assert "damaged or cut short" in told["cut.csv.gz"]
    assert all(what.rstrip().endswith((".", "?")) for what in told.values()), told


def test_workbooks_are_read_sheet_by_sheet(norway: History, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Saker"
    for row in (["Saker 2016"], [], ["Kommune", "Antall", None], *([code, 3, None] for code in CODES)):
        sheet.append(row)
    numbers = book.create_sheet("Tall")
    for row in (["knr", "navn"], *([int(code), "x"] for code in CODES)):
        numbers.append(row)
    book.create_sheet("tom")
    book.save(tmp_path / "bok.xlsx")
    found = take(norway, tmp_path / "bok.xlsx")
    assert holders(found) == [("bok.xlsx", "Saker", "Kommune"), ("bok.xlsx", "Tall", "knr")]
    assert found.tables["rows"].tolist() == [len(CODES), len(CODES)]
    lost = found.columns.set_index("column")["zeros_lost"]
    assert lost["knr"] == sum(code.startswith("0") for code in CODES)
    openpyxl.Workbook().save(tmp_path / "tom.xlsx")
    assert "none of its sheets holds a value" in take(norway, tmp_path / "tom.xlsx").problems.iloc[0]["what"]


def test_every_kind_of_file_is_read(norway: History, tmp_path: Path) -> None:
    points = [shapely.Point(place, 0) for place in range(len(CODES))]
    table = gpd.GeoDataFrame({"kommune": CODES, "n": range(len(CODES))}, geometry=points, crs="EPSG:25833")
    for name in ("a.gpkg", "a.shp", "a.geojson", "a.fgb"):
        table.to_file(tmp_path / name)
    table.to_parquet(tmp_path / "a.parquet")
    table.drop(columns="geometry").to_parquet(tmp_path / "plain.parquet", row_group_size=2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.geojson", "inner/b.geojson")
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8") as packed:
        packed.write(TEXT)
    (tmp_path / "a.json").write_text((tmp_path / "a.geojson").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "other.json").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "bare.dbf").write_bytes((tmp_path / "a.dbf").read_bytes())
    found = take(norway, tmp_path)
    assert found.problems.empty, found.problems["what"].tolist()
    assert [name for name, _, column in holders(found) if column == "kommune"] == [
        "a.csv.gz", "a.fgb", "a.geojson", "a.gpkg", "a.json", "a.parquet", "a.shp", "b.geojson", "bare.dbf",
        "plain.parquet",
    ]  # fmt: skip
    assert set(found.columns["column"]) == {"kommune", "n", "fid", "navn", "sak"}  # and no geometry
    skipped = dict(found.skipped.itertuples(index=False))
    assert (skipped["part of a shapefile"], skipped[".json"], skipped[".shx"]) == (1, 1, 1)


def test_databases_in_files_tell_their_keys(norway: History, tmp_path: Path) -> None:
    path = tmp_path / "cases.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            'CREATE TABLE kommuner (knr TEXT PRIMARY KEY, "odd ""name" INTEGER UNIQUE);'
            "CREATE TABLE cases (id INTEGER PRIMARY KEY, kommune TEXT REFERENCES kommuner (knr), picture BLOB);"
            "CREATE VIEW seen AS SELECT kommune FROM cases; CREATE TABLE only_blob (b BLOB);"
        )
        connection.executemany("INSERT INTO kommuner VALUES (?, ?)", [(code, int(code) + 9000) for code in CODES])
        connection.executemany("INSERT INTO cases (kommune) VALUES (?)", [(code,) for code in CODES * 2])
    connection.close()
    found = take(norway, path).columns.set_index(["table", "column"])
    assert found.loc[("kommuner", "knr"), ["holds", "key", "key_confidence"]].tolist() == ["unit", "primary", 1.0]
    assert found.loc[("kommuner", 'odd "name'), "key"] == "unique"
    assert found.loc[("cases", "kommune"), "key_why"] == "the database says it refers to kommuner.knr"
    assert found.loc[("cases", "id"), "key"] == "primary"
    assert ("seen", "kommune") in found.index
    assert not any(column == "picture" for _, column in found.index)
    assert path.read_bytes()[:6] == b"SQLite"


def test_folders_are_walked_once_whatever_links_say(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "x.csv").write_text(TEXT, encoding="utf-8")
    (inner / "loop").symlink_to(tmp_path)
    (tmp_path / "same.csv").symlink_to(inner / "x.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "y.csv").write_text(TEXT, encoding="utf-8")
    for number in range(30):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    (tmp_path / "README").write_text("x", encoding="utf-8")
    found = walk([tmp_path])
    assert len(found.files) == 1
    assert dict(found.skipped) == {".jpg": 30, "no suffix": 1}
    assert "link to what does not exist" in found.problems[0][1]
    named = walk([tmp_path, inner / "x.csv"])
    assert named.files == [inner / "x.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read by root")
def test_what_may_not_be_read_is_told(norway: History, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert "Permission" in take(norway, tmp_path).problems.iloc[0]["what"]
    finally:
        closed.chmod(0o700)


def test_missing_sources_are_told_together(norway: History, tmp_path: Path) -> None:
    with pytest.raises(LayerError) as error:
        take(norway, tmp_path / "a.csv", tmp_path / "b")
    assert len(error.value.faults) == 2


def test_headers_have_names_once() -> None:
    assert column_names(["a", None, " a ", ""]) == ("a", "column 2", "a.1", "column 4")


def test_sqlite_by_address_and_unknown_drivers(norway: History, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    connection = sqlite3.connect(path)
    pd.DataFrame({"kommune": CODES}).to_sql("cases", connection, index=False)
    connection.close()
    found = take(norway, f"sqlite:///{path}", "nothing://user@host/base")
    assert [row["column"] for row in found.columns.to_dict("records") if row["holds"] == "unit"] == ["kommune"]
    assert found.tables.iloc[0]["table"].endswith("cases")
    assert len(found.problems) == 1
    wrong = take(norway, "postgresql://gis:s3cret@h/b", "postgresql://h/b?password=s3cret").problems
    assert len(wrong) == 2
    assert "s3cret" not in wrong.to_csv()
