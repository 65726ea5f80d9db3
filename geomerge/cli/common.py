"""What commands share: options, and how results and findings are printed."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any

import click


def verbosity(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option -v, which tells each step on standard error."""

    def chosen(_ctx: click.Context, _parameter: click.Parameter, value: int) -> None:
        if value:
            logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
            logging.getLogger("geomerge").setLevel(logging.DEBUG if value > 1 else logging.INFO)

    option = click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        callback=chosen,
        help="Tell each step; twice for more.",
    )
    return option(function)


output = click.option("-o", "--output", "target", type=click.Path(path_type=Path), required=True, help="File to write.")
code_column = click.option("--code", default="code", show_default=True, help="Column with the code of the unit.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print for machines.")


def require_other(target: Path, *sources: str | Path | None) -> None:
    """Refuse to write into a file that is read, or that is written as well."""
    from geomerge.errors import LayerError
    from geomerge.layers import split_name

    for source in filter(None, sources):
        if Path(split_name(str(source))[0]).resolve() == target.resolve():
            raise LayerError(f"{target} is both source and target. Name another file (-o).")


def require_new(*targets: Path) -> None:
    """Refuse to replace files: what is read, edited or sent is never overwritten unasked."""
    from geomerge.errors import LayerError

    if there := [target for target in targets if target.exists()]:
        listed = ", ".join(map(str, there))
        raise LayerError(f"{listed} exists already. Name another place (-o), or move it away first.")


def read_spatial(name: str) -> Any:
    """Read a layer (a file, or file|layer); InputError if it has no geometry."""
    import geopandas as gpd

    from geomerge import layers
    from geomerge.errors import InputError

    table = layers.read(*layers.split_name(name))
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{name} has no geometry.")
    return table


def write_table(table: Any, target: Path) -> None:
    """Write a table without geometry; that a format does not tell empty from missing does not matter there."""
    from geomerge.export import export

    export(table, target, findings=[])


def write_layer(table: Any, target: Path, layer: str, findings: list[Any]) -> None:
    """Write a layer, and print the findings."""
    from geomerge.export import export as write

    write(table, target, layer=layer, findings=findings)
    print_findings(findings, False, err=True)


def print_findings(findings: Any, as_json: bool, *, err: bool = False, none: str = "the job can be run") -> None:
    """Print findings, those that block first; on standard error they go beside a result."""
    if as_json:
        print_json([finding.record() for finding in findings])
        return
    for finding in sorted(findings, key=lambda finding: not finding.blocks):
        click.echo(f"{finding.severity:<7} {finding.check}: {finding}", err=err)
    if not findings and not err:
        click.echo(f"No finding: {none}.")


def counted(things: Sized, name: str) -> str:
    """Return how many there are, in words."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def print_json(content: Any) -> None:
    """Print for machines."""
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))
