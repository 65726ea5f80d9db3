"""Which polygons are invalid or do not share their edges, with a look only at what may be."""

from __future__ import annotations

import numpy as np
import shapely

from geomerge.coverage import Geometries, Indices, Mask, are_valid, around, faulty_edges, objects, present


def faulty(shapes: Geometries, chosen: Indices, gap_width: float) -> Mask:
    """Return which of the chosen polygons are invalid or do not match their neighbours."""
    invalid = ~are_valid(shapes[chosen])
    return np.asarray(invalid | ~shapely.is_missing(unmatched(shapes, chosen, gap_width)))


def unmatched(shapes: Geometries, chosen: Indices, gap_width: float = 0.0) -> Geometries:
    """Return the edges of the chosen polygons that break the coverage; all others are only looked at beside them."""
    found = objects([None] * len(shapes))
    near = around(shapes[chosen], shapes, gap_width)
    found[near] = faulty_edges(shapes[near], gap_width)
    return found[chosen]


def changed(shapes: Geometries, before: Geometries) -> Indices:
    """Return the positions of polygons that none before is equal to, byte by byte."""
    known = set(shapely.to_wkb(before[present(before)]).tolist())
    return np.array([at for at, wkb in enumerate(shapely.to_wkb(shapes)) if wkb and wkb not in known], dtype=np.intp)
