"""Measure several ways of doing the same work, in turns, and print what they cost and whether they agree."""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")  # only Linux tells the peak since a moment
OURS = "geomerge"

Row = dict[str, Any]
Time = tuple[float, float]  # of the processor, and by the clock


@dataclass(frozen=True)
class Case:
    """Methods that do the same work, the first one ours, and what to say of an answer, given all answers."""

    name: str
    methods: Mapping[str, Callable[[], Any]]
    compare: Callable[[Any, Mapping[str, Any]], Row]


Cases = Callable[[bool], Iterator[Case]]


def main(script: str, title: str, cases: Cases) -> None:
    """Run the command line of a benchmark."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="small sizes, one turn")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--memory", action="store_true", help="also the peak of each method, in its own process")
    parser.add_argument("--turns", type=int, default=3, help="turns; the best of each method counts")
    parser.add_argument("--only", nargs=2, metavar=("CASE", "METHOD"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="geopandas")
    if options.only:
        print(_growth(cases(options.quick), *options.only))
        return
    command = [script, *(["--quick"] if options.quick else [])]
    turns = 1 if options.quick else options.turns
    found = {}
    for case in cases(options.quick):
        found[case.name] = _rows(command, case, turns, options.memory)
        if not options.json:
            print(f"\n{title}: {case.name}\n\n{as_table(found[case.name])}", flush=True)
    if options.json:
        print(json.dumps(found, indent=1))


def alternate(methods: Mapping[str, Callable[[], Any]], turns: int) -> tuple[dict[str, Time], dict[str, Any]]:
    """Return the best times of each method over several turns, and its answer.

    All methods work without the disk, so that what else the machine does hardly counts in processor time; the
    time by the clock tells what several cores are worth, on a machine that has them to itself.
    """
    best: dict[str, Time] = {}
    answers: dict[str, Any] = {}
    for _ in range(turns):
        for name, method in methods.items():
            start, clock = time.process_time(), time.perf_counter()
            try:
                answers[name] = method()
            except Exception as error:  # a method that gives up is part of what is measured
                if name == OURS:
                    raise
                answers[name] = error
            taken = time.process_time() - start, time.perf_counter() - clock
            known = best.get(name, taken)
            best[name] = min(known[0], taken[0]), min(known[1], taken[1])
    return best, answers


def _rows(script: Sequence[str], case: Case, turns: int, memory: bool) -> list[Row]:
    best, answers = alternate(case.methods, turns)
    rows = []
    for name, answer in answers.items():
        row: Row = {
            "method": name,
            "ratio": round(best[name][0] / best[OURS][0], 3),
            "CPU seconds": round(best[name][0], 3),
            "seconds": round(best[name][1], 3),
        }
        if memory and STATUS.exists():
            row["memory MB"] = _in_its_own_process(script, case.name, name)
        fails = isinstance(answer, Exception)
        rows.append(row | ({"fails": type(answer).__name__} if fails else case.compare(answer, answers)))
    return rows


def _in_its_own_process(script: Sequence[str], case: str, method: str) -> int:
    command = [sys.executable, *script, "--only", case, method]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def _growth(cases: Iterator[Case], case: str, method: str) -> int:
    """Return how many megabytes one run of a method takes at its peak, beyond the data it is given."""
    run = next(found for found in cases if found.name == case).methods[method]
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from now
    before = _kilobytes("VmRSS")
    with suppress(Exception):  # a method that gives up has a peak as well
        run()
    return round((_kilobytes("VmHWM") - before) / 1000)


def _kilobytes(what: str) -> int:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(what))
    return int(line.split()[1])


def as_table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table.

    Examples
    --------
    >>> print(as_table([{"method": "a", "ratio": 1.0}, {"method": "b", "equal": "yes"}]))
    | method | ratio | equal |
    |--------|-------|-------|
    | a      | 1.0   |       |
    | b      |       | yes   |
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    shown = [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
    shown[1] = "-|-".join(lines[1])
    return "\n".join(f"| {line} |" if at != 1 else f"|-{line}-|" for at, line in enumerate(shown))
