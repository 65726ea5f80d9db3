"""The faults of the registers of a job, all of them, before anything is carried out."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from geomerge.errors import Blocked, InputError, LayerError
from geomerge.files.guards import require_file
from geomerge.job import Job
from geomerge.plan import Plan
from geomerge.recode.files import recode_registers
from geomerge.recode.sources import addresses_of
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig, by_target, register_step


def register_faults(
    job: Job, plan: Plan | None, units: pd.DataFrame | None, sound: Container[str] = ()
) -> Iterator[str]:
    """Find what forbids to recode registers: files, columns, encodings, numbers, what is not known of units.

    Every row is read, and nothing is written. What becomes of keys and places is not asked here.

    Parameters
    ----------
    job
        The job.
    plan, units
        Its plan and its units (``code``, and where known ``name`` and ``parent``). Where one of them could not be
        read, only the files are looked for.
    sound
        Files known to be in order, as :func:`geomerge.registers.register_step` calls them.
    """
    found = by_target(job.registers)
    yield from _clashes(found)
    if plan is None or units is None:
        yield from _missing(job)
        return
    try:
        nowhere = pd.DataFrame({"layer": [], "id": [], "new_code": []}, dtype=object)
        addresses = addresses_of(job, job.registers, nowhere)
    except InputError as error:
        yield from error.faults
        return
    try:
        translation = Translation.of(plan, units=units, addresses=addresses)
        translation.step(len(translation.days) - 1)
    except (InputError, Blocked):  # the plan does not fit the units, which the check of the plan tells in full
        yield from _missing(job)
        return
    for target, registers in found.items():
        if register_step(target) not in sound:
            yield from _faults(registers, translation, Path(job.file(".")))


def _faults(registers: Sequence[RegisterConfig], translation: Translation, folder: Path) -> Iterator[str]:
    try:
        recode_registers(registers, translation, folder=folder)
    except InputError as error:
        yield from error.faults


def _missing(job: Job) -> Iterator[str]:
    for register in job.registers:
        if not register.is_database:
            try:
                require_file(Path(job.file(register.source)))
            except LayerError as error:
                yield from error.faults


def _clashes(found: Mapping[str, Sequence[RegisterConfig]]) -> Iterator[str]:
    """Find files of one name, of which one would overwrite the other; case makes no difference on some systems."""
    known: dict[str, str] = {}
    for target, registers in found.items():
        for register in registers:
            if not register.is_database and known.setdefault(target.casefold(), register.source) != register.source:
                yield (
                    f"{register.source} and {known[target.casefold()]} would both be written to registers/{target}. "
                    f"Rename one of them."
                )
