"""Real change told apart from lines that were merely drawn anew: by width, ends, corners and area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geomerge.coverage import Geometries, Indices, Mask, Numbers, keys
from geomerge.diff.overlay import OUTSIDE, Overlay, corner_areas

Pairs = frozenset[tuple[int, int]]

MAIN, REAL, REDRAWN, UNCLEAR = "main", "real", "redrawn", "unclear"
PROOFS = ("listed", "end", "ring", "corners", "area")
LEAST = 10  # corners; fewer tell nothing of how borders are drawn


@dataclass(frozen=True)
class Thresholds:
    """What is too small to be a change; lengths and areas in CRS units.

    Parameters
    ----------
    noise
        Mean width below which land between two lines is noise, and distance within which corners are the same.
    spread
        How many times as wide as the median distance of old and new borders around it land must be.
    balance
        Share of its area that may lie on the other side, where the same two lines cross.
    detail
        Area that one generalisation may leave out and another may not; None measures it.
    chance
        How often at most a new corner may be expected where an old one vanished, though nothing changed, for
        such a pair of corners to prove a change.
    """

    noise: float
    spread: float = 4.0
    balance: float = 1 / 3
    detail: float | None = None
    chance: float = 0.05


@dataclass(frozen=True)
class Corners:
    """Corners of the inner borders of one edition, and how far off the other's borders each of them stands.

    ``unit`` and ``patch`` are pairs (corner, unit) and (corner, patch) of what meets there.
    """

    gap: Numbers
    unit: tuple[Indices, Indices]
    patch: tuple[Indices, Indices]

    def own(self, patches: int, noise: float) -> Indices:
        """Return how many corners at each patch the other edition lacks."""
        corner, patch = self.patch
        return np.bincount(patch[self.gap[corner] > noise], minlength=patches)

    def around(self, unit: int, patches: Indices) -> Numbers:
        """Return how far off the corners of a unit stand, but for those at the patches named."""
        there = self.unit[0][self.unit[1] == unit]
        found: Numbers = self.gap[np.setdiff1d(there, self.patch[0][np.isin(self.patch[1], patches)])]
        return found

    def moved(self, patches: Indices, noise: float) -> float:
        """Return the share of corners that the other edition lacks, but for those at the patches named."""
        left = np.setdiff1d(np.arange(len(self.gap)), self.patch[0][np.isin(self.patch[1], patches)])
        return float((self.gap[left] > noise).mean()) if len(left) else 0.0


def judge(
    land: Overlay, before: Geometries, after: Geometries, limits: Thresholds, *, listed: Pairs = frozenset()
) -> pd.DataFrame:
    """Judge each patch between an old and a new unit: whether its land really goes over.

    The patches of an old unit's largest heir, and of a new unit's largest source, are ``main``. Any other one
    lies between a border as it was and as it is. It is ``real`` where it is wide enough and an official list
    names it; or the border's end moved along a line that stays; or the border around it came or went as a
    whole; or it moved one way only, and each edition has corners there that the other lacks, or the patch is
    larger than what a generalisation leaves out. Else the line was ``redrawn``; it is ``unclear`` where the
    same line moved for real just beside.

    Parameters
    ----------
    land
        The editions laid over each other.
    before, after
        Their polygons.
    limits
        The thresholds.
    listed
        Pairs (old, new) that an official list names.

    Returns
    -------
    DataFrame
        One row a patch: ``old, new, area, width``; ``kept``, ``gone``, ``come`` (length of its rim that
        divides units both before and after, only before, only after), ``old_corners``, ``new_corners`` (those
        the other edition lacks), ``opposite`` (area on the other side, where the same lines cross), ``limit``
        (least width that counts), ``rule`` (that decided), ``verdict``. In ``attrs``: ``detail`` and
        ``chance`` as measured.
    """
    patches = land.patches()
    main = main_pairs(patches)
    is_main = _are(patches, main)
    between = ~is_main & (patches[["old", "new"]] != OUTSIDE).all(axis=1).to_numpy()
    crossings = _crossings(land, np.concatenate([before, after]))
    corners = [_corners(land, edition, main, new) for edition, new in ((before, False), (after, True))]
    patches = patches.join(_rim_lengths(land, len(patches)))
    patches["old_corners"], patches["new_corners"] = (found.own(len(patches), limits.noise) for found in corners)
    patches["opposite"] = _opposite(patches, crossings, between)
    patches["limit"] = _limits(patches, between, corners, limits)
    detail, chance = _measured(patches, between, corners, limits, [_detail(before), _detail(after)])
    exchanged = (patches["old_corners"] > 0) & (patches["new_corners"] > 0) & (chance < limits.chance)
    rules = {
        "main": is_main,
        "outer": ~between,
        "narrow": patches["width"] < patches["limit"],
        "listed": _are(patches, listed),
        "end": patches["kept"] > limits.noise,
        "ring": patches[["gone", "come"]].min(axis=1) == 0,
        "both ways": patches["opposite"] > limits.balance * patches["area"],
        "corners": exchanged,
        "area": patches["area"] > detail,
    }
    patches["rule"] = np.select([np.asarray(holds) for holds in rules.values()], list(rules), "corner left out")
    patches["verdict"] = np.select([is_main, np.isin(patches["rule"], PROOFS)], [MAIN, REAL], REDRAWN)
    small = patches["rule"].isin(("corner left out", "both ways")).to_numpy()
    patches.loc[small & _meeting(crossings, (patches["verdict"] == REAL).to_numpy()), "verdict"] = UNCLEAR
    patches.attrs = {"detail": detail, "chance": chance}
    return patches


def main_pairs(patches: pd.DataFrame) -> Pairs:
    """Return the pairs of each old unit and its largest heir, and of each new unit and its largest source.

    A unit with most of its land where the other edition has no unit is in a pair only if it is the largest of
    its partner as well; if it is in none, it is paired with OUTSIDE. Equal areas go to the first unit.

    Examples
    --------
    >>> table = pd.DataFrame({"old": [0, 0, 1, -1], "new": [0, 1, 1, 2], "area": [3.0, 1.0, 2.0, 5.0]})
    >>> sorted(main_pairs(table))
    [(-1, 2), (0, 0), (1, 1)]
    """
    shared = patches.groupby(["old", "new"], as_index=False)["area"].sum()
    lost, best = [], []
    for own, other in (("old", "new"), ("new", "old")):
        units = shared[shared[own] != OUTSIDE]
        total = units.groupby(own)["area"].sum()
        outside = units[units[other] == OUTSIDE].set_index(own)["area"]
        lost.append(set(total.index[outside.reindex(total.index, fill_value=0.0) > total / 2].tolist()))
        ranked = units[units[other] != OUTSIDE].sort_values(["area", other], ascending=[False, True])
        best.append(set(pairs_of(ranked.drop_duplicates(own))))
    mutual = best[0] & best[1]
    found = {pair for side in (0, 1) for pair in best[side] if pair[side] not in lost[side] or pair in mutual}
    alone = {(old, OUTSIDE) for old in lost[0]} | {(OUTSIDE, new) for new in lost[1]}
    paired = [{pair[side] for pair in found} for side in (0, 1)]
    return frozenset(found | {(old, new) for old, new in alone if old not in paired[0] and new not in paired[1]})


def pairs_of(table: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the columns ``old`` and ``new`` of a table as pairs.

    Examples
    --------
    >>> pairs_of(pd.DataFrame({"old": [0, 1], "new": [2, -1]}))
    [(0, 2), (1, -1)]
    """
    return [*zip(table["old"].tolist(), table["new"].tolist(), strict=True)]


def _are(patches: pd.DataFrame, pairs: Pairs) -> Mask:
    return _among(patches["old"].to_numpy(), patches["new"].to_numpy(), pairs)


def _among(old: Indices, new: Indices, pairs: Pairs) -> Mask:
    """Return which of the pairs of positions are among those named."""
    named = np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)
    width = max(new.max(initial=0), named[:, 1].max(initial=0)) + 2  # one number a pair
    found: Mask = np.isin(old * width + new, named[:, 0] * width + named[:, 1])
    return found


def _rim_lengths(land: Overlay, count: int) -> pd.DataFrame:
    """Return the length of each patch's rim that divides units (or land from no land) before, after, and both."""
    (old, other_old), (new, other_new), (first, second) = land.olds, land.news, land.rims
    length = np.tile(shapely.length(land.edges.segments), 2)
    before, after = old != other_old, new != other_new
    sides = np.concatenate([first, second]) + 1
    kinds = {"kept": before & after, "gone": before & ~after, "come": after & ~before}
    found = {
        kind: np.bincount(sides, weights=length * np.tile(chosen, 2), minlength=count + 1)[1:]
        for kind, chosen in kinds.items()
    }
    return pd.DataFrame(found)


def _corners(land: Overlay, polygons: Geometries, main: Pairs, new: bool) -> Corners:
    """Return the corners of the inner borders of an edition, but for borders that came or went as a whole."""
    (side, beside), (there, beside_there) = (land.news, land.olds) if new else (land.olds, land.news)
    drawn_there = there != beside_there
    inner = (side != beside) & (side != OUTSIDE) & (beside != OUTSIDE)
    at = np.flatnonzero(inner & (drawn_there | ~_between_main(land, main)))
    segments = land.edges.segments
    found, corner = np.unique(keys(shapely.get_coordinates(segments[at])), return_inverse=True)
    known = np.isin(found, keys(shapely.get_coordinates(polygons)))  # the others are crossings
    points, lines = np.asarray(shapely.points(found[known].real, found[known].imag)), segments[drawn_there]
    gap = np.zeros(len(points))
    if len(lines) and len(points):
        gap = np.asarray(shapely.distance(points, lines[STRtree(lines).nearest(points)]))
    number = np.where(known, np.cumsum(known) - 1, OUTSIDE)[corner.ravel()]
    return Corners(gap, _meet(number, side[at], beside[at]), _meet(number, *(rim[at] for rim in land.rims)))


def _meet(corner: Indices, side: Indices, beside: Indices) -> tuple[Indices, Indices]:
    """Return pairs (corner, what meets there), each once; ``corner`` has the two ends of each edge."""
    corners, sides = np.tile(corner, 2), np.concatenate([np.repeat(side, 2), np.repeat(beside, 2)])
    there = (corners != OUTSIDE) & (sides != OUTSIDE)
    width = int(sides.max(initial=0)) + 1  # one number a pair
    pairs = np.unique(corners[there] * width + sides[there])
    return pairs // width, pairs % width


def _between_main(land: Overlay, main: Pairs) -> Mask:
    """Return which edges have land of an old unit's largest heir, or new unit's largest source, on both sides."""
    (old, other_old), (new, other_new) = land.olds, land.news
    return _among(old, new, main) & _among(other_old, other_new, main)


def _crossings(land: Overlay, polygons: Geometries) -> tuple[Indices, Indices]:
    """Return pairs (crossing, patch) of what meets where an old and a new line cross."""
    first, second = land.rims
    rim = np.flatnonzero(first != second)
    ends = keys(shapely.get_coordinates(land.edges.segments[rim]))
    found, at = np.unique(ends, return_inverse=True)
    crossing: NDArray[np.bool_] = ~np.isin(found, keys(shapely.get_coordinates(polygons)))
    return _meet(np.where(crossing[at.ravel()], at.ravel(), OUTSIDE), first[rim], second[rim])


def _opposite(patches: pd.DataFrame, crossings: tuple[Indices, Indices], between: Mask) -> Numbers:
    """Return the area of the patches that each patch meets at crossings: there the border moved the other way."""
    at, patch = (column[between[crossings[1]]] for column in crossings)
    met = pd.DataFrame({"at": at, "patch": patch})
    met = met.merge(met, on="at").query("patch_x != patch_y")[["patch_x", "patch_y"]].drop_duplicates()
    area = patches["area"].to_numpy()
    found: Numbers = np.bincount(met["patch_x"], weights=area[met["patch_y"]], minlength=len(patches)).astype(float)
    return found


def _meeting(crossings: tuple[Indices, Indices], chosen: Mask) -> Mask:
    """Return which patches meet one of the chosen at a crossing."""
    at, patch = crossings
    found = np.zeros(len(chosen), dtype=bool)
    found[patch[np.isin(at, at[chosen[patch]])]] = True
    return found


def _limits(patches: pd.DataFrame, between: Mask, corners: Sequence[Corners], limits: Thresholds) -> Numbers:
    """Return the least width that counts for each patch, by how far borders around lie apart anyhow.

    Corners at the patches of the same pair of units do not count, nor those where a border's end moved.
    """
    ends = np.flatnonzero(between & (patches["kept"] > limits.noise).to_numpy())
    found = np.full(len(patches), limits.noise)
    everywhere = _median(np.concatenate([c.gap for c in corners]))
    chosen = np.flatnonzero(between)
    of_pairs: dict[tuple[int, int], list[int]] = {}
    for patch, pair in zip(chosen.tolist(), pairs_of(patches[between]), strict=True):
        of_pairs.setdefault(pair, []).append(patch)
    for pair, of_pair in of_pairs.items():
        own = np.union1d(ends, of_pair)
        around = np.concatenate([c.around(unit, own) for c, unit in zip(corners, pair, strict=True)])
        apart = _median(around) if len(around) >= LEAST else everywhere
        found[of_pair] = max(limits.noise, limits.spread * apart)
    return found


def _median(gaps: Numbers) -> float:
    return float(np.median(gaps)) if len(gaps) >= LEAST else 0.0


def _detail(polygons: Geometries) -> float:
    """Return the upper quartile of the corners of the inner borders by area: what is larger stands out."""
    areas = corner_areas(polygons)
    return float(np.quantile(areas, 0.75)) if len(areas) >= LEAST else 0.0


def _measured(
    patches: pd.DataFrame, between: Mask, corners: Sequence[Corners], limits: Thresholds, details: Sequence[float]
) -> tuple[float, float]:
    """Return what generalisation leaves out, and how many corners may go just where one comes, though nothing changed.

    Where most corners of the two are not on the borders of the other, they were generalised independently, and
    what each of them leaves out adds up.
    """
    ends = np.flatnonzero(between & (patches["kept"] > limits.noise).to_numpy())
    gone, come = (found.moved(ends, limits.noise) for found in corners)
    measured = sum(details) if gone + come > 1 else max(details)
    detail = limits.detail if limits.detail is not None else measured
    return detail, gone * come * min(len(found.gap) for found in corners)
