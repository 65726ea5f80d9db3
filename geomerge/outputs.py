"""Write what a job made: boundaries, layers, review, tables, QGIS project, report, manifest."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geomerge import layers, qgis
from geomerge.costs import Costs
from geomerge.decisions import Ground, answers
from geomerge.export import send
from geomerge.files import csvfile, geopackage
from geomerge.findings import Finding, findings_table
from geomerge.inputs import Inputs
from geomerge.job import LayerConfig
from geomerge.manifest import listed, manifest, write_manifest
from geomerge.page import page
from geomerge.page.gather import gather
from geomerge.pictures import background, draw
from geomerge.previous import BOUNDARIES, LEDGER_FILE, MANIFEST, REVIEW, TIMINGS
from geomerge.progress import progress
from geomerge.projecting import ANSWERS, Shown, boundary_style, kinds_of, project_file, review_style
from geomerge.registering import described as registers_described
from geomerge.registering import write_registers
from geomerge.results import LEDGER, Results, counts, described, fates, parents
from geomerge.reuse import Reuse
from geomerge.reuse.recipes import Recipe, digest
from geomerge.stamping import plan_digest, provenance, stamp
from geomerge.streamed import ledgers, revision_of
from geomerge.updates import unit_revision

log = logging.getLogger("geomerge")


@dataclass(frozen=True)
class Writing:
    """What is being written, and where; writers add to the findings what a format cannot hold."""

    folder: Path
    inputs: Inputs
    results: Results
    findings: list[Finding]
    reuse: Reuse
    registers: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)

    def step(self, name: str, recipe: Recipe, write: Callable[[], None]) -> None:
        """Write files, or take those of the previous results if they were made by the same recipe."""
        self.reuse.step(self.folder, name, recipe, self.findings, write)

    @property
    def complete(self) -> Results:
        """The results with all findings and counts made so far."""
        findings = tuple(dict.fromkeys(self.findings))
        return dataclasses.replace(self.results, findings=findings, registers=dict(self.registers))


def write_outputs(folder: Path, inputs: Inputs, results: Results, reuse: Reuse, costs: Costs | None = None) -> Results:
    """Write all results of a job into an empty folder; the manifest comes last and holds the hashes of the others.

    What each step took stands apart from the manifest, in a file of its own: it differs from run to run.

    Returns the results with the findings made on the way, such as what a format cannot hold.
    """
    costs = costs or Costs()
    out = Writing(folder, inputs, results, list(results.findings), reuse)
    reuse.hashes.start(inputs.files.values())
    with background() as pool:
        drawing = _start_drawing(out, pool)
        writers: list[tuple[str, Callable[[Writing], None]]] = [
            ("boundaries", _write_boundaries),
            ("layers", _write_layers),
            ("tables", _write_tables),
            ("registers", _write_registers),
            ("review", _write_review),
            ("streets", _write_streets),
            ("project", _write_project),
            ("report", partial(_write_report, drawing=drawing)),
        ]
        for what, write in progress(writers, "write"):
            log.info("writing %s", what)
            with costs.of(f"write {what}"):
                write(out)
            reuse.hashes.start(_files(folder).values())
    with costs.of("hash what was read and written"):
        told = _manifest(out)
        reuse.note(folder, told, out.complete)
        outputs = listed(_files(folder), reuse.hashes.of)
    write_manifest(folder / MANIFEST, told | {"outputs": outputs, "timings": TIMINGS})
    write_manifest(folder / TIMINGS, costs.record())
    return out.complete


def write_again(folder: Path, reuse: Reuse, costs: Costs) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Put previous results of which nothing changed into an empty folder; return the numbers and the findings."""
    told, findings = reuse.take_all(folder)
    outputs = listed(_files(folder), reuse.hashes.of)
    write_manifest(folder / MANIFEST, told | {"outputs": outputs, "timings": TIMINGS})
    write_manifest(folder / TIMINGS, costs.record())
    return told["counts"], findings


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _stamp(results: Results) -> str:
    """Return the time written into files: the first day of the new order, so that a run can be repeated exactly."""
    return f"{results.dates[-1]}T00:00:00.000Z"


def _manifest(out: Writing) -> dict[str, Any]:
    found = manifest(
        title=_title(out.inputs),
        dates=out.results.dates,
        inputs=out.inputs.files,
        counts=counts(out.complete),
        findings=out.complete.findings,
        digest=out.reuse.hashes.of,
    )
    decided = out.inputs.decisions.drop(columns="basis").to_dict("records")
    told = {"plan": out.results.plan.sentences(), "plan_sha256": plan_digest(out.results), "decisions": decided}
    return found | told | {"tables": _tables(out.inputs), "registers": registers_described(out.inputs.job.registers)}


def _tables(inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Return where each updated layer stands, and in which columns its code, id and key are."""
    found = {}
    for name, loaded in {"units": inputs.units, **inputs.layers}.items():
        config = loaded.config
        place: dict[str, Any] = {"file": f"layers/{config.target}", "layer": loaded.info.layer, "code": config.code}
        found[name] = place | ({"id": config.id, "key": config.key} if isinstance(config, LayerConfig) else {})
    return found


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
    recipe = out.reuse.recipe(tables, _stamp(out.results))
    out.step(BOUNDARIES, recipe, lambda: _write_boundary_tables(out, tables, recipe))


def _write_boundary_tables(out: Writing, tables: dict[str, gpd.GeoDataFrame], recipe: Recipe) -> None:
    for name, table in tables.items():
        layers.write(table, out.folder / BOUNDARIES, name, changed_at=_stamp(out.results))
    styles = {name: boundary_style(name, table) for name, table in tables.items()}
    _add_styles(out.folder / BOUNDARIES, styles, out.results)
    stamp(out.folder / BOUNDARIES, tables, provenance(out.results, recipe))


def _add_styles(path: Path, styles: dict[str, qgis.LayerStyle], results: Results) -> None:
    with geopackage.open_file(path) as connection:
        connection.execute(qgis.LAYER_STYLES_TABLE)
        connection.execute(qgis.LAYER_STYLES_CONTENTS, {"update_time": _stamp(results)})
        connection.executemany(qgis.LAYER_STYLES_INSERT, qgis.layer_styles_rows(styles, update_time=_stamp(results)))


def _write_layers(out: Writing) -> None:
    """Write every layer as a revision of its file; layers of one file go into one file again."""
    for target, names in out.reuse.files().items():
        recipe = out.reuse.file_recipe(names)
        out.step(target, recipe, partial(_write_layer_file, out, target, names, recipe))


def _write_layer_file(out: Writing, target: str, names: Sequence[str], recipe: Recipe) -> None:
    loaded = [out.inputs.layers[name] if name else out.inputs.units for name in names]
    revisions = {
        layer.info.layer or "": revision_of(layer, out.results.moved[name])
        if name
        else unit_revision(layer, out.results, out.findings.append)
        for name, layer in zip(names, loaded, strict=True)
    }
    send(loaded[0].info, out.folder / target, revisions, changed_at=_stamp(out.results), findings=out.findings)
    stamp(out.folder / target, revisions, provenance(out.results, recipe))


def _reviews(results: Results) -> dict[str, Any]:
    return {name: account.review for name, account in results.accounts.items() if account.review is not None}


def _write_review(out: Writing) -> None:
    tables, config = _reviews(out.results), out.inputs.job.units
    located = findings_table(out.findings, out.results.units.crs)
    new = out.results.new_units
    names = dict(zip(new[config.code], new[config.name or config.code], strict=True))
    ground = Ground.of(out.results.pieces, names)
    allowed = [answers(pd.DataFrame(table), ground) for table in tables.values()]
    written = tables | ({ANSWERS: pd.concat(allowed, ignore_index=True)} if allowed else {})
    recipe = out.reuse.recipe(written, located, _stamp(out.results))
    out.step(REVIEW, recipe, lambda: _write_review_tables(out, written, located))


def _write_review_tables(out: Writing, tables: dict[str, Any], located: gpd.GeoDataFrame) -> None:
    for name, table in {**tables, "findings": located}.items():
        layers.write(table, out.folder / REVIEW, name, changed_at=_stamp(out.results))
    styles = {name: review_style(table, kinds_of(table)[0]) for name, table in tables.items()}
    styles["findings"] = qgis.style_for("findings", geometry=kinds_of(located)[0], values=located["severity"])
    _add_styles(out.folder / REVIEW, styles, out.results)


def _write_tables(out: Writing) -> None:
    out.results.crosswalk.to_csv(out.folder / "crosswalk.csv", index=False, lineterminator="\n")
    parents(out.results, out.inputs.job.units).to_csv(out.folder / "parents.csv", index=False, lineterminator="\n")
    with (out.folder / LEDGER_FILE).open("wb") as stream:
        csvfile.write_header(stream, LEDGER)
        for name, loaded in out.inputs.layers.items():
            start, config = stream.tell(), loaded.config
            if name in out.results.moved and isinstance(config, LayerConfig):
                for table in ledgers(out.results.moved[name], name, config.code, config.id):
                    csvfile.write_rows(stream, table)
            else:
                out.reuse.take_rows(name, stream)
            out.reuse.record.ledger[name] = (start, stream.tell())


def _write_registers(out: Writing) -> None:
    out.registers.update(write_registers(out.folder, out.inputs, out.results, out.reuse, out.findings))


def _write_streets(out: Writing) -> None:
    for name, file in out.inputs.job.street_files.items():
        out.step(file, out.reuse.file_recipe([name]), partial(_write_proposal, out, name, file))


def _write_proposal(out: Writing, name: str, file: str) -> None:
    found: Any = out.results.moved[name].streets
    found.proposal.to_csv(out.folder / file, index=False, lineterminator="\n")


def _write_project(out: Writing) -> None:
    tables, located = _boundary_tables(out.inputs, out.results), findings_table(out.findings, out.results.units.crs)
    shown = Shown(_title(out.inputs), out.inputs, out.results, tables, _reviews(out.results), located)
    (out.folder / "project.qgz").write_bytes(project_file(shown))


@dataclass(frozen=True)
class _Drawing:
    """The figures, as they are being drawn; None where the previous ones are taken."""

    recipe: Recipe
    pictures: Future[dict[str, bytes]] | None


def _start_drawing(out: Writing, pool: Executor) -> _Drawing:
    config = out.inputs.job.units
    before, after = fates(out.results, config.code, config.name), described(out.results, config.code, config.name)
    shown = (before, after, out.results.lines, f"{_title(out.inputs)}, {out.results.dates[-1]}")
    recipe = out.reuse.recipe(*shown)
    return _Drawing(recipe, pool.submit(draw, *shown) if out.reuse.why("figures", recipe) else None)


def _write_figures(out: Writing, drawing: _Drawing) -> str:
    """Write the figures; return the one of both sides as SVG."""
    folder = out.folder / "figures"

    def write() -> None:
        folder.mkdir()
        for name, content in drawing.pictures.result().items() if drawing.pictures else ():
            (folder / name).write_bytes(content)

    out.step("figures", drawing.recipe, write)
    return (folder / "before_after.svg").read_text(encoding="utf-8")


def _write_report(out: Writing, drawing: _Drawing) -> None:
    figure, told = _write_figures(out, drawing), _manifest(out)
    run, title = digest(told["inputs"], told["versions"])[:16], _title(out.inputs)
    content = gather(out.inputs, out.complete, out.findings, told, title=title, run=run, figure=figure)
    (out.folder / "report.html").write_text(page(content, language=out.inputs.job.language), encoding="utf-8")
