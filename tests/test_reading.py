"""Lists read as plans: the time that is wanted, what is left open, and plain tables."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge.errors import InputError
from geomerge.findings import Finding, GeomergeWarning
from geomerge.histories.reading import read_changes, read_units
from geomerge.plan import Plan

LIST = """\
old_code,new_code,new_name,date
0101,0110,Aby,2018-01-01
0102,0110,Aby,2018-01-01
0110,0111,Aby,2019-01-01
0111,0112,Aby,2020-01-01
"""


def saved(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def dates(plan: Plan) -> list[str]:
    return [str(date) for date in plan.dates]


def test_a_plan_leads_from_since_to_until(tmp_path: Path) -> None:
    path = saved(tmp_path, LIST)
    assert dates(read_changes(path)) == ["2018-01-01", "2019-01-01", "2020-01-01"]
    assert dates(read_changes(path, since="2018-01-01")) == ["2019-01-01", "2020-01-01"]
    assert dates(read_changes(path, since=dt.date(2017, 12, 31), until="2018-01-01")) == ["2018-01-01"]
    assert dates(read_changes(path, until="2018-12-31")) == ["2018-01-01"]


def test_a_time_without_changes_is_told_with_the_times_there_are(tmp_path: Path) -> None:
    path = saved(tmp_path, LIST)
    with pytest.raises(
        InputError, match=r"has no change after 2020-01-01\. Its changes are of 2018-01-01 to 2020-01-01"
    ):
        read_changes(path, since="2020-01-01")
    with pytest.raises(InputError, match="has no change after 2018-01-02 up to 2018-12-31"):
        read_changes(path, since="2018-01-02", until="2018-12-31")
    with pytest.raises(InputError, match="since: '2020' is no date"):
        read_changes(path, since="2020")


def test_titles(tmp_path: Path) -> None:
    path = saved(tmp_path, LIST)
    assert read_changes(path).title == "csv: list.csv"
    assert read_changes(path, title="Reform").title == "Reform"


def test_parents_and_editions_are_passed_on(tmp_path: Path) -> None:
    path = saved(tmp_path, "old_code,new_code,new_name,date\n1,8,A,2020-01-01\n1,9,B,2020-01-01\n")
    assert list(read_changes(path).files()) == []
    plan = read_changes(path, edition="after.gpkg", redraw=True, parents={"8": "P"})
    assert list(plan.files()) == ["after.gpkg"]
    assert [event.kind for event in plan.events] == ["split", "correct"]
    assert plan.events[0].parents() == {"8": "P"}


def test_what_is_left_open_is_warned_of_or_collected(tmp_path: Path) -> None:
    text = "oldCode,oldName,newCode,newName,changeOccurred\n1842,Skjerstad,1804,Bodø,2005-01-01\n"
    path = saved(tmp_path, text)
    with pytest.warns(GeomergeWarning, match="The list does not tell whether some codes were units before"):
        read_changes(path)
    findings: list[Finding] = []
    read_changes(path, findings=findings)
    assert [finding.where for finding in findings] == ["1804 Bodø (2005-01-01)"]
    assert read_changes(path, units=["1842"]).events[0].label() == "renumber 1842 > 1804"
    assert read_changes(path, units=["1842", "1804"]).events[0].label() == "merge 1804 1842 > 1804"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("old_code,new_code\n1,9\n", ["has no columns new_name, date. It has old_code, new_code."]),
        (
            "old_code,new_code,new_name,date\n0101,110,A,2020-01-01\n,,A,2020-01-01\n0102,0110,A,\n0103,0110,A,soon\n",
            [
                "row 5: 'soon' is no date of the calendar, written as 2020-01-31.",
                "row 4: the date is missing.",
                "row 3: neither an old nor a new code. Remove the row.",
                "row 2: 110 has not the 4 characters of the other codes. A code keeps its zeros.",
            ],
        ),
        (
            LIST + "0101,0120,Aby,2019-01-01\n",
            ["row 6: 0101 changes on 2019-01-01, but ended on 2018-01-01 (row 2). Name its successor"],
        ),
        ("old_code,new_code,new_name,date\n1,9,A,2020-01-01,x\n", ["row 2: more values than the header has columns."]),
    ],
)
def test_faults_name_the_rows(tmp_path: Path, text: str, faults: list[str]) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(InputError) as told:
        read_changes(path)
    assert len(told.value.faults) == len(faults)
    for sentence, fault in zip(told.value.faults, faults, strict=True):
        assert sentence.startswith(f"{path} {fault}")


def test_the_wrong_encoding_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST.replace("Aby", "Åby", 1).encode() + "0112,0113,Øy,2021-01-01\n".encode("latin-1"))
    with pytest.raises(InputError, match="row 6: byte 0xD8 is not UTF-8, but other letters of the file are"):
        read_changes(path)


def test_codes_of_units_are_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="units hold 101, which is no text"):
        read_changes(saved(tmp_path, LIST), units=[101])  # type: ignore[list-item]


def test_days_of_units_must_be_days(tmp_path: Path) -> None:
    path = saved(tmp_path, "code,name,valid_from\n0101,Aby,2018\n")
    with pytest.raises(InputError, match="row 2: '2018' is no date"):
        read_units(path)


SAMPLES = {
    "csv": LIST.encode(),
    "klass": b'{"codeChanges":[{"oldCode":"1","oldName":"A","newCode":"2","newName":"B",'
    b'"changeOccurred":"2020-01-01"}]}',
    "insee": b"MOD,DATE_EFF,TYPECOM_AV,COM_AV,LIBELLE_AV,TYPECOM_AP,COM_AP,LIBELLE_AP\n"
    b"31,2020-01-01,COM,01001,A,COM,01002,B\n31,2020-01-01,COM,01002,B,COM,01002,B\n",
    "fso": b"MutationNumber,MutationDate,InitialCode,InitialName,InitialStep,TerminalCode,TerminalName,TerminalStep\n"
    b"1,01.01.2020,1,A,29,2,B,26\n1,01.01.2020,2,B,26,2,B,26\n",
}


@pytest.mark.parametrize("reader", SAMPLES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_broken_list_is_a_plan_or_a_clear_message(tmp_path: Path, reader: str, data: st.DataObject) -> None:
    content = SAMPLES[reader]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.binary(max_size=4)) + content[at + data.draw(st.integers(0, 9)) :]
    path = tmp_path / "broken"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert read_changes(path, reader=reader, findings=[]).events
