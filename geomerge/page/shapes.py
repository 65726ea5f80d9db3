"""The shapes of the map: pieces with the corners a screen can show, joined to units, in few and short numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Geometries, join_all, objects
from geomerge.edges import boundary_lines
from geomerge.findings import Finding
from geomerge.page.texts import Texts
from geomerge.simplify import simplify

GRID: Final = 100_000  # steps across the map; nobody zooms in further
CORNERS: Final = 70_000  # of all pieces; twice as many numbers make half a megabyte
FINEST: Final = 20_000  # of the width of the map is the smallest detail


def light(pieces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return pieces with no more corners than a page can hold; edges that they share stay shared.

    Pieces that have few corners stay as they are.

    Examples
    --------
    >>> wave = [(x, x % 7) for x in range(CORNERS + 1)]
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1"], "new_code": ["1"]},
    ...     geometry=[shapely.Polygon([*wave, (CORNERS, 50_000), (0, 50_000)])],
    ...     crs="EPSG:25832",
    ... )
    >>> int(shapely.get_num_coordinates(light(table).geometry.iat[0])) < CORNERS
    True
    """
    west, south, east, north = pieces.total_bounds
    tolerance = max(east - west, north - south) / FINEST
    corners, found = _corners(pieces), pieces
    while corners > CORNERS:
        noticed: list[Finding] = []  # what a coarse map leaves out is no finding of the run
        found = simplify(found, tolerance=tolerance, smallest=tolerance**2 * 4, code="old_code", findings=noticed)
        if _corners(found) > 0.9 * corners and tolerance > (east - west) / 200:
            break
        corners, tolerance = _corners(found), tolerance * 1.6
    return found


def _corners(pieces: gpd.GeoDataFrame) -> int:
    return int(shapely.get_num_coordinates(pieces.geometry.to_numpy()).sum())


class Shapes:
    """Shapes in whole steps of a grid; each ring and each line once, every corner as its distance to the one before.

    Parameters
    ----------
    bounds
        What the grid covers.

    Attributes
    ----------
    rings
        All rings: the first corner, then the steps to each next one.
    """

    def __init__(self, bounds: Iterable[float]) -> None:
        self.west, self.south, east, north = (float(value) for value in bounds)
        self.step = max(east - self.west, north - self.south) / GRID or 1.0
        self.rings: list[list[int]] = []
        self._known: dict[bytes, int] = {}

    def at(self, x: float, y: float) -> list[int]:
        """Return a place in steps."""
        return [round((x - self.west) / self.step), round((y - self.south) / self.step)]

    def box(self, shape: Any) -> list[int]:
        """Return the bounds of a shape in steps."""
        west, south, east, north = shapely.bounds(shape).tolist()
        return [*self.at(west, south), *self.at(east, north)]

    def line(self, line: Any) -> list[int]:
        """Return a line, or a ring, as its first corner and the steps to each next one."""
        corners = shapely.get_coordinates(line)
        steps = np.rint((corners - (self.west, self.south)) / self.step).astype(np.int64)
        moved = np.diff(steps, axis=0)
        kept = moved[(moved != 0).any(axis=1)]
        return [int(value) for value in np.concatenate([steps[:1], kept]).ravel()]

    def polygons(self, shape: Any) -> list[list[int]]:
        """Return the rings of each polygon of a shape by their number, the outer one first."""
        return [
            [self._ring(part.exterior), *(self._ring(ring) for ring in part.interiors)]
            for part in shapely.get_parts([shape])
            if part.geom_type == "Polygon" and not part.is_empty
        ]

    def _ring(self, ring: Any) -> int:
        known = shapely.to_wkb(shapely.normalize(ring))
        if known not in self._known:
            self._known[known] = len(self.rings)
            self.rings.append(self.line(ring))
        return self._known[known]


def map_data(
    pieces: gpd.GeoDataFrame,
    before: pd.DataFrame,
    after: pd.DataFrame,
    findings: Sequence[tuple[int, Finding]],
    texts: Texts,
) -> dict[str, Any]:
    """Return what the map of the page shows, ready for JSON.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    before, after
        Units with ``code``, ``name``, ``change``, ``area`` in square metres, and ``successors`` or ``predecessors``.
    findings
        What the checks found, each with its number on the page.
    texts
        The language of numbers.
    """
    drawn = light(pieces)
    shapes = Shapes(drawn.total_bounds)
    polygons = objects(drawn.geometry.to_numpy())
    sides = {"before": (before, "old_code", "successors"), "after": (after, "new_code", "predecessors")}
    found = {
        side: _units(shapes, polygons, drawn[column], table, others, texts)
        for side, (table, column, others) in sides.items()
    }
    changed = [row for side in found.values() for row in side if row["change"] != "unchanged"]
    lines: dict[str, list[list[int]]] = {"kept": [], "removed": [], "new": []}
    drawn_lines = boundary_lines(drawn)
    for status, geometry in zip(drawn_lines["status"], drawn_lines.geometry, strict=True):
        lines[status] += [shapes.line(part) for part in shapely.get_parts([geometry])]
    return {
        **found,
        "lines": lines,
        "rings": shapes.rings,
        "all": shapes.box(shapely.box(*drawn.total_bounds)),
        "changes": _around([row["box"] for row in changed]),
        "metre": 1 / shapes.step,
        "findings": _places(shapes, findings),
    }


def _units(
    shapes: Shapes, polygons: Geometries, codes: pd.Series, table: pd.DataFrame, others: str, texts: Texts
) -> list[dict[str, Any]]:
    """Return the units of one side that have land, each with its polygons and the place of its name."""
    groups: Mapping[Any, Any] = codes.groupby(codes).indices
    rows = [row for row in table.to_dict("records") if row["code"] in groups]
    joined = join_all(polygons, [np.sort(groups[row["code"]]) for row in rows])
    found = []
    for row, shape in zip(rows, joined, strict=True):
        parts = shapely.get_parts([shape])
        widest = parts[int(np.argmax(shapely.area(parts)))]
        west, south, east, north = shapely.bounds(widest)
        circle = shapely.maximum_inscribed_circle(widest, tolerance=max(east - west, north - south) / 50)
        x, y = shapely.get_coordinates(circle)[0].tolist()
        found.append(
            {
                "code": str(row["code"]),
                "name": str(row["name"]),
                "change": str(row["change"]),
                "others": str(row.get(others) or "").split(),
                "area": texts.square_km(row["area"]),
                "shape": shapes.polygons(shape),
                "box": shapes.box(shape),
                "label": [*shapes.at(x, y), round(shapely.length(circle) / shapes.step)],
            }
        )
    return found


def _around(boxes: Sequence[Sequence[int]]) -> list[int] | None:
    if not boxes:
        return None
    table = np.array(boxes)
    return [int(value) for value in (*table[:, :2].min(axis=0), *table[:, 2:].max(axis=0))]


def _places(shapes: Shapes, findings: Sequence[tuple[int, Finding]]) -> list[dict[str, Any]]:
    """Return the findings that have a place, with their number on the page."""
    found = []
    for number, finding in findings:
        if finding.geometry is None or finding.geometry.is_empty:
            continue
        middle = shapely.point_on_surface(finding.geometry)
        found.append(
            {
                "number": number,
                "severity": finding.severity,
                "text": finding.what,
                "at": shapes.at(middle.x, middle.y),
                "box": shapes.box(finding.geometry),
            }
        )
    return found
