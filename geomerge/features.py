"""Features whose geometry is looked at only where it matters: their boxes tell most of what is asked."""

from __future__ import annotations

from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import shapely

from geomerge.coverage import Geometries, Indices, Numbers


class Features(Protocol):
    """Rows with a place, in memory or in a file that is read where it has to be.

    ``crs`` is the CRS of what the two methods return, that of the pieces.
    """

    @property
    def crs(self) -> Any:
        """CRS of boxes and geometry, None where it is not known."""

    def __len__(self) -> int: ...

    def bounds(self) -> Numbers:
        """Return a box around each feature: min x, min y, max x, max y in an array of shape (n, 4).

        A box holds all of its feature and may be larger, as those of an index that is rounded outwards. Four
        times NaN says that the feature is missing or empty. ``-inf, -inf, inf, inf`` says that the box is not
        known: that feature is looked at.
        """

    def geometry(self, rows: Indices) -> Geometries:
        """Return the geometry of some rows, by their positions; they ascend, and none stands twice.

        Called once or several times, never from two threads at once, with some thousand rows or more.
        """


class Held:
    """The features of a table in memory; nothing of them is looked at before it is asked for.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), None], crs="EPSG:25832")
    >>> held = Held(squares)
    >>> held.bounds().tolist()
    [[0.0, 0.0, 1.0, 1.0], [nan, nan, nan, nan]]
    >>> held.geometry(np.array([1])).tolist()
    [None]
    """

    def __init__(self, table: gpd.GeoDataFrame) -> None:
        self._table = table

    @property
    def crs(self) -> Any:
        return self._table.crs

    def __len__(self) -> int:
        return len(self._table)

    def bounds(self) -> Numbers:
        return np.asarray(shapely.bounds(self._table.geometry.to_numpy()), dtype=np.float64)

    def geometry(self, rows: Indices) -> Geometries:
        return np.asarray(self._table.geometry.to_numpy(), dtype=object)[rows]
