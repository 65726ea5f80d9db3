"""CRS: present, the same, fit to measure, and the way back."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import CRS

from geomerge.crs import (
    back_to_source,
    from_metres,
    length_unit,
    require_projected,
    require_same_crs,
    same_crs,
    suggestion,
)
from geomerge.errors import CRSError


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("EPSG:25833", "EPSG:25833", True),
        ("EPSG:4326", "OGC:CRS84", True),
        ("EPSG:25833", "EPSG:5973", True),  # the same with heights
        ("EPSG:25833", "EPSG:32633", False),
        ("EPSG:25833", "EPSG:25832", False),
    ],
)
def test_same_crs(one, other, same):
    assert same_crs(CRS(one), CRS(other)) is same


def test_no_crs_is_only_the_same_as_none():
    assert same_crs(None, None)
    assert not same_crs(None, CRS("EPSG:25833"))


def table(crs):
    return gpd.GeoDataFrame(geometry=[shapely.box(10, 60, 11, 61)], crs=crs)


def test_tables_must_share_a_crs():
    require_same_crs(units=table(25833), parcels=table(25833))
    with pytest.raises(CRSError) as error:
        require_same_crs(units=table(25833), parcels=table(3035), lines=table(None))
    assert error.value.faults == (
        "lines has no CRS. Say which one it is in with set_crs(...).",
        "parcels is in EPSG:3035, units in EPSG:25833. Reproject one of them with to_crs(...).",
    )


def test_areas_need_a_projected_crs():
    require_projected(table(25833), "units")
    with pytest.raises(CRSError, match="whose unit is degree: areas and widths cannot be measured"):
        require_projected(table(4326), "units")
    with pytest.raises(CRSError, match="units has no CRS"):
        require_projected(table(None), "units")


def test_suggestions():
    assert suggestion(table(4326)) == "EPSG:32632"
    assert suggestion(table(4326).iloc[:0]) == "EPSG:3857"


def test_lengths():
    assert from_metres(0.01, CRS("EPSG:25833")) == 0.01
    assert from_metres(0.3048, CRS("EPSG:2263")) == pytest.approx(1, rel=1e-5)
    assert from_metres(111_195, CRS("EPSG:4326")) == pytest.approx(1, rel=1e-4)
    assert from_metres(0.01, None) == 0.01
    assert [length_unit(CRS(code)) for code in (25833, 4326)] == ["m", "degree"]
    assert length_unit(None) == "units"


class TestWayBack:
    source, working = CRS("EPSG:4326"), CRS("EPSG:25832")

    def test_known_corners_come_back_as_they_were(self):
        original = table(4326).geometry
        there = original.to_crs(self.working)
        back = back_to_source(there.to_numpy(), there.to_numpy(), original.to_numpy(), self.working, self.source)
        assert back[0].wkb == original[0].wkb

    def test_new_corners_are_transformed(self):
        original = table(4326).geometry
        there = original.to_crs(self.working)
        half = shapely.intersection(there.to_numpy(), shapely.box(0, 0, 1e9, there.total_bounds[[1, 3]].mean()))
        back = back_to_source(half, there.to_numpy(), original.to_numpy(), self.working, self.source)
        corners = shapely.get_coordinates(back)
        assert {(10.0, 60.0), (11.0, 60.0)} <= set(map(tuple, corners.tolist()))
        assert corners[:, 1].max() == pytest.approx(60.5, abs=0.01)

    def test_heights_stay_and_flat_stays_flat(self):
        flat = shapely.box(10, 60, 11, 61)
        raised = shapely.force_3d(flat, z=5.0)
        original = gpd.GeoSeries([flat, raised, None], crs=4326)
        there = original.to_crs(self.working).to_numpy()
        back = back_to_source(there, there, original.to_numpy(), self.working, self.source)
        assert [shapely.has_z(shape) for shape in back] == [False, True, False]
        assert set(shapely.get_coordinates(back[1], include_z=True)[:, 2]) == {5.0}
        assert back[2] is None

    def test_same_crs_is_left_alone(self):
        shapes = np.array([shapely.box(0, 0, 1, 1)], dtype=object)
        assert back_to_source(shapes, shapes, shapes, self.working, self.working) is shapes

    def test_nothing_known(self):
        shapes = np.array([shapely.box(500_000, 6_650_000, 500_001, 6_650_001)], dtype=object)
        none = np.array([None], dtype=object)
        back = back_to_source(shapes, none, none, self.working, self.source)
        assert shapely.get_x(shapely.centroid(back[0])) == pytest.approx(9, abs=0.1)
