"""Boundary lines: the edges between pieces, told apart by what happened to them."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

KEPT, REMOVED, NEW = "kept", "removed", "new"


def boundary_lines(
    pieces: gpd.GeoDataFrame, *, parents: Sequence[tuple[str, pd.Series]] = ()
) -> gpd.GeoDataFrame:
    """Return the lines between pieces: ``kept`` (a border before and after), ``removed`` (before), ``new`` (after).

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    parents
        Levels from the lowest to the highest, each with the parent by new code; a line is of the highest level it
        divides.

    Returns
    -------
    GeoDataFrame
        ``status``, ``level`` (``unit`` or the name of a level; ``outer`` where one side has no unit), ``left_old``,
        ``right_old``, ``left_new``, ``right_new`` (empty outside), ``length`` in CRS units, geometry (LineString or
        MultiLineString). Left and right are ordered by code, not by the direction of the line.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "2"], "new_code": ["9", "9"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs="EPSG:25832")
    >>> lines = boundary_lines(table)
    >>> lines[["status", "level", "left_old", "right_old"]].values.tolist()
    [['kept', 'outer', '', '1'], ['kept', 'outer', '', '2'], ['removed', 'unit', '1', '2']]
    """
    segments, first, second = _edges(pieces.geometry.to_numpy())
    old = np.append(pieces["old_code"].fillna("").to_numpy(dtype=object), "")
    new = np.append(pieces["new_code"].fillna("").to_numpy(dtype=object), "")
    table = pd.DataFrame(
        {"left_old": old[first], "right_old": old[second], "left_new": new[first], "right_new": new[second]}
    )
    swap = (table["left_old"] + "|" + table["left_new"]) > (table["right_old"] + "|" + table["right_new"])
    sides = ["left_old", "right_old", "left_new", "right_new"]
    table.loc[swap, sides] = table.loc[swap, ["right_old", "left_old", "right_new", "left_new"]].to_numpy()
    before, after = table["left_old"] != table["right_old"], table["left_new"] != table["right_new"]
    table["status"] = np.select([before & after, before], [KEPT, REMOVED], NEW)
    table["level"] = _levels(table, parents)
    table = table[before | after]
    rows, lines = [], []
    for key, positions in table.groupby(["status", "level", *sides]).indices.items():
        rows.append(key)
        lines.append(shapely.line_merge(shapely.multilinestrings(segments[table.index[positions]])))
    found = gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=["status", "level", *sides]), geometry=gpd.GeoSeries(lines, crs=pieces.crs)
    )
    found.insert(6, "length", found.geometry.length)
    return found


def _edges(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each distinct edge once, with the positions of the polygons on its two sides (-1 where there is none)."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    start, end = coordinates[:-1][same], coordinates[1:][same]
    holder = owner[ring_part[ring[:-1][same]]]
    backwards = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[backwards], end[backwards] = end[backwards].copy(), start[backwards].copy()
    edges = np.column_stack([start, end])
    order = np.lexsort(edges.T[::-1])
    edges, holder = edges[order], holder[order]
    fresh = np.ones(len(edges), dtype=bool)
    fresh[1:] = (edges[1:] != edges[:-1]).any(axis=1)
    at = np.flatnonzero(fresh)
    following = np.minimum(at + 1, len(edges) - 1)
    second = np.where(~fresh[following], holder[following], -1)
    return shapely.linestrings(edges[at].reshape(-1, 2, 2)), holder[at], second


def _levels(table: pd.DataFrame, parents: Sequence[tuple[str, pd.Series]]) -> pd.Series:
    level = pd.Series("unit", index=table.index, dtype=object)
    for name, parent in parents:
        left, right = table["left_new"].map(parent), table["right_new"].map(parent)
        level[left.notna() & right.notna() & (left != right)] = name
    outer = ((table["left_old"] == "") & (table["left_new"] == "")) | (
        (table["right_old"] == "") & (table["right_new"] == "")
    )
    level[outer] = "outer"
    return level
