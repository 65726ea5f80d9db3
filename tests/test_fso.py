"""The Swiss list of mutations: the workbook, the answers of the service, modes, and the real list."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.histories.fso import Fso
from geomerge.histories.readers import Window
from geomerge.histories.reading import read_changes
from geomerge.histories.source import Source
from geomerge.plan import Plan
from geomerge.rules import check_plan
from geomerge.steps import steps

GROUPS = [None, "Vorgänger", None, None, None, "Nachfolger"]
LABELS = ["Mutationsnummer", *["Kanton", "Bezirks-nummer", "BFS Gde-nummer", "Gemeindename"] * 2, "Datum der Aufnahme"]
SERVICE = (
    "MutationNumber,MutationDate,InitialHistoricalCode,InitialCode,InitialName,InitialParentHistoricalCode,"
    "InitialParentName,InitialStep,TerminalHistoricalCode,TerminalCode,TerminalName,TerminalParentHistoricalCode,"
    "TerminalParentName,TerminalStep"
)


def workbook(folder: Path, *rows: list[Any], labels: list[Any] | None = None) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (GROUPS, LABELS if labels is None else labels, *rows):
        sheet.append(row)
    path = folder / "mutations.xlsx"
    book.save(path)
    return path


def row(
    number: int, old: Any, old_name: str, new: Any, new_name: str, date: Any = "2011-07-01", **other: Any
) -> list[Any]:
    before = [other.get("old_canton", "VD"), other.get("old_district", 2227), old, old_name]
    return [number, *before, other.get("canton", "VD"), other.get("district", 2227), new, new_name, date]


def service(folder: Path, *rows: str) -> Path:
    """Write rows given as ``number date code name step code name step`` as the service does."""
    lines = [SERVICE]
    for text in rows:
        number, date, old, old_name, left, new, new_name, joined = text.split()
        lines.append(f"{number},{date},1,{old},{old_name},9,District,{left},2,{new},{new_name},9,District,{joined}")
    path = folder / "mutations.csv"
    path.write_text("\n".join(lines).replace("-,", ","), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[Plan, list[Finding]]:
    findings: list[Finding] = []
    return read_changes(path, findings=findings, **options), findings


def labels(plan: Plan) -> list[str]:
    return sorted(event.label() for event in plan.events)


def test_the_workbook_is_read(tmp_path: Path) -> None:
    rows = [
        row(3267, 5433, "Pizy", 5422, "Aubonne"),
        row(3274, 5692, "Sottens", 5804, "Jorat-Menthue"),
        row(3274, 5687, "Villars-Mendraz", 5804, "Jorat-Menthue"),
        row(3300, 5401, "Aigle", 5401, "Aigle (VD)"),
    ]
    plan, findings = read(workbook(tmp_path, *rows))
    assert labels(plan) == ["merge 5422 5433 > 5422", "merge 5687 5692 > 5804", "rename 5401"]
    assert {event.note for event in plan.events} == {"mutation 3267", "mutation 3274", "mutation 3300"}
    assert [finding.where for finding in findings] == ["5422 Aubonne (2011-07-01)", "5804 Jorat-Menthue (2011-07-01)"]


def test_units_tell_who_was_there(tmp_path: Path) -> None:
    path = workbook(tmp_path, row(1, 5433, "Pizy", 5422, "Aubonne"), row(2, 11, "A", 20, "B"), row(2, 12, "C", 20, "B"))
    plan, findings = read(path, since="2011-01-01", units=["5433", "5422", "11", "12", "20"])
    assert labels(plan) == ["merge 11 12 20 > 20", "merge 5422 5433 > 5422"]
    plan, findings = read(path, since="2011-01-01", units=["5433", "11", "12"])
    assert labels(plan) == ["merge 11 12 > 20", "renumber 5433 > 5422"]
    assert findings == []


def test_districts_and_cantons_are_parents_where_they_change(tmp_path: Path) -> None:
    rows = [
        row(1, 352, "Bolligen", 352, "Bolligen", "2010-01-01", old_district=203, district=246),
        row(2, 2981, "Laufen", 2787, "Laufen", "1994-01-01", old_canton="BE", canton="BL", district=1302),
        row(3, 241, "Aesch", 241, "Aesch", "1990-01-01"),
    ]
    plan, findings = read(workbook(tmp_path, *rows))
    assert labels(plan) == ["renumber 2981 > 2787", "reparent 352"]
    assert [event.parents() for event in plan.events] == [
        {"2787": {"district": "1302", "canton": "BL"}},
        {"352": {"district": "246"}},
    ]
    assert [str(finding) for finding in findings] == [
        "Rows that change no number, name or district are left out (row 5)."
    ]


def test_a_unit_that_gives_land_away_lives_on_if_the_list_ends_it_later(tmp_path: Path) -> None:
    rows = [
        row(1483, 352, "Bolligen", 362, "Ittigen", "1983-01-01"),
        row(1483, 352, "Bolligen", 363, "Ostermundigen", "1983-01-01"),
        row(2983, 352, "Bolligen", 352, "Bolligen", "2010-01-01", district=246),
    ]
    plan, _ = read(workbook(tmp_path, *rows))
    assert labels(plan) == ["reparent 352", "split 352 > 352 362 363"]


def test_the_number_of_units_without_number_joins_nothing(tmp_path: Path) -> None:
    rows = [row(1, 7700, "Frutigen", 7700, "Kandergrund", "1850-01-01"), row(2, 5433, "Pizy", 5434, "Pizy")]
    plan, findings = read(workbook(tmp_path, *rows))
    assert labels(plan) == ["renumber 5433 > 5434"]
    assert str(findings[0]) == "Rows from before numbers were given (7700 stands for any unit) are left out (row 3)."


def test_modes_tell_what_is_no_change(tmp_path: Path) -> None:
    path = service(
        tmp_path,
        "3582 01.01.2018 132 Hirzel 29 295 Horgen 21",
        "3582 01.01.2018 133 Horgen 29 295 Horgen 21",
        "3583 01.01.2018 10 Alt 23 10 Neu 23",
        "3584 01.01.2018 11 Eins 27 12 Eins 27",
        "3585 01.01.2018 21 Geber 26 21 Geber 26",
        "3585 01.01.2018 21 Geber 26 22 Nehmer 26",
        "3585 01.01.2018 22 Nehmer 26 22 Nehmer 26",
        "3586 01.01.2018 30 Nie 30 31 Nimmer 21",
        "3587 12.09.1848 40 Uri 29 40 Uri 20",
        "3588 01.01.2018 50 Bleibt 22 50 Bleibt 22",
        "3589 01.01.2018 60 Zieht 24 61 Zieht 24",
    )
    plan, findings = read(path)
    expected = ["merge 132 133 > 295", "rename 10", "renumber 11 > 12", "renumber 60 > 61", "transfer 21 > 22"]
    assert labels(plan) == expected
    transfer = next(event for event in plan.events if event.label() == "transfer 21 > 22")
    assert transfer.note == "mutation 3585 (change of territory)"
    assert not any(selector.names_a_part for selector in transfer.selectors())
    assert [(finding.check, finding.where) for finding in findings] == [
        ("annulled", "row 9"),
        ("first registration", "row 10"),
        ("no change", "row 11"),
    ]


def test_faults_are_told_together_with_their_rows(tmp_path: Path) -> None:
    path = service(
        tmp_path,
        "1 01.01.2018 132 Hirzel 28 295 Horgen 21",
        "1 02.01.2018 133 Horgen 28 295 Horgen 31",
        "2 32.01.2018 x Horgen 29 295 Horgen 21",
    )
    with pytest.raises(InputError) as told:
        read(path)
    assert told.value.faults == (
        f"{path} row 4: '32.01.2018' is no date of the calendar, written as 2020-01-31.",
        f"{path} rows 2 and 3: abolition mode 28 is not known. There are 22, 23, 24, 26, 27, 29, 30.",
        f"{path} row 3: admission mode 31 is not known. There are 20, 21, 22, 23, 24, 26, 27.",
        f"{path} row 4: x is no FSO number.",
        f"{path} rows 2 and 3: mutation 1 has several dates: 01.01.2018, 02.01.2018. Keep one.",
    )


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, labels=[*LABELS[:4], "Name", *LABELS[5:9], "Tag"])
    with pytest.raises(InputError, match=r"row 2: no column Datum der Aufnahme, gemeindename .* \(1 found\)"):
        read(path)
    path = tmp_path / "short.csv"
    path.write_text("MutationNumber,MutationDate,InitialCode,TerminalCode\n1,01.01.2018,1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no columns InitialName, InitialStep, TerminalName, TerminalStep"):
        read(path)


def test_another_workbook_is_not_recognised(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No reader recognises"):
        read(workbook(tmp_path, labels=["a", "b"]))
    with pytest.raises(InputError, match="no row of labels with Mutationsnummer"):
        read(workbook(tmp_path, labels=["a", "b"]), reader="fso")


def test_a_workbook_may_have_modes(tmp_path: Path) -> None:
    labels_of_modes = [*LABELS, "Aufhebungsmodus", "Aufnahmemodus"]
    rows = [[*row(1, 10, "Alt", 10, "Neu"), 23, 23], [*row(2, 30, "Nie", 31, "Nimmer"), 30, 21]]
    plan, findings = read(workbook(tmp_path, *rows, labels=labels_of_modes))
    assert [(event.label(), event.note) for event in plan.events] == [("rename 10", "mutation 1 (change of name)")]
    assert [finding.check for finding in findings] == ["annulled"]


def test_dates_may_be_dates(tmp_path: Path) -> None:
    path = workbook(tmp_path, row(1, 5433.0, "Pizy", 5434, "Pizy", pd.Timestamp("2011-07-01").to_pydatetime()))
    plan, _ = read(path)
    assert (labels(plan), str(plan.dates[0])) == (["renumber 5433 > 5434"], "2011-07-01")


@pytest.fixture(scope="module")
def real(shared: Path) -> Path:
    return shared / "switzerland" / "bfs_mutations_1850_2021-04.xlsx"


def test_the_real_list_is_read_to_its_last_row(real: Path) -> None:
    findings: list[Finding] = []
    table = Fso().changes(Source(str(real)), Window(), findings.append)
    assert len(table) == 3654 - 370 - 13
    assert [finding.check for finding in findings] == ["no number", "no change"]
    assert (table["date"].max(), table.index.max()) == ("2021-04-18", 3656)  # below two rows of labels
    counts = Counter(table["date"][table["date"].between("2010-01-02", "2012-01-01")])
    assert counts.keys() == {"2010-04-25", "2010-11-21", "2011-01-01", "2011-07-01", "2012-01-01"}
    first, second = (table[table["date"].between(f"{year}-01-02", f"{year + 1}-01-01")] for year in (2010, 2011))
    assert (len(first), first["event"].nunique(), (first["old_code"] == first["new_code"]).sum()) == (133, 94, 81)
    assert (len(second), second["event"].nunique(), (second["old_code"] == second["new_code"]).sum()) == (65, 23, 0)


@pytest.mark.parametrize("told", [True, False])
def test_the_real_list_leads_from_map_to_map(shared: Path, real: Path, told: bool) -> None:
    codes = {
        year: set(gpd.read_file(shared / "switzerland" / f"municipalities_{year}.shp").id.astype(int).astype(str))
        for year in (2010, 2011, 2012)
    }
    for first, last, merged in [(2010, 2011, 13), (2011, 2012, 23), (2010, 2012, 36)][0 if told else 2 :]:
        plan, _ = read(real, since=f"{first}-01-01", until=f"{last}-01-01", units=codes[first] if told else None)
        kinds = Counter(event.kind for event in plan.events)
        assert kinds["merge"] == merged
        assert set(kinds) <= {"merge", "reparent", "rename"}
        assert [finding for finding in check_plan(plan, codes[first]) if finding.blocks] == []
        assert set(steps(plan, codes[first])[-1].alive) == codes[last]
