"""Plans in files people can read aloud (YAML), or in tables (CSV, XLSX) with the same words: read and written."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from geomerge.documents import beside, load
from geomerge.errors import InputError, LayerError, PlanFormatError
from geomerge.files.guards import staged
from geomerge.findings import Finding
from geomerge.keylayout import as_texts
from geomerge.plan import Plan
from geomerge.plantable import COLUMNS, load_keys, load_table, rows_of

if TYPE_CHECKING:  # a plan that names no layer is read without the time to load what reads them
    import geopandas as gpd
    import pandas as pd

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_plan(path: str | Path) -> Plan:
    """Read a plan, and the tables its parts refer to, relative to the folder of the plan.

    Parameters
    ----------
    path
        YAML, CSV (UTF-8) or XLSX (first sheet). A table has the columns ``date, event, unit, to, name,
        parent, area, line, side, holding, districts, keys, former, before, edition, remainder, share, by,
        evidence, note``, of which only ``date``, ``event`` and ``unit`` must be there; ``unit`` holds one code
        or several, separated by blanks; the rows of a split stand one below the other, one for each new unit.

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
    readers = {**dict.fromkeys(plan.files(), read_source), **dict.fromkeys(plan.key_files(), read_keys)}
    for name, reader in readers.items():
        try:
            sources[name] = reader(path.parent, name)
        except InputError as error:
            faults += [f"{path} refers to {name}. {fault}" for fault in error.faults]
    if faults:
        raise InputError(*faults)
    return plan.model_copy(update={"sources": sources})


def read_source(folder: Path, name: str) -> gpd.GeoDataFrame:
    """Read a layer that a plan refers to by a name such as ``editions.gpkg|units``."""
    import geopandas as gpd

    from geomerge import layers

    file, layer = layers.split_name(name)
    found = layers.read(beside(folder, file), layer)
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(f"{name} has no geometry, so it cannot show where a part lies.")
    return found


def read_keys(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of old and new keys that a plan refers to; all its columns are text."""
    import pandas as pd

    from geomerge import layers

    file, layer = layers.split_name(name)
    if layer is None and file.lower().endswith(".xlsx"):
        return load_keys(Path(beside(folder, file)))
    return pd.DataFrame(layers.read(beside(folder, file), layer)).apply(as_texts)


def write_plan(plan: Plan, path: str | Path, *, overwrite: bool = False, findings: list[Finding] | None = None) -> Path:
    """Write a plan, and beside it the tables its parts refer to; :func:`read_plan` reads the same plan again.

    All files appear together, when they are complete.

    Parameters
    ----------
    plan
        The plan; its ``sources`` are written under the names the parts have for them, unless they are there.
    path
        YAML, or CSV; a table cannot hold a title, rules for keys and names of parents.
    overwrite
        Replace files of sources that hold something else.
    findings
        List that collects what the format of a source cannot hold; without it, findings become warnings.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    PlanFormatError
        If the suffix is another, or a table cannot hold the plan.
    LayerError
        If a file cannot be written, or one that a part refers to is there and holds something else.
    """
    path = Path(path)
    require_plan_file(path)
    text = _as_table(plan) if path.suffix.lower() == ".csv" else _as_yaml(plan)
    with contextlib.ExitStack() as together:
        for file, sources in _missing_sources(plan, path.parent, overwrite).items():
            new = together.enter_context(staged(file))
            for layer, table in sources.items():
                _write_source(table, new, layer, findings)
        together.enter_context(staged(path)).write_text(text, encoding="utf-8", newline="\n")
    return path


def require_plan_file(path: Path) -> None:
    """Raise PlanFormatError if a plan cannot be written to a file of that name."""
    if path.suffix.lower() not in (".yaml", ".yml", ".csv"):
        raise PlanFormatError(f"{path} cannot be written. Name a YAML (.yaml) or CSV file.")


def _missing_sources(plan: Plan, folder: Path, overwrite: bool) -> dict[Path, dict[str | None, gpd.GeoDataFrame]]:
    """Return the tables to write, by file and layer; those that are there stay, others must not be replaced."""
    from geomerge.layers import split_name

    files: dict[Path, dict[str | None, gpd.GeoDataFrame]] = {}
    faults = []
    for name, table in plan.sources.items():
        file, layer = split_name(name)
        path = Path(beside(folder, file))
        if overwrite or not path.exists():
            files.setdefault(path, {})[layer] = table
        elif not _holds(folder, name, table):
            faults.append(
                f"{path} is there and does not hold what the plan means by {name}. Write the plan to another folder, "
                f"or allow that the file is replaced (overwrite)."
            )
    if faults:
        raise LayerError(*faults)
    return files


def _holds(folder: Path, name: str, table: gpd.GeoDataFrame) -> bool:
    import geopandas as gpd
    import shapely

    from geomerge.crs import same_crs

    try:
        if not isinstance(table, gpd.GeoDataFrame):
            return read_keys(folder, name).reset_index(drop=True).equals(table.reset_index(drop=True))
        found = read_source(folder, name)
    except InputError:
        return False
    if not same_crs(found.crs, table.crs) or len(found) != len(table):
        return False
    shapes, wanted = found.geometry.to_numpy(), table.geometry.to_numpy()
    return bool(shapely.equals_exact(shapes, wanted, tolerance=1e-9, normalize=True).all())


def _write_source(table: gpd.GeoDataFrame, path: Path, layer: str | None, findings: list[Finding] | None) -> None:
    from geomerge.export import export

    export(table, path, layer=layer, findings=findings)


def _as_table(plan: Plan) -> str:
    rows = rows_of(plan)
    used = [column for column in COLUMNS if any(column in row for row in rows)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, used, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _as_yaml(plan: Plan) -> str:
    document: dict[str, Any] = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    document["events"] = [event.record() for event in plan.events]
    ordered = {name: document[name] for name in ("title", "date", "events", "parents", "keys") if name in document}
    return yaml.dump(ordered, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes codes in quotes and dates without, as people do."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        if _DATE.fullmatch(data):
            return self.represent_scalar("tag:yaml.org,2002:timestamp", data)
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"' if data.isdigit() else None)

    def represent_list(self, data: Iterable[Any]) -> yaml.SequenceNode:
        inline = all(isinstance(item, str | int | float) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=inline)


_Dumper.add_representer(str, _Dumper.represent_str)
_Dumper.add_representer(list, _Dumper.represent_list)
