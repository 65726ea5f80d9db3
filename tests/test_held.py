"""Results are not replaced while somebody edits them; who only looks does not stand in the way."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from geomerge import publish
from geomerge.errors import LayerError
from geomerge.held import require_closed
from geomerge.run import run

EDIT = 'UPDATE gpkg_contents SET description = "mine"'


@pytest.fixture
def finished(small_job: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a job with one row to decide; made once, and copied for a test that may spoil them."""
    made = tmp_path_factory.getbasetemp() / "made"
    small_job.parcels.loc[3, "code"] = "0199"
    small_job.write()
    if not made.exists():
        run(small_job.path)
        shutil.copytree(small_job.output, made)
    shutil.copytree(made, small_job.output, dirs_exist_ok=True)
    return Path(small_job.output)


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def test_an_edit_that_is_not_saved_is_not_lost(finished: Path, small_job: Any) -> None:
    path = finished / "boundaries.gpkg"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LayerError, match=r"boundaries\.gpkg is being edited in another program\. Save .* QGIS.*-o"):
            run(small_job.path)
        other.execute(EDIT)
        with pytest.raises(LayerError, match=r"boundaries\.gpkg has changes that are not in it yet"):
            run(small_job.path)
        other.execute("COMMIT")
    assert sound(path)
    run(small_job.path)


def test_a_file_with_a_log_that_is_open_is_not_replaced(finished: Path, small_job: Any) -> None:
    with closing(sqlite3.connect(finished / "boundaries.gpkg", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")  # as QGIS does when it starts to edit
        other.execute("SELECT count(*) FROM gpkg_contents").fetchone()
        with pytest.raises(LayerError, match=r"boundaries\.gpkg is being edited"):
            run(small_job.path)
        other.execute("PRAGMA journal_mode = DELETE")
    run(small_job.path)


def test_a_log_with_changes_is_not_lost(finished: Path, small_job: Any, tmp_path: Path) -> None:
    path = finished / "boundaries.gpkg"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute(EDIT)
        for end in ("", "-wal"):  # as a program leaves them that was killed
            shutil.copyfile(f"{path}{end}", tmp_path / f"left{end}")
    for end in ("", "-wal"):
        shutil.copyfile(tmp_path / f"left{end}", f"{path}{end}")
    with pytest.raises(LayerError, match=r"not in it yet \(boundaries\.gpkg-wal\)"):
        run(small_job.path)
    with closing(sqlite3.connect(path)) as again:
        assert again.execute("SELECT DISTINCT description FROM gpkg_contents").fetchall() == [("mine",)]
    run(small_job.path, overwrite=True)
    assert sound(path)


def test_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("a.gpkg", "b.gpkg"):
        sqlite3.connect(tmp_path / name).close()
        (tmp_path / f"{name}-wal").write_bytes(b"log")
    with pytest.raises(LayerError) as caught:
        require_closed(tmp_path)
    assert len(caught.value.faults) == 2


def test_who_only_reads_keeps_the_old_file(finished: Path, small_job: Any) -> None:
    with closing(sqlite3.connect(finished / "boundaries.gpkg")) as other:
        reading = other.execute("SELECT code FROM units_before ORDER BY code")
        first = reading.fetchone()
        small_job.units.loc[3, "name"] = "Other"  # so that the file is made anew
        run(small_job.write())
        assert [first, *reading.fetchall()] == [("0101",), ("0102",), ("0103",), ("0104",)]
    assert sound(finished / "boundaries.gpkg")


def test_previous_files_are_no_second_name_of_one_that_is_open(tmp_path: Path) -> None:
    for name in ("closed.gpkg", "open.gpkg"):
        (tmp_path / name).write_bytes(b"rows")
    (tmp_path / "open.gpkg-shm").write_bytes(b"")
    for name in ("closed.gpkg", "open.gpkg"):
        publish.hand_over(tmp_path / name, tmp_path / "new" / name)
    assert [(tmp_path / "new" / name).stat().st_nlink for name in ("closed.gpkg", "open.gpkg")] == [2, 1]


def test_where_locks_do_not_work_the_files_beside_tell(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: Any, **__: Any) -> Any:
        fault = sqlite3.OperationalError("disk I/O error")
        fault.sqlite_errorcode = sqlite3.SQLITE_IOERR_LOCK
        raise fault

    monkeypatch.setattr(sqlite3, "connect", no_locks)
    require_closed(finished)
    (finished / "boundaries.gpkg-wal").write_bytes(b"log")
    with pytest.raises(LayerError, match="not in it yet"):
        require_closed(finished)


def test_a_folder_that_a_system_keeps_because_it_is_open(
    finished: Path, small_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, _: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file", str(self))

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(LayerError, match=r"out cannot be replaced: .*Close its files in QGIS"):
        run(small_job.path)
    assert (finished / "manifest.json").exists()


@contextmanager
def opened(qgis_python: str, finished: Path, home: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """Have a project open in QGIS."""
    runtime = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"}
    program = [qgis_python, "-s", str(Path(__file__).with_name("qgis_edit.py"))]
    with subprocess.Popen(
        [*program, str(finished / "project.qgz"), "Review: Parcels", what],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **runtime},
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as qgis:  # fmt: skip
        try:
            assert qgis.stdout is not None
            assert qgis.stdout.readline() == "ready 1\n"
            yield qgis
        finally:
            qgis.kill()


@pytest.mark.real
def test_qgis_with_an_edit_that_is_not_saved(
    finished: Path, small_job: Any, qgis_python: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with opened(qgis_python, finished, tmp_path_factory.mktemp("home"), "edit") as qgis:
        before = (finished / "manifest.json").read_bytes()
        with pytest.raises(LayerError, match=r"review\.gpkg is (open|being edited) in another program"):
            run(small_job.path)
        assert (finished / "manifest.json").read_bytes() == before
        assert qgis.communicate("\n", timeout=60)[0] == "still 1\n"
    run(small_job.path)
    assert sound(finished / "review.gpkg")


@pytest.mark.real
def test_qgis_that_only_shows_the_results(
    finished: Path, small_job: Any, qgis_python: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with opened(qgis_python, finished, tmp_path_factory.mktemp("home"), "look") as qgis:
        small_job.parcels.loc[2, "code"] = "0198"  # two rows to decide now
        run(small_job.write())
        assert qgis.communicate("\n", timeout=60)[0] in ("still 1\n", "still 2\n")
    for name in ("review.gpkg", "boundaries.gpkg"):
        assert sound(finished / name)
