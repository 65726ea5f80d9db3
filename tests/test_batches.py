"""Rows of a layer in batches: without geometry, in order, with the texts as they are meant."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.layers.batches import rows_in_batches


@pytest.fixture
def table() -> gpd.GeoDataFrame:
    points = [shapely.Point(place, 0) for place in range(5)]
    return gpd.GeoDataFrame({"code": ["0301", "Å", None, "", "x"], "n": range(5)}, geometry=points, crs="EPSG:25833")


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.shp"])
def test_rows_come_in_order_without_geometry(table: gpd.GeoDataFrame, tmp_path: Path, name: str) -> None:
    table.to_file(tmp_path / name, SPATIAL_INDEX="NO") if name.endswith("fgb") else table.to_file(tmp_path / name)
    batches = list(rows_in_batches(layers.describe(tmp_path / name), size=2))
    rows = [row for batch in batches for row in batch]
    assert [number for _, number in rows] == [0, 1, 2, 3, 4]
    assert [code for code, _ in rows][:2] == ["0301", "Å"]
    assert len(batches) > 1


def test_the_encoding_of_a_shapefile_is_heeded(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    table.to_file(tmp_path / "a.shp", encoding="ISO-8859-1")
    (batch,) = rows_in_batches(layers.describe(tmp_path / "a.shp"))
    assert batch[1][0] == "Å"


def test_a_damaged_layer_is_told(table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    table.to_file(tmp_path / "a.fgb")
    info = layers.describe(tmp_path / "a.fgb")
    whole = (tmp_path / "a.fgb").read_bytes()
    (tmp_path / "a.fgb").write_bytes(whole[:-40])
    with pytest.raises(LayerError, match="damaged or cut short"):
        list(rows_in_batches(info))
