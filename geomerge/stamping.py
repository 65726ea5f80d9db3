"""Stamping: files of the results carry from which plan and which run they come."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from geomerge.files.metadata import write_items
from geomerge.provenance import Provenance
from geomerge.results import Results
from geomerge.reuse.recipes import Recipe, digest


def provenance(results: Results, recipe: Recipe) -> Provenance:
    """Return the provenance of a file that was made by a recipe.

    The hash of the plan is over the pieces, which are all that it decides on land and codes, and the id of the run over
    all that decides the file: what an edit does not affect stays the same file.
    """
    return Provenance(
        date=results.dates[-1],
        plan=plan_digest(results),
        run=digest(dict(recipe))[:16],
        geomerge=version("geomerge"),
    )


def plan_digest(results: Results) -> str:
    """Return a hash over what the plan decides on land and codes."""
    return digest(results.pieces, results.dates)


def stamp(path: Path, tables: Iterable[str], known: Provenance) -> None:
    """Write provenance into a GeoPackage, for each of the tables, or a Parquet file; other formats have no place."""
    write_items(path, known.items(), tables, time=f"{known.date}T00:00:00.000Z")
