"""Everything a job names, read and brought into one CRS, with codes as text; faults of all layers told together."""

from __future__ import annotations

import os.path
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geomerge import layers
from geomerge.codes import as_codes
from geomerge.costs import Costs
from geomerge.crs import require_projected, same_crs
from geomerge.databases import is_database
from geomerge.decisions import COLUMNS
from geomerge.decisions.files import read_decisions
from geomerge.errors import CRSError, InputError
from geomerge.files.guards import SIDECARS
from geomerge.job import FileLayer, Job, LayerConfig, SubunitsConfig
from geomerge.layers.snapshots import Snapshots
from geomerge.loaded import InMemory, Later, Loaded, apart
from geomerge.memory import PLANNED, RESERVE, in_use, require_enough
from geomerge.partitions import surveyed
from geomerge.parts import Subunits
from geomerge.plan import Plan
from geomerge.planfile import read_plan
from geomerge.recode.faults import register_faults
from geomerge.recode.sources import units_table

HELD_ROW = 450  # bytes of memory that a row takes while its layer is worked on as a whole


@dataclass(frozen=True)
class Inputs:
    """What a job works on; in so many bytes of ``memory``, where these are limited."""

    job: Job
    plan: Plan
    units: Loaded
    layers: dict[str, Loaded]
    districts: Subunits | None
    parcels: Subunits | None
    streets: Mapping[str, pd.DataFrame]
    decisions: pd.DataFrame
    memory: int | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Every file that was read, the job among them, by its path from the folder of the job."""
        return files_of(self.job, self.plan)


def files_of(job: Job, plan: Plan) -> dict[str, Path]:
    """Return every file that a job reads, the job among them, by its path from the folder of the job."""
    plan_file = job.file(job.plan)
    configs: list[FileLayer | SubunitsConfig] = [job.units, *job.layers]
    configs += [config for config in (job.districts, job.parcels) if config is not None]
    paths = [plan_file, *(job.file(config.path) for config in configs)]
    paths += [str(Path(plan_file).parent / layers.split_name(name)[0]) for name in plan.files()]
    paths += [name for name in [job.file(job.decisions)] if Path(name).exists()]
    paths += [job.file(layer.streets.table) for layer in job.layers if layer.streets and layer.streets.table]
    paths += [job.file(register.source) for register in job.registers if not register.is_database]
    named = [Path(path.removeprefix("zip://").partition("!")[0]) for path in paths]
    shapes = [name for name in named if name.suffix.lower() == ".shp"]
    beside = [name.with_name(name.stem + suffix) for name in shapes for suffix in SIDECARS]
    found = [*named, *(path for path in beside if path.exists())]
    found += [job.path] if job.path else []
    folder = Path(job.file("."))
    databases = job.snapshots.names if job.snapshots is not None else {}
    return {databases.get(path) or PurePath(os.path.relpath(path, folder)).as_posix(): path for path in sorted(found)}


def with_snapshots(job: Job) -> Job:
    """Return the job with its databases read, each as of one moment, into files that stand for them."""
    if job.snapshots is not None:
        return job
    wanted: dict[str, list[str | None]] = {}
    for config in (job.units, *job.layers, job.districts, job.parcels):
        if config is not None and is_database(config.path):
            wanted.setdefault(config.path, []).append(config.layer)
    return job.with_snapshots(Snapshots(wanted))


def read_inputs(
    job: Job, costs: Costs | None = None, *, sound: Container[str] = (), memory: int | None = None
) -> Inputs:
    """Read what a job names; InputError with the faults of all its files.

    Layers that are known to be ``sound`` are read when their rows are first asked for. Where ``memory`` is limited,
    to so many bytes, layers that can be read part by part are only looked through.
    """
    faults: list[str] = []
    costs = costs or Costs()
    job = with_snapshots(job)

    def attempt(what: str, read: Any, *arguments: Any) -> Any:
        try:
            with costs.of(f"read {what}"):
                return read(*arguments)
        except InputError as error:
            faults.extend(map(job.snapshots.named, error.faults) if job.snapshots else error.faults)
            return None

    plan = attempt("the plan", read_plan, job.file(job.plan))
    wanted = CRS(job.crs) if job.crs else None  # the job made sure that it is known
    units = attempt("units", _read_units, job, wanted)
    crs = wanted or (units.table.crs if units is not None else None)
    tables = plan is not None and any(rule.table for rule in plan.keys)  # what one leaves over all rows tell together
    loaded: dict[str, Any] = {}
    for config in job.layers:
        given = (job, config, crs, memory, config.by_rows and not (tables and config.key))
        if config.name in sound and not faults:
            read = partial(_read_layer, *given)
            loaded[config.name] = Later(config, attempt(config.name, _described, job, config), read)
        else:
            loaded[config.name] = attempt(config.name, _read_layer, *given)
    districts = attempt("districts", _read_subunits, job, job.districts, crs) if job.districts else None
    parcels = attempt("parcels of the plan", _read_subunits, job, job.parcels, crs) if job.parcels else None
    named = {config.name: config.streets.table for config in job.layers if config.streets and config.streets.table}
    streets = {name: attempt(f"streets of {name}", _read_streets, job, table, name) for name, table in named.items()}
    decisions = attempt("decisions", _read_decisions, Path(job.file(job.decisions)))
    plan = attempt("the areas of the plan", plan.to_crs, crs) if plan is not None and crs is not None else plan
    faults += _collisions([layer for layer in (units, *loaded.values()) if layer is not None])
    if job.registers:
        with costs.of("look at registers"):
            known = None if units is None else units_table(units.attributes, job.units)
            faults += register_faults(job, plan, known, sound)
    if faults or units is None:
        raise InputError(*dict.fromkeys(faults))
    if memory is not None:
        require_enough(memory, _least(loaded.values()), "this job")
    return Inputs(job, plan, units, loaded, districts, parcels, streets, decisions, memory)


def _least(loaded: Iterable[Loaded]) -> int:
    """Return the bytes of memory that a job takes at least: what it holds already, and what its rows take."""
    held = [layer for layer in loaded if not isinstance(layer, Later)]
    parts = [layer.partitions.least for layer in held if layer.partitions is not None]
    whole = sum(len(layer.rows) for layer in held) * HELD_ROW
    return int((in_use() + RESERVE + max(parts, default=0) + whole) / PLANNED)


def _collisions(loaded: Sequence[Loaded]) -> Iterator[str]:
    """Find layers that would overwrite each other in the results."""
    written: dict[tuple[str, str | None], Loaded] = {}
    sources: dict[str, str] = {}
    for layer in loaded:
        target, name = layer.config.target, layer.info.layer
        if sources.setdefault(target, layer.info.path) != layer.info.path:
            yield (
                f"{layer.info.path} and {sources[target]} would both be written to layers/{target}. "
                f"Rename one of them, or ask for another format for one (format)."
            )
        elif written.setdefault((target, name), layer) is not layer:
            yield f"{layer.config.path} {name or ''} stands twice in the job. Name each layer once.".replace("  ", " ")


def _read_units(job: Job, crs: CRS | None) -> Loaded:
    config = job.units
    loaded = _load(job, config, None, crs)
    if not loaded.spatial:
        raise InputError(f"{config.path} has no geometry. Units are polygons.")
    layers.refuse_curves(loaded.info, "units are drawn anew where they merge")
    if loaded.table.empty:
        raise InputError(f"{config.path} is empty. A reform needs the units of the day before.")
    if (empty := loaded.table.index[loaded.table[config.code].isna()]).size:
        rows = ", ".join(map(str, empty[:5]))
        raise InputError(
            f"Column {config.code} of {config.path} is empty in {empty.size} rows (row {rows}). Fill it in."
        )
    require_projected(loaded.table, f"The layer of units {config.path}")
    wanted = [
        config.name,
        *(level.code for level in config.levels),
        *(level.label for level in config.levels),
    ]
    _require(loaded.original, [*filter(None, wanted), *config.attributes], config.path)
    kinds = set(shapely.get_type_id(loaded.table.geometry.dropna().to_numpy()).tolist()) - {3, 6}
    if kinds:
        raise InputError(f"{config.path} holds other geometries than polygons. Units are polygons or multipolygons.")
    return loaded


def _read_layer(job: Job, config: LayerConfig, crs: Any, memory: int | None, by_parts: bool) -> Loaded:
    follows = config.follows
    wanted = [
        config.code,
        config.id,
        *config.key,
        config.key_text,
        *((follows.foreign_key, follows.by) if follows else ()),
        *(config.streets.columns if config.streets else ()),
    ]
    led = [other.follows.key for other in job.layers if other.follows and other.follows.layer == config.name]
    columns = [*dict.fromkeys(column for column in [*wanted, *led] if column)]
    if memory is not None:
        info = _described(job, config)
        _require(info.fields, [config.code, *columns], info.name)
        if by_parts and (parted := layers.parted(info, columns)) is not None:
            source = parted.source.located(_declared(info.crs, config.path, config.crs))
            what = f"Column {config.code} of {config.path}"
            partitions = surveyed(parted, config.code, config.code_width, what)
            return apart(config, info, partitions.empty, source, crs, partitions)
        what = f"{config.path}, which is worked on as a whole,"
        require_enough(memory, in_use() + RESERVE + layers.size_in_memory(info), what)
    return _load(job, config, columns, crs)


def _read_decisions(path: Path) -> pd.DataFrame:
    """Return what people decided; nothing where there is no file of it."""
    return read_decisions(path) if path.exists() else pd.DataFrame(columns=COLUMNS, dtype="str")


def _read_streets(job: Job, path: str, layer: str) -> pd.DataFrame:
    """Return the table of new street codes of a layer, without rows of other layers where it tells them apart."""
    table = pd.DataFrame(layers.read(job.file(path)))
    return table[table["layer"] == layer] if "layer" in table.columns else table


def _read_subunits(job: Job, config: SubunitsConfig, crs: Any) -> Subunits:
    table = layers.read(job.file(config.path), config.layer)
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{config.path} has no geometry, so it cannot name a part.")
    _require(table, [column for column in (config.key, config.code) if column], config.path)
    return Subunits(_located(table, config.path, None, crs), config.key, config.code)


def _described(job: Job, config: FileLayer) -> layers.Info:
    return layers.describe(job.file(config.path), config.layer, config.encoding)


def _load(job: Job, config: FileLayer, columns: list[str] | None, crs: Any) -> Loaded:
    info = _described(job, config)
    what = f"Column {config.code} of {config.path}"
    _require(info.fields, [config.code], config.path)
    _require(info.fields, columns or [], info.name)
    found = layers.read_apart(info, columns) if columns is not None else None
    if found is not None:
        rows, features = found
        return apart(config, info, rows, features.located(_declared(info.crs, config.path, config.crs)), crs)
    original = layers.read(job.file(config.path), config.layer, columns=columns, encoding=config.encoding)
    codes = as_codes(original[config.code], config.code_width, what)
    if not isinstance(original, gpd.GeoDataFrame):
        return Loaded(config, info, original, codes, None, None, None)
    rows = pd.DataFrame(original.drop(columns=original.geometry.name))
    table = _located(original, config.path, config.crs, crs).assign(**{config.code: codes})
    return Loaded(config, info, rows, codes, InMemory(original), InMemory(table), None)


def _located(table: gpd.GeoDataFrame, name: str, given: str | None, crs: Any) -> gpd.GeoDataFrame:
    """Bring a table into the working CRS; vertices are moved, and nothing is cut before."""
    there = _declared(table.crs, name, given)
    table = table if table.crs is not None else table.set_crs(there)
    if there.is_geographic and len(table) and (widest := float(np.nanmax(np.abs(table.total_bounds), initial=0))) > 400:
        raise CRSError(
            f"{name} is said to be in {there.to_string()}, but its coordinates, up to {widest:.0f}, are no degrees. "
            f"Give the file the CRS it is in, such as with ogr2ogr -a_srs EPSG:25832."
        )
    return table if crs is None or same_crs(there, crs) else table.to_crs(crs)


def _declared(declared: CRS | None, name: str, given: str | None) -> CRS:
    """Return the CRS of a file; CRSError if it names none and none is stated, or another one."""
    if given is not None and declared is not None and not same_crs(declared, CRS(given)):
        raise CRSError(f"{name} declares {declared.to_string()}, but the job says {given}. Correct one of them.")
    if declared is None and given is None:
        raise CRSError(f"{name} does not say which CRS it is in. State it in the job (crs: EPSG:...).")
    return declared if declared is not None else CRS(given)


def _require(known: Any, wanted: list[str], name: str) -> None:
    present = list(known.columns) if isinstance(known, pd.DataFrame) else list(known)
    if missing := [column for column in wanted if column not in present]:
        raise InputError(
            f"{name} has no column {', '.join(missing)}. It has {', '.join(map(str, present))}. "
            f"Name the right column in the job."
        )
