from __future__ import annotations

import io
import re
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.figure import Figure
from shapely import LineString, box

from geomerge.errors import CRSError, InputError
from geomerge.maps import change_map, figure_svg, save_figure
from geomerge.palette import CHANGES, LINES

Tables = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]


def table(rows: list[tuple[str, str, str, shapely.Geometry]], crs: object = 25833) -> gpd.GeoDataFrame:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(("code", "name", "change"))}
    return gpd.GeoDataFrame(columns, geometry=[row[3] for row in rows], crs=crs)


@pytest.fixture
def reform() -> Tables:
    """
    0101 0102 0103      0110 0110 0103      0101 and 0102 merge;
    0104 0104 0104      0104 0104 0104      the rest stays.
    """
    above = [box(10_000 * i, 10_000, 10_000 * (i + 1), 20_000) for i in range(3)]
    below = box(0, 0, 30_000, 10_000)
    stay = [("0103", "Cå", "unchanged", above[2]), ("0104", "Dø", "unchanged", below)]
    before = [("0101", "Aas", "merged", above[0]), ("0102", "Bø", "merged", above[1]), *stay]
    after = [("0110", "Aasbø", "merged", shapely.union(above[0], above[1])), *stay]
    removed = LineString([(10_000, 10_000), (10_000, 20_000)])
    kept = [LineString([(0, 10_000), (30_000, 10_000)]), LineString([(20_000, 10_000), (20_000, 20_000)])]
    lines = gpd.GeoDataFrame({"status": ["removed", "kept", "kept"]}, geometry=[removed, *kept], crs=25833)
    return table(before), table(after), lines


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def written(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


def saved(figure: Figure, format: str) -> bytes:
    buffer = io.BytesIO()
    save_figure(figure, buffer, format=format)
    return buffer.getvalue()


def test_the_legend_names_only_what_is_there(reform: Tables) -> None:
    assert legend(change_map(*reform)) == [
        CHANGES["merged"].text,
        CHANGES["unchanged"].text,
        LINES["kept"].text,
        LINES["removed"].text,
    ]


def test_removed_lines_are_before_and_new_lines_after(reform: Tables) -> None:
    units_before, units, lines = reform
    lines.loc[2, "status"] = "new"
    for axes, statuses in zip(change_map(*reform).axes, (("kept", "removed"), ("kept", "new")), strict=True):
        colors = [mpl.colors.to_hex(drawn.get_edgecolor()[0]) for drawn in axes.collections]
        assert colors == [LINES[status].color for status in statuses]
    assert legend(change_map(units_before, units, lines, show="after"))[-1] == LINES["new"].text


def test_units_have_the_colour_of_their_change(reform: Tables) -> None:
    for axes in change_map(*reform).axes:
        colors = [mpl.colors.to_hex(patch.get_facecolor()) for patch in axes.patches]
        assert colors == [CHANGES["merged"].color, CHANGES["unchanged"].color]


def test_a_hole_stays_a_hole() -> None:
    ring = shapely.difference(box(0, 0, 9_000, 9_000), box(3_000, 3_000, 6_000, 6_000))
    units = table([("1", "Ring", "renamed", ring)])
    figure = change_map(units, units, table([]).assign(status=""), labels=False, show="after")
    figure.legends[0].remove()
    picture = mpl.image.imread(io.BytesIO(saved(figure, "png")))
    middle = picture[picture.shape[0] * 9 // 20, picture.shape[1] // 2, :3]
    assert np.allclose(middle, 1.0)
    assert (np.abs(picture[..., :3] - mpl.colors.to_rgb(CHANGES["renamed"].color)).max(axis=2) < 0.01).any()


def test_changed_units_are_labelled(reform: Tables) -> None:
    assert written(change_map(*reform)) == [["Aas\n0101", "Bø\n0102"], ["Aasbø\n0110"]]
    assert written(change_map(*reform, labels=False)) == [[], []]


def test_a_label_that_does_not_fit_is_left_out(reform: Tables) -> None:
    units_before, units, lines = reform
    units_before.loc[0, "name"] = "A name far too long for a unit as small as this one on this page" * 2
    units_before.loc[1, "geometry"] = box(10_000, 10_000, 10_100, 20_000)
    assert written(change_map(units_before, units, lines))[0] == ["0101"]


def test_labels_do_not_overlap_with_many_units() -> None:
    boxes = [box(x, y, x + 1_000, y + 1_000) for x in range(0, 19_000, 1_000) for y in range(0, 19_000, 1_000)]
    units = table([(f"{i:04}", f"Unit {i}", "renumbered", one) for i, one in enumerate(boxes)])
    figure = change_map(units, units, table([]).assign(status=""), size=(11, 7))
    figure.draw_without_rendering()
    for axes in figure.axes:
        found = [text.get_window_extent() for text in axes.texts]
        corners = np.array([[one.x0, one.y0, one.x1, one.y1] for one in found])
        areas = shapely.box(*corners.T)
        assert len(areas) > 0
        assert shapely.STRtree(areas).query(areas, predicate="intersects").shape[1] == len(areas)


def test_names_are_no_formulas(reform: Tables) -> None:
    reform[1].loc[0, "name"] = "$x_1$ <b>&"
    figure = change_map(*reform, title="$a$ & <b>")
    text = figure_svg(figure)
    assert "$x_1$ &lt;b&gt;&amp;" in text
    assert "$a$ &amp; &lt;b&gt;" in text
    saved(figure, "png")


def test_other_scripts_do_not_warn(reform: Tables) -> None:
    reform[1].loc[0, "name"] = "세종"
    assert "세종" in figure_svg(change_map(*reform, title="세종특별자치시"))


def test_both_panels_show_the_same_ground(reform: Tables) -> None:
    first, second = change_map(*reform).axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()


def test_small_changes_are_shown_larger(reform: Tables) -> None:
    far = table([("0105", "Far", "unchanged", box(200_000, 0, 210_000, 90_000))])
    units_before, units, lines = reform
    wide = [pd.concat([one, far], ignore_index=True) for one in (units_before, units)]
    assert change_map(*wide, lines).axes[0].get_xlim()[1] < 30_000
    assert change_map(*wide, lines, extent="changes").axes[0].get_xlim()[1] < 30_000
    assert change_map(*wide, lines, extent="all").axes[0].get_xlim()[1] > 210_000
    assert change_map(units_before, units, lines).axes[0].get_ylim()[0] < 0


def test_an_extent_is_shown_in_full(reform: Tables) -> None:
    axes = change_map(*reform, extent=(1_000, 2_000, 3_000, 9_000)).axes[0]
    assert axes.get_xlim()[0] <= 1_000 < 3_000 <= axes.get_xlim()[1]
    assert axes.get_ylim() == pytest.approx((2_000, 9_000))


def test_a_wide_country_has_one_map_above_the_other() -> None:
    units = table([("1", "Wide", "renamed", box(0, 0, 90_000, 9_000))])
    first, second = change_map(units, units, table([]).assign(status="")).axes
    assert first.get_position().x0 == second.get_position().x0
    assert first.get_position().y0 > second.get_position().y1


@pytest.mark.parametrize(
    ("crs", "words"),
    [(25833, "10 km"), (2263, "2 km")],  # the second in US survey feet
)
def test_the_scale_bar_is_true(crs: int, words: str, reform: Tables) -> None:
    tables = [one.set_crs(crs, allow_override=True) for one in reform]
    figure = change_map(*tables, show="after", size=(6, 5))
    assert figure.texts[-1].get_text() == words
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_position().intervalx
    bar = np.ptp(figure.artists[0].get_xdata())
    ground = bar / (high - low) * (right - left)
    metres = ground if crs == 25833 else ground * 1200 / 3937
    assert metres == pytest.approx(1000 * int(words.split()[0]))


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(reform: Tables, format: str) -> None:
    with mpl.rc_context({"svg.hashsalt": None, "font.size": 20, "font.family": ["serif"]}):
        first = saved(change_map(*reform, title="Aasbø"), format)
    figure = change_map(*reform, title="Aasbø")
    assert saved(figure, format) == first == saved(figure, format)
    assert re.search(rb"Matplotlib|<dc:date>|CreationDate", first) is None


def test_a_path_is_written(reform: Tables, tmp_path: Path) -> None:
    figure = change_map(*reform)
    save_figure(figure, tmp_path / "map.svg", format="svg")
    assert (tmp_path / "map.svg").read_text(encoding="utf-8") == figure_svg(figure)
    save_figure(figure, str(tmp_path / "map.png"))
    assert (tmp_path / "map.png").read_bytes() == saved(figure, "png")


def test_input_stays_as_it_is(reform: Tables) -> None:
    copies = [one.copy(deep=True) for one in reform]
    change_map(*reform)
    for one, copy in zip(reform, copies, strict=True):
        assert one.equals(copy)


def test_details_too_small_to_see_are_left_out() -> None:
    angles = np.linspace(0, 2 * np.pi, 20_000)
    disc = shapely.Polygon(np.column_stack([np.cos(angles), np.sin(angles)]) * 50_000)
    units = table([("1", "Disc", "renamed", disc)])
    lines = gpd.GeoDataFrame({"status": ["kept"]}, geometry=[disc.exterior], crs=25833)
    assert len(figure_svg(change_map(units, units, lines))) < 40_000


def test_empty_tables_and_geometries_are_drawn() -> None:
    nothing = table([])
    change_map(nothing, nothing, nothing.assign(status=""))
    rows = [("1", "None", "merged", None), ("2", "Empty", "merged", shapely.Polygon())]
    change_map(table(rows), table(rows), nothing.assign(status=""))
    broken = table([("1", "Bow", "merged", shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)]))])
    change_map(broken, broken, nothing.assign(status=""))


def test_faults_are_told_together(reform: Tables) -> None:
    units_before, units, lines = reform
    units.loc[0, "change"] = "fused"
    with pytest.raises(InputError) as caught:
        change_map(units_before.drop(columns=["name"]), units, lines.assign(status="old"))
    assert len(caught.value.faults) == 3
    assert "units_before has no column name" in str(caught.value)
    assert "units has the change fused" in str(caught.value)


@pytest.mark.parametrize("extent", ["everything", (5, 0, 5, 9)])
def test_a_wrong_extent_is_refused(reform: Tables, extent: object) -> None:
    with pytest.raises(InputError, match="extent"):
        change_map(*reform, extent=extent)


def test_a_map_needs_one_projected_crs(reform: Tables) -> None:
    units_before, units, lines = reform
    with pytest.raises(CRSError):
        change_map(units_before, units.to_crs(4326), lines)
    with pytest.raises(CRSError):
        change_map(units_before.to_crs(25832), units, lines)


def test_a_nation_is_drawn_in_full(shared: Path) -> None:
    units = gpd.read_file(shared / "norway" / "kommune_2016.geojson").to_crs(25833)
    units = units.rename(columns={"kommune_no": "code", "kommune_name": "name"}).assign(change="renumbered")
    lines = gpd.GeoDataFrame({"status": "kept"}, geometry=units.boundary.to_numpy(), crs=units.crs, index=units.index)
    assert len(figure_svg(change_map(units, units, lines))) < 2_500_000
