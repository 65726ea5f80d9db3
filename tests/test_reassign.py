"""Reassigning: by code where that decides, else by place, else by a person; nothing guessed, nothing lost."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box

from geomerge.assignment import COLUMNS, Assignment
from geomerge.errors import CRSError, InputError
from geomerge.findings import Finding, GeomergeWarning
from geomerge.reassign import reassign

# Unit 1 is cut at x = 4 into 8 and 9; unit 2 joins 9, unit 3 is only renumbered, unit 4 stays as it is:
#
#     0        4        8       12       16       20
#     |  1>8   |  1>9   |  2>9   |  3>7   |   4   |
#
PIECES = [
    ("1", "8", "split 1 > 8 9", "part", box(0, 0, 4, 4)),
    ("1", "9", "split 1 > 8 9", "part", box(4, 0, 8, 4)),
    ("2", "9", "merge 2 > 9", "whole", box(8, 0, 12, 4)),
    ("3", "7", "renumber 3 > 7", "whole", box(12, 0, 16, 4)),
    ("4", "4", "", "whole", box(16, 0, 20, 4)),
]
ALL = list(COLUMNS)


def pieces(*rows: tuple[Any, ...], crs: Any = 25832) -> gpd.GeoDataFrame:
    columns = ["old_code", "new_code", "event", "kind", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(list(rows or PIECES), columns=columns), geometry="geometry", crs=crs)


def features(*rows: tuple[Any, Any], crs: Any = 25832, **more: Any) -> gpd.GeoDataFrame:
    table = pd.DataFrame({"code": [code for code, _ in rows], **more})
    return gpd.GeoDataFrame(table, geometry=[shape for _, shape in rows], crs=crs)


def one(code: Any, shape: Any, *rows: tuple[Any, ...], **options: Any) -> dict[str, Any]:
    """Reassign one feature, and return what is said of it."""
    found = reassign(features((code, shape)), pieces(*rows), findings=[], **options)
    assert len(found.updated) + len(found.review) == 1
    told = pd.concat([found.updated, found.review]).iloc[0][ALL]
    return {name: None if pd.isna(value) else value for name, value in told.items()}


def said(code: Any, shape: Any, *rows: tuple[Any, ...], **options: Any) -> tuple[Any, Any, Any]:
    told = one(code, shape, *rows, **options)
    return told["new_code"], told["method"], told["reason"]


def parcel(x: float, right: float) -> Polygon:
    return box(x, 1, right, 2)


@pytest.mark.parametrize(
    ("code", "shape", "expected"),
    [
        # units that go whole
        ("2", parcel(9, 10), ("9", "code", "")),
        ("3", parcel(13, 14), ("7", "code", "")),
        ("4", parcel(17, 18), ("4", "code", "")),
        # a unit that is cut
        ("1", parcel(1, 2), ("8", "contains", "")),
        ("1", parcel(3, 4), ("8", "contains", "")),
        ("1", parcel(3, 14), ("9", "share", "code disagrees with the place")),
        ("1", parcel(3.95, 5), ("9", "share", "")),
        ("1", parcel(3, 5), ("8", "share", "tie between new units")),
        ("1", parcel(3, 6), ("9", "share", "straddles the new border")),
        # lines by length, points by the piece
        ("1", LineString([(3.95, 1), (4.95, 1)]), ("9", "share", "")),
        ("1", LineString([(3, 1), (6, 1)]), ("9", "share", "straddles the new border")),
        ("1", LineString([(4, 1), (4, 3)]), ("8", "share", "tie between new units")),
        ("1", Point(1, 1), ("8", "contains", "")),
        ("1", Point(4, 1), ("8", "share", "tie between new units")),
        ("1", MultiPolygon([parcel(1, 2), parcel(5, 5.1)]), ("8", "share", "")),
        ("1", MultiPolygon([parcel(1, 2), parcel(5, 6)]), ("8", "share", "tie between new units")),
        # what no rule decides
        (None, parcel(9, 10), ("9", "contains", "no code")),
        ("99", parcel(13, 14), ("7", "contains", "unknown code")),
        ("99", parcel(11, 14), ("7", "share", "unknown code")),
        ("99", parcel(30, 31), (None, "", "unknown code")),
        ("99", None, (None, "", "unknown code")),
        ("1", None, (None, "", "no geometry")),
        ("1", Polygon(), (None, "", "no geometry")),
        ("1", parcel(30, 31), (None, "", "outside every unit")),
        ("1", box(3, -5, 4, 1), ("8", "contains", "outside every unit")),
        ("1", parcel(9, 10), ("9", "contains", "code disagrees with the place")),
        # of a unit that goes whole, a missing place does not matter
        ("2", None, ("9", "code", "")),
        ("2", Polygon(), ("9", "code", "")),
        # but a wrong one does, since the unit is merged
        ("2", parcel(30, 31), ("9", "code", "outside every unit")),
        ("2", box(9, -3, 10, 1), ("9", "code", "outside every unit")),
        ("2", parcel(1, 2), ("8", "contains", "code disagrees with the place")),
        ("2", parcel(7.5, 9), ("9", "code", "")),
    ],
)
def test_the_rule_in_its_order(code: Any, shape: Any, expected: tuple[Any, Any, Any]) -> None:
    assert said(code, shape) == expected


def test_what_is_told_of_a_straddler() -> None:
    told = one("1", parcel(3, 6))
    assert told == {
        "new_code": "9",
        "method": "share",
        "share": pytest.approx(2 / 3),
        "runner_up": "8",
        "runner_up_share": pytest.approx(1 / 3),
        "border_distance": 0,
        "event": "split 1 > 8 9",
        "reason": "straddles the new border",
    }


def test_what_is_told_of_a_feature_by_code_and_of_one_inside() -> None:
    nothing = dict.fromkeys(["share", "runner_up", "runner_up_share", "border_distance"])
    by_code = {"new_code": "9", "method": "code", "event": "merge 2 > 9", "reason": ""}
    assert one("2", parcel(9, 10)) == nothing | by_code
    assert one("4", parcel(17, 18))["event"] == ""
    inside = one("1", parcel(1, 2))
    assert inside["border_distance"] == 2
    assert inside["share"] == 1
    assert inside["runner_up"] is None


@pytest.mark.parametrize(("left", "passes"), [(3.9, True), (3.901, True), (3.899, False)])
def test_a_feature_with_just_the_least_share_passes(left: float, passes: bool) -> None:
    """From x = 3.9 to 4.9, nine tenths lie right of the border."""
    assert said("1", parcel(left, left + 1)) == ("9", "share", "" if passes else "straddles the new border")


def test_the_least_share_may_be_all_or_just_above_half() -> None:
    assert said("1", parcel(3.95, 5), min_share=1)[2] == "straddles the new border"
    assert said("1", parcel(3, 5.1), min_share=0.51) == ("9", "share", "")
    for share in (0.5, 1.01, 0):
        with pytest.raises(InputError, match="min_share is"):
            reassign(features(), pieces(), min_share=share, findings=[])


def test_shares_are_of_what_lies_in_the_old_unit() -> None:
    """The code says which unit it is, the place only which piece: a neighbour's share does not count."""
    told = one("1", parcel(6, 9))
    assert (told["new_code"], told["method"], told["share"], told["reason"]) == ("9", "contains", 1, "")
    # 0.3 in the left piece, 1 in the right one, 0.7 in unit 3 that lies above
    above = [*PIECES, ("3", "7", "", "whole", box(3, 4, 6, 6))]
    shape = shapely.union_all([box(3.7, 3, 5, 4), box(4, 4, 4.7, 5)])
    told = one("1", shape, *above, min_share=0.75)
    assert told["share"] == pytest.approx(1 / 1.3)
    assert told["runner_up"] == "8"
    assert told["reason"] == ""


def test_a_point_between_pieces_with_the_same_new_unit_is_no_tie() -> None:
    assert said("1", Point(8, 1)) == ("9", "contains", "")
    assert said("2", Point(8, 1)) == ("9", "code", "")
    parts = [("1", "8", "", "part", box(0, 0, 4, 2)), ("1", "8", "", "part", box(0, 2, 4, 4)), PIECES[1]]
    assert said("1", Point(1, 2), *parts) == ("8", "contains", "")
    assert said("1", Point(4, 2), *parts)[2] == "tie between new units"


def test_a_feature_half_of_which_lies_elsewhere_is_still_at_home() -> None:
    assert said("2", parcel(11, 13)) == ("9", "code", "")
    assert said("2", parcel(11, 13.1))[2] == "code disagrees with the place"
    assert said("2", parcel(11.5, 12).union(box(11, -1, 12, -0.5)))[2] == ""


@pytest.mark.parametrize(
    ("verify", "reasons"),
    [
        ("affected", ["disagrees", "disagrees", "", "disagrees", "outside", "", "disagrees"]),
        ("all", ["disagrees", "disagrees", "disagrees", "disagrees", "outside", "outside", "disagrees"]),
        ("none", ["disagrees", "", "", "", "", "", ""]),
    ],
)
def test_which_features_are_verified(verify: Any, reasons: list[str]) -> None:
    table = features(
        ("1", parcel(9, 10)),  # of the unit that is cut, lies in 2
        ("2", parcel(13, 14)),  # of a merged unit, lies in 3
        ("3", parcel(17, 18)),  # of a unit nothing happens to, lies in another such unit
        ("4", parcel(9, 10)),  # of a unit nothing happens to, lies in a merged one
        ("2", parcel(30, 31)),  # of a merged unit, at sea
        ("3", box(9, -3, 10, -1)),  # of a unit nothing happens to, at sea beside a merged one
        ("3", Point(10, 2)),
    )
    found = reassign(table, pieces(), verify=verify, findings=[])
    told = pd.concat([found.updated, found.review]).sort_index()["reason"]
    short = {"code disagrees with the place": "disagrees", "outside every unit": "outside", "": ""}
    assert told.map(short).tolist() == reasons


def test_verify_is_one_of_three() -> None:
    with pytest.raises(InputError, match="verify is some"):
        reassign(features(), pieces(), verify="some", findings=[])  # type: ignore[arg-type]


class Untouchable(gpd.GeoDataFrame):
    """Features whose geometry nobody may look at."""

    @property
    def _constructor(self) -> type:
        return Untouchable

    @property
    def geometry(self) -> Any:
        raise AssertionError("geometry was looked at")


def untouchable(*rows: tuple[Any, Any]) -> gpd.GeoDataFrame:
    table = features(*rows)
    table.__class__ = Untouchable
    return table


def test_renumbering_never_looks_at_geometry() -> None:
    table = untouchable(("3", parcel(13, 14)), ("4", None))
    found = reassign(table, pieces(*PIECES[3:]), findings=[])
    assert found.updated["new_code"].tolist() == ["7", "4"]
    with pytest.raises(AssertionError, match="looked at"):
        reassign(table, pieces(*PIECES[3:]), verify="all", findings=[])


def test_merging_looks_at_no_geometry_where_nothing_is_to_be_verified() -> None:
    found = reassign(untouchable(("2", None)), pieces(), verify="none", findings=[])
    assert found.updated["new_code"].tolist() == ["9"]


def test_a_table_without_geometry_goes_by_code_alone() -> None:
    table = pd.DataFrame({"code": ["2", "1", None, "99"], "owner": list("abcd")})
    found = reassign(table, pieces(), findings=[])
    assert found.updated["new_code"].tolist() == ["9"]
    assert found.review["reason"].tolist() == ["no geometry", "no code", "unknown code"]
    assert type(found.updated) is pd.DataFrame
    assert reassign(gpd.GeoDataFrame(table), pieces(), findings=[]).review["reason"].tolist() == [
        "no geometry",
        "no code",
        "unknown code",
    ]


def test_a_unit_that_ends_without_a_successor() -> None:
    abolished = [("1", None, "abolish 1", "whole", box(0, 0, 4, 4))]
    assert said("1", parcel(1, 2), *abolished) == (None, "code", "unit ends without a successor")
    half = [("1", None, "abolish", "part", box(0, 0, 4, 4)), ("1", "9", "", "part", box(4, 0, 8, 4))]
    assert said("1", parcel(1, 2), *half) == (None, "contains", "unit ends without a successor")
    assert said("1", parcel(5, 6), *half) == ("9", "contains", "")
    assert one("1", parcel(3, 6), *half)["runner_up"] is None


def test_a_correction_moves_no_feature() -> None:
    rows = [
        ("1", "1", "", "whole", box(0, 0, 3, 4)),
        ("1", "2", "correct 1 > 2", "correction", box(3, 0, 4, 4)),
        ("2", "2", "", "whole", box(4, 0, 8, 4)),
        (None, "2", "correct", "correction", box(8, 0, 9, 4)),
        ("2", None, "correct", "correction", box(4, 4, 8, 5)),
    ]
    for code, shape in [
        ("1", parcel(3.2, 3.8)),  # drawn in 1 before
        ("2", parcel(3.2, 3.8)),  # drawn in 2 after
        ("2", parcel(8.2, 8.8)),  # drawn in 2 after, and nowhere before
        ("2", box(5, 4.2, 6, 4.8)),  # drawn nowhere after
    ]:
        assert said(code, shape, *rows, verify="all") == (code, "code", "")
    assert said("1", parcel(8.2, 8.8), *rows, verify="all")[2] == "code disagrees with the place"


def test_a_correction_of_a_unit_that_is_cut_moves_no_feature_either() -> None:
    rows = [*PIECES[:2], ("1", "2", "correct", "correction", box(8, 0, 9, 4))]
    assert said("1", parcel(8.2, 8.8), *rows)[2] == "code disagrees with the place"
    assert said("1", parcel(7.4, 8.2), *rows) == ("9", "contains", "")


def test_created_land_is_told_to_features_without_a_known_code() -> None:
    rows = [*PIECES, (None, "5", "create 5", "created", box(20, 0, 24, 4))]
    assert said("99", parcel(21, 22), *rows) == ("5", "contains", "unknown code")
    assert said("4", parcel(21, 22), *rows, verify="all")[2] == "code disagrees with the place"


def test_only_border_between_new_units_counts_for_the_distance() -> None:
    parts = [("1", "8", "", "part", box(0, 0, 2, 4)), ("1", "8", "", "part", box(2, 0, 4, 4)), PIECES[1]]
    assert one("1", Point(1, 1), *parts)["border_distance"] == 3


def test_events_of_several_pieces_are_told_together_whatever_their_order() -> None:
    parts = [
        ("1", "9", "transfer; merge", "part", box(0, 0, 2, 4)),
        ("1", "9", "merge", "part", box(2, 0, 4, 4)),
    ]
    assert one("1", Point(1, 1), *parts)["event"] == one("1", Point(1, 1), *parts[::-1])["event"] == "merge; transfer"


def test_index_columns_crs_order_and_input_are_kept() -> None:
    table = features(
        ("1", parcel(1, 2)), ("1", parcel(3, 6)), ("2", parcel(9, 10)), ("1", Point(4, 1)), area=[4, 3, 2, 1]
    )
    table.index = pd.Index([7, 7, 3, 7], name="fid")
    table = table.rename_geometry("shape")[["shape", "area", "code"]]
    before = table.copy()
    cut = pieces()
    found = reassign(table, cut, findings=[])
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(cut, pieces())
    assert found.updated.index.tolist() == [7, 3]
    assert found.review.index.tolist() == [7, 7]
    for part in (found.updated, found.review):
        assert list(part.columns) == ["shape", "area", "code", *ALL]
        assert part.index.name == "fid"
        assert part.crs == table.crs
        assert part.geometry.name == "shape"
    assert found.updated["area"].tolist() == [4, 2]


def test_no_features() -> None:
    found = reassign(features(), pieces(), verify="all", findings=[])
    assert len(found.updated) == len(found.review) == 0
    assert list(found.updated.columns) == ["code", "geometry", *ALL]


def test_no_pieces() -> None:
    empty = pieces().iloc[:0]
    found = reassign(features(("1", parcel(1, 2))), empty, findings=[])
    assert found.review["reason"].tolist() == ["unknown code"]


def test_columns_of_the_features_are_never_overwritten() -> None:
    table = features(("2", parcel(9, 10)), share=[0.25], event=["fire"], method=["GPS"])
    row = reassign(table, pieces(), findings=[]).updated.iloc[0]
    assert (row["share"], row["event"], row["method"]) == (0.25, "fire", "GPS")
    assert (row["event_assigned"], row["method_assigned"]) == ("merge 2 > 9", "code")
    assert np.isnan(row["share_assigned"])


@pytest.mark.parametrize("column", ["new_code", "reason"])
def test_features_that_were_assigned_before_are_refused(column: str) -> None:
    with pytest.raises(InputError, match=f"have a column {column} already"):
        reassign(features(("2", None), **{column: ["x"]}), pieces(), findings=[])


def test_columns_that_leave_no_name_are_refused() -> None:
    with pytest.raises(InputError, match="have a column share_assigned already"):
        reassign(features(("2", None), share=[1], share_assigned=[1]), pieces(), findings=[])


def test_another_crs_is_refused() -> None:
    with pytest.raises(CRSError, match="EPSG:25833"):
        reassign(features(("1", parcel(1, 2)), crs=25833), pieces(), findings=[])
    with pytest.raises(CRSError, match="no CRS"):
        reassign(features(("1", parcel(1, 2)), crs=None), pieces(), findings=[])


def test_degrees_are_refused_where_a_unit_is_cut_and_only_there() -> None:
    cut = pieces(crs=4326)
    with pytest.raises(CRSError, match="areas and widths cannot be measured"):
        reassign(features(("1", parcel(1, 2)), crs=4326), cut, findings=[])
    found = reassign(features(("2", parcel(9, 10)), ("2", parcel(13, 14)), crs=4326), cut, findings=[])
    assert found.review["reason"].tolist() == ["code disagrees with the place"]


@pytest.mark.parametrize("codes", [[706], [706.0, None], ["0706", 706]])
def test_codes_that_are_numbers_are_refused(codes: list[Any]) -> None:
    with pytest.raises(InputError, match="holds numbers such as 706"):
        reassign(pd.DataFrame({"code": codes}, dtype=object), pieces(), findings=[])


def test_codes_may_be_categories() -> None:
    table = pd.DataFrame({"code": pd.Categorical(["2", None, "3"])})
    assert reassign(table, pieces(), findings=[]).updated["new_code"].tolist() == ["9", "7"]


def test_missing_columns_are_named() -> None:
    with pytest.raises(InputError, match=r"The features have no column kommune\. They have code, geometry\."):
        reassign(features(), pieces(), code="kommune", findings=[])
    with pytest.raises(InputError, match="The pieces have no column kind"):
        reassign(features(), pieces().drop(columns="kind"), findings=[])
    twice = pd.DataFrame([["1", "2"]], columns=["code", "code"])
    with pytest.raises(InputError, match="The features have 2 columns code"):
        reassign(twice, pieces(), findings=[])


def test_findings_count_the_review_by_reason() -> None:
    findings: list[Finding] = []
    reassign(features((None, None), ("1", parcel(3, 6)), ("1", parcel(3, 6))), pieces(), findings=findings)
    assert [str(finding) for finding in findings] == [
        "1 row to decide: no code (review). Decide in the review layer.",
        "2 rows to decide: straddles the new border (review). Decide in the review layer.",
    ]
    with pytest.warns(GeomergeWarning, match="1 row to decide: no code"):
        reassign(features((None, None)), pieces())


def test_both_tables_can_be_read_as_one() -> None:
    found = reassign(features(("1", parcel(3, 6)), ("2", None)), pieces(), findings=[])
    assert found.whole()["new_code"].tolist() == ["9", "9"]
    assert len(Assignment(found.updated.iloc[:0], found.review.iloc[:0]).whole()) == 0


# Random parcels on random pieces

halves = st.integers(0, 24).map(lambda number: number / 2)
shapes = st.one_of(
    st.none(),
    st.tuples(halves, halves).map(Point),
    st.tuples(halves, halves, st.integers(1, 6), st.integers(1, 6)).map(
        lambda b: box(b[0], b[1], b[0] + b[2] / 2, b[1] + b[3] / 2)
    ),
    st.tuples(halves, halves, halves, halves)
    .filter(lambda c: c[:2] != c[2:])
    .map(lambda c: LineString([c[:2], c[2:]])),
)
parcels = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "X", None]), shapes), min_size=1, max_size=8)
CELLS = [box(3 * i, 3 * j, 3 * i + 3, 3 * j + 3) for i in range(4) for j in range(4)]
pieces_drawn = st.lists(
    st.tuples(st.sampled_from("123"), st.sampled_from(["7", "8", "9", None])), min_size=16, max_size=16
).map(lambda fates: [(old, new, f"{old} > {new}", "part", cell) for (old, new), cell in zip(fates, CELLS, strict=True)])
verifications = st.sampled_from(["affected", "all", "none"])


def all_rows(table: gpd.GeoDataFrame, cut: gpd.GeoDataFrame, verify: Any) -> pd.DataFrame:
    found = reassign(table, cut, verify=verify, findings=[])
    assert (found.updated["reason"] == "").all()
    assert (found.review["reason"] != "").all()
    assert found.updated["new_code"].notna().all()
    rows = pd.DataFrame(pd.concat([found.updated, found.review]))
    assert sorted(rows.index) == sorted(table.index)
    return rows.sort_index()[ALL].astype(object)


@settings(max_examples=30)
@given(parcels, pieces_drawn, verifications, st.randoms(use_true_random=False))
def test_each_row_is_in_one_table_and_no_order_matters(
    drawn: list[tuple[Any, Any]], rows: list[tuple[Any, ...]], verify: Any, random: Any
) -> None:
    table, cut = features(*drawn), pieces(*rows)
    found = all_rows(table, cut, verify)
    shares = found[["share", "runner_up_share"]].astype(float).fillna(0)
    assert (shares.sum(axis=1) <= 1 + 1e-9).all()
    assert (shares["share"] >= shares["runner_up_share"] - 1e-9).all()
    order = list(range(len(table)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(all_rows(table.iloc[order], cut, verify), found)
    random.shuffle(rows)
    pd.testing.assert_frame_equal(all_rows(table, pieces(*rows), verify), found)
