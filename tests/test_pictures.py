"""The pictures of a run are the same wherever they are drawn, and leave no trace in what else goes on."""

from __future__ import annotations

import io
import warnings
import xml.etree.ElementTree as ET

import geopandas as gpd
import pytest
from shapely import LineString, box

from geomerge import pictures
from geomerge.maps import change_map, figure_svg, save_figure

Shown = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame, str]


@pytest.fixture
def shown() -> Shown:
    before = {"code": ["0101", "0102"], "name": ["Aas", "세종"], "change": ["merged", "merged"]}
    after = {"code": ["0103"], "name": ["Aas"], "change": ["merged"]}
    return (
        gpd.GeoDataFrame(before, geometry=[box(0, 0, 9000, 9000), box(9000, 0, 18000, 9000)], crs=25833),
        gpd.GeoDataFrame(after, geometry=[box(0, 0, 18000, 9000)], crs=25833),
        gpd.GeoDataFrame({"status": ["removed"]}, geometry=[LineString([(9000, 0), (9000, 9000)])], crs=25833),
        "Reform 세종, 2020-01-01",
    )


def test_they_are_those_of_the_maps(shown: Shown) -> None:
    *tables, title = shown
    found = pictures.draw(*shown)
    both = change_map(*tables, title=title)
    png = io.BytesIO()
    save_figure(both, png)
    assert found["before_after.png"] == png.getvalue()
    assert found["before_after.svg"].decode() == figure_svg(both)
    assert found["before.svg"].decode() == figure_svg(change_map(*tables, show="before"))
    assert found["after.svg"].decode() == figure_svg(change_map(*tables, show="after"))


def test_a_thread_draws_the_same_while_others_record_warnings(shown: Shown) -> None:
    filters = list(warnings.filters)
    with pictures.background() as pool:
        drawn = pool.submit(pictures.draw, *shown)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            warnings.warn("a value did not fit", RuntimeWarning, stacklevel=1)
            found = drawn.result()
            warnings.warn("nor did another", RuntimeWarning, stacklevel=1)
    assert [str(one.message) for one in said if one.category is RuntimeWarning] == [
        "a value did not fit",
        "nor did another",
    ]
    assert found == pictures.draw(*shown)
    assert list(warnings.filters) == filters


def test_what_goes_wrong_is_told_by_who_asks(shown: Shown) -> None:
    before, after, lines, title = shown
    with pictures.background() as pool:
        drawn = pool.submit(pictures.draw, before.drop(columns="name"), after, lines, title)
        with pytest.raises(Exception, match="has no column name"):
            drawn.result()


def test_corners_that_no_picture_can_show_are_left_out(shown: Shown) -> None:
    before, after, lines, title = shown
    jagged = LineString([(9000, 0), *((9000 + (at % 2) * 0.01, at) for at in range(1, 9000)), (9000, 9000)])
    drawn = pictures.draw(before, after, lines.set_geometry([jagged], crs=lines.crs), title)
    longest = max(len(path.get("d", "")) for path in ET.fromstring(drawn["before.svg"]).iter() if "d" in path.attrib)
    assert longest < 1000
