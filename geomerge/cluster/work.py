"""What workers do: sort a partition, reassign one and write its parts; each may be done twice without harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from geomerge.assignment import Assignment, added_columns
from geomerge.cluster.dataset import Dataset, Partition, read, row_numbers
from geomerge.cluster.keys import Group, Keys, collisions, with_keys
from geomerge.cluster.nearby import Territory
from geomerge.cluster.order import Sorted, Stretch, merge, place_keys, write_run
from geomerge.cluster.parts import Part, write_part
from geomerge.errors import LayerError
from geomerge.findings import Finding
from geomerge.manifest import sha256
from geomerge.reassign import reassign

ROW = "source_row"
TABLES = ("updated", "review")
RUNS = ".runs"

Verify = Literal["affected", "all", "none"]


@dataclass(frozen=True)
class Orders:
    """What is the same for all partitions: the dataset, the folder of the results, and how to reassign."""

    data: Dataset
    folder: str
    code: str
    min_share: float
    verify: Verify
    keys: Keys | None


@dataclass(frozen=True)
class Done:
    """What is told of a partition that was reassigned; small, whatever the partition holds.

    Parameters
    ----------
    rows, updated, review
        How many rows it has, how many are decided, and how many are not for which reason.
    sums
        Sum of the numbers that its rows have in the source, and of their squares.
    findings
        What was noticed.
    parts
        What was written, by the name of the table.
    codes
        How many rows each table has of which unit, the new one where it is decided; only where keys matter.
    """

    rows: int
    updated: int
    review: Mapping[str, int]
    sums: tuple[int, int]
    findings: tuple[Finding, ...]
    parts: Mapping[str, Part]
    codes: Mapping[str, Mapping[str, int]]


def sort_partition(orders: Orders, territory: Territory, partition: Partition) -> Sorted:
    """Write a partition as a run of the spatial order."""
    table = read(orders.data, partition).append_column(ROW, row_numbers(partition))
    keys = place_keys(_shapes(table, orders.data, partition), territory.bounds)
    return write_run(table, keys, Path(orders.folder) / RUNS, partition.number)


def reassign_partition(orders: Orders, territory: Territory, rows: Partition | Stretch) -> Done:
    """Reassign a partition and write its parts."""
    if isinstance(rows, Partition):
        table = read(orders.data, rows).append_column(ROW, row_numbers(rows))
    else:
        table = merge(rows, Path(orders.folder) / RUNS)
    features = features_of(table, orders.data, orders.code, rows)
    near = territory.around(features.total_bounds, features[orders.code].dropna().unique())
    findings: list[Finding] = []
    found = reassign(
        features,
        near,
        code=orders.code,
        min_share=orders.min_share,
        verify=orders.verify,
        findings=findings,
    )
    parts = {}
    for name in TABLES:
        side = getattr(found, name)
        if len(side) or rows.number == 0:  # the first part is always there: without a file, nobody knows the columns
            path = Path(orders.folder) / name / part_name(rows.number)
            out = _with_answer(table, side, orders, name)
            parts[name] = write_part(out, side.geometry.to_numpy(), path, orders.data)
    codes = {"updated": _counts(found.updated["new_code"]), "review": _counts(found.review[orders.code])}
    return Done(
        table.num_rows,
        len(found.updated),
        _counts(found.review["reason"]),
        _sums(found, table),
        tuple(findings),
        parts,
        codes if orders.keys else {},
    )


def look_over_keys(orders: Orders, _territory: Territory, group: Group) -> pd.DataFrame:
    """Return the collisions of keys in a group of units."""
    assert orders.keys is not None
    folder = Path(orders.folder)
    files = {
        table: [folder / table / part_name(number) for number in numbers] for table, numbers in group.parts.items()
    }
    return collisions(group, files, orders.keys, orders.code)


def hash_file(_orders: Orders, _territory: Territory, path: Path) -> str:
    """Return the SHA-256 of a file of the source."""
    return sha256(path)


def part_name(number: int) -> str:
    """Return the name of the file with a part.

    Examples
    --------
    >>> part_name(7)
    'part-000007.parquet'
    """
    return f"part-{number:06d}.parquet"


def features_of(table: pa.Table, data: Dataset, code: str, rows: object) -> gpd.GeoDataFrame:
    """Return code and geometry of rows: all that reassigning looks at."""
    codes = {code: table.column(code).to_pandas()}
    return gpd.GeoDataFrame(codes, geometry=_shapes(table, data, rows), crs=data.crs)


def new_names(data: Dataset) -> dict[str, str]:
    """Return the names under which the columns of an assignment are added to those of a dataset."""
    return added_columns(pd.DataFrame(columns=data.schema.names))


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(value): int(count) for value, count in column.value_counts().items()}


def _with_answer(table: pa.Table, side: gpd.GeoDataFrame, orders: Orders, name: str) -> pa.Table:
    """Return the rows of the source on one side of an assignment, as they are there, with what was found."""
    out = table.take(side.index.to_numpy())
    numbers = out.column(ROW)
    out = out.drop_columns([ROW])
    for column, called in new_names(orders.data).items():
        kind = pa.float64() if pd.api.types.is_float_dtype(side[column].dtype) else pa.string()
        out = out.append_column(called, pa.array(side[column], type=kind, from_pandas=True))
    if orders.keys and name == "updated":
        out = with_keys(out, orders.keys, orders.code, side["new_code"])
    return out.append_column(ROW, numbers)


def _sums(found: Assignment, table: pa.Table) -> tuple[int, int]:
    """Return the sum of the numbers of all rows that are written, and of their squares, exactly."""
    at = np.concatenate([found.updated.index.to_numpy(), found.review.index.to_numpy()])
    numbers = table.column(ROW).to_numpy()[at].tolist()
    return sum(numbers), sum(number * number for number in numbers)


def _shapes(table: pa.Table, data: Dataset, rows: object) -> Any:
    try:
        return shapely.from_wkb(table.column(data.geometry).to_numpy())
    except shapely.errors.GEOSException as error:
        raise LayerError(f"{rows} holds a geometry that is damaged: {error}. Get a fresh copy of the file.") from error
