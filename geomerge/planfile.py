"""Read a plan from a file people can read aloud (YAML), or from a table (CSV, XLSX) with the same words."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from geomerge import layers
from geomerge.documents import beside, load
from geomerge.errors import InputError, PlanFormatError
from geomerge.plan import Plan
from geomerge.plantable import load_table


def read_plan(path: str | Path) -> Plan:
    """Read a plan, and the tables its parts refer to, relative to the folder of the plan.

    Parameters
    ----------
    path
        YAML, CSV (UTF-8) or XLSX (first sheet). A table has the columns ``date, event, unit, to, name,
        parent, area, line, side, holding, districts, keys, former, edition, remainder, note``, of which
        only ``date``, ``event`` and ``unit`` must be there; ``unit`` holds one code or several, separated
        by blanks; the rows of a split stand one below the other, one for each new unit.

    Returns
    -------
    Plan

    Raises
    ------
    PlanFormatError
        If the file is not well-formed; all faults with their lines, or rows.
    InputError
        If files the plan refers to cannot be read; all of them.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        plan = load(path, Plan)
    elif suffix in (".csv", ".xlsx"):
        plan = load_table(path)
    else:
        raise PlanFormatError(f"{path} is no plan. A plan is a YAML (.yaml), CSV or XLSX file.")
    faults: list[str] = []
    sources = {}
    for name in plan.files():
        try:
            sources[name] = read_source(path.parent, name)
        except InputError as error:
            faults += [f"{path} refers to {name}. {fault}" for fault in error.faults]
    if faults:
        raise InputError(*faults)
    return plan.model_copy(update={"sources": sources})


def read_source(folder: Path, name: str) -> gpd.GeoDataFrame:
    """Read a layer that a plan refers to by a name such as ``editions.gpkg|units``."""
    file, layer = layers.split_name(name)
    found = layers.read(beside(folder, file), layer)
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(f"{name} has no geometry, so it cannot show where a part lies.")
    return found
