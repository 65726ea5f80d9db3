"""The manifest names what was read and written."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from geomerge.findings import Finding
from geomerge.manifest import Hashes, hashing, listed, manifest, sha256, versions, write_manifest


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_hash_of_a_folder_depends_on_every_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    first = sha256(tmp_path)
    (tmp_path / "b").write_bytes(b"d")
    assert sha256(tmp_path) != first


def test_files_are_listed_by_name(tmp_path: Path) -> None:
    for name in "ba":
        (tmp_path / name).write_text(name)
    assert [(entry["path"], entry["bytes"]) for entry in listed({n: tmp_path / n for n in "ba"})] == [
        ("a", 1),
        ("b", 1),
    ]


def test_versions_tell_both_gdals_apart() -> None:
    assert {"geomerge", "geopandas", "shapely", "pyogrio", "gdal"} <= set(versions())


def test_written_as_readable_json(tmp_path: Path) -> None:
    content = manifest(
        title="Ås",
        dates=["2020-01-01"],
        inputs={},
        counts={},
        findings=[Finding("should", "review", "1 row")],
    )
    write_manifest(tmp_path / "manifest.json", content)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert '"title": "Ås"' in text
    assert json.loads(text)["findings"][0]["what"] == "1 row"


def test_a_file_is_hashed_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with ThreadPoolExecutor(1) as pool:
        hashes = Hashes(pool)
        hashes.start([tmp_path / "a"])
        first = hashes.of(tmp_path / "a")
        (tmp_path / "a").unlink()
        assert hashes.of(tmp_path / "a") == first == hashlib.sha256(b"abc").hexdigest()


def test_a_hash_that_is_known_is_not_computed(tmp_path: Path) -> None:
    with hashing() as hashes:
        hashes.know(tmp_path / "a", "0123")
        assert hashes.of(tmp_path / "a") == "0123"


def test_a_file_that_is_written_after_its_hash_is_outdated(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with hashing() as hashes:
        hashes.of(tmp_path / "a")
        assert not hashes.outdated(tmp_path / "a")
        assert not hashes.outdated(tmp_path / "b")
        (tmp_path / "a").write_bytes(b"abcd")
        assert hashes.outdated(tmp_path / "a")
