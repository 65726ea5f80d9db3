"""Fractal lines, and the land they enclose: a mainland, islands and lakes."""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

Coords = NDArray[np.float64]
Geometries = NDArray[np.object_]

GRID = 0.01  # every coordinate is a whole number of centimetres

# The lines are drawn by hand in kilometres (east, north) and broken up by `fractal`.
MAINLAND = [
    (578.6, 6606.0), (576.2, 6601.0), (575.0, 6596.5), (577.5, 6592.5), (582.0, 6591.5), (586.0, 6589.0),
    (585.0, 6584.5), (586.0, 6580.5), (587.6, 6576.0), (586.2, 6572.5), (588.0, 6569.2), (585.0, 6568.9),
    (582.4, 6569.6), (580.6, 6570.4), (579.2, 6569.2), (579.4, 6566.4), (577.9, 6563.6), (578.4, 6560.2),
    (576.9, 6556.5), (576.4, 6552.0), (575.0, 6547.6), (574.0, 6551.0), (573.3, 6555.2), (572.7, 6551.5),
    (571.4, 6547.0), (570.3, 6551.2), (569.9, 6555.4), (568.9, 6551.6), (566.5, 6546.2), (563.2, 6543.0),
    (561.4, 6541.2), (560.2, 6544.0), (559.4, 6546.6), (558.4, 6543.6), (557.2, 6539.8), (552.5, 6540.2),
    (548.2, 6540.6), (546.8, 6543.4), (547.4, 6548.2), (546.4, 6552.6), (545.4, 6548.0), (545.0, 6542.6),
    (541.5, 6540.0),
]  # fmt: skip
INLAND = [  # the far side, where the map simply ends
    (540.6, 6549.0), (541.8, 6558.0), (540.4, 6567.0), (541.2, 6577.0), (543.0, 6586.0), (547.6, 6593.0),
    (550.4, 6601.0), (555.5, 6605.2), (564.0, 6607.4), (572.0, 6605.8),
]  # fmt: skip
NOTTEROY = [
    (581.9, 6568.6), (583.6, 6567.9), (585.8, 6567.2), (586.4, 6563.0), (584.6, 6559.2), (582.2, 6558.6),
    (580.6, 6561.4), (580.8, 6565.2), (580.7, 6567.8),
]  # fmt: skip
TJOME = [(581.0, 6557.7), (583.2, 6557.4), (582.9, 6553.0), (581.4, 6547.4), (579.7, 6551.2), (579.9, 6555.4)]
LAKES = [
    [(563.6, 6573.6), (564.5, 6572.6), (564.2, 6571.2), (563.2, 6571.8)],  # inside one municipality
    [(553.8, 6566.0), (554.6, 6561.0), (556.2, 6556.4), (557.6, 6551.2), (555.4, 6555.2), (553.0, 6560.2)],
    [(582.2, 6585.8), (583.2, 6584.6), (582.6, 6583.4), (581.8, 6584.6)],
    [(560.4, 6595.2), (561.0, 6592.0), (560.2, 6589.4), (559.5, 6592.6)],
]
SKERRIES = [  # (east, north, how far they lie spread, how many)
    (583.0, 6553.0, 2.2, 9), (587.6, 6564.0, 2.0, 9), (580.0, 6547.5, 2.6, 6), (573.0, 6547.0, 2.6, 8),
    (562.6, 6540.6, 1.6, 5), (550.0, 6539.0, 2.4, 6), (587.4, 6586.6, 1.6, 3), (578.9, 6556.6, 1.3, 5),
    (546.0, 6545.6, 0.8, 3),
]  # fmt: skip


def fractal(line: Coords, rng: np.random.Generator, roughness: float, step: float) -> Coords:
    """Break a line up: halve each segment longer than `step`, moving its midpoint sideways."""
    while True:
        ahead = np.diff(line, axis=0)
        long = np.hypot(ahead[:, 0], ahead[:, 1]) > step
        if not long.any():
            return line
        sideways = ahead[:, ::-1] * (-1.0, 1.0) * rng.uniform(-roughness, roughness, (len(ahead), 1))
        middle = (line[:-1] + line[1:]) / 2 + sideways
        line = np.insert(line, np.flatnonzero(long) + 1, middle[long], axis=0)


def on_grid(geometry: BaseGeometry) -> BaseGeometry:
    return shapely.set_precision(geometry, GRID)


def _largest(shape: BaseGeometry) -> Polygon:
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]
    return max(parts, key=lambda part: part.area)


def _blob(outline: list[tuple[float, float]], rng: np.random.Generator, roughness: float = 0.24) -> Polygon:
    ring = np.array([*outline, outline[0]]) * 1000
    return _largest(shapely.make_valid(Polygon(fractal(ring, rng, roughness, 110)), method="structure"))


def _mainland(rng: np.random.Generator) -> Polygon:
    shore = fractal(np.array(MAINLAND) * 1000, rng, 0.28, 90)
    inland = fractal(np.array([MAINLAND[-1], *INLAND, MAINLAND[0]]) * 1000, rng, 0.12, 400)
    shape = _largest(shapely.make_valid(Polygon(np.vstack([shore, inland[1:]])), method="structure"))
    return Polygon(shape.exterior)  # without the puddles where the shore crosses itself


def _skerries(rng: np.random.Generator) -> list[Polygon]:
    islands = []
    for east, north, spread, count in SKERRIES:
        for _ in range(count):
            centre = np.array([east, north]) + rng.normal(0, spread / 2, 2)
            turns = np.sort(rng.uniform(0, 2 * np.pi, 7))
            reach = rng.lognormal(-1.1, 0.55) * rng.uniform(0.5, 1.0, 7)
            corners = centre + np.column_stack([np.cos(turns), np.sin(turns)]) * reach[:, None]
            islands.append(_blob([(x, y) for x, y in corners.tolist()], rng, 0.1))
    return islands


def make_land(rng: np.random.Generator) -> list[Polygon]:
    """The land in separate bodies: mainland, Nøtterøy and Tjøme first, then the small islands."""
    bodies = [_mainland(rng), _blob(NOTTEROY, rng), _blob(TJOME, rng)]
    lakes = shapely.union_all([_blob(lake, rng) for lake in LAKES])
    bodies[0] = _largest(on_grid(bodies[0].difference(lakes)))
    for island in _skerries(rng):
        if island.area > 15_000 and all(island.distance(body) > 80 for body in bodies):
            bodies.append(island)
    return [_largest(on_grid(body)) for body in bodies]
