"""Reassign features to their new units: by code where that decides, else by place, else to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.crs import require_projected, require_same_crs
from geomerge.errors import InputError
from geomerge.findings import Finding, collector
from geomerge.locate import Shares, locate
from geomerge.pieces import unit_codes

Report = Callable[[Finding], None]
Verify = Literal["affected", "all", "none"]

COLUMNS = ("new_code", "method", "share", "runner_up", "runner_up_share", "border_distance", "event", "reason")

NO_CODE = "no code"
UNKNOWN_CODE = "unknown code"
NO_GEOMETRY = "no geometry"
OUTSIDE = "outside every unit"
DISAGREES = "code disagrees with the place"
STRADDLES = "straddles the new border"
TIE = "tie between new units"
ABOLISHED = "unit ends without a successor"
LEADERS_APART = "follows features in several units"
NO_LEADER = "follows no known feature"
LEADER_IN_REVIEW = "follows a feature in review"


@dataclass(frozen=True)
class Assignment:
    """Features with their new unit: each is in exactly one of ``updated`` and ``review``.

    Both tables have the columns of the features and, after them, ``new_code`` (in the review the likeliest one),
    ``method`` (``code``, ``contains``, ``share``, ``follows``), ``share`` in the new unit, ``runner_up`` and its share,
    ``border_distance`` to the new border in CRS units (where a unit is cut), ``event``, and ``reason`` (why a person must
    decide; empty in ``updated``).
    """

    updated: Any
    review: Any

    @classmethod
    def divide(cls, table: Any) -> Assignment:
        """Divide one table by whether a row has a reason for review."""
        open_rows = (table["reason"] != "").to_numpy()
        return cls(table[~open_rows], table[open_rows])


def reassign(
    features: pd.DataFrame,
    pieces: gpd.GeoDataFrame,
    *,
    code: str = "code",
    min_share: float = 0.9,
    verify: Verify = "affected",
    findings: list[Finding] | None = None,
) -> Assignment:
    """Give each feature the new unit of its old one if that goes whole, else of the piece of it that holds the feature.

    The rule, in its order: an unknown or missing code goes to review. A feature whose old unit goes whole takes its
    code (``code``). One whose unit is cut goes where it lies entirely (``contains``), else where the largest share of it
    lies (``share``), if that is at least ``min_share`` of what lies in any unit. Shares that are equal, a point on the
    border, a feature of which more than half lies outside of every unit, and a feature of which more than half lies in
    another old unit than its code says go to review. Nothing is guessed: a tie is never settled by order.

    Parameters
    ----------
    features
        Points, lines or polygons, in the CRS of the pieces; or a table without geometry, of which rows of units that
        are cut go to review.
    pieces
        Table made by :func:`geomerge.pieces`.
    code
        Column of the features with the code of their old unit, text.
    min_share
        Least share that decides for a straddler, above 0.5.
    verify
        Which features must lie where their code says: those whose unit is merged or cut, or that lie in such a unit
        (``affected``), ``all``, or ``none``. Renumbering alone never looks at geometry unless all are to be verified.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Assignment

    Raises
    ------
    InputError, CRSError
        If a column or a CRS is missing or does not fit.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> pieces = gpd.GeoDataFrame(
    ...     {"old_code": ["1", "1"], "new_code": ["8", "9"], "event": ["split", "split"], "kind": ["part", "part"]},
    ...     geometry=[shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)], crs="EPSG:25832")
    >>> parcels = gpd.GeoDataFrame({"code": ["1", "1", "1"]}, crs="EPSG:25832",
    ...     geometry=[shapely.box(1, 1, 2, 2), shapely.box(3.95, 1, 5, 2), shapely.box(3, 1, 6, 2)])
    >>> found = reassign(parcels, pieces, findings=[])
    >>> found.updated[["new_code", "method"]].values.tolist()
    [['8', 'contains'], ['9', 'share']]
    >>> found.review["reason"].tolist()
    ['straddles the new border']
    """
    if not 0.5 < min_share <= 1:
        raise InputError(f"min_share is {min_share}; a share that decides is above 0.5 and at most 1.")
    _require_code(features, code)
    legal = pieces[pieces["old_code"].notna() & (pieces["kind"] != "correction")].reset_index(drop=True)
    fates = _Fates(legal)
    result = _by_code(features, code, fates)
    if not isinstance(features, gpd.GeoDataFrame):
        result.loc[features[code].isin(fates.cut), "reason"] = NO_GEOMETRY
    elif (looked_at := _to_look_at(features, code, legal, fates, verify)).any():
        require_same_crs(features=features, pieces=pieces)
        require_projected(features, "the layer of features")
        located = _Located(features, looked_at, legal)
        _by_place(result, features[code].to_numpy(), located, legal, fates, min_share)
    _report_review(result, collector(findings))
    added = [column for column in COLUMNS if column not in features.columns]
    return Assignment.divide(features.join(result[added]))


def follow(
    table: pd.DataFrame,
    leaders: Assignment,
    *,
    foreign_key: str,
    key: str,
    by: str | None = None,
    code: str = "code",
    findings: list[Finding] | None = None,
) -> Assignment:
    """Give each row of a table the new unit of the feature it refers to.

    Parameters
    ----------
    table
        A table without geometry, such as cadastral units.
    leaders
        Result of :func:`reassign` for the features it refers to.
    foreign_key, key
        Column of the table that refers to the column ``key`` of the features.
    by
        Column that identifies what must not be torn apart, such as the id of a cadastral unit with several parcels:
        where its rows land in two units, that is a ``must`` finding.
    code
        Column of the table with the code of the old unit.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Assignment

    Examples
    --------
    >>> leaders = Assignment.divide(pd.DataFrame({"id": [7, 8], "new_code": ["8", "9"], "event": "split", "reason": ""}))
    >>> units = pd.DataFrame({"parcel": [7, 8], "code": ["1", "1"]})
    >>> follow(units, leaders, foreign_key="parcel", key="id").updated["new_code"].tolist()
    ['8', '9']
    """
    for column, where, name in ((foreign_key, table, "table"), (key, leaders.updated, "features")):
        if column not in where.columns:
            raise InputError(f"The {name} have no column {column}. They have {', '.join(map(str, where.columns))}.")
    _require_code(table, code)
    known = pd.concat([leaders.updated, leaders.review])[[key, "new_code", "event", "reason"]]
    known = known.drop_duplicates(key).set_index(key)
    found = known.reindex(table[foreign_key])
    found.index = table.index
    result = _empty_result(table)
    result["new_code"] = found["new_code"]
    result["event"] = found["event"].fillna("")
    result["method"] = "follows"
    result["reason"] = np.select(
        [found["reason"].isna(), found["reason"] != ""], [NO_LEADER, LEADER_IN_REVIEW], ""
    ).astype(object)
    report = collector(findings)
    if by is not None:
        _keep_together(result, table[by], report)
    _report_review(result, report)
    return Assignment.divide(table.join(result))


def _keep_together(result: pd.DataFrame, unit: pd.Series, report: Report) -> None:
    """Send what would be torn apart to review, as a whole."""
    apart = result.groupby(unit)["new_code"].nunique()
    for name in apart.index[apart > 1]:
        rows = (unit == name).to_numpy() & unit.notna().to_numpy()
        codes = ", ".join(sorted(result.loc[rows, "new_code"].dropna().unique()))
        result.loc[rows, "reason"] = LEADERS_APART
        report(
            Finding(
                "must", "torn apart", f"{unit.name} {name} would lie in several units ({codes})", str(unit.name),
                "Divide it before the reform, or decide where its features go.",
            )  # fmt: skip
        )


class _Fates:
    """What the pieces say of each old code, without geometry."""

    def __init__(self, pieces: gpd.GeoDataFrame) -> None:
        grouped = pieces.groupby("old_code", sort=False)
        distinct = grouped["new_code"].nunique(dropna=False)
        self.known = set(distinct.index)
        self.cut = set(distinct.index[distinct > 1])
        whole = pieces[~pieces["old_code"].isin(self.cut)].drop_duplicates("old_code")
        self.new: Mapping[Any, Any] = dict(zip(whole["old_code"], whole["new_code"], strict=True))
        self.event: Mapping[Any, str] = dict(zip(whole["old_code"], whole["event"], strict=True))
        makers = pieces.groupby("new_code")["old_code"].nunique()
        joined = set(pieces.loc[pieces["new_code"].isin(makers.index[makers > 1]), "old_code"])
        self.affected = joined | self.cut


def _require_code(table: pd.DataFrame, code: str) -> None:
    if code not in table.columns:
        raise InputError(f"The features have no column {code}. They have {', '.join(map(str, table.columns))}.")
    present = table[table[code].notna()]
    if len(present):
        unit_codes(gpd.GeoDataFrame(present[[code]]), code)


def _empty_result(features: pd.DataFrame) -> pd.DataFrame:
    result = pd.DataFrame(index=features.index)
    for column in COLUMNS:
        number = column in ("share", "runner_up_share", "border_distance")
        result[column] = np.nan if number else pd.Series("", index=features.index, dtype=object)
    result["new_code"] = result["runner_up"] = pd.Series(None, index=features.index, dtype=object)
    return result


def _by_code(features: pd.DataFrame, code: str, fates: _Fates) -> pd.DataFrame:
    result = _empty_result(features)
    codes = features[code]
    result["new_code"] = pd.Series([fates.new.get(c) for c in codes], index=codes.index, dtype=object)
    result["event"] = pd.Series([fates.event.get(c, "") for c in codes], index=codes.index, dtype=object)
    result["method"] = "code"
    ends = codes.isin(fates.new) & result["new_code"].isna()
    result["reason"] = np.select(
        [codes.isna(), ~codes.isin(fates.known), ends], [NO_CODE, UNKNOWN_CODE, ABOLISHED], ""
    ).astype(object)
    return result


def _to_look_at(
    features: gpd.GeoDataFrame, code: str, pieces: gpd.GeoDataFrame, fates: _Fates, verify: Verify
) -> np.ndarray:
    """Return whose place matters: of units that are cut, of codes nobody knows, and those to verify."""
    codes = features[code]
    needed = (codes.isin(fates.cut) | ~codes.isin(fates.known)).to_numpy().copy()
    if verify == "none" or not (fates.affected or verify == "all"):
        return needed
    if verify == "all":
        return np.ones(len(features), dtype=bool)
    touched = pieces.loc[pieces["old_code"].isin(fates.affected)].geometry.to_numpy()
    near = shapely.STRtree(features.geometry.to_numpy()).query(touched)[1]  # boxes are enough to leave most out
    needed |= codes.isin(fates.affected).to_numpy()
    needed[near] = True
    return needed


class _Located:
    """Shares of the features in the pieces, reduced to what the rules ask for."""

    def __init__(self, features: gpd.GeoDataFrame, which: np.ndarray, pieces: gpd.GeoDataFrame) -> None:
        self.rows = np.flatnonzero(which)
        self.shapes = features.geometry.to_numpy()[self.rows]
        self.missing = shapely.is_missing(self.shapes) | shapely.is_empty(self.shapes)
        self.pairs: Shares = locate(self.shapes, pieces.geometry.to_numpy())

    def summed(self, label: np.ndarray) -> pd.DataFrame:
        """Return feature, label, share: pairs of the same feature and label added up, the largest share first."""
        table = pd.DataFrame(
            {"feature": self.pairs.feature, "label": label[self.pairs.polygon], "share": self.pairs.share}
        )
        table = table.groupby(["feature", "label"], sort=True, dropna=False)["share"].sum().reset_index()
        return table.sort_values(["feature", "share"], ascending=[True, False], kind="stable")


def _by_place(
    result: pd.DataFrame,
    codes: np.ndarray,
    located: _Located,
    pieces: gpd.GeoDataFrame,
    fates: _Fates,
    min_share: float,
) -> None:
    """Write what the place says into the result, for the features that were looked at."""
    count = len(located.rows)
    ranked = located.summed(pieces["new_code"].fillna("").to_numpy(dtype=object))
    first, second = _rank(ranked, 0, count), _rank(ranked, 1, count)
    inside = np.bincount(ranked["feature"], weights=ranked["share"], minlength=count)
    own_codes = codes[located.rows]
    home = _share_at_home(located, pieces, own_codes)
    cut = np.isin(own_codes.astype(str), list(fates.cut))
    known = np.isin(own_codes.astype(str), list(fates.known))
    events = dict(zip(zip(pieces["old_code"], pieces["new_code"].fillna(""), strict=True), pieces["event"], strict=True))

    decisive = first["share"] / np.where(inside > 0, inside, 1)
    is_point = shapely.get_dimensions(located.shapes) == 0
    tie = (second["share"] > 0) & (is_point | (np.abs(first["share"] - second["share"]) <= 1e-9 * first["share"]))
    faults = [
        (known & located.missing & cut, NO_GEOMETRY),
        (~located.missing & (inside <= 0.5) & known, OUTSIDE),
        (~located.missing & (home <= 0.5) & known, DISAGREES),
        (cut & tie, TIE),
        (cut & (decisive < min_share), STRADDLES),
        (cut & (first["label"] == ""), ABOLISHED),
    ]
    reason = np.select([fault for fault, _ in faults], [name for _, name in faults], "").astype(object)
    placed = (cut | ~known | (reason != "")) & ~located.missing
    rows = result.index[located.rows]
    old_reason = result.loc[rows, "reason"].to_numpy(dtype=object)
    result.loc[rows, "reason"] = np.where(old_reason == "", reason, old_reason)
    at = rows[placed]
    result.loc[at, "new_code"] = np.where(first["label"] == "", None, first["label"])[placed]
    result.loc[at, "method"] = np.where(second["share"] > 0, "share", "contains")[placed]
    result.loc[at, "share"] = first["share"][placed]
    result.loc[at, "runner_up"] = np.where(second["label"] == "", None, second["label"])[placed]
    result.loc[at, "runner_up_share"] = np.where(second["share"] > 0, second["share"], np.nan)[placed]
    result.loc[at, "event"] = [
        events.get((old, new), "") for old, new in zip(own_codes[placed], first["label"][placed], strict=True)
    ]
    near = cut & ~located.missing
    result.loc[rows[near], "border_distance"] = _border_distance(located.shapes[near], own_codes[near], pieces)


def _rank(ranked: pd.DataFrame, place: int, count: int) -> dict[str, np.ndarray]:
    chosen = ranked[ranked.groupby("feature").cumcount() == place]
    label, share = np.full(count, "", dtype=object), np.zeros(count)
    label[chosen["feature"]], share[chosen["feature"]] = chosen["label"], chosen["share"]
    return {"label": label, "share": share}


def _share_at_home(located: _Located, pieces: gpd.GeoDataFrame, own_codes: np.ndarray) -> np.ndarray:
    """Return how much of each feature lies in the unit its code names, relative to what lies in any unit."""
    holder = pieces["old_code"].to_numpy()[located.pairs.polygon]
    at_home = holder == own_codes[located.pairs.feature]
    count = len(located.rows)
    inside = np.bincount(located.pairs.feature, weights=located.pairs.share, minlength=count)
    home = np.bincount(located.pairs.feature, weights=located.pairs.share * at_home, minlength=count)
    return home / np.where(inside > 0, inside, 1)


def _border_distance(shapes: np.ndarray, codes: np.ndarray, pieces: gpd.GeoDataFrame) -> np.ndarray:
    """Return the distance of each feature to the new border inside its old unit."""
    distance = np.full(len(shapes), np.nan)
    for old_code in np.unique(codes.astype(str)):
        parts = pieces[pieces["old_code"] == old_code].geometry.to_numpy()
        borders = shapely.boundary(parts)
        shared = [shapely.intersection(a, b) for i, a in enumerate(borders) for b in borders[i + 1 :]]
        lines = np.array([part for line in shared for part in shapely.get_parts(line)], dtype=object)
        lines = lines[shapely.length(lines) > 0] if len(lines) else lines
        if not len(lines):
            continue
        rows = np.flatnonzero(codes == old_code)
        (at, _), found = shapely.STRtree(lines).query_nearest(shapes[rows], return_distance=True, all_matches=False)
        distance[rows[at]] = found
    return distance


def _report_review(result: pd.DataFrame, report: Report) -> None:
    for reason, count in result.loc[result["reason"] != "", "reason"].value_counts(sort=False).items():
        report(
            Finding(
                "should", "review", f"{count} rows: {reason}", "review", "Decide them in the review layer."
            )
        )
