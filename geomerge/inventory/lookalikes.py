"""Lookalikes: what merely looks like a code, told apart by name, form and distribution."""

from __future__ import annotations

import re
from collections.abc import Iterator

from geomerge.inventory.guesses import Knowledge, header
from geomerge.inventory.profile import DAY, DECIMAL, Profile
from geomerge.inventory.rules import Evidence, Guess, evidence

YEARS = range(1800, 2101)
DATES = (
    re.compile(r"(?P<y>\d{4})[-./]?(?P<m>\d{2})[-./]?(?P<d>\d{2})(?:[T ].*)?"),
    re.compile(r"(?P<d>\d{1,2})[-./](?P<m>\d{1,2})[-./](?P<y>\d{4})(?:[T ].*)?"),
    re.compile(r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})"),
)
NUMBERED = ("year", "amount", "number", "postcode", "office", "phone")
PHONE = re.compile(r"(?:\+|00)?\d[\d ()-]{5,16}\d")
MOST = 0.95  # share of rows that have a form, where all are meant
DENSE = 0.9
FEW = 10  # different values from which numbers without gaps are more than chance


def lookalikes(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    """Yield what else a column may hold: ``year``, ``date``, ``postcode`` and so on, where something speaks for it."""
    if not profile.filled:
        return
    seen: dict[str, list[Evidence]] = {
        "year": list(_year(profile)),
        "date": list(_date(profile)),
        "phone": list(_phone(profile)),
        "amount": list(_amount(profile)),
        "number": list(_running(profile)),
        "postcode": list(_digits(profile, range(3, 6))),
        "post place": [],
        "office": list(_digits(profile, range(3, 7))),
    }
    shaped = ("postcode", "office")  # a form that many numbers have says nothing alone
    axis = by.words.axis(profile.name)
    if axis:
        del seen["amount"]
    for holds, found in seen.items():
        said = header(profile, by, holds)
        named = any(each.rule == "header" for each in said)
        if holds in ("amount", "number") and named and not found and _share(profile, _has_digits) >= MOST:
            found.append(evidence("form", "values are numbers"))
        if holds == "post place" and named and profile.kind == "text":
            found.append(evidence("form", "values are texts"))
        if named and not found and holds in NUMBERED and _share(profile, _has_digits) < 0.5:
            continue
        if named or (found and holds not in shaped):
            yield Guess(holds, (evidence("start"), *found, *said))
    if axis and (profile.kind == DECIMAL or _share(profile, _has_digits) >= MOST):
        named_so = evidence("header", f"the name {profile.name} says {axis}")
        form = evidence("form", "values are numbers")
        yield Guess("coordinate", (evidence("start"), named_so, form), {"axis": axis})


def _share(profile: Profile, test: object) -> float:
    assert callable(test)
    return sum(rows for value, rows in profile.counts.items() if test(value)) / max(profile.kept_rows, 1)


def _has_digits(value: str) -> bool:
    return bool(re.fullmatch(r"[-+ ().,/0-9]+", value))


def _numbers(profile: Profile) -> list[int]:
    return [int(value) for value in profile.counts if value.isascii() and value.isdigit() and len(value) < 16]


def _digits(profile: Profile, lengths: range) -> Iterator[Evidence]:
    if _share(profile, lambda value: value.isascii() and value.isdigit() and len(value) in lengths) >= MOST:
        yield evidence("form", f"all values have {lengths[0]} to {lengths[-1]} digits")


def _year(profile: Profile) -> Iterator[Evidence]:
    numbers = _numbers(profile)
    if numbers and _share(profile, lambda value: re.fullmatch(r"\d{4}", value) and int(value) in YEARS) >= MOST:
        yield evidence("form", "all values are years from 1800 to 2100")
        years = [number for number in numbers if number in YEARS]
        if len(years) >= 3 and len(years) > 0.7 * (max(years) - min(years) + 1):
            yield evidence("in a row", "the years follow each other")


def _date(profile: Profile) -> Iterator[Evidence]:
    if profile.kind == DAY:
        yield evidence("type")
    elif _share(profile, _is_date) >= MOST:
        yield evidence("form", "all values are days of the calendar", 5.0)


def _is_date(value: str) -> bool:
    for form in DATES:
        match = form.fullmatch(value)
        if match and 1 <= int(match["m"]) <= 12 and 1 <= int(match["d"]) <= 31 and int(match["y"]) in YEARS:
            return True
    return False


def _phone(profile: Profile) -> Iterator[Evidence]:
    marked = _share(profile, lambda value: PHONE.fullmatch(value) and re.search(r"^\+|^00|\d \d", value))
    if marked >= MOST:
        yield evidence("form", "all values are written like phone numbers", 3.5)
    elif profile.distinct > FEW and _share(profile, lambda value: re.fullmatch(r"[2-9]\d{7}", value)) >= MOST:
        yield evidence("form", "all values have eight digits", 1.0)


def _amount(profile: Profile) -> Iterator[Evidence]:
    if profile.kind == DECIMAL or _share(profile, lambda value: re.fullmatch(r"-?\d+[.,]\d+", value)) > 0.5:
        yield evidence("decimals")
    elif profile.numeric and any(value.startswith("-") for value in profile.counts):
        yield evidence("form", "some values are negative", 3.5)


def _running(profile: Profile) -> Iterator[Evidence]:
    numbers = _numbers(profile)
    if len(numbers) < FEW or len(numbers) < MOST * len(profile.counts) or profile.repeated:
        return
    spread = (max(numbers) - min(numbers) + 1) / (len(numbers) << profile.level)
    sampled = profile.rows and len(numbers) == profile.filled and spread <= 1 / DENSE
    if sampled:
        yield evidence("in a row", "each number from the first to the last stands in one row", 4.5)
