"""Registering: the registers of a job are recoded into its results; what the job reads is never written to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Finding, require
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.previous import LEDGER_FILE
from geomerge.progress import progress
from geomerge.recode.copies import recode_copies
from geomerge.recode.files import aware, recode_registers
from geomerge.recode.outcome import RegisterResult
from geomerge.recode.sources import addresses_of, units_table
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig, by_target, register_step
from geomerge.results import Results
from geomerge.reuse import Reuse
from geomerge.reuse.recipes import Recipe, digest
from geomerge.streamed import ledgers

FOLDER, REVIEWS, COUNTS = "registers", "registers/review", "registers/counts"
KEYS = ["old_key", "new_key"]
LED = ["layer", "id", "new_code"]  # what tells where an address went
LEDGER_ROWS = 100_000  # rows of the ledger that are read at once

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Ledger:
    """What registers need of the ledger of a run: each pair of keys once, and where the addresses went.

    Parameters
    ----------
    keys
        ``old_key`` and ``new_key``.
    led
        ``layer``, ``id`` and ``new_code`` of the layers asked for.
    """

    keys: pd.DataFrame
    led: pd.DataFrame

    @classmethod
    def of(cls, parts: Iterable[pd.DataFrame], layers: Sequence[str]) -> Ledger:
        """Return what is needed of a ledger that comes part by part; only what differs is held."""
        keys, led = pd.DataFrame(columns=KEYS), [pd.DataFrame(columns=LED)]
        for part in parts:
            found = part[KEYS].dropna()
            found = found[(found != "").all(axis="columns")]
            keys = pd.concat([keys, found.astype(object)], ignore_index=True).drop_duplicates(ignore_index=True)
            led.append(part.loc[part["layer"].isin(layers), LED].astype(object))
        return cls(keys, pd.concat(led, ignore_index=True))

    @classmethod
    def read(cls, path: Path, layers: Sequence[str]) -> Ledger:
        """Read what is needed of the ledger of a run."""
        with pd.read_csv(
            path, dtype=str, usecols=[*LED, *KEYS], keep_default_na=False, na_values=[""], chunksize=LEDGER_ROWS
        ) as parts:
            return cls.of(parts, layers)

    @classmethod
    def in_memory(cls, inputs: Inputs, results: Results, layers: Sequence[str]) -> Ledger:
        """Return what is needed of the ledger of results that were not written."""

        def parts() -> Iterator[pd.DataFrame]:
            for name, moved in results.moved.items():
                config = inputs.layers[name].config
                if isinstance(config, LayerConfig):
                    yield from ledgers(moved, name, config.code, config.id)

        return cls.of(parts(), layers)


@dataclass
class Registering:
    """The registers of a job on their way, with what is known of its results."""

    inputs: Inputs
    results: Results
    ledger: Ledger
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.inputs.job.file("."))

    @cached_property
    def registers(self) -> tuple[RegisterConfig, ...]:
        """The registers of the job; one that was recoded where it is no longer counts as old."""
        ways, made = self.folder / "undo", self.translation
        return tuple(aware(register, self.folder, made, ways) for register in self.inputs.job.registers)

    @cached_property
    def translation(self) -> Translation:
        """What became of codes, keys, places and addresses in this run."""
        job, pieces = self.inputs.job, self.results.pieces
        return Translation.of(
            self.results.plan,
            units=_units(self.inputs),
            ledger=self.ledger.keys,
            pieces=pieces if any(register.place for register in job.registers) else None,
            addresses=addresses_of(job, job.registers, self.ledger.led),
        )

    def recipe(self, registers: Sequence[RegisterConfig], reuse: Reuse) -> Recipe:
        """Return the recipe of registers of one source: all that decides what becomes of them."""
        plan = self.results.plan
        tables = [plan.sources[name] for name in plan.key_files()]
        recipe = {
            **reuse.register_recipe(registers),
            "codes": digest(plan.model_dump_json(exclude={"title"}), tables, _units(self.inputs)),
            "keys": digest(self.ledger.keys),
        }
        if any(register.place for register in registers):
            recipe["pieces"] = digest(self.results.pieces)
        for layer in dict.fromkeys(register.address.layer for register in registers if register.address):
            recipe[layer] = digest(self.translation.addresses[layer])
        return recipe


def _units(inputs: Inputs) -> pd.DataFrame:
    return units_table(inputs.units.attributes, inputs.job.units)


def _layers(inputs: Inputs) -> list[str]:
    """Return the layers whose addresses a register names."""
    return [register.address.layer for register in inputs.job.registers if register.address is not None]


def write_registers(folder: Path, inputs: Inputs, results: Results, reuse: Reuse, findings: list[Finding]) -> Counts:
    """Write recoded copies of the registers of a job into its results, or take the previous ones.

    Files go to ``registers/``; rows that a person must decide to ``registers/review/``, what was done to
    ``registers/counts/``. Registers on a server are only looked at.

    Parameters
    ----------
    folder
        Folder of the results; the ledger stands there.
    inputs, results, reuse
        The job, its results, and what can be taken from previous ones.
    findings
        List that collects what was noticed.

    Returns
    -------
    dict
        For each register ``rows``, ``recoded``, ``kept`` and ``review``.

    Raises
    ------
    InputError
        With the faults of all registers.
    Blocked
        If a register could not be told apart any more.
    """
    if not inputs.job.registers:
        return {}
    ledger = Ledger.read(folder / LEDGER_FILE, _layers(inputs))
    work, faults = Registering(inputs, results, ledger), list[str]()
    for name, registers in progress(by_target(work.registers).items(), "recode registers"):
        try:
            write = partial(_write, folder, work, registers, findings)
            reuse.step(folder, register_step(name), work.recipe(registers, reuse), findings, write)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(*dict.fromkeys(faults))
    require(findings)
    return {register.name: _told(folder, register) for register in work.registers}


def with_registers(inputs: Inputs, results: Results) -> Results:
    """Return results with what would become of the registers of the job, and what was noticed; nothing is written.

    Where a finding blocks the job, registers are not looked at.

    Raises
    ------
    InputError
        With the faults of all registers.
    """
    if not inputs.job.registers or any(finding.blocks for finding in results.findings):
        return results
    work = Registering(inputs, results, Ledger.in_memory(inputs, results, _layers(inputs)))
    done = recode_registers(work.registers, work.translation, folder=work.folder)
    findings = tuple(dict.fromkeys([*results.findings, *done.findings]))
    return replace(results, findings=findings, registers={found.name: found.counts for found in done.registers})


def described(registers: Iterable[RegisterConfig]) -> dict[str, Any]:
    """Return where the recoded copies of registers stand, and what their columns hold; none of a server."""
    return {
        register.name: {
            "file": f"{FOLDER}/{register.target}",
            **register.model_dump(mode="json", exclude_none=True, exclude={"name"}),
        }
        for register in registers
        if not register.is_database
    }


def _write(folder: Path, work: Registering, registers: Sequence[RegisterConfig], findings: list[Finding]) -> None:
    done = recode_copies(registers, work.translation, folder=work.folder, target=folder / FOLDER)
    findings += done.findings
    for found in done.registers:
        _write_counts(folder / COUNTS / f"{found.name}.json", found)
        if len(found.review):
            (folder / REVIEWS).mkdir(parents=True, exist_ok=True)
            table = found.review.drop(columns=["register", "decision"], errors="ignore")
            table.to_csv(folder / REVIEWS / f"{found.name}.csv", index=False, lineterminator="\n")


def _write_counts(path: Path, found: RegisterResult) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = found.samples.astype(object).where(found.samples.notna(), None).to_dict("records")
    told: Mapping[str, Any] = {"counts": found.counts, "changed": found.changed, "samples": samples}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")


def _told(folder: Path, register: RegisterConfig) -> dict[str, int]:
    """Return the counts of a register, as they were written now or before."""
    counts: dict[str, int] = json.loads((folder / COUNTS / f"{register.name}.json").read_text(encoding="utf-8"))[
        "counts"
    ]
    return counts
