"""Registers in databases: recoded in one transaction, twice the same as once, and back; in PostgreSQL and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from geomerge import export, layers
from geomerge.cli import main
from geomerge.databases import Register, recode_tables, undo_tables
from geomerge.errors import LayerError

MERGE = {"0101": "0110", "0102": "0110"}
SWAP = {"0101": "0102", "0102": "0101", "0103": "0104"}


@dataclass
class Told:
    values: pd.DataFrame
    outcome: pd.Series
    reason: pd.Series


def by_table(codes: dict[str, str], *columns: str) -> Callable[[pd.DataFrame], Told]:
    """Return what translates columns by a table of codes; codes that start with 9 are for review."""

    def translate(rows: pd.DataFrame) -> Told:
        values = rows[list(columns)].map(lambda value: codes.get(value, value))
        outcome = pd.Series("kept", index=rows.index, dtype=object)
        outcome[((values != rows[list(columns)]) & values.notna()).any(axis=1)] = "recoded"
        outcome[rows[columns[0]].map(lambda value: str(value).startswith("9"))] = "review"
        return Told(values, outcome, outcome.map({"kept": "stays", "recoded": "", "review": "unknown"}))

    return translate


def register(table: str, codes: dict[str, str], *columns: str, **given: Any) -> Register:
    return Register(table, table, columns, columns, by_table(codes, *columns), **given)


class SQLite:
    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        sqlite3.connect(path).close()

    def execute(self, *statements: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            connection.commit()
        return rows


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        return SQLite(tmp_path / "db.sqlite")
    found = request.getfixturevalue("postgis")
    found.dialect = "postgresql"
    return found


def state(database: Any, *tables: str) -> list[Any]:
    return [sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in tables]


def test_a_dry_run_counts_and_changes_nothing(database: Any) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4), note text)",
        "INSERT INTO cases VALUES (1, '0101', 'a'), (2, '0102', NULL), (3, '0104', 'c'), (4, NULL, 'd'), "
        "(5, '9999', 'e'), (6, '0101', 'f')",
    )
    before = state(database, "cases")
    (found,) = recode_tables(database.url, [register("cases", MERGE, "kommune")])
    assert found.outcomes == {"kept": 2, "recoded": 3, "review": 1}
    assert found.changed == 3
    assert found.sample.to_dict("list") == {
        "old kommune": ["0101", "0102"],
        "new kommune": ["0110"] * 2,
        "rows": [2, 1],
    }
    assert found.review.to_dict("list") == {"kommune": ["9999"], "reason": ["unknown"], "rows": [1]}
    (named,) = recode_tables(database.url, [register("cases", MERGE, "kommune", identifier="id")])
    assert named.review.to_dict("list") == {"id": [5], "kommune": ["9999"], "reason": ["unknown"]}
    assert state(database, "cases") == before


def test_twice_is_once_and_undo_leads_back(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4), note text)",
        "INSERT INTO cases VALUES (1, '0101', 'a'), (2, '0102', NULL), (3, '0104', 'c'), (4, NULL, 'd')",
    )
    before = state(database, "cases")
    (done,) = recode_tables(database.url, [register("cases", MERGE, "kommune")], apply=True, undo=tmp_path / "1.undo")
    assert done.changed == 2
    after = state(database, "cases")
    assert [row[1] for row in after[0]] == ["0110", "0110", "0104", None]
    (again,) = recode_tables(database.url, [register("cases", MERGE, "kommune")], apply=True, undo=tmp_path / "2.undo")
    assert again.changed == 0
    assert state(database, "cases") == after
    assert list(undo_tables(database.url, tmp_path / "1.undo").values()) == [2]
    assert state(database, "cases") == before


def test_rows_without_a_key_that_become_alike_come_back(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE log (kommune varchar(4), note text)",
        "INSERT INTO log VALUES ('0101', 'x'), ('0102', 'x'), ('0110', 'x'), ('0101', 'x'), ('0104', NULL)",
    )
    before = state(database, "log")
    recode_tables(database.url, [register("log", MERGE, "kommune")], apply=True, undo=tmp_path / "undo")
    assert sorted(row[0] for row in database.execute("SELECT kommune FROM log")) == ["0104"] + ["0110"] * 4
    undo_tables(database.url, tmp_path / "undo")
    assert state(database, "log") == before


@pytest.mark.parametrize("rule", ["", "ON UPDATE RESTRICT", "ON UPDATE CASCADE", "DEFERRABLE INITIALLY IMMEDIATE"])
@pytest.mark.parametrize("codes", [{"0101": "0201", "0102": "0202"}, SWAP], ids=["new", "swapped"])
def test_parents_and_children_change_together(database: Any, tmp_path: Path, rule: str, codes: dict[str, str]) -> None:
    database.execute(
        "CREATE TABLE units (code varchar(4) PRIMARY KEY, name text)",
        f"CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4) REFERENCES units (code) {rule})",
        "INSERT INTO units VALUES ('0101', 'A'), ('0102', 'B'), ('0103', 'C')",
        "INSERT INTO cases VALUES (1, '0101'), (2, '0102'), (3, '0102'), (4, '0103'), (5, NULL)",
    )
    before = state(database, "units", "cases")
    registers = [register("units", codes, "code"), register("cases", codes, "kommune")]
    found = recode_tables(database.url, registers, apply=True, undo=tmp_path / "undo")
    units, cases = state(database, "units", "cases")
    assert dict(units) == {codes.get(code, code): name for code, name in before[0]}
    assert dict(cases) == {number: codes.get(code, code) for number, code in before[1]}
    assert ("follows" in " ".join(found[1].notes)) == (rule == "ON UPDATE CASCADE")
    undo_tables(database.url, tmp_path / "undo")
    assert state(database, "units", "cases") == before
    if database.dialect == "postgresql":
        ((deferrable,),) = database.execute("SELECT condeferrable FROM pg_constraint WHERE contype = 'f'")
        assert deferrable == (rule == "DEFERRABLE INITIALLY IMMEDIATE")
        with pytest.raises(Exception, match="foreign key"):
            database.execute("INSERT INTO cases VALUES (9, '7777')")


def test_codes_that_are_used_again_change_once(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4))",
        "INSERT INTO cases VALUES (1, '0101'), (2, '0102')",
    )
    before = state(database, "cases")
    registers = [register("cases", SWAP, "kommune", once="plan 1")]
    recode_tables(database.url, registers, apply=True, undo=tmp_path / "1")
    after = state(database, "cases")
    assert after == [[(1, "0102"), (2, "0101")]]
    (again,) = recode_tables(database.url, registers, apply=True, undo=tmp_path / "2")
    assert again.changed == 0
    assert "recoded before" in again.notes[0]
    assert state(database, "cases") == after
    undo_tables(database.url, tmp_path / "1")
    assert state(database, "cases") == before
    assert recode_tables(database.url, registers)[0].changed == 2


def test_undo_refuses_what_others_changed_since(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4))",
        "CREATE TABLE log (kommune varchar(4), note text)",
        "INSERT INTO cases VALUES (1, '0101'), (2, '0102')",
        "INSERT INTO log VALUES ('0101', 'x')",
    )
    registers = [register("cases", MERGE, "kommune"), register("log", MERGE, "kommune")]
    recode_tables(database.url, registers, apply=True, undo=tmp_path / "undo")
    database.execute("UPDATE cases SET kommune = '0199' WHERE id = 2")
    after = state(database, "cases", "log")
    with pytest.raises(LayerError, match="1 of 2 rows are not as they were left"):
        undo_tables(database.url, tmp_path / "undo")
    assert state(database, "cases", "log") == after


def test_a_file_that_was_touched_is_no_way_back(database: Any, tmp_path: Path) -> None:
    database.execute("CREATE TABLE cases (id int PRIMARY KEY, k varchar(4))", "INSERT INTO cases VALUES (1, '0101')")
    recode_tables(database.url, [register("cases", MERGE, "k")], apply=True, undo=tmp_path / "undo")
    text = (tmp_path / "undo").read_text(encoding="utf-8")
    (tmp_path / "other").write_text(text.replace("0101", "0103"), encoding="utf-8")
    (tmp_path / "short").write_text(text[: len(text) // 2], encoding="utf-8")
    for name in ("other", "short"):
        with pytest.raises(LayerError, match="is no undo file, or was changed or cut short"):
            undo_tables(database.url, tmp_path / name)
    with pytest.raises(LayerError, match="exists, and may be the way back"):
        recode_tables(database.url, [register("cases", MERGE, "k")], apply=True, undo=tmp_path / "undo")


def test_one_table_that_cannot_change_keeps_all(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4))",
        "CREATE TABLE offices (kommune varchar(4) PRIMARY KEY)",
        "INSERT INTO cases VALUES (1, '0101')",
        "INSERT INTO offices VALUES ('0101'), ('0102')",
    )
    before = state(database, "cases", "offices")
    registers = [register("cases", MERGE, "kommune"), register("offices", MERGE, "kommune")]
    with pytest.raises(LayerError, match=r"(?i)unique.*Nothing was changed"):
        recode_tables(database.url, registers, apply=True, undo=tmp_path / "undo")
    assert state(database, "cases", "offices") == before
    assert not (tmp_path / "undo").exists()


@pytest.mark.parametrize(
    "name", ["o'clock", 'say "no"', "x; DROP TABLE victims; --", "100% %s", "Größe.Ø", "with space"]
)
def test_odd_names_are_only_names(database: Any, tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    database.execute(
        "CREATE TABLE victims (id int)",
        f"CREATE TABLE {quoted} (id int PRIMARY KEY, {quoted} varchar(4))",
        f"INSERT INTO {quoted} VALUES (1, '0101'), (2, '0102'), (3, '0103')",
    )
    before = state(database, quoted)
    target = Register("odd", quoted, (name,), (name,), by_table(SWAP, name))
    (found,) = recode_tables(database.url, [target], apply=True, undo=tmp_path / "undo")
    assert found.changed == 3
    assert state(database, quoted) == [[(1, "0102"), (2, "0101"), (3, "0104")]]
    undo_tables(database.url, tmp_path / "undo")
    assert state(database, quoted) == before
    assert state(database, "victims") == [[]]


def test_values_are_only_values(database: Any, tmp_path: Path) -> None:
    evil = "'); DROP TABLE cases; --"
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, k text)", "INSERT INTO cases VALUES (1, '0101'), (2, '%s')"
    )
    codes = {"0101": evil, "%s": ":x %(y)s"}
    recode_tables(database.url, [register("cases", codes, "k")], apply=True, undo=tmp_path / "undo")
    assert state(database, "cases") == [[(1, evil), (2, ":x %(y)s")]]


def test_faults_of_all_registers_are_told_together(database: Any) -> None:
    database.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, k text)",
        "CREATE VIEW shown AS SELECT * FROM cases",
        "CREATE TABLE made (a varchar(4), k varchar(4) GENERATED ALWAYS AS (a || '') STORED)",
    )
    wanted = [("nix", "k"), ("cases", "kommune"), ("shown", "k"), ("made", "k"), ("cases", "k"), ("cases", "id")]
    with pytest.raises(LayerError) as error:
        recode_tables(database.url, [register(table, MERGE, column) for table, column in wanted])
    told = " ".join(error.value.faults)
    assert "has no table nix. It has" in told
    assert "cases has no column kommune. It has id, k." in told
    assert "shown is a view" in told
    assert "is computed by the database" in told
    assert "stands in two registers" in told


def test_numbers_stay_numbers_and_triggers_are_told(database: Any, tmp_path: Path) -> None:
    body = {
        "sqlite": ["CREATE TRIGGER watch AFTER UPDATE ON cases BEGIN INSERT INTO seen VALUES (new.id); END"],
        "postgresql": [
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO seen VALUES (new.id); RETURN new; END $$",
            "CREATE TRIGGER watch AFTER UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION note()",
        ],
    }
    database.execute(
        "CREATE TABLE seen (id int)",
        "CREATE TABLE cases (id int PRIMARY KEY, k numeric(4, 0), n int)",
        "INSERT INTO cases VALUES (1, 101, 101), (2, 102, NULL), (3, 104, 1)",
        *body[database.dialect],
    )
    target = Register("cases", "cases", ("k", "n"), ("k", "n"), by_table({101: 110, 102: 110}, "k", "n"))  # type: ignore[dict-item]
    (found,) = recode_tables(database.url, [target], apply=True, undo=tmp_path / "undo")
    assert found.notes == ("trigger watch runs for each row that changes",)
    assert state(database, "cases", "seen") == [[(1, 110, 110), (2, 110, None), (3, 104, 1)], [(1,), (2,)]]
    undo_tables(database.url, tmp_path / "undo")
    assert state(database, "cases") == [[(1, 101, 101), (2, 102, None), (3, 104, 1)]]


def test_a_cascade_that_would_change_other_rows_is_refused(database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE units (code varchar(4) PRIMARY KEY)",
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4) REFERENCES units ON UPDATE CASCADE, year int)",
        "INSERT INTO units VALUES ('0101')",
        "INSERT INTO cases VALUES (1, '0101', 2010), (2, '0101', 2020)",
    )
    codes = by_table({"0101": "0110"}, "kommune")

    def dated(rows: pd.DataFrame) -> Told:
        told = codes(rows)
        told.outcome[rows["year"] < 2017] = "kept"
        return told

    cases = Register("cases", "cases", ("kommune", "year"), ("kommune",), dated)
    registers = [register("units", {"0101": "0110"}, "code"), cases]
    with pytest.raises(LayerError, match="makes them follow it"):
        recode_tables(database.url, registers, apply=True, undo=tmp_path / "undo")
    assert state(database, "units") == [[("0101",)]]


def test_what_follows_elsewhere_is_told(database: Any) -> None:
    database.execute(
        "CREATE TABLE units (code varchar(4) PRIMARY KEY)",
        "CREATE TABLE cases (id int PRIMARY KEY, kommune varchar(4) REFERENCES units ON UPDATE CASCADE)",
        "INSERT INTO units VALUES ('0101')",
    )
    (found,) = recode_tables(database.url, [register("units", {"0101": "0110"}, "code")])
    assert "cases: kommune follows" in found.notes[0]


def test_a_geopackage_keeps_its_index_and_its_geometry(tmp_path: Path) -> None:
    shapes = [shapely.box(x, 0, x + 1, 1) for x in range(3)]
    table = gpd.GeoDataFrame({"kommune": ["0101", "0102", "0104"]}, geometry=shapes, crs="EPSG:25833")
    path = export(table, tmp_path / "cases.gpkg", findings=[])
    before = layers.read(path)
    (found,) = recode_tables(
        f"sqlite:///{path}", [register("cases", MERGE, "kommune")], apply=True, undo=tmp_path / "undo"
    )
    assert (found.changed, found.notes) == (2, ())
    after = layers.read(path)
    assert after["kommune"].tolist() == ["0110", "0110", "0104"]
    assert after.geometry.geom_equals_exact(before.geometry, 0).all()
    undo_tables(f"sqlite:///{path}", tmp_path / "undo")
    assert layers.read(path)["kommune"].tolist() == before["kommune"].tolist()


CODES = st.sampled_from(["0101", "0102", "0103", "0104", "0110"])


@given(
    rows=st.lists(st.tuples(st.none() | CODES, st.sampled_from("xy")), max_size=12),
    codes=st.dictionaries(CODES, CODES, max_size=5),
    key=st.booleans(),
)
def test_undo_is_the_inverse(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], codes: dict[str, str], key: bool
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    database = SQLite(folder / "db.sqlite")
    database.execute(f"CREATE TABLE t (id integer {'PRIMARY KEY' if key else ''}, kommune text, note text)")
    with closing(sqlite3.connect(database.path)) as connection:
        numbered = [(at if key else 1, *row) for at, row in enumerate(rows)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", numbered)
        connection.commit()
    before = state(database, "t")
    recode_tables(database.url, [register("t", codes, "kommune")], apply=True, undo=folder / "undo")
    wanted = sorted(((n, codes.get(code, code), note) for n, code, note in before[0]), key=repr)
    assert state(database, "t") == [wanted]
    assert (folder / "undo").exists() == (before[0] != wanted)
    if (folder / "undo").exists():
        undo_tables(database.url, folder / "undo")
    assert state(database, "t") == before


@pytest.mark.real
def test_parts_without_a_key_are_refused(postgis: Any) -> None:
    postgis.execute(
        "CREATE TABLE log (kommune text, year int) PARTITION BY LIST (year)",
        "CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1)",
        "INSERT INTO log VALUES ('0101', 1)",
    )
    with pytest.raises(LayerError, match="has parts and no primary key"):
        recode_tables(postgis.url, [register("log", MERGE, "kommune")])
    assert recode_tables(postgis.url, [register("log_1", MERGE, "kommune")])[0].changed == 1


@pytest.mark.real
def test_the_register_of_a_job_is_recoded_in_postgis(postgis: Any, tmp_path: Path) -> None:
    postgis.execute(
        "CREATE SCHEMA reg",
        "CREATE TABLE reg.cases (id int PRIMARY KEY, kommune char(4), matrikkel text)",
        "INSERT INTO reg.cases VALUES (1, '0101', '0101-12/3'), (2, '0104', '0104-1/1'), (3, NULL, NULL)",
    )
    (tmp_path / "plan.yaml").write_text(
        "date: 2020-01-01\nevents:\n  - merge: ['0101', '0102']\n    into: '0110'\n    name: New\n", encoding="utf-8"
    )
    (tmp_path / "job.yaml").write_text(
        f"registers:\n  - name: cases\n    source: {postgis.url}\n    table: reg.cases\n    id: id\n"
        "    columns: {kommune: unit}\n",
        encoding="utf-8",
    )
    args = ["recode", str(tmp_path / "job.yaml"), "--plan", str(tmp_path / "plan.yaml")]
    before = state(postgis, "reg.cases")
    assert CliRunner().invoke(main, args).exit_code == 0
    assert state(postgis, "reg.cases") == before
    done = CliRunner().invoke(main, [*args, "--commit"])
    assert done.exit_code == 0, done.output
    assert state(postgis, "reg.cases") == [[(1, "0110", "0101-12/3"), (2, "0104", "0104-1/1"), (3, None, None)]]
    back = CliRunner().invoke(main, ["recode", "--undo", str(tmp_path / "undo" / "1" / "undo.json")])
    assert back.exit_code == 0, back.output
    assert state(postgis, "reg.cases") == before


def test_locked_sqlite_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomerge.databases.engine.WAIT", 0.1)
    database = SQLite(tmp_path / "db.sqlite")
    database.execute("CREATE TABLE cases (id int PRIMARY KEY, k text)", "INSERT INTO cases VALUES (1, '0101')")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LayerError, match=r"locked.*Nothing was changed. Close it in other programs"):
            recode_tables(database.url, [register("cases", MERGE, "k")], apply=True, undo=tmp_path / "undo")
        other.execute("ROLLBACK")
    assert state(database, "cases") == [[(1, "0101")]]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("sqlite:///nowhere.sqlite", "does not exist"),
        ("sqlite:///{folder}/text.sqlite", "not a database.*Get a fresh copy"),
        ("nosuch://host/db", "cannot be opened"),
        ("postgresql://a:b@host/db", "holds a password"),
    ],
)
def test_what_is_no_database_is_said(tmp_path: Path, url: str, what: str) -> None:
    (tmp_path / "text.sqlite").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(LayerError, match=what):
        recode_tables(url.format(folder=tmp_path), [register("cases", MERGE, "k")])


@pytest.mark.real
def test_a_connection_lost_in_the_middle_changes_nothing(postgis: Any, tmp_path: Path) -> None:
    postgis.execute(
        "CREATE TABLE a (id int PRIMARY KEY, k text)",
        "CREATE TABLE b (id int PRIMARY KEY, k text)",
        "INSERT INTO a VALUES (1, '0101')",
        "INSERT INTO b VALUES (1, '0102')",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN new; END $$",
        "CREATE TRIGGER die BEFORE UPDATE ON b FOR EACH ROW EXECUTE FUNCTION die()",
    )
    before = state(postgis, "a", "b")
    with pytest.raises(LayerError, match=r"terminating connection.*Nothing was changed"):
        recode_tables(
            postgis.url, [register("a", MERGE, "k"), register("b", MERGE, "k")], apply=True, undo=tmp_path / "undo"
        )
    assert state(postgis, "a", "b") == before
    assert not (tmp_path / "undo").exists()


@pytest.mark.real
def test_without_permission_nothing_changes(postgis: Any, tmp_path: Path) -> None:
    postgis.execute(
        "CREATE TABLE cases (id int PRIMARY KEY, k text)", "INSERT INTO cases VALUES (1, '0101')",
        "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN", "GRANT SELECT ON cases TO reader",
    )  # fmt: skip
    url = postgis.url_of("reader")
    assert recode_tables(url, [register("cases", MERGE, "k")])[0].changed == 1
    with pytest.raises(LayerError, match=r"permission denied for table cases.*GRANT"):
        recode_tables(url, [register("cases", MERGE, "k")], apply=True, undo=tmp_path / "undo")
    postgis.execute("DROP OWNED BY reader", "DROP ROLE reader")
