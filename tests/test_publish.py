"""Results appear at once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomerge.errors import LayerError
from geomerge.publish import MANIFEST, recover, staged


def fill(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)


def test_new_folder(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as folder:
        fill(folder, "new")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / MANIFEST).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_replaces_what_geomerge_made(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with staged(tmp_path / "out") as folder:
            fill(folder, text)
    assert (tmp_path / "out" / MANIFEST).read_text() == "new"
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
    assert (tmp_path / "out" / MANIFEST).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_recovers_from_a_death_between_the_two_renames(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as folder:
        fill(folder, "old")
    (tmp_path / "out").rename(tmp_path / ".out.previous")
    recover(tmp_path / "out")
    assert (tmp_path / "out" / MANIFEST).read_text() == "old"


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
