"""The previous results: whether a new run may replace them, or would lose what people put or decided there."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection
from pathlib import Path

from geomerge.errors import LayerError
from geomerge.files.geopackage import quoted

MANIFEST, REVIEW, TIMINGS = "manifest.json", "review.gpkg", "timings.json"
BOUNDARIES, CROSSWALK, LEDGER_FILE = "boundaries.gpkg", "crosswalk.csv", "ledger.csv"
PASSING = ("-wal", "-shm", "-journal", "~", ".aux.xml", ".qmd")  # what programs leave beside a file they have open


def require_replaceable(folder: Path, kept: Collection[tuple[str, ...]] = ()) -> None:
    """Raise LayerError if a folder holds anything that would be lost with it.

    That is anything but results of geomerge, and decisions that are not ``kept`` elsewhere, each with its layer and
    id.
    """
    if not folder.is_dir():
        raise LayerError(f"{folder} is a file. Name a folder as output.")
    if (folder / MANIFEST).is_file() and not _written(folder):
        raise LayerError(
            f"{folder / MANIFEST} is damaged, or not of geomerge, so nobody knows what in {folder} may be replaced. "
            f"Choose another folder (output), or allow to replace it (--overwrite)."
        )
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    foreign = sorted(name for name in present - _written(folder) if not name.endswith(PASSING))
    if foreign:
        raise LayerError(
            f"{folder} holds files that geomerge did not write ({', '.join(foreign[:5])}). Move them away, "
            f"choose another folder (output), or allow to replace it (--overwrite)."
        )
    review = folder / REVIEW
    try:
        lost = decisions(review) - set(kept)
    except sqlite3.Error as error:
        raise LayerError(
            f"{review} cannot be read: {error}. Save and close it in other programs, or move it away."
        ) from error
    if lost:
        raise LayerError(
            f"{review} holds {len(lost)} decisions, which a new run would lose. Repeat the run if they were made "
            f"meanwhile; else move it away, or allow to replace it (--overwrite)."
        )


def decisions(review: Path) -> set[tuple[str, ...]]:
    """Return layer, id and decision of the rows of a review that were decided."""
    if not review.exists():
        return set()
    with contextlib.closing(sqlite3.connect(f"{review.as_uri()}?mode=ro", uri=True)) as connection:
        asked = connection.execute(
            "SELECT table_name, max(field.name = 'id') FROM gpkg_contents, pragma_table_info(table_name) AS field "
            "GROUP BY table_name HAVING max(field.name = 'decision')"
        ).fetchall()
        found: set[tuple[str, ...]] = set()
        for name, named in asked:
            row = "trim(CAST(id AS TEXT))" if named else "CAST(rowid AS TEXT)"
            rows = connection.execute(
                f"SELECT ?, ifnull({row}, ''), trim(CAST(decision AS TEXT)) FROM {quoted(name)} "
                f"WHERE trim(CAST(decision AS TEXT)) <> ''",
                [name],
            )
            found.update(rows.fetchall())
    return found


def _written(folder: Path) -> set[str]:
    """Return what the manifest of the folder says geomerge wrote; nothing where it is no manifest of geomerge."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        ours = "geomerge" in manifest["versions"]
        return {MANIFEST, TIMINGS, *(output["path"] for output in manifest["outputs"])} if ours else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
