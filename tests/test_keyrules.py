"""Rules for new keys: read from a plan, and checked before anything is done."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from geomerge.errors import InputError, LayerError, PlanFormatError
from geomerge.findings import Finding
from geomerge.keyrules import check_key_rules, concerns, in_order, specificity
from geomerge.plan import KeyRule, Plan
from geomerge.planfile import read_plan, write_plan
from geomerge.rules import check_plan

MERGE = {"merge": ["0706", "0719"], "into": "0710"}
YAML = """\
date: 2017-01-01
events:
  - merge: ["0706", "0719"]
    into: "0710"
keys:
  - {from: "0706", to: "0710", keep: true}
  - {from: "0719", to: "0710", prefix: code}
  - {to: "0710", numbers: 4-11, add: 100}
  - {from: "0719", table: keys/andebu.csv}
"""


def rule(**fields: Any) -> KeyRule:
    return KeyRule.model_validate({name.rstrip("_"): value for name, value in fields.items()})


def plan(*keys: dict[str, Any], **sources: pd.DataFrame) -> Plan:
    return Plan.model_validate({"date": "2017-01-01", "events": [MERGE], "keys": keys, "sources": sources})


def sentences(findings: list[Finding]) -> list[str]:
    return [f"{finding.what} ({finding.where})" for finding in findings]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(YAML, encoding="utf-8")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "andebu.csv").write_text("from,to\n12/3,212/3\n007,8\n", encoding="utf-8")
    return tmp_path / "plan.yaml"


def test_rules_and_their_tables_are_read(written: Path) -> None:
    found = read_plan(written)
    assert [each.way for each in found.keys] == [
        ("keep", ""),
        ("prefix", "code"),
        ("add", 100),
        ("table", "keys/andebu.csv"),
    ]
    assert list(found.files()) == list(found.key_files()) == ["keys/andebu.csv"]
    assert found.sources["keys/andebu.csv"].to_numpy().tolist() == [["12/3", "212/3"], ["007", "8"]]
    assert found.to_crs("EPSG:25832").sources["keys/andebu.csv"].equals(found.sources["keys/andebu.csv"])
    assert check_key_rules(found) == []


def test_a_table_may_be_a_sheet(written: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["old_key", "new_key"], ["12/3", "212/3"], ["7", 8]):
        book.active.append(row)
    book.save(written.with_name("keys.xlsx"))
    written.write_text(YAML.replace("keys/andebu.csv", "keys.xlsx"), encoding="utf-8")
    found = read_plan(written)
    assert found.sources["keys.xlsx"].to_numpy().tolist() == [["12/3", "212/3"], ["7", "8"]]
    assert check_key_rules(found) == []
    book.active["A3"] = dt.date(2020, 3, 12)
    book.save(written.with_name("keys.xlsx"))
    with pytest.raises(InputError, match="cell A3 holds a date, where a key must be text"):
        read_plan(written)


def test_a_table_that_is_missing_is_told_with_the_plan(written: Path) -> None:
    written.with_name("keys").joinpath("andebu.csv").unlink()
    with pytest.raises(InputError, match=r"plan.yaml refers to keys/andebu.csv\."):
        read_plan(written)


def test_a_plan_is_written_with_its_tables(written: Path, tmp_path: Path) -> None:
    found = read_plan(written)
    target = tmp_path / "other" / "plan.yaml"
    target.parent.joinpath("keys").mkdir(parents=True)
    write_plan(found, target, findings=[])
    again = read_plan(target)
    assert again == found.model_copy(update={"sources": again.sources})
    assert again.sources["keys/andebu.csv"].equals(found.sources["keys/andebu.csv"])
    write_plan(found, target, findings=[])
    other = found.model_copy(update={"sources": {"keys/andebu.csv": pd.DataFrame({"from": ["1/1"], "to": ["2/1"]})}})
    with pytest.raises(LayerError, match=r"andebu.csv is there and does not hold what the plan means"):
        write_plan(other, target, findings=[])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('{from: "1", to: "9"}', "a rule for keys has one of add, keep, prefix and table, but here is none of them"),
        ('{from: "1", add: 1, keep: true}', "but here are add and keep"),
        ("{add: 100}", "names the old unit (from), the new one (to), or both"),
        ("{numbers: 1-2, table: t.csv}", "a table names its keys itself; leave numbers out"),
        ('{from: "1", add: much}', "line 6: keys > 1 > add: is no whole number"),
        ('{from: "1", add: 1, numbers: 9-1}', "the range 9-1 ends before it begins"),
    ],
)
def test_faulty_rules_are_told(tmp_path: Path, fields: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(YAML.partition("  - {from")[0] + f"  - {fields}\n", encoding="utf-8")
    with pytest.raises(PlanFormatError) as told:
        read_plan(path)
    assert message in str(told.value)


def test_the_order_is_that_of_the_documentation() -> None:
    ordered = [
        rule(to="9", add=1),
        rule(from_="1", add=1),
        rule(from_="1", to="9", add=1),
        rule(to="9", numbers="1-20", add=1),
        rule(from_="1", to="9", numbers="1-20", add=1),
        rule(from_="1", numbers="1-10", add=1),
        rule(to="9", numbers="7", add=1),
        rule(from_="1", to="9", numbers="7", add=1),
        rule(table="t"),
        rule(from_="1", to="9", table="t"),
    ]
    assert in_order(ordered[::-1]) == ordered
    assert len({specificity(each) for each in ordered}) == len(ordered)


def test_whom_a_rule_concerns() -> None:
    assert concerns(rule(from_="1", to="1", add=1), "1", "1")
    assert not concerns(rule(from_="1", add=1), "1", "1")
    assert concerns(rule(table="t"), "1", "1")
    assert not concerns(rule(to="9", add=1), "1", "8")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ([{"from": "0719", "to": "0710", "add": 1}, {"from": "0719", "add": 2}, {"to": "0710", "add": 3}], []),
        ([{"from": "0719", "to": "0710", "add": 0}, {"from": "0719", "to": "0710", "keep": True}], []),
        (
            [{"from": "0719", "add": 1}, {"from": "0719", "keep": True}],
            [
                "The rules for all numbers (add 1) and all numbers (keep) overlap, and neither is more specific "
                "(keys from 0719)"
            ],
        ),
        (
            [{"to": "0710", "numbers": "1-3", "prefix": "1"}, {"to": "0710", "numbers": "3-5", "prefix": "2"}],
            ["The rules for 1-3 (prefix 1) and 3-5 (prefix 2) overlap, and neither is more specific (keys to 0710)"],
        ),
        ([{"from": "0719", "add": 1, "numbers": "1-3"}, {"from": "0719", "add": 2, "numbers": "4-6"}], []),
    ],
)
def test_rules_that_contradict_each_other(keys: list[dict[str, Any]], told: list[str]) -> None:
    for ordered in (keys, keys[::-1]):
        found = sentences(check_plan(plan(*ordered), ["0706", "0719"]))
        assert len(found) == len(told)
        assert found == told or ordered is not keys


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"from": ["1/1", "1/1"], "to": ["2/1", "2/1 "]}, []),
        ({"a": ["1/1"]}, ["t has no columns from and to (or old_key and new_key); it has a (table t)"]),
        ({"from": ["1/1", " "], "to": ["2/1", "3/1"]}, ["1 rows of t lack the old or the new key (table t)"]),
        (
            {"from": ["1/1", "1/1"], "to": ["2/1", "3/1"]},
            ["1 old keys get several new ones, first 1/1 gets 2/1 and 3/1 (table t)"],
        ),
    ],
)
def test_tables_are_looked_over(table: dict[str, list[str]], told: list[str]) -> None:
    assert sentences(check_key_rules(plan({"table": "t"}, t=pd.DataFrame(table)))) == told


def test_two_tables_for_one_key() -> None:
    one, two = (pd.DataFrame({"from": ["1/1"], "to": [to]}) for to in ("2/1", "3/1"))
    assert len(check_key_rules(plan({"table": "a"}, {"table": "b"}, a=one, b=two))) == 1
    limited = plan({"table": "a"}, {"from": "0719", "table": "b"}, a=one, b=two)
    assert check_key_rules(limited) == []


def test_units_of_rules_must_be_there() -> None:
    told = check_plan(plan({"to": "0711", "add": 1}, {"from": "719", "add": 1}), ["0706", "0719"])
    assert [finding.what for finding in told] == ["No unit becomes 0711", "No unit has the code 719"]
    assert "Did you mean 0719" in told[1].remedy
