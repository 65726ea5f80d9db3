"""The notebooks run as they are stored, and on other data with other parameters only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import nbformat
import pytest
import shapely
import yaml

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 120  # for one cell, on a machine that is busy

Execute = Callable[..., nbformat.NotebookNode]

# Runs a notebook and writes it back; in a process of its own: loops and sockets stay out of the tests.
EXECUTE = f"""
import sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

file, folder = sys.argv[1:]
notebook = nbformat.read(file, as_version=4)
place = {{"metadata": {{"path": folder}}}}
client = NotebookClient(notebook, kernel_name="python3", timeout={SECONDS}, resources=place)
try:
    client.execute()
except CellExecutionError as error:
    sys.exit(str(error))
nbformat.write(notebook, file)
"""


def code_cells(notebook: nbformat.NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell(notebook: nbformat.NotebookNode, name: str) -> Any:
    return next(each for each in notebook.cells if each.id == name)


def printed(notebook: nbformat.NotebookNode, name: str) -> str:
    """Return what a cell shows, as text."""
    texts = []
    for output in cell(notebook, name).outputs:
        data = output.get("data", {})
        texts.append(output.get("text") or data.get("text/html") or data.get("text/plain", ""))
    return "\n".join(texts)


def figures(notebook: nbformat.NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for each in code_cells(notebook) for output in each.outputs)


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Run a notebook, its parameters replaced as papermill does, and checks; warnings are errors."""

    def run(stem: str, *, folder: Path | None = None, checks: str = "", **parameters: object) -> nbformat.NotebookNode:
        notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
        given = {"output": str(tmp_path / "results"), **parameters}
        after = next(i for i, each in enumerate(notebook.cells) if each.id == "parameters") + 1
        lines = "\n".join(f"{name} = {value!r}" for name, value in given.items())
        new = nbformat.v4.new_code_cell
        notebook.cells.insert(after, new(lines, metadata={"tags": ["injected-parameters"]}))
        notebook.cells.insert(0, new("import warnings\n\nwarnings.simplefilter('error')"))
        notebook.cells.append(new(checks + "\nwarnings.resetwarnings()"))
        file = tmp_path / f"{stem}.ipynb"
        nbformat.write(notebook, file)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", EXECUTE, str(file), str(folder or ROOT / "notebooks")],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = nbformat.read(file, as_version=4)
        assert [each.id for each in code_cells(result) if "Warning" in printed(result, each.id)] == []
        return result

    return run


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Write another reform: four squares of a kilometre in a row; two merge, a strip of the third moves.

    ::

        +----+----+----+----+
        | 11 | 12 | 13 | 14 |      11 and 12 become 15; the east of 13 goes to 14
        +----+----+----+----+
    """
    boxes = [shapely.box(x * 1000, 0, x * 1000 + 1000, 1000) for x in range(4)]
    units = gpd.GeoDataFrame({"nr": ["11", "12", "13", "14"]}, geometry=boxes, crs="EPSG:25833")
    units.to_file(tmp_path / "squares.gpkg")
    strip = gpd.GeoDataFrame(geometry=[shapely.box(2700, 0, 3000, 1000)], crs="EPSG:25833")
    strip.to_file(tmp_path / "strip.gpkg")
    plan = {
        "date": "2024-01-01",
        "events": [
            {"merge": ["11", "12"], "into": "15"},
            {"transfer": "13", "to": "14", "area": "strip.gpkg"},
        ],
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    corners = [shapely.box(x * 1000 + 650 + dx, 100, x * 1000 + 850 + dx, 300) for x in range(4) for dx in (-400, 0)]
    parcels = gpd.GeoDataFrame(
        {"id": range(8), "unit": [code for code in units["nr"] for _ in range(2)]},
        geometry=corners, crs="EPSG:25833",
    )  # fmt: skip
    parcels.to_file(tmp_path / "parcels.gpkg")
    return tmp_path


def small(folder: Path, **more: object) -> dict[str, object]:
    """Return the parameters that point at the small reform."""
    units = {"units_path": str(folder / "squares.gpkg"), "units_layer": None, "code": "nr"}
    return {**units, "plan_path": str(folder / "plan.yaml"), **more}


# As they are stored.


def test_there_are_seven() -> None:
    names = ["01_plan", "02_dissolve", "03_reassign", "04_export", "05_history", "06_registers", "07_review"]
    assert [file.stem for file in NOTEBOOKS] == names


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
class TestStored:
    def test_is_valid_and_of_the_format_with_ids(self, file: Path) -> None:
        notebook = nbformat.read(file, as_version=4)
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert notebook.metadata.kernelspec.name == "python3"

    def test_ids_are_names_that_stay(self, file: Path) -> None:
        ids = [each["id"] for each in json.loads(file.read_text(encoding="utf-8"))["cells"]]
        assert len(set(ids)) == len(ids)
        assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []

    def test_has_no_output(self, file: Path) -> None:
        for each in code_cells(nbformat.read(file, as_version=4)):
            assert each.outputs == []
            assert each.execution_count is None

    def test_parameters_come_first(self, file: Path) -> None:
        cells = code_cells(nbformat.read(file, as_version=4))
        assert [each.metadata.get("tags") for each in cells] == [["parameters"], *[None] * (len(cells) - 1)]

    def test_no_code_or_path_of_the_sample_after_the_parameters(self, file: Path, sample: Path) -> None:
        units = gpd.read_file(sample / "units_2016.gpkg", layer="kommuner", ignore_geometry=True)
        words = {*units["kommunenummer"], *units["kommunenavn"], *units.columns, "0710", "sample_data"}
        later = code_cells(nbformat.read(file, as_version=4))[1:]
        found = {word for each in later for word in words if re.search(rf"\b{re.escape(word)}\b", each.source)}
        assert found == set()

    def test_links_lead_somewhere(self, file: Path) -> None:
        text = "\n".join(each.source for each in nbformat.read(file, as_version=4).cells)
        links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
        assert links
        assert [link for link in links if not (file.parent / link).exists()] == []

    def test_begins_with_a_heading_and_ends_with_where_next(self, file: Path) -> None:
        cells = nbformat.read(file, as_version=4).cells
        assert cells[0].source.startswith("# ")
        assert cells[-1].source.startswith("## Where next")


# On the sample.


@pytest.mark.slow
def test_plan_on_the_sample(execute: Execute) -> None:
    done = execute("01_plan")
    assert "No finding" in printed(done, "check")
    assert "Did you mean" in printed(done, "wrong")
    assert "Blocked by" in printed(done, "blocked")
    assert "is not known here" in printed(done, "misspelt")
    assert "say the same" in printed(done, "table")
    assert figures(done) == 1


@pytest.mark.slow
def test_dissolve_on_the_sample(execute: Execute, tmp_path: Path) -> None:
    done = execute("02_dissolve", checks="assert proofs['holds'].all(), proofs\nassert len(corners) == 1")
    assert figures(done) == 4
    assert (tmp_path / "results" / "before_after.png").exists()


@pytest.mark.slow
def test_reassign_on_the_sample(execute: Execute) -> None:
    done = execute("03_reassign", checks="assert len(updated) + len(review) == len(parcels)")
    assert " 0 with them" in printed(done, "rekey")
    assert figures(done) == 2


@pytest.mark.slow
def test_export_on_the_sample(execute: Execute) -> None:
    done = execute("04_export", checks="assert (outputs['sha256'] == outputs['now']).all()\nassert len(written) == 3")
    assert "The same bytes." in printed(done, "again")
    assert "Review: Parcels" in printed(done, "qgis")
    assert figures(done) == 1


@pytest.mark.slow
def test_history_on_the_sample(execute: Execute) -> None:
    checks = (
        "pairs = exact.set_index('old_code')['new_code'].groupby(level=0).agg(list).to_dict()\n"
        "assert pairs['1534'] == ['1580'] and pairs['1504'] == ['1508'], pairs\n"
        "assert joined.loc[joined['old_code'] == '1534', 'estimated'].all()\n"
        "assert back.query('old_code == @new_code')['new_code'].tolist() == ['0706', '0719', '0720']\n"
        "assert len(people_by) == 2 and (spread > 100).all(), people_by\n"
        "assert all(abs(each.totals['difference']).max() < 1e-6 for each in restated.values())\n"
        "assert {event.label() for event in plan.events} == {event.label() for event in found.plan.events}\n"
        "assert (areas[0] - areas[1]).abs().max() < 0.01"
    )
    done = execute("05_history", checks=checks)
    assert "3907 Sandefjord (97.5% of the area of 0720)" in printed(done, "lookup")
    assert "Did you mean 0720" in printed(done, "lookup-wrong")
    assert "from 2003-01-01 to 2016-12-31: all codes are valid" in printed(done, "vintage")
    assert "never a code: 811" in printed(done, "vintage-wrong")
    assert "into 1507 Ålesund" in printed(done, "list")
    assert "The same." in printed(done, "invert")
    assert figures(done) == 1


@pytest.mark.slow
def test_registers_on_the_sample(execute: Execute) -> None:
    checks = (
        "assert counts['review'].to_dict() == {'building_cases': 6, 'pupils': 1, 'wards': 0, 'voters': 0, "
        "'health_cases': 6}\n"
        "described = {(each.source, name) for each in job.registers for name in each.columns}\n"
        "assert described <= set(ours[['source', 'column']].itertuples(index=False, name=None))\n"
        "assert 'kontor' in set(others['column'])\n"
        "assert all(each.counts['recoded'] == 0 for each in again.registers)"
    )
    done = execute("06_registers", checks=checks)
    assert "health_cases_2016.csv" in printed(done, "pick")
    assert "Nothing was changed." in printed(done, "dry")
    assert "The same bytes." in printed(done, "undo")
    assert "0719-12/3 became 0710-212/3" in printed(done, "lookup")
    assert "0710-212/3 was 0719-12/3" in printed(done, "lookup")
    assert "It is as it was written." in printed(done, "notice")
    assert "No finding blocks." in printed(done, "verify")


@pytest.mark.slow
def test_review_on_the_sample(execute: Execute) -> None:
    checks = (
        "assert len(decided) == 20 and second.counts['layers']['parcels']['by_decision'] == 20\n"
        "assert third.counts['layers']['parcels']['by_decision'] == 19\n"
        "assert steps.set_index('step').loc['addresses', 'reused']\nassert len(told) == 1"
    )
    done = execute("07_review", checks=checks)
    assert "is impossible. Decide for one of" in printed(done, "impossible")
    assert "0 must" in printed(done, "verify")
    assert "by the notebook" in printed(done, "earlier")
    assert figures(done) == 1


# On other data.


@pytest.mark.slow
def test_plan_on_other_data(execute: Execute, squares: Path) -> None:
    done = execute("01_plan", **small(squares, name=None, parent=None, table_path=None))
    assert "15" in printed(done, "sentences")
    assert "No finding" in printed(done, "check")
    assert "No unit has the code 1" in printed(done, "wrong")


@pytest.mark.slow
def test_dissolve_on_other_data(execute: Execute, squares: Path) -> None:
    checks = (
        "assert sorted(new_units[code]) == ['13', '14', '15']\nassert proofs['holds'].all(), proofs\n"
        "assert new_units.set_index(code).area.round().to_dict() == {'15': 2e6, '13': 0.7e6, '14': 1.3e6}"
    )
    nothing = {"name": None, "levels": [], "summed": [], "taken_from_largest": [], "constant": {}}
    execute("02_dissolve", checks=checks, **small(squares, **nothing))


@pytest.mark.slow
def test_reassign_on_other_data(execute: Execute, squares: Path) -> None:
    checks = (
        "assert updated.set_index(parcel_id)['new_code'].to_dict() == "
        "{0: '15', 1: '15', 2: '15', 3: '15', 4: '13', 6: '14', 7: '14'}\n"
        "assert review['reason'].tolist() == ['straddles the new border']"
    )
    parcels = {
        "parcels_path": str(squares / "parcels.gpkg"), "parcels_layer": None, "parcel_code": "unit",
        "parcel_id": "id", "parcel_key": [], "parcel_key_text": None, "followers": None, "others": [],
    }  # fmt: skip
    execute("03_reassign", checks=checks, **small(squares, **parcels))


@pytest.mark.slow
def test_export_on_other_data(execute: Execute, squares: Path) -> None:
    job = {
        "plan": "plan.yaml",
        "units": {"path": "squares.gpkg", "code": "nr"},
        "layers": [{"name": "parcels", "path": "parcels.gpkg", "code": "unit", "id": "id"}],
    }
    (squares / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    execute("04_export", job_path=str(squares / "job.yaml"), layer_name=None, checks="assert len(written) == 3")


@pytest.mark.slow
def test_history_on_other_data(execute: Execute, squares: Path) -> None:
    checks = (
        "assert set(crosswalk['old_code']) == {'11', '12', '13', '14'}\n"
        "assert divided['area'].round(6).to_dict() == {('13', '13'): 0.7, ('13', '14'): 0.3}\n"
        "assert divided['parcels'].round(6).to_dict() == {('13', '13'): 0.625, ('13', '14'): 0.375}\n"
        "assert [event.label() for event in found.plan.events] == ['transfer 13 > 14', 'merge 11 12 > 15']"
    )
    days = {"since": "2023-06-01", "until": "2024-06-01", "between": "2024-01-01"}
    asked = {"history_name": str(squares / "plan.yaml"), "old_code": "11", "new_code": "15", "followed": "15"}
    weights = [["parcels", str(squares / "parcels.gpkg"), None, None]]
    given = {**days, **asked, "name": None, "size": None, "weights": weights}
    done = execute("05_history", checks=checks, **small(squares, **given))
    assert "15 (the whole)" in printed(done, "lookup")


@pytest.mark.slow
def test_registers_on_other_data(execute: Execute, squares: Path) -> None:
    job = {
        "plan": "plan.yaml",
        "units": {"path": "squares.gpkg", "code": "nr"},
        "registers": [{"name": "cases", "source": "cases.csv", "columns": {"unit": "unit"}}],
    }
    (squares / "cases.csv").write_text("unit,what\n11,a\n12,b\n14,c\n", encoding="utf-8")
    (squares / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    given = {"history_name": str(squares / "plan.yaml"), "places": [str(squares / "cases.csv")], "key": "11"}
    checks = "assert counts.loc['cases'].to_dict() == {'rows': 3, 'recoded': 2, 'kept': 1, 'review': 0}"
    done = execute("06_registers", job_path=str(squares / "job.yaml"), checks=checks, **given)
    assert "The same bytes." in printed(done, "undo")
    assert "No finding blocks." in printed(done, "verify")


@pytest.mark.slow
def test_paths_count_from_the_folder_of_the_notebook(execute: Execute, sample: Path, tmp_path: Path) -> None:
    copied = tmp_path / "elsewhere" / "sample_data"
    shutil.copytree(sample, copied, ignore=shutil.ignore_patterns("*.py", "cadastre*", "__pycache__"))
    (copied.parent / "notebooks").mkdir()
    done = execute("01_plan", folder=copied.parent / "notebooks", output="../results")
    assert "No finding" in printed(done, "check")
    assert (copied.parent / "results" / "plan.schema.json").exists()


@pytest.mark.slow
def test_review_on_other_data(execute: Execute, squares: Path) -> None:
    job = {
        "plan": "plan.yaml",
        "units": {"path": "squares.gpkg", "code": "nr"},
        "layers": [{"name": "parcels", "path": "parcels.gpkg", "code": "unit", "id": "id"}],
    }
    folder = squares / "job"
    folder.mkdir()
    for file in ("squares.gpkg", "plan.yaml", "strip.gpkg", "parcels.gpkg"):
        shutil.copy(squares / file, folder)
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    checks = "assert len(review) == 1 and third.counts['layers']['parcels']['review'] == 1"
    done = execute("07_review", job_path=str(folder / "job.yaml"), checks=checks)
    assert "by the notebook" in printed(done, "earlier")
