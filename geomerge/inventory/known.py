"""What codes are known: the units of each day, their names and parents, and which codes a plan changes."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import pandas as pd

from geomerge.errors import InputError
from geomerge.history import History, in_words
from geomerge.plan import Plan

MIN_NAME = 2  # letters of a name that is worth comparing


@dataclass(frozen=True)
class Moment:
    """The codes valid at one time.

    Parameters
    ----------
    when
        The time in words.
    codes
        Codes of the units.
    """

    when: str
    codes: frozenset[str]


@dataclass(frozen=True)
class Known:
    """All that is known of codes.

    Parameters
    ----------
    moments
        The codes of each time, the earliest first.
    names
        Codes by the plain form of the names their units ever had.
    parents
        Codes of parents by the code of the unit, of all times.
    parent_names
        Plain names of parents.
    changing
        Codes that the plan changes, None where there is no plan.
    complete
        Whether these are all units, so that a code that is not among them is unknown.
    history
        The history they are from, if any.
    """

    moments: tuple[Moment, ...]
    names: Mapping[str, frozenset[str]]
    parents: Mapping[str, frozenset[str]]
    parent_names: frozenset[str]
    changing: frozenset[str] | None
    complete: bool
    history: History | None = None

    @cached_property
    def ever(self) -> frozenset[str]:
        """Every code there ever was."""
        return frozenset().union(*(moment.codes for moment in self.moments))

    @cached_property
    def parent_codes(self) -> frozenset[str]:
        """Every code of a parent there ever was."""
        return frozenset().union(*self.parents.values()) if self.parents else frozenset()

    @cached_property
    def width(self) -> int | None:
        """Digits of a code where all have as many, else None."""
        return common_width(self.ever)

    @cached_property
    def parent_width(self) -> int | None:
        """Digits of the code of a parent where all have as many, else None."""
        return common_width(self.parent_codes)

    @cached_property
    def names_of(self) -> Mapping[str, frozenset[str]]:
        """Plain names by code."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, codes in self.names.items():
            for code in codes:
                found[code].add(name)
        return {code: frozenset(names) for code, names in found.items()}


def known_codes(
    history: History | None = None,
    units: pd.DataFrame | None = None,
    plan: Plan | None = None,
    *,
    code: str = "code",
    name: str | None = None,
    parent: str | None = None,
) -> Known:
    """Return what a history, a list of units and a plan tell of codes.

    Parameters
    ----------
    history
        History of the units.
    units
        Units of one day; the day before the plan, where both are given.
    plan
        The plan whose codes are looked for.
    code, name, parent
        Columns of the units.

    Raises
    ------
    InputError
        If there is nothing to know codes from, or the units have no such column, or codes that are no text.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"renumber": "0101", "to": "3001"}])
    >>> known = known_codes(plan=plan)
    >>> sorted(known.ever), sorted(known.changing), known.width, known.complete
    (['0101', '3001'], ['0101'], 4, False)
    """
    if history is None and units is None and plan is None:
        raise InputError("No codes are known. Name a history (history), a list of units (units) or a plan (plan).")
    listed = None if units is None else _listed(units, code, name, parent)
    if plan is not None:
        eve = plan.dates[0] - timedelta(days=1)
        before = listed if listed is not None else history.units_on(eve) if history is not None else None
        planned = History.of(plan) if before is None else History(plan, before)
        changing = frozenset(way[0] for way in planned.ways if way[0] is not None and way[0] != way[-1])
    else:
        planned, changing = None, None
    sources = [found for found in (history, planned) if found is not None]
    moments = [moment for found in sources for moment in _moments(found)]
    named = list(dict.fromkeys(pair for found in sources for valid in found.described for pair in valid.items()))
    if listed is not None and planned is None:
        moments.append(Moment("in the list of units", frozenset(listed["code"])))
    if listed is not None:
        rows = listed.astype(object).where(listed.notna(), None)
        named += [(row["code"], (row.get("name"), row.get("parent"))) for row in rows.to_dict("records")]
    names: dict[str, set[str]] = defaultdict(set)
    parents: dict[str, set[str]] = defaultdict(set)
    for unit, (called, above) in named:
        for plain in plain_names(called or ""):
            names[plain].add(unit)
        if above:
            parents[unit].add(above)
    labels = {label for found in sources for label in found.parent_names().values()}
    return Known(
        tuple(moments),
        {plain: frozenset(codes) for plain, codes in names.items()},
        {unit: frozenset(codes) for unit, codes in parents.items()},
        frozenset(plain for label in labels for plain in plain_names(label)),
        changing,
        listed is not None or (history is not None and history.begin is not None),
        history or (planned if planned is not None and listed is not None else None),
    )


def _listed(units: pd.DataFrame, code: str, name: str | None, parent: str | None) -> pd.DataFrame:
    wanted = {"code": code, "name": name, "parent": parent}
    if missing := [column for column in wanted.values() if column is not None and column not in units.columns]:
        raise InputError(
            f"The units have no column {', '.join(missing)}. They have {', '.join(map(str, units.columns))}."
        )
    table = pd.DataFrame({what: units[column] for what, column in wanted.items() if column is not None})
    table = table.dropna(subset=["code"]).drop_duplicates("code").reset_index(drop=True)
    if odd := [value for value in table["code"] if not isinstance(value, str)]:
        raise InputError(f"Column {code} of the units holds {odd[0]!r}, which is no text. Give codes with their zeros.")
    if table.empty:
        raise InputError(f"Column {code} of the units is empty. Name the column with the codes.")
    return table


def _moments(history: History) -> Iterable[Moment]:
    begin = None if history.begin is None else history.begin.isoformat()
    starts = [begin, *(date.isoformat() for date in history.plan.dates)]
    for start, end, valid in zip(starts, [*starts[1:], None], history.described, strict=True):
        yield Moment(in_words(start, end), frozenset(valid))


def plain(name: str) -> str:
    """Return a name as it is compared: without case, accents, marks and double blanks.

    Examples
    --------
    >>> plain("  Forêt-le-Roi "), plain("Bø (Telemark)")
    ('foret le roi', 'bø')
    """
    text = unicodedata.normalize("NFKD", re.sub(r"\(.*?\)", " ", name).casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", text))


def plain_names(name: str) -> tuple[str, ...]:
    """Return the plain forms of a name: as a whole, and each of the languages it is given in.

    Examples
    --------
    >>> plain_names("Nordreisa - Ráisa - Raisi")
    ('nordreisa raisa raisi', 'nordreisa', 'raisa', 'raisi')
    """
    parts = [plain(part) for part in re.split(r"\s+[-/\u2013]\s+", name)]
    found = dict.fromkeys([plain(name), *parts])
    return tuple(form for form in found if len(form) >= MIN_NAME)


def common_width(codes: frozenset[str]) -> int | None:
    """Return the number of digits of codes where all have as many, else None."""
    widths = {len(code) if code.isdigit() else 0 for code in codes}
    return widths.pop() if len(widths) == 1 and 0 not in widths else None
