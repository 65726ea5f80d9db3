"""Codes in registers: whole, split, used again, dated; keys, districts, names; a second run changes nothing."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge import Plan, Translation, crosswalk, pieces, read_history, recode
from geomerge.errors import InputError
from geomerge.findings import Finding, GeomergeWarning

# Andebu and Sandefjord merge; Stokke is divided between the new unit and Tønsberg.
PLAN: dict[str, Any] = {
    "date": "2017-01-01",
    "events": [
        {"merge": ["0706", "0719", "0720"], "into": "0710", "name": "Sandefjord", "parent": "07"},
        {"transfer": "0720", "to": "0704", "keys": ["160..170"]},
    ],
    "keys": [{"from": "0719", "to": "0710", "add": 200}],
}
UNITS = pd.DataFrame(
    {
        "code": ["0704", "0706", "0719", "0720", "0709"],
        "name": ["Tønsberg", "Sandefjord", "Andebu", "Stokke", "Larvik"],
        "parent": ["07", "07", "07", "07", "07"],
    }
)
LEDGER = pd.DataFrame(
    {
        "old_key": ["0719-12/3", "0720-165/1", "0720-8/2", "0720-9/9", "0720-9/9"],
        "new_key": ["0710-212/3", "0704-765/1", "0710-408/2", "0710-409/9", "0704-609/9"],
    }
)


# The code 2 is that of one unit before, and of another one after.
SWAP = {
    "events": [
        {"date": "2019-01-01", "renumber": "2", "to": "3"},
        {"date": "2020-01-01", "renumber": "1", "to": "2"},
    ]
}


def plan() -> Plan:
    return Plan.model_validate(PLAN)


def done(table: dict[str, Any], columns: dict[str, Any], **options: Any) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return what a register becomes, and the outcome and reason of each row."""
    source = options.pop("source", plan())
    if isinstance(source, Plan) and "units" not in options:
        options["units"] = UNITS
    register = pd.DataFrame(table)
    found = recode(register, source, columns=columns, findings=[], **options)
    assert found.counts["rows"] == len(register) == sum(found.counts[o] for o in ("recoded", "kept", "review"))
    reasons = dict(zip(found.review["row"], found.review["reason"], strict=True))
    again = recode(found.table, source, columns=columns, findings=[], **options)
    pd.testing.assert_frame_equal(again.table, found.table)  # a second run changes nothing
    return found.table, reasons


def test_whole_units_are_recoded_and_all_else_stays() -> None:
    table, review = done(
        {"n": [1, 2, 3, 4], "kommune": ["0719", "0709", "0720", "9999"], "note": ["0719", "", "=A1", 'x"']},
        {"kommune": "unit"},
    )
    assert table["kommune"].tolist() == ["0710", "0709", "0720", "9999"]
    assert table["note"].tolist() == ["0719", "", "=A1", 'x"']
    assert review == {2: "unit is split, and nothing decides", 3: "unknown code"}


def test_the_input_is_not_written_into_and_types_stay() -> None:
    register = pd.DataFrame({"k": pd.Categorical(["0719", "0709"]), "i": [719, 706]}, index=[7, 9])
    before = register.copy(deep=True)
    found = recode(register, plan(), columns={"i": {"holds": "unit", "width": 4}}, units=UNITS, findings=[])
    pd.testing.assert_frame_equal(register, before)
    assert found.table["i"].tolist() == [710, 710]
    assert found.table["i"].dtype == register["i"].dtype
    assert found.table.index.tolist() == [7, 9]
    other = recode(register, plan(), columns={"k": "unit"}, units=UNITS, findings=[])
    assert other.table["k"].tolist() == ["0710", "0709"]


def test_numbers_need_a_width() -> None:
    with pytest.raises(InputError, match=r"column k holds numbers, such as 719.*width: 3"):
        recode(pd.DataFrame({"k": [719]}), plan(), columns={"k": "unit"}, findings=[])


def test_lost_zeros_stay_lost_and_blanks_stay() -> None:
    table, _ = done({"k": ["719", " 0719 ", "\t0706"]}, {"k": {"holds": "unit", "width": 4}})
    assert table["k"].tolist() == ["710", " 0710 ", "\t0710"]


def test_mixed_types_keep_their_type() -> None:
    table, review = done(
        {"k": pd.Series([719, "0719", 719.0, None, True, "719"], dtype=object)}, {"k": {"holds": "unit", "width": 4}}
    )
    assert [(type(value), value) for value in table["k"]] == [
        (int, 710), (str, "0710"), (float, 710.0), (type(None), None), (bool, True), (str, "710"),
    ]  # fmt: skip
    assert review == {4: "code cannot be read"}


@pytest.mark.parametrize("odd", ["=0719", "0719'; DROP TABLE x; --", '07"19', "0719;0706", "0719\x00", "07 19"])
def test_odd_cells_stay(odd: str) -> None:
    table, review = done({"k": [odd, "0719"]}, {"k": "unit"})
    assert table["k"].tolist() == [odd, "0710"]
    assert list(review) == [0]


def test_dates_decide() -> None:
    table, review = done(
        {
            "k": ["0719"] * 6 + ["0709"],
            "d": ["2016-12-31", "2017-01-01", "31.12.2016", "2016", "soon", None, None],
        },
        {"k": "unit"},
        date="d",
    )
    assert table["k"].tolist() == ["0719", "0710", "0719", "0719", "0719", "0719", "0709"]
    assert review == dict.fromkeys([4, 5], "date is missing or cannot be read")


def test_a_row_between_two_changes_has_the_codes_of_its_time() -> None:
    two = Plan(
        events=[
            {"date": "2018-01-01", "renumber": "1", "to": "2"},
            {"date": "2020-01-01", "renumber": "2", "to": "3"},
        ]
    )
    table, _ = done({"k": ["1", "1", "1"], "d": ["2017-06-01", "2019-06-01", "2021-06-01"]}, {"k": "unit"}, source=two,
                    date="d", units=["1"])  # fmt: skip
    assert table["k"].tolist() == ["1", "2", "3"]


def test_the_ledger_decides_split_units_and_new_numbers() -> None:
    table, review = done(
        {
            "k": ["0719", "0720", "0720", "0720", "0719", "0720", "0720"],
            "gnr": [12, 165, 8, 9, 7, 8, 4],
            "bnr": [3, 1, 2, 9, 1, 2, 4],
            "snr": [0, 0, 5, 0, 0, 0, 0],
        },
        {"k": "unit"},
        keys=[{"code": "k", "numbers": ["gnr", "bnr", "snr"]}],
        ledger=LEDGER,
    )
    assert table["k"].tolist() == ["0710", "0704", "0710", "0720", "0710", "0710", "0720"]
    assert table["gnr"].tolist() == [212, 765, 408, 9, 207, 408, 4]  # 7 by the rule, the section by its property
    assert table["snr"].tolist() == [0, 0, 5, 0, 0, 0, 0]
    assert review == {3: "key became several", 6: "unit is split, and nothing decides"}


def test_keys_as_text_keep_their_form() -> None:
    table, review = done(
        {"key": ["0719-0012/3/0/0", "0720-165/1", "0719 - 7/1", "0709-1/1", "nothing", None]},
        {"key": {"holds": "key"}},
        ledger=LEDGER,
    )
    assert table["key"].tolist()[:5] == ["0710-0212/3/0/0", "0704-765/1", "0710 - 207/1", "0709-1/1", "nothing"]
    assert review == {4: "code cannot be read"}


def test_keys_follow_their_layout() -> None:
    merge = Plan(
        date="2020-01-01",
        events=[{"merge": ["91216", "91345"], "into": "91999"}],
        keys=[{"from": "91216", "prefix": "code"}, {"from": "91345", "prefix": "code"}],
    )
    table, _ = done({"id": ["91216000AB0037", "91345000AB0037"]}, {"id": {"holds": "key", "layout": "cadastre_fr"}},
                    source=merge, units=["91216", "91345"])  # fmt: skip
    assert table["id"].tolist() == ["91999216AB0037", "91999345AB0037"]


def test_without_a_rule_a_key_that_the_ledger_lacks_is_for_review() -> None:
    silent = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    table, review = done(
        {"k": ["0719", "0706", "0719"], "gnr": [7, 7, None]},
        {"k": "unit"},
        source=silent,
        units=UNITS,
        keys=[{"code": "k", "numbers": ["gnr"]}],
        ledger=LEDGER,
    )
    assert table["k"].tolist() == ["0719", "0710", "0710"]
    assert review == {0: "key is not in the ledger"}


def test_districts_composites_parents_and_names() -> None:
    reform = Plan(
        date="2018-01-01",
        events=[{"renumber": "1601", "to": "5001", "parent": "50"}],
        parents=[{"code": "50", "name": "Trøndelag"}],
    )
    units = pd.DataFrame({"code": ["1601", "1612"], "name": ["Trondheim", "Hemne"], "parent": ["16", "16"]})
    table, review = done(
        {
            "krets": ["16010101", "16120101", None],
            "fylke": ["16", "16", "50"],
            "sak": ["1601-77/18", "1612-1/18", "1601-1/18"],
            "navn": ["TRONDHEIM", "Hemne", "Byen"],
        },
        {
            "krets": {"holds": "district", "width": 4},
            "fylke": "parent",
            "sak": {"holds": "composite", "pattern": r"^(?P<code>\d{4})-\d+"},
            "navn": "name",
        },
        source=reform,
        units=units,
    )
    assert table["krets"].tolist()[:2] == ["50010101", "16120101"]
    assert table["fylke"].tolist() == ["50", "16", "50"]
    assert table["sak"].tolist() == ["5001-77/18", "1612-1/18", "5001-1/18"]
    assert table["navn"].tolist() == ["TRONDHEIM", "Hemne", "Byen"]
    assert review == {}


def test_a_wrong_parent_and_columns_that_disagree_are_for_review() -> None:
    table, review = done(
        {"k": ["0719", "0719"], "p": ["08", "07"], "krets": ["07190101", "07060101"]},
        {"k": "unit", "p": "parent", "krets": {"holds": "district", "width": 4}},
    )
    assert table["k"].tolist() == ["0719", "0719"]
    assert review == {0: "parent is not that of the unit", 1: "columns name different units"}


def test_a_name_that_is_not_that_of_the_unit_stays_and_is_told() -> None:
    found: list[Finding] = []
    register = pd.DataFrame({"k": ["0719", "0719"], "n": ["Andebu", "Høyjord"]})
    result = recode(register, plan(), columns={"k": "unit", "n": "name"}, units=UNITS, findings=found)
    assert result.table["n"].tolist() == ["Sandefjord", "Høyjord"]
    assert [finding.check for finding in found] == ["name"]


def test_codes_used_again_are_not_guessed() -> None:
    swap = Plan.model_validate(SWAP)
    table, review = done({"k": ["1", "2", "3"]}, {"k": "unit"}, source=swap, units=["1", "2"])
    assert table["k"].tolist() == ["2", "2", "3"]
    assert review == {1: "code is both an old and a new one"}
    known = recode(
        pd.DataFrame({"k": ["1", "2"]}), swap, columns={"k": "unit"}, state="old", units=["1", "2"], findings=[]
    )
    assert known.table["k"].tolist() == ["2", "3"]


def test_a_date_decides_a_code_that_is_used_again() -> None:
    swap = Plan.model_validate(SWAP)
    table, review = done({"k": ["2"], "d": ["2018-01-01"]}, {"k": "unit"}, source=swap, units=["1", "2"], date="d")
    assert table["k"].tolist() == ["2"]
    assert review == {}


def test_keys_that_are_both_old_and_new_are_not_guessed() -> None:
    chain = pd.DataFrame({"old_key": ["1-1/1", "1-2/1"], "new_key": ["1-2/1", "1-3/1"]})
    table, review = done(
        {"key": ["1-1/1", "1-2/1", "1-3/1"]}, {"key": {"holds": "key"}},
        source=Plan(date="2020-01-01", events=[{"rename": "1", "name": "One"}]), ledger=chain, units=["1"],
    )  # fmt: skip
    assert table["key"].tolist() == ["1-2/1", "1-2/1", "1-3/1"]
    assert review == {1: "key is both an old and a new one"}


def cut() -> gpd.GeoDataFrame:
    units = gpd.GeoDataFrame(
        {"code": ["1", "2"]}, geometry=[shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)], crs="EPSG:25832"
    )
    split = Plan.model_validate(
        {
            "date": "2020-01-01",
            "events": [{"transfer": "1", "to": "2", "area": "strip"}],
            "sources": {"strip": gpd.GeoDataFrame(geometry=[shapely.box(6, 0, 10, 10)], crs="EPSG:25832")},
        }
    )
    return pieces(units, split, findings=[])


def test_the_place_decides_a_split_unit() -> None:
    areas = cut()
    table, review = done(
        {"k": ["1", "1", "2", "1", "1"], "x": ["2", "8,0", "15", "", "15"], "y": ["5"] * 5},
        {"k": "unit"},
        source=crosswalk(areas),
        pieces=areas,
        place={"x": "x", "y": "y", "crs": "EPSG:25832"},
    )
    assert table["k"].tolist() == ["1", "2", "2", "1", "1"]
    assert review == {3: "unit is split, and the row has no coordinates", 4: "code disagrees with the place"}


def test_the_address_decides_a_split_unit() -> None:
    addresses = pd.DataFrame(
        {"street": ["Main St", "Back St", "Long St", "Long St"], "old_code": "1", "new_code": ["1", "2", "1", "2"]}
    )
    table, review = done(
        {"k": ["1", "1", "1", "1"], "gate": ["main  st", "Back St", "Long St", "None St"]},
        {"k": "unit"},
        source=crosswalk(cut()),
        addresses={"adr": addresses},
        address={"layer": "adr", "columns": {"street": "gate"}},
    )
    assert table["k"].tolist() == ["1", "2", "1", "1"]
    assert review == {2: "address leads to several units", 3: "unit is split, and nothing decides"}


def test_two_units_in_a_row_are_decided_each_for_itself() -> None:
    table, review = done(
        {"home": ["0719", "0719"], "work": ["0706", "0720"]}, {"home": "unit", "work": {"holds": "unit", "of": "work"}}
    )
    assert table.to_numpy().tolist() == [["0710", "0710"], ["0719", "0720"]]  # a row is never changed in part
    assert review == {1: "work: unit is split, and nothing decides"}
    with pytest.raises(InputError, match="both hold the unit"):
        recode(pd.DataFrame(), plan(), columns={"home": "unit", "work": "unit"}, findings=[])


def test_faults_are_told_together() -> None:
    table = pd.DataFrame({"k": [719], "n": ["x"], "p": ["07"]})
    bare = Plan(date="2020-01-01", events=[{"renumber": "1", "to": "2"}])
    with pytest.raises(InputError) as error:
        recode(table, bare, columns={"k": "unit", "p": "parent", "n": "name"}, findings=[])
    assert len(error.value.faults) == 3
    with pytest.raises(InputError, match="has no column x, d"):
        recode(table, plan(), columns={"x": "unit"}, date="d", findings=[])
    with pytest.raises(InputError, match="State the first day"):
        recode(table, crosswalk(plan()), columns={"p": "unit"}, date="n", findings=[])


def test_findings_become_warnings() -> None:
    with pytest.warns(GeomergeWarning, match="For review, unknown code: 1 row of register"):
        recode(pd.DataFrame({"k": ["9"]}), plan(), columns={"k": "unit"}, units=UNITS)


@given(st.lists(st.sampled_from(["0704", "0706", "0719", "0720", "0709", "0710", "x", " 0719", "", None]), max_size=6))
@settings(max_examples=25)
def test_rows_are_independent_and_all_are_counted(codes: list[str | None]) -> None:
    table = pd.DataFrame({"k": pd.Series(codes, dtype=object)})
    translation = Translation.of(plan(), units=UNITS)
    whole = recode(table, translation, columns={"k": "unit"}, findings=[])
    single = [recode(table.iloc[[at]], translation, columns={"k": "unit"}, findings=[]) for at in range(len(table))]
    assert whole.table["k"].tolist() == [each.table["k"].iloc[0] for each in single]
    assert whole.counts["recoded"] == sum(each.counts["recoded"] for each in single)


def test_all_units_of_norway_are_recoded_by_its_history() -> None:
    history = read_history("NO")
    units = history.units_on("2019-12-31")
    register = {"k": units["code"], "n": units["name"], "p": units["parent"]}
    table, review = done(
        register, {"k": "unit", "n": "name", "p": "parent"}, source=history, since="2019-12-31", until="2020-01-01"
    )
    after = history.units_on("2020-01-01").set_index("code")
    recoded = [row for row in range(len(units)) if row not in review]
    assert len(review) == 16  # units of which a part went to another
    assert table["p"].iloc[recoded].tolist() == after["parent"].loc[table["k"].iloc[recoded]].tolist()
    assert table["n"].iloc[recoded].tolist() == after["name"].loc[table["k"].iloc[recoded]].tolist()
