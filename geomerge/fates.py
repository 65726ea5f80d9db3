"""Fates: what pieces say of each old unit, ready to be looked up for millions of features."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geomerge.borders import Borders, line_chunks
from geomerge.coverage import Geometries, Indices
from geomerge.portions import each

Flags = NDArray[np.bool_]


class Fates:
    """Old units by number, and the labels of what becomes of them; -1 stands for no unit, and for no label.

    Parameters
    ----------
    pieces
        Table made by :func:`geomerge.pieces`.

    Attributes
    ----------
    labels
        New code by label; None for the label ``nobody``, where a unit ends without a successor, and for -1.
    new_label, event
        Of each unit that goes whole; -1 and empty of all others.
    cut, affected
        Whether a unit goes to several; whether it is cut or joined with others.
    events
        The events that lead from a unit to a label.
    unit, label, correction, shapes
        Of each piece: its old unit, its new code, whether it is only drawn anew, its geometry.
    """

    def __init__(self, pieces: gpd.GeoDataFrame) -> None:
        self.shapes: Geometries = _prepared(pieces.geometry.to_numpy())
        self.correction: Flags = (pieces["kind"] == "correction").to_numpy()
        unit, codes = pd.factorize(pieces["old_code"])
        self.unit: Indices = unit
        self._codes = pd.Index(np.asarray(codes, dtype=object))
        label, new_codes = pd.factorize(pieces["new_code"], sort=True)
        self.nobody = len(new_codes)
        self.labels: NDArray[Any] = np.array([*new_codes, None, None], dtype=object)
        self.label: Indices = np.where(label < 0, self.nobody, label)
        legal = pd.DataFrame({"unit": self.unit, "label": self.label, "event": pieces["event"].to_numpy()})
        legal = legal[~self.correction & (self.unit >= 0)]
        self.events = _events(legal)
        pairs = legal[["unit", "label"]].drop_duplicates()
        heirs = np.bincount(pairs["unit"], minlength=len(codes))
        makers = np.bincount(pairs["label"], minlength=self.nobody + 1)
        makers[self.nobody] = 0
        self.cut: Flags = heirs > 1
        self.affected: Flags = self.cut.copy()
        self.affected[pairs.loc[makers[pairs["label"]] > 1, "unit"]] = True
        self.new_label: Indices = np.full(len(codes), -1)
        self.new_label[pairs["unit"]] = pairs["label"]
        self.new_label[self.cut] = -1
        whole = [self.events.get((unit, label), "") for unit, label in enumerate(self.new_label.tolist())]
        self.event: NDArray[Any] = np.array(whole, dtype=object)
        self._inner: dict[int, shapely.STRtree] = {}

    @cached_property
    def borders(self) -> Borders:
        """The borders of all pieces."""
        return Borders(self.shapes)

    def units_of(self, position: Indices, codes: NDArray[Any]) -> Indices:
        """Return the unit of each row, given the position of its code in a list of codes."""
        found = np.append(self._codes.get_indexer(pd.Index(codes, dtype=object)), -1)
        return np.asarray(found[position], dtype=np.intp)

    def is_cut(self, unit: Indices) -> Flags:
        """Return whether units are cut; no unit is not."""
        return np.asarray(np.append(self.cut, False)[unit])

    def is_affected(self, unit: Indices) -> Flags:
        """Return whether units are cut or joined with others; no unit is not."""
        return np.asarray(np.append(self.affected, False)[unit])

    def label_of(self, unit: Indices) -> Indices:
        """Return the label of units that go whole, -1 of all others."""
        return np.asarray(np.append(self.new_label, -1)[unit])

    def event_of(self, unit: Indices) -> NDArray[Any]:
        """Return the events of units that go whole, empty texts of all others."""
        return np.asarray(np.append(self.event, np.array([""], dtype=object))[unit])

    def events_to(self, unit: Indices, label: Indices) -> NDArray[Any]:
        """Return the events that lead from units to labels; empty texts where none do."""
        pairs = np.stack([unit, label], axis=1)
        kinds, kind = np.unique(pairs, axis=0, return_inverse=True)
        texts = [self.events.get((int(old), int(new)), "") for old, new in kinds]
        return np.array([*texts, ""], dtype=object)[kind.ravel()]

    def border_distance(self, shapes: Geometries, unit: Indices) -> NDArray[np.float64]:
        """Return the distance of shapes to the new border inside their old unit; NaN where there is none."""
        distance = np.full(len(shapes), np.nan)
        order = np.argsort(unit, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(unit[order])) + 1) if len(order) else []:
            lines = self._inner_borders(int(unit[rows[0]]))
            if len(lines):
                distance[rows] = each(partial(_distances, lines), shapes[rows])
        return distance

    def _inner_borders(self, unit: int) -> shapely.STRtree:
        if unit not in self._inner:
            self._inner[unit] = shapely.STRtree(self._new_borders(unit))
        return self._inner[unit]

    def _new_borders(self, unit: int) -> Geometries:
        parts = np.flatnonzero((self.unit == unit) & ~self.correction)
        borders = shapely.boundary(self.shapes[parts])
        pairs = [(a, b) for a, b in combinations(range(len(parts)), 2) if self.label[parts[a]] != self.label[parts[b]]]
        shared = [shapely.intersection(borders[a], borders[b]) for a, b in pairs]
        lines = shapely.get_parts(np.array([*shared, None], dtype=object))
        return line_chunks(lines[shapely.length(lines) > 0])


def _prepared(shapes: Geometries) -> Geometries:
    """Return copies that are prepared once for all questions about points; what is given stays as it is."""
    copies = np.asarray(shapely.from_wkb(shapely.to_wkb(shapes)), dtype=object)
    shapely.prepare(copies)
    return copies


def _distances(lines: shapely.STRtree, shapes: Geometries) -> NDArray[np.float64]:
    distance = np.full(len(shapes), np.nan)
    # whether lines are touched at all is cheap to tell, as they are prepared for it
    distance[shapely.STRtree(shapes).query(lines.geometries, predicate="intersects")[1]] = 0.0
    apart = np.flatnonzero(np.isnan(distance))
    (at, _), found = lines.query_nearest(shapes[apart], return_distance=True, all_matches=False)
    distance[apart[at]] = found
    return distance


def _events(legal: pd.DataFrame) -> dict[tuple[int, int], str]:
    """Return the events that lead from a unit to a label, in the order of their names."""
    found: dict[tuple[int, int], set[str]] = {}
    for unit, label, event in zip(legal["unit"], legal["label"], legal["event"], strict=True):
        found.setdefault((int(unit), int(label)), set()).update(str(event).split("; "))
    return {pair: "; ".join(sorted(filter(None, labels))) for pair, labels in found.items()}
