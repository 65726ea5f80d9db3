"""Streets: addresses of several old units come together in a new one, and their street codes and names may collide."""

from __future__ import annotations

from typing import Unpack

import pandas as pd

from geomerge.findings import Finding
from geomerge.streets import findings as told
from geomerge.streets.gather import Columns, Named, gather
from geomerge.streets.names import pairs, read_words
from geomerge.streets.proposal import proposal
from geomerge.streets.recoding import recoded
from geomerge.streets.table import read_table

MAX_DISTANCE = 500.0  # between two addresses of what may be one street

__all__ = ["check_streets", "near_names", "propose_streets", "recode_streets"]


def check_streets(
    addresses: pd.DataFrame,
    *,
    table: pd.DataFrame | None = None,
    language: str | None = None,
    max_distance: float = MAX_DISTANCE,
    **columns: Unpack[Named],
) -> list[Finding]:
    """Find streets that share a code or a name in a new unit, but come from different old units.

    Parameters
    ----------
    addresses
        One row an address. With points, findings carry the places of the streets, in the CRS of the addresses.
    table
        New codes, as from :func:`propose_streets`; the streets are checked as they are with them.
    language
        Language whose words are known, such as ``no``: then ``Kirkev.`` and ``Kirkeveien`` are nearly equal.
    max_distance
        Streets of one code and one name may be one street if their addresses come that near, in CRS units.
    **columns
        Names of columns: ``code`` and ``new_code`` of the unit (an address without a new one goes nowhere yet);
        ``street`` and ``name`` (``street_code``, ``street_name``) of the street, which is what has one code in one old
        unit; ``number`` and ``letter`` of the house, where equal ones in one street are to be found.

    Returns
    -------
    list of Finding
        ``must`` where a code stands for different streets, or a house number for several houses; ``should`` for what
        may be one street, for equal and for nearly equal names, for streets that a border cuts, and for rows of the
        table that name no street.

    Raises
    ------
    InputError
        If a column is missing, the table contradicts itself, or the language is not known.

    Examples
    --------
    >>> addresses = pd.DataFrame(
    ...     {
    ...         "code": ["0706", "0719"],
    ...         "new_code": "0710",
    ...         "street_code": ["1000", "1000"],
    ...         "street_name": ["Storgata", "Kirkeveien"],
    ...     }
    ... )
    >>> print(*[finding.what for finding in check_streets(addresses)])
    1 street code of 0710 stands for different streets, first 1000 for Storgata (0706) and Kirkeveien (0719)
    """
    streets = gather(addresses, Columns(**columns), table)
    return told.found(streets, pairs(streets.table, read_words(language)), max_distance)


def propose_streets(
    addresses: pd.DataFrame,
    *,
    table: pd.DataFrame | None = None,
    max_distance: float = MAX_DISTANCE,
    **columns: Unpack[Named],
) -> pd.DataFrame:
    """Propose new codes for streets that collide: the old unit with most addresses keeps its codes.

    The others get the smallest number, from the lowest code in use on, that no street of the old units concerned has or
    had; ties go to the lower code of the old unit. What may be one street gets a row without a code: nothing is merged.

    Parameters
    ----------
    addresses, max_distance, **columns
        As for :func:`check_streets`.
    table
        What is decided already; its rows that name a street come back as they are, and others are proposed beside them.

    Returns
    -------
    DataFrame
        One row a street that shares its code: ``unit``, ``old_unit``, ``street_code``, ``street_name``,
        ``new_street_code`` (empty where a person must think of one) and ``reason``; all text, to be edited. A column
        ``new_street_name`` may be added, which is then kept. Streets without a row keep their code.

    Examples
    --------
    >>> addresses = pd.DataFrame(
    ...     {
    ...         "code": ["0706", "0706", "0719"],
    ...         "new_code": "0710",
    ...         "street_code": ["1000", "1001", "1000"],
    ...         "street_name": ["Storgata", "Bakken", "Kirkeveien"],
    ...     }
    ... )
    >>> propose_streets(addresses)[["old_unit", "street_code", "new_street_code"]].values.tolist()
    [['0706', '1000', '1000'], ['0719', '1000', '1002']]
    """
    return proposal(gather(addresses, Columns(**columns), table), max_distance)


def near_names(
    addresses: pd.DataFrame,
    *,
    table: pd.DataFrame | None = None,
    language: str | None = None,
    **columns: Unpack[Named],
) -> pd.DataFrame:
    """Return pairs of streets of a new unit with equal or nearly equal names that come from different old units.

    Parameters
    ----------
    addresses, table, language, **columns
        As for :func:`check_streets`.

    Returns
    -------
    DataFrame
        One row a pair: ``unit``, ``likeness``, then ``street_name``, ``old_unit`` and ``street_code`` of the one, and
        ``other_name``, ``other_old_unit`` and ``other_street_code`` of the other. ``likeness`` is ``equal``,
        ``spelling`` (case, spaces, stops and the words of the language) or ``one letter``; numbers in names are the
        same.

    Examples
    --------
    >>> addresses = pd.DataFrame(
    ...     {
    ...         "code": ["0706", "0719"],
    ...         "new_code": "0710",
    ...         "street_code": ["1000", "1020"],
    ...         "street_name": ["Kirkeveien", "Kirkev."],
    ...     }
    ... )
    >>> near_names(addresses, language="no")["likeness"].tolist()
    ['spelling']
    """
    streets = gather(addresses, Columns(**columns), table)
    return pairs(streets.table, read_words(language))


def recode_streets(
    addresses: pd.DataFrame,
    table: pd.DataFrame,
    **columns: Unpack[Named],
) -> pd.DataFrame:
    """Give addresses the street codes of a table; rows it does not name stay as they are.

    Parameters
    ----------
    addresses
        Addresses with their old and new unit.
    table
        Rows as from :func:`propose_streets`, edited; a row without a ``new_street_code`` changes no code.
    **columns
        As for :func:`check_streets`; ``name`` is needed where the table has names to change (``new_street_name``).

    Returns
    -------
    DataFrame
        The addresses with changed codes and names, in the type of their columns.

    Raises
    ------
    InputError
        If a column of numbers cannot hold a new code, or a column is missing.

    Examples
    --------
    >>> addresses = pd.DataFrame({"code": ["0706", "0719"], "new_code": "0710", "street_code": [1000, 1000]})
    >>> table = pd.DataFrame(
    ...     [["0710", "0719", "1000", "Kirkeveien", "1002"]],
    ...     columns=["unit", "old_unit", "street_code", "street_name", "new_street_code"],
    ... )
    >>> recode_streets(addresses, table)["street_code"].tolist()
    [1000, 1002]
    """
    return recoded(addresses, read_table(table), Columns(**columns))
