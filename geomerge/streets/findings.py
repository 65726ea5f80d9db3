"""What is to be told of the streets of a new unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized

import pandas as pd

from geomerge.findings import Finding, Severity
from geomerge.streets.collisions import Shared, same_houses, shared_codes
from geomerge.streets.gather import Streets
from geomerge.streets.names import EQUAL
from geomerge.streets.table import KEY

COLLISION, SAME_HOUSE, ONE_STREET = "street code collision", "address collision", "maybe one street"
SAME_NAME, ALIKE, DIVIDED = "equal street names", "street names alike", "street divided"
SEVERAL_NAMES, TABLE = "street with several names", "street table"

CHECKS = (COLLISION, SAME_HOUSE, ONE_STREET, SAME_NAME, ALIKE, DIVIDED, SEVERAL_NAMES, TABLE)


def found(streets: Streets, pairs: pd.DataFrame, max_distance: float) -> list[Finding]:
    """Return what is to be told, one finding a new unit and check; the places are those of the first addresses."""
    shared = list(shared_codes(streets, max_distance))
    return [
        *_table(streets),
        *_collisions(streets, shared),
        *_same_houses(streets, shared),
        *_maybe_one(streets, shared),
        *_names(streets, pairs),
        *_divided(streets),
        *_several_names(streets),
    ]


def _collisions(streets: Streets, shared: Sequence[Shared]) -> Iterator[Finding]:
    for unit, those in _by_unit(shared, lambda one: one.collides):
        rows = [row for one in those for row in one.streets]
        what = f"{_many(those, 'street code', unit, 'stands', 'stand')} for different streets, first "
        what += f"{those[0].code} for {_named(streets, those[0].streets)}"
        remedy = "Give each its own code: edit the table that geomerge streets proposes, and name it in the job."
        yield _finding("must", COLLISION, what, unit, remedy, streets, rows)


def _same_houses(streets: Streets, shared: Sequence[Shared]) -> Iterator[Finding]:
    for one in shared:
        if houses := same_houses(streets, one):
            what = f"Street {one.code} of {one.unit} would have {len(houses)} house numbers twice, first "
            what += f"{houses[0]}: {_named(streets, one.streets)}"
            remedy = "Give the streets different codes, or the houses new numbers before the reform."
            yield _finding("must", SAME_HOUSE, what, one.unit, remedy, streets, one.streets)


def _maybe_one(streets: Streets, shared: Sequence[Shared]) -> Iterator[Finding]:
    decided = streets.table["decided"]

    def open_kin(one: Shared) -> bool:
        return any(len(body) > 1 and not decided[list(body)].all() for body in one.bodies)

    for unit, those in _by_unit(shared, open_kin):
        rows = [row for one in those for body in one.bodies if len(body) > 1 for row in body]
        what = f"{_many(those, 'street code', unit, 'stands', 'stand')} for what may be one street on both sides of an "
        what += f"old border, first {those[0].code} for {_named(streets, rows[:2])}"
        remedy = "They are not merged. State in the table whether they are one (the same code for both) or two."
        yield _finding("should", ONE_STREET, what, unit, remedy, streets, rows)


def _names(streets: Streets, pairs: pd.DataFrame) -> Iterator[Finding]:
    keys = streets.table[["unit", "old_unit", "now_code"]].itertuples(index=False, name=None)
    at = {key: row for row, key in enumerate(keys)}
    remedy = "Rename all but one before the reform, or state a new_street_name in the table of streets."
    for likeness, check in ((EQUAL, SAME_NAME), ("", ALIKE)):
        chosen = pairs[(pairs["likeness"] == EQUAL) == bool(likeness)]
        for unit, rows in chosen.groupby("unit", sort=True):
            one = rows[["unit", "old_unit", "street_code"]].itertuples(index=False, name=None)
            other = rows[["unit", "other_old_unit", "other_street_code"]].itertuples(index=False, name=None)
            places = list(dict.fromkeys(at[key] for key in (*one, *other)))
            first = f"{rows['street_name'].iat[0]} ({rows['old_unit'].iat[0]})"
            first += f" and {rows['other_name'].iat[0]} ({rows['other_old_unit'].iat[0]})"
            names = rows["street_name"].unique()
            if likeness:
                what = f"{_many(names, 'street name', unit, 'stands', 'stand')} for several streets, first {first}"
            else:
                what = f"{_many(rows, 'pair of street names', unit, 'is', 'are')} nearly equal, first {first}"
            yield _finding("should", check, what, str(unit), remedy, streets, places)


def _divided(streets: Streets) -> Iterator[Finding]:
    several = streets.table[streets.table.duplicated(["old_unit", "street_code"], keep=False)]
    for old, rows in several.groupby("old_unit", sort=True):
        names = rows.drop_duplicates("street_code")
        what = f"{_many(names, 'street', old, 'is', 'are')} cut by a new border and now in "
        what += f"{' and '.join(sorted(set(rows['unit'])))}, first {rows['street_code'].iat[0]} "
        what += str(rows["street_name"].iat[0])
        remedy = "Each side is a street of its own with the same name; see that its house numbers make sense there."
        yield _finding("should", DIVIDED, what, str(old), remedy, streets, rows.index)


def _several_names(streets: Streets) -> Iterator[Finding]:
    several = streets.table[streets.table["names"] > 1]
    for old, rows in several.groupby("old_unit", sort=True):
        what = f"{_many(rows, 'street code', old, 'has', 'have')} addresses under several names, first "
        what += f"{rows['street_code'].iat[0]}, mostly {rows['street_name'].iat[0]}"
        remedy = "Correct the addresses before the reform; until then the most frequent name counts."
        yield _finding("should", SEVERAL_NAMES, what, str(old), remedy, streets, rows.index)


def _table(streets: Streets) -> Iterator[Finding]:
    """Find rows of the table that name no street, or one that has another name by now."""
    entries = streets.given.entries
    keys = streets.table[list(KEY)].itertuples(index=False, name=None)
    names = dict(zip(keys, streets.table["street_name"], strict=True))
    if lost := [key for key in entries if key not in names]:
        unit, old, code = lost[0]
        what = f"{_many(lost, 'row', 'the table', 'names', 'name')} no street, first {code} of {old} in {unit}"
        yield Finding("should", TABLE, what, "streets", "Correct the codes, zeros in front included, or drop the rows.")
    if stale := [key for key, entry in entries.items() if entry.name and names.get(key, entry.name) != entry.name]:
        _, old, code = key = stale[0]
        what = f"{_many(stale, 'row', 'the table', 'has', 'have')} another street name than the addresses, first "
        what += f"{code} of {old}: {entries[key].name}, but {names[key]}"
        yield Finding("should", TABLE, what, "streets", "See that the table is of these addresses; propose it anew.")


def _by_unit(shared: Iterable[Shared], wanted: Callable[[Shared], bool]) -> Iterator[tuple[str, list[Shared]]]:
    units: dict[str, list[Shared]] = {}
    for one in shared:
        if wanted(one):
            units.setdefault(one.unit, []).append(one)
    yield from units.items()


def _finding(
    severity: Severity, check: str, what: str, where: str, remedy: str, streets: Streets, rows: Iterable[int]
) -> Finding:
    return Finding(severity, check, what, where, remedy, streets.place(list(rows)))


def _named(streets: Streets, rows: Sequence[int]) -> str:
    return " and ".join(f"{streets.text('now_name', row)} ({streets.text('old_unit', row)})" for row in rows)


def _many(things: Sized, name: str, of: object, one: str, several: str) -> str:
    count = len(things)
    return f"{count} {name} of {of} {one}" if count == 1 else f"{count} {_plural(name)} of {of} {several}"


def _plural(name: str) -> str:
    head, space, rest = name.partition(" of ")
    return f"{head}s{space}{rest}"
