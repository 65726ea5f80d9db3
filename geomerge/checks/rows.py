"""Checks of rows: none lost, each told apart, each in the unit its code names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree
from shapely.geometry import MultiPoint

from geomerge.coverage import objects, present
from geomerge.findings import Finding


def check_counts(layer: str, before: int, updated: int, review: int) -> Iterator[Finding]:
    """Find rows that are in neither updated nor review, or in both."""
    if before != updated + review:
        what = f"{layer} had {before} rows, but {updated} are updated and {review} are in review"
        remedy = "This is a defect of geomerge; do not use the result."
        yield Finding("must", "rows lost", what, layer, remedy)


def check_ids(table: pd.DataFrame, identifier: str | None, layer: str) -> Iterator[Finding]:
    """Find rows that their id does not tell apart."""
    if identifier is None:
        return
    ids = table[identifier]
    repeated = ids[ids.duplicated(keep=False) & ids.notna()]
    if len(repeated):
        what = f"{identifier} is not unique: {len(repeated)} rows share theirs, first {repeated.iloc[0]}"
        yield Finding("should", "id", what, layer, "Name a column that identifies a row (id), or none.")
    if missing := int(ids.isna().sum()):
        yield Finding("should", "id", f"{missing} rows have no {identifier}", layer, "Fill it in, or name another id.")


def check_codes(codes: pd.Series, known: Iterable[str], layer: str, *, review: int = 0) -> Iterator[Finding]:
    """Find codes that no unit has on the date.

    Parameters
    ----------
    codes
        Codes of the rows after the change.
    known
        Codes of the units.
    layer
        What the table is called.
    review
        Number of rows that keep what they had until somebody decides; as many may be unknown.
    """
    unknown = codes[~codes.isin(set(known))]
    if len(unknown) <= review:
        return
    counts = unknown.fillna("(missing)").value_counts()
    first = ", ".join(f"{code} in {count} rows" for code, count in counts.head(5).items())
    what = f"{len(unknown)} rows have codes that no unit has, and {review} are in review: {first}"
    yield Finding("must", "unknown code", what, layer, "See what became of these codes, and repeat the run.")


def check_places(features: gpd.GeoDataFrame, units: gpd.GeoDataFrame, *, code: str, layer: str) -> Iterator[Finding]:
    """Find features that do not lie in the unit their code names, told unit by unit.

    A feature lies in a unit if a point inside it does; on a border, several units hold it.

    Parameters
    ----------
    features
        Features with their new code in ``code``.
    units
        The new units, with ``code``.
    """
    shapes = objects(features.geometry.to_numpy())
    there = np.flatnonzero(present(shapes))
    points = shapely.point_on_surface(shapes[there])
    unit, point = STRtree(points).query(objects(units.geometry.to_numpy()), predicate="covers")
    named = features[code].to_numpy()[there]
    right = np.zeros(len(there), dtype=bool)
    right[point[units["code"].to_numpy()[unit] == named[point]]] = True
    wrong = pd.Series(named)[~right].fillna("(missing)")
    for value, at in wrong.groupby(wrong).indices.items():
        places = points[wrong.index[at]]
        what = f"{len(at)} features with code {value} lie elsewhere"
        remedy = "Those in review wait for a decision; look at the others on the map."
        yield Finding("should", "place", what, layer, remedy, MultiPoint(list(places)))


def check_neighbours(features: gpd.GeoDataFrame, lines: gpd.GeoDataFrame, *, layer: str) -> Iterator[Finding]:
    """Find how many features lost a neighbouring unit where a border is gone, or gained one where one is new.

    Parameters
    ----------
    features
        Features with an area; others border on nothing.
    lines
        Boundary lines as from :func:`geomerge.boundary_lines`.
    """
    moved = lines[lines["status"] != "kept"]
    shapes = objects(features.geometry.to_numpy())
    shapes = shapes[shapely.get_dimensions(shapes) == 2]
    if not len(moved) or not len(shapes):
        return
    line, _ = STRtree(shapes).query(objects(moved.geometry.to_numpy()), predicate="intersects")
    counts = np.bincount(line, minlength=len(moved))
    for at in np.flatnonzero(counts).tolist():
        row = moved.iloc[at]
        removed = row["status"] == "removed"
        sides = (row["left_old"], row["right_old"]) if removed else (row["left_new"], row["right_new"])
        between = " and ".join(side or "outside" for side in sides)
        what = f"{counts[at]} features {'lost' if removed else 'gained'} a neighbour: the border between {between}"
        what += " is gone" if removed else " is new"
        remedy = "Nothing to do, unless they are listed by their neighbours elsewhere."
        yield Finding("should", "neighbour", what, layer, remedy, moved.geometry.iat[at])
