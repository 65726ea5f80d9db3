"""The command that draws all maps of a finished run again."""

from __future__ import annotations

from pathlib import Path

import click

from geomerge.cli.common import verbosity


def _listed(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(code.strip() for code in (value or "").split(",") if code.strip())


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the maps; RUN_maps by default.")
@click.option(
    "--format", "formats", multiple=True, default=["png"], show_default=True, help="png, svg or pdf; may be repeated."
)
@click.option("--per-unit", is_flag=True, help="Also a map of each unit that changes.")
@click.option(
    "--units", callback=_listed, metavar="CODE,...", help="Also maps of these units, whatever happens to them."
)
@click.option(
    "--series",
    is_flag=False,
    flag_value="auto",
    metavar="[date|LEVEL]",
    help="Also a map of each date of the plan, or of each unit of a level, such as county; "
    "alone, after RUN: by date where there are several, else by the lowest level.",
)
@click.option("--plan", type=click.Path(path_type=Path), help="Plan of the run, for a series by date.")
@click.option("--style", "style_file", type=click.Path(path_type=Path), help="Style of the maps.")
@click.option(
    "--write-style", type=click.Path(path_type=Path), help="Write the default style into this file, to be edited."
)
@click.option("--dpi", type=click.IntRange(50, 1200), help="Dots per inch of PNG; by the style otherwise.")
@click.option("--size", help="A5, A4, A3, A2, or width x height in mm, such as 180x120; by the style otherwise.")
@click.option("--overwrite", is_flag=True, help="Replace maps that were changed by hand.")
@verbosity
def maps(
    run: Path | None,
    output: Path | None,
    formats: tuple[str, ...],
    per_unit: bool,
    units: tuple[str, ...],
    series: str | None,
    plan: Path | None,
    style_file: Path | None,
    write_style: Path | None,
    dpi: int | None,
    size: str | None,
    overwrite: bool,
) -> None:
    """Draw all maps of RUN, the output folder of a finished run, again: before, after and change.

    The same run and style give the same files, byte for byte. Files of others in the folder of the maps stay.
    """
    if write_style is not None:
        from geomerge.atlas import write_style as write

        click.echo(write(write_style))
        if run is None:
            return
    if run is None:
        raise click.UsageError("Missing argument 'RUN'.")
    from geomerge.atlas import read_style, write_maps
    from geomerge.threads import cores

    paths = write_maps(
        run,
        output or run.resolve().with_name(f"{run.resolve().name}_maps"),
        formats=formats,  # type: ignore[arg-type]
        per_unit=per_unit,
        units=units,
        series=series,
        plan=plan,
        style=read_style(style_file).printed(size=size, dpi=dpi),
        overwrite=overwrite,
        workers=cores(),
    )
    folder = paths[0].parent
    click.echo(f"{folder}  {len(paths)} maps  {sum(path.stat().st_size for path in paths):,} bytes".replace(",", " "))
