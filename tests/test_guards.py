"""What guards the door to files: nothing is left half-written, and messages name what the user named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from geomerge.errors import LayerError
from geomerge.files.guards import copy_bytes, on_disk, require_file, staged, unwritable


def test_a_target_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.geojson"
    with staged(target) as stage:
        stage.write_text("{}")
        assert not target.exists()
    assert target.read_text() == "{}"
    assert list(target.parent.iterdir()) == [target]


def test_what_fails_leaves_the_old_one_and_no_trace(tmp_path: Path) -> None:
    target = tmp_path / "a.geojson"
    target.write_text("old")

    def fail(error: Exception) -> None:
        with staged(target) as stage:
            stage.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(LayerError, match=r"a\.geojson cannot be written: .*\. Free the disk"):
        fail(OSError(errno.ENOSPC, "No space left on device"))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_message_names_the_target_not_the_stage(tmp_path: Path) -> None:
    target = tmp_path / "a.geojson"

    def fail() -> None:
        with staged(target) as stage:
            raise LayerError(f"{stage} is wrong.")

    with pytest.raises(LayerError) as raised:
        fail()
    assert str(raised.value) == f"{target} is wrong."


def test_files_of_several_layers_start_from_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.gdb").mkdir()
    (tmp_path / "a.gdb" / "one").write_text("1")
    with staged(tmp_path / "a.gdb", keep=True) as stage:
        (stage / "two").write_text("2")
    assert sorted(file.name for file in (tmp_path / "a.gdb").iterdir()) == ["one", "two"]


def test_a_stale_log_never_meets_a_new_geopackage(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_text("old")
    (tmp_path / "a.gpkg-wal").write_text("log of the old one")
    with staged(tmp_path / "a.gpkg") as stage:
        stage.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.gpkg"]


def test_the_remedy_fits_the_cause(tmp_path: Path) -> None:
    denied = unwritable(tmp_path, OSError(errno.EACCES, "Permission denied"))
    assert denied.endswith("Permission denied. Choose another folder, or ask for permission to write there.")


def test_a_missing_file_is_said_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="Nor is there anything in its folder"):
        require_file(tmp_path / "nei" / "a.gpkg")
    with pytest.raises(LayerError, match=r"z\.zip does not exist"):
        require_file(f"zip://{tmp_path}/z.zip!a.shp")
    with on_disk(tmp_path / "a.gpkg") as file:
        assert file == tmp_path / "a.gpkg"


def test_a_shapefile_is_replaced_with_its_own_files_only(tmp_path: Path) -> None:
    for name in ("a.shp", "a.prj", "a.SBN", "a.kode.atx", "a.gpkg", "a.zip", "a.old.prj"):
        (tmp_path / name).write_text("old")
    with staged(tmp_path / "a.shp") as stage:
        stage.write_text("new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.gpkg", "a.old.prj", "a.shp", "a.zip"]


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EOPNOTSUPP])
def test_a_file_is_copied_where_the_system_cannot_share_it(
    reason: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(reason, "no")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    copy_bytes(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"abc" * 1000


def test_a_full_disk_is_no_reason_to_copy_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(OSError, match="full"):
        copy_bytes(tmp_path / "a", tmp_path / "b")
