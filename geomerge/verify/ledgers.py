"""Checks of a ledger and of the review against the rows they speak of: each once, in one of them, and as they say."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from geomerge.findings import Finding
from geomerge.verify.finished import Table


def check_rows(
    rows: pd.DataFrame,
    ledger: pd.DataFrame,
    review: pd.DataFrame,
    table: Table,
    layer: str,
    *,
    before: Collection[str],
) -> Iterator[Finding]:
    """Find rows that do not have the code which ledger or review says they have, or a new one that neither tells of.

    Parameters
    ----------
    rows
        Rows of the updated layer.
    ledger, review
        What the ledger, all columns as text, and the review have of the layer.
    table
        In which columns of the rows code and id are.
    layer
        What the layer is called.
    before
        Codes of the units before: only these may stand in rows that nothing is told of.
    """
    now = pd.DataFrame(
        {"id": table.ids(rows).astype("string").fillna("").to_numpy(dtype=object), "code": rows[table.code].to_numpy()}
    )
    single = now.drop_duplicates("id")
    for told, column, name in ((ledger, "new_code", "ledger"), (review, "code", "review")):
        said = pd.DataFrame({"id": told["id"], "said": told[column]})
        met = said.merge(single, on="id", how="left", indicator=True)
        there = met["_merge"] == "both"
        if lost := int((~there).sum()):
            what = f"{lost} rows of the {name} are not in the layer, first {met['id'][~there].iat[0]}"
            yield Finding("must", name, what, layer, "Repeat the run.")
        wrong = met[there & (met["code"].fillna("") != met["said"].fillna(""))]
        if len(wrong):
            first = wrong.iloc[0]
            what = f"{len(wrong)} rows have another code than the {name} says, first {first['id']} with {first['code']}"
            yield Finding("must", name, what, layer, "Repeat the run.")
    fresh = now[now["code"].notna() & ~now["code"].isin(set(before))]
    untold = fresh[~fresh["id"].isin(set(ledger["id"])) & ~fresh["id"].isin(set(review["id"]))]
    if len(untold):
        first = untold.iloc[0]
        what = (
            f"{len(untold)} rows have a new code, but are not in the ledger, first {first['id']} with {first['code']}"
        )
        yield Finding("must", "ledger", what, layer, "Repeat the run.")


def check_once(ledger: pd.DataFrame, review: pd.Series, layer: str) -> Iterator[Finding]:
    """Find rows that stand in the ledger and are in review as well.

    Examples
    --------
    >>> ledger = pd.DataFrame({"id": ["1", "2"]})
    >>> [finding.what for finding in check_once(ledger, pd.Series(["2"]), "parcels")]
    ['1 rows are updated and in review as well, first 2']
    """
    both = ledger["id"][ledger["id"].isin(set(review))]
    if len(both):
        what = f"{len(both)} rows are updated and in review as well, first {both.iloc[0]}"
        yield Finding("must", "updated and review", what, layer, "Repeat the run.")
