"""Previous results are replaced only where nothing of anybody is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from geomerge.errors import LayerError
from geomerge.previous import decisions, require_replaceable
from geomerge.run import run


@pytest.fixture
def finished(small_job: Any) -> Path:
    """The results of a job with one row to decide."""
    small_job.parcels.loc[3, "code"] = "0199"
    run(small_job.write())
    return Path(small_job.output)


def test_untouched_results_can_be_replaced(finished: Path) -> None:
    (finished / "review.gpkg-wal").write_bytes(b"")  # QGIS has it open
    require_replaceable(finished)


def test_decisions_are_not_lost(finished: Path, small_job: Any) -> None:
    assert decisions(finished / "review.gpkg") == set()
    with closing(sqlite3.connect(finished / "review.gpkg")) as connection:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(name, 1, lambda _: 0)
        connection.execute("UPDATE parcels SET decision = '0104'")
        connection.commit()
    with pytest.raises(LayerError, match="holds 1 decisions, which a new run would lose"):
        require_replaceable(finished)
    require_replaceable(finished, kept={("parcels", "4", "0104")})
    with pytest.raises(LayerError, match="holds 1 decisions"):
        require_replaceable(finished, kept={("parcels", "4", "0103")})
    run(small_job.path)
    assert (small_job.folder / "decisions.csv").read_text(encoding="utf-8").count("0104") == 1


def test_a_decision_that_was_taken_back_is_none(finished: Path, small_job: Any) -> None:
    """QGIS leaves an empty text where somebody empties a cell."""
    with closing(sqlite3.connect(finished / "review.gpkg")) as connection:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(name, 1, lambda _: 0)
        connection.execute("UPDATE parcels SET decision = ' '")
        connection.commit()
    run(small_job.path)


def test_files_of_others_are_not_lost(finished: Path, small_job: Any) -> None:
    (finished / "notes.txt").write_text("mine")
    with pytest.raises(LayerError, match=r"did not write \(notes\.txt\)"):
        run(small_job.path)
    assert (finished / "notes.txt").read_text() == "mine"


def test_a_manifest_of_another_program_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    (tmp_path / "index.html").write_text("")
    with pytest.raises(LayerError, match="is damaged, or not of geomerge"):
        require_replaceable(tmp_path)
