"""Addresses of the KLASS service, whose ``from`` is inclusive and whose ``to`` is exclusive."""

from __future__ import annotations

import datetime as dt
import re
import urllib.parse

from geomerge.errors import InputError
from geomerge.histories.readers import Window
from geomerge.histories.source import fetch, json_of

BASE = re.compile(r"(?P<base>.+)/(classifications|versions|correspondencetables)/\d+.*")
CLASSIFICATION = re.compile(r"(?P<classification>.+/classifications/\d+)(/(changes|codes|codesAt))?/?")


def address_of_changes(address: str, window: Window) -> str:
    """Return the address that answers with the changes of a window.

    The service puts the versions of a classification side by side that are valid from ``from`` on and
    before ``to``, and answers with what lies between them. The version before the first wanted change must
    be one of them: it is the one valid on ``since``. To include the day ``until``, ``to`` is the day after.

    Parameters
    ----------
    address
        A classification, with or without ``/changes``; anything with a query of its own stays as it is.
    window
        What is wanted.

    Examples
    --------
    >>> window = Window(since=dt.date(2019, 1, 1), until=dt.date(2020, 1, 1))
    >>> address_of_changes("https://data.ssb.no/api/klass/v1/classifications/131", window)
    'https://data.ssb.no/api/klass/v1/classifications/131/changes?from=2019-01-01&to=2020-01-02'
    """
    found = CLASSIFICATION.fullmatch(address)
    if found is None:
        return address
    if window.since is None:
        raise InputError(f"{address} needs the day whose units are the first (since), such as 2019-01-01.")
    query = {"from": window.since.isoformat()}
    if window.until is not None:
        query["to"] = (window.until + dt.timedelta(days=1)).isoformat()
    return f"{found['classification']}/changes?{urllib.parse.urlencode(query)}"


def address_of_units(address: str, on: dt.date | None) -> str:
    """Return the address that answers with the codes valid on a day.

    Examples
    --------
    >>> address_of_units("https://data.ssb.no/api/klass/v1/classifications/131/codes", dt.date(2020, 1, 1))
    'https://data.ssb.no/api/klass/v1/classifications/131/codesAt?date=2020-01-01'
    """
    found = CLASSIFICATION.fullmatch(address)
    if found is None:
        return address
    if on is None:
        raise InputError(f"{address} needs the day whose units are wanted (on), such as 2020-01-01.")
    return f"{found['classification']}/codesAt?date={on.isoformat()}"


def valid_from(address: str, version: object) -> str | None:
    """Return the first day of a version, which the service knows beside an address of it."""
    found = BASE.fullmatch(address)
    if found is None:
        return None
    beside = f"{found['base']}/versions/{version}"
    answer = json_of(fetch(beside), beside)
    return answer.get("validFrom") if isinstance(answer, dict) else None
