"""The same verbs over partitions, on Dask: many machines, or all cores of this one, do what one does row for row."""

from __future__ import annotations

import os.path
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geomerge import manifest
from geomerge.assignment import report_review, require_column
from geomerge.cluster.dataset import Dataset, open_dataset, read
from geomerge.cluster.keys import Group, Keys, groups
from geomerge.cluster.order import KEY, stretches
from geomerge.cluster.parts import write_common
from geomerge.cluster.work import (
    ROW,
    RUNS,
    TABLES,
    Done,
    Orders,
    Verify,
    features_of,
    hash_file,
    look_over_keys,
    new_names,
    reassign_partition,
    sort_partition,
)
from geomerge.crs import require_projected, require_same_crs
from geomerge.errors import InputError, LayerError
from geomerge.findings import Finding, Notes, collector, require
from geomerge.plan import KeyRule
from geomerge.previous import MANIFEST
from geomerge.publish import staged
from geomerge.reassign import reassign as reassign_rows
from geomerge.rekey import check_keys

__all__ = ["Outcome", "reassign"]

REMEDY = "pip install 'geomerge[cluster]'"
PIECES = ".pieces.parquet"
REVIEW = "review"  # check of findings that count rows; added up, they are told once
PROBE = 1000  # rows that are reassigned here, before any worker is asked


@dataclass(frozen=True)
class Outcome:
    """A dataset that was reassigned.

    Parameters
    ----------
    target
        Its folder: ``updated`` and ``review`` are GeoParquet datasets, ``manifest.json`` tells how they came about.
    rows, updated
        How many rows there are, and how many of them are decided.
    review
        How many are not, by reason.
    partitions
        How many partitions were worked on.
    """

    target: Path
    rows: int
    updated: int
    review: Mapping[str, int]
    partitions: int


def reassign(
    source: str | Path,
    pieces: gpd.GeoDataFrame,
    target: str | Path,
    *,
    code: str = "code",
    min_share: float = 0.9,
    verify: Verify = "affected",
    rules: Sequence[KeyRule] = (),
    key: Sequence[str] = (),
    key_text: str | None = None,
    sort: bool = True,
    rows: int = 100_000,
    scheduler: str | None = None,
    workers: int | None = None,
    timeout: float = 60.0,
    overwrite: bool = False,
    findings: list[Finding] | None = None,
) -> Outcome:
    """Reassign a GeoParquet dataset by partitions: row for row what :func:`geomerge.reassign` says of the whole.

    Parameters
    ----------
    source
        A GeoParquet file, or a folder of such files that are one layer. All workers must see it in this place.
    pieces
        Table made by :func:`geomerge.pieces`, in the CRS of the dataset.
    target
        Folder of the results, which all workers must see as well.
    code, min_share, verify
        As for :func:`geomerge.reassign`.
    rules, key, key_text
        Rules of the plan, the columns that make up the key, the leading number first, and the one that holds it as
        text, as for :func:`geomerge.rekey`; without columns, keys are left alone. What is decided gets columns
        with the new keys, called ``new_`` and their name. Two parcels may not get one key.
    sort
        Whether rows are put in spatial order first. Each partition then meets few units, and whoever looks for a
        place in the result reads little of it. Without, rows keep the order of the source.
    rows
        Largest number of rows in a partition. A worker needs memory for one partition and for the pieces.
    scheduler
        Address of a Dask scheduler, such as ``tcp://machine:8786``; without it, workers are started here.
    workers
        How many workers to start, by default one a core; with a scheduler, how many to wait for.
    timeout
        Seconds to wait for the scheduler, and for workers where there are none.
    overwrite
        Replace a target that geomerge did not write.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Outcome
        The results are on disk. All columns of the source are as they were; after them come those of an
        assignment, and ``source_row``, the number of the row in the source.

    Raises
    ------
    InputError
        If Dask is not installed, the input does not fit, or work could not be done; the target is then as it was.
    Blocked
        If new keys stand for several old ones; nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> import shapely
    >>> pieces = gpd.GeoDataFrame(
    ...     {"old_code": "1", "new_code": ["8", "9"], "event": "split", "kind": "part"},
    ...     geometry=[shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4)],
    ...     crs="EPSG:25832",
    ... )
    >>> squares = [shapely.box(x, 1, x + 1, 2) for x in (1, 5, 3.5)]
    >>> parcels = gpd.GeoDataFrame({"code": "1"}, index=range(3), geometry=squares, crs="EPSG:25832")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     parcels.to_parquet(f"{folder}/parcels.parquet")
    ...     done = reassign(f"{folder}/parcels.parquet", pieces, f"{folder}/out", workers=1, findings=[])
    ...     gpd.read_parquet(f"{folder}/out/updated")[["new_code", "source_row"]].values.tolist()
    [['8', 0], ['9', 1]]
    >>> done.review
    {'tie between new units': 1}
    """
    try:
        from geomerge.cluster.crew import crew
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        raise InputError(f"Work on partitions needs Dask, which is not installed. Install it: {REMEDY}") from error
    notes = Notes()
    source, target = Path(os.path.normpath(source)), Path(os.path.normpath(target))
    _require_apart(source, target)
    if rows < 1:
        raise InputError(f"rows is {rows}; a partition has at least one row.")
    data = open_dataset(source, rows)
    _try_first_rows(data, pieces, code, min_share, verify)
    keys = Keys(tuple(rules), tuple(key), key_text) if key else None
    if keys:
        keys.require(data)
    with staged(target, overwrite=overwrite) as folder:
        slim = replace(data, files=(), partitions=())  # what all partitions need, and no more
        orders = Orders(slim, str(folder), code, min_share, verify, keys)
        for name in (*TABLES, RUNS):
            (folder / name).mkdir()
        needed = ["old_code", "new_code", "event", "kind", pieces.geometry.name]
        pieces[needed].to_parquet(folder / PIECES)
        with crew(scheduler, workers, timeout, notes) as hands, hands.seated(orders, str(folder / PIECES)) as each:
            parts: Sequence[Any] = data.partitions
            if sort:
                parts = stretches(each("Sorting", sort_partition, data.partitions), rows, data.rows)
            done = each("Reassigning", reassign_partition, parts)
            if keys:
                _require_own_keys(each("Comparing keys", look_over_keys, _groups(done, rows)))
            files = [Path(file) for file in data.files]
            hashes = dict(zip(files, each("Hashing", hash_file, files), strict=True))
        outcome = _added_up(done, data, target, notes)
        shutil.rmtree(folder / RUNS)
        (folder / PIECES).unlink()
        _finish(folder, done, data, hashes, outcome, notes)
    report = collector(findings)
    for finding in notes.found:
        report(finding)
    return outcome


def _require_apart(source: Path, target: Path) -> None:
    """Raise LayerError if one of source and target lies in the other."""
    here, there = source.resolve(), target.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise LayerError(f"The results in {target} and the source {source} lie in one another. Choose another folder.")


def _try_first_rows(data: Dataset, pieces: gpd.GeoDataFrame, code: str, min_share: float, verify: Verify) -> None:
    """Reassign a few rows here, so that what does not fit is told before any work starts."""
    require_column(pd.DataFrame(columns=data.schema.names), code, "features")
    new_names(data)
    if taken := [name for name in (ROW, KEY) if name in data.schema.names]:
        raise InputError(f"The features have a column {' and '.join(taken)} already. Rename it or leave it out.")
    first = data.partitions[0]
    few = replace(first, stop=min(first.start + PROBE, first.stop))
    features = features_of(read(data, few), data, code, few)
    require_same_crs(features=features, pieces=pieces)
    reassign_rows(features, pieces, code=code, min_share=min_share, verify=verify, findings=[])
    if (pieces["kind"] == "part").any():
        require_projected(features, "the layer of features")


def _groups(done: Sequence[Done], rows: int) -> list[Group]:
    return list(groups({table: [each.codes[table] for each in done] for table in TABLES}, rows))


def _require_own_keys(found: Sequence[pd.DataFrame]) -> None:
    """Raise Blocked where one new key stands for several old ones."""
    if found:
        pairs = pd.concat(found)
        require(check_keys(pairs["old"], pairs["new"], "features"))


def _added_up(done: Sequence[Done], data: Dataset, target: Path, notes: Notes) -> Outcome:
    """Add up what is told of all partitions; each row of the source must be there once."""
    count, numbers = data.rows, tuple(sum(each.sums[at] for each in done) for at in range(2))
    updated = sum(each.updated for each in done)
    reasons: Counter[str] = Counter()
    for each in done:
        reasons.update(each.review)
        for finding in each.findings:
            if finding.check != REVIEW:
                notes(finding)
    # with their number, their sum and the sum of their squares, no row can be missing and another there twice
    expected = (count * (count - 1) // 2, (count - 1) * count * (2 * count - 1) // 6)
    if sum(each.rows for each in done) != count or updated + reasons.total() != count or numbers != expected:
        what = f"{data.rows} rows were read, and {updated + reasons.total()} written, or not each of them once"
        notes(Finding("must", "count", what, str(target), "Start again when nobody writes to the source."))
    require(notes.found)
    report_review(pd.DataFrame({"reason": list(reasons.elements())}, dtype=object), notes)
    return Outcome(target, count, updated, dict(reasons), len(done))


def _finish(
    folder: Path, done: Sequence[Done], data: Dataset, hashes: Mapping[Path, str], outcome: Outcome, notes: Notes
) -> None:
    """Write what all parts have in common, and the manifest."""
    common = {}
    for name in TABLES:
        path = folder / name / "_common_metadata"
        write_common(path, [each.parts[name] for each in done if name in each.parts], data)
        common[path.relative_to(folder).as_posix()] = path
    content = manifest.manifest(
        title="reassign",
        dates=[],
        inputs={str(file): file for file in hashes},
        counts={"rows": outcome.rows, "updated": outcome.updated, "review": dict(outcome.review)},
        findings=notes.found,
        digest=hashes.__getitem__,
    )
    parts = [each.parts[name].output for name in TABLES for each in done if name in each.parts]
    manifest.write_manifest(folder / MANIFEST, {**content, "outputs": [*parts, *manifest.listed(common)]})
