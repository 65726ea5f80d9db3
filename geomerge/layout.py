"""Layout: where the maps of a page stand, so that they show the same ground as large as the page allows."""

from __future__ import annotations

from dataclasses import dataclass

Extent = tuple[float, float, float, float]
Box = tuple[float, float, float, float]  # left, base, width, height in inches


@dataclass(frozen=True)
class Frame:
    """What a page keeps free of maps, in inches: round it, above and below all maps, between them, and above each."""

    margin: float
    above: float
    below: float
    gap: float
    heading: float


@dataclass(frozen=True)
class Layout:
    """Where the maps stand on the page, which ground each of them shows, and how much of it is an inch."""

    boxes: tuple[Box, ...]
    shown: Extent
    inch: float


def arrange(page: tuple[float, float], extent: Extent, count: int, frame: Frame) -> Layout:
    """Lay out maps beside or above each other, whichever shows more, and fill them with ground.

    Parameters
    ----------
    page
        Width and height in inches.
    extent
        Ground that each map has to show.
    count
        Number of maps.
    frame
        What the page keeps free of maps.

    Examples
    --------
    >>> found = arrange((9, 5), (0, 0, 10, 10), 2, Frame(margin=0.5, above=0.5, below=0.5, gap=0, heading=0))
    >>> found.boxes, found.inch
    (((0.5, 0.5, 4.0, 4.0), (4.5, 0.5, 4.0, 4.0)), 2.5)
    """
    width, height = page[0] - 2 * frame.margin, page[1] - (frame.above + frame.below)
    choices = []
    for columns, rows in ((count, 1), (1, count)):
        across = (width - frame.gap * (columns - 1)) / columns
        up = (height - frame.gap * (rows - 1)) / rows - frame.heading
        inch = max((extent[2] - extent[0]) / across, (extent[3] - extent[1]) / max(up, 0.1))
        choices.append((inch, rows, columns, across, max(up, 0.1)))
    inch, _, columns, across, up = min(choices)
    x, y = (extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2
    shown = (x - across * inch / 2, y - up * inch / 2, x + across * inch / 2, y + up * inch / 2)
    boxes = []
    for number in range(count):
        row, column = divmod(number, columns)
        base = page[1] - frame.above - (row + 1) * (up + frame.heading) - row * frame.gap
        boxes.append((frame.margin + column * (across + frame.gap), base, across, up))
    return Layout(tuple(boxes), shown, inch)
