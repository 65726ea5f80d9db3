"""Histories by name, and from folders and plans: the units of a first day, and all changes since."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pandas as pd

from geomerge.documents import load
from geomerge.errors import InputError
from geomerge.files import csvfile
from geomerge.findings import Finding
from geomerge.history import History
from geomerge.planfile import read_plan
from geomerge.selectors import Date, Model, Text

DOCUMENT, CHANGES, UNITS, PARENTS = "history.yaml", "changes.csv", "units.csv", "parents.csv"


class HistoryDocument(Model):
    """What a history says of itself, in the file ``history.yaml`` of its folder."""

    title: Text
    level: Text = "unit"
    begin: Date
    known_until: Date | None = None
    source: Text


def shipped_histories() -> dict[str, Path]:
    """Return the folder of each history that ships with geomerge, by name.

    Examples
    --------
    >>> sorted(shipped_histories())
    ['NO']
    """
    folder = Path(str(resources.files("geomerge.histories")))
    return {found.parent.name.upper(): found.parent for found in sorted(folder.glob(f"*/{DOCUMENT}"))}


def read_history(source: str | Path, *, findings: list[Finding] | None = None) -> History:
    """Read a history by its name, from a folder, from a plan, or from an official list of changes.

    Parameters
    ----------
    source
        Name of a history that ships (``NO``); or a folder with ``history.yaml``, ``units.csv`` (``code``,
        ``name``, ``parent``), ``changes.csv`` (a plan as a table) and perhaps ``parents.csv`` (``code``,
        ``name``); or a plan (YAML, CSV, XLSX) or official list, which know only the units that change.
    findings
        List that collects what an official list leaves open; without it, findings become warnings.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If there is no such history, or a file of it cannot be used.
    Blocked
        If changes contradict the units, or each other.

    Examples
    --------
    >>> history = read_history("NO")
    >>> history.title, len(history.units_on("2020-01-01")), len(history.units_on("2024-01-01"))
    ('Municipalities of Norway', 356, 357)
    """
    known = shipped_histories()
    path = known.get(str(source).upper(), Path(source))
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise InputError(
            f"There is no history {source}. Name one that ships ({', '.join(sorted(known))}), a folder with "
            f"{DOCUMENT}, a plan, or an official list of changes."
        )
    if path.suffix.lower() in (".yaml", ".yml") or _is_plan_table(path):
        return History.of(read_plan(path))
    from geomerge.histories.reading import read_changes  # the histories that ship need no reader of official lists

    return History.of(read_changes(path, findings=findings))


def _is_plan_table(path: Path) -> bool:
    """Return whether a table has the columns of a plan."""
    return path.suffix.lower() == ".csv" and {"event", "unit"} <= set(csvfile.sniff(path).header)


def _from_folder(folder: Path) -> History:
    if missing := [name for name in (DOCUMENT, UNITS, CHANGES) if not (folder / name).is_file()]:
        raise InputError(f"{folder} is no history: it has no {' and no '.join(missing)}.")
    document = load(folder / DOCUMENT, HistoryDocument)
    parents = folder / PARENTS
    return History(
        read_plan(folder / CHANGES),
        _units(folder / UNITS, "code"),
        begin=document.begin,
        known_until=document.known_until,
        parents=_units(parents, "code", "name") if parents.is_file() else None,
        title=document.title,
        level=document.level,
        source=document.source,
    )


def _units(path: Path, *needed: str) -> pd.DataFrame:
    table = csvfile.read(path)
    if missing := [column for column in needed if column not in table.columns]:
        raise InputError(f"{path} has no column {', '.join(missing)}. It has {', '.join(table.columns)}.")
    if (empty := table.index[table["code"].isna()]).size:
        raise InputError(f"{path} row {empty[0] + 2}: the code is empty. Fill it in.")
    return table
