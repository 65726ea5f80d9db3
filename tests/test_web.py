"""Editions are written in the formats of the web, each the same bytes again, edges still shared."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from geomerge.cli import main
from geomerge.errors import InputError
from geomerge.web import edition, write_edition


@pytest.fixture(scope="module")
def tables() -> dict[str, gpd.GeoDataFrame]:
    boxes = [shapely.box(x, 7e6, x + 5e4, 7.05e6) for x in (2e5, 2.5e5, 3e5)]
    units = gpd.GeoDataFrame({"code": ["0301", "0302", "0303"]}, geometry=boxes, crs="EPSG:25833")
    nation = gpd.GeoDataFrame({"name": ["Øst"]}, geometry=[shapely.union_all(boxes)], crs="EPSG:25833")
    return edition(units, {"nation": nation}, scale=1e6)


def written(tables, target: Path) -> list[Path]:
    return write_edition(tables, target, scale=1e6, title="Reform", findings=[])


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        ("geojson", ["e_units.geojson", "e_nation.geojson"]),
        ("fgb", ["e_units.fgb", "e_nation.fgb"]),
        ("pmtiles", ["e_units.pmtiles", "e_nation.pmtiles"]),
        ("topojson", ["e.topojson"]),
        ("gpkg", ["e.gpkg"]),
    ],
)
def test_files_by_format(tables, tmp_path, suffix, names):
    first = written(tables, tmp_path / f"e.{suffix}")
    assert [path.name for path in first] == names
    (tmp_path / "again").mkdir()
    again = written(tables, tmp_path / "again" / f"e.{suffix}")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in first]


def test_geojson_is_in_degrees_and_one_coverage(tables, tmp_path):
    path = written(tables, tmp_path / "e.geojson")[0]
    units = gpd.read_file(path)
    assert units["code"].tolist() == ["0301", "0302", "0303"]
    assert units.crs == "EPSG:4326"
    assert shapely.coverage_is_valid(units.geometry.to_numpy())


def test_topojson_holds_a_shared_edge_once(tables, tmp_path):
    (path,) = written(tables, tmp_path / "e.topojson")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content["objects"]) == ["units", "nation"]
    units = gpd.read_file(path, layer="units")
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert units["code"].tolist() == ["0301", "0302", "0303"]
    used = [
        {arc if arc >= 0 else ~arc for ring in unit["arcs"] for arc in ring}
        for unit in content["objects"]["units"]["geometries"]
    ]
    assert len(used[0] & used[1]) == 1
    assert len(used[0] & used[2]) == 0


def test_tiles_can_be_read(tables, tmp_path):
    path = written(tables, tmp_path / "e.pmtiles")[0]
    assert set(gpd.read_file(path)["code"]) == {"0301", "0302", "0303"}


def test_another_format(tables, tmp_path):
    with pytest.raises(InputError, match="no edition for the web"):
        written(tables, tmp_path / "e.shp")
    assert list(tmp_path.iterdir()) == []


def test_command(sample, tmp_path):
    source = f"{sample / 'units_2016.gpkg'}|kommuner"
    given = ["simplify", source, "--code", "kommunenummer", "--scale", "500000", "-o", str(tmp_path / "web.geojson")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    units = gpd.read_file(tmp_path / "web_units.geojson")
    assert len(units) == 14
    assert shapely.coverage_is_valid(units.geometry.to_numpy())
    assert "web_units.geojson" in done.output
