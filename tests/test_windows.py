"""Windows: the same as a plain intersection, whatever else is intersected beside."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import LineString, Point, box

from geomerge.windows import LONG, intersections

CIRCLE = Point(0, 0).buffer(100, quad_segs=2 * LONG)
AROUND = box(-200, -200, 200, 200).difference(CIRCLE)


@pytest.mark.parametrize("form", ["areas", "lines"])
def test_windows_give_the_same_as_a_plain_intersection(form: str) -> None:
    angles = np.linspace(0, 2 * np.pi, 200)
    x, y = 100 * np.cos(angles), 100 * np.sin(angles)
    shapes = np.asarray(shapely.box(x - 2, y - 2, x + 3, y + 1))
    if form == "lines":
        shapes = shapely.linestrings(np.stack([np.column_stack([x, y]), np.column_stack([x * 1.1, y * 0.9])], axis=1))
    polygons = np.array([CIRCLE, AROUND])
    for number, polygon in enumerate(polygons):
        found = intersections(shapes, polygons, np.full(len(shapes), number))
        plain = shapely.intersection(shapes, polygon)
        measure = shapely.area if form == "areas" else shapely.length
        np.testing.assert_allclose(measure(found), measure(plain), atol=1e-9)


def test_no_shape_depends_on_others() -> None:
    shapes = np.array(
        [box(95, -1, 105, 1), box(-105, -1, -95, 1), LineString([(-150, 0), (150, 3)]), box(0, 90, 9, 101)]
    )
    polygons = np.array([CIRCLE, AROUND])
    for number in (0, 1):
        together = intersections(shapes, polygons, np.full(4, number))
        alone = [intersections(shapes[[one]], polygons, np.array([number]))[0] for one in range(4)]
        assert shapely.to_wkb(together).tolist() == shapely.to_wkb(alone).tolist()


def test_no_shapes() -> None:
    assert len(intersections(np.empty(0, dtype=object), np.array([CIRCLE]), np.empty(0, dtype=np.intp))) == 0
