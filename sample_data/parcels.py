"""The ground of the cadastre: districts split into farms, and farms into parcels."""

from typing import NamedTuple

import numpy as np
import shapely
from coast import GRID, Geometries, fractal
from numpy.typing import NDArray
from regions import Districts, noded_faces
from shapely import LineString, Polygon, STRtree
from shapely.geometry.base import BaseGeometry
from shapely.ops import split

FARMS = {"0704": (1, 62), "0706": (1, 161), "0719": (2, 128), "0720": (7, 158)}  # first and last gnr
RURAL = {"0704": 1.5e5, "0706": 1.15e5, "0719": 2.1e5, "0720": 1.0e5}  # usual parcel, m2
SETTLEMENTS = [  # east, north (km), radius (km), parcel in the middle (m2)
    (569.4, 6556.8, 1.3, 1500), (571.4, 6553.0, 0.6, 1800), (567.6, 6560.2, 0.5, 1600),
    (573.4, 6565.8, 0.7, 1500),
    (578.2, 6567.5, 0.65, 1900), (576.6, 6562.8, 0.4, 1500), (566.6, 6573.0, 0.55, 1500),
    (563.6, 6566.6, 0.45, 1500), (577.6, 6572.6, 0.5, 1600),
]  # fmt: skip


class Parcels(NamedTuple):
    """One row per piece of ground before it gets a key; `farm` counts within the municipality."""

    codes: list[str]
    farms: list[int]
    shapes: list[Polygon]


def _usual_size(area: Polygon, code: str) -> float:
    """How large a parcel usually is here: small in a settlement, large in a forest."""
    size = RURAL[code]
    for east, north, radius, smallest in SETTLEMENTS:
        away = shapely.distance(area, shapely.Point(east * 1000, north * 1000)) / (radius * 1000)
        size = min(size, smallest + (RURAL[code] - smallest) * min(1.0, away**3))
    return size


def _chord(area: Polygon, rng: np.random.Generator) -> LineString | None:
    """A line across the narrow side of an area, a little longer than needed so that it surely cuts."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(area))
    one, two = corners[1] - corners[0], corners[2] - corners[1]
    along, across = (one, two) if np.hypot(*one) > np.hypot(*two) else (two, one)
    start = corners[0] if along is one else corners[1]
    middle = start + along * rng.uniform(0.38, 0.62) + across / 2 * (1 if along is one else -1)
    lean = across + along / np.hypot(*along) * np.hypot(*across) * rng.uniform(-0.12, 0.12)
    inside = shapely.get_parts(shapely.intersection(LineString([middle - lean, middle + lean]), area))
    longest = max(inside, key=shapely.length, default=None)
    if longest is None or longest.length < 1:
        return None
    line = shapely.get_coordinates(longest)
    ahead = (line[-1] - line[0]) / np.hypot(*(line[-1] - line[0])) * 3 * GRID
    line = np.vstack([line[0] - ahead, line[1:-1], line[-1] + ahead])
    return LineString(fractal(line, rng, 0.07, 260))


def _halves(area: Polygon, rng: np.random.Generator) -> tuple[list[Polygon], LineString | None]:
    """The area in two parts and the line between them; in one part where no good line is found."""
    for _ in range(12):
        line = _chord(area, rng)
        if line is None:
            continue
        parts = [part for part in split(area, line).geoms if isinstance(part, Polygon)]
        if len(parts) == 2 and min(part.area for part in parts) > 0.22 * area.area:
            return parts, line
    return [area], None


def _farms(area: Polygon, count: int, rng: np.random.Generator, lines: list[BaseGeometry]) -> list[Polygon]:
    """Split an area into `count` farms, neighbours next to each other in the list."""
    if count == 1:
        return [area]
    parts, line = _halves(area, rng)
    if line is None:
        raise ValueError(f"No line divides {area.centroid.wkt} into {count} farms.")
    lines.append(line)
    first = min(max(round(count * parts[0].area / area.area), 1), count - 1)
    return _farms(parts[0], first, rng, lines) + _farms(parts[1], count - first, rng, lines)


def _fields(area: Polygon, code: str, rng: np.random.Generator, lines: list[BaseGeometry]) -> list[Polygon]:
    """Split a farm into parcels of the usual size of the place."""
    if area.area < _usual_size(area, code) * rng.uniform(0.9, 2.2):
        return [area]
    parts, line = _halves(area, rng)
    if line is None:
        return [area]
    lines.append(line)
    return [field for part in parts for field in _fields(part, code, rng, lines)]


def _without_holes(shape: BaseGeometry, lines: list[BaseGeometry]) -> list[Polygon]:
    """The simple parts of a district; a line through each lake opens the ring around it."""
    parts = list(shapely.get_parts(shape))
    while any(part.interiors for part in parts):
        part = next(part for part in parts if part.interiors)
        parts.remove(part)
        middle = part.interiors[0].centroid
        west, south, east, north = part.bounds
        lean = (north - south) / 9
        line = LineString([(west - 1, middle.y - lean), (east + 1, middle.y + lean)])
        lines.append(shapely.intersection(line, shapely.buffer(part, 3 * GRID)))
        parts.extend(split(part, line).geoms)
    return parts


def districts_with_parcels(districts: Districts) -> list[int]:
    """All districts of the three municipalities that merge, and those of Tønsberg next to Stokke."""
    codes, shapes = districts.codes, districts.shapes
    stokke = shapely.coverage_union_all([s for s, c in zip(shapes, codes, strict=True) if c == "0720"])
    return [
        d
        for d, code in enumerate(codes)
        if code in FARMS
        and (code != "0704" or shapely.length(shapely.intersection(shapes[d].boundary, stokke.boundary)) > 1)
    ]


def _shares(areas: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Divide `total` in proportion to the areas, at least one each."""
    exact = areas / areas.sum() * (total - len(areas))
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(-(exact - shares), kind="stable")[: total - len(areas) - shares.sum()]] += 1
    return np.asarray(shares + 1)


def divide(districts: Districts, rng: np.random.Generator) -> tuple[Parcels, list[BaseGeometry]]:
    """Parcels as drawn, and the lines between them: not yet noded with their neighbours."""
    parcels, lines = Parcels([], [], []), list[BaseGeometry]()
    within = districts_with_parcels(districts)
    for code, (first, last) in FARMS.items():
        mine = [districts.shapes[d] for d in within if districts.codes[d] == code]
        whole = [part for shape in mine for part in _without_holes(shape, lines)]
        large = [part for part in whole if part.area > 1e6]
        counts = _shares(shapely.area(large), last - first + 1)
        farms = [f for p, n in zip(large, counts, strict=True) for f in _farms(p, int(n), rng, lines)]
        islets = [(shapely.distance(farms, part).argmin(), part) for part in whole if part.area <= 1e6]
        for number, farm in enumerate(farms):
            ground = [farm, *(part for nearest, part in islets if nearest == number)]
            fields = [field for part in ground for field in _fields(part, code, rng, lines)]
            parcels.codes.extend([code] * len(fields))
            parcels.farms.extend([first + number] * len(fields))
            parcels.shapes.extend(fields)
    return parcels, lines


def node(districts: Districts, parcels: Parcels, lines: list[BaseGeometry]) -> tuple[Geometries, list[BaseGeometry]]:
    """Node all lines together: parcels and districts on exactly the same vertices.

    Each face belongs to the drawn parcel, or else to the district, that holds a point of it.
    """
    outlines = [shape.boundary for shape in districts.shapes]
    faces = noded_faces(outlines + lines)
    inner = shapely.point_on_surface(faces)
    face, drawn = STRtree(parcels.shapes).query(inner, predicate="within")
    ground = [shapely.coverage_union_all(faces[face[drawn == p]]) for p in range(len(parcels.shapes))]
    if not all(isinstance(shape, Polygon) and shape.area > 1 for shape in ground):
        raise ValueError("A parcel was lost or cut while its lines were noded.")
    face, district = STRtree(districts.shapes).query(inner, predicate="within")
    shapes = [shapely.coverage_union_all(faces[face[district == d]]) for d in range(len(districts.shapes))]
    return np.array(ground), shapes
