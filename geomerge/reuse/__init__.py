"""Reuse: a second run of a job redoes only what an edit of plan, decisions or inputs affects, and says what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import geopandas as gpd
import pandas as pd

from geomerge.findings import Finding
from geomerge.job import FileLayer, Job, LayerConfig
from geomerge.manifest import Hashes
from geomerge.plan import Plan
from geomerge.previous import LEDGER_FILE
from geomerge.publish import hand_over
from geomerge.registers import RegisterConfig, by_target, register_step
from geomerge.results import Account, Results
from geomerge.reuse.past import Past, Record, Step, told_digest
from geomerge.reuse.recipes import Recipe, differing, digest, file_digest, program

log = logging.getLogger("geomerge")

__all__ = ["Done", "Reuse"]

BLOCK = 1 << 20  # bytes that are copied at once
NEW = "there is no previous result"
UNITS = ""  # the units among the layers of a file
WORDS = {
    "geomerge": "geomerge or what it stands on changed",
    "job": "the job changed",
    "pieces": "the pieces changed",
    "keys": "the key rules changed",
    "decisions": "decisions changed",
    "streets": "the table of streets changed",
    "date": "the date changed",
    "units": "the new units changed",
    "content": "what it shows changed",
}


@dataclass(frozen=True)
class Done:
    """A step of a run, and why it was done; where it says nothing the previous result was reused."""

    step: str
    why: str = ""

    @property
    def reused(self) -> bool:
        """Whether the previous result was reused."""
        return not self.why


class Reuse:
    """What a run can take from previous results, and the record that it leaves for the next one.

    Parameters
    ----------
    job
        The job.
    hashes
        Hashes of files.
    past
        Previous results, None where there are none to reuse.
    """

    def __init__(self, job: Job, hashes: Hashes, past: Past | None) -> None:
        self._program = program()
        self._new = NEW if past is None else WORDS["geomerge"]
        same = past is not None and past.record["job"]["geomerge"] == self._program
        self.job, self.hashes, self.past = job, hashes, past if same else None
        self._tells = past is not None
        if self.past is not None:
            self.past.start()
        self.done: list[Done] = []
        self.accounts: dict[str, Account] = {}
        self.record = Record({})
        self._why: dict[str, str] = {}
        self._read: dict[str, Path] = {}

    @cached_property
    def _inputs(self) -> dict[str, str | None]:
        """The hash of each layer that is read."""
        paths = [config.path for config in (self.job.units, *self.job.layers)]
        paths += [layer.streets.table for layer in self.job.layers if layer.streets and layer.streets.table]
        return {path: file_digest(self.job.file(path), self.hashes) for path in paths}

    def unchanged(self, files: Mapping[str, Path]) -> bool:
        """Return whether the whole job is what it was, and so are its results; notes the recipe of the job."""
        self._read = dict(files)
        if self.past is None:  # hashes are asked for when the run is noted
            self.hashes.start(path for path in files.values() if path.exists())
            return False
        self.record.job = self._whole_recipe()
        past = self.past
        if differing(self.record.job, past.record["job"]) or not past.whole:
            return False
        self.done = [Done(name) for name in (*past.record["layers"], *past.record["steps"])]
        return True

    def _whole_recipe(self) -> Recipe:
        """Return the recipe of the job as a whole."""
        read = {name: file_digest(str(path), self.hashes) for name, path in self._read.items()}
        registers = [file_digest(self.job.file(register.source), self.hashes) for register in self.job.registers]
        return {
            "geomerge": self._program,
            "job": digest(self.job.model_dump_json(exclude={"output", "memory"})),
            "inputs": None if None in (*read.values(), *registers) else digest(read, registers),
        }

    def sound(self) -> list[str]:
        """Return the layers that were read without a fault before, and are what they were."""
        if self.past is None:
            return []
        same = []
        for config in self.job.layers:
            before, now = self.past.recipe(config.name), self._config_recipe(config)
            if before is not None and not differing(now, {part: before.get(part) for part in now}):
                same.append(config.name)
        leaders = [c.follows.layer for c in self.job.layers if c.follows and c.name not in same]  # are read anyway
        return [*(name for name in same if name not in leaders), *self._sound_registers()]

    def _sound_registers(self) -> Iterator[str]:
        """Find files of registers that were recoded without a fault before, and are what they were."""
        for target, registers in by_target(self.job.registers).items():
            now, before = self.register_recipe(registers), self.past.step(register_step(target)) if self.past else None
            if before is not None and not differing(now, {part: before.recipe.get(part) for part in now}):
                yield register_step(target)

    def register_recipe(self, registers: Sequence[RegisterConfig]) -> dict[str, str | None]:
        """Return the parts of the recipe of registers of one source that are known before anything is read."""
        source = registers[0].source
        return {
            "geomerge": self._program,
            source: None if registers[0].is_database else file_digest(self.job.file(source), self.hashes),
            "job": digest([register.model_dump_json() for register in registers]),
        }

    def decide(
        self, plan: Plan, cut: gpd.GeoDataFrame, new_units: gpd.GeoDataFrame, decisions: pd.DataFrame
    ) -> dict[str, str]:
        """Return the layers that must be carried out, with the reason; what the others told before is at hand then.

        A layer is carried out if anything that decides it has changed, if its file must be written and it stands
        in it, or if a layer that is carried out follows it.
        """
        self._note_recipes(plan, cut, new_units, decisions)
        redo = {}
        for config in self.job.layers:
            if why := self._why_redo(config):
                redo[config.name] = why
        for target, names in self.files().items():
            if why := self.why(target, self.file_recipe(names)):
                for name in names:
                    redo.setdefault(name, f"it stands in {target}") if name != UNITS else None
        for name, target in self.job.street_files.items():
            if why := self.why(target, self.file_recipe([name])):
                redo.setdefault(name, why)
        for config in self.job.layers:
            if config.follows and config.name in redo:
                redo.setdefault(config.follows.layer, f"{config.name} follows it")
        self.accounts = {name: found for name, found in self.accounts.items() if name not in redo}
        for config in self.job.layers:
            self._tell(config.name, redo.get(config.name, ""))
        return redo

    def files(self) -> dict[str, list[str]]:
        """Return the layers that go into each file of updated layers; the units have no name there."""
        found: dict[str, list[str]] = {f"layers/{self.job.units.target}": [UNITS]}
        for config in self.job.layers:
            found.setdefault(f"layers/{config.target}", []).append(config.name)
        return found

    def file_recipe(self, names: Iterable[str]) -> Recipe:
        """Return the recipe of a file of updated layers."""
        found: dict[str, str | None] = {"geomerge": self._program}
        for name in names:
            recipe = self._units if name == UNITS else self.record.layers[name]
            found["units" if name == UNITS else name] = None if None in recipe.values() else digest(recipe)
        return found

    def step(
        self,
        folder: Path,
        name: str,
        recipe: Recipe,
        findings: list[Finding],
        write: Callable[[], None],
    ) -> None:
        """Put files into a folder: the previous ones where they are of the same recipe, else those written now.

        Parameters
        ----------
        folder
            Folder of the results.
        name, recipe
            What is written, and what decides it.
        findings
            List to which writing adds what it notices; findings of the previous run are added likewise.
        write
            Writes the files.
        """
        before = self.past.step(name) if self.past else None
        why = self.why(name, recipe)
        self._tell(name, why)
        if before is None or why or self.past is None:
            there, told = _files(folder), len(findings)
            write()
            self.record.steps[name] = Step(recipe, tuple(sorted(_files(folder) - there)), tuple(findings[told:]))
            return
        for file in before.files:
            self.take(file, folder)
        findings.extend(before.findings)
        self.record.steps[name] = Step(recipe, before.files, before.findings)

    def take(self, file: str, folder: Path) -> None:
        """Put a file of the previous results into a folder."""
        assert self.past is not None
        hand_over(self.past.folder / file, folder / file)
        self.hashes.know(folder / file, self.past.written[file])

    def take_rows(self, layer: str, stream: BinaryIO) -> None:
        """Write the rows that the previous ledger has of a layer."""
        assert self.past is not None
        start, end = self.past.ledger(layer)
        if start == end:
            return
        with (self.past.folder / LEDGER_FILE).open("rb") as previous:
            previous.seek(start)
            while start < end and (block := previous.read(min(BLOCK, end - start))):
                stream.write(block)
                start += len(block)

    def take_all(self, folder: Path) -> tuple[dict[str, Any], tuple[Finding, ...]]:
        """Put all files of the previous results into a folder; return what the manifest says apart from them.

        After that, all that was found.
        """
        assert self.past is not None
        for file in self.past.written:
            self.take(file, folder)
        return self.past.told, self.past.findings

    def note(self, folder: Path, told: Mapping[str, Any], results: Results) -> None:
        """Write the record for the next run; the manifest without the files written is part of it."""
        self.record.job = self.record.job or self._whole_recipe()
        if any(self.hashes.outdated(path) for path in self._read.values()):  # the hash may be of what was not read yet
            self.record.job = {**self.record.job, "inputs": None}
            self.record.layers = {name: {**recipe, "input": None} for name, recipe in self.record.layers.items()}
            self.record.steps = {}
        self.record.told, self.record.accounts = told_digest(told), dict(results.accounts)
        self.record.findings = results.findings
        self.record.write(folder)

    def recipe(self, *content: object) -> Recipe:
        """Return the recipe of files that show a content."""
        return {"geomerge": self._program, "content": digest(*content)}

    def _tell(self, name: str, why: str) -> None:
        if self._tells:
            self.done.append(Done(name, why))
            log.info("%s: %s", name, f"done again, as {why}" if why else "reused")

    def why(self, name: str, recipe: Recipe) -> str:
        """Return why files must be written anew; empty where the previous ones are the same."""
        if name not in self._why:
            self._why[name] = self._why_written(name, recipe)
        return self._why[name]

    def _why_written(self, name: str, recipe: Recipe) -> str:
        before = self.past.step(name) if self.past else None
        if before is None or self.past is None:
            return NEW if self.past else self._new
        if parts := differing(recipe, before.recipe):
            return _told(parts)
        return "" if self.past.intact(*before.files) else "the previous result is not as it was written"

    def _why_redo(self, config: LayerConfig) -> str:
        """Return why a layer must be carried out; if not, note what was told of it."""
        before = self.past.recipe(config.name) if self.past else None
        if before is None or self.past is None:
            return NEW if self.past else self._new
        if parts := differing(self.record.layers[config.name], before):
            return _told(parts, {"input": f"{config.path} changed"})
        account = self.past.account(config.name)
        if account is None:
            return "the previous result is not as it was written"
        self.accounts[config.name] = account
        return ""

    def _note_recipes(
        self, plan: Plan, cut: gpd.GeoDataFrame, new_units: gpd.GeoDataFrame, decisions: pd.DataFrame
    ) -> None:
        """Note what decides each layer, those that others follow first."""
        date = max(plan.dates).isoformat()
        rules = [rule.model_dump_json() for rule in plan.keys]
        pieces, keys = digest(cut), digest(rules, *(plan.sources[name] for name in plan.key_files()))
        found: dict[str, Recipe] = {}
        for config in sorted(self.job.layers, key=lambda config: config.follows is not None):
            recipe = self._config_recipe(config) | {"date": digest(date), "pieces": pieces}
            if config.key:
                recipe["keys"] = keys
            decided = decisions[decisions["layer"] == config.name]
            if len(decided):
                recipe["decisions"] = digest(decided.reset_index(drop=True))
            if config.follows:
                leader = {part: value for part, value in found[config.follows.layer].items() if part != "keys"}
                recipe[config.follows.layer] = None if None in leader.values() else digest(leader)
            found[config.name] = recipe
        self.record.layers = {config.name: found[config.name] for config in self.job.layers}
        self._units: Recipe = self._config_recipe(self.job.units) | {"date": digest(date), "units": digest(new_units)}

    def _config_recipe(self, config: FileLayer) -> dict[str, str | None]:
        """Return the parts of a recipe that are known before anything is read."""
        found = {
            "geomerge": self._program,
            "input": self._inputs[config.path],
            "job": digest(config.model_dump_json(), self.job.crs),
        }
        streets = config.streets if isinstance(config, LayerConfig) else None
        return found | ({"streets": self._inputs[streets.table]} if streets and streets.table else {})


def _told(parts: Iterable[str], words: Mapping[str, str] | None = None) -> str:
    """Return in words which parts of a recipe changed; those without words of their own are layers."""
    known = WORDS | dict(words or {})
    return ", ".join(known.get(part, f"{part} changed") for part in parts)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
