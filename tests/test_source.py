"""Files and texts that lists are read from, and the faults of their rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.histories import rows
from geomerge.histories.source import Source, decoded, named, table_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Ørsta".encode(), "Ørsta"),
        ("\ufeffØrsta".encode(), "Ørsta"),
        ("Ørsta".encode("latin-1"), "Ørsta"),
        ("Šibenik Ørsta".encode("windows-1252"), "Šibenik Ørsta"),
        ("0706\u00a0-\u00a0Å".encode("latin-1"), "0706\u00a0-\u00a0Å"),
        ("Ørsta".encode("utf-16"), "\ufeffØrsta".removeprefix("\ufeff")),
    ],
)
def test_encodings_are_told_apart(data: bytes, text: str) -> None:
    assert decoded(data, "list.csv") == text


def test_an_encoding_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(InputError, match=r"list.csv row 2: byte 0x81 is no letter in UTF-8, ISO-8859-1 or Windows"):
        decoded(b"ok\n\x81\xf8", "list.csv")
    with pytest.raises(InputError, match=r"list.csv row 2: byte 0xF8 is not UTF-8, but other letters of the file are"):
        decoded("å\n".encode() + b"\xf8 x", "list.csv")


@pytest.mark.parametrize("mark", ",;\t|")
def test_separators_are_found(mark: str) -> None:
    table = table_of(f'a{mark}b\n"x{mark}y"{mark}\u00a0z \n\n1\n', "list.csv")
    assert table.values.tolist() == [[f"x{mark}y", "z"], ["1", ""]]
    assert table.index.tolist() == [2, 4]


def test_rows_that_are_too_long_are_named() -> None:
    with pytest.raises(InputError, match=r"list.csv rows 3 and 4: more values .* must stand in quotes"):
        table_of("a,b\n1,2\n1,2,3\n1,2,3\n1,2,,\n", "list.csv")
    with pytest.raises(InputError, match=r"list\.csv is empty"):
        table_of("", "list.csv")


def test_files_that_are_not_there_or_not_what_they_seem(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        _ = Source(str(tmp_path / "none.csv")).header
    path = tmp_path / "broken.xlsx"
    path.write_bytes(b"PK\x03\x04[Content_Types].xml nothing else")
    assert Source(str(path)).is_workbook
    with pytest.raises(InputError, match="is no XLSX file"):
        _ = Source(str(path)).sheet
    assert Source(str(path)).header == ()


def test_a_long_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a;b\n" + "1;2\n" * 40_000, encoding="utf-8")
    assert len(Source(str(path)).table()) == 40_000


def test_rows_are_named_as_people_do() -> None:
    assert named([3], "entry") == "entry 3"
    assert named([3, 4], "entry") == "entries 3 and 4"
    assert named([3, 4, 5]) == "rows 3, 4 and 5"
    assert named(range(100)) == "rows 0, 1, 2, 3, 4 and 95 more"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2020-02-29", "2020-02-29"),
        ("29.02.2020", "2020-02-29"),
        ("29/02/2020", "2020-02-29"),
        ("2021-02-29", None),
        ("29/02/20", None),
        ("20200229", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_read(text: str | None, date: str | None) -> None:
    assert rows.iso_date(text) == date


def test_contradictions_are_told_together() -> None:
    columns = ["old_code", "new_code", "new_name", "date"]
    table = pd.DataFrame(
        [
            ["1", "9", "Ni", "2010-01-01"],
            ["2", "9", "Nine", "2010-01-01"],
            ["1", "8", "Åtte", "2015-01-01"],
            ["9", "9", "Neuf", "2016-01-01"],
            [None, "8", "Åtte", "2017-01-01"],
        ],
        columns=columns,
        index=[2, 3, 4, 5, 6],
    )
    with pytest.raises(InputError) as told:
        rows.require_consistent(table, lambda _: True, "list.csv")
    assert told.value.faults == (
        "list.csv rows 2 and 3: 9 gets 2 names on 2010-01-01: Ni, Nine. Keep one.",
        "list.csv row 4: 1 changes on 2015-01-01, but ended on 2010-01-01 (row 2). "
        "Name its successor, or correct a date.",
        "list.csv row 6: 8 is created on 2017-01-01, but is there since 2015-01-01 (row 4). "
        "Choose another code, or correct a date.",
    )
    rows.require_consistent(table, lambda date: date == "2016-01-01", "list.csv")


def test_a_code_that_comes_to_life_again_may_end_again() -> None:
    table = pd.DataFrame(
        [["1", "9", "N", "2010-01-01"], ["9", "1", "E", "2015-01-01"], ["1", None, None, "2020-01-01"]],
        columns=["old_code", "new_code", "new_name", "date"],
    )
    rows.require_consistent(table, lambda _: True, "list.csv")
