"""Borders in short lines: no edge is lost, and each polygon lies on the left of its lines."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import Polygon, box

from geomerge.borders import CHUNK, Borders


@pytest.mark.parametrize("corners", [4, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 1])
def test_chunks_of_borders_are_short_and_lose_no_edge(corners: int) -> None:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    ring = Polygon(np.column_stack([np.cos(angles), np.sin(angles)]))
    holed = box(-5, -5, 5, 5).difference(ring)
    polygons = np.array([ring, holed, None, Polygon()], dtype=object)
    chunks = Borders(polygons).lines
    assert (shapely.get_num_coordinates(chunks) <= CHUNK + 1).all()
    assert shapely.length(chunks).sum() == pytest.approx(shapely.length(shapely.boundary(polygons[:2])).sum())
    assert shapely.union_all(chunks).equals(shapely.union_all(shapely.boundary(polygons[:2])))


def test_chunks_of_nothing() -> None:
    assert len(Borders(np.empty(0, dtype=object)).lines) == 0
    assert len(Borders(np.array([None, Polygon()], dtype=object)).lines) == 0
