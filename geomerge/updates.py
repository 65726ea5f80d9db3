"""What changes in the layer of units: the new units as changes to the old ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import shapely

from geomerge.coverage import objects
from geomerge.crs import back_to_source
from geomerge.dissolve import OURS
from geomerge.export import difference
from geomerge.files.revision import Revision
from geomerge.findings import Finding
from geomerge.loaded import Loaded
from geomerge.results import Results


def unit_revision(loaded: Loaded, results: Results, report: Callable[[Finding], None]) -> Revision:
    """Return the new units as changes to the old ones: changed in place, added, removed.

    Columns of the source that are called like those of a run (``change``, ``valid_from``) are its own and stay.
    """
    original, code = loaded.original, loaded.config.code
    new = results.new_units
    columns = [column for column in original.columns if column not in (*OURS, original.geometry.name)]
    after = pd.DataFrame(new[columns]).copy()
    after[code] = loaded.in_source_type(new[code])
    before_values = pd.DataFrame(original[columns])
    _empty_identifiers(after, before_values, report)
    revision = difference(before_values, after)
    before = results.units.geometry.reindex(new.index)
    redrawn = shapely.to_wkb(new.geometry.to_numpy()) != shapely.to_wkb(before.to_numpy())
    shapes = back_to_source(
        new.geometry.to_numpy()[redrawn],
        results.units.geometry.to_numpy(),
        original.geometry.to_numpy(),
        new.crs,
        original.crs or new.crs,
    )
    if (original.geom_type.dropna() == "MultiPolygon").all():  # a layer of multipolygons stays one
        shapes = objects([_multi(shape) for shape in shapes])
    likes = _predecessor_rows(results, code)
    return Revision(
        revision.changed,
        pd.Series(list(shapes), index=new.index[redrawn], dtype=object),
        revision.removed,
        {row: likes[row] for row in revision.added},
    )


def _empty_identifiers(after: pd.DataFrame, before: pd.DataFrame, report: Callable[[Finding], None]) -> None:
    """Empty what identified one old unit in the rows that are added: two units cannot have one identifier."""
    added = after.index.difference(before.index)
    for column in after.columns:
        values = before[column]
        if len(values) < 2 or not values.is_unique or values.isna().any():
            continue
        copied = [row for row in added if after.loc[row, column] in set(values)]
        if copied:
            after[column] = after[column].astype(object)
            after.loc[copied, column] = None
            what = f"Field {column} is empty in {len(copied)} new units: it told the old units apart"
            report(Finding("should", "identifier", what, "units", "Fill it in, or state a policy for it (attributes)."))


def _multi(shape: Any) -> Any:
    return shapely.multipolygons([shape]) if shape is not None and shape.geom_type == "Polygon" else shape


def _predecessor_rows(results: Results, code: str) -> dict[int, int]:
    """Return, for each new unit, the row of the first old unit it comes from."""
    rows = dict(zip(results.units[code], results.units.index, strict=True))
    first = results.units.index[0]
    return {
        int(index): int(rows.get(old.split(" ")[0], first))
        for index, old in zip(results.new_units.index, results.new_units["predecessors"], strict=True)
    }
