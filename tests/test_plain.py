"""Plain tables of changes and of units."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from geomerge.errors import InputError
from geomerge.histories.reading import read_changes, read_units
from geomerge.plan import Plan


def saved(folder: Path, text: str) -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def dates(plan: Plan) -> list[str]:
    return [str(date) for date in plan.dates]


def test_plain_tables_may_say_more(tmp_path: Path) -> None:
    text = "old_code;old_name;new_code;new_name;date;parent;note\n"
    text += "1;A;9;B;01.01.2020;P;law 7\n2;C;2;C;2020-01-01;;\n;;3;D;2020-01-01;;\n"
    plan = read_changes(saved(tmp_path, text))
    assert [(event.label(), event.note, event.parents()) for event in plan.events] == [
        ("renumber 1 > 9", "law 7", {"9": "P"}),
        ("create 3", None, {}),
    ]


def test_a_date_may_be_given_for_all(tmp_path: Path) -> None:
    assert dates(read_changes(saved(tmp_path, "old_code,new_code,new_name\n1,9,B\n"), date="2020-01-01")) == [
        "2020-01-01"
    ]
    path = saved(tmp_path, "old_code,new_code,new_name,date\n1,9,B,\n2,8,C,2019-01-01\n")
    assert dates(read_changes(path, date="2020-01-01")) == ["2019-01-01", "2020-01-01"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_plain_units(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "units.csv"
    path.write_text("code,name,parent,valid_to\n0101,Åby,01,2018-01-01\n0110,Øy,01,\n", encoding=encoding)
    if encoding == "utf-16":
        with pytest.raises(InputError, match="No reader recognises"):
            read_units(path)
        return
    units = read_units(path, on=dt.date(2018, 1, 1))
    assert units.to_dict("records")[0]["name"] == "Øy"
    assert list(units.columns) == ["code", "name", "parent", "level", "valid_from", "valid_to"]
    assert len(read_units(path)) == 2
