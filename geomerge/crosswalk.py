"""Crosswalk: which old code becomes which new code, whole or in part, with the share of the area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

COLUMNS = ("old_code", "new_code", "kind", "share", "by", "area", "event")


def crosswalk(pieces: gpd.GeoDataFrame) -> pd.DataFrame:
    """Add up the pieces by old and new code; a correction is no change of codes and has no row.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.

    Returns
    -------
    DataFrame
        ``old_code``, ``new_code`` (missing where nothing follows), ``kind`` (``whole`` or ``part``),
        ``share`` of the old unit (they sum to 1), ``by`` (``area``), ``area`` in squared CRS units,
        ``event``; sorted by code.

    Examples
    --------
    >>> table = gpd.GeoDataFrame(
    ...     {
    ...         "old_code": ["1", "1"],
    ...         "new_code": ["8", "9"],
    ...         "event": ["split", "split"],
    ...         "kind": ["part", "part"],
    ...     },
    ...     geometry=[shapely.box(0, 0, 3, 1), shapely.box(3, 0, 4, 1)],
    ...     crs="EPSG:25832",
    ... )
    >>> crosswalk(table)[["old_code", "new_code", "kind", "share"]].values.tolist()
    [['1', '8', 'part', 0.75], ['1', '9', 'part', 0.25]]
    """
    legal = pieces[pieces["old_code"].notna() & (pieces["kind"] != "correction")]
    table = pd.DataFrame(legal[["old_code", "new_code", "event"]])
    table["area"] = shapely.area(legal.geometry.to_numpy())
    grouped = table.groupby(["old_code", "new_code"], dropna=False, sort=True)
    found = grouped.agg(area=("area", "sum"), event=("event", _events)).reset_index()
    total = found.groupby("old_code")["area"].transform("sum")
    alone = found.groupby("old_code")["new_code"].transform("size") == 1
    found["kind"] = np.where(alone, "whole", "part")
    found["share"] = np.where(alone, 1.0, found["area"] / total.where(total > 0, 1))
    found["by"] = "area"
    return found[list(COLUMNS)]


def _events(labels: pd.Series) -> str:
    return "; ".join(dict.fromkeys(label for joined in labels for label in joined.split("; ") if label))
