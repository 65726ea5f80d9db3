"""The rules of a plan: each fault in one sentence with its remedy, all at once, and no false alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from geomerge.plan import Plan
from geomerge.planfile import read_plan
from geomerge.rules import check_plan

UNITS = "0701 0702 0704 0706 0719 0720"


def found(*events: dict[str, Any], codes: str = UNITS, date: str = "2017-01-01", **more: Any) -> list[str]:
    about = {key: more.pop(key) for key in ("names", "parents") if isinstance(more.get(key), dict)}
    plan = Plan.model_validate({"date": date, "events": events} | more)
    return [str(finding) for finding in check_plan(plan, codes.split(), **about)]


def part(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "area": "a.gpkg"} | more


def rest(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "remainder": True} | more


FAULTS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "lost zeros": (
        [{"merge": ["706", "0719"], "into": "0710"}],
        ["No unit has the code 706 (merge 0719 706 > 0710). Did you mean 0706? A code keeps its zeros."],
    ),
    "near match": (
        [{"abolish": "0727"}],
        ["No unit has the code 0727 (abolish 0727). Did you mean 0702 or 0720?"],
    ),
    "no match": (
        [{"abolish": "5401"}],
        ["No unit has the code 5401 (abolish 5401). Correct the code, or use the units of the day before."],
    ),
    "repeated in a merge": (
        [{"merge": ["0706", "0706", "0719"], "into": "0710"}],
        ["Event 1 lists 0706 2 times (merge 0706 0719 > 0710). List it once."],
    ),
    "repeated in a split": (
        [{"split": "0706", "into": [part("0711"), part("0711"), rest("0712")]}],
        ["Event 1 lists 0711 2 times (split 0706 > 0711 0712). List it once."],
    ),
    "repeated in a reparent": (
        [{"reparent": ["0706", "0706"], "parent": "07"}],
        ["Event 1 lists 0706 2 times (reparent 0706). List it once."],
    ),
    "the same event twice": (
        [{"transfer": "0720", "to": "0704", "area": "a.gpkg"}] * 2,
        ["The event stands in the plan twice (transfer 0720 > 0704). Keep one."],
    ),
    "two fates": (
        [{"merge": ["0706", "0719"], "into": "0710"}, {"renumber": "0719", "to": "0711"}],
        [
            "0719 goes whole to 2 places on 2017-01-01 (merge 0706 0719 > 0710; renumber 0719 > 0711). "
            "Keep one; name what goes elsewhere as a part (transfer, split)."
        ],
    ),
    "no remainder": (
        [{"split": "0706", "into": [part("0711"), part("0712")]}],
        [
            "The split of 0706 has no remainder (split 0706 > 0711 0712). "
            "Mark exactly one part with remainder: true; it takes what no other part names."
        ],
    ),
    "two remainders": (
        [{"split": "0706", "into": [part("0711"), rest("0712"), rest("0713")]}],
        [
            "The split of 0706 has 2 remainders (split 0706 > 0711 0712 0713). "
            "Mark exactly one part with remainder: true; it takes what no other part names."
        ],
    ),
    "part of a split without selector": (
        [{"split": "0706", "into": [{"code": "0711"}, rest("0712")]}],
        [
            "0711 names no part (split 0706 > 0711 0712). "
            "Give it an area, line, districts, keys, former or edition, or make it the remainder."
        ],
    ),
    "remainder with selector": (
        [{"split": "0706", "into": [part("0711"), part("0712", remainder=True)]}],
        [
            "0712 is the remainder and names a part (split 0706 > 0711 0712). "
            "Give it an area, line, districts, keys, former or edition, or make it the remainder."
        ],
    ),
    "transfer without selector": (
        [{"transfer": "0720", "to": "0704"}],
        [
            "The event does not say which part it is about (transfer 0720 > 0704). "
            "Give it an area, line, districts, keys, former or edition."
        ],
    ),
    "cycle": (
        [{"renumber": "0701", "to": "0702"}, {"renumber": "0702", "to": "0701"}],
        [
            "0701 > 0702 > 0701 leads back to its start on 2017-01-01. "
            "Give one of the changes another date or another code."
        ],
    ),
    "chain": (
        [{"renumber": "0701", "to": "0702"}, {"renumber": "0702", "to": "0703"}],
        [
            "0701 becomes 0702, which itself becomes 0703 on 2017-01-01. "
            "Name the last code 0703, or give the changes their own dates."
        ],
    ),
    "ended earlier": (
        [
            {"renumber": "0704", "to": "0707", "date": "2016-01-01"},
            {"merge": ["0704", "0706"], "into": "0710"},
        ],
        [
            "Event 2 merges 0704 on 2017-01-01, but 0704 ended on 2016-01-01 (merge 0704 0706 > 0710). "
            "Name its successor 0707 or correct the date."
        ],
    ),
    "ended earlier, and so did its successor": (
        [
            {"renumber": "0704", "to": "0707", "date": "2015-01-01"},
            {"split": "0707", "into": [part("0708"), rest("0709")], "date": "2016-01-01"},
            {"abolish": "0704"},
        ],
        [
            "Event 3 abolishes 0704 on 2017-01-01, but 0704 ended on 2015-01-01 (abolish 0704). "
            "Name its successor 0709 or 0708 or correct the date."
        ],
    ),
    "ended without successor": (
        [{"abolish": "0704", "date": "2016-01-01"}, {"renumber": "0704", "to": "0705"}],
        [
            "Event 2 renumbers 0704 on 2017-01-01, but 0704 ended on 2016-01-01 (renumber 0704 > 0705). "
            "Correct the code or the date."
        ],
    ),
    "begins later": (
        [{"renumber": "0704", "to": "0707"}, {"renumber": "0707", "to": "0708", "date": "2016-01-01"}],
        [
            "Event 2 renumbers 0707 on 2016-01-01, but 0707 begins on 2017-01-01 (renumber 0707 > 0708). "
            "Name the unit it is on that day, or correct the date."
        ],
    ),
    "renamed under the code that ends": (
        [{"merge": ["0706", "0719"], "into": "0710"}, {"rename": "0706", "name": "Sandefjord"}],
        [
            "Event 2 renames 0706 on 2017-01-01, but 0706 ends on that day (rename 0706). "
            "Name its successor 0710 or correct the date."
        ],
    ),
    "rename of an unknown unit": (
        [{"rename": "704", "name": "Tønsberg"}],
        ["No unit has the code 704 from 2017-01-01 on (rename 704). Did you mean 0704? A code keeps its zeros."],
    ),
    "new code of a living unit": (
        [{"merge": ["0706", "0719"], "into": "0720"}],
        [
            "0720 is the code of another unit that lives on (merge 0706 0719 > 0720). "
            "Add 0720 to the merge if it takes part; else choose another code."
        ],
    ),
    "part with the code of a living unit": (
        [{"split": "0706", "into": [part("0704"), rest("0711")]}],
        [
            "0704 is the code of another unit that lives on (split 0706 > 0704 0711). "
            "Use a transfer to 0704 if that unit lives on; else choose another code."
        ],
    ),
    "renumbered to a living unit": (
        [{"renumber": "0706", "to": "0704"}],
        [
            "0704 is the code of another unit that lives on (renumber 0706 > 0704). "
            "Choose another code, or merge the two if they become one unit."
        ],
    ),
    "created with the code of a living unit": (
        [{"create": "0704", "area": "a.gpkg"}],
        [
            "0704 is the code of another unit that lives on (create 0704). "
            "Choose another code, or merge the two if they become one unit."
        ],
    ),
    "two renumbers to one code": (
        [{"renumber": "0706", "to": "0710"}, {"renumber": "0719", "to": "0710"}],
        [
            "2 events give the code 0710 on 2017-01-01 (renumber 0706 > 0710; renumber 0719 > 0710). "
            "Use one merge if they become one unit."
        ],
    ),
    "transfer to an unknown unit": (
        [{"transfer": "0720", "to": "0714", "area": "a.gpkg"}],
        [
            "No unit has the code 0714 from 2017-01-01 on (transfer 0720 > 0714). Correct "
            "the code, or use the units of the day before."
        ],
    ),
    "transfer to a unit that ended earlier": (
        [
            {"renumber": "0704", "to": "0707", "date": "2016-01-01"},
            {"transfer": "0720", "to": "0704", "area": "a.gpkg"},
        ],
        [
            "Event 2 gives a part to 0704 on 2017-01-01, but 0704 ended on 2016-01-01 "
            "(transfer 0720 > 0704). "
            "Name its successor 0707 or correct the date."
        ],
    ),
    "transfer to a unit that is abolished": (
        [{"transfer": "0720", "to": "0704", "area": "a.gpkg"}, {"abolish": "0704"}],
        ["A part moves to 0704, which is abolished on 2017-01-01 (transfer 0720 > 0704). Name a unit that lives on."],
    ),
    "transfer to itself": (
        [{"transfer": "0720", "to": "0720", "area": "a.gpkg"}],
        ["A part of 0720 moves to 0720 itself (transfer 0720). Correct one of the codes."],
    ),
    "transfer to itself while merging": (
        [{"transfer": "0720", "to": "0720", "area": "a.gpkg"}, {"merge": ["0719", "0720"], "into": "0710"}],
        ["A part of 0720 moves to 0720 itself (transfer 0720). Correct one of the codes."],
    ),
    "two names": (
        [
            {"merge": ["0706", "0719"], "into": "0710", "name": "Sandefjord"},
            {"rename": "0710", "name": "Sandar"},
        ],
        ["0710 gets two names: Sandefjord and Sandar (rename 0710). Keep one name."],
    ),
    "two parents": (
        [{"reparent": "0706", "parent": "07"}, {"reparent": ["0704", "0706"], "parent": "38"}],
        ["0706 gets two parents: 38 and 07 (reparent 0706). Keep one parent."],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_what_where_and_remedy(name: str) -> None:
    events, sentences = FAULTS[name]
    assert sorted(found(*events)) == sorted(sentences)


def test_codes_that_stand_twice_in_the_units() -> None:
    sentences = found({"abolish": "0704"}, codes="0704 0706 0706")
    assert sentences == [
        "The code 0706 stands 2 times in the units (units). One unit is one row; dissolve its parts by code first."
    ]


def test_all_faults_of_several_dates_are_told_at_once() -> None:
    sentences = found(
        {"merge": ["706", "0719"], "into": "0704", "date": "2016-01-01"},
        {"split": "0720", "into": [part("0721"), part("0722")]},
        {"transfer": "0701", "to": "9999", "area": "a.gpkg", "date": "2018-01-01"},
    )
    assert len(sentences) == 4


OK: dict[str, tuple[list[dict[str, Any]], str]] = {
    "codes swapped on different dates": (
        [
            {"renumber": "1", "to": "3", "date": "2018-01-01"},
            {"renumber": "2", "to": "1", "date": "2019-01-01"},
            {"renumber": "3", "to": "2", "date": "2020-01-01"},
        ],
        "1 2",
    ),
    "a code made by one event and joined by parts of others": (
        [
            {"merge": "1805 1854", "into": "1806", "name": "Narvik"},
            {"transfer": "1850", "to": "1806", "area": "a.gpkg"},
            {"merge": "1849 1850", "into": "1875", "name": "Hamarøy"},
        ],
        "1805 1849 1850 1854",
    ),
    "the same, as a split": (
        [
            {"merge": "1805 1854", "into": "1806", "name": "Narvik"},
            {"split": "1850", "into": [part("1806"), rest("1875")]},
            {"renumber": "1849", "to": "1875", "name": "Hamarøy"},
        ],
        "1805 1849 1850 1854",
    ),
    "a part that follows a unit that merges": (
        [{"transfer": "1", "to": "2", "area": "a.gpkg"}, {"merge": "2 3", "into": "9", "name": "Ni"}],
        "1 2 3",
    ),
    "a merge into one of the units": ([{"merge": "1 2", "into": "1"}], "1 2"),
    "a split that keeps the code": ([{"split": "1", "into": [part("2", name="To"), rest("1")]}], "1"),
    "a code that is given away and taken on one day by a split": (
        [{"split": "1", "into": [part("2", name="To"), rest("3", name="Tre")]}, {"abolish": "2"}],
        "1 2",
    ),
    "a code that comes back after years": (
        [
            {"merge": "1 2", "into": "3", "name": "Tre", "date": "2018-01-01"},
            {"split": "3", "into": [part("1", name="En"), rest("2", name="To")], "date": "2020-01-01"},
            {"rename": "1", "name": "Ein", "date": "2021-01-01"},
        ],
        "1 2",
    ),
    "a correction": (
        [{"correct": "1 2", "edition": "e.gpkg"}, {"correct": "1", "to": "2", "area": "a"}],
        "1 2",
    ),
    "several merges into one code": (
        [{"merge": "1", "into": "9", "name": "Ni"}, {"merge": "2 3", "into": "9", "name": "Ni"}],
        "1 2 3",
    ),
}


@pytest.mark.parametrize("name", OK)
def test_no_false_alarm(name: str) -> None:
    events, codes = OK[name]
    names, parents = dict.fromkeys(codes.split(), "Name"), dict.fromkeys(codes.split(), "P")
    assert found(*events, codes=codes, names=names, parents=parents) == []


def test_the_sample_plan_is_in_order(sample: Path) -> None:
    units = gpd.read_file(sample / "units_2016.gpkg", layer="kommuner")
    codes = list(units["kommunenummer"])
    names = dict(zip(codes, units["kommunenavn"], strict=True))
    parents = dict(zip(codes, units["fylkesnummer"], strict=True))
    assert check_plan(read_plan(sample / "plan.yaml"), codes, names=names, parents=parents) == []


NAMES = {"1": "Ås", "2": "Bø", "3": "Å"}
PARENTS = {"1": "A", "2": "A", "3": "B"}


@pytest.mark.parametrize(
    ("event", "sentences"),
    [
        (
            {"merge": "1 2", "into": "9"},
            ["The new unit 9 has no name (merge 1 2 > 9). Give the event a name."],
        ),
        ({"merge": "1 2", "into": "1"}, []),
        ({"renumber": "1", "to": "9"}, []),
        (
            {"create": "9", "area": "a", "parent": "A"},
            ["The new unit 9 has no name (create 9). Give the event a name."],
        ),
    ],
)
def test_new_units_need_a_name(event: dict[str, Any], sentences: list[str]) -> None:
    assert found(event, codes="1 2 3", names=NAMES) == sentences


@pytest.mark.parametrize(
    ("event", "sentences"),
    [
        ({"merge": "1 2", "into": "9"}, []),
        (
            {"merge": "1 3", "into": "9"},
            ["The parts of the new unit 9 come from several parents (A, B) (merge 1 3 > 9). Give the event a parent."],
        ),
        ({"merge": "1 3", "into": "9", "parent": "B"}, []),
        ({"merge": "1 3", "into": "9", "parent": {"county": "B"}}, []),
        ({"split": "1", "into": [part("9"), rest("1")]}, []),
        ({"transfer": "1", "to": "3", "area": "a"}, []),
        (
            {"create": "9", "area": "a"},
            ["The parts of the new unit 9 have no parent (create 9). Give the event a parent."],
        ),
        (
            {"reparent": "1", "parent": "C"},
            [
                "No unit has the parent C so far (reparent 1). If it is new, name it under parents. "
                "Correct the code, or use the units of the day before."
            ],
        ),
    ],
)
def test_new_units_need_a_parent_that_can_be_told(event: dict[str, Any], sentences: list[str]) -> None:
    assert found(event, codes="1 2 3", parents=PARENTS) == sentences


def test_a_parent_that_the_plan_names_is_known() -> None:
    plan = Plan.model_validate(
        {
            "date": "2020-01-01",
            "events": [{"reparent": "1", "parent": "C"}],
            "parents": [{"code": "C", "name": "Viken"}],
        }
    )
    assert check_plan(plan, PARENTS, parents=PARENTS) == []


def test_names_and_parents_missing_from_units_that_do_not_change_do_no_harm() -> None:
    event = {"merge": "1 2", "into": "9", "name": "Ni"}
    unknown: dict[str, Any] = {"1": "Ås", "2": "Bø", "3": None, "4": float("nan")}
    assert found(event, codes="1 2 3 4", names=unknown, parents={"1": "A", "2": "A", "3": None}) == []


def test_names_are_known_from_earlier_dates() -> None:
    events = [
        {"merge": "1 2", "into": "9", "name": "Ni", "parent": "A", "date": "2016-01-01"},
        {"renumber": "9", "to": "8"},
    ]
    assert found(*events, codes="1 2 3", names=NAMES, parents=PARENTS) == []


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        ({"from": "1", "to": "9"}, []),
        ({"from": "1", "to": "3"}, []),
        ({"from": "2", "to": "3"}, ["Nothing of 2 goes to 3 (keys from 2 to 3). It goes to 9."]),
        (
            {"from": "7", "to": "9"},
            ["No unit has the code 7 (keys from 7 to 9). Correct the code, or use the units of the day before."],
        ),
        (
            {"from": "4", "to": "9"},
            ["Nothing of 4 goes to 9 (keys from 4 to 9). It ends without a successor."],
        ),
    ],
)
def test_rules_for_keys_lead_where_something_moves(rule: dict[str, Any], sentences: list[str]) -> None:
    events = [
        {"transfer": "1", "to": "3", "area": "a", "date": "2016-01-01"},
        {"merge": "1 2", "into": "9"},
        {"abolish": "4"},
    ]
    assert found(*events, codes="1 2 3 4", keys=[rule | {"add": 200}]) == sentences


OVERLAP = "overlap, and neither is more specific (keys from 1 to 9). Let each number fall under one of them."


@pytest.mark.parametrize(
    ("rules", "sentences"),
    [
        ([{"numbers": "1-5", "add": 100}, {"numbers": "5-9", "add": 200}], ["1-5 (add 100) and 5-9 (add 200)"]),
        ([{"numbers": "5", "add": 100}, {"numbers": "5-5", "add": 200}], ["5 (add 100) and 5-5 (add 200)"]),
        ([{"add": 100}, {"add": 200}], ["all numbers (add 100) and all numbers (add 200)"]),
        ([{"numbers": "1-5", "add": 100}, {"numbers": "6-10", "add": 200}], []),
        ([{"numbers": "1-5", "add": 100}, {"numbers": "3", "add": 200}, {"add": 300}], []),
        ([{"numbers": "1-5", "add": 100}, {"numbers": "3-7", "add": 100}], []),
        ([{"numbers": "1-5", "add": 100}, {"from": "2", "numbers": "1-5", "add": 200}], []),
    ],
)
def test_the_order_of_rules_for_keys_never_decides(rules: list[dict[str, Any]], sentences: list[str]) -> None:
    keys = [{"from": "1", "to": "9"} | rule for rule in rules]
    expected = [f"The rules for {sentence} {OVERLAP}" for sentence in sentences]
    assert found({"merge": "1 2", "into": "9"}, codes="1 2", keys=keys) == expected


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        ({"numbers": "5-20", "add": -5}, "5-20 (add -5) makes 5 0"),
        ({"numbers": "5", "add": -8}, "5 (add -8) makes 5 -3"),
        ({"numbers": "5-20", "add": -4}, None),
        ({"numbers": "0-20", "add": 0}, None),
        ({"add": -5}, None),
    ],
)
def test_rules_for_keys_lead_to_numbers_that_keys_have(rule: dict[str, Any], made: str | None) -> None:
    sentence = (
        f"The rule for {made}, but numbers begin at 1 (keys from 1 to 9). "
        f"Correct the numbers, or what is added to them."
    )
    keys = [{"from": "1", "to": "9"} | rule]
    assert found({"merge": "1 2", "into": "9"}, codes="1 2", keys=keys) == ([sentence] if made else [])


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ([(0.7, "area"), (0.6, "area")], "The parts of 1 on 2020-01-01 hold 1.3 of it, which leaves nothing"),
        ([(0.2, "area"), (0.3, "people")], "The parts of 1 on 2020-01-01 are counted by area and people"),
        ([(0.2, "area"), (0.3, "area")], None),
    ],
)
def test_shares_of_parts_leave_something_and_count_the_same(sizes: list[tuple[float, str]], fault: str | None) -> None:
    events = [
        {"transfer": "1", "to": to, "area": "a", "share": share, "by": by}
        for to, (share, by) in zip("23", sizes, strict=True)
    ]
    found = [f.what for f in check_plan(Plan.model_validate({"date": "2020-01-01", "events": events}), "123")]
    assert found == ([fault] if fault else [])
