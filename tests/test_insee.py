"""The French list of movements: real rows of several years, and faulty ones."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.histories.insee import MODES
from geomerge.histories.reading import read_changes, read_units
from geomerge.plan import Plan
from geomerge.steps import steps

COLUMNS = (
    "MOD,DATE_EFF,TYPECOM_AV,COM_AV,TNCC_AV,NCC_AV,NCCENR_AV,LIBELLE_AV,"
    "TYPECOM_AP,COM_AP,TNCC_AP,NCC_AP,NCCENR_AP,LIBELLE_AP"
)

# Movements of the official geographic code (INSEE, Licence Ouverte), in the columns that are read. Those of 2017 and
# 2019 are written down from the movements themselves; all others stand so in the published list.
REAL = """\
50 2021-01-01 COM 27676 Les_Trois_Lacs COM 27058 Les_Trois_Lacs
35 2021-01-01 COMD 27058 Bernières-sur-Seine COM 27058 Les_Trois_Lacs
35 2021-01-01 COMD 27676 Venables COM 27058 Les_Trois_Lacs
32 2021-01-01 COM 53239 Saint-Martin-de-Connée COMD 53239 Saint-Martin-de-Connée
32 2021-01-01 COM 53239 Saint-Martin-de-Connée COM 53249 Vimartin-sur-Orthe
32 2021-01-01 COM 53249 Saint-Pierre-sur-Orthe COM 53249 Vimartin-sur-Orthe
32 2021-01-01 COM 53249 Saint-Pierre-sur-Orthe COMD 53249 Saint-Pierre-sur-Orthe
32 2021-01-01 COM 53274 Vimarcé COM 53249 Vimartin-sur-Orthe
35 2020-12-31 COM 27032 Chambois COM 27032 Chambois
35 2020-12-31 COMD 27032 Avrilly COM 27032 Chambois
70 2020-07-22 COM 73006 Aime-la-Plagne COMD 73148 Longefoy
32 2019-01-01 COM 78551 Saint-Germain-en-Laye COM 78551 Saint-Germain-en-Laye
32 2019-01-01 COM 78251 Fourqueux COM 78551 Saint-Germain-en-Laye
32 2017-01-01 COM 74010 Annecy COM 74010 Annecy
32 2017-01-01 COM 74011 Annecy-le-Vieux COM 74010 Annecy
32 2017-01-01 COM 74093 Cran-Gevrier COM 74010 Annecy
32 2017-01-01 COM 74182 Meythet COM 74010 Annecy
32 2017-01-01 COM 74217 Pringy COM 74010 Annecy
32 2017-01-01 COM 74268 Seynod COM 74010 Annecy
33 1974-06-01 COM 05023 Briançon COM 05023 Briançon
33 1974-06-01 COM 05109 Puy-Saint-Pierre COM 05023 Briançon
33 1974-06-01 COM 05109 Puy-Saint-Pierre COMA 05109 Puy-Saint-Pierre
10 1974-02-13 COM 18026 Belleville COM 18026 Belleville-sur-Loire
31 1974-03-01 COM 04070 Digne COM 04070 Digne
31 1974-03-01 COM 04071 Les_Dourbes COM 04070 Digne
21 1955-06-20 COM 31232 Grenade COM 31232 Grenade
21 1955-06-20 COM 31232 Grenade COM 31592 Larra
"""

EXPECTED = {
    "1955-06-20": {"split 31232 > 31232 31592"},
    "1974-02-13": {"rename 18026"},
    "1974-03-01": {"merge 04070 04071 > 04070"},
    "1974-06-01": {"merge 05023 05109 > 05023"},
    "2017-01-01": {"merge 74010 74011 74093 74182 74217 74268 > 74010"},
    "2019-01-01": {"merge 78251 78551 > 78551"},
    "2021-01-01": {"renumber 27676 > 27058", "merge 53239 53249 53274 > 53249"},
}


def listed(*rows: str, delimiter: str = ",") -> str:
    """Write rows given as ``MOD date type code name type code name`` in the columns of the list."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(COLUMNS.split(","))
    for row in rows:
        mode, date, old_type, old, old_name, new_type, new, new_name = row.split()
        before, after = (name.replace("_", " ") for name in (old_name, new_name))
        writer.writerow([mode, date, old_type, old, 0, "", "", before, new_type, new, 0, "", "", after])
    return out.getvalue()


def read(folder: Path, text: str, **options: Any) -> tuple[Plan, list[Finding]]:
    path = folder / "mvtcommune.csv"
    path.write_text(text, encoding="utf-8")
    findings: list[Finding] = []
    return read_changes(path, findings=findings, **options), findings


def test_real_rows_become_events(tmp_path: Path) -> None:
    plan, findings = read(tmp_path, listed(*REAL.splitlines()))
    found: dict[str, set[str]] = {}
    for event in plan.events:
        found.setdefault(str(event.date), set()).add(event.label())
    assert found == EXPECTED
    assert [(finding.check, finding.where) for finding in findings] == [
        ("part of a commune", "rows 3, 4, 5, 8, 11 and 2 more")
    ]


def test_the_mode_is_the_note(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, listed(*REAL.splitlines()), since="2018-12-31", until="2019-01-01")
    assert [event.note for event in plan.events] == ["MOD 32 (new commune)"]
    assert plan.events[0].names() == {"78551": "Saint-Germain-en-Laye"}


def test_a_commune_that_comes_back_takes_its_land_along(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, listed(*REAL.splitlines()), until="1955-12-31", edition="after.gpkg")
    assert steps(plan, ["31232"])[-1].successors("31232") == ("31232", "31592")


def test_what_joins_a_commune_that_gets_a_new_code_goes_there(tmp_path: Path) -> None:
    rows = [
        "31 2018-01-01 COM 14507 Pleines-Œuvres COM 14513 Pont-Farcy",
        "41 2018-01-01 COM 14513 Pont-Farcy COM 50649 Pont-Farcy",
    ]
    plan, _ = read(tmp_path, listed(*rows))
    assert [event.label() for event in plan.events] == ["merge 14507 14513 > 50649"]


def test_a_part_that_becomes_a_commune_without_a_row_of_the_whole_is_created(tmp_path: Path) -> None:
    plan, _ = read(tmp_path, listed("21 2014-01-01 COMA 55138 Culey COM 55138 Culey"))
    assert [event.label() for event in plan.events] == ["create 55138"]


def test_a_part_comes_back_from_the_commune_that_took_it_in(tmp_path: Path) -> None:
    rows = [
        "32 2016-01-01 COM 49001 A COM 49002 B",
        "32 2016-01-01 COM 49002 B COM 49002 B",
        "21 2020-01-01 COMD 49001 A COM 49001 A",
    ]
    plan, _ = read(tmp_path, listed(*rows))
    assert [event.label() for event in plan.events] == ["merge 49001 49002 > 49002", "split 49002 > 49001 49002"]


def test_movements_of_parts_make_no_commune(tmp_path: Path) -> None:
    rows = ["32 2016-01-01 COM 49001 A COM 49002 B", "35 2020-01-01 COMD 49001 A COM 49002 B"]
    plan, _ = read(tmp_path, listed(*rows))
    assert [str(date) for date in plan.dates] == ["2016-01-01"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read(tmp_path: Path, mode: str) -> None:
    plan, _ = read(tmp_path, listed(f"{mode} 2001-01-01 COM 01001 A COM 01002 B"))
    assert len(plan.events) == 1


def test_faults_are_told_together_with_their_rows(tmp_path: Path) -> None:
    rows = [
        "32 2017-01-01 COM 74011 A COM 74010 B",
        "99 2017-01-01 COM 74012 A COM 74010 B",
        "32 01/01/17 COM 74013 A COM 74010 B",
        "32 2017-01-01 COM 7401 A COM 74010 B",
    ]
    with pytest.raises(InputError) as told:
        read(tmp_path, listed(*rows, delimiter=";"))
    place = tmp_path / "mvtcommune.csv"
    assert told.value.faults == (
        f"{place} row 4: '01/01/17' is no date of the calendar, written as 2020-01-31.",
        f"{place} row 3: MOD 99 is not known. There are {', '.join(MODES)}.",
        f"{place} row 5: 7401 has not the 5 characters of the other codes. A code keeps its zeros.",
    )


def test_missing_columns_are_named(tmp_path: Path) -> None:
    text = listed("32 2017-01-01 COM 74011 A COM 74010 B").replace("LIBELLE_AP", "NAME").replace("TYPECOM_AV", "TYPE")
    with pytest.raises(InputError, match="has no columns TYPECOM_AV, LIBELLE_AP"):
        read(tmp_path, text)


def test_the_list_of_communes_is_a_list_of_units(tmp_path: Path) -> None:
    path = tmp_path / "commune.csv"
    path.write_text(
        "TYPECOM,COM,REG,DEP,LIBELLE\nCOM,74010,84,74,Annecy\nCOMD,74011,,,Annecy-le-Vieux\n", encoding="utf-8"
    )
    units = read_units(path)
    assert units[["code", "name", "parent"]].values.tolist() == [["74010", "Annecy", "74"]]
