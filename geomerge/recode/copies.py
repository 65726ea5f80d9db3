"""Recoded copies of registers, for results that are published together; the registers themselves stay as they are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from geomerge.errors import InputError
from geomerge.files.geopackage import copy_file
from geomerge.recode.files import SQLITE_ADDRESS, parted
from geomerge.recode.onefile import FileJob
from geomerge.recode.outcome import Done, RegisterResult
from geomerge.recode.tables import recode_database
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig


def recode_copies(
    registers: Sequence[RegisterConfig], translation: Translation, *, folder: str | Path, target: str | Path
) -> Done:
    """Write recoded copies of registers in files into a folder; databases are only looked at, never written.

    Parameters
    ----------
    registers, translation
        As for :func:`recode_registers`.
    folder
        Folder to which paths of registers are relative.
    target
        Folder for the copies, by the names of the files.

    Raises
    ------
    InputError
        With the faults of all registers; two files of one name are one.
    """
    target = Path(target)
    served, filed = parted(registers, Path(folder))
    local = {url: mine for url, mine in served.items() if not mine[0].is_database}
    paths = [*filed, *(Path(url.removeprefix(SQLITE_ADDRESS)) for url in local)]
    names = [path.name.casefold() for path in paths]
    faults = [f"{path} and another register are both called {path.name}. Rename one." for path in paths
              if names.count(path.name.casefold()) > 1]  # fmt: skip
    if faults:
        raise InputError(*faults)
    results: dict[str, RegisterResult] = {}
    target.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for path, mine in filed.items():
            job = FileJob(path, mine, target)
            try:
                results |= job.carry_out(stack, translation, commit=True)
            except InputError as error:
                faults += error.faults
            for name, file in job.made().items():
                shutil.copyfile(file, target / name)
        for url, mine in served.items():
            try:
                results |= _copied(url, mine, translation, target)
            except InputError as error:
                faults += error.faults
    if faults:
        raise InputError(*dict.fromkeys(faults))
    return Done(tuple(results[register.name] for register in registers))


def _copied(
    url: str, registers: Sequence[RegisterConfig], translation: Translation, target: Path
) -> dict[str, RegisterResult]:
    if registers[0].is_database:
        return recode_database(url, registers, translation, None)
    path = Path(url.removeprefix(SQLITE_ADDRESS))
    copy_file(path, target / path.name)
    with tempfile.TemporaryDirectory(prefix="geomerge-") as folder:
        return recode_database(
            f"{SQLITE_ADDRESS}{(target / path.name).resolve()}", registers, translation, Path(folder) / "undo.json"
        )
