"""Dissolve: attributes, change classes, levels, index."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.attributes import Constant, Take
from geomerge.dissolve import Level, dissolve, dissolve_level
from geomerge.errors import InputError
from geomerge.findings import GeomergeWarning
from geomerge.pieces import pieces

COUNTY = Level("county", "county", "county_name")


def made(drawn, units, *events, sources=None, parents=(), **given):
    plan = drawn.plan(*events, sources=sources, parents=parents)
    found = []
    new = dissolve(pieces(units, plan, findings=[]), units=units, plan=plan, findings=found, **given)
    return new, found


MERGE = {"merge": ["A", "B"], "into": "X"}
STRIP = {"transfer": "A", "to": "B", "area": "s"}


def test_columns_keep_their_order_and_types(drawn):
    units = drawn(
        "ABC",
        name=["a", "b", "c"],
        people=[1, 2, 3],
        rate=[0.5, 0.5, 0.5],
        coastal=[True, True, False],
        since=pd.to_datetime(["1964-01-01"] * 3),
        kind=pd.Categorical(["x", "x", "y"]),
        small=pd.array([1, None, 3], dtype="Int16"),
    )
    new, found = made(drawn, units, {"renumber": "C", "to": "Z"})
    carried = [column for column in units.columns if column not in ("code", "geometry")]
    ours = ["change", "predecessors", "valid_from"]
    assert list(new.columns) == [*(c for c in units.columns if c != "geometry"), *ours, "geometry"]
    pd.testing.assert_frame_equal(pd.DataFrame(new[carried]), pd.DataFrame(units[carried]))
    assert found == []


def test_policies(drawn):
    units = drawn(
        "ABC",
        people=[1, 2, 4],
        rate=[1.0, 3.0, 9.0],
        names=["a", "b", "c"],
        chief=["p", "q", "r"],
        note=["", "", ""],
    )
    policies = {
        "people": "sum",
        "rate": "mean",
        "names": "join",
        "chief": Take(take="B"),
        "note": Constant(constant="new"),
    }
    new, found = made(drawn, units, MERGE, policies=policies)
    row = new[new.code == "X"].iloc[0]
    assert row[["people", "rate", "names", "chief", "note"]].tolist() == [3, 2.0, "a, b", "q", "new"]
    assert new[new.code == "C"].note.item() == ""
    assert new.people.dtype == units.people.dtype
    assert found == []


def test_fields_without_a_policy_agree_or_are_dropped_with_a_finding(drawn):
    units = drawn("ABC", same=["s", "s", "t"], other=["o", "p", "q"])
    new, found = made(drawn, units, MERGE)
    row = new[new.code == "X"].iloc[0]
    assert row["same"] == "s"
    assert pd.isna(row["other"])
    assert [(finding.check, finding.where) for finding in found] == [("attribute dropped", "A: o; B: p")]


def test_a_sum_of_whole_numbers_stays_whole_and_keeps_the_total(drawn):
    units = drawn("AAAB", "CCCD", people=[10, 5, 7, 1])
    new, found = made(
        drawn,
        units,
        STRIP,
        {"split": "C", "into": [{"code": "E", "area": "s"}, {"code": "F", "remainder": True}]},
        policies={"people": "sum"},
        sources={"s": drawn.area(2, 0, 3, 2)},
    )
    people = new.set_index("code").people
    assert people.dtype == units.people.dtype
    assert people.sum() == 23
    assert people["A"] + people["B"] == 15
    assert people["E"] + people["F"] == 7
    assert people["D"] == 1
    assert {finding.check for finding in found} == {"estimate"}


def test_means_of_whole_numbers_are_not_cut_off(drawn):
    new, _ = made(drawn, drawn("ABC", year=[1, 2, 7]), MERGE, policies={"year": "mean"})
    assert new.year.tolist() == [1.5, 7.0]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 3], "Int64"),
        ([True, False, True], "boolean"),
        (["a", "b", "c"], None),
        ([0.5, 1.0, 2.0], "float64"),
    ],
    ids=["whole numbers", "booleans", "text", "numbers"],
)
def test_an_empty_value_does_not_become_another_one(drawn, values, dtype):
    units = drawn("ABC", field=values)
    new, _ = made(drawn, units, MERGE)
    assert new.field.isna().tolist() == [True, False]
    assert new.field.iloc[1] == values[2]
    assert new.field.dtype == (dtype or units.field.dtype)


def test_a_number_of_a_split_unit_is_not_doubled_in_silence(drawn):
    split = {"split": "A", "into": [{"code": "X", "area": "s"}, {"code": "Y", "remainder": True}]}
    _, found = made(drawn, drawn("AAB", people=[8, 1]), split, sources={"s": drawn.area(0, 0, 1, 1)})
    assert [finding.check for finding in found] == ["attribute copied"] * 2


def test_classes_and_predecessors(drawn):
    units = drawn("AABCDE", "FFGHIJ", name=list("abcdefghij"))
    new, _ = made(
        drawn,
        units,
        STRIP,
        {"merge": ["C", "D"], "into": "X"},
        {"renumber": "E", "to": "Y", "name": "e"},
        {"rename": "G", "name": "new"},
        {"split": "F", "into": [{"code": "P", "area": "t"}, {"code": "Q", "remainder": True}]},
        {"correct": "H", "to": "I", "area": "u"},
        {"create": "Z", "area": "v"},
        {"abolish": "J"},
        name="name",
        sources={
            "s": drawn.area(1, 1, 2, 2),
            "t": drawn.area(0, 0, 1, 1),
            "u": drawn.area(3.5, 0, 4, 1),
            "v": drawn.area(7, 0, 8, 1),
        },
    )
    told = new.set_index("code")
    assert told.change.to_dict() == {
        "A": "adjusted",
        "B": "adjusted",
        "X": "merged",
        "Y": "renumbered",
        "P": "split",
        "Q": "split",
        "G": "renamed",
        "H": "corrected",
        "I": "corrected",
        "Z": "created",
    }
    assert told.predecessors[["A", "B", "X", "Z"]].tolist() == ["A", "A B", "C D", ""]
    dated = {code for code, date in told.valid_from.items() if date == "2020-01-01"}
    assert dated == {"A", "B", "X", "Y", "P", "Q", "Z"}
    assert set(told.valid_from) == {"", "2020-01-01"}


def test_names_of_the_plan_need_no_policy(drawn):
    units = drawn("ABC", name=["a", "b", "c"])
    new, found = made(drawn, units, {**MERGE, "name": "x"}, {"rename": "C", "name": "cc"}, name="name")
    assert dict(zip(new.code, new["name"], strict=True)) == {"X": "x", "C": "cc"}
    assert found == []


def test_missing_names_are_no_renaming(drawn):
    new, _ = made(drawn, drawn("AB", name=[None, "b"]), {"rename": "B", "name": "b"}, name="name")
    assert new.change.tolist() == ["unchanged", "unchanged"]


def test_results_can_be_units_again(drawn):
    """What a run added is renewed, not carried or combined; dates of units that do not change stay."""
    first, _ = made(drawn, drawn("ABC"), MERGE)
    again, found = made(drawn, first, {"renumber": "C", "to": "D", "date": "2021-01-01"})
    assert again.change.tolist() == ["unchanged", "renumbered"]
    assert again.valid_from.tolist() == ["2020-01-01", "2021-01-01"]
    assert list(again.columns) == list(first.columns)
    assert found == []


def test_repeated_index_labels_do_not_mix_values(drawn):
    units = drawn("ABC", field=["a", "b", "c"]).set_index(pd.Index([0, 0, 0]))
    new, _ = made(drawn, units, {"renumber": "A", "to": "X"})
    assert new.set_index("code").field.to_dict() == {"X": "a", "B": "b", "C": "c"}


def test_index_and_geometry_name(drawn):
    units = drawn("ABC").rename_geometry("omriss").set_index(pd.Index([5, 6, 7], name="fid"))
    new, _ = made(drawn, units, MERGE)
    assert new.index.tolist() == [5, 7]
    assert new.index.name == "fid"
    assert new.geometry.name == "omriss"
    assert new.crs == units.crs


def test_without_units_and_plan(drawn):
    cut = pieces(drawn("AB"), drawn.plan(MERGE), findings=[])
    new = dissolve(cut)
    assert list(new.columns) == ["code", "change", "predecessors", "valid_from", "geometry"]
    assert new.iloc[0][["code", "change", "predecessors", "valid_from"]].tolist() == [
        "X",
        "merged",
        "A B",
        "",
    ]


def test_missing_columns(drawn):
    units = drawn("AB")
    cut = pieces(units, drawn.plan(MERGE), findings=[])
    with pytest.raises(InputError, match="pieces have no column kind"):
        dissolve(cut.drop(columns="kind"), units=units)
    with pytest.raises(InputError, match="units have no column navn, county, county_name"):
        dissolve(cut, units=units, name="navn", levels=[COUNTY])


def test_parents_and_their_names_come_from_the_plan(drawn):
    units = drawn("ABCD", county=["1", "1", "2", "2"], county_name=["One", "One", "Two", "Two"])
    new, found = made(
        drawn,
        units,
        {**MERGE, "parent": "9"},
        {"reparent": "C", "parent": "1"},
        parents=[{"code": "9", "name": "Nine"}],
        levels=[COUNTY],
    )
    told = new.set_index("code")
    assert told.county.to_dict() == {"X": "9", "C": "1", "D": "2"}
    assert told.county_name.to_dict() == {"X": "Nine", "C": "One", "D": "Two"}
    assert found == []


def test_parents_by_level(drawn):
    units = drawn("AB", county=["1", "2"], region=["N", "S"])
    levels = [Level("county", "county"), Level("region", "region")]
    new, found = made(drawn, units, {**MERGE, "parent": {"county": "2", "region": "S"}}, levels=levels)
    assert new[["county", "region"]].values.tolist() == [["2", "S"]]
    assert found == []


def test_a_parent_without_a_name_is_found(drawn):
    units = drawn("AB", county=["1", "2"], county_name=["One", "Two"])
    new, found = made(drawn, units, {"reparent": "A", "parent": "9"}, levels=[COUNTY])
    assert new.county_name.isna().tolist() == [True, False]
    assert [str(finding) for finding in found] == ["The county 9 has no name (plan). Add it to parents of the plan."]


def test_labels_of_units_that_do_not_change_are_left(drawn):
    units = drawn("ABC", county=["1", "1", "1"], county_name=["One", "ONE", "one"])
    new, _ = made(drawn, units, {"renumber": "A", "to": "X"}, levels=[COUNTY])
    assert new.county_name.tolist() == ["One", "ONE", "one"]


def test_parents_that_are_numbers(drawn):
    with pytest.raises(InputError, match="Column county of the units holds numbers"):
        made(drawn, drawn("AB", county=[1, 2]), {**MERGE, "parent": "9"}, levels=[Level("county", "county")])


class TestLevels:
    def test_on_the_edges_of_the_units(self, drawn):
        units = drawn("ABC", "DDC", county=["1", "1", "2", "1"], county_name=["One", "One", "Two", "One"])
        counties = dissolve_level(units, COUNTY)
        assert counties[["code", "name", "units"]].values.tolist() == [["1", "One", 3], ["2", "Two", 1]]
        assert counties.geometry[0].equals(drawn.box(0, 0, 2, 2))
        assert counties.geometry[1] is units.geometry[2]
        assert shapely.coverage_is_valid(counties.geometry.to_numpy())
        assert counties.crs == units.crs

    def test_all_units(self, drawn):
        nation = dissolve_level(drawn("ABC"), Level("nation"))
        assert nation[["code", "name", "units"]].values.tolist() == [["nation", "nation", 3]]
        assert nation.geometry[0].equals(drawn.box(0, 0, 3, 1))

    def test_units_without_a_parent_are_said(self, drawn):
        units = drawn("ABC", county=["1", None, "1"])
        with pytest.warns(GeomergeWarning, match="1 units have no parent"):
            dissolve_level(units, Level("county", "county"))

    def test_faulty_and_missing_polygons(self, drawn):
        bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
        units = drawn("ABC", county=["1", "1", "2"]).set_geometry([bowtie, drawn.box(1, 0, 2, 1), None], crs=drawn.crs)
        counties = dissolve_level(units, Level("county", "county"), findings=[])
        assert counties.code.tolist() == ["1"]
        assert counties.geometry[0].is_valid
        assert units.geometry[0] is bowtie

    def test_no_units(self, drawn):
        empty = dissolve_level(drawn("AB").iloc[:0], Level("nation"))
        assert len(empty) == 0
        assert isinstance(empty, gpd.GeoDataFrame)

    def test_a_missing_column(self, drawn):
        with pytest.raises(InputError, match="no column county, county_name for the level county"):
            dissolve_level(drawn("AB"), COUNTY)
