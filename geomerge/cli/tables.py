"""Commands for one step of the work: tables in, tables out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import code_column, output, print_findings, read_spatial, require_other, verbosity, write_layer


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("units")
@output
@code_column
@click.option("--gap-width", type=float, default=0.01, show_default=True, help="Widest gap to mend, in CRS units.")
@verbosity
def pieces(plan: Path, units: str, target: Path, code: str, gap_width: float) -> None:
    """Cut UNITS (a file, or file|layer) by PLAN."""
    from geomerge import pieces as cut
    from geomerge import read_plan

    require_other(target, units, str(plan))
    table = read_spatial(units)
    findings: list[Any] = []
    found = cut(table, read_plan(plan).to_crs(table.crs), code=code, gap_width=gap_width, findings=findings)
    write_layer(found, target, "pieces", findings)


@click.command()
@click.argument("cut")
@output
@click.option("--units", help="The old units (a file, or file|layer), whose columns are carried over.")
@click.option("--plan", type=click.Path(path_type=Path), help="The plan, for names and dates.")
@code_column
@click.option("--name", help="Column of the units with the name.")
@verbosity
def dissolve(cut: str, target: Path, units: str | None, plan: Path | None, code: str, name: str | None) -> None:
    """Join the pieces in CUT (a file, or file|layer) into new units."""
    from geomerge import dissolve as join
    from geomerge import read_plan

    require_other(target, cut, units)
    findings: list[Any] = []
    found = join(
        read_spatial(cut),
        units=read_spatial(units) if units else None,
        plan=read_plan(plan) if plan else None,
        code=code,
        name=name,
        findings=findings,
    )
    write_layer(found, target, "units", findings)


@click.command()
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
@verbosity
def reassign(features: str, cut: str, target: Path, code: str, min_share: float, verify: Any) -> None:
    """Give each of the FEATURES (a file, or file|layer) its new unit; the target gets layers updated and review."""
    from geomerge import reassign as assign

    require_other(target, features, cut)
    findings: list[Any] = []
    found = assign(
        read_spatial(features),
        read_spatial(cut),
        code=code,
        min_share=min_share,
        verify=verify,
        findings=findings,
    )
    write_layer(found.updated, target, "updated", findings)
    write_layer(found.review, target, "review", [])


@click.command()
@click.argument("source")
@output
@verbosity
def export(source: str, target: Path) -> None:
    """Write the layer SOURCE (a file, or file|layer) in the format that the suffix of the target names."""
    from geomerge.export import send
    from geomerge.layers import Revision, describe, split_name

    require_other(target, source)
    path, name = split_name(source)
    info = describe(path, name)
    findings: list[Any] = []
    send(info, target, {info.layer or "": Revision()}, changed_at="1970-01-01T00:00:00.000Z", findings=findings)
    print_findings(findings, False, err=True)
