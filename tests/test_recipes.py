"""Recipes differ where anything that decides a result does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomerge.findings import Finding
from geomerge.manifest import Hashes
from geomerge.reuse.recipes import companions, differing, digest, file_digest, program

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


def spelled(value: Any) -> Any:
    """Return a value with the types of all that is in it."""
    if isinstance(value, dict):
        return [[spelled(key), spelled(part)] for key, part in value.items()]
    return [spelled(part) for part in value] if isinstance(value, list) else (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_values_that_differ_have_other_hashes(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (spelled(one) == spelled(other))


def table(**columns: Any) -> gpd.GeoDataFrame:
    points = [shapely.Point(0, 0), shapely.Point(1, 1)]
    return gpd.GeoDataFrame({"code": ["1", "2"], **columns}, geometry=points, crs="EPSG:25833")


@pytest.mark.parametrize(
    "other",
    [
        table(code=["1", "3"]),
        table(code=["1", None]),
        table(code=[1, 2]),
        table(more=[0, 0]),
        table().rename(columns={"code": "kode"}),
        table().set_index(pd.Index([1, 2])),
        table().iloc[::-1],
        table().to_crs("EPSG:25832"),
        table().set_geometry([shapely.Point(0, 0, 5), shapely.Point(1, 1)]),
        table().set_geometry([shapely.Point(0, 0), None]),
        pd.DataFrame(table()),
    ],
)
def test_tables_differ_by_anything_in_them(other: pd.DataFrame) -> None:
    assert digest(table()) == digest(table())
    assert digest(other) != digest(table())


def test_findings_differ_by_their_place() -> None:
    one, other = (Finding("should", "sliver", "narrow", geometry=shapely.Point(x, 0)) for x in (0, 1))
    assert digest(one) != digest(other)


def test_what_is_not_known_is_never_the_same() -> None:
    assert differing({"input": None}, {"input": None}) == ["input"]
    assert differing({"a": "1"}, {"a": "1", "b": "2"}) == ["b"]
    assert differing({"a": "1"}, {"a": "1"}) == []


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("a.gpkg", ["a.gpkg-wal", "a.gpkg-journal"]),
        ("a.shp", ["a.shp", "a.dbf", "a.shx", "a.prj", "a.cpg"]),
        ("a.gml", ["a.gml", "a.xsd", "a.gfs"]),
        ("a.tab", ["a.tab", "a.dat", "a.map", "a.id"]),
        ("a.geojson", ["a.geojson"]),
    ],
)
def test_what_is_read_with_a_file_is_part_of_it(name: str, beside: list[str], tmp_path: Path) -> None:
    for made in {name, *beside, "ab.dbf", "b.shp", *(["a.gpkg-shm"] if name == "a.gpkg" else [])}:
        (tmp_path / made).write_text("old")
    assert {path.name for path in companions(tmp_path / name)} == {name, *beside}
    found = set()
    for content in ("old", "new"):
        (tmp_path / beside[-1]).write_text(content)
        with ThreadPoolExecutor(1) as pool:
            found.add(file_digest(str(tmp_path / name), Hashes(pool)))
    assert len(found) == 2


def test_what_is_read_with_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").symlink_to(tmp_path / "b.gpkg")
    for name in ("b.gpkg", "b.gpkg-wal"):
        (tmp_path / name).write_text("")
    assert [path.name for path in companions(tmp_path / "a.gpkg")] == ["a.gpkg", "b.gpkg-wal"]


def test_what_is_no_file_has_no_hash(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert file_digest("postgresql://host/base", Hashes(pool)) is None
        assert file_digest(str(tmp_path / "missing.gpkg"), Hashes(pool)) is None


def test_the_program_depends_on_sources_and_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "reuse").mkdir()
    (tmp_path / "rekey.py").write_text("old")
    monkeypatch.setattr("geomerge.reuse.recipes.__file__", str(tmp_path / "reuse" / "recipes.py"))
    found = {program()}
    (tmp_path / "rekey.py").write_text("new")
    found.add(program())
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "rekey.pyc").write_text("made")
    (tmp_path / ".rekey.py.swp").write_text("open")
    found.add(program())
    assert len(found) == 2
    monkeypatch.setattr("geomerge.reuse.recipes.versions", dict)
    assert program() not in found
