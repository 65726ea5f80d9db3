"""Commands for keys and codes asked one at a time, and for rules that give parcels new keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import as_json, code_column, print_findings, print_json, verbosity
from geomerge.cli.times import history_of, of_parents

keys_columns = click.option(
    "--key", "columns", multiple=True, help="Column of the key, once for each part, where SOURCE is a layer."
)
layout_option = click.option("--layout", help="Layout of the keys (matrikkel, cadastre_fr); else they are gnr/bnr.")


@click.command()
@click.argument("asked", nargs=-1, required=True, metavar="[HISTORY] CODE_OR_KEY")
@click.option("--ledger", metavar="FILE", help="Ledger of a run, to ask for a key or a code, instead of a HISTORY.")
@click.option("--layout", help="Layout of the keys in the ledger; else it is recognised.")
@click.option("--on", metavar="DATE", help="Day asked for; else the unit is followed to its end, or to its beginning.")
@click.option("--since", metavar="DATE", help="Day on which the code is meant, where that makes a difference.")
@of_parents
@as_json
def lookup(
    asked: tuple[str, ...],
    ledger: str | None,
    layout: str | None,
    on: str | None,
    since: str | None,
    parents: bool,
    as_json: bool,
) -> None:
    """Tell what a code became, or what it was, by HISTORY (such as NO); or a parcel's key, by a ledger.

    geomerge lookup NO 0720 follows a code; geomerge lookup 0719-12/3 --ledger out/ledger.csv a key. Exit code 1 if
    the ledger does not know it.
    """
    from geomerge import lookup as look

    if ledger is not None:
        if on or since or parents:
            raise click.UsageError("--on, --since and --parents are for a history; a ledger has one date.")
        _ask_ledger(" ".join(asked), ledger, layout, as_json)
        return
    if len(asked) != 2:
        raise click.UsageError(
            "Name a history and a code (NO 0720); or a key, and the ledger that holds it (--ledger)."
        )
    answers = look(history_of(asked[0]), asked[1], on, since=since, parents=parents)
    if as_json:
        print_json([answer.record() for answer in answers])
        return
    click.echo("\n\n".join("\n".join(answer.sentences()) for answer in answers))


def _ask_ledger(key: str, ledger: str, layout: str | None, as_json: bool) -> None:
    from geomerge import layers
    from geomerge.keyledger import lookup_key

    answer = lookup_key(layers.read(*layers.split_name(ledger)), key, layout=layout)
    if as_json:
        print_json(answer.record())
    else:
        click.echo("\n".join(answer.sentences()))
    if not answer.is_known:
        raise SystemExit(1)


@click.command()
@click.argument("source")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="File to write; else it is printed.")
@click.option("--layer", "names", multiple=True, help="Layer of the job to look at; else all that have keys.")
@keys_columns
@code_column
@layout_option
@click.option("--step", type=click.IntRange(1), default=100, show_default=True, help="What additions are multiples of.")
@click.option(
    "--holes",
    type=click.Choice(["free", "taken"]),
    default="free",
    show_default=True,
    help="Numbers without a parcel inside a series: taken, where SOURCE does not hold all parcels.",
)
@verbosity
def keys(source: str, target: Path | None, names: tuple[str, ...], columns: tuple[str, ...], **options: Any) -> None:
    """Propose rules for new keys (keys:) for a plan, with the reason for each, to look over and edit.

    SOURCE is a job, whose plan has no rule yet for some of its parcels; or a layer of parcels with their new_code, as
    the command reassign writes it.
    """
    from geomerge.cli.common import require_new
    from geomerge.files.guards import staged
    from geomerge.keyproposal import as_yaml

    if target is not None:
        require_new(target)
    findings: list[Any] = []
    if source.endswith((".yaml", ".yml")):
        found = _of_job(source, names, findings, step=options["step"], holes=options["holes"])
    else:
        found = _of_layer(source, columns, options)
    text = as_yaml(found)
    if target is None:
        click.echo(text, nl=False)
    else:
        with staged(target) as new:
            new.write_text(text, encoding="utf-8", newline="\n")
        rules = sum(proposal.rule is not None for proposal in found)
        click.echo(f"{rules} rule{'' if rules == 1 else 's'}: {target}")
    print_findings(findings, False, err=True)


def _of_layer(source: str, columns: tuple[str, ...], options: dict[str, Any]) -> Any:
    from geomerge import layers
    from geomerge.errors import InputError
    from geomerge.keyproposal import propose_keys

    if not columns:
        raise InputError("Name the columns of the key: --key gnr --key bnr, or --key id --layout cadastre_fr.")
    found: list[Any] = []
    propose_keys(layers.read(*layers.split_name(source)), key=columns, reasons=found, **options)
    return found


def _of_job(source: str, names: tuple[str, ...], findings: list[Any], **options: Any) -> Any:
    from geomerge.errors import InputError
    from geomerge.inputs import read_inputs
    from geomerge.job import read_job
    from geomerge.keyproposal import propose_keys, stacked
    from geomerge.run import carry_out

    job = read_job(source)
    known = [layer.name for layer in job.layers if layer.key]
    if strange := [name for name in names if name not in known]:
        raise InputError(f"{source} has no layer {strange[0]} with a key. It has {', '.join(known) or 'none'}.")
    if not known:
        raise InputError(f"No layer of {source} has a key. Name its columns in the job (key).")
    results = carry_out(read_inputs(job))
    findings += [finding for finding in results.findings if finding.check == "unreadable key"]
    asked = [layer for layer in job.layers if layer.name in (names or known)]
    tables = [(results.moved[layer.name].assignment.updated, layer.code, layer.key, layer.layout) for layer in asked]
    features, key, layout = stacked(tables)
    found: list[Any] = []
    propose_keys(features, key=key, rules=results.plan, layout=layout, reasons=found, **options)
    return found
