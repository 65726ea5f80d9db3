"""Where rows lie is read off the file: the same boxes and geometries as of the whole table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.features import Held
from geomerge.files.places import Reprojected, boxes

SHAPES = [
    shapely.box(500_000, 6_500_000, 500_100, 6_500_100),
    None,
    shapely.Point(1, 2),
    shapely.Point(),
    shapely.LineString([(3, 4), (5, 1)]),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 9, 7)]),
    shapely.Point(1, 2, 3),
    shapely.Polygon([(0, 0, 5), (1, 0, 5), (1, 1, 5)]),
    shapely.Polygon(),
]


def table() -> gpd.GeoDataFrame:
    data = {"code": [str(at) for at in range(len(SHAPES))], "n": range(len(SHAPES)), "unused": 1.5}
    return gpd.GeoDataFrame(data, geometry=SHAPES, crs="EPSG:25833")


def write(folder: Path, suffix: str) -> Path:
    file = folder / f"places.{suffix.partition('+')[0]}"
    if suffix == "gpkg":
        pyogrio.write_dataframe(table(), file, layer="places", geometry_type="Unknown")
    else:
        table().to_parquet(file, write_covering_bbox=suffix.endswith("+bbox"), row_group_size=4, schema_version="1.1.0")
    return file


@pytest.mark.parametrize("suffix", ["gpkg", "parquet", "parquet+bbox"])
def test_boxes_and_geometries_are_those_of_the_table(suffix: str, tmp_path: Path) -> None:
    file = write(tmp_path, suffix)
    whole = layers.read(file)
    found = layers.read_apart(layers.describe(file), ["code", "n"])
    assert found is not None
    rows, places = found
    assert rows.equals(whole[["code", "n"]])
    assert rows.index.equals(whole.index)
    assert (len(places), places.crs) == (len(SHAPES), whole.crs)
    expected, told = Held(whole).bounds(), places.bounds()
    known = ~np.isinf(told[:, 0])
    assert np.array_equal(told[known], expected[known], equal_nan=True)
    assert suffix != "gpkg" or known.all()
    for chosen in (np.arange(len(SHAPES)), np.array([0, 4, 5, 8]), np.array([1]), np.array([], dtype=np.intp)):
        shapes = places.geometry(chosen)
        assert shapely.to_wkb(shapes).tolist() == shapely.to_wkb(whole.geometry.to_numpy()[chosen]).tolist()
    assert {"Polygon", "Point", "LineString"} <= set(places.kinds())


def test_a_table_is_read_apart_only_where_rows_have_numbers(tmp_path: Path) -> None:
    table().to_file(tmp_path / "places.geojson", driver="GeoJSON")
    assert layers.read_apart(layers.describe(tmp_path / "places.geojson"), ["code"]) is None


def test_curves_are_straightened_as_in_the_whole_table(tmp_path: Path) -> None:
    arc = bytes.fromhex("010800000003000000") + np.array([0, 0, 1, 1, 2, 0], dtype="<f8").tobytes()
    blob = b"GP\x00\x03" + (25833).to_bytes(4, "little") + np.array([0, 2, 0, 1], dtype="<f8").tobytes() + arc
    file = write(tmp_path, "gpkg")
    with closing(sqlite3.connect(file)) as connection, connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger[0]}"')
        connection.execute("UPDATE places SET geom = ? WHERE fid = 5", (blob,))
    whole = layers.read(file)
    found = layers.read_apart(layers.describe(file), ["code"])
    assert found is not None
    shape = found[1].geometry(np.array([3, 4]))[1]
    assert shapely.get_num_coordinates(shape) > 3
    assert shape.equals(whole.geometry.loc[5])


def test_boxes_of_both_byte_orders() -> None:
    start = b"GP\x00\x02" + bytes(4) + np.array([1, 3, 2, 4], dtype=">f8").tobytes()
    assert boxes([start]).tolist() == [[1, 2, 3, 4]]
    point = b"GP\x00\x00" + bytes(4) + b"\x00" + (1).to_bytes(4, "big") + np.array([7, 8], dtype=">f8").tobytes()
    assert boxes([point, start]).tolist() == [[7, 8, 7, 8], [1, 2, 3, 4]]
    unknown = [-np.inf, -np.inf, np.inf, np.inf]
    assert boxes([b"GP\x00\x20" + bytes(36), b"XX" + bytes(38)]).tolist() == [unknown, unknown]


@pytest.mark.parametrize("crs", ["EPSG:4258", "EPSG:25832", "EPSG:3035"])
def test_a_box_in_another_crs_holds_its_feature(crs: str) -> None:
    rng = np.random.default_rng(7)
    size = 10 ** rng.uniform(0, 5, 200)
    place = rng.uniform((-50_000, 6_400_000), (1_100_000, 7_900_000), (200, 2))
    corners = [shapely.box(x, y, x + s, y + s) for (x, y), s in zip(place, size, strict=True)]
    shapes = shapely.segmentize(np.array(corners, dtype=object), size / 20)
    given = gpd.GeoDataFrame(geometry=shapes, crs="EPSG:25833").to_crs(crs)
    moved = Reprojected(Held(given), given.to_crs("EPSG:25833").crs)
    told, exact = moved.bounds(), shapely.bounds(moved.geometry(np.arange(200)))
    assert (told[:, :2] <= exact[:, :2]).all()
    assert (told[:, 2:] >= exact[:, 2:]).all()
    wide = np.max(exact[:, 2:] - exact[:, :2], axis=1)
    assert ((told[:, 2] - told[:, 0]) < 3 * wide + 100).mean() > 0.9
    expected = given.to_crs("EPSG:25833").geometry.to_wkb().tolist()
    assert shapely.to_wkb(moved.geometry(np.arange(200))).tolist() == expected


def test_damage_is_said(tmp_path: Path) -> None:
    file = write(tmp_path, "gpkg")
    with closing(sqlite3.connect(file)) as connection, connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger[0]}"')
        connection.execute("UPDATE places SET geom = substr(geom, 1, 60) WHERE fid = 1")
    found = layers.read_apart(layers.describe(file), ["code"])
    assert found is not None
    with pytest.raises(LayerError, match="damaged or cut short"):
        found[1].geometry(np.array([0]))


@pytest.mark.parametrize("other", ["gpkg", "parquet"])
def test_a_job_gives_the_same_as_with_the_whole_table(other: str, small_job: Any, monkeypatch: Any) -> None:
    from geomerge.run import run

    small_job.parcels = small_job.parcels.to_crs("EPSG:4258")
    small_job.parcels.loc[3, "code"] = "0199"
    small_job.write()
    if other == "parquet":
        gpd.read_file(small_job.folder / "parcels.gpkg").to_parquet(small_job.folder / "parcels.parquet")
        small_job.path.write_text(small_job.path.read_text().replace("parcels.gpkg", "parcels.parquet"))
    names = ("review.gpkg", "ledger.csv", f"layers/parcels.{other}", "manifest.json", "project.qgz")
    found = []
    for apart in (True, False):
        if not apart:
            monkeypatch.setattr(layers, "read_apart", lambda *_: None)
        run(small_job.path, overwrite=True)
        found.append([(small_job.output / name).read_bytes() for name in names])
    assert found[0] == found[1]
