"""Commands for a whole job: check it, run it, and the schemas of its files."""

from __future__ import annotations

from pathlib import Path

import click

from geomerge.cli.common import as_json, print_findings, print_json, verbosity


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@as_json
@verbosity
def check(job: Path, as_json: bool) -> None:
    """Find all that is wrong with JOB, its plan and its layers; write nothing."""
    from geomerge.errors import Blocked
    from geomerge.inputs import read_inputs
    from geomerge.job import read_job
    from geomerge.run import carry_out

    try:
        findings = carry_out(read_inputs(read_job(job))).findings
    except Blocked as blocked:
        findings = blocked.findings
    print_findings(findings, as_json)
    if any(finding.blocks for finding in findings):
        raise SystemExit(Blocked.exit_code)


@click.command()
@click.argument("job", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Folder, instead of the job's.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that geomerge did not write.")
@as_json
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@verbosity
def run(job: Path, target: Path | None, dry_run: bool, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Carry out JOB and publish its results at once."""
    from geomerge.outputs import summary
    from geomerge.results import counts
    from geomerge.run import run as carry_out_and_publish

    done = carry_out_and_publish(job, output=target, dry_run=dry_run, overwrite=overwrite)
    if quiet:
        return
    if as_json:
        folder = None if done.output is None else str(done.output)
        print_json({"output": folder, **counts(done.results)})
        return
    for label, text in summary(done.results):
        click.echo(f"{label:<16} {text}")
    for name, moved in done.results.moved.items():
        numbers = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in moved.counts().items())
        click.echo(f"  {name:<18} {numbers}")
    warnings = sum(not finding.blocks for finding in done.results.findings)
    click.echo(f"{'findings':<16} {warnings} to look at" if warnings else "findings         none")
    if done.output is None:
        click.echo("Nothing was written (dry run).")
    else:
        click.echo(f"Look at {done.output / 'report.html'}, open {done.output / 'project.qgz'} in QGIS,")
        click.echo(f"and decide what is in {done.output / 'review.gpkg'}.")


@click.command()
@click.argument("what", type=click.Choice(["plan", "job"]))
def schema(what: str) -> None:
    """Print the JSON schema of a plan or a job, for editors that check while one writes."""
    from geomerge.job import Job
    from geomerge.plan import Plan

    print_json((Plan if what == "plan" else Job).model_json_schema())
