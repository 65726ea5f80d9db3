"""Recode the registers of a job where they are: a dry run first, then all of them at once, with a way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from geomerge.documents import beside
from geomerge.errors import InputError, LayerError
from geomerge.files.finishing import uninterrupted
from geomerge.files.guards import require_file, unwritable
from geomerge.findings import require
from geomerge.progress import progress
from geomerge.recode.onefile import FileJob, look
from geomerge.recode.outcome import Done, RegisterResult
from geomerge.recode.tables import recode_database
from geomerge.recode.translation import Translation
from geomerge.recode.undo import RECORD, Former, Record, digest, keep, like, new_folder, records
from geomerge.registers import RegisterConfig, require_distinct

SQLITE = (".sqlite", ".sqlite3", ".db", ".gpkg")
SQLITE_ADDRESS = "sqlite:///"


def recode_registers(
    registers: Sequence[RegisterConfig],
    translation: Translation,
    *,
    folder: str | Path = ".",
    commit: bool = False,
    undo: str | Path | None = None,
) -> Done:
    """Recode registers in files and databases where they are; without ``commit`` nothing is changed.

    Files are written beside and put in their place together, at the end; databases are changed in one transaction
    each. What fails leaves all as it was.

    Parameters
    ----------
    registers
        What to recode.
    translation
        What became of codes and keys.
    folder
        Folder to which paths of registers are relative.
    commit
        Change them.
    undo
        Folder for the ways back, one numbered folder a run; ``undo`` in the folder where none is given.

    Returns
    -------
    Done

    Raises
    ------
    InputError
        With the faults of all registers: files that are missing, columns, encodings, locks.
    Blocked
        If districts could not be told apart any more. Nothing is changed then.
    """
    folder = Path(folder)
    ways = Path(undo) if undo is not None else folder / "undo"
    try:
        require_distinct(registers)
    except ValueError as error:
        raise InputError(f"Names of registers tell them apart, and {error}. Rename all but one.") from None
    registers = [aware(register, folder, translation, ways) for register in registers]
    served, filed = parted(registers, folder)
    with ExitStack() as stack:
        jobs, results, faults = [], dict[str, RegisterResult](), list[str]()
        for path, mine in progress(filed.items(), "recode"):
            job = FileJob(path, mine)
            try:
                results |= job.carry_out(stack, translation, commit)
                jobs.append(job)
            except InputError as error:
                faults += error.faults
        for url, mine in served.items():
            try:
                results |= recode_database(url, mine, translation, None)
            except InputError as error:
                faults += error.faults
        if faults:
            raise InputError(*dict.fromkeys(faults))
        if commit:
            require([finding for result in results.values() for finding in result.findings])
        way = _commit(jobs, served, translation, ways) if commit else None
    return Done(tuple(results[register.name] for register in registers), way)


def aware(register: RegisterConfig, folder: Path, translation: Translation, ways: Path) -> RegisterConfig:
    """Return a register without the claim to hold only old codes, where a record says that it was recoded."""
    if register.state is None or register.is_database:
        return register
    path = Path(beside(folder, register.source)).resolve()
    for place, record in records(ways):
        if record.mark == translation.mark and str(path) in record.sources and not record.is_former(path, place.parent):
            return register.model_copy(update={"state": None})
    return register


def parted(
    registers: Iterable[RegisterConfig], folder: Path
) -> tuple[dict[str, list[RegisterConfig]], dict[Path, list[RegisterConfig]]]:
    """Return registers by database, and by file."""
    served: dict[str, list[RegisterConfig]] = {}
    filed: dict[Path, list[RegisterConfig]] = {}
    faults = list[str]()
    for register in registers:
        if register.is_database:
            served.setdefault(register.source, []).append(register)
            continue
        path = Path(beside(folder, register.source))
        try:
            require_file(path)
        except LayerError as error:
            faults += error.faults
            continue
        if path.suffix.lower() in SQLITE:
            served.setdefault(f"{SQLITE_ADDRESS}{path.resolve()}", []).append(register)
        else:
            filed.setdefault(path.resolve(), []).append(register)
    if faults:
        raise InputError(*faults)
    return served, filed


def _commit(
    jobs: Sequence[FileJob],
    served: dict[str, list[RegisterConfig]],
    translation: Translation,
    ways: Path,
) -> Path | None:
    """Put everything in its place: first the way back, then databases, then files; None where nothing is to change."""
    if changed := [job.path for job in jobs if look(job.path) != job.seen]:
        raise LayerError(
            f"{changed[0]} was changed while it was read. Nothing was changed. Try again when it is quiet."
        )
    folder = new_folder(ways)
    record = Record(translation.mark, [*(str(job.path) for job in jobs), *served])
    try:
        moves = list(_moves(jobs, folder, record))
        record.write(folder)
        _change_databases(served, translation, folder, record)
    except BaseException as error:  # an interruption, too, leaves all as it was
        if not record.databases:
            shutil.rmtree(folder)
        if isinstance(error, OSError):
            raise LayerError(unwritable(folder, error)) from error
        raise
    if not (record.files or record.databases):
        shutil.rmtree(folder)
        return None
    with uninterrupted():
        _put(moves, record, folder / RECORD)
    return folder / RECORD


def _put(moves: Sequence[tuple[Path, Path]], record: Record, way: Path) -> None:
    target = way
    try:
        for part, target in moves:
            part.replace(target)
        for former in record.files:
            if former.after is None:
                former.path.unlink(missing_ok=True)
    except OSError as error:
        raise LayerError(unwritable(target, error), f"A part was changed already. Undo that with {way}.") from error


def _change_databases(
    served: dict[str, list[RegisterConfig]], translation: Translation, folder: Path, record: Record
) -> None:
    """Change databases one after the other; where one refuses, no file is replaced, and the record says what was."""
    try:
        for number, (url, mine) in enumerate(served.items()):
            name = f"database_{number}.json"
            try:
                recode_database(url, mine, translation, folder / name)
            finally:  # the file is there if, and only if, the changes are
                if (folder / name).exists():
                    record.databases[url] = name
                    record.write(folder)
    except (InputError, KeyboardInterrupt) as error:
        if not record.databases:
            raise
        record.files.clear()
        way = record.write(folder)
        faults = error.faults if isinstance(error, InputError) else ("It was interrupted.",)
        changed = ", ".join(record.databases)
        raise InputError(*faults, f"{changed} was changed already. Undo that with {way}, or go on.") from error


def _moves(jobs: Sequence[FileJob], folder: Path, record: Record) -> Iterator[tuple[Path, Path]]:
    """Keep all former files, and return which new one goes where; a file that stays the same is left alone."""
    number = 0
    for job in jobs:
        made = {job.path.with_name(name): new for name, new in job.made().items()}
        for path in sorted({*job.former(), *made}):
            new = made.get(path)
            after = None if new is None else digest(new)
            if not path.exists():
                record.files.append(Former(path, None, after))
            elif after != digest(path):
                record.files.append(Former(path, keep(path, folder, number), after))
                number += 1
            else:
                continue
            if new is not None:
                yield like(new, path if path.exists() else job.path), path
