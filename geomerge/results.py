"""The results of a job in memory, and the tables read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from geomerge.assignment import COLUMNS, Assignment, added_name
from geomerge.codes import as_ids
from geomerge.decisions import bases
from geomerge.findings import Finding
from geomerge.job import LayerConfig, UnitsConfig
from geomerge.keylayout import KeyLayout
from geomerge.loaded import Loaded
from geomerge.plan import Plan
from geomerge.rekey import joined
from geomerge.streets.layer import Recoded

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
PARENTS = (
    "level",
    "old_code",
    "old_parent",
    "old_parent_name",
    "new_code",
    "new_parent",
    "new_parent_name",
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
    "earlier",
    "basis",
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
    streets
        What becomes of its streets, where the job names them.
    earlier
        A sentence on each row in review that was decided before what the decision rests on changed.
    divided
        Units that give land away and live on: which of their rows stay is told as well.
    """

    assignment: Assignment
    keys: pd.DataFrame
    old_keys: pd.Series | None
    new_keys: pd.Series | None
    places: gpd.GeoSeries | None = None
    streets: Recoded | None = None
    earlier: pd.Series | None = None
    divided: frozenset[str] = frozenset()

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
class Account:
    """What is told of a layer in the results that tell of all layers.

    Parameters
    ----------
    counts
        Its numbers, as :meth:`Moved.counts` gives them.
    review
        What a person must decide in it; None where that is nothing.
    findings
        What was noticed when it was carried out.
    kinds
        Types of its geometries; None where it is no layer that a map shows.
    crs
        CRS of its file.
    """

    counts: dict[str, int]
    review: Any
    findings: tuple[Finding, ...]
    kinds: tuple[str, ...] | None
    crs: CRS | None

    @classmethod
    def of(cls, name: str, loaded: Loaded, moved: Moved, findings: Sequence[Finding]) -> Account:
        """Return what is told of a layer that was carried out."""
        config = loaded.config
        assert isinstance(config, LayerConfig)
        found = review(moved, name, config.code, config.id, config.key, config.layout)
        shown = None if loaded.info.driver == "CSV" else loaded.source
        kinds, crs = (None, None) if shown is None else (tuple(shown.kinds()), shown.crs)
        return cls(moved.counts(), found if len(found) else None, tuple(findings), kinds, crs)


@dataclass(frozen=True)
class Results:
    """Everything a job makes.

    ``moved`` has the layers that were carried out, ``accounts`` has what is told of all layers: the previous
    results are reused for those that nothing has changed. ``registers`` has the counts of registers, once they were
    looked at.
    """

    plan: Plan
    units: gpd.GeoDataFrame
    new_units: gpd.GeoDataFrame
    pieces: gpd.GeoDataFrame
    levels: dict[str, gpd.GeoDataFrame]
    lines: gpd.GeoDataFrame
    crosswalk: pd.DataFrame
    balance: pd.DataFrame
    moved: dict[str, Moved]
    accounts: dict[str, Account]
    findings: tuple[Finding, ...]
    registers: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def dates(self) -> list[str]:
        """Dates of the plan, in order."""
        return [date.isoformat() for date in self.plan.dates]


def fates(results: Results, code: str, name: str | None) -> gpd.GeoDataFrame:
    """Return the old units with what becomes of each: code, name, change, successors."""
    return fates_of(results.units, results.pieces, results.new_units, code=code, name=name)


def fates_of(
    units: gpd.GeoDataFrame, pieces: gpd.GeoDataFrame, new_units: gpd.GeoDataFrame, *, code: str, name: str | None
) -> gpd.GeoDataFrame:
    """Return units with what becomes of each, by the pieces they were cut into and the units made of those."""
    new = dict(zip(new_units[code], new_units["change"], strict=True))
    legal = pieces[pieces["kind"] != "correction"]
    following: dict[str, set[str]] = {}
    for old_code, new_code in zip(legal["old_code"], legal["new_code"], strict=True):
        following.setdefault(old_code, set()).update(() if pd.isna(new_code) else (new_code,))
    heirs = {unit: sorted(codes) for unit, codes in following.items()}
    old = units[code]
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
        "name": (units[name] if name else old).to_numpy(),
        "change": changes,
        "successors": [" ".join(heirs.get(unit, [])) for unit in old],
    }
    return gpd.GeoDataFrame(columns, geometry=units.geometry.to_numpy(), crs=units.crs)


def described(results: Results, code: str, name: str | None) -> gpd.GeoDataFrame:
    """Return the new units with the columns of every run: code, name, change, predecessors, valid_from, area."""
    units = results.new_units
    columns = {"code": units[code].to_numpy(), "name": (units[name] if name else units[code]).to_numpy()}
    columns |= {column: units[column].to_numpy() for column in ("change", "predecessors", "valid_from")}
    columns["area_m2"] = units.geometry.area.to_numpy()
    return gpd.GeoDataFrame(columns, geometry=units.geometry.to_numpy(), crs=units.crs)


def parents(results: Results, units: UnitsConfig) -> pd.DataFrame:
    """Return the parent of each old unit and of what it became, level by level; levels of all units are left out."""
    pairs = results.crosswalk[["old_code", "new_code"]]
    found = []
    for level in units.levels:
        if level.code is None:
            continue
        columns: dict[str, Any] = {"level": pd.Series(level.name, index=pairs.index)}
        for side, table in (("old", results.units), ("new", results.new_units)):
            codes = table[units.code]
            columns[f"{side}_code"] = pairs[f"{side}_code"]
            for name, column in (("parent", level.code), ("parent_name", level.label or level.code)):
                known = dict(zip(codes, table[column], strict=True))
                columns[f"{side}_{name}"] = pairs[f"{side}_code"].map(known)
        found.append(pd.DataFrame(columns)[list(PARENTS)])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(PARENTS))


def ledger(moved: Moved, layer: str, code: str, identifier: str | None) -> pd.DataFrame:
    """Return one row for each feature of a layer that an event concerns: from which code and key to which, and why.

    Of a unit that gives land away and lives on, the rows that stay are told as well, without an event.
    """
    updated = moved.assignment.updated
    rows = pd.DataFrame(updated[moved.concerned | updated[code].isin(moved.divided)])
    table = _assigned(rows, [column for column in LEDGER if column in COLUMNS])
    table["layer"] = layer
    table["id"] = _ids(rows, identifier)
    table["old_code"] = rows[code]
    for column, keys in (("old_key", moved.old_keys), ("new_key", moved.new_keys)):
        table[column] = keys.loc[rows.index] if keys is not None else None
    return table[list(LEDGER)].reset_index(drop=True)


def review(
    moved: Moved,
    layer: str,
    code: str,
    identifier: str | None,
    key: Sequence[str] = (),
    layout: KeyLayout | None = None,
) -> Any:
    """Return what a person must decide in a layer, with an empty column for the decision."""
    rows = moved.assignment.review
    table = _assigned(rows, [column for column in REVIEW if column in COLUMNS])
    table["layer"] = layer
    table["id"] = _ids(rows, identifier).astype("string").fillna("").astype(str)
    table["code"] = rows[code]
    table["key"] = joined(rows, rows[code], key, layout) if key else None
    for column in ("decision", "decided_by", "note", "earlier"):
        table[column] = None
    if moved.earlier is not None:
        table["earlier"] = moved.earlier.reindex(rows.index)
    table["basis"] = bases(table, moved.places)
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
    return as_ids(rows[identifier] if identifier else pd.Series(rows.index, index=rows.index))


def counts(results: Results) -> dict[str, Any]:
    """Return the numbers of a run, for its summary and its manifest."""
    return {
        "units_before": len(results.units),
        "units_after": len(results.new_units),
        "pieces": len(results.pieces),
        "changes": {str(k): int(v) for k, v in results.new_units["change"].value_counts().sort_index().items()},
        "area": {column: float(value) for column, value in results.balance.iloc[0].to_dict().items()},
        "layers": {name: account.counts for name, account in results.accounts.items()},
        "registers": dict(results.registers),
        "findings": {s: sum(f.severity == s for f in results.findings) for s in ("must", "should")},
    }
