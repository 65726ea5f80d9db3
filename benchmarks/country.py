"""A country to measure with: units with fractal edges, parcels, and a reform, all from one seed.

Units and parcels are kept as GeoParquet in the temporary folder, under a name that changes with this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geomerge import Plan, boundary_lines, pieces
from geomerge.histories.changes import plan_from_changes

CRS = "EPSG:25833"
SEED = 2020
CELL = 20_000.0  # metres from corner to corner
NORWAY = Path(__file__).resolve().parents[2] / "shared" / "data" / "norway"

Coordinates = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    columns: int
    rows: int
    halvings: int  # each border from corner to corner has two to this power segments
    parcels: int
    cuts: int
    roughness: float = 0.10  # how far a midpoint moves sideways, at most, as a share of its segment
    thinned: int = 0  # every so manieth vertex of a border is left out; none where 0
    transfers: bool = True  # every second cut is a transfer; all are splits where False


FULL = Size(columns=20, rows=17, halvings=8, parcels=100_000, cuts=12)
QUICK = Size(columns=6, rows=5, halvings=5, parcels=2_000, cuts=2)
NATION = Size(columns=20, rows=17, halvings=9, parcels=1_000_000, cuts=12, roughness=0.08)


@dataclass(frozen=True)
class Reform:
    """A plan and its units; and the same plan as people write it without geomerge.

    ``whole`` is the new code of each unit or of its remainder; ``parts`` has the land that goes elsewhere,
    with the columns ``from_code`` and ``to_code``.
    """

    name: str
    units: gpd.GeoDataFrame
    plan: Plan
    whole: dict[str, str]
    parts: gpd.GeoDataFrame

    @property
    def vertices(self) -> int:
        return int(shapely.get_num_coordinates(self.units.geometry.to_numpy()).sum())


# --- a synthetic country


def fractal(lines: Coordinates, halvings: int, rng: np.random.Generator, roughness: float) -> Coordinates:
    """Break up many lines at once: halve each segment, moving its midpoint sideways."""
    for _ in range(halvings):
        ahead = np.diff(lines, axis=1)
        sideways = ahead[..., ::-1] * (-1.0, 1.0) * rng.uniform(-roughness, roughness, (*ahead.shape[:2], 1))
        finer = np.empty((len(lines), 2 * lines.shape[1] - 1, 2))
        finer[:, ::2] = lines
        finer[:, 1::2] = lines[:, :-1] + ahead / 2 + sideways
        lines = finer
    return lines.round(2)


def borders(ends: Coordinates, size: Size, rng: np.random.Generator) -> Coordinates:
    """Draw a border between each two ends."""
    lines = fractal(ends.reshape(-1, 2, 2), size.halvings, rng, size.roughness)
    step = size.thinned
    return np.delete(lines, np.arange(step, lines.shape[1] - 1, step), axis=1) if step else lines


def make_units(size: Size) -> gpd.GeoDataFrame:
    """Return units in rows and columns, whose borders are the same vertex by vertex on both sides."""
    rng = np.random.default_rng(SEED)
    across, up = np.meshgrid(np.arange(size.columns + 1.0), np.arange(size.rows + 1.0))
    corners = np.stack([across, up], axis=-1)
    corners = (corners + rng.uniform(-0.2, 0.2, corners.shape)) * CELL + (100_000, 6_500_000)
    level = borders(np.stack([corners[:, :-1], corners[:, 1:]], axis=2), size, rng)
    level = level.reshape(size.rows + 1, size.columns, -1, 2)
    steep = borders(np.stack([corners[:-1], corners[1:]], axis=2), size, rng)
    steep = steep.reshape(size.rows, size.columns + 1, -1, 2)
    rings = [
        np.concatenate(
            [
                level[row, column, :-1],
                steep[row, column + 1, :-1],
                level[row + 1, column, :0:-1],
                steep[row, column, ::-1],
            ]
        )
        for row in range(size.rows)
        for column in range(size.columns)
    ]
    shapes = np.asarray(shapely.polygons(np.stack(rings)), dtype=object)
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    codes = [f"{number:04d}" for number in range(101, 101 + len(shapes))]
    people = rng.integers(500, 90_000, len(shapes))
    data = {"code": codes, "name": [f"Unit {code}" for code in codes], "population": people}
    return gpd.GeoDataFrame(data, geometry=shapes, crs=CRS)


def synthetic(size: Size, *, cuts: bool) -> Reform:
    """Return a reform in which about a third of the units merge, a third get a new code, and some are cut.

    Half of the cuts split a unit, the others move a part of it to the unit east of it, unless all are splits.
    """
    units = _kept(f"units-{size}", lambda: make_units(size))
    rng = np.random.default_rng(SEED + 1)
    grid = units["code"].to_numpy(dtype=object).reshape(size.rows, size.columns)
    shapes = dict(zip(units["code"], units.geometry, strict=True))
    events: list[dict[str, Any]] = []
    whole = {code: code for code in units["code"]}
    parts: list[dict[str, Any]] = []
    groups = size.columns // 4  # of four units side by side
    every_second_row = [number for number in range(size.rows * groups) if number // groups % 2 == 0]
    to_cut = rng.choice(every_second_row, size.cuts, replace=False).tolist() if cuts else []
    for number in range(size.rows * groups):
        row, group = divmod(number, groups)
        four = grid[row, 4 * group : 4 * group + 4].tolist()
        if number in to_cut:
            unit, new = four[0], f"5{four[0][1:]}"
            area = _half(shapes[unit], size, rng, east=len(parts) % 2 == 1)
            if size.transfers and len(parts) % 2:
                events.append({"transfer": unit, "to": four[1], "area": unit})
                new = four[1]
            else:
                into = [{"code": new, "area": unit}, {"code": unit, "remainder": True}]
                events.append({"split": unit, "into": into})
            parts.append({"from_code": unit, "to_code": new, "geometry": area})
        elif number % 3 == 0:
            joined = four[: 2 + number % 2 + number // 3 % 2]
            events.append({"merge": joined, "into": f"3{joined[0][1:]}"})
            whole |= dict.fromkeys(joined, f"3{joined[0][1:]}")
        elif number % 3 == 1:
            events += [{"renumber": code, "to": f"4{code[1:]}"} for code in four]
            whole |= {code: f"4{code[1:]}" for code in four}
    drawn = gpd.GeoDataFrame(parts, columns=["from_code", "to_code", "geometry"], geometry="geometry", crs=CRS)
    sources = {code: drawn[drawn["from_code"] == code][["geometry"]] for code in drawn["from_code"]}
    plan = Plan.model_validate({"date": "2020-01-01", "events": events, "sources": sources})
    name = f"synthetic country, {'with' if cuts else 'without'} cuts"
    return Reform(name, units, plan, whole, drawn)


def _half(unit: Any, size: Size, rng: np.random.Generator, *, east: bool) -> Any:
    """Return the land on one side of a fractal line through a unit, drawn a little over its borders."""
    margin = CELL / 4
    west, south, right, north = unit.bounds
    middle = unit.centroid.x
    across = np.array([[[middle, south - margin], [middle, north + margin]]])
    line = borders(across, size, rng)[0]
    far = right + margin if east else west - margin
    return shapely.Polygon([*line, (far, north + margin), (far, south - margin)])


# --- real data


def norway(folder: Path = NORWAY) -> Reform | None:
    """Return the reform of 2020 in Norway; where the data is missing, say so and return None."""
    names = ("klass_131_changes.json", "kommune_2019.geojson", "kommune_2020.geojson")
    if missing := [name for name in names if not (folder / name).exists()]:
        print(f"Norway 2020 is left out: {folder} has no {', '.join(missing)}.", file=sys.stderr)
        return None
    before = gpd.read_file(folder / names[1]).to_crs(CRS)
    after = gpd.read_file(folder / names[2]).to_crs(CRS).rename(columns={"kommune_no": "code"})
    units = before.rename(columns={"kommune_no": "code", "kommune_name": "name"})[
        ["code", "name", "population", "geometry"]
    ]
    table = pd.DataFrame(json.loads((folder / names[0]).read_text(encoding="utf-8"))["codeChanges"])
    titles = {"oldCode": "old_code", "newCode": "new_code", "newName": "new_name", "changeOccurred": "date"}
    table = table.rename(columns=titles)
    plan = plan_from_changes(table[table["date"] == "2020-01-01"], edition="after")
    plan = plan.model_copy(update={"sources": {"after": after}})
    whole = {code: code for code in units["code"]}
    drawn = after.set_index("code").geometry
    parts = []
    for event in plan.events:
        whole |= {old: new for old, new in event.whole().items() if new is not None}
        parts += [
            {"from_code": cut.unit, "to_code": cut.new, "geometry": drawn[cut.new]}
            for cut in event.cuts()
            if cut.kind == "part"
        ]
    parts_table = gpd.GeoDataFrame(parts, columns=["from_code", "to_code", "geometry"], geometry="geometry", crs=CRS)
    return Reform("Norway 2020", units, plan, whole, parts_table)


# --- parcels


def make_parcels(reform: Reform, table: gpd.GeoDataFrame, count: int) -> gpd.GeoDataFrame:
    """Return parcels of about 17 vertices, each inside its unit, one in thirty near a border that is new.

    They may lie over each other: each is placed for itself, as the methods measured do as well.
    """
    rng = np.random.default_rng(SEED + 2)
    lines = boundary_lines(table)
    new = shapely.get_parts(lines.loc[lines["status"] == "new"].geometry.to_numpy())
    at_border = count // 30 if len(new) else 0
    shapes, owner = reform.units.geometry.to_numpy(), np.empty(0, dtype=np.intp)
    centres: Any = np.empty(0, dtype=object)
    while len(centres) < count:
        if not len(centres) and at_border:
            along = rng.uniform(0, 1, at_border)
            chosen = rng.choice(len(new), at_border, p=shapely.length(new) / shapely.length(new).sum())
            on_it = shapely.get_coordinates(shapely.line_interpolate_point(new[chosen], along, normalized=True))
            place = on_it + rng.normal(0, 150, on_it.shape)
        else:
            west, south, east, north = shapely.total_bounds(shapes)
            place = rng.uniform((west, south), (east, north), (count, 2))
        found, holder = located(place, shapes)
        centres, owner = np.append(centres, shapely.points(place[found])), np.append(owner, holder)
    centres, owner = shapely.get_coordinates(centres[:count]), owner[:count]
    size = rng.uniform(100, 500, count)
    return draw(reform, centres, owner, size, rng)


def located(places: Coordinates, shapes: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which places lie in a unit, in ascending order, and in which."""
    holder, found = shapely.STRtree(shapely.points(places)).query(shapes, predicate="contains")
    order = np.argsort(found, kind="stable")
    return found[order], holder[order]


def draw(
    reform: Reform,
    centres: Coordinates,
    owner: NDArray[np.intp],
    size: NDArray[np.float64],
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    """Return a parcel around each centre, none of its corners farther away than its size, clipped to its unit."""
    count, shapes = len(centres), reform.units.geometry.to_numpy()
    angle = np.sort(rng.uniform(0, 2 * np.pi, (count, 16)), axis=1)
    radius = size[:, None] * rng.uniform(0.6, 1.0, (count, 16))
    rings = centres[:, None, :] + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    parcels = np.asarray(shapely.polygons(rings.round(2)), dtype=object)
    crossing = np.unique(shapely.STRtree(parcels).query(shapely.boundary(shapes), predicate="intersects")[1])
    inside = shapely.intersection(shapely.make_valid(parcels[crossing]), shapely.make_valid(shapes[owner[crossing]]))
    pieces_of, which = shapely.get_parts(inside, return_index=True)
    order = np.lexsort([shapely.area(pieces_of), which])
    last = np.append(np.diff(which[order]) > 0, True)
    parcels[crossing[which[order][last]]] = pieces_of[order][last]  # the largest part of each
    keep = (shapely.area(parcels) > 1) & shapely.is_valid(parcels)
    codes = reform.units["code"].to_numpy(dtype=object)[owner]
    data = {"parcel": np.arange(count), "code": codes}
    return gpd.GeoDataFrame(data, geometry=parcels, crs=reform.units.crs)[keep].reset_index(drop=True)


def parcels_of(reform: Reform, count: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the pieces of a reform and parcels to reassign."""
    table = pieces(reform.units, reform.plan, findings=[])
    name = f"parcels-{reform.name}-{len(reform.units)}-{reform.vertices}-{count}"
    return table, _kept(name, lambda: make_parcels(reform, table, count))


def _kept(name: str, make: Callable[[], gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return a table from the temporary folder, or make it and keep it there."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + name.encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"geomerge-bench-{digest}.parquet"
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        make().to_parquet(fresh)
        fresh.replace(path)  # another process sees all of the file or none
    return gpd.read_parquet(path)
