"""Gather: what the page tells of a run, read off its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from geomerge.findings import Finding
from geomerge.inputs import Inputs
from geomerge.page import Content
from geomerge.page.decided import decided
from geomerge.page.texts import read_texts
from geomerge.results import Results, counts, described, fates


def gather(
    inputs: Inputs,
    results: Results,
    findings: Sequence[Finding],
    manifest: Mapping[str, Any],
    *,
    title: str,
    run: str,
    figure: str,
) -> Content:
    """Return what the page tells of a run, in the language of the job.

    Parameters
    ----------
    inputs, results, findings, manifest
        The run; its manifest without the outputs.
    title, run, figure
        As in :class:`~geomerge.page.Content`.
    """
    config = inputs.job.units
    before = fates(results, config.code, config.name)
    before["area"] = before.geometry.area.to_numpy()
    after = described(results, config.code, config.name).rename(columns={"area_m2": "area"})
    sums = [name for name, policy in config.attributes.items() if policy == "sum"]
    for side, units in (("before", before), ("after", after)):
        source = results.units if side == "before" else results.new_units
        for name in sums:
            units[name] = source[name].to_numpy()
    area = results.crosswalk.rename(columns={"amount": "area_m2"})
    touched = area[area["event"] != ""]  # with what stays of the units concerned, so that each adds up
    concerned = area["old_code"].isin(touched["old_code"]) | area["new_code"].isin(touched["new_code"])
    ledger = area.loc[concerned, ["old_code", "new_code", "kind", "share", "area_m2"]]
    return Content(
        title=title,
        date=results.dates[-1],
        run=run,
        sentences=decided(results.plan, read_texts(inputs.job.language)),
        counts=counts(results),
        pieces=results.pieces,
        before=pd.DataFrame(before.drop(columns="geometry")),
        after=pd.DataFrame(after.drop(columns=["geometry", "valid_from"])),
        area=ledger,
        layers=_layers(results),
        findings=findings,
        manifest=manifest,
        figure=figure,
        registers=pd.DataFrame([{"register": name, **found} for name, found in results.registers.items()]),
        decisions=inputs.decisions.drop(columns="basis"),
    )


def _layers(results: Results) -> pd.DataFrame:
    """Return one row for each layer with its numbers; what only some layers count is 0 in the others."""
    table = pd.DataFrame([{"layer": name, **found.counts} for name, found in results.accounts.items()])
    numbers = table.columns.drop("layer", errors="ignore")
    table[numbers] = table[numbers].fillna(0).astype(np.int64)
    return table
