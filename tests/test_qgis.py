"""Styles and projects: right in themselves, and read by a real QGIS where there is one."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import zipfile
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyproj import CRS

from geomerge import qgis
from geomerge.errors import InputError
from geomerge.palette import CHANGES, LINES, SEVERITIES
from geomerge.qgis import LayerStyle, ProjectLayer, Symbol, project, style_for

NOW = "2026-01-01T00:00:00.000Z"
AWKWARD = "Sør-<Ås> & \"Bø\" 'Æ'"
EXTENT = (200_000, 6_550_000, 260_000, 6_596_000)
REASONS = ["crosses_new_boundary", "no unit here", "two_units"]


# --- The file itself ---


def opened(content: bytes) -> ET.Element:
    """Return the project inside a ``.qgz``."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return ET.fromstring(archive.read(name))


def a_project(name: str = "Units", **changes: Any) -> bytes:
    """Return a project with one layer in each group."""
    layers = [
        ProjectLayer("before", name, "boundaries.gpkg", style_for("units_before"), table="units_before"),
        ProjectLayer("after", name, "boundaries.gpkg", style_for("units"), table="units"),
        ProjectLayer("review", name, "review.gpkg", style_for("review", values=[name]), table=name),
    ]
    arguments: dict[str, Any] = {"crs": "EPSG:25833", "extent": EXTENT} | changes
    return project(name, arguments.pop("layers", layers), **arguments)


def test_same_input_gives_same_bytes() -> None:
    assert a_project() == a_project()


def test_names_with_marks_and_letters_of_any_kind_stay_as_they_are() -> None:
    root = opened(a_project(AWKWARD))
    assert root.findtext("title") == AWKWARD
    assert {layer.findtext("layername") for layer in root.iter("maplayer")} == {AWKWARD}
    assert f"./review.gpkg|layername={AWKWARD}" in {layer.findtext("datasource") for layer in root.iter("maplayer")}


def test_characters_that_xml_forbids_are_left_out() -> None:
    assert opened(a_project("Units\x0b\x00")).findtext("title") == "Units"


def test_ids_differ_and_hold_only_plain_characters() -> None:
    root = opened(a_project(AWKWARD))
    ids = [layer.findtext("id") or "" for layer in root.iter("maplayer")]
    assert len(set(ids)) == 3
    assert all(layer_id.isascii() and layer_id.replace("_", "").isalnum() for layer_id in ids)
    assert {node.get("id") for node in root.iter("layer-tree-layer")} == set(ids)


@pytest.mark.parametrize(
    ("path", "table", "source"),
    [
        ("boundaries.gpkg", "units", "./boundaries.gpkg|layername=units"),
        ("layers/parcels.shp", None, "./layers/parcels.shp"),
        ("./layers/parcels.geojson", None, "./layers/parcels.geojson"),
        ("layers/æøå parcels.fgb", None, "./layers/æøå parcels.fgb"),
        ("../source/parcels.parquet", None, "../source/parcels.parquet"),
    ],
)
def test_sources_are_relative(path: str, table: str | None, source: str) -> None:
    layer = ProjectLayer("after", "Layer", path, style_for("features"), table=table)
    assert layer.source == source
    assert opened(a_project(layers=[layer])).findtext(".//datasource") == source


def test_a_layer_of_several_kinds_of_geometry_is_shown_by_kind() -> None:
    kinds = qgis.geometries(["Point", "MultiLineString", None])
    assert kinds == ("line", "point")
    styles = [style_for("review", geometry=kind, values=REASONS) for kind in kinds]
    sources = [ProjectLayer("review", "R", "review.gpkg", style, table="r", mixed=True).source for style in styles]
    assert sources[0] == "./review.gpkg|layername=r|geometrytype=LineString"
    assert sources[1] == "./review.gpkg|layername=r|geometrytype=Point"


@pytest.mark.parametrize("path", ["/data/units.gpkg", "C:/data/units.gpkg", "layers\\units.gpkg"])
def test_a_path_that_only_one_machine_knows_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="not relative"):
        ProjectLayer("after", "Units", path, style_for("units"))


def test_a_bar_in_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="Take"):
        ProjectLayer("after", "Units", "units.gpkg", style_for("units"), table="a|b")


def test_unknown_role_is_refused() -> None:
    with pytest.raises(InputError, match="units_before"):
        style_for(cast(Any, "unit"))


@pytest.mark.parametrize("extent", [None, (float("nan"),) * 4])
def test_without_an_extent_there_is_no_view(extent: tuple[float, ...] | None) -> None:
    assert opened(a_project(extent=extent)).find("mapcanvas") is None


def test_before_alone_is_switched_on() -> None:
    layer = ProjectLayer("before", "Units", "units.gpkg", style_for("units_before"))
    (group,) = opened(a_project(layers=[layer])).findall("layer-tree-group/layer-tree-group")
    assert (group.get("name"), group.get("checked")) == ("Before", "Qt::Checked")


def plain(element: ET.Element) -> str:
    """Return an element as text that does not depend on its indentation."""
    return ET.canonicalize(ET.tostring(element), strip_text=True)


def test_style_in_project_is_the_style_of_the_qml() -> None:
    style = style_for("units")
    layer = opened(a_project()).find(".//maplayer[layername='Units'][datasource='./boundaries.gpkg|layername=units']")
    qml = ET.fromstring(qgis.qml(style))
    assert layer is not None
    for tag in ("renderer-v2", "labeling", "layerOpacity"):
        mine, its = qml.find(tag), layer.find(tag)
        assert mine is not None
        assert its is not None
        assert plain(mine) == plain(its)


# --- Legends and colours ---


def test_the_legend_shows_what_occurs() -> None:
    style = style_for("units", values=["unchanged", "merged", "foreseen"], words={"merged": "Slått sammen"})
    assert [category.label for category in style.categories] == ["Slått sammen", "Unchanged", "Foreseen"]


def test_units_before_and_after_have_their_own_words() -> None:
    before, after = (
        {category.value: category.label for category in style_for(role).categories}
        for role in ("units_before", "units")
    )
    assert (before["merged"], after["merged"]) == (CHANGES["merged"].text_before, CHANGES["merged"].text)
    assert set(before) - set(after) == {"abolished"}
    assert set(after) - set(before) == {"created"}


def test_lines_are_drawn_as_on_the_figures() -> None:
    symbols = {category.value: category.symbol for category in style_for("boundary_lines").categories}
    assert {name: (symbols[name].color, symbols[name].dashed) for name in LINES} == {
        name: (line.color, line.dashed) for name, line in LINES.items()
    }
    assert symbols["kept"].width < symbols["removed"].width < symbols["new"].width


def test_a_value_nobody_foresaw_is_drawn() -> None:
    assert style_for("boundary_lines").categories[-1].value == ""
    assert "ElseFilter" in qgis.sld(style_for("boundary_lines"))


def test_reasons_have_strong_colors_and_readable_texts() -> None:
    categories = style_for("review", geometry="line", values=REASONS).categories
    assert [category.label for category in categories] == [
        "Crosses new boundary",
        "No unit here",
        "Two units",
    ]
    assert len({category.symbol.color for category in categories}) == 3


def test_labels_quote_their_columns() -> None:
    style = LayerStyle("point", Symbol("#0072b2"), label_fields=('a "b"', "c"), label_separator="'\\")
    text = ET.fromstring(qgis.qml(style)).find(".//text-style")
    assert text is not None
    assert text.get("fieldName") == 'concat("a ""b""", \'\\\'\\\\\', "c")'


# --- In a real QGIS ---


def clean_env(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of this Python is seen, and no settings of the user."""
    runtime = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **runtime}


def a_map() -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of a small reform: irregular units, some of which merge, are divided or moved."""
    west, south, east, north = EXTENT
    random = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(np.linspace(west, east, 6), np.linspace(south, north, 5)), -1).reshape(-1, 2)
    seeds = shapely.MultiPoint(grid + random.uniform(-4_200, 4_200, grid.shape))
    cells = shapely.get_parts(shapely.voronoi_polygons(seeds))
    cells = shapely.intersection(cells, shapely.box(*EXTENT))
    changes = ["merged"] * 3 + [
        "split",
        "adjusted",
        "created",
        "renumbered",
        "renamed",
        "corrected",
        "unchanged",
    ]
    before = gpd.GeoDataFrame(geometry=cells, crs=25833)
    before["code"] = [f"07{number:02d}" for number in range(len(before))]
    before["name"] = ["Ås", "Bø", "Sør-Odal", "Nes", "Vær & Ø", "Hå"] * 5
    before["change"] = [changes[number % len(changes)] for number in range(len(before))]
    target = np.where(before["change"] == "merged", "08" + (np.arange(30) // 10).astype(str), before["code"])
    after = before.assign(code=target).dissolve("code", as_index=False)
    before["change"] = before["change"].replace("created", "abolished")
    inside, borders = shapely.union_all(shapely.boundary(after.geometry.values)), before.geometry.boundary
    every = shapely.union_all(borders.values)
    removed = shapely.difference(every, inside)
    new = shapely.LineString(after.geometry.iloc[12].minimum_rotated_rectangle.exterior.coords[:2])
    points = after.representative_point()
    mixed = [points[2], points[5].buffer(1_800), shapely.LineString([points[6], points[7]]), points[9]]
    crs = before.crs
    return {
        "units_before": before,
        "units": after,
        "pieces": gpd.GeoDataFrame(
            {"old_code": before["code"], "new_code": target, "event": 1, "kind": "whole"},
            geometry=before.geometry,
        ),
        "boundary_lines": gpd.GeoDataFrame(
            {"status": ["kept", "removed", "new"]}, geometry=[inside, removed, new], crs=crs
        ),
        "county": gpd.GeoDataFrame({"code": ["07"]}, geometry=[shapely.box(*EXTENT)], crs=crs),
        "review": gpd.GeoDataFrame({"reason": [*REASONS, REASONS[0]]}, geometry=mixed, crs=crs),
        "findings": gpd.GeoDataFrame({"severity": ["must", "should"]}, geometry=[points[1], points[11]], crs=crs),
        "inserted_corners": gpd.GeoDataFrame(
            {"number": [1, 2]}, geometry=shapely.points(shapely.get_coordinates(new)), crs=crs
        ),
    }


def tables_and_styles() -> dict[str, LayerStyle]:
    """Return the default styles of the tables of the small reform."""
    return {
        "units_before": style_for("units_before"),
        "units": style_for("units"),
        "pieces": style_for("pieces"),
        "boundary_lines": style_for("boundary_lines"),
        "county": style_for("level"),
        "review": style_for("review", geometry="point", values=REASONS),
        "findings": style_for("findings", geometry="point", values=["must", "should"]),
        "inserted_corners": style_for("inserted_corners"),
        "crosswalk": style_for("table"),
    }


def write_styles(path: Path, styles: dict[str, LayerStyle]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(qgis.LAYER_STYLES_TABLE)
        connection.execute(qgis.LAYER_STYLES_CONTENTS, {"update_time": NOW})
        connection.executemany(qgis.LAYER_STYLES_INSERT, qgis.layer_styles_rows(styles, update_time=NOW))
    connection.close()


def project_layers(styles: dict[str, LayerStyle]) -> list[ProjectLayer]:
    review = [
        ProjectLayer(
            "review",
            f"Review: {kind}",
            "boundaries.gpkg",
            style_for("review", geometry=kind, values=REASONS),
            table="review",
            mixed=True,
        )
        for kind in qgis.geometries(["Point", "Polygon", "LineString"])
    ]
    places = {
        "findings": ("review", "Findings"),
        "inserted_corners": ("review", "Inserted corners"),
        "crosswalk": ("review", "Crosswalk"),
        "boundary_lines": ("after", "Boundaries"),
        "county": ("after", "County"),
        "pieces": ("after", "Pieces"),
        "units": ("after", AWKWARD),
        "units_before": ("before", "Units before"),
    }
    rest = [
        ProjectLayer(cast(qgis.Group, group), name, "boundaries.gpkg", styles[table], table, visible=table != "pieces")
        for table, (group, name) in places.items()
    ]
    files = [
        ProjectLayer("before", f"Parcels {path}", f"layers/{path}", style_for("features", geometry="point"))
        for path in ("parcels.geojson", "parcels.shp", "parcels.fgb")
    ]
    return review + rest + files


@pytest.fixture(scope="module")
def seen(qgis_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What QGIS finds in the project of the small reform, after the folder was moved."""
    folder = tmp_path_factory.mktemp("first")
    home = tmp_path_factory.mktemp("home")
    styles = tables_and_styles()
    for table, layer in a_map().items():
        layer.to_file(folder / "boundaries.gpkg", layer=table)
    crosswalk = pd.DataFrame({"old_code": ["0701"], "new_code": ["0801"]})
    pyogrio.write_dataframe(crosswalk, folder / "boundaries.gpkg", layer="crosswalk")
    write_styles(folder / "boundaries.gpkg", styles)
    (folder / "layers").mkdir()
    parcels = a_map()["units"].assign(geometry=lambda units: units.representative_point())[["code", "geometry"]]
    for name in ("parcels.geojson", "parcels.shp", "parcels.fgb"):
        parcels.to_file(folder / "layers" / name)
    title = f"Reform {AWKWARD}"
    content = project(title, project_layers(styles), crs=CRS(25833), extent=a_map()["units"].total_bounds)
    (folder / "project.qgz").write_bytes(content)
    moved = folder.with_name("moved")
    folder.rename(moved)
    command = [qgis_python, "-s", str(Path(__file__).with_name("qgis_open.py"))]
    arguments = [str(moved / "project.qgz"), str(moved / "boundaries.gpkg"), str(moved)]
    ran = subprocess.run(
        command + arguments, env=clean_env(home), capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return cast(dict[str, Any], json.loads(ran.stdout.splitlines()[-1])) | {
        "folder": moved,
        "stderr": ran.stderr,
    }


@pytest.mark.real
def test_qgis_opens_the_project(seen: dict[str, Any]) -> None:
    assert seen["opened"], seen["error"]
    assert seen["title"] == f"Reform {AWKWARD}"
    assert (seen["crs"], seen["path_type"]) == ("EPSG:25833", "false")


@pytest.mark.real
def test_qgis_finds_every_layer(seen: dict[str, Any]) -> None:
    assert len(seen["layers"]) == 14
    assert [name for name, layer in seen["layers"].items() if not layer["valid"]] == []
    assert seen["layers"][AWKWARD]["features"] > 5
    crs = {name: layer["crs"] for name, layer in seen["layers"].items() if name != "Crosswalk"}
    assert set(crs.values()) == {"EPSG:25833"}


@pytest.mark.real
def test_qgis_shows_review_on_top_and_before_switched_off(seen: dict[str, Any]) -> None:
    assert seen["groups"] == [["Review", True], ["After", True], ["Before", False]]
    assert [seen["layers"][name]["group"] for name in (seen["order"][0], seen["order"][-1])] == [
        "Review",
        "Before",
    ]
    assert AWKWARD in seen["views"]["opened"]
    assert not {"Pieces", "Units before"} & set(seen["views"]["opened"])


@pytest.mark.real
def test_qgis_shows_each_kind_of_geometry_of_a_mixed_table(seen: dict[str, Any]) -> None:
    numbers = {name: layer["features"] for name, layer in seen["layers"].items() if "Review" in name}
    assert numbers == {"Review: polygon": 1, "Review: line": 1, "Review: point": 2}


@pytest.mark.real
def test_qgis_reads_legends_and_labels(seen: dict[str, Any]) -> None:
    units = seen["layers"][AWKWARD]
    expected = [[entry.value, entry.label, entry.symbol.color] for entry in style_for("units").categories]
    assert (units["renderer"], units["categories"]) == ("categorizedSymbol", expected)
    assert units["labels"] == 'concat("code", \' \', "name")'
    assert (units["label_scale"], units["label_buffer"]) == (3_000_000, True)
    assert seen["layers"]["Pieces"]["labels"] == 'concat("old_code", \' → \', "new_code")'
    assert (seen["layers"]["County"]["renderer"], seen["layers"]["County"]["labels"]) == (
        "singleSymbol",
        None,
    )


@pytest.mark.real
def test_qgis_has_a_map_theme_for_each_group(seen: dict[str, Any]) -> None:
    themes = {name: content for name, content in seen["views"].items() if name != "opened"}
    assert set(themes) == {"Before", "After", "Review"}
    assert "Units before" in themes["Before"]
    assert "Boundaries" not in themes["Before"]
    assert "Boundaries" in themes["After"]
    assert "Findings" not in themes["After"]
    assert {"Boundaries", "Findings"} <= set(themes["Review"])


@pytest.mark.real
def test_qgis_starts_at_the_extent(seen: dict[str, Any]) -> None:
    view = shapely.box(*seen["extent"])
    assert view.contains(shapely.box(*EXTENT))
    assert view.area < 2 * shapely.box(*EXTENT).area


@pytest.mark.real
def test_qgis_gives_each_table_its_own_style(seen: dict[str, Any]) -> None:
    for table, style in tables_and_styles().items():
        found = seen["default_styles"][table]
        assert found["loaded"], table
        assert len(found["categories"]) == len(style.categories), table
        if style.geometry != "table":
            assert found["renderer"] == ("categorizedSymbol" if style.field else "singleSymbol"), table
            assert found["sld"] is True, table


@pytest.mark.real
def test_qgis_reads_the_colors_of_the_sld(seen: dict[str, Any]) -> None:
    rules = seen["default_styles"]["boundary_lines"]["sld_rules"]
    assert [LINES["removed"].text, LINES["removed"].color] in rules


@pytest.mark.real
def test_pictures_hold_the_colors(seen: dict[str, Any]) -> None:
    changes = {name: change.color for name, change in CHANGES.items()}
    both = {changes[name] for name in ("merged", "split", "adjusted", "renumbered", "unchanged")}
    expected = {
        "Before": {*both, changes["abolished"]},
        "After": {*both, changes["created"], LINES["new"].color, LINES["removed"].color},
    }
    for theme, colors in expected.items():
        picture = seen["pictures"][theme]
        assert picture["errors"] == []
        assert colors <= set(picture["colors"]), theme
        assert picture["colors"][changes["merged"]] > 5_000
    assert SEVERITIES["should"].color in seen["pictures"]["opened"]["colors"]


@pytest.mark.real
def test_saved_by_qgis_paths_stay_relative(seen: dict[str, Any]) -> None:
    assert seen["saved_again"]
    root = ET.parse(seen["folder"] / "saved_again.qgs").getroot()
    sources = {layer.findtext("datasource") or "" for layer in root.iter("maplayer")}
    assert all(source.startswith("./") for source in sources), sources
