"""Recode: codes and keys in registers, by the code, the key or the place of each row; nothing else changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from geomerge.findings import Finding, collector
from geomerge.history import History
from geomerge.plan import Plan
from geomerge.recode.tally import Tally, identify
from geomerge.recode.translate import Translated, cells_of, new_columns, require_columns, translate, translate_cells
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig, register_of

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Recoded", "Translated", "Translation", "recode", "translate"]

Day = dt.date | str | None


@dataclass(frozen=True)
class Recoded:
    """A recoded register.

    Parameters
    ----------
    table
        The register with its new codes and keys: the same index, columns, order and types.
    counts
        ``rows``, and how many of them are ``recoded``, ``kept`` and for ``review``.
    review
        The rows that a person must decide, with the reason: ``register``, ``row`` (from 0), the columns that
        decide, ``reason``, and an empty ``decision``. In the table they are as they were.
    samples
        Changes by column: ``column``, ``old``, ``new``, ``rows``.
    """

    table: Any
    counts: dict[str, int]
    review: pd.DataFrame
    samples: pd.DataFrame


def recode(
    register: pd.DataFrame,
    crosswalk: History | Plan | pd.DataFrame | Translation,
    *,
    columns: Mapping[str, Any],
    since: Day = None,
    until: Day = None,
    day: Day = None,
    units: pd.DataFrame | Iterable[str] | None = None,
    ledger: pd.DataFrame | None = None,
    pieces: gpd.GeoDataFrame | None = None,
    addresses: Mapping[str, pd.DataFrame] | None = None,
    keys: Sequence[Mapping[str, Any]] = (),
    id: str | None = None,
    date: str | None = None,
    place: Mapping[str, str] | None = None,
    address: Mapping[str, Any] | None = None,
    state: Literal["old"] | None = None,
    findings: list[Finding] | None = None,
) -> Recoded:
    """Give the codes and keys in a register their new values; what could be one or another is never guessed.

    The rule, in its order: a row dated before a change keeps its codes; a code that goes whole to one new code is
    recoded; a row of a split unit is decided by its key in the ledger, by its address, by its place; all else is
    for review, and stays. A second run changes nothing.

    Parameters
    ----------
    register
        Any table.
    crosswalk
        What became of codes: a history, a plan, a table made by :func:`geomerge.crosswalk`, or a translation.
    columns
        What each column holds: ``unit``, ``parent``, ``district``, ``key``, ``composite``, ``name``,
        ``parent name``, or a mapping with more (``{"holds": "unit", "width": 4}``).
    since, until, day, units, ledger, pieces, addresses
        As for :meth:`Translation.of`.
    keys
        Keys spread over columns: ``{"code": "kommune", "numbers": ["gnr", "bnr"]}``.
    id, date
        Columns that identify a row, and that date it.
    place
        Columns with coordinates, and their CRS: ``{"x": "east", "y": "north", "crs": "EPSG:25832"}``.
    address
        Columns that name an address: ``{"layer": "addresses", "columns": {"street": "gate"}}``.
    state
        ``old`` where all codes are known to be of before the reform; decides codes that are used again.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Recoded

    Raises
    ------
    InputError
        If columns are missing, hold numbers without a width, or need what is not known.

    Examples
    --------
    >>> plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    >>> cases = pd.DataFrame({"case": ["A1", "A2"], "kommune": ["0719", "0719"], "from": ["2016-05-01", "2017-02-01"]})
    >>> done = recode(cases, plan, columns={"kommune": "unit"}, date="from", findings=[])
    >>> done.table["kommune"].tolist(), done.counts
    (['0719', '0710'], {'rows': 2, 'recoded': 1, 'kept': 1, 'review': 0})
    """
    described = register_of(
        columns, keys=tuple(keys) or None, id=id, date=date, place=place, address=address, state=state
    )
    translation = (
        crosswalk
        if isinstance(crosswalk, Translation)
        else Translation.of(
            crosswalk, since, until, units=units, day=day, ledger=ledger, pieces=pieces, addresses=addresses
        )
    )
    found, tally = recode_table(register, described, translation)
    report = collector(findings)
    for finding in tally.findings():
        report(finding)
    return Recoded(register.assign(**found), tally.counts, tally.review, tally.samples)


def recode_table(
    rows: pd.DataFrame, register: RegisterConfig, translation: Translation
) -> tuple[dict[str, pd.Series], Tally]:
    """Return the columns of a table that change, and what happened to its rows."""
    require_columns(rows.columns, register)
    tally = Tally(register)
    told, place, combinations = translate_cells(cells_of(rows, register), len(rows), register, translation)
    tally.add(told, place, combinations, ids=identify(rows, register))
    return new_columns(rows, told, place), tally
