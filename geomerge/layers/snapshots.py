"""Snapshots: the tables that a job names in databases, as they are at one moment, in GeoPackages to work with."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyogrio

from geomerge import databases
from geomerge.databases.reading import Reading
from geomerge.errors import LayerError
from geomerge.layers.writing import EPOCH, writable

GPKG_OPTIONS = {"VERSION": "1.3", "DATETIME_FORMAT": "UTC"}


class Snapshots:
    """GeoPackages that stand for databases, removed when nobody needs them any more.

    Parameters
    ----------
    wanted
        Addresses with the tables wanted of each.

    Raises
    ------
    LayerError
        With the faults of all databases: servers that cannot be reached, tables that are not there.
    """

    def __init__(self, wanted: Mapping[str, Iterable[str | None]]) -> None:
        self.files: dict[str, Path] = {}
        if not wanted:
            return
        folder = Path(tempfile.mkdtemp(prefix="geomerge-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        faults: list[str] = []
        for number, (url, tables) in enumerate(wanted.items()):
            place = folder / str(number) / databases.file_name(url)
            try:
                snapshot(url, list(dict.fromkeys(tables)), place)
            except LayerError as error:
                faults += error.faults
            self.files[url] = place
        if faults:
            raise LayerError(*dict.fromkeys(faults))

    @property
    def names(self) -> dict[Path, str]:
        """The names of the databases by the files that stand for them, for manifests."""
        return {file: databases.shown(url) for url, file in self.files.items()}

    def place(self, path: str) -> str:
        """Return the file that stands for a path: its own, or the snapshot of a database."""
        return str(self.files.get(path, path))

    def named(self, sentence: str) -> str:
        """Return a sentence that names databases, not the files that stand for them."""
        for url, file in self.files.items():
            sentence = sentence.replace(str(file), databases.shown(url))
        return sentence


def snapshot(url: str, tables: list[str | None], target: Path) -> None:
    """Write tables of a database into a new GeoPackage, each called as the job calls it."""
    with databases.reading_all(url, tables) as found:
        write_snapshot(found, tables, target)


def write_snapshot(found: Iterable[Reading], tables: Sequence[str | None], target: Path) -> None:
    """Write tables that are being read into a new GeoPackage."""
    with writable(target, EPOCH):
        for reading, name in zip(found, tables, strict=True):
            _write(reading, target, name or str(reading.table.name))


def _write(reading: Reading, target: Path, layer: str) -> None:
    names = [name.lower() for name in reading.schema.names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LayerError(
            f"{reading.table.name} has columns that differ in capital letters alone ({', '.join(twice)}), which a "
            f"GeoPackage does not tell apart. Name them apart in a view, and read that."
        )
    key = next(name for name in ("fid", "ogc_fid", "geomerge_fid", "geomerge_row") if name not in names)
    spatial = reading.geometry is not None
    batches = pa.RecordBatchReader.from_batches(reading.schema, reading.batches)
    pyogrio.write_arrow(
        batches, target, layer=layer, driver="GPKG", append=False,
        crs=reading.crs.to_wkt() if spatial and reading.crs else None, geometry_name=reading.geometry,
        geometry_type=reading.geometry_type if spatial else None,
        **GPKG_OPTIONS if not target.exists() else {"DATETIME_FORMAT": "UTC"}, FID=key,
    )  # fmt: skip
