"""Proposals of new keys: as the authority made them, and never with a collision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge.errors import InputError
from geomerge.keylayout import key_layout
from geomerge.keyproposal import Proposal, as_yaml, propose_keys, stacked
from geomerge.plan import KeyRule, Plan
from geomerge.rekey import check_keys, joined, rekey

KEY = ["gnr", "bnr"]
FACTS = Path(__file__).parents[2] / "shared" / "facts"


def parcels(units: dict[str, list[int]], new: str = "9", more: dict[str, int] | None = None) -> pd.DataFrame:
    """Return one parcel for each number of each unit, and some more with the first of them."""
    rows = [(old, number, 1) for old, numbers in units.items() for number in numbers]
    rows += [(old, units[old][0], 2 + at) for old, count in (more or {}).items() for at in range(count)]
    return pd.DataFrame(rows, columns=["code", "gnr", "bnr"]).assign(new_code=new)


def additions(features: pd.DataFrame, **options: Any) -> dict[str, int | None]:
    return {str(rule.from_): rule.add for rule in propose_keys(features, key=KEY, **options)}


def series(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def text_table(name: str) -> pd.DataFrame:
    path = FACTS / name
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    return pd.read_csv(path, dtype=str)


@pytest.mark.parametrize("holes", ["free", "taken"])
def test_seven_mergers_come_out_as_the_authority_made_them(holes: Any) -> None:
    ranges, offsets = text_table("norway_gnr_ranges.csv"), text_table("norway_gnr_offsets.csv")
    units = []
    for row in ranges.to_dict("records"):
        first, last, count = (int(row[name]) for name in ("gnr_min", "gnr_max", "n_units"))
        numbers = series(first, last) if holes == "free" else [first, last]
        units.append(parcels({row["old_code"]: numbers}, row["new_code"], {row["old_code"]: count - len(numbers)}))
    features = pd.concat(units, ignore_index=True)
    found = {(rule.from_, rule.to): rule.add for rule in propose_keys(features, key=KEY, holes=holes)}
    whole = offsets[offsets["old_gnr_from"].isna() & offsets["date"].eq("2020-01-01")]
    wanted = {(row["old_code"], row["new_code"]): int(row["gnr_offset"]) for row in whole.to_dict("records")}
    pairs = set(zip(ranges["old_code"], ranges["new_code"], strict=True))
    assert len(pairs) == 17
    assert pairs - set(wanted) == {("5001", "5001")}  # Trondheim kept its code and its keys, and has no row
    assert {pair: found.get(pair, 0) for pair in pairs} == {pair: wanted.get(pair, 0) for pair in pairs}


def test_sandefjord() -> None:
    units = {"0720": series(7, 158), "0719": series(2, 128), "0706": series(1, 161)}
    more = {"0706": 500, "0719": 100, "0720": 50}
    assert additions(parcels(units, "0710", more)) == {"0719": 200, "0720": 400}
    assert additions(parcels(units, "0710", more | {"0720": 200})) == {"0720": 200, "0719": 400}


@pytest.mark.parametrize(
    ("units", "wanted"),
    [
        ({"1": series(1, 50), "2": series(51, 90)}, {}),
        ({"1": [1, 3, 5, 7], "2": [2, 4, 6]}, {}),
        ({"1": series(1, 90), "2": [90, 91, 92]}, {"2": 100}),
        ({"1": [1, 2, 250, 251], "2": [1, 2, 51]}, {"2": 100}),
        ({"1": [1, 2, 3, 101], "2": [1, 7]}, {"2": 200}),
        ({"1": [1, 2, 3, 101], "2": [5, 7]}, {}),
        ({"1": series(1, 9), "2": series(1, 8), "3": series(1, 7)}, {"2": 100, "3": 200}),
        ({"1": series(1, 9), "2": series(1, 8), "3": series(50, 52)}, {"2": 100}),
        ({"1": series(1, 9), "2": series(4, 9), "3": [104, 4]}, {"2": 100, "3": 200}),
        ({"1": [1, 2], "2": [1, 2]}, {"2": 100}),
    ],
)
def test_only_numbers_in_use_count_and_whole_series_are_shifted(
    units: dict[str, list[int]], wanted: dict[str, int]
) -> None:
    assert additions(parcels(units)) == wanted


def test_holes_are_taken_where_not_all_parcels_are_at_hand() -> None:
    units = {"1": [1, 250, 251], "2": [2, 51]}
    assert additions(parcels(units)) == {}
    assert additions(parcels(units), holes="taken") == {"2": 300}


def test_parcels_are_counted_by_key_and_those_without_one_not_at_all() -> None:
    areas = pd.concat([parcels({"1": [1]})] * 5 + [parcels({"2": [1, 2], "1": [0, 0]}).assign(bnr=[1, 1, 0, 0])])
    assert additions(areas) == {"1": 100}


def test_each_destination_of_a_split_unit_by_itself() -> None:
    old = parcels({"5012": series(1, 60)}).assign(new_code=["5055"] * 30 + ["5056"] * 30)
    others = pd.concat([parcels({"5011": series(1, 150)}, "5055"), parcels({"5013": series(61, 130)}, "5056")])
    found = propose_keys(pd.concat([old, others]), key=KEY)
    assert [(rule.from_, rule.to, rule.add) for rule in found] == [("5012", "5055", 200)]


def test_a_unit_that_keeps_its_code_counts_like_the_others() -> None:
    features = parcels({"5001": series(16, 428), "5030": series(2, 40)}, "5001")
    assert additions(features) == {"5030": 500}


def test_rules_that_are_given_stay_and_their_numbers_are_taken() -> None:
    features = parcels({"1": series(1, 50), "2": series(1, 40), "3": series(1, 30)})
    given = [KeyRule.model_validate({"from": "2", "to": "9", "add": 100})]
    assert additions(features, rules=given) == {"3": 200}
    part = [KeyRule.model_validate({"from": "3", "to": "9", "add": 100, "numbers": "1-10"})]
    assert additions(features, rules=part) == {"2": 200, "3": 100}
    plan = Plan.model_validate(
        {
            "date": "2020-01-01",
            "events": [{"merge": "1 2 3", "into": "9"}],
            "keys": [{"from": "2", "to": "9", "add": 100}],
        }
    )
    assert additions(features, rules=plan) == {"3": 200}


def test_prefixes_for_keys_that_have_one() -> None:
    ids = ["91216000AB0037", "91345000AB0037", "91345345AB0037", "92216000AB0037"]
    features = pd.DataFrame({"code": [text[:5] for text in ids], "new_code": "91216", "id": ids})
    found = propose_keys(features, key=["id"], layout="cadastre_fr")
    assert [(rule.from_, rule.prefix) for rule in found] == [("91345", "001"), ("92216", "code")]
    new = features.assign(new_code="91999")
    found = propose_keys(new, key=["id"], layout="cadastre_fr")
    assert [(rule.from_, rule.prefix) for rule in found] == [("91345", "001"), ("91216", "code"), ("92216", "002")]
    keys = rekey(new, found, key=["id"], layout="cadastre_fr")["id"]
    assert keys.tolist() == ["91999216AB0037", "91999001AB0037", "91999345AB0037", "91999002AB0037"]


def test_lines_to_edit_say_why() -> None:
    features = parcels({"0706": series(1, 161), "0719": series(2, 128)}, "0710")
    reasons: list[Proposal] = []
    assert [rule.add for rule in propose_keys(features, key=KEY, reasons=reasons)] == [200]
    assert as_yaml(reasons) == (
        "keys:\n"
        "  # to 0710\n"
        "  # 0706: 161 parcels; keeps 1..161: most parcels of all\n"
        '  - {from: "0719", to: "0710", add: 200}  # 127 parcels; 2..128 become 202..328, because 102..161 with 100 '
        "added would be taken\n"
    )
    assert as_yaml([]) == "keys: []\n"


def test_what_cannot_be_proposed_is_told() -> None:
    features = parcels({"1": series(1, 9), "2": series(1, 8)})
    with pytest.raises(InputError, match="no column fnr"):
        propose_keys(features, key=["fnr"])
    with pytest.raises(InputError, match="neither a leading number nor a prefix"):
        propose_keys(features, key=KEY, layout="ejerlav_dk")
    with pytest.raises(InputError, match="no room below 99 for the numbers from 2 to 9"):
        propose_keys(
            features,
            key=["gnr"],
            layout={
                "parts": [
                    {"name": "u", "width": 4, "unit": True, "kind": "text", "pattern": "[0-9]{4}"},
                    {"name": "gnr", "width": 2},
                ]
            },
        )


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from("1234"), st.sampled_from("89"), st.integers(0, 400), st.integers(1, 3)), min_size=1
    ),
    st.sampled_from(["free", "taken"]),
    st.sampled_from([None, "matrikkel"]),
)
def test_proposals_never_collide(rows: list[tuple[str, str, int, int]], holes: Any, layout: str | None) -> None:
    features = pd.DataFrame(rows, columns=["code", "new_code", "gnr", "bnr"])
    features["code"] = "000" + features["code"]
    rules = propose_keys(features, key=KEY, holes=holes, layout=layout)
    assert all(rule.add and rule.add > 0 and rule.add % 100 == 0 for rule in rules)
    new = rekey(features, rules, key=KEY, layout=layout)
    declared = key_layout(layout) if layout else None
    old_keys = joined(features, features["code"], KEY, declared)
    new_keys = joined(new, features["new_code"], KEY, declared)
    assert [finding for finding in check_keys(old_keys, new_keys, "parcels") if finding.blocks] == []
    assert propose_keys(features, key=KEY, holes=holes, layout=layout, rules=rules) == ()


def test_layers_are_counted_together() -> None:
    first = parcels({"1": series(1, 3), "2": [1]})
    second = parcels({"2": [2, 3, 4, 5]}).rename(columns={"gnr": "a", "bnr": "b", "code": "kode"}).assign(fnr=None)
    tables = [(first, "code", KEY, None), (second, "kode", ["a", "b", "fnr"], None)]
    features, key, layout = stacked(tables)
    assert (key, layout, len(features)) == (["a", "b", "fnr"], None, 8)
    assert {rule.from_: rule.add for rule in propose_keys(features, key=key)} == {"1": 100}
    with pytest.raises(InputError, match="write their keys in several ways"):
        stacked([*tables[:1], (second, "kode", ["a", "b", "fnr"], key_layout("matrikkel"))])


def test_no_prefix_is_left() -> None:
    layout = {
        "prefix": "p",
        "parts": [
            {"name": "u", "unit": True, "kind": "text", "pattern": "[0-9]{2}", "width": 2},
            {"name": "p", "kind": "text", "pattern": "[0-9]", "width": 1, "padded": True},
            {"name": "n", "width": 2},
        ],
    }
    rows = [(f"{at}0", "0") for at in range(1, 9)] + [(f"9{at}", str(at)) for at in range(1, 10)]
    features = pd.DataFrame(rows, columns=["code", "p"]).assign(new_code="99", n=1)
    with pytest.raises(InputError, match="No prefix is free for the keys from 10 to 99"):
        propose_keys(features, key=["p", "n"], layout=layout)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["91001", "91002", "92001"]),
            st.sampled_from(["91001", "91999"]),
            st.sampled_from(["000", "001", "002", "003"]),
            st.integers(1, 3),
        ),
        min_size=1,
    )
)
def test_proposed_prefixes_never_collide(rows: list[tuple[str, str, str, int]]) -> None:
    features = pd.DataFrame(rows, columns=["code", "new_code", "prefixe", "numero"]).assign(section="AB")
    key, layout = ["prefixe", "section", "numero"], key_layout("cadastre_fr")
    old_keys = joined(features, features["code"], key, layout)
    own = joined(features, features["new_code"], key, layout)
    # keys that have a prefix keep it, so only those that do not meet already can be kept apart
    met = pd.DataFrame({"old": old_keys, "new": own})[features["prefixe"] != "000"].drop_duplicates()
    features = features[~own.isin(met["new"][met.duplicated("new", keep=False)])]
    new = rekey(features, propose_keys(features, key=key, layout=layout), key=key, layout=layout)
    new_keys = joined(new, features["new_code"], key, layout)
    found = check_keys(old_keys[features.index], new_keys, "parcels")
    assert [finding.what for finding in found if finding.blocks] == []
