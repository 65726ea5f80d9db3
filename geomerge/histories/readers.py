"""The readers there are: those that come with geomerge, and those that other packages add by entry point."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

import pandas as pd

from geomerge.errors import InputError
from geomerge.findings import Report
from geomerge.histories.source import Source

GROUP = "geomerge.histories"

# Also registered as entry points, like those of others; here so that they need no installed metadata.
BUILT_IN = (
    EntryPoint("klass", "geomerge.histories.klass:Klass", GROUP),
    EntryPoint("fso", "geomerge.histories.fso:Fso", GROUP),
    EntryPoint("insee", "geomerge.histories.insee:Insee", GROUP),
    EntryPoint("csv", "geomerge.histories.plain:Plain", GROUP),
)


@dataclass(frozen=True)
class Window:
    """The changes that are wanted: ``since`` < date <= ``until``; open where there is no date.

    ``date`` is the date of the changes of a list that carries none.

    Examples
    --------
    >>> Window(since=dt.date(2019, 1, 1)).holds("2019-01-01")
    False
    """

    since: dt.date | None = None
    until: dt.date | None = None
    date: dt.date | None = None

    def holds(self, date: str) -> bool:
        """Return whether a date (ISO) is wanted."""
        day = dt.date.fromisoformat(date)
        return (self.since is None or day > self.since) and (self.until is None or day <= self.until)

    def __str__(self) -> str:
        after = f"after {self.since}" if self.since else ""
        up_to = f"up to {self.until}" if self.until else ""
        return " ".join(part for part in (after, up_to) if part) or "on any date"


class Reader(Protocol):
    """What reads one kind of official list.

    ``name`` is the word it is asked for by, ``title`` says what it reads. ``leaves_out`` holds
    ``receivers`` where the list has no row for a unit that takes others in and lives on under its code, and
    ``givers`` where it has none for a unit that gives land away and lives on.
    """

    name: str
    title: str
    leaves_out: tuple[str, ...]

    def recognises(self, source: Source, /) -> bool:
        """Return whether a source looks like such a list; cheap, by its first bytes."""
        ...

    def changes(self, source: Source, window: Window, report: Report, /) -> pd.DataFrame:
        """Return all changes of a list, also those outside of the window.

        The columns are ``old_code``, ``new_code`` (missing where nothing stands there), ``old_name``,
        ``new_name`` and ``date`` (ISO), all text, and where the list has them ``event`` and ``mode``,
        ``parent`` (the one a unit gets, where it gets another: a code, or codes by level) and ``note``. The
        index counts rows as people do. Rows that are no change are left out, which is reported.
        """
        ...


@runtime_checkable
class UnitsReader(Protocol):
    """A reader that also reads lists of units."""

    def recognises_units(self, source: Source, /) -> bool:
        """Return whether a source looks like such a list of units."""
        ...

    def units(self, source: Source, on: dt.date | None, report: Report, /) -> pd.DataFrame:
        """Return ``code``, ``name``, ``parent``, ``valid_from``, ``valid_to``, as far as they are known."""
        ...


def readers() -> dict[str, Reader]:
    """Return every reader by its name.

    Raises
    ------
    InputError
        If two packages add a reader of the same name, or one cannot be loaded.

    Examples
    --------
    >>> sorted(readers())[:2]
    ['csv', 'fso']
    """
    known = {entry.name: entry for entry in BUILT_IN}
    faults = []
    for entry in entry_points(group=GROUP):
        first = known.setdefault(entry.name, entry)
        if first.value != entry.value:
            faults.append(f"Two readers are called {entry.name}: {first.value} and {entry.value}. Remove one.")
    found: dict[str, Reader] = {}
    for name, entry in known.items():
        try:
            found[name] = entry.load()()
        except (ImportError, AttributeError, TypeError) as error:
            faults.append(f"The reader {name} ({entry.value}) cannot be loaded: {error}. Renew or remove its package.")
    if faults:
        raise InputError(*faults)
    return found


def chosen(source: Source, name: str | None, *, units: bool = False) -> Reader:
    """Return the reader of that name, or the one that recognises the source.

    Raises
    ------
    InputError
        If there is no such reader, or not exactly one that recognises the source; all readers are named.
    """
    known = readers()
    listed = "\n".join(f"  {reader.name}: {reader.title}" for reader in known.values())
    if name is not None:
        if name not in known:
            raise InputError(f"There is no reader {name}. There are:\n{listed}")
        return known[name]
    if not source.is_address and not source.head.strip():
        raise InputError(f"{source.name} is empty. Get the list again.")
    fitting = [reader for reader in known.values() if _fits(reader, source, units)]
    if len(fitting) != 1:
        who = f"{' and '.join(reader.name for reader in fitting)} recognise" if fitting else "No reader recognises"
        raise InputError(f"{who} {source.name}. Name the reader that is meant:\n{listed}")
    return fitting[0]


def _fits(reader: Reader, source: Source, units: bool) -> bool:
    if not units:
        return reader.recognises(source)
    return isinstance(reader, UnitsReader) and reader.recognises_units(source)
