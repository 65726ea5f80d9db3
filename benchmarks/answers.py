"""Read the answers of the peers to the national job, and say how each differs from that of geomerge."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from measure import Row
from national import Nation

NEAR = 1e-6  # largest difference between two equal shares
EQUAL = 1e-9  # largest share of a unit's area that two equal units may differ in
SAMPLE = 2_000  # parcels whose geometry is compared
ENVELOPES = (0, 32, 48, 48, 64)  # bytes of the box in the header of a geometry, by its kind


@dataclass(frozen=True)
class Reference:
    """The answer of geomerge: new codes and shares of parcels, and the new units, where the case has them."""

    parcels: pd.DataFrame | None
    units: gpd.GeoDataFrame | None

    @classmethod
    def read(cls, case: str, target: Path) -> Reference:
        """Read it; parcels in the review count with their likeliest unit."""
        if case == "reassign":
            return cls(_table(target), None)
        if case == "dissolve":
            return cls(None, _units(target / "units.gpkg"))
        parcels = _codes(target / "result" / "layers" / "parcels.gpkg").set_index("parcel")
        review = gpd.read_file(target / "result" / "review.gpkg", layer="parcels", ignore_geometry=True)
        parcels.loc[review["id"].astype(parcels.index.dtype), "new_code"] = review["new_code"].to_numpy()
        return cls(parcels, _units(target / "result" / "layers" / "units.gpkg"))


def compare(case: str, nation: Nation, target: Path, reference: Reference | None) -> Row:
    """Say how an answer differs from the reference; a floor has none."""
    if case == "reassign":
        return _compare_parcels(target, reference)
    if case == "dissolve":
        file = target / "units.gpkg"
        return _compare_units(nation, file, reference) if file.exists() else {}
    file = next(target.rglob("parcels.gpkg"), None)
    if file is None:
        return {}
    found = _codes(file)
    row: Row = {"same code": _of(_equal(reference, found))} if reference and file.parent == target else {}
    if file.parent != target:
        row["same code"] = _of(np.ones(len(found), dtype=bool))
    row |= _kept(nation.folder / "parcels.gpkg", file, found)
    units = next((path for path in target.rglob("units.gpkg") if path.parent == file.parent), None)
    return row | (_compare_units(nation, units, reference, short=True) if units else {})


# --- parcels


def _table(target: Path) -> pd.DataFrame:
    """Return the answer about parcels, by parcel."""
    if (target / "answer.parquet").exists():
        table = pd.read_parquet(target / "answer.parquet")
    else:
        table = pd.read_csv(target / "answer.csv", dtype={"new_code": str, "runner_up": str})
    table = table.reset_index() if "parcel" not in table else table
    return table.set_index("parcel").sort_index()


def _compare_parcels(target: Path, reference: Reference | None) -> Row:
    if not any((target / f"answer.{suffix}").exists() for suffix in ("parquet", "csv")):
        return {}
    table = _table(target)
    if reference is None or reference.parcels is None:
        return {"parcels": f"{len(table):,}"}
    ours, theirs = reference.parcels, table.reindex(reference.parcels.index)
    row: Row = {"same code": _of(_same(ours["new_code"], theirs["new_code"]))}
    if "share" not in theirs:
        return row | {"shares within 1e-6": "not told", "same runner-up": "not told"}
    both = (ours["share"].notna() & theirs["share"].notna()).to_numpy()
    near = (ours["share"] - theirs["share"]).abs().to_numpy()[both] <= NEAR
    return row | {
        "shares within 1e-6": _of(near),
        "same runner-up": _of(_same(ours["runner_up"], theirs["runner_up"])[both]),
    }


def _equal(reference: Reference, found: pd.DataFrame) -> Any:
    assert reference.parcels is not None
    ours = reference.parcels["new_code"]
    return _same(ours, found.drop_duplicates("parcel").set_index("parcel")["new_code"].reindex(ours.index))


def _same(ours: pd.Series, theirs: pd.Series) -> Any:
    return ours.fillna("").to_numpy(dtype=object) == theirs.fillna("").to_numpy(dtype=object)


def _of(agree: Any) -> str:
    """Return yes where all agree, else how many do not."""
    count = int(np.sum(~np.asarray(agree, dtype=bool)))
    return f"yes ({len(agree):,})" if not count else f"{count:,} of {len(agree):,} differ"


# --- files


def _layer(base: sqlite3.Connection) -> tuple[str, str, str]:
    """Return the table of the only layer of a GeoPackage, its column of geometry, and its type."""
    return base.execute("SELECT table_name, column_name, geometry_type_name FROM gpkg_geometry_columns").fetchone()


def _columns(base: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Return names and types, without the row number and the geometry."""
    found = base.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
    return [(name, kind) for name, kind, key in found if not key and name not in ("geom", "geometry")]


def _codes(file: Path) -> pd.DataFrame:
    """Return parcels and codes in the order of the file."""
    with closing(sqlite3.connect(file)) as base:
        table, _, _ = _layer(base)
        found = base.execute(f'SELECT parcel, code FROM "{table}" ORDER BY rowid').fetchall()
    return pd.DataFrame(found, columns=["parcel", "new_code"])


def _kept(before: Path, after: Path, found: pd.DataFrame) -> Row:
    """Say what a file kept of the one it was made from: order of rows, type of geometry, columns, geometry."""
    with closing(sqlite3.connect(before)) as old, closing(sqlite3.connect(after)) as new:
        (table, shape, kind), (other, its_shape, its_kind) = _layer(old), _layer(new)
        order = [row for (row,) in old.execute(f'SELECT parcel FROM "{table}" ORDER BY rowid')]
        columns, theirs = _columns(old, table), _columns(new, other)
        step = max(1, len(order) // SAMPLE)
        wanted = {int(number) for number in order[::step]}
        shapes = [
            {
                parcel: _wkb(blob)
                for parcel, blob in base.execute(f'SELECT parcel, "{column}" FROM "{name}"')
                if parcel in wanted
            }
            for base, name, column in ((old, table, shape), (new, other, its_shape))
        ]
    return {
        "row order": "kept" if found["parcel"].tolist() == order else "lost",
        "geometry type": "kept" if kind == its_kind else f"{kind.title()} is {its_kind.title()}",
        "columns": "kept" if columns == theirs else _difference(columns, theirs),
        "geometry": _same_shapes(*shapes),
    }


def _same_shapes(before: dict[int, bytes], after: dict[int, bytes]) -> str:
    """Say whether geometry kept its bytes; or else, whether rings only start elsewhere or run the other way."""
    changed = [parcel for parcel, blob in before.items() if blob != after.get(parcel)]
    if not changed:
        return "kept"
    old, new = (shapely.normalize(shapely.from_wkb([known.get(one) for one in changed])) for known in (before, after))
    other = int((~shapely.equals_exact(old, new)).sum())
    return f"{other:,} of {len(before):,} differ" if other else "rings rewritten"


def _difference(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> str:
    """Say in what two lists of columns differ, the most telling first."""
    if [name for name, _ in before] != [name for name, _ in after]:
        return "others: " + ", ".join(sorted({name for name, _ in before} ^ {name for name, _ in after}) or ["order"])
    changed = [f"{name} {old} is {new}" for (name, old), (_, new) in zip(before, after, strict=True) if old != new]
    return ", ".join(changed)


def _wkb(blob: bytes) -> bytes:
    """Return the geometry without its header, in which programs may write a box or none."""
    return bytes(blob[8 + ENVELOPES[blob[3] >> 1 & 7] :])


# --- units


def _units(file: Path) -> gpd.GeoDataFrame:
    units = gpd.read_file(file)
    code = "new_code" if "new_code" in units else "code"
    return units.set_index(code)[["geometry"]].sort_index()


def _compare_units(nation: Nation, file: Path, reference: Reference | None, *, short: bool = False) -> Row:
    theirs = _units(file)
    row: Row = {}
    if reference is not None and reference.units is not None:
        ours = reference.units.geometry
        row["same units"] = "other codes"
        if list(ours.index) == list(theirs.index):
            apart = shapely.area(
                shapely.symmetric_difference(
                    shapely.make_valid(ours.to_numpy()), shapely.make_valid(theirs.geometry.to_numpy())
                )
            )
            differing = apart > EQUAL * shapely.area(ours.to_numpy())
            row["same units"] = _of(~differing)
    row["edges matched"] = "yes" if shapely.coverage_is_valid(theirs.geometry.to_numpy()) else "no"
    if short:
        return row
    row["valid"] = "yes" if theirs.is_valid.all() else f"{int((~theirs.is_valid).sum())} not"
    return row | {"whole units byte-identical": _untouched(nation, theirs)}


def _untouched(nation: Nation, after: gpd.GeoDataFrame) -> str:
    """Say how many units of which the reform changes no line kept their bytes."""
    reform = nation.reform
    alone = pd.Series(reform.whole)
    alone = alone[~alone.duplicated(keep=False) & ~alone.isin(reform.parts["to_code"])]
    alone = alone[~alone.index.isin(reform.parts["from_code"]) & alone.isin(after.index)]
    before = reform.units.set_index("code").geometry.loc[alone.index]
    pairs = zip(before, after.geometry.loc[alone], strict=True)
    changed = [(old, new) for old, new in pairs if old.wkb != _single(new).wkb]
    if not changed:
        return "yes"
    cornered = sum(_corners(old) < _corners(new) for old, new in changed)
    text = f"{len(alone) - len(changed)} of {len(alone)}"
    return f"{text}, {cornered} got a corner" if cornered else text


def _corners(shape: Any) -> set[tuple[float, ...]]:
    return set(map(tuple, shapely.get_coordinates(shape).tolist()))


def _single(shape: Any) -> Any:
    """Return the polygon in a collection of one: that a format asks for one changes no line."""
    return shape.geoms[0] if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1 else shape
