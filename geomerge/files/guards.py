"""Guards at the door to files: what is missing is said with the remedy, and nothing is left half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from geomerge.errors import LayerError

SIDECARS = (  # what belongs to a shapefile; others of its stem are files of their own
    ".shx", ".dbf", ".prj", ".cpg", ".qpj", ".cst", ".qmd", ".shp.xml", ".dbf.xml", ".prj.xml",
    ".qix", ".sbn", ".sbx", ".fbn", ".fbx", ".idm", ".ind", ".ain", ".aih", ".ixs", ".mxs",
)  # fmt: skip
JOURNALS = ("-wal", "-shm", "-journal")


def require_file(path: str | Path) -> None:
    """Raise LayerError, with what its folder holds, if a file does not exist or may not be read."""
    inner = str(path).removeprefix("zip://").partition("!")[0]
    if inner.startswith("/vsi") or "://" in inner:
        return
    if not Path(inner).exists():
        near = sorted(entry.name for entry in Path(inner).parent.glob("*"))[:8] if Path(inner).parent.is_dir() else []
        raise LayerError(
            f"{inner} does not exist. "
            + (f"Its folder holds {', '.join(near)}." if near else "Nor is there anything in its folder.")
        )
    if not os.access(inner, os.R_OK):
        raise LayerError(f"{inner} may not be read. Ask its owner for permission.")


def sidecars(path: Path) -> dict[str, Path]:
    """Return the files beside a shapefile that belong to it, by their suffix in small letters."""
    if not path.parent.is_dir():
        return {}
    start = f"{path.stem}."
    named = {file: file.name[len(path.stem) :].lower() for file in sorted(path.parent.iterdir())}
    return {
        suffix: file
        for file, suffix in named.items()
        if file.name.startswith(start) and (suffix in SIDECARS or suffix.endswith(".atx")) and file.is_file()
    }


@contextlib.contextmanager
def on_disk(path: str | Path) -> Iterator[Path]:
    """Give the path of a file, taken out of its zip archive, if it lies in one, with what belongs to it."""
    text = str(path)
    if not text.startswith("zip://"):
        yield Path(text)
        return
    archive, _, inner = text.removeprefix("zip://").partition("!")
    inner = inner.strip("/")
    with tempfile.TemporaryDirectory(prefix="geomerge-") as folder, zipfile.ZipFile(archive) as opened:
        stem = inner.rpartition(".")[0] or inner
        names = opened.namelist()
        if not any(name == inner or name.startswith(f"{inner}/") for name in names):
            raise LayerError(f"{archive} holds no {inner}. It holds {', '.join(names[:8])}.")
        for name in names:
            if name == inner or name.startswith((f"{stem}.", f"{inner}/")):
                opened.extract(name, folder)
        yield Path(folder) / inner


@contextlib.contextmanager
def staged(target: Path, *, keep: bool = False) -> Iterator[Path]:
    """Give a path to write to beside the target, and put the result in its place when all went well.

    Parameters
    ----------
    target
        File to write, with the files that belong to it.
    keep
        Start from what the target holds, for files of several layers.

    Raises
    ------
    LayerError
        If the folder cannot be written or the disk is full; the target is then as it was.
    """
    stage = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
        if keep and target.is_dir():
            shutil.copytree(target, stage / target.name)
        elif keep and target.exists():
            shutil.copyfile(target, stage / target.name)
        yield stage / target.name
        _put(stage, target)
    except OSError as error:
        raise LayerError(unwritable(target, error)) from error
    except LayerError as error:
        faults = [fault.replace(str(stage), str(target.parent)) for fault in error.faults]
        raise LayerError(*faults) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def copy_bytes(source: Path, target: Path) -> None:
    """Copy a file; where the file system can, both share what does not change."""
    if not hasattr(os, "copy_file_range"):  # only Linux has it
        shutil.copyfile(source, target)
        return
    with source.open("rb") as old, target.open("wb") as new:
        try:
            while os.copy_file_range(old.fileno(), new.fileno(), 1 << 30):
                pass
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                raise
            shutil.copyfileobj(old, new, 1 << 20)  # what has not been copied yet


def unwritable(target: Path, error: OSError) -> str:
    """Return the sentence for a file that cannot be written."""
    remedy = "Choose another folder, or ask for permission to write there."
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        remedy = "Free the disk, or choose another folder."
    return f"{target} cannot be written: {error.strerror or error}. {remedy}"


def _put(stage: Path, target: Path) -> None:
    """Move what was written to its place, the file itself last."""
    made = sorted(stage.iterdir(), key=lambda file: (file.name == target.name, file.name))
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    if target.suffix.lower() == ".shp":
        for file in sidecars(target).values():
            file.unlink(missing_ok=True)
    if target.suffix.lower() == ".gpkg":
        for suffix in JOURNALS:
            target.with_name(target.name + suffix).unlink(missing_ok=True)
    for file in made:
        file.replace(target.with_name(file.name))
