from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomerge import layers
from geomerge.errors import LayerError
from geomerge.export import send
from geomerge.files import bulk
from geomerge.files.geopackage import add_functions, quoted
from geomerge.files.revision import Revision

STAMP = "2020-01-01T00:00:00.000Z"
VALUES = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.floats(-2, 2), st.binary(max_size=2))
CODES = st.text(st.sampled_from("019Åx"), min_size=2, max_size=2)


def table_of(rows: dict[int, tuple[Any, Any]]) -> sqlite3.Connection:
    """Return a table whose columns are called like those that a bulk update makes for itself."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute('CREATE TABLE "held" ("place" INTEGER PRIMARY KEY, "value" TEXT, "a ""b""" INTEGER)')
    connection.executemany("INSERT INTO held VALUES (?, ?, ?)", [(row, *values) for row, values in rows.items()])
    return connection


def content(connection: sqlite3.Connection) -> list[Any]:
    return connection.execute('SELECT place, value, typeof(value), "a ""b""" FROM held ORDER BY place').fetchall()


@given(
    rows=st.dictionaries(st.integers(-40, 400), st.tuples(VALUES, VALUES), min_size=1, max_size=30),
    new=st.lists(st.tuples(VALUES, VALUES) | st.tuples(CODES, VALUES), min_size=30, max_size=30)
    | st.lists(st.tuples(CODES, CODES), min_size=30, max_size=30),
    chosen=st.sets(st.integers(0, 29), min_size=1),
)
def test_one_statement_writes_what_many_would(
    rows: dict[int, tuple[Any, Any]], new: list[tuple[Any, Any]], chosen: set[int]
) -> None:
    numbers = [row for at, row in enumerate(sorted(rows)) if at in chosen] or [min(rows)]
    fresh = [new[at] for at in range(len(numbers))]
    with closing(table_of(rows)) as one, closing(table_of(rows)) as many:
        for row, values in zip(numbers, fresh, strict=True):
            many.execute('UPDATE held SET value = ?, "a ""b""" = ? WHERE place = ?', (*values, row))
        places = np.arange(len(numbers))
        columns = {
            name: bulk.Values(places, [values[at] for values in fresh])
            for at, name in enumerate(('"value"', '"a ""b"""'))
        }
        assert bulk.update(one, '"held"', '"place"', columns, np.array(numbers)) == len(numbers)
        assert content(one) == content(many)
        assert one.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)


def test_rows_that_are_not_there_are_not_counted() -> None:
    with closing(table_of({1: ("a", 1), 9: ("b", 2)})) as connection:
        values = bulk.Values(np.array([0, 0, 0]), ["new"])
        assert bulk.update(connection, "held", "place", {"value": values}, np.array([1, 5, 8])) == 1
        assert [row[1] for row in content(connection)] == ["new", "b"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_texts_arrive_in_the_encoding_of_the_file(encoding: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute("CREATE TABLE held (place INTEGER PRIMARY KEY, value TEXT)")
        connection.execute("INSERT INTO held VALUES (1, 'old'), (2, 'old'), (3, 'old')")
        values = bulk.Values(np.array([1, 0]), ["Ås1", "Bø2"])
        bulk.update(connection, "held", "place", {"value": values}, np.array([1, 3]))
        assert connection.execute("SELECT value FROM held").fetchall() == [("Bø2",), ("old",), ("Ås1",)]


def test_few_rows_and_scattered_ones_are_not_worth_it() -> None:
    assert bulk.worth_it(np.arange(bulk.FEW))
    assert not bulk.worth_it(np.arange(bulk.FEW - 1))
    assert not bulk.worth_it(np.arange(bulk.FEW) * 10)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "parcels.gpkg"
    table = gpd.GeoDataFrame(
        {"code": ["1", "1", "2", "3"], "gnr": [1, 2, 3, 4], "text": ["1/1", None, "3/1", "4/1"]},
        geometry=shapely.box(range(4), 0, range(1, 5), 1),
        crs="EPSG:25833",
    )
    table.to_file(file, layer="parcels", index=False)
    return file


def triggers(file: Path) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name").fetchall()


def revision() -> Revision:
    codes = pd.Series(["8", "9", None], index=[1, 2, 4], dtype="str")
    return Revision({"code": codes, "gnr": pd.Series([201, 204], index=[1, 4]), "text": codes.iloc[:1]})


def test_a_layer_changes_in_bulk_as_it_does_row_by_row(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = layers.describe(source)
    send(info, tmp_path / "few" / "a.gpkg", {"parcels": revision()}, changed_at=STAMP)
    monkeypatch.setattr(bulk, "FEW", 1)
    target = tmp_path / "many" / "a.gpkg"
    send(info, target, {"parcels": revision()}, changed_at=STAMP)
    found = layers.read(target)
    assert found["code"].tolist()[:3] == ["8", "9", "2"]
    pd.testing.assert_frame_equal(found, layers.read(tmp_path / "few" / "a.gpkg"))
    assert triggers(target) == triggers(source) != []
    again = tmp_path / "again" / "a.gpkg"
    send(info, again, {"parcels": revision()}, changed_at=STAMP)
    assert again.read_bytes() == target.read_bytes()


def test_the_index_follows_a_geometry_that_changes_as_well(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FEW", 1)
    shape = pd.Series([shapely.box(70, 70, 71, 71)], index=[2])
    send(
        layers.describe(source),
        tmp_path / "out" / "a.gpkg",
        {"parcels": Revision(revision().changed, shape)},
        changed_at=STAMP,
    )
    found = gpd.read_file(tmp_path / "out" / "a.gpkg", bbox=(70, 70, 71, 71))
    assert found[["code", "gnr"]].values.tolist() == [["9", 2]]


def test_triggers_of_others_still_act(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FEW", 1)
    with closing(sqlite3.connect(source)) as connection, connection:
        add_functions(connection)
        connection.execute("CREATE TABLE log (fid INTEGER)")
        connection.execute("CREATE TRIGGER note AFTER UPDATE ON parcels BEGIN INSERT INTO log VALUES (old.fid); END")
    changed = Revision({"gnr": pd.Series([7, 8], index=[3, 1])})
    send(layers.describe(source, "parcels"), tmp_path / "out" / "a.gpkg", {"parcels": changed}, changed_at=STAMP)
    with closing(sqlite3.connect(tmp_path / "out" / "a.gpkg")) as connection:
        assert connection.execute("SELECT fid FROM log ORDER BY fid").fetchall() == [(1,), (3,)]


def test_a_file_of_tables_alone_changes_in_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FEW", 1)
    file = tmp_path / "a.gpkg"
    layers.write(pd.DataFrame({"code": ["1", "2"]}), file, "register")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP TABLE gpkg_geometry_columns")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection, bulk.resting(connection, "register"):
        values = {"code": bulk.Values(np.array([0]), ["9"])}
        assert bulk.update(connection, "register", "fid", values, np.array([2])) == 1
        assert connection.execute("SELECT code FROM register").fetchall() == [("1",), ("9",)]


@pytest.mark.parametrize("table", ["parcels", "Parcels_*_[a]'\""])
def test_only_the_triggers_of_the_index_rest(table: str, tmp_path: Path) -> None:
    file = tmp_path / "a.gpkg"
    shapes = gpd.GeoDataFrame({"code": ["1"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:25833")
    for name in (table, "parcels_b", "other"):
        shapes.to_file(file, layer=name, index=False)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"CREATE TRIGGER note AFTER UPDATE ON {quoted(table)} BEGIN SELECT 1; END")
        query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        before = set(connection.execute(query))
        with bulk.resting(connection, table):
            resting = before - set(connection.execute(query))
        assert set(connection.execute(query)) == before
    assert {owner for _, owner in resting} == {table}
    assert resting == {one for one in before if one[1] == table and "_update" in one[0]}


def test_a_row_that_is_not_there_is_named(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FEW", 1)
    changed = Revision({"gnr": pd.Series([7, 8], index=[3, 6])})
    with pytest.raises(LayerError, match=r"has no row 6\. Keep the index"):
        send(layers.describe(source), tmp_path / "out" / "a.gpkg", {"parcels": changed}, changed_at=STAMP)
