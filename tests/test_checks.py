"""Checks: each fires where it should, and nowhere else."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geomerge.checks import area_balance, check_balance, check_counts, check_lost, check_units, check_untouched


def balanced(drawn, units, *events, **given):
    cut, new, _ = drawn.change(units, *events, **given)
    return area_balance(cut, units, new).iloc[0], cut, new


def test_balance_closes(drawn):
    row, _, _ = balanced(drawn, drawn("AAB"), {"merge": ["A", "B"], "into": "X"})
    assert row.to_dict() == {
        "before": 300,
        "mended": 0,
        "gained": 0,
        "lost": 0,
        "after": 300,
        "difference": 0,
        "relative": 0,
    }


def test_balance_with_land_gained_and_lost(drawn):
    row, cut, _ = balanced(
        drawn,
        drawn("AB "),
        {"abolish": ["A"]},
        {"create": "X", "area": "s"},
        sources={"s": drawn.area(2, 0, 3, 1)},
    )
    assert row[["before", "gained", "lost", "after", "difference"]].tolist() == [200, 100, 100, 200, 0]
    assert [(f.severity, f.what) for f in check_lost(cut)] == [("should", "100.000 m² of A belong to no unit any more")]


def test_no_land_lost(drawn):
    _, cut, _ = balanced(drawn, drawn("AB"), {"merge": ["A", "B"], "into": "X"})
    assert list(check_lost(cut)) == []


def test_mended_area_is_accounted_for(drawn):
    shapes = [shapely.box(0, 0, 10, 10), shapely.Polygon([(10.004, 0), (20, 0), (20, 10), (10.004, 10)])]
    units = drawn("AB").set_geometry(shapes, crs=drawn.crs)
    row, _, _ = balanced(drawn, units, {"merge": ["A", "B"], "into": "X"})
    assert row["mended"] == pytest.approx(0.04)
    assert row["difference"] == pytest.approx(0)


def test_a_repaired_polygon_is_accounted_for(drawn):
    bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    units = drawn("AB").set_geometry([bowtie, drawn.box(1, 0, 2, 1)], crs=drawn.crs)
    row, _, _ = balanced(drawn, units, {"merge": ["A", "B"], "into": "X"})
    assert row["mended"] == pytest.approx(50)
    assert row["difference"] == pytest.approx(0)


def test_area_that_vanishes_is_found(drawn):
    units = drawn("AAB")
    cut, new, _ = drawn.change(units, {"merge": ["A", "B"], "into": "X"})
    balance = area_balance(cut, units, new.set_geometry(new.buffer(-1)))
    assert [finding.severity for finding in check_balance(balance)] == ["must"]
    short = cut.set_geometry([cut.geometry[0].buffer(-1), cut.geometry[1]], crs=cut.crs)
    balance = area_balance(short, units, short)
    assert "are missing after the change" in next(check_balance(balance)).what
    assert balance["mended"].item() == 0
    assert list(check_balance(area_balance(cut, units, new))) == []


def test_balance_of_units_by_another_code_column_and_without_geometry(drawn):
    units = drawn("ABC").set_geometry([None, *drawn("ABC").geometry[1:]], crs=drawn.crs)
    units = units.rename(columns={"code": "nr"})
    cut, new, _ = drawn.change(units, {"merge": ["B", "C"], "into": "X"}, code="nr")
    assert area_balance(cut, units, new, code="nr")["difference"].item() == 0


class TestUnits:
    def test_in_order(self, drawn):
        units = drawn("AAB", "CCB")
        _, new, _ = drawn.change(units, {"merge": ["A", "B"], "into": "X"})
        assert list(check_units(new, code="code", before=units)) == []

    def test_an_invalid_new_unit(self, drawn):
        units = drawn("AB")
        bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
        new = units.set_geometry([bowtie, units.geometry[1]], crs=drawn.crs)
        found = list(check_units(new, code="code", before=units))
        assert (found[0].severity, found[0].check) == ("must", "invalid polygon")

    def test_one_that_was_invalid_before_is_no_fault_of_the_change(self, drawn):
        bowtie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
        units = drawn("AB").set_geometry([bowtie, drawn.box(2, 0, 3, 1)], crs=drawn.crs)
        corner = shapely.Polygon([(0, 0), (10, 10), (10, 5), (10, 0), (0, 10)])
        new = units.assign(code=["X", "B"], predecessors=["A", "B"])
        assert list(check_units(new, code="code", before=units)) == []
        new = new.set_geometry([corner, units.geometry[1]], crs=drawn.crs)
        assert list(check_units(new, code="code", before=units)) == []

    def test_edges_that_do_not_match(self, drawn):
        units = drawn("AAB", "CCB")
        new = units.set_geometry([*units.geometry[:2], drawn.box(0, 0, 2, 1.1)], crs=drawn.crs)
        found = list(check_units(new, code="code", before=units))
        assert {(f.severity, f.check) for f in found} == {("should", "unmatched edge")}
        assert "m of its edges" in found[0].what

    def test_units_without_geometry(self, drawn):
        units = drawn("AB").set_geometry([None, drawn("AB").geometry[1]], crs=drawn.crs)
        assert list(check_units(units, code="code", before=units)) == []


def test_counts():
    assert list(check_counts("parcels", 10, 7, 3)) == []
    found = next(check_counts("parcels", 10, 7, 2))
    assert found.severity == "must"
    assert found.what == "parcels had 10 rows, but 7 are updated and 2 are in review"


def test_a_corner_inserted_on_a_slanted_edge_is_no_change() -> None:
    """It lies on the edge only as far as numbers go."""
    corners = np.array([[0.1, 0.2], [700.3, 901.7], [700.3, 0.2]])
    middle = corners[0] + (corners[1] - corners[0]) / 3
    was = shapely.Polygon(corners)
    shape = shapely.Polygon([corners[0], middle, *corners[1:]])
    assert not shapely.equals(was, shape)
    columns = {"code": ["1"], "change": ["unchanged"], "predecessors": ["1"]}
    before, after = (gpd.GeoDataFrame(columns, geometry=[each], crs="EPSG:25833") for each in (was, shape))
    inserted = gpd.GeoSeries([shapely.Point(middle)], crs="EPSG:25833")
    assert list(check_untouched(after, before, corners=inserted)) == []
    assert [finding.check for finding in check_untouched(after, before)] == ["untouched unit"]
    away = after.set_geometry([shapely.Polygon([corners[0], middle + 1, *corners[1:]])], crs="EPSG:25833")
    elsewhere = gpd.GeoSeries([shapely.Point(middle + 1)], crs="EPSG:25833")
    assert [finding.check for finding in check_untouched(away, before, corners=elsewhere)] == ["untouched unit"]
