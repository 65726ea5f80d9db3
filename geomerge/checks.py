"""Checks: each takes tables and returns findings. They prove that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import faulty_edges
from geomerge.findings import Finding


def area_balance(pieces: gpd.GeoDataFrame, units: gpd.GeoDataFrame, new_units: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return where every square metre goes: area before, after, lost to nobody and gained from nobody, by total.

    Returns
    -------
    DataFrame
        One row with ``before``, ``gained``, ``lost``, ``after``, ``difference`` (before + gained - lost - after), in
        squared CRS units, and ``relative`` to the area before.
    """
    areas = shapely.area(pieces.geometry.to_numpy())
    gained = float(areas[pieces["old_code"].isna()].sum())
    lost = float(areas[pieces["new_code"].isna()].sum())
    before = float(shapely.area(units.geometry.to_numpy()).sum())
    after = float(shapely.area(new_units.geometry.to_numpy()).sum())
    difference = before + gained - lost - after
    row = {"before": before, "gained": gained, "lost": lost, "after": after, "difference": difference}
    return pd.DataFrame([row | {"relative": difference / before if before else 0.0}])


def check_balance(balance: pd.DataFrame, *, tolerance: float = 1e-9) -> Iterator[Finding]:
    """Find an area that does not add up; up to the tolerance, relative to the area before, it passes."""
    row = balance.iloc[0]
    if abs(row["relative"]) > tolerance:
        yield Finding(
            "must", "area balance", f"{row['difference']:.3f} m² are missing between before and after", "pieces",
            "Look at the overlaps and invalid polygons of the units; mend them with a larger gap_width.",
        )  # fmt: skip


def check_lost(pieces: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Find land that no unit has any more."""
    lost = pieces[pieces["new_code"].isna()]
    for code, geometry in zip(lost["old_code"], lost.geometry, strict=True):
        yield Finding(
            "should", "land of no unit", f"{shapely.area(geometry) / 1e6:.6f} km² of {code} belong to no unit any more",
            "pieces", "See that this is meant.", shapely.point_on_surface(geometry),
        )  # fmt: skip


def check_units(new_units: gpd.GeoDataFrame, *, code: str, before: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Find new units that are invalid or do not share their edges, where the old ones did."""
    shapes = new_units.geometry.to_numpy()
    old = {geometry.wkb for geometry in before.geometry if geometry is not None}
    for position in np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)):
        if shapes[position].wkb not in old:
            yield Finding(
                "must", "invalid polygon", f"The new unit {new_units[code].iat[position]} is invalid", "units",
                "Correct the polygons it is made of.", shapely.point_on_surface(shapes[position]),
            )  # fmt: skip
    changed = np.array([shape is not None and shape.wkb not in old for shape in shapes], dtype=bool)
    edges = faulty_edges(shapes)
    for position in np.flatnonzero(changed & np.array([edge is not None for edge in edges], dtype=bool)):
        yield Finding(
            "should", "unmatched edge",
            f"The new unit {new_units[code].iat[position]} does not share {shapely.length(edges[position]):.3f} m of its edges",
            "units", "Mend the units with a larger gap_width.", shapely.get_point(shapely.get_parts(edges[position])[0], 0),
        )  # fmt: skip


def check_counts(layer: str, before: int, updated: int, review: int) -> Iterator[Finding]:
    """Find rows that are in neither updated nor review, or in both."""
    if before != updated + review:
        yield Finding(
            "must", "rows lost", f"{layer} had {before} rows, but {updated} are updated and {review} are in review",
            layer, "This is a defect of geomerge; do not use the result.",
        )  # fmt: skip
