"""Propose new keys the way a land authority does: who has most parcels keeps its numbers, the others are shifted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.errors import InputError
from geomerge.keylayout import KeyLayout, key_layout
from geomerge.keyrules import concerns
from geomerge.plan import KeyRule, Plan
from geomerge.rekey import joined, rekey
from geomerge.rekey.change import END_OF_CODE
from geomerge.rekey.written import columns_layout, parts_of, require_columns

STEP = 100
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Proposal:
    """What is proposed for the parcels that go from one unit to another.

    Parameters
    ----------
    old, new
        The units.
    rule
        The rule; None where the keys stay as they are.
    why
        Why, in one sentence.
    """

    old: str
    new: str
    rule: KeyRule | None
    why: str


def propose_keys(
    features: pd.DataFrame,
    *,
    key: Sequence[str],
    code: str = "code",
    rules: Plan | Sequence[KeyRule] = (),
    layout: str | Mapping[str, object] | KeyLayout | None = None,
    step: int = STEP,
    holes: Literal["free", "taken"] = "free",
    reasons: list[Proposal] | None = None,
) -> tuple[KeyRule, ...]:
    """Propose rules for new keys where parcels of several units come together and numbers would collide.

    In each new unit, the old one with most parcels keeps its numbers. The others follow by number of parcels: one
    whose numbers are free keeps them as well; else its whole series gets the smallest addition, in steps of 100, with
    which it meets no number in use. Where keys have a prefix, it is the end of the old unit's code instead.

    Parameters
    ----------
    features
        All parcels of the units concerned, also those that stay, with their old code in ``code`` and the new one in
        ``new_code``, as from :func:`geomerge.reassign`.
    key, code, layout
        As for :func:`geomerge.rekey`. Rows with one key are one parcel.
    rules
        Rules that are given, or the plan with them. What they say is not proposed again, and the numbers they make
        are taken.
    step
        What additions are multiples of.
    holes
        Whether numbers that no parcel has are ``free``, or ``taken`` where they lie within a series: for parcels
        that are not all there are, such as the farms alone.
    reasons
        List that collects what is proposed for each old unit, with the reason, also where its keys stay.

    Returns
    -------
    tuple of KeyRule
        In the order of new units, then of the number of parcels.

    Raises
    ------
    InputError
        If a column is missing, or there is no room for a series.

    Examples
    --------
    >>> parcels = pd.DataFrame(
    ...     {"code": ["0706"] * 3 + ["0719"] * 2, "new_code": "0710", "gnr": [1, 2, 128, 2, 28], "bnr": 1}
    ... )
    >>> [(rule.from_, rule.to, rule.add) for rule in propose_keys(parcels, key=["gnr", "bnr"])]
    [('0719', '0710', 200)]

    The numbers 102 and 128 would be the next ones, but 128 is in use.
    """
    declared = None if layout is None else key_layout(layout)
    require_columns(features, key, declared, code, "new_code")
    known = declared or columns_layout(features, key)
    name = known.number or known.prefix
    if name is None:
        raise InputError(
            f"Keys of the layout {known.name} have neither a leading number nor a prefix, so no rule can be proposed. "
            f"Give the plan a table of keys."
        )
    given = rekey(features, rules, key=key, code=code, layout=declared, findings=[])
    parcels = pd.DataFrame({"old": features[code], "new": features["new_code"]})
    parcels["key"] = joined(features, features[code], key, declared)
    parcels["part"] = parts_of(features, key, known)[name]
    parcels["given"] = parts_of(given, key, known)[name]
    parcels = parcels.dropna().drop_duplicates()
    found: list[Proposal] = []
    listed = rules.keys if isinstance(rules, Plan) else rules
    for new, together in parcels.groupby("new", sort=True):
        if together["old"].nunique() > 1:
            meeting = _Meeting(str(new), together, tuple(listed), known)
            found += meeting.shifts(step, holes == "taken") if known.number else meeting.prefixes()
    if reasons is not None:
        reasons.extend(found)
    return tuple(proposal.rule for proposal in found if proposal.rule is not None)


def stacked(
    tables: Sequence[tuple[pd.DataFrame, str, Sequence[str], KeyLayout | None]],
) -> tuple[pd.DataFrame, list[str], KeyLayout | None]:
    """Return the features of several layers as one table, their key columns under the same names.

    Parameters
    ----------
    tables
        For each layer its features with their ``new_code``, the column with the old code, the columns of the key,
        and how the key is written.

    Returns
    -------
    tuple
        The table with the columns ``code`` and ``new_code``, the columns of the key, and how it is written.
    """
    layouts = {layout.name: layout for *_, layout in tables if layout is not None}
    if len(layouts) > 1 or (layouts and any(layout is None for *_, layout in tables)):
        raise InputError("The layers write their keys in several ways. Ask for one at a time (--layer).")
    layout = next(iter(layouts.values()), None)
    longest = max((key for _, _, key, _ in tables), key=len)
    known = [layout or columns_layout(features, key) for features, _, key, _ in tables]
    names = list(layout.below if layout else longest)
    parts = []
    for (features, code, key, _), written in zip(tables, known, strict=True):
        found = parts_of(features, key, written).set_axis(names[: len(key)] if layout is None else names, axis=1)
        parts.append(found.astype(object).assign(code=features[code], new_code=features["new_code"]))
    together = pd.concat(parts, ignore_index=True)
    return together.fillna(dict.fromkeys(names[1:], 0)), names, layout


@dataclass(frozen=True)
class _Meeting:
    """The parcels of several old units that come together in a new one: ``old``, ``key``, ``part``, ``given``."""

    new: str
    parcels: pd.DataFrame
    rules: tuple[KeyRule, ...]
    layout: KeyLayout

    def shifts(self, step: int, closed: bool) -> Iterator[Proposal]:
        """Yield what is proposed for leading numbers, the unit with most parcels first."""
        highest = 10 ** self.layout.part(str(self.layout.number)).width - 1
        parcels = self.parcels[self.parcels["part"] > 0]
        decided = self._decided(parcels)
        taken = np.unique(parcels.loc[decided, "given"].to_numpy(dtype=np.int64))
        open_numbers = parcels[~decided].groupby("old")["part"].unique()
        for rank, (old, count) in enumerate(self._by_size(parcels)):
            if old not in open_numbers.index:
                yield Proposal(old, self.new, None, f"{counted(count)}; the plan has a rule for its numbers")
                continue
            numbers = np.sort(open_numbers[old].astype(np.int64))
            numbers = np.arange(numbers[0], numbers[-1] + 1) if closed else numbers
            add, met = _smallest_addition(numbers, taken, step, highest, f"from {old} to {self.new}")
            taken = np.union1d(taken, numbers + add)
            if add:
                rule = KeyRule.model_validate({"from": old, "to": self.new, "add": add})
                becomes = f"{_span(numbers)} become {_span(numbers + add)}"
                yield Proposal(old, self.new, rule, f"{counted(count)}; {becomes}, because {met}")
            else:
                reason = "most parcels of all" if rank == 0 else "its numbers are free"
                yield Proposal(old, self.new, None, f"{counted(count)}; keeps {_span(numbers)}: {reason}")

    def prefixes(self) -> Iterator[Proposal]:
        """Yield what is proposed for prefixes: a unit that keeps its code keeps its keys."""
        width = self.layout.part(str(self.layout.prefix)).width
        decided = self._decided(self.parcels)
        texts = self.parcels["given"].astype("string").str.zfill(width)
        without = self.parcels["part"].astype("string").str.fullmatch("0*") & ~decided
        taken = set(texts[~without].unique()) | {"0" * width}
        for old, count in self._by_size(self.parcels):
            mine = without & (self.parcels["old"] == old)
            if old == self.new or not mine.any():
                why = "keeps its code" if old == self.new else "every key has a prefix, or a rule"
                yield Proposal(old, self.new, None, f"{counted(count)}; keeps its keys: {why}")
                continue
            end = old[-width:].zfill(width)
            free = (f"{number:0{width}d}" for number in range(1, 10**width))
            prefix = next((each for each in (end, *free) if each not in taken), None)
            if prefix is None:
                raise InputError(
                    f"No prefix is free for the keys from {old} to {self.new}. Give the plan a table of keys."
                )
            taken.add(prefix)
            said = "code" if prefix == end else prefix
            why = f"prefix {prefix}, " + ("the end of its code" if said == "code" else f"because {end} is taken")
            rule = KeyRule.model_validate({"from": old, "to": self.new, "prefix": said})
            yield Proposal(old, self.new, rule, f"{counted(count)}; {why}")

    def _decided(self, parcels: pd.DataFrame) -> pd.Series:
        """Return for which parcels a rule that is given says what becomes of them."""
        found = parcels["part"] != parcels["given"]
        for rule in self.rules:
            if rule.table is not None:
                continue
            of = parcels["old"].map(lambda old, rule=rule: concerns(rule, old, self.new))
            low, high = rule.span
            found |= of if rule.numbers is None else of & parcels["part"].between(low, high)
        return found.astype(bool)

    def _by_size(self, parcels: pd.DataFrame) -> list[tuple[str, int]]:
        """Return the old units with their number of parcels, most first; the lower code where these are equal."""
        counts = parcels.groupby("old")["key"].nunique()
        return sorted(((str(old), int(count)) for old, count in counts.items()), key=lambda each: (-each[1], each[0]))


def _smallest_addition(numbers: Numbers, taken: Numbers, step: int, highest: int, where: str) -> tuple[int, str]:
    """Return the smallest addition with which numbers meet none that is taken, and what the one before it met."""
    met = ""
    for add in range(0, highest - int(numbers[-1]) + 1, step):
        both = (numbers + add)[np.isin(numbers + add, taken)]
        if not len(both):
            return add, met
        met = f"{_span(both)} with {add} added would be taken" if add else f"{_span(both)} is taken"
    raise InputError(f"There is no room below {highest} for the numbers {where}. Give the plan a table of keys.")


def _span(numbers: Numbers) -> str:
    """Return numbers as their first and last one."""
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}..{numbers[-1]}"


def counted(parcels: int) -> str:
    """Return a number of parcels in words."""
    return f"{parcels} parcel{'' if parcels == 1 else 's'}"


def as_yaml(found: Sequence[Proposal]) -> str:
    """Return proposals as lines for a plan, each with the reason as a comment.

    Examples
    --------
    >>> rule = KeyRule.model_validate({"from": "0719", "to": "0710", "add": 200})
    >>> print(as_yaml([Proposal("0719", "0710", rule, "2 parcels; 2..128 become 202..328")]), end="")
    keys:
      # to 0710
      - {from: "0719", to: "0710", add: 200}  # 2 parcels; 2..128 become 202..328
    """
    lines = ["keys:" if any(each.rule for each in found) else "keys: []"]
    last = None
    for each in found:
        if each.new != last:
            lines.append(f"  # to {each.new}")
            last = each.new
        if each.rule is None:
            lines.append(f"  # {each.old}: {each.why}")
            continue
        name, value = each.rule.way
        lines.append(
            f"  - {{from: {_quoted(each.old)}, to: {_quoted(each.new)}, {name}: {_value(value)}}}  # {each.why}"
        )
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    return str(value) if value == END_OF_CODE or isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
