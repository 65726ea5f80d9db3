"""Pieces near a partition: of a continent, each partition is shown only what can matter to its rows."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely


class Territory:
    """All pieces, prepared once to find those that can matter to rows at some place with some codes.

    What becomes of a row follows from its code and its place alone. So the pieces of the units that its code
    names or that it may lie in decide on it, and what else goes to the same new units tells whether they merge.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.

    Examples
    --------
    >>> squares = [shapely.box(x, 0, x + 1, 1) for x in range(4)]
    >>> pieces = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "2", "3", "4"], "new_code": ["9", "2", "3", "9"], "event": "", "kind": "whole"},
    ...     geometry=squares,
    ... )
    >>> Territory(pieces).around([0.2, 0.2, 0.4, 0.4], ["3"])["old_code"].tolist()
    ['1', '3', '4']
    """

    def __init__(self, pieces: gpd.GeoDataFrame) -> None:
        self.pieces = pieces
        self.bounds = tuple(pieces.total_bounds.tolist())
        self._tree = shapely.STRtree(pieces.geometry.to_numpy())
        self._unit, codes = pd.factorize(pieces["old_code"])
        self._heir, _ = pd.factorize(pieces["new_code"])
        self._codes = pd.Index(codes)

    def around(self, bounds: Any, codes: Any) -> gpd.GeoDataFrame:
        """Return the pieces that can matter to rows within bounds that have some of the codes, in their order.

        Bounds that are not numbers are those of no place.
        """
        units = self._codes.get_indexer(pd.Index(codes, dtype=object))
        at = self._tree.query(shapely.box(*bounds)) if np.isfinite(bounds).all() else np.empty(0, dtype=np.intp)
        # land that is created belongs to no unit, and matters only where it lies
        units = np.union1d(units, self._unit[at])
        chosen = np.isin(self._unit, units[units >= 0])
        heirs = np.unique(self._heir[chosen])
        chosen |= np.isin(self._heir, heirs[heirs >= 0])
        chosen[at] = True
        return self.pieces[chosen]
