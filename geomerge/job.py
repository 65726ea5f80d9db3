"""The job file: which plan, which units, which layers follow, and what to write."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from geomerge.attributes import Policy
from geomerge.databases.address import file_name, is_database, require_no_password
from geomerge.documents import beside, load
from geomerge.errors import InputError
from geomerge.keylayout import KeyLayout, LayoutOrName, key_layout
from geomerge.known import KnownCRS, KnownEncoding, ProjectedCRS
from geomerge.memory import parse_size
from geomerge.registers import RegisterConfig, require_distinct

if TYPE_CHECKING:
    from geomerge.layers.snapshots import Snapshots


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, Field(min_length=1)]
Source = Annotated[Text, AfterValidator(require_no_password)]


def _size(text: str) -> str:
    parse_size(text)
    return text


RESERVED = frozenset(
    ["units", "units_before", "pieces", "boundary_lines", "inserted_corners", "findings", "layer_styles"]
)


class FileLayer(_Model):
    """A layer of a file; paths are relative to the job file.

    Parameters
    ----------
    path, layer
        The file, and the layer where it has several; or the address of a database, and ``schema.table``.
    code
        Column with the code of the unit.
    code_width
        Number of digits of a code, where the column holds numbers that lost their zeros.
    encoding
        Encoding of the text, where the file does not declare the right one.
    crs
        CRS of the file, where it does not declare one.
    """

    path: Source
    layer: Text | None = None
    code: Text
    code_width: Annotated[int, Field(ge=1)] | None = None
    encoding: KnownEncoding | None = None
    crs: KnownCRS | None = None

    @property
    def target(self) -> str:
        """Name of the file the layer is written to."""
        if is_database(self.path):
            return file_name(self.path)
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


class StreetsConfig(_Model):
    """The streets of addresses, so that none collide in a new unit.

    Parameters
    ----------
    code, name
        Columns with the code and the name of the street.
    number, letter
        Columns with the house number and its letter.
    table
        File with new street codes, as ``geomerge streets`` proposes them.
    language
        Language of the names, such as ``no``, whose words may be written in several ways.
    max_distance
        Streets of one code and name may be one street if their addresses come that near, in metres (units of the CRS).
    """

    code: Text
    name: Text
    number: Text | None = None
    letter: Text | None = None
    table: Text | None = None
    language: Text | None = None
    max_distance: Annotated[float, Field(ge=0)] = 500.0

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [column for column in (self.code, self.name, self.number, self.letter) if column]


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
        Column that shows the key as text; its parts follow.
    key_layout
        How the keys are written, where not as ``gnr/bnr``: the name of a layout, or its declaration. With it, one
        column of the key holds whole keys.
    min_share, verify
        As for :func:`geomerge.reassign`.
    follows
        The layer whose features its rows refer to, instead of a place of their own.
    streets
        The columns of its streets, where its rows are addresses.
    format
        Suffix of another format to write it in, such as ``fgb``; its own where none is given.
    """

    name: Name
    id: str | None = None
    key: tuple[str, ...] = ()
    key_text: str | None = None
    key_layout: LayoutOrName | None = None
    min_share: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    verify: Literal["affected", "all", "none"] = "affected"
    follows: Follows | None = None
    streets: StreetsConfig | None = None
    format: Literal["gpkg", "parquet", "fgb", "geojson", "shp", "gdb", "gml", "csv"] | None = None

    @property
    def by_rows(self) -> bool:
        """Whether what a row becomes depends on that row only, and it is written in the format it came in."""
        suffix = PurePath(self.path).suffix.lower().removeprefix(".")
        return self.follows is None and self.streets is None and self.format in (None, suffix)

    @property
    def target(self) -> str:
        """Name of the file the layer is written to: that of its source, or its own in another format."""
        return f"{self.name}.{self.format}" if self.format else super().target

    @property
    def layout(self) -> KeyLayout | None:
        """How the keys are written, None where nothing is said."""
        return None if self.key_layout is None else key_layout(self.key_layout)


class SubunitsConfig(_Model):
    """A layer of smaller areas that can name a part: ``key`` names them, ``code`` is that of their unit."""

    path: Source
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
    registers
        Tables that hold codes or keys, in files or databases.
    districts, parcels
        Layers by which the plan names parts.
    gap_width, sliver_width
        As for :func:`geomerge.pieces`, in metres (units of the CRS).
    output
        Folder of the results.
    decisions
        File of what people decided in reviews; a run adds what it finds in the review of the previous results.
    language
        Language of the page that is signed off: ``en`` or ``no``.
    memory
        How much memory a run may use, such as ``2GB``; layers that do not fit are worked on part by part.
    """

    title: str | None = None
    plan: Text
    crs: ProjectedCRS | None = None
    units: UnitsConfig
    layers: tuple[LayerConfig, ...] = ()
    registers: tuple[RegisterConfig, ...] = ()
    districts: SubunitsConfig | None = None
    parcels: SubunitsConfig | None = None
    gap_width: Annotated[float, Field(ge=0)] = 0.01
    sliver_width: Annotated[float, Field(ge=0)] = 0.001
    output: Text = "out"
    language: Literal["en", "no"] = "en"
    decisions: Text = "decisions.csv"
    memory: Annotated[Text, AfterValidator(_size)] | None = None

    _folder: Path = PrivateAttr(default_factory=Path)
    _path: Path | None = PrivateAttr(default=None)
    _snapshots: Snapshots | None = PrivateAttr(default=None)

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

    @field_validator("registers")
    @classmethod
    def _told_apart(cls, registers: tuple[RegisterConfig, ...]) -> tuple[RegisterConfig, ...]:
        require_distinct(registers)
        return registers

    def in_memory(self, memory: str | int) -> Job:
        """Return the job with another setting of memory; InputError if that is no size."""
        try:
            parse_size(memory)
        except ValueError as error:
            raise InputError(f"{error}.") from error
        return self.model_copy(update={"memory": str(memory)})

    @property
    def memory_bytes(self) -> int | None:
        """How much memory a run may use, None where it may use all there is."""
        return None if self.memory is None else parse_size(self.memory)

    @property
    def path(self) -> Path | None:
        """The job file, None for a job made in memory."""
        return self._path

    @property
    def street_files(self) -> dict[str, str]:
        """Names of the files with proposed street codes, by layer."""
        named = [layer.name for layer in self.layers if layer.streets is not None]
        return {name: "streets.csv" if len(named) == 1 else f"streets_{name}.csv" for name in named}

    def file(self, path: str) -> str:
        """Return a path of the job, relative to the folder of the job file."""
        return beside(self._folder, path if self._snapshots is None else self._snapshots.place(path))

    @property
    def snapshots(self) -> Snapshots | None:
        """The files that stand for the databases of the job, None before these were read."""
        return self._snapshots

    def with_snapshots(self, snapshots: Snapshots) -> Job:
        """Return the job with files that stand for its databases."""
        job = self.model_copy()
        job._snapshots = snapshots
        return job


def read_job(path: str | Path) -> Job:
    """Read a job file; PlanFormatError with all faults and their lines."""
    path = Path(path)
    job = load(path, Job)
    job._folder, job._path = path.parent, path
    return job
