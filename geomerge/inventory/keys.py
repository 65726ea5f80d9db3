"""Keys: which columns identify the rows of their table, or refer to another; from the catalogue, or measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geomerge.inventory.profile import Profile, ends_in_zeros

CATALOGUE = 1.0  # the database enforces it
ALL_ROWS = 0.9  # all rows were read, but the next one may be otherwise
SAMPLE = 0.6  # only a sample was read
FEWER = 0.3  # so few rows that nothing can be said
ENOUGH = 10  # rows from which uniqueness says something
ALIKE = 0.2  # what a name that both columns have adds
REFERS = 0.6  # values are all among those of a unique column
CONTAINED = 0.99
MOST = 5  # tables named that a column may refer to


@dataclass(frozen=True)
class KeyRole:
    """Whether a column is a key.

    Parameters
    ----------
    role
        ``primary``, ``unique``, ``foreign``, or empty.
    confidence
        From 0 to 1.
    says
        Why, in words.
    """

    role: str = ""
    confidence: float = 0.0
    says: str = ""


@dataclass(frozen=True)
class Catalogue:
    """What a database tells of its keys.

    Parameters
    ----------
    primary
        Columns of the primary key.
    unique
        Columns that are unique alone.
    foreign
        What a column refers to, as ``table.column``.
    """

    primary: tuple[str, ...] = ()
    unique: frozenset[str] = frozenset()
    foreign: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Place:
    """A column and where it is.

    Parameters
    ----------
    table
        Its table.
    profile
        What is in it.
    rows
        Rows of the table.
    read
        Rows that were read.
    """

    table: str
    profile: Profile
    rows: int
    read: int

    @property
    def unique(self) -> bool:
        """Whether no value was seen twice, and none was missing."""
        profile = self.profile
        return profile.rows > 1 and profile.filled == profile.rows and not profile.repeated and bool(profile.counts)


def from_catalogue(name: str, catalogue: Catalogue) -> KeyRole:
    """Return what the catalogue of a database says of a column.

    Examples
    --------
    >>> from_catalogue("id", Catalogue(primary=("id",))).says
    'the database says primary key'
    """
    refers = (catalogue.foreign or {}).get(name)
    if name in catalogue.primary:
        others = [each for each in catalogue.primary if each != name]
        part = f"together with {', '.join(others)}" if others else ""
        more = f", and refers to {refers}" if refers else ""
        return KeyRole("primary", CATALOGUE, f"the database says primary key{f' {part}' if part else ''}{more}")
    if refers:
        return KeyRole("foreign", CATALOGUE, f"the database says it refers to {refers}")
    if name in catalogue.unique:
        return KeyRole("unique", CATALOGUE, "the database says unique")
    return KeyRole()


def measured(place: Place) -> KeyRole:
    """Return whether a column was seen to identify the rows of its table."""
    if not place.unique:
        return KeyRole()
    if place.profile.rows < ENOUGH:
        return KeyRole("unique", FEWER, f"no value stands twice in {place.profile.rows} rows, which are few")
    if place.read >= place.rows:
        return KeyRole("unique", ALL_ROWS, f"no value stands twice or is missing in all {place.rows} rows")
    return KeyRole("unique", SAMPLE, f"no value stands twice or is missing in {place.read} of {place.rows} rows")


def references(places: Sequence[Place], wanted: Sequence[bool]) -> list[KeyRole]:
    """Return which columns refer to a unique column of another table, as far as their values tell.

    Parameters
    ----------
    places
        All columns.
    wanted
        Whether a column may refer to one of another name; numbers are among numbers too easily.

    Examples
    --------
    >>> from geomerge.inventory.profile import Profile
    >>> cases, units = Profile("kommune"), Profile("kommune")
    >>> units.add([f"{number:04}" for number in range(101, 121)])
    >>> cases.add([f"{number:04}" for number in range(101, 116)] * 2)
    >>> found = references([Place("cases", cases, 30, 30), Place("units", units, 20, 20)], [True, False])
    >>> found[0].role, found[0].confidence
    ('foreign', 0.8)
    """
    targets = [
        place for place in places if place.unique and place.read >= place.rows and len(place.profile.counts) >= ENOUGH
    ]
    found = []
    for place, asked in zip(places, wanted, strict=True):
        refers = [target for target in targets if (asked or _alike(place, target)) and _refers(place, target)]
        if not refers:
            found.append(KeyRole())
            continue
        refers.sort(key=lambda target: (not _alike(place, target), target.table, target.profile.name))
        alike = _alike(place, refers[0])
        names = ", ".join(f"{target.table}.{target.profile.name}" for target in refers[:MOST])
        more = f" and {len(refers) - MOST} more" if len(refers) > MOST else ""
        confidence = round(REFERS + (ALIKE if alike else 0.0), 2)
        found.append(KeyRole("foreign", confidence, f"its values are all among those of {names}{more}"))
    return found


def _refers(place: Place, target: Place) -> bool:
    mine, theirs = place.profile, target.profile
    if place.table == target.table or place.unique or mine.distinct > theirs.distinct:
        return False
    level = max(mine.level, theirs.level)  # both samples hold the same values where both columns do
    values = [value for value in mine.counts if ends_in_zeros(value, level)]
    inside = sum(1 for value in values if value in theirs.counts)
    return len(values) >= ENOUGH and inside >= CONTAINED * len(values)


def _alike(place: Place, target: Place) -> bool:
    return place.profile.name.casefold() == target.profile.name.casefold()
