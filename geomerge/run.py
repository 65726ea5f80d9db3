"""A whole job: read, check, cut, dissolve, reassign, rekey, prove; then write everything and publish it at once."""

from __future__ import annotations

import dataclasses
import logging
import os.path
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geomerge.assignment import Assignment, added_name
from geomerge.checks import area_balance, check_balance, check_counts, check_ids, check_lost, check_units
from geomerge.costs import Cost, Costs
from geomerge.crosswalk import crosswalk
from geomerge.dissolve import Level, dissolve, dissolve_level
from geomerge.edges import boundary_lines
from geomerge.errors import InputError, LayerError
from geomerge.findings import Finding, require
from geomerge.follow import follow
from geomerge.inputs import Inputs, Loaded, read_inputs
from geomerge.job import Job, LayerConfig, read_job
from geomerge.outputs import write_outputs
from geomerge.pieces import pieces
from geomerge.plan import Plan
from geomerge.progress import progress
from geomerge.publish import staged
from geomerge.reassign import assign
from geomerge.rekey import check_keys, joined, rekey
from geomerge.results import Moved, Results
from geomerge.rules import check_plan

log = logging.getLogger("geomerge")


@dataclass(frozen=True)
class Run:
    """A finished job: its results, the folder they were written to (None after a dry run), and what its steps took."""

    results: Results
    output: Path | None
    costs: tuple[Cost, ...] = ()


def run(
    job: Job | str | Path,
    *,
    output: str | Path | None = None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> Run:
    """Carry out a job and publish its results at once; a run that dies leaves the previous results as they were.

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
    costs = Costs()
    inputs = read_inputs(job, costs)
    results = carry_out(inputs, costs)
    require(results.findings)
    if dry_run:
        return Run(results, None, tuple(costs.done))
    target = Path(os.path.normpath(output if output is not None else job.file(job.output)))
    _require_apart(target, inputs.files.values())
    with staged(target, overwrite=overwrite) as folder:
        results = write_outputs(folder, inputs, results, costs)
    return Run(results, target, tuple(costs.done))


def _require_apart(target: Path, inputs: Iterable[Path]) -> None:
    """Raise LayerError if an input lies in the folder of the results, which is replaced as a whole."""
    place = target.resolve()
    inside = [path for path in inputs if place == path.resolve() or place in path.resolve().parents]
    if inside:
        raise LayerError(
            f"The output folder {target} holds {inside[0]}, an input. Choose a folder of its own (output)."
        )


def carry_out(inputs: Inputs, costs: Costs | None = None) -> Results:
    """Do the whole job in memory; findings that block are in the results, as far as the job got."""
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
    _require_room(inputs, cut["new_code"].dropna().unique())
    log.info("dissolving %d pieces", len(cut))
    with costs.of("dissolve"):
        new_units = dissolve(
            cut,
            units=units.table,
            plan=plan,
            code=job.units.code,
            name=job.units.name,
            levels=levels_of(job),
            policies=job.units.attributes,
            findings=findings,
        )
        levels = {level.name: dissolve_level(new_units, level, findings=findings) for level in levels_of(job)}
        lines = boundary_lines(cut, parents=_parents(new_units, job))
    with costs.of("check the units"):
        balance = area_balance(cut, units.table, new_units, code=job.units.code, gap_width=job.gap_width)
        findings += [*check_balance(balance), *check_lost(cut)]
        findings += check_units(new_units, code=job.units.code, before=units.table)
    moved = _move(inputs.layers, cut, plan, findings, costs)
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
        findings=tuple(dict.fromkeys(findings)),
    )


def _parents(new_units: gpd.GeoDataFrame, job: Job) -> list[tuple[str, pd.Series]]:
    """Return the parent of each new unit, level by level."""
    columns = [(level.name, level.column) for level in levels_of(job) if level.column]
    return [(name, new_units.set_index(job.units.code)[column]) for name, column in columns]


def _require_room(inputs: Inputs, codes: Iterable[str]) -> None:
    """Raise InputError if a column of numbers cannot hold a new code."""
    codes = list(codes)
    faults = [
        f"Column {layer.config.code} of {layer.config.path} holds numbers, but the new code {misfits[0]} is none. "
        f"Convert the column to text."
        for layer in (inputs.units, *inputs.layers.values())
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


def _move(
    loaded: Mapping[str, Loaded], cut: gpd.GeoDataFrame, plan: Plan, findings: list[Finding], costs: Costs
) -> dict[str, Moved]:
    """Reassign each layer; those that follow another come after it."""
    ordered = sorted(loaded.items(), key=lambda item: item[1].config.follows is not None)  # type: ignore[attr-defined]
    moved: dict[str, Moved] = {}
    for name, layer in progress(ordered, "reassign"):
        log.info("reassigning %d rows of %s", len(layer.rows), name)
        noticed: list[Finding] = []
        with costs.of(f"reassign {name}"):
            assignment = _assign(layer, cut, loaded, moved, noticed)
        with costs.of(f"rekey {name}"):
            noticed += check_counts(name, len(layer.rows), len(assignment.updated), len(assignment.review))
            noticed += check_ids(layer.rows, layer.config.id, name)  # type: ignore[attr-defined]
            moved[name] = _rekeyed(name, layer, assignment, plan, noticed)
        findings += [_placed(finding, name) for finding in noticed]
    return {name: moved[name] for name in loaded}


def _with_review(
    old: pd.Series, new: pd.Series, review: pd.DataFrame, config: LayerConfig
) -> tuple[pd.Series, pd.Series]:
    """Return old and new keys with those of the rows in review, which keep theirs and must not be taken meanwhile."""
    kept = joined(review, review[config.code], config.key)
    return pd.concat([old, kept]), pd.concat([new, kept])


def _placed(finding: Finding, name: str) -> Finding:
    return finding if finding.where == name else dataclasses.replace(finding, where=f"{name}: {finding.where}")


def _assign(
    layer: Loaded,
    cut: gpd.GeoDataFrame,
    loaded: Mapping[str, Loaded],
    moved: Mapping[str, Moved],
    findings: list[Finding],
) -> Assignment:
    config = layer.config
    assert isinstance(config, LayerConfig)
    if config.follows is None:
        result = assign(
            layer.codes,
            layer.features,
            cut,
            min_share=config.min_share,
            verify=config.verify,
            findings=findings,
        )
        return Assignment.of(layer.attributes, result)
    leaders, follows = moved[config.follows.layer].assignment, config.follows
    return follow(
        layer.attributes,
        leaders,
        foreign_key=follows.foreign_key,
        key=follows.key,
        by=follows.by,
        code=config.code,
        leader_code=loaded[follows.layer].config.code,
        findings=findings,
    )


def _rekeyed(name: str, layer: Loaded, assignment: Assignment, plan: Plan, findings: list[Finding]) -> Moved:
    """Give the rows that moved their new keys; rows in review keep theirs."""
    config = layer.config
    assert isinstance(config, LayerConfig)
    updated, places = assignment.updated, layer.places(assignment.review.index)
    if not config.key:
        return Moved(assignment, updated[[]], None, None, places)
    keys = rekey(updated, plan.keys, key=config.key, code=config.code, text=config.key_text)
    # keys can only collide in units that get rows, or new keys for some
    changed = (updated[added_name("event", updated)] != "") | (keys[config.key[0]] != updated[config.key[0]])
    in_play = updated["new_code"].isin(updated.loc[changed, "new_code"].unique())
    before, after = updated.loc[in_play, [config.code, "new_code", *config.key]], keys[in_play]
    old = joined(before, before[config.code], config.key)
    new = joined(after, before["new_code"], config.key)
    findings += check_keys(*_with_review(old, new, assignment.review, config), name)
    return Moved(assignment, keys, old, new, places)
