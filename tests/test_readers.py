"""Readers that come along, and readers that other packages add."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from geomerge.errors import InputError
from geomerge.histories import readers as module
from geomerge.histories.readers import BUILT_IN, GROUP, readers
from geomerge.histories.reading import read_changes, read_units

READER = """
import pandas as pd

class Estonia:
    name = "estonia"
    title = "a list of somebody else"
    leaves_out = ()

    def recognises(self, source):
        return source.head.startswith(b"EHAK")

    def changes(self, source, window, report):
        cells = [line.split() for line in source.data.decode().splitlines()[1:]]
        return pd.DataFrame(cells, columns=["old_code", "new_code", "old_name", "new_name", "date"])
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what puts a package with an entry point where Python finds packages."""
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(folder)

    def put(name: str, value: str, code: str = READER) -> None:
        info = folder / f"{name}_reader-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-reader\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
        (folder / f"{name}_reader.py").write_text(code)
        monkeypatch.delitem(sys.modules, f"{name}_reader", raising=False)

    return put


def test_a_reader_of_another_package_is_found_and_used(install: Install, tmp_path: Path) -> None:
    install("estonia", "estonia_reader:Estonia")
    assert set(readers()) == {"klass", "fso", "insee", "csv", "estonia"}
    path = tmp_path / "list.ehak"
    path.write_text("EHAK\n0140 0141 Aegviidu Anija 2017-10-24\n")
    for reader in (None, "estonia"):
        plan = read_changes(path, reader=reader)
        assert [event.label() for event in plan.events] == ["renumber 0140 > 0141"]
    with pytest.raises(InputError, match="No reader recognises"):
        read_units(path)
    with pytest.raises(InputError, match=r"estonia reads no lists of units\. These do: klass, insee, csv"):
        read_units(path, reader="estonia")


def test_the_example_of_the_documentation_reads(install: Install, tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "histories.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Registry" in block]
    install("registry", "registry_reader:Registry", code)
    path = tmp_path / "list.txt"
    path.write_text("ATLANTIS\n1;9;Poseidonis;Cleito;2020-01-01\n1;9;Poseidonis;Kleito;2020-01-01\n")
    with pytest.raises(InputError, match="rows 2 and 3: 9 gets 2 names"):
        read_changes(path)
    path.write_text("ATLANTIS\n1;9;Poseidonis;Cleito;2020-01-01\n")
    assert read_changes(path).sentences() == ["1 gets the code 9 Cleito."]


def test_dates_of_a_reader_must_be_dates(install: Install, tmp_path: Path) -> None:
    install("estonia", "estonia_reader:Estonia")
    path = tmp_path / "list.ehak"
    path.write_text("EHAK\n0140 0141 Aegviidu Anija 2017\n")
    with pytest.raises(InputError, match="row 0: '2017' is no date of the calendar"):
        read_changes(path)


def test_a_reader_that_leaves_columns_out_is_told(install: Install, tmp_path: Path) -> None:
    install("estonia", "estonia_reader:Estonia", READER.replace('"new_name", "date"]', '"new_name", "day"]'))
    path = tmp_path / "list.ehak"
    path.write_text("EHAK\n0140 0141 Aegviidu Anija 2017-10-24\n")
    with pytest.raises(InputError, match=r"What the reader estonia makes of .* has no column date"):
        read_changes(path)


@pytest.mark.parametrize(
    ("value", "reason"), [("estonia_reader:Latvia", "Latvia"), ("no_such_module:Reader", "no_such_module")]
)
def test_a_reader_that_cannot_be_loaded_is_told(install: Install, value: str, reason: str) -> None:
    install("estonia", value)
    with pytest.raises(InputError, match=f"The reader estonia .* cannot be loaded: .*{reason}"):
        readers()


def test_two_readers_of_one_name_are_told(install: Install) -> None:
    install("klass", "klass_reader:Estonia")
    with pytest.raises(InputError, match="Two readers are called klass"):
        readers()


def test_those_that_come_along_need_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entry_points", lambda **_: ())
    assert {name: reader.name for name, reader in readers().items()} == {n: n for n in ("klass", "fso", "insee", "csv")}


def test_those_that_come_along_are_registered_like_others() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    registered = tomllib.loads(text)["project"]["entry-points"][GROUP]
    assert registered == {entry.name: entry.value for entry in BUILT_IN}


def test_who_is_meant_must_be_clear(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("old_code,new_code,new_name,date,MOD,DATE_EFF,COM_AV,COM_AP\n")
    with pytest.raises(InputError, match=r"insee and csv recognise .*\n  klass: .*\n  fso: .*\n  insee: .*\n  csv: "):
        read_changes(path)
    with pytest.raises(InputError, match=r"There is no reader atlantis. There are:\n  klass: "):
        read_changes(path, reader="atlantis")
    with pytest.raises(InputError, match="No such file"):
        read_changes(tmp_path / "none.csv")
