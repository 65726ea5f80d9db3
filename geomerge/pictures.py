"""The pictures of a run: the units before and after, and each alone, drawn while other results are written."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import geopandas as gpd
import numpy as np

from geomerge.palette import STRANGE_LETTERS


def draw(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, lines: gpd.GeoDataFrame, title: str) -> dict[str, bytes]:
    """Return the pictures of a reform by the names of their files.

    Parameters
    ----------
    before, after, lines
        As for :func:`geomerge.change_map`.
    title
        Heading of the picture that shows both sides.
    """
    from geomerge.maps import change_map, figure_svg, save_figure  # takes as long to load as to draw

    before, after, lines = _as_light_as_shown(before, after, lines)
    both = change_map(before, after, lines, title=title)
    png = io.BytesIO()
    save_figure(both, png, format="png")
    return {
        "before_after.png": png.getvalue(),
        "before_after.svg": figure_svg(both).encode(),
        "before.svg": figure_svg(change_map(before, after, lines, show="before")).encode(),
        "after.svg": figure_svg(change_map(before, after, lines, show="after")).encode(),
    }


@contextlib.contextmanager
def background() -> Iterator[Executor]:
    """Give a thread to draw in, which is done when the block is left.

    What is ignored of warnings is one for all threads, so it is said here, not where the thread draws.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(1) as pool:
        warnings.filterwarnings("ignore", message=STRANGE_LETTERS, category=UserWarning)
        yield pool


def _as_light_as_shown(*tables: gpd.GeoDataFrame) -> list[gpd.GeoDataFrame]:
    """Return tables with the corners that maps of what changes can show."""
    from geomerge.drawing import lighter

    changed = [table[table["change"] != "unchanged"] for table in tables if "change" in table.columns]
    boxes = [table.total_bounds for table in changed if len(table)]
    boxes = boxes or [table.total_bounds for table in tables if len(table)]
    widths = [max(east - west, north - south) for west, south, east, north in boxes]
    return [lighter(table, np.nanmin([*widths, np.inf])) for table in tables]
