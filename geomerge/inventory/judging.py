"""Judging: from what is in a table to what each of its columns holds; no file is seen here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from geomerge.errors import InputError
from geomerge.inventory.guesses import Knowledge, guesses
from geomerge.inventory.lookalikes import lookalikes
from geomerge.inventory.profile import Content, Profile
from geomerge.inventory.relations import Judged, relate, sampled_texts
from geomerge.inventory.rules import CLOSE, LIKELY, UNCLEAR, Guess, certainty, evidence

CODES = ("unit", "parent", "district", "key", "composite")  # what holds codes, which may change
SHOWN = 8  # unknown codes that are named


@dataclass(frozen=True)
class Verdict:
    """What a column holds.

    Parameters
    ----------
    profile
        What is in it.
    holds
        ``unit``, ``parent``, ``district``, ``key``, ``key number``, ``composite``, ``name``, ``parent name``; or what
        merely looks like a code: ``year``, ``date``, ``postcode``, ``post place``, ``office``, ``amount``, ``number``,
        ``phone``. Empty where it is nothing of that.
    confidence, certainty
        From 0 to 1, and in a word: ``certain``, ``likely``, ``unclear``.
    reasons
        Why, one phrase each, with the points it gave.
    details
        What else is known: ``width``, ``length``, ``layout``, ``pattern``, ``about``, ``numbers``.
    unknown
        Codes that are none, with their rows; None where that cannot be told.
    vintage
        The days the codes can be from, in words.
    changing
        Codes that the plan changes, with their rows; None without a plan.
    lost
        Rows with codes that lost a zero.
    looks
        Share of the rows that are codes of some time, whatever the column holds.
    distinct
        Different values.
    exact
        Whether they were all counted; else there are about as many.
    """

    profile: Profile
    holds: str = ""
    confidence: float = 0.0
    certainty: str = ""
    reasons: tuple[str, ...] = ()
    details: dict[str, Any] | None = None
    unknown: dict[str, int] | None = None
    vintage: str = ""
    changing: dict[str, int] | None = None
    lost: int = 0
    looks: float = 0.0
    distinct: int = 0
    exact: bool = True


def judge(content: Content, by: Knowledge) -> list[Verdict]:
    """Return what each column of a table holds."""
    columns = []
    for profile, texts in zip(content.profiles, sampled_texts(content), strict=True):
        found = [*guesses(profile, by), *lookalikes(profile, by)]
        found = _exclusive(found)
        columns.append(Judged(profile, _best_of_each(found), texts))
    relate(columns, by)
    return [_verdict(column, by) for column in columns]


def _exclusive(found: list[Guess]) -> list[Guess]:
    """Take years in dates, and codes in lists, for what they are: the column is of days, or of lists."""
    if any(guess.holds == "date" and guess.confidence >= LIKELY for guess in found):
        differs, others = evidence("form differs", "all values are days of the calendar"), frozenset(CODES)
    elif any(guess.details.get("several") for guess in found):
        differs, others = evidence("form differs", "some values are lists of codes"), frozenset(["unit"])
    else:
        return found
    return [guess.plus(differs) if guess.holds in others else guess for guess in found]


def _best_of_each(found: list[Guess]) -> dict[str, Guess]:
    best: dict[str, Guess] = {}
    for guess in found:
        if guess.holds not in best or guess.points > best[guess.holds].points:
            best[guess.holds] = guess
    return best


def _verdict(column: Judged, by: Knowledge) -> Verdict:
    profile = column.profile
    looks = _looks(column, by)
    ranked = sorted(column.guesses.values(), key=lambda guess: -guess.points)
    if not ranked or ranked[0].confidence < UNCLEAR:
        return Verdict(profile, looks=looks, distinct=profile.distinct, exact=profile.exact)
    best = ranked[0]
    reasons = [f"{each.says} ({each.points:+g})" for each in best.evidence]
    word = certainty(best.confidence)
    near = [guess for guess in ranked[1:] if best.points - guess.points < CLOSE and guess.confidence >= UNCLEAR]
    if near:
        word = "unclear"
        against = ", ".join(each.says for each in near[0].evidence if each.points > 0)
        reasons.append(f"it may as well be {near[0].holds}: {against}")
    codes: Counter[str] = best.details.get("codes") or Counter()
    verdict = Verdict(
        profile, best.holds, best.confidence, word, tuple(reasons), _kept(best), looks=looks,
        lost=int(best.details.get("lost", 0)), distinct=profile.distinct,
        exact=profile.exact,
    )  # fmt: skip
    return _with_codes(verdict, codes, by) if best.holds in CODES and codes else verdict


def _kept(guess: Guess) -> dict[str, Any]:
    return {name: value for name, value in guess.details.items() if name != "codes"}


def _looks(column: Judged, by: Knowledge) -> float:
    guess = column.guesses.get("unit")
    codes: Counter[str] = guess.details.get("codes", Counter()) if guess else Counter()
    total = codes.total()
    return sum(rows for code, rows in codes.items() if code in by.known.ever) / total if total else 0.0


def _with_codes(verdict: Verdict, codes: Counter[str], by: Knowledge) -> Verdict:
    from dataclasses import replace

    known = by.known.parent_codes if verdict.holds == "parent" else by.known.ever
    unknown = {code: rows for code, rows in sorted(codes.items()) if code not in known}
    changing = None
    if by.known.changing is not None and verdict.holds != "parent":
        changing = {code: rows for code, rows in sorted(codes.items()) if code in by.known.changing}
    return replace(
        verdict,
        unknown=unknown if by.known.complete else None,
        changing=changing,
        vintage=_vintage(codes, by) if verdict.holds != "parent" else "",
    )


def _vintage(codes: Counter[str], by: Knowledge) -> str:
    """Return the days on which most of the known codes were valid, and how many were."""
    known = sorted(code for code in codes if code in by.known.ever)
    if by.known.history is None or not known:
        return ""
    from geomerge.vintage import vintage

    try:
        found = vintage(pd.DataFrame({"code": known}, dtype="str"), by.known.history, column="code")
    except InputError:  # none of the codes was ever valid
        return ""
    return "; or ".join(sentence for sentence in found.sentences()[: len(found.ranges)])
