"""The command that verifies a finished run, or any units."""

from __future__ import annotations

from pathlib import Path

import click

from geomerge.cli.common import as_json, code_column, print_findings, read_spatial, verbosity


@click.command()
@click.argument("target")
@click.option("--before", help="Units of an earlier day; what was wrong there already is not told. Units only.")
@code_column
@click.option("--word", "words", multiple=True, help="Column no unit should leave empty, such as its name. Units only.")
@click.option(
    "--tolerance", type=float, default=1e-9, show_default=True, help="Relative difference of areas that passes."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the findings with their places.")
@as_json
@verbosity
def verify(
    target: str,
    before: str | None,
    code: str,
    words: tuple[str, ...],
    tolerance: float,
    output: Path | None,
    as_json: bool,
) -> None:
    """Prove TARGET: the output folder of a finished run, or a layer of units; nothing in it is changed.

    Exit code 1 if a finding blocks.
    """
    from geomerge.cli.common import require_new
    from geomerge.errors import Blocked
    from geomerge.verify import verify as prove
    from geomerge.verify import verify_units

    if output is not None:
        require_new(output)
    if Path(target).is_dir() and not target.endswith(".gdb"):
        findings, crs = prove(target, tolerance=tolerance), None
    else:
        units = read_spatial(target)
        findings = verify_units(units, before=read_spatial(before) if before else None, code=code, words=words)
        crs = units.crs
    if output is not None:
        from geomerge.cli.common import write_layer
        from geomerge.findings import findings_table

        write_layer(findings_table(findings, crs), output, "findings", [])
    print_findings(findings, as_json, none="all is in order")
    if any(finding.blocks for finding in findings):
        raise SystemExit(Blocked.exit_code)
