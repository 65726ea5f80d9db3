"""Loaded: a layer as it is in its file and as it is worked with, held in memory or read part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from geomerge import layers
from geomerge.codes import as_codes, mapped
from geomerge.crs import same_crs
from geomerge.features import Features, Held
from geomerge.files.places import InGeoPackage, Reprojected
from geomerge.files.rowgroups import InParquet
from geomerge.job import FileLayer
from geomerge.partitions import Partitions


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
    partitions
        The rows, part by part, of a layer that is not held in memory; None of any other.
    """

    config: FileLayer
    info: layers.Info
    rows: pd.DataFrame
    codes: pd.Series
    source: InMemory | InGeoPackage | InParquet | None
    features: Features | None
    partitions: Partitions | None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows) if self.partitions is None else self.partitions.count

    def parts(self, rows: int) -> Iterator[Loaded]:
        """Yield so many rows at a time, each part as a layer that is held in memory."""
        assert self.partitions is not None
        assert self.source is not None
        crs = None if self.features is None else self.features.crs
        for table, source in self.partitions.read(rows):
            yield apart(self.config, self.info, table, source.located(self.source.crs), crs)

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


class Later(Loaded):
    """A layer that is known to be in order: it is described, and read when its rows are first asked for."""

    def __init__(self, config: FileLayer, info: layers.Info, read: Callable[[], Loaded]) -> None:
        for name, value in (("config", config), ("info", info), ("_read", read)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in {field.name for field in fields(Loaded)}:
            raise AttributeError(name)
        loaded = self._read()
        for field in fields(Loaded):
            object.__setattr__(self, field.name, getattr(loaded, field.name))
        return getattr(self, name)


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


def apart(
    config: FileLayer,
    info: layers.Info,
    rows: pd.DataFrame,
    source: InGeoPackage | InParquet,
    crs: Any,
    partitions: Partitions | None = None,
) -> Loaded:
    """Return a layer whose geometry stays in its file."""
    codes = as_codes(rows[config.code], config.code_width, f"Column {config.code} of {config.path}")
    moved = source if crs is None or same_crs(source.crs, crs) else Reprojected(source, CRS(crs))
    return Loaded(config, info, rows, codes, source, moved, partitions)
