"""The streets of a layer of a job: checked, given the codes of a table, and proposed for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from geomerge.assignment import Assignment
from geomerge.findings import Finding
from geomerge.job import LayerConfig, StreetsConfig
from geomerge.loaded import Loaded
from geomerge.streets.findings import found
from geomerge.streets.gather import Columns, gather
from geomerge.streets.names import pairs, read_words
from geomerge.streets.proposal import proposal
from geomerge.streets.recoding import recoded


@dataclass(frozen=True)
class Recoded:
    """What becomes of the streets of a layer.

    Parameters
    ----------
    changed
        New values by column, of the rows that change.
    proposal
        The table of new codes: what was decided, and what is proposed for streets that still collide.
    pairs
        Streets of different old units with equal or nearly equal names, as from :func:`geomerge.near_names`.
    """

    changed: Mapping[str, pd.Series]
    proposal: pd.DataFrame
    pairs: pd.DataFrame


def recode_layer(
    loaded: Loaded, assignment: Assignment, given: pd.DataFrame | None, findings: list[Finding]
) -> Recoded | None:
    """Return new street codes of a layer by the table of its job, and what is left to decide; None without streets."""
    config = loaded.config
    assert isinstance(config, LayerConfig)
    if config.streets is None:
        return None
    columns = _columns(config.code, config.streets)
    addresses = concerned(loaded, assignment, given)
    streets = gather(addresses, columns, given)
    alike = pairs(streets.table, read_words(config.streets.language))
    findings += found(streets, alike, config.streets.max_distance)
    after = recoded(addresses, streets.given, columns)
    changed = {}
    for column in (columns.street, columns.name):
        differs = ((after[column] != addresses[column]) & after[column].notna()).fillna(False)
        if differs.any():
            changed[column] = pd.Series(after[column][differs.to_numpy(dtype=bool)])
    return Recoded(changed, proposal(streets, config.streets.max_distance), alike)


def _columns(code: str, streets: StreetsConfig) -> Columns:
    return Columns(code, "new_code", streets.code, streets.name, streets.number, streets.letter)


def concerned(loaded: Loaded, assignment: Assignment, given: pd.DataFrame | None) -> pd.DataFrame:
    """Return the addresses of old units that come together or apart, with their place; those in review go nowhere."""
    config = loaded.config
    assert isinstance(config, LayerConfig)
    assert config.streets is not None
    wanted = [config.code, *config.streets.columns, "new_code"]
    review = pd.DataFrame(assignment.review)[wanted].assign(new_code=None)
    rows = pd.concat([pd.DataFrame(assignment.updated)[wanted], review.astype({"new_code": object})])
    named: Iterable[str] = (
        [] if given is None or "old_unit" not in given.columns else given["old_unit"].dropna().astype(str)
    )
    meeting = _meeting(rows[config.code], rows["new_code"], named)
    rows = rows[rows[config.code].isin(meeting)].sort_index()
    places = loaded.places(rows.index)
    return rows if places is None else gpd.GeoDataFrame(rows, geometry=places)


def _meeting(old: pd.Series, new: pd.Series, named: Iterable[str]) -> list[str]:
    """Return old units that come together with others, or are divided, or are named."""
    routes = pd.DataFrame({"old": old, "new": new}).dropna().drop_duplicates()
    routes = routes[routes.duplicated("old", keep=False) | routes.duplicated("new", keep=False)]
    return sorted({*routes["old"].astype(str), *named})
