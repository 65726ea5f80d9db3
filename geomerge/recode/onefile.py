"""One file with registers: recoded into a folder beside it, by what fits its format."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from geomerge.errors import LayerError
from geomerge.files.guards import sidecars, unwritable
from geomerge.recode.csvrows import recode_csv
from geomerge.recode.layerfiles import recode_layer
from geomerge.recode.outcome import RegisterResult, result_of
from geomerge.recode.parquetrows import recode_parquet
from geomerge.recode.tally import Tally
from geomerge.recode.translation import Translation
from geomerge.recode.workbook import recode_workbook
from geomerge.registers import RegisterConfig

Engine = Callable[[Path, Path | None, RegisterConfig, Translation], Tally]


def engine_of(path: Path) -> Engine:
    """Return what recodes a file, by its suffix."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".txt", ".tsv"):
        return recode_csv
    if suffix in (".parquet", ".geoparquet"):
        return recode_parquet
    if suffix in (".xlsx", ".xlsm"):
        return recode_workbook
    if suffix in (".shp", ".dbf", ".geojson", ".json", ".gml", ".fgb"):
        return recode_layer
    raise LayerError(
        f"{path} cannot be recoded where it is: {suffix or 'no suffix'} is none of .csv .txt .tsv .parquet .xlsx "
        f".sqlite .gpkg .shp .dbf .geojson .gml .fgb. Export it as one of them."
    )


@dataclass
class FileJob:
    """A file on its way, with the registers in it; new files are made beside it, or in another folder."""

    path: Path
    registers: list[RegisterConfig]
    folder: Path | None = None
    stage: Path | None = None
    seen: tuple[int, ...] = ()

    def carry_out(self, stack: ExitStack, translation: Translation, commit: bool) -> dict[str, RegisterResult]:
        """Recode the registers of the file one after the other, into a folder beside it."""
        self.seen = look(self.path)
        results, source = {}, self.path
        if commit and self.folder is None and not is_writable(self.path):
            raise LayerError(f"{self.path} may only be read. Allow writing, or ask its owner for permission.")
        for number, register in enumerate(self.registers):
            target = self._target(stack, number) if commit else None
            try:
                tally = engine_of(self.path)(source, target, register, translation)
            except OSError as error:
                raise LayerError(unwritable(self.path, error)) from error
            results[register.name] = result_of(register, tally)
            source = target or source
        return results

    def _target(self, stack: ExitStack, number: int) -> Path:
        folder = self.folder or self.path.parent
        try:
            stage = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.part-{number}-", dir=folder))
        except OSError as error:
            raise LayerError(unwritable(folder / self.path.name, error)) from error
        stack.callback(shutil.rmtree, stage, ignore_errors=True)
        self.stage = stage
        return stage / self.path.name

    def former(self) -> list[Path]:
        """Return the files that stand there now."""
        beside_it = sidecars(self.path).values() if self.path.suffix.lower() in (".shp", ".dbf") else ()
        return sorted({self.path, *(file.resolve() for file in beside_it)})

    def made(self) -> dict[str, Path]:
        """Return the new files by name."""
        return {} if self.stage is None else {file.name: file for file in sorted(self.stage.iterdir())}


def is_writable(path: Path) -> bool:
    """Return whether a file may be changed; one that is marked read-only may not, even by those who could."""
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)


def look(path: Path) -> tuple[int, ...]:
    """Return what tells whether a file is still the same: its inode, size and time."""
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns
