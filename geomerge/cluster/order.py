"""Spatial order: rows sorted along a Hilbert curve, across all partitions, with no more than one in memory.

Each partition is sorted by itself into a *run*; samples of all runs say where to cut the curve into new partitions
of even size; each new one is then merged out of the runs that have rows in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geomerge.cluster.parts import placed

KEY = "geomerge_place"
SAMPLES = 256  # of each run; so many of a thousand runs cut the curve evenly to about one per cent

Keys = NDArray[np.uint32]


@dataclass(frozen=True)
class Sorted:
    """A run: its number, a sample of its keys, how many rows each of these stands for, and the last of all keys."""

    number: int
    sample: Keys
    weight: int
    last: int


@dataclass(frozen=True)
class Stretch:
    """A part of the curve, from one key up to before another, and the numbers of the runs that have rows in it."""

    number: int
    low: int
    high: int
    runs: tuple[int, ...]

    def __str__(self) -> str:
        return f"partition {self.number} of the sorted rows"


def place_keys(shapes: Any, bounds: Sequence[float]) -> Keys:
    """Return where the centre of each envelope comes on the curve through some bounds; rows without place are first.

    Examples
    --------
    >>> place_keys([shapely.Point(9, 0), None, shapely.Point(0, 0)], (0, 0, 9, 9)).tolist()
    [4294967295, 0, 0]
    """
    boxes = shapely.bounds(shapes)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    nowhere = np.isnan(middle).any(axis=1)
    middle[nowhere] = bounds[:2]  # where the curve begins
    keys = gpd.GeoSeries(shapely.points(middle)).hilbert_distance(total_bounds=bounds)
    return np.asarray(keys, dtype=np.uint32)


def write_run(table: pa.Table, keys: Keys, folder: Path, number: int) -> Sorted:
    """Write rows in the order of their keys; equal ones stay in the order they are in."""
    path = folder / run_name(number)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    table = table.take(order).append_column(KEY, pa.array(keys)).combine_chunks()
    with placed(path) as fresh, pa.OSFile(str(fresh), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(table.num_rows, 1))
    step = max(len(keys) // SAMPLES, 1)
    return Sorted(number, keys[::step], step, int(keys[-1]) if len(keys) else -1)


def stretches(runs: Sequence[Sorted], rows: int, total: int) -> list[Stretch]:
    """Cut the curve where about so many rows lie between two cuts; rows with one key stay together.

    Examples
    --------
    >>> run = Sorted(0, np.array([1, 4, 7, 9], dtype=np.uint32), 500, 9)
    >>> [(s.low, s.high) for s in stretches([run], 1000, 2000)]
    [(0, 7), (7, 4294967296)]
    """
    samples = np.concatenate([run.sample for run in runs])
    weights = np.repeat([run.weight for run in runs], [len(run.sample) for run in runs])
    order = np.argsort(samples, kind="stable")
    samples, before = samples[order], np.cumsum(weights[order]) - weights[order]
    count = -(-total // rows)
    at = np.searchsorted(before, np.arange(1, count) * (before[-1] + 1) / count) if total else []
    cuts = [0, *np.unique(samples[at]).tolist(), 2**32]
    first = np.array([run.sample[0] if len(run.sample) else 2**32 for run in runs])
    last = np.array([run.last for run in runs])
    found = []
    for number, (low, high) in enumerate((low, high) for low, high in pairwise(cuts) if low < high):
        concerned = np.flatnonzero((first < high) & (last >= low)) if total else np.arange(len(runs))
        found.append(Stretch(number, low, high, tuple(runs[at].number for at in concerned.tolist())))
    return found


def merge(stretch: Stretch, folder: Path) -> pa.Table:
    """Read the rows of a stretch out of the runs, in order."""
    found = []
    for number in stretch.runs:
        with pa.memory_map(str(folder / run_name(number))) as mapped:
            run = pa.ipc.open_file(mapped).read_all()
            low, high = np.searchsorted(run.column(KEY).to_numpy(), [stretch.low, stretch.high])
            found.append(run.slice(low, high - low))
    table = pa.concat_tables(found)
    order = np.argsort(table.column(KEY).to_numpy(), kind="stable")
    return table.take(order).drop_columns([KEY])


def run_name(number: int) -> str:
    """Return the name of the file with a run."""
    return f"run-{number:06d}.arrow"
