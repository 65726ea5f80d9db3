"""Figures of a reform: the units before and after, side by side, coloured by what happened to them."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final, Literal

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from geomerge.crs import require_projected, require_same_crs
from geomerge.drawing import Widths, add_panel, changed_units, dashes, draw_panel, draw_scale
from geomerge.errors import InputError
from geomerge.layout import Extent, Frame, arrange
from geomerge.palette import CHANGES, INK, LINES, STRANGE_LETTERS

Format = Literal["png", "svg", "pdf"]

MARGIN: Final = 0.25  # inches round the figure
GAP: Final = 0.2  # inches between panels
HEADING: Final = 0.28  # inches for the heading of a panel
METADATA: Final[Mapping[str, Mapping[str, None]]] = MappingProxyType(
    {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
)


def change_map(
    units_before: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    lines: gpd.GeoDataFrame,
    *,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    labels: bool = True,
    extent: Literal["auto", "changes", "all"] | Extent = "auto",
    show: Literal["both", "before", "after", "change"] = "both",
) -> Figure:
    """Draw the units before and after, coloured by change, with the boundaries removed and new.

    Parameters
    ----------
    units_before, units
        Units of the day before and of the day after, with ``code``, ``name`` and ``change``.
    lines
        Boundary lines with ``status``: ``kept``, ``removed`` (shown before) or ``new`` (shown after).
    title
        Heading of the figure.
    size
        Width and height in inches; by default eleven inches wide, and as high as the map asks for.
    labels
        Whether to write name and code into the changed units they fit into.
    extent
        ``changes`` shows the changed units, ``all`` every unit, ``auto`` the changed units where they
        fill less than a third of the whole; or bounds ``(minx, miny, maxx, maxy)``.
    show
        One panel, or both; ``change`` is the units after, with the lines removed and the new ones in one map.

    Returns
    -------
    matplotlib.figure.Figure
        Write it with :func:`save_figure`.

    Examples
    --------
    >>> from shapely import LineString, box
    >>> old = {"code": ["0101", "0102"], "name": ["Aas", "Bø"], "change": ["merged", "merged"]}
    >>> new = {"code": ["0103"], "name": ["Aas"], "change": ["merged"]}
    >>> figure = change_map(
    ...     gpd.GeoDataFrame(old, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=25833),
    ...     gpd.GeoDataFrame(new, geometry=[box(0, 0, 18, 9)], crs=25833),
    ...     gpd.GeoDataFrame({"status": ["removed"]}, geometry=[LineString([(9, 0), (9, 9)])], crs=25833),
    ... )
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['Before · 2 units', 'After · 1 unit']
    """
    _check(units_before, units, lines)
    sides: list[tuple[str, gpd.GeoDataFrame, tuple[str, ...]]] = [
        ("Before", units_before, ("kept", "removed")),
        ("After", units, ("kept", "new")),
    ]
    if show == "change":
        sides = [("Change", changed_units(units_before, units), ("kept", "removed", "new"))]
    elif show != "both":
        sides = sides[:1] if show == "before" else sides[1:]
    bounds = extent_of(units_before, units, extent)
    legend = _legend_entries([side[1] for side in sides], lines, {name for side in sides for name in side[2]})
    width = size[0] if size else 11.0
    strip = MARGIN + 0.2 * math.ceil(len(legend) / _legend_columns(width)) + 0.12
    chrome = (MARGIN + (0.27 if title else 0.0), strip)
    ground = (bounds[2] - bounds[0], bounds[3] - bounds[1])
    with settings():
        figure = Figure(figsize=size or _page_size(ground, len(sides), sum(chrome)), facecolor="white")
        FigureCanvasAgg(figure)
        page, widths = tuple(figure.get_size_inches()), Widths()
        found = arrange(page, bounds, len(sides), Frame(MARGIN, *chrome, GAP, HEADING))
        panels = [add_panel(figure, found, number, widths=widths) for number in range(len(sides))]
        for panel, (heading, table, statuses) in zip(panels, sides, strict=True):
            draw_panel(panel, heading, table, lines, statuses, labels=labels)
        _draw_frame(figure, title, legend)
        draw_scale(figure, panels[-1], units.crs, right=width - MARGIN, base=MARGIN)
    return figure


def save_figure(
    figure: Figure, target: str | PathLike[str] | IO[bytes], *, format: Format = "png", dpi: int = 160
) -> None:
    """Write a figure so that the same figure gives the same bytes, without dates or program names.

    Parameters
    ----------
    figure
        What :func:`change_map` returned.
    target
        A path, or an open binary file.
    format
        ``png``, ``svg`` or ``pdf``.
    dpi
        Dots per inch of a PNG.

    Examples
    --------
    >>> buffer = io.BytesIO()
    >>> save_figure(Figure(figsize=(1, 1)), buffer, format="png")
    >>> buffer.getvalue()[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    with settings():
        figure.savefig(buffer, format=format, dpi=dpi, metadata=METADATA[format])
    content = buffer.getvalue()
    if format == "svg":
        content = _shorter(content.decode("utf-8")).encode("utf-8")
    if isinstance(target, (str, PathLike)):
        Path(target).write_bytes(content)
    else:
        target.write(content)


def figure_svg(figure: Figure) -> str:
    """Return the SVG markup of a figure, for :func:`geomerge.page.page`.

    Examples
    --------
    >>> figure_svg(Figure(figsize=(1, 1))).rstrip().endswith("</svg>")
    True
    """
    buffer = io.BytesIO()
    save_figure(figure, buffer, format="svg")
    return buffer.getvalue().decode("utf-8")


@contextmanager
def settings() -> Iterator[None]:
    """Draw with our settings whatever the user's are; a script the font lacks is no reason to warn."""
    with mpl.rc_context({"font.family": ["DejaVu Sans"], "svg.fonttype": "none", "svg.hashsalt": "geomerge"}):
        if any(getattr(known[1], "pattern", None) == STRANGE_LETTERS for known in warnings.filters):
            yield  # said already, by who draws in a thread of its own
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=STRANGE_LETTERS, category=UserWarning)
            yield


def _check(units_before: gpd.GeoDataFrame, units: gpd.GeoDataFrame, lines: gpd.GeoDataFrame) -> None:
    """Raise with every fault of the tables at once."""
    faults = []
    wanted = {"code", "name", "change"}
    for name, table, columns in (
        ("units_before", units_before, wanted),
        ("units", units, wanted),
        ("lines", lines, {"status"}),
    ):
        missing = sorted(columns - set(table.columns))
        if missing:
            faults.append(f"{name} has no column {', '.join(missing)}. Pass the tables a merge returns.")
        for column, known in (("change", CHANGES), ("status", LINES)):
            values = table[column] if column in columns & set(table.columns) else []
            unknown = sorted({str(value) for value in values} - set(known))
            if unknown:
                faults.append(f"{name} has the {column} {', '.join(unknown)}. Use one of {', '.join(known)}.")
    if faults:
        raise InputError(*faults)
    require_projected(units, "units")
    tables = {"units": units, "units_before": units_before, "lines": lines}
    require_same_crs(**{name: table for name, table in tables.items() if len(table)})


def extent_of(units_before: gpd.GeoDataFrame, units: gpd.GeoDataFrame, extent: str | Extent) -> Extent:
    """Return the bounds to show, with a margin of three per cent unless they were given."""
    if not isinstance(extent, str):
        if extent[0] >= extent[2] or extent[1] >= extent[3]:
            raise InputError(f"The extent {extent} is empty. Give minx, miny, maxx, maxy.")
        return extent
    if extent not in ("auto", "changes", "all"):
        raise InputError(f"extent is {extent!r}. Use auto, changes, all, or four numbers.")
    tables = (units_before, units)
    whole = _bounds([table.geometry for table in tables])
    changed = _bounds([table.geometry[table["change"] != "unchanged"] for table in tables])
    if whole is None:
        return (0.0, 0.0, 1.0, 1.0)
    if changed is None or extent == "all":
        bounds = whole
    else:
        zoom = extent == "changes" or _area(changed) * 3 < _area(whole)
        bounds = changed if zoom else whole
    margin = 0.03 * max(bounds[2] - bounds[0], bounds[3] - bounds[1]) or 1.0
    return (bounds[0] - margin, bounds[1] - margin, bounds[2] + margin, bounds[3] + margin)


def _bounds(columns: Sequence[gpd.GeoSeries]) -> Extent | None:
    corners = np.concatenate([shapely.bounds(column.to_numpy()).reshape(-1, 4) for column in columns])
    corners = corners[~np.isnan(corners).any(axis=1)]
    if not len(corners):
        return None
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _area(bounds: Extent) -> float:
    return (bounds[2] - bounds[0]) * (bounds[3] - bounds[1])


def _page_size(ground: tuple[float, float], count: int, chrome: float) -> tuple[float, float]:
    """Return a page eleven inches wide on which the panels have the proportions of the ground."""
    width = (11.0 - 2 * MARGIN - GAP * (count - 1)) / count
    return 11.0, chrome + HEADING + min(max(width * ground[1] / ground[0], 3.6), 7.5)


def _legend_entries(
    tables: Sequence[gpd.GeoDataFrame], lines: gpd.GeoDataFrame, statuses: set[str]
) -> list[Patch | Line2D]:
    """Return a legend entry for each change and each kind of line on the page."""
    changes = {change for table in tables for change in table["change"]}
    drawn = set(lines["status"]) & statuses
    patches: list[Patch | Line2D] = [
        Patch(facecolor=kind.color, edgecolor="#8a8a8a", linewidth=0.3, label=kind.text)
        for name, kind in CHANGES.items()
        if name in changes
    ]
    strokes = [
        Line2D([], [], color=kind.color, linewidth=max(kind.width, 0.8), linestyle=dashes(kind), label=kind.text)
        for name, kind in LINES.items()
        if name in drawn
    ]
    return [*patches, *strokes]


def _legend_columns(page_width: float) -> int:
    return max(1, int((page_width - 2 * MARGIN - 2.0) // 1.9))


def _draw_frame(figure: Figure, title: str | None, entries: list[Patch | Line2D]) -> None:
    """Write the title above the panels and the legend into the strip below them."""
    width, height = figure.get_size_inches()
    left = MARGIN / width
    if title:
        words = figure.text(left, 1 - MARGIN / height, title, fontsize=13, fontweight="bold", color=INK)
        words.set(va="top", parse_math=False)
    if entries:
        figure.legend(
            handles=entries,
            ncols=_legend_columns(width),
            loc="lower left",
            bbox_to_anchor=(left, MARGIN / height),
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            borderpad=0,
            borderaxespad=0,
            handlelength=1.8,
            handleheight=0.9,
            columnspacing=1.6,
        )


def _shorter(svg: str) -> str:
    """Return SVG with the coordinates of its shapes in hundredths of a point, and no line breaks in them."""

    def shorten(match: re.Match[str]) -> str:
        rounded = re.sub(r"(?<=\.\d\d)\d+", "", match.group())
        return rounded.replace(" \n", "\n").replace("\nL ", " ").replace("\n", " ")

    return re.sub(r'\bd="[^"]*"', shorten, svg)
