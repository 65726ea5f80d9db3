"""Atlas: all maps of a finished run, drawn again from its folder: the whole, each unit, each county or date."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from geomerge.atlas.dates import plan_of, states
from geomerge.atlas.folder import replaced, write_contents
from geomerge.atlas.page import draw_sheet
from geomerge.atlas.reform import Reform, read_reform, read_run
from geomerge.atlas.setting import Setting
from geomerge.atlas.sheets import Sheet, date_sheets, level_sheets, named_apart, overview_sheets, unit_codes, unit_sheet
from geomerge.atlas.style import DEFAULT, Style, read_style, require_font
from geomerge.drawing import changed_units
from geomerge.errors import InputError, LayerError
from geomerge.maps import METADATA, Format, save_figure
from geomerge.progress import progress

__all__ = ["Style", "read_run", "read_style", "write_maps", "write_style"]

DATE, AUTO = "date", "auto"  # series by date; by whichever there are several of
WORTH_IT: Final = 12  # sheets; fewer are drawn before other processes have begun


def write_maps(
    run: str | Path,
    target: str | Path,
    *,
    formats: Sequence[Format] = ("png",),
    per_unit: bool = False,
    units: Sequence[str] = (),
    series: str | None = None,
    plan: str | Path | None = None,
    style: Style | None = None,
    overwrite: bool = False,
    workers: int = 1,
) -> list[Path]:
    """Draw all maps of a finished run; the same run and style give the same bytes.

    Parameters
    ----------
    run
        Output folder of the run.
    target
        Folder of the maps. Maps that were made there before go, files of others stay.
    formats
        ``png``, ``svg`` and ``pdf``, or some of them.
    per_unit
        Whether to draw a map of each unit that changes in the way the style names.
    units
        Codes of units to draw maps of, whatever happens to them; former units stand for their successors.
    series
        ``date`` for a map of each date of the plan, the name of a level for one of each unit of that level in which
        something changes; ``auto`` for dates where there are several, else for the lowest level.
    plan
        File of the plan, for a series by date.
    style
        How the maps look (:func:`geomerge.atlas.read_style`).
    overwrite
        Replace maps that were changed by hand.
    workers
        Processes to draw in. A script that asks for more than one needs ``if __name__ == "__main__":``.

    Returns
    -------
    list of Path
        The files, in the order of the maps.

    Raises
    ------
    InputError
        If the folder holds no finished run, or a code, a level or a format is not known.
    LayerError
        If the target cannot be written, or maps in it were changed by hand.

    Examples
    --------
    ::

        geomerge.write_maps("out", "maps", formats=["png", "svg"], per_unit=True)
    """
    style = style or Style()
    target = Path(target)
    _require_formats(formats)
    require_font(style.font.family)
    reform = read_reform(run)
    sheets = list(overview_sheets(reform))
    if per_unit or units:
        codes = [*(unit_codes(reform, style) if per_unit else ()), *(unit_codes(reform, style, units) if units else ())]
        sheets += [unit_sheet(reform, code, style.units.view) for code in dict.fromkeys(codes)]
    if series is not None:
        sheets += _series(reform, series, plan)
    sheets = named_apart(sheets)
    formats = tuple(dict.fromkeys(formats))
    names = {f"{sheet.name}.{format}": sheet for sheet in sheets for format in formats}
    with replaced(target, list(names), run=Path(run), overwrite=overwrite) as stage:
        drawing = Drawing(Setting.of(style, changed_units(reform.before, reform.after)), formats)
        for files in progress(_drawn(drawing, sheets, workers), "maps", total=len(sheets)):
            for name, content in files.items():
                (stage / name).write_bytes(content)
        facts = {name: {"kind": sheet.kind, "code": sheet.code} for name, sheet in names.items()}
        write_contents(stage, reform.title, facts)
    return [target / name for name in names]


def write_style(target: str | Path) -> Path:
    """Write the style that holds where none is given, with comments, to be edited; LayerError if the file exists."""
    target = Path(target)
    if target.exists():
        raise LayerError(f"{target} exists. Name another file.")
    try:
        target.write_bytes(DEFAULT.read_bytes())
    except OSError as error:
        raise LayerError(f"{target} cannot be written: {error.strerror}. Name another file.") from error
    return target


@dataclass(frozen=True)
class Drawing:
    """What all sheets of a run are drawn with."""

    setting: Setting
    formats: tuple[Format, ...]

    def files(self, sheet: Sheet) -> dict[str, bytes]:
        """Return the files of a sheet by their names."""
        figure = draw_sheet(sheet, self.setting)
        found = {}
        for format in self.formats:
            buffer = io.BytesIO()
            save_figure(figure, buffer, format=format, dpi=self.setting.style.page.dpi)
            found[f"{sheet.name}.{format}"] = buffer.getvalue()
        return found


def _drawn(drawing: Drawing, sheets: Sequence[Sheet], workers: int) -> Iterator[dict[str, bytes]]:
    """Yield the files of each sheet, in order; processes, because drawing holds the interpreter."""
    draw: Callable[[Sheet], dict[str, bytes]] = partial(Drawing.files, drawing)
    if workers < 2 or len(sheets) < WORTH_IT:
        yield from map(draw, sheets)
        return
    with ProcessPoolExecutor(min(workers, len(sheets)), mp_context=get_context("spawn")) as pool:
        # what is known of the letters is handed on within a chunk
        yield from pool.map(draw, sheets, chunksize=max(1, len(sheets) // (4 * workers)))


def _series(reform: Reform, series: str, plan: str | Path | None) -> Iterator[Sheet]:
    """Return the sheets of a series; InputError where there is nothing to draw one from."""
    if series == AUTO:
        series = DATE if len(reform.dates) > 1 else next(iter(reform.levels), DATE)
    if series == DATE:
        if len(reform.dates) < 2:
            raise InputError(
                f"The run has one date, {''.join(reform.dates)}: the maps before and after show it. "
                f"Draw a series by level ({', '.join(reform.levels) or 'the run has none'})."
            )
        if plan is None:
            raise InputError(f"A series of {len(reform.dates)} dates needs the plan of the run. Name it (--plan).")
        return date_sheets(states(reform, plan_of(reform, plan)))
    if series not in reform.levels:
        known = ", ".join([DATE, *reform.levels])
        raise InputError(f"There is no series by {series} (--series). Use one of {known}.")
    return level_sheets(reform, series)


def _require_formats(formats: Sequence[str]) -> None:
    unknown = [format for format in formats if format not in METADATA]
    if unknown or not formats:
        raise InputError(
            f"Maps are not drawn as {', '.join(unknown) or 'nothing'} (--format). Use {', '.join(METADATA)}."
        )
