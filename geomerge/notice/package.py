"""A package as a folder and as an archive: sealed by checksums, with the same bytes for the same content."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from geomerge.errors import LayerError
from geomerge.manifest import sha256
from geomerge.notice.proof import PACKAGE, SUMS

MOMENT = (1980, 1, 1, 0, 0, 0)  # the time that all files in an archive have
MODE = 0o644 << 16


def require_own(target: Path, archive: Path) -> None:
    """Raise LayerError if the folder or the archive to write is there and is no notice."""
    faults = []
    if target.exists() and (foreign := _foreign(target)):
        faults.append(f"{target} holds what is not of a notice ({', '.join(foreign[:5])}). ")
    if archive.exists() and not _is_notice(archive):
        faults.append(f"{archive} is there and is no notice. ")
    if faults:
        raise LayerError(*(f"{fault}Move it away, or choose another folder (-o)." for fault in faults))


def _foreign(target: Path) -> list[str]:
    if not target.is_dir():
        return ["a file"]
    there = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    sums = target / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if PACKAGE in there and sums.is_file() else []
    return sorted(there - {SUMS, *(line.partition("  ")[2] for line in lines)})


def _is_notice(archive: Path) -> bool:
    try:
        with zipfile.ZipFile(archive) as held:
            names = {name.rpartition("/")[2] for name in held.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return {PACKAGE, SUMS} <= names


def seal(folder: Path) -> str:
    """Write the file of checksums, in the form that ``sha256sum --check`` reads; return its own hash."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    text = "".join(f"{sha256(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8", newline="\n")
    return sha256(folder / SUMS)


@contextlib.contextmanager
def zipped(folder: Path, archive: Path, name: str) -> Iterator[None]:
    """Put the folder into an archive when all went well, under its name; an archive that stands there is replaced."""
    passing = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
        yield
        with zipfile.ZipFile(passing, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                info = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", MOMENT)
                info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, MODE, 3
                with path.open("rb") as source, out.open(info, "w", force_zip64=path.stat().st_size > 1 << 30) as held:
                    while block := source.read(1 << 20):
                        held.write(block)
        passing.replace(archive)
    finally:
        passing.unlink(missing_ok=True)
