"""Results appear at once or not at all."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from geomerge.errors import LayerError
from geomerge.previous import MANIFEST
from geomerge.publish import hand_over, recover, staged


def fill(folder: Path, content: str) -> None:
    manifest = {"versions": {"geomerge": "1"}, "outputs": [], "text": content}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def text(folder: Path) -> str:
    return str(json.loads((folder / MANIFEST).read_text())["text"])


def test_new_folder(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as folder:
        fill(folder, "new")
        assert not (tmp_path / "out").exists()
    assert text(tmp_path / "out") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_replaces_what_geomerge_made(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with staged(tmp_path / "out") as folder:
            fill(folder, content)
    assert text(tmp_path / "out") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, OSError(28, "No space left on device")])
def test_failure_leaves_the_previous(tmp_path: Path, failure: BaseException) -> None:
    with staged(tmp_path / "out") as folder:
        fill(folder, "old")
    wanted = LayerError if isinstance(failure, OSError) else failure

    def fail() -> None:
        with staged(tmp_path / "out") as folder:
            fill(folder, "half")
            raise failure

    with pytest.raises(wanted):  # type: ignore[arg-type]
        fail()
    assert text(tmp_path / "out") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_recovers_from_a_death_between_the_two_renames(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as folder:
        fill(folder, "old")
    (tmp_path / "out").rename(tmp_path / ".out.previous")
    recover(tmp_path / "out")
    assert text(tmp_path / "out") == "old"


def test_refuses_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(LayerError, match="holds files that geomerge did not write"), staged(tmp_path / "out"):
        pass
    with staged(tmp_path / "out", overwrite=True) as folder:
        fill(folder, "new")
    assert not (tmp_path / "out" / "thesis.doc").exists()


def test_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(LayerError, match="is a file"), staged(tmp_path / "out"):
        pass


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LayerError, match="cannot be written"), staged(tmp_path / "file" / "out"):
        pass


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        dead = process.pid
    left = tmp_path / f".out.staging-{socket.gethostname()}-{dead}-abc"
    alive = tmp_path / f".out.staging-{socket.gethostname()}-{os.getpid()}-abc"
    left.mkdir()
    alive.mkdir()
    with staged(tmp_path / "out") as folder:
        fill(folder, "new")
    assert not left.exists()
    assert alive.exists()


def test_a_file_is_handed_over_without_a_copy(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    hand_over(tmp_path / "a", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").samefile(tmp_path / "a")


def test_a_file_that_somebody_else_has_too_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    os.link(tmp_path / "a", tmp_path / "backup")
    hand_over(tmp_path / "a", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_text() == "a"
    assert not (tmp_path / "new" / "a").samefile(tmp_path / "a")


def test_a_file_is_copied_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("a")
    hand_over(tmp_path / "a", tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_text() == "a"
