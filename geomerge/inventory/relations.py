"""Relations: what the columns of a table say about each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from geomerge.inventory.guesses import Knowledge
from geomerge.inventory.known import plain_names
from geomerge.inventory.profile import Content, Profile, as_text
from geomerge.inventory.rules import Evidence, Guess, evidence
from geomerge.inventory.words import matches

AGREE = 0.9  # share of rows in which columns must agree
NAMED = 0.6  # share of rows in which the name must be that of the code, as names are written in many ways
WORTH = -2.5  # points from which a guess is worth comparing
LESS = 0.1  # share of rows by which the names of something else agree less
OFFICES = 0.6  # share of values with a word for an office
MOST = 500  # different values that are looked at for such a word
SEVERAL = 3  # different values from which one name each is no accident


@dataclass
class Judged:
    """A column, with what it may hold.

    Parameters
    ----------
    profile
        What is in it.
    guesses
        What it may hold, by name.
    texts
        Its values in the rows of the sample, as text; None where there is none.
    """

    profile: Profile
    guesses: dict[str, Guess]
    texts: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))

    def points(self, holds: str) -> float:
        """Points of a guess, very few where it is none."""
        return self.guesses[holds].points if holds in self.guesses else -99.0

    def add(self, holds: str, *more: Evidence, **details: object) -> None:
        """Add evidence to a guess, which is made where there is none."""
        guess = self.guesses.get(holds, Guess(holds, (evidence("start"),))).plus(*more)
        self.guesses[holds] = replace(guess, details={**guess.details, **details})


def sampled_texts(content: Content) -> list[pd.Series]:
    """Return the columns of the sample as texts without blanks around; what is missing is None."""
    found = []
    for place in range(content.sample.shape[1]):
        values = content.sample.iloc[:, place]
        found.append(pd.Series([as_text(value)[1].strip() or None for value in values], dtype=object))
    return found


def relate(columns: Sequence[Judged], by: Knowledge) -> None:
    """Add what the columns of a table say about each other to their guesses."""
    units = [column for column in columns if column.points("unit") > WORTH]
    for unit in units:
        codes = _padded(unit.texts, by.known.width)
        for other in columns:
            if other is not unit:
                _parents(unit, codes, other, by)
                _inside(unit, codes, other, by)
        _named(unit, codes, columns, by)
    _offices(columns, by)
    _places(columns, by)
    _numbers(columns, by)


def _padded(texts: pd.Series, width: int | None) -> pd.Series:
    if width is None:
        return texts
    return texts.map(lambda text: text.zfill(width) if isinstance(text, str) and text.isdigit() else text)


def _agreeing(left: pd.Series, right: pd.Series, agree: Callable[[str, str], bool]) -> tuple[float, int]:
    """Return in what share of the rows with both values they agree, and how many different pairs do."""
    both = left.notna() & right.notna()
    pairs = pd.DataFrame({"left": left[both], "right": right[both]}).value_counts()
    if not len(pairs):
        return 0.0, 0
    listed = zip(pairs.index.to_flat_index(), pairs.tolist(), strict=True)
    fitting = [rows for (one, other), rows in listed if agree(one, other)]
    return sum(fitting) / int(pairs.sum()), len(fitting)


def _named(unit: Judged, codes: pd.Series, columns: Sequence[Judged], by: Knowledge) -> None:
    """Find the columns with the names of the codes; what is called like many of them, as regions are, is none."""
    names = by.known.names_of
    codes = codes.where(codes.isin(names))  # a code whose name is not known says nothing

    def is_name(code: str, name: str) -> bool:
        return not names.get(code, frozenset()).isdisjoint(plain_names(name))

    texts = [column for column in columns if column is not unit and column.profile.kind == "text"]
    seen = [(column, *_agreeing(codes, column.texts, is_name)) for column in texts]
    best = max((share for _, share, _ in seen), default=0.0)
    for column, share, pairs in seen:
        said = f"{share:.0%} of the rows of {unit.profile.name} and {column.profile.name} agree: the name is the code's"
        if share < NAMED or share < best - LESS:
            if share and best >= NAMED and "name" in column.guesses:
                column.add("name", evidence("agrees less", f"only {said}"))
            continue
        points = None if pairs >= SEVERAL else 1.0
        unit.add("unit", evidence("names agree", said, points))
        column.add("name", evidence("names agree", said, points), about=unit.profile.name)


def _parents(unit: Judged, codes: pd.Series, other: Judged, by: Knowledge) -> None:
    if "parent" not in other.guesses or not by.known.parents:
        return
    parents = by.known.parents
    above = _padded(other.texts, by.known.parent_width)
    share, pairs = _agreeing(codes, above, lambda code, parent: parent in parents.get(code, frozenset()))
    if share >= AGREE:
        points = None if pairs >= SEVERAL else 2.0
        said = f"{share:.0%} of the rows agree with {unit.profile.name}: the parent is that of the code"
        other.add("parent", evidence("parents agree", said, points), about=unit.profile.name)
        unit.add("unit", evidence("parents agree", f"{share:.0%} of the rows agree with {other.profile.name}", points))


def _inside(unit: Judged, codes: pd.Series, other: Judged, by: Knowledge) -> None:
    """Compare the code inside a district, a key or a composite with the code beside it."""
    for holds in ("district", "key", "composite"):
        guess = other.guesses.get(holds)
        if guess is None or guess.details.get("bare") or guess.details.get("several") or guess.points < 0:
            continue
        inner = _inner(other.texts, guess, by)
        share, pairs = _agreeing(codes, inner, lambda code, inside: code == inside)
        if share >= AGREE:
            points = None if pairs >= SEVERAL else 2.0
            said = f"{share:.0%} of the rows have the code that stands in {unit.profile.name}"
            other.add(holds, evidence("codes agree", said, points), about=unit.profile.name)
            unit.add(
                "unit", evidence("codes agree", f"{share:.0%} of the rows agree with {other.profile.name}", points)
            )


def _inner(texts: pd.Series, guess: Guess, by: Knowledge) -> pd.Series:
    if guess.holds == "district":
        width, length = guess.details["width"], guess.details["length"]
        return texts.map(lambda text: text.zfill(length)[:width] if isinstance(text, str) else None)
    if guess.holds == "composite":
        return texts.str.extract(f"^(?:{guess.details['pattern']})$")["code"].astype(object)
    layout = next(layout for layout in by.layouts if layout.name == guess.details["layout"])
    found = layout.parse(texts)[layout.unit or layout.parts[0].name]
    return found.astype(object).where(found.notna(), None)


def _one_for_one(left: pd.Series, right: pd.Series) -> bool:
    """Return whether each value of one column goes with one value of the other, and there are several of both."""
    both = pd.DataFrame({"left": left, "right": right}).dropna().drop_duplicates()
    return both["right"].nunique() >= SEVERAL and len(both) == both["left"].nunique() >= SEVERAL


def _offices(columns: Sequence[Judged], by: Knowledge) -> None:
    """Find the numbers of offices by the names of the offices beside them."""
    words = by.words.holds["office"]
    for names in columns:
        texts = names.texts.dropna()
        if names.profile.kind != "text" or texts.nunique() < SEVERAL:
            continue
        different = texts.unique()[:MOST]
        if sum(matches(text, words) for text in different) < OFFICES * len(different):
            continue
        for numbers in columns:
            if numbers is not names and numbers.points("unit") > -9 and _one_for_one(numbers.texts, names.texts):
                said = f"each value has one office beside it, in {names.profile.name}"
                numbers.add("office", evidence("names agree", said), evidence("form", "each office has one number"))
                if "unit" in numbers.guesses:
                    numbers.add("unit", evidence("header differs", said))


def _places(columns: Sequence[Judged], by: Knowledge) -> None:
    """Find postcodes by the post places beside them, and by what is not a code of a unit."""
    places = [column for column in columns if "post place" in by.words.said(column.profile.name)]
    for column in columns:
        values = [
            value for value in column.profile.counts if value.isascii() and value.isdigit() and 3 <= len(value) <= 5
        ]
        if not values or len(values) < AGREE * len(column.profile.counts) or column in places:
            continue
        foreign = sum(value not in by.known.ever for value in values) / len(values)
        if foreign < 0.3:
            continue
        for place in places:
            if _one_for_one(column.texts, place.texts):
                said = (
                    f"each value has one place beside it, in {place.profile.name}, and {foreign:.0%} never were codes"
                )
                column.add("postcode", evidence("one for one", said, 4.0))


def _numbers(columns: Sequence[Judged], by: Knowledge) -> None:
    """Find the numbers of a key that stand in columns of their own, beside the code of the unit."""
    for layout in by.layouts:
        parts = {part.name: [part.name, *part.columns] for part in layout.parts if not part.unit}
        found = {name: each for name, words in parts.items() for each in _called(columns, words)}
        if layout.unit is None or len(found) < 2 or layout.below[0] not in found:
            continue
        units = [column for column in columns if column.points("unit") > 0]
        at = columns.index(found[layout.below[0]])
        code = min(units, key=lambda column: abs(columns.index(column) - at), default=None)
        for name, column in found.items():
            said = evidence("header", f"the name {column.profile.name} says {name} of {layout.name}")
            beside = evidence("form", "other numbers of the key stand beside it")
            more = (
                [evidence("codes agree", f"the code of the unit stands beside it, in {code.profile.name}")]
                if code
                else []
            )
            column.add(
                "key number", said, beside, *more,
                part=name, layout=layout.name, about=code.profile.name if code else None, numbers=[
                    found[part].profile.name for part in layout.below if part in found
                ],
            )  # fmt: skip


def _called(columns: Iterable[Judged], words: Sequence[str]) -> Iterator[Judged]:
    """Yield the first column that is called by one of some words and nothing else."""
    for column in columns:
        if matches(column.profile.name, words, alone=True):
            yield column
            return
