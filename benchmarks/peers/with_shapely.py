"""By hand: what one who knows shapely, Arrow and SQLite well writes for this one reform, reading only what it needs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from common import main, new_codes, split_codes, step
from frames import by_code, cut_units, filled, joined, ranked, read_reform


def located(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return shares: whole where a piece contains the parcel, by intersection for the few others."""
    shapes, found = parcels.geometry.to_numpy(), []
    open_ = np.ones(len(shapes), dtype=bool)
    for piece, new in zip(pieces.geometry, pieces["new_code"], strict=True):
        shapely.prepare(piece)
        inside = open_ & shapely.contains_properly(piece, shapes)
        open_ &= ~inside
        found.append(pd.DataFrame({"parcel": parcels["parcel"][inside], "new_code": new, "share": 1.0}))
    rest = np.flatnonzero(open_)
    ids, size = parcels["parcel"].to_numpy()[rest], shapely.area(shapes[rest])
    for piece, new in zip(pieces.geometry, pieces["new_code"], strict=True):
        touching = shapely.intersects(piece, shapes[rest])
        area = shapely.area(shapely.intersection(piece, shapes[rest][touching]))
        found.append(pd.DataFrame({"parcel": ids[touching], "new_code": new, "share": area / size[touching]}))
    return ranked(pd.concat(found))


def reassign(data: Path, target: Path) -> None:
    """Read of the parcels the code, and the geometry of those in units that are split."""
    with step("read"):
        pieces = gpd.read_parquet(data / "pieces.parquet")
        divided = pieces[pieces["old_code"].duplicated(keep=False)]
        parcels = pd.read_parquet(data / "parcels.parquet", columns=["parcel", "code"])
        wanted = [("code", "in", list(divided["old_code"].unique()))]
        few = gpd.read_parquet(data / "parcels.parquet", columns=["parcel", "code", "geometry"], filters=wanted)
    with step("work"):
        codes, _ = by_code(parcels, pieces)
        answer = filled(parcels, codes, located(few, divided))
    with step("write"):
        answer.to_parquet(target / "answer.parquet")


def job(data: Path, target: Path) -> None:
    """Copy the file and change the codes in it; read only the parcels of units that are split."""
    with step("read"):
        units, parts = read_reform(data)
        these = ", ".join(f"'{code}'" for code in split_codes(data))
        few = gpd.read_file(data / "parcels.gpkg", columns=["parcel", "code"], where=f"code IN ({these})")
    with step("work"):
        pieces = cut_units(units, parts, new_codes(data))
        after = joined(pieces)
        places = located(few, pieces[pieces["old_code"].duplicated(keep=False)])
    with step("write"):
        after.to_file(target / "units.gpkg", layer="units")
        shutil.copyfile(data / "parcels.gpkg", target / "parcels.gpkg")
        recode(target / "parcels.gpkg", new_codes(data), places["new_code"])


def recode(file: Path, codes: dict[str, str], places: pd.Series) -> None:
    """Change the codes of a GeoPackage in place; each row is written once."""
    with closing(sqlite3.connect(file)) as base, base:
        for name in ("IsEmpty", "MinX", "MaxX", "MinY", "MaxY"):  # triggers name them, though none is called
            base.create_function(f"ST_{name}", 1, lambda _: 0)
        base.execute("PRAGMA journal_mode = OFF")
        base.execute("PRAGMA synchronous = OFF")
        base.execute("CREATE TEMP TABLE place (parcel INTEGER PRIMARY KEY, code TEXT)")
        base.executemany("INSERT INTO place VALUES (?, ?)", zip(places.index.tolist(), places.tolist(), strict=True))
        base.execute("CREATE TEMP TABLE code (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID")
        base.executemany("INSERT INTO code VALUES (?, ?)", codes.items())
        base.execute(
            "UPDATE parcels SET code = coalesce((SELECT code FROM place WHERE place.parcel = parcels.parcel), "
            "(SELECT new FROM code WHERE old = parcels.code)) "
            "WHERE code IN (SELECT old FROM code WHERE old <> new) OR parcel IN (SELECT parcel FROM place)"
        )


if __name__ == "__main__":
    main({"reassign": reassign, "job": job})
