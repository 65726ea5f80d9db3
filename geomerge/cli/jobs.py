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
    from geomerge.job import read_job
    from geomerge.run import look

    try:
        findings = look(read_job(job)).findings
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
@click.option("--fresh", is_flag=True, help="Reuse nothing of the previous results.")
@click.option("--memory", metavar="SIZE", help="How much memory to use, such as 2GB; large layers go part by part.")
@as_json
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@verbosity
def run(
    job: Path,
    target: Path | None,
    dry_run: bool,
    overwrite: bool,
    fresh: bool,
    memory: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Carry out JOB and publish its results at once; redo only what changed since the previous results."""
    from geomerge.page import summary
    from geomerge.run import run as carry_out_and_publish

    done = carry_out_and_publish(job, output=target, dry_run=dry_run, overwrite=overwrite, fresh=fresh, memory=memory)
    if quiet:
        return
    reused = [step.step for step in done.steps if step.reused]
    redone = {step.step: step.why for step in done.steps if not step.reused}
    if as_json:
        folder = None if done.output is None else str(done.output)
        print_json({"output": folder, **done.counts, "reused": reused, "redone": redone})
        return
    for label, text in summary(done.counts):
        click.echo(f"{label:<16} {text}")
    for name, layer in done.counts["layers"].items():
        numbers = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in layer.items())
        click.echo(f"  {name:<18} {numbers}")
    for name, register in done.counts.get("registers", {}).items():
        click.echo(f"  {name:<18} {', '.join(f'{what} {count}' for what, count in register.items())}")
    warnings = done.counts["findings"]["should"]
    click.echo(f"{'findings':<16} {warnings} to look at" if warnings else "findings         none")
    if done.steps:
        click.echo(f"{'reused':<16} {', '.join(reused) or 'nothing'}" if redone else "reused           everything")
        for name, why in redone.items():
            click.echo(f"{'redone':<16} {name}: {why}")
    if done.output is None:
        click.echo("Nothing was written (dry run).")
    else:
        click.echo(f"Look at {done.output / 'report.html'}, open {done.output / 'project.qgz'} in QGIS,")
        if any(layer["review"] for layer in done.counts["layers"].values()):
            click.echo(f"decide what is in {done.output / 'review.gpkg'}, and run again.")
        else:
            click.echo(f"and prove the results: geomerge verify {done.output}")


@click.command()
@click.argument("what", type=click.Choice(["plan", "job"]))
def schema(what: str) -> None:
    """Print the JSON schema of a plan or a job, for editors that check while one writes."""
    from geomerge.job import Job
    from geomerge.plan import Plan

    print_json((Plan if what == "plan" else Job).model_json_schema())
