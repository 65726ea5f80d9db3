"""Evidence: what became of the land each old and new unit share, with the figures that decided and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge.coverage import Geometries, Indices, join, objects
from geomerge.crs import from_metres
from geomerge.diff.deduce import Fates
from geomerge.diff.editions import Edition
from geomerge.diff.overlay import OUTSIDE, Overlay
from geomerge.diff.redrawn import MAIN, REAL, REDRAWN, UNCLEAR, pairs_of
from geomerge.findings import Finding, Notes

LARGE = 0.05  # share that is too much to pass without a word
FIGURES = ("width", "limit", "kept", "gone", "come", "old_corners", "new_corners", "opposite")
COLUMNS = (
    *("old_code", "new_code", "verdict", "rule", "area", "moved", "share_old", "share_new"),
    *(*FIGURES, "reason"),
)

Say = Callable[[Any, Notes, Mapping[str, float]], str]


def _main(row: Any, _notes: Notes, _measured: Mapping[str, float]) -> str:
    if pd.isna(row.old_code):
        return f"{_percent(row.share_new)} of {row.new_code} belonged to no unit"
    if pd.isna(row.new_code):
        return f"{_percent(row.share_old)} of {row.old_code} belong to no unit any more"
    return f"{_percent(row.share_old)} of {row.old_code} are {_percent(row.share_new)} of {row.new_code}"


def _outer(_row: Any, _notes: Notes, _measured: Mapping[str, float]) -> str:
    return "The line towards land of no unit was drawn anew"


def _narrow(row: Any, notes: Notes, _measured: Mapping[str, float]) -> str:
    return f"{notes.length(row.width)} wide on average, less than the {notes.length(row.limit)} that count here"


def _listed(_row: Any, _notes: Notes, _measured: Mapping[str, float]) -> str:
    return "The official list names it"


def _end(row: Any, notes: Notes, _measured: Mapping[str, float]) -> str:
    return f"The border's end moved: {notes.length(row.kept)} along the land divide units before and after"


def _ring(row: Any, notes: Notes, _measured: Mapping[str, float]) -> str:
    came = f"went, over {notes.length(row.gone)}" if row.gone else f"came about, over {notes.length(row.come)}"
    return f"The border around it {came}, as a whole"


def _both_ways(row: Any, notes: Notes, _measured: Mapping[str, float]) -> str:
    return f"The line moved both ways: beyond its crossings, {notes.area(row.opposite)} went to the other side"


def _exchanged(row: Any, _notes: Notes, measured: Mapping[str, float]) -> str:
    return f"{_own(row)}; lines drawn anew would show {measured['chance']:.2g} such places in all"


def _large(row: Any, notes: Notes, measured: Mapping[str, float]) -> str:
    return (
        f"{notes.area(row.area)} in one place are more than the {notes.area(measured['detail'])} of a corner left out"
    )


def _corner(row: Any, notes: Notes, measured: Mapping[str, float]) -> str:
    detail = notes.area(measured["detail"])
    return f"Corners may have been left out: no more than {detail}, ends where they were. {_own(row)}"


def _own(row: Any) -> str:
    return f"Corners that only the old line has: {row.old_corners}, only the new one: {row.new_corners}"


_SENTENCES: Mapping[str, Say] = {
    "main": _main,
    "outer": _outer,
    "narrow": _narrow,
    "listed": _listed,
    "end": _end,
    "ring": _ring,
    "both ways": _both_ways,
    "corners": _exchanged,
    "area": _large,
    "corner left out": _corner,
}


def reason(row: Any, notes: Notes, measured: Mapping[str, float]) -> str:
    """Return why a row of the evidence has its verdict.

    Parameters
    ----------
    row
        The row, with the figures of the patch that decided.
    notes
        Writes lengths and areas.
    measured
        ``detail`` and ``chance``, as measured for the two editions.

    Examples
    --------
    >>> row = pd.Series({"rule": "narrow", "width": 1.5, "limit": 5.0})
    >>> reason(row, Notes("m"), {})
    '1.500 m wide on average, less than the 5.000 m that count here.'
    """
    return f"{_SENTENCES[row.rule](row, notes, measured)}."


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def evidence_table(
    land: Overlay, patches: pd.DataFrame, found: Fates, old: Edition, new: Edition, notes: Notes
) -> gpd.GeoDataFrame:
    """Return one row for each pair of an old and a new unit that share land; see :func:`geomerge.diff.diff`.

    Parameters
    ----------
    land
        The editions laid over each other.
    patches
        The patches as judged.
    found
        What became of the old units.
    old, new
        The editions.
    notes
        Writes lengths and areas.
    """
    crs = old.table.crs
    wide = (patches["width"] >= from_metres(0.001, crs)) | (patches["verdict"] == MAIN)  # the rest is rounding
    ranked = patches[wide].sort_values("area", ascending=False, kind="stable")
    grade = ranked["verdict"].map({MAIN: 0, REAL: 0, UNCLEAR: 1, REDRAWN: 2})
    ranked = ranked.assign(grade=grade, moved=ranked["area"].where(grade == 0, 0.0))
    table = ranked.sort_values("grade", kind="stable").groupby(["old", "new"]).first()
    sums = ranked.groupby(["old", "new"])[["area", "moved"]].sum()
    table[["area", "moved"]] = sums.reindex(table.index)
    rows = _rows(land, ranked.index.to_numpy())
    table = table.reset_index()
    shapes = objects([join(land.faces[rows[pair]]) for pair in pairs_of(table)])
    for side, edition in (("old", old), ("new", new)):
        units = table[side].to_numpy()
        inside = units != OUTSIDE
        codes = np.array([*edition.codes, None], dtype=object)
        table[f"{side}_code"] = codes[units]
        areas = np.append(shapely.area(edition.shapes), np.inf)
        table[f"share_{side}"] = np.where(inside, table["area"] / areas[units], np.nan)
    judged = zip(pairs_of(table), table["moved"], table["verdict"], strict=True)
    table["verdict"] = [found.kind(pair) if moved > 0 else verdict for pair, moved, verdict in judged]
    measured = {str(figure): float(value) for figure, value in patches.attrs.items()}
    table["reason"] = [reason(row, notes, measured) for row in table.itertuples()]
    order = ["old_code", "new_code"]
    return gpd.GeoDataFrame(table[list(COLUMNS)], geometry=shapes, crs=crs).sort_values(order, ignore_index=True)


def moved_land(land: Overlay, patches: pd.DataFrame, pairs: Sequence[tuple[int, int]]) -> Geometries:
    """Return the land that goes from an old to a new unit, for each of some pairs of positions."""
    rows = _rows(land, np.flatnonzero(patches["verdict"].isin([MAIN, REAL])))
    return objects([join(land.faces[rows[pair]]) for pair in pairs])


def _rows(land: Overlay, chosen: Indices) -> dict[tuple[int, int], Indices]:
    """Return the faces of each pair of units that lie in one of the chosen patches."""
    at = np.flatnonzero(np.isin(land.patch, chosen))
    found: dict[tuple[int, int], list[int]] = {}
    for face in at.tolist():
        found.setdefault((int(land.old[face]), int(land.new[face])), []).append(face)
    return {pair: np.array(faces, dtype=np.intp) for pair, faces in found.items()}


def unclear(evidence: gpd.GeoDataFrame, notes: Notes) -> Iterator[Finding]:
    """Find what may be a part of a transfer beside it, and may be a line drawn anew."""
    for row in evidence[evidence["verdict"] == UNCLEAR].itertuples():
        what = f"{notes.area(row.area)} of {row.old_code} may go to {row.new_code}, beside a border that moved"
        remedy = "Look at the place; add a transfer if it was decided. The plan leaves it where it was."
        yield Finding("should", UNCLEAR, what, f"{row.old_code} > {row.new_code}", remedy, row.geometry)


def lost(evidence: gpd.GeoDataFrame, notes: Notes) -> Iterator[Finding]:
    """Find land of no unit that is too much for a coast drawn anew, and editions that seem to be incomplete."""
    drawn = evidence[evidence["verdict"] == "redrawn"]
    for own, other, share, does in (
        ("old_code", "new_code", "share_old", "belong to no unit any more"),
        ("new_code", "old_code", "share_new", "belonged to no unit before"),
    ):
        for row in drawn[drawn[other].isna() & (drawn[share] > LARGE)].itertuples():
            what = f"{notes.area(row.area)} of {getattr(row, own)} ({getattr(row, share):.0%}) {does}"
            remedy = "See whether that is a coast drawn anew. The plan leaves the land as it was."
            yield Finding(
                "should", "land of no unit", what, getattr(row, own), remedy, row.geometry.representative_point()
            )
    gone, units = evidence.loc[evidence["verdict"] == "abolished", "old_code"].nunique(), evidence["old_code"].nunique()
    if gone > LARGE * units:
        what = f"{gone} of {units} units have no land in the second edition"
        yield Finding("should", "missing units", what, "after", "See whether the second edition is complete.")
