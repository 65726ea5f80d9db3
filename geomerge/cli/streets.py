"""The command that checks the streets of a job, and proposes new codes for those that collide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import as_json, counted, print_findings, require_other, verbosity


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@click.option("--layer", help="Layer of addresses, where several have streets.")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="CSV file for the proposed codes.")
@click.option("--names", type=click.Path(path_type=Path), help="CSV file for pairs of equal and nearly equal names.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there, with all that was edited in them.")
@as_json
@verbosity
def streets(
    job: Path, layer: str | None, target: Path | None, names: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Find streets of JOB that collide in a new unit, and propose new codes to edit; decided ones are kept.

    Exit code 1 if streets collide.
    """
    from geomerge.errors import Blocked
    from geomerge.files.guards import staged
    from geomerge.inputs import read_inputs
    from geomerge.job import read_job
    from geomerge.run import carry_out
    from geomerge.streets.findings import CHECKS

    whole = read_job(job)
    chosen = _layer(whole.street_files, layer, job)
    config = next(config for config in whole.layers if config.name == chosen)
    table = whole.file(config.streets.table) if config.streets and config.streets.table else None
    for file in filter(None, (target, names)):
        _require_new(file, overwrite, table, str(job), whole.file(config.path))
    needed = (chosen, config.follows.layer if config.follows else "")
    few = whole.model_copy(update={"layers": tuple(one for one in whole.layers if one.name in needed)})
    results = carry_out(read_inputs(few))
    found = results.moved[chosen].streets
    assert found is not None
    findings = [finding for finding in results.accounts[chosen].findings if finding.check in CHECKS]
    for path, rows in ((target, found.proposal), (names, found.pairs)):
        if path is not None:
            with staged(path) as new:
                rows.to_csv(new, index=False, lineterminator="\n")
    print_findings(findings, as_json, none="no streets collide")
    if not as_json:
        click.echo(_told(found, target))
    if any(finding.blocks for finding in findings):
        raise SystemExit(Blocked.exit_code)


def _told(found: Any, target: Path | None) -> str:
    moved = found.proposal[found.proposal["new_street_code"] != found.proposal["street_code"]]
    where = f" in {target}" if target is not None else "; write them to a file to edit (-o)"
    return f"{counted(found.proposal, 'street')} that share a code, {len(moved)} of them with another one{where}"


def _layer(named: dict[str, str], wanted: str | None, job: Path) -> str:
    """Return the layer to look at; InputError if that cannot be told."""
    from geomerge.errors import InputError

    if wanted is None and len(named) == 1:
        return next(iter(named))
    if wanted is not None and wanted in named:
        return wanted
    if not named:
        raise InputError(f"No layer of {job} has streets. Name their columns (streets: code, name).")
    raise InputError(f"Layers with streets in {job} are {', '.join(named)}. Name one of them (--layer).")


def _require_new(target: Path, overwrite: bool, table: str | None, *sources: str) -> None:
    """Refuse to write into what is read, or over what somebody may have edited."""
    from geomerge.errors import LayerError

    require_other(target, table, *sources)
    if target.exists() and not overwrite:
        raise LayerError(
            f"{target} is there, and somebody may have edited it. Name it in the job (streets: table), which keeps its "
            f"rows, and write another file; or allow to replace it (--overwrite)."
        )
