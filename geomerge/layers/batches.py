"""Layers in batches: the rows without their geometry, some thousand at a time, for what needs no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio

from geomerge.errors import LayerError
from geomerge.files.formats import Info
from geomerge.layers.reading import _readable

ROWS = 16_384
COUNTS_DELETED = "ESRI Shapefile"  # whose number of rows may count those that were deleted


def rows_in_batches(info: Info, *, size: int = ROWS) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a layer without its geometry, as tuples in the order of its fields.

    Parameters
    ----------
    info
        The layer.
    size
        Most rows at a time.

    Raises
    ------
    LayerError
        If the file is damaged or cut short.
    """
    names = list(info.fields)
    encoding = info.encoding if info.driver == "ESRI Shapefile" else None
    with (
        _readable(Path(info.path), info.layer),
        pyogrio.open_arrow(
            info.path, layer=info.layer, read_geometry=False, use_pyarrow=True, batch_size=size, encoding=encoding
        ) as (_, reader),
    ):
        seen = 0
        for batch in reader:
            seen += batch.num_rows
            columns = [batch.column(name).to_pylist() for name in names]
            yield list(zip(*columns, strict=True)) if columns else [() for _ in range(batch.num_rows)]
    if seen < info.rows and info.driver != COUNTS_DELETED:
        raise LayerError(
            f"{info.name} is damaged or cut short: {seen} of {info.rows} rows can be read. Get a fresh copy."
        )
