"""Start-up: what the command line and the package take to load, against importing GeoPandas.

python benchmarks/bench_startup.py [--quick] [--json] [--turns N]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

from measure import Row, as_table

BASE = "import geopandas"
STARTS = {
    BASE: ["-c", "import geopandas"],
    "import pandas": ["-c", "import pandas"],
    "python alone": ["-c", "pass"],
    "import geomerge": ["-c", "import geomerge"],
    "geomerge --help": ["-m", "geomerge", "--help"],
    "geomerge run --help": ["-m", "geomerge", "run", "--help"],
    "geomerge lookup NO 0720": ["-m", "geomerge", "lookup", "NO", "0720"],
}


def taken(arguments: list[str]) -> tuple[float, float]:
    """Return the processor time and the time by the clock of one start."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after, done = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done - clock


def measured(turns: int) -> list[Row]:
    """Return the best of several turns of each start; starts take turns, after one that fills the disk's cache."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for turn in range(turns + 1):
        for name, arguments in STARTS.items():
            found = taken(arguments)
            if turn:
                times[name].append(found)
    best = {name: tuple(min(column) for column in zip(*found, strict=True)) for name, found in times.items()}
    return [
        {
            "start": name,
            "ratio": round(cpu / best[BASE][0], 2),
            "CPU seconds": round(cpu, 3),
            "seconds": round(clock, 3),
        }
        for name, (cpu, clock) in best.items()
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Start-up")
    parser.add_argument("--quick", action="store_true", help="one turn")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--turns", type=int, default=10, help="turns; the best of each start counts")
    options = parser.parse_args()
    rows = measured(1 if options.quick else options.turns)
    print(json.dumps({"start-up": rows}, indent=1) if options.json else f"\nStart-up\n\n{as_table(rows)}")
