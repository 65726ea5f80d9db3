"""Simplified units share their edges; small islands and lakes go by rule, and nothing else does."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomerge import dissolve_level, simplify, simplify_level
from geomerge.dissolve import Level
from geomerge.errors import CRSError, InputError


def drawn(*shapes, crs="EPSG:25833"):
    codes = [str(number) for number in range(len(shapes))]
    return gpd.GeoDataFrame({"code": codes, "size": 1}, geometry=list(shapes), crs=crs, index=range(5, 5 + len(shapes)))


def wavy(seed: int) -> list[shapely.Polygon]:
    """Return two units of ten kilometres that share a wavy edge of a hundred corners."""
    swing = np.random.default_rng(seed).uniform(-300, 300, 101)
    edge = list(zip((5000 + swing).tolist(), np.linspace(0, 10_000, 101).tolist(), strict=True))
    return [
        shapely.Polygon([(0, 10_000), (0, 0), *edge]),
        shapely.Polygon([*edge[::-1], (10_000, 0), (10_000, 10_000)]),
    ]


@given(seed=st.integers(0, 1000), tolerance=st.floats(1, 3000))
def test_shared_edges_stay_shared(seed, tolerance):
    units = drawn(*wavy(seed))
    found = simplify(units, tolerance=tolerance)
    shapes = found.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.is_valid(shapes).all()
    assert shapely.area(shapes).sum() == pytest.approx(1e8)
    assert shapely.get_num_coordinates(shapes).sum() <= shapely.get_num_coordinates(units.geometry).sum()


def test_all_else_stays():
    units = drawn(*wavy(1))
    found = simplify(units, tolerance=500)
    assert found.drop(columns="geometry").equals(units.drop(columns="geometry"))
    assert found.crs == units.crs
    assert units.geometry.equals(drawn(*wavy(1)).geometry)


class TestSpecks:
    land = shapely.box(0, 0, 10_000, 10_000)
    island = shapely.box(12_000, 0, 12_100, 100)

    def found(self, *shapes, **given):
        findings: list = []
        return simplify(drawn(*shapes), tolerance=1, findings=findings, **given), [f.what for f in findings]

    def test_a_small_island_goes(self):
        found, told = self.found(shapely.MultiPolygon([self.land, self.island]), smallest=10_001)
        assert found.geometry.iat[0].equals(self.land)
        assert told == ["1 islands and 0 lakes below 10001.000 m² are left out"]

    def test_one_of_the_size_stays(self):
        found, told = self.found(shapely.MultiPolygon([self.land, self.island]), smallest=10_000)
        assert len(found.geometry.iat[0].geoms) == 2
        assert told == []

    def test_the_largest_part_of_a_unit_stays(self):
        found, _ = self.found(shapely.MultiPolygon([self.island, shapely.box(13_000, 0, 13_050, 50)]), smallest=1e9)
        assert found.geometry.iat[0].equals(self.island)

    def test_a_part_that_borders_on_another_unit_stays(self):
        exclave = shapely.box(10_000, 4000, 10_100, 4100)
        around = shapely.box(10_000, 0, 20_000, 10_000).difference(exclave)
        own = shapely.MultiPolygon([shapely.box(-9000, 0, -8000, 9000), exclave])
        found, told = self.found(own, around, smallest=1e5)
        assert len(found.geometry.iat[0].geoms) == 2
        assert told == []

    def test_a_lake_goes_and_an_enclave_stays(self):
        enclave, lake = shapely.box(2000, 2000, 2100, 2100), shapely.box(7000, 7000, 7100, 7100)
        found, told = self.found(self.land.difference(enclave).difference(lake), enclave, smallest=20_000)
        assert [len(shape.interiors) for shape in found.geometry] == [1, 0]
        assert told == ["0 islands and 1 lakes below 20000.000 m² are left out"]

    def test_what_lies_in_a_lake_goes_with_it(self):
        lake = shapely.box(2000, 2000, 2500, 2500)
        holm = shapely.box(2200, 2200, 2300, 2300)
        found, _ = self.found(shapely.MultiPolygon([self.land.difference(lake), holm]), smallest=1e6)
        assert found.geometry.iat[0].equals(self.land)


def test_a_scale_says_both():
    findings: list = []
    speck = shapely.box(20_000, 0, 20_400, 400)
    units = drawn(shapely.MultiPolygon([wavy(2)[0], speck]), wavy(2)[1])
    found = simplify(units, scale=1_000_000, findings=findings)
    assert [f.what for f in findings] == ["1 islands and 0 lakes below 0.250 km² are left out"]
    assert found.geometry.geom_type.tolist() == ["Polygon", "Polygon"]


def test_units_without_geometry():
    found = simplify(drawn(None, shapely.Polygon(), *wavy(3)), tolerance=100)
    assert found.geometry.iat[0] is None
    assert found.geometry.iat[1].is_empty


def test_edges_that_are_not_shared_are_told():
    findings: list = []
    simplify(drawn(shapely.box(0, 0, 100, 100), shapely.box(100.005, 0, 200, 100)), tolerance=1, findings=findings)
    assert [f.what for f in findings] == [
        "0 does not share 100.000 m of its edges",
        "1 does not share 100.000 m of its edges",
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "either a scale"),
        ({"scale": 1e6, "tolerance": 5}, "either a scale"),
        ({"scale": 0}, "above 0"),
        ({"tolerance": float("nan")}, "above 0"),
        ({"tolerance": 5, "smallest": -1}, "below 0"),
    ],
)
def test_bad_options(given, text):
    with pytest.raises(InputError, match=text):
        simplify(drawn(*wavy(0)), **given)


def test_degrees_are_refused():
    with pytest.raises(CRSError, match="EPSG:4326"):
        simplify(drawn(shapely.box(0, 0, 1, 1), crs="EPSG:4326"), scale=1e6)


class TestLevel:
    def test_runs_along_the_units(self):
        units = drawn(*wavy(4), shapely.box(10_000, 0, 20_000, 10_000)).assign(county=["1", "1", "2"])
        level = dissolve_level(units, Level("county", "county"), findings=[])
        drawn_units = simplify(units, tolerance=500)
        found = simplify_level(level, units, drawn_units)
        assert found["code"].tolist() == ["1", "2"]
        assert found.geometry.iat[0].equals(shapely.union_all(drawn_units.geometry.iloc[:2]))

    def test_a_unit_outside(self):
        units = drawn(*wavy(5))
        with pytest.raises(InputError, match="lie in no polygon of the level"):
            simplify_level(units.iloc[:1], units, units)


def test_real_units(shared):
    units = gpd.read_file(shared / "norway/kommune_2020.geojson").to_crs("EPSG:25833")
    units.geometry = units.geometry.make_valid(method="structure", keep_collapsed=False)
    for scale in (500_000, 5_000_000):
        shapes = simplify(units, scale=scale, code="kommune_no", findings=[]).geometry.to_numpy()
        assert shapely.coverage_is_valid(shapes)
        assert shapely.is_valid(shapes).all()
        assert not shapely.is_empty(shapes).any()
