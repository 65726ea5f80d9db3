"""Layers in PostGIS: read with their types, worked on as of one moment, and no password anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from geomerge import layers, read_job, run
from geomerge.cli import main
from geomerge.databases import file_name, read_address, shown
from geomerge.databases.address import TableName, table_name
from geomerge.errors import LayerError, PlanFormatError
from geomerge.layers.snapshots import Snapshots
from geomerge.registers import RegisterConfig

SECRET = "s3cret-pässword%40/:"

TYPES = """CREATE TABLE types (
    id int PRIMARY KEY, "Kode" varchar(4), whole numeric(10, 0), part numeric(12, 3), wide numeric(30, 10),
    yes boolean, day date, at timestamp, zoned timestamptz, doc jsonb, list text[], bytes bytea, small smallint,
    big bigint, uid uuid, geom geometry(PolygonZ, 25833), note text)"""
ROWS = r"""INSERT INTO types VALUES
    (2, '0301', 1234567890, 1.25, '12345678901234567890.1234567890', true, '2020-01-31', '2020-01-31 12:34:56.123456',
     '2020-01-31 12:34:56.5+02', '{"a": 1}', ARRAY['x', 'y,"'], '\x00ff', 3, 9007199254740993,
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', ST_GeomFromText('POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))', 25833),
     E'a\nb"c'),
    (1, NULL, NULL, NULL, NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '')"""


@pytest.mark.real
def test_types_nulls_and_order_are_kept(postgis: Any) -> None:
    postgis.execute(TYPES, ROWS)
    info = layers.describe(postgis.url, "types")
    assert (info.geometry_type, info.rows, info.crs.to_epsg()) == ("Polygon Z", 2, 25833)
    table = layers.read(postgis.url, "public.types")
    assert list(table.columns) == [
        "id", "Kode", "whole", "part", "wide", "yes", "day", "at", "zoned", "doc", "list", "bytes", "small", "big",
        "uid", "geom", "note",
    ]  # fmt: skip
    assert table["id"].tolist() == [1, 2]  # in the order of the key
    first, second = table.loc[1], table.loc[2]
    assert first.drop(["id", "geom", "note"]).isna().all()
    assert (first["geom"], first["note"]) == (None, "")
    assert (second["Kode"], second["whole"], second["wide"]) == ("0301", 1234567890, "12345678901234567890.1234567890")
    assert (second["big"], second["small"], second["yes"], second["bytes"]) == (9007199254740993, 3, True, b"\x00\xff")
    assert second["zoned"] == pd.Timestamp("2020-01-31 10:34:56.5", tz="UTC")
    assert (second["list"], second["note"]) == ('["x","y,\\""]', 'a\nb"c')
    assert second["geom"].wkt == "POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))"
    assert layers.read(postgis.url, "types", columns=["Kode"]).columns.tolist() == ["Kode", "geom"]


@pytest.mark.real
def test_views_parts_and_empty_tables_are_read(postgis: Any) -> None:
    postgis.execute(
        "CREATE TABLE empty (id int, geom geometry)", "CREATE VIEW shown AS SELECT 1 AS a, 'x'::text AS b",
        "CREATE TABLE part (id int, x text) PARTITION BY LIST (x)",
        "CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a')", "INSERT INTO part VALUES (1, 'a')",
        'CREATE SCHEMA "odd.""schema"', 'CREATE TABLE "odd.""schema"."x; DROP TABLE part" ("a""b" int)',
        'INSERT INTO "odd.""schema"."x; DROP TABLE part" VALUES (7)',
    )  # fmt: skip
    assert layers.read(postgis.url, "shown").to_dict("list") == {"a": [1], "b": ["x"]}
    assert len(layers.read(postgis.url, "part")) == 1
    empty = layers.read(postgis.url, "empty")
    assert isinstance(empty, gpd.GeoDataFrame)
    assert len(empty) == 0
    names = layers.layer_names(postgis.url)
    assert names == ['"odd.""schema".x; DROP TABLE part', "public.empty", "public.part", "public.shown"]
    assert layers.read(postgis.url, names[0]).to_dict("list") == {'a"b': [7]}


def into(database: Any, table: gpd.GeoDataFrame, name: str, *, kind: str = "Polygon", key: str = "id") -> None:
    """Make a table of a layer."""
    others = [column for column in table.columns if column not in (key, "geometry")]
    columns = ", ".join(f'"{column}" text' for column in others)
    kind_of_key = "int" if pd.api.types.is_integer_dtype(table[key]) else "text"
    statements = [f'CREATE TABLE {name} ("{key}" {kind_of_key} PRIMARY KEY, {columns}, geom geometry({kind}, 25833))']
    for row in table.itertuples():
        values = [getattr(row, key), *(getattr(row, column) for column in others)]
        listed = ", ".join(f"'{value}'" for value in values)
        statements.append(f"INSERT INTO {name} VALUES ({listed}, ST_GeomFromText('{row.geometry.wkt}', 25833))")
    database.execute(*statements)


@pytest.fixture
def job_in_postgis(small_job: Any, postgis: Any) -> Any:
    """Return the small job, with its units and parcels in PostGIS."""
    postgis.execute("CREATE SCHEMA gis")
    into(postgis, small_job.units, "gis.units", key="code")
    into(postgis, small_job.parcels, "gis.parcels")
    small_job.job["units"] |= {"path": postgis.url, "layer": "gis.units"}
    small_job.job["layers"][0] |= {"path": postgis.url, "layer": "gis.parcels"}
    small_job.database = postgis
    return small_job


@pytest.mark.real
def test_a_job_reads_postgis_and_leaves_it_as_it_is(job_in_postgis: Any) -> None:
    job, database = job_in_postgis, job_in_postgis.database
    before = [database.execute(f"SELECT * FROM gis.{name} ORDER BY 1") for name in ("units", "parcels")]
    run(job.write())
    updated = job.output / "layers" / f"{database.name}.gpkg"
    assert layers.layer_names(updated) == ["gis.units", "gis.parcels"]
    assert layers.read(updated, "gis.parcels")["code"].tolist() == ["0110", "0110", "0103", "0104"]
    assert sorted(layers.read(updated, "gis.units")["code"]) == ["0103", "0104", "0110"]
    assert [database.execute(f"SELECT * FROM gis.{name} ORDER BY 1") for name in ("units", "parcels")] == before
    manifest = json.loads((job.output / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(each["path"] for each in manifest["inputs"]) == sorted(["job.yaml", "plan.yaml", database.url])
    first = {path.name: path.read_bytes() for path in (job.output / "layers").iterdir()}
    run(job.write(), fresh=True)
    assert {path.name: path.read_bytes() for path in (job.output / "layers").iterdir()} == first


@pytest.mark.real
def test_a_run_notices_that_the_database_changed(job_in_postgis: Any) -> None:
    job = job_in_postgis
    run(job.write())
    job.database.execute("UPDATE gis.parcels SET code = '0104' WHERE id = 1")
    run(job.path)
    updated = job.output / "layers" / f"{job.database.name}.gpkg"
    assert layers.read(updated, "gis.parcels")["code"].tolist()[1:] == ["0110", "0103", "0104"]


@pytest.mark.real
def test_faults_name_the_database(job_in_postgis: Any) -> None:
    job = job_in_postgis
    job.job["units"]["layer"] = "gis.nix"
    job.job["layers"][0]["layer"] = "gis.nada"
    done = CliRunner().invoke(main, ["run", str(job.write())])
    assert done.exit_code == 2
    assert f"{job.database.url} has no table gis.nix. It has gis.parcels, gis.units." in done.output
    assert "has no table gis.nada" in done.output
    job.job["units"]["layer"], job.job["layers"][0] = "gis.units", job.job["layers"][0] | {"layer": "gis.parcels"}
    job.job["units"]["code"] = "kode"
    done = CliRunner().invoke(main, ["check", str(job.write())])
    assert done.exit_code == 2
    assert "has no column kode" in done.output
    assert "/geomerge-" not in done.output


@pytest.mark.real
def test_a_password_is_nowhere(job_in_postgis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job, database = job_in_postgis, job_in_postgis.database
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    url = database.tcp.replace("owner@", "owner:${DB_PASSWORD}@")
    job.job["units"]["path"] = job.job["layers"][0]["path"] = url
    done = CliRunner().invoke(main, ["run", str(job.write()), "-v"])
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    for path in job.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    manifest = (job.output / "manifest.json").read_text(encoding="utf-8")
    assert database.tcp in manifest
    assert "DB_PASSWORD" not in manifest


@pytest.mark.real
def test_a_wrong_password_is_told_without_it(postgis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LayerError, match="Set PGPASSWORD"):
        layers.describe(postgis.tcp, "t")
    monkeypatch.setenv("PGPASSWORD", "no such secret")
    with pytest.raises(LayerError, match=r"password authentication failed.*Set PGPASSWORD") as error:
        layers.describe(postgis.tcp, "t")
    assert "no such secret" not in str(error.value)


@pytest.mark.real
def test_the_password_of_the_environment_is_used(postgis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    postgis.execute("CREATE TABLE t (a int)")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert layers.layer_names(postgis.tcp) == ["public.t"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gis:abc@db.example/cadastre", "postgresql://gis:ab@c@db.example/cadastre",
        "postgresql://gis:a/bc@db.example/cadastre", "postgresql://gis:12/abc@db.example/cadastre",
        "postgresql://gis:12?abc@db.example/cadastre", "postgresql://db.example/cadastre?password=abc",
        "postgresql://gis:abc${X}@db.example/cadastre", "mysql+pymysql://gis:abc@db.example/cadastre",
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(LayerError) as error:
        read_address(url)
    assert "abc" not in str(error.value)
    assert "ab@c" not in str(error.value)


def test_a_password_in_a_job_is_refused_with_its_line(small_job: Any) -> None:
    small_job.job["units"]["path"] = "postgresql://gis:abc123@db.example/cadastre"
    with pytest.raises(PlanFormatError, match=r"units > path: .*holds a password.*PGPASSWORD") as error:
        read_job(small_job.write())
    assert "abc123" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://gis@db:5433/cadastre?sslmode=require", "postgresql://gis@db:5433/cadastre?sslmode=require"),
        ("postgresql://gis:${PW}@[::1]:5433/cadastre", "postgresql://gis@[::1]:5433/cadastre"),
        ("postgres://db/a%40b", "postgres://db/a%40b"),
        ("postgresql:///local", "postgresql:///local"),
        ("postgresql://gis@db/x?sslpassword=${PW}", "postgresql://gis@db/x"),
        ("sqlite:////tmp/a b.sqlite", "sqlite:////tmp/a b.sqlite"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, text: str) -> None:
    assert shown(url) == text
    assert shown(text) == text


def test_a_variable_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOPE", raising=False)
    with pytest.raises(LayerError, match=r"\$\{NOPE\}, which no variable"):
        layers.describe("postgresql://gis:${NOPE}@localhost/db", "t")


@pytest.mark.parametrize("name", ["a.b.c", "", ".", '"a', 'a"b"', "a..b"])
def test_what_is_no_name_of_a_table(name: str) -> None:
    with pytest.raises(LayerError, match="is no name of a table"):
        table_name(name)


@pytest.mark.parametrize(
    "name", [TableName(None, "t"), TableName("s", 'a"b'), TableName("a.b", "c d"), TableName(" ", "x;y")]
)
def test_names_are_read_as_they_are_written(name: TableName) -> None:
    assert table_name(str(name)) == name


def test_a_server_that_does_not_run_is_told() -> None:
    with pytest.raises(LayerError, match=r"refused.*Is the server running"):
        layers.describe("postgresql://gis@127.0.0.1:1/db", "t")
    with pytest.raises(LayerError, match="refused"):
        Snapshots({"postgresql://gis@127.0.0.1:1/db": ["t"]})


@pytest.mark.real
def test_snapshots_go_when_nobody_needs_them(postgis: Any) -> None:
    postgis.execute(
        TYPES, ROWS, "CREATE TABLE register (fid int, kode text)", "INSERT INTO register VALUES (9, '0301')"
    )
    made = Snapshots({postgis.url: ["types", "register"]})
    file = made.files[postgis.url]
    assert layers.read(file, "register").to_dict("list") == {"fid": [9], "kode": ["0301"]}
    assert layers.read(file, "types")["Kode"].dropna().tolist() == ["0301"]
    assert file.parent.parent.stat().st_mode & 0o077 == 0  # nobody else may look into it
    del made
    assert not file.exists()


@pytest.mark.real
def test_what_a_geopackage_cannot_hold_is_said(postgis: Any) -> None:
    postgis.execute(
        'CREATE TABLE twins ("Kode" int, kode int)',
        "CREATE TABLE mixed (id int, geom geometry)",
        "INSERT INTO mixed SELECT id, ST_SetSRID(ST_MakePoint(0, 0), id) FROM unnest(ARRAY[25832, 25833]) id",
    )
    with pytest.raises(LayerError, match="differ in capital letters"):
        Snapshots({postgis.url: ["twins"]})
    with pytest.raises(LayerError, match="SRID 25832, 25833"):
        layers.read(postgis.url, "mixed")


def test_file_names_are_safe() -> None:
    assert file_name("postgresql://db/a%2F..%2Fb") == "a____b.gpkg"
    assert file_name("postgresql://db") == "database.gpkg"


@pytest.mark.real
def test_a_table_goes_into_a_file(postgis: Any, tmp_path: Path) -> None:
    postgis.execute(TYPES, ROWS)
    for name in ("types.gpkg", "types.parquet"):
        target = tmp_path / name
        done = CliRunner().invoke(main, ["export", f"{postgis.url}|types", "-o", str(target)])
        assert done.exit_code == 0, done.output
        assert layers.read(target)["Kode"].dropna().tolist() == ["0301"]
        assert layers.describe(target).crs.to_epsg() == 25833


@pytest.mark.real
def test_curves_are_kept_in_a_snapshot_and_refused_where_units_are_drawn_anew(job_in_postgis: Any) -> None:
    job, database = job_in_postgis, job_in_postgis.database
    curve = "ST_GeomFromText('CURVEPOLYGON(CIRCULARSTRING(0 0, 500 500, 1000 0, 500 -500, 0 0))', 25833)"
    database.execute(
        "ALTER TABLE gis.units ALTER geom TYPE geometry(Geometry, 25833)",
        f"UPDATE gis.units SET geom = {curve} WHERE code = '0104'",
    )
    with pytest.raises(LayerError, match="holds curves"):
        layers.refuse_curves(layers.describe(database.url, "gis.units"), "no")
    done = CliRunner().invoke(main, ["run", str(job.write())])
    assert done.exit_code == 2
    assert "holds curves" in done.output
    assert f"{database.url}|gis.units" in done.output


@pytest.mark.real
def test_a_run_on_postgis_can_be_verified(job_in_postgis: Any) -> None:
    job = job_in_postgis
    run(job.write())
    done = CliRunner().invoke(main, ["verify", str(job.output)])
    assert (done.exit_code, done.output) == (0, "No finding: all is in order.\n")


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        ("postgresql://gis:abc123@db/x", True), ("mysql+pymysql://gis:abc123@db/x", True),
        ("postgresql://db/x?password=abc123", True), ("postgresql://gis:${PW}@db/x", False), ("cases@2020.csv", False),
            ("sqlite:///cases@2020.db", False), ("https://example/a@b.csv", False),
        ("zip://a:b@c.zip!cases.csv", False),
    ],
)  # fmt: skip
def test_a_password_in_a_register_is_refused(source: str, refused: bool) -> None:
    described = {"name": "r", "source": source, "columns": {"k": "unit"}}
    if not refused:
        assert RegisterConfig.model_validate(described).source == source
        return
    with pytest.raises(ValidationError, match="holds a password") as error:
        RegisterConfig.model_validate(described)
    assert "abc123" not in "".join(fault["msg"] for fault in error.value.errors())
