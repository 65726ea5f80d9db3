"""Results in PostGIS: new tables, tables that are kept, and changes that go back to where layers came from."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner

from geomerge import deliver, export, layers, run
from geomerge.cli import main
from geomerge.errors import LayerError

pytestmark = pytest.mark.real


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a file of two units."""
    table = gpd.GeoDataFrame(
        {"code": ["0301", "0302"], "people": [5, 7], "day": ["x", None]},
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
        crs="EPSG:25833",
    )
    return export(table, tmp_path / "units.gpkg", findings=[])


def changed(units: Path, **columns: list[Any]) -> Path:
    """Return the file with other values."""
    target = units.with_name("changed.gpkg")
    export(layers.read(units).assign(**columns), target, source=units, findings=[])
    return target


def told(table: Any) -> list[tuple[Any, ...]]:
    return list(table.itertuples(index=False, name=None))


def test_a_new_table_has_key_index_crs_and_comment(postgis: Any, units: Path) -> None:
    assert told(deliver(units, f"{postgis.url}|new.units")) == [("new.units", "created", 2, 0, 0)]
    table = layers.read(postgis.url, "new.units")
    assert table[["fid", "code", "people"]].to_numpy().tolist() == [[1, "0301", 5], [2, "0302", 7]]
    assert table["day"].isna().tolist() == [False, True]
    assert table.crs.to_epsg() == 25833
    assert table.geometry.geom_equals_exact(layers.read(units).set_axis(table.index).geometry, 0).all()
    indexes = [row[0] for row in postgis.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'new'")]
    assert any("USING gist" in each for each in indexes)
    assert any("UNIQUE INDEX" in each and "fid" in each for each in indexes)
    ((comment,),) = postgis.execute("SELECT obj_description('new.units'::regclass)")
    assert comment == "units.gpkg, written by geomerge"


def test_a_table_that_is_there_keeps_what_is_its_own(postgis: Any, units: Path) -> None:
    postgis.execute("DROP ROLE IF EXISTS guest", "CREATE ROLE guest")
    postgis.execute(
        'CREATE TABLE public.units (code text PRIMARY KEY, people int, day text, note text DEFAULT \'new\', '
        "geom geometry(MultiPolygon, 25833))",
        "CREATE INDEX own ON units USING gist (geom)", "COMMENT ON TABLE units IS 'ours'",
        "COMMENT ON COLUMN units.people IS 'heads'", "GRANT SELECT ON units TO guest",
        "INSERT INTO units VALUES ('0301', 5, 'x', 'kept', ST_Multi(ST_MakeEnvelope(0, 0, 1, 1, 25833))), "
        "('0399', 1, NULL, 'gone', NULL)",
    )  # fmt: skip
    (done,) = told(deliver(units, f"{postgis.url}|public.units"))
    assert done[:4] == ("public.units", "changed", 1, 1)
    assert done[4] == 1
    rows = postgis.execute("SELECT code, people, note, ST_Area(geom) FROM units ORDER BY code")
    assert rows == [("0301", 5, "kept", 1.0), ("0302", 7, "new", 1.0)]
    again = told(deliver(units, f"{postgis.url}|public.units"))
    assert again == [("public.units", "changed", 0, 0, 0)]
    assert postgis.execute("SELECT obj_description('units'::regclass), col_description('units'::regclass, 2)") == [
        ("ours", "heads")
    ]
    assert postgis.execute("SELECT has_table_privilege('guest', 'units', 'SELECT')") == [(True,)]
    assert ("own",) in postgis.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'units'")
    postgis.execute("DROP OWNED BY guest", "DROP ROLE guest")


def test_a_dry_run_does_all_and_takes_it_back(postgis: Any, units: Path) -> None:
    assert told(deliver(units, f"{postgis.url}|new.units", dry_run=True)) == [("new.units", "created", 2, 0, 0)]
    assert postgis.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'new'") == [(0,)]


def test_a_table_without_a_key_is_replaced(postgis: Any, units: Path) -> None:
    postgis.execute("CREATE TABLE t (code text, people int, day text, geom geometry)", "INSERT INTO t VALUES ('9', 1)")
    assert told(deliver(units, f"{postgis.url}|public.t")) == [("public.t", "changed", 2, 0, 1)]
    postgis.execute("ALTER TABLE t ADD note text")
    with pytest.raises(LayerError, match=r"columns that the layer lacks \(note\)"):
        deliver(units, f"{postgis.url}|public.t")


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE TABLE t (code text)", "has no geometry"),
        ("CREATE TABLE t (code text, geom geometry)", "has no column people, day"),
        ("CREATE TABLE t (code text, people int, day text, geom geometry(MultiPolygon, 25832))", "in SRID 25832"),
        ("CREATE VIEW t AS SELECT 1 AS code", "is a view"),
        ("CREATE TABLE t (code varchar(2), people int, day text, geom geometry)", "too long.*Nothing was changed"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(postgis: Any, units: Path, statement: str, what: str) -> None:
    postgis.execute(statement)
    before = postgis.execute("SELECT count(*) FROM t")
    with pytest.raises(LayerError, match=what):
        deliver(units, f"{postgis.url}|public.t")
    assert postgis.execute("SELECT count(*) FROM t") == before


def test_odd_names_are_only_names(postgis: Any, units: Path) -> None:
    name = '"s; --"."x"" (y) %s"'
    deliver(units, f"{postgis.url}|{name}")
    assert deliver(changed(units, people=[1, 2]), f"{postgis.url}|{name}")["changed"].tolist() == [2]
    assert layers.read(postgis.url, name)["people"].tolist() == [1, 2]


def test_a_run_goes_into_a_schema(postgis: Any, small_job: Any) -> None:
    run(small_job.write())
    done = CliRunner().invoke(main, ["deliver", str(small_job.output), f"{postgis.url}|reform"])
    assert done.exit_code == 0, done.output
    names = set(layers.layer_names(postgis.url))
    assert names >= {"reform.pieces", "reform.parcels", "reform.boundary_lines", "reform.crosswalk", "reform.ledger"}
    assert names >= {"reform.units", "reform.units_updated"}
    assert sorted(layers.read(postgis.url, "reform.units_before")["code"]) == ["0101", "0102", "0103", "0104"]
    assert layers.read(postgis.url, "reform.crosswalk")["old_code"].tolist() == ["0101", "0102", "0103", "0104"]
    ((comment,),) = postgis.execute("SELECT obj_description('reform.pieces'::regclass)")
    assert comment == "Two become one, 2020-01-01, written by geomerge"


class InDatabase:
    """The small job, with units and parcels in PostGIS, a foreign key between them, and columns of many types."""

    def __init__(self, job: Any, database: Any) -> None:
        self.job, self.database = job, database
        database.execute(
            "CREATE SCHEMA gis",
            "CREATE TABLE gis.units (code char(4) PRIMARY KEY, name text, tags text[], geom geometry(Polygon, 25833))",
            "CREATE TABLE gis.parcels (id int PRIMARY KEY, code char(4) REFERENCES gis.units, seen timestamptz, "
            "size numeric(20, 10), until date, geom geometry(Polygon, 25833))",
        )
        for code, name, shape in job.units.itertuples(index=False):
            database.execute(
                f"INSERT INTO gis.units VALUES ('{code}', '{name}', '{{a,b}}', ST_GeomFromText('{shape.wkt}', 25833))"
            )
        for number, code, shape in job.parcels.itertuples(index=False):
            database.execute(
                f"INSERT INTO gis.parcels VALUES ({number}, '{code}', '2020-01-01 00:00:00.123456+01', "
                f"1234567890.0123456789, 'infinity', ST_GeomFromText('{shape.wkt}', 25833))"
            )
        job.job["units"] |= {"path": database.url, "layer": "gis.units"}
        job.job["layers"][0] |= {"path": database.url, "layer": "gis.parcels"}

    def rows(self) -> list[Any]:
        return [
            self.database.execute("SELECT code, name, tags, ST_Area(geom) FROM gis.units ORDER BY 1"),
            self.database.execute("SELECT * FROM gis.parcels ORDER BY 1"),
        ]


@pytest.fixture
def in_database(small_job: Any, postgis: Any) -> InDatabase:
    return InDatabase(small_job, postgis)


def test_changes_go_back_cell_by_cell(in_database: InDatabase) -> None:
    job, database = in_database.job, in_database.database
    before = database.execute("SELECT id, seen, size::text, until::text, geom::text FROM gis.parcels ORDER BY 1")
    run(job.write())
    args = ["deliver", str(job.output), database.url, "--back"]
    rehearsed = CliRunner().invoke(main, [*args, "--dry-run"])
    assert rehearsed.exit_code == 0, rehearsed.output
    assert len(database.execute("SELECT * FROM gis.units")) == 4
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    units = database.execute("SELECT code, name, tags, ST_Area(geom) FROM gis.units ORDER BY 1")
    assert units == [
        ("0103", "Cå", ["a", "b"], 1e6), ("0104", "Dæ", ["a", "b"], 1e6), ("0110", "Åbø", ["a", "b"], 2e6),
    ]  # fmt: skip
    assert [row[0] for row in database.execute("SELECT code FROM gis.parcels ORDER BY id")] == [
        "0110", "0110", "0103", "0104",
    ]  # fmt: skip
    after = database.execute("SELECT id, seen, size::text, until::text, geom::text FROM gis.parcels ORDER BY 1")
    assert after == before
    again = CliRunner().invoke(main, args)
    assert again.exit_code == 2
    assert "has changed since the run" in again.output


def test_changes_do_not_go_back_over_those_of_others(in_database: InDatabase) -> None:
    job, database = in_database.job, in_database.database
    run(job.write())
    database.execute("UPDATE gis.parcels SET size = 1 WHERE id = 3")
    before = database.execute("SELECT * FROM gis.units ORDER BY 1")
    with pytest.raises(LayerError, match=r"has changed since the run.*Run the job again"):
        deliver(job.output, database.url, back=True)
    assert database.execute("SELECT * FROM gis.units ORDER BY 1") == before


def test_a_connection_lost_in_the_middle_changes_nothing(in_database: InDatabase) -> None:
    job, database = in_database.job, in_database.database
    run(job.write())
    database.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN new; END $$",
        "CREATE TRIGGER wait BEFORE UPDATE ON gis.parcels FOR EACH ROW EXECUTE FUNCTION wait()",
    )
    before = database.execute("SELECT code FROM gis.units ORDER BY 1")

    def kill() -> None:
        ended: list[Any] = []
        for _ in range(200):
            ended = database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'geomerge' "
                "AND wait_event = 'PgSleep' AND datname = current_database()"
            )
            if ended:
                return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(LayerError, match=r"terminating connection.*Nothing was changed"):
        deliver(job.output, database.url, back=True)
    killer.join()
    assert database.execute("SELECT code FROM gis.units ORDER BY 1") == before


def test_a_connection_lost_while_changes_are_kept_is_told_as_such(postgis: Any, units: Path) -> None:
    postgis.execute(
        "CREATE TABLE t (code text PRIMARY KEY, people int, day text, geom geometry)",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END $$",
        "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()",
    )
    with pytest.raises(LayerError, match=r"lost while the changes were being kept\. Look whether they are there"):
        deliver(units, f"{postgis.url}|public.t")
    assert postgis.execute("SELECT count(*) FROM t") == [(0,)]


def test_tables_without_a_key_get_nothing_back(in_database: InDatabase) -> None:
    job, database = in_database.job, in_database.database
    database.execute("ALTER TABLE gis.parcels DROP CONSTRAINT parcels_pkey")
    run(job.write())
    with pytest.raises(LayerError, match="no primary key"):
        deliver(job.output, database.url, back=True)


def test_what_cannot_be_delivered_is_said(in_database: InDatabase, tmp_path: Path) -> None:
    database, job = in_database.database, in_database.job
    run(job.write())
    cases = [
        ((job.output, "postgresql://a@b/c"), {}, "needs a schema"),
        ((tmp_path, f"{database.url}|s"), {}, "holds no results of a run"),
        ((job.output, f"{database.url}|s.t"), {}, "holds .* layers. Name a schema alone"),
        ((job.output, f"{database.url}|s"), {"back": True}, "Leave .s out"),
        (
            (job.output, database.tcp),
            {"back": True},
            "wrote no layers of .* The databases it read: postgresql://owner@/",
        ),
    ]
    for arguments, options, what in cases:
        with pytest.raises(LayerError, match=what):
            deliver(*arguments, **options)
    assert json.loads((job.output / "manifest.json").read_text(encoding="utf-8"))["title"] == "Two become one"
