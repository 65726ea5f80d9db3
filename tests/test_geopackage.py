"""A GeoPackage is edited in place: what a revision does not name stays, down to the last trigger."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geomerge import layers, rewrite
from geomerge.errors import LayerError
from geomerge.files import geopackage
from geomerge.files.storing import stored
from geomerge.layers import Revision

STAMP = "2020-01-01T00:00:00.000Z"
NASTY = 'teiger "2017"; DROP TABLE gpkg_contents; --'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a GeoPackage with all that can stand beside a layer."""
    file = tmp_path / "matrikkel.gpkg"
    table = gpd.GeoDataFrame(
        {"kode": ["0301", "0704", "0710"], 'a "b" c': ["x", None, ""], "n": [1, 2, 3]},
        geometry=[shapely.box(at, 0, at + 1, 1) for at in range(3)], crs="EPSG:25833",
    )  # fmt: skip
    pyogrio.write_dataframe(table, file, layer=NASTY, geometry_type="Polygon", VERSION="1.3")
    layers.write(table, file, "andre")
    layers.write(pd.DataFrame({"kode": ["0301"]}), file, "register")
    with closing(sqlite3.connect(file)) as connection, connection:
        name = geopackage.quoted(NASTY)
        connection.create_function("ST_IsEmpty", 1, lambda _: 0)
        for function in ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            connection.create_function(function, 1, lambda _: 0.5)
        connection.execute(f"UPDATE {name} SET fid = 40 WHERE fid = 2")
        connection.execute(f"CREATE INDEX kode_index ON {name} (kode)")
        connection.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleQML TEXT)")
        connection.execute("INSERT INTO layer_styles VALUES (1, '<qgis/>')")
        connection.execute("CREATE TABLE log (fid INTEGER, old TEXT)")
        connection.execute(
            f"CREATE TRIGGER note AFTER UPDATE OF kode ON {name} BEGIN INSERT INTO log VALUES (old.fid, old.kode); END"
        )
        connection.execute("CREATE VIEW codes AS SELECT kode FROM register")
    return file


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def query(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def send(source: Path, target: Path, revision: Revision, layer: str = NASTY) -> None:
    target.parent.mkdir(exist_ok=True)
    rewrite.rewrite(layers.describe(source, layer), target, {layer: revision}, changed_at=STAMP, report=print)


def codes(**values: str) -> Revision:
    return Revision({"kode": pd.Series(list(values.values()), index=[int(key[1:]) for key in values])})


def test_only_the_changed_rows_differ_in_a_dump(source: Path, tmp_path: Path) -> None:
    send(source, tmp_path / "out" / "m.gpkg", codes(_40="0999"))
    before, after = dump(source), dump(tmp_path / "out" / "m.gpkg")
    lost, new = [line for line in before if line not in after], [line for line in after if line not in before]
    lost, new = ([line for line in lines if "gpkg_contents" not in line[:30]] for lines in (lost, new))
    assert [line.replace("'0999'", "'0704'") for line in new if '"log"' not in line] == lost
    assert [line for line in new if '"log"' in line] == ["INSERT INTO \"log\" VALUES(40,'0704');"]
    assert query(tmp_path / "out" / "m.gpkg", "PRAGMA integrity_check") == [("ok",)]


def test_row_numbers_stay_and_read_as_the_index(source: Path, tmp_path: Path) -> None:
    revision = Revision({"kode": pd.Series(["0888"], index=[77])}, removed=(1,), added={77: 40})
    send(source, tmp_path / "out" / "m.gpkg", revision)
    after = layers.read(tmp_path / "out" / "m.gpkg", NASTY)
    assert after.index.tolist() == [3, 40, 77]
    assert after["kode"].tolist() == ["0710", "0704", "0888"]
    assert after['a "b" c'].isna().tolist() == [False, True, True]
    assert after.geometry.loc[77].equals(after.geometry.loc[40])
    counted = query(tmp_path / "out" / "m.gpkg", "SELECT table_name, feature_count FROM gpkg_ogr_contents")
    assert dict(counted)[NASTY] == 3


def test_a_new_geometry_is_found_by_index_and_extent(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "m.gpkg"
    shape = shapely.multipolygons([shapely.box(50, 50, 60, 60), shapely.box(70, 70, 71, 71)])
    send(source, target, Revision({}, pd.Series([shape, None], index=[40, 3])))
    rtree = geopackage.quoted(f"rtree_{NASTY}_geom")
    assert sorted(query(target, f"SELECT id, minx, maxx FROM {rtree}")) == [(1, 0, 1), (40, 50, 71)]
    found = pyogrio.read_dataframe(target, layer=NASTY, bbox=(55, 55, 56, 56), fid_as_index=True)
    assert found.index.tolist() == [40]
    assert found.geometry.iloc[0].equals(shape)
    contents = query(target, "SELECT table_name, min_x, max_x, max_y, last_change FROM gpkg_contents")
    assert [row[1:] for row in contents if row[0] == NASTY] == [(0, 71, 71, STAMP)]
    declared = query(target, "SELECT table_name, geometry_type_name FROM gpkg_geometry_columns")
    assert dict(declared)[NASTY] == "GEOMETRY"
    assert layers.read(target, NASTY).geometry.isna().tolist() == [False, True, False]
    fiona = pytest.importorskip("fiona")
    with fiona.open(target, layer=NASTY) as opened:
        assert len(list(opened.items(bbox=(55, 55, 56, 56)))) == 1


def test_single_parts_fit_a_layer_of_multipolygons(source: Path, tmp_path: Path) -> None:
    send(
        source,
        tmp_path / "out" / "m.gpkg",
        Revision({}, pd.Series([shapely.box(5, 5, 6, 6)], index=[1])),
        "andre",
    )
    assert set(layers.read(tmp_path / "out" / "m.gpkg", "andre").geom_type) == {"MultiPolygon"}


def test_two_layers_of_one_file_change_at_once(source: Path, tmp_path: Path) -> None:
    info = layers.describe(source, "andre")
    revisions = {"andre": codes(_1="0998"), "register": codes(_1="0997")}
    rewrite.rewrite(info, tmp_path / "m.gpkg", revisions, changed_at=STAMP, report=print)
    assert layers.read(tmp_path / "m.gpkg", "andre")["kode"].iloc[0] == "0998"
    assert layers.read(tmp_path / "m.gpkg", "register")["kode"].iloc[0] == "0997"


@pytest.mark.parametrize("kind", ["geometry", "attributes"])
def test_geometry_bytes_of_every_other_row_stay(kind: str, source: Path, tmp_path: Path) -> None:
    revision = (
        codes(_1="0999") if kind == "attributes" else Revision({}, pd.Series([shapely.box(0, 0, 9, 9)], index=[1]))
    )
    send(source, tmp_path / "out" / "m.gpkg", revision)
    sql = f"SELECT fid, geom FROM {geopackage.quoted(NASTY)} WHERE fid > 1 ORDER BY fid"
    assert query(tmp_path / "out" / "m.gpkg", sql) == query(source, sql)


def test_what_still_stands_in_the_log_comes_along(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE register SET kode = '4444'")
        writer.commit()
        assert source.with_name("matrikkel.gpkg-wal").stat().st_size > 0
        send(source, tmp_path / "out" / "m.gpkg", codes(_1="0999"))
    assert query(tmp_path / "out" / "m.gpkg", "SELECT kode FROM register") == [("4444",)]
    assert query(tmp_path / "out" / "m.gpkg", "PRAGMA journal_mode") == [("delete",)]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["m.gpkg"]


def test_a_locked_file_is_said_and_not_waited_for_forever(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geopackage, "PATIENCE", 0.1)
    info = layers.describe(source, NASTY)
    with closing(sqlite3.connect(source, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LayerError, match=r"database is locked\. Close it in other programs"):
            rewrite.rewrite(info, tmp_path / "m.gpkg", {NASTY: codes(_1="9")}, changed_at=STAMP, report=print)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """Return a folder that another user can read, to be closed to writing; root may write everywhere."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("pending", [False, True])
def test_a_file_in_a_folder_that_cannot_be_written_is_read_and_copied(
    pending: bool, source: Path, read_only: Path
) -> None:
    file = read_only / "m.gpkg"
    shutil.copyfile(source, file)
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE register SET kode = '4444'")
        writer.commit()
        logs = {suffix: Path(f"{file}{suffix}").read_bytes() for suffix in ("-wal",)}
    if pending:
        Path(f"{file}-wal").write_bytes(logs["-wal"])
    read_only.chmod(0o555)
    script = f"""
        import os
        from pathlib import Path
        from geomerge.files import geopackage
        if os.geteuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        with geopackage.opened(Path({str(file)!r})) as connection:
            print(connection.execute("SELECT kode FROM register").fetchall())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": "/tmp"},
    )
    assert "4444" in done.stdout, done.stderr


def test_a_failure_leaves_every_row_as_it_was(source: Path) -> None:
    before = dump(source)

    def change_twice() -> None:
        with geopackage.open_file(source) as connection:
            geopackage.revise(connection, "register", codes(_1="9"), changed_at=STAMP)
            geopackage.revise(connection, "register", codes(_99="9"), changed_at=STAMP)

    with pytest.raises(LayerError, match="has no row 99"):
        change_twice()
    assert dump(source) == before


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        (Revision({"nei": pd.Series(["1"], index=[1])}), "has no column nei. It has fid, "),
        (Revision({"n": pd.Series(["x1"], index=[1])}), r"'x1' does not fit column n \(INTEGER\)"),
        (Revision({"n": pd.Series(["01"], index=[1])}), r"'01' does not fit column n \(INTEGER\)"),
        (Revision(removed=(99,)), "has no row 99. Keep the index"),
        (Revision(added={5: 99}), "has no row 99. Keep the index"),
    ],
)
def test_what_cannot_be_written_is_said(revision: Revision, message: str, source: Path, tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=message):
        send(source, tmp_path / "out" / "m.gpkg", revision)


def test_a_text_longer_than_declared_is_refused(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("ALTER TABLE register ADD COLUMN kort TEXT(4)")
    with pytest.raises(LayerError, match="'12345' is longer than column kort is declared, 4 characters"):
        send(
            source,
            tmp_path / "out" / "m.gpkg",
            Revision({"kort": pd.Series(["12345"], index=[1])}),
            "register",
        )


def test_a_view_has_no_rows_to_change(source: Path) -> None:
    with geopackage.open_file(source) as connection, pytest.raises(LayerError, match="no single primary key"):
        geopackage.revise(connection, "codes", codes(_1="9"), changed_at=STAMP)


def test_damage_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(LayerError, match="is damaged"), geopackage.opened(tmp_path / "a.gpkg"):
        pass


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        (None, "TEXT", None),
        (True, "BOOLEAN", True),
        (2.0, "INTEGER", 2),
        (2, "REAL", 2.0),
        (dt.datetime(2020, 1, 1, 12), "DATE", "2020-01-01"),
        (dt.datetime(2020, 1, 1, 12), "DATETIME", "2020-01-01T12:00:00.000"),
        (
            dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            "DATETIME",
            "2020-01-01T10:00:00.000Z",
        ),
        (b"\x00", "BLOB", b"\x00"),
        (301, "TEXT", 301),
    ],
)
def test_values_are_stored_as_declared(value: Any, declared: str, expected: Any) -> None:
    assert stored(value, declared, "a", "b") == expected


def test_heights_are_declared_where_a_new_geometry_has_them(source: Path, tmp_path: Path) -> None:
    shape = shapely.force_3d(shapely.box(0, 0, 1, 1), 7)
    send(source, tmp_path / "out" / "m.gpkg", Revision({}, pd.Series([shape], index=[1])), "andre")
    assert layers.read(tmp_path / "out" / "m.gpkg", "andre").geometry.iloc[0].has_z
    declared = query(tmp_path / "out" / "m.gpkg", "SELECT table_name, z FROM gpkg_geometry_columns")
    assert dict(declared)["andre"] == 2


@pytest.mark.parametrize("parts", [1, 2])
def test_a_layer_with_heights_is_read_again_after_its_type_is_widened(parts: int, tmp_path: Path) -> None:
    shapes = [shapely.force_3d(shapely.box(at, 0, at + 1, 1), 7) for at in (0, 1, 5)]
    table = gpd.GeoDataFrame({"kode": ["1", "2", "3"]}, geometry=shapes, crs="EPSG:25833")
    pyogrio.write_dataframe(table, tmp_path / "a.gpkg", layer="a", geometry_type="Polygon Z")
    assert query(tmp_path / "a.gpkg", "SELECT geometry_type_name, z FROM gpkg_geometry_columns") == [("POLYGON", 1)]
    new = shapely.multipolygons([shapes[0], shapes[2]]) if parts == 2 else shapes[2]
    target = tmp_path / "out" / "a.gpkg"
    send(tmp_path / "a.gpkg", target, Revision({}, pd.Series([new], index=[1]), (3,)), "a")
    declared = query(target, "SELECT geometry_type_name, z FROM gpkg_geometry_columns")
    assert declared == [("GEOMETRY", 2) if parts == 2 else ("POLYGON", 1)]
    after = gpd.read_file(target)
    assert after.geometry.iloc[0].equals(new)
    assert after.geometry.has_z.tolist() == [True, True]
    assert layers.read(target)["kode"].tolist() == ["1", "2"]


@pytest.mark.parametrize("pending", [False, True])
def test_an_input_with_a_log_stays_as_it_is(pending: bool, source: Path, tmp_path: Path) -> None:
    file = tmp_path / "in" / "m.gpkg"
    file.parent.mkdir()
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE register SET kode = '4444'")
        writer.commit()
        if pending:
            shutil.copyfile(source, file)
            shutil.copyfile(f"{source}-wal", f"{file}-wal")
    if not pending:
        shutil.copyfile(source, file)
    before = {name.name: name.read_bytes() for name in file.parent.iterdir()}
    layers.refuse_curves(layers.Info(str(file), NASTY, "GPKG", None, None, "Polygon", {}, 3), "it is a test")
    with geopackage.opened(file) as connection:
        assert connection.execute("SELECT kode FROM register").fetchall() == [("4444",)]
    geopackage.copy_file(file, tmp_path / "copy.gpkg")
    assert query(tmp_path / "copy.gpkg", "SELECT kode FROM register") == [("4444",)]
    assert {name.name: name.read_bytes() for name in file.parent.iterdir()} == before


def test_a_file_without_a_log_is_copied_byte_for_byte(source: Path, tmp_path: Path) -> None:
    geopackage.copy_file(source, tmp_path / "m.gpkg")
    assert (tmp_path / "m.gpkg").read_bytes() == source.read_bytes()


def test_each_row_is_written_once_and_only_if_it_changes(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("DROP TRIGGER note")
        connection.execute(
            f"CREATE TRIGGER note AFTER UPDATE ON {geopackage.quoted(NASTY)} "
            "BEGIN INSERT INTO log VALUES (old.fid, old.kode); END"
        )
    revision = Revision(
        {"n": pd.Series([7, 8], index=[40, 1]), "kode": pd.Series(["9", None], index=[3, 1], dtype=object)}
    )
    send(source, tmp_path / "out" / "m.gpkg", revision)
    file = tmp_path / "out" / "m.gpkg"
    assert sorted(query(file, "SELECT fid FROM log")) == [(1,), (3,), (40,)]
    table = geopackage.quoted(NASTY)
    expected = [(1, None, 8), (3, "9", 3), (40, "0704", 7)]
    assert query(file, f"SELECT fid, kode, n FROM {table} ORDER BY fid") == expected
    assert query(file, "PRAGMA journal_mode") == [("delete",)]
    assert query(file, "PRAGMA integrity_check") == [("ok",)]


def test_a_row_that_is_not_there_is_named(source: Path, tmp_path: Path) -> None:
    rows = pd.Series([str(row) for row in range(1, 100)], index=range(1, 100))
    with pytest.raises(LayerError, match=r"has no row 2\. Keep the index"):
        send(source, tmp_path / "out" / "m.gpkg", Revision({"kode": rows}))
