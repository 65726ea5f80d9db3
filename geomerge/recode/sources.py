"""What a job says of its registers, read: the list of them, and the translation from plan, units, ledger and pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ConfigDict, Field, field_validator

from geomerge import layers
from geomerge.codes import as_codes
from geomerge.documents import load
from geomerge.errors import InputError
from geomerge.histories.shipped import read_history
from geomerge.job import Job, LayerConfig, read_job
from geomerge.planfile import read_plan
from geomerge.recode.translation import Day, Translation
from geomerge.registers import RegisterConfig, require_distinct
from geomerge.selectors import Model

if TYPE_CHECKING:
    import geopandas as gpd

LEDGER, BOUNDARIES, PIECES = "ledger.csv", "boundaries.gpkg", "pieces"


class RegisterList(Model):
    """A file that lists registers, such as a job, of which the rest is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    registers: tuple[RegisterConfig, ...] = Field(min_length=1)

    @field_validator("registers")
    @classmethod
    def _told_apart(cls, registers: tuple[RegisterConfig, ...]) -> tuple[RegisterConfig, ...]:
        require_distinct(registers)
        return registers


def read_registers(path: str | Path, names: Sequence[str] = ()) -> tuple[RegisterConfig, ...]:
    """Read the registers that a file lists, all or some; PlanFormatError with all faults and their lines."""
    registers = load(Path(path), RegisterList).registers
    known = [register.name for register in registers]
    if missing := [name for name in names if name not in known]:
        raise InputError(f"{path} has no register {', '.join(missing)}. It has {', '.join(known)}.")
    return tuple(register for register in registers if not names or register.name in names)


def read_translation(
    job: str | Path | None,
    registers: Sequence[RegisterConfig],
    *,
    plan: str | Path | None = None,
    history: str | None = None,
    since: Day = None,
    until: Day = None,
    ledger: str | Path | None = None,
    pieces: str | None = None,
) -> Translation:
    """Return the translation for registers: of the plan and units of a job, of a plan alone, or of a history.

    Parameters
    ----------
    job
        The job file; its plan and its units are used, and ledger and pieces of its last run where there are any.
    registers
        What is to be recoded: pieces and addresses are read only where a register asks for them.
    plan, history
        A plan, or a history, instead of those of a job.
    since, until
        Days between which a history is followed.
    ledger
        Table with old and new keys.
    pieces
        Layer of pieces, such as ``boundaries.gpkg|pieces``.

    Raises
    ------
    InputError
        If files are missing or do not fit.
    """
    if plan is not None and history is not None:
        raise InputError("A plan and a history are given. Name one of them.")
    with_place = any(register.place is not None for register in registers)
    found = None if ledger is None else _ledger(ledger)
    areas = _pieces(*layers.split_name(pieces)) if pieces is not None else None
    if history is not None:
        return Translation.of(read_history(history), since, until, ledger=found, pieces=areas)
    if plan is not None or job is None:
        if plan is None:
            raise InputError("No plan is given. Name a job, a plan (--plan) or a history (--history).")
        return Translation.of(read_plan(plan), since, until, ledger=found, pieces=areas)
    described = read_job(job)
    output = Path(described.file(described.output))
    if found is None and (output / LEDGER).is_file():
        found = _ledger(output / LEDGER)
    if areas is None and with_place and (output / BOUNDARIES).is_file():
        areas = _pieces(output / BOUNDARIES, PIECES)
    return Translation.of(
        read_plan(described.file(described.plan)),
        since,
        until,
        units=_units(described),
        ledger=found,
        pieces=areas,
        addresses=addresses_of(described, registers, found),
    )


def units_table(units: Any, config: Any) -> pd.DataFrame:
    """Return the units of a job as ``code``, ``name``, ``parent``, from a table with codes as text."""
    columns = {"code": config.code, "name": config.name}
    if config.levels and config.levels[0].code:
        columns["parent"] = config.levels[0].code
    return pd.DataFrame({ours: units[theirs] for ours, theirs in columns.items() if theirs})


def _units(job: Job) -> pd.DataFrame:
    config = job.units
    level = config.levels[0].code if config.levels else None
    columns = [column for column in (config.code, config.name, level) if column]
    table = layers.read(job.file(config.path), config.layer, columns=columns, encoding=config.encoding)
    codes = as_codes(table[config.code], config.code_width, f"Column {config.code} of {config.path}")
    return units_table(table.assign(**{config.code: codes}), config)


def _ledger(path: str | Path) -> pd.DataFrame:
    return pd.DataFrame(layers.read(path))


def _pieces(path: str | Path, layer: str | None) -> gpd.GeoDataFrame:
    return layers.read(path, layer)


def addresses_of(job: Job, registers: Sequence[RegisterConfig], ledger: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Return the addresses of layers of a job that registers name, with old and new codes by the ledger of a run."""
    wanted: dict[str, list[str]] = {}
    for address in (register.address for register in registers if register.address is not None):
        wanted[address.layer] = list(dict.fromkeys([*wanted.get(address.layer, ()), *address.columns]))
    known = {layer.name: layer for layer in job.layers}
    if lost := sorted(set(wanted) - set(known)):
        raise InputError(f"The job has no layer {', '.join(lost)}, whose addresses a register names.")
    if wanted and ledger is None:
        raise InputError(
            "Addresses lead to new units by the ledger of a run. Run the job first, or name it (--ledger)."
        )
    assert ledger is not None or not wanted
    return {name: _led(job, known[name], columns, ledger) for name, columns in wanted.items()}


def _led(job: Job, layer: LayerConfig, columns: list[str], ledger: pd.DataFrame | None) -> pd.DataFrame:
    """Return the addresses of a layer with their old and new codes; one that is not in the ledger stays."""
    wanted = list(dict.fromkeys([layer.code, *columns, *([layer.id] if layer.id else [])]))
    table = pd.DataFrame(layers.read(job.file(layer.path), layer.layer, columns=wanted, encoding=layer.encoding))
    assert ledger is not None
    mine = ledger[ledger["layer"] == layer.name].drop_duplicates("id")
    new = pd.Series(mine["new_code"].to_numpy(dtype=object), index=mine["id"].astype(str).to_numpy())
    ids = (table[layer.id] if layer.id else table.index.to_series()).astype(str)
    codes = as_codes(table[layer.code], layer.code_width, f"Column {layer.code} of {layer.path}")
    found = table[columns].assign(old_code=codes, new_code=ids.map(new).to_numpy(dtype=object))
    found["new_code"] = found["new_code"].where(found["new_code"].notna(), found["old_code"])
    return found
