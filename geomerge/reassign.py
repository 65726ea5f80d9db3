"""Reassign features to their new units: by code where that decides, else by place, else by a person."""

from __future__ import annotations

from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geomerge.assignment import (
    ABOLISHED,
    DISAGREES,
    NO_CODE,
    NO_GEOMETRY,
    OUTSIDE,
    STRADDLES,
    TIE,
    UNKNOWN_CODE,
    Assignment,
    added_columns,
    empty_result,
    report_review,
    require_codes,
    require_column,
)
from geomerge.coverage import Indices
from geomerge.crs import require_projected, require_same_crs
from geomerge.errors import InputError
from geomerge.fates import Fates
from geomerge.findings import Finding, collector
from geomerge.place import EPSILON, Flags, Floats, Place, Ranked

__all__ = ["Assignment", "reassign"]

Verify = Literal["affected", "all", "none"]


def reassign(
    features: pd.DataFrame,
    pieces: gpd.GeoDataFrame,
    *,
    code: str = "code",
    min_share: float = 0.9,
    verify: Verify = "affected",
    findings: list[Finding] | None = None,
) -> Assignment:
    """Give each feature the new unit of its old one, or of the piece of it that holds the feature.

    The rule, in its order:

    1. A feature without a code, or with one that no unit has, goes to review; the unit it lies in is told.
    2. A feature of which more than half lies outside of every unit, or in another old unit than its code
       says, goes to review, if its place is looked at (``verify``).
    3. A feature whose old unit goes whole takes its new code (``code``).
    4. A feature whose old unit is cut goes to the new unit of the piece of it that holds the feature
       (``contains``), or else the largest share of it (``share``), which must be at least ``min_share``.
       Shares are of what lies in the old unit: the code says which unit it is, the place only which piece.

    Nothing is guessed: equal shares, and a point on the new border, go to review. A correction moves no
    feature.

    Parameters
    ----------
    features
        Points, lines or polygons, in the CRS of the pieces; or a table without geometry, of which rows of
        units that are cut go to review.
    pieces
        Table made by :func:`geomerge.pieces`.
    code
        Column of the features with the code of their old unit, text.
    min_share
        Least share that decides for a straddler, above 0.5; a feature with just this share passes.
    verify
        Which features must lie where their code says: those whose unit is merged or cut, or that lie in such
        a unit (``affected``), ``all``, or only those whose unit is cut (``none``). Renumbering alone never
        looks at geometry unless all are to be verified.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Assignment
        Index, columns, CRS and order of the features are kept.

    Raises
    ------
    InputError, CRSError
        If a column or a CRS is missing or does not fit.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> pieces = gpd.GeoDataFrame(
    ...     {
    ...         "old_code": ["1", "1"],
    ...         "new_code": ["8", "9"],
    ...         "event": ["split", "split"],
    ...         "kind": ["part", "part"],
    ...     },
    ...     geometry=[shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)],
    ...     crs="EPSG:25832",
    ... )
    >>> parcels = gpd.GeoDataFrame(
    ...     {"code": ["1", "1", "1"]},
    ...     crs="EPSG:25832",
    ...     geometry=[shapely.box(1, 1, 2, 2), shapely.box(3.95, 1, 5, 2), shapely.box(3, 1, 6, 2)],
    ... )
    >>> found = reassign(parcels, pieces, findings=[])
    >>> found.updated[["new_code", "method"]].values.tolist()
    [['8', 'contains'], ['9', 'share']]
    >>> found.review["reason"].tolist()
    ['straddles the new border']
    """
    if not 0.5 < min_share <= 1:
        raise InputError(f"min_share is {min_share}; a share that decides is above 0.5 and at most 1.")
    if verify not in ("affected", "all", "none"):
        raise InputError(f"verify is {verify}; it is one of affected, all, none.")
    for column in ("old_code", "new_code", "event", "kind"):
        require_column(pieces, column, "pieces")
    added_columns(features)
    position, codes = require_codes(features, code)
    fates = Fates(pieces)
    unit = fates.units_of(position, codes)
    result = _by_code(position, unit, fates)
    if isinstance(features, gpd.GeoDataFrame) and features.active_geometry_name is not None:
        if (looked_at := _to_look_at(features, unit, fates, verify)).any():
            require_same_crs(features=features, pieces=pieces)
            if fates.is_cut(unit[looked_at]).any():
                require_projected(features, "the layer of features")
            place = Place(features.geometry.to_numpy()[looked_at], unit[looked_at], fates)
            _by_place(result, np.flatnonzero(looked_at), place, fates, min_share, verify)
    else:
        result.loc[fates.is_cut(unit), "reason"] = NO_GEOMETRY
    report_review(result, collector(findings))
    return Assignment.of(features, result)


def _by_code(position: Indices, unit: Indices, fates: Fates) -> pd.DataFrame:
    """Say what the code alone says: the new code of a unit that goes whole."""
    result = empty_result(len(unit))
    label = fates.label_of(unit)
    result["new_code"] = _texts(fates.labels[label])
    result["event"] = _texts(fates.event_of(unit))
    result["method"] = _texts(np.where(label >= 0, "code", ""))
    told = [position < 0, unit < 0, label == fates.nobody]
    result["reason"] = _texts(np.select(told, [NO_CODE, UNKNOWN_CODE, ABOLISHED], ""))
    return result


def _texts(values: NDArray[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def _to_look_at(features: gpd.GeoDataFrame, unit: Indices, fates: Fates, verify: Verify) -> Flags:
    """Return whose place matters: of units that are cut, of codes nobody knows, and those to verify."""
    if verify == "all":
        return np.ones(len(features), dtype=bool)
    needed = (unit < 0) | fates.is_cut(unit)
    if verify == "none" or not fates.affected.any():
        return needed
    needed |= fates.is_affected(unit)
    # of all others, the box tells most of those that cannot lie in an affected unit
    touched = fates.shapes[fates.is_affected(fates.unit)]
    rest = np.flatnonzero(~needed)
    tree = shapely.STRtree(features.geometry.to_numpy()[rest])
    needed[rest[np.unique(tree.query(touched)[1])]] = True
    return needed


def _by_place(
    result: pd.DataFrame, rows: Indices, place: Place, fates: Fates, min_share: float, verify: Verify
) -> None:
    """Write what the place says into the result, for the features that were looked at."""
    cut, known = fates.is_cut(place.unit), place.unit >= 0
    verified = cut | (known if verify == "all" else fates.is_affected(place.unit) & (verify == "affected"))
    outside = verified & (place.inside < 0.5 - EPSILON)
    disagrees = known & ~outside & _disagrees(place, verified)
    own, total = place.ranked(place.own), place.total(place.own)
    disagrees |= cut & ~outside & (total <= 0)
    share = own.first_share / np.where(total > 0, total, 1)
    tie = (own.second_share > 0) & (place.is_point | (own.first_share - own.second_share <= EPSILON))
    reason = np.select(
        [
            cut & place.missing,
            ~place.missing & outside,
            ~place.missing & disagrees,
            cut & tie,
            cut & (share < min_share - EPSILON),
            cut & (own.first == fates.nobody),
        ],
        [NO_GEOMETRY, OUTSIDE, DISAGREES, TIE, STRADDLES, ABOLISHED],
        "",
    )
    told = result["reason"].to_numpy(dtype=object)[rows]
    result.loc[rows, "reason"] = np.where(told == "", reason, told)
    at_home = cut & (total > 0) & (reason != DISAGREES)
    _write(result, rows, at_home, own, np.where(total > 0, total, 1), place, fates)
    # the code does not tell: the likeliest is where most of the feature lies
    _write(result, rows, ~known | (reason == DISAGREES), place.ranked(place.legal), None, place, fates)
    near = np.flatnonzero(cut & ~place.missing)
    result.loc[rows[near], "border_distance"] = fates.border_distance(place.shapes[near], place.unit[near])


def _disagrees(place: Place, verified: Flags) -> Flags:
    """Return of which features more than half of what lies in any unit lies in another than the code says."""
    half = 0.5 * place.inside - EPSILON
    disagrees = np.where(place.is_point, place.home <= 0, place.home < half) & (place.inside > 0)
    # of units that nothing happens to, only those count that lie in a unit where something does
    elsewhere = np.where(place.is_point, place.elsewhere > 0, place.elsewhere > 0.5 * place.inside + EPSILON)
    return disagrees & (verified | elsewhere)


def _write(
    result: pd.DataFrame,
    rows: Indices,
    chosen: Flags,
    ranked: Ranked,
    whole: Floats | None,
    place: Place,
    fates: Fates,
) -> None:
    """Write new code, shares and runner-up of the chosen features; shares are of ``whole``, if given."""
    chosen = chosen & (ranked.first >= 0)
    at = rows[chosen]
    unit = 1.0 if whole is None else whole[chosen]
    first, second = ranked.first_share[chosen] / unit, ranked.second_share[chosen] / unit
    pairs = zip(place.unit[chosen].tolist(), ranked.first[chosen].tolist(), strict=True)
    told: dict[str, Any] = {
        "new_code": fates.labels[ranked.first[chosen]],
        "method": np.where(first >= 1 - EPSILON, "contains", "share"),
        "share": first,
        "runner_up": fates.labels[ranked.second[chosen]],
        "runner_up_share": np.where(second > 0, second, np.nan),
        "event": [fates.events.get(pair, "") for pair in pairs],
    }
    for column, values in told.items():
        result.loc[at.tolist(), column] = values
