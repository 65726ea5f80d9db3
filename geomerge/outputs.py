"""Write what a job made: boundaries, layers, review, tables, QGIS project, report, manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geomerge import geopackage, layers, qgis
from geomerge.crs import back_to_source
from geomerge.export import difference, send
from geomerge.findings import Finding, findings_table
from geomerge.inputs import Inputs, Loaded
from geomerge.job import LayerConfig
from geomerge.manifest import listed, manifest, write_manifest
from geomerge.maps import change_map, figure_svg, save_figure
from geomerge.progress import progress
from geomerge.publish import MANIFEST
from geomerge.report import number, page, square_km
from geomerge.results import Results, counts, described, fates, ledger, review

log = logging.getLogger("geomerge")

BOUNDARIES, REVIEW = "boundaries.gpkg", "review.gpkg"


def write_outputs(folder: Path, inputs: Inputs, results: Results) -> None:
    """Write all results of a job into an empty folder; the manifest comes last and holds the hashes of the others."""
    findings = list(results.findings)
    writers: list[tuple[str, Callable[[Path, Inputs, Results, list[Finding]], None]]] = [
        ("boundaries", _write_boundaries),
        ("layers", _write_layers),
        ("review", _write_review),
        ("tables", _write_tables),
        ("project", _write_project),
        ("report", _write_report),
    ]
    for what, write in progress(writers, "write"):
        log.info("writing %s", what)
        write(folder, inputs, results, findings)
    content = _manifest(inputs, results, findings)
    written = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    write_manifest(folder / MANIFEST, content | {"outputs": listed(written)})


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _stamp(results: Results) -> str:
    """Return the time written into files: the first day of the new order, so that a run can be repeated exactly."""
    return f"{results.dates[-1]}T00:00:00.000Z"


def _manifest(inputs: Inputs, results: Results, findings: list[Finding]) -> dict[str, Any]:
    return manifest(
        title=_title(inputs), dates=results.dates, inputs=inputs.files, counts=counts(results), findings=findings
    )


def _title(inputs: Inputs) -> str:
    return inputs.job.title or inputs.plan.title or "Reform"


def _boundary_tables(inputs: Inputs, results: Results) -> dict[str, gpd.GeoDataFrame]:
    """Return the tables of boundaries.gpkg, those that lie on top first."""
    config = inputs.job.units
    corners = findings_table([f for f in results.findings if f.check == "inserted corner"], results.units.crs)
    tables = {
        "inserted_corners": corners[["what", "where", "geometry"]],
        "boundary_lines": results.lines,
        "pieces": results.pieces.assign(area_m2=results.pieces.geometry.area.to_numpy()),
        "units": described(results, config.code, config.name),
        **results.levels,
        "units_before": fates(results, config.code, config.name),
    }
    return {name: table for name, table in tables.items() if len(table)}


def _write_boundaries(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    tables = _boundary_tables(inputs, results)
    for name, table in tables.items():
        layers.write(table, folder / BOUNDARIES, name, changed_at=_stamp(results))
    styles = {name: _boundary_style(name, table) for name, table in tables.items()}
    _add_styles(folder / BOUNDARIES, styles, results)


def _boundary_style(name: str, table: gpd.GeoDataFrame) -> qgis.LayerStyle:
    if name in ("units", "units_before"):
        return qgis.style_for(name, values=table["change"])
    if name == "boundary_lines":
        return qgis.style_for("boundary_lines", values=table["status"])
    return qgis.style_for(name if name in ("pieces", "inserted_corners") else "level")


def _add_styles(path: Path, styles: dict[str, qgis.LayerStyle], results: Results) -> None:
    with geopackage.open_file(path) as connection:
        connection.execute(qgis.LAYER_STYLES_TABLE)
        connection.execute(qgis.LAYER_STYLES_CONTENTS, {"update_time": _stamp(results)})
        connection.executemany(
            qgis.LAYER_STYLES_INSERT, qgis.layer_styles_rows(styles, update_time=_stamp(results))
        )


def _write_layers(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    """Write every layer as a revision of its file; layers of one file go into one file again."""
    files: dict[Path, tuple[layers.Info, dict[str, layers.Revision]]] = {}
    for name, loaded in {"": inputs.units, **inputs.layers}.items():
        revision = _unit_revision(loaded, results) if name == "" else _layer_revision(loaded, results, name)
        target = folder / "layers" / _file_name(loaded)
        files.setdefault(target, (loaded.info, {}))[1][loaded.info.layer or ""] = revision
    for target, (info, revisions) in files.items():
        send(info, target, revisions, changed_at=_stamp(results), findings=findings)


def _file_name(loaded: Loaded) -> str:
    name = Path(loaded.config.path.rpartition("!")[2]).name
    asked = loaded.config.format if isinstance(loaded.config, LayerConfig) else None
    return Path(name).with_suffix(f".{asked}").name if asked else name


def _layer_revision(loaded: Loaded, results: Results, name: str) -> layers.Revision:
    """Return the new codes and keys of a layer; rows in review and all other columns stay as they are."""
    moved = results.moved[name]
    updated = moved.assignment.updated
    after = pd.DataFrame(loaded.original).copy()
    code = loaded.config.code
    # only rows that an event concerns: the code of any other row stays as it was written
    rows = updated.index[moved.concerned.to_numpy()]
    if len(rows):
        codes = after[code].astype(object)
        codes.loc[rows] = loaded.in_source_type(updated.loc[rows, "new_code"])
        after[code] = codes
    for column in moved.keys.columns:
        values = after[column].astype(object)
        values.loc[rows] = moved.keys.loc[rows, column]
        after[column] = values
    return difference(pd.DataFrame(loaded.original), after)


def _unit_revision(loaded: Loaded, results: Results) -> layers.Revision:
    """Return the new units as changes to the old ones: changed in place, added, removed."""
    original, code = loaded.original, loaded.config.code
    new = results.new_units
    after = pd.DataFrame(new[[column for column in original.columns if column in new.columns]]).copy()
    after[code] = loaded.in_source_type(new[code])
    after = after.drop(columns=original.geometry.name)
    revision = difference(pd.DataFrame(original.drop(columns=original.geometry.name)), after)
    before = results.units.geometry.reindex(new.index)
    redrawn = shapely.to_wkb(new.geometry.to_numpy()) != shapely.to_wkb(before.to_numpy())
    shapes = back_to_source(
        new.geometry.to_numpy()[redrawn], results.units.geometry.to_numpy(), original.geometry.to_numpy(),
        new.crs, original.crs or new.crs,
    )  # fmt: skip
    if (original.geom_type.dropna() == "MultiPolygon").all():  # a layer of multipolygons stays one
        shapes = np.array([*map(_multi, shapes), None], dtype=object)[:-1]
    likes = _predecessor_rows(results, code)
    return layers.Revision(
        revision.changed, pd.Series(list(shapes), index=new.index[redrawn], dtype=object), revision.removed,
        {row: likes[row] for row in revision.added},
    )  # fmt: skip


def _multi(shape: Any) -> Any:
    return shapely.multipolygons([shape]) if shape is not None and shape.geom_type == "Polygon" else shape


def _predecessor_rows(results: Results, code: str) -> dict[int, int]:
    """Return, for each new unit, the row of the first old unit it comes from."""
    rows = dict(zip(results.units[code], results.units.index, strict=True))
    first = results.units.index[0]
    return {
        int(index): int(rows.get(old.split(" ")[0], first))
        for index, old in zip(results.new_units.index, results.new_units["predecessors"], strict=True)
    }


def _reviews(inputs: Inputs, results: Results) -> dict[str, Any]:
    tables = {}
    for name, loaded in inputs.layers.items():
        config = loaded.config
        assert isinstance(config, LayerConfig)
        tables[name] = review(results, name, config.code, config.id, config.key)
    return {name: table for name, table in tables.items() if len(table)}


def _write_review(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    tables = _reviews(inputs, results)
    for name, table in tables.items():
        layers.write(table, folder / REVIEW, name, changed_at=_stamp(results))
    located = findings_table(findings, results.units.crs)
    layers.write(located, folder / REVIEW, "findings", changed_at=_stamp(results))
    styles = {name: _review_style(table, _kinds(table)[0]) for name, table in tables.items()}
    styles["findings"] = qgis.style_for("findings", geometry=_kinds(located)[0], values=located["severity"])
    _add_styles(folder / REVIEW, styles, results)


def _kinds(table: Any) -> tuple[qgis.Geometry, ...]:
    return qgis.geometries(table.geom_type.dropna().unique()) if isinstance(table, gpd.GeoDataFrame) else ("table",)


def _review_style(table: Any, kind: qgis.Geometry) -> qgis.LayerStyle:
    return qgis.style_for("review", geometry=kind, values=table["reason"]) if kind != "table" else qgis.style_for("table")


def _write_tables(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    configs = {name: loaded.config for name, loaded in inputs.layers.items()}
    codes = {name: config.code for name, config in configs.items()}
    ids = {name: config.id for name, config in configs.items() if isinstance(config, LayerConfig)}
    results.crosswalk.to_csv(folder / "crosswalk.csv", index=False, lineterminator="\n")
    ledger(results, codes, ids).to_csv(folder / "ledger.csv", index=False, lineterminator="\n", float_format="%.6g")


def _write_project(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    shown: list[qgis.ProjectLayer] = []
    located = findings_table(findings, results.units.crs)
    for name, table in {**_reviews(inputs, results), "findings": located}.items():
        kinds = _kinds(table)
        for kind in kinds:
            style = (
                qgis.style_for("findings", geometry=kind, values=table["severity"]) if name == "findings"
                else _review_style(table, kind)
            )  # fmt: skip
            title = f"Review: {name}" if len(kinds) == 1 else f"Review: {name} ({kind}s)"
            shown.append(
                qgis.ProjectLayer("review", title, REVIEW, style, name, mixed=len(kinds) > 1)
            )
    shown += _updated_layers(inputs)
    for name, table in _boundary_tables(inputs, results).items():
        group: qgis.Group = "before" if name == "units_before" else "after"
        style = _boundary_style(name, table)
        visible = name not in ("pieces", "inserted_corners")
        shown.append(
            qgis.ProjectLayer(group, name.replace("_", " ").capitalize(), BOUNDARIES, style, name, visible=visible)
        )
    content = qgis.project(_title(inputs), shown, crs=results.units.crs, extent=results.units.total_bounds)
    (folder / "project.qgz").write_bytes(content)


def _updated_layers(inputs: Inputs) -> list[qgis.ProjectLayer]:
    found = []
    for name, loaded in inputs.layers.items():
        if not loaded.spatial or loaded.info.driver == "CSV":
            continue
        file = f"layers/{_file_name(loaded)}"
        table = loaded.info.layer if file.endswith((".gpkg", ".gdb")) else None
        kind = _kinds(loaded.table)[0]
        style = qgis.style_for("features", geometry=kind)
        found.append(qgis.ProjectLayer("after", name, file, style, table, crs=loaded.original.crs, visible=False))
    return found


def _write_report(folder: Path, inputs: Inputs, results: Results, findings: list[Finding]) -> None:
    config = inputs.job.units
    before, after = fates(results, config.code, config.name), described(results, config.code, config.name)
    title = _title(inputs)
    both = change_map(before, after, results.lines, title=f"{title}, {results.dates[-1]}")
    (folder / "figures").mkdir()
    save_figure(both, folder / "figures" / "before_after.png", format="png")
    save_figure(both, folder / "figures" / "before_after.svg", format="svg")
    figures = {
        "Before and after": figure_svg(both),
        "Before": figure_svg(change_map(before, after, results.lines, show="before")),
        "After": figure_svg(change_map(before, after, results.lines, show="after")),
    }
    moved = pd.DataFrame([{"layer": name, **found.counts()} for name, found in results.moved.items()])
    numbers = moved.columns.drop("layer", errors="ignore")
    moved[numbers] = moved[numbers].fillna(0).astype(np.int64)
    area = results.crosswalk.rename(columns={"area": "area_m2"})[["old_code", "new_code", "kind", "share", "area_m2"]]
    units = pd.DataFrame(after.drop(columns="geometry")).rename(columns={"area_m2": "area"})
    text = page(
        title=title, date=results.dates[-1], sentences=results.plan.sentences(), summary=summary(results),
        figures=figures, area=area[results.crosswalk["event"] != ""], layers=moved, units=units, findings=findings,
        manifest=_manifest(inputs, results, findings),
    )  # fmt: skip
    (folder / "report.html").write_text(text, encoding="utf-8")


def summary(results: Results) -> list[tuple[str, str]]:
    """Return the numbers a person wants to see first: label and text."""
    balance = results.balance.iloc[0]
    moved = {name: found.counts() for name, found in results.moved.items()}
    return [
        ("units before", number(len(results.units))),
        ("units after", number(len(results.new_units))),
        ("rows moved", number(sum(layer["moved"] for layer in moved.values()))),
        ("rows for review", number(sum(layer["review"] for layer in moved.values()))),
        ("area", square_km(balance["after"])),
        ("area balance", f"{balance['difference']:.3f} m²"),
    ]
