"""Publish a folder of results at once: a run that dies leaves the previous results as they were."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from geomerge.errors import LayerError

MANIFEST = "manifest.json"


@contextlib.contextmanager
def staged(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of the target when all went well.

    Parameters
    ----------
    target
        Folder of the results. One that exists is replaced if geomerge made it and nobody decided anything in it.
    overwrite
        Replace it in any case.

    Raises
    ------
    LayerError
        If the target may not be replaced or its folder cannot be written.
    """
    target = target.resolve()  # where a link leads is replaced, not the link
    parent, previous = target.parent, target.with_name(f".{target.name}.previous")
    recover(target)
    if target.exists() and not overwrite:
        _require_ours(target)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.staging-", dir=parent))
    except OSError as error:
        raise LayerError(f"{parent} cannot be written: {error.strerror}. Choose another folder (output).") from error
    try:
        stage.chmod(0o755)
        yield stage
        _swap(stage, target, previous)
    except OSError as error:
        raise LayerError(
            f"{error.filename or target} cannot be written: {error.strerror or error}. The previous results are "
            f"as they were. Free the disk, or choose another folder (output)."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def recover(target: Path) -> None:
    """Put the previous results back, where a run died between taking them away and putting the new ones there."""
    previous = target.with_name(f".{target.name}.previous")
    if previous.exists() and not target.exists():
        previous.rename(target)


def _swap(stage: Path, target: Path, previous: Path) -> None:
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    try:
        stage.rename(target)
    except OSError:
        recover(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _require_ours(target: Path) -> None:
    if not target.is_dir():
        raise LayerError(f"{target} is a file. Name a folder as output.")
    if any(target.iterdir()) and not (target / MANIFEST).exists():
        raise LayerError(
            f"{target} holds files that geomerge did not write. Choose another folder (output), or allow to replace it "
            f"(--overwrite)."
        )
