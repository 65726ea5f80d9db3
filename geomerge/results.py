"""The results of a job in memory, and the tables read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geomerge.assignment import COLUMNS, Assignment, added_name
from geomerge.findings import Finding
from geomerge.plan import Plan
from geomerge.rekey import joined

LEDGER = (
    "layer",
    "id",
    "old_code",
    "new_code",
    "old_key",
    "new_key",
    "method",
    "share",
    "runner_up",
    "runner_up_share",
    "border_distance",
    "event",
)
REVIEW = (
    "layer",
    "id",
    "code",
    "key",
    "reason",
    "new_code",
    "share",
    "runner_up",
    "runner_up_share",
    "border_distance",
    "event",
    "decision",
    "decided_by",
    "note",
)


@dataclass(frozen=True)
class Moved:
    """A layer after the reform.

    Parameters
    ----------
    assignment
        Who goes where, by row number; without geometry, which is not read where a code decides.
    keys
        The key columns of the updated rows, with their new values.
    old_keys, new_keys
        Old and new keys as text, of the updated rows in units where an event concerns a row.
    places
        Geometry of the rows in review, in the CRS of the job; None where they have no place.
    """

    assignment: Assignment
    keys: pd.DataFrame
    old_keys: pd.Series | None
    new_keys: pd.Series | None
    places: gpd.GeoSeries | None = None

    def counts(self) -> dict[str, int]:
        """Return rows, rows that got another code, rows by method, and rows in review."""
        updated = self.assignment.updated
        moved = self.concerned
        methods = updated.loc[moved, added_name("method", updated)].value_counts().sort_index()
        review = len(self.assignment.review)
        by = {f"by_{method}": int(count) for method, count in methods.items()}
        return {"rows": len(updated) + review, "moved": int(moved.sum()), **by, "review": review}

    @cached_property
    def concerned(self) -> pd.Series:
        """Return which of the updated rows an event concerns."""
        updated = self.assignment.updated
        events: pd.Series = updated[added_name("event", updated)]
        return events != ""


@dataclass(frozen=True)
class Results:
    """Everything a job makes."""

    plan: Plan
    units: gpd.GeoDataFrame
    new_units: gpd.GeoDataFrame
    pieces: gpd.GeoDataFrame
    levels: dict[str, gpd.GeoDataFrame]
    lines: gpd.GeoDataFrame
    crosswalk: pd.DataFrame
    balance: pd.DataFrame
    moved: dict[str, Moved]
    findings: tuple[Finding, ...]

    @property
    def dates(self) -> list[str]:
        """Dates of the plan, in order."""
        return [date.isoformat() for date in self.plan.dates]


def fates(results: Results, code: str, name: str | None) -> gpd.GeoDataFrame:
    """Return the old units with what becomes of each: code, name, change, successors."""
    new = dict(zip(results.new_units[code], results.new_units["change"], strict=True))
    legal = results.pieces[results.pieces["kind"] != "correction"]
    heirs = legal.groupby("old_code")["new_code"].agg(lambda codes: sorted(set(codes.dropna())))
    old = results.units[code]
    changes = []
    for unit in old:
        successors = heirs.get(unit, [])
        parts = [new[successor] for successor in successors]
        if not successors:
            changes.append("abolished")
        elif len(successors) > 1:
            changes.append("adjusted" if unit in successors else "split")
        else:
            changes.append("merged" if parts[0] == "merged" else parts[0])
    columns = {
        "code": old.to_numpy(),
        "name": (results.units[name] if name else old).to_numpy(),
        "change": changes,
        "successors": [" ".join(heirs.get(unit, [])) for unit in old],
    }
    return gpd.GeoDataFrame(columns, geometry=results.units.geometry.to_numpy(), crs=results.units.crs)


def described(results: Results, code: str, name: str | None) -> gpd.GeoDataFrame:
    """Return the new units with the columns of every run: code, name, change, predecessors, valid_from, area."""
    units = results.new_units
    columns = {"code": units[code].to_numpy(), "name": (units[name] if name else units[code]).to_numpy()}
    columns |= {column: units[column].to_numpy() for column in ("change", "predecessors", "valid_from")}
    columns["area_m2"] = units.geometry.area.to_numpy()
    return gpd.GeoDataFrame(columns, geometry=units.geometry.to_numpy(), crs=units.crs)


def ledger(results: Results, codes: dict[str, str], ids: dict[str, str | None]) -> pd.DataFrame:
    """Return one row for each feature an event concerns: from which code and key to which, and why."""
    tables = []
    for layer, moved in results.moved.items():
        rows = pd.DataFrame(moved.assignment.updated[moved.concerned])
        table = _assigned(rows, [column for column in LEDGER if column in COLUMNS])
        table["layer"] = layer
        table["id"] = _ids(rows, ids[layer])
        table["old_code"] = rows[codes[layer]]
        for column, keys in (("old_key", moved.old_keys), ("new_key", moved.new_keys)):
            table[column] = keys.loc[rows.index] if keys is not None else None
        tables.append(table[list(LEDGER)])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(LEDGER))


def review(results: Results, layer: str, code: str, identifier: str | None, key: Sequence[str] = ()) -> Any:
    """Return what a person must decide in a layer, with an empty column for the decision."""
    moved = results.moved[layer]
    rows = moved.assignment.review
    table = _assigned(rows, [column for column in REVIEW if column in COLUMNS])
    table["layer"] = layer
    table["id"] = _ids(rows, identifier).astype(str)
    table["code"] = rows[code]
    table["key"] = joined(rows, rows[code], key) if key else None
    for column in ("decision", "decided_by", "note"):
        table[column] = None
    texts = [column for column in REVIEW if table[column].dtype == object or table[column].isna().all()]
    numbers = ("share", "runner_up_share", "border_distance")
    for column in texts:
        table[column] = table[column].astype("float64" if column in numbers else "string")
    table = table[list(REVIEW)].reset_index(drop=True)
    if moved.places is None:
        return table
    return gpd.GeoDataFrame(table, geometry=np.asarray(moved.places.to_numpy()), crs=moved.places.crs)


def _assigned(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of an assignment under their own names."""
    names = {added_name(column, rows): column for column in columns}
    return pd.DataFrame(rows)[list(names)].rename(columns=names)


def _ids(rows: pd.DataFrame, identifier: str | None) -> pd.Series:
    return rows[identifier] if identifier else pd.Series(rows.index, index=rows.index)


def counts(results: Results) -> dict[str, object]:
    """Return the numbers of a run, for its summary and its manifest."""
    return {
        "units_before": len(results.units),
        "units_after": len(results.new_units),
        "pieces": len(results.pieces),
        "changes": {str(k): int(v) for k, v in results.new_units["change"].value_counts().sort_index().items()},
        "area": {column: float(value) for column, value in results.balance.iloc[0].to_dict().items()},
        "layers": {name: moved.counts() for name, moved in results.moved.items()},
        "findings": {s: sum(f.severity == s for f in results.findings) for s in ("must", "should")},
    }
