"""Publish a folder of results at once: a run that dies leaves the previous results as they were."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from geomerge.errors import LayerError
from geomerge.held import require_closed, unsettled
from geomerge.previous import require_replaceable
from geomerge.spool import Spool


@contextlib.contextmanager
def staged(target: Path, *, overwrite: bool = False, kept: Collection[tuple[str, ...]] = ()) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of the target when all went well.

    Parameters
    ----------
    target
        Folder of the results. One that exists is replaced if geomerge made it and nobody decided anything in it.
    overwrite
        Replace it in any case, even while somebody edits a file in it.
    kept
        Layer, id and decision of the rows in its review whose decisions are kept elsewhere.

    Raises
    ------
    LayerError
        If the target may not be replaced or its folder cannot be written.
    """
    target = target.resolve()  # where a link leads is replaced, not the link
    require_apart_from_here(target)
    parent, previous = target.parent, target.with_name(f".{target.name}.previous")
    recover(target)
    if target.exists() and not overwrite:
        require_replaceable(target, kept)
        require_closed(target)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _clear_stages(target)
        stage = Path(tempfile.mkdtemp(prefix=_own(target), dir=parent))
    except OSError as error:
        raise LayerError(f"{parent} cannot be written: {error.strerror}. Choose another folder (output).") from error
    try:
        stage.chmod(0o755)
        yield stage
        if target.exists() and not overwrite:  # somebody may have decided or edited something meanwhile
            require_replaceable(target, kept)
            require_closed(target)
        _swap(stage, target, previous)
    except LayerError as error:  # the place of the stage means nothing to anyone
        raise LayerError(*(fault.replace(str(stage), str(target)) for fault in error.faults)) from error
    except OSError as error:
        raise LayerError(
            f"{error.filename or target} cannot be written: {error.strerror or error}. The previous results are "
            f"as they were. Free the disk, or choose another folder (output)."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def hand_over(previous: Path, new: Path) -> None:
    """Give a stage a file of the previous results, which are gone once the stage is in their place.

    It is the same file under two names until then, so it must not be written to; where that cannot be, or it has
    another name already, a copy.
    """
    new.parent.mkdir(parents=True, exist_ok=True)
    # Somebody keeps it elsewhere, as backups do, or has it open and may still write to it.
    if previous.stat().st_nlink > 1 or unsettled(previous):
        shutil.copy2(previous, new)
        return
    try:
        os.link(previous, new)
    except OSError:  # another file system, or one that knows no links
        shutil.copy2(previous, new)


def spooled(target: Path) -> Spool:
    """Return a spool beside the target; the next run removes one that was left by a run that was killed."""
    target = target.resolve()
    return Spool(target.parent, f"{_own(target)}spool-")


def _own(target: Path) -> str:
    return f".{target.name}.staging-{socket.gethostname()}-{os.getpid()}-"


def require_apart_from_here(target: Path) -> None:
    """Raise LayerError if a folder is the current one or holds it: it would be gone under whoever works there."""
    if target.resolve() in (here := Path.cwd(), *here.parents):
        raise LayerError(f"{target} is the folder you are in, or one around it. Name a folder of its own (-o).")


def recover(target: Path) -> None:
    """Put the previous results back, where a run died between taking them away and putting the new ones there."""
    previous = target.with_name(f".{target.name}.previous")
    if previous.exists() and not target.exists():
        previous.rename(target)


def _swap(stage: Path, target: Path, previous: Path) -> None:
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        try:
            target.rename(previous)
        except PermissionError as error:  # as Windows does while a file in it is open
            raise LayerError(
                f"{target} cannot be replaced: {error.strerror}. Close its files in QGIS and other programs, or choose "
                f"another folder (-o)."
            ) from error
    try:
        stage.rename(target)
    except OSError:
        recover(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _clear_stages(target: Path) -> None:
    """Remove what runs that were killed on this machine have left."""
    prefix = f".{target.name}.staging-{socket.gethostname()}-"
    for stage in target.parent.glob(f"{glob.escape(prefix)}*"):
        number = stage.name.removeprefix(prefix).partition("-")[0]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(stage, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a system that does not tell
        return True
    return True
