"""Follow: rows without a place of their own go where the features they refer to went."""

from __future__ import annotations

import numpy as np
import pandas as pd

from geomerge.assignment import (
    LEADER_IN_REVIEW,
    LEADERS_APART,
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
from geomerge.errors import InputError
from geomerge.findings import Finding, collector


def follow(
    table: pd.DataFrame,
    leaders: Assignment,
    *,
    foreign_key: str,
    key: str,
    by: str | None = None,
    code: str = "code",
    findings: list[Finding] | None = None,
) -> Assignment:
    """Give each row the new unit of the feature it refers to, or put it in review with that feature.

    Several features may carry one key (a property of several parcels): rows follow them if all of them went
    to the same unit, and go to review if not.

    Parameters
    ----------
    table
        Rows without a place of their own: property units, buildings in a register, tenants.
    leaders
        Assignment of the features they refer to.
    foreign_key
        Column of the table that refers to the features.
    key
        Column of the features it refers to.
    by
        Column of the table whose rows must stay together, such as the property; where they would be torn
        apart, all of them go to review, which is a finding that blocks. Rows without a value stand alone.
    code
        Column of the table with the code of the old unit, text.
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
    require_codes(table, code)
    added_columns(table)
    known = _known(leaders, key)
    _require_same_type(table[foreign_key], known.index)
    position = known.index.get_indexer(pd.Index(table[foreign_key]))
    position[table[foreign_key].isna().to_numpy()] = -1
    led = position >= 0
    result = empty_result(len(table))
    for column in ("new_code", "event", "reason"):
        result.loc[led, column] = known[column].to_numpy(dtype=object)[position[led]]
    result.loc[led, "method"] = "follows"
    result.loc[~led, "reason"] = NO_LEADER
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


def _require_same_type(values: pd.Series, index: pd.Index) -> None:
    kinds = [pd.api.types.is_numeric_dtype(found.dtype) for found in (values, index)]
    if kinds[0] != kinds[1] and values.notna().any() and len(index):
        words = ["numbers" if kind else "text" for kind in kinds]
        raise InputError(
            f"Column {values.name} of the rows holds {words[0]}, but the key it refers to holds {words[1]}. "
            f"Convert one of them."
        )


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
