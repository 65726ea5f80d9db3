"""Write what a job made: boundaries, layers, review, tables, QGIS project, report, manifest."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geomerge import layers, qgis
from geomerge.costs import Costs
from geomerge.drawing import lighter
from geomerge.export import send
from geomerge.files import csvfile, geopackage
from geomerge.findings import Finding, findings_table
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.manifest import Hashes, listed, manifest, write_manifest
from geomerge.maps import change_map, figure_svg, save_figure
from geomerge.previous import MANIFEST, REVIEW, TIMINGS
from geomerge.progress import progress
from geomerge.report import number, page, square_km
from geomerge.results import Results, counts, described, fates, ledger, review
from geomerge.updates import layer_revision, unit_revision

log = logging.getLogger("geomerge")

BOUNDARIES = "boundaries.gpkg"


@dataclass(frozen=True)
class Writing:
    """What is being written, and where; writers add to the findings what a format cannot hold."""

    folder: Path
    inputs: Inputs
    results: Results
    findings: list[Finding]
    hashes: Hashes

    @property
    def complete(self) -> Results:
        """The results with all findings made so far."""
        return dataclasses.replace(self.results, findings=tuple(dict.fromkeys(self.findings)))


def write_outputs(folder: Path, inputs: Inputs, results: Results, costs: Costs | None = None) -> Results:
    """Write all results of a job into an empty folder; the manifest comes last and holds the hashes of the others.

    What each step took stands apart from the manifest, in a file of its own: it differs from run to run.

    Returns the results with the findings made on the way, such as what a format cannot hold.
    """
    costs = costs or Costs()
    writers: list[tuple[str, Callable[[Writing], None]]] = [
        ("boundaries", _write_boundaries),
        ("layers", _write_layers),
        ("review", _write_review),
        ("tables", _write_tables),
        ("project", _write_project),
        ("report", _write_report),
    ]
    with ThreadPoolExecutor(1) as pool:
        out = Writing(folder, inputs, results, list(results.findings), Hashes(pool))
        out.hashes.start(inputs.files.values())
        for what, write in progress(writers, "write"):
            log.info("writing %s", what)
            with costs.of(f"write {what}"):
                write(out)
            out.hashes.start(_files(folder).values())
        with costs.of("hash what was read and written"):
            outputs = listed(_files(folder), out.hashes.of)
    write_manifest(folder / MANIFEST, _manifest(out) | {"outputs": outputs, "timings": TIMINGS})
    write_manifest(folder / TIMINGS, costs.record())
    return out.complete


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _stamp(results: Results) -> str:
    """Return the time written into files: the first day of the new order, so that a run can be repeated exactly."""
    return f"{results.dates[-1]}T00:00:00.000Z"


def _manifest(out: Writing) -> dict[str, Any]:
    return manifest(
        title=_title(out.inputs),
        dates=out.results.dates,
        inputs=out.inputs.files,
        counts=counts(out.complete),
        findings=out.complete.findings,
        digest=out.hashes.of,
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


def _write_boundaries(out: Writing) -> None:
    tables = _boundary_tables(out.inputs, out.results)
    for name, table in tables.items():
        layers.write(table, out.folder / BOUNDARIES, name, changed_at=_stamp(out.results))
    styles = {name: _boundary_style(name, table) for name, table in tables.items()}
    _add_styles(out.folder / BOUNDARIES, styles, out.results)


def _boundary_style(name: str, table: gpd.GeoDataFrame) -> qgis.LayerStyle:
    roles: dict[str, tuple[qgis.Role, str | None]] = {
        "units": ("units", "change"),
        "units_before": ("units_before", "change"),
        "boundary_lines": ("boundary_lines", "status"),
        "pieces": ("pieces", None),
        "inserted_corners": ("inserted_corners", None),
    }
    role, column = roles.get(name, ("level", None))
    return qgis.style_for(role, values=table[column] if column else None)


def _add_styles(path: Path, styles: dict[str, qgis.LayerStyle], results: Results) -> None:
    with geopackage.open_file(path) as connection:
        connection.execute(qgis.LAYER_STYLES_TABLE)
        connection.execute(qgis.LAYER_STYLES_CONTENTS, {"update_time": _stamp(results)})
        connection.executemany(qgis.LAYER_STYLES_INSERT, qgis.layer_styles_rows(styles, update_time=_stamp(results)))


def _write_layers(out: Writing) -> None:
    """Write every layer as a revision of its file; layers of one file go into one file again."""
    files: dict[Path, tuple[layers.Info, dict[str, layers.Revision]]] = {}
    for name, loaded in {"": out.inputs.units, **out.inputs.layers}.items():
        revision = (
            layer_revision(loaded, out.results, name)
            if name
            else unit_revision(loaded, out.results, out.findings.append)
        )
        target = out.folder / "layers" / loaded.config.target
        files.setdefault(target, (loaded.info, {}))[1][loaded.info.layer or ""] = revision
    for target, (info, revisions) in files.items():
        send(info, target, revisions, changed_at=_stamp(out.results), findings=out.findings)


def _reviews(inputs: Inputs, results: Results) -> dict[str, Any]:
    tables = {}
    for name, loaded in inputs.layers.items():
        config = loaded.config
        assert isinstance(config, LayerConfig)
        tables[name] = review(results, name, config.code, config.id, config.key)
    return {name: table for name, table in tables.items() if len(table)}


def _write_review(out: Writing) -> None:
    tables = _reviews(out.inputs, out.results)
    for name, table in tables.items():
        layers.write(table, out.folder / REVIEW, name, changed_at=_stamp(out.results))
    located = findings_table(out.findings, out.results.units.crs)
    layers.write(located, out.folder / REVIEW, "findings", changed_at=_stamp(out.results))
    styles = {name: _review_style(table, _kinds(table)[0]) for name, table in tables.items()}
    styles["findings"] = qgis.style_for("findings", geometry=_kinds(located)[0], values=located["severity"])
    _add_styles(out.folder / REVIEW, styles, out.results)


def _kinds(table: Any) -> tuple[qgis.Geometry, ...]:
    return qgis.geometries(table.geom_type.dropna().unique()) if isinstance(table, gpd.GeoDataFrame) else ("table",)


def _review_style(table: Any, kind: qgis.Geometry) -> qgis.LayerStyle:
    return (
        qgis.style_for("review", geometry=kind, values=table["reason"]) if kind != "table" else qgis.style_for("table")
    )


def _write_tables(out: Writing) -> None:
    configs = {name: loaded.config for name, loaded in out.inputs.layers.items()}
    codes = {name: config.code for name, config in configs.items()}
    ids = {name: config.id for name, config in configs.items() if isinstance(config, LayerConfig)}
    out.results.crosswalk.to_csv(out.folder / "crosswalk.csv", index=False, lineterminator="\n")
    csvfile.write_table(out.folder / "ledger.csv", ledger(out.results, codes, ids))


def _write_project(out: Writing) -> None:
    shown: list[qgis.ProjectLayer] = []
    located = findings_table(out.findings, out.results.units.crs)
    for name, table in {**_reviews(out.inputs, out.results), "findings": located}.items():
        kinds = _kinds(table)
        for kind in kinds:
            style = (
                qgis.style_for("findings", geometry=kind, values=table["severity"])
                if name == "findings"
                else _review_style(table, kind)
            )
            title = f"Review: {name}" if len(kinds) == 1 else f"Review: {name} ({kind}s)"
            shown.append(qgis.ProjectLayer("review", title, REVIEW, style, name, mixed=len(kinds) > 1))
    shown += _updated_layers(out.inputs)
    for name, table in _boundary_tables(out.inputs, out.results).items():
        group: qgis.Group = "before" if name == "units_before" else "after"
        style = _boundary_style(name, table)
        visible = name not in ("pieces", "inserted_corners")
        shown.append(
            qgis.ProjectLayer(group, name.replace("_", " ").capitalize(), BOUNDARIES, style, name, visible=visible)
        )
    content = qgis.project(_title(out.inputs), shown, crs=out.results.units.crs, extent=out.results.units.total_bounds)
    (out.folder / "project.qgz").write_bytes(content)


def _updated_layers(inputs: Inputs) -> list[qgis.ProjectLayer]:
    found = []
    for name, loaded in inputs.layers.items():
        if loaded.source is None or loaded.info.driver == "CSV":
            continue
        file = f"layers/{loaded.config.target}"
        table = loaded.info.layer if file.endswith((".gpkg", ".gdb")) else None
        kind = qgis.geometries(loaded.source.kinds())[0]
        style = qgis.style_for("features", geometry=kind)
        found.append(qgis.ProjectLayer("after", name, file, style, table, crs=loaded.source.crs, visible=False))
    return found


def _write_report(out: Writing) -> None:
    config = out.inputs.job.units
    before, after = fates(out.results, config.code, config.name), described(out.results, config.code, config.name)
    title = _title(out.inputs)
    before, after, lines = _for_maps(before, after, out.results.lines)
    both = change_map(before, after, lines, title=f"{title}, {out.results.dates[-1]}")
    (out.folder / "figures").mkdir()
    save_figure(both, out.folder / "figures" / "before_after.png", format="png")
    figures = {
        "Before and after": figure_svg(both),
        "Before": figure_svg(change_map(before, after, lines, show="before")),
        "After": figure_svg(change_map(before, after, lines, show="after")),
    }
    (out.folder / "figures" / "before_after.svg").write_bytes(figures["Before and after"].encode())
    moved = pd.DataFrame([{"layer": name, **found.counts()} for name, found in out.results.moved.items()])
    numbers = moved.columns.drop("layer", errors="ignore")
    moved[numbers] = moved[numbers].fillna(0).astype(np.int64)
    area = out.results.crosswalk.rename(columns={"amount": "area_m2"})[
        ["old_code", "new_code", "kind", "share", "area_m2"]
    ]
    units = pd.DataFrame(after.drop(columns="geometry")).rename(columns={"area_m2": "area"})
    text = page(
        title=title,
        date=out.results.dates[-1],
        sentences=out.results.plan.sentences(),
        summary=summary(out.results),
        figures=figures,
        area=area[out.results.crosswalk["event"] != ""],
        layers=moved,
        units=units,
        findings=out.findings,
        manifest=_manifest(out),
    )
    (out.folder / "report.html").write_text(text, encoding="utf-8")


def _for_maps(*tables: gpd.GeoDataFrame) -> list[gpd.GeoDataFrame]:
    """Return tables with the corners that maps of what changes can show."""
    changed = [table[table["change"] != "unchanged"] for table in tables if "change" in table.columns]
    boxes = [table.total_bounds for table in changed if len(table)]
    boxes = boxes or [table.total_bounds for table in tables if len(table)]
    widths = [max(east - west, north - south) for west, south, east, north in boxes]
    return [lighter(table, np.nanmin([*widths, np.inf])) for table in tables]


def summary(results: Results) -> list[tuple[str, str]]:
    """Return the numbers a person wants to see first: label and text."""
    balance = results.balance.iloc[0]
    moved = {name: found.counts() for name, found in results.moved.items()}
    return [
        ("units before", number(len(results.units))),
        ("units after", number(len(results.new_units))),
        ("rows moved", number(sum(layer["moved"] for layer in moved.values()))),
        ("rows for review", number(sum(layer["review"] for layer in moved.values()))),
        ("area", f"{square_km(balance['after'])} km²"),
        ("area balance", f"{balance['difference']:.3f} m²"),
    ]
