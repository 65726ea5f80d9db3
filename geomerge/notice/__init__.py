"""The notice: what vendors, archives and other registers need of a run, in one package they can verify."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.notice.content import CHANGES, OPEN, UNITS, Content, Row, counted, read_content
from geomerge.notice.package import require_own, seal, zipped
from geomerge.notice.page import Listing, page
from geomerge.notice.proof import PACKAGE, SCHEMA, VERSION, check_package
from geomerge.notice.writing import Rows
from geomerge.progress import progress
from geomerge.publish import require_apart_from_here, staged

__all__ = ["Notice", "verify_notice", "write_notice"]

Tables = dict[str, Rows]


@dataclass(frozen=True)
class Notice:
    """A package that was written: its folder, the same as one file, its fingerprint, and how much it tells.

    The fingerprint is the SHA-256 of the file of checksums; who has the same one has the same package.
    """

    folder: Path
    archive: Path
    fingerprint: str
    counts: dict[str, int]


def write_notice(run: str | Path, target: str | Path) -> Notice:
    """Write the notice of a finished run: JSON, CSV and a page, all from its ledger, with checksums.

    Parameters
    ----------
    run
        Output folder of the run.
    target
        Folder to write; the archive stands beside it, with the ending ``.zip``. A notice that stands there is
        replaced.

    Returns
    -------
    Notice

    Raises
    ------
    InputError
        If the run is not finished or its files were changed after it, or the target is no notice.
    """
    run, target = Path(run), Path(target)
    require_apart_from_here(target)
    if run.resolve() in (target.resolve(), *target.resolve().parents):
        raise InputError(f"{target} lies in the results of the run. Choose a folder of its own (-o).")
    content = read_content(run)
    archive = target.with_name(f"{target.name}.zip")
    require_own(target, archive)
    with staged(target, overwrite=True) as folder, zipped(folder, archive, target.name):
        told = _write(folder, content)
        fingerprint = seal(folder)
    counts = {layer["name"]: layer["changed"] for layer in told["layers"]} | {"open": told["open"]["rows"]}
    return Notice(target, archive, fingerprint, counts)


def verify_notice(package: str | Path) -> list[Finding]:
    """Return what is wrong with a package, a folder or an archive: files, hashes, counts and version.

    Parameters
    ----------
    package
        Folder or ``.zip`` of a notice.

    Returns
    -------
    list of Finding
        Empty where the package is as it was written.

    Raises
    ------
    InputError
        If it is no notice at all.
    """
    return list(check_package(Path(package)))


def _write(folder: Path, content: Content) -> dict[str, Any]:
    """Write all files but the checksums; return what notice.json says."""
    small: Tables = {"units": Rows(folder, "units", UNITS).fill(content.units)}
    for name, rows in (("parents", content.parents), ("streets", content.streets)):
        if rows:
            small[name] = Rows(folder, name, list(rows[0])).fill(rows)
    small["open"] = Rows(folder, "open", OPEN).fill(content.open)
    changes = _write_changes(folder, content)
    schema = resources.files("geomerge").joinpath("templates", SCHEMA).read_bytes()
    (folder / SCHEMA).write_bytes(schema)
    told = _notice(content, small, changes)
    text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    (folder / PACKAGE).write_text(text, encoding="utf-8", newline="\n")
    (folder / "notice.html").write_text(page(told, _listings(content, small, changes)), encoding="utf-8", newline="\n")
    return told


def _write_changes(folder: Path, content: Content) -> Tables:
    """Write the rows of the ledger, each into the files of its layer."""
    with ExitStack() as stack:
        tables = {name: Rows(folder, f"changes/{name}", CHANGES, lines=True) for name in content.layers}
        for table in tables.values():
            stack.callback(table.close)
        total = sum(counts["moved"] for counts in content.layers.values())
        for layer, values in progress(content.changes(), "notice", total=total):
            if layer not in tables:
                raise InputError(f"{content.ledger} names the layer {layer}, which the run does not have. Repeat it.")
            tables[layer].add(values)
    for name, table in tables.items():
        if table.count != content.layers[name]["moved"]:
            raise InputError(
                f"{content.ledger} has {table.count} rows of {name}, but the run moved "
                f"{content.layers[name]['moved']}. Repeat the run."
            )
    return tables


def _notice(content: Content, small: Tables, changes: Tables) -> dict[str, Any]:
    layers = [
        {
            "name": name,
            "rows": content.layers[name]["rows"],
            "changed": table.count,
            "open": content.layers[name]["review"],
            "csv": f"changes/{name}.csv",
            "jsonl": f"changes/{name}.jsonl",
        }
        for name, table in changes.items()
    ]
    files = [record for table in (*small.values(), *changes.values()) for record in table.records()]
    return {
        "schema": "geomerge-notice",
        "schema_version": VERSION,
        "title": content.title,
        "valid_from": content.dates[-1],
        "dates": list(content.dates),
        "decisions": list(content.decisions),
        "units": content.units,
        "parents": content.parents or [],
        "streets": content.streets or [],
        "layers": layers,
        "open": {
            "rows": len(content.open),
            "by_layer": counted(content.open, "layer"),
            "by_reason": counted(content.open, "reason"),
            "file": "open.csv",
        },
        "findings": content.counts["findings"],
        "files": sorted(files, key=lambda record: str(record["path"])),
        "run": content.run,
    }


def _listings(content: Content, small: Tables, changes: Tables) -> list[Listing]:
    """Return the tables of the page: units in full, of the others the first rows."""
    changed = [row for row in content.units if row["event"]]
    same = [row for row in content.units if not row["event"]]
    listings = [_whole("Units that change", changed), _whole("Units that stay as they are", same, folded=True)]
    titles = {"parents": "Parents of units", "streets": "Streets: codes given or kept", "open": "Still open"}
    named = [(titles[name], small[name], f"{name}.csv") for name in titles if name in small]
    named += [(name.replace("_", " ").capitalize(), table, f"changes/{name}.csv") for name, table in changes.items()]
    return listings + [
        Listing(title, table.columns, table.first, table.count, file) for title, table, file in named if table.count
    ]


def _whole(title: str, rows: list[Row], *, folded: bool = False) -> Listing:
    return Listing(title, UNITS, [[row[column] for column in UNITS] for row in rows], len(rows), "units.csv", folded)
