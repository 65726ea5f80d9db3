"""Commands that work on partitions, on all cores of this machine or on many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import as_json, code_column, print_findings, print_json, read_spatial, verbosity


@click.group()
def cluster() -> None:
    """Work on partitions, on many cores or machines.

    GeoParquet in, GeoParquet out. Needs Dask: pip install 'geomerge[cluster]'.
    """


@cluster.command()
@click.argument("features", type=click.Path(path_type=Path))
@click.option("--pieces", "cut", required=True, help="Pieces (a file, or file|layer).")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@code_column
@click.option("--min-share", type=float, default=0.9, show_default=True, help="Least share that decides.")
@click.option(
    "--verify",
    type=click.Choice(["affected", "all", "none"]),
    default="affected",
    show_default=True,
    help="Which features must lie where their code says.",
)
@click.option("--plan", type=click.Path(path_type=Path), help="The plan, for the rules of new keys.")
@click.option("--key", multiple=True, metavar="COLUMN", help="Column of the key, the leading number first; repeat it.")
@click.option("--key-text", metavar="COLUMN", help="Column with the key as text.")
@click.option("--sort/--keep-order", default=True, show_default=True, help="Put rows in spatial order first.")
@click.option("--rows", type=click.IntRange(min=1), default=100_000, show_default=True, help="Rows in a partition.")
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, as tcp://machine:8786; else workers start here.")
@click.option("--workers", type=click.IntRange(min=1), help="Workers to start, one a core else; or to wait for.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for workers.")
@click.option("--overwrite", is_flag=True, help="Replace a folder that geomerge did not write.")
@as_json
@verbosity
def reassign(features: Path, cut: str, target: Path, plan: Path | None, as_json: bool, **options: Any) -> None:
    """Give each of the FEATURES (GeoParquet: a file, or a folder of files) its new unit.

    The target gets the GeoParquet datasets updated and review.
    """
    from geomerge import read_plan
    from geomerge.cluster import reassign as assign

    if bool(plan) != bool(options["key"]):
        raise click.UsageError("New keys need both --plan and --key.")
    findings: list[Any] = []
    rules = read_plan(plan).keys if plan else ()
    done = assign(features, read_spatial(cut), target, rules=rules, findings=findings, **options)
    if as_json:
        counts = {"rows": done.rows, "updated": done.updated, "review": dict(done.review)}
        print_json({"output": str(done.target), **counts, "partitions": done.partitions})
        return
    review = done.rows - done.updated
    click.echo(f"{done.rows} rows in {done.partitions} partitions: {done.updated} updated, {review} to decide")
    click.echo(f"Results: {done.target}")
    print_findings(findings, False, err=True)
