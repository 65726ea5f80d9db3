"""Guesses: what the values and the name of one column say it may hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from geomerge.inventory.known import Known, plain, plain_names
from geomerge.inventory.profile import Profile
from geomerge.inventory.rules import RULES, Evidence, Guess, evidence, hits
from geomerge.inventory.shapes import shape_of
from geomerge.inventory.words import Words

if TYPE_CHECKING:
    from geomerge.keylayout import KeyLayout

YEARS = range(1900, 2100)  # that case numbers and dates hold
LONGEST_TAIL = 6  # digits of a district below its unit
MOST_TEXTS = 2000  # different texts in which keys are looked for
NEARLY_ALL = 0.95  # share of rows that are lists
WHOLE = 0.8  # share of texts that are keys


@dataclass(frozen=True)
class Knowledge:
    """What columns are judged by.

    Parameters
    ----------
    known
        The codes.
    words
        Words in the names of columns.
    layouts
        Layouts of parcel keys.
    """

    known: Known
    words: Words
    layouts: Sequence[KeyLayout]


def guesses(profile: Profile, by: Knowledge) -> list[Guess]:
    """Return what a column may hold, by its own name and values, the likeliest first."""
    if not profile.filled:
        return []
    found = [*_units(profile, by), *_parents(profile, by), *_districts(profile, by), *_names(profile, by)]
    found += [*_keys(profile, by), *_composites(profile, by)]
    return sorted(found, key=lambda guess: -guess.points)


def header(profile: Profile, by: Knowledge, holds: str) -> list[Evidence]:
    """Return what the name of a column says of a guess."""
    said = by.words.said(profile.name)
    if holds in said:
        return [evidence("header", f"the name {profile.name} says {holds}")]
    if any(what in by.words.other for what in said):
        return [evidence("header differs", f"the name {profile.name} says {' and '.join(said)}")]
    from geomerge.inventory.words import matches

    if holds in ("unit", "parent", "district") and not said and matches(profile.name, by.words.code):
        return [evidence("code word", f"the name {profile.name} says code")]
    return []


def padded(counts: Mapping[str, int], width: int | None) -> tuple[Counter[str], int]:
    """Return values with the zeros they lost, and the rows that lost some.

    Examples
    --------
    >>> padded({"301": 2, "1103": 1}, 4)
    (Counter({'0301': 2, '1103': 1}), 2)
    """
    found: Counter[str] = Counter()
    lost = 0
    for value, rows in counts.items():
        short = width is not None and len(value) < width and value.isascii() and value.isdigit()
        found[value.zfill(width) if short and width else value] += rows
        lost += rows if short else 0
    return found, lost


def _typed(profile: Profile, values: Mapping[str, int]) -> list[Evidence]:
    if profile.numeric:
        return [evidence("numbers")]
    if any(value.startswith("0") for value in profile.counts if value in values):
        return [evidence("zeros")]
    return []


def _units(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    values, lost = padded(profile.counts, by.known.width)
    if not any(value in by.known.ever for value in values):
        return
    best = max(by.known.moments, key=lambda moment: sum(rows for v, rows in values.items() if v in moment.codes))
    whole = by.known.complete
    seen = [hits(values, best.codes, f"codes {best.when}", complete=whole),
            hits(values, by.known.ever, "codes of some time", complete=whole)]  # fmt: skip
    strongest = max(seen, key=lambda each: each.points)
    details = {"lost": lost, "codes": values, "width": by.known.width}
    yield Guess(
        "unit",
        (evidence("start"), strongest, *header(profile, by, "unit"), *_typed(profile, values)),
        details,
    )


def _parents(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    values, lost = padded(profile.counts, by.known.parent_width)
    said = header(profile, by, "parent")
    if not by.known.parent_codes:
        if any(each.rule == "header" for each in said):
            yield Guess("parent", (evidence("start"), *said), {"lost": 0, "codes": Counter()})
        return
    if any(value in by.known.parent_codes for value in values):
        seen = hits(values, by.known.parent_codes, "codes of parents")
        details = {"lost": lost, "codes": values, "width": by.known.parent_width}
        yield Guess("parent", (evidence("start"), seen, *said, *_typed(profile, values)), details)


def _districts(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    """Code of a unit and some more digits, all of one length; numbers may have lost a zero."""
    width = by.known.width
    if width is None:
        return
    digits = {value: rows for value, rows in profile.counts.items() if value.isascii() and value.isdigit()}
    if sum(digits.values()) < WHOLE * profile.kept_rows:
        return
    lengths: Counter[int] = Counter()
    for value, rows in digits.items():
        lengths[len(value)] += rows
    length = max(lengths, key=lambda each: (lengths[each], each))
    if profile.numeric and lengths[length + 1]:
        length += 1
    if not width < length <= width + LONGEST_TAIL:
        return
    fitting = {
        value.zfill(length): n for value, n in digits.items() if length - profile.numeric <= len(value) <= length
    }
    if sum(fitting.values()) < WHOLE * profile.kept_rows:
        return
    codes: Counter[str] = Counter()
    for value, rows in fitting.items():
        codes[value[:width]] += rows
    best = max(by.known.moments, key=lambda moment: sum(rows for v, rows in codes.items() if v in moment.codes))
    seen = max(
        (hits(codes, each, f"codes {when}, with {length - width} more digits", complete=by.known.complete)
         for each, when in ((best.codes, best.when), (by.known.ever, "of some time"))),
        key=lambda each: each.points,
    )  # fmt: skip
    lost = sum(rows for value, rows in digits.items() if len(value) == length - 1)
    details = {"lost": lost, "codes": codes, "width": width, "length": length}
    yield Guess(
        "district",
        (evidence("start"), seen, *header(profile, by, "district"), *_typed(profile, profile.counts)),
        details,
    )


def _names(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    if profile.kind != "text":
        return
    plains: Counter[str] = Counter()
    for value, rows in profile.counts.items():
        form = plain(value)
        known = next((each for each in plain_names(value) if each in by.known.names), form)
        plains[known] += rows
    said = header(profile, by, "name")
    if by.words.names_unit(profile.name) and any(each.rule == "header" for each in said):
        said = [evidence("header", f"the name {profile.name} says name of a unit")]
    if any(name in by.known.names for name in plains):
        seen = hits(plains, by.known.names, "names of units", complete=by.known.complete)
        yield Guess("name", (evidence("start"), seen, *said))
    if any(name in by.known.parent_names for name in plains):
        seen = hits(plains, by.known.parent_names, "names of parents")
        yield Guess("parent name", (evidence("start"), seen, *said))


def _keys(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    if profile.kind not in ("text", "integer"):
        return
    texts = pd.Series(sorted(profile.counts)[:: max(1, len(profile.counts) // MOST_TEXTS)], dtype=object)
    for layout in by.layouts:
        parts = layout.parse(texts)
        first = parts[layout.parts[-1].name if layout.unit is None else layout.below[0]]
        fits = first.notna()
        if fits.mean() < WHOLE:
            continue
        bare = layout.unit is None or parts.loc[fits, layout.unit].isna().mean() > 0.5
        weak = all(value.isdigit() for value in texts)
        rule = "form" if weak or bare else "layout"
        said = f"{fits.mean():.0%} are written like a key ({layout.name})"
        seen = [evidence(rule, said, round(RULES[rule][0] * float(fits.mean()), 2))]
        codes: Counter[str] = Counter()
        if bare:
            seen.append(evidence("header differs", "no code of a unit is in it", -1.0))
        else:
            codes = Counter(parts.loc[fits, layout.unit].dropna().astype(str).tolist())
            seen.append(hits(codes, by.known.ever, "codes, at the start of a key", complete=by.known.complete))
        details = {"layout": layout.name, "codes": codes, "bare": bare, "lost": 0}
        yield Guess("key", (evidence("start"), *seen, *header(profile, by, "key")), details)


def _composites(profile: Profile, by: Knowledge) -> Iterator[Guess]:
    if profile.kind not in ("text", "integer"):
        return
    lists = _lists(profile, by)
    if lists is not None:
        yield lists
        return
    width = by.known.width
    texts = [] if width is None else [value for value in profile.counts if len(value) > width]
    if width is None or sum(profile.counts[text] for text in texts) < WHOLE * profile.kept_rows:
        return
    shape = shape_of(sorted(texts), by.known.ever, width)
    if shape is None:
        return
    found = shape.codes(texts)
    codes: Counter[str] = Counter()
    for text, code in found:
        codes[code] += profile.counts[text]
    seen = [hits(codes, by.known.ever, f"codes where {shape.pattern} has them", complete=by.known.complete)]
    if all(code.isdigit() and int(code) in YEARS for code in codes):
        seen.append(evidence("years"))
    fit = sum(profile.counts[text] for text, _ in found) / profile.kept_rows
    form = evidence("form", f"{fit:.0%} of the rows fit {shape.pattern}", round(2 * fit, 2))
    details = {"pattern": shape.pattern, "codes": codes, "several": False, "lost": 0}
    said = [each for each in header(profile, by, "unit") if each.rule != "code word"]
    yield Guess("composite", (evidence("start"), *seen, form, *said), details)


def _lists(profile: Profile, by: Knowledge) -> Guess | None:
    """Return the guess that a column holds lists of codes, some of one, some of several."""
    digits = "[0-9]+" if by.known.width is None else f"[0-9]{{{by.known.width}}}"
    listing = re.compile(rf"{digits}(?:[\s,;/|]+{digits})*")
    listed = [text for text in profile.counts if listing.fullmatch(text)]
    several = [text for text in listed if not text.isdigit()]
    if not several or sum(profile.counts[text] for text in listed) < NEARLY_ALL * profile.kept_rows:
        return None
    codes = Counter(code for text in listed for code in re.findall("[0-9]+", text))
    seen = hits(codes, by.known.ever, "codes, several in one value", complete=by.known.complete)
    details = {"pattern": f"(?P<code>{digits}).*", "codes": codes, "several": True, "lost": 0}
    form = evidence("form", "values are lists of codes")
    return Guess("composite", (evidence("start"), seen, form, *header(profile, by, "unit")), details)
