"""The previous results: whether a new run may replace them, or would lose what people put or decided there."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

from geomerge.errors import LayerError
from geomerge.files.geopackage import quoted

MANIFEST, REVIEW, TIMINGS = "manifest.json", "review.gpkg", "timings.json"
PASSING = ("-wal", "-shm", "~", ".aux.xml", ".qmd")  # what programs leave beside a file they have open


def require_replaceable(folder: Path) -> None:
    """Raise LayerError if a folder holds anything but untouched results of geomerge."""
    if not folder.is_dir():
        raise LayerError(f"{folder} is a file. Name a folder as output.")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    foreign = sorted(name for name in present - _written(folder) if not name.endswith(PASSING))
    if foreign:
        raise LayerError(
            f"{folder} holds files that geomerge did not write ({', '.join(foreign[:5])}). Move them away, "
            f"choose another folder (output), or allow to replace it (--overwrite)."
        )
    if decided := decisions(folder / REVIEW):
        raise LayerError(
            f"{folder / REVIEW} holds {decided} decisions, which a new run would lose. Move it away, "
            f"or allow to replace it (--overwrite)."
        )


def decisions(review: Path) -> int:
    """Return how many rows of a review have a decision."""
    if not review.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{review.as_uri()}?mode=ro", uri=True)) as connection:
        asked = connection.execute(
            "SELECT table_name FROM gpkg_contents, pragma_table_info(table_name) AS field WHERE field.name = 'decision'"
        ).fetchall()
        counts = [connection.execute(f"SELECT count(decision) FROM {quoted(name)}").fetchone()[0] for (name,) in asked]
    return sum(counts)


def _written(folder: Path) -> set[str]:
    """Return what the manifest of the folder says geomerge wrote; nothing where it is no manifest of geomerge."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        ours = "geomerge" in manifest["versions"]
        return {MANIFEST, TIMINGS, *(output["path"] for output in manifest["outputs"])} if ours else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
