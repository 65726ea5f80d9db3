"""GeoPandas: overlay and dissolve, as its documentation shows them, and with the code deciding first."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
from common import main, new_codes, step
from frames import by_code, cut_units, filled, joined, overlaid, read_reform


def overlay_all(data: Path, target: Path) -> None:
    with step("read"):
        parcels = gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"])
        pieces = gpd.read_parquet(data / "pieces.parquet")
    with step("work"):
        answer = overlaid(parcels, pieces).reset_index()
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def code_then_overlay(data: Path, target: Path) -> None:
    with step("read"):
        parcels = gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"])
        pieces = gpd.read_parquet(data / "pieces.parquet")
    with step("work"):
        codes, rest = by_code(parcels, pieces)
        answer = filled(parcels, codes, overlaid(parcels[rest], pieces[pieces["old_code"].duplicated(keep=False)]))
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def job(data: Path, target: Path) -> None:
    """Read all, let the code decide, overlay the parcels of the units that are split, write all."""
    with step("read"):
        units, parts = read_reform(data)
        parcels = gpd.read_file(data / "parcels.gpkg")
    with step("work"):
        pieces = cut_units(units, parts, new_codes(data))
        after = joined(pieces)
        codes, rest = by_code(parcels, pieces)
        located = overlaid(parcels[rest], pieces[pieces["old_code"].duplicated(keep=False)])
        parcels["code"] = filled(parcels, codes, located)["new_code"].to_numpy()
    with step("write"):
        after.to_file(target / "units.gpkg", layer="units")
        parcels.to_file(target / "parcels.gpkg", layer="parcels")


def dissolve_all(data: Path, target: Path) -> None:
    """Dissolve everything by the new code, as the documentation does."""
    with step("read"):
        units, parts = read_reform(data)
    with step("work"):
        pieces = cut_units(units, parts, new_codes(data))
        after = pieces.dissolve("new_code", aggfunc={"name": "first", "population": "sum"}, as_index=False)
    with step("write"):
        after.rename(columns={"new_code": "code"}).to_file(target / "units.gpkg", layer="units")


def dissolve_changed(data: Path, target: Path) -> None:
    with step("read"):
        units, parts = read_reform(data)
    with step("work"):
        after = joined(cut_units(units, parts, new_codes(data)))
    with step("write"):
        after.to_file(target / "units.gpkg", layer="units")


if __name__ == "__main__":
    main(
        {
            "reassign, overlay of all": overlay_all,
            "reassign, code then overlay": code_then_overlay,
            "job": job,
            "dissolve": dissolve_all,
            "dissolve, only what changes": dissolve_changed,
        }
    )
