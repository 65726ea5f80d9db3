"""Weighing: how much of each old unit goes to each new one, by the area of pieces or by features that lie in them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Mask, Numbers, objects
from geomerge.crs import require_same_crs
from geomerge.errors import InputError
from geomerge.locate import locate


def shares_of(pieces: gpd.GeoDataFrame, points: gpd.GeoDataFrame | None, weight: str | None) -> pd.DataFrame:
    """Return the share of each old unit in each new one; a correction moves no land.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.
    points, weight
        Features that weigh instead of the area, and the column with what each of them weighs, else 1.

    Examples
    --------
    >>> table = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "1"], "new_code": ["1", "2"], "event": ["", ""], "kind": ["part", "part"]},
    ...     geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 4, 1)],
    ... )
    >>> shares_of(table, None, None)[["new_code", "kind", "share"]].values.tolist()
    [['1', 'part', 0.25], ['2', 'part', 0.75]]
    """
    legal = pieces[pieces["old_code"].notna() & (pieces["kind"] != "correction")]
    table = pd.DataFrame(legal[["old_code", "new_code", "event"]])
    table["amount"], table["estimated"] = shapely.area(legal.geometry.to_numpy()), False
    if points is not None:
        table["amount"], table["estimated"] = _weighed(legal, points, weight)
    grouped = table.groupby(["old_code", "new_code"], dropna=False, sort=True)
    found = grouped.agg(
        amount=("amount", "sum"), event=("event", _labels), estimated=("estimated", "any")
    ).reset_index()
    total = found.groupby("old_code")["amount"].transform("sum")
    alone = found.groupby("old_code")["new_code"].transform("size") == 1
    found["kind"] = np.where(alone, "whole", "part")
    # what nothing weighs has no share, but a unit without area is still whole
    found["share"] = np.where(alone, 1.0, found["amount"] / total.where(total > 0))
    found["by"] = "area" if points is None else weight or "points"
    found["estimated"] = ~alone & found.groupby("old_code")["estimated"].transform("any")
    found["evidence"] = ""
    return found


def _weighed(pieces: gpd.GeoDataFrame, points: gpd.GeoDataFrame, weight: str | None) -> tuple[Numbers, Mask]:
    """Return what the features in each piece weigh, and whether any of them is divided there."""
    require_same_crs(pieces=pieces, points=points)
    if weight is not None and weight not in points.columns:
        raise InputError(f"The points have no column {weight}. They have {', '.join(map(str, points.columns))}.")
    weights = np.ones(len(points)) if weight is None else pd.to_numeric(points[weight], errors="coerce").to_numpy(float)
    if (faulty := np.flatnonzero(~(weights >= 0))).size:
        row = points.index[faulty[0]]
        more = f" ({faulty.size} rows in all)" if faulty.size > 1 else ""
        raise InputError(
            f"Column {weight} of the points holds {points[weight].astype(object).iloc[faulty[0]]!r} in row {row}"
            f"{more}, which is no weight. Fill in numbers from 0."
        )
    found = locate(objects(list(points.geometry)), objects(list(pieces.geometry)))
    amount: Numbers = np.bincount(
        found.polygon, weights=found.share * weights[found.feature], minlength=len(pieces)
    ).astype(float)
    divided = (found.share < 1 - 1e-9) & (weights[found.feature] > 0)
    return amount, np.bincount(found.polygon, weights=divided, minlength=len(pieces)) > 0


def _labels(joined: pd.Series) -> str:
    return "; ".join(dict.fromkeys(label for labels in joined.dropna() for label in labels.split("; ") if label))
