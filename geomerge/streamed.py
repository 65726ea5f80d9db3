"""Streamed: a layer that is carried out part by part; what its rows become waits in a spool until it is written."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.assignment import Assignment, added_name, reasons_of, report_reasons
from geomerge.checks import check_counts, check_ids
from geomerge.export import equal
from geomerge.files.revision import InParts, Revision
from geomerge.findings import Finding
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.loaded import Loaded
from geomerge.memory import PLANNED, in_use, rows_that_fit
from geomerge.progress import progress
from geomerge.reassign import Judge
from geomerge.rekey import check_keys, joined
from geomerge.repeats import hashed, in_several, repeated
from geomerge.results import Moved, ledger
from geomerge.spool import Spool

log = logging.getLogger("geomerge")

LEDGER_ROWS = 65_536  # that are written together
COUNTED = re.compile(r"(?P<count>\d+) (?P<what>.*), first .*", re.DOTALL)
ADDED = ("new_code", "event", "event_assigned", "reason")  # what a row that follows must know of a feature

Keyed = Callable[[Loaded, Assignment, list[Finding]], Moved]
Settle = Callable[[Loaded, Assignment], Assignment]


@dataclass(frozen=True, kw_only=True)
class Streamed(Moved):
    """A layer after the reform whose rows are in no memory.

    ``assignment`` has the rows in review, and of all others what rows that follow them must know.

    Parameters
    ----------
    numbers
        What :meth:`counts` returns.
    columns
        Columns that change.
    spool, name
        Where the rows wait, and under which name.
    """

    numbers: dict[str, int]
    columns: tuple[str, ...]
    spool: Spool
    name: str

    def counts(self) -> dict[str, int]:
        return dict(self.numbers)

    @property
    def revision(self) -> Revision:
        """What changes in the layer, part by part."""
        return Revision(InParts(self.columns, lambda: self.spool.items(f"changes {self.name}")))

    def ledgers(self) -> Iterator[pd.DataFrame]:
        """Yield the rows of its ledger, so many at a time that they are written as all at once would be."""
        waiting: list[pd.DataFrame] = []
        count = 0
        for part in self.spool.items(f"ledger {self.name}"):
            waiting.append(part)
            count += len(part)
            if count >= LEDGER_ROWS:
                table = pd.concat(waiting, ignore_index=True)
                whole = count // LEDGER_ROWS * LEDGER_ROWS
                yield table.iloc[:whole]
                waiting, count = [table.iloc[whole:]], count - whole
        if count:
            yield pd.concat(waiting, ignore_index=True)


def ledgers(moved: Moved, layer: str, code: str, identifier: str | None) -> Iterator[pd.DataFrame]:
    """Yield the ledger of a layer, all at once or part by part."""
    if isinstance(moved, Streamed):
        yield from moved.ledgers()
    else:
        yield ledger(moved, layer, code, identifier)


def revision_of(loaded: Loaded, moved: Moved) -> Revision:
    """Return the new codes and keys of a layer; rows in review and all other columns stay as they are."""
    if isinstance(moved, Streamed):
        return moved.revision
    # only rows that an event concerns: the code of any other row stays as it was written
    new_codes = moved.assignment.updated.loc[moved.concerned, "new_code"]
    after = {loaded.config.code: loaded.in_source_type(new_codes)}
    after |= {str(column): values[moved.concerned] for column, values in moved.keys.items()}
    before = loaded.rows[list(after)].loc[new_codes.index]
    changed = {column: values[~equal(values, before[column])] for column, values in after.items()}
    changed |= moved.streets.changed if moved.streets else {}
    return Revision({column: values for column, values in changed.items() if len(values)})


def stream(
    name: str, inputs: Inputs, judge: Judge, settle: Settle, keyed: Keyed, spool: Spool
) -> tuple[Streamed, list[Finding]]:
    """Carry out a layer, as many rows at a time as the memory of the job allows.

    Parameters
    ----------
    name, inputs
        The layer, which has partitions.
    judge
        Says where features go.
    settle
        Says it of those that people decided.
    keyed
        Gives the rows of a part their new keys, and tells the old and the new one of every row.
    spool
        Where the rows wait that change.

    Returns
    -------
    Streamed, list of Finding
        The layer, and what was noticed.
    """
    layer = inputs.layers[name]
    config, partitions, memory = layer.config, layer.partitions, inputs.memory
    assert isinstance(config, LayerConfig)
    assert partitions is not None
    judge.prepare()
    room = int(PLANNED * (memory or 0)) - in_use()
    rows = rows_that_fit(room - partitions.held, partitions.row_bytes)
    log.info("%d rows of %s at a time", rows, name)
    followers = [other.follows for other in inputs.job.layers if other.follows is not None]
    total = _Total(name, config, spool, [follows.key for follows in followers if follows.layer == name])
    for part in progress(layer.parts(rows), f"reassign {name}", total=-(-layer.count // rows)):
        assignment = settle(part, Assignment.of(part.attributes, judge.of(part.codes, part.features)))
        total.add(part, keyed(part, assignment, total.noticed))
    findings: list[Finding] = []
    report_reasons(total.reasons, findings.append)
    findings += total.checked(layer, room)
    return total.streamed(layer, judge), findings


def units_in_play(updated: pd.DataFrame, keys: pd.DataFrame, config: LayerConfig) -> NDArray[Any]:
    """Return the units that get rows, or new keys for some: only in these can keys collide."""
    columns = list(config.key)
    changed = (updated[added_name("event", updated)] != "") | keys[columns].ne(updated[columns]).any(axis=1)
    return np.asarray(updated.loc[changed, "new_code"].unique(), dtype=object)


def with_review(moved: Moved, config: LayerConfig) -> tuple[pd.Series, pd.Series]:
    """Return old and new keys with those of the rows in review, which keep theirs and must not be taken meanwhile."""
    review = moved.assignment.review
    kept = joined(review, review[config.code], config.key, config.layout)
    return pd.concat([moved.old_keys, kept]), pd.concat([moved.new_keys, kept])


class _Total:
    """What is known of all parts of a layer that were carried out so far."""

    def __init__(self, name: str, config: LayerConfig, spool: Spool, led: list[str]) -> None:
        self.name, self.config, self.spool, self.led = name, config, spool, led
        self.noticed: list[Finding] = []
        self.reasons: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.columns: dict[str, None] = {}
        self.units: set[str] = set()  # that get rows, or new keys for some
        self.reviews: list[Any] = []
        self.leaders: list[Any] = []
        self.places: list[gpd.GeoSeries] = []

    def add(self, part: Loaded, moved: Moved) -> None:
        """Add a part; what changes in it goes into the spool."""
        updated, review = moved.assignment.updated, moved.assignment.review
        self.numbers.update(moved.counts())
        self.reasons.update(reasons_of(review))
        changed = dict(revision_of(part, moved).changed)
        self.columns.update(dict.fromkeys(changed))
        self.spool.put(f"changes {self.name}", changed)
        self.spool.put(f"ledger {self.name}", ledger(moved, self.name, self.config.code, self.config.id))
        if self.config.id is not None:
            self.spool.put(f"ids {self.name}", hashed(part.rows[self.config.id].dropna()))
        if moved.old_keys is not None and moved.new_keys is not None:
            self.units.update(units_in_play(updated, moved.keys, self.config).tolist())
            old, new = with_review(moved, self.config)
            unit = pd.concat([updated["new_code"], pd.Series(None, index=review.index, dtype=object)])
            keys = pd.DataFrame({"old": old.array, "new": new.array, "unit": unit.array})
            self.spool.put(f"keys {self.name}", keys.dropna(subset=["old", "new"]))
        self.reviews.append(review)
        columns = [*self.led, self.config.code, *(name for name in ADDED if name in updated.columns)]
        kept = updated[columns] if self.led else updated.iloc[:0]
        self.leaders.append(kept.copy())  # a view would hold all of the part
        if moved.places is not None:
            self.places.append(moved.places)

    def checked(self, layer: Loaded, room: int) -> Iterator[Finding]:
        """Check the rows of all parts together, in the order in which those of a layer in memory are."""
        updated = self.numbers["rows"] - self.numbers["review"]
        yield from check_counts(self.name, layer.count, updated, self.numbers["review"])
        yield from self._ids(layer, room)
        yield from added_up(self.noticed)
        yield from self._keys(room)

    def _ids(self, layer: Loaded, room: int) -> Iterator[Finding]:
        """Check ids: numbers made of them tell which few rows must be compared."""
        identifier = self.config.id
        if identifier is None or layer.partitions is None:
            return
        again = repeated(lambda: self.spool.items(f"ids {self.name}"), room)
        missing = layer.count - sum(len(part) for part in self.spool.items(f"ids {self.name}"))
        found = [layer.partitions.empty[identifier]]
        if len(again):
            for rows, _ in layer.partitions.read(LEDGER_ROWS):
                ids = rows[identifier].dropna()
                found.append(ids[pd.Series(hashed(ids), index=ids.index).isin(again)])
        found.append(pd.Series(None, index=range(missing), dtype=found[0].dtype))
        yield from check_ids(pd.DataFrame({identifier: pd.concat(found)}), identifier, self.name)

    def _keys(self, room: int) -> Iterator[Finding]:
        """Check keys of the units in play, and of rows in review, in the same way."""

        def in_play() -> Iterator[pd.DataFrame]:
            for keys in self.spool.items(f"keys {self.name}"):
                yield keys[keys["unit"].isin(self.units) | keys["unit"].isna()]

        def pairs(first: str, second: str) -> Callable[[], Iterator[Any]]:
            return lambda: ((hashed(keys[first]), hashed(keys[second])) for keys in in_play())

        new, old = in_several(pairs("new", "old"), room), in_several(pairs("old", "new"), room)
        if not len(new) and not len(old):
            return
        few = [keys[_among(keys["new"], new) | _among(keys["old"], old)] for keys in in_play()]
        table = pd.concat(few)
        yield from check_keys(table["old"], table["new"], self.name)

    def streamed(self, layer: Loaded, judge: Judge) -> Streamed:
        """Return the layer."""
        if not self.reviews:  # a layer without rows
            empty = Assignment.of(layer.attributes, judge.of(layer.codes, None))
            self.reviews, self.leaders = [empty.review], [empty.updated]
        assignment = Assignment(pd.concat(self.leaders), pd.concat(self.reviews))
        places = gpd.GeoSeries(pd.concat(self.places), crs=self.places[0].crs) if self.places else None
        numbers = {name: int(self.numbers[name]) for name in ("rows", "moved")}
        numbers |= {name: int(self.numbers[name]) for name in sorted(self.numbers) if name.startswith("by_")}
        numbers["review"] = int(self.numbers["review"])
        return Streamed(
            assignment=assignment,
            keys=pd.DataFrame(index=assignment.updated.index),
            old_keys=None,
            new_keys=None,
            places=places,
            numbers=numbers,
            columns=tuple(self.columns),
            spool=self.spool,
            name=self.name,
        )


def added_up(findings: Iterable[Finding]) -> list[Finding]:
    """Return what was noticed in several parts as if it were noticed in all of them at once.

    Examples
    --------
    >>> said = ["2 texts are odd, first a", "1 texts are odd, first b"]
    >>> parts = [Finding("should", "text", what, "key") for what in said]
    >>> [finding.what for finding in added_up(parts)]
    ['3 texts are odd, first a']
    """
    found: dict[tuple[str, ...], Finding] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for finding in findings:
        told = COUNTED.fullmatch(finding.what)
        kind = (finding.severity, finding.check, finding.where, told["what"] if told else finding.what)
        found.setdefault(kind, finding)
        counts[kind] += int(told["count"]) if told else 0
    return [
        dataclasses.replace(finding, what=f"{counts[kind]} {finding.what.partition(' ')[2]}")
        if counts[kind]
        else finding
        for kind, finding in found.items()
    ]


def _among(keys: pd.Series, hashes: Any) -> pd.Series:
    return pd.Series(hashed(keys), index=keys.index).isin(hashes)
