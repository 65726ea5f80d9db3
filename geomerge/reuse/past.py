"""The past of a job: what its previous results say of how they were made, as far as they are what they were."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geomerge.findings import Finding
from geomerge.manifest import Hashes, write_manifest
from geomerge.previous import LEDGER_FILE, MANIFEST
from geomerge.results import Account
from geomerge.reuse.recipes import Recipe, digest

RECORD = "reuse/steps.json"
WRITTEN = ("outputs", "timings")  # what the manifest says of the files written


@dataclass(frozen=True)
class Step:
    """Files that were written together: by which recipe, with what findings."""

    recipe: Recipe
    files: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


@dataclass
class Record:
    """How results were made.

    Parameters
    ----------
    job
        Recipe of the job as a whole.
    told
        Hash of what the manifest says apart from the files written.
    layers
        Recipe of each layer.
    accounts
        What was told of each layer.
    ledger
        First and last byte of each layer in the ledger.
    steps
        The files written.
    findings
        All that was found.
    """

    job: Recipe
    told: str = ""
    layers: dict[str, Recipe] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    ledger: dict[str, tuple[int, int]] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the record, and the rows in review of each layer beside it."""
        (folder / RECORD).parent.mkdir()
        for name, account in self.accounts.items():
            if account.counts["review"]:
                table = pd.DataFrame(account.review)
                if isinstance(account.review, gpd.GeoDataFrame):
                    table["geometry"] = shapely.to_wkb(account.review.geometry.to_numpy(), output_dimension=4)
                table.to_parquet(folder / _review_file(name), index=False, compression="zstd")
        layers = {
            name: {
                "recipe": dict(recipe),
                "counts": self.accounts[name].counts,
                "ledger": self.ledger[name],
                "kinds": self.accounts[name].kinds,
                "crs": _srs(self.accounts[name].crs),
                "review_crs": _srs(getattr(self.accounts[name].review, "crs", None)),
                "findings": _records(self.accounts[name].findings),
            }
            for name, recipe in self.layers.items()
        }
        steps = {
            name: {"recipe": dict(step.recipe), "files": step.files, "findings": _records(step.findings)}
            for name, step in self.steps.items()
        }
        told = {"job": dict(self.job), "told": self.told, "findings": _records(self.findings)}
        write_manifest(folder / RECORD, {**told, "layers": layers, "steps": steps})


@dataclass(frozen=True)
class Past:
    """Previous results: where they lie, what they say, and which of their files are what they were."""

    folder: Path
    manifest: Mapping[str, Any]
    record: Mapping[str, Any]
    hashes: Hashes

    @cached_property
    def written(self) -> dict[str, str]:
        """The hash of each file when it was written."""
        return {entry["path"]: entry["sha256"] for entry in self.manifest["outputs"]}

    def start(self) -> None:
        """Begin to hash all files that were written."""
        self.hashes.start(path for name in self.written if (path := self.folder / name).is_file())

    def intact(self, *names: str) -> bool:
        """Return whether files are there as they were written."""
        return all(name in self.written and self._sha256(name) == self.written[name] for name in names)

    def _sha256(self, name: str) -> str:
        """Return the hash of a file; nothing where it is none, or only leads to one."""
        path = self.folder / name
        try:
            return self.hashes.of(path) if path.is_file() and not path.is_symlink() else ""
        except OSError:  # it may not be read
            return ""

    def step(self, name: str) -> Step | None:
        """Return how files were written."""
        found = self.record["steps"].get(name)
        return found and Step(found["recipe"], tuple(found["files"]), _findings(found["findings"]))

    def recipe(self, layer: str) -> Recipe | None:
        """Return the recipe of a layer."""
        found = self.record["layers"].get(layer)
        return found and dict(found["recipe"])

    def account(self, layer: str) -> Account | None:
        """Return what was told of a layer; None where a file that holds it is not what it was."""
        found = self.record["layers"][layer]
        start, end = found["ledger"]
        rows, undecided = end > start, found["counts"]["review"] > 0
        if not self.intact(*[LEDGER_FILE] * rows, *[_review_file(layer)] * undecided):
            return None
        review = _review(self.folder / _review_file(layer), found["review_crs"]) if undecided else None
        crs = CRS(found["crs"]) if found["crs"] else None
        kinds = None if found["kinds"] is None else tuple(found["kinds"])
        return Account(dict(found["counts"]), review, _findings(found["findings"]), kinds, crs)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was found."""
        return _findings(self.record["findings"])

    def ledger(self, layer: str) -> tuple[int, int]:
        """Return the first and the last byte of a layer in the ledger."""
        start, end = self.record["layers"][layer]["ledger"]
        return start, end

    @property
    def told(self) -> dict[str, Any]:
        """What the manifest says apart from the files written."""
        return apart_from_files(self.manifest)

    @property
    def whole(self) -> bool:
        """Whether all files are there as they were written, and the manifest is too."""
        return told_digest(self.told) == self.record["told"] and self.intact(*self.written)


def apart_from_files(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says apart from the files written."""
    return {key: value for key, value in manifest.items() if key not in WRITTEN}


def told_digest(manifest: Mapping[str, Any]) -> str:
    """Return a hash of what a manifest says apart from the files written."""
    return digest(json.dumps(manifest, ensure_ascii=False))


def recall(folder: Path, hashes: Hashes) -> Past | None:
    """Return previous results with a record that is what it was, else None."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        past = Past(folder, manifest, record, hashes)
        known = past.intact(RECORD) and "geomerge" in record["job"] and all(_within(name) for name in past.written)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or none of ours
        return None
    return past if known else None


def _within(name: str) -> bool:
    """Return whether a path stays within the folder it starts from."""
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts


def _review_file(layer: str) -> str:
    return f"reuse/{layer}.parquet"


def _review(path: Path, crs: str | None) -> Any:
    table = pd.read_parquet(path)
    if "geometry" not in table.columns:
        return table
    shapes = shapely.from_wkb(table.pop("geometry").to_numpy())
    return gpd.GeoDataFrame(table, geometry=shapes, crs=CRS(crs) if crs else None)


def _srs(crs: CRS | None) -> str | None:
    """Return the text a CRS was made from: the same text makes the same one."""
    return None if crs is None else str(crs.srs)


def _records(findings: Sequence[Finding]) -> list[dict[str, str | None]]:
    return [{**finding.record(), "geometry": _as_text(finding.geometry)} for finding in findings]


def _as_text(shape: BaseGeometry | None) -> str | None:
    return None if shape is None else str(shapely.to_wkb(shape, hex=True, output_dimension=4))


def _findings(records: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(**{**record, "geometry": None if record["geometry"] is None else shapely.from_wkb(record["geometry"])})
        for record in records
    )
