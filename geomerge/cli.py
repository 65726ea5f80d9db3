"""The command line: each command reads its arguments, calls one function, prints the result."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


class _Group(click.Group):
    """Turns what goes wrong into one message and an exit code: 1 findings block, 2 bad input, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        from geomerge.errors import GeomergeError

        # a scheduler's time-out cleans up like Ctrl-C
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
        try:
            return super().invoke(ctx)
        except GeomergeError as error:
            for fault in error.faults:
                click.echo(f"geomerge: {fault}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("geomerge: interrupted. The previous results are as they were.", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:  # the reader of our output has gone
            sys.stderr.close()
            ctx.exit(0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)  # in the order of the work, not of the alphabet


def _verbosity(function: Callable[..., Any]) -> Callable[..., Any]:
    def chosen(_ctx: click.Context, _parameter: click.Parameter, value: int) -> None:
        if value:
            logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
            logging.getLogger("geomerge").setLevel(logging.DEBUG if value > 1 else logging.INFO)

    option = click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        callback=chosen,
        help="Tell each step; twice for more.",
    )
    return option(function)


output = click.option("-o", "--output", "target", type=click.Path(path_type=Path), required=True, help="File to write.")
code_column = click.option("--code", default="code", show_default=True, help="Column with the code of the unit.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print for machines.")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="geomerge")
def main() -> None:
    """From a dated plan of changes to new boundaries, reassigned parcels and updated layers.

    Exit codes: 0 done, 1 a finding blocks, 2 bad input or usage.
    """


@main.command()
@click.argument("job", type=click.Path(path_type=Path))
@as_json
@_verbosity
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
    _print_findings(findings, as_json)
    if any(finding.blocks for finding in findings):
        raise SystemExit(Blocked.exit_code)


@main.command()
@click.argument("job", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Folder, instead of the job's.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that geomerge did not write.")
@as_json
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@_verbosity
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
        _print_json({"output": folder, **counts(done.results)})
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


@main.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("units")
@output
@code_column
@click.option("--gap-width", type=float, default=0.01, show_default=True, help="Widest gap to mend, in CRS units.")
@_verbosity
def pieces(plan: Path, units: str, target: Path, code: str, gap_width: float) -> None:
    """Cut UNITS (a file, or file|layer) by PLAN."""
    from geomerge import pieces as cut
    from geomerge import read_plan

    _require_other(target, units, str(plan))
    table = _read_spatial(units)
    findings: list[Any] = []
    found = cut(table, read_plan(plan).to_crs(table.crs), code=code, gap_width=gap_width, findings=findings)
    _write(found, target, "pieces", findings)


@main.command()
@click.argument("cut")
@output
@click.option("--units", help="The old units (a file, or file|layer), whose columns are carried over.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan, for names and dates.")
@code_column
@click.option("--name", help="Column of the units with the name.")
@_verbosity
def dissolve(cut: str, target: Path, units: str | None, plan: Path | None, code: str, name: str | None) -> None:
    """Join the pieces in CUT (a file, or file|layer) into new units."""
    from geomerge import dissolve as join
    from geomerge import read_plan

    _require_other(target, cut, units)
    findings: list[Any] = []
    found = join(
        _read_spatial(cut),
        units=_read_spatial(units) if units else None,
        plan=read_plan(plan) if plan else None,
        code=code,
        name=name,
        findings=findings,
    )
    _write(found, target, "units", findings)


@main.command()
@click.argument("features")
@click.option("--pieces", "cut", required=True, help="Pieces (a file, or file|layer).")
@output
@code_column
@click.option("--min-share", type=float, default=0.9, show_default=True, help="Least share that decides.")
@click.option(
    "--verify",
    type=click.Choice(["affected", "all", "none"]),
    default="affected",
    show_default=True,
    help="Which features must lie where their code says.",
)
@_verbosity
def reassign(features: str, cut: str, target: Path, code: str, min_share: float, verify: Any) -> None:
    """Give each of the FEATURES (a file, or file|layer) its new unit; the target gets layers updated and review."""
    from geomerge import reassign as assign

    _require_other(target, features, cut)
    findings: list[Any] = []
    found = assign(
        _read_spatial(features),
        _read_spatial(cut),
        code=code,
        min_share=min_share,
        verify=verify,
        findings=findings,
    )
    _write(found.updated, target, "updated", findings)
    _write(found.review, target, "review", [])


@main.command()
@click.argument("source")
@output
@_verbosity
def export(source: str, target: Path) -> None:
    """Write the layer SOURCE (a file, or file|layer) in the format that the suffix of the target names."""
    from geomerge.export import send
    from geomerge.layers import Revision, describe, split_name

    _require_other(target, source)
    path, name = split_name(source)
    info = describe(path, name)
    findings: list[Any] = []
    send(info, target, {info.layer or "": Revision()}, changed_at="1970-01-01T00:00:00.000Z", findings=findings)
    _print_findings(findings, False, err=True)


@main.command()
@click.argument("what", type=click.Choice(["plan", "job"]))
def schema(what: str) -> None:
    """Print the JSON schema of a plan or a job, for editors that check while one writes."""
    from geomerge.job import Job
    from geomerge.plan import Plan

    _print_json((Plan if what == "plan" else Job).model_json_schema())


def _require_other(target: Path, *sources: str | None) -> None:
    """Refuse to write into a file that is read."""
    from geomerge.errors import LayerError
    from geomerge.layers import split_name

    for source in filter(None, sources):
        if Path(split_name(source)[0]).resolve() == target.resolve():
            raise LayerError(f"{target} is both source and target. Name another file (-o).")


def _read_spatial(name: str) -> Any:
    import geopandas as gpd

    from geomerge import layers
    from geomerge.errors import InputError

    table = layers.read(*layers.split_name(name))
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{name} has no geometry.")
    return table


def _write(table: Any, target: Path, layer: str, findings: list[Any]) -> None:
    from geomerge.export import export as write

    write(table, target, layer=layer, findings=findings)
    _print_findings(findings, False, err=True)


def _print_findings(findings: Any, as_json: bool, *, err: bool = False) -> None:
    if as_json:
        _print_json([finding.record() for finding in findings])
        return
    for finding in sorted(findings, key=lambda finding: not finding.blocks):
        click.echo(f"{finding.severity:<7} {finding.check}: {finding}", err=err)
    if not findings and not err:
        click.echo("No finding: the job can be run.")


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))
