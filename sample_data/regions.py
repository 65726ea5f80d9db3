"""Municipalities and districts: cells of land, each given to the nearest district centre."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import shapely
from coast import GRID, Coords, Geometries, fractal
from numpy.typing import NDArray
from shapely import MultiPoint, Polygon, STRtree
from shapely.geometry.base import BaseGeometry

CELL = 1150.0  # metres between the cells the municipalities are made of
CRUMB = 20_000.0  # m2; a smaller cut of a cell follows the neighbour it shares most line with
ISLAND_OF = {1: "0722", 2: "0723"}  # land bodies that are one municipality


class Unit(NamedTuple):
    name: str
    county: str
    county_name: str
    population: int
    since: str
    language: str | None


UNITS = {
    "0701": Unit("Horten", "07", "Vestfold", 27200, "1988-01-01", "nøytral"),
    "0702": Unit("Holmestrand", "07", "Vestfold", 10800, "1967-01-01", "bokmål"),
    "0704": Unit("Tønsberg", "07", "Vestfold", 42400, "1988-01-01", "bokmål"),
    "0706": Unit("Sandefjord", "07", "Vestfold", 45820, "1968-01-01", "bokmål"),
    "0709": Unit("Larvik", "07", "Vestfold", 43870, "1988-01-01", "nøytral"),
    "0714": Unit("Hof", "07", "Vestfold", 3170, "1838-01-01", "bokmål"),
    "0716": Unit("Re", "07", "Vestfold", 9480, "2002-01-01", "bokmål"),
    "0719": Unit("Andebu", "07", "Vestfold", 5935, "1838-01-01", "bokmål"),
    "0720": Unit("Stokke", "07", "Vestfold", 11520, "1838-01-01", "bokmål"),
    "0722": Unit("Nøtterøy", "07", "Vestfold", 21620, "1838-01-01", "bokmål"),
    "0723": Unit("Tjøme", "07", "Vestfold", 5020, "1838-01-01", "nøytral"),
    "0728": Unit("Lardal", "07", "Vestfold", 2470, "1838-01-01", "bokmål"),
    "0805": Unit("Porsgrunn", "08", "Telemark", 35960, "1964-01-01", None),
    "0811": Unit("Siljan", "08", "Telemark", 2360, "1838-01-01", "nøytral"),
}

# name, east, north (km), share of the population; a district is the land nearest to its centre
CENTRES: dict[str, list[tuple[str, float, float, float]]] = {
    "0701": [("Horten", 583.6, 6588.2, 5), ("Borre", 582.0, 6584.0, 3), ("Nykirke", 578.6, 6589.0, 1)],
    "0702": [("Holmestrand", 574.0, 6595.6, 5), ("Hillestad", 570.6, 6600.6, 1), ("Botne", 573.6, 6602.4, 2)],
    "0704": [
        ("Tønsberg sentrum", 581.4, 6571.6, 8), ("Sem", 578.2, 6572.2, 5), ("Jarlsberg", 579.6, 6574.8, 3),
        ("Slagen", 584.6, 6574.4, 6), ("Husøy", 586.0, 6570.2, 3), ("Eik", 581.6, 6577.2, 4),
        ("Ramnesveien", 577.6, 6576.0, 1), ("Åsgårdstrand sør", 584.4, 6578.4, 2),
    ],
    "0706": [
        ("Sandefjord sentrum", 569.4, 6556.8, 9), ("Framnes", 571.4, 6553.0, 5),
        ("Østerøya", 575.2, 6551.2, 2), ("Gokstad", 572.8, 6556.8, 6), ("Torp", 571.4, 6560.0, 2),
        ("Haukerød", 567.6, 6560.2, 6), ("Ranvik", 567.8, 6553.2, 6), ("Hem", 565.0, 6557.0, 2),
        ("Sandar vest", 564.4, 6552.8, 1),
    ],
    "0709": [("Larvik", 559.4, 6548.4, 8), ("Tjølling", 563.4, 6546.8, 4), ("Brunlanes", 551.8, 6544.4, 4),
             ("Hedrum", 560.4, 6557.4, 3)],
    "0714": [("Hof", 561.4, 6599.6, 3), ("Sundbyfoss", 564.6, 6603.4, 1), ("Eidsfoss", 558.4, 6597.2, 1)],
    "0716": [("Revetal", 572.4, 6582.6, 4), ("Våle", 574.8, 6588.4, 3), ("Vivestad", 566.4, 6590.4, 1)],
    "0719": [
        ("Andebu", 566.6, 6573.4, 5), ("Høyjord", 562.4, 6581.2, 1), ("Kodal", 563.6, 6566.6, 4),
        ("Møyland", 569.4, 6576.8, 2), ("Trolldalen", 561.6, 6574.6, 1), ("Gravdal", 565.8, 6569.6, 1),
        ("Håskenåsen", 564.8, 6577.6, 1),
    ],
    "0720": [
        ("Stokke", 573.6, 6565.8, 7), ("Vear", 578.0, 6567.4, 6), ("Melsomvik", 576.4, 6563.0, 4),
        ("Arnadal", 572.2, 6571.4, 1), ("Storevar", 576.2, 6559.0, 1), ("Fossnes", 570.0, 6566.8, 1),
        ("Skjee", 574.6, 6570.2, 1), ("Feen", 574.4, 6561.6, 1),
    ],
    "0722": [("Teie", 582.6, 6566.6, 5), ("Torød", 583.6, 6561.8, 3), ("Føynland", 587.0, 6564.8, 1)],
    "0723": [("Tjøme", 581.2, 6554.2, 4), ("Verdens ende", 580.8, 6548.8, 1)],
    "0728": [("Svarstad", 555.0, 6586.0, 3), ("Hem vest", 555.6, 6576.8, 1), ("Styrvoll", 554.2, 6594.0, 1)],
    "0805": [("Porsgrunn", 542.4, 6555.4, 6), ("Brevik", 543.2, 6547.0, 3), ("Eidanger", 547.0, 6554.8, 2)],
    "0811": [("Siljan", 546.6, 6571.6, 3), ("Austad", 546.4, 6582.6, 1), ("Oppdalen", 548.4, 6563.4, 1)],
}  # fmt: skip
EXCLAVE = ("0716", "Valberg", 566.6, 6577.0, 0.3)  # Re inside Andebu
EXCLAVE_RADIUS = 1.0  # km


class Districts(NamedTuple):
    codes: list[str]
    numbers: list[str]
    names: list[str]
    weights: list[float]
    centres: Coords
    shapes: list[BaseGeometry]


def noded_faces(lines: list[BaseGeometry]) -> Geometries:
    """Polygons between the lines, noded together once, so that neighbours share every vertex."""
    network = shapely.union_all(lines, grid_size=GRID)
    return shapely.get_parts(shapely.polygonize(shapely.get_parts(network).tolist()))


def _cell_edges(land: list[Polygon], rng: np.random.Generator) -> list[BaseGeometry]:
    west, south, east, north = shapely.total_bounds(land)
    count = int((east - west) * (north - south) / CELL**2)
    seeds = rng.uniform((west, south), (east, north), (count, 2))
    for _ in range(2):  # move each seed to the middle of its cell: cells of similar size
        cells = shapely.voronoi_polygons(MultiPoint(seeds), ordered=True)
        seeds = shapely.get_coordinates(shapely.centroid(shapely.get_parts(cells)))
    edges = shapely.voronoi_polygons(MultiPoint(seeds), only_edges=True)
    near = shapely.intersects(shapely.get_parts(edges), shapely.box(west, south, east, north))
    straight = shapely.get_parts(edges)[near]
    return [
        shapely.LineString(fractal(shapely.get_coordinates(edge)[:2], rng, 0.11, 150))
        for line in straight
        for edge in _segments(line)
    ]


def _segments(line: BaseGeometry) -> list[BaseGeometry]:
    coords = shapely.get_coordinates(line)
    return [shapely.LineString(pair) for pair in pairwise(coords)]


def _centre_table() -> tuple[list[str], list[str], list[str], list[float], Coords]:
    codes, numbers, names, weights, centres = [], [], [], [], []
    for code, rows in CENTRES.items():
        all_rows = [*rows, EXCLAVE[1:]] if code == EXCLAVE[0] else rows
        for order, (name, east, north, weight) in enumerate(all_rows, start=1):
            codes.append(code)
            numbers.append(f"{code}{order:02d}01")
            names.append(name)
            weights.append(weight)
            centres.append((east * 1000, north * 1000))
    return codes, numbers, names, weights, np.array(centres)


def _nearest(points: Coords, centres: Coords, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    apart = np.hypot(*(points[:, None, :] - centres[None, :, :]).transpose(2, 0, 1))
    exclave = np.flatnonzero(centres[:, 0] == EXCLAVE[2] * 1000)[0]
    inside = apart[:, exclave] < EXCLAVE_RADIUS * 1000
    apart[:, exclave] = np.inf
    nearest = np.where(allowed, apart, np.inf).argmin(axis=1)
    nearest[inside & allowed[:, exclave]] = exclave
    return np.asarray(nearest)


def make_districts(land: list[Polygon], rng: np.random.Generator) -> Districts:
    """Divide the land into cells by fractal edges and give each cell to the nearest centre."""
    codes, numbers, names, weights, centres = _centre_table()
    lines = [body.boundary for body in land] + _cell_edges(land, rng)
    faces = noded_faces(lines)
    inner = shapely.point_on_surface(faces)
    face, body = STRtree(land).query(inner, predicate="within")
    order = np.lexsort((face, body))
    faces, body = faces[face[order]], body[order]

    # small islands go to one centre as a whole, the two large ones stay in their municipality
    points = shapely.get_coordinates(shapely.centroid(faces))
    whole = body > max(ISLAND_OF)
    points[whole] = shapely.get_coordinates(shapely.centroid(np.array(land)[body[whole]]))
    owner = np.array(codes)
    allowed = np.ones((len(faces), len(codes)), dtype=bool)
    allowed[body == 0] = ~np.isin(owner, list(ISLAND_OF.values()))
    for number, code in ISLAND_OF.items():
        allowed[body == number] = owner == code
    chosen = _nearest(points, centres, allowed)
    for crumb in np.flatnonzero((shapely.area(faces) < CRUMB) & ~whole):
        shared = shapely.length(shapely.intersection(faces[crumb], faces))
        shared[crumb] = 0
        chosen[crumb] = chosen[shared.argmax()]
    shapes = [shapely.coverage_union_all(faces[chosen == d]) for d in range(len(codes))]
    return Districts(codes, numbers, names, weights, centres, shapes)
