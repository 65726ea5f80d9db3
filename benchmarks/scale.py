"""How far one machine goes, and what partitions cost: the measurements behind docs/scale.md.

python benchmarks/scale.py [--parcels 1000000] [--copies 10] [--quick]

Costs are processor time, of all processes that work: what else the machine does counts little. Peaks of memory are
those of a process (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import psutil
from country import FULL, QUICK, parcels_of, synthetic
from distributed import Client, LocalCluster
from measure import as_table

import geomerge
from geomerge import cluster


def alone(source: Path, pieces: Path, target: Path) -> dict[str, Any]:
    """Read, reassign and write as one usually does, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return dict(pool.apply(_alone, (source, pieces, target)))


def _alone(source: Path, pieces: Path, target: Path) -> dict[str, Any]:
    start, before = time.perf_counter(), time.process_time()
    found = geomerge.reassign(gpd.read_parquet(source), gpd.read_parquet(pieces), findings=[])
    found.updated.to_parquet(target / "updated.parquet")
    found.review.to_parquet(target / "review.parquet")
    return {
        "CPU s": time.process_time() - before,
        "wall s": time.perf_counter() - start,
        "peak MB": _peak(os.getpid()),
    }


def together(source: Path, pieces: Path, target: Path, workers: int, **options: Any) -> dict[str, Any]:
    """Reassign on workers that are there already; the cost is theirs."""
    quiet: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0, **quiet) as local,
        Client(local, set_as_default=False) as client,
    ):
        client.run(_warm)
        processes = list(client.run(os.getpid).values())
        before, own, start = sum(map(_spent, processes)), time.process_time(), time.perf_counter()
        outcome = cluster.reassign(
            source, gpd.read_parquet(pieces), target / "out", scheduler=local.scheduler_address, workers=workers,
            overwrite=True, findings=[], **options,
        )  # fmt: skip
        return {
            "CPU s": sum(map(_spent, processes)) - before,
            "wall s": time.perf_counter() - start,
            "peak MB": max(map(_peak, processes)),
            "driver CPU s": time.process_time() - own,
            "partitions": outcome.partitions,
        }


def _warm() -> None:
    """Import what work takes; that is not counted."""
    importlib.import_module("geomerge.cluster.work")


def _spent(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


def _peak(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1000


def copied(table: gpd.GeoDataFrame, number: int, *codes: str) -> gpd.GeoDataFrame:
    """Return a table moved so far that copies lie side by side, with codes of their own."""
    moved = table.set_geometry(table.translate(xoff=500_000 * number))
    return moved.assign(**{code: f"{number:02d}" + table[code] for code in codes})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=1, help="countries side by side; partitions only")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it still run?")
    options = parser.parse_args()
    size, count, few = (QUICK, 2000, 200) if options.quick else (FULL, options.parcels, 100_000)
    pieces, parcels = parcels_of(synthetic(size, cuts=True), count)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source, cut = place / "source", place / "pieces.parquet"
        source.mkdir()
        for number in range(options.copies):
            copied(parcels, number, "code").to_parquet(source / f"{number:02d}.parquet", row_group_size=few)
        pieces = pd.concat(copied(pieces, number, "old_code", "new_code") for number in range(options.copies))
        pieces.to_parquet(cut)
        del pieces
        total = options.copies * len(parcels)
        size_of = sum(file.stat().st_size for file in source.iterdir())
        print(f"{total:,} parcels, {size_of:,} bytes; pieces {cut.stat().st_size:,} bytes", flush=True)
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "one process": lambda: alone(source, cut, place),
            "1 worker": lambda: together(source, cut, place, 1, rows=few),
            "2 workers": lambda: together(source, cut, place, 2, rows=few),
            "2 workers, order kept": lambda: together(source, cut, place, 2, rows=few, sort=False),
            "2 workers, small partitions": lambda: together(source, cut, place, 2, rows=few // 10),
            "2 workers, small, order kept": lambda: together(source, cut, place, 2, rows=few // 10, sort=False),
        }
        if options.copies > 1:
            ways = {"2 workers": ways["2 workers"]}
        rows = []
        for name, way in ways.items():
            cost = way()
            each = f"{total / cost['CPU s']:,.0f}"
            rows.append({"way": name, **{key: round(value, 1) for key, value in cost.items()}, "parcels / CPU s": each})
    print(f"\n{as_table(rows)}")


if __name__ == "__main__":
    main()
