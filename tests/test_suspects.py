"""Suspects: no fault is missed that a search of all polygons finds, whatever is wrong with them."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geomerge.coverage import faulty_edges, objects, present
from geomerge.suspects import suspects

WIDTHS = (0.0, 0.003, 0.01, 0.5)
STEPS = (1e-9, 1e-5, 0.0005, 0.002, 0.0099, 0.01, 0.02, 0.3, 2.0)


def searched(polygons, gap_width):
    """Return the faults of all polygons, with each of them looked at."""
    found = np.full(len(polygons), None, dtype=object)
    for width in sorted({0.0, gap_width / 100, gap_width / 10, gap_width}):
        edges = shapely.coverage_invalid_edges(polygons, gap_width=width)
        fresh = present(edges) & shapely.is_missing(found)
        found[fresh] = edges[fresh]
    return found


@st.composite
def coverages(draw):
    """Return polygons put together from the cells of a grid whose corners were moved about; some cells are nobody's."""
    columns, rows = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    corners = np.stack(np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0)), axis=-1)
    corners = (corners + rng.uniform(-0.3, 0.3, corners.shape) * draw(st.sampled_from([0, 1]))) * 10
    corners = corners + draw(st.sampled_from([0, (6e5, 7e6)]))
    cells = {
        (x, y): shapely.Polygon([corners[y, x], corners[y, x + 1], corners[y + 1, x + 1], corners[y + 1, x]])
        for x in range(columns)
        for y in range(rows)
    }
    owner = rng.integers(-1, draw(st.integers(1, 8)), len(cells))
    groups = [[cell for cell, mine in zip(cells.values(), owner, strict=True) if mine == n] for n in range(8)]
    return [shapely.coverage_union_all(group) for group in groups if group]


@st.composite
def damaged(draw):
    """Return a coverage in which a few things are wrong."""
    shapes = draw(coverages())
    for _ in range(draw(st.integers(0, 4))):
        if not shapes:
            break
        at = draw(st.integers(0, len(shapes) - 1))
        damage = draw(st.sampled_from(DAMAGES))
        shapes[at : at + 1] = damage(draw, shapes[at])
        shapes = [shape for shape in shapes if shape.geom_type.endswith("Polygon") and not shape.is_empty]
    if draw(st.booleans()):
        shapes = [shapely.normalize(shape) if draw(st.booleans()) else shapely.reverse(shape) for shape in shapes]
    return objects(shapes)


def corner_changed(draw, shape, change):
    """Return a shape with one of its corners changed."""
    parts = [part for part in shapely.get_parts(shape) if not part.is_empty]
    which = draw(st.integers(0, len(parts) - 1))
    line = parts[which].exterior.coords[:-1]
    at = draw(st.integers(0, len(line) - 1))
    line[at : at + 1] = change(line, at)
    if len(line) > 2:
        parts[which] = shapely.Polygon(line, [ring.coords for ring in parts[which].interiors])
    return [parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)]


def moved(draw, shape):
    step, turn = draw(st.sampled_from(STEPS)), draw(st.floats(0, 6.28))
    return corner_changed(
        draw, shape, lambda line, at: [(line[at][0] + step * np.cos(turn), line[at][1] + step * np.sin(turn))]
    )


def removed(draw, shape):
    return corner_changed(draw, shape, lambda line, at: [])  # noqa: ARG005


def added(draw, shape):
    beside = draw(st.sampled_from([0, *STEPS]))
    return corner_changed(
        draw, shape, lambda line, at: [line[at], tuple((np.add(line[at], line[at - 1])) / 2 + (0, beside))]
    )


def repeated(draw, shape):
    return corner_changed(draw, shape, lambda line, at: [line[at], line[at]])


def shifted(draw, shape):
    step = draw(st.sampled_from(STEPS))
    return [shapely.transform(shape, lambda at: at + np.array([step, step / 3]))]


def shrunk(draw, shape):
    return [shape.buffer(draw(st.sampled_from([-1, 1])) * draw(st.sampled_from(STEPS)), join_style="mitre")]


def copied(draw, shape):
    return [shape, shape] if draw(st.booleans()) else [shape, shapely.normalize(shape), shapely.reverse(shape)]


def nested(draw, shape):
    """Add what lies inside a shape, or has its corner in common with it."""
    centre = shape.representative_point()
    inner = shapely.transform(shape, lambda at: (at - (centre.x, centre.y)) * 0.2 + (centre.x, centre.y))
    corner = shapely.get_coordinates(shape)[0]
    touching = shapely.Polygon([corner, inner.centroid, (centre.x, centre.y + 0.1)])
    return [shape, draw(st.sampled_from([inner, touching, centre.buffer(0.5)]))]


def cut_out(draw, shape):
    """Take out a hole, filled by another polygon or by a copy of it that is narrower."""
    hole = shape.representative_point().buffer(1, 2)
    rest = shapely.difference(shapely.make_valid(shape), hole)
    return [rest, draw(st.sampled_from([hole, hole.buffer(-0.005), shapely.reverse(hole)]))]


def split(draw, shape):
    """Divide a shape by lines close to each other: what lies between is a sliver, a gap, or a strip of a neighbour."""
    west, south, east, north = shape.bounds
    at, width = (west + east) / 2, draw(st.sampled_from([0.002, 0.2]))
    left, right = shapely.box(west, south, at, north), shapely.box(at + width, south, east, north)
    shape = shapely.make_valid(shape)
    parts = [shapely.intersection(shape, left), shapely.intersection(shape, right)]
    return [*parts, shapely.intersection(shape, shapely.box(at, south, at + width, north))][: draw(st.integers(2, 3))]


def crossed(draw, shape):  # noqa: ARG001
    """Make a shape invalid: two corners change places."""
    line = shapely.get_parts(shape)[0].exterior.coords[:-1]
    line[0], line[1] = line[1], line[0]
    return [shapely.Polygon(line)]


DAMAGES = [moved, removed, added, repeated, shifted, shrunk, copied, nested, cut_out, split, crossed]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged(), st.sampled_from(WIDTHS))
def test_every_fault_is_found(polygons, gap_width):
    expected, found = searched(polygons, gap_width), faulty_edges(polygons, gap_width)
    assert [edge and shapely.normalize(edge).wkt for edge in found] == [
        edge and shapely.normalize(edge).wkt for edge in expected
    ]


@settings(max_examples=60, deadline=None)
@given(coverages(), st.sampled_from(WIDTHS[:3]))
def test_a_sound_coverage_is_hardly_looked_at(shapes, gap_width):
    assert not len(shapes) or not suspects(objects(shapes), gap_width).any()
