"""Histories by name, from folders, plans and official lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomerge.errors import Blocked, InputError
from geomerge.histories.shipped import read_history, shipped_histories

DOCUMENT = "title: Cities\nlevel: city\nbegin: 2000-01-01\nknown_until: 2024-01-01\nsource: invented\n"
UNITS = "code,name,parent\n1,En,p\n2,To,p\n"
CHANGES = "date,event,unit,to,name,parent\n2010-01-01,merge,1 2,9,Ni,p\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"history.yaml": DOCUMENT, "units.csv": UNITS, "changes.csv": CHANGES, "parents.csv": "code,name\np,Pe\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder(folder: Path) -> None:
    history = read_history(folder)
    assert (history.title, history.level, str(history.begin), history.source) == (
        "Cities",
        "city",
        "2000-01-01",
        "invented",
    )
    assert history.units_on("2010-01-01")["name"].tolist() == ["Ni"]
    assert history.parent_names() == {"p": "Pe"}


@pytest.mark.parametrize("name", ["NO", "no"])
def test_a_name(name: str) -> None:
    assert read_history(name).title == "Municipalities of Norway"


def test_a_plan_and_an_official_list(folder: Path, tmp_path: Path) -> None:
    assert read_history(folder / "changes.csv").codes == ("1", "2")
    (tmp_path / "list.csv").write_text("old_code,new_code,new_name,date\n1,9,Ni,2010-01-01\n2,9,Ni,2010-01-01\n")
    assert read_history(tmp_path / "list.csv").codes == ("1", "2")


def test_what_is_no_history() -> None:
    with pytest.raises(
        InputError, match=r"There is no history XX. Name one that ships \(NO\), a folder with history.yaml"
    ):
        read_history("XX")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("units.csv", None, "is no history: it has no units.csv"),
        ("units.csv", "kode,name\n1,En\n", "has no column code. It has kode, name"),
        ("units.csv", "code,name\n,En\n", "row 2: the code is empty"),
        ("history.yaml", "title: Cities\nbegin: soon\n", "begin: 'soon' is no date"),
        ("changes.csv", "date,event\n2010-01-01,merge\n", "has no column unit"),
    ],
)
def test_faulty_files_are_told(folder: Path, name: str, text: str | None, fault: str) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=fault):
        read_history(folder)


def test_contradictions_block(folder: Path) -> None:
    (folder / "units.csv").write_text("code\n1\n")
    with pytest.raises(Blocked, match="No unit has the code 2"):
        read_history(folder)


@pytest.mark.parametrize(
    ("day", "count"),
    # municipalities by year, as Statistics Norway counts them
    [
        ("1971-01-01", 449), ("1972-01-01", 444), ("1974-01-01", 443), ("1977-01-01", 454), ("1988-01-01", 448),
        ("1992-01-01", 439), ("1994-01-01", 435), ("2002-01-01", 434), ("2016-01-01", 428), ("2017-01-01", 426),
        ("2018-01-01", 422), ("2020-01-01", 356), ("2024-01-01", 357),
    ],
)  # fmt: skip
def test_norway_has_as_many_municipalities_as_were_counted(day: str, count: int) -> None:
    assert len(read_history("NO").units_on(day)) == count


def test_every_file_of_a_history_that_ships_is_in_the_package() -> None:
    for folder in shipped_histories().values():
        assert {"history.yaml", "units.csv", "changes.csv"} <= {file.name for file in folder.iterdir()}
