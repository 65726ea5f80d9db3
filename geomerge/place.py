"""Place: how features lie in pieces, with the shares added up as the rules of reassigning ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geomerge.coverage import Geometries, Indices
from geomerge.fates import Fates
from geomerge.locate import locate

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

EPSILON = 1e-9  # two shares that differ by less are equal


@dataclass(frozen=True)
class Ranked:
    """The labels with the largest share of each feature and the one after it; -1 where there is none."""

    first: Indices
    first_share: Floats
    second: Indices
    second_share: Floats


class Place:
    """What the place says of features: their shares in pieces, added up as the rules ask for."""

    def __init__(self, shapes: Geometries, unit: Indices, fates: Fates) -> None:
        self.unit, self.shapes, self.fates = unit, shapes, fates
        self.missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
        self.pairs = locate(shapes, fates.shapes)
        self.is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
        holder = self.pairs.polygon
        mine = unit[self.pairs.feature]
        in_unit = (fates.unit[holder] == mine) & (mine >= 0)
        # land that is only drawn anew is home to the unit it is drawn in before as to that after
        drawn = fates.correction[holder] & (fates.label[holder] == fates.label_of(mine))
        self.inside = self.total(np.ones(len(holder), dtype=bool))
        self.home = self.total(in_unit | drawn)
        self.elsewhere = self.total(fates.is_affected(fates.unit[holder]) & ~in_unit & ~drawn)
        self.legal = ~fates.correction[holder]
        self.own = in_unit & self.legal

    def total(self, pairs: Flags) -> Floats:
        """Return the share of each feature in the chosen pairs."""
        return np.bincount(self.pairs.feature, weights=self.pairs.share * pairs, minlength=len(self.unit)).astype(
            np.float64
        )

    def ranked(self, pairs: Flags) -> Ranked:
        """Return the new codes with the largest shares among the chosen pairs."""
        table = pd.DataFrame(
            {
                "feature": self.pairs.feature[pairs],
                "label": self.fates.label[self.pairs.polygon[pairs]],
                "share": self.pairs.share[pairs],
            }
        )
        table = table.groupby(["feature", "label"], sort=True)["share"].sum().reset_index()
        # equal shares stand in the order of their labels, whatever the order in which they were added up
        table = table.assign(rank=-table["share"].round(9)).sort_values(["feature", "rank", "label"])
        place = table.groupby("feature").cumcount()
        return Ranked(*self._column(table[place == 0]), *self._column(table[place == 1]))

    def _column(self, chosen: pd.DataFrame) -> tuple[Indices, Floats]:
        label, share = np.full(len(self.unit), -1, dtype=np.intp), np.zeros(len(self.unit))
        label[chosen["feature"]], share[chosen["feature"]] = chosen["label"], chosen["share"]
        return label, share
