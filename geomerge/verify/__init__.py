"""Verify: prove a finished run, or any units, by what stands in the files, not by what the run says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import geopandas as gpd

from geomerge.checks import (
    area_balance,
    check_balance,
    check_codes,
    check_counts,
    check_levels,
    check_lost,
    check_names,
    check_neighbours,
    check_places,
    check_same,
    check_thin,
    check_unit_areas,
    check_units,
    check_untouched,
)
from geomerge.checks.areas import TOLERANCE
from geomerge.crosswalk import crosswalk
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.keyledger import check_ledger
from geomerge.previous import CROSSWALK
from geomerge.progress import progress
from geomerge.verify.finished import Finished, read_finished
from geomerge.verify.ledgers import check_once, check_rows
from geomerge.verify.registers import check_register

__all__ = ["verify", "verify_units"]


def verify(folder: str | Path, *, tolerance: float = TOLERANCE) -> list[Finding]:
    """Return what is wrong with the results of a finished run; nothing is written.

    Files and hashes, areas in total and unit by unit, coverage and levels, what the plan does not touch, counts,
    codes, places and neighbours of each layer, the ledger, and codes in registers are checked, each against the files
    themselves.

    Parameters
    ----------
    folder
        Folder of the results.
    tolerance
        Difference of areas, relative to the area, below which they pass.

    Returns
    -------
    list of Finding
        Those that block first; what is looked at and in order leaves no finding.

    Raises
    ------
    InputError
        If the folder holds no finished run.
    """
    finished = read_finished(Path(folder))
    found = [*finished.changed_files(), *_boundaries(finished, tolerance), *_units(finished), *_crosswalk(finished)]
    for name in progress(list(finished.tables), "verify"):
        if name != "units":
            found += _layer(finished, name)
    codes, date = finished.boundary("units")["code"], finished.manifest["dates"][-1]
    for name, described in finished.manifest.get("registers", {}).items():
        found += check_register(name, described, finished.folder, codes, date)
    for names in finished.registers:  # a key must lead back from whatever layer it is taken
        found += check_ledger(finished.ledger(*names))
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.blocks)


def verify_units(
    units: gpd.GeoDataFrame,
    *,
    before: gpd.GeoDataFrame | None = None,
    code: str = "code",
    words: Sequence[str] = (),
) -> list[Finding]:
    """Return what is wrong with units that are not of a run: validity, shared edges, slivers, spikes, codes, names.

    Parameters
    ----------
    units
        The units.
    before
        Those of an earlier day; what was wrong there already is not told.
    code
        Column with the code of a unit, in both.
    words
        Columns that no unit should leave empty.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> import shapely
    >>> squares = [shapely.box(0, 0, 9, 9), shapely.box(9.005, 0, 18, 9)]
    >>> table = gpd.GeoDataFrame({"code": ["1", "1"]}, geometry=squares, crs="EPSG:25832")
    >>> [finding.check for finding in verify_units(table)]
    ['code twice', 'unmatched edge', 'unmatched edge']
    """
    earlier = units.iloc[:0] if before is None else before
    for table, columns in ((units, (code, *words)), (earlier, (code,))):
        if missing := [column for column in columns if column not in table.columns]:
            has = ", ".join(map(str, table.columns))
            raise InputError(
                f"The units have no column {', '.join(missing)}. They have {has}. Name the right one (code)."
            )
    found = [
        *check_names(units, code=code, words=words),
        *check_units(units, code=code, before=earlier, gap_width=0.01),
        *check_thin(units, earlier, code=code),
    ]
    return sorted(found, key=lambda finding: not finding.blocks)


def _boundaries(finished: Finished, tolerance: float) -> Iterator[Finding]:
    units, before, pieces = (finished.boundary(name) for name in ("units", "units_before", "pieces"))
    yield from check_balance(area_balance(pieces, before, units), tolerance=tolerance)
    yield from check_unit_areas(pieces, units, side="new_code", tolerance=tolerance)
    yield from check_unit_areas(pieces, before, side="old_code", tolerance=tolerance)
    yield from check_lost(pieces)
    yield from check_units(units, code="code", before=before)
    corners = finished.boundary("inserted_corners").geometry if "inserted_corners" in finished.boundaries else None
    yield from check_untouched(units, before, corners=corners)
    yield from check_thin(units, before)
    yield from check_names(units, words=("name",))
    for level in finished.levels:
        yield from check_levels(finished.boundary(level), units, name=level)


def _units(finished: Finished) -> Iterator[Finding]:
    """Find units of the updated layer that are not those of the boundaries."""
    table, units = finished.tables["units"], finished.boundary("units")
    rows = finished.rows("units")
    yield from check_names(rows, code=table.code, words=(), table=table.file)
    remedy = "Repeat the run."
    for names, other, where in (
        (rows[table.code], units["code"], "the boundaries"),
        (units["code"], rows[table.code], table.file),
    ):
        if alien := sorted(set(names.dropna()) - set(other)):
            yield Finding("must", "units", f"{', '.join(alien[:5])} are not in {where}", table.file, remedy)
    if isinstance(rows, gpd.GeoDataFrame) and rows.crs is not None:
        yield from check_same(rows.to_crs(units.crs), units, code=table.code, table_name=table.file)


def _crosswalk(finished: Finished) -> Iterator[Finding]:
    """Find a crosswalk that is not the one of the pieces."""
    path = finished.folder / CROSSWALK
    wanted = crosswalk(finished.boundary("pieces")).to_csv(index=False, lineterminator="\n").encode()
    if path.exists() and path.read_bytes() != wanted:
        what = "The crosswalk is not the one that the pieces give"
        yield Finding("must", "crosswalk", what, CROSSWALK, "Repeat the run.")


def _layer(finished: Finished, name: str) -> Iterator[Finding]:
    table, rows, review = finished.tables[name], finished.rows(name), finished.review(name)
    units, counted = finished.boundary("units"), finished.counts(name)
    yield from check_counts(name, counted["rows"], len(rows) - len(review), len(review))
    if counted["review"] != len(review):
        what = f"{counted['review']} rows went to review, but {len(review)} are there"
        yield Finding("must", "review", what, name, "Put review.gpkg back as the run wrote it, and decide again.")
    ledger = finished.ledger(name)
    yield from check_rows(rows, ledger, review, table, name, before=finished.boundary("units_before")["code"])
    yield from check_once(ledger, review["id"], name)
    decided = rows[~table.ids(rows).astype("string").isin(review["id"])]
    yield from check_codes(decided[table.code], units["code"], name)
    if isinstance(decided, gpd.GeoDataFrame) and decided.crs is not None:
        placed = decided.to_crs(units.crs)
        yield from check_places(placed, units, code=table.code, layer=name)
        yield from check_neighbours(placed, finished.boundary("boundary_lines"), layer=name)
