"""Published code changes, read as a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.histories.changes import plan_from_changes
from geomerge.rules import check_plan
from geomerge.steps import steps

Row = tuple[Any, Any, Any]


def changes(*rows: Row, date: Any = "2020-01-01") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["old_code", "new_code", "new_name"], dtype=object).assign(date=date)


def labels(*rows: Row, **options: Any) -> list[str]:
    return [event.label() for event in plan_from_changes(changes(*rows), **options).events]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("1", "9", "Ni"), ("2", "9", "Ni")], ["merge 1 2 > 9"]),
        ([("1", "1", "En"), ("2", "1", "En")], ["merge 1 2 > 1"]),
        ([("1", "9", "Ni")], ["renumber 1 > 9"]),
        ([("1", "1", "Ein")], ["rename 1"]),
        ([("1", "1", None), ("2", "3", None)], ["renumber 2 > 3"]),
        ([("1", None, None), ("2", None, None)], ["abolish 1 2"]),
        ([("1", "9", "Ni"), ("1", "9", "Ni")], ["renumber 1 > 9"]),
        # split: into new units, the last or the old code itself being the remainder
        ([("1", "8", "Åtte"), ("1", "9", "Ni")], ["split 1 > 8 9"]),
        # a part goes to a unit that others go to as well, the rest is the only successor
        (
            [("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "8", "Åtte")],
            ["transfer 1 > 8", "renumber 2 > 8", "renumber 1 > 9"],
        ),
        # all successors have others as well
        (
            [("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "8", "Åtte"), ("3", "9", "Ni")],
            ["transfer 1 > 8", "renumber 2 > 8", "merge 1 3 > 9"],
        ),
        # one that has, two that have not
        (
            [("1", "7", "Sju"), ("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "7", "Sju")],
            ["transfer 1 > 7", "split 1 > 8 9", "renumber 2 > 7"],
        ),
        # the unit lives on with less
        (
            [("1", "1", "En"), ("1", "8", "Åtte"), ("2", "8", "Åtte")],
            ["transfer 1 > 8", "renumber 2 > 8", "rename 1"],
        ),
        # equal rows of a unit that gains
        (
            [("0704", "0704", "T"), ("0720", "0704", "T"), ("0720", "0710", "S"), ("0706", "0710", "S")],
            ["transfer 0720 > 0704", "rename 0704", "merge 0706 0720 > 0710"],
        ),
    ],
)
def test_rows_become_events(rows: list[Row], expected: list[str]) -> None:
    assert labels(*rows, edition="after.gpkg") == expected
    assert sorted(labels(*rows[::-1], edition="after.gpkg")) == sorted(expected)


def test_the_old_code_itself_is_the_remainder() -> None:
    plan = plan_from_changes(changes(("1", "1", "En"), ("1", "9", "Ni")), edition="after.gpkg")
    assert plan.events[0].whole() == {"1": "1"}
    assert plan.events[0].names() == {"9": "Ni", "1": "En"}
    assert list(plan.files()) == ["after.gpkg"]


def test_what_keeps_the_name_is_the_remainder() -> None:
    rows = changes(("1507", "1508", "Ålesund"), ("1507", "1580", "Haram")).assign(old_name="Ålesund")
    plan = plan_from_changes(rows, edition="after.gpkg")
    assert plan.events[0].whole() == {"1507": "1508"}


def test_parents_are_stated_where_they_are_known() -> None:
    rows = changes(("1", "9", "Ni"), ("2", "2", "To"))
    plan = plan_from_changes(rows, parents={"9": "A", "2": "B"}, title="Reform")
    assert plan.title == "Reform"
    assert [event.label() for event in plan.events] == ["renumber 1 > 9", "rename 2", "reparent 2"]
    assert [event.parents() for event in plan.events] == [{"9": "A"}, {}, {"2": "B"}]


def test_parts_need_no_place_if_none_is_wanted() -> None:
    plan = plan_from_changes(changes(("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "8", "Åtte")), placed=False)
    assert [event.label() for event in plan.events] == ["transfer 1 > 8", "renumber 2 > 8", "renumber 1 > 9"]
    assert not any(selector.names_a_part for event in plan.events for selector in event.selectors())
    unplaced = [finding for finding in check_plan(plan, ["1", "2"]) if finding.blocks]
    assert [finding.where for finding in unplaced] == ["transfer 1 > 8"]


@pytest.mark.parametrize("options", [{"placed": False}, {"edition": "after.gpkg"}])
def test_a_row_without_an_old_code_creates(options: dict[str, Any]) -> None:
    plan = plan_from_changes(changes((None, "2", "To"), ("1", "3", "Tre")), **options)
    assert [event.label() for event in plan.events] == ["renumber 1 > 3", "create 2"]
    assert plan.events[1].names() == {"2": "To"}
    assert list(plan.files()) == list(options.get("edition", "").split())


def test_two_units_that_are_divided_among_the_same_two_make_them_once() -> None:
    rows = [("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "8", "Åtte"), ("2", "9", "Ni")]
    assert labels(*rows, edition="after.gpkg") == ["split 1 > 8 9", "transfer 2 > 8", "renumber 2 > 9"]


def test_what_lives_on_with_less_hands_no_part_to_itself() -> None:
    rows = [("1", "1", "En"), ("1", "8", "Åtte"), ("2", "8", "Åtte"), ("3", "1", "En")]
    assert labels(*rows, edition="after.gpkg") == ["transfer 1 > 8", "renumber 2 > 8", "merge 1 3 > 1"]


def test_old_names_tell_a_rename_from_a_unit_that_lives_on() -> None:
    rows = changes(("1", "1", "En"), ("2", "2", "To")).assign(old_name=["En", "Ti"])
    assert [event.label() for event in plan_from_changes(rows).events] == ["rename 2"]
    with pytest.raises(InputError, match="holds no change"):
        plan_from_changes(rows[:1])


def test_parents_and_notes_stand_in_their_rows() -> None:
    rows = changes(("1", "9", "Ni"), ("2", "9", "Ni"), ("3", "3", None), ("4", None, None), ("5", "6", "Seks"))
    rows["parent"] = [None, "A", {"district": "7"}, None, None]
    rows["note"] = ["law 1", "law 2", "law 1", "law 3", None]
    events = plan_from_changes(rows).events
    assert [(event.label(), event.note) for event in events] == [
        ("merge 1 2 > 9", "law 1; law 2"),
        ("reparent 3", "law 1"),
        ("renumber 5 > 6", None),
        ("abolish 4", "law 3"),
    ]
    assert [event.parents() for event in events] == [{"9": "A"}, {"3": {"district": "7"}}, {}, {}]


def test_split_units_are_redrawn_if_asked() -> None:
    found = labels(("1", "8", "Åtte"), ("1", "9", "Ni"), ("2", "3", "Tre"), edition="after.gpkg", redraw=True)
    assert found == ["split 1 > 8 9", "renumber 2 > 3", "correct 1"]


def test_dates_stand_in_order() -> None:
    rows = pd.concat([changes(("9", "8", "Åtte")), changes(("1", "9", "Ni"), date="2019-01-01")])
    plan = plan_from_changes(rows)
    assert [str(event.date) for event in plan.events] == ["2019-01-01", "2020-01-01"]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (changes(("1", "2", "To")).drop(columns=["date", "new_name"]), "has no column new_name, date"),
        (changes(), "The table of changes is empty"),
        (changes((1, "2", "To")), "Column old_code of the changes holds 1, which is no text"),
        (changes(("1", 2.0, "To")), "Column new_code of the changes holds 2.0, which is no text"),
        (changes((None, "2", "To")), "Column old_code of the changes is empty in row 0"),
        (changes(("1", "2", "To"), (None, None, "To"))[1:], "Column old_code of the changes is empty in row 1"),
        (changes(("1", "2", "To"), date=None), "Column date of the changes is empty in row 0"),
        (changes(("1", "2", "To"), date="1.1.2020"), "1.1.2020 is no date. Write it as 2020-01-31"),
        (changes(("1", "2", "To"), date="20200101"), "20200101 is no date"),
        (changes(("1", "2", "To"), ("1", "3", "Tre")), "1 go to several units. Give the edition"),
    ],
)
def test_faults_are_told(table: pd.DataFrame, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        plan_from_changes(table)


def test_a_row_without_any_code_is_a_fault() -> None:
    with pytest.raises(InputError, match="Row 1 of the changes has neither an old nor a new code"):
        plan_from_changes(changes(("1", "2", "To"), (None, None, "To")), placed=False)


def test_the_input_is_not_changed() -> None:
    table = changes(("1", "9", "Ni"))
    before = table.copy()
    plan_from_changes(table)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("before", "after", "units"), [("2016", "2017", 426), ("2019", "2020", 356), ("2023", "2024", 357)]
)
def test_the_real_changes_of_norway_are_a_plan_without_faults(
    shared: Path, before: str, after: str, units: int
) -> None:
    codes = {
        year: set(gpd.read_file(shared / "norway" / f"kommune_{year}.geojson", ignore_geometry=True)["kommune_no"])
        for year in (before, after)
    }
    raw = json.loads((shared / "norway" / "klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]
    table = pd.DataFrame(raw)
    table = table[table["changeOccurred"].between(f"{int(before)}-01-02", f"{after}-01-01")]
    names = {"oldCode": "old_code", "newCode": "new_code", "newName": "new_name", "changeOccurred": "date"}
    plan = plan_from_changes(table.rename(columns=names), edition="after.gpkg")
    assert [finding for finding in check_plan(plan, sorted(codes[before])) if finding.blocks] == []
    assert set(steps(plan, sorted(codes[before]))[-1].alive) == codes[after]
    assert len(codes[after]) == units
