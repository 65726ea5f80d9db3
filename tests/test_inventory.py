"""Inventory: columns are judged by values, names and each other; what merely looks like a code is told apart."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge import History, Inventory, Plan, inventory, read_history
from geomerge.errors import InputError
from geomerge.inventory.known import known_codes, plain
from geomerge.inventory.profile import KEPT, Profile, Thinned, gather
from geomerge.inventory.rules import CAP, RULES, certainty, hits
from geomerge.inventory.shapes import shape_of
from geomerge.inventory.words import matches, shipped_words


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


@pytest.fixture(scope="module")
def units(norway: History) -> pd.DataFrame:
    return norway.units_on("2016-12-31")


def judged(history: History, **columns: Any) -> dict[str, dict[str, Any]]:
    table = pd.DataFrame({name: list(values) for name, values in columns.items()})
    found = inventory({"table": table}, history=history).columns
    return {row["column"]: row for row in found.to_dict("records")}


def many(values: list[Any], rows: int = 200, seed: int = 1) -> list[Any]:
    return random.Random(seed).choices(values, k=rows)


def test_codes_parents_names_and_districts_are_found(norway: History, units: pd.DataFrame) -> None:
    rows = units.sample(200, replace=True, random_state=1)
    found = judged(
        norway,
        kommune=rows["code"],
        fylke=rows["parent"],
        kommunenavn=rows["name"].str.upper(),
        krets=rows["code"] + "0101",
        note=["x"] * 200,
    )
    assert {name: row["holds"] for name, row in found.items() if isinstance(row["holds"], str)} == {
        "kommune": "unit", "fylke": "parent", "kommunenavn": "name", "krets": "district",
    }  # fmt: skip
    assert all(found[name]["certainty"] == "certain" for name in ("kommune", "fylke", "kommunenavn", "krets"))
    assert (found["krets"]["width"], found["kommunenavn"]["about"]) == (4, "kommune")
    assert found["kommune"]["vintage"] == "from 2012-01-01 to 2017-12-31: all codes are valid (of 429 units)"
    assert found["kommune"]["unknown"] == 0


def test_codes_are_found_without_a_telling_name(norway: History, units: pd.DataFrame) -> None:
    found = judged(norway, a=units["code"], b=range(428))
    assert found["a"]["holds"] == "unit"
    assert found["b"]["holds"] == "number"


def test_lost_zeros_and_blanks_and_unknown_codes_are_counted(norway: History) -> None:
    found = judged(norway, kommune=[301, 1103, 706, None, 9999], knr=["0301 ", "1103", " 0706", None, "9999"])
    assert (found["kommune"]["holds"], found["kommune"]["type"]) == ("unit", "integer")
    assert found["kommune"]["zeros_lost"] == 2
    assert (found["kommune"]["filled"], found["kommune"]["unknown"]) == (4, 1)
    assert found["kommune"]["unknown_codes"] == "9999 (1 row)"
    assert (found["knr"]["blanks"], found["knr"]["zeros_lost"]) == (2, 0)


def test_whole_keys_and_composites_are_found(norway: History) -> None:
    codes = many(["0706", "0719", "0720", "1103", "0301"])
    found = judged(
        norway,
        eiendom=[f"{code}-{row % 90 + 1}/{row}" for row, code in enumerate(codes, 1)],
        sak=[f"{2010 + row % 9}-{code}-{row}" for row, code in enumerate(codes)],
        sted=[f"{code} - By" for code in codes],
        lang=[f"77{code}{row:05}" for row, code in enumerate(codes)],
    )
    assert (found["eiendom"]["holds"], found["eiendom"]["layout"]) == ("key", "matrikkel")
    assert (found["sak"]["holds"], found["sak"]["pattern"]) == (
        "composite", r"[0-9]+\-(?P<code>[0-9]{4})\-[0-9]+",
    )  # fmt: skip
    assert found["sted"]["pattern"] == r"(?P<code>[0-9]{4})\s+\-\s+By"
    assert (found["lang"]["holds"], found["lang"]["pattern"]) == ("composite", "[0-9]{2}(?P<code>[0-9]{4})[0-9]{5}")


def test_a_key_spread_over_columns_is_found(norway: History) -> None:
    numbers = list(range(1, 201))
    found = judged(
        norway, kommunenr=many(["0706", "0719"]), gnr=numbers, bnr=many(numbers), fnr=[0] * 200, antall=numbers
    )
    assert [name for name, row in found.items() if row["holds"] == "key number"] == ["gnr", "bnr", "fnr"]
    assert found["gnr"]["about"] == "kommunenr"


def test_lists_of_codes_are_told(norway: History) -> None:
    found = judged(norway, kommuner=["0706 0719", "0720", "1103, 1102", "0301"] * 5)
    assert found["kommuner"]["holds"] == "composite"
    assert "several in one value" in found["kommuner"]["why"]


@pytest.mark.parametrize(
    ("name", "values", "holds"),
    [
        ("aar", many([str(year) for year in range(2001, 2021)]), "year"),
        ("a", many(list(range(2001, 2021))), "year"),
        ("byggeår", many([1902, 1911, 1922, 1931, 2003]), "year"),
        ("dato", many(["20170101", "20020315", "20111231"]), "date"),
        ("mottatt", many(["2017-01-01", "2002-03-15"]), "date"),
        ("d", many(["01.02.2017", "15.03.2002"]), "date"),
        ("telefon", many(["07061234", "22345678", "07191234"]), "phone"),
        ("tlf", many(["+47 22 34 56 78", "+47 91 23 45 67"]), "phone"),
        ("belop", many([706, 719, 1103, 301, 9876, 4444, 12000]), "amount"),
        ("v", many([706.5, 719.25, 1103.75]), "amount"),
        ("lopenr", list(range(1000, 1200)), "number"),
        ("east", many([500000.5, 500706.25, 501103.75]), "coordinate"),
    ],
)
def test_lookalikes_are_named(norway: History, name: str, values: list[Any], holds: str) -> None:
    found = judged(norway, **{name: values})
    assert found[name]["holds"] == holds


def test_postcodes_are_told_by_name_and_by_the_places_beside(norway: History) -> None:
    places = {
        "0101": "OSLO",
        "0706": "OSLO",
        "3115": "TØNSBERG",
        "0150": "OSLO",
        "7005": "TRONDHEIM",
        "4006": "STAVANGER",
    }
    codes = many(list(places))
    found = judged(norway, postnr=codes, felt=codes, poststed=[places[code] for code in codes])
    assert (found["postnr"]["holds"], found["felt"]["holds"], found["poststed"]["holds"]) == (
        "postcode",
        "postcode",
        "post place",
    )


def test_numbers_of_offices_are_no_codes(norway: History) -> None:
    offices = {
        "0101": "NAV Halden-Aremark",
        "0104": "NAV Moss",
        "0124": "NAV Indre Østfold",
        "0213": "NAV Ski",
        "0314": "NAV Sagene",
    }
    codes = many(list(offices))
    named = judged(norway, nav=codes)
    assert (named["nav"]["holds"], named["nav"]["looks_like_code"] > 0.5) == ("office", True)
    beside = judged(norway, nr=codes, navn=[offices[code] for code in codes])
    assert beside["nr"]["holds"] == "office"
    assert "one office beside it" in beside["nr"]["why"]


def test_without_evidence_it_is_said_to_be_unclear(norway: History) -> None:
    found = judged(norway, a=many(["2017", "2018", "2019", "2020"]))["a"]
    assert found["certainty"] != "certain"
    assert judged(norway, ord=["hus", "bil", "ord"])["ord"]["holds"] is None


def test_what_is_called_like_many_towns_is_no_name_of_the_unit(norway: History, units: pd.DataFrame) -> None:
    regions = units["name"].where(units["code"].str.endswith("1"), "Follo")
    found = judged(norway, kommune_no=units["code"], kommune_name=units["name"], region_name=regions)
    assert found["kommune_name"]["holds"] == "name"
    assert pd.isna(found["region_name"]["holds"]) or found["region_name"]["certainty"] == "unclear"


def test_a_plan_tells_which_codes_change() -> None:
    plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    cases = pd.DataFrame({"kommune": ["0706", "0719", "0706", "0710", None]})
    row = inventory({"cases": cases}, plan=plan).columns.iloc[0]
    assert (row["changing"], row["changing_rows"]) == (2, 3)
    assert pd.isna(row["unknown"])  # a plan does not name all units


def test_a_list_of_units_is_enough() -> None:
    listed = pd.DataFrame(
        {"insee": ["91216", "91345", "91589"], "nom": ["Épinay-sur-Orge", "Longjumeau", "Savigny-sur-Orge"]}
    )
    table = pd.DataFrame(
        {"commune": ["91216", "91345", "91999"] * 4, "lib": ["Epinay sur Orge", "LONGJUMEAU", "?"] * 4}
    )
    found = inventory({"t": table}, units=listed, code="insee", name="nom").columns.set_index("column")
    assert found.loc["commune", ["holds", "unknown"]].tolist() == ["unit", 1]
    assert found.loc["lib", ["holds", "filled"]].tolist() == ["name", 8]  # the question mark stands for nothing


def test_keys_are_measured_and_references_found(units: pd.DataFrame, norway: History) -> None:
    cases = pd.DataFrame({"case": range(500), "kommune": many(units["code"].tolist(), 500)})
    found = inventory({"units": units[["code"]], "cases": cases}, history=norway).columns.set_index("column")
    assert found.loc["code", ["key", "key_confidence"]].tolist() == ["unique", 0.9]
    assert found.loc["kommune", ["key", "key_confidence"]].tolist() == ["foreign", 0.6]
    assert "units.code" in found.loc["kommune", "key_why"]


def test_a_sample_says_how_many_rows_it_has(norway: History, units: pd.DataFrame) -> None:
    table = pd.DataFrame({"kommune": many(units["code"].tolist(), 5000)})
    sampled = inventory({"t": table}, history=norway, sample=100)
    assert sampled.sampled == 100
    row = sampled.columns.iloc[0]
    assert (row["rows"], 50 <= row["read"] <= 100, row["holds"]) == (5000, True, "unit")
    full = inventory({"t": table}, history=norway, sample=100, full=True)
    assert (full.sampled, full.columns.iloc[0]["read"], full.columns.iloc[0]["filled"]) == (None, 5000, 5000)


def test_the_input_stays_and_the_result_is_the_same_each_time(norway: History, units: pd.DataFrame) -> None:
    table = units.copy()
    first, second = inventory({"table": table}, history=norway), inventory(table, history=norway)
    pd.testing.assert_frame_equal(first.columns, second.columns)
    assert first.page() == second.page()
    assert first.registers() == second.registers()
    pd.testing.assert_frame_equal(table, units)
    assert isinstance(first, Inventory)


def test_bad_input_is_refused(norway: History, units: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="No codes are known"):
        inventory({"t": units})
    with pytest.raises(InputError, match="at least 1 row"):
        inventory({"t": units}, history=norway, sample=0)
    with pytest.raises(InputError, match="Nothing is named"):
        inventory([], history=norway)
    with pytest.raises(InputError, match=r"no column knr.*They have code, name, parent"):
        inventory({"t": units}, units=units, code="knr")
    with pytest.raises(InputError, match="holds 301, which is no text"):
        inventory({"t": units}, units=pd.DataFrame({"code": [301]}))


def test_odd_tables_are_judged(norway: History) -> None:
    empty = pd.DataFrame({"kommune": pd.Series([], dtype="str")})
    nothing = pd.DataFrame({"kommune": [None, None], 3: [True, False], "list": [[1], [2]]})
    same = pd.DataFrame([["0301", "1103"]], columns=["kommune", "kommune"])
    found = inventory({"empty": empty, "nothing": nothing, "same": same, "none": pd.DataFrame()}, history=norway)
    assert found.columns["rows"].tolist() == [0, 2, 2, 2, 1, 1]
    assert found.tables["columns"].tolist() == [1, 3, 2, 0]


@given(st.lists(st.integers(0, 10**6), max_size=300), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_a_thinned_sample_is_spread_evenly(rows: list[int], limit: int) -> None:
    kept = Thinned(limit)
    kept.add((value,) for value in rows)
    assert kept.seen == len(rows)
    assert len(kept.rows) <= limit
    assert [row[0] for row in kept.rows] == rows[:: kept.step]


@given(st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers(-5, 5), st.floats(allow_nan=True)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_profiles_do_not_depend_on_batches(values: list[Any]) -> None:
    whole, parts = Profile("a"), Profile("a")
    whole.add(values)
    for value in values:
        parts.add([value])
    assert (whole.counts, whole.filled, whole.rows) == (parts.counts, parts.filled, parts.rows)
    assert whole.filled == whole.kept_rows


def test_profiles_stay_small_and_fair() -> None:
    profile = Profile("id")
    number = 5 * KEPT
    profile.add([f"id{value}" for value in range(number)])
    assert len(profile.counts) <= KEPT
    assert abs(profile.distinct - number) < 0.05 * number
    assert not profile.exact
    assert not profile.repeated


def test_missing_words_are_no_values() -> None:
    content = gather(["a"], [[("NA",), ("0301",), ("-",), ("",)]], sample=9, full=False, empty=shipped_words().empty)
    assert (content.profiles[0].filled, content.profiles[0].stand_ins) == (1, 2)


def test_hits_of_a_crowd_say_nothing() -> None:
    crowd = {str(number) for number in range(1, 30)}
    assert hits(dict.fromkeys(map(str, range(1, 15)), 1), crowd, "codes").points < 1
    sparse = {str(number) for number in range(100, 9000, 50)}
    assert hits(dict.fromkeys(map(str, range(100, 1100, 50)), 1), sparse, "codes").points == CAP
    assert hits({}, sparse, "codes").points == -CAP
    few = hits(dict.fromkeys(map(str, range(100, 1100, 25)), 1), sparse, "codes", complete=False)
    assert few.points > 0  # half of the codes are not known


def test_words_are_found_in_names() -> None:
    assert matches("KOMMNR", ["kommnr"])
    assert matches("kommunenum", ["kommunenummer"])
    assert matches("knr_2016", ["knr"])
    assert not matches("knrx", ["knr"])
    assert matches("Bosteds-Kommune", ["kommune"])
    words = shipped_words()
    assert words.said("BFS_NR") == ("unit",)
    assert words.said("nom_commune") == ("name",)
    assert words.axis("EASTING") == "x"
    assert words.said("county_code") == ("parent",)
    assert words.said("count_2016") == ("amount",)


def test_shapes_need_one_place() -> None:
    assert shape_of(["0706 a", "b 0719", "c d 0720"], {"0706", "0719", "0720"}, 4) is None
    assert shape_of([], {"0706"}, 4) is None


@given(st.lists(st.sampled_from(["0706", "0719", "1103"]), min_size=1, max_size=8), st.text("-/ .abcæ12", max_size=6))
@settings(max_examples=80, deadline=None)
def test_a_shape_fits_the_texts_it_is_made_of(codes: list[str], rest: str) -> None:
    texts = [f"{code}-{rest}" for code in codes]
    shape = shape_of(texts, {"0706", "0719", "1103"}, 4)
    assert shape is not None
    assert [code for _, code in shape.codes(texts)] == codes


def test_plain_names_and_certainties() -> None:
    assert plain("Våler (Innlandet)") == plain("VÅLER")
    assert [certainty(value) for value in (0.95, 0.7, 0.69)] == ["certain", "likely", "unclear"]
    assert all(text for _, text in RULES.values())


def test_the_page_on_the_inventory_has_all_rules() -> None:
    text = (Path(__file__).parents[1] / "docs/inventory.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (-?[0-9.]+) \| (.+) \|$", text, re.MULTILINE)
    assert {name: (float(points), says) for name, points, says in rows} == dict(RULES)


def test_a_history_and_a_plan_go_together(norway: History) -> None:
    plan = Plan(date="2020-01-01", events=[{"renumber": "0101", "to": "3001"}])
    known = known_codes(norway, plan=plan)
    assert known.changing == {"0101"}
    assert known.complete
    assert known.width == 4
