"""One map: labels stand where they are said to be, in each format, and texts are as wide as they are drawn."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
import numpy as np
import pytest
import shapely
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from shapely import MultiPolygon, Polygon, box

from geomerge.drawing import Label, Panel, Widths, _largest_parts


def figure_with(label: Text) -> Figure:
    figure = Figure(figsize=(2, 1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 2), ylim=(0, 1))
    axes.set_axis_off()
    axes.add_artist(label)
    return figure


def saved(figure: Figure, format: str) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format=format, dpi=200)
    return buffer.getvalue()


def ink(figure: Figure) -> np.ndarray:
    """Return the box around what is drawn, in pixels."""
    picture = mpl.image.imread(io.BytesIO(saved(figure, "png")))[..., :3].min(axis=2)
    rows, columns = np.nonzero(picture < 0.5)
    return np.array([columns.min(), rows.min(), columns.max(), rows.max()])


@pytest.mark.parametrize("text", ["0301", "Oslo\n0301", "Bø\n0821", "Nordre Follo\n3020"])
def test_a_label_stands_where_a_text_of_matplotlib_would(text: str) -> None:
    plain = Text(1, 0.5, text, fontsize=8, ha="center", va="center", linespacing=1.1)
    assert np.abs(ink(figure_with(Label((1, 0.5), text, 8, Widths()))) - ink(figure_with(plain))).max() <= 3


def test_labels_are_texts_in_vector_formats() -> None:
    svg = saved(figure_with(Label((1, 0.5), "$a$ & b\n0301", 8, Widths())), "svg").decode()
    assert re.findall(r"<text [^>]*text-anchor: middle[^>]* x=\"([\d.]+)\"", svg) == ["72", "72"]
    assert [found.replace("&amp;", "&") for found in re.findall(r">([^<>\n]+)</text>", svg)] == ["$a$ & b", "0301"]
    assert saved(figure_with(Label((1, 0.5), "Oslo", 8, Widths())), "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("text", ["0301", "Ørsta", "Aurskog-Høland", "Guovdageaidnu Kautokeino"])
def test_widths_are_those_of_the_font(text: str) -> None:
    drawn = TextPath((0, 0), text, size=100, prop=mpl.font_manager.FontProperties(family=["DejaVu Sans"]))
    width = drawn.get_extents().width / 100
    assert Widths().of(text) == pytest.approx(width, abs=0.25)
    assert Widths().of("") == 0
    assert Widths().of(text * 2) == pytest.approx(2 * Widths().of(text))


def test_the_largest_part_that_is_shown_is_told_for_each_unit() -> None:
    panel = Panel(Figure().add_axes((0, 0, 1, 1)), (0, 0, 10, 10), 1.0)
    bow = Polygon([(1, 1), (3, 3), (3, 1), (1, 3)])
    units = np.array(
        [
            MultiPolygon([box(0, 0, 1, 1), box(2, 2, 4, 4)]),
            box(8, 8, 20, 20),
            None,
            Polygon(),
            bow,
            box(20, 20, 30, 30),
            MultiPolygon([box(9, 1, 90, 2), box(5, 5, 7, 7)]),
        ],
        dtype=object,
    )
    copy = units.copy()
    found = _largest_parts(panel, units)
    expected = [box(2, 2, 4, 4), box(8, 8, 10, 10), Polygon(), Polygon(), None, Polygon(), box(5, 5, 7, 7)]
    for at, shape in enumerate(expected):
        assert shape is None or found[at].equals(shape), at
    assert found[4].area == pytest.approx(1)
    assert all(one is other for one, other in zip(units, copy, strict=True))
    assert all(shapely.get_type_id(found) == shapely.GeometryType.POLYGON)
