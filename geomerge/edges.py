"""Boundary lines: the edges between pieces, told apart by what happened to them."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Geometries, Indices, Mask, objects, present
from geomerge.segments import Segments, segments_of

KEPT, REMOVED, NEW = "kept", "removed", "new"
SIDES = ("left_old", "right_old", "left_new", "right_new")


def boundary_lines(pieces: gpd.GeoDataFrame, *, parents: Sequence[tuple[str, pd.Series]] = ()) -> gpd.GeoDataFrame:
    """Return the lines between pieces: ``kept`` (borders before and after), ``removed`` (before), ``new``.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    parents
        Levels from the lowest to the highest, each with the parent by new code; a line is of the highest
        level it divides.

    Returns
    -------
    GeoDataFrame
        ``status``, ``level`` (``unit`` or the name of a level; ``outer`` where one side has no unit: after
        the change, or before it where the line is removed), ``left_old``, ``right_old``, ``left_new``,
        ``right_new`` (empty outside), ``length`` in CRS units, geometry (LineString or MultiLineString). Left
        and right are ordered by code, not by the direction of the line.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "2"], "new_code": ["9", "9"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
    ...     crs="EPSG:25832",
    ... )
    >>> lines = boundary_lines(table)
    >>> lines[["status", "level", "left_old", "right_old"]].values.tolist()
    [['kept', 'outer', '', '1'], ['kept', 'outer', '', '2'], ['removed', 'unit', '1', '2']]
    """
    runs, first, second = _runs(objects(pieces.geometry.to_numpy()))
    old = np.array([*pieces["old_code"].fillna(""), ""], dtype=object)  # the last is for outside
    new = np.array([*pieces["new_code"].fillna(""), ""], dtype=object)
    table = pd.DataFrame(
        dict(zip(SIDES, (old[first], old[second], new[first], new[second]), strict=True)), dtype=object
    )
    swap = (table["left_old"] + "\0" + table["left_new"]) > (table["right_old"] + "\0" + table["right_new"])
    table.loc[swap, list(SIDES)] = table.loc[swap, ["right_old", "left_old", "right_new", "left_new"]].to_numpy()
    before, after = table["left_old"] != table["right_old"], table["left_new"] != table["right_new"]
    table["status"] = np.select([before & after, before], [KEPT, REMOVED], NEW)
    table["level"] = _levels(table, parents)
    borders = table[before | after]
    columns = ["status", "level", *SIDES]
    rows, lines = [], []
    for key, positions in borders.groupby(columns).indices.items():
        rows.append(key)
        lines.append(shapely.line_merge(shapely.multilinestrings(runs[borders.index[positions]])))
    geometry = gpd.GeoSeries(objects(lines), crs=pieces.crs)
    found = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns, dtype=object), geometry=geometry, crs=pieces.crs)
    found.insert(len(columns), "length", shapely.length(objects(lines)))
    return found


def _runs(polygons: Geometries) -> tuple[Geometries, Indices, Indices]:
    """Return lines along which the same two polygons meet, and which these are; -1 where there is but one.

    Each edge is in one line; only edges equal in both corners are the same one.
    """
    there = np.flatnonzero(present(polygons))
    if not len(there):
        return objects([]), there, there
    segments = segments_of(polygons[there])
    owner = np.append(there[segments.owner], -1)
    beside, spare = _beside(segments)
    spare[segments.between] = True
    at = np.flatnonzero(~spare)
    first, second = owner[segments.ring(at)], owner[np.where(beside[at] < 0, -1, segments.ring(beside[at]))]
    fresh = np.flatnonzero(np.append(True, (np.diff(at) > 1) | (np.diff(second) != 0)))
    run = np.repeat(np.arange(len(fresh)), np.diff(np.append(fresh, len(at))))
    last = np.append(fresh[1:], len(at)) - 1
    corners = shapely.get_coordinates(polygons[there], include_z=bool(shapely.has_z(polygons[there]).any()))
    corners = corners if segments.kept is None else corners[segments.kept]
    taken = np.insert(at, last + 1, at[last] + 1)
    lines = shapely.linestrings(corners[taken], indices=np.insert(run, last + 1, run[last]))
    return np.asarray(lines, dtype=object), first[fresh], second[fresh]


def _beside(segments: Segments) -> tuple[Indices, Mask]:
    """Return the segment that each one meets, -1 without; and which are no edge of their own, but the same again."""
    one, other, more = segments.twins()
    low, high = np.sort_complex(np.stack([segments.start[more], segments.end[more]]).T).T
    order = np.lexsort([more, high, low])
    more, fresh = more[order], np.append(True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0))
    fresh = fresh[: len(more)]
    beside, spare = np.full(len(segments.start), -1), np.zeros(len(segments.start), dtype=bool)
    beside[one] = other
    beside[more[fresh]] = more[np.flatnonzero(fresh) + 1]
    spare[other] = spare[more[~fresh]] = True
    return beside, spare


def _levels(table: pd.DataFrame, parents: Sequence[tuple[str, pd.Series]]) -> pd.Series:
    level = pd.Series("unit", index=table.index, dtype=object)
    for name, parent in parents:
        left, right = table["left_new"].map(parent), table["right_new"].map(parent)
        level[left.notna() & right.notna() & (left != right)] = name
    removed = table["status"] == REMOVED
    outer = (table["left_new"] == "") | (table["right_new"] == "")
    outer_before = (table["left_old"] == "") | (table["right_old"] == "")
    level[outer.where(~removed, outer_before)] = "outer"
    return level
