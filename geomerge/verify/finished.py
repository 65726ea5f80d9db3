"""A finished run, read back from its folder: manifest, boundaries, layers, review and ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geomerge import layers
from geomerge.codes import as_ids
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.manifest import sha256
from geomerge.previous import BOUNDARIES, LEDGER_FILE, MANIFEST, REVIEW, TIMINGS
from geomerge.reuse.past import RECORD, apart_from_files, told_digest

COLUMNS = ("layer", "id", "old_code", "new_code", "old_key", "new_key")
OWN = ("inserted_corners", "boundary_lines", "pieces", "units", "units_before", "layer_styles")


@dataclass(frozen=True)
class Table:
    """Where an updated layer stands, and in which columns its code and its id are."""

    file: str
    layer: str | None
    code: str
    id: str | None = None
    key: Sequence[str] = ()

    def ids(self, rows: pd.DataFrame) -> pd.Series:
        """Return what tells the rows apart: their id, or their number in the file."""
        return as_ids(rows[self.id] if self.id else pd.Series(rows.index, index=rows.index))


@dataclass(frozen=True)
class Finished:
    """The folder of a finished run and its manifest."""

    folder: Path
    manifest: dict[str, Any]

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The updated layers, the units among them."""
        fields = ("file", "layer", "code", "id", "key")
        return {
            name: Table(**{field: known[field] for field in fields if field in known})
            for name, known in self.manifest["tables"].items()
        }

    @cached_property
    def boundaries(self) -> frozenset[str]:
        """Names of the tables of boundaries."""
        return frozenset(layers.layer_names(self.folder / BOUNDARIES))

    @property
    def levels(self) -> list[str]:
        """Names of the levels."""
        return sorted(self.boundaries - set(OWN))

    def boundary(self, name: str) -> gpd.GeoDataFrame:
        """Return a table of boundaries."""
        return layers.read(self.folder / BOUNDARIES, name)

    def rows(self, name: str) -> pd.DataFrame:
        """Return the rows of an updated layer."""
        table = self.tables[name]
        return layers.read(self.folder / table.file, table.layer)

    def review(self, name: str) -> pd.DataFrame:
        """Return the rows of a layer that a person must decide."""
        path = self.folder / REVIEW
        if name not in layers.layer_names(path):
            return pd.DataFrame({"id": pd.Series(dtype="str"), "code": pd.Series(dtype="str")})
        return layers.read(path, name)

    def ledger(self, *names: str) -> pd.DataFrame:
        """Return the rows of the ledger that are of some layers."""
        return self._ledger[self._ledger["layer"].isin(names)]

    @property
    def registers(self) -> list[list[str]]:
        """Names of the layers whose keys are of one kind: these begin with the same column."""
        found: dict[str, list[str]] = {}
        for name, table in self.tables.items():
            if table.key:
                found.setdefault(table.key[0], []).append(name)
        return list(found.values())

    @cached_property
    def _ledger(self) -> pd.DataFrame:
        path = self.folder / LEDGER_FILE
        try:
            ledger = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (ValueError, pd.errors.ParserError) as error:
            raise InputError(f"{path} is damaged: {error}. Repeat the run.") from error
        if missing := [column for column in COLUMNS if column not in ledger.columns]:
            raise InputError(f"{path} has no column {', '.join(missing)}. Repeat the run.")
        return ledger

    def counts(self, name: str) -> dict[str, int]:
        """Return what the manifest says of a layer."""
        counted: dict[str, int] = self.manifest["counts"]["layers"][name]
        return counted

    @property
    def _told(self) -> str | None:
        """The hash that the record beside the results has of the manifest; None where there is no such record."""
        try:
            return str(json.loads((self.folder / RECORD).read_text(encoding="utf-8"))["told"])
        except (OSError, ValueError, KeyError, TypeError):  # told as a file that is missing or was changed
            return None

    def changed_files(self) -> Iterator[Finding]:
        """Find files that are missing, changed since the run, or not of the run; a review may have been decided."""
        listed = {output["path"]: output["sha256"] for output in self.manifest["outputs"]}
        for name, digest in listed.items():
            path = self.folder / name
            if not path.exists():
                yield Finding("must", "file missing", f"{name} is missing", str(self.folder), "Repeat the run.")
            elif name != REVIEW and sha256(path) != digest:
                remedy = "Find out who changed it, or repeat the run."
                yield Finding("must", "file changed", f"{name} was changed after the run", str(self.folder), remedy)
        if self._told is not None and told_digest(apart_from_files(self.manifest)) != self._told:
            remedy = "Find out who changed it, or repeat the run."
            yield Finding("must", "file changed", f"{MANIFEST} was changed after the run", str(self.folder), remedy)
        there = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}
        for name in sorted(there - {*listed, MANIFEST, TIMINGS}):
            yield Finding("should", "foreign file", f"{name} is not of the run", str(self.folder), "Move it away.")


def read_finished(folder: Path) -> Finished:
    """Read the manifest of a finished run; InputError if there is none, or not of one that can be verified."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no finished run: {MANIFEST} is missing or damaged. Name the output folder of a run."
        ) from error
    if not isinstance(manifest, dict) or not {"tables", "outputs", "counts"} <= manifest.keys():
        raise InputError(f"{path} is of no run that can be verified. Repeat the run with this version.")
    missing = [name for name in (BOUNDARIES, REVIEW, LEDGER_FILE) if not (folder / name).exists()]
    missing += [known["file"] for known in manifest["tables"].values() if not (folder / known["file"]).exists()]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(dict.fromkeys(missing))}. Repeat the run.")
    return Finished(folder, manifest)
