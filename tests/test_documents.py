"""YAML documents: text stays text, and all faults are told at once, each with its line."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from geomerge.documents import beside, load
from geomerge.errors import PlanFormatError
from geomerge.plan import Plan


def faults(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "plan.yaml"
    file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    with pytest.raises(PlanFormatError) as caught:
        load(file, Plan)
    return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_codes_without_quotes_keep_their_zeros(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("date: 2017-01-01\nevents:\n  - merge: [0706, 0719, 0x10, 1e3, yes]\n    into: 0710\n")
    (event,) = load(file, Plan).events
    assert event.old_codes() == ("0706", "0719", "0x10", "1e3", "yes")
    assert event.label().endswith("> 0710")


def test_all_faults_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """\
        date: 2017-02-30
        events:
          - merge: [0706, "0719"]
            into: 0710
            nme: Sandefjord
          - transfer: "0720"
            area: vear.geojson
          - merge: 1 2
            split: 3
          - just words
          - split: 5
            into:
              - {code: 6, area: x}
          - transfer: 7
            to:
            line: brook.gpkg
            side: west
          - reparent: 1
            parent: [a]
          - create: 9
            line: x
            holding: [1, b]
        keys:
          - {from: 1, to: 2, add: many}
        """,
    )
    one = "an event has exactly one of the keys merge, split, transfer, renumber, rename, reparent, create, "
    assert found == [
        "plan.yaml line 1: date: is no date of the calendar; write it as 2020-01-31.",
        "plan.yaml line 5: events > 1 > nme: is not known here; check its spelling.",
        "plan.yaml line 6: events > 2 > to: is missing.",
        f"plan.yaml line 8: events > 3: {one}abolish, correct.",
        f"plan.yaml line 10: events > 4: {one}abolish, correct.",
        "plan.yaml line 12: events > 5 > into: needs at least 2, but has one.",
        "plan.yaml line 15: events > 6 > to: is empty.",
        "plan.yaml line 17: events > 6 > side: must be 'left' or 'right'.",
        "plan.yaml line 19: events > 7 > parent: must be one text.",
        "plan.yaml line 22: events > 8 > holding > 2: is no number.",
        "plan.yaml line 24: keys > 1 > add: is no whole number.",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "plan.yaml is empty."),
        (" \n\n", "plan.yaml is empty."),
        ("# only a comment\n", "plan.yaml holds no names with values (name: value). See the documentation."),
        ("- merge: 1\n", "plan.yaml holds no names with values (name: value). See the documentation."),
        ("title: x\n", "plan.yaml line 1: events: is missing."),
        ("date: 2017-01-01\nevents: []\n", "plan.yaml line 2: events: is empty."),
        ("date: 2017-01-01\nevents: many\n", "plan.yaml line 2: events: must be a list."),
        (
            "events:\n  - abolish: 1\n",
            "plan.yaml: no date for: abolish 1; give the plan a date.",
        ),
        (
            "date: 1.1.2017\nevents:\n  - abolish: 1\n",
            "plan.yaml line 1: date: '1.1.2017' is no date; write it as 2020-01-31.",
        ),
        (
            "date: 2017-01-01\nevents:\n  - merge: [1, 2]\n    into: 3\n    into: 4\n",
            "plan.yaml line 5: 'into' stands here for the second time; keep one of them.",
        ),
        (
            "date: 2017-01-01\nevents:\n  - {transfer: 1, to: 2, area: a, districts: [3]}\n",
            "plan.yaml line 3: events > 1: a part is named in one way, but here are area and districts.",
        ),
        (
            "date: 2017-01-01\nevents:\n  - {rename: 1, name: }\n",
            "plan.yaml line 3: events > 1 > name: is empty.",
        ),
        (
            "date: 2017-01-01\nevents:\n - merge: [1, 2\n",
            "plan.yaml line 4: expected ',' or ']', but got '<stream end>'. Correct the YAML there.",
        ),
        (
            "a:\n\t- c\n",
            "plan.yaml line 2: found character '\\t' that cannot start any token. Correct the YAML there.",
        ),
        (
            "title: Sandefjord\ntitle2: Tønsberg".encode("latin-1"),
            "plan.yaml line 2: byte 0xF8 is not UTF-8. Save the file as UTF-8.",
        ),
        (
            b"title: a\x00b\n",
            "plan.yaml: unacceptable character #x0000: special characters are not allowed. Correct the YAML there.",
        ),
    ],
)
def test_a_fault_is_told_in_one_sentence(tmp_path: Path, text: str | bytes, fault: str) -> None:
    assert faults(tmp_path, text) == [fault]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"\xef\xbb\xbfdate: 2017-01-01\nevents: [{abolish: 1}]\n")
    assert load(file, Plan).events[0].label() == "abolish 1"


def test_values_left_empty_are_no_values(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("date: 2017-01-01\nevents:\n  - {abolish: 1, note: null}\n  - {renumber: 2, to: 3, name: ~}\n")
    assert [getattr(event, "name", event.note) for event in load(file, Plan).events] == [None, None]


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PlanFormatError, match=r"none\.yaml cannot be read: No such file or directory\."):
        load(tmp_path / "none.yaml", Plan)
    with pytest.raises(PlanFormatError, match=r"cannot be read: Is a directory\."):
        load(tmp_path, Plan)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.gpkg", "folder/a.gpkg"),
        ("/data/a.gpkg", "/data/a.gpkg"),
        ("zip://a.zip!b.gml", "zip://folder/a.zip!b.gml"),
        ("zip:///data/a.zip!b.gml", "zip:///data/a.zip!b.gml"),
        ("/vsizip/a.zip", "/vsizip/a.zip"),
        ("https://example.org/a.geojson", "https://example.org/a.geojson"),
    ],
)
def test_paths_are_relative_to_the_document(name: str, path: str) -> None:
    assert beside(Path("folder"), name) == path
