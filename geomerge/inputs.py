"""Everything a job names, read and brought into one CRS, with codes as text; faults of all layers told together."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geomerge import layers
from geomerge.codes import as_codes, mapped
from geomerge.costs import Costs
from geomerge.crs import require_projected, same_crs
from geomerge.errors import CRSError, InputError
from geomerge.features import Features, Held
from geomerge.files.guards import SIDECARS
from geomerge.files.places import InGeoPackage, Reprojected
from geomerge.files.rowgroups import InParquet
from geomerge.job import FileLayer, Job, LayerConfig, SubunitsConfig
from geomerge.parts import Subunits
from geomerge.plan import Plan
from geomerge.planfile import read_plan


@dataclass(frozen=True)
class Loaded:
    """A layer as it is in its file, and as it is worked with: codes as text, geometry in the CRS of the job.

    Parameters
    ----------
    config, info
        What the job says of the layer, and its file.
    rows
        The columns that are needed, as in the file.
    codes
        The code of each row, as text.
    source, features
        Where the rows lie: in the CRS of the file, and in that of the job. None where they have no place.
    """

    config: FileLayer
    info: layers.Info
    rows: pd.DataFrame
    codes: pd.Series
    source: InMemory | InGeoPackage | InParquet | None
    features: Features | None

    @property
    def spatial(self) -> bool:
        """Whether the layer has geometry."""
        return self.features is not None

    @cached_property
    def original(self) -> Any:
        """The rows with their geometry, all as in the file."""
        return self.rows if self.source is None else _whole(self.rows, self.source)

    @cached_property
    def table(self) -> Any:
        """The rows with codes as text and their geometry in the CRS of the job."""
        return self.attributes if self.features is None else _whole(self.attributes, self.features)

    @property
    def attributes(self) -> pd.DataFrame:
        """The rows with codes as text, without geometry."""
        return self.rows.assign(**{self.config.code: self.codes})

    def places(self, rows: pd.Index) -> gpd.GeoSeries | None:
        """Return the geometry of some rows, in their order in the file, in the CRS of the job."""
        if self.features is None:
            return None
        shapes = self.features.geometry(self.rows.index.get_indexer(rows))
        return gpd.GeoSeries(shapes, index=rows, crs=self.features.crs)

    @property
    def numeric(self) -> bool:
        """Whether the column of codes holds numbers."""
        return pd.api.types.is_numeric_dtype(self.rows[self.config.code].dtype)

    def misfits(self, codes: Iterable[str]) -> list[str]:
        """Return the codes that the column they go to cannot hold."""
        return [code for code in codes if self.numeric and not code.isdigit()]

    def in_source_type(self, codes: pd.Series) -> pd.Series:
        """Return codes in the type of the column they go to."""
        return mapped(codes, int) if self.numeric else codes


class InMemory(Held):
    """Features of which the whole table is at hand."""

    @property
    def table(self) -> gpd.GeoDataFrame:
        """The table."""
        return self._table

    def kinds(self) -> list[str]:
        """Return the types of geometry there are."""
        return [str(kind) for kind in self._table.geom_type.dropna().unique()]


def _whole(rows: pd.DataFrame, features: Features) -> gpd.GeoDataFrame:
    if isinstance(features, InMemory):
        return features.table
    return gpd.GeoDataFrame(rows, geometry=features.geometry(np.arange(len(features))), crs=features.crs)


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


def read_inputs(job: Job, costs: Costs | None = None) -> Inputs:
    """Read what a job names; InputError with the faults of all its files."""
    faults: list[str] = []
    costs = costs or Costs()

    def attempt(what: str, read: Any, *arguments: Any) -> Any:
        try:
            with costs.of(f"read {what}"):
                return read(*arguments)
        except InputError as error:
            faults.extend(error.faults)
            return None

    plan = attempt("the plan", read_plan, job.file(job.plan))
    wanted = CRS(job.crs) if job.crs else None  # the job made sure that it is known
    units = attempt("units", _read_units, job, wanted)
    crs = wanted or (units.table.crs if units is not None else None)
    loaded = {config.name: attempt(config.name, _read_layer, job, config, crs) for config in job.layers}
    districts = attempt("districts", _read_subunits, job, job.districts, crs) if job.districts else None
    parcels = attempt("parcels of the plan", _read_subunits, job, job.parcels, crs) if job.parcels else None
    plan = attempt("the areas of the plan", plan.to_crs, crs) if plan is not None and crs is not None else plan
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
    what = f"Column {config.code} of {config.path}"
    _require(info.fields, [config.code], config.path)
    _require(info.fields, columns or [], info.name)
    found = layers.read_apart(info, columns) if columns is not None else None
    if found is not None:
        rows, features = found
        there = _declared(info.crs, config.path, config.crs)
        source = features.located(there)
        codes = as_codes(rows[config.code], config.code_width, what)
        moved = source if crs is None or same_crs(there, crs) else Reprojected(source, CRS(crs))
        return Loaded(config, info, rows, codes, source, moved)
    original = layers.read(job.file(config.path), config.layer, columns=columns, encoding=config.encoding)
    codes = as_codes(original[config.code], config.code_width, what)
    if not isinstance(original, gpd.GeoDataFrame):
        return Loaded(config, info, original, codes, None, None)
    rows = pd.DataFrame(original.drop(columns=original.geometry.name))
    table = _located(original, config.path, config.crs, crs).assign(**{config.code: codes})
    return Loaded(config, info, rows, codes, InMemory(original), InMemory(table))


def _located(table: gpd.GeoDataFrame, name: str, given: str | None, crs: Any) -> gpd.GeoDataFrame:
    """Bring a table into the working CRS; vertices are moved, and nothing is cut before."""
    there = _declared(table.crs, name, given)
    table = table if table.crs is not None else table.set_crs(there)
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
