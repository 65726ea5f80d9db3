"""Rekey: new parcel keys by rule, without collisions, and the ledger that leads from old to new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from geomerge.findings import Finding, collector
from geomerge.keylayout import KeyLayout, key_layout
from geomerge.plan import KeyRule, Plan
from geomerge.rekey.change import Keys
from geomerge.rekey.writing import changed_keys, changed_texts
from geomerge.rekey.written import check_numbers, columns_layout, differ, joined, parts_of, require_columns

__all__ = ["check_keys", "differ", "joined", "rekey"]


def rekey(
    features: pd.DataFrame,
    rules: Plan | Sequence[KeyRule],
    *,
    key: Sequence[str],
    code: str = "code",
    text: str | Sequence[str] | None = None,
    layout: str | Mapping[str, object] | KeyLayout | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    findings: list[Finding] | None = None,
) -> pd.DataFrame:
    """Change each key by the most specific rule for its old unit, its new unit and its number; else it stays.

    The order: a table that names the key, a single number, a narrower range, a wider one, all numbers; within these
    a rule for old and new unit, for the old one, for the new one. A parcel without a number (0 or missing) gets none.

    Parameters
    ----------
    features
        Features with their old code in ``code`` and the new one in ``new_code``, as from :func:`geomerge.reassign`.
    rules
        The plan, or rules as it holds them.
    key
        Columns that make up the key below the unit, in the order of its parts; or, with a layout, the one column
        with whole keys, in which the code of the unit follows as well.
    code
        Column with the old code.
    text
        Column, or columns, that show the key as text, such as ``12/3`` or ``0719-12/3 Hovland``: the parts in them
        follow, and so does the code of the unit where it is shown.
    layout
        How keys are written: the name of a layout, or its declaration (:func:`geomerge.keylayout.key_layout`). Without
        it the first column of the key is the number that rules add to.
    tables
        Tables of old and new keys, by the name that rules have for them; a plan brings its own.
    findings
        List that collects what could not follow; without it, findings become warnings.

    Returns
    -------
    DataFrame
        The key columns and the text columns with their new values, on the same index, of the same types.

    Raises
    ------
    InputError
        If a column is missing, a table cannot be used, or a rule makes a number that its column, or a key, cannot hold.

    Examples
    --------
    >>> parcels = pd.DataFrame({"code": ["0719", "0706"], "new_code": "0710", "gnr": [12, 12], "bnr": [3, 3]})
    >>> rules = [KeyRule.model_validate({"from": "0719", "to": "0710", "add": 200})]
    >>> rekey(parcels, rules, key=["gnr", "bnr"]).values.tolist()
    [[212, 3], [12, 3]]

    A French commune is absorbed: the prefix of its parcels becomes the end of its code.

    >>> parcels = pd.DataFrame({"code": ["91216"], "new_code": ["91999"], "id": ["91216000AB0037"]})
    >>> rules = [KeyRule.model_validate({"from": "91216", "prefix": "code"})]
    >>> rekey(parcels, rules, key=["id"], layout="cadastre_fr")["id"].tolist()
    ['91999216AB0037']
    """
    declared = None if layout is None else key_layout(layout)
    texts = [text] if isinstance(text, str) else list(text or [])
    require_columns(features, key, declared, code, "new_code", *texts)
    given: dict[str, pd.DataFrame] = {**(rules.sources if isinstance(rules, Plan) else {}), **(tables or {})}
    known = declared or columns_layout(features, key)
    keys = Keys(
        layout=known,
        columns=tuple(key),
        parts=parts_of(features, key, known).reset_index(drop=True),
        old=features[code].reset_index(drop=True),
        new=features["new_code"].reset_index(drop=True),
    )
    report = collector(findings)
    for finding in check_numbers(features, key, known, keys.parts, moved=(keys.old != keys.new).to_numpy()):
        report(finding)
    new = keys.renewed(rules.keys if isinstance(rules, Plan) else rules, given, report)
    found = pd.DataFrame({column: features[column] for column in dict.fromkeys([*key, *texts])})
    for column in key:
        found[column] = changed_keys(keys, new, features[column], column, report)
    for column in texts:
        if column not in key:
            found[column] = changed_texts(keys, new, features[column], declared, report)
    return found


def check_keys(old: pd.Series, new: pd.Series, layer: str) -> Iterator[Finding]:
    """Find new keys that stand for several old ones, and old keys that become several new ones.

    Parcels with one key, such as the areas of one property, are one unit: they may share a new key as well. Parcels
    without a key are left out.
    """
    pairs = pd.DataFrame({"old": old, "new": new}).dropna().drop_duplicates()
    for what, check, severity, remedy in (
        ("new", "key collision", "must", "Give the plan rules for new keys (keys: from, to, add)."),
        ("old", "divided key", "should", "Look whether the unit is to be divided there; a register cannot follow it."),
    ):
        other = "old" if what == "new" else "new"
        several = pairs[pairs.duplicated(what, keep=False)].sort_values([what, other])
        if len(several):
            first = several[several[what] == several[what].iat[0]]
            said = "stand for several old ones" if what == "new" else "become several new ones"
            led = "for" if what == "new" else "becomes"
            yield Finding(
                "must" if severity == "must" else "should",
                check,
                f"{several[what].nunique()} {what} keys of {layer} {said}, first {first[what].iat[0]} {led} "
                f"{' and '.join(first[other])}",
                layer,
                remedy,
            )
