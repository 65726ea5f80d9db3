"""Deciding: what people decided takes rows out of the review of a layer, in memory or part by part."""

from __future__ import annotations

import numpy as np
import pandas as pd

from geomerge.assignment import Assignment, added_name
from geomerge.codes import as_ids
from geomerge.decisions import METHOD, Ground, Replayed, bases, not_needed, replay
from geomerge.findings import Finding
from geomerge.job import LayerConfig
from geomerge.loaded import Loaded

CANDIDATES = ("reason", "new_code", "share", "runner_up", "runner_up_share")


class Docket:
    """The decisions on one layer, as they meet its rows in review.

    Parameters
    ----------
    name
        What the layer is called.
    decisions
        Decisions of all layers.
    ground
        What the answers rest on.
    """

    def __init__(self, name: str, decisions: pd.DataFrame, ground: Ground) -> None:
        self.name, self.ground = name, ground
        self.decisions = decisions[decisions["layer"] == name]
        self.faults: list[str] = []
        self._findings: list[Finding] = []
        self._met: set[str] = set()
        self._earlier: list[pd.Series] = []

    def settle(self, layer: Loaded, assignment: Assignment) -> Assignment:
        """Return an assignment in which the decided rows are updated, in the order of the layer."""
        if self.decisions.empty:
            return assignment
        config = layer.config
        assert isinstance(config, LayerConfig)
        rows = candidates(assignment.review, config)
        rows["basis"] = bases(rows, layer.places(assignment.review.index))
        self._met.update(rows["id"])
        found = replay(rows, self.decisions, self.ground, layer=self.name)
        self.faults += found.faults
        self._findings += found.findings
        self._earlier.append(found.earlier)
        return _moved(layer, assignment, found) if len(found.decided) else assignment

    @property
    def findings(self) -> list[Finding]:
        """What was noticed, when all rows were met."""
        return [*self._findings, *not_needed(self.decisions, self._met, self.name)]

    @property
    def earlier(self) -> pd.Series | None:
        """A sentence on each row whose decision is stale."""
        return pd.concat(self._earlier) if self._earlier else None


def candidates(review: pd.DataFrame, config: LayerConfig) -> pd.DataFrame:
    """Return what decides on rows in review: id, code, reason, candidates with their shares; on the same index."""
    found = {column: review[added_name(column, review)] for column in CANDIDATES}
    ids = as_ids(review[config.id] if config.id else pd.Series(review.index, index=review.index))
    texts = ids.astype("string").fillna("").astype(str)
    return pd.DataFrame({"id": texts, "code": review[config.code], **found})


def _moved(layer: Loaded, assignment: Assignment, found: Replayed) -> Assignment:
    review = assignment.review
    taken = review.index.isin(found.decided.index)
    rows = review[taken].copy()
    told = {
        "new_code": found.decided["new_code"].to_numpy(dtype=object),
        "event": found.decided["event"].to_numpy(dtype=object),
    }
    for column, values in {**told, "method": METHOD, "reason": ""}.items():
        rows[added_name(column, rows)] = values
    updated = pd.concat([assignment.updated, rows]) if len(assignment.updated) else rows
    order = np.argsort(layer.rows.index.get_indexer(updated.index), kind="stable")
    return Assignment(updated.iloc[order], review[~taken])
