"""A whole job: read, check, cut, dissolve, reassign, rekey, prove; then write everything and publish it at once."""

from __future__ import annotations

import logging
import os.path
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geomerge.checks import (
    area_balance,
    check_balance,
    check_levels,
    check_lost,
    check_thin,
    check_unit_areas,
    check_units,
)
from geomerge.costs import Cost, Costs
from geomerge.crosswalk import crosswalk
from geomerge.decisions import Ground
from geomerge.decisions.files import collected
from geomerge.dissolve import Level, dissolve, dissolve_level
from geomerge.edges import boundary_lines
from geomerge.errors import InputError, LayerError
from geomerge.findings import Finding, require
from geomerge.held import require_closed
from geomerge.inputs import Inputs, files_of, read_inputs, with_snapshots
from geomerge.job import Job, read_job
from geomerge.loaded import Loaded
from geomerge.manifest import hashing
from geomerge.moving import move
from geomerge.outputs import write_again, write_outputs
from geomerge.pieces import pieces
from geomerge.plan import Plan
from geomerge.planfile import read_plan
from geomerge.previous import REVIEW, require_replaceable
from geomerge.publish import recover, require_apart_from_here, spooled, staged
from geomerge.registering import with_registers
from geomerge.results import Results, counts
from geomerge.reuse import Done, Reuse
from geomerge.reuse.past import recall
from geomerge.rules import check_plan
from geomerge.spool import Spool

log = logging.getLogger("geomerge")


@dataclass(frozen=True)
class Run:
    """A finished job.

    Parameters
    ----------
    output
        The folder of its results, None after a dry run.
    counts
        Its numbers, as they stand in the manifest.
    steps
        What was reused of the previous results and what was redone, with the reason; empty where there were none.
    costs
        What the steps took.
    """

    output: Path | None
    counts: Mapping[str, Any]
    steps: tuple[Done, ...]
    costs: tuple[Cost, ...]
    _results: Callable[[], Results]

    @cached_property
    def results(self) -> Results:
        """The results in memory. Where previous ones were reused, the job is carried out when they are asked for."""
        return self._results()


def run(
    job: Job | str | Path,
    *,
    output: str | Path | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
    fresh: bool = False,
    memory: str | int | None = None,
) -> Run:
    """Carry out a job and publish its results at once; a run that dies leaves the previous results as they were.

    Where the folder holds results of the job, only what an edit of plan, job or inputs affects is done again. The new
    results are the same, byte for byte, as those of a run that starts afresh.

    Parameters
    ----------
    job
        The job, or the path of its file.
    output
        Folder of the results, instead of the one the job names.
    dry_run
        Do everything but write.
    overwrite
        Replace a folder that geomerge did not write.
    fresh
        Do everything anew, and reuse nothing of the previous results.
    memory
        How much memory the run may use, such as ``2GB``, instead of what the job says. Layers in GeoPackage and
        GeoParquet are then worked on part by part; the results are the same.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the input cannot be used; all faults are in the error.
    Blocked
        If a finding forbids to go on; all findings are in the error, and nothing was written.
    """
    job = job if isinstance(job, Job) else read_job(job)
    job = with_snapshots(job if memory is None else job.in_memory(memory))
    costs = Costs()
    if dry_run:
        results = look(job, costs)
        require(results.findings)
        return Run(None, counts(results), (), tuple(costs.done), lambda: results)
    target = Path(os.path.normpath(output if output is not None else job.file(job.output)))
    require_apart_from_here(target)
    recover(target.resolve())
    collecting = collected(target / REVIEW, Path(job.file(job.decisions)), [layer.name for layer in job.layers])
    with hashing() as hashes, collecting as kept:
        with costs.of("look at the previous results"):
            files = _files(job)
            _require_apart(target, (files or {}).values())
            if target.exists() and not overwrite:
                require_replaceable(target.resolve(), kept)  # now, not when all is carried out
                require_closed(target.resolve())
            reuse = Reuse(job, hashes, None if fresh else recall(target.resolve(), hashes))
            unchanged = files is not None and reuse.unchanged(files)
        if unchanged:
            with staged(target, overwrite=overwrite, kept=kept) as folder:
                found, findings = write_again(folder, reuse, costs)
            made = partial(_afresh, job, findings, found.get("registers", {}))
            return Run(target, found, tuple(reuse.done), tuple(costs.done), made)
        inputs = read_inputs(job, costs, sound=reuse.sound(), memory=job.memory_bytes)
        _require_apart(target, inputs.files.values())
        with spooled(target) as spool:
            results = carry_out(inputs, costs, reuse, spool)
            require(results.findings)
            with staged(target, overwrite=overwrite, kept=kept) as folder:
                results = write_outputs(folder, inputs, results, reuse, costs)
    again = partial(_afresh, job, results.findings, results.registers)
    return Run(
        target, counts(results), tuple(reuse.done), tuple(costs.done), again if reuse.accounts else lambda: results
    )


def _files(job: Job) -> dict[str, Path] | None:
    """Return the files a job reads; None where its plan cannot be read, which reading all of them tells in full."""
    try:
        return files_of(job, read_plan(job.file(job.plan)))
    except InputError:
        return None


def _afresh(job: Job, findings: tuple[Finding, ...], registers: Mapping[str, dict[str, int]]) -> Results:
    """Return the results of a job whose files were reused, from its inputs as they are now."""
    return replace(carry_out(read_inputs(job)), findings=findings, registers=dict(registers))


def look(job: Job, costs: Costs | None = None) -> Results:
    """Return what a job would make, its registers among it, without writing anything.

    Raises
    ------
    InputError
        If the input cannot be used; all faults are in the error.
    Blocked
        If the plan cannot be carried out.
    """
    costs = costs or Costs()
    inputs = read_inputs(job, costs, memory=job.memory_bytes)
    results = carry_out(inputs, costs)
    with costs.of("look at registers"):
        return with_registers(inputs, results)


def _require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Raise LayerError if an input lies in the folder of the results, which is replaced as a whole."""
    place = target.resolve()
    inside = [path for path in inputs if place == path.resolve() or place in path.resolve().parents]
    if inside:
        raise LayerError(
            f"The output folder {target} holds {inside[0]}, an input. Choose a folder of its own (output)."
        )


def carry_out(
    inputs: Inputs, costs: Costs | None = None, reuse: Reuse | None = None, spool: Spool | None = None
) -> Results:
    """Do the whole job in memory, but for layers whose previous results are reused.

    Findings that block are in the results, as far as the job got. Where the job may not use all memory, what changes
    in layers waits in the spool, or in one of its own.
    """
    findings: list[Finding] = []
    costs = costs or Costs()
    units, plan, job = inputs.units, inputs.plan, inputs.job
    with costs.of("check the plan"):
        findings += _check_plan(units, plan)
    require(findings)
    log.info("cutting %d units by %d events", len(units.table), len(plan.events))
    with costs.of("cut"):
        cut = pieces(
            units.table,
            plan,
            code=units.config.code,
            districts=inputs.districts,
            parcels=inputs.parcels,
            gap_width=job.gap_width,
            sliver_width=job.sliver_width,
            findings=findings,
        )
    codes = cut["new_code"].dropna().unique()
    _require_room([inputs.units], codes)
    with costs.of("dissolve"):
        new_units, levels, lines = _dissolved(cut, units.table, plan, job, findings)
    with costs.of("check the units"):
        balance = area_balance(cut, units.table, new_units, code=job.units.code, gap_width=job.gap_width)
        findings += [*check_balance(balance), *_check_units(cut, units.table, new_units, levels, job.units.code)]
    redo = reuse.decide(plan, cut, new_units, inputs.decisions) if reuse else inputs.layers
    with costs.of("read what is done anew"):
        _require_room([inputs.layers[name] for name in inputs.layers if name in redo], codes)
    spool = spool or Spool()
    ground = Ground.of(cut, _names(new_units, job))
    moved, accounts = move(inputs, cut, plan, ground, reuse.accounts if reuse else {}, costs, spool)
    findings += [finding for account in accounts.values() for finding in account.findings]
    return Results(
        plan=plan,
        units=units.table,
        new_units=new_units,
        pieces=cut,
        levels=levels,
        lines=lines,
        crosswalk=crosswalk(cut),
        balance=balance,
        moved=moved,
        accounts={name: accounts[name] for name in inputs.layers},
        findings=tuple(dict.fromkeys(findings)),
    )


def _dissolved(
    cut: gpd.GeoDataFrame, units: gpd.GeoDataFrame, plan: Plan, job: Job, findings: list[Finding]
) -> tuple[gpd.GeoDataFrame, dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Return the new units, their levels and the boundary lines."""
    log.info("dissolving %d pieces", len(cut))
    new_units = dissolve(
        cut,
        units=units,
        plan=plan,
        code=job.units.code,
        name=job.units.name,
        levels=levels_of(job),
        policies=job.units.attributes,
        findings=findings,
    )
    levels = {level.name: dissolve_level(new_units, level, findings=findings) for level in levels_of(job)}
    return new_units, levels, boundary_lines(cut, parents=_parents(new_units, job))


def _check_units(
    cut: gpd.GeoDataFrame,
    units: gpd.GeoDataFrame,
    new_units: gpd.GeoDataFrame,
    levels: Mapping[str, gpd.GeoDataFrame],
    code: str,
) -> Iterator[Finding]:
    """Prove the new units: their areas, edges, levels, and that nothing thin was made."""
    yield from check_lost(cut)
    yield from check_unit_areas(cut, new_units, side="new_code", code=code)
    yield from check_units(new_units, code=code, before=units)
    yield from check_thin(new_units, units, code=code)
    for name, level in levels.items():
        yield from check_levels(level, new_units, name=name)


def _names(new_units: gpd.GeoDataFrame, job: Job) -> dict[str, str]:
    """Return the name of each new unit, its code where it has none."""
    codes = new_units[job.units.code]
    names = new_units[job.units.name].fillna(codes) if job.units.name else codes
    return dict(zip(codes, names.astype(str), strict=True))


def _parents(new_units: gpd.GeoDataFrame, job: Job) -> list[tuple[str, pd.Series]]:
    """Return the parent of each new unit, level by level."""
    columns = [(level.name, level.column) for level in levels_of(job) if level.column]
    return [(name, new_units.set_index(job.units.code)[column]) for name, column in columns]


def _require_room(loaded: Iterable[Loaded], codes: Iterable[str]) -> None:
    """Raise InputError if a column of numbers cannot hold a new code."""
    codes = list(codes)
    faults = [
        f"Column {layer.config.code} of {layer.config.path} holds numbers, but the new code {misfits[0]} is none. "
        f"Convert the column to text."
        for layer in loaded
        if (misfits := layer.misfits(codes))
    ]
    if faults:
        raise InputError(*faults)


def levels_of(job: Job) -> list[Level]:
    """Return the levels of a job, from the lowest to the highest."""
    return [Level(level.name, level.code, level.label) for level in job.units.levels]


def _check_plan(units: Loaded, plan: Plan) -> list[Finding]:
    config, table = units.config, units.table
    codes = list(table[config.code])
    name = getattr(config, "name", None)
    first = next((level.code for level in getattr(config, "levels", ()) if level.code), None)
    names = dict(zip(codes, table[name], strict=True)) if name else None
    parents = dict(zip(codes, table[first], strict=True)) if first else None
    return check_plan(plan, codes, names=names, parents=parents)
