"""Features that are read where it matters give the same answer as those in memory, and few are read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import GeometryCollection, LineString, MultiPoint, MultiPolygon, Point, Polygon, box

from geomerge import borders, faces, overlaps, place, portions, threads
from geomerge.assignment import Assignment
from geomerge.features import Held
from geomerge.reassign import assign, reassign

CRS = "EPSG:25833"
VERIFICATIONS = ("affected", "all", "none")


class Read:
    """Features as a file gives them: their boxes are rounded outwards, and what is read is noted."""

    def __init__(self, table: gpd.GeoDataFrame, unknown: Sequence[int] = ()) -> None:
        self.crs, self.table, self.unknown = table.crs, table, list(unknown)
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.table)

    def bounds(self) -> Any:
        exact = shapely.bounds(self.table.geometry.to_numpy())
        low, high = exact[:, :2].astype("float32"), exact[:, 2:].astype("float32")
        low, high = np.nextafter(low, np.float32(-np.inf)), np.nextafter(high, np.float32(np.inf))
        found = np.hstack([low, high]).astype("float64")
        found[self.unknown] = (-np.inf, -np.inf, np.inf, np.inf)
        return found

    def geometry(self, rows: Any) -> Any:
        assert (np.diff(rows) > 0).all()
        self.read += rows.tolist()
        return self.table.geometry.to_numpy()[rows]


def pieces(*rows: tuple[Any, ...]) -> gpd.GeoDataFrame:
    columns = ["old_code", "new_code", "event", "kind", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(list(rows), columns=columns), geometry="geometry", crs=CRS)


# Unit 1 is cut at x = 400 into 8 and 9, unit 2 joins 9, unit 3 is only renumbered, unit 4 stays as it is.
CUT = pieces(
    ("1", "8", "split", "part", box(0, 0, 400, 400)),
    ("1", "9", "split", "part", box(400, 0, 800, 400)),
    ("2", "9", "merge", "whole", box(800, 0, 1200, 400)),
    ("3", "7", "renumber", "whole", box(1200, 0, 1600, 400)),
    ("4", "4", "", "whole", box(1600, 0, 2000, 400)),
)


def features(*rows: tuple[Any, Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": [code for code, _ in rows]}, geometry=[shape for _, shape in rows], crs=CRS)


def parcel(x: float) -> Polygon:
    return box(x, 100, x + 10, 110)


MIXED = features(
    ("1", parcel(100)),  # of a unit that is cut
    ("2", parcel(900)),  # inside of its own
    ("2", parcel(795)),  # at a border
    ("2", parcel(1300)),  # in another
    ("3", parcel(1300)),
    ("3", parcel(1595)),  # at a border where nothing happens
    ("4", parcel(1195)),  # at one where something does
    ("9", parcel(900)),  # of a code that nobody knows
    (None, parcel(1598)),
    ("2", None),
    ("2", Polygon()),
    ("1", None),
    ("2", Point(800, 100)),
    ("1", MultiPolygon([parcel(100), parcel(500)])),
)


@pytest.mark.parametrize(
    ("verify", "read"),
    [("affected", [0, 2, 6, 8, 12, 13]), ("none", [0, 8, 13]), ("all", [0, 2, 5, 6, 8, 12, 13])],
)
def test_only_what_lies_at_a_border_that_matters_is_read(verify: Any, read: list[int]) -> None:
    found = Read(MIXED)
    told = assign(MIXED["code"], found, CUT, verify=verify, findings=[])
    assert sorted(found.read) == read
    pd.testing.assert_frame_equal(told, assign(MIXED["code"], Held(MIXED), CUT, verify=verify, findings=[]))


def test_the_bare_result_divides_any_table() -> None:
    told = assign(MIXED["code"], Read(MIXED), CUT, findings=[])
    assert told.index.equals(pd.RangeIndex(len(MIXED)))
    plain = pd.DataFrame({"parcel": range(len(MIXED))}, index=[f"row {number}" for number in range(len(MIXED))])
    found = Assignment.of(plain, told)
    whole = reassign(MIXED, CUT, findings=[])
    for part, expected in ((found.updated, whole.updated), (found.review, whole.review)):
        assert part["parcel"].tolist() == expected.index.tolist()
        assert part["new_code"].tolist() == expected["new_code"].tolist()


def test_a_box_that_is_not_known_has_the_feature_read() -> None:
    found = Read(MIXED, unknown=[1, 4])
    told = assign(MIXED["code"], found, CUT, findings=[])
    assert {1, 4} <= set(found.read)
    pd.testing.assert_frame_equal(told, assign(MIXED["code"], Held(MIXED), CUT, findings=[]))


def test_geometry_comes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = assign(MIXED["code"], Held(MIXED), CUT, verify="all", findings=[])
    monkeypatch.setattr(place, "ROWS", 2)
    found = Read(MIXED)
    pd.testing.assert_frame_equal(assign(MIXED["code"], found, CUT, verify="all", findings=[]), expected)
    assert found.read == [0, 2, 5, 6, 8, 12, 13]


def wavy(rows: int, columns: int) -> gpd.GeoDataFrame:
    """Return units whose borders are waves, cut, merged and left as they are in turn."""
    x, y = np.arange(columns + 1) * 400.0, np.arange(rows + 1) * 400.0
    steps = np.linspace(0, 1, 60)

    def edge(start: Any, end: Any) -> Any:
        start, end = np.array(start), np.array(end)
        sideways = (end - start)[::-1] * (-0.08, 0.08)
        return start + np.outer(steps, end - start) + np.outer(np.sin(steps * 4 * np.pi), sideways)

    lines = [edge((a, h), (b, h)) for h in y for a, b in itertools.pairwise(x)]
    lines += [edge((v, a), (v, b)) for v in x for a, b in itertools.pairwise(y)]
    shapes = shapely.get_parts(shapely.polygonize(shapely.linestrings(lines)))
    fates = [("1", "8"), ("1", "9"), ("2", "9"), ("3", "7"), ("4", "4"), ("5", None)]
    return pieces(*[(*fates[number % 6], f"event {number}", "part", shape) for number, shape in enumerate(shapes)])


def random_features(count: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(7)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (count, 12)), axis=1)
    rings = rng.uniform(-50, 1650, (count, 1, 2)) + rng.uniform(5, 60, (count, 12, 1)) * np.stack(
        [np.cos(angle), np.sin(angle)], axis=-1
    )
    shapes = np.asarray(shapely.polygons(rings), dtype=object)
    shapes[::7] = shapely.centroid(shapes[::7])
    shapes[1::7] = shapely.boundary(shapes[1::7])
    shapes[2::14] = [MultiPolygon([shape.buffer(0.5), parcel(500)]) for shape in shapely.centroid(shapes[2::14])]
    codes = rng.choice(np.array(["1", "1", "2", "3", "4", "5", "6", None], dtype=object), count)
    return gpd.GeoDataFrame({"code": codes}, geometry=shapes, crs=CRS)


@pytest.mark.parametrize("verify", VERIFICATIONS)
def test_threads_and_portions_do_not_matter(monkeypatch: pytest.MonkeyPatch, verify: Any) -> None:
    table, cut = random_features(3000), wavy(4, 4)
    answers = []
    for cores, rows, pairs in ((1, 8192, 4096), (2, 100, 37), (5, 7, 11), (2, 1, 1000)):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(portions, "ROWS", rows)
        monkeypatch.setattr(overlaps, "PORTION", pairs)
        monkeypatch.setattr(borders, "PORTION", rows)
        monkeypatch.setattr(faces, "PORTION", 10 * rows)
        monkeypatch.setattr(place, "ROWS", 10 * pairs)
        answers.append(assign(table["code"], Held(table), cut, verify=verify, findings=[]))
    assert answers[0]["share"].between(0.01, 0.99).sum() > 100
    for answer in answers[1:]:
        pd.testing.assert_frame_equal(answer, answers[0], check_exact=True)


def test_one_feature_alone_is_told_the_same() -> None:
    table, cut = random_features(200), wavy(4, 4)
    together = assign(table["code"], Held(table), cut, verify="all", findings=[])
    for row in range(0, 200, 9):
        one = table.iloc[[row]]
        alone = assign(one["code"], Held(one), cut, verify="all", findings=[])
        pd.testing.assert_frame_equal(alone, together.iloc[[row]].reset_index(drop=True), check_exact=True)


# Random features on random pieces, in whole hundreds and thirds of them, so that much lies on borders

at = st.integers(0, 48).map(lambda number: number * 25.0) | st.integers(0, 36).map(lambda number: number * 100 / 3)
corner = st.tuples(at, at)
rectangles = st.tuples(corner, st.integers(1, 12), st.integers(1, 12)).map(
    lambda b: box(*b[0], b[0][0] + b[1] * 25.0, b[0][1] + b[2] * 25.0)
)
shapes = st.one_of(
    st.none(),
    st.just(Polygon()),
    st.just(GeometryCollection()),
    corner.map(Point),
    rectangles,
    st.lists(corner, min_size=2, max_size=4, unique=True).map(LineString),
    st.lists(corner, min_size=3, max_size=5, unique=True).map(Polygon),
    st.lists(corner, min_size=1, max_size=4, unique=True).map(MultiPoint),
    st.lists(rectangles, min_size=1, max_size=3).map(shapely.union_all),
    st.tuples(rectangles, corner.map(Point)).map(lambda pair: GeometryCollection(list(pair))),
)
tables = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "X", None]), shapes), min_size=1, max_size=10)
CELLS = [box(300 * i, 300 * j, 300 * i + 300, 300 * j + 300) for i in range(4) for j in range(4)]
coverages = st.lists(
    st.tuples(st.sampled_from("123"), st.sampled_from(["7", "8", "9", None]), st.sampled_from(["part", "correction"])),
    min_size=16,
    max_size=16,
).map(lambda drawn: pieces(*[(a, b, f"{a} {b}", kind, cell) for (a, b, kind), cell in zip(drawn, CELLS, strict=True)]))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(tables, coverages, st.sampled_from(VERIFICATIONS), st.sets(st.integers(0, 9)))
def test_features_that_are_read_are_told_the_same(drawn: Any, cut: Any, verify: Any, unknown: set[int]) -> None:
    table = features(*drawn)
    found = Read(table, [row for row in unknown if row < len(table)])
    told = assign(table["code"], found, cut, verify=verify, findings=[])
    expected = assign(table["code"], Held(table), cut, verify=verify, findings=[])
    pd.testing.assert_frame_equal(told, expected, check_exact=True)
    everything = Read(table, range(len(table)))
    told = assign(table["code"], everything, cut, verify=verify, findings=[])
    pd.testing.assert_frame_equal(told, expected, check_exact=True)
