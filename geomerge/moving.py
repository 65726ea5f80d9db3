"""Moving: every layer of a job is reassigned, rekeyed and checked, in memory or part by part."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from functools import partial

import geopandas as gpd

from geomerge.assignment import Assignment, report_review
from geomerge.checks import check_counts, check_ids
from geomerge.costs import Costs
from geomerge.deciding import Docket
from geomerge.decisions import Ground
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.follow import follow
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.loaded import Loaded
from geomerge.plan import Plan
from geomerge.progress import progress
from geomerge.reassign import Judge, assign
from geomerge.rekey import check_keys, joined, rekey
from geomerge.results import Account, Moved
from geomerge.spool import Spool
from geomerge.streamed import stream, units_in_play, with_review
from geomerge.streets.layer import recode_layer

log = logging.getLogger("geomerge")


def move(
    inputs: Inputs,
    cut: gpd.GeoDataFrame,
    plan: Plan,
    ground: Ground,
    known: Mapping[str, Account],
    costs: Costs,
    spool: Spool,
) -> tuple[dict[str, Moved], dict[str, Account]]:
    """Reassign each layer of which nothing is known; those that follow another come after it.

    Raises
    ------
    InputError
        If decisions are impossible; all of them are named.
    """
    loaded = inputs.layers
    ordered = sorted(loaded.items(), key=lambda item: item[1].config.follows is not None)  # type: ignore[attr-defined]
    moved: dict[str, Moved] = {}
    accounts: dict[str, Account] = {}
    faults: list[str] = []
    for name, layer in progress(ordered, "reassign"):
        if name in known:
            accounts[name] = known[name]
            continue
        log.info("reassigning %d rows of %s", layer.count, name)
        noticed: list[Finding] = []
        docket = Docket(name, inputs.decisions, ground)
        if layer.partitions is not None:
            with costs.of(f"reassign and rekey {name}"):
                moved[name] = _part_by_part(name, inputs, cut, plan, docket, spool, noticed)
        else:
            with costs.of(f"reassign {name}"):
                assignment = _settled(layer, cut, loaded, moved, docket, noticed)
            with costs.of(f"rekey {name}"):
                noticed += check_counts(name, layer.count, len(assignment.updated), len(assignment.review))
                noticed += check_ids(layer.rows, layer.config.id, name)  # type: ignore[attr-defined]
                streets = recode_layer(layer, assignment, inputs.streets.get(name), noticed)
                rekeyed = _rekeyed(name, layer, assignment, plan, ground.divided, noticed)
                moved[name] = dataclasses.replace(rekeyed, streets=streets)
        noticed += docket.findings
        faults += docket.faults
        moved[name] = dataclasses.replace(moved[name], earlier=docket.earlier)
        accounts[name] = Account.of(name, layer, moved[name], [_placed(finding, name) for finding in noticed])
    if faults:
        raise InputError(*faults)
    return {name: moved[name] for name in loaded if name in moved}, accounts


def _part_by_part(
    name: str,
    inputs: Inputs,
    cut: gpd.GeoDataFrame,
    plan: Plan,
    docket: Docket,
    spool: Spool,
    findings: list[Finding],
) -> Moved:
    """Carry out a layer of which only some rows are in memory at a time."""
    layer = inputs.layers[name]
    config = layer.config
    assert isinstance(config, LayerConfig)
    judge = Judge(cut, layer.count, min_share=config.min_share, verify=config.verify)
    keyed = partial(_keyed, plan=plan, divided=docket.ground.divided, every=True)
    moved, noticed = stream(name, inputs, judge, docket.settle, keyed, spool)
    findings += noticed
    return moved


def _placed(finding: Finding, name: str) -> Finding:
    return finding if finding.where == name else dataclasses.replace(finding, where=f"{name}: {finding.where}")


def _settled(
    layer: Loaded,
    cut: gpd.GeoDataFrame,
    loaded: Mapping[str, Loaded],
    moved: Mapping[str, Moved],
    docket: Docket,
    findings: list[Finding],
) -> Assignment:
    """Return the assignment of a layer without what was decided; what is left to decide is told."""
    told: list[Finding] = []
    assignment = docket.settle(layer, _assign(layer, cut, loaded, moved, told))
    findings += [finding for finding in told if finding.check != "review"]
    report_review(assignment.review, findings.append)
    return assignment


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


def _rekeyed(
    name: str, layer: Loaded, assignment: Assignment, plan: Plan, divided: frozenset[str], findings: list[Finding]
) -> Moved:
    """Give the rows that moved their new keys; rows in review keep theirs."""
    config = layer.config
    assert isinstance(config, LayerConfig)
    moved = _keyed(layer, assignment, findings, plan=plan, divided=divided)
    if moved.old_keys is not None:
        findings += check_keys(*with_review(moved, config), name)
    return moved


def _keyed(
    layer: Loaded,
    assignment: Assignment,
    findings: list[Finding],
    *,
    plan: Plan,
    divided: frozenset[str],
    every: bool = False,
) -> Moved:
    """Give rows their new keys, and tell the keys of the rows in play, or of every row."""
    config = layer.config
    assert isinstance(config, LayerConfig)
    updated, places = assignment.updated, layer.places(assignment.review.index)
    if not config.key:
        return Moved(assignment, updated[[]], None, None, places, divided=divided)
    layout, text = config.layout, config.key_text
    keys = rekey(updated, plan, key=config.key, code=config.code, text=text, layout=layout, findings=findings)
    # keys can only collide in units that get rows, or new keys for some; the ledger tells those of divided units too
    units = updated["new_code"].unique() if every else units_in_play(updated, keys, config)
    in_play = updated["new_code"].isin([*units, *divided])
    before, after = updated.loc[in_play, [config.code, "new_code", *config.key]], keys[in_play]
    old = joined(before, before[config.code], config.key, layout)
    new = joined(after, before["new_code"], config.key, layout)
    return Moved(assignment, keys, old, new, places, divided=divided)
