"""What the peers that work on tables of GeoPandas share: ranks of shares, and units that are cut and joined."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
from common import NOISE


def ranked(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the largest share of each parcel and the second, from the columns parcel, new_code and share."""
    shares = shares.groupby(["parcel", "new_code"], as_index=False)["share"].sum()
    shares = shares[shares["share"] > NOISE].sort_values("share", ascending=False, kind="stable")
    first = shares.drop_duplicates("parcel").set_index("parcel")
    others = shares[shares.duplicated("parcel")].drop_duplicates("parcel").set_index("parcel")
    return first.join(others.rename(columns={"new_code": "runner_up", "share": "runner_up_share"}))


def overlaid(parcels: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Intersect parcels and pieces, and rank the shares."""
    size = parcels.set_index("parcel").area
    laid = gpd.overlay(
        parcels[["parcel", "geometry"]], pieces[["new_code", "geometry"]], how="intersection", keep_geom_type=True
    )
    laid["share"] = laid.area / laid["parcel"].map(size)
    return ranked(pd.DataFrame(laid[["parcel", "new_code", "share"]]))


def by_code(parcels: pd.DataFrame, pieces: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the new code of each parcel where the code decides, and which parcels are left to be located."""
    divided = pieces["old_code"].duplicated(keep=False)
    codes = parcels["code"].map(pieces[~divided].set_index("old_code")["new_code"])
    return codes, parcels["code"].isin(pieces.loc[divided, "old_code"])


def filled(parcels: pd.DataFrame, codes: pd.Series, located: pd.DataFrame) -> pd.DataFrame:
    """Return one table of what the code decides and what was located, in the order of the parcels."""
    answer = located.reindex(parcels["parcel"])
    answer["new_code"] = answer["new_code"].fillna(pd.Series(codes.to_numpy(), index=answer.index))
    return answer.reset_index()


def cut_units(units: gpd.GeoDataFrame, parts: gpd.GeoDataFrame, codes: dict[str, str]) -> gpd.GeoDataFrame:
    """Return units, and the parts of those that are split, with the columns old_code and new_code."""
    units = units.rename(columns={"code": "old_code"}).assign(new_code=units["code"].map(codes))
    divided = units["old_code"].isin(parts["from_code"])
    laid = gpd.overlay(units[divided], parts, how="identity", keep_geom_type=True)
    laid["new_code"] = laid["to_code"].where(laid["from_code"] == laid["old_code"], laid["new_code"])
    laid = laid.dissolve(["old_code", "new_code"], as_index=False)  # one row, where a line left several
    return gpd.GeoDataFrame(pd.concat([units[~divided], laid], ignore_index=True)[units.columns])


def joined(pieces: gpd.GeoDataFrame, method: str = "coverage") -> gpd.GeoDataFrame:
    """Join only what consists of several pieces; a sum of people, and the name of a unit that lives on."""
    several = pieces["new_code"].duplicated(keep=False)
    kept = {"name": "first", "population": "sum"}
    together = pieces[several].dissolve("new_code", aggfunc=kept, method=method, as_index=False)
    units = pd.concat([pieces[~several], together], ignore_index=True)
    return gpd.GeoDataFrame(units[["new_code", "name", "population", "geometry"]].rename(columns={"new_code": "code"}))


def read_reform(data: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the units and the parts that leave them, from GeoPackages."""
    return gpd.read_file(data / "units.gpkg"), gpd.read_file(data / "parts.gpkg")
