"""Decisions in files: a table that can be versioned, and the review in which people decide."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from geomerge import layers
from geomerge.decisions import COLUMNS, ROW, merged
from geomerge.errors import GeomergeError, InputError, LayerError

NEEDED = ("layer", "id", "decision")
Decided = frozenset[tuple[str, ...]]  # layer, id and decision of rows


def read_decisions(path: Path) -> pd.DataFrame:
    """Read decisions; all faults are told at once.

    Raises
    ------
    InputError
        If the file is no such table, a row lacks a cell, or a row is decided twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            rows, header = list(reader), reader.fieldnames or NEEDED  # an empty file holds no decision
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}. Write it as CSV in UTF-8.") from error
    if missing := [name for name in NEEDED if name not in header]:
        raise InputError(f"{path} has no column {', '.join(missing)}. A decision has {', '.join(COLUMNS)}.")
    table = pd.DataFrame(
        [{name: (row.get(name) or "").strip() for name in COLUMNS} for row in rows], columns=COLUMNS, dtype="str"
    )
    table = table.assign(line=range(2, len(table) + 2))[table["decision"] != ""]
    faults = [
        f"{path} line {line} has no {name}. Fill it in, or remove the line."
        for name in ("layer", "id")
        for line in table.loc[table[name] == "", "line"]
    ]
    for row in table[table.duplicated(ROW)].to_dict("records"):
        faults.append(f"{path} line {row['line']} decides {row['id']} of {row['layer']} again. Leave one of the lines.")
    if faults:
        raise InputError(*faults)
    return table[list(COLUMNS)].reset_index(drop=True)


def write_decisions(path: Path, decisions: pd.DataFrame) -> None:
    """Write decisions; the file appears when it is complete. LayerError if it cannot be written."""
    _put(path, decisions.to_csv(index=False, lineterminator="\n").encode())


def _put(path: Path, content: bytes) -> None:
    """Put content into a file, whole or not at all; where a link leads is written."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())  # the review it stands for may be gone in a moment
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise LayerError(f"{path} cannot be written: {error.strerror}. The decisions stay in the review.") from error


def decided_in(review: Path) -> pd.DataFrame:
    """Return the decisions that people wrote into a review; none where there is no review.

    Raises
    ------
    InputError
        If a row that is decided has no id, or rows that cannot be told apart are decided in several ways.
    """
    found = [pd.DataFrame(columns=COLUMNS, dtype="str")]
    faults = []
    for name in layers.layer_names(review) if review.exists() else ():
        if not set(COLUMNS) <= set(layers.describe(review, name).fields):
            continue
        rows: Any = layers.read(review, name)
        texts = pd.DataFrame({column: rows[column].astype("string").fillna("").str.strip() for column in COLUMNS})
        decided = texts[texts["decision"] != ""].astype("str")
        if nameless := int((decided["id"] == "").sum()):
            faults.append(
                f"{nameless} decisions in {review} are on rows of {name} without an id, so they cannot be replayed. "
                f"Fill the column of the id in the source, or name another (id)."
            )
        for (layer, row, _), choices in decided[decided["id"] != ""].groupby(ROW)["decision"]:
            if choices.nunique() > 1:
                told = " and ".join(choices.drop_duplicates())
                faults.append(
                    f"{review} decides rows of {layer} that share the id {row} for {told}. "
                    f"They are decided together: leave one of these in it."
                )
        found.append(decided)
    if faults:
        raise InputError(*faults)
    return pd.concat(found, ignore_index=True)


@contextlib.contextmanager
def collected(review: Path, target: Path, names: Collection[str]) -> Iterator[Decided]:
    """Add the decisions that people wrote into a review to the file of decisions; give what of them is there now.

    Where the run that asks for them is refused, the file is what it was, and the review has them still: then whatever
    was wrong with a decision can be corrected where it was made.

    Parameters
    ----------
    review
        The review, which may be missing.
    target
        The file of decisions, which may be missing.
    names
        Layers whose decisions are meant.

    Raises
    ------
    InputError, LayerError
        If the file of decisions is none, cannot be written, or says something else of a row than the review.
    """
    new = decided_in(review)
    new = new[new["layer"].isin(names)]
    before = None
    if len(new):
        before = target.read_bytes() if target.is_file() else b""
        known = read_decisions(target) if target.exists() else new.iloc[:0]
        _require_one_mind(known, new, target, review)
        found = merged(known, new)
        if not found.equals(known):
            write_decisions(target, found)
    try:
        yield frozenset(new[list(NEEDED)].itertuples(index=False, name=None))
    except GeomergeError:
        _put_back(review, new, target, before)
        raise


def _require_one_mind(known: pd.DataFrame, new: pd.DataFrame, target: Path, review: Path) -> None:
    """Raise InputError where a row was decided in another way before, and nothing it rests on has changed since."""
    both = known.merge(new, on=ROW, suffixes=("", "_new"))
    faults = [
        f"{target} decides {row['id']} of {row['layer']} for {row['decision']}{_by(row['decided_by'])}, but {review} "
        f"for {row['decision_new']}{_by(row['decided_by_new'])}. Remove the line, or empty the cell in the review."
        for row in both[both["decision"] != both["decision_new"]].drop_duplicates(ROW).to_dict("records")
    ]
    if faults:
        raise InputError(*faults)


def _by(person: str) -> str:
    return f" (by {person})" if person else ""


def _put_back(review: Path, new: pd.DataFrame, target: Path, before: bytes | None) -> None:
    """Make the file of decisions what it was, if the review still has all that would be lost."""
    if before is None or not decided_in(review).reset_index(drop=True).equals(new.reset_index(drop=True)):
        return
    if before:
        _put(target, before)
    else:
        target.unlink(missing_ok=True)
