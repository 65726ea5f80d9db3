"""Plans from YAML, CSV and XLSX: the same words give the same events; faults name line, row or cell."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
import shapely

from geomerge.errors import InputError, LayerError, PlanFormatError
from geomerge.plan import Plan
from geomerge.planfile import read_plan, write_plan
from geomerge.plantable import COLUMNS

# Every kind of event, and every way to name a part.
YAML = """\
date: 2020-01-01
events:
  - {merge: [0706, 0719, "0720"], into: 0710, name: Sandefjord, parent: 07, note: three become one}
  - transfer: 0720
    to: 0704
    area: area.geojson
  - {transfer: 1001, to: 1002, line: line.geojson, side: left}
  - {transfer: 1001, to: 1003, line: line.geojson, holding: [4, 5.5]}
  - {transfer: 1001, to: 1004, districts: [100101, 100102]}
  - {transfer: 1001, to: 1005, keys: [12/1..14/9, 40..49, 7/1]}
  - split: 1507
    note: a; b
    into:
      - {code: 1580, name: Haram, parent: 15, former: 1534, edition: old.geojson}
      - {code: 1581, edition: new.geojson}
      - {code: 1508, name: Ålesund, remainder: true}
  - {renumber: 1601, to: 5001, name: Trondheim, date: 2018-01-01}
  - {rename: 1841, name: Fauske - Fuossko}
  - {reparent: [0301, 0211], parent: 30}
  - {create: 9901, area: area.geojson, name: Nyland, parent: 99}
  - {abolish: 9902}
  - {correct: 0704 0710, edition: new.geojson}
  - {correct: 0704, to: 0710, area: area.geojson}
"""

ROWS: list[dict[str, str]] = [
    {
        "event": "merge",
        "unit": "0706 0719 0720",
        "to": "0710",
        "name": "Sandefjord",
        "parent": "07",
        "note": "three become one",
    },
    {"event": "transfer", "unit": "0720", "to": "0704", "area": "area.geojson"},
    {"event": "transfer", "unit": "1001", "to": "1002", "line": "line.geojson", "side": "left"},
    {"event": "transfer", "unit": "1001", "to": "1003", "line": "line.geojson", "holding": "4 5.5"},
    {"event": "transfer", "unit": "1001", "to": "1004", "districts": "100101 100102"},
    {"event": "transfer", "unit": "1001", "to": "1005", "keys": "12/1..14/9 40..49 7/1"},
    {
        "event": "split",
        "unit": "1507",
        "to": "1580",
        "name": "Haram",
        "parent": "15",
        "former": "1534",
        "edition": "old.geojson",
        "note": "a",
    },
    {"event": "split", "unit": "1507", "to": "1581", "edition": "new.geojson", "note": "b"},
    {"event": "split", "unit": "1507", "to": "1508", "name": "Ålesund", "remainder": "x", "note": "a"},
    {"date": "2018-01-01", "event": "renumber", "unit": "1601", "to": "5001", "name": "Trondheim"},
    {"event": "rename", "unit": "1841", "name": "Fauske - Fuossko"},
    {"event": "reparent", "unit": "0301 0211", "parent": "30"},
    {"event": "create", "unit": "9901", "area": "area.geojson", "name": "Nyland", "parent": "99"},
    {"event": "abolish", "unit": "9902"},
    {"event": "correct", "unit": "0704 0710", "edition": "new.geojson"},
    {"event": "correct", "unit": "0704", "to": "0710", "area": "area.geojson"},
]


def dated(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"date": "2020-01-01"} | row for row in rows]


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xlsx(path: Path, rows: list[dict[str, Any]], columns: tuple[str, ...] = COLUMNS) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(columns)
    for row in rows:
        sheet.append([row.get(column) for column in columns])
    book.save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    square = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=25832)
    for name in ("area", "line", "old", "new"):
        square.to_file(tmp_path / f"{name}.geojson")
    (tmp_path / "plan.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def faults(path: Path) -> list[str]:
    with pytest.raises(PlanFormatError) as caught:
        read_plan(path)
    return [fault.replace(f"{path.parent}/", "") for fault in caught.value.faults]


def by_date(plan: Plan) -> list[Any]:
    return [[event.model_copy(update={"date": date}) for event in plan.on(date)] for date in plan.dates]


def test_yaml_csv_and_xlsx_give_the_same_events(folder: Path) -> None:
    in_yaml = read_plan(folder / "plan.yaml")
    in_csv = read_plan(write_csv(folder / "plan.csv", dated(ROWS)))
    in_excel_csv = read_plan(write_csv(folder / "excel.csv", dated(ROWS), ";"))
    in_xlsx = read_plan(write_xlsx(folder / "plan.xlsx", dated(ROWS)))
    assert len(in_yaml.events) == 14
    assert by_date(in_yaml) == by_date(in_csv) == by_date(in_excel_csv) == by_date(in_xlsx)
    assert sorted(in_csv.sources) == ["area.geojson", "line.geojson", "new.geojson", "old.geojson"]
    assert in_csv.title == "plan"


def test_the_sample_plan_and_its_table_say_the_same(sample: Path) -> None:
    in_yaml, in_csv = read_plan(sample / "plan.yaml"), read_plan(sample / "plan.csv")
    assert in_yaml.sentences() == in_csv.sentences()
    assert in_yaml.sentences() == [
        "0706, 0719 and 0720 merge into 0710 Sandefjord.",
        "A part of 0720 (area vear.geojson) moves to 0704.",
    ]


def test_a_cell_may_hold_a_date(tmp_path: Path) -> None:
    for day in (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)):
        file = write_xlsx(tmp_path / "plan.xlsx", [{"date": day, "event": "abolish", "unit": "0706"}])
        assert read_plan(file).dates == (dt.date(2020, 1, 1),)


def test_cells_with_numbers_are_refused_by_name(tmp_path: Path) -> None:
    rows = [
        {"date": "2020-01-01", "event": "merge", "unit": "0706 0719", "to": 710, "note": 3},
        {"date": 43831, "event": "renumber", "unit": 1601.0, "to": "5001", "name": True},
        {"date": "2020-01-01", "event": "abolish", "unit": "1", "remainder": None},
    ]
    remedy = "Format the column as text and write the code with its zeros."
    assert faults(write_xlsx(tmp_path / "plan.xlsx", rows)) == [
        f"plan.xlsx cell D2 holds the number 710, where to must be text. {remedy}",
        f"plan.xlsx cell A3 holds the number 43831, where date must be text. {remedy}",
        f"plan.xlsx cell C3 holds the number 1601, where unit must be text. {remedy}",
        f"plan.xlsx cell E3 holds the truth value True, where name must be text. {remedy}",
    ]


def test_a_ticked_remainder_may_be_a_truth_value(folder: Path) -> None:
    rows = [*dated(ROWS[6:8]), dated(ROWS[8:9])[0] | {"remainder": True}]
    (event,) = read_plan(write_xlsx(folder / "plan.xlsx", rows)).events
    assert event.whole() == {"1507": "1508"}


def test_faults_of_a_table_are_told_at_once_with_their_rows(tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text(
        "date;event;unit;to;area;side;remainder\r\n"
        "2020-01-01;merge;0706 0719;0710;;;\r\n"
        ";renumbr;1;2;;;\r\n"
        "\r\n"
        "2020-1-1;transfer;7;;;left;\r\n"
        "2020-01-01;split;5;6;x;;\r\n"
        "2020-01-01;split;5;7;;;perhaps\r\n"
        "2020-01-01;split;9;7;;;x\r\n"
        "2020-01-01;abolish;9;7;;;\r\n"
    )
    kinds = "merge, split, transfer, renumber, rename, reparent, create, abolish, correct"
    assert faults(file) == [
        "plan.csv row 3: date: is missing.",
        f"plan.csv row 3: event: 'renumbr' is none of {kinds} (did you mean renumber?).",
        "plan.csv row 5: date: '2020-1-1' is no date; write it as 2020-01-31.",
        "plan.csv row 5: to: is missing.",
        "plan.csv row 7: remainder: must be true or false.",
        "plan.csv row 8: rows, one for each new unit: needs at least 2, but has one.",
        "plan.csv row 9: to: is not known here; check its spelling.",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "plan.csv is empty."),
        ("\n\n", "plan.csv is empty."),
        ("date,event,unit\n", "plan.csv has a header, but no rows."),
        ("date,event,unit\n2020-01-01,abolish,\n", "plan.csv row 2: unit: is missing."),
        (
            "date,event,unit,\n2020-01-01,abolish,1,stray\n",
            "plan.csv row 2: 'stray' stands in a column without a name.",
        ),
        (
            "date,event,unit\n2020-01-01,abolish,1,2\n",
            "plan.csv row 2: '2' stands in a column without a name.",
        ),
    ],
)
def test_a_fault_of_a_table_is_told_in_one_sentence(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "plan.csv").write_text(text)
    assert faults(tmp_path / "plan.csv") == [fault]


def test_a_header_with_faults(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("date,unit,unit,tto\n")
    every = f"The columns of a plan are {', '.join(COLUMNS)}."
    assert faults(tmp_path / "plan.csv") == [
        f"plan.csv row 1: has no column event. {every}",
        f"plan.csv row 1: column unit stands there 2 times. {every}",
        f"plan.csv row 1: column tto is not known (did you mean to?). {every}",
    ]


def test_headers_may_be_written_in_capitals_and_rows_may_be_short(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("\ufeffDate, Event ,UNIT,to\n\n2020-01-01,abolish,0706\n", encoding="utf-8")
    assert [event.label() for event in read_plan(tmp_path / "plan.csv").events] == ["abolish 0706"]


def test_a_table_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_bytes("date,event,unit,name\n2020-01-01,rename,1,Tønsberg\n".encode("cp1252"))
    assert faults(tmp_path / "plan.csv") == ["plan.csv line 2: byte 0xF8 is not UTF-8. Save the file as UTF-8."]


@pytest.mark.parametrize("name", ["none.csv", "none.yaml", "none.yml", "none.xlsx"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path / name)
    assert fault.startswith(f"{name} cannot be read: ")


@pytest.mark.parametrize("name", ["folder.csv", "folder.yaml", "folder.xlsx"])
def test_a_folder_in_place_of_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (fault,) = faults(tmp_path / name)
    assert fault.startswith(f"{name} cannot be read: ")


def test_what_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.xlsx").write_text("no workbook")
    assert faults(tmp_path / "plan.xlsx") == ["plan.xlsx is no XLSX file. Save it as an Excel workbook (.xlsx)."]
    assert faults(tmp_path / "plan.shp") == ["plan.shp is no plan. A plan is a YAML (.yaml), CSV or XLSX file."]
    openpyxl.Workbook().save(tmp_path / "empty.xlsx")
    assert faults(tmp_path / "empty.xlsx") == ["empty.xlsx is empty."]


def test_all_files_that_cannot_be_read_are_told_at_once(folder: Path) -> None:
    (folder / "old.geojson").unlink()
    (folder / "area.geojson").write_text("no layer")
    with pytest.raises(InputError) as caught:
        read_plan(folder / "plan.yaml")
    assert sorted(fault.split(" refers to ")[1].split(" ")[0] for fault in caught.value.faults) == [
        "area.geojson.",
        "old.geojson.",
    ]


def test_a_layer_of_a_file_and_a_table_without_geometry(folder: Path) -> None:
    square = gpd.read_file(folder / "area.geojson")
    square.to_file(folder / "both.gpkg", layer="units")
    (folder / "plain.csv").write_text("code\n1\n")
    plan = "date: 2020-01-01\nevents:\n  - {transfer: 1, to: 2, area: both.gpkg|units}\n"
    (folder / "layer.yaml").write_text(plan)
    assert len(read_plan(folder / "layer.yaml").sources["both.gpkg|units"]) == 1
    (folder / "layer.yaml").write_text(plan.replace("both.gpkg|units", "plain.csv"))
    with pytest.raises(InputError, match=r"plain\.csv has no geometry, so it cannot show where a part lies"):
        read_plan(folder / "layer.yaml")


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".csv"])
def test_a_plan_is_read_as_it_was_written(folder: Path, tmp_path: Path, suffix: str) -> None:
    plan = read_plan(folder / "plan.yaml")
    target = write_plan(plan, tmp_path / "copy" / f"plan{suffix}", findings=[])
    again = read_plan(target)
    assert by_date(again) == by_date(plan)
    assert sorted(again.sources) == sorted(plan.sources)
    twice = write_plan(again, tmp_path / "twice" / f"plan{suffix}", findings=[])
    assert twice.read_bytes() == target.read_bytes()


def test_what_is_known_of_parts_is_written_and_read(tmp_path: Path) -> None:
    part = {"code": "1580", "former": "1534", "before": "2020-01-01", "share": 0.39, "by": "area"}
    rest = {"code": "1508", "remainder": True}
    event = {"split": "1507", "into": [part, rest], "evidence": "official"}
    plan = Plan.model_validate(
        {"date": "2024-01-01", "events": [event, {"transfer": "1", "to": "2", "evidence": "derived"}]}
    )
    for name in ("plan.yaml", "plan.csv"):
        assert by_date(read_plan(write_plan(plan, tmp_path / name))) == by_date(plan)


def test_a_written_plan_can_be_read_aloud(tmp_path: Path) -> None:
    plan = Plan.model_validate(
        {
            "title": "Reform: 2017",
            "date": "2017-01-01",
            "events": [{"merge": "0706 0719", "into": "0710", "name": "Sandefjord"}],
            "keys": [{"from": "0719", "to": "0710", "add": 200}],
        }
    )
    text = write_plan(plan, tmp_path / "plan.yaml").read_text(encoding="utf-8")
    assert (
        text
        == """\
title: 'Reform: 2017'
date: 2017-01-01
events:
- merge: ["0706", "0719"]
  into: "0710"
  name: Sandefjord
keys:
- from: "0719"
  to: "0710"
  add: 200
"""
    )
    assert read_plan(tmp_path / "plan.yaml") == plan


def test_what_a_table_cannot_hold_is_told(tmp_path: Path) -> None:
    keyed = {"date": "2017-01-01", "events": [{"abolish": "1"}], "keys": [{"from": "1", "to": "2", "add": 1}]}
    with pytest.raises(PlanFormatError, match=r"A table cannot hold rules for keys\. Write the plan as YAML"):
        write_plan(Plan.model_validate(keyed), tmp_path / "plan.csv")
    levels = {"date": "2017-01-01", "events": [{"reparent": "1", "parent": {"county": "30", "region": "3001"}}]}
    with pytest.raises(PlanFormatError, match="A table cannot hold parents by level"):
        write_plan(Plan.model_validate(levels), tmp_path / "plan.csv")
    with pytest.raises(PlanFormatError, match="Name a YAML"):
        write_plan(Plan.model_validate(levels), tmp_path / "plan.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    plan = Plan.model_validate({"date": "2017-01-01", "events": [{"abolish": "1"}]})
    with pytest.raises(InputError, match="cannot be written"):
        write_plan(plan, tmp_path / "file" / "plan.yaml")


def test_files_that_hold_something_else_are_not_replaced_unless_asked(folder: Path) -> None:
    plan = read_plan(folder / "plan.yaml")
    write_plan(plan, folder / "again.yaml")  # the same tables: nothing to write
    before = {name: (folder / f"{name}.geojson").read_bytes() for name in ("area", "line", "old", "new")}
    with pytest.raises(LayerError, match=r"area.geojson is there and does not hold what the plan means"):
        write_plan(plan.to_crs("EPSG:25833"), folder / "moved.yaml", findings=[])
    assert not (folder / "moved.yaml").exists()
    assert {name: (folder / f"{name}.geojson").read_bytes() for name in before} == before
    write_plan(plan.to_crs("EPSG:25833"), folder / "moved.yaml", overwrite=True, findings=[])
    assert (folder / "moved.yaml").exists()


def test_a_plan_and_its_parts_appear_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    square = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=25832)
    event = {"transfer": "1", "to": "2", "area": "areas.gpkg|part"}
    plan = Plan.model_validate({"date": "2020-01-01", "events": [event], "sources": {"areas.gpkg|part": square}})
    write_plan(plan, tmp_path / "plan.yaml")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", interrupted)
    moved = plan.model_copy(update={"sources": {"areas.gpkg|part": gpd.GeoDataFrame(geometry=square.translate(5))}})
    with pytest.raises(KeyboardInterrupt):
        write_plan(moved, tmp_path / "plan.yaml", overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
