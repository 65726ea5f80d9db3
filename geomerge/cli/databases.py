"""Commands for databases: deliver results, recode registers where they are, and undo that."""

from __future__ import annotations

import click

from geomerge.cli.common import as_json, print_json, verbosity


@click.command()
@click.argument("results")
@click.argument("target")
@click.option("--back", is_flag=True, help="Write changed rows back to the tables that the run read.")
@click.option("--dry-run", is_flag=True, help="Do it all, and take it back.")
@as_json
@verbosity
def deliver(results: str, target: str, back: bool, dry_run: bool, as_json: bool) -> None:
    """Write RESULTS (the folder of a run, a file, or file|layer) into PostGIS, in one transaction.

    TARGET is postgresql://user@host/name|schema, or |schema.table for one layer. Tables that are there keep their
    grants, comments, indexes and keys. The password comes from PGPASSWORD or ~/.pgpass.
    """
    from geomerge import deliver as write

    done = write(results, target, back=back, dry_run=dry_run)
    if as_json:
        print_json(done.to_dict("records"))
        return
    for table, action, added, changed, removed in done.itertuples(index=False):
        click.echo(f"{table:<32} {action}: {added} rows added, {changed} changed, {removed} removed")
    if dry_run:
        click.echo("Nothing was written (dry run).")
    elif done.empty:
        click.echo("Nothing was to be written.")
