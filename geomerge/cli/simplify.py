"""The command that makes simplified editions for the web."""

from __future__ import annotations

from pathlib import Path

import click

from geomerge.cli.common import code_column, output, print_findings, read_spatial, require_other, verbosity


@click.command()
@click.argument("source")
@click.option("--scale", type=float, default=1_000_000, show_default=True, help="Denominator of the scale.")
@click.option("--smallest", type=float, help="Smallest island or lake, in squared CRS units; by the scale otherwise.")
@code_column
@output
@verbosity
def simplify(source: str, scale: float, smallest: float | None, code: str, target: Path) -> None:
    """Make an edition for the web of SOURCE: the output folder of a finished run, or a layer of units.

    Units share their edges as before, and levels run along them. The suffix of the file decides: .geojson, .topojson,
    .pmtiles, .fgb, .parquet, .gpkg.
    """
    from geomerge.findings import Finding
    from geomerge.web import edition, write_edition

    require_other(target, source)
    findings: list[Finding] = []
    if Path(source).is_dir() and not source.endswith(".gdb"):
        from geomerge.verify.finished import read_finished

        finished = read_finished(Path(source))
        code, title = "code", str(finished.manifest["title"])
        units = finished.boundary("units")
        levels = {name: finished.boundary(name) for name in finished.levels}
    else:
        units, levels, title = read_spatial(source), {}, Path(source).stem
    tables = edition(units, levels, scale=scale, smallest=smallest, code=code, findings=findings)
    for path in write_edition(tables, target, scale=scale, title=title, findings=findings):
        click.echo(f"{path}  {path.stat().st_size:,} bytes".replace(",", " "))
    print_findings(findings, False, err=True)
