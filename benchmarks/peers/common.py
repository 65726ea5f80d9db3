"""What all peers do alike: each is told a way, a folder of data and one for its answer, and says what its steps took.

python benchmarks/peers/with_geopandas.py WAY DATA TARGET

An answer about parcels is answer.parquet or answer.csv (parcel, new_code, and share, runner_up, runner_up_share where
it knows them); one about the whole job is parcels.gpkg and units.gpkg; one about boundaries is units.gpkg.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NOISE = 1e-9  # a smaller share is the rounding of a corner, not a place
SET_UP, SHUT_DOWN = "set up", "shut down"  # steps that are not counted: who has a server has it running

Way = Callable[[Path, Path], None]
_steps: dict[str, float] = {}


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure a step by the clock; steps of one name add up."""
    start = time.perf_counter()
    yield
    note(name, time.perf_counter() - start)


def note(name: str, seconds: float) -> None:
    """Note what a step took."""
    _steps[name] = _steps.get(name, 0.0) + seconds


def main(ways: Mapping[str, Way]) -> None:
    """Run the way the command line names."""
    way, data, target = sys.argv[1:]
    ways[way](Path(data), Path(target))
    (Path(target) / "steps.json").write_text(json.dumps(_steps), encoding="utf-8")


def call(*command: str | Path, **options: object) -> str:
    """Run a program and return what it prints; where it fails, say what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr.strip()[-2000:] or done.stdout.strip()[-2000:]}")
    return str(done.stdout)


def new_codes(data: Path) -> dict[str, str]:
    """Return the new code of each unit, or of its remainder."""
    with (data / "codes.csv").open(encoding="utf-8", newline="") as file:
        return {row["old_code"]: row["new_code"] for row in csv.DictReader(file)}


def split_codes(data: Path) -> list[str]:
    """Return the units that are split: those that the parts are taken from."""
    import pandas as pd

    return list(pd.read_parquet(data / "parts.parquet", columns=["from_code"])["from_code"].unique())
