"""Commands for codes through time: official lists, crosswalks, single codes, and which edition a file is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import (
    as_json,
    code_column,
    counted,
    output,
    print_findings,
    print_json,
    read_spatial,
    require_other,
    verbosity,
    write_layer,
    write_table,
)

since = click.option("--since", metavar="DATE", help="Day whose codes lead on, such as 2015-06-01.")
until = click.option("--until", metavar="DATE", help="Day whose codes are led to.")
of_parents = click.option("--parents", is_flag=True, help="Parents (counties) instead of units.")


@click.command()
@click.argument("source")
@output
@click.option("--reader", help="Which list it is (klass, fso, insee, csv); else it is recognised.")
@since
@until
@click.option("--edition", help="Units after the changes, by which units are split; named as the plan finds it.")
@click.option(
    "--units", help="Units of the day before (a file, or file|layer), where the list does not tell who was there."
)
@code_column
@verbosity
def changes(source: str, target: Path, units: str | None, code: str, **options: Any) -> None:
    """Read the official list of changes SOURCE (a file, or an address) as a plan."""
    from geomerge import layers, read_changes, write_plan

    require_other(target, source, units)
    findings: list[Any] = []
    alive = None if units is None else list(layers.read(*layers.split_name(units), columns=[code])[code].dropna())
    plan = read_changes(source, units=alive, findings=findings, **options)
    write_plan(plan, target)
    click.echo(f"{counted(plan.events, 'event')} on {counted(plan.dates, 'day')}: {target}")
    print_findings(findings, False, err=True)


@click.command()
@click.argument("source")
@since
@until
@of_parents
@click.option("--sizes", type=click.Path(path_type=Path), help="Table with the size of each unit on the earlier day.")
@click.option("--size", "by", help="Column of that table with the size.")
@code_column
@click.option("--points", help="Features that weigh instead of the area, where SOURCE is a layer of pieces.")
@click.option("--weight", help="Column of the points with their weight, instead of 1 each.")
@output
@verbosity
def crosswalk(
    source: str,
    since: str | None,
    until: str | None,
    parents: bool,
    sizes: Path | None,
    by: str | None,
    code: str,
    points: str | None,
    weight: str | None,
    target: Path,
) -> None:
    """Write which code of one day is which code of another.

    SOURCE is a history that ships (NO), a folder with one, a plan, an official list, or a layer of pieces.
    """
    from geomerge import crosswalk as lead
    from geomerge.errors import InputError

    if (sizes is None) != (by is None):
        raise InputError("--sizes and --size go together: the table, and its column with the size.")
    require_other(target, source, sizes, points)
    findings: list[Any] = []
    table = lead(
        _history_or_pieces(source),
        since,
        until,
        parents=parents,
        sizes=None if sizes is None else _sizes(sizes, code, by),
        by=by,
        points=read_spatial(points) if points else None,
        weight=weight,
        findings=findings,
    )
    write_table(table, target)
    parts = table[table["kind"] == "part"]
    unknown = int(parts["share"].isna().sum())
    click.echo(f"{len(table)} rows, {len(table) - len(parts)} of them whole units: {target}")
    if unknown:
        click.echo(f"{unknown} of {len(parts)} parts have no share: nobody says how much they hold.", err=True)
    print_findings(findings, False, err=True)


@click.command()
@click.argument("file")
@click.option("--history", default="NO", show_default=True, help="History of the units.")
@click.option("--column", help="Column with the codes; else it is found.")
@click.option("--name", help="Column with the names, which tell apart days with the same codes.")
@click.option("--code-width", type=click.IntRange(1), help="Digits of a code, where the column holds numbers.")
@as_json
def vintage(
    file: str, history: str, column: str | None, name: str | None, code_width: int | None, as_json: bool
) -> None:
    """Tell from which days FILE (a file, or file|layer) can be, by its codes; exit code 1 if from none."""
    from geomerge import layers
    from geomerge import vintage as judge

    table = layers.read(*layers.split_name(file))
    found = judge(table, history_of(history), column=column, code_width=code_width, name=name)
    if as_json:
        print_json({"column": found.column, "sentences": found.sentences(), **_records(found)})
    else:
        click.echo(f"column {found.column}, {found.codes} codes in {found.rows} rows")
        for sentence in found.sentences():
            click.echo(sentence)
    if not found.is_certain or len(found.never):
        raise SystemExit(1)


@click.command()
@click.argument("statistics")
@click.argument("crosswalk")
@output
@click.option(
    "--column",
    "columns",
    multiple=True,
    required=True,
    metavar="NAME=MEASURE",
    help="Such as people=count, rate=unemployed:people, class=largest:people, name=drop; once for each column.",
)
@code_column
@click.option("--by", multiple=True, help="Further column that identifies a row, such as the year; may be repeated.")
@click.option("--suppressed", multiple=True, help="Text that stands for a withheld figure, such as a colon.")
@click.option("--decimal", default=".", show_default=True, help="Decimal mark of the figures.")
@click.option(
    "--unknown",
    type=click.Choice(["review", "keep", "refuse"]),
    default="review",
    show_default=True,
    help="What becomes of codes that the crosswalk does not name.",
)
@click.option(
    "--absent",
    type=click.Choice(["missing", "zero"]),
    default="missing",
    show_default=True,
    help="What a unit without a row counts.",
)
@click.option("--review", type=click.Path(path_type=Path), help="File for what could not be restated.")
@verbosity
def restate(
    statistics: str,
    crosswalk: str,
    target: Path,
    columns: tuple[str, ...],
    code: str,
    by: tuple[str, ...],
    decimal: str,
    review: Path | None,
    **options: Any,
) -> None:
    """Restate the figures in STATISTICS in new units, along CROSSWALK (a file made by the command crosswalk)."""
    from geomerge import layers
    from geomerge import restate as carry_over
    from geomerge.errors import InputError

    if wrong := [column for column in columns if "=" not in column]:
        raise InputError(f"--column {wrong[0]} names no measure. Write it as {wrong[0]}=count.")
    require_other(target, statistics, crosswalk, review)
    if review is not None:
        require_other(review, statistics, crosswalk)
    measures = dict(column.split("=", 1) for column in columns)
    weights = {measure.partition(":")[2] for measure in measures.values()} - {"", "whole"}
    counted = [name for name, measure in measures.items() if measure.startswith(("count", "rate", "mean"))]
    old = _with_numbers(layers.read(*layers.split_name(statistics)), {*counted, *weights}, decimal)
    way = _with_numbers(layers.read(crosswalk), {"share"}, ".")
    if "estimated" in way.columns:
        way["estimated"] = way["estimated"].map(lambda value: str(value).lower() == "true")
    findings: list[Any] = []
    found = carry_over(old, way, columns=measures, code=code, by=by, findings=findings, **options)
    write_table(found.statistics, target)
    if review is not None:
        write_table(found.review, review)
    click.echo(found.totals.to_string(index=False))
    estimated = int(found.statistics["estimated"].sum())
    click.echo(f"{len(found.statistics)} rows, {estimated} of them with an estimate, {len(found.review)} for review")
    print_findings(findings, False, err=True)


def _with_numbers(table: Any, columns: set[str], decimal: str) -> Any:
    """Return a table whose texts are numbers in some columns; what is none stays text, and is told later."""
    import pandas as pd

    for column in columns & set(table.columns):
        if not pd.api.types.is_numeric_dtype(table[column].dtype):
            texts = table[column].str.strip().str.replace(decimal, ".", regex=False)
            numbers = pd.to_numeric(texts, errors="coerce")
            table[column] = (
                numbers
                if (numbers.isna() == texts.isna()).all()
                else numbers.astype(object).where(numbers.notna(), texts)
            )
    return table


@click.command()
@click.argument("before")
@click.argument("after")
@output
@click.option("--date", required=True, help="First day of the order in AFTER, such as 2020-01-01.")
@code_column
@click.option("--name", help="Column with the name, if names are to be compared.")
@click.option("--crs", help="Projected CRS to work in, where the editions are not in one.")
@click.option("--official", help="Official list of the changes, or a plan made of one, to compare with.")
@click.option("--redraw", is_flag=True, help="Also draw what is merely drawn otherwise as AFTER does.")
@click.option("--evidence", type=click.Path(path_type=Path), help="File for the evidence, one row each pair of units.")
@verbosity
def diff(
    before: str,
    after: str,
    target: Path,
    date: str,
    code: str,
    name: str | None,
    crs: str | None,
    official: str | None,
    redraw: bool,
    evidence: Path | None,
) -> None:
    """Find the plan that leads from the edition BEFORE to the edition AFTER (each a file, or file|layer)."""
    from geomerge import diff as compare
    from geomerge import write_plan
    from geomerge.planfile import require_plan_file

    require_plan_file(target)
    areas, edition = (target.with_name(f"{target.stem}.{what}.gpkg") for what in ("areas", "edition"))
    for path in filter(None, (target, areas, edition, evidence)):
        require_other(path, before, after, official, *({target, areas, edition} - {path}))
    findings: list[Any] = []
    editions = [read_spatial(source) for source in (before, after)]
    found = compare(
        *(table.to_crs(crs) if crs else table for table in editions),
        code=code,
        name=name,
        date=date,
        official=_official(official, date, editions[0], code) if official else None,
        redraw=redraw,
        areas=areas.name,
        edition=edition.name,
        findings=findings,
    )
    counts = found.evidence["verdict"].value_counts().sort_index()
    click.echo("pairs of units: " + ", ".join(f"{verdict} {count}" for verdict, count in counts.items()))
    if found.plan is None:
        click.echo("Nothing changed, so there is no plan.")
    else:
        write_plan(found.plan, target, overwrite=True, findings=[])
        click.echo("\n".join([*found.plan.sentences(), f"{counted(found.plan.events, 'event')}: {target}"]))
    if evidence is not None:
        write_layer(found.evidence, evidence, "evidence", [])
    print_findings(findings, False, err=True)


def _official(source: str, date: str, before: Any, code: str) -> Any:
    """Return an official list as a plan: a plan as it is, any other list from the day before the date."""
    from geomerge import read_changes, read_plan
    from geomerge.history import as_date

    if source.endswith((".yaml", ".yml")):
        return read_plan(source)
    day_before = as_date(date) - dt.timedelta(days=1)
    return read_changes(source, since=day_before, until=date, units=list(before[code]), findings=[])


def _records(found: Any) -> dict[str, Any]:
    tables = {"ranges": found.ranges, "never": found.never, "stray": found.stray}
    return {key: table.astype(object).where(table.notna(), None).to_dict("records") for key, table in tables.items()}


def _history_or_pieces(source: str) -> Any:
    """Return pieces where the source is a layer with geometry, else a history."""
    from geomerge import layers

    path = Path(layers.split_name(source)[0])
    if path.is_file() and path.suffix.lower() not in (".yaml", ".yml", ".csv", ".xlsx", ".json"):
        return read_spatial(source)
    return history_of(source)


def history_of(source: str) -> Any:
    """Read a history, and print what it leaves open."""
    from geomerge import read_history

    findings: list[Any] = []
    found = read_history(source, findings=findings)
    print_findings(findings, False, err=True)
    return found


def _sizes(path: Path, code: str, by: str | None) -> Any:
    from geomerge import layers
    from geomerge.errors import InputError

    table = layers.read(*layers.split_name(str(path)))
    if missing := [column for column in (code, by) if column not in table.columns]:
        raise InputError(
            f"{path} has no column {' and no '.join(str(column) for column in missing)}. It has "
            f"{', '.join(map(str, table.columns))}. Name the columns with --code and --size."
        )
    return table.set_index(code)[by]
