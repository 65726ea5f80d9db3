"""New keys by the most specific rule."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.keylayout import key_layout
from geomerge.plan import KeyRule, Plan
from geomerge.rekey import check_keys, joined, rekey


def rule(old: str, new: str, add: int, numbers: str | None = None) -> KeyRule:
    return KeyRule.model_validate({"from": old, "to": new, "add": add, "numbers": numbers})


@pytest.fixture
def parcels() -> pd.DataFrame:
    """Hjelmeland: numbers 4-11 and 143 go to Stavanger, each by its own rule; the rest stays."""
    return pd.DataFrame(
        {
            "code": "1133",
            "new_code": ["1103", "1103", "1103", "1133"],
            "gnr": [3, 5, 143, 5],
            "bnr": [1, 2, 3, 4],
            "text": ["3/1", "5/2", "143/3/1", "5/4"],
        }
    )


RULES = [rule("1133", "1103", 200, "143"), rule("1133", "1103", 100), rule("1133", "1103", 300, "4-11")]


@pytest.mark.parametrize("rules", [RULES, RULES[::-1]])
def test_the_most_specific_rule_wins(parcels: pd.DataFrame, rules: list[KeyRule]) -> None:
    found = rekey(parcels, rules, key=["gnr", "bnr"], text="text")
    assert found["gnr"].tolist() == [103, 305, 343, 5]
    assert found["bnr"].tolist() == [1, 2, 3, 4]
    assert found["text"].tolist() == ["103/1", "305/2", "343/3/1", "5/4"]


def test_input_stays(parcels: pd.DataFrame) -> None:
    before = parcels.copy()
    rekey(parcels, RULES, key=["gnr"])
    pd.testing.assert_frame_equal(parcels, before)


def test_numbers_kept_as_text_stay_text(parcels: pd.DataFrame) -> None:
    parcels["gnr"] = parcels["gnr"].astype("string")
    assert rekey(parcels, RULES, key=["gnr"])["gnr"].tolist() == ["103", "305", "343", "5"]


def test_missing_column(parcels: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no column fnr"):
        rekey(parcels, RULES, key=["gnr", "fnr"])


def test_collisions_are_found() -> None:
    old = pd.Series(["0706-1/1", "0719-1/1", "0719-1/1", "0706-2/1"])
    new = pd.Series(["0710-1/1", "0710-1/1", "0710-1/1", "0710-2/1"])
    (finding,) = check_keys(old, new, "parcels")
    assert finding.blocks
    assert "1 new keys of parcels" in finding.what
    assert "0706-1/1 and 0719-1/1" in finding.what


def test_zero_and_missing_are_the_same_key() -> None:
    parcels = pd.DataFrame({"gnr": [1, 1], "fnr": pd.array([0, None], dtype="Int64")})
    assert joined(parcels, pd.Series(["0706", "0706"]), ["gnr", "fnr"]).tolist() == ["0706-1", "0706-1"]


def named(**fields: Any) -> KeyRule:
    return KeyRule.model_validate({name.rstrip("_"): value for name, value in fields.items()})


def moving(old: str, new: str, numbers: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"code": old, "new_code": new, "gnr": numbers, "bnr": 1})


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ([named(from_="1", add=100), named(to="9", add=200)], 105),
        ([named(from_="1", to="9", add=300), named(from_="1", add=100)], 305),
        ([named(from_="1", to="9", add=300), named(to="9", numbers="1-9", add=100)], 105),
        ([named(from_="1", to="9", numbers="5", keep=True), named(from_="1", to="9", numbers="4-6", add=100)], 5),
        ([named(from_="1", numbers="5", add=100), named(to="9", numbers="5", add=200)], 105),
        ([named(from_="1", to="8", add=100), named(from_="2", to="9", add=100)], 5),
        ([named(from_="1", to="9", add=300), named(table="t")], 77),
        ([named(from_="1", to="9", numbers="5", add=300), named(to="9", table="t")], 77),
        ([named(from_="1", to="9", add=300), named(to="8", table="t")], 305),
    ],
)
def test_the_order_of_rules(rules: list[KeyRule], wanted: int) -> None:
    tables = {"t": pd.DataFrame({"from": ["5/1"], "to": ["77/1"]})}
    for ordered in (rules, rules[::-1]):
        found = rekey(moving("1", "9", [5]), ordered, key=["gnr", "bnr"], tables=tables, findings=[])
        assert found["gnr"].tolist() == [wanted]


def test_a_rule_for_one_side_leaves_parcels_that_stay() -> None:
    parcels = moving("9", "9", [5])
    assert rekey(parcels, [named(from_="9", add=100), named(to="9", add=100)], key=["gnr"])["gnr"].tolist() == [5]
    assert rekey(parcels, [named(from_="9", to="9", add=100)], key=["gnr"])["gnr"].tolist() == [105]


def test_a_parcel_without_a_number_gets_none() -> None:
    parcels = moving("1", "9", [0, 7]).assign(gnr=[0.0, float("nan")])
    assert rekey(parcels, [named(from_="1", add=100)], key=["gnr"])["gnr"].fillna(-1).tolist() == [0, -1]
    assert joined(moving("1", "9", [0]).assign(bnr=0), pd.Series(["1"]), ["gnr", "bnr"]).isna().all()


def test_texts_with_zeros_keep_their_width() -> None:
    parcels = pd.DataFrame(
        {"code": "1", "new_code": "9", "gnr": ["0012", "12", "9990"], "text": ["012/3", "12/3", "x"]}
    )
    findings: list[Finding] = []
    found = rekey(parcels, [named(from_="1", add=200)], key=["gnr"], text="text", findings=findings)
    assert found.to_numpy().tolist() == [["0212", "212/3"], ["212", "212/3"], ["10190", "x"]]
    assert [finding.what for finding in findings] == [
        "1 texts in column text do not show the key of their row, first 'x'"
    ]


@pytest.mark.parametrize(
    ("layout", "text", "wanted"),
    [
        (None, "12/3", "212/3"),
        (None, "0719-12/3", "0710-212/3"),
        (None, "12-3", "212-3"),
        ("matrikkel", "0719-12/3", "0710-212/3"),
        ("matrikkel", "0719 - 12/3/0/0", "0710 - 212/3/0/0"),
        ("matrikkel", "gnr. 12 bnr. 3", "gnr. 212 bnr. 3"),
        ("matrikkel", "0719-12/3 Hovland, 0719-12/4", "0710-212/3 Hovland, 0719-12/4"),
        ("matrikkel", "12/3/1", "212/3/1"),
        ("matrikkel", "0704-12/3", "0704-12/3"),
    ],
)
def test_texts_follow_in_the_form_they_have(layout: str | None, text: str, wanted: str) -> None:
    parcels = pd.DataFrame({"code": ["0719"], "new_code": "0710", "gnr": 12, "bnr": 3, "text": text})
    rules, findings = [named(from_="0719", to="0710", add=200)], list[Finding]()
    found = rekey(parcels, rules, key=["gnr", "bnr"], text=["text"], layout=layout, findings=findings)
    assert found["text"].tolist() == [wanted]
    assert len(findings) == (text == wanted)


def test_the_code_in_a_whole_key_follows_without_any_rule() -> None:
    parcels = pd.DataFrame({"code": ["0719", "0719", "0701"], "new_code": ["0710", "0710", "0701"]})
    parcels["mnr"] = ["0719-12/3", "without", "0701-1/1/0/0"]
    findings: list[Finding] = []
    found = rekey(parcels, [], key=["mnr"], layout="matrikkel", findings=findings)
    assert found["mnr"].tolist() == ["0710-12/3", "without", "0701-1/1/0/0"]
    assert "1 keys in column mnr are none of the layout matrikkel, first 'without'" in findings[0].what


def test_a_prefix_is_given_once() -> None:
    columns = {"code": ["91216", "91216", "91345"], "new_code": "91345", "section": "AB", "numero": ["37", "38", "39"]}
    parcels = pd.DataFrame({**columns, "prefixe": ["000", "111", "000"]})
    rules, key = [named(to="91345", prefix="code")], ["prefixe", "section", "numero"]
    assert rekey(parcels, rules, key=key, layout="cadastre_fr")["prefixe"].tolist() == ["216", "111", "000"]
    numbers = parcels.assign(prefixe=[0, 111, 0])
    assert rekey(numbers, rules, key=key, layout="cadastre_fr")["prefixe"].tolist() == [216, 111, 0]
    given = [named(from_="91216", to="91345", prefix="7")]
    assert rekey(parcels, given, key=key, layout="cadastre_fr")["prefixe"].tolist() == ["007", "111", "000"]


def test_a_table_leads_whole_keys_and_tells_what_it_does_not_meet() -> None:
    parcels = pd.DataFrame({"code": ["1133", "1133", "1141"], "new_code": "1103", "gnr": [5, 6, 5], "bnr": [1, 1, 1]})
    table = pd.DataFrame({"old_key": ["1133-5/1", "1133-99/1"], "new_key": ["1103-305/7", "1103-1/1"]})
    plan = Plan.model_validate(
        {
            "date": "2020-01-01",
            "events": [{"merge": ["1133", "1141"], "into": "1103"}],
            "keys": [{"table": "keys.csv"}, {"from": "1133", "to": "1103", "add": 200}],
            "sources": {"keys.csv": table},
        }
    )
    findings: list[Finding] = []
    found = rekey(parcels, plan, key=["gnr", "bnr"], findings=findings)
    assert found.to_numpy().tolist() == [[305, 7], [206, 1], [5, 1]]
    assert [finding.what for finding in findings] == ["1 of 2 keys in keys.csv are in no row, first 99/1"]
    whole = parcels.assign(mnr=parcels["code"] + "-" + parcels["gnr"].map(str) + "/1/0/0")
    found = rekey(whole, plan, key=["mnr"], layout="matrikkel", findings=[])
    assert found["mnr"].tolist() == ["1103-305/7/0/0", "1103-206/1/0/0", "1103-5/1/0/0"]


def test_a_row_of_a_table_that_names_the_unit_goes_first() -> None:
    parcels = pd.DataFrame({"code": ["1", "2"], "new_code": "9", "gnr": [5, 5], "bnr": [1, 1]})
    table = pd.DataFrame({"from": ["5/1", "1-5/1"], "to": ["50/1", "60/1"]})
    found = rekey(parcels, [named(table="t")], key=["gnr", "bnr"], tables={"t": table})
    assert found["gnr"].tolist() == [60, 50]


@pytest.mark.parametrize(
    ("rules", "options", "message"),
    [
        ([named(from_="1", to="9", add=-5)], {}, "makes 5 0, but numbers are from 1 to"),
        (
            [named(from_="1", to="9", add=99999)],
            {"layout": "matrikkel"},
            "makes 5 100004, but numbers are from 1 to 99999",
        ),
        ([named(from_="1", to="9", prefix="code")], {}, "gives a prefix, but keys of the layout .* have none"),
        ([named(from_="1", to="9", add=1)], {"layout": "cadastre_fr"}, "no leading number. Use prefix or table"),
        ([named(from_="1", numbers="1", keep=True)], {"layout": "cadastre_fr"}, "names numbers, but"),
        ([named(table="t")], {}, "needs the table t, but it was not given"),
        ([named(table="t")], {"tables": {"t": pd.DataFrame({"a": []})}}, "t has no columns from and to"),
        (
            [named(table="t")],
            {"tables": {"t": pd.DataFrame({"from": ["5/1", "5/1"], "to": ["6/1", "7/1"]})}},
            "1 old keys get several new ones in t, first 5/1",
        ),
        (
            [named(table="t")],
            {"tables": {"t": pd.DataFrame({"from": ["?"], "to": ["6/1"]})}},
            "1 keys in column from of t are none of the layout .*, first '?'",
        ),
        ([], {"layout": {"parts": [{"name": "a", "width": 2}]}}, "layout own has only the parts a"),
        ([], {"layout": "matrikel"}, "There is no layout of keys matrikel"),
    ],
)
def test_what_cannot_be_done_is_told(rules: list[KeyRule], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rekey(moving("1", "9", [5]), rules, key=["gnr", "bnr"], **options)


def test_a_narrow_column_is_no_reason_to_wrap_around() -> None:
    parcels = moving("1", "9", [100]).astype({"gnr": "int8"})
    with pytest.raises(InputError, match="Column gnr holds int8, in which there is no room for 300"):
        rekey(parcels, [named(from_="1", add=200)], key=["gnr"])


@pytest.mark.parametrize("kind", ["int64", "Int32", "float64", "string", "object"])
def test_types_and_index_stay(kind: Any) -> None:
    parcels = moving("1", "9", [1, 2]).set_axis([7, 3])
    parcels["gnr"] = (
        parcels["gnr"].map(str).astype(kind) if kind in ("string", "object") else parcels["gnr"].astype(kind)
    )
    found = rekey(parcels, [named(from_="1", numbers="2", add=200)], key=["gnr", "bnr"])
    assert found.dtypes.tolist() == parcels[["gnr", "bnr"]].dtypes.tolist()
    assert found.index.tolist() == [7, 3]
    assert [int(value) for value in found["gnr"]] == [1, 202]


def test_divided_keys_are_told_and_parcels_without_a_key_are_not() -> None:
    old = pd.Series(["1-1/1", "1-1/1", None, None], dtype="string")
    new = pd.Series(["8-1/1", "9-1/1", None, None], dtype="string")
    (finding,) = check_keys(old, new, "parcels")
    assert not finding.blocks
    assert finding.what == "1 old keys of parcels become several new ones, first 1-1/1 becomes 8-1/1 and 9-1/1"


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("12"), st.integers(1, 99), st.integers(1, 9), st.integers(0, 2)), min_size=1),
    st.sampled_from([None, "matrikkel"]),
    st.booleans(),
)
def test_the_way_back_is_the_way_there_turned_round(
    rows: list[tuple[str, int, int, int]], layout: str | None, whole: bool
) -> None:
    parcels = pd.DataFrame(rows, columns=["code", "gnr", "bnr", "fnr"]).assign(new_code="0009")
    parcels["code"] = "000" + parcels["code"]
    key = ["gnr", "bnr", "fnr"]
    if whole and layout:
        parcels, key = parcels.assign(mnr=joined(parcels, parcels["code"], key, key_layout(layout))), ["mnr"]
    there = [named(from_="0001", to="0009", add=100), named(from_="0002", to="0009", add=300)]
    new = rekey(parcels, there, key=key, layout=layout)
    back = pd.concat([new, pd.DataFrame({"code": "0009", "new_code": parcels["code"]})], axis=1)
    away = [named(from_="0009", to="0001", add=-100), named(from_="0009", to="0002", add=-300)]
    pd.testing.assert_frame_equal(rekey(back, away, key=key, layout=layout), parcels[key])
    declared = key_layout(layout) if layout else None
    old_keys = joined(parcels, parcels["code"], key, declared)
    new_keys = joined(new, parcels["new_code"], key, declared)
    assert list(check_keys(old_keys, new_keys, "parcels")) == []
    assert old_keys.nunique() == new_keys.nunique()


WAYS = [
    "{c}-{g}/{b}",
    "{c} - {g} / {b}",
    "{c}-{g:04d}/{b}/0/0",
    "{g}/{b}",
    "gnr {g} bnr {b}",
    "{c}-{g}/{b} Hovland",
    "x {c}-{g}/{b}.",
]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 9), st.sampled_from(WAYS)), min_size=1))
def test_texts_follow_alike_however_they_are_written(rows: list[tuple[int, int, str]]) -> None:
    parcels = pd.DataFrame(rows, columns=["gnr", "bnr", "way"]).assign(code="0719", new_code="0710")
    parcels["text"] = [way.format(c="0719", g=g, b=b) for g, b, way in rows]
    rules = [named(from_="0719", to="0710", add=200), named(from_="0719", to="0710", numbers="100-399", keep=True)]
    found = rekey(parcels, rules, key=["gnr", "bnr"], text="text", layout="matrikkel")
    wanted = [way.format(c="0710", g=g + (0 if 100 <= g < 400 else 200), b=b) for g, b, way in rows]
    assert found["text"].tolist() == wanted


@pytest.mark.parametrize("layout", [None, "matrikkel"])
def test_no_features_and_repeated_index(layout: str | None) -> None:
    parcels = moving("0719", "0710", [12, 13, 0]).assign(text=["12/1", "0719-13/1", "0/1"]).set_axis([5, 5, 5])
    rules = [named(from_="0719", to="0710", add=200)]
    found = rekey(parcels, rules, key=["gnr", "bnr"], text="text", layout=layout)
    assert found.to_numpy().tolist() == [[212, 1, "212/1"], [213, 1, "0710-213/1"], [0, 1, "0/1"]]
    keys = joined(found, parcels["new_code"], ["gnr", "bnr"], key_layout(layout) if layout else None)
    assert keys.tolist() == ["0710-212/1", "0710-213/1", "0710-0/1"]
    empty = rekey(parcels.iloc[:0], rules, key=["gnr", "bnr"], text="text", layout=layout)
    assert empty.dtypes.tolist() == found.dtypes.tolist()
    whole = rekey(parcels.iloc[:0], rules, key=["text"], layout="matrikkel")
    assert (len(empty), len(whole)) == (0, 0)
