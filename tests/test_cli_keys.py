"""Commands for keys: asked by a ledger, and proposed for a plan."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import yaml
from click.testing import CliRunner, Result

from geomerge.cli import main
from geomerge.errors import PlanFormatError
from geomerge.job import read_job
from geomerge.keyledger import check_ledger
from geomerge.keyrules import check_key_rules
from geomerge.planfile import read_plan

SAMPLE = Path(__file__).parents[1] / "sample_data"
LEDGER = "layer,id,old_code,new_code,old_key,new_key\nparcels,7,0719,0710,0719-12/3,0710-212/3\n"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.csv"
    path.write_text(LEDGER, encoding="utf-8")
    return path


def test_a_key_is_asked_both_ways(ledger: Path) -> None:
    done = call("lookup", "0719 -", "12/3/0/0", "--ledger", ledger)
    assert done.exit_code == 0, done.output
    assert done.stdout == "0719-12/3 became 0710-212/3 (parcels, 1 row).\n"
    record = json.loads(call("lookup", "0710-212/3", "--ledger", ledger, "--json", "--layout", "matrikkel").stdout)
    assert record == {
        "asked": "0710-212/3",
        "became": [],
        "was": [{"old": "0719-12/3", "new": "0710-212/3", "layers": ["parcels"], "rows": 1}],
    }
    assert "0719 became 0710" in call("lookup", "0719", "--ledger", ledger).stdout


def test_what_the_ledger_does_not_know_gives_1(ledger: Path) -> None:
    done = call("lookup", "0719-99/9", "--ledger", ledger)
    assert (done.exit_code, done.stdout) == (
        1,
        "0719-99/9 is not in the ledger: no event concerns it, or nothing has that key.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("0719-12/3",), "Name a history and a code"),
        (("NO", "0719", "0720"), "Name a history and a code"),
        (("0719-12/3", "--ledger", "nowhere.csv"), "nowhere.csv"),
        (("0719-12/3", "--ledger", "LEDGER", "--on", "2020-01-01"), "are for a history"),
        (("0719-12/3", "--ledger", "LEDGER", "--layout", "xy"), "There is no layout of keys xy"),
    ],
)
def test_faults_give_2(ledger: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call("lookup", *(ledger if argument == "LEDGER" else argument for argument in arguments))
    assert done.exit_code == 2
    assert message in done.stderr


def test_rules_are_proposed_for_a_layer(tmp_path: Path) -> None:
    parcels = pd.DataFrame({"code": ["0706", "0706", "0719"], "new_code": "0710", "gnr": [1, 2, 2], "bnr": 1})
    parcels.to_csv(tmp_path / "parcels.csv", index=False)
    done = call("keys", tmp_path / "parcels.csv", "--key", "gnr", "--key", "bnr")
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(done.stdout) == {"keys": [{"from": "0719", "to": "0710", "add": 100}]}
    assert "# 0706: 2 parcels; keeps 1..2: most parcels of all" in done.stdout
    done = call("keys", tmp_path / "parcels.csv", "--key", "gnr", "-o", tmp_path / "keys.yaml", "--step", "1000")
    assert done.stdout == f"1 rule: {tmp_path / 'keys.yaml'}\n"
    assert "add: 1000" in (tmp_path / "keys.yaml").read_text(encoding="utf-8")
    for arguments, message in (
        ((), "Name the columns of the key"),
        (("--key", "fnr"), "no column fnr"),
        (("--key", "gnr", "-o", tmp_path / "parcels.csv"), "exists already"),
    ):
        done = call("keys", tmp_path / "parcels.csv", *arguments)
        assert done.exit_code == 2
        assert message in done.stderr


def test_rules_are_proposed_for_a_job(tmp_path: Path) -> None:
    job = Path(shutil.copytree(SAMPLE, tmp_path / "sample")) / "job.yaml"
    plan = job.with_name("plan.yaml")
    without = plan.read_text(encoding="utf-8").partition("\nkeys:")[0]
    plan.write_text(without, encoding="utf-8")
    done = call("keys", job)
    assert done.exit_code == 0, done.output
    rules = yaml.safe_load(done.stdout)["keys"]
    assert {(rule["from"], rule["to"]) for rule in rules} == {("0719", "0710"), ("0720", "0710"), ("0720", "0704")}
    done = call("keys", job, "--layer", "districts")
    assert done.exit_code == 2
    assert "has no layer districts with a key. It has parcels, cadastral_units, addresses" in done.stderr


def blocks(language: str) -> list[str]:
    page = (Path(__file__).parents[1] / "docs" / "keys.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def test_the_page_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in zip(["parcels.csv", "ledger.csv"], blocks("csv"), strict=True):
        Path(name).write_text(text, encoding="utf-8")
    sessions = [text for block in blocks("console") for text in block.split("$ ")[1:]]
    assert len(sessions) == 7
    for session in sessions:
        line, _, expected = session.partition("\n")
        assert call(*shlex.split(line)[1:]).output == expected, line


def test_the_python_of_the_page_runs() -> None:
    text = "\n".join(blocks("pycon"))
    session = doctest.DocTestParser().get_doctest(text, {}, "docs/keys.md", "docs/keys.md", 0)
    told: list[str] = []
    doctest.DocTestRunner().run(session, out=told.append)
    assert session.examples
    assert told == []


def test_the_plan_and_the_job_of_the_page_are_read(tmp_path: Path) -> None:
    plan, job = blocks("yaml")
    (tmp_path / "rennesoy.csv").write_text("from,to\n1142-5/1,305/1\n", encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    assert check_key_rules(read_plan(tmp_path / "plan.yaml")) == []
    (tmp_path / "job.yaml").write_text(job, encoding="utf-8")
    layout = read_job(tmp_path / "job.yaml").layers[0].layout
    assert layout is not None
    assert layout.canonical(["0101.12-0034", "0101 . 012 / 34/0"]).tolist() == ["0101.12/34", "0101.12/34"]


def test_a_layout_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    text = blocks("yaml")[1]
    for wrong, message in (
        (
            text.partition("    key_layout:")[0] + "    key_layout: matrikel\n",
            "line 8: .*no layout of keys is called matrikel",
        ),
        (text.replace("width: 3", "width: wide", 1), "line 11: .*width: is no whole number"),
    ):
        (tmp_path / "job.yaml").write_text(wrong, encoding="utf-8")
        with pytest.raises(PlanFormatError, match=message):
            read_job(tmp_path / "job.yaml")


@pytest.fixture
def french(tmp_path: Path) -> Path:
    """Return a job: three communes, of which the third absorbs the others; keys whole and in columns."""
    boxes = [shapely.box(at, 0, at + 1000, 1000) for at in (0, 1000, 2000)]
    units = gpd.GeoDataFrame({"code": ["91216", "91345", "91589"]}, geometry=boxes, crs="EPSG:2154")
    units.to_file(tmp_path / "units.gpkg")
    rows = [("91216", "000", 100), ("91345", "000", 1100), ("91345", "111", 1200), ("91589", "000", 2100)]
    parcels = gpd.GeoDataFrame(
        {
            "uid": ["a", "b", "c", "d"],
            "commune": [code for code, _, _ in rows],
            "prefixe": [prefix for _, prefix, _ in rows],
            "section": "AB",
            "numero": "37",
            "id": [f"{code}{prefix}AB0037" for code, prefix, _ in rows],
        },
        geometry=[shapely.box(x, 100, x + 50, 200) for _, _, x in rows],
        crs="EPSG:2154",
    )
    parcels.to_file(tmp_path / "parcels.gpkg")
    (tmp_path / "plan.yaml").write_text(
        "date: 2023-01-01\nevents:\n  - {merge: '91216 91345 91589', into: '91589'}\n", encoding="utf-8"
    )
    (tmp_path / "job.yaml").write_text(
        "plan: plan.yaml\nunits: {path: units.gpkg, code: code}\nlayers:\n  - name: parcels\n    path: parcels.gpkg\n"
        "    code: commune\n    id: uid\n    key: [prefixe, section, numero]\n    key_text: id\n"
        "    key_layout: cadastre_fr\n",
        encoding="utf-8",
    )
    return tmp_path / "job.yaml"


def test_a_job_with_a_layout_from_the_collision_to_the_ledger(french: Path) -> None:
    done = call("run", french)
    assert done.exit_code == 1
    assert (
        "1 new keys of parcels stand for several old ones, first 91589000AB0037 for 91216000AB0037 and "
        "91345000AB0037 and 91589000AB0037"
    ) in done.stderr
    proposed = call("keys", french)
    assert proposed.exit_code == 0, proposed.output
    with french.with_name("plan.yaml").open("a", encoding="utf-8") as plan:
        plan.write(proposed.stdout)
    assert yaml.safe_load(call("keys", french).stdout) == {"keys": []}
    done = call("run", french)
    assert done.exit_code == 0, done.output
    parcels = gpd.read_file(french.parent / "out" / "layers" / "parcels.gpkg")
    assert parcels["uid"].tolist() == ["a", "b", "c", "d"]
    assert parcels["prefixe"].tolist() == ["216", "345", "111", "000"]
    assert parcels["id"].tolist() == ["91589216AB0037", "91589345AB0037", "91589111AB0037", "91589000AB0037"]
    ledger = french.parent / "out" / "ledger.csv"
    assert list(check_ledger(pd.read_csv(ledger, dtype=str))) == []
    found = call("lookup", "91216 000 AB 0037", "--ledger", ledger)
    assert found.stdout == "91216000AB0037 became 91589216AB0037 (parcels, 1 row).\n"


def test_whole_keys_in_one_column_and_a_table_of_the_plan(french: Path) -> None:
    text = (
        french.read_text(encoding="utf-8")
        .replace("[prefixe, section, numero]", "[id]")
        .replace("    key_text: id\n", "")
    )
    french.write_text(text, encoding="utf-8")
    with french.with_name("plan.yaml").open("a", encoding="utf-8") as plan:
        plan.write("keys:\n  - {to: '91589', prefix: code}\n  - {from: '91216', table: keys.csv}\n")
    table = french.with_name("keys.csv")
    for new, exit_code in (("91589001AB0001", 0), ("91589002AB0001", 0), ("91589000AB0037", 1)):
        table.write_text(f"from,to\n91216000AB0037,{new}\n", encoding="utf-8")
        done = call("run", french)
        assert done.exit_code == exit_code, done.output
        if exit_code == 0:
            parcels = gpd.read_file(french.parent / "out" / "layers" / "parcels.gpkg")
            assert parcels["id"].tolist() == [new, "91589345AB0037", "91589111AB0037", "91589000AB0037"]
            assert parcels["prefixe"].tolist() == ["000", "000", "111", "000"]
    manifest = json.loads((french.parent / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert "keys.csv" in json.dumps(manifest["inputs"])
