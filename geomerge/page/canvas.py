"""The canvas of the map: a figure of Bokeh without data, which the script of the page fills, and Bokeh itself."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from geomerge.palette import INK, LINES, LineClass

# A second sign beside the colour, for eyes and printers that tell colours badly.
HATCHES: Final = {
    "merged": "right_diagonal_line",
    "split": "left_diagonal_line",
    "adjusted": "dot",
    "created": "cross",
    "abolished": "diagonal_cross",
    "renamed": "vertical_line",
    "corrected": "horizontal_line",
}
SIGNS: Final = {"must": "triangle", "should": "circle"}


def bokeh_script() -> str:
    """Return the script of Bokeh that draws figures, without widgets, tables and what else comes with it."""
    from bokeh.resources import Resources

    return "\n".join(script.strip() for script in Resources(mode="inline", components=["bokeh"]).js_raw)


def canvas() -> str:
    """Return the figure as JSON, the same each time; what is in it is found by its name.

    Examples
    --------
    >>> canvas() == canvas(), '"name":"units"' in canvas()
    (True, True)
    """
    from bokeh.document import Document

    document = Document()
    document.add_root(_figure())
    content: dict[str, Any] = dict(document.to_json(deferred=False))
    return _renumbered(json.dumps(content, separators=(",", ":")))


def _figure() -> Any:
    from bokeh.models import ColumnDataSource, PanTool, Range1d
    from bokeh.plotting import figure

    pan = PanTool()
    plot = figure(
        name="map",
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        sizing_mode="stretch_both",
        toolbar_location=None,
        tools=[pan],
        active_drag=pan,
        min_border=0,
        outline_line_color=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
    )
    plot.axis.visible = False
    plot.grid.visible = False

    def source(name: str, *columns: str) -> ColumnDataSource:
        return ColumnDataSource({column: [] for column in columns}, name=name)

    units = source("units", "xs", "ys", "fill", "hatch")
    signs: dict[str, Any] = {"hatch_pattern": "hatch", "hatch_color": INK, "hatch_alpha": 0.22, "hatch_scale": 9}
    plot.multi_polygons("xs", "ys", source=units, fill_color="fill", line_color=None, **signs)
    for name, kind in LINES.items():
        plot.multi_line("xs", "ys", source=source(name, "xs", "ys"), name=f"{name}_lines", **_stroke(kind))
    chosen = source("chosen", "xs", "ys")
    for name, width in (("chosen_edge", 7), ("chosen_line", 3)):
        plot.multi_polygons("xs", "ys", source=chosen, name=name, fill_color=None, line_width=width, line_join="round")
    labels = source("labels", "x", "y", "text", "size", "ink", "halo")
    face = {"value": "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"}
    text: dict[str, Any] = {"text_align": "center", "text_baseline": "middle", "text_font_size": "size"}
    text |= {"text_font": face, "text_color": "ink", "background_fill_color": "halo", "background_fill_alpha": 0.72}
    text |= {"border_radius": 4, "padding": 2, "border_line_color": None}
    plot.text("x", "y", source=labels, name="names", text="text", **text)
    places = source("places", "x", "y", "marker", "fill", "size")
    look: dict[str, Any] = {
        "marker": "marker",
        "size": "size",
        "fill_color": "fill",
        "line_color": INK,
        "line_width": 1.2,
    }
    plot.scatter("x", "y", source=places, name="marks", **look)
    return plot


def _stroke(kind: LineClass) -> dict[str, Any]:
    return {
        "line_color": kind.color,
        "line_width": kind.width * 1.5,
        "line_dash": [6, 4] if kind.dashed else "solid",
        "line_join": "round",
    }


def _renumbered(content: str) -> str:
    """Return a document with ids that count from 1, whatever the program made before it."""
    numbers: dict[str, str] = {}
    return re.sub(r'"p\d+"', lambda found: numbers.setdefault(found[0], f'"p{len(numbers) + 1}"'), content)
