"""Layouts of keys: read, found in text, changed and written."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomerge.errors import InputError
from geomerge.keylayout import key_layout, plain_layout, shipped_layouts

WRITTEN = [
    "0719-12/3",
    "0719-12/3/0/0",
    " 0719 - 12 / 3 ",
    "0719 12/3",
    "0719\u00a0-\u00a012/3",
    "0719-00012/0003",
    "0719 gnr 12 bnr 3",
    "0719, Gnr. 12, Bnr. 3",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_key_is_read_however_it_is_written(text: str) -> None:
    matrikkel = key_layout("matrikkel")
    assert matrikkel.parse([text]).to_numpy().tolist() == [["0719", 12, 3, 0, 0]]
    assert matrikkel.canonical([text]).tolist() == ["0719-12/3"]


@pytest.mark.parametrize(
    "text", ["", "Hovland", "719-12/3", "0719-12", "0719-12/3/", "0719-12/3/0/0/0", "0719-123456/1"]
)
def test_what_is_no_key_has_no_parts(text: str) -> None:
    assert key_layout("matrikkel").parse([text]).isna().to_numpy().all()


def test_the_unit_may_be_left_out() -> None:
    matrikkel = key_layout("matrikkel")
    found = matrikkel.parse(pd.Series(["208/619", "gnr 208 bnr 619", None], index=[7, 8, 9]))
    assert found.index.tolist() == [7, 8, 9]
    assert found["kommunenr"].isna().all()
    assert found["gnr"].astype(object).where(found["gnr"].notna(), None).tolist() == [208, 208, None]
    assert matrikkel.format(found.iloc[:2]).tolist() == ["208/619", "208/619"]
    assert matrikkel.format(found.iloc[:2].assign(kommunenr="0719")).tolist() == ["0719-208/619"] * 2


def test_parts_of_any_type_are_written_alike() -> None:
    matrikkel = key_layout("matrikkel")
    kinds: list[Any] = [[12, 8], [12.0, 8.0], ["0012", "8"], pd.array([12, 8], dtype="Int64")]
    for numbers in kinds:
        parts = pd.DataFrame({"kommunenr": "0719", "gnr": numbers, "bnr": 1, "fnr": [None, 2.0], "snr": ["000", ""]})
        parts["snr"] = ["000", None]
        assert matrikkel.format(parts).tolist() == ["0719-12/1", "0719-8/1/2"]
    assert matrikkel.format(parts, unit=False).tolist() == ["12/1", "8/1/2"]


def test_french_keys_have_no_separators_and_corsica_has_letters() -> None:
    cadastre = key_layout("cadastre_fr")
    found = cadastre.parse(["91216000AB0037", "2A0040000A0001", "000AB0037", "91216 000 AB 0037", "91216000AB37"])
    assert found["commune"].fillna("-").tolist() == ["91216", "2A004", "-", "91216", "-"]
    assert found["numero"].isna().tolist() == [False, False, False, False, True]
    parts = pd.DataFrame({"commune": ["91216"], "prefixe": [0], "section": ["A"], "numero": ["37"]})
    assert cadastre.format(parts).tolist() == ["912160000A0037"]


def test_danish_keys_have_no_unit() -> None:
    ejerlav = key_layout("ejerlav_dk")
    assert ejerlav.unit is None
    assert ejerlav.canonical(["60851-2f", "60851 7000c", "0060851/3æ"]).tolist() == [
        "60851-2f",
        "60851-7000c",
        "60851-3æ",
    ]


def test_keys_are_found_in_longer_text() -> None:
    texts = pd.Series(["0719-12/3 and 0720-8/1/2/0.", None, "on 1/2 at 208/619", "2017-07-19-12/3", "0719 - 1 / 2"])
    matrikkel = key_layout("matrikkel")
    found = matrikkel.find(texts)
    assert found["text"].tolist() == ["0719-12/3", "0720-8/1/2/0", "0719 - 1 / 2"]
    assert found.index.tolist() == [0, 0, 4]
    assert [
        texts[row][start:end] for row, start, end in zip(found.index, found["start"], found["end"], strict=True)
    ] == (found["text"].tolist())
    assert found["bnr"].tolist() == [3, 1, 2]
    assert matrikkel.find(texts, without_unit=True).loc[[2], "text"].tolist() == ["1/2", "208/619"]
    assert matrikkel.find(["nothing"]).columns.tolist() == found.columns.tolist()


def test_a_key_is_changed_in_the_form_it_has() -> None:
    matrikkel = key_layout("matrikkel")
    new = {"kommunenr": "0710", "gnr": "212"}
    assert matrikkel.changed("0719-12/3/0/0", new) == "0710-212/3/0/0"
    assert matrikkel.changed("012/3", new, {"gnr": "12"}) == "212/3"
    assert matrikkel.changed("13/3", new, {"gnr": "12"}) is None
    assert matrikkel.changed("Hovland", new) is None
    assert (
        key_layout("cadastre_fr").changed("91216000AB0037", {"prefixe": "216", "commune": "91999"}) == "91999216AB0037"
    )


def test_layouts_that_ship_have_what_rules_need() -> None:
    assert shipped_layouts() == ("cadastre_fr", "ejerlav_dk", "matrikkel")
    assert [key_layout(name).number for name in shipped_layouts()] == [None, None, "gnr"]
    assert [key_layout(name).prefix for name in shipped_layouts()] == ["prefixe", None, None]
    assert plain_layout().number == "number"


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("matrikel", "There is no layout of keys matrikel. Name one of cadastre_fr, ejerlav_dk, matrikkel"),
        ({"parts": []}, "parts"),
        ({"parts": [{"name": "a", "width": 0}]}, "greater than or equal to 1"),
        ({"parts": [{"name": "a", "width": 1}, {"name": "a", "width": 1}]}, "several parts are named a"),
        ({"parts": [{"name": "a", "width": 1}, {"name": "b", "width": 1, "unit": True}]}, "must be the first part"),
        ({"parts": [{"name": "a", "kind": "text", "width": 1}]}, "a text needs a pattern"),
        ({"parts": [{"name": "a", "kind": "text", "width": 1, "pattern": "(a"}]}, "is no pattern"),
        ({"parts": [{"name": "a", "kind": "text", "width": 1, "pattern": "(a)"}]}, "has a group of its own"),
        ({"parts": [{"name": "a", "width": 1}], "leading": "b"}, "leading names the part b"),
        (
            {"parts": [{"name": "a", "width": 1, "optional": True}, {"name": "b", "width": 1, "before": "/"}]},
            "before|tuple",
        ),
        (
            {"parts": [{"name": "a", "width": 1, "optional": True}, {"name": "b", "width": 1}]},
            "after an optional one must be optional",
        ),
    ],
)
def test_a_faulty_layout_is_told(declaration: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        key_layout(declaration)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{4}", fullmatch=True) | st.none(),
            st.integers(1, 99999),
            st.integers(1, 9999),
            st.integers(0, 9999),
            st.integers(0, 999),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_is_read_again(rows: list[tuple[Any, ...]]) -> None:
    matrikkel = key_layout("matrikkel")
    parts = pd.DataFrame(rows, columns=["kommunenr", *matrikkel.below])
    texts = matrikkel.format(parts)
    read = matrikkel.parse(texts)
    assert read.astype(object).where(read.notna(), None).to_numpy().tolist() == [list(row) for row in rows]
    whole = texts[parts["kommunenr"].notna()]
    assert matrikkel.find("(" + whole + "),")["text"].tolist() == whole.tolist()
