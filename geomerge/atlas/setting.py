"""What all sheets of a run are drawn with: the style, the place they lie in, and how wide letters are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd

from geomerge.atlas.style import Style
from geomerge.drawing import Widths, lighter
from geomerge.layout import Extent

INCH: Final = 25.4  # millimetres
LINE: Final = 1.3  # height of a line of text, by its size
GAP: Final = 0.2  # inches between what stands side by side


@dataclass(frozen=True)
class Place:
    """Where sheets lie: their CRS, and all units after, as light as a small map can show."""

    units: gpd.GeoDataFrame
    extent: Extent

    @classmethod
    def of(cls, units: gpd.GeoDataFrame) -> Place:
        """Return the place of units."""
        west, south, east, north = (float(value) for value in units.total_bounds)
        light = lighter(units[[units.geometry.name]], 8 * max(east - west, north - south))
        return cls(light, (west, south, east, north))


@dataclass(frozen=True)
class Setting:
    """What sheets are drawn with; each letter is measured once for all of them."""

    style: Style
    place: Place
    plain: Widths
    bold: Widths

    @classmethod
    def of(cls, style: Style, units: gpd.GeoDataFrame) -> Setting:
        """Return the setting for the maps of units in a style."""
        family = style.font.family
        return cls(style, Place.of(units), Widths(family=family), Widths(family=family, weight="bold"))

    @property
    def margin(self) -> float:
        """Inches round the page."""
        return self.style.page.margin / INCH


def text_height(lines: int, size: float) -> float:
    """Return the height in inches of lines of text of a size in points."""
    return lines * size * LINE / 72


def area(box: Extent) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
