"""Decisions: what people decided on rows in review, replayed as long as nothing they looked at has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely

from geomerge.findings import Finding

COLUMNS = ("layer", "id", "decision", "decided_by", "note", "basis")
ROW = ["layer", "id", "basis"]  # rows may share an id, but then what a decision on them rests on tells them apart
METHOD = "decision"


@dataclass(frozen=True)
class Ground:
    """What the answers to a row rest on.

    Parameters
    ----------
    successors
        New units of each old code, the units after the change for themselves.
    events
        The events that lead from an old code to a new one.
    names
        Name of each new unit.
    """

    successors: Mapping[str, Sequence[str]]
    events: Mapping[tuple[str, str], str]
    names: Mapping[str, str]

    @classmethod
    def of(cls, pieces: pd.DataFrame, names: Mapping[str, str]) -> Ground:
        """Read it off the pieces."""
        legal = pieces[pieces["old_code"].notna() & pieces["new_code"].notna()]
        ordered = legal[["old_code", "new_code", "event"]].sort_values(["old_code", "new_code"], kind="stable")
        successors: dict[str, list[str]] = {}
        events: dict[tuple[str, str], str] = {}
        for old, new, event in ordered.itertuples(index=False):
            if (old, new) not in events:
                successors.setdefault(str(old), []).append(str(new))
                events[str(old), str(new)] = str(event)
        return cls(successors, events, names)

    @property
    def divided(self) -> frozenset[str]:
        """Units that give land away and live on."""
        return frozenset(code for code, units in self.successors.items() if len(units) > 1 and code in units)

    def allowed(self, code: object, *candidates: object) -> list[str]:
        """Return the units a row may go to: where it lies, then where its code leads; any where neither tells."""
        told = [str(unit) for unit in candidates if isinstance(unit, str) and unit]
        told += self.successors.get(str(code), []) if isinstance(code, str) else []
        return list(dict.fromkeys(told)) or sorted(self.names)


def bases(review: pd.DataFrame, geometry: Any = None) -> pd.Series:
    """Return for each row in review what a decision on it rests on, as one short text.

    It changes with the code, the reason, the candidates and their shares, and the geometry: then a decision is stale.

    Parameters
    ----------
    review
        Rows with ``code``, ``reason``, ``new_code``, ``share``, ``runner_up`` and ``runner_up_share``.
    geometry
        Geometries of the rows, where they have any.

    Examples
    --------
    >>> columns = ["code", "reason", "new_code", "share", "runner_up", "runner_up_share"]
    >>> rows = pd.DataFrame([["0720", "tie", "0704", 0.5, "0710", 0.5]] * 2, columns=columns)
    >>> one, other = bases(rows, [shapely.box(0, 0, 1, 1), shapely.box(0, 0, 1, 2)])
    >>> len(one), one == other
    (12, False)
    """
    shapes = [None] * len(review) if geometry is None else shapely.to_wkb(np.asarray(geometry, dtype=object))
    told = review[["code", "reason", "new_code", "runner_up"]].astype("string").fillna("")
    shares = review[["share", "runner_up_share"]].astype("float64").round(6).astype("string").fillna("")
    texts = ["\0".join(row) for row in np.column_stack([told.to_numpy(), shares.to_numpy()]).tolist()]
    digests = [
        hashlib.sha256(text.encode() + b"\0" + (shape or b"")).hexdigest()[:12]
        for text, shape in zip(texts, shapes, strict=True)
    ]
    return pd.Series(digests, index=review.index, dtype="str")


def answers(review: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the answers allowed for each row in review, the likeliest first.

    Parameters
    ----------
    review
        Rows with ``layer``, ``id``, ``code`` and the candidates.
    ground
        What the answers rest on.

    Returns
    -------
    DataFrame
        ``layer``, ``id``, ``answer`` (a code), ``text`` for people.

    Examples
    --------
    >>> ground = Ground({"0720": ["0704", "0710"]}, {}, {"0704": "Tønsberg", "0710": "Sandefjord"})
    >>> row = {"layer": "parcels", "id": "7", "code": "0720", "new_code": "0710"}
    >>> row |= {"share": 0.69, "runner_up": "0704", "runner_up_share": 0.31}
    >>> answers(pd.DataFrame([row]), ground)["text"].tolist()
    ['0710 Sandefjord (69 % lies there)', '0704 Tønsberg (31 % lies there)']
    """
    rows: list[tuple[str, str, str, str]] = []
    for row in review.drop_duplicates(["layer", "id"]).to_dict("records"):
        shares = {row["new_code"]: row["share"], row["runner_up"]: row["runner_up_share"]}
        for code in ground.allowed(row["code"], row["new_code"], row["runner_up"]):
            share = shares.get(code)
            lies = f" ({share:.0%} lies there)".replace("%", " %") if pd.notna(share) else ""
            rows.append((row["layer"], row["id"], code, f"{code} {ground.names.get(code, '')}".strip() + lies))
    return pd.DataFrame(rows, columns=["layer", "id", "answer", "text"], dtype="str")


@dataclass(frozen=True)
class Replayed:
    """What became of the decisions on one layer.

    ``decided`` has the rows that leave the review with ``new_code`` and ``event``, on their index; ``faults`` tells
    of decisions that are impossible, ``findings`` of those that are stale; ``earlier`` has a sentence for each row with
    a stale decision.
    """

    decided: pd.DataFrame
    earlier: pd.Series
    faults: tuple[str, ...]
    findings: tuple[Finding, ...]


def replay(review: pd.DataFrame, decisions: pd.DataFrame, ground: Ground, *, layer: str) -> Replayed:
    """Apply decisions to the rows in review that they were made on.

    Parameters
    ----------
    review
        Rows with ``id``, ``code``, the candidates and ``basis``.
    decisions
        Decisions with the columns of :data:`COLUMNS`, of any layer.
    ground
        What the answers rest on.
    layer
        What the layer is called.
    """
    mine = decisions[decisions["layer"] == layer].drop_duplicates(["id", "basis"], keep="last")
    met = review[review["id"].isin(mine["id"])]
    rows, known = (pd.MultiIndex.from_frame(table[["id", "basis"]]) for table in (met, mine))
    fresh = rows.isin(known)
    given = mine.drop_duplicates("id", keep="last").set_index("id").loc[met["id"]].set_index(met.index)
    given.loc[fresh] = mine[given.columns].set_index(known).loc[rows[fresh]].to_numpy()
    possible = np.array(
        [
            choice in ground.allowed(code, first, second)
            for choice, code, first, second in zip(
                given["decision"], met["code"], met["new_code"], met["runner_up"], strict=True
            )
        ],
        dtype=bool,
    )
    done = met[fresh & possible]
    decided = pd.DataFrame({"new_code": given.loc[done.index, "decision"].astype("str")}, index=done.index)
    pairs = zip(done["code"], decided["new_code"], strict=True)
    decided["event"] = [ground.events.get((old, new), "") or METHOD for old, new in pairs]
    stale = given[~fresh]
    earlier = stale["decision"] + (" by " + stale["decided_by"]).where(stale["decided_by"] != "", "")
    return Replayed(
        decided,
        earlier.astype("str"),
        tuple(_faults(met[fresh & ~possible], given, ground, layer)),
        tuple(_stale(met[~fresh], layer)),
    )


def _faults(rows: pd.DataFrame, given: pd.DataFrame, ground: Ground, layer: str) -> Iterator[str]:
    for row, decision in zip(rows.to_dict("records"), given.loc[rows.index, "decision"], strict=True):
        allowed = ground.allowed(row["code"], row["new_code"], row["runner_up"])
        several = f"one of {', '.join(allowed)}" if len(allowed) <= 10 else "the code of a unit after the change"
        yield f"The decision {decision} on {row['id']} of {layer} is impossible. Decide for {several}."


def _stale(rows: pd.DataFrame, layer: str) -> Iterator[Finding]:
    ids = rows["id"].drop_duplicates().tolist()
    if ids:
        what = f"{len(ids)} decisions rest on what has changed since: {', '.join(ids[:5])}"
        yield Finding("should", "stale decision", what, layer, "Decide again in the review.")


def not_needed(decisions: pd.DataFrame, met: Collection[str], layer: str) -> Iterator[Finding]:
    """Find decisions on rows of a layer that nobody has to decide any more.

    Parameters
    ----------
    decisions
        Decisions on the layer.
    met
        Ids of all its rows in review.
    layer
        What the layer is called.
    """
    ids = [row for row in decisions["id"].drop_duplicates().tolist() if row not in met]
    if ids:
        what = f"{len(ids)} decisions are on rows that nobody has to decide any more: {', '.join(ids[:5])}"
        yield Finding("should", "decision not needed", what, layer, "Remove them, or leave them be.")


def merged(known: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return known decisions with new ones in the place of those on the same rows, in the order of layer and id.

    What was decided on a row before it changed stays, ahead of what was decided on it since.

    Examples
    --------
    >>> known = pd.DataFrame([["p", "1", "0704", "A", "", "x"]], columns=COLUMNS)
    >>> new = pd.DataFrame([["p", "1", "0710", "B", "", "x"]], columns=COLUMNS)
    >>> merged(known, new)["decision"].tolist()
    ['0710']
    """
    both = pd.concat([known, new], ignore_index=True).drop_duplicates(ROW, keep="last")
    return both.sort_values(["layer", "id"], kind="stable", ignore_index=True)[list(COLUMNS)]
