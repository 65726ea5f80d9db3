"""What the maps of a run are drawn from: its units before and after, its boundary lines, its pieces and its levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geomerge.errors import InputError
from geomerge.previous import BOUNDARIES
from geomerge.verify.finished import Finished, read_finished

PARENTS = "parents.csv"
TABLES = ("units_before", "units", "boundary_lines", "pieces")


@dataclass(frozen=True)
class Reform:
    """The tables of a reform that maps show.

    ``levels`` holds the table of each level, the lowest first; ``parents`` the level, the code of each unit after
    and the code of its parent.
    """

    title: str
    dates: tuple[str, ...]
    before: gpd.GeoDataFrame
    after: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame
    pieces: gpd.GeoDataFrame
    levels: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)
    parents: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["level", "new_code", "new_parent"]))
    hashes: frozenset[str] = frozenset()  # of what the run read

    @property
    def codes(self) -> list[str]:
        """Codes of all units, before and after."""
        return list(dict.fromkeys([*self.after["code"], *self.before["code"]]))

    @property
    def days(self) -> tuple[str, ...]:
        """The first and the last date, or the only one."""
        return tuple(dict.fromkeys([*self.dates[:1], *self.dates[-1:]]))

    def successors(self, code: str) -> list[str]:
        """Return the units after that have land of a unit before."""
        mine = self.pieces["new_code"][self.pieces["old_code"] == code]
        return list(dict.fromkeys(mine.dropna()))


def read_run(folder: str | Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return units before, units after and boundary lines of a finished run, as :func:`geomerge.change_map` takes them.

    Parameters
    ----------
    folder
        Output folder of a run.

    Returns
    -------
    tuple of GeoDataFrame
        Units before and units after with ``code``, ``name`` and ``change``; lines with ``status``.

    Raises
    ------
    InputError
        If the folder holds no finished run.

    Examples
    --------
    In a notebook, the map of what changes::

        geomerge.change_map(*geomerge.read_run("out"), show="change")
    """
    reform = read_reform(folder)
    return reform.before, reform.after, reform.lines


def read_reform(folder: str | Path) -> Reform:
    """Read what maps show from the folder of a finished run; InputError if it holds none."""
    finished = read_finished(Path(folder))
    if missing := [name for name in TABLES if name not in finished.boundaries]:
        raise InputError(f"{finished.folder / BOUNDARIES} has no layer {', '.join(missing)}. Repeat the run.")
    before, after, lines, pieces = (finished.boundary(name) for name in TABLES)
    before, after = (_named(table) for table in (before, after))
    levels = {name: _named(finished.boundary(name)) for name in finished.levels}
    order = sorted(levels, key=lambda name: (-len(levels[name]), name))
    return Reform(
        str(finished.manifest["title"]),
        tuple(finished.manifest.get("dates", ())),
        before,
        after,
        lines,
        pieces,
        {name: levels[name] for name in order},
        _parents(finished),
        frozenset(known["sha256"] for known in finished.manifest.get("inputs", ())),
    )


def _named(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a table with names that are text; what has none, or only its code, has the empty one."""
    names = table["name"].astype(object).where(table["name"].notna() & (table["name"] != table["code"]), "")
    return table.assign(name=names.astype(str))


def _parents(finished: Finished) -> pd.DataFrame:
    path = finished.folder / PARENTS
    columns = ["level", "new_code", "new_parent"]
    if not path.exists():
        return pd.DataFrame(columns=columns)
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, usecols=columns)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path} is damaged: {error}. Repeat the run.") from error
