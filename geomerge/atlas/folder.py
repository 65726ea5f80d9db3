"""The folder of maps: written beside, then put in place at once; what others put into it stays there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from geomerge.errors import LayerError
from geomerge.manifest import sha256
from geomerge.previous import MANIFEST
from geomerge.publish import hand_over, recover, staged

CONTENTS: Final = "maps.json"


@contextlib.contextmanager
def replaced(target: Path, names: list[str], *, run: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write maps into, and put it in the place of the target when all went well.

    Parameters
    ----------
    target
        The folder. Maps in it that were made before go; files of others stay.
    names
        Names of the files that will be written.
    run
        Folder of the run, which the maps must not lie in.
    overwrite
        Replace maps that were changed by hand, and files of others with the names of maps.

    Raises
    ------
    LayerError
        If the folder cannot be written, or something in it would be lost.
    """
    target = target.resolve()
    if run.resolve() in (target, *target.parents):
        raise LayerError(f"{target} lies in the folder of the run, which holds nothing but the run. Name another (-o).")
    recover(target)
    others = _others(target, set(names), overwrite) if target.exists() else []
    with staged(target, overwrite=True) as stage:
        yield stage
        for path in others:
            new = stage / path.relative_to(target)
            if path.is_dir() and not path.is_symlink():
                new.mkdir(parents=True, exist_ok=True)
            elif path.is_symlink():
                new.parent.mkdir(parents=True, exist_ok=True)
                new.symlink_to(path.readlink())
            else:
                hand_over(path, new)


def write_contents(stage: Path, title: str, maps: Mapping[str, Mapping[str, str]]) -> None:
    """Write what the folder holds, so that the next time one knows which files are maps made here."""
    listed = [{"file": name, **facts, "sha256": sha256(stage / name)} for name, facts in sorted(maps.items())]
    text = json.dumps({"title": title, "maps": listed}, ensure_ascii=False, indent=2)
    (stage / CONTENTS).write_text(f"{text}\n", encoding="utf-8")


def _others(target: Path, names: set[str], overwrite: bool) -> list[Path]:
    """Return what is not ours in the folder; LayerError where it would be lost."""
    if not target.is_dir():
        raise LayerError(f"{target} is a file. Name a folder (-o).")
    if (target / MANIFEST).exists():
        raise LayerError(f"{target} is the folder of a run. Name another for the maps (-o).")
    ours = _written(target)
    present = sorted(target.rglob("*"))
    foreign = [path for path in present if path.relative_to(target).as_posix() not in {*ours, CONTENTS}]
    if overwrite:
        return [path for path in foreign if path.relative_to(target).as_posix() not in names]
    files = {path.relative_to(target).as_posix() for path in foreign}
    changed = [name for name, digest in ours.items() if (target / name).is_file() and sha256(target / name) != digest]
    remedy = "Move them away, name another folder (-o), or allow to replace them (--overwrite)."
    faults = []
    if taken := sorted(files & names):
        faults.append(f"{target} holds {', '.join(taken[:5])}, which geomerge did not write. {remedy}")
    if changed:
        faults.append(f"{target} holds maps that were changed since ({', '.join(sorted(changed)[:5])}). {remedy}")
    if faults:
        raise LayerError(*faults)
    return foreign


def _written(target: Path) -> dict[str, str]:
    """Return the maps in the folder that were made here, with their hashes."""
    try:
        contents = json.loads((target / CONTENTS).read_text(encoding="utf-8"))
        return {str(one["file"]): str(one["sha256"]) for one in contents["maps"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
