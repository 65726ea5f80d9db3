"""maup: assign each parcel to the piece that covers it, or to that with the largest share; GeoPandas does the rest."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import maup
import pandas as pd
from common import main, new_codes, step
from frames import by_code, cut_units, filled, joined, ranked, read_reform


def read(data: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    with step("read"):
        return (
            gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"]),
            gpd.read_parquet(data / "pieces.parquet"),
        )


def assigned(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the new code of each parcel; maup tells no shares."""
    which = maup.assign(parcels.geometry, pieces.geometry)
    return pd.DataFrame({"new_code": which.map(pieces["new_code"]).to_numpy()}, index=parcels["parcel"])


def assign_all(data: Path, target: Path) -> None:
    parcels, pieces = read(data)
    with step("work"):
        answer = assigned(parcels, pieces).reset_index()
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def code_then_intersections(data: Path, target: Path) -> None:
    """Let the code decide first; areas of the intersections give the shares."""
    parcels, pieces = read(data)
    with step("work"):
        codes, rest = by_code(parcels, pieces)
        few, divided = parcels[rest], pieces[pieces["old_code"].duplicated(keep=False)]
        laid = maup.intersections(divided.geometry, few.geometry, area_cutoff=0)
        piece, parcel = laid.index.get_level_values(0), laid.index.get_level_values(1)
        shares = pd.DataFrame({"parcel": few["parcel"].loc[parcel].to_numpy()})
        shares["new_code"] = divided["new_code"].loc[piece].to_numpy()
        shares["share"] = laid.area.to_numpy() / few.area.loc[parcel].to_numpy()
        answer = filled(parcels, codes, ranked(shares))
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def job(data: Path, target: Path) -> None:
    with step("read"):
        units, parts = read_reform(data)
        parcels = gpd.read_file(data / "parcels.gpkg")
    with step("work"):
        pieces = cut_units(units, parts, new_codes(data))
        after = joined(pieces)
        codes, rest = by_code(parcels, pieces)
        places = assigned(parcels[rest], pieces[pieces["old_code"].duplicated(keep=False)])
        parcels["code"] = filled(parcels, codes, places)["new_code"].to_numpy()
    with step("write"):
        after.to_file(target / "units.gpkg", layer="units")
        parcels.to_file(target / "parcels.gpkg", layer="parcels")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(
        {
            "reassign, assign all": assign_all,
            "reassign, code then intersections": code_then_intersections,
            "job": job,
        }
    )
