"""What an inventory gives: a section of a job that can be read, a page that stands alone, and the command."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge import History, inventory, read_history, read_layer
from geomerge.cli import main
from geomerge.documents import load
from geomerge.inventory.section import comment, scalar
from geomerge.registers import RegisterConfig
from geomerge.selectors import Model

CODES = ["0706", "0719", "0720", "0704", "1103", "0301"]
PLAN = "title: T\ndate: 2017-01-01\nevents:\n  - {merge: ['0706', '0719', '0720'], into: '0710', name: Sandefjord}\n"


class Section(Model):
    """The part of a job that an inventory writes."""

    registers: tuple[RegisterConfig, ...]


@pytest.fixture(scope="module")
def norway() -> History:
    return read_history("NO")


@pytest.fixture(scope="module")
def cases(norway: History) -> pd.DataFrame:
    units = norway.units_on("2016-12-31").set_index("code")
    codes = CODES * 10
    return pd.DataFrame(
        {
            "case_id": range(1, 61),
            "received": ["2016-05-17"] * 60,
            "kommune": codes,
            "navn": [units.loc[code, "name"] for code in codes],
            "fylke": [units.loc[code, "parent"] for code in codes],
            "krets": [f"{code}0102" for code in codes],
            "gnr": range(1, 61),
            "bnr": [3] * 60,
            "eiendom": [f"{code}-{row + 1}/3" for row, code in enumerate(codes)],
            "sak": [f"{code}-{row}" for row, code in enumerate(codes)],
            "ny_kommune": ["1103", "0301", "1601", "1201", "0101", "0104"] * 10,
            "east": [500000.5] * 60,
            "north": [6500000.5] * 60,
            "note: # {x}": ["0719", "0301"] * 30,
        }
    )


def section(text: str, folder: Path) -> dict[str, RegisterConfig]:
    path = folder / "section.yaml"
    path.write_text(text, encoding="utf-8")
    return {register.name: register for register in load(path, Section).registers}


def test_the_section_is_read_by_a_job(norway: History, cases: pd.DataFrame, tmp_path: Path) -> None:
    found = inventory({"data/cases 2016.csv": cases, "nothing.csv": pd.DataFrame({"a": ["x"]})}, history=norway)
    registers = section(found.registers(), tmp_path)
    assert list(registers) == ["cases_2016"]
    register = registers["cases_2016"]
    assert (register.source, register.id, register.date) == ("data/cases 2016.csv", "case_id", None)
    held = {name: column.holds for name, column in register.columns.items()}
    assert held["kommune"] == "unit"
    assert (held["navn"], held["fylke"], held["krets"]) == ("name", "parent", "district")
    assert (held["eiendom"], held["sak"]) == ("key", "composite")
    assert register.columns["krets"].width == 4
    assert register.columns["eiendom"].layout == "matrikkel"
    assert re.fullmatch(register.columns["sak"].pattern or "", "0706-17")["code"] == "0706"  # type: ignore[index]
    assert register.columns["ny_kommune"].of == "ny_kommune"
    assert [(key.code, key.numbers) for key in register.keys] == [("kommune", ("gnr", "bnr"))]
    assert "# date: received" in found.registers()
    assert "# place: {x: east, y: north, crs: 'EPSG:...'}" in found.registers()
    assert re.search(r"kommune: unit  # 0\.\d\d, (certain|likely)", found.registers())


def test_lost_zeros_and_encodings_are_said(norway: History, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("knr;navn\n" + "".join(f"{int(code)};Ø\n" for code in CODES * 3), encoding="iso-8859-1")
    register = section(inventory(path, history=norway).registers(), tmp_path)["a"]
    assert (register.columns["knr"].width, register.encoding) == (4, "ISO-8859-1")


def test_without_codes_there_is_no_register(norway: History, tmp_path: Path) -> None:
    found = inventory({"a": pd.DataFrame({"a": ["x", "y"]})}, history=norway)
    assert section(found.registers(), tmp_path) == {}
    assert "There is none." in found.page()


def test_registers_are_told_apart(norway: History, tmp_path: Path) -> None:
    tables = {f"{folder}/æ ø.csv": pd.DataFrame({"kommune": CODES}) for folder in ("a", "b")}
    assert list(section(inventory(tables, history=norway).registers(), tmp_path)) == ["table", "table_2"]


NAMES = st.lists(
    st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=4, unique=True
)


@given(NAMES)
@settings(max_examples=12, deadline=None)
def test_names_of_columns_are_data(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    table = pd.DataFrame(dict.fromkeys(names, CODES * 3))
    found = inventory({"t": table}, units=pd.DataFrame({"code": CODES}))
    text = found.registers()
    assert yaml.safe_load(text)["registers"] is not None
    registers = section(text, tmp_path_factory.mktemp("section"))
    held = {column for register in registers.values() for column in register.columns}
    assert held <= set(found.columns["column"])
    assert Checked().checked(found.page()) == []


@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_scalars_come_back(text: str) -> None:
    written = scalar(text)
    assert "\n" not in written
    assert yaml.safe_load(f"a: {written}  # b")["a"] == text
    assert comment(text).splitlines() in ([], [comment(text)])


class Checked(html.parser.HTMLParser):
    """Finds what a page must not have: tags left open, scripts, anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []

    def checked(self, text: str) -> list[str]:
        self.feed(text)
        self.close()
        assert len(self.ids) == len(set(self.ids))
        return [*self.faults, *self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)
        if tag in ("script", "img", "link", "iframe") or any(name.startswith("on") for name in given):
            self.faults.append(f"<{tag}>")
        for name in ("href", "src"):
            if given.get(name) and not str(given[name]).startswith("#"):
                self.faults.append(str(given[name]))
        if given.get("id"):
            self.ids.append(str(given["id"]))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")


def test_the_page_stands_alone_and_escapes_names(norway: History, cases: pd.DataFrame) -> None:
    odd = cases.rename(columns={"kommune": "<script>alert(1)</script>"})
    text = inventory({"a<b>&'\".csv": odd}, history=norway).page("Stock <taking>")
    assert Checked().checked(text) == []
    assert "<title>Stock &lt;taking&gt;</title>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert 'lang="en"' in text
    assert "all 60 rows were read" in text
    assert not re.search(r"https?://", text)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["inventory", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, cases: pd.DataFrame) -> Path:
    there = tmp_path / "data"
    there.mkdir()
    cases.to_csv(there / "cases.csv", index=False)
    (there / "empty.csv").write_bytes(b"")
    (there / "photo.jpg").write_bytes(b"x")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return there


def test_the_command_writes_a_folder(folder: Path, tmp_path: Path) -> None:
    done = run(folder, "--history", "NO", "--plan", tmp_path / "plan.yaml", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "kommune: unit, certain" in done.output
    assert "rows that change: 30" in done.output
    assert "empty.csv is empty" in done.stderr
    assert "skipped: 1 .jpg" in done.output
    columns = read_layer(tmp_path / "out/columns.csv").set_index("column")
    assert columns.loc["kommune", ["holds", "changing_rows"]].tolist() == ["unit", "30"]
    assert len(read_layer(tmp_path / "out/problems.csv")) == 1
    assert (
        "kommune" in section((tmp_path / "out/registers.yaml").read_text(encoding="utf-8"), tmp_path)["cases"].columns
    )
    assert Checked().checked((tmp_path / "out/inventory.html").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.html", "a.yaml"])
def test_the_command_writes_one_file(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "units.csv").write_text("\n".join(["code", *CODES]), encoding="utf-8")
    known = ("--units", tmp_path / "units.csv", "-o", tmp_path / name)
    done = run(folder, *known)
    assert done.exit_code == 0, done.output
    assert (tmp_path / name).stat().st_size > 500
    if name == "a.xlsx":
        assert "kommune" in pd.read_excel(tmp_path / name)["column"].tolist()
    before = (tmp_path / name).read_bytes()
    run(folder, *known)
    assert (tmp_path / name).read_bytes() == before


def test_the_command_prints_for_machines(folder: Path) -> None:
    done = run(folder, "--history", "NO", "--json", "--full")
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told) == {"columns", "tables", "problems", "skipped", "sampled"}
    assert told["sampled"] is None
    row = next(row for row in told["columns"] if row["column"] == "kommune")
    assert (row["holds"], row["rows"], row["changing"]) == ("unit", 60, None)


def test_the_command_knows_codes_from_units(folder: Path, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("nr,navn\n" + "".join(f"{code},By\n" for code in CODES), encoding="utf-8")
    done = run(folder, "--units", units, "--code", "nr", "--name", "navn")
    assert done.exit_code == 0, done.output
    assert "kommune: unit" in done.output


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["data"], "No codes are known. Name a history (--history NO)"),
        (["nowhere", "--history", "NO"], "nowhere does not exist"),
        (["data", "--history", "NO", "-o", "a.pdf"], ".pdf is nothing that can be written"),
        (["data/cases.csv", "--history", "NO", "-o", "data/cases.csv"], "exists already"),
        (["data", "--units", "data/cases.csv", "--code", "knr"], "has no column knr"),
    ],
)
def test_the_command_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], fault: str) -> None:
    monkeypatch.chdir(folder.parent)
    before = (folder / "cases.csv").read_bytes()
    done = run(*arguments)
    assert done.exit_code == 2
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "cases.csv").read_bytes() == before
