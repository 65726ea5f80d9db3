"""Rules for new keys: which is the most specific for a parcel, and where the rules of a plan contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import pandas as pd

from geomerge.findings import Finding
from geomerge.plan import KeyRule, Plan

COLUMNS = (("from", "to"), ("old_key", "new_key"))


def specificity(rule: KeyRule) -> tuple[int, float, int]:
    """Return how specific a rule is; the greatest wins.

    A table comes first, because it names each key; then the rule for fewer numbers; then the rule that names the old
    and the new unit, the old one alone, the new one alone.

    Examples
    --------
    >>> written = [{"from": "1133", "to": "1103", "numbers": "4-11", "add": 300}, {"from": "1133", "keep": True}]
    >>> rules = [KeyRule.model_validate(rule) for rule in written]
    >>> max(rules, key=specificity).add
    300
    """
    low, high = rule.span
    sides = 2 * (rule.from_ is not None) + (rule.to is not None)
    return int(rule.table is not None), low - high, sides


def concerns(rule: KeyRule, old: str, new: str) -> bool:
    """Return whether a rule is for parcels that go from one unit to another, or stay where these are the same."""
    if rule.from_ is None and rule.to is None:
        return True  # a table names its keys itself
    named = rule.from_ in (None, old) and rule.to in (None, new)
    return named and (old != new or (rule.from_ is not None and rule.to is not None))


def in_order(rules: Iterable[KeyRule]) -> list[KeyRule]:
    """Return rules from the most general to the most specific one; the order they were written in does not matter."""
    return sorted(rules, key=lambda rule: (specificity(rule), repr(rule)))


def key_columns(table: pd.DataFrame) -> tuple[str, str] | None:
    """Return which columns of a table hold old and new keys, None where it has none."""
    return next((pair for pair in COLUMNS if set(pair) <= set(table.columns)), None)


def check_key_rules(plan: Plan) -> list[Finding]:
    """Find rules for keys whose order would decide, those that lead to numbers no key has, and tables that say nothing.

    Examples
    --------
    >>> rules = [{"from": "0719", "to": "0710", "add": 200}, {"from": "0719", "to": "0710", "add": 300}]
    >>> merge = {"merge": ["0706", "0719"], "into": "0710"}
    >>> print(check_key_rules(Plan(date="2017-01-01", events=[merge], keys=rules))[0].what)
    The rules for all numbers (add 200) and all numbers (add 300) overlap, and neither is more specific
    """
    return [*_contradictions(plan.keys), *_numbers(plan.keys), *_tables(plan)]


def where_of(rule: KeyRule) -> str:
    """Return where a rule stands, in words."""
    named = [f"{word} {code}" for word, code in (("from", rule.from_), ("to", rule.to)) if code is not None]
    return " ".join(["keys", *named] if named else ["table", str(rule.table)])


def _contradictions(rules: Sequence[KeyRule]) -> Iterator[Finding]:
    for one, other in combinations([rule for rule in rules if rule.table is None], 2):
        first, last = max(one.span[0], other.span[0]), min(one.span[1], other.span[1])
        alike = (one.from_, one.to) == (other.from_, other.to) and specificity(one) == specificity(other)
        if alike and first <= last and _result(one) != _result(other):
            what = f"The rules for {one} and {other} overlap, and neither is more specific"
            yield _fault(what, one, "Let each number fall under one of them.")


def _numbers(rules: Iterable[KeyRule]) -> Iterator[Finding]:
    for rule in rules:
        if rule.numbers is not None and rule.add is not None and rule.add < 0 and rule.span[0] + rule.add < 1:
            low = rule.span[0]
            what = f"The rule for {rule} makes {low:.0f} {low + rule.add:.0f}, but numbers begin at 1"
            yield _fault(what, rule, "Correct the numbers, or what is added to them.")


def _tables(plan: Plan) -> Iterator[Finding]:
    """Find tables without the columns of keys, with empty ones, and old keys that get several new ones."""
    told: dict[tuple[str | None, str | None], list[pd.DataFrame]] = {}
    for rule in plan.keys:
        table = plan.sources.get(rule.table) if rule.table is not None else None
        if table is None:
            continue
        pair = key_columns(table)
        if pair is None:
            what = (
                f"{rule.table} has no columns from and to (or old_key and new_key); it has {', '.join(table.columns)}"
            )
            yield _fault(what, rule, "Name the columns with the old and the new key so.")
            continue
        keys = table[list(pair)].set_axis(["from", "to"], axis=1).apply(lambda column: column.str.strip())
        keys = keys.replace("", None)
        if empty := int(keys.isna().any(axis=1).sum()):
            yield _fault(f"{empty} rows of {rule.table} lack the old or the new key", rule, "Fill them in.")
        told.setdefault((rule.from_, rule.to), []).append(keys.dropna().assign(rule=rule.table))
    for (old, new), tables in told.items():
        pairs = pd.concat(tables).drop_duplicates(["from", "to"])
        several = pairs[pairs.duplicated("from", keep=False)].sort_values(["from", "to"])
        if len(several):
            first = several[several["from"] == several["from"].iat[0]]
            what = (
                f"{several['from'].nunique()} old keys get several new ones, first {first['from'].iat[0]} gets "
                f"{' and '.join(first['to'])}"
            )
            rule = KeyRule.model_validate({"from": old, "to": new, "table": first["rule"].iat[0]})
            yield _fault(what, rule, "Give each old key one new key, or limit each table to a unit (from, to).")


def _result(rule: KeyRule) -> tuple[str, object]:
    return ("add", 0) if rule.keep else rule.way


def _fault(what: str, rule: KeyRule, remedy: str) -> Finding:
    return Finding("must", "key rule", what, where_of(rule), remedy)
