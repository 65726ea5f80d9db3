"""Export: a layer goes out in the format and schema it came in, with only what changed written anew; or as asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.findings import Finding, collector

CHANGED_AT = "1970-01-01T00:00:00.000Z"


def export(
    table: pd.DataFrame,
    target: str | Path,
    *,
    source: str | Path | None = None,
    layer: str | None = None,
    changed_at: str = CHANGED_AT,
    findings: list[Finding] | None = None,
) -> Path:
    """Write a table: as a revision of the file it came from, or as a new layer in the format of the suffix.

    Parameters
    ----------
    table
        Table whose index holds the row numbers of the source, as :func:`geomerge.read_layer` gives them.
    target
        File to write; it must not exist, unless its format holds several layers.
    source
        File the table came from, ``path`` or ``path|layer``. The table is compared with it, and only values that differ
        are written: order, types, widths, nulls, row numbers, other tables and columns the table lacks stay as they are.
    layer
        Name of the layer in a new file.
    changed_at
        Time to write where the format has a place for it, so that the same input gives the same bytes.
    findings
        List that collects what the format cannot hold; without it, findings become warnings.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    LayerError
        If a file cannot be read or written, or the geometry could only be kept by drawing it anew.
    """
    target = Path(target)
    report = collector(findings)
    if source is None:
        _report_concerns(_info_of(table, target, layer), target, report)
        layers.write(table, target, layer, changed_at=changed_at)
        return target
    path, name = layers.split_name(source)
    info = layers.describe(path, name)
    revision = difference(layers.read(path, name), table)
    send(info, target, {info.layer or "": revision}, changed_at=changed_at, findings=findings)
    return target


def send(
    info: layers.Info,
    target: Path,
    revisions: dict[str, layers.Revision],
    *,
    changed_at: str,
    findings: list[Finding] | None = None,
) -> None:
    """Write the revisions of a file, in its own format or in that of the suffix of the target."""
    report = collector(findings)
    own = Path(info.path.rpartition("!")[2]).suffix.lower()
    if target.suffix.lower() == own:
        if info.driver != "GPKG" and info.driver not in ("CSV", "Parquet"):
            layers.refuse_curves(info, f"writing {own} anew would straighten them")
        if info.driver == "GML":
            report(
                Finding(
                    "should", "application schema", "All fields are kept, but not the names of the GML application schema",
                    target.name, "Load it into the authority's schema if their validator needs it.",
                )  # fmt: skip
            )
        layers.rewrite(info, target, revisions, changed_at=changed_at)
        return
    layers.refuse_curves(info, f"{target.suffix} has only straight lines")
    _report_concerns(info, target, report)
    (revision,) = revisions.values()
    layers.convert(info, target, revision, changed_at=changed_at)


def difference(before: pd.DataFrame, after: pd.DataFrame) -> layers.Revision:
    """Return what must be written to make one table of the other; rows are told apart by their index.

    Examples
    --------
    >>> before = pd.DataFrame({"code": ["1", "2"]}, index=[1, 2])
    >>> after = pd.DataFrame({"code": ["1", "9"]}, index=[1, 2])
    >>> {name: values.to_dict() for name, values in difference(before, after).changed.items()}
    {'code': {2: '9'}}
    """
    if not before.index.is_unique or not after.index.is_unique:
        raise LayerError("Row numbers are not unique, so rows cannot be told apart. Keep the index of the layer read.")
    added = after.index.difference(before.index, sort=False)
    common = after.index.intersection(before.index, sort=False)
    shape = before.geometry.name if isinstance(before, gpd.GeoDataFrame) else None
    columns = [column for column in after.columns if column in before.columns and column != shape]
    changed = {}
    for column in columns:
        values = after.loc[common, column]
        other = ~_equal(values, before.loc[common, column])
        rows = values.index[other].append(added)
        if len(rows):
            changed[column] = after.loc[rows, column]
    geometry = pd.Series(dtype=object)
    if shape is not None and isinstance(after, gpd.GeoDataFrame):
        new, old = after.geometry.loc[common].to_numpy(), before.geometry.loc[common].to_numpy()
        rows = common[shapely.to_wkb(new) != shapely.to_wkb(old)].append(added)
        geometry = pd.Series(after.geometry.loc[rows].to_numpy(), index=rows, dtype=object)
    first = before.index[0] if len(before) else None
    return layers.Revision(
        changed, geometry, tuple(before.index.difference(after.index, sort=False)), {row: first for row in added}
    )


def _equal(values: pd.Series, others: pd.Series) -> Any:
    a, b = values.to_numpy(dtype=object), others.to_numpy(dtype=object)
    missing_a, missing_b = pd.isna(a), pd.isna(b)
    return (missing_a & missing_b) | (~missing_a & ~missing_b & np.equal(a, b).astype(bool))


def _info_of(table: pd.DataFrame, target: Path, layer: str | None) -> layers.Info:
    spatial = isinstance(table, gpd.GeoDataFrame)
    fields = {str(n): str(t) for n, t in table.dtypes.items() if not (spatial and n == table.geometry.name)}
    return layers.Info(str(target), layer, "", None, None, "Unknown" if spatial else None, fields, len(table))


def _report_concerns(info: layers.Info, target: Path, report: Any) -> None:
    for concern in layers.concerns(info, layers.format_of(target)):
        report(
            Finding("should", "format", concern, target.name, "Choose GeoPackage or GeoParquet to keep everything.")
        )
