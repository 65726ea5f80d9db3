"""Partitions on a real cluster of processes: row for row what one machine says, whoever dies on the way."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

import geomerge.cluster.crew
import geomerge.progress
from geomerge.assignment import COLUMNS
from geomerge.cli import main
from geomerge.cluster import reassign
from geomerge.cluster.crew import Crew, compare
from geomerge.cluster.dataset import open_dataset
from geomerge.cluster.nearby import Territory
from geomerge.cluster.work import Orders
from geomerge.errors import Blocked, CRSError, GeomergeError, InputError, LayerError
from geomerge.findings import Finding
from geomerge.plan import KeyRule
from geomerge.reassign import reassign as of_one_machine
from geomerge.rekey import check_keys, joined, rekey

SIDE = 6  # units in a row and in a column
WIDE = 100.0
ROWS = 2000
PATIENCE = 120  # seconds that anything may take on a slow machine


def unit(number: int) -> str:
    return f"{number:04d}"


def make_pieces() -> gpd.GeoDataFrame:
    """Return pieces of a square country: every fifth unit is cut, every third joins the next, every seventh ends."""
    rows: list[tuple[str | None, str | None, str, str, Any]] = []
    for number in range(SIDE * SIDE):
        y, x = divmod(number, SIDE)
        old, west, south = unit(number), x * WIDE, y * WIDE
        if number % 5 == 0:
            west_half = shapely.box(west, south, west + WIDE / 2, south + WIDE)
            east_half = shapely.box(west + WIDE / 2, south, west + WIDE, south + WIDE)
            rows += [
                (old, f"8{old[1:]}", f"split {old}", "part", west_half),
                (old, f"9{old[1:]}", f"split {old}", "part", east_half),
            ]
            continue
        new: str | None = old
        if number % 3 == 0:
            new = f"7{old[1:]}"
        elif number % 3 == 1 and (number - 1) % 5:
            new = f"7{unit(number - 1)[1:]}"
        elif number % 7 == 0:
            new = None
        event = "" if new == old else f"{old} > {new}"
        rows.append((old, new, event, "whole", shapely.box(west, south, west + WIDE, south + WIDE)))
    rows.append((None, unit(SIDE * SIDE), "create", "created", shapely.box(-WIDE, 0, 0, WIDE)))
    table = pd.DataFrame(rows, columns=["old_code", "new_code", "event", "kind", "geometry"])
    return gpd.GeoDataFrame(table, geometry="geometry", crs=25833)


def make_parcels(count: int = ROWS) -> gpd.GeoDataFrame:
    """Return parcels in no order, some of them without code or place, with a wrong one, or outside of everything."""
    rng = np.random.default_rng(7)
    centre = rng.uniform(-0.2, SIDE + 0.2, (count, 2)) * WIDE
    size = rng.uniform(0.5, 8, count)
    shapes = np.asarray(shapely.buffer(shapely.points(centre), size, quad_segs=3), dtype=object)
    column, row = np.clip(centre // WIDE, 0, SIDE - 1).astype(int).T
    codes = np.array([unit(number) for number in (row * SIDE + column).tolist()], dtype=object)
    shapes[::97] = None
    shapes[5::211] = shapely.Polygon()
    shapes[7::50] = shapely.centroid(shapes[7::50])
    codes[11::83] = None
    codes[13::89] = "4711"
    codes[17::71] = unit(3)
    rooms = pd.array(np.where(np.arange(count) % 4 == 0, None, np.arange(count)), dtype="Int64")
    days = pd.to_datetime("2019-05-17") + pd.to_timedelta(np.arange(count) % 40, unit="D")
    columns = {"id": np.arange(count) * 3, "code": codes, "rooms": rooms, "since": days, "share": "a half"}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=25833)


PIECES, PARCELS = make_pieces(), make_parcels()


def in_files(folder: Path, parcels: gpd.GeoDataFrame = PARCELS) -> Path:
    """Write parcels as three files with row groups of different sizes."""
    folder.mkdir()
    third = len(parcels) // 3
    for number, (start, size) in enumerate([(0, 37), (third, 150), (2 * third, 5000)]):
        stop = len(parcels) if number == 2 else start + third
        parcels.iloc[start:stop].to_parquet(folder / f"{number}.parquet", index=False, row_group_size=size)
    return folder


def plain(table: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return a table with its geometry as bytes and one word for all that is missing."""
    out = pd.DataFrame(table).astype(object)
    out["geometry"] = shapely.to_wkb(table.geometry.to_numpy())
    return out.where(out.notna(), None)


def require_equal(target: Path, *, ordered: bool, source: gpd.GeoDataFrame = PARCELS, **options: Any) -> None:
    """Compare results with those of one machine: rows, order, names of columns, and each value to its last bit."""
    wanted = of_one_machine(source, PIECES, findings=[], **options)
    for name in ("updated", "review"):
        found = gpd.read_parquet(target / name)
        rows = found.pop("source_row")
        if not ordered:
            found, rows = found.iloc[np.argsort(rows)], rows.sort_values()
        table = getattr(wanted, name)
        assert rows.tolist() == table.index.tolist()
        assert found.crs == table.crs
        pd.testing.assert_frame_equal(plain(found).reset_index(drop=True), plain(table).reset_index(drop=True))


def require_clean(folder: Path, *names: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


class Machines:
    """A scheduler and workers as processes of their own, as on machines apart."""

    def __init__(self, folder: Path, log: Any) -> None:
        self._file, self._log = folder / "scheduler.json", log
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        until(self._file.exists)
        self.address: str = json.loads(self._file.read_text())["address"]

    def _start(self, program: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--dashboard-address", "127.0.0.1:0", *arguments]
        command += ["--scheduler-file", str(self._file)]
        process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env={**os.environ, **environment})
        self._processes.append(process)
        return process

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker that nobody starts again."""
        return self._start(
            "dask_worker", "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--host", "127.0.0.1", **environment
        )

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


def until(true: Callable[[], Any]) -> Any:
    """Wait for something to be true."""
    end = time.monotonic() + PATIENCE
    while not (value := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def machines_in(folder: Path) -> Iterator[Machines]:
    with (folder / "log.txt").open("wb") as log:
        started = Machines(folder, log)
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with machines_in(tmp_path_factory.mktemp("machines")) as started:
        for _ in range(2):
            started.worker()
        yield started


@contextlib.contextmanager
def one_machine() -> Iterator[LocalCluster]:
    """Start one worker here, which is started again when it dies."""
    quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, **quiet) as cluster:
        yield cluster


class Killer(threading.Thread):
    """Kill a worker in the middle of its work: one that has tasks in hand, and is stopped so that it keeps them."""

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__()
        self._client, self._folder = client, folder
        self._processes = client.run(os.getpid)
        self.in_hand: list[str] = []

    def run(self) -> None:
        until(lambda: list(self._folder.glob(".out.staging-*/updated/part-*")))
        until(lambda: any(self._kill(worker, process) for worker, process in self._processes.items()))

    def _kill(self, worker: str, process: int) -> bool:
        if not self._client.processing().get(worker):
            return False
        os.kill(process, signal.SIGSTOP)
        time.sleep(0.2)  # what it said before it stopped arrives
        self.in_hand = [key for key in self._client.processing()[worker] if key.startswith("reassigning")]
        os.kill(process, signal.SIGKILL if self.in_hand else signal.SIGCONT)
        return bool(self.in_hand)


def require_survived(address: str, folder: Path, workers: int) -> None:
    """Reassign while a worker is killed; nothing is missing, nothing is there twice."""
    source = in_files(folder / "source")
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers)
        killer = Killer(client, folder)
        killer.start()
        outcome = reassign(source, PIECES, folder / "out", scheduler=address, workers=workers, rows=40, findings=[])
        killer.join()
    assert killer.in_hand
    assert outcome.rows == ROWS
    assert outcome.partitions > ROWS / 80
    require_equal(folder / "out", ordered=False)
    require_clean(folder, "out", "source")


# --- the result is that of one machine


@pytest.mark.parametrize("sort", [True, False])
def test_result_is_that_of_one_machine(machines: Machines, tmp_path: Path, sort: bool) -> None:
    source = in_files(tmp_path / "source")
    findings: list[Finding] = []
    outcome = reassign(
        source, PIECES, tmp_path / "out", scheduler=machines.address, rows=300, sort=sort, findings=findings
    )
    require_equal(tmp_path / "out", ordered=not sort)
    wanted: list[Finding] = []
    whole = of_one_machine(PARCELS, PIECES, findings=wanted)
    assert findings == wanted
    assert (outcome.rows, outcome.updated) == (ROWS, len(whole.updated))
    assert outcome.review == whole.review["reason"].value_counts().to_dict()
    assert outcome.partitions == (7 if sort else 9)
    require_clean(tmp_path, "out", "source")
    require_clean(tmp_path / "out", "updated", "review", "manifest.json")


@pytest.mark.parametrize("options", [{"verify": "all", "min_share": 0.6}, {"verify": "none"}])
def test_options_reach_the_workers(machines: Machines, tmp_path: Path, options: dict[str, Any]) -> None:
    source = in_files(tmp_path / "source")
    reassign(source, PIECES, tmp_path / "out", scheduler=machines.address, rows=300, findings=[], **options)
    require_equal(tmp_path / "out", ordered=False, **options)


def test_partitions_are_compact_and_say_where_they_are(machines: Machines, tmp_path: Path) -> None:
    in_files(tmp_path / "source")
    reassign(tmp_path / "source", PIECES, tmp_path / "out", scheduler=machines.address, rows=250, findings=[])
    parts = sorted((tmp_path / "out/updated").glob("part-*"))
    boxes = []
    for part in parts:
        declared = json.loads(pq.read_schema(part).metadata[b"geo"])["columns"]["geometry"]
        table = gpd.read_parquet(part)
        assert declared["bbox"] == pytest.approx(table.total_bounds.tolist(), abs=0)
        assert set(declared["geometry_types"]) == set(table.geom_type.dropna())
        boxes.append(shapely.box(*declared["bbox"]))
    country = shapely.union_all(boxes)
    assert sum(box.area for box in boxes) < 2.5 * country.area
    common = json.loads(pq.read_schema(tmp_path / "out/updated/_common_metadata").metadata[b"geo"])
    assert common["columns"]["geometry"]["bbox"] == pytest.approx(country.bounds, abs=0)
    # the boxes serve who looks for a place
    corner = (10, 10, 120, 90)
    found = gpd.read_parquet(tmp_path / "out/updated", bbox=corner)
    whole = gpd.read_parquet(tmp_path / "out/updated")
    assert found["id"].tolist() == whole.loc[whole.intersects(shapely.box(*corner)), "id"].tolist()
    assert 0 < len(found) < len(whole)


def test_columns_stay_as_they_are_in_the_source(machines: Machines, tmp_path: Path) -> None:
    table = PARCELS.iloc[:300].assign(kind=pd.Categorical(["a", "b", None] * 100), tags=[["x", "y"]] * 300)
    table.to_parquet(tmp_path / "in.parquet", compression="zstd", write_covering_bbox=True, index=False)
    before = pq.read_table(tmp_path / "in.parquet")
    reassign(
        tmp_path / "in.parquet", PIECES, tmp_path / "out", scheduler=machines.address, rows=90, sort=False, findings=[]
    )
    for name in ("updated", "review"):
        after = pq.read_table(tmp_path / "out" / name)
        rows = after.column("source_row").to_numpy()
        assert after.select(before.schema.names).equals(before.take(rows))
        new = [{"share": "share_assigned"}.get(column, column) for column in COLUMNS]
        assert after.schema.names == [*before.schema.names, *new, "source_row"]
        part = pq.ParquetFile(tmp_path / "out" / name / "part-000000.parquet")
        assert part.metadata.row_group(0).column(0).compression == "ZSTD"


def test_workers_are_left_as_they_were(machines: Machines, tmp_path: Path) -> None:
    def plugins(dask_worker: Any) -> list[str]:
        return [name for name in dask_worker.plugins if name.startswith("geomerge")]

    reassign(in_files(tmp_path / "source"), PIECES, tmp_path / "out", scheduler=machines.address, findings=[])
    with Client(machines.address, set_as_default=False) as client:
        assert set(map(tuple, client.run(plugins).values())) == {()}


def test_manifest_lists_what_was_read_and_written(machines: Machines, tmp_path: Path) -> None:
    from geomerge.manifest import listed

    source = in_files(tmp_path / "source")
    for _ in range(2):  # the second run may replace what the first one wrote
        reassign(source, PIECES, tmp_path / "out", scheduler=machines.address, findings=[])
    content = json.loads((tmp_path / "out/manifest.json").read_text())
    files = {str(path): path for path in source.iterdir()}
    assert content["inputs"] == listed(files)
    there = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*")}
    written = {name: path for name, path in there.items() if path.is_file() and name != "manifest.json"}
    assert sorted(content["outputs"], key=lambda output: output["path"]) == listed(written)
    assert content["counts"]["rows"] == ROWS


def test_same_input_gives_the_same_bytes(machines: Machines, tmp_path: Path) -> None:
    source = in_files(tmp_path / "source")
    for name in ("a", "b"):
        reassign(source, PIECES, tmp_path / name, scheduler=machines.address, rows=300, findings=[])
    first, second = (json.loads((tmp_path / name / "manifest.json").read_text())["outputs"] for name in ("a", "b"))
    assert first == second


def test_dataset_without_rows(machines: Machines, tmp_path: Path) -> None:
    none = PARCELS.iloc[:0]
    none.to_parquet(tmp_path / "in.parquet", index=False)
    for sort in (True, False):
        outcome = reassign(
            tmp_path / "in.parquet", PIECES, tmp_path / "out", scheduler=machines.address, sort=sort, findings=[]
        )
        assert (outcome.rows, outcome.updated, outcome.review) == (0, 0, {})
        require_equal(tmp_path / "out", ordered=True, source=none)


@settings(max_examples=25)
@given(
    rows=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40, unique=True),
    verify=st.sampled_from(["affected", "all", "none"]),
)
def test_pieces_around_are_enough(rows: list[int], verify: Any) -> None:
    some = PARCELS.iloc[rows]
    near = Territory(PIECES).around(some.total_bounds, some["code"].dropna().unique())
    found = of_one_machine(some, near, verify=verify, findings=[]).whole()
    pd.testing.assert_frame_equal(plain(found), plain(of_one_machine(some, PIECES, verify=verify, findings=[]).whole()))


# --- new keys


RULES = [
    KeyRule.model_validate({"from": unit(number), "to": f"7{unit(number - number % 3)[1:]}", "add": add})
    for number in range(SIDE * SIDE)
    for add in [5000 + 3000 * (number % 3)]
]


def with_number(parcels: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    numbers = np.arange(len(parcels))
    bnr = pd.array(np.where(numbers % 9 == 0, None, numbers % 3), dtype="Int64")
    texts = [f"{number + 1}/{number % 3}" for number in numbers.tolist()]
    return parcels.assign(gnr=numbers + 1, bnr=bnr, matrikkel=texts)


def test_keys_are_those_of_one_machine(machines: Machines, tmp_path: Path) -> None:
    parcels = with_number(PARCELS)
    source = in_files(tmp_path / "source", parcels)
    options: dict[str, Any] = {"key": ["gnr", "bnr"]}
    reassign(
        source, PIECES, tmp_path / "out", scheduler=machines.address, rows=300, rules=RULES, key_text="matrikkel",
        findings=[], **options,
    )  # fmt: skip
    wanted = of_one_machine(parcels, PIECES, findings=[]).updated
    keys = rekey(wanted, RULES, text="matrikkel", **options)
    assert (keys["gnr"] != wanted["gnr"]).sum() > 100
    found = gpd.read_parquet(tmp_path / "out/updated").set_index("source_row").sort_index()
    assert found["gnr"].tolist() == wanted["gnr"].tolist()
    new = found[["new_gnr", "new_bnr", "new_matrikkel"]].set_axis(list(keys.columns), axis=1)
    for column in keys.columns:
        assert new[column].astype(object).where(new[column].notna(), None).tolist() == (
            keys[column].astype(object).where(keys[column].notna(), None).tolist()
        )
    schema = pq.read_schema(tmp_path / "out/updated/part-000000.parquet")
    assert [schema.field(f"new_{name}").type for name in ("gnr", "bnr")] == [pa.int64(), pa.int64()]


def test_keys_that_collide_across_partitions_are_told_as_by_one_machine(machines: Machines, tmp_path: Path) -> None:
    twin = RULES[3].from_, RULES[4].from_
    parcels = with_number(PARCELS)
    home = of_one_machine(parcels, PIECES, findings=[])
    rows = [home.updated.index[home.updated["code"] == code][:2].tolist() for code in twin]
    parcels.loc[rows[0], "gnr"] = [100_000, 200_000]
    parcels.loc[rows[1], "gnr"] = [97_000, 197_000]
    parcels.loc[[*rows[0], *rows[1]], "bnr"] = 1
    found = of_one_machine(parcels, PIECES, findings=[])
    keys = rekey(found.updated, RULES, key=["gnr", "bnr"])
    old = joined(found.updated, found.updated["code"], ["gnr", "bnr"])
    (wanted,) = check_keys(old, joined(keys, found.updated["new_code"], ["gnr", "bnr"]), "features")
    source = in_files(tmp_path / "source", parcels)
    with pytest.raises(Blocked) as raised:
        reassign(
            source, PIECES, tmp_path / "out", scheduler=machines.address, rows=300, rules=RULES, key=["gnr", "bnr"]
        )
    assert raised.value.findings == (wanted,)
    assert wanted.what.startswith("2 new keys")
    require_clean(tmp_path, "source")


# --- who dies on the way


def test_a_killed_worker_is_made_good_by_the_others(tmp_path: Path) -> None:
    with machines_in(tmp_path) as machines:
        workers = [machines.worker() for _ in range(2)]
        (tmp_path / "work").mkdir()
        require_survived(machines.address, tmp_path / "work", workers=2)
        until(lambda: [worker.poll() for worker in workers].count(-signal.SIGKILL) == 1)


def test_a_killed_worker_is_started_again_even_if_it_was_the_only_one(tmp_path: Path) -> None:
    with one_machine() as cluster:
        require_survived(cluster.scheduler_address, tmp_path, workers=1)


def test_work_that_kills_its_workers_is_given_up() -> None:
    def die(_item: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        one_machine() as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(InputError, match=r"7 was given up: 1 workers died over it.*Make partitions smaller"),
    ):
        Crew(client, PATIENCE).map("Dying", die, [7])


def test_it_does_not_wait_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geomerge.cluster.crew, "WATCH", 0.1)
    source = in_files(tmp_path / "source")
    with machines_in(tmp_path) as machines:
        address = machines.address
        with pytest.raises(InputError, match=r"has 0 workers, and not 1 after 0.5 seconds. Start workers: dask"):
            reassign(source, PIECES, tmp_path / "out", scheduler=address, timeout=0.5)
        with Client(address, set_as_default=False) as client:
            with pytest.raises(InputError, match=r"No worker is left at tcp://.*, and none came for 0.5 seconds"):
                Crew(client, 0.5).map("Waiting", str, [1])
            threading.Timer(1, machines.stop).start()
            with pytest.raises(InputError, match=f"The scheduler at {address} is gone"):
                Crew(client, PATIENCE).map("Waiting", str, [1])
    require_clean(tmp_path, "log.txt", "scheduler.json", "source")


def test_interrupted_from_the_keyboard(tmp_path: Path) -> None:
    in_files(tmp_path / "source", pd.concat([PARCELS] * 10))
    PIECES.to_parquet(tmp_path / "pieces.parquet")
    arguments = ["cluster", "reassign", "source", "--pieces", "pieces.parquet", "-o", "out", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "geomerge", *arguments, "--rows", "40"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: list(tmp_path.glob(".out.staging-*/.runs/run-*")) or process.poll() is not None)
    helpers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that it started
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    assert errors == "geomerge: interrupted. The previous results are as they were.\n"
    until(lambda: not psutil.wait_procs(helpers, timeout=1)[1])
    require_clean(tmp_path, "source", "pieces.parquet")


# --- what does not fit is told before any work starts


def other(**columns: Any) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        in_files(folder / "in")
        PARCELS.iloc[:9].assign(**columns).to_parquet(folder / "in/3.parquet", index=False)

    return write


def one_file(change: Callable[[gpd.GeoDataFrame], Any]) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        (folder / "in").mkdir()
        change(PARCELS).to_parquet(folder / "in/a.parquet", index=False)

    return write


def cut_short(folder: Path) -> None:
    file = in_files(folder / "in") / "1.parquet"
    file.write_bytes(file.read_bytes()[:-100])


def as_points(folder: Path) -> None:
    (folder / "in").mkdir()
    points = PARCELS.set_geometry(PARCELS.representative_point()).iloc[20:40]
    points.to_parquet(folder / "in/a.parquet", index=False, geometry_encoding="geoarrow")


def with_values_as_folders(folder: Path) -> None:
    (folder / "in/country=NO").mkdir(parents=True)
    PARCELS.to_parquet(folder / "in/country=NO/a.parquet", index=False)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda _folder: None, "in does not exist"),
        (lambda folder: (folder / "in").mkdir(), "in holds no GeoParquet file"),
        (lambda folder: (folder / "in").write_text("a"), "in is no GeoParquet. Write it as one first"),
        (cut_short, "1.parquet is damaged or cut short"),
        (other(more=1), r"3.parquet has other columns than .*0.parquet \(more\)"),
        (other(id="a"), "Column id of .*3.parquet is .*string, but int64 in .*0.parquet. Give it one type."),
        (one_file(lambda table: pd.DataFrame(table.drop(columns="geometry"))), "a.parquet has no geometry"),
        (one_file(lambda table: table.drop(columns="code")), "features have no column code"),
        (one_file(lambda table: table.assign(code=1)), "holds numbers such as 1, not text"),
        (one_file(lambda table: table.assign(new_code="1")), "have a column new_code already"),
        (one_file(lambda table: table.assign(source_row=1)), "have a column source_row already"),
        (one_file(lambda table: table.to_crs(25832)), "is in EPSG:25833, features in EPSG:25832. Reproject"),
        (one_file(lambda table: table.set_crs(None, allow_override=True)), "features has no CRS"),
        (as_points, "a.parquet holds its geometry as point, not as WKB"),
        (with_values_as_folders, "folders whose names are values"),
    ],
)  # fmt: skip
def test_a_source_that_does_not_fit(write: Callable[[Path], Any], sentence: str, tmp_path: Path) -> None:
    write(tmp_path)
    there = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(GeomergeError, match=sentence):
        reassign(tmp_path / "in", PIECES, tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    require_clean(tmp_path, *there)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_share": 0.4}, "min_share is 0.4"),
        ({"verify": "some"}, "verify is some"),
        ({"rows": 0}, "rows is 0"),
        ({"code": "kommune"}, "no column kommune"),
        ({"key": ["gnr"]}, "no column gnr"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    with pytest.raises(InputError, match=sentence):
        reassign(source, PIECES, tmp_path / "out", scheduler="tcp://127.0.0.1:1", **options)


def test_pieces_that_do_not_fit(tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    with pytest.raises(InputError, match="pieces have no column kind"):
        reassign(source, PIECES.drop(columns="kind"), tmp_path / "out")
    degrees = tmp_path / "degrees.parquet"
    PARCELS.to_crs(4326).to_parquet(degrees, index=False)
    with pytest.raises(CRSError, match="areas and widths cannot be measured"):
        reassign(degrees, PIECES.to_crs(4326), tmp_path / "out")


def test_a_target_that_is_taken(tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(LayerError, match=r"holds files that geomerge did not write \(mine.txt\)"):
        reassign(source, PIECES, tmp_path / "out")
    for target in (source, source / "out", tmp_path):
        with pytest.raises(LayerError, match="lie in one another"):
            reassign(source, PIECES, target)


def test_a_folder_that_cannot_be_there(tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    (tmp_path / "file").write_text("a file")
    with pytest.raises(LayerError, match=r"cannot be written.*Choose another folder"):
        reassign(source, PIECES, tmp_path / "file/out")


def test_damage_that_only_workers_meet_is_told_together(machines: Machines, tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    for name in ("1.parquet", "2.parquet"):
        table = pq.read_table(source / name)
        values = table.column("geometry").to_pylist()
        values[-1] = b"\x01\x03\0\0\0\x01"
        at = table.schema.get_field_index("geometry")
        broken = table.set_column(at, table.schema.field(at), pa.array(values, type=table.schema.field(at).type))
        pq.write_table(broken, source / name, row_group_size=100)
    for sort in (True, False):
        with pytest.raises(InputError) as raised:
            reassign(source, PIECES, tmp_path / "out", scheduler=machines.address, rows=100, sort=sort)
        assert len(raised.value.faults) == 2
        first, second = raised.value.faults
        assert "1.parquet, row group 6 holds a geometry that is damaged" in first
        assert "2.parquet, row group 6 holds a geometry that is damaged" in second
        require_clean(tmp_path, "in")


def test_a_page_that_is_damaged(machines: Machines, tmp_path: Path) -> None:
    file = tmp_path / "in.parquet"
    PARCELS.to_parquet(file, index=False, row_group_size=500)
    place = pq.read_metadata(file).row_group(3).column(1).data_page_offset
    data = bytearray(file.read_bytes())
    data[place : place + 20] = b"\xff" * 20
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"in.parquet, row group 3 is damaged or cannot be read"):
        reassign(file, PIECES, tmp_path / "out", scheduler=machines.address, rows=500)
    require_clean(tmp_path, "in.parquet")


# --- the cluster


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    for wrong in (address, "nonsense://machine"):
        with pytest.raises(InputError, match=f"No scheduler answers at {wrong} within 1 seconds"):
            reassign(source, PIECES, tmp_path / "out", scheduler=wrong, timeout=1)
    require_clean(tmp_path, "in")


def test_a_worker_with_another_geomerge(machines: Machines, tmp_path: Path) -> None:
    source = in_files(tmp_path / "in")
    facts = tmp_path / "old/geomerge-0.0.1.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: geomerge\nVersion: 0.0.1\n")
    odd = machines.worker(PYTHONPATH=str(facts.parent))
    try:
        with pytest.raises(
            InputError, match=r"geomerge is 0.0.1 on the worker tcp://.*, but .* here. Install the same"
        ):
            reassign(source, PIECES, tmp_path / "out", scheduler=machines.address, workers=3)
    finally:
        odd.kill()
        odd.wait()
    require_clean(tmp_path, "in", "old")


def test_a_folder_that_workers_do_not_see(machines: Machines, tmp_path: Path) -> None:
    data = open_dataset(in_files(tmp_path / "source"), 100)
    orders = Orders(data, str(tmp_path / "elsewhere"), "code", 0.9, "all", None)
    with Client(machines.address, set_as_default=False) as client:
        hands = Crew(client, PATIENCE)
        with (
            pytest.raises(InputError, match=r"A worker does not see .*elsewhere"),
            hands.seated(orders, str(tmp_path / "elsewhere/pieces.parquet")),
        ):
            pass
        newcomer = machines.worker()  # nor does it keep others from joining
        client.wait_for_workers(3, timeout=PATIENCE)
        newcomer.kill()
        newcomer.wait()


def test_a_worker_without_geomerge_and_one_with_another_geos() -> None:
    here = {"geomerge": "1", "geos": "3.14"}
    with pytest.raises(InputError, match=r"The worker a has no geomerge. Install geomerge 1 there"):
        compare(here, {"the worker a": {}}, print)
    findings: list[Finding] = []
    compare(here, {"the worker a": {"geomerge": "1", "geos": "3.10"}}, findings.append)
    assert [str(finding) for finding in findings] == [
        "geos is 3.10 on the worker a, but 3.14 here; results may differ in their last digits (cluster). "
        "Install the same versions everywhere."
    ]


def test_progress_is_shown(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nap(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with Client(machines.address, set_as_default=False) as client:
        assert Crew(client, PATIENCE).map("Napping", nap, [0.2] * 4) == [0.2] * 4
        assert capsys.readouterr().err == ""  # piped
        monkeypatch.setattr(geomerge.progress, "_silent", lambda: False)
        Crew(client, PATIENCE).map("Napping", nap, [0.6] * 4)
    assert "Napping" in capsys.readouterr().err


# --- the command


def test_command_on_workers_started_here(tmp_path: Path) -> None:
    in_files(tmp_path / "source")
    PIECES.to_parquet(tmp_path / "pieces.parquet")
    arguments = ["cluster", "reassign", "source", "--pieces", "pieces.parquet", "-o", "out", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "geomerge", *arguments, "--rows", "500"],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = of_one_machine(PARCELS, PIECES, findings=[])
    counts = f"{len(whole.updated)} updated, {len(whole.review)} to decide"
    assert done.stdout == f"2000 rows in 4 partitions: {counts}\nResults: out\n"
    assert all(line.startswith("should  review: ") for line in done.stderr.splitlines())
    require_equal(tmp_path / "out", ordered=False)


def test_command_prints_for_machines(machines: Machines, tmp_path: Path) -> None:
    in_files(tmp_path / "source")
    PIECES.to_parquet(tmp_path / "pieces.parquet")
    arguments = ["--pieces", tmp_path / "pieces.parquet", "-o", tmp_path / "out", "--scheduler", machines.address]
    arguments = ["cluster", "reassign", tmp_path / "source", *arguments, "--keep-order", "--json"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["updated"] + sum(told["review"].values()) == told["rows"] == ROWS
    require_equal(tmp_path / "out", ordered=True)


def test_without_dask_the_command_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_files(tmp_path / "source")
    PIECES.to_parquet(tmp_path / "pieces.parquet")
    monkeypatch.delitem(sys.modules, "geomerge.cluster.crew", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["--pieces", tmp_path / "pieces.parquet", "-o", tmp_path / "out"]
    done = CliRunner().invoke(main, list(map(str, ["cluster", "reassign", tmp_path / "source", *arguments])))
    assert done.exit_code == 2
    assert done.stderr == (
        "geomerge: Work on partitions needs Dask, which is not installed. Install it: pip install 'geomerge[cluster]'\n"
    )
