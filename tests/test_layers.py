"""Every format in the table of formats is written, described, read, revised and compared."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from geomerge import layers, rewrite
from geomerge.errors import LayerError
from geomerge.files import geojson
from geomerge.layers import Revision

STAMP = "2020-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Case:
    """What a format can hold, and so what a test may ask of it."""

    suffix: str
    first: int = 0  # row number of the first row
    dates: bool = True
    times: bool = True
    zones: bool = True
    booleans: bool = True
    binary: bool = True
    empty_text: bool = True
    null_geometry: bool = True
    crs: Any = "EPSG:25833"
    own_crs: bool = True
    same_bytes: bool = True


CASES = [
    Case(".gpkg", first=1),
    Case(".parquet"),
    Case(".fgb", dates=False),
    Case(".geojson", crs="EPSG:4326", own_crs=False, binary=False),
    Case(".shp", times=False, zones=False, binary=False, empty_text=False),
    # its catalogue holds random identifiers and the time of the clock
    Case(".gdb", first=1, dates=False, zones=False, booleans=False, same_bytes=False),
    Case(".gml", dates=False, binary=False, empty_text=False, own_crs=False),
]
each_format = pytest.mark.parametrize("case", CASES, ids=lambda case: case.suffix)


def sample_table(case: Case, *, z: bool = False) -> gpd.GeoDataFrame:
    """Return rows with every type and every null that a format can hold."""
    columns: dict[str, Any] = {
        "kode": ["0301", "0704", None, "0710"],
        "navn": ["Oslo", "", "Tønsberg", "Ærø"] if case.empty_text else ["Oslo", None, "Tønsberg", "Ærø"],
        "antall": pd.array([1, None, 3, -4], dtype="Int32"),
        "stor": pd.array([2**40, None, 3, 4], dtype="Int64"),
        "andel": [0.1, None, 1 / 3, 4.0],
    }
    if case.booleans:
        columns["gyldig"] = pd.array([True, None, False, True], dtype="boolean")
    if case.dates:
        columns["fra"] = [dt.date(2020, 1, 1), None, dt.date(1838, 1, 1), dt.date(2017, 1, 1)]
    if case.times:
        columns["lest"] = pd.to_datetime(
            ["2020-01-01T10:00:00.123", None, "2021-05-05", "2022-01-01"], format="ISO8601"
        )
    if case.zones:
        columns["utc"] = pd.to_datetime(["2020-01-01T10:00:00+02:00", None, "2021-01-01T00:00:00+02:00", None])
    if case.binary:
        columns["bilde"] = [b"\x00\x01", None, b"", b"\xff"]
    scale = 0.001 if case.crs == "EPSG:4326" else 100
    shapes: list[Any] = [shapely.box((3 - i) * scale, 0, (4 - i) * scale, scale) for i in range(4)]
    if z:
        shapes = [shapely.force_3d(shape, 10.0 + at) for at, shape in enumerate(shapes)]
    if case.null_geometry:
        shapes[2] = None
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=case.crs)


def source_file(case: Case, folder: Path, **options: Any) -> Path:
    file = folder / f"kommuner{case.suffix}"
    layers.write(sample_table(case, **options), file, changed_at=STAMP)
    return file


def send(source: Path, target: Path, revision: Revision, layer: str | None = None) -> list[str]:
    said: list[str] = []
    info = layers.describe(source, layer)
    revisions = {info.layer or "": revision}
    target.parent.mkdir(exist_ok=True)
    rewrite.rewrite(info, target, revisions, changed_at=STAMP, report=said.append)
    return said


def convert(source: Path, target: Path, revision: Revision | None = None, layer: str | None = None) -> list[str]:
    said: list[str] = []
    info = layers.describe(source, layer)
    rewrite.convert(info, target, revision or Revision(), changed_at=STAMP, report=said.append)
    return said


def texts(values: Any) -> list[Any]:
    return [None if pd.isna(value) else value for value in values]


def wkb(table: Any) -> list[Any]:
    return list(shapely.to_wkb(table.geometry.to_numpy(), output_dimension=4))


def declared(path: Path) -> Any:
    """Return names, types, widths and order of the fields, as Arrow has them."""
    if path.suffix == ".parquet":
        return pq.read_schema(path).remove_metadata()
    _, table = pyogrio.read_arrow(path, datetime_as_string=True)
    return [(field.name, field.type, dict(field.metadata or {}).get(b"GDAL:OGR:width")) for field in table.schema]


def assert_same(after: Any, before: Any) -> None:
    pd.testing.assert_frame_equal(pd.DataFrame(after.drop(columns="geometry", errors="ignore")),
                                  pd.DataFrame(before.drop(columns="geometry", errors="ignore")))  # fmt: skip


def geometry_name(table: Any) -> str:
    return str(table.geometry.name)


# ---- what every format does


@each_format
def test_what_is_written_is_read(case: Case, tmp_path: Path) -> None:
    table = sample_table(case)
    file = source_file(case, tmp_path)
    read = layers.read(file)
    info = layers.describe(file)
    assert [name for name in info.fields if name != "gml_id"] == list(table.columns.drop("geometry"))
    assert read.index.tolist() == [case.first + at for at in range(4)]
    assert read.index.name == "fid"
    assert read["kode"].tolist()[:2] == ["0301", "0704"]
    assert read["kode"].isna().tolist() == [False, False, True, False]
    assert read["navn"].tolist()[2:] == ["Tønsberg", "Ærø"]
    assert (read["navn"].iloc[1] == "") is case.empty_text
    assert read["antall"].isna().tolist() == [False, True, False, False]
    assert read["stor"].iloc[0] == 2**40
    assert info.crs is not None
    assert read.crs == table.crs
    back = read.geometry.normalize().geom_equals(
        gpd.GeoSeries(table.geometry.to_numpy(), index=read.index, crs=read.crs).normalize()
    )
    assert (back | read.geometry.isna()).all()


@each_format
def test_a_revision_changes_what_it_names_and_nothing_else(case: Case, tmp_path: Path) -> None:
    source, target = source_file(case, tmp_path), tmp_path / "out" / f"kommuner{case.suffix}"
    before = layers.read(source)
    one, two, three, four = before.index
    new = before.geometry.iloc[0].envelope
    new = shapely.segmentize(new, new.length / 5)
    added = int(four) + 1
    revision = Revision(
        {"kode": pd.Series(["0999", None, "0888"], index=[one, two, added])},
        pd.Series([new], index=[one]), (int(three),), {added: int(four)},
    )  # fmt: skip
    send(source, target, revision)
    after = layers.read(target)
    rows = [0, 1, 3, 3]
    names = before.columns.drop(["kode", "geometry", "geom", "gml_id", "wkb_geometry"], errors="ignore")
    expected = pd.DataFrame(before.iloc[rows])[names]
    found = pd.DataFrame(after)[names]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))
    assert list(after.columns) == list(before.columns)
    assert texts(after["kode"]) == ["0999", None, "0710", "0888"]
    assert wkb(after)[1:] == [wkb(before)[at] for at in (1, 3, 3)]
    assert (
        after.geometry.iloc[0]
        .normalize()
        .equals_exact(
            shapely.multipolygons([new]).normalize() if after.geom_type.iloc[0] == "MultiPolygon" else new.normalize(),
            0,
        )
    )
    assert declared(target) == declared(source)
    assert after.crs == before.crs


@each_format
def test_new_codes_leave_geometry_and_every_other_value_as_they_are(case: Case, tmp_path: Path) -> None:
    source, target = source_file(case, tmp_path, z=True), tmp_path / "out" / f"kommuner{case.suffix}"
    before = layers.read(source)
    send(source, target, Revision({"kode": pd.Series(["0999"], index=[before.index[0]])}))
    after = layers.read(target)
    assert wkb(after) == wkb(before)
    assert after.geometry.iloc[0].has_z
    assert_same(after, before.assign(kode=before["kode"].where(before.index != before.index[0], "0999")))
    assert layers.describe(target).geometry_type == layers.describe(source).geometry_type
    assert declared(target) == declared(source)


@each_format
def test_the_same_input_gives_the_same_bytes(case: Case, tmp_path: Path) -> None:
    if not case.same_bytes:
        pytest.skip("the catalogue of a File Geodatabase holds random identifiers")
    contents = []
    for run in ("a", "b"):
        folder = tmp_path / run
        folder.mkdir()
        source = source_file(case, folder)
        first = layers.read(source).index[0]
        send(source, folder / "out" / source.name, Revision({"kode": pd.Series(["0999"], index=[first])}))
        convert(source, folder / "as.gpkg")
        contents.append(
            {file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
        )
    assert contents[0] == contents[1]


@each_format
def test_a_layer_without_rows_stays_a_layer(case: Case, tmp_path: Path) -> None:
    file = tmp_path / f"tom{case.suffix}"
    layers.write(sample_table(case).iloc[:0], file)
    if case.suffix == ".gml":
        assert len(layers.read(file)) == 0  # GML names no fields of a layer without rows
        return
    send(file, tmp_path / "out" / file.name, Revision())
    after = layers.read(tmp_path / "out" / file.name)
    assert len(after) == 0
    if case.suffix != ".geojson":
        assert list(layers.describe(tmp_path / "out" / file.name).fields) == list(layers.describe(file).fields)


@each_format
def test_a_crs_without_a_code_is_kept(case: Case, tmp_path: Path) -> None:
    if not case.own_crs:
        pytest.skip("GeoJSON is always in WGS 84, GML names a CRS by its code")
    crs = "+proj=tmerc +lat_0=58 +lon_0=10.5 +k=1 +x_0=1000000 +y_0=0 +ellps=bessel +units=m"
    file = tmp_path / f"lokal{case.suffix}"
    layers.write(sample_table(case).set_crs(crs, allow_override=True), file)
    before = layers.describe(file)
    send(file, tmp_path / "out" / file.name, Revision())
    after = layers.describe(tmp_path / "out" / file.name)
    assert before.crs is not None
    assert after.crs == before.crs


@each_format
def test_a_value_that_does_not_fit_its_column_is_refused(case: Case, tmp_path: Path) -> None:
    if case.suffix in (".geojson", ".gml"):
        pytest.skip("the format declares no types")
    source = source_file(case, tmp_path)
    first = layers.read(source).index[0]
    with pytest.raises(LayerError, match=r"does not fit column antall"):
        send(source, tmp_path / "out" / source.name, Revision({"antall": pd.Series(["03x"], index=[first])}))


@each_format
def test_a_cut_file_is_refused_in_one_sentence(case: Case, tmp_path: Path) -> None:
    source = source_file(case, tmp_path)
    if source.is_dir():
        for part in source.glob("*.gdbtable"):
            part.write_bytes(part.read_bytes()[:20])
    else:
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])

    def read_and_write() -> None:
        layers.read(source)
        send(source, tmp_path / "out" / source.name, Revision({"kode": pd.Series(["1"], index=[0])}))

    with pytest.raises(LayerError) as raised:
        read_and_write()
    assert str(source) in str(raised.value)
    assert len(raised.value.faults) == 1


@each_format
def test_nothing_counts_as_written_on_a_full_disk(case: Case, tmp_path: Path) -> None:
    """A limit on the size of files acts as a full disk does."""
    script = f"""
        import resource, sys
        from pathlib import Path
        import geopandas as gpd, numpy as np, shapely
        from geomerge import layers
        from geomerge.errors import LayerError
        points = shapely.points(np.arange(40_000) / 1e4, 1.0)
        table = gpd.GeoDataFrame({{"kode": ["0301"] * 40_000}}, geometry=points, crs="EPSG:4326")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            layers.write(table, Path({str(tmp_path)!r}) / "full{case.suffix}")
        except LayerError as error:
            print(error)
            sys.exit(2)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "full" in done.stdout


def singles(case: Case, *, z: bool = False) -> gpd.GeoDataFrame:
    """Return two polygons side by side and one away from them."""
    scale = 0.001 if case.crs == "EPSG:4326" else 100
    shapes = [shapely.box(x * scale, 0, (x + 1) * scale, scale) for x in (0, 1, 5)]
    shapes = [shapely.force_3d(shape, 7.0) for shape in shapes] if z else shapes
    return gpd.GeoDataFrame({"kode": ["1", "2", "3"]}, geometry=shapes, crs=case.crs)


@pytest.mark.parametrize("z", [False, True], ids=["flat", "heights"])
@each_format
def test_a_merge_into_several_parts_fits_a_layer_of_polygons(case: Case, z: bool, tmp_path: Path) -> None:
    source, table = tmp_path / f"a{case.suffix}", singles(case, z=z)
    if case.suffix == ".parquet":
        table.to_parquet(source)
    else:
        driver = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON", ".gdb": "OpenFileGDB"}
        name = driver.get(case.suffix, {".shp": "ESRI Shapefile", ".gml": "GML"}.get(case.suffix))
        pyogrio.write_dataframe(table, source, driver=name)
    before = layers.read(source).sort_values("kode")
    one, _, three = before.index
    new = shapely.multipolygons(shapely.get_parts(before.geometry.loc[[one, three]].to_numpy()))
    revision = Revision({}, pd.Series([new], index=[one]), (int(three),))
    send(source, tmp_path / "out" / source.name, revision)
    for target in (".gpkg", ".fgb", ".geojson", ".gdb", ".shp", ".gml", ".parquet", ".csv"):
        convert(source, tmp_path / f"as{target}", revision)
    asked = [tmp_path / f"as{suffix}" for suffix in (".gpkg", ".fgb", ".gdb", ".shp", ".gml", ".parquet")]
    for file in (tmp_path / "out" / source.name, *asked):
        after = layers.read(file).sort_values("kode")
        assert after["kode"].tolist() == ["1", "2"]
        assert shapely.get_num_geometries(after.geometry.to_numpy()).tolist() == [2, 1], file
        assert after.geometry.has_z.tolist() == [z, z]
        assert shapely.equals(after.geometry.iloc[0], new) or file.suffix in (".gdb", ".geojson")


def test_layers_of_one_gml_change_together(shared: Path, tmp_path: Path) -> None:
    info = layers.describe(denmark(shared), "Jordstykke")
    rows = {name: layers.read(denmark(shared), name).index for name in ("Jordstykke", "Centroide")}
    revisions = {
        "Jordstykke": Revision({"kommunekode": pd.Series(["0265"], index=rows["Jordstykke"][:1])}),
        "Centroide": Revision(removed=(int(rows["Centroide"][0]),)),
    }
    target = tmp_path / "60851.gml"
    rewrite.rewrite(info, target, revisions, changed_at=STAMP, report=print)
    assert layers.read(target, "Jordstykke")["kommunekode"].tolist() == ["0265", *["0350"] * 46]
    assert len(layers.read(target, "Centroide")) == len(rows["Centroide"]) - 1
    assert len(layers.read(target, "MatrikelSkel")) == 584
    moved = Revision({}, pd.Series([shapely.Point(1, 1)], index=rows["Centroide"][:1]))
    with pytest.raises(LayerError, match=r"is GML, which .* Jordstykke, Centroide change\. Ask for a format"):
        rewrite.rewrite(info, target, revisions | {"Centroide": moved}, changed_at=STAMP, report=print)


def test_layers_of_another_format_that_change_together_are_refused(tmp_path: Path) -> None:
    for name in ("en", "to"):
        table = sample_table(CASES[3])[["kode", "geometry"]].iloc[:2]
        pyogrio.write_dataframe(table, tmp_path / "a.sqlite", driver="SQLite", layer=name, append=name == "to")
    info = layers.describe(tmp_path / "a.sqlite", "en")
    with pytest.raises(LayerError, match=r"is SQLite, which is written for one layer at a time, and en, to change"):
        rewrite.rewrite(
            info, tmp_path / "b.sqlite", {"en": Revision(), "to": Revision()}, changed_at=STAMP, report=print
        )


@pytest.mark.parametrize("suffix", [".gdb", ".fgb", ".gpkg", ".parquet", ".gml", ".shp"])
def test_dates_alone_that_become_times_are_said(suffix: str, tmp_path: Path) -> None:
    table = gpd.GeoDataFrame({"fra": [dt.date(2020, 1, 1)]}, geometry=[shapely.box(0, 0, 1, 1)], crs=25833)
    said: list[str] = []
    layers.write(table, tmp_path / f"a{suffix}", report=said.append)
    layers.write(table, tmp_path / "b.gpkg")
    said += convert(tmp_path / "b.gpkg", tmp_path / f"c{suffix}")
    name = {".gdb": "OpenFileGDB", ".fgb": "FlatGeobuf"}.get(suffix)
    lost = [sentence for sentence in said if "dates alone" in sentence]
    assert lost == ([f"{name} has no dates alone: fra becomes a time at midnight"] * 2 if name else [])
    assert ("[D]" in layers.describe(tmp_path / f"a{suffix}").fields["fra"] or suffix == ".parquet") is (name is None)


def test_heights_that_flatgeobuf_drops_are_said(tmp_path: Path) -> None:
    shapes = [shapely.force_3d(shapely.box(0, 0, 1, 1), 5), shapely.LineString([(0, 0, 1), (1, 1, 2)])]
    said: list[str] = []
    table = gpd.GeoDataFrame({"kode": ["1", "2"]}, geometry=shapes, crs=25833)
    layers.write(table, tmp_path / "a.fgb", report=said.append)
    assert "FlatGeobuf has no heights where geometries are of several types" in said
    assert not layers.read(tmp_path / "a.fgb").geometry.has_z.any()


# ---- from every format to every format


@pytest.mark.parametrize("target", [".gpkg", ".parquet", ".fgb", ".geojson", ".shp", ".gdb", ".gml", ".csv"])
@each_format
def test_every_format_goes_out_as_every_other(case: Case, target: str, tmp_path: Path) -> None:
    source = source_file(case, tmp_path)
    if target == case.suffix:
        return
    if "bilde" in layers.describe(source).fields and target in (".shp", ".gml", ".csv", ".geojson"):
        file = tmp_path / "other" / source.name
        file.parent.mkdir()
        layers.write(sample_table(case).drop(columns="bilde"), file)
        with pytest.raises(LayerError, match="no binary values, as in bilde"):
            convert(source, tmp_path / f"binary{target}")
        source = file
    before = layers.read(source)
    codes = pd.Series(["0999"], index=[before.index[0]])
    said = convert(source, tmp_path / f"as{target}", Revision({"kode": codes}))
    after = layers.read(tmp_path / f"as{target}")
    assert texts(after["kode"])[:2] == ["0999", "0704"]
    assert len(after) == len(before)
    for name in ("navn", "kode"):
        assert after[name].tolist()[3] == before[name].tolist()[3] or name == "kode"
    assert after["stor"].astype(float).tolist()[0] == 2**40
    if target in (".geojson",) and case.crs != "EPSG:4326":
        assert any("WGS 84" in sentence for sentence in said)
        assert after.crs == "EPSG:4326"
    elif target != ".csv":
        assert after.crs == before.crs
        same = after.geometry.normalize().to_numpy()
        grid = 1e-8 if target == ".gdb" else 0
        pairs = zip(same, before.geometry.normalize().to_numpy(), strict=True)
        assert all(
            a is None or shapely.union_all([a]).normalize().equals_exact(shapely.union_all([b]).normalize(), grid)
            for a, b in pairs
        )


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """Return a GeoPackage with what other formats cannot hold."""
    table = gpd.GeoDataFrame(
        {
            "municipality_code": ["0301"], "municipality_name": ["Oslo"], "population_count": [2**40],
            "read_at": pd.to_datetime(["2020-01-01T10:00:00+02:00"]), "note": ["x" * 300], "ok": [True],
        },
        geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25833",
    )  # fmt: skip
    layers.write(table, tmp_path / "rich.gpkg")
    return tmp_path / "rich.gpkg"


@pytest.mark.parametrize(
    ("suffix", "sentences"),
    [
        (
            ".shp",
            [
                "ESRI Shapefile cuts names to 10 characters: municipality_code becomes municipali, "
                "municipality_name becomes municipa_1, population_count becomes population",
                "ESRI Shapefile has no 64-bit integers: population_count becomes a number of up to 18 digits",
                "ESRI Shapefile has no times of day: read_at becomes text",
                "ESRI Shapefile does not tell an empty text from a missing one",
                "ESRI Shapefile cuts texts to 254 bytes: 1 in note",
            ],
        ),
        (
            ".gdb",
            [
                "OpenFileGDB has no 64-bit integers: population_count becomes a decimal number",
                "OpenFileGDB has no booleans: ok becomes 0 or 1",
                "OpenFileGDB keeps no time zones: read_at is in UTC",
                "OpenFileGDB rounds coordinates to a grid of 0.1 mm, or 0.000000001 degrees",
            ],
        ),
        (
            ".geojson",
            ["GeoJSON is always in WGS 84, so coordinates move from ETRS89 / UTM zone 33N, with 9 decimals"],
        ),
        (".parquet", []),
        (".fgb", ["FlatGeobuf puts rows in the order of their places, so row numbers change"]),
    ],
)
def test_what_a_format_cannot_hold_is_said_before_it_happens(rich: Path, suffix: str, sentences: list[str]) -> None:
    target = rich.with_name(f"as{suffix}")
    heard: list[tuple[str, bool]] = []
    info = layers.describe(rich)
    rewrite.convert(
        info, target, Revision(), changed_at=STAMP, report=lambda text: heard.append((text, target.exists()))
    )
    assert [text for text, _ in heard] == sentences
    assert not any(there for _, there in heard)


def test_names_cut_to_the_same_ten_characters_stay_apart(rich: Path) -> None:
    convert(rich, rich.with_name("as.shp"))
    after = layers.read(rich.with_name("as.shp"))
    assert after["municipali"].tolist() == ["0301"]
    assert after["municipa_1"].tolist() == ["Oslo"]
    assert after["note"].str.len().tolist() == [254]


@pytest.mark.parametrize("suffix", [".shp", ".gdb"])
def test_points_and_polygons_in_one_layer_are_refused_where_a_format_cannot_mix_them(
    suffix: str, tmp_path: Path
) -> None:
    table = gpd.GeoDataFrame({"kode": ["1", "2"]}, geometry=[shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], crs=25833)
    layers.write(table, tmp_path / "mixed.gpkg")
    with pytest.raises(LayerError, match="one kind of geometry in a layer, and this one has point, polygon"):
        convert(tmp_path / "mixed.gpkg", tmp_path / f"as{suffix}")


def test_geojson_of_a_layer_without_crs_is_refused(tmp_path: Path) -> None:
    layers.write(gpd.GeoDataFrame({"kode": ["1"]}, geometry=[shapely.Point(5, 5)]), tmp_path / "a.gpkg")
    with pytest.raises(LayerError, match="does not say which CRS it is in"):
        convert(tmp_path / "a.gpkg", tmp_path / "a.geojson")


def test_geojson_as_asked_obeys_rfc_7946(rich: Path) -> None:
    convert(rich, rich.with_name("as.geojson"))
    content = json.loads(rich.with_name("as.geojson").read_text(encoding="utf-8"))
    ring = content["features"][0]["geometry"]["coordinates"][0]
    ring = ring[0] if isinstance(ring[0][0], list) else ring
    assert "crs" not in content
    assert shapely.is_ccw(shapely.LinearRing(ring))
    assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)


def test_points_stay_points(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame({"kode": ["1"]}, geometry=[shapely.Point(5, 5)], crs=25833)
    layers.write(table, tmp_path / "a.gpkg")
    assert layers.describe(tmp_path / "a.gpkg").geometry_type == "Point"


def test_a_table_without_geometry_is_written_and_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"kode": ["0301", None], "antall": [1, 2]})
    for suffix in (".gpkg", ".parquet", ".csv"):
        layers.write(table, tmp_path / f"register{suffix}")
        after = layers.read(tmp_path / f"register{suffix}")
        assert not isinstance(after, gpd.GeoDataFrame)
        assert after["kode"].iloc[0] == "0301"
        assert after["kode"].isna().tolist() == [False, True]


def test_other_formats_go_feature_by_feature_with_their_schema(tmp_path: Path) -> None:
    fiona = pytest.importorskip("fiona")
    schema = {"geometry": "Polygon", "properties": {"kode": "str:4", "navn": "str:12", "antall": "int32"}}
    source, target = tmp_path / "a.tab", tmp_path / "out" / "a.tab"
    squares = [shapely.geometry.mapping(shapely.box(x * 100, 0, x * 100 + 100, 100)) for x in range(3)]
    with fiona.open(source, "w", driver="MapInfo File", schema=schema, crs="EPSG:25833") as out:
        out.writerecords(
            {"geometry": square, "properties": {"kode": f"070{at}", "navn": "Ærø", "antall": at}}
            for at, square in enumerate(squares)
        )
    before = layers.read(source)
    first, second, third = before.index
    send(source, target, Revision({"kode": pd.Series(["0710"], index=[first])}, removed=(second,), added={99: third}))
    with fiona.open(target) as new, fiona.open(source) as old:
        assert new.schema == old.schema
        assert [row["properties"]["kode"] for row in new] == ["0710", "0702", "0702"]
        assert [row["properties"]["navn"] for row in new] == ["Ærø"] * 3
    assert layers.read(target).geometry.area.sum() == pytest.approx(30000)
    convert(source, tmp_path / "a.gpkg")
    assert len(layers.read(tmp_path / "a.gpkg")) == 3


def test_a_format_that_cannot_be_written_again_is_said(tmp_path: Path) -> None:
    source = tmp_path / "a.csvt.kml"
    pyogrio.write_dataframe(sample_table(CASES[3])[["kode", "geometry"]].iloc[:2], source, driver="KML")
    with pytest.raises(LayerError, match="cannot be written again as it is"):
        send(source, tmp_path / "out" / "a.kml", Revision())


# ---- what is missing


def test_what_is_missing_is_said_with_what_there_is(tmp_path: Path) -> None:
    source_file(CASES[0], tmp_path)
    with pytest.raises(LayerError, match=r"nei.gpkg does not exist. Its folder holds kommuner.gpkg\."):
        layers.read(tmp_path / "nei.gpkg")
    with pytest.raises(LayerError, match=r"has no layer nei\. It has kommuner\."):
        layers.read(tmp_path / "kommuner.gpkg", "nei")
    with pytest.raises(LayerError, match=r"has no column kommunenr\. It has kode, navn"):
        layers.read(tmp_path / "kommuner.gpkg", columns=["kommunenr"])
    layers.write(sample_table(CASES[0]), tmp_path / "kommuner.gpkg", "andre")
    with pytest.raises(LayerError, match=r"has several layers\. Name one of kommuner, andre"):
        layers.read(tmp_path / "kommuner.gpkg")
    with pytest.raises(LayerError, match=r"\.xyz is no format that can be written"):
        layers.write(sample_table(CASES[0]), tmp_path / "a.xyz")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for suffix in (".gpkg", ".shp", ".geojson", ".parquet", ".fgb", ".gml"):
        (tmp_path / f"a{suffix}").write_bytes(b"not a layer")
        with pytest.raises(LayerError, match=f"a{suffix}"):
            layers.read(tmp_path / f"a{suffix}")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LayerError, match="cannot be written"):
        layers.write(sample_table(CASES[0]), tmp_path / "file" / "a.gpkg")


def test_nothing_is_left_set_after_writing(tmp_path: Path) -> None:
    assert "OGR_CURRENT_DATE" not in os.environ
    source_file(CASES[0], tmp_path)
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_everything_works_without_fiona(tmp_path: Path) -> None:
    """There is no wheel of fiona for every Python."""
    script = f"""
        import sys
        sys.modules["fiona"] = None
        from pathlib import Path
        import pandas as pd
        from geomerge import layers, rewrite
        from geomerge.files import geojson
        info = layers.describe({str(source_file(CASES[4], tmp_path))!r})
        revision = layers.Revision({{"kode": pd.Series(["0999"], index=[0])}})
        target = Path({str(tmp_path / "new.shp")!r})
        rewrite.rewrite(info, target, {{"": revision}}, changed_at="2020-01-01", report=print)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
    assert layers.read(tmp_path / "new.shp")["kode"].iloc[0] == "0999"


# ---- curves and measures


def curved_blob() -> bytes:
    """Return a CurvePolygon as a GeoPackage blob."""
    arc = np.array([1], "u1").tobytes() + np.array([8, 5], "<u4").tobytes()
    arc += np.array([0, 0, 1, 1, 2, 0, 1, -1, 0, 0], "<f8").tobytes()
    polygon = b"\x01" + np.array([10, 1], "<u4").tobytes() + arc
    return b"GP\x00\x03" + np.array([25833], "<i4").tobytes() + np.array([0, 2, -1, 1], "<f8").tobytes() + polygon


def write_wkb(path: Path, driver: str, shapes: list[bytes]) -> None:
    field = pa.field("geom", pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
    table = pa.table(
        [pa.array(["a"] * len(shapes)), pa.array(shapes, pa.binary())],
        pa.schema([pa.field("kode", pa.string()), field]),
    )
    pyogrio.write_arrow(table, path, driver=driver, geometry_name="geom", geometry_type="Unknown", crs="EPSG:25833")


CURVE = curved_blob()[40:]
MEASURED = shapely.to_wkb(
    shapely.from_wkt("POLYGON M ((0 0 1, 1 0 2, 1 1 3, 0 0 1))"), flavor="iso", output_dimension=4
)


@pytest.mark.parametrize(("driver", "suffix"), [("GPKG", ".gpkg"), ("FlatGeobuf", ".fgb"), ("GML", ".gml")])
def test_curves_are_never_straightened_in_silence(driver: str, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"buer{suffix}"
    write_wkb(source, driver, [CURVE, shapely.to_wkb(shapely.box(5, 5, 6, 6))])
    info = layers.describe(source)
    assert info.geometry_type == "Unknown"  # nothing declares them
    with pytest.raises(LayerError, match="holds curves, and units are drawn anew"):
        layers.refuse_curves(info, "units are drawn anew")
    with pytest.raises(LayerError, match=r"holds curves, and \.parquet has only straight lines"):
        convert(source, tmp_path / "a.parquet")
    codes = Revision({"kode": pd.Series(["b"], index=[layers.fids(info)[0]])})
    if driver == "FlatGeobuf":
        with pytest.raises(LayerError, match="holds curves, and writing FlatGeobuf anew"):
            send(source, tmp_path / "out" / source.name, codes)
    else:
        send(source, tmp_path / "out" / source.name, codes)
        after = pyogrio.read_arrow(tmp_path / "out" / source.name)[1]
        before = pyogrio.read_arrow(source)[1]
        name = before.schema.names[-1] if "geom" not in before.schema.names else "geom"
        assert after.column(name).to_pylist() == before.column(name).to_pylist()
        assert after.column("kode").to_pylist() == ["b", "a"]


def test_measures_are_never_dropped_in_silence(tmp_path: Path) -> None:
    source = tmp_path / "m.gpkg"
    write_wkb(source, "GPKG", [MEASURED])
    with pytest.raises(LayerError, match=r"has measures \(M\), and"):
        convert(source, tmp_path / "a.shp")
    send(source, tmp_path / "out" / "m.gpkg", Revision({"kode": pd.Series(["b"], index=[1])}))
    assert pyogrio.read_arrow(tmp_path / "out" / "m.gpkg")[1].column("geom")[0].as_py() == MEASURED
    shape = tmp_path / "m.shp"
    write_wkb(shape, "ESRI Shapefile", [MEASURED])
    assert layers.describe(shape).measured
    with pytest.raises(LayerError, match="has measures"):
        convert(shape, tmp_path / "b.gpkg")
    send(shape, tmp_path / "out" / "m.shp", Revision({"kode": pd.Series(["b"], index=[0])}))
    assert (tmp_path / "out" / "m.shp").read_bytes() == shape.read_bytes()


# ---- shapefile


def test_a_shapefile_keeps_every_width_and_its_encoding(shared: Path, tmp_path: Path) -> None:
    fiona = pytest.importorskip("fiona")
    source = shared / "switzerland" / "municipalities_2010.shp"
    target = tmp_path / source.name
    before = layers.read(source)
    send(source, target, Revision({"id": pd.Series([9999], index=[5])}))
    with fiona.open(source) as old, fiona.open(target) as new:
        assert new.schema == old.schema
        assert new.crs_wkt == old.crs_wkt
    for suffix in (".shp", ".shx", ".prj"):
        assert target.with_suffix(suffix).read_bytes() == source.with_suffix(suffix).read_bytes()
    a, b = (file.with_suffix(".dbf").read_bytes() for file in (source, target))
    assert len(a) == len(b)
    assert sum(x != y for x, y in zip(a[4:], b[4:], strict=True)) <= 4
    assert layers.read(target)["id"].tolist() == [9999 if at == 5 else old for at, old in enumerate(before["id"])]


def test_unchanged_shapes_keep_their_bytes_when_others_are_drawn_anew(shared: Path, tmp_path: Path) -> None:
    source = shared / "switzerland" / "municipalities_2010.shp"
    before = layers.read(source)
    shape = shapely.union_all(before.geometry.iloc[[3, 4]].to_numpy())
    send(source, tmp_path / source.name, Revision({}, pd.Series([shape], index=[3]), (4,), {9000: 7}))
    after = layers.read(tmp_path / source.name)
    kept = [at for at in range(len(before)) if at != 4]
    assert wkb(after) == [
        wkb(gpd.GeoSeries([shape]).to_frame("geometry").set_geometry("geometry"))[0] if at == 3 else wkb(before)[at]
        for at in [*kept, 7]
    ] or shapely.equals(after.geometry.iloc[3], shape)
    assert [w for at, w in enumerate(wkb(after)) if at != 3] == [wkb(before)[at] for at in [*kept, 7] if at != 3]


@pytest.mark.parametrize(
    ("encoding", "told"), [("ISO-8859-1", True), ("ISO-8859-1", False), ("UTF-8", True), ("CP1252", True)]
)
def test_a_shapefile_keeps_its_encoding(encoding: str, told: bool, tmp_path: Path) -> None:
    fiona = pytest.importorskip("fiona")
    source = tmp_path / "a.shp"
    schema = {
        "geometry": "Point",
        "properties": {"navn": "str:12", "n": "int:5", "d": "float:11.3", "s": "int:18"},
    }
    rows = [
        {
            "geometry": {"type": "Point", "coordinates": (1, 2)},
            "properties": {"navn": name, "n": 5, "d": 1.5, "s": 7},
        }
        for name in ("Tønsberg", "Ærø")
    ]
    with fiona.open(source, "w", driver="ESRI Shapefile", schema=schema, crs="EPSG:25833", encoding=encoding) as out:
        out.writerecords(rows)
    if not told:
        source.with_suffix(".cpg").unlink()
    source.with_suffix(".qix").write_bytes(b"index")
    source.with_suffix(".shp.xml").write_bytes(b"<metadata/>")
    revision = Revision({"navn": pd.Series(["Sør-Øst"], index=[1]), "d": pd.Series([None], index=[1], dtype=object)})
    send(source, tmp_path / "out" / "a.shp", revision)
    with fiona.open(tmp_path / "out" / "a.shp") as new, fiona.open(source) as old:
        assert new.schema == old.schema
        assert [row["properties"]["navn"] for row in new] == ["Tønsberg", "Sør-Øst"]
        assert [row["properties"]["d"] for row in new] == [1.5, None]
    assert (tmp_path / "out" / "a.cpg").exists() is told
    assert (tmp_path / "out" / "a.qix").exists()
    assert (tmp_path / "out" / "a.shp.xml").exists()
    with pytest.raises(LayerError, match="is longer than column navn is declared, 12 bytes"):
        send(
            source,
            tmp_path / "out" / "b.shp",
            Revision({"navn": pd.Series(["Sandefjord kommune"], index=[0])}),
        )
    with pytest.raises(LayerError, match="does not fit column d"):
        send(source, tmp_path / "out" / "c.shp", Revision({"d": pd.Series([0.12345], index=[0])}))
    if encoding != "UTF-8":
        with pytest.raises(LayerError, match="has no letter 'Ł'"):
            send(source, tmp_path / "out" / "d.shp", Revision({"navn": pd.Series(["Łódź"], index=[0])}))


def test_the_index_of_a_shapefile_goes_when_shapes_move(tmp_path: Path) -> None:
    source = source_file(CASES[4], tmp_path)
    source.with_suffix(".qix").write_bytes(b"index")
    send(source, tmp_path / "out" / source.name, Revision({}, removed=(0,)))
    assert not (tmp_path / "out" / source.name).with_suffix(".qix").exists()


def test_only_what_belongs_to_a_shapefile_goes_with_it(tmp_path: Path) -> None:
    source, out = source_file(CASES[4], tmp_path), tmp_path / "out"
    own = [".qpj", ".shp.xml", ".QIX", ".sbn", ".kode.atx", ".ain"]
    foreign = [".gpkg", ".xlsx", ".zip", ".gpkg-wal", ".old.shp", ".backup.prj"]
    for suffix in own + foreign:
        (tmp_path / f"kommuner{suffix}").write_bytes(b"original")
    out.mkdir()
    (out / "kommuner.gpkg").write_bytes(b"already updated")
    send(source, out / source.name, Revision({"kode": pd.Series(["0999"], index=[0])}))
    kept = [".shp", ".shx", ".dbf", ".prj", ".cpg", ".gpkg", ".qpj", ".shp.xml", ".QIX", ".sbn"]
    assert sorted(file.name for file in out.iterdir()) == sorted(f"kommuner{suffix}" for suffix in kept)
    assert (out / "kommuner.gpkg").read_bytes() == b"already updated"
    send(source, tmp_path / "same" / source.name, Revision())
    assert (tmp_path / "same" / "kommuner.kode.atx").exists()


def test_a_shapefile_without_its_table_is_refused(tmp_path: Path) -> None:
    source = source_file(CASES[4], tmp_path)
    source.with_suffix(".dbf").unlink()
    with pytest.raises(LayerError, match=r"kommuner\.dbf is missing"):
        send(source, tmp_path / "out" / source.name, Revision())


# ---- GeoJSON


def test_geojson_keeps_every_character_that_does_not_change(shared: Path, tmp_path: Path) -> None:
    source = shared / "france" / "parcels_91216.geojson"
    before = layers.read(source)
    rows = before.index[[0, 7, 4240]]
    send(source, tmp_path / source.name, Revision({"commune": pd.Series(["91999"] * 3, index=rows)}))
    text = source.read_text(encoding="utf-8")
    expected = json.loads(text)
    for row in rows:
        expected["features"][row]["properties"]["commune"] = "91999"
    changed = (tmp_path / source.name).read_text(encoding="utf-8")
    assert json.loads(changed) == expected
    assert len(changed) == len(text)
    assert sum(a != b for a, b in zip(text, changed, strict=True)) <= 15


GEOJSON = """{ "type": "FeatureCollection", "name": "a b", "bbox": [0, 0, 2.50, 1],
  "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25833"}},
  "features": [
    {"type": "Feature", "id": 7, "properties": {"kode": "0301", "liste": [1, 2], "navn": "Ærø \\u00e6"},
     "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1.50], [1, 1], [0, 0]]]}},
    {"type": "Feature", "id": 3, "properties": {"navn": null, "kode": "0704", "mer": {"x": [1, {"y": 1e3}]}},
     "geometry": null},
    {"type": "Feature", "id": 5, "properties": null, "geometry": null}
  ], "etter": 1
}
"""


def test_members_of_geojson_are_edited_where_they_stand(tmp_path: Path) -> None:
    source, target = tmp_path / "a.geojson", tmp_path / "out" / "a.geojson"
    source.write_text(GEOJSON, encoding="utf-8")
    before = layers.read(source)
    assert before.index.tolist() == [7, 3, 5]
    send(source, target, Revision({"kode": pd.Series(["0999", "0998", None], index=[7, 5, 3])}))
    expected = (
        GEOJSON.replace('"0301"', '"0999"')
        .replace('"0704"', "null")
        .replace('"properties": null', '"properties": {"kode":"0998"}')
    )
    assert target.read_text(encoding="utf-8") == expected
    shape = shapely.box(0, 0, 4, 4)
    send(
        source,
        target,
        Revision({"navn": pd.Series(["ny"], index=[9])}, pd.Series([shape], index=[7]), (3,), {9: 7}),
    )
    content = json.loads(target.read_text(encoding="utf-8"))
    assert [feature["id"] for feature in content["features"]] == [7, 5, 9]
    assert content["bbox"] == [0, 0, 4.0, 4.0]
    assert content["etter"] == 1
    assert content["features"][2]["properties"] == {"kode": "0301", "liste": [1, 2], "navn": "ny"}
    assert shapely.is_ccw(shapely.LinearRing(content["features"][0]["geometry"]["coordinates"][0]))
    assert content["features"][2]["geometry"]["coordinates"][0][1] == [0, 1.5]


def test_text_ids_of_geojson_are_a_column(tmp_path: Path) -> None:
    source = tmp_path / "a.geojson"
    source.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","id":"x1","properties":{"a":1},"geometry":null}]}'
    )
    send(source, tmp_path / "out" / "a.geojson", Revision({"id": pd.Series(["y1"], index=[0])}))
    assert (tmp_path / "out" / "a.geojson").read_text() == source.read_text().replace("x1", "y1")


# ---- GML


def denmark(shared: Path) -> str:
    return f"zip://{shared}/denmark/cadastre_60851_gml.zip!60851_GML_UTM32-EUREF89/MINIMAKS/60851.gml"


def test_the_danish_cadastre_keeps_its_application_schema(shared: Path, tmp_path: Path) -> None:
    source = denmark(shared)
    before = layers.read(source, "Jordstykke")
    assert before["kommunekode"].tolist() == ["0350"] * 47
    rows = before.index[:3]
    said = send(
        source,
        tmp_path / "60851.gml",
        Revision({"kommunekode": pd.Series(["0265"] * 3, index=rows)}),
        "Jordstykke",
    )
    assert said == []
    archive, _, inner = source.removeprefix("zip://").partition("!")
    old = zipfile.ZipFile(archive).read(inner)
    new = (tmp_path / "60851.gml").read_bytes()
    assert len(new) == len(old)
    assert sum(a != b for a, b in zip(old, new, strict=True)) <= 9
    after = layers.read(tmp_path / "60851.gml", "Jordstykke")
    assert_same(after, before.assign(kommunekode=before["kommunekode"].where(~before.index.isin(rows), "0265")))
    assert wkb(after) == wkb(before)


def test_the_danish_cadastre_with_new_geometry_says_what_is_lost(shared: Path, tmp_path: Path) -> None:
    before = layers.read(denmark(shared), "Jordstykke")
    shape = before.geometry.iloc[0].envelope
    said = send(
        denmark(shared),
        tmp_path / "60851.gml",
        Revision({}, pd.Series([shape], index=[before.index[0]])),
        "Jordstykke",
    )
    assert said[0] == "All fields are kept, but not the names of the GML application schema"
    assert said[1].startswith("GML is written for one layer at a time, without Centroide, MatrikelSkel")
    after = layers.read(tmp_path / "60851.gml")
    assert after["kommunekode"].tolist() == ["0350"] * 47
    assert set(before.columns) - {"gml_id"} <= set(after.columns)


def test_the_danish_cadastre_as_a_geopackage(shared: Path, tmp_path: Path) -> None:
    before = layers.read(denmark(shared), "Jordstykke")
    convert(denmark(shared), tmp_path / "a.gpkg", layer="Jordstykke")
    after = layers.read(tmp_path / "a.gpkg")
    pd.testing.assert_frame_equal(
        pd.DataFrame(after.drop(columns=geometry_name(after))).reset_index(drop=True),
        pd.DataFrame(before.drop(columns="geometry")).reset_index(drop=True), check_dtype=False,
    )  # fmt: skip
    assert after["kommunekode"].tolist() == ["0350"] * 47
    assert wkb(after) == wkb(before)


def test_removed_features_of_gml_go_with_their_members(shared: Path, tmp_path: Path) -> None:
    before = layers.read(denmark(shared), "Jordstykke")
    send(denmark(shared), tmp_path / "60851.gml", Revision(removed=(int(before.index[1]),)), "Jordstykke")
    assert (
        layers.read(tmp_path / "60851.gml", "Jordstykke").index.tolist() == before.index.drop(before.index[1]).tolist()
    )
    ET.parse(tmp_path / "60851.gml")
    assert len(layers.read(tmp_path / "60851.gml", "MatrikelSkel")) == 584


# ---- File Geodatabase, FlatGeobuf, Parquet


def test_other_layers_of_a_geodatabase_stay(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.suffix == ".gdb")
    source = source_file(case, tmp_path)
    layers.write(pd.DataFrame({"a": ["x"]}), source, "register")
    send(source, tmp_path / "out" / source.name, Revision({"kode": pd.Series(["9"], index=[1])}), "kommuner")
    assert set(layers.layer_names(tmp_path / "out" / source.name)) == {"kommuner", "register"}
    assert layers.read(tmp_path / "out" / source.name, "register")["a"].tolist() == ["x"]
    assert layers.read(source, "kommuner")["kode"].iloc[0] == "0301"


def test_rows_of_a_flatgeobuf_without_index_keep_their_order(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame(
        {"kode": list("abcdef")}, geometry=[shapely.Point(x, 0) for x in (5, 1, 9, 2, 8, 3)], crs=25833
    )
    pyogrio.write_dataframe(table, tmp_path / "a.fgb", SPATIAL_INDEX="NO")
    send(tmp_path / "a.fgb", tmp_path / "out" / "a.fgb", Revision({"kode": pd.Series(["z"], index=[2])}))
    assert "".join(layers.read(tmp_path / "out" / "a.fgb")["kode"]) == "abzdef"
    assert not pyogrio.read_info(tmp_path / "out" / "a.fgb")["capabilities"]["fast_spatial_filter"]


def test_geoparquet_keeps_its_metadata_and_widens_its_boxes(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame(
        {"kode": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs=25833
    )
    table.to_parquet(
        tmp_path / "a.parquet",
        write_covering_bbox=True,
        schema_version="1.1.0",
        compression="zstd",
        index=False,
    )
    shape = shapely.multipolygons([shapely.box(0, 0, 9, 9)])
    send(tmp_path / "a.parquet", tmp_path / "out" / "a.parquet", Revision({}, pd.Series([shape], index=[0])))
    geo = json.loads(pq.read_schema(tmp_path / "out" / "a.parquet").metadata[b"geo"])["columns"]["geometry"]
    assert geo["bbox"] == [0, 0, 9, 9]
    assert geo["geometry_types"] == ["MultiPolygon", "Polygon"]
    found = pq.read_table(tmp_path / "out" / "a.parquet")
    assert found.column("bbox")[0].as_py()["xmax"] == 9
    assert pq.read_metadata(tmp_path / "out" / "a.parquet").row_group(0).column(0).compression == "ZSTD"
    assert gpd.read_parquet(tmp_path / "out" / "a.parquet", bbox=(5, 5, 6, 6))["kode"].tolist() == ["a"]


def test_a_named_index_of_parquet_is_a_column(tmp_path: Path) -> None:
    table = gpd.GeoDataFrame(
        {"a": [1, 2]}, geometry=[shapely.Point(0, 0)] * 2, index=pd.Index(["0301", "0704"], name="kode")
    )
    table.to_parquet(tmp_path / "a.parquet")
    read = layers.read(tmp_path / "a.parquet", columns=["kode"])
    assert read["kode"].tolist() == ["0301", "0704"]
    assert layers.describe(tmp_path / "a.parquet").spatial


def test_a_zipped_shapefile_is_written_again(tmp_path: Path) -> None:
    source = source_file(CASES[4], tmp_path)
    shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path, ".")
    name = f"zip://{tmp_path}/z.zip!kommuner.shp"
    send(name, tmp_path / "out" / "kommuner.shp", Revision({"kode": pd.Series(["0999"], index=[0])}))  # type: ignore[arg-type]
    assert (tmp_path / "out" / "kommuner.shp").read_bytes() == source.read_bytes()
    assert layers.read(tmp_path / "out" / "kommuner.shp")["kode"].iloc[0] == "0999"


def test_a_zipped_table_is_read_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("in/register.csv", "kode;a\n0301;1\n")
    name = f"zip://{tmp_path}/z.zip!in/register.csv"
    assert layers.read(name)["kode"].tolist() == ["0301"]
    with pytest.raises(LayerError, match=r"holds no nei\.csv\. It holds in/register\.csv\."):
        layers.read(f"zip://{tmp_path}/z.zip!nei.csv")


@pytest.mark.parametrize("suffix", [".gpkg", ".csv", ".parquet"])
def test_a_zipped_table_goes_out_as_asked(suffix: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("in/register.csv", "kode;a\n0301;1\n0704;2\n")
    name = f"zip://{tmp_path}/z.zip!in/register.csv"
    target = tmp_path / f"b{suffix}"
    convert(name, target, Revision({"kode": pd.Series(["0999"], index=[1])}))  # type: ignore[arg-type]
    assert layers.read(target)["kode"].tolist() == ["0301", "0999"]


def test_geojson_in_another_encoding_is_refused(tmp_path: Path) -> None:
    text = '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":"\xe6"},"geometry":null}]}'
    (tmp_path / "a.geojson").write_text(text, encoding="iso-8859-1")
    info = layers.Info(str(tmp_path / "a.geojson"), "a", "GeoJSON", None, None, None, {"a": "str"}, 1)
    with pytest.raises(LayerError, match="is not UTF-8"):
        geojson.rewrite(Path(info.path), tmp_path / "b.geojson", Revision(), [0])


def test_inputs_stay_as_they_are_when_they_are_read(shared: Path, tmp_path: Path) -> None:
    archive, _, inner = denmark(shared).removeprefix("zip://").partition("!")
    (tmp_path / "a.gml").write_bytes(zipfile.ZipFile(archive).read(inner))
    layers.read(tmp_path / "a.gml", "Jordstykke")
    assert [file.name for file in tmp_path.iterdir()] == ["a.gml"]
