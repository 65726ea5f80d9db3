"""Export: a table is compared with the file it came from, and only what differs is written."""

from __future__ import annotations

import resource
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.export import difference, export, send
from geomerge.findings import Finding, GeomergeWarning


@pytest.fixture
def source(tmp_path: Path) -> Path:
    table = gpd.GeoDataFrame(
        {
            "kode": ["0301", "0704", "0710"], "navn": ["a", None, "c"],
            "n": pd.array([1, None, 3], dtype="Int64"),
        },
        geometry=[shapely.box(at, 0, at + 1, 1) for at in range(3)], crs="EPSG:25833",
    )  # fmt: skip
    layers.write(table, tmp_path / "a.gpkg")
    return tmp_path / "a.gpkg"


def test_a_table_as_it_was_read_changes_nothing(source: Path) -> None:
    table = layers.read(source)
    revision = difference(table, table.copy())
    assert not revision.changed
    assert revision.geometry.empty
    assert revision.same_rows


def test_only_what_differs_is_written(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)
    table.loc[2, "kode"] = "0999"
    table.loc[3, "geometry"] = shapely.box(9, 9, 10, 10)
    found: list[Finding] = []
    target = export(table, tmp_path / "b.gpkg", source=source, findings=found)
    assert target == tmp_path / "b.gpkg"
    after = layers.read(target)
    assert after["kode"].tolist() == ["0301", "0999", "0710"]
    assert after.geometry.bounds["minx"].tolist() == [0, 1, 9]
    assert found == []


def test_columns_the_table_lacks_stay_and_rows_it_lacks_go(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)[["kode", "geometry"]].drop(index=1)
    after = layers.read(export(table, tmp_path / "b.gpkg", source=source))
    assert after.index.tolist() == [2, 3]
    assert list(after.columns) == ["kode", "navn", "n", "geometry"]
    assert after["n"].tolist()[1] == 3


def test_rows_the_table_has_more_are_added_and_empty_where_it_says_nothing(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)[["kode", "geometry"]]
    more = gpd.GeoDataFrame({"kode": ["0888"]}, geometry=[shapely.box(7, 7, 8, 8)], index=[9], crs=table.crs)
    after = layers.read(export(pd.concat([table, more]), tmp_path / "b.gpkg", source=source))
    assert after.index.tolist() == [1, 2, 3, 9]
    assert after.loc[9, "kode"] == "0888"
    assert pd.isna(after.loc[9, "navn"])
    assert pd.isna(after.loc[9, "n"])
    assert after.geometry.loc[9].bounds == (7, 7, 8, 8)


def test_a_table_without_geometry_changes_none(source: Path, tmp_path: Path) -> None:
    table = pd.DataFrame(layers.read(source).drop(columns="geometry")).assign(kode="9")
    after = layers.read(export(table, tmp_path / "b.gpkg", source=source))
    assert after["kode"].tolist() == ["9"] * 3
    assert after.geometry.bounds["minx"].tolist() == [0, 1, 2]


def test_what_the_source_has_no_place_for_is_said(source: Path, tmp_path: Path) -> None:
    found: list[Finding] = []
    table = layers.read(source).assign(ny=1)
    table.loc[1, "geometry"] = shapely.force_3d(shapely.box(0, 0, 1, 1), 5)
    export(table, tmp_path / "b.gpkg", source=source, findings=found)
    assert [finding.check for finding in found] == ["new column"]
    with pytest.warns(GeomergeWarning, match="has no column ny, so it is left out"):
        export(table, tmp_path / "c.gpkg", source=source)


def test_another_type_of_geometry_and_missing_heights_are_said(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.LineString([(0, 0, 1), (1, 1, 1)])], crs=25833)
    import pyogrio

    pyogrio.write_dataframe(table, tmp_path / "a.gpkg")
    new = layers.read(tmp_path / "a.gpkg")
    new.loc[1, "geometry"] = shapely.MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 3)]])
    found: list[Finding] = []
    export(new, tmp_path / "b.gpkg", source=tmp_path / "a.gpkg", findings=found)
    assert [finding.check for finding in found] == ["geometry type", "heights"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: pd.concat([table, table]), "Row numbers are not unique"),
        (lambda table: table.set_index(table["kode"]), "The index holds no row numbers"),
        (lambda table: table.to_crs(4326), "The table is in EPSG:4326, the layer it came from in EPSG:25833"),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused(change: object, message: str, source: Path, tmp_path: Path) -> None:
    table = change(layers.read(source))  # type: ignore[operator]
    with pytest.raises(LayerError, match=message):
        export(table, tmp_path / "b.gpkg", source=source)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.gpkg"]


def test_the_source_is_never_overwritten(source: Path) -> None:
    with pytest.raises(LayerError, match="is the source itself"):
        export(layers.read(source), source, source=source)


def test_an_empty_layer_has_no_row_to_add_others_like(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)
    layers.write(table.iloc[:0], tmp_path / "tom.gpkg")
    with pytest.raises(LayerError, match="The layer is empty"):
        export(table, tmp_path / "b.gpkg", source=tmp_path / "tom.gpkg")


def test_a_failure_leaves_what_was_there(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.gpkg"
    export(layers.read(source), target)
    before = target.read_bytes()
    big = gpd.GeoDataFrame({"a": ["x" * 1000] * 2000}, geometry=[shapely.box(0, 0, 1, 1)] * 2000, crs=25833)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(LayerError) as raised:
            export(big, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(raised.value).startswith(f"{target} cannot be written")
    assert target.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.gpkg", "b.gpkg"]


def test_a_layer_of_a_file_is_replaced_and_others_stay(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)
    target = export(table, tmp_path / "b.gpkg", layer="en")
    export(table.iloc[:2], target, layer="to")
    export(table.iloc[:1], target, layer="en")
    assert len(layers.read(target, "en")) == 1
    assert len(layers.read(target, "to")) == 2


def test_a_shapefile_is_replaced_with_all_that_belongs_to_it(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)
    with pytest.warns(GeomergeWarning):
        export(table, tmp_path / "b.shp")
    (tmp_path / "b.qix").write_bytes(b"index")
    found: list[Finding] = []
    export(table.iloc[:1], tmp_path / "b.shp", findings=found)
    assert not (tmp_path / "b.qix").exists()
    assert len(layers.read(tmp_path / "b.shp")) == 1
    assert all(finding.severity == "should" and finding.where == "b.shp" for finding in found)


def test_as_asked_goes_out_revised(source: Path, tmp_path: Path) -> None:
    table = layers.read(source)
    table.loc[2, "kode"] = "0999"
    found: list[Finding] = []
    after = layers.read(export(table, tmp_path / "b.parquet", source=source, findings=found))
    assert after["kode"].tolist() == ["0301", "0999", "0710"]
    assert found == []


def test_two_layers_do_not_fit_a_file_for_one(source: Path, tmp_path: Path) -> None:
    layers.write(layers.read(source), source, "to")
    info = layers.describe(source, "a")
    revisions = {"a": layers.Revision(), "to": layers.Revision()}
    with pytest.raises(LayerError, match=r"x\.shp holds one layer, but a, to of .* would all go there"):
        send(info, tmp_path / "x.shp", revisions, changed_at="2020-01-01T00:00:00.000Z", findings=[])
    send(info, tmp_path / "x.gdb", revisions, changed_at="2020-01-01T00:00:00.000Z", findings=[])
    assert set(layers.layer_names(tmp_path / "x.gdb")) == {"a", "to"}


def test_lists_are_compared_by_what_they_hold() -> None:
    before = pd.DataFrame({"a": [[1, 2], {"x": 1}, None]})
    assert not difference(before, pd.DataFrame({"a": [[1, 2], {"x": 1}, None]})).changed
    assert difference(before, pd.DataFrame({"a": [[1, 3], {"x": 1}, None]})).changed["a"].tolist() == [[1, 3]]


def test_several_parts_in_a_flatgeobuf_of_polygons_are_said(source: Path, tmp_path: Path) -> None:
    import pyogrio

    table = layers.read(source).explode()
    pyogrio.write_dataframe(table, tmp_path / "a.fgb", SPATIAL_INDEX="NO")
    table = layers.read(tmp_path / "a.fgb")
    first = table.index[0]
    table.loc[first, "geometry"] = shapely.multipolygons([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)])
    found: list[Finding] = []
    after = layers.read(export(table, tmp_path / "b.fgb", source=tmp_path / "a.fgb", findings=found))
    assert set(after.geom_type) == {"MultiPolygon"}
    assert [finding.what for finding in found] == [
        "The layer is declared Polygon, and new geometries are MultiPolygon; all are written as MultiPolygon"
    ]


def test_a_table_of_geometry_alone(tmp_path):
    table = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=25832)
    for name in ("a.gpkg", "a.parquet"):
        again = layers.read(export(table, tmp_path / name, findings=[]))
        assert again.geometry.geom_equals(table.geometry.set_axis(again.index)).all()
