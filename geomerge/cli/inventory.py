"""The command that takes stock: which tables and columns hold codes, before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from geomerge.cli.common import as_json, counted, print_findings, print_json, require_new, verbosity, write_table

TABLE, BOOK = ".csv", ".xlsx"
PAGES = (".html", ".htm")
SECTIONS = (".yaml", ".yml")
WRITTEN, PROBLEMS = ("columns.csv", "inventory.html", "registers.yaml"), "problems.csv"


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--history", help="History of the units, such as NO; or an official list, or a plan.")
@click.option("--units", help="Units whose codes are known (a file, or file|layer).")
@click.option("--code", default="code", show_default=True, help="Column of the units with their code.")
@click.option("--name", help="Column of the units with their name.")
@click.option("--parent", help="Column of the units with the code of their parent.")
@click.option(
    "--code-width", type=click.IntRange(1), help="Digits of a code of the units, where the column holds numbers."
)
@click.option("--plan", help="Plan whose codes are looked for (YAML, CSV, XLSX).")
@click.option("--full", is_flag=True, help="Read every row, and not only a sample of each table.")
@click.option("--sample", type=click.IntRange(1), default=10_000, show_default=True, help="Rows of each table to read.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="Folder for table, page and section of a job; or one of them, by suffix (.csv, .xlsx, .html, .yaml).",
)
@as_json
@verbosity
def inventory(
    sources: tuple[str, ...], full: bool, sample: int, target: Path | None, as_json: bool, **known: Any
) -> None:
    """Tell which columns of which tables hold codes, keys or names of units, and what merely looks like a code.

    SOURCE is a folder, a file or the address of a database (or address|schema.table); there may be several.
    """
    from geomerge import inventory as take_stock
    from geomerge.errors import InputError

    if not any(known[key] for key in ("history", "units", "plan")):
        raise InputError("No codes are known. Name a history (--history NO), units (--units) or a plan (--plan).")
    if target is not None:
        _require_writable(target)
    found = take_stock(list(sources), full=full, sample=sample, **_known(**known))
    if target is not None:
        _write(found, target)
    if as_json:
        print_json(_records(found))
    else:
        _print(found, target)


def _known(
    history: str | None, units: str | None, plan: str | None, code_width: int | None, **columns: str | None
) -> dict[str, Any]:
    """Return what says which codes there are, read."""
    from geomerge import read_history, read_plan

    findings: list[Any] = []
    read: dict[str, Any] = dict(columns)
    if history:
        read["history"] = read_history(history, findings=findings)
    if units:
        read["units"] = _units(units, code_width, columns["code"], columns["parent"])
    if plan:
        read["plan"] = read_plan(plan)
    print_findings(findings, False, err=True)
    return read


def _units(source: str, code_width: int | None, code: str | None, parent: str | None) -> Any:
    """Return the units with codes as text; numbers of parents have no width that could be lost."""
    from geomerge import layers
    from geomerge.codes import as_codes
    from geomerge.errors import InputError

    table = layers.read(*layers.split_name(source))
    for column, option, width in ((code, "code", code_width), (parent, "parent", 1)):
        if column is None:
            continue
        if column not in table.columns:
            has = ", ".join(map(str, table.columns))
            raise InputError(f"{source} has no column {column}. It has {has}. Name the right one (--{option}).")
        table[column] = as_codes(table[column], width, f"Column {column} of {source}")
    return table


def _require_writable(target: Path) -> None:
    from geomerge.errors import InputError

    suffix = target.suffix.lower()
    if suffix and suffix not in (TABLE, BOOK, *PAGES, *SECTIONS) and not target.is_dir():
        raise InputError(
            f"{target}: {suffix} is nothing that can be written. Name a folder, or a file that ends in "
            f"{', '.join((TABLE, BOOK, PAGES[0], SECTIONS[0]))}."
        )
    single = target.is_file() or (suffix and not target.is_dir())
    require_new(*([target] if single else [target / name for name in (*WRITTEN, PROBLEMS)]))


def _write(found: Any, target: Path) -> None:
    """Write what is asked for; a file appears when it is whole."""
    from geomerge.errors import LayerError

    if target.suffix.lower() in (TABLE, BOOK, *PAGES, *SECTIONS) and not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_file(found, target)
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LayerError(f"{target} cannot be written: {error.strerror}. Choose another folder (-o).") from error
    for name in WRITTEN:
        _write_file(found, target / name)
    write_table(_plain(found.problems), target / PROBLEMS)


def _write_file(found: Any, target: Path) -> None:
    from geomerge.files.guards import staged
    from geomerge.inventory.books import write_book

    suffix = target.suffix.lower()
    if suffix == TABLE:
        write_table(_plain(found.columns), target)
        return
    with staged(target) as path:
        if suffix == BOOK:
            write_book(_plain(found.columns), path, "columns")
        else:
            path.write_text(found.page() if suffix in PAGES else found.registers(), encoding="utf-8")


def _plain(table: Any) -> Any:
    """Return a table as it is written: what is missing is empty."""
    return table.astype(object).where(table.notna(), None)


def _records(found: Any) -> dict[str, Any]:
    parts = {name: getattr(found, name) for name in ("columns", "tables", "problems", "skipped")}
    return {**{name: _plain(table).to_dict("records") for name, table in parts.items()}, "sampled": found.sampled}


def _print(found: Any, target: Path | None) -> None:
    columns = found.columns
    held = columns[columns["holds"].notna()]
    for (source, table), rows in held.groupby(["source", "table"], dropna=False, sort=False):
        where = f"{source}|{table}" if isinstance(table, str) else source
        first = rows.iloc[0]
        click.echo(f"{where}: {first['read']} of {first['rows']} rows read")
        for row in _plain(rows).to_dict("records"):
            click.echo(f"  {row['column']}: {row['holds']}, {row['certainty']} ({row['confidence']:.2f}){_more(row)}")
    for problem in found.problems.to_dict("records"):
        click.echo(f"not read: {problem['what']}", err=True)
    for row in found.tables[found.tables["concern"] != ""].to_dict("records"):
        click.echo(f"{row['source']}: {row['concern']}", err=True)
    skipped = ", ".join(f"{row['files']} {row['kind']}" for row in found.skipped.to_dict("records"))
    click.echo(
        f"{counted(found.tables, 'table')}, {counted(columns, 'column')}" + (f"; skipped: {skipped}" if skipped else "")
    )
    if target is not None:
        click.echo(f"written: {target}")


def _more(row: dict[str, Any]) -> str:
    words = {"unknown": "unknown codes", "changing_rows": "rows that change", "zeros_lost": "rows that lost zeros"}
    said = [f"{word}: {row[key]}" for key, word in words.items() if row[key]]
    return f"; {', '.join(said)}" if said else ""
