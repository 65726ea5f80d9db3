"""Everything a job names, read and brought into one CRS, with codes as text; faults of all layers told together."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import CRS

from geomerge import layers
from geomerge.codes import as_codes, mapped
from geomerge.crs import require_projected, same_crs
from geomerge.errors import CRSError, InputError
from geomerge.files.guards import SIDECARS
from geomerge.job import FileLayer, Job, LayerConfig, SubunitsConfig
from geomerge.parts import Subunits
from geomerge.plan import Plan
from geomerge.planfile import read_plan


@dataclass(frozen=True)
class Loaded:
    """A layer as it is in its file, and as it is worked with: codes as text, geometry in the CRS of the job."""

    config: FileLayer
    info: layers.Info
    original: Any
    table: Any

    @property
    def spatial(self) -> bool:
        """Whether the layer has geometry."""
        return isinstance(self.table, gpd.GeoDataFrame)

    def misfits(self, codes: Iterable[str]) -> list[str]:
        """Return the codes that the column they go to cannot hold."""
        numeric = pd.api.types.is_numeric_dtype(self.original[self.config.code].dtype)
        return [code for code in codes if numeric and not code.isdigit()]

    def in_source_type(self, codes: pd.Series) -> pd.Series:
        """Return codes in the type of the column they go to."""
        if pd.api.types.is_numeric_dtype(self.original[self.config.code].dtype):
            return mapped(codes, int)
        return codes


@dataclass(frozen=True)
class Inputs:
    """What a job works on."""

    job: Job
    plan: Plan
    units: Loaded
    layers: dict[str, Loaded]
    districts: Subunits | None
    parcels: Subunits | None

    @property
    def files(self) -> dict[str, Path]:
        """Every file that was read, the job among them, by its path from the folder of the job."""
        plan = self.job.file(self.job.plan)
        configs: list[FileLayer | SubunitsConfig] = [self.job.units, *self.job.layers]
        configs += [config for config in (self.job.districts, self.job.parcels) if config is not None]
        paths = [plan, *(self.job.file(config.path) for config in configs)]
        paths += [str(Path(plan).parent / layers.split_name(name)[0]) for name in self.plan.files()]
        named = [Path(path.removeprefix("zip://").partition("!")[0]) for path in paths]
        shapes = [name for name in named if name.suffix.lower() == ".shp"]
        beside = [name.with_name(name.stem + suffix) for name in shapes for suffix in SIDECARS]
        found = [*named, *(path for path in beside if path.exists())]
        found += [self.job.path] if self.job.path else []
        folder = Path(self.job.file("."))
        return {PurePath(os.path.relpath(path, folder)).as_posix(): path for path in sorted(found)}


def read_inputs(job: Job) -> Inputs:
    """Read what a job names; InputError with the faults of all its files."""
    faults: list[str] = []

    def attempt(read: Any, *arguments: Any) -> Any:
        try:
            return read(*arguments)
        except InputError as error:
            faults.extend(error.faults)
            return None

    plan = attempt(read_plan, job.file(job.plan))
    wanted = CRS(job.crs) if job.crs else None  # the job made sure that it is known
    units = attempt(_read_units, job, wanted)
    crs = wanted or (units.table.crs if units is not None else None)
    loaded = {config.name: attempt(_read_layer, job, config, crs) for config in job.layers}
    districts = attempt(_read_subunits, job, job.districts, crs) if job.districts else None
    parcels = attempt(_read_subunits, job, job.parcels, crs) if job.parcels else None
    plan = attempt(plan.to_crs, crs) if plan is not None and crs is not None else plan
    faults += _collisions([layer for layer in (units, *loaded.values()) if layer is not None])
    if faults or units is None:
        raise InputError(*dict.fromkeys(faults))
    return Inputs(job, plan, units, loaded, districts, parcels)


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


def _read_layer(job: Job, config: LayerConfig, crs: Any) -> Loaded:
    follows = config.follows
    wanted = [
        config.code,
        config.id,
        *config.key,
        config.key_text,
        *((follows.foreign_key, follows.by) if follows else ()),
    ]
    led = [other.follows.key for other in job.layers if other.follows and other.follows.layer == config.name]
    return _load(job, config, [*dict.fromkeys(column for column in [*wanted, *led] if column)], crs)


def _read_subunits(job: Job, config: SubunitsConfig, crs: Any) -> Subunits:
    table = layers.read(job.file(config.path), config.layer)
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{config.path} has no geometry, so it cannot name a part.")
    _require(table, [column for column in (config.key, config.code) if column], config.path)
    return Subunits(_located(table, config.path, None, crs), config.key, config.code)


def _load(job: Job, config: FileLayer, columns: list[str] | None, crs: Any) -> Loaded:
    info = layers.describe(job.file(config.path), config.layer, config.encoding)
    _require(info.fields, [config.code], config.path)
    original = layers.read(job.file(config.path), config.layer, columns=columns, encoding=config.encoding)
    table = original.copy()
    if isinstance(table, gpd.GeoDataFrame):
        table = _located(table, config.path, config.crs, crs)
    table[config.code] = as_codes(table[config.code], config.code_width, f"Column {config.code} of {config.path}")
    return Loaded(config, info, original, table)


def _located(table: gpd.GeoDataFrame, name: str, given: str | None, crs: Any) -> gpd.GeoDataFrame:
    """Bring a table into the working CRS; vertices are moved, and nothing is cut before."""
    if given is not None and table.crs is not None and not same_crs(table.crs, CRS(given)):
        raise CRSError(f"{name} declares {table.crs.to_string()}, but the job says {given}. Correct one of them.")
    if table.crs is None and given is None:
        raise CRSError(f"{name} does not say which CRS it is in. State it in the job (crs: EPSG:...).")
    table = table if table.crs is not None else table.set_crs(CRS(given))
    return table if crs is None or same_crs(table.crs, crs) else table.to_crs(crs)


def _require(known: Any, wanted: list[str], name: str) -> None:
    present = list(known.columns) if isinstance(known, pd.DataFrame) else list(known)
    if missing := [column for column in wanted if column not in present]:
        raise InputError(
            f"{name} has no column {', '.join(missing)}. It has {', '.join(map(str, present))}. "
            f"Name the right column in the job."
        )
