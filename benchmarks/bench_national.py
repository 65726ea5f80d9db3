"""The national job: geomerge and its peers on the same files, each in a process of its own, and whether they agree.

python benchmarks/bench_national.py [--quick] [--json] [--parcels N] [--case CASE] [--only WORD ...] [--turns N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from answers import Reference, compare
from measure import OURS, Row, as_table
from national import NATION, SMALL, Nation, national

PEERS = Path(__file__).with_name("peers")
OWN = Path(tempfile.gettempdir()) / "geomerge-peers"  # the environment of the peers, apart from that of geomerge
PYTHON, NODE = OWN / "python" / "bin" / "python", OWN / "node"
NOT_COUNTED, NOT_COUNTED_CPU = ("set up", "shut down"), "set up, CPU"  # steps of a server: others have it running
EVERY = 0.02  # seconds between two looks at the memory
FEW, SOME, MANY = 100_000, 1_000_000, 3_000_000


@dataclass(frozen=True)
class Method:
    """A way of doing the work of a case; ``most`` is the number of parcels up to which it is measured unasked."""

    case: str
    name: str
    script: str
    way: str
    needs: tuple[str, ...] = ()
    most: int = MANY


METHODS = (
    Method("reassign", OURS, "with_geomerge", "reassign"),
    Method("reassign", "geomerge, verify none", "with_geomerge", "reassign, verify none"),
    Method("reassign", "by hand: shapely and Arrow", "with_shapely", "reassign"),
    Method("reassign", "geopandas, code, then overlay", "with_geopandas", "reassign, code then overlay"),
    Method("reassign", "geopandas, overlay of all", "with_geopandas", "reassign, overlay of all", most=SOME),
    Method("reassign", "maup, code, then intersections", "with_maup", "reassign, code then intersections", ("maup",)),
    Method("reassign", "maup, assign all", "with_maup", "reassign, assign all", ("maup",), SOME),
    Method("reassign", "DuckDB, code, then intersections", "with_duckdb", "reassign", ("duckdb",)),
    Method("reassign", "DuckDB, spatial join of all", "with_duckdb", "reassign, all", ("duckdb",), FEW),
    Method("reassign", "PostGIS, code, then LATERAL", "with_postgis", "reassign", ("postgis", "ogr2ogr")),
    Method("reassign", "PostGIS, LATERAL of all", "with_postgis", "reassign, all", ("postgis", "ogr2ogr"), SOME),
    Method("reassign", "mapshaper, code, then join", "with_mapshaper", "reassign", ("mapshaper",), SOME),
    Method("reassign", "mapshaper, join of all", "with_mapshaper", "reassign, all", ("mapshaper",), FEW),
    Method("reassign", "ogr2ogr, SQL", "with_ogr2ogr", "reassign", ("ogr2ogr",)),
    Method("reassign", "QGIS, code, then join", "with_qgis", "reassign", ("qgis", "ogr2ogr"), SOME),
    Method("reassign", "QGIS, join of all", "with_qgis", "reassign, all", ("qgis", "ogr2ogr"), FEW),
    Method("reassign", "floor: read the file", "floors", "reassign, read"),
    Method("reassign", "floor: one point a parcel", "floors", "reassign, points"),
    Method("job", OURS, "with_geomerge", "job"),
    Method("job", "by hand: copy, shapely, UPDATE", "with_shapely", "job"),
    Method("job", "geopandas", "with_geopandas", "job"),
    Method("job", "maup and geopandas", "with_maup", "job", ("maup",)),
    Method("job", "DuckDB", "with_duckdb", "job", ("duckdb",)),
    Method("job", "PostGIS", "with_postgis", "job", ("postgis", "ogr2ogr")),
    Method("job", "mapshaper", "with_mapshaper", "job", ("mapshaper",), SOME),
    Method("job", "ogr2ogr, SELECT", "with_ogr2ogr", "job", ("ogr2ogr",)),
    Method("job", "ogr2ogr, copy and UPDATE", "with_ogr2ogr", "job, in place", ("ogr2ogr",)),
    Method("job", "QGIS", "with_qgis", "job", ("qgis",), SOME),
    Method("job", "floor: cp", "floors", "job, copy"),
    Method("job", "floor: cp and UPDATE by code", "floors", "job, update"),
    Method("job", "floor: read the file", "floors", "job, read"),
    Method("dissolve", OURS, "with_geomerge", "dissolve"),
    Method("dissolve", "geopandas, unary", "with_geopandas", "dissolve"),
    Method("dissolve", "geopandas, only what changes", "with_geopandas", "dissolve, only what changes"),
    Method("dissolve", "DuckDB, coverage union", "with_duckdb", "dissolve, coverage", ("duckdb",)),
    Method("dissolve", "DuckDB, union", "with_duckdb", "dissolve, union", ("duckdb",)),
    Method("dissolve", "PostGIS", "with_postgis", "dissolve", ("postgis", "ogr2ogr")),
    Method("dissolve", "mapshaper", "with_mapshaper", "dissolve", ("mapshaper",)),
    Method("dissolve", "ogr2ogr", "with_ogr2ogr", "dissolve", ("ogr2ogr",)),
    Method("dissolve", "QGIS", "with_qgis", "dissolve", ("qgis",)),
    Method("dissolve", "floor: bare union of what changes", "floors", "dissolve, union"),
)


def _imports(module: str) -> bool:
    done = (
        subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, check=False)
        if PYTHON.exists()
        else None
    )
    return done is not None and done.returncode == 0


# How to see that a peer is there, and how to get it where it is not.
NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "maup": (lambda: _imports("maup"), "make bench-peers"),
    "duckdb": (lambda: _imports("duckdb_extension_spatial"), "make bench-peers"),
    "mapshaper": (lambda: _found("mapshaper"), "make bench-peers, with npm installed"),
    "ogr2ogr": (lambda: _found("ogr2ogr"), "the Debian package gdal-bin"),
    "postgis": (
        lambda: bool(list(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))) and _found("psql"),
        "the Debian packages postgresql and postgresql-postgis",
    ),
    "qgis": (lambda: _found("qgis_process"), "the Debian package qgis"),
}


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(NODE / "node_modules" / ".bin")])


def _found(program: str) -> bool:
    return shutil.which(program, path=_path()) is not None


def install() -> None:
    """Install the peers of the registries of Python and node into an environment of their own."""
    OWN.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", PYTHON.parents[1]], check=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "-r", PEERS / "requirements.txt"], check=True)
    if npm := shutil.which("npm"):
        subprocess.run([npm, "install", "--silent", "--prefix", NODE, "mapshaper@0.7"], check=True)
    else:
        print("mapshaper is not installed: there is no npm (the Debian package npm).", file=sys.stderr)


@dataclass
class Cost:
    """What a process and all it started took: seconds by the clock and of the processor, megabytes at the peak."""

    wall: float = 0.0
    processor: float = 0.0
    peak: float = 0.0
    steps: dict[str, float] = field(default_factory=dict)


def measured(command: Sequence[str | Path], target: Path, limit: float) -> Cost:
    """Run a command and tell its cost; RuntimeError where it fails or takes too long."""
    started, peak = time.perf_counter(), 0.0
    with (target / "log.txt").open("w+", encoding="utf-8") as log:
        environment = os.environ | {"PATH": _path()}
        process = psutil.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment)
        try:
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                peak = max(peak, _memory(process))
                if time.perf_counter() - started > limit:
                    raise RuntimeError(f"takes more than {limit:.0f} s")
                time.sleep(EVERY)
            wall = time.perf_counter() - started
        except BaseException:
            _stop(process)
            raise
        log.seek(0)
        if ended[1]:
            raise RuntimeError((log.read().strip().splitlines() or ["no word"])[-1][:300])
    usage = ended[2]
    file = target / "steps.json"
    steps = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    wall -= sum(steps.get(name, 0.0) for name in NOT_COUNTED)
    processor = usage.ru_utime + usage.ru_stime - steps.get(NOT_COUNTED_CPU, 0.0)
    return Cost(wall, processor, peak / 1e6, steps)


def _memory(process: psutil.Process) -> float:
    """Return the memory of a process and its children; what they share counts once."""
    own, shared = 0, 0
    with suppress(psutil.Error):
        for found in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                memory = found.memory_info()
                own, shared = own + memory.rss - memory.shared, max(shared, memory.shared)
    return float(own + shared)


def _stop(process: psutil.Process) -> None:
    """End a process that takes too long, and what it started; the first may clean up."""
    with suppress(psutil.Error):
        children = process.children(recursive=True)
        for found in [*children, process]:
            with suppress(psutil.Error):
                found.terminate()
        for found in psutil.wait_procs([*children, process], timeout=5)[1]:
            with suppress(psutil.Error):
                found.kill()


def rows(nation: Nation, methods: Sequence[Method], turns: int, limit: float) -> list[Row]:
    """Measure the methods of a case, in turns, and compare their answers with that of geomerge."""
    best: dict[str, Cost] = {}
    fails: dict[str, str] = {}
    said: dict[str, Row] = {}
    reference: Reference | None = None
    for turn in range(turns):
        for method in methods:
            if method.name in fails:
                continue
            with tempfile.TemporaryDirectory(prefix="geomerge-bench-") as folder:
                try:
                    cost = measured(_command(method, nation, Path(folder)), Path(folder), limit)
                except RuntimeError as error:
                    if method.name == OURS:
                        raise
                    fails[method.name] = str(error)
                    continue
                print(f"{method.case}: {method.name}: {cost.wall:.1f} s", file=sys.stderr)
                best[method.name] = _better(best.get(method.name), cost)
                if turn == 0:
                    if method.name == OURS:
                        reference = Reference.read(method.case, Path(folder))
                    said[method.name] = compare(method.case, nation, Path(folder), reference)
    ours = best.get(OURS)
    return [_row(method.name, best.get(method.name), ours, said, fails) for method in methods]


def _command(method: Method, nation: Nation, target: Path) -> list[str | Path]:
    python = PYTHON if {"maup", "duckdb"} & set(method.needs) else sys.executable
    return [python, PEERS / f"{method.script}.py", method.way, nation.folder, target]


def _better(known: Cost | None, cost: Cost) -> Cost:
    if known is None:
        return cost
    steps = cost.steps if cost.wall < known.wall else known.steps
    return Cost(min(known.wall, cost.wall), min(known.processor, cost.processor), max(known.peak, cost.peak), steps)


def _row(name: str, cost: Cost | None, ours: Cost | None, said: dict[str, Row], fails: dict[str, str]) -> Row:
    if cost is None:
        return {"method": name, "fails": fails[name]}
    row: Row = {"method": name}
    if ours is not None:
        row |= {"ratio": round(cost.wall / ours.wall, 2), "ratio of CPU": round(cost.processor / ours.processor, 2)}
    row |= {"seconds": round(cost.wall, 2), "CPU seconds": round(cost.processor, 2), "peak MB": round(cost.peak)}
    if "read" in cost.steps and "work" in cost.steps:
        row["work alone"] = round(cost.steps["work"], 2)
    return row | said.get(name, {})


def chosen(nation: Nation, case: str, only: Sequence[str]) -> Iterator[Method]:
    """Yield the methods of a case that can be measured; say which are left out, and why."""
    absent = {name for name, (is_there, _) in NEEDS.items() if not is_there()}
    for method in METHODS:
        asked = any(word.lower() in method.name.lower() for word in only)
        if method.case != case or (only and not asked and method.name != OURS):
            continue
        lacking = [f"{name} ({NEEDS[name][1]})" for name in method.needs if name in absent]
        if lacking:
            print(f"{case}: {method.name} is left out: it needs {', '.join(lacking)}.", file=sys.stderr)
        elif nation.parcels > method.most and not asked:
            print(
                f"{case}: {method.name} is left out above {method.most:,} parcels; --only measures it.", file=sys.stderr
            )
        else:
            yield method


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="The national job")
    parser.add_argument("--quick", action="store_true", help="a small country, one turn")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--parcels", type=int, help="how many parcels: 100000 (default), 1000000, 3000000")
    parser.add_argument("--case", choices=["reassign", "job", "dissolve"], action="append", help="only this case")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="only methods with a word in their name")
    parser.add_argument("--turns", type=int, default=3, help="turns; the best of each method counts")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which a method is given up")
    parser.add_argument("--install", action="store_true", help="install the peers of Python and node first")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    if options.install:
        install()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # then what was started ends as well
    nation = national(SMALL if options.quick else NATION, options.parcels)
    found = {}
    for case in options.case or ["reassign", "job", "dissolve"]:
        methods = list(chosen(nation, case, options.only))
        title = f"{case}: {nation.title}"
        found[title] = rows(nation, methods, 1 if options.quick else options.turns, options.limit)
        if not options.json:
            print(f"\nThe national job, {title}\n\n{as_table(found[title])}", flush=True)
    if options.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
