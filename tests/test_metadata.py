"""Items written into a GeoPackage are what GDAL reads from it, beside what stood there."""

from __future__ import annotations

import contextlib
import sqlite3

import geopandas as gpd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from geomerge.files.metadata import describe, describe_parquet

ITEMS = {"GEOMERGE_TITLE": "Åbø & <sons>", "GEOMERGE_RUN": "0123"}
TIME = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def package(tmp_path):
    table = gpd.GeoDataFrame({"code": ["0301"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25833")
    path = tmp_path / "a.gpkg"
    table.to_file(path, layer="units", layer_metadata={"OWNER": "us"})
    table.to_file(path, layer="Other")
    return path


def written(path, items=None, tables=("units", "Other")):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        describe(connection, items or ITEMS, tables, time=TIME)
    return [pyogrio.read_info(path, layer=name)["layer_metadata"] or {} for name in tables]


def test_gdal_reads_them(package):
    units, other = written(package)
    assert units["GEOMERGE_TITLE"] == other["GEOMERGE_TITLE"] == "Åbø & <sons>"
    assert other["GEOMERGE_RUN"] == "0123"


def test_what_stood_there_stays(package):
    assert written(package)[0]["OWNER"] == "us"


def test_a_second_run_replaces_the_first(package):
    written(package)
    units, other = written(package, {"GEOMERGE_RUN": "9999"})
    assert units["GEOMERGE_RUN"] == other["GEOMERGE_RUN"] == "9999"
    with contextlib.closing(sqlite3.connect(package)) as connection:
        assert connection.execute("SELECT count(*) FROM gpkg_metadata").fetchone() == (2,)
        assert connection.execute(
            "SELECT count(*) FROM gpkg_extensions WHERE extension_name = 'gpkg_metadata'"
        ).fetchone() == (2,)


def test_the_layers_still_open(package):
    written(package)
    assert gpd.read_file(package, layer="units")["code"].tolist() == ["0301"]


class TestParquet:
    @pytest.fixture
    def path(self, tmp_path):
        table = gpd.GeoDataFrame({"code": ["0301"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25833")
        table.to_parquet(tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    def test_items_stand_beside_what_was_there(self, path):
        before = pq.read_metadata(path).metadata
        describe_parquet(path, ITEMS)
        after = pq.read_metadata(path).metadata
        assert {name: after[name] for name in before} == before
        assert after[b"GEOMERGE_TITLE"].decode() == ITEMS["GEOMERGE_TITLE"]
        assert gpd.read_parquet(path)["code"].tolist() == ["0301"]

    def test_again_they_are_replaced(self, path):
        describe_parquet(path, ITEMS)
        describe_parquet(path, {"GEOMERGE_RUN": "9"})
        after = pq.read_metadata(path).metadata
        assert after[b"GEOMERGE_RUN"] == b"9"
        assert after[b"GEOMERGE_TITLE"].decode() == ITEMS["GEOMERGE_TITLE"]

    def test_a_file_without_any(self, tmp_path):
        path = tmp_path / "plain.parquet"
        pq.write_table(pq.read_table(self.plain(tmp_path)).replace_schema_metadata(None), path, store_schema=False)
        describe_parquet(path, ITEMS)
        assert pq.read_metadata(path).metadata[b"GEOMERGE_RUN"] == b"0123"
        assert pq.read_table(path).num_rows == 1

    def plain(self, folder):
        gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)]).to_parquet(folder / "b.parquet")
        return folder / "b.parquet"
