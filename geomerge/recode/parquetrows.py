"""Recode a Parquet file, row group by row group, with the schema, the metadata and the compression it had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from geomerge.errors import LayerError
from geomerge.recode.cells import MISSING, Cells, Indices
from geomerge.recode.chunks import rewrite_chunks
from geomerge.recode.groups import Told
from geomerge.recode.tally import Identify, Tally
from geomerge.recode.translate import require_columns, translate_cells
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig


def recode_parquet(source: Path, target: Path | None, register: RegisterConfig, translation: Translation) -> Tally:
    """Recode a Parquet file into another one; nothing is written without a target.

    Raises
    ------
    LayerError
        If it is damaged, or a new value does not fit the type of its column.
    """
    tally = Tally(register)
    try:
        with pq.ParquetFile(source) as file:
            require_columns(file.schema_arrow.names, register)
            _require_plain(file.schema_arrow, register, source)

            def change(group: int) -> dict[str, pa.Array]:
                table = file.read_row_group(group, columns=list(register.wanted))
                return _recoded(table, register, translation, tally, source)

            if target is not None:
                rewrite_chunks(source, target, file.schema_arrow, change)
            else:
                for group in range(file.num_row_groups):
                    change(group)
    except (pa.ArrowInvalid, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the disk, not of the content
            raise
        raise LayerError(f"{source} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    return tally


def _require_plain(schema: pa.Schema, register: RegisterConfig, source: Path) -> None:
    plain = (
        pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_floating, pa.types.is_null,
    )  # fmt: skip
    kinds = {name: schema.field(name).type for name in register.changing}
    inner = {name: kind.value_type if pa.types.is_dictionary(kind) else kind for name, kind in kinds.items()}
    if odd := [f"{name} ({kinds[name]})" for name, kind in inner.items() if not any(check(kind) for check in plain)]:
        raise LayerError(f"{source}: column {', '.join(odd)} holds neither texts nor numbers. Convert it first.")


def _recoded(
    table: pa.Table, register: RegisterConfig, translation: Translation, tally: Tally, source: Path
) -> dict[str, pa.Array]:
    """Return the columns of a row group that change."""
    needed = {name: _cells(table.column(name)) for name in register.needed}
    told, place, combinations = translate_cells(needed, table.num_rows, register, translation)
    tally.add(told, place, combinations, ids=_identify(table, register))
    return {
        name: _new(needed[name], told, name, place, table.schema.field(name).type, source)
        for name, changed in told.changed.items()
        if changed.any()
    }


def _identify(table: pa.Table, register: RegisterConfig) -> Identify | None:
    if register.id is None:
        return None
    column = table.column(register.id)
    return lambda rows: column.take(pa.array(rows)).to_pylist()


def _cells(column: pa.ChunkedArray) -> Cells:
    """Return a column by what repeats in it."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=whole.type)
    place = whole.indices.cast(pa.int64()).fill_null(MISSING).to_numpy(zero_copy_only=False)
    return Cells(place.astype(np.intp), tuple(whole.dictionary.to_pylist()))


def _new(cells: Cells, told: Told, name: str, place: Indices, kind: pa.DataType, source: Path) -> pa.Array:
    """Return a column with its new values: what repeats is made once, and put in place by number."""
    values = [*cells.values]
    combinations = np.flatnonzero(told.changed[name])
    made = told.new[name][combinations].tolist()
    number = {value: len(values) + at for at, value in enumerate(dict.fromkeys(made))}
    values += number
    moved = np.full(len(told.outcome), MISSING, dtype=np.int64)
    moved[combinations] = [number[value] for value in made]
    where = moved[place]
    where = np.where(where >= 0, where, cells.place)
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    try:
        dictionary = pa.array(values, type=inner)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise LayerError(f"{source}: a new value does not fit column {name} ({kind}): {error}.") from error
    found = pa.array(np.maximum(where, 0), mask=where < 0)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(found, dictionary).cast(kind)
    return pc.take(dictionary, found)
