"""Floors: the parts of the work that nothing can do without, alone. They need not give an answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from common import main, new_codes, step
from frames import cut_units, read_reform
from with_shapely import recode


def read(data: Path, target: Path) -> None:  # noqa: ARG001
    with step("read"):
        gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"])


def points(data: Path, target: Path) -> None:
    """Ask only where one point inside of each parcel lies: exact for no parcel that straddles."""
    with step("read"):
        parcels = gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "geometry"])
        pieces = gpd.read_parquet(data / "pieces.parquet")
    with step("work"):
        tree = shapely.STRtree(shapely.point_on_surface(parcels.geometry.to_numpy()))
        piece, point = tree.query(pieces.geometry.to_numpy(), predicate="contains")
        answer = pd.DataFrame({"parcel": parcels["parcel"].to_numpy()[point]})
        answer["new_code"] = pieces["new_code"].to_numpy()[piece]
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def copy(data: Path, target: Path) -> None:
    with step("write"):
        shutil.copyfile(data / "parcels.gpkg", target / "copy.gpkg")


def read_geopackage(data: Path, target: Path) -> None:  # noqa: ARG001
    with step("read"):
        gpd.read_file(data / "parcels.gpkg")


def update(data: Path, target: Path) -> None:
    """Copy the file and change the codes by a table of codes: parcels that leave with a part keep the wrong one."""
    with step("write"):
        shutil.copyfile(data / "parcels.gpkg", target / "parcels.gpkg")
        recode(target / "parcels.gpkg", new_codes(data), pd.Series(dtype=object))


def union(data: Path, target: Path) -> None:  # noqa: ARG001
    """Join the units that change, and nothing else: no cut, no check, no attribute, no file."""
    with step("read"):
        units, parts = read_reform(data)
        pieces = cut_units(units, parts, new_codes(data))
        several = pieces[pieces["new_code"].duplicated(keep=False)]
        groups = [group.to_numpy() for _, group in several.geometry.groupby(several["new_code"])]
    with step("work"):
        for group in groups:
            shapely.coverage_union_all(group)


if __name__ == "__main__":
    main(
        {
            "reassign, read": read,
            "reassign, points": points,
            "job, copy": copy,
            "job, read": read_geopackage,
            "job, update": update,
            "dissolve, union": union,
        }
    )
