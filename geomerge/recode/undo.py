"""The way back: a folder with the former files of what was recoded, and a record of the state they belong to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomerge import databases
from geomerge.errors import InputError, LayerError
from geomerge.files.finishing import uninterrupted
from geomerge.files.guards import unwritable

RECORD = "undo.json"
KIND = "geomerge recode undo 1"


@dataclass(frozen=True)
class Former:
    """A file before it was recoded.

    Parameters
    ----------
    path
        Where it stands.
    kept
        Name of its former content in the folder; None where it was not there before.
    after
        SHA-256 of its content since; None where it is not there any more.
    """

    path: Path
    kept: str | None
    after: str | None


@dataclass
class Record:
    """What one run recoded.

    Parameters
    ----------
    mark
        Tells the translation that was used.
    sources
        Where the registers are.
    files
        The files that were replaced.
    databases
        Files of the folder that lead back in a database, by its address.
    undone
        Whether it was undone.
    """

    mark: str
    sources: Sequence[str]
    files: list[Former] = field(default_factory=list)
    databases: dict[str, str] = field(default_factory=dict)
    undone: bool = False

    def write(self, folder: Path) -> Path:
        """Write the record into its folder, and make sure that it is on the disk."""
        files = [{"path": str(former.path), "kept": former.kept, "after": former.after} for former in self.files]
        content = {
            "kind": KIND, "mark": self.mark, "sources": list(self.sources), "undone": self.undone,
            "files": files, "databases": self.databases,
        }  # fmt: skip
        target, part = folder / RECORD, folder / f".{RECORD}.part"
        with part.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, ensure_ascii=False, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
        return target

    def is_former(self, path: Path, folder: Path) -> bool:
        """Return whether a file is as it was before, as after a commit that did not come to its end."""
        kept = [former.kept for former in self.files if former.path == path and former.kept is not None]
        return any(path.is_file() and digest(path) == digest(folder / name) for name in kept)


def read_record(path: Path) -> Record:
    """Read a record; LayerError if it is none."""
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["kind"] != KIND:
            raise KeyError(KIND)
        files = [Former(Path(each["path"]), each["kept"], each["after"]) for each in content["files"]]
        return Record(content["mark"], content["sources"], files, dict(content["databases"]), content["undone"])
    except OSError as error:
        raise LayerError(f"{path} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise LayerError(f"{path} leads back from nowhere: it is not the {RECORD} of a recoding.") from error


def records(folder: Path) -> Iterator[tuple[Path, Record]]:
    """Yield all records below a folder that were not undone, in the order they were made."""
    if folder.is_dir():
        for path in sorted(folder.glob(f"*/{RECORD}"), key=lambda path: (len(path.parent.name), path.parent.name)):
            found = read_record(path)
            if not found.undone:
                yield path, found


def new_folder(folder: Path) -> Path:
    """Make the next numbered folder for a way back; LayerError if it cannot be written."""
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    made = folder / str(max(taken, default=0) + 1)
    try:
        made.mkdir(parents=True)
    except OSError as error:
        raise LayerError(unwritable(made, error)) from error
    return made


def keep(path: Path, folder: Path, number: int) -> str:
    """Keep a file as it is now in a folder, without a copy where the file system can, and return its name there."""
    name = f"{number}_{path.name}"
    try:
        os.link(path, folder / name)
    except OSError:  # another disk, or one without links
        shutil.copy2(path, folder / name)
    return name


def undo(path: Path) -> list[str]:
    """Restore what a run recoded, to the byte; all or nothing.

    Parameters
    ----------
    path
        The record that the run left, ``undo.json``.

    Returns
    -------
    list of str
        What was restored.

    Raises
    ------
    InputError
        If files were changed since, are missing, or were restored before; nothing is restored then.
    """
    record = read_record(path)
    if record.undone:
        raise InputError(f"{path} was undone already.")
    if faults := list(_faults(record, path)):
        raise InputError(*faults)
    parts: list[tuple[Path, Path]] = []
    try:
        for former in record.files:
            if former.kept is not None:
                parts.append((_staged(path.parent / former.kept, former.path), former.path))
        told = list(_undo_databases(record, path))
        with uninterrupted():
            for part, target in parts:
                part.replace(target)
            for former in record.files:
                if former.kept is None:
                    former.path.unlink(missing_ok=True)
            record.undone = True
            record.write(path.parent)
    finally:
        for part, _ in parts:
            part.unlink(missing_ok=True)
    return told + [str(former.path) for former in record.files]


def _undo_databases(record: Record, path: Path) -> Iterator[str]:
    """Restore databases one after the other; the record forgets each that is restored, so that undo may go on."""
    for address, name in list(record.databases.items()):
        with uninterrupted():
            rows = databases.undo_tables(address, path.parent / name)
            del record.databases[address]
            record.write(path.parent)
        yield from (f"{address} {table}: {count} rows" for table, count in rows.items())


def _faults(record: Record, path: Path) -> Iterator[str]:
    for former in record.files:
        if former.kept is not None and not (path.parent / former.kept).is_file():
            yield f"{path.parent / former.kept} is missing, which {former.path} is restored from. Copy it back."
        now = digest(former.path) if former.path.is_file() else None
        kept = path.parent / former.kept if former.kept is not None else None
        restored = None if kept is None else digest(kept) if kept.is_file() else former.after
        if now not in (former.after, restored):
            yield (
                f"{former.path} was changed since it was recoded, so it cannot be restored without a loss. Restore it "
                f"by hand: its former content is {path.parent / str(former.kept)}."
            )


def _staged(source: Path, target: Path) -> Path:
    part = target.with_name(f".{target.name}.undo-part")
    try:
        shutil.copyfile(source, part)
        return like(part, source)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LayerError(unwritable(target, error)) from error


def like(new: Path, old: Path) -> Path:
    """Give a new file the permissions and the owner of the old one, and make sure that it is on the disk."""
    shutil.copymode(old, new)
    if hasattr(os, "chown"):
        state = old.stat()
        with contextlib.suppress(PermissionError):  # only root gives files away
            os.chown(new, state.st_uid, state.st_gid)
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    return new


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
