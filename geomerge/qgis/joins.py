"""What a layer of a project knows from elsewhere: columns of another layer, joined row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from geomerge.qgis.styles import add, flag


@dataclass(frozen=True)
class Join:
    """Columns of another layer, found by an id that is the same text in both.

    Parameters
    ----------
    layer
        Name of the other layer in the project.
    column, its_column
        The ids: the column here, and the one there.
    fields
        The columns that are wanted, in their order there: QGIS mixes up the values of columns in any other.
    prefix
        What stands before their names here.

    Examples
    --------
    >>> Join("Ledger", "parcel_id", "id", ("method",), "moved_").names
    ('moved_method',)
    """

    layer: str
    column: str
    its_column: str
    fields: tuple[str, ...]
    prefix: str

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called here."""
        return tuple(f"{self.prefix}{name}" for name in self.fields)


def add_joins(parent: ET.Element, joins: tuple[Join, ...], sources: Mapping[str, tuple[str, str]]) -> None:
    """Add joins to a layer of a project.

    Parameters
    ----------
    parent
        The layer.
    joins
        The joins.
    sources
        Layers of the project by name: id and data source.

    Examples
    --------
    >>> layer = ET.Element("maplayer")
    >>> add_joins(layer, (Join("Ledger", "nr", "id", ("method",), "moved_"),), {"Ledger": ("ledger_1", "")})
    >>> [join.get("joinLayerId") for join in layer.iter("join")]
    ['ledger_1']
    """
    if not joins:
        return
    held = add(parent, "vectorjoins")
    for one in joins:
        # Only what is held in memory is compared as text, and found at once.
        found = {"joinLayerId": sources[one.layer][0], "memoryCache": flag(True)}
        columns = {"joinFieldName": one.its_column, "targetFieldName": one.column}
        named = {"hasCustomPrefix": flag(True), "customPrefix": one.prefix}
        unwritten = dict.fromkeys(("editable", "upsertOnEdit", "cascadedDelete", "dynamicForm"), flag(False))
        join = add(held, "join", {**found, **columns, **named, **unwritten})
        subset = add(join, "joinFieldsSubset")
        for name in one.fields:
            add(subset, "field", {"name": name})
