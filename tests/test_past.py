"""Previous results are believed only where they are what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import CRS

from geomerge.findings import Finding
from geomerge.manifest import Hashes, listed, sha256, write_manifest
from geomerge.results import Account
from geomerge.reuse.past import Past, Record, Step, recall, told_digest

TOLD = {"title": "Ås", "counts": {"area": 0.1 + 0.2}}
FINDING = Finding("should", "sliver", "narrow", "a", "b", shapely.Point(0.1, 2, 3))


@pytest.fixture
def hashes() -> Iterator[Hashes]:
    with ThreadPoolExecutor(1) as pool:
        yield Hashes(pool)


def account() -> Account:
    shapes = [shapely.Polygon([(0, 0, 1), (1, 0, 2), (1, 1, 3)]), None]
    review = gpd.GeoDataFrame(
        {
            "id": pd.array(["1", None], dtype="string"),
            "share": [0.1 + 0.2, float("nan")],
            "note": pd.array([None, None], dtype="string"),
        },
        geometry=shapes,
        crs="EPSG:25833",
    )
    return Account({"rows": 3, "moved": 1, "review": 2}, review, (FINDING,), ("Polygon",), CRS("EPSG:4326"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results of one layer."""
    (tmp_path / "ledger.csv").write_text("head\nrow\n")
    (tmp_path / "a.txt").write_text("a")
    record = Record(
        {"geomerge": "1", "job": "2"},
        told_digest(TOLD),
        {"parcels": {"input": "3", "job": None}},
        {"parcels": account()},
        {"parcels": (5, 9)},
        {"a": Step({"content": "4"}, ("a.txt",), (FINDING,))},
    )
    record.write(tmp_path)
    files = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    write_manifest(tmp_path / "manifest.json", TOLD | {"outputs": listed(files), "timings": "timings.json"})
    return tmp_path


def recalled(folder: Path, hashes: Hashes) -> Past:
    past = recall(folder, hashes)
    assert past is not None
    return past


def test_what_was_told_comes_back_as_it_was(folder: Path, hashes: Hashes) -> None:
    past = recalled(folder, hashes)
    found, made = past.account("parcels"), account()
    assert found is not None
    pd.testing.assert_frame_equal(pd.DataFrame(found.review), pd.DataFrame(made.review))
    assert found.review.crs == made.review.crs
    assert shapely.to_wkb(found.review.geometry[0]) == shapely.to_wkb(made.review.geometry[0])
    assert (found.counts, found.findings, found.kinds, found.crs) == (made.counts, (FINDING,), ("Polygon",), made.crs)
    assert past.recipe("parcels") == {"input": "3", "job": None}
    assert past.recipe("houses") is None
    assert past.ledger("parcels") == (5, 9)
    assert past.step("a") == Step({"content": "4"}, ("a.txt",), (FINDING,))
    assert past.step("b") is None
    assert past.whole


def test_the_same_record_gives_the_same_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    Record({}, "", {"parcels": {}}, {"parcels": account()}, {"parcels": (0, 0)}).write(other)
    assert sha256(other / "reuse" / "parcels.parquet") == sha256(folder / "reuse" / "parcels.parquet")


@pytest.mark.parametrize("name", ["ledger.csv", "reuse/parcels.parquet"])
def test_an_account_needs_the_files_that_hold_it(name: str, folder: Path, hashes: Hashes) -> None:
    with (folder / name).open("a") as stream:
        stream.write(" ")
    past = recalled(folder, hashes)
    assert past.account("parcels") is None
    assert not past.whole


def test_a_link_is_not_what_was_written(folder: Path, hashes: Hashes, tmp_path_factory: pytest.TempPathFactory) -> None:
    kept = tmp_path_factory.mktemp("kept") / "a.txt"
    (folder / "a.txt").rename(kept)
    (folder / "a.txt").symlink_to(kept)
    assert not recalled(folder, hashes).intact("a.txt")


def test_a_manifest_that_was_edited(folder: Path, hashes: Hashes) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder / "manifest.json", content | {"title": "Mine"})
    past = recalled(folder, hashes)
    assert past.intact("a.txt")
    assert not past.whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda manifest: manifest.pop("outputs"),
        lambda manifest: manifest["outputs"].append({"path": "../elsewhere", "sha256": ""}),
        lambda manifest: manifest["outputs"].append({"path": "/etc/passwd", "sha256": ""}),
        lambda manifest: manifest["outputs"].clear(),
        lambda manifest: manifest["outputs"].append("text"),
    ],
)
def test_a_manifest_that_cannot_be_is_no_past(damage: Any, folder: Path, hashes: Hashes) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    damage(content)
    write_manifest(folder / "manifest.json", content)
    assert recall(folder, hashes) is None


def test_no_past(tmp_path: Path, hashes: Hashes) -> None:
    assert recall(tmp_path / "missing", hashes) is None
    (tmp_path / "manifest.json").write_text("[1]")
    assert recall(tmp_path, hashes) is None
