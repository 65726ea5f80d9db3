"""Follow: rows without a place of their own go where the features they refer to went."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geomerge.assignment import (
    DISAGREES,
    LEADER_IN_REVIEW,
    LEADERS_APART,
    NO_CODE,
    NO_LEADER,
    Assignment,
    Report,
    added_columns,
    added_name,
    empty_result,
    report_review,
    require_codes,
    require_column,
)
from geomerge.coverage import Indices
from geomerge.errors import InputError
from geomerge.findings import Finding, collector

DIGITS = re.compile(r"0|[1-9][0-9]*")
EXACT = 2**53  # whole numbers below it are exact in a column of decimal numbers


def follow(
    table: pd.DataFrame,
    leaders: Assignment,
    *,
    foreign_key: str,
    key: str,
    by: str | None = None,
    code: str = "code",
    leader_code: str | None = None,
    findings: list[Finding] | None = None,
) -> Assignment:
    """Give each row the new unit of the feature it refers to, or put it in review with that feature.

    Several features may carry one key (a property of several parcels): rows follow them if all of them went
    to the same unit, and go to review if not. A row whose own code is missing, or is that of none of the
    features it refers to, goes to review: it would keep a code that has ended, or leave a unit that lives on.

    Parameters
    ----------
    table
        Rows without a place of their own: property units, buildings in a register, tenants.
    leaders
        Assignment of the features they refer to.
    foreign_key
        Column of the table that refers to the features. Text refers to whole numbers if all of it is plain
        digits without leading zeros, as a table without types holds them; and the other way round.
    key
        Column of the features it refers to.
    by
        Column of the table whose rows must stay together, such as the property; where they would be torn
        apart, all of them go to review, which is a finding that blocks. Rows without a value stand alone.
    code
        Column of the table with the code of the old unit, text.
    leader_code
        Column of the features with the code of their old unit; without it, ``code`` if they have that. Where
        they have none, codes are not compared.
    findings
        List that collects what was noticed; without it, findings become warnings.

    Returns
    -------
    Assignment

    Raises
    ------
    InputError
        If a column is missing or holds another type than the one it refers to.

    Examples
    --------
    >>> leaders = Assignment(
    ...     pd.DataFrame({"id": [7, 8], "new_code": ["8", "9"], "event": "", "reason": ""}),
    ...     pd.DataFrame({"id": [9], "new_code": ["9"], "event": "", "reason": ["no code"]}),
    ... )
    >>> table = pd.DataFrame({"parcel": [7, 8, 9], "code": "1"})
    >>> found = follow(table, leaders, foreign_key="parcel", key="id", findings=[])
    >>> found.updated["new_code"].tolist(), found.review["reason"].tolist()
    (['8', '9'], ['follows a feature in review'])
    """
    for column in filter(None, (foreign_key, by)):
        require_column(table, column, "rows")
    require_column(leaders.updated, key, "features")
    if leader_code is not None:
        require_column(leaders.updated, leader_code, "features")
    require_codes(table, code)
    added_columns(table)
    known = _known(leaders, key)
    wanted, names = _comparable(table[foreign_key], known.index)
    position = names.get_indexer(wanted)
    position[table[foreign_key].isna().to_numpy()] = -1
    led = position >= 0
    result = empty_result(len(table))
    for column in ("new_code", "event", "reason"):
        result.loc[led, column] = known[column].to_numpy(dtype=object)[position[led]]
    result.loc[led, "method"] = "follows"
    result.loc[~led, "reason"] = NO_LEADER
    decided = (result["reason"] == "").to_numpy()
    result.loc[decided & table[code].isna().to_numpy(), "reason"] = NO_CODE
    leader_code = leader_code or code
    if leader_code in leaders.updated.columns:
        agrees = _agrees(table[code], position, leaders, known.index.get_indexer(leaders.whole()[key]), leader_code)
        result.loc[decided & table[code].notna().to_numpy() & ~agrees, "reason"] = DISAGREES
    report = collector(findings)
    if by is not None:
        _keep_together(result, table[by], report)
    report_review(result, report)
    return Assignment.of(table, result)


def _known(leaders: Assignment, key: str) -> pd.DataFrame:
    """Return new code, event and reason by key; the reason is empty where a row may follow."""
    columns = [key, "new_code", added_name("event", leaders.updated), "reason"]
    table = leaders.whole()[columns].set_axis(["key", "new_code", "event", "reason"], axis=1)
    table = pd.DataFrame(table).dropna(subset="key")
    undecided = set(table.loc[table["reason"] != "", "key"])
    pairs = table[["key", "new_code"]].drop_duplicates()
    apart = set(pairs.loc[pairs["key"].duplicated(), "key"])
    first = table.drop_duplicates("key").set_index("key")
    reasons = [
        LEADER_IN_REVIEW if name in undecided else LEADERS_APART if name in apart else "" for name in first.index
    ]
    return first.assign(reason=pd.Series(reasons, index=first.index, dtype=object))


def _agrees(
    own: pd.Series, position: Indices, leaders: Assignment, leader_position: Indices, leader_code: str
) -> NDArray[np.bool_]:
    """Return which rows have the code of a feature they refer to; both tell their key by its position."""
    code, codes = require_codes(leaders.whole(), leader_code)
    own_code = pd.Index(codes, dtype=object).get_indexer(pd.Index(own, dtype=object))
    pairs = [place * (len(codes) + 1) + number for place, number in ((position, own_code), (leader_position, code))]
    return np.asarray(
        (position >= 0) & (own_code >= 0) & np.isin(pairs[0], pairs[1][(leader_position >= 0) & (code >= 0)])
    )


def _comparable(values: pd.Series, index: pd.Index) -> tuple[pd.Index, pd.Index]:
    """Return keys of rows and of features so that they compare: as digits, where one are numbers and one text."""
    keys = pd.Index(values)
    kinds = [pd.api.types.is_numeric_dtype(found.dtype) for found in (keys, index)]
    if kinds[0] == kinds[1] or not values.notna().any() or not len(index):
        return keys, index
    digits = [_digits(found, kind) for found, kind in zip((keys, index), kinds, strict=True)]
    if digits[0] is None or digits[1] is None:
        words = ["numbers" if kind else "text" for kind in kinds]
        raise InputError(
            f"Column {values.name} of the rows holds {words[0]}, but the key it refers to holds {words[1]}. "
            f"Convert one of them."
        )
    return digits[0], digits[1]


def _digits(keys: pd.Index, numeric: bool) -> pd.Index | None:
    """Return keys as plain digits, missing ones kept; None unless all are such text, or whole numbers told exactly."""
    texts = pd.Series(np.full(len(keys), None, dtype=object))
    given = np.asarray(keys.notna())
    present = pd.Series(keys[given])
    if not numeric:
        plain = all(isinstance(text, str) and DIGITS.fullmatch(text) for text in present)
    elif pd.api.types.is_float_dtype(present.dtype):
        plain = bool(((present % 1 == 0) & (present.abs() < EXACT)).all())
        present = present.astype("int64") if plain else present
    else:
        plain = not pd.api.types.is_bool_dtype(present.dtype)
    if not plain:
        return None
    texts[given] = present.astype(str).to_numpy(dtype=object)
    return pd.Index(texts, dtype=object)


def _keep_together(result: pd.DataFrame, owner: pd.Series, report: Report) -> None:
    """Send what would be torn apart to review, as a whole."""
    position, owners = pd.factorize(owner)
    decided = (result["reason"] == "").to_numpy() & (position >= 0)
    pairs = pd.DataFrame({"owner": position, "new_code": result["new_code"]})[decided].drop_duplicates()
    apart = pairs[pairs["owner"].duplicated(keep=False)]
    for number, codes in apart.groupby(owners.take(apart["owner"].to_numpy()).astype(str))["new_code"]:
        what = f"{owner.name} {number} would lie in several units ({', '.join(sorted(codes))})"
        remedy = "Divide it before the reform, or decide where its features go."
        report(Finding("must", "torn apart", what, str(owner.name), remedy))
    result.loc[np.isin(position, apart["owner"].unique()), "reason"] = LEADERS_APART
