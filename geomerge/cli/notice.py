"""The command that writes and verifies the notice of a run."""

from __future__ import annotations

from pathlib import Path

import click

from geomerge.cli.common import as_json, print_findings, print_json, verbosity


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), help="Folder to write; else SOURCE with -notice."
)
@click.option("--verify", is_flag=True, help="Check that the package SOURCE (a folder or .zip) is as it was written.")
@as_json
@verbosity
def notice(source: Path, target: Path | None, verify: bool, as_json: bool) -> None:
    """Write the notice of the finished run in SOURCE: what vendors and archives need, as a folder and a .zip.

    Exit code 1 if a package that is verified is not as it was written.
    """
    from geomerge.errors import Blocked
    from geomerge.notice import verify_notice, write_notice

    if verify:
        if target is not None:
            raise click.UsageError("-o does not go with --verify, which writes nothing.")
        findings = verify_notice(source)
        print_findings(findings, as_json, none="the package is as it was written")
        if any(finding.blocks for finding in findings):
            raise SystemExit(Blocked.exit_code)
        return
    source = source.resolve()
    done = write_notice(source, target or source.with_name(f"{source.name}-notice"))
    if as_json:
        files = {"folder": str(done.folder), "archive": str(done.archive)}
        print_json({**files, "fingerprint": done.fingerprint, "counts": done.counts})
        return
    for name, count in done.counts.items():
        click.echo(f"{name.replace('_', ' '):<18} {count}")
    click.echo(f"Send {done.archive}, and tell its fingerprint by another way:")
    click.echo(done.fingerprint)
