"""Where rows of split units belong: by the address they name, or by their coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geomerge.errors import InputError
from geomerge.recode.cells import Cells, Indices
from geomerge.recode.groups import Flags, Texts
from geomerge.registers import AddressConfig, PlaceConfig

if TYPE_CHECKING:  # only a register with coordinates needs geometry
    import geopandas as gpd

NO_PLACE = "unit is split, and the row has no coordinates"


def by_address(
    rows: Indices,
    codes: Texts,
    table: Mapping[str, Cells],
    config: AddressConfig,
    addresses: Mapping[str, pd.DataFrame],
) -> tuple[Texts, Flags]:
    """Return the new code of the address that each of some rows names, None where there is none; and where several.

    Addresses are compared within the old unit, without regard to capitals and blanks at the ends.
    """
    layer = addresses[config.layer]
    wanted = ["old_code", "new_code", *config.columns]
    if missing := [column for column in wanted if column not in layer.columns]:
        listed = ", ".join(map(str, layer.columns))
        raise InputError(f"The addresses of {config.layer} have no column {', '.join(missing)}. They have {listed}.")
    known = layer[wanted].dropna(subset=["old_code", "new_code"])
    named = pd.DataFrame({column: known[column].map(_plain) for column in config.columns})
    named.insert(0, "code", known["old_code"].astype(object))
    named["new"] = known["new_code"].astype(object)
    named = named.drop_duplicates()
    sought = pd.DataFrame({"code": codes[rows]}, dtype=object)
    for theirs, ours in config.columns.items():
        sought[theirs] = table[ours].take(rows).each(_plain, "")
    keys = list(sought.columns)
    counted = named.groupby(keys, sort=False)["new"].agg(["first", "size"]).reset_index()
    found = sought.merge(counted, on=keys, how="left")
    several = (found["size"] > 1).to_numpy(dtype=bool)
    blank = (sought[list(config.columns)] == "").all(axis=1).to_numpy(dtype=bool)
    new = found["first"].astype(object).to_numpy(copy=True)
    new[several | blank | found["first"].isna().to_numpy(dtype=bool)] = None
    return new, several & ~blank


def _plain(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split()).casefold()


def by_place(
    rows: Indices, codes: Texts, table: Mapping[str, Cells], config: PlaceConfig, pieces: gpd.GeoDataFrame
) -> tuple[Texts, Texts]:
    """Return the new code of the piece that holds each of some rows; where it is None, the reason."""
    import geopandas as gpd

    from geomerge.features import Held
    from geomerge.reassign import assign

    x, y = (table[name].take(rows).each(_coordinate, np.nan).astype(float) for name in (config.x, config.y))
    placed = np.isfinite(x) & np.isfinite(y)
    new, reasons = np.full(len(rows), None, dtype=object), np.full(len(rows), NO_PLACE, dtype=object)
    if placed.any():
        points = gpd.GeoSeries(gpd.points_from_xy(x[placed], y[placed]), crs=config.crs).to_crs(pieces.crs)
        features = gpd.GeoDataFrame({"code": codes[rows[placed]]}, geometry=points)
        found = assign(features["code"], Held(features), pieces, verify="all", findings=[])
        decided = (found["reason"] == "").to_numpy(dtype=bool) & found["new_code"].notna().to_numpy(dtype=bool)
        new[placed] = found["new_code"].astype(object).where(decided, None).to_numpy(dtype=object)
        reasons[placed] = found["reason"].to_numpy(dtype=object)
    return new, reasons


def _coordinate(value: Any) -> float:
    try:
        return float(str(value).strip().replace(",", "."))
    except ValueError:
        return np.nan
