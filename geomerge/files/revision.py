"""Revisions: which rows of a layer change and how; everything that is not named stays as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from geomerge.errors import LayerError

BLOCK = 250_000  # rows that are written together, so that the order of writing is always the same

Changed = Mapping[str, pd.Series]


class InParts(Changed):
    """New values by column that are kept part by part, of which only one is in memory at a time.

    Parameters
    ----------
    columns
        Names of the columns that change.
    parts
        Gives the parts, each time it is called; the row numbers of a part ascend and follow those of the last one.
    """

    def __init__(self, columns: Iterable[str], parts: Callable[[], Iterator[Changed]]) -> None:
        self._columns, self.parts = tuple(columns), parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __getitem__(self, column: str) -> pd.Series:
        if column not in self._columns:
            raise KeyError(column)
        return pd.concat([part[column] for part in self.parts() if column in part])


@dataclass(frozen=True)
class Revision:
    """Changes to a layer, by row number: everything that is not named stays as it is.

    Parameters
    ----------
    changed
        New values by column.
    geometry
        New geometries, in the CRS of the layer.
    removed
        Rows to leave out.
    added
        New rows, each with the row it is first copied from.
    """

    changed: Changed = field(default_factory=dict)
    geometry: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    removed: tuple[int, ...] = ()
    added: Mapping[int, int] = field(default_factory=dict)

    @property
    def cells(self) -> dict[int, dict[str, Any]]:
        """New values by row and column; missing ones are None."""
        found: dict[int, dict[str, Any]] = {}
        for column, values in self.changed.items():
            for row, value in zip(values.index.tolist(), values.astype(object), strict=True):
                found.setdefault(int(row), {})[column] = plain(value)
        return found

    def blocks(self, rows: int = BLOCK) -> Iterator[Changed]:
        """Yield the new values of so many rows at a time, in ascending order; the same however they are kept."""
        waiting, count = [], 0
        for part in self._parts():
            numbers = rows_of(part)
            waiting.append(part)
            while count + len(numbers) > rows:
                first, after = _split(_joined(waiting), int(numbers[rows - count]))
                yield first
                waiting, numbers, count = [after], numbers[rows - count :], 0
            count += len(numbers)
        if count:
            yield _joined(waiting)

    def up_to(self, ends: Iterable[int]) -> Iterator[Changed]:
        """Yield, for each of some ascending row numbers, the new values of the rows from the last one up to it."""
        parts, waiting, last = self._parts(), _joined([]), -1
        for end in ends:
            while last < end and (part := next(parts, None)) is not None:
                numbers = rows_of(part)
                waiting, last = _joined([waiting, part]), int(numbers[-1]) if len(numbers) else last
            first, waiting = _split(waiting, end)
            yield first

    def _parts(self) -> Iterator[Changed]:
        if isinstance(self.changed, InParts):
            return self.changed.parts()
        ascending = {column: values.sort_index(kind="stable") for column, values in self.changed.items()}
        return iter([ascending])

    @property
    def same_rows(self) -> bool:
        """Whether rows are neither removed nor added."""
        return not self.removed and not self.added


def rows_of(changed: Changed) -> np.ndarray[Any, Any]:
    """Return the numbers of the rows that change, ascending."""
    numbers = [values.index.to_numpy(dtype=np.int64) for values in changed.values()]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *numbers]))


def _joined(parts: list[Changed]) -> Changed:
    found: dict[str, list[pd.Series]] = {}
    for part in parts:
        for column, values in part.items():
            if len(values):
                found.setdefault(column, []).append(values)
    return {column: some[0] if len(some) == 1 else pd.concat(some) for column, some in found.items()}


def _split(changed: Changed, row: int) -> tuple[Changed, Changed]:
    """Return the new values of the rows before one, and of all others."""
    places = {column: int(values.index.searchsorted(row)) for column, values in changed.items()}
    first = {column: values.iloc[: places[column]] for column, values in changed.items()}
    return first, {column: values.iloc[places[column] :] for column, values in changed.items()}


def alike(changed: Changed) -> Iterator[tuple[list[str], np.ndarray[Any, Any]]]:
    """Yield columns with the rows that change in just these columns, so that each row is written once.

    Examples
    --------
    >>> changed = {"code": pd.Series(["1", "2"], index=[4, 3]), "n": pd.Series([7], index=[4])}
    >>> [(columns, rows.tolist()) for columns, rows in alike(changed)]
    [(['code'], [3]), (['code', 'n'], [4])]
    """
    names = list(changed)
    for start in range(0, len(names), 60):  # as many columns as an integer has bits to tell them apart
        some = names[start : start + 60]
        if len(names) == 1:
            yield some, np.sort(changed[names[0]].index.to_numpy(dtype=np.int64))
            return
        rows = rows_of({column: changed[column] for column in some})
        bits = np.zeros(len(rows), dtype=np.int64)
        for bit, column in enumerate(some):
            bits[np.searchsorted(rows, changed[column].index.to_numpy(dtype=np.int64))] |= 1 << bit
        for pattern in np.unique(bits).tolist():
            yield [column for bit, column in enumerate(some) if pattern >> bit & 1], rows[bits == pattern]


def plain(value: Any) -> Any:
    """Return a value as Python has it: None for every kind of missing, no numpy numbers.

    Examples
    --------
    >>> plain(pd.NA), plain(float("nan")), plain(np.int64(3)), plain("0301")
    (None, None, 3, '0301')
    """
    if isinstance(value, str | bytes | list | tuple | dict):
        return value
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def as_text(value: Any) -> str:
    """Return a value as files of text have it.

    Examples
    --------
    >>> as_text(True), as_text(None), as_text(dt.date(2020, 1, 1)), as_text(2.0)
    ('true', '', '2020-01-01', '2.0')
    """
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def wkb(shapes: Any) -> Any:
    """Return geometries as ISO WKB, with Z and M where they have them."""
    return shapely.to_wkb(np.asarray(shapes, dtype=object), output_dimension=4, flavor="iso")


def revised(
    table: pa.Table, revision: Revision, fids: np.ndarray[Any, Any], geometry: str | None, name: str
) -> pa.Table:
    """Apply a revision to an Arrow table; types, metadata and all other values stay.

    Parameters
    ----------
    table
        Table without a column for row numbers.
    revision
        What to change.
    fids
        Row numbers of the table.
    geometry
        Name of the column with the geometry, as WKB.
    name
        Name of the layer, for messages.
    """
    place = pd.Index(fids)
    gone, likes = (place.get_indexer(list(rows)) for rows in (revision.removed, revision.added.values()))
    if (gone < 0).any() or (likes < 0).any():
        strange = [row for row in [*revision.removed, *revision.added.values()] if row not in place]
        raise LayerError(f"{name} has no row {strange[0]}. Keep the index of the layer read.")
    kept = np.ones(len(fids), dtype=bool)
    kept[gone] = False
    out = table if revision.same_rows else table.take(pa.array(np.append(np.flatnonzero(kept), likes)))
    place = pd.Index(np.append(np.asarray(fids)[kept], np.array(list(revision.added), dtype=np.int64)))
    for column, values in revision.changed.items():
        out = _replaced(out, column, place.get_indexer(values.index), _plain(values), name)
    if geometry is not None and len(revision.geometry):
        shapes = list(wkb(revision.geometry.to_numpy()))
        out = _replaced(out, geometry, place.get_indexer(revision.geometry.index), shapes, name)
    return out


def _plain(values: pd.Series) -> list[Any]:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu":
        return values.tolist()
    return [plain(value) for value in values.astype(object)]


def _replaced(table: pa.Table, column: str, rows: np.ndarray[Any, Any], values: list[Any], name: str) -> pa.Table:
    """Write new values into rows of a column; those of row -1 go nowhere."""
    at = table.schema.get_field_index(column)
    if at < 0:
        raise LayerError(f"{name} has no column {column}. It has {', '.join(table.schema.names)}.")
    declared = table.schema.field(at)
    values = [_as_declared(value, declared.type) for value, row in zip(values, rows.tolist(), strict=True) if row >= 0]
    try:
        new = pa.array(values, type=declared.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError) as error:
        raise LayerError(f"{name}: a new value does not fit column {column} ({declared.type}): {error}.") from error
    if width := int((declared.metadata or {}).get(b"GDAL:OGR:width", b"0")):
        for value in values:
            require_width(value, width, column, name)
    order = np.arange(table.num_rows)
    order[rows[rows >= 0]] = table.num_rows + np.arange(len(values))
    together = pa.chunked_array([*table.column(at).chunks, new], type=declared.type)
    return table.set_column(at, declared, together.take(pa.array(order)))


def _as_declared(value: Any, kind: pa.DataType) -> Any:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return value.isoformat() if text and isinstance(value, dt.date | dt.time) else value


def require_width(value: Any, width: int, column: str, name: str) -> None:
    """Raise LayerError if a text is longer than its column is declared; nothing is cut in silence.

    Examples
    --------
    >>> require_width("12345", 4, "kode", "a.shp")
    Traceback (most recent call last):
    geomerge.errors.LayerError: a.shp: '12345' is longer than column kode is declared, 4 characters. ...
    """
    if width and isinstance(value, str) and len(value) > width:
        raise LayerError(
            f"{name}: {value!r} is longer than column {column} is declared, {width} characters. "
            f"Widen the column, or ask for another format (format)."
        )


def records(features: Iterable[Any], revision: Revision) -> Iterator[dict[str, Any]]:
    """Yield the records of a layer one by one, revised; added ones come last."""
    cells, shapes, removed = revision.cells, revision.geometry.to_dict(), set(revision.removed)
    likes = set(revision.added.values())
    copied: dict[int, Any] = {}
    for feature in features:
        row = int(feature["id"])
        copied |= {row: feature} if row in likes else {}
        if row not in removed:
            yield _record(feature, row, cells, shapes)
    for new, like in revision.added.items():
        yield _record(copied[like], new, cells, shapes)


def _record(feature: Any, row: int, cells: Mapping[int, Any], shapes: Mapping[Any, Any]) -> dict[str, Any]:
    shape = feature["geometry"]
    if row in shapes:
        shape = None if shapes[row] is None else shapely.geometry.mapping(shapes[row])
    return {"type": "Feature", "geometry": shape, "properties": dict(feature["properties"]) | cells.get(row, {})}
