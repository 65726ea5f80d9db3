"""Place: how features lie in pieces, with the shares added up as the rules of reassigning ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geomerge.coverage import Indices, Numbers, present
from geomerge.faces import UNSETTLED, Faces, without_box
from geomerge.fates import Fates
from geomerge.features import Features
from geomerge.locate import Shares, locate

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

EPSILON = 1e-9  # two shares that differ by less are equal
ROWS = 250_000  # geometries in memory at a time


@dataclass(frozen=True)
class Ranked:
    """The labels with the largest share of each feature and the one after it; -1 where there is none."""

    first: Indices
    first_share: Floats
    second: Indices
    second_share: Floats


class Place:
    """What the place says of features: their shares in pieces, added up as the rules ask for.

    Features of units that go whole, and that lie in their unit with all of their box, are left out: nothing is to be
    said of them. Geometry is asked for only where a border may pass through the box, or where the unit is cut.

    Parameters
    ----------
    features, bounds
        All features, and the boxes around them.
    looked_at
        The rows whose place matters.
    unit
        The unit of each of all features, by its code.
    fates, faces
        What the pieces say of units, and the pieces as faces.
    """

    def __init__(
        self, features: Features, bounds: Numbers, looked_at: Indices, unit: Indices, fates: Fates, faces: Faces
    ) -> None:
        holder = faces.holder(bounds[looked_at])
        unit = unit[looked_at]
        at_home = (holder >= 0) & (unit >= 0) & (np.append(fates.unit, -1)[holder] == unit)
        told = ~at_home | fates.is_cut(unit)
        self.rows, self.unit, self.fates = looked_at[told], unit[told], fates
        holder = holder[told]
        self.missing: Flags = without_box(bounds[self.rows])
        self.is_point: Flags = np.zeros(len(holder), dtype=bool)
        self.border_distance: Floats = np.full(len(holder), np.nan)
        settled = np.flatnonzero(holder >= 0)
        found = [Shares(settled, holder[settled], np.ones(len(settled))), *self._looked_at(features, holder)]
        self.pairs = Shares(
            np.concatenate([shares.feature for shares in found]),
            np.concatenate([shares.polygon for shares in found]),
            np.concatenate([shares.share for shares in found]),
        )
        piece, mine = self.pairs.polygon, self.unit[self.pairs.feature]
        in_unit = (fates.unit[piece] == mine) & (mine >= 0)
        # land that is only drawn anew is home to the unit it is drawn in before as to that after
        drawn = fates.correction[piece] & (fates.label[piece] == fates.label_of(mine))
        self.inside = self.total(np.ones(len(piece), dtype=bool))
        self.home = self.total(in_unit | drawn)
        self.elsewhere = self.total(fates.is_affected(fates.unit[piece]) & ~in_unit & ~drawn)
        self.legal = ~fates.correction[piece]
        self.own = in_unit & self.legal

    def _looked_at(self, features: Features, holder: Indices) -> list[Shares]:
        """Look at the geometry of features: locate the unsettled ones, measure how far those of units cut are off."""
        cut, unsettled = self.fates.is_cut(self.unit), holder == UNSETTLED
        wanted = np.flatnonzero(unsettled | (cut & ~self.missing))
        borders = self.fates.borders if unsettled.any() else None
        found = []
        for at in range(0, len(wanted), ROWS):
            some = wanted[at : at + ROWS]
            shapes = features.geometry(self.rows[some])
            self.missing[some] = ~present(shapes)
            self.is_point[some] = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
            if borders is not None:
                open_ = np.flatnonzero(unsettled[some])
                shares = locate(shapes[open_], borders)
                found.append(Shares(some[open_[shares.feature]], shares.polygon, shares.share))
            near = np.flatnonzero(cut[some] & ~self.missing[some])
            self.border_distance[some[near]] = self.fates.border_distance(shapes[near], self.unit[some[near]])
        return found

    def total(self, pairs: Flags) -> Floats:
        """Return the share of each feature in the chosen pairs."""
        return np.bincount(self.pairs.feature, weights=self.pairs.share * pairs, minlength=len(self.unit)).astype(
            np.float64
        )

    def ranked(self, pairs: Flags) -> Ranked:
        """Return the new codes with the largest shares among the chosen pairs."""
        feature, share = self.pairs.feature[pairs], self.pairs.share[pairs]
        label = self.fates.label[self.pairs.polygon[pairs]]
        order = np.lexsort([label, feature])
        feature, label, share = feature[order], label[order], share[order]
        begins = np.flatnonzero((np.diff(feature, prepend=-1) != 0) | (np.diff(label, prepend=-1) != 0))
        feature, label = feature[begins], label[begins]
        share = np.add.reduceat(share, begins) if len(begins) else share
        # equal shares stand in the order of their labels, whatever the order in which they were added up
        order = np.lexsort([label, -share.round(9), feature])
        feature, label, share = feature[order], label[order], share[order]
        first = np.flatnonzero(np.diff(feature, prepend=-1))
        second = first[np.append(feature, -1)[first + 1] == feature[first]] + 1
        return Ranked(*self._column(feature, label, share, first), *self._column(feature, label, share, second))

    def _column(self, feature: Indices, label: Indices, share: Floats, chosen: Indices) -> tuple[Indices, Floats]:
        labels, shares = np.full(len(self.unit), -1, dtype=np.intp), np.zeros(len(self.unit))
        labels[feature[chosen]], shares[feature[chosen]] = label[chosen], share[chosen]
        return labels, shares
