"""The national data set: files of a country, its parcels and its reform, as the benchmark of the whole job reads them.

python benchmarks/national.py [--quick] [--parcels 100000]

Everything is drawn from a seed by country.py and kept in the temporary folder, under a name that changes with the
two files. A folder holds

    units.gpkg         the units: code, name, population (also units.parquet)
    parcels.gpkg       the parcels: parcel, code and what a cadastre knows of them (also parcels.parquet)
    plan.yaml          the reform as geomerge reads it, with the drawn parts in areas.gpkg
    job.yaml           the whole job
    codes.csv          the reform as one writes it without geomerge: the new code of each unit or of its remainder
    parts.gpkg         ... and the land that goes elsewhere: from_code, to_code (also parts.parquet)
    pieces.gpkg        the units, cut: old_code, new_code (also pieces.parquet)
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import yaml
from country import SEED, Coordinates, Reform, Size, draw, located, synthetic

from geomerge import boundary_lines, pieces

NATION = Size(
    columns=20,
    rows=18,
    halvings=9,
    parcels=100_000,
    cuts=2,
    roughness=0.08,
    thinned=6,
    transfers=False,
)
SMALL = Size(columns=8, rows=5, halvings=5, parcels=3_000, cuts=2, thinned=6, transfers=False)
TURN = 500_000  # parcels that are drawn at once
DEEP = 4  # squares of a town on each side of the border through it
SAVED = {"parquet": {"write_covering_bbox": True, "row_group_size": 100_000}}


@dataclass(frozen=True)
class Nation:
    """The folder of a national data set, and its reform."""

    folder: Path
    reform: Reform
    parcels: int

    @property
    def title(self) -> str:
        """What it is, in a line."""
        cut = len(self.reform.parts)
        return (
            f"{len(self.reform.units)} units with {self.reform.vertices:,} vertices, {cut} of them split; "
            f"{self.parcels:,} parcels"
        )


def national(size: Size = NATION, parcels: int | None = None) -> Nation:
    """Return the national data set from the temporary folder, or make it and keep it there."""
    size = replace(size, parcels=parcels or size.parcels)
    reform = synthetic(replace(size, parcels=0), cuts=True)  # units are the same for every number of parcels
    sources = (Path(__file__), Path(__file__).with_name("country.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + repr(size).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"geomerge-nation-{digest}"
    if not folder.exists():
        fresh = folder.with_suffix(f".{os.getpid()}")
        fresh.mkdir()
        try:
            write(fresh, reform, size.parcels)
            with suppress(OSError):  # another process was faster
                fresh.replace(folder)  # it sees all of the folder or none
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Nation(folder, reform, pyogrio.read_info(folder / "parcels.gpkg")["features"])


def write(folder: Path, reform: Reform, count: int) -> None:
    """Write all files of a data set."""
    table = pieces(reform.units, reform.plan, findings=[])
    for name, content in (
        ("units", reform.units),
        ("parts", reform.parts),
        ("pieces", table[["old_code", "new_code", "event", "kind", "geometry"]]),
        ("parcels", cadastre(reform, table, count)),
    ):
        content.to_file(folder / f"{name}.gpkg", layer=name)
        content.to_parquet(folder / f"{name}.parquet", **SAVED["parquet"])
    codes = pd.DataFrame(reform.whole.items(), columns=["old_code", "new_code"])
    codes.to_csv(folder / "codes.csv", index=False)
    for code, area in (reform.plan.sources or {}).items():
        area.to_file(folder / "areas.gpkg", layer=code)
    (folder / "plan.yaml").write_text(plan_text(reform), encoding="utf-8")
    (folder / "job.yaml").write_text(yaml.safe_dump(job(), sort_keys=False), encoding="utf-8")


def cadastre(reform: Reform, table: gpd.GeoDataFrame, count: int) -> gpd.GeoDataFrame:
    """Return parcels that do not overlap, in no order of place or code, with the columns of a small cadastre.

    They are of one size all over the country, and one in thirty is of a town that the new border runs through.
    """
    rng = np.random.default_rng(SEED + 3)
    lines = boundary_lines(table)
    new = lines.loc[lines["status"] == "new"].geometry.union_all()
    side = 2 * DEEP * new.length / (count / 30)  # of a square in the town
    town = along(new, side)
    wide = np.sqrt(reform.units.area.sum() / (1.02 * count - len(town)))
    west, south, east, north = reform.units.total_bounds
    land = np.stack(np.meshgrid(np.arange(west, east, wide), np.arange(south, north, wide)), axis=-1).reshape(-1, 2)
    shapely.prepare(new)
    land = land[~shapely.dwithin(new, shapely.points(land), 1.5 * DEEP * side + wide)]
    places, size = np.concatenate([town, land]), np.repeat([side / 2, wide / 2], [len(town), len(land)])
    found, owner = located(places, reform.units.geometry.to_numpy())
    chosen = rng.permutation(len(found))[:count]
    found, owner = found[chosen], owner[chosen]
    turns = np.array_split(np.arange(len(found)), len(found) // TURN + 1)
    drawn = [draw(reform, places[found[turn]], owner[turn], size[found[turn]], rng) for turn in turns]
    parcels = gpd.GeoDataFrame(pd.concat(drawn, ignore_index=True))
    parcels["parcel"] = rng.permutation(len(parcels)) + 1
    farm, holding = rng.integers(1, 400, len(parcels)), rng.integers(1, 900, len(parcels))
    parcels.insert(2, "number", [f"{first}/{second}" for first, second in zip(farm, holding, strict=True)])
    parcels.insert(3, "kind", rng.choice(["farm", "plot", "road"], len(parcels), p=[0.2, 0.7, 0.1]))
    parcels.insert(4, "tax", rng.integers(0, 2_000_000, len(parcels)) / 100)
    parcels.insert(5, "surveyed", rng.integers(1880, 2020, len(parcels)))
    return parcels


def along(line: Any, side: float) -> Coordinates:
    """Return the middles of the squares of a grid that lie along a line, several deep on both sides."""
    on_it = shapely.get_coordinates(shapely.segmentize(line, side / 2))
    squares = np.unique(np.floor(on_it / side).astype(np.int64), axis=0)
    around = np.stack(np.meshgrid(*[np.arange(-DEEP, DEEP + 1)] * 2), axis=-1).reshape(-1, 2)
    return (np.unique((squares[:, None, :] + around).reshape(-1, 2), axis=0) + 0.5) * side


def plan_text(reform: Reform) -> str:
    """Return the plan as a file; its parts are layers of one file of areas."""
    plan = reform.plan.model_dump(mode="json", exclude={"sources"}, exclude_defaults=True, exclude_none=True)
    for event in plan["events"]:
        for part in (event, *event.get("into", [])):
            if isinstance(part, dict) and "area" in part:
                part |= {"area": f"areas.gpkg|{part['area']}", "name": f"Unit {part['code']}"}
        if "merge" in event:
            event["name"] = f"Unit {event['into']}"
    return yaml.safe_dump(plan, sort_keys=False)


def job() -> dict[str, Any]:
    """Return the whole job: new units, and parcels with new codes."""
    return {
        "plan": "plan.yaml",
        "output": "out",
        "units": {
            "path": "units.gpkg",
            "layer": "units",
            "code": "code",
            "name": "name",
            "attributes": {"population": "sum"},
        },
        "layers": [{"name": "parcels", "path": "parcels.gpkg", "layer": "parcels", "code": "code", "id": "parcel"}],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the national data set.")
    parser.add_argument("--quick", action="store_true", help="a small country")
    parser.add_argument("--parcels", type=int, help="how many parcels")
    options = parser.parse_args()
    nation = national(SMALL if options.quick else NATION, options.parcels)
    print(f"{nation.folder}\n{nation.title}")
