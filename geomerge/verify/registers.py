"""Checks of the recoded registers of a run: no row holds a code that no unit has, but for those that had to stay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.files import csvfile
from geomerge.findings import Finding
from geomerge.recode.files import recode_registers
from geomerge.recode.translation import Step, Translation
from geomerge.registers import RegisterConfig

CODED = ("unit", "district", "composite", "key")  # what holds the code of a unit
TOLD = ("register", "reason", "rows", "decision")  # columns of a review that are not of the register


def check_register(
    name: str, described: Mapping[str, Any], folder: Path, codes: Iterable[str], date: str
) -> Iterator[Finding]:
    """Find rows of a recoded register whose code is of no unit, or that name several; what stayed is left out.

    Rows in the review of the register stayed, and so did those dated before the last change.

    Parameters
    ----------
    name, described
        The register, as the manifest of the run has it.
    folder
        Folder of the run.
    codes
        Codes of all units.
    date
        The day of the last change.
    """
    register = _coded(name, described, folder)
    if register is None or not Path(register.source).exists():
        return
    heirs = {code: (code,) for code in codes}
    known = Translation([dt.date.fromisoformat(date)], lambda _: Step(heirs), complete=True)
    try:
        found = recode_registers([register], known).registers[0].review
    except InputError as error:
        for fault in error.faults:
            yield Finding("must", "register", fault.rstrip("."), name, "Repeat the run.")
        return
    wrong = _without(found, folder / "registers" / "review" / f"{name}.csv")
    if len(wrong):
        for reason, rows in wrong.groupby("reason", sort=True):
            many = int(rows["rows"].astype(int).sum()) if "rows" in rows else len(rows)
            first = rows.iloc[0]
            shown = ", ".join(f"{column} {first[column]}" for column in register.columns if column in rows)
            place = f"row {first['row']} ({shown})" if "row" in rows else shown
            what = f"{reason} in {many} row{'' if many == 1 else 's'} of {described['file']}, first {place}"
            yield Finding("must", "register", what, name, "Find out who changed it, or repeat the run.")


def _coded(name: str, described: Mapping[str, Any], folder: Path) -> RegisterConfig | None:
    """Return the recoded register with the columns that hold codes of units; None where there are none."""
    columns = {column: held for column, held in described["columns"].items() if held["holds"] in CODED}
    given = {key: described[key] for key in ("table", "id", "date", "encoding") if key in described}
    if not columns:
        return None
    return RegisterConfig(name=name, source=str(folder / described["file"]), columns=columns, **given)


def _without(found: pd.DataFrame, review: Path) -> pd.DataFrame:
    """Return rows that are not in the review of the run: by their number, or by their values where they have none."""
    if not len(found) or not review.exists():
        return found
    stayed = pd.DataFrame(csvfile.read(review)).astype(str)
    by = ["row"] if "row" in found else [c for c in found if c in stayed.columns and c not in TOLD]
    known = set(stayed[by].itertuples(index=False, name=None))
    texts = found[by].astype(object).where(found[by].notna(), "").astype(str)
    return found[[row not in known for row in texts.itertuples(index=False, name=None)]]
