"""The plan: its events, what identifies them, what they say, and the schema of the file."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import jsonschema
import pytest
import shapely
import yaml
from pydantic import ValidationError

from geomerge.events import KINDS
from geomerge.plan import KeyRule, Plan
from geomerge.selectors import Selector

# One event of each kind, its label, and its sentence.
EVENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "merge": (
        {"merge": ["0706", "0719", "0720"], "into": "0710", "name": "Sandefjord"},
        "merge 0706 0719 0720 > 0710",
        "0706, 0719 and 0720 merge into 0710 Sandefjord.",
    ),
    "split": (
        {
            "split": "1507",
            "into": [
                {"code": "1580", "name": "Haram", "former": "1534", "edition": "units_2019.gpkg"},
                {"code": "1508", "name": "Ålesund", "remainder": True},
            ],
        },
        "split 1507 > 1508 1580",
        "1507 is split: a part (the former 1534 in edition units_2019.gpkg) becomes 1580 Haram and the rest "
        "becomes 1508 Ålesund.",
    ),
    "transfer": (
        {"transfer": "0720", "to": "0704", "area": "vear.geojson"},
        "transfer 0720 > 0704",
        "A part of 0720 (area vear.geojson) moves to 0704.",
    ),
    "renumber": (
        {"renumber": "1601", "to": "5001", "name": "Trondheim"},
        "renumber 1601 > 5001",
        "1601 gets the code 5001 Trondheim.",
    ),
    "rename": (
        {"rename": "1841", "name": "Fauske - Fuossko"},
        "rename 1841",
        "1841 is named Fauske - Fuossko.",
    ),
    "reparent": (
        {"reparent": ["0301", "0211"], "parent": "30"},
        "reparent 0211 0301",
        "0301 and 0211 move to parent 30.",
    ),
    "create": (
        {"create": "9901", "name": "Nyland", "area": "new.gpkg"},
        "create 9901",
        "9901 Nyland is created on land of no unit (area new.gpkg).",
    ),
    "abolish": ({"abolish": "9902"}, "abolish 9902", "9902 ends without a successor."),
    "correct": (
        {"correct": ["0704", "0710"], "edition": "better.gpkg"},
        "correct 0704 0710",
        "0704 and 0710 are redrawn (edition better.gpkg); nothing changes in law.",
    ),
}


def plan_of(*events: dict[str, Any], **more: Any) -> Plan:
    return Plan.model_validate({"date": "2020-01-01", "events": events} | more)


@pytest.mark.parametrize("kind", [known.kind for known in KINDS])
def test_each_kind_of_event_has_a_label_and_a_sentence(kind: str) -> None:
    given, label, sentence = EVENTS[kind]
    plan = plan_of(given)
    (event,) = plan.events
    assert event.kind == kind
    assert event.label() == label
    assert plan.sentences() == [sentence]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"merge": ["1", "2", "3"], "into": "1"}, "2 and 3 join 1."),
        ({"merge": ["1", "2"], "into": "1", "name": "Ås"}, "2 joins 1 Ås."),
        ({"merge": ["1"], "into": "2"}, "1 merges into 2."),
        ({"abolish": ["1", "2"]}, "1 and 2 end without a successor."),
        (
            {"reparent": "1", "parent": {"county": "30", "region": "2"}},
            "1 moves to parent county 30 and region 2.",
        ),
        (
            {"correct": "1", "to": "2", "area": "a"},
            "A part of 1 (area a) is drawn as part of 2; nothing changes in law.",
        ),
        (
            {"split": "1", "into": [{"code": "2", "districts": "01 02"}, {"code": "1", "remainder": True}]},
            "1 is split: a part (districts 01, 02) becomes 2 and the rest stays 1.",
        ),
        (
            {"transfer": "1", "to": "2", "line": "brook.shp", "side": "left"},
            "A part of 1 (left of line brook.shp) moves to 2.",
        ),
        (
            {"transfer": "1", "to": "2", "line": "l", "holding": [5, 7.5]},
            "A part of 1 (at 5 7.5, cut off by line l) moves to 2.",
        ),
        ({"transfer": "1", "to": "2", "keys": "12/1..14/9"}, "A part of 1 (keys 12/1..14/9) moves to 2."),
        ({"transfer": "1", "to": "2"}, "A part of 1 moves to 2."),
    ],
)
def test_sentences_read_like_english(event: dict[str, Any], sentence: str) -> None:
    assert plan_of(event).sentences() == [sentence]


def test_sentences_of_several_dates_carry_the_date() -> None:
    plan = plan_of({"abolish": "2"}, {"abolish": "1", "date": "2019-01-01"})
    assert plan.sentences() == [
        "2019-01-01: 1 ends without a successor.",
        "2020-01-01: 2 ends without a successor.",
    ]


def test_the_order_of_lines_never_matters() -> None:
    first = {"transfer": "1", "to": "2", "area": "a"}
    second = {"transfer": "1", "to": "2", "area": "b"}
    merge = {"merge": ["3", "2"], "into": "9"}
    one, other = plan_of(first, second, merge), plan_of(merge, second, first)
    assert one.on(dt.date(2020, 1, 1)) == other.on(dt.date(2020, 1, 1))
    assert one.sentences() == other.sentences()


def test_dates_and_what_happens_until_one() -> None:
    plan = plan_of({"abolish": "2"}, {"abolish": "1", "date": "2019-01-01"})
    assert plan.dates == (dt.date(2019, 1, 1), dt.date(2020, 1, 1))
    assert [event.label() for event in plan.until(dt.date(2019, 12, 31)).events] == ["abolish 1"]


def test_files_are_named_once_also_where_parts_have_parents_by_level() -> None:
    part = {"code": "2", "edition": "e.gpkg", "parent": {"county": "30"}}
    plan = plan_of(
        {"split": "1", "into": [part, {"code": "3", "remainder": True}]},
        {"transfer": "4", "to": "5", "edition": "e.gpkg"},
        {"transfer": "6", "to": "5", "line": "l.shp", "side": "left"},
        {"create": "8", "area": "a.gpkg|new"},
        {"correct": ["4", "5"], "edition": "e.gpkg"},
    )
    assert list(plan.files()) == ["e.gpkg", "l.shp", "a.gpkg|new"]


def test_sources_are_reprojected_and_are_no_part_of_the_file() -> None:
    table = gpd.GeoDataFrame(geometry=[shapely.Point(10, 59)], crs=4326)
    plan = plan_of({"abolish": "1"}, sources={"a": table}).to_crs("EPSG:25832")
    assert plan.sources["a"].crs.to_epsg() == 25832
    assert "sources" not in plan.model_dump()


@pytest.mark.parametrize(
    ("selector", "fault"),
    [
        ({"area": "a", "districts": ["1"]}, "a part is named in one way, but here are area and districts"),
        ({"before": "2020-01-01"}, "before belongs to a former unit"),
        ({"line": "l"}, "a line needs either a side"),
        ({"line": "l", "side": "left", "holding": [0, 0]}, "a line needs either a side"),
        ({"side": "left"}, "side and holding belong to a line"),
        ({"area": "a", "side": "left"}, "side and holding belong to a line"),
        ({"line": "l", "side": "west"}, "'left' or 'right'"),
        ({"area": ""}, "at least 1 character"),
        ({"keys": []}, "at least 1 item"),
    ],
)
def test_a_part_is_named_in_one_way(selector: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Selector.model_validate(selector)


def test_codes_given_as_numbers_are_refused() -> None:
    with pytest.raises(ValidationError, match="a code is text, but this is the number 706"):
        plan_of({"merge": [706, "0719"], "into": "0710"})


@pytest.mark.parametrize("date", ["20200101", "1577836800", "2020-1-1", "2020-02-30", "01.01.2020"])
def test_only_iso_dates_are_dates(date: str) -> None:
    with pytest.raises(ValidationError, match="date"):
        plan_of({"abolish": "1"}, date=date)


def test_an_event_without_any_date_is_refused() -> None:
    with pytest.raises(ValidationError, match="no date for: abolish 1; give the plan a date"):
        plan_of({"abolish": "1"}, {"abolish": "2", "date": "2020-01-01"}, date=None)


def test_a_correction_needs_an_edition_or_a_receiver() -> None:
    with pytest.raises(ValidationError, match="a correction needs an edition"):
        plan_of({"correct": "1", "area": "a"})


def test_a_rule_for_keys_needs_a_range_that_rises() -> None:
    rule = {"from": "1", "to": "2", "add": 200}
    assert KeyRule.model_validate(rule | {"numbers": "1-20"}).numbers == "1-20"
    with pytest.raises(ValidationError, match="ends before it begins"):
        KeyRule.model_validate(rule | {"numbers": "20-1"})
    with pytest.raises(ValidationError, match="pattern"):
        KeyRule.model_validate(rule | {"numbers": "1..20"})


@pytest.mark.parametrize(
    ("events", "valid"),
    [
        *(([given], True) for given, _, _ in EVENTS.values()),
        ([{"merge": "0706 0719", "into": "0710"}], True),
        ([{"merge": ["0706"], "inot": "0710"}], False),
        ([{"merge": [706], "into": "0710"}], False),
        ([{"reparent": "1", "parent": {"county": "30"}}], True),
        ([], False),
    ],
)
def test_the_schema_says_what_the_model_says(events: list[dict[str, Any]], valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(Plan.model_json_schema())
    assert validator.is_valid({"date": "2020-01-01", "events": events}) == valid


def test_the_sample_plan_fits_the_schema(sample: Any) -> None:
    class AsEditorsRead(yaml.SafeLoader):
        """Dates stay text, as in JSON."""

    AsEditorsRead.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    text = (sample / "plan.yaml").read_text(encoding="utf-8")
    data = yaml.load(text, Loader=AsEditorsRead)
    jsonschema.validate(data, Plan.model_json_schema(), cls=jsonschema.Draft202012Validator)
    assert Plan.model_validate(data).title.startswith("Sandefjord")
