"""Export: a layer goes out in the format and schema it came in, only changes written anew; or as asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge import layers, rewrite
from geomerge.crs import same_crs
from geomerge.errors import LayerError
from geomerge.files.guards import staged
from geomerge.files.revision import plain
from geomerge.findings import Finding, Report, collector

CHANGED_AT = "1970-01-01T00:00:00.000Z"


def export(
    table: pd.DataFrame,
    target: str | Path,
    *,
    source: str | Path | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    changed_at: str = CHANGED_AT,
    findings: list[Finding] | None = None,
) -> Path:
    """Write a table: as a revision of the file it came from, or as a new layer in the format of the suffix.

    The target appears when it is complete. One that exists is replaced then, and stays if anything fails.

    Parameters
    ----------
    table
        Table whose index holds the row numbers of the source, as :func:`geomerge.read_layer` gives them.
    target
        File to write. Where its format holds several layers, the others in it stay.
    source
        File the table came from, ``path`` or ``path|layer``. The table is compared with it, and only values
        that differ are written: order, types, widths, nulls, row numbers, other tables and columns the table
        lacks stay. Rows the table lacks are removed; rows it has more are added, empty in columns it lacks.
    layer
        Name of the layer in a new file.
    encoding
        Encoding of the source, where that does not declare the right one.
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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> units = gpd.GeoDataFrame({"code": ["0301"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25833")
    >>> with TemporaryDirectory() as folder:
    ...     before = export(units, Path(folder) / "units.gpkg")
    ...     table = layers.read(before)
    ...     after = export(table.assign(code="0302"), Path(folder) / "new.gpkg", source=before)
    ...     layers.read(after)["code"].to_dict()
    {1: '0302'}
    """
    target = Path(target)
    report = collector(findings)
    if source is None:
        keep = layers.format_of(target).many_layers
        with staged(target, keep=keep) as stage:
            say = _sayer(report, target)
            layers.write(table, stage, layer or target.stem, changed_at=changed_at, report=say)
        return target
    path, name = layers.split_name(source)
    if Path(path).resolve() == target.resolve():
        raise LayerError(f"{target} is the source itself. Write to another file, and the source stays as it is.")
    info = layers.describe(path, name, encoding)
    before = layers.read(path, name, encoding=encoding)
    if unknown := [str(column) for column in table.columns if column not in before.columns]:
        what = f"{info.name} has no column {', '.join(unknown)}, so it is left out"
        report(Finding("should", "new column", what, target.name, "Write a new layer to have it (no source)."))
    revision = _filled(difference(before, table), before, table)
    with staged(target, keep=_own(info, target) is False and layers.format_of(target).many_layers) as stage:
        send(info, stage, {info.layer or "": revision}, changed_at=changed_at, findings=findings)
    return target


def send(
    info: layers.Info,
    target: Path,
    revisions: Mapping[str, layers.Revision],
    *,
    changed_at: str,
    findings: list[Finding] | None = None,
) -> None:
    """Write the revisions of a file, in its own format or in that of the suffix of the target.

    Parameters
    ----------
    info
        Any layer of the file.
    target
        File to write.
    revisions
        Revision by layer.
    changed_at
        Time to write where the format has a place for it.
    findings
        List that collects what the format cannot hold; without it, findings become warnings.
    """
    report = collector(findings)
    say = _sayer(report, target)
    infos = {name: info if name == (info.layer or "") else layers.describe(info.path, name) for name in revisions}
    for name, revision in revisions.items():
        _tell_new_types(infos[name], revision, target, report)
    if _own(info, target):
        rewrite.rewrite(info, target, revisions, changed_at=changed_at, report=say)
        return
    if len(revisions) > 1 and not layers.format_of(target).many_layers:
        raise LayerError(
            f"{target.name} holds one layer, but {', '.join(revisions)} of {info.path} would all go there. "
            f"Ask for a format that holds several (gpkg), or for none."
        )
    for name, revision in revisions.items():
        rewrite.convert(infos[name], target, revision, changed_at=changed_at, report=say)


def _own(info: layers.Info, target: Path) -> bool:
    """Return whether a target is in the format of the source."""
    return target.suffix.lower() == Path(info.path.rpartition("!")[2]).suffix.lower()


def _sayer(report: Report, target: Path) -> Any:
    def say(sentence: str) -> None:
        report(
            Finding(
                "should",
                "format",
                sentence,
                target.name,
                "Choose GeoPackage or GeoParquet to keep everything.",
            )
        )

    return say


def _tell_new_types(info: layers.Info, revision: layers.Revision, target: Path, report: Report) -> None:
    """Say where new geometries are of another type than a layer declares, and where heights are missing."""
    shapes = revision.geometry.dropna().to_numpy()
    base, _, z = (info.geometry_type or "Unknown").partition(" ")
    kinds = {shape.geom_type for shape in shapes} - {base}
    if kinds and base in ("Point", "LineString", "Polygon") and info.driver not in ("ESRI Shapefile", "GeoJSON"):
        new = ", ".join(sorted(kinds))
        alike = info.driver in ("FlatGeobuf", "GML") and kinds == {f"Multi{base}"}
        then = f"all are written as Multi{base}" if alike else "it now holds both"
        what = f"The layer is declared {base}, and new geometries are {new}; {then}"
        report(Finding("should", "geometry type", what, target.name, "Have programs that expect one type look at it."))
    flat = int((~shapely.has_z(shapes)).sum()) if "Z" in z else 0
    if flat:
        what = f"The layer has heights (Z), and {flat} new geometries have none"
        report(Finding("should", "heights", what, target.name, "Survey the heights of the new boundary."))


def difference(before: pd.DataFrame, after: pd.DataFrame) -> layers.Revision:
    """Return what must be written to make one table of the other; rows are told apart by their index.

    Rows that are added are first copied from the first row.

    Examples
    --------
    >>> before = pd.DataFrame({"code": ["1", "2"]}, index=[1, 2])
    >>> after = pd.DataFrame({"code": ["1", "9"]}, index=[1, 2])
    >>> {name: values.to_dict() for name, values in difference(before, after).changed.items()}
    {'code': {2: '9'}}
    """
    if not before.index.is_unique or not after.index.is_unique:
        raise LayerError("Row numbers are not unique, so rows cannot be told apart. Keep the index of the layer read.")
    if not pd.api.types.is_integer_dtype(after.index.dtype) and len(after):
        raise LayerError("The index holds no row numbers. Keep the index of the layer read (reset_index loses it).")
    added = after.index.difference(before.index, sort=False)
    common = after.index.intersection(before.index, sort=False)
    shape = before.geometry.name if isinstance(before, gpd.GeoDataFrame) else None
    columns = [column for column in after.columns if column in before.columns and column != shape]
    changed = {}
    for column in columns:
        values = after.loc[common, column]
        other = ~equal(values, before.loc[common, column])
        rows = values.index[other].append(added)
        if len(rows):
            changed[column] = after.loc[rows, column]
    geometry = pd.Series(dtype=object)
    if isinstance(before, gpd.GeoDataFrame) and isinstance(after, gpd.GeoDataFrame):
        geometry = _redrawn(before, after, common, added)
    if len(added) and not len(before):
        raise LayerError("The layer is empty, so there is no row to add others like. Write the table as a new layer.")
    likes = {int(row): int(before.index[0]) for row in added}
    removed = tuple(int(row) for row in before.index.difference(after.index, sort=False))
    return layers.Revision(changed, geometry, removed, likes)


def _redrawn(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, common: Any, added: Any) -> pd.Series:
    if after.crs is not None and before.crs is not None and not same_crs(before.crs, after.crs):
        raise LayerError(
            f"The table is in {after.crs.to_string()}, the layer it came from in {before.crs.to_string()}. "
            f"Bring it back with to_crs(...)."
        )
    new, old = after.geometry.loc[common].to_numpy(), before.geometry.loc[common].to_numpy()
    rows = common[shapely.to_wkb(new, output_dimension=4) != shapely.to_wkb(old, output_dimension=4)].append(added)
    return pd.Series(list(after.geometry.loc[rows].to_numpy()), index=rows, dtype=object)


def _filled(revision: layers.Revision, before: pd.DataFrame, after: pd.DataFrame) -> layers.Revision:
    """Return a revision whose added rows are empty, not copied, where the table lacks a column."""
    rows = list(revision.added)
    if not rows:
        return revision
    shape = before.geometry.name if isinstance(before, gpd.GeoDataFrame) else None
    lacking = [column for column in before.columns if column not in after.columns and column != shape]
    changed = {
        **revision.changed,
        **{column: pd.Series(None, index=rows, dtype=object) for column in lacking},
    }
    geometry = revision.geometry
    if shape is not None and not isinstance(after, gpd.GeoDataFrame):
        geometry = pd.concat([geometry, pd.Series(None, index=rows, dtype=object)])
    return replace(revision, changed=changed, geometry=geometry)


def equal(values: pd.Series, others: pd.Series) -> Any:
    """Return where two columns are the same, row by row; what is missing in both is."""
    a, b = values.to_numpy(dtype=object), others.to_numpy(dtype=object)
    missing_a, missing_b = pd.isna(a), pd.isna(b)
    try:
        same = np.equal(a, b).astype(bool)
    except (TypeError, ValueError):  # lists, and whatever else is not compared at once
        same = np.fromiter((plain(x) == plain(y) for x, y in zip(a, b, strict=True)), dtype=bool, count=len(a))
    return (missing_a & missing_b) | (~missing_a & ~missing_b & same)
