"""The command that recodes registers: it shows what would change, and changes it when told to, with a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import as_json, print_findings, print_json, require_new, verbosity, write_table


@click.command()
@click.argument("job", required=False, type=click.Path(path_type=Path))
@click.option("--register", "names", multiple=True, metavar="NAME", help="Only this register; may be repeated.")
@click.option("--commit", is_flag=True, help="Change the registers; without it, only what would change is shown.")
@click.option("--undo", "record", type=click.Path(path_type=Path), help="Restore what a run changed: its undo.json.")
@click.option("--ways", type=click.Path(path_type=Path), help="Folder for the ways back; else undo beside JOB.")
@click.option("--plan", type=click.Path(path_type=Path), help="A plan, instead of the one in JOB.")
@click.option("--history", help="A history (such as NO), instead of the plan in JOB.")
@click.option("--since", metavar="DATE", help="Day whose codes the registers hold.")
@click.option("--until", metavar="DATE", help="Day whose codes they shall hold.")
@click.option("--ledger", type=click.Path(path_type=Path), help="New keys; else ledger.csv of the last run of JOB.")
@click.option("--pieces", help="Pieces that divide units (file|layer); else those of the last run of JOB.")
@click.option("--review", type=click.Path(path_type=Path), help="File for the rows that a person must decide.")
@as_json
@verbosity
def recode(
    job: Path | None,
    names: tuple[str, ...],
    commit: bool,
    record: Path | None,
    ways: Path | None,
    review: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Recode the registers that JOB lists: by code, key, address or place; show what would change, or change it."""
    from geomerge.errors import InputError
    from geomerge.recode.files import recode_registers
    from geomerge.recode.sources import read_registers, read_translation
    from geomerge.recode.undo import undo

    if record is not None:
        if job is not None or commit:
            raise InputError("--undo restores what a run changed, and takes neither a job nor --commit.")
        for restored in undo(record):
            click.echo(f"restored  {restored}")
        return
    if job is None:
        raise InputError("Name the file that lists the registers, or what to undo (--undo).")
    if review is not None:
        require_new(review)
    registers = read_registers(job, names)
    whole = job if options["plan"] is None and options["history"] is None else None
    translation = read_translation(whole, registers, **options)
    done = recode_registers(registers, translation, folder=job.parent, commit=commit, undo=ways)
    if review is not None:
        write_table(done.review, review)
    if as_json:
        print_json(
            {"undo": None if done.undo is None else str(done.undo), "registers": [_record(r) for r in done.registers]}
        )
    else:
        _print(done, commit)
    if any(finding.blocks for finding in done.findings):
        raise SystemExit(1)


def _record(result: Any) -> dict[str, Any]:
    return {
        "name": result.name,
        "source": result.source,
        **result.counts,
        "changed": result.changed,
        "samples": result.samples.astype(object).to_dict("records"),
        "findings": [finding.record() for finding in result.findings],
    }


def _print(done: Any, commit: bool) -> None:
    for result in done.registers:
        counts = ", ".join(f"{count} {what}" for what, count in result.counts.items())
        click.echo(f"{result.name} ({result.source}): {counts}")
        for row in result.samples.astype(str).to_dict("records"):
            if {"column", "old", "new"} <= set(row):
                click.echo(f"  {row['column']:<16} {row['old']} > {row['new']}  {row['rows']} rows")
            else:
                click.echo("  " + ", ".join(f"{name} {value}" for name, value in row.items()))
    print_findings(done.findings, False, err=True)
    if done.undo is not None:
        click.echo(f"Changed. The way back: geomerge recode --undo {done.undo}")
    elif not commit:
        click.echo("Nothing was changed (dry run). Add --commit to change it.")
    else:
        click.echo("Nothing was to be changed.")
