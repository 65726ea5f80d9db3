"""What a notice tells of a finished run: decisions, units, parents, streets, and what is still open."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.files import csvfile
from geomerge.manifest import sha256
from geomerge.previous import LEDGER_FILE, MANIFEST
from geomerge.verify.finished import Finished, read_finished

Row = dict[str, str]

UNITS = ("old_code", "old_name", "new_code", "new_name", "kind", "share", "event")
CHANGES = ("id", "old_code", "new_code", "old_key", "new_key", "event")
OPEN = ("layer", "id", "code", "key", "reason", "new_code", "decision")
CROSSWALK, PARENTS, STREETS = "crosswalk.csv", "parents.csv", "streets.csv"


@dataclass(frozen=True)
class Content:
    """What a notice tells, but for the ledger, which is read row by row.

    Parameters
    ----------
    title, dates, decisions
        Name of the reform, the days it takes effect, and what was decided, in sentences.
    units
        Which old unit became which new one.
    parents, streets
        Tables of the run on parents of units, and on streets with new codes; None where it has none.
    open
        What a person must still decide.
    counts
        The numbers of the run.
    run
        Hash of its manifest, and the version of geomerge that made it.
    ledger
        File with one row for each feature that changed.
    """

    title: str
    dates: tuple[str, ...]
    decisions: tuple[str, ...]
    units: list[Row]
    parents: list[Row] | None
    streets: list[Row] | None
    open: list[Row]
    counts: dict[str, Any]
    run: dict[str, str]
    ledger: Path

    @property
    def layers(self) -> dict[str, dict[str, int]]:
        """The numbers of each layer."""
        found: dict[str, dict[str, int]] = self.counts["layers"]
        return found

    def changes(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the layer and the values of each row of the ledger that an event concerns; no other one changes."""
        with self.ledger.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            if missing := [column for column in ("layer", *CHANGES) if column not in header]:
                raise InputError(f"{self.ledger} has no column {', '.join(missing)}. Repeat the run.")
            layer, places = header.index("layer"), [header.index(column) for column in CHANGES]
            for row in reader:
                if len(row) != len(header):
                    raise InputError(f"{self.ledger} line {reader.line_num} is damaged. Repeat the run.")
                values = [row[place] for place in places]
                if values[-1]:
                    yield row[layer], values


def read_content(folder: Path) -> Content:
    """Read what a notice tells of a finished run.

    Raises
    ------
    InputError
        If the folder holds no finished run, or files of it were changed after the run.
    """
    finished = read_finished(folder)
    if faults := [str(finding) for finding in finished.changed_files() if finding.blocks]:
        raise InputError(*faults)
    manifest = finished.manifest
    return Content(
        title=manifest["title"],
        dates=tuple(manifest["dates"]),
        decisions=tuple(manifest.get("plan", ())),
        units=_units(finished),
        parents=_table(folder / PARENTS),
        streets=_table(folder / STREETS),
        open=list(_open(finished)),
        counts=manifest["counts"],
        run={"manifest_sha256": sha256(folder / MANIFEST), "geomerge": manifest["versions"]["geomerge"]},
        ledger=folder / LEDGER_FILE,
    )


def _units(finished: Finished) -> list[Row]:
    """Return the crosswalk with names."""
    names = {}
    for table in ("units_before", "units"):
        units = pd.DataFrame(finished.boundary(table)).fillna("") if table in finished.boundaries else pd.DataFrame()
        names[table] = dict(zip(units["code"], units["name"].astype(str), strict=True)) if len(units) else {}
    rows = _table(finished.folder / CROSSWALK) or []
    return [
        {
            "old_code": row["old_code"],
            "old_name": names["units_before"].get(row["old_code"], ""),
            "new_code": row["new_code"],
            "new_name": names["units"].get(row["new_code"], ""),
            **{column: row[column] for column in UNITS[4:]},
        }
        for row in rows
    ]


def _table(path: Path) -> list[Row] | None:
    return _rows(csvfile.read(path)) if path.exists() else None


def _rows(table: pd.DataFrame) -> list[Row]:
    texts = table.astype(object).where(table.notna(), "").astype(str)
    names = [str(column) for column in texts.columns]
    return [dict(zip(names, row, strict=True)) for row in texts.itertuples(index=False, name=None)]


def _open(finished: Finished) -> Iterator[Row]:
    """Yield the rows in review; those decided by now are still open until a run has carried the decision out."""
    for name in finished.tables:
        if name != "units":
            table = pd.DataFrame(finished.review(name)).reindex(columns=list(OPEN)).assign(layer=name)
            yield from _rows(table)


def counted(rows: Iterable[Row], column: str) -> dict[str, int]:
    """Return how many rows have each value of a column, in the order of the values.

    Examples
    --------
    >>> counted([{"reason": "no code"}, {"reason": "no code"}], "reason")
    {'no code': 2}
    """
    found: dict[str, int] = {}
    for row in rows:
        found[row[column]] = found.get(row[column], 0) + 1
    return dict(sorted(found.items()))
