"""What all tests share: where data lies, which real programs there are, how examples are drawn."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import geopandas as gpd
import pytest
import shapely
import yaml
from hypothesis import settings

from geomerge.dissolve import dissolve
from geomerge.findings import Finding
from geomerge.pieces import pieces
from geomerge.plan import Plan

ROOT = Path(__file__).parents[1]

# No test opens a window; programs that tests start inherit this.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real editions, parcels and change lists, which lie beside the project and not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the folder of the sample reform."""
    return ROOT / "sample_data"


@pytest.fixture(scope="session")
def finished_sample(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sample reform with its results in ``out``; tests that change something copy it."""
    from geomerge.run import run

    folder = tmp_path_factory.mktemp("finished") / "sample"
    shutil.copytree(sample, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    run(folder / "job.yaml", output=folder / "out")
    return folder


@pytest.fixture(scope="session")
def real_program() -> Callable[[str], str]:
    """Look a program up by name; without it the test is skipped, or fails where real ones are required."""

    def look_up(name: str) -> str:
        return shutil.which(name) or _missing(f"{name} is not installed")

    return look_up


@pytest.fixture(scope="session")
def qgis_python() -> str:
    """Return the Python that can import QGIS: the system's, seldom the one that runs the tests."""
    for name in ("/usr/bin/python3", "python3"):
        program = shutil.which(name)
        trial = [program, "-c", "import qgis.core"]
        if program and subprocess.run(trial, capture_output=True).returncode == 0:
            return program
    return _missing("no Python here can import qgis.core")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """Start a PostgreSQL server with PostGIS; one for each process that runs tests."""
    spec = importlib.util.spec_from_file_location("geomerge_tests_postgres", ROOT / "tests/postgres.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    programs = module.binaries() or _missing("PostgreSQL with PostGIS is not installed")
    server = module.Server(programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgis(postgres_server: Any) -> Any:
    """Return a new database with PostGIS in it."""
    return postgres_server.database()


def _missing(reason: str) -> NoReturn:
    if os.environ.get("GEOMERGE_REQUIRE_REAL") == "1":
        pytest.fail(f"{reason}, but GEOMERGE_REQUIRE_REAL=1 wants it", pytrace=False)
    pytest.skip(reason)


class SmallJob:
    """A job small enough to see: four squares of a kilometre in a row, two of them merge, one parcel in each.

    ::

        +------+------+------+------+
        | 0101 | 0102 | 0103 | 0104 |      0101 and 0102 become 0110
        +------+------+------+------+
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        squares = [shapely.box(x * 1000, 0, x * 1000 + 1000, 1000) for x in range(4)]
        codes = ["0101", "0102", "0103", "0104"]
        names = ["Aa", "Bø", "Cå", "Dæ"]
        self.units = gpd.GeoDataFrame({"code": codes, "name": names}, geometry=squares, crs="EPSG:25833")
        corners = [shapely.box(x * 1000 + 100, 100, x * 1000 + 200, 200) for x in range(4)]
        self.parcels = gpd.GeoDataFrame({"id": [1, 2, 3, 4], "code": codes}, geometry=corners, crs="EPSG:25833")
        self.plan: dict[str, Any] = {
            "title": "Two become one",
            "date": "2020-01-01",
            "events": [{"merge": ["0101", "0102"], "into": "0110", "name": "Åbø"}],
        }
        self.job: dict[str, Any] = {
            "plan": "plan.yaml",
            "output": "out",
            "units": {"path": "units.gpkg", "code": "code", "name": "name"},
            "layers": [{"name": "parcels", "path": "parcels.gpkg", "code": "code", "id": "id"}],
        }

    @property
    def path(self) -> Path:
        """The job file."""
        return self.folder / "job.yaml"

    @property
    def output(self) -> Path:
        """The folder of the results."""
        return self.folder / "out"

    def write(self) -> Path:
        """Write all files of the job and return the job file."""
        for table, name in ((self.units, "units.gpkg"), (self.parcels, "parcels.gpkg")):
            (self.folder / name).unlink(missing_ok=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a table without CRS is wanted here and there
                table.to_file(self.folder / name)
        (self.folder / "plan.yaml").write_text(yaml.safe_dump(self.plan, allow_unicode=True), encoding="utf-8")
        self.path.write_text(yaml.safe_dump(self.job, allow_unicode=True), encoding="utf-8")
        return self.path


@pytest.fixture
def small_job(tmp_path: Path) -> SmallJob:
    """Return a small job; a test changes what it is about, then writes it."""
    return SmallJob(tmp_path)


class Drawn:
    """Units as they are drawn in the code of a test: each character is a square of ten metres.

    ::

        drawn("AAB",        A A B
              "ACB")        A C B

    A blank is land of no unit. ``change`` carries a plan out; ``area`` makes a table of one box, its corners
    counted in squares from the lower left.
    """

    side = 10.0
    crs = "EPSG:25833"

    def __call__(self, *rows: str, codes: dict[str, str] | None = None, **columns: Any) -> gpd.GeoDataFrame:
        """Return a table with ``code`` and a polygon a letter, in the order of the letters."""
        cells: dict[str, list[shapely.Polygon]] = {}
        for y, row in enumerate(reversed(rows)):
            for x, letter in enumerate(row):
                cells.setdefault(letter, []).append(self.box(x, y, x + 1, y + 1))
        letters = sorted(set(cells) - {" "})
        shapes = [shapely.coverage_union_all(cells[letter]) for letter in letters]
        shapes = [shape.geoms[0] if len(getattr(shape, "geoms", ())) == 1 else shape for shape in shapes]
        named = [(codes or {}).get(letter, letter) for letter in letters]
        return gpd.GeoDataFrame({"code": named, **columns}, geometry=shapes, crs=self.crs)

    def box(self, west: float, south: float, east: float, north: float) -> shapely.Polygon:
        """Return a box, its corners counted in squares."""
        return shapely.box(west * self.side, south * self.side, east * self.side, north * self.side)

    def area(self, west: float, south: float, east: float, north: float) -> gpd.GeoDataFrame:
        """Return a table with one box."""
        return gpd.GeoDataFrame(geometry=[self.box(west, south, east, north)], crs=self.crs)

    def line(self, *corners: tuple[float, float]) -> gpd.GeoDataFrame:
        """Return a table with one line through corners counted in squares."""
        at = [(x * self.side, y * self.side) for x, y in corners]
        return gpd.GeoDataFrame(geometry=[shapely.LineString(at)], crs=self.crs)

    def plan(self, *events: dict[str, Any], sources: dict[str, Any] | None = None, **fields: Any) -> Plan:
        """Return a plan of 1 January 2020."""
        plan = Plan.model_validate({"date": "2020-01-01", "events": list(events), **fields})
        return plan.model_copy(update={"sources": sources or {}})

    def change(
        self, units: gpd.GeoDataFrame, *events: dict[str, Any], **given: Any
    ) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, list[Finding]]:
        """Carry events out; return the pieces, the new units by code, and the findings."""
        plan = self.plan(*events, sources=given.pop("sources", None))
        findings: list[Finding] = []
        cut = pieces(units, plan, findings=findings, **given)
        new = dissolve(cut, units=units, plan=plan, code=given.get("code", "code"), findings=findings)
        return cut, new.set_index(given.get("code", "code"), drop=False), findings


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    """Return what makes units out of a drawing."""
    return Drawn()
