"""Reassign features to their new units: by code where that decides, else by place, else by a person."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
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
    empty_columns,
    report_review,
    require_column,
    result_of,
    text_codes,
)
from geomerge.coverage import Indices
from geomerge.crs import require_projected, require_same_crs
from geomerge.errors import InputError
from geomerge.faces import NOBODY, Faces
from geomerge.fates import Fates
from geomerge.features import Features, Held
from geomerge.findings import Finding, collector
from geomerge.place import EPSILON, Flags, Floats, Place, Ranked

__all__ = ["Assignment", "Judge", "assign", "reassign"]

Verify = Literal["affected", "all", "none"]
Told = dict[str, NDArray[Any]]  # the columns of an assignment


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
    _require_options(pieces, min_share, verify)
    added_columns(features)
    held = isinstance(features, gpd.GeoDataFrame) and features.active_geometry_name is not None
    require_column(features, code, "features")
    result = assign(
        features[code],
        Held(features) if held else None,
        pieces,
        min_share=min_share,
        verify=verify,
        findings=findings,
    )
    return Assignment.of(features, result)


def assign(
    codes: pd.Series,
    features: Features | None,
    pieces: gpd.GeoDataFrame,
    *,
    min_share: float = 0.9,
    verify: Verify = "affected",
    findings: list[Finding] | None = None,
) -> pd.DataFrame:
    """Say of each feature, given by its code and its place, what :func:`reassign` adds to it.

    The geometry of a feature is asked for only if its box touches a border that matters, if its unit is cut
    or its code is unknown.

    Parameters
    ----------
    codes
        Code of the old unit of each feature, text; the name of the series is used in messages.
    features
        Where the features lie, in the order of the codes; None for a table without geometry.
    pieces, min_share, verify, findings
        As in :func:`reassign`.

    Returns
    -------
    DataFrame
        The columns that :class:`Assignment` describes, under their own names, on a fresh range of row numbers.
        Rows with a ``reason`` are for a person to decide; ``Assignment.of(table, result)`` divides a table.

    Raises
    ------
    InputError, CRSError
        If codes, options or CRS do not fit.
    """
    result = Judge(pieces, len(codes), min_share=min_share, verify=verify).of(codes, features)
    report_review(result, collector(findings))
    return result


class Judge:
    """The rules of :func:`reassign` for features that come all at once or part by part, with the same answer.

    Parameters
    ----------
    pieces, min_share, verify
        As in :func:`reassign`.
    count
        How many features there are in all parts together.

    Raises
    ------
    InputError
        If an option or a column does not fit.
    """

    def __init__(
        self, pieces: gpd.GeoDataFrame, count: int, *, min_share: float = 0.9, verify: Verify = "affected"
    ) -> None:
        _require_options(pieces, min_share, verify)
        self.pieces, self.count, self.min_share, self.verify = pieces, count, min_share, verify
        self.fates = Fates(pieces)

    def of(self, codes: pd.Series, features: Features | None) -> pd.DataFrame:
        """Say of each feature of a part what :func:`assign` says; what goes to review is not reported."""
        position, values = text_codes(codes)
        unit = self.fates.units_of(position, values)
        told = _by_code(position, unit, self.fates)
        if features is None:
            told["reason"][self.fates.is_cut(unit)] = NO_GEOMETRY
        else:
            self._by_place(told, features, unit)
        return result_of(told)

    def prepare(self) -> None:
        """Make what all parts need, so that it is known how much memory that takes."""
        happens = self.count > 0 and bool(self.fates.affected.any())
        if happens or (self.count > 0 and self.verify == "all"):
            _ = self.faces
        if happens and self.verify == "affected":
            _ = self.affected

    @cached_property
    def faces(self) -> Faces:
        """The pieces as faces."""
        return Faces(self.fates.shapes, self.count)

    @cached_property
    def affected(self) -> Faces:
        """The pieces of units that something happens to, as faces."""
        return Faces(self.fates.shapes[self.fates.is_affected(self.fates.unit)], self.count)

    def _by_place(self, told: Told, features: Features, unit: Indices) -> None:
        """Say what the place says, of the features whose place matters."""
        fates = self.fates
        needed = (unit < 0) | fates.is_cut(unit) | (self.verify == "all")
        compared = self.verify == "affected" and bool(fates.affected.any()) and len(unit) > 0
        if not needed.any() and not compared:
            return
        require_same_crs(features=features, pieces=self.pieces)
        if fates.is_cut(unit).any():
            require_projected(self.pieces, "the layer of features")  # in the same CRS
        bounds = features.bounds()
        if compared:
            needed |= fates.is_affected(unit)
            # all others matter only if they may lie in an affected unit
            rest = np.flatnonzero(~needed)
            needed[rest] = self.affected.holder(bounds[rest]) != NOBODY
        place = Place(features, bounds, np.flatnonzero(needed), unit, fates, self.faces)
        _judge(told, place, fates, self.min_share, self.verify)


def _require_options(pieces: gpd.GeoDataFrame, min_share: float, verify: str) -> None:
    if not 0.5 < min_share <= 1:
        raise InputError(f"min_share is {min_share}; a share that decides is above 0.5 and at most 1.")
    if verify not in ("affected", "all", "none"):
        raise InputError(f"verify is {verify}; it is one of affected, all, none.")
    for column in ("old_code", "new_code", "event", "kind"):
        require_column(pieces, column, "pieces")


def _by_code(position: Indices, unit: Indices, fates: Fates) -> Told:
    """Say what the code alone says: the new code of a unit that goes whole."""
    told = empty_columns(len(unit))
    label = fates.label_of(unit)
    told["new_code"] = fates.labels[label]
    told["event"] = fates.event_of(unit)
    told["method"][label >= 0] = "code"
    told["reason"][label == fates.nobody] = ABOLISHED
    told["reason"][unit < 0] = UNKNOWN_CODE
    told["reason"][position < 0] = NO_CODE
    return told


def _judge(told: Told, place: Place, fates: Fates, min_share: float, verify: Verify) -> None:
    """Write what the place says, by the rules in their order."""
    cut, known = fates.is_cut(place.unit), place.unit >= 0
    verified = cut | (known if verify == "all" else fates.is_affected(place.unit) & (verify == "affected"))
    outside = verified & (place.inside < 0.5 - EPSILON)
    disagrees = known & ~outside & _disagrees(place, verified)
    own, total = place.ranked(place.own & cut[place.pairs.feature]), place.total(place.own)
    disagrees |= cut & ~outside & (total <= 0)
    share = own.first_share / np.where(total > 0, total, 1)
    tie = (own.second_share > 0) & (place.is_point | (own.first_share - own.second_share <= EPSILON))
    rules = {
        NO_GEOMETRY: cut & place.missing,
        OUTSIDE: ~place.missing & outside,
        DISAGREES: ~place.missing & disagrees,
        TIE: cut & tie,
        STRADDLES: cut & (share < min_share - EPSILON),
        ABOLISHED: cut & (own.first == fates.nobody),
    }
    reason = np.full(len(place.rows), "", dtype=object)
    for name, applies in reversed(rules.items()):  # the first that applies is written last
        reason[applies] = name
    undecided = told["reason"][place.rows] == ""
    told["reason"][place.rows[undecided]] = reason[undecided]
    at_home = cut & (total > 0) & (reason != DISAGREES)
    _write(told, at_home, own, np.where(total > 0, total, 1), place, fates)
    # the code does not tell: the likeliest is where most of the feature lies
    lost = ~known | (reason == DISAGREES)
    _write(told, lost, place.ranked(place.legal & lost[place.pairs.feature]), np.ones(len(lost)), place, fates)
    told["border_distance"][place.rows] = place.border_distance


def _disagrees(place: Place, verified: Flags) -> Flags:
    """Return of which features more than half of what lies in any unit lies in another than the code says."""
    half = 0.5 * place.inside - EPSILON
    disagrees = np.where(place.is_point, place.home <= 0, place.home < half) & (place.inside > 0)
    # of units that nothing happens to, only those count that lie in a unit where something does
    elsewhere = np.where(place.is_point, place.elsewhere > 0, place.elsewhere > 0.5 * place.inside + EPSILON)
    return disagrees & (verified | elsewhere)


def _write(told: Told, chosen: Flags, ranked: Ranked, whole: Floats, place: Place, fates: Fates) -> None:
    """Write new code, shares and runner-up of the chosen features; shares are of ``whole``."""
    chosen = chosen & (ranked.first >= 0)
    rows = place.rows[chosen]
    first, second = ranked.first_share[chosen] / whole[chosen], ranked.second_share[chosen] / whole[chosen]
    told["new_code"][rows] = fates.labels[ranked.first[chosen]]
    told["method"][rows] = np.array(["share", "contains"], dtype=object)[(first >= 1 - EPSILON).astype(int)]
    told["share"][rows] = first
    told["runner_up"][rows] = fates.labels[ranked.second[chosen]]
    told["runner_up_share"][rows] = np.where(second > 0, second, np.nan)
    told["event"][rows] = fates.events_to(place.unit[chosen], ranked.first[chosen])
