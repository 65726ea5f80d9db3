"""New parcel keys over partitions: made row by row, and looked over for collisions unit by unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from geomerge.assignment import require_column
from geomerge.cluster.dataset import Dataset
from geomerge.errors import InputError
from geomerge.plan import KeyRule
from geomerge.rekey import joined, rekey

NEW = "new_"


@dataclass(frozen=True)
class Keys:
    """The columns that make up the key of a parcel, and the rules by which it changes."""

    rules: tuple[KeyRule, ...]
    columns: tuple[str, ...]
    text: str | None

    @property
    def all_columns(self) -> tuple[str, ...]:
        """The columns, and the one that holds the key as text."""
        return (*self.columns, *([self.text] if self.text else []))

    def require(self, data: Dataset) -> None:
        """Raise InputError if the dataset lacks a column, or has what is to be added."""
        for column in self.all_columns:
            require_column(pd.DataFrame(columns=data.schema.names), column, "features")
        if taken := [f"{NEW}{name}" for name in self.all_columns if f"{NEW}{name}" in data.schema.names]:
            raise InputError(f"The features have a column {' and '.join(taken)} already. Rename it or leave it out.")


@dataclass(frozen=True)
class Group:
    """Units whose keys are looked over together, and the parts with rows of theirs, by table."""

    codes: tuple[str, ...]
    parts: Mapping[str, tuple[int, ...]]

    def __str__(self) -> str:
        return f"keys of {self.codes[0]}"


def with_keys(table: pa.Table, keys: Keys, code: str, new_code: pd.Series) -> pa.Table:
    """Add the new keys to decided rows; each column has the type of the old one."""
    old = _frame(table, [code, *keys.all_columns]).assign(new_code=new_code.to_numpy())
    new = rekey(old, keys.rules, key=keys.columns, code=code, text=keys.text)
    for name in keys.all_columns:
        kind = _plain(table.schema.field(name).type)
        table = table.append_column(f"{NEW}{name}", pa.array(new[name], type=kind, from_pandas=True))
    return table


def groups(counts: Mapping[str, Sequence[Mapping[str, int]]], rows: int) -> Iterator[Group]:
    """Group units with about so many rows together, those of the same parts next to each other.

    Parameters
    ----------
    counts
        By table, and for each partition: how many rows it has of which code.
    rows
        Rows of a group; a unit with more is a group of its own.

    Examples
    --------
    >>> [group.codes for group in groups({"updated": [{"1": 5, "2": 3}, {"2": 2, "3": 4}]}, 10)]
    [('1', '2'), ('3',)]
    """
    sizes: dict[str, int] = defaultdict(int)
    places: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for table, parts in counts.items():
        for number, codes in enumerate(parts):
            for code, count in codes.items():
                sizes[code] += count
                places[code].add((table, number))
    together: list[str] = []
    order = sorted(sizes, key=lambda code: (min(number for _, number in places[code]), code))
    for at, code in enumerate(order):
        together.append(code)
        following = sizes[order[at + 1]] if at + 1 < len(order) else rows
        if sum(sizes[each] for each in together) + following > rows:
            found = sorted(set().union(*(places[each] for each in together)))
            parts_of = {table: tuple(number for name, number in found if name == table) for table in counts}
            yield Group(tuple(together), parts_of)
            together = []


def collisions(group: Group, files: Mapping[str, Sequence[Path]], keys: Keys, code: str) -> pd.DataFrame:
    """Return old and new keys of a group of units where one new key stands for several old ones.

    Rows in review keep their keys, which nobody else may get either.
    """
    pairs = []
    for table, named in files.items():
        decided = table == "updated"
        of = "new_code" if decided else code
        after = [f"{NEW}{name}" if decided else name for name in keys.columns]
        for file in named:
            part = pq.read_table(file, columns=sorted({code, of, *keys.columns, *after}))
            part = part.filter(pc.is_in(part.column(of), pa.array(group.codes, type=pa.string())))
            frame = _frame(part, part.schema.names)
            new = frame[after].set_axis(list(keys.columns), axis=1)
            texts = {
                "old": joined(frame, frame[code], keys.columns),
                "new": joined(new, frame[of], keys.columns),
            }
            pairs.append(pd.DataFrame(texts).drop_duplicates())
    found = pd.concat(pairs).drop_duplicates()
    return found[found.duplicated("new", keep=False)]


def _frame(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return columns as pandas has them, those that are kept as a list of values as the values."""
    columns = {name: table.column(name) for name in names}
    return pd.DataFrame({name: column.cast(_plain(column.type)).to_pandas() for name, column in columns.items()})


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
