"""An inventory of a database server: its tables, its keys from the catalogue, and no password anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from geomerge import History, inventory, read_history
from geomerge.cli import main

SECRET = "s3cret-pässword%40/:"
TABLES = (
    'CREATE TABLE kommuner (knr char(4) PRIMARY KEY, navn text, "Odd ""name; DROP" int UNIQUE, g geometry)',
    "CREATE SCHEMA saker",
    "CREATE TABLE saker.sak (id int PRIMARY KEY, kommune char(4) REFERENCES kommuner, belop numeric(9, 2), doc jsonb)",
    "INSERT INTO kommuner (knr, navn) "
    "SELECT lpad(n::text, 4, '0'), 'By' FROM unnest(ARRAY[301, 1103, 706, 719, 720, 704]) n",
    "INSERT INTO saker.sak "
    "SELECT n, (ARRAY['0301', '1103', '0706', '0719'])[n % 4 + 1], n + 0.5 FROM generate_series(1, 3000) n",
    "CREATE VIEW seen AS SELECT kommune FROM saker.sak",
)


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


@pytest.mark.real
def test_tables_keys_and_views_are_found(postgis: Any, norway: History) -> None:
    postgis.execute(*TABLES)
    found = inventory(postgis.url, history=norway)
    assert found.problems.empty, found.problems["what"].tolist()
    columns = found.columns.set_index(["table", "column"])
    assert columns.loc[("kommuner", "knr"), ["holds", "key", "key_confidence"]].tolist() == ["unit", "primary", 1.0]
    assert columns.loc[("kommuner", 'Odd "name; DROP'), "key"] == "unique"
    assert columns.loc[("saker.sak", "kommune"), "holds"] == "unit"
    assert columns.loc[("saker.sak", "kommune"), "key_why"] == "the database says it refers to kommuner.knr"
    assert columns.loc[("saker.sak", "belop"), "holds"] == "amount"
    assert ("seen", "kommune") in columns.index
    assert {"g", "doc"}.isdisjoint(column for _, column in columns.index)
    assert {table for table, _ in columns.index} == {"kommuner", "saker.sak", "seen"}


@pytest.mark.real
def test_one_table_and_a_sample_drawn_by_the_server(postgis: Any, norway: History) -> None:
    postgis.execute(*TABLES)
    found = [inventory(f"{postgis.url}|saker.sak", history=norway, sample=100) for _ in range(2)]
    row = found[0].columns.set_index("column").loc["kommune"]
    assert (row["rows"], row["read"] <= 100, row["read"] > 30) == (3000, True, True)
    assert found[0].tables["table"].tolist() == ["saker.sak"]
    assert found[0].page() == found[1].page()
    assert inventory(f"{postgis.url}|saker.sak", history=norway, full=True).columns["read"].tolist() == [3000] * 3


@pytest.mark.real
def test_what_may_not_be_seen_is_told_and_the_rest_goes_on(postgis: Any, norway: History) -> None:
    postgis.execute(
        *TABLES, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN", "GRANT SELECT ON kommuner TO reader"
    )
    found = inventory(postgis.url_of("reader"), history=norway)
    assert found.tables["table"].tolist() == ["kommuner"]
    assert "permission denied" in " ".join(found.problems["what"])
    postgis.execute("REVOKE ALL ON kommuner FROM reader", "DROP ROLE reader")


@pytest.mark.real
def test_no_password_is_told(postgis: Any, norway: History, monkeypatch: pytest.MonkeyPatch) -> None:
    postgis.execute(*TABLES)
    monkeypatch.setenv("GEOMERGE_SECRET", SECRET)
    address = postgis.tcp.replace("@", ":${GEOMERGE_SECRET}@")
    found = inventory(address, history=norway)
    assert len(found.tables) == 3
    told = found.page() + found.registers() + found.columns.to_csv() + found.problems.to_csv()
    assert SECRET not in told
    assert "${" not in told
    wrong = CliRunner().invoke(main, ["inventory", postgis.tcp.replace("@", ":plain-text@"), "--history", "NO"])
    assert "plain-text" not in wrong.output + wrong.stderr
    monkeypatch.setenv("GEOMERGE_SECRET", "wrong-one")
    failed = inventory(address, history=norway)
    assert "wrong-one" not in failed.problems.to_csv()
    assert len(failed.problems) == 1


@pytest.mark.real
def test_nothing_is_written(postgis: Any, norway: History) -> None:
    postgis.execute(*TABLES)
    before = postgis.execute("SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM saker.sak s")
    inventory(postgis.url, history=norway, full=True)
    assert postgis.execute("SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM saker.sak s") == before
