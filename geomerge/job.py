"""The job file: which plan, which units, which layers follow, and what to write."""

from __future__ import annotations

import codecs
from pathlib import Path, PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, field_validator
from pyproj import CRS
from pyproj.exceptions import CRSError as UnknownCRS

from geomerge.attributes import Policy
from geomerge.documents import beside, load


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_crs(name: str) -> str:
    name = f"EPSG:{name}" if name.isdigit() else name
    try:
        CRS.from_user_input(name)
    except UnknownCRS as error:
        raise ValueError(f"{name} is no CRS that PROJ knows; write it like EPSG:25832") from error
    return name


def _projected(name: str) -> str:
    if not CRS.from_user_input(name).is_projected:
        raise ValueError(f"areas cannot be measured in {name}; name a projected CRS, such as EPSG:25832")
    return name


def _known_encoding(name: str) -> str:
    """Return an encoding under the name that both Python and GDAL know: latin-1 is ISO-8859-1."""
    try:
        known = codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"{name} is no known encoding; write it like UTF-8 or ISO-8859-1") from error
    return known.replace("iso8859-", "ISO-8859-")


Text = Annotated[str, Field(min_length=1)]
KnownCRS = Annotated[Text, AfterValidator(_known_crs)]


RESERVED = frozenset(
    ["units", "units_before", "pieces", "boundary_lines", "inserted_corners", "findings", "layer_styles"]
)


class FileLayer(_Model):
    """A layer of a file; paths are relative to the job file.

    Parameters
    ----------
    path, layer
        The file, and the layer where it has several.
    code
        Column with the code of the unit.
    code_width
        Number of digits of a code, where the column holds numbers that lost their zeros.
    encoding
        Encoding of the text, where the file does not declare the right one.
    crs
        CRS of the file, where it does not declare one.
    """

    path: Text
    layer: Text | None = None
    code: Text
    code_width: Annotated[int, Field(ge=1)] | None = None
    encoding: Annotated[Text, AfterValidator(_known_encoding)] | None = None
    crs: KnownCRS | None = None

    @property
    def target(self) -> str:
        """Name of the file the layer is written to."""
        return PurePath(self.path.rpartition("!")[2]).name


def _free(name: str) -> str:
    if name.casefold() in RESERVED:
        raise ValueError(f"{name} is the name of a table of every run; choose another")
    return name


Name = Annotated[str, Field(pattern=r"^[\w-]+$"), AfterValidator(_free)]


class LevelConfig(_Model):
    """A parent level: its name, the column of the units with its code, and the column with its name."""

    name: Name
    code: str | None = None
    label: str | None = None


class UnitsConfig(FileLayer):
    """The units of the day before."""

    name: str | None = None
    levels: tuple[LevelConfig, ...] = ()
    attributes: dict[str, Policy] = Field(default_factory=dict)

    @field_validator("levels")
    @classmethod
    def _distinct(cls, levels: tuple[LevelConfig, ...]) -> tuple[LevelConfig, ...]:
        names = [level.name.casefold() for level in levels]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several levels are named {', '.join(repeated)}")
        return levels


class Follows(_Model):
    """How the rows of a table refer to the features of another layer."""

    layer: str
    foreign_key: str
    key: str
    by: str | None = None


class LayerConfig(FileLayer):
    """A layer that follows the reform.

    Parameters
    ----------
    name
        What it is called in the results.
    id
        Column that identifies a row for good, kept through the reform; the row number where there is none.
    key
        Columns that make up its key below the unit, the leading number first; the key rules of the plan
        apply to them.
    key_text
        Column that holds the key as text; its leading number follows.
    min_share, verify
        As for :func:`geomerge.reassign`.
    follows
        The layer whose features its rows refer to, instead of a place of their own.
    format
        Suffix of another format to write it in, such as ``fgb``; its own where none is given.
    """

    name: Name
    id: str | None = None
    key: tuple[str, ...] = ()
    key_text: str | None = None
    min_share: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    verify: Literal["affected", "all", "none"] = "affected"
    follows: Follows | None = None
    format: Literal["gpkg", "parquet", "fgb", "geojson", "shp", "gdb", "gml", "csv"] | None = None

    @property
    def target(self) -> str:
        """Name of the file the layer is written to: that of its source, or its own in another format."""
        return f"{self.name}.{self.format}" if self.format else super().target


class SubunitsConfig(_Model):
    """A layer of smaller areas that can name a part: ``key`` names them, ``code`` is that of their unit."""

    path: str
    layer: str | None = None
    key: str
    code: str | None = None


class Job(_Model):
    """A whole job.

    Parameters
    ----------
    title
        Title of maps and report; that of the plan where none is given.
    plan
        File of the plan.
    crs
        Projected CRS to work in, where the units are not in one.
    units, layers
        The units, and the layers that follow.
    districts, parcels
        Layers by which the plan names parts.
    gap_width, sliver_width
        As for :func:`geomerge.pieces`, in metres (units of the CRS).
    output
        Folder of the results.
    """

    title: str | None = None
    plan: Text
    crs: Annotated[KnownCRS, AfterValidator(_projected)] | None = None
    units: UnitsConfig
    layers: tuple[LayerConfig, ...] = ()
    districts: SubunitsConfig | None = None
    parcels: SubunitsConfig | None = None
    gap_width: Annotated[float, Field(ge=0)] = 0.01
    sliver_width: Annotated[float, Field(ge=0)] = 0.001
    output: Text = "out"

    _folder: Path = PrivateAttr(default_factory=Path)
    _path: Path | None = PrivateAttr(default=None)

    @field_validator("layers")
    @classmethod
    def _named_well(cls, layers: tuple[LayerConfig, ...]) -> tuple[LayerConfig, ...]:
        names = [layer.name for layer in layers]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several layers are named {', '.join(repeated)}")
        placed = {layer.name for layer in layers if layer.follows is None}
        lost = [layer for layer in layers if layer.follows is not None and layer.follows.layer not in placed]
        if lost:
            leaders = [f"{layer.name} follows {layer.follows.layer}" for layer in lost if layer.follows]
            raise ValueError(f"{', '.join(leaders)}, which is no layer with a place of its own")
        return layers

    @property
    def path(self) -> Path | None:
        """The job file, None for a job made in memory."""
        return self._path

    def file(self, path: str) -> str:
        """Return a path of the job, relative to the folder of the job file."""
        return beside(self._folder, path)


def read_job(path: str | Path) -> Job:
    """Read a job file; PlanFormatError with all faults and their lines."""
    path = Path(path)
    job = load(path, Job)
    job._folder, job._path = path.parent, path
    return job
