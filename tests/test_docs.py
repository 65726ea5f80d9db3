"""The documentation says what the program does: examples are read, help texts compared, links followed."""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from geomerge import read_history
from geomerge.cli import main
from geomerge.documents import load
from geomerge.job import Job
from geomerge.plan import Plan

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), ROOT / "sample_data/README.md"]
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def examples() -> list[tuple[str, int, str]]:
    found = []
    for page in ("README.md", "docs/plan.md", "docs/job.md"):
        found += [(page, number, text) for number, text in enumerate(blocks(page, "yaml"))]
    return found


def sessions() -> list[tuple[str, str]]:
    pages = ("README.md", "docs/history.md")
    return [(page, f"$ {text}") for page in pages for each in blocks(page, "console") for text in each.split("$ ")[1:]]


@pytest.mark.parametrize("text", [text for _, _, text in examples()], ids=[f"{p} {n}" for p, n, _ in examples()])
def test_yaml_examples_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    load(path, Plan if "events:" in text else Job)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the sample, and with the history of docs/history.md."""
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    atlantis = tmp_path / "atlantis"
    atlantis.mkdir()
    (document,) = blocks("docs/history.md", "yaml")
    texts = [document, *blocks("docs/history.md", "csv")]
    for name, text in zip(["history.yaml", "units.csv", "changes.csv", "parents.csv"], texts, strict=True):
        (atlantis / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("page", "text"), sessions(), ids=[f"{p}: {text.splitlines()[0]}" for p, text in sessions()])
def test_commands_print_what_the_page_says(page: str, text: str) -> None:
    line, _, expected = text.partition("\n")
    program, *arguments = shlex.split(line.removeprefix("$ "))
    assert program == "geomerge"
    assert CliRunner().invoke(main, arguments).output == expected, page


@pytest.mark.parametrize("page", ["docs/history.md"])
def test_python_sessions_print_what_the_page_says(page: str) -> None:
    text = "\n".join(blocks(page, "pycon"))
    session = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert session.examples
    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(session, out=told.append)
    assert told == []


def test_evidence_of_the_shipped_history_is_documented() -> None:
    text = (ROOT / "docs/history.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `([^`]+)` \| (\d+) \|", text, re.MULTILINE))
    there = Counter(event.evidence for event in read_history("NO").plan.events)
    assert table == {grade: str(count) for grade, count in there.items()}


def test_columns_of_a_crosswalk_are_documented() -> None:
    from geomerge.crosswalk import COLUMNS

    text = (ROOT / "docs/history.md").read_text(encoding="utf-8")
    first_cells = " ".join(re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE))
    assert [column for column in (*COLUMNS, "old_name", "new_name") if f"`{column}`" not in first_cells] == []


def test_columns_of_a_plan_as_a_table_are_documented() -> None:
    from geomerge.plantable import COLUMNS

    section = (ROOT / "docs/plan.md").read_text(encoding="utf-8").partition("## As a table")[2]
    (example,) = blocks("docs/plan.md", "csv")
    named = {*re.findall(r"`(\w+)`", section), *example.splitlines()[0].split(",")}
    assert named >= set(COLUMNS)


def test_the_example_of_a_table_is_read(tmp_path: Path) -> None:
    from geomerge.plantable import load_table

    path = tmp_path / "plan.csv"
    path.write_text(*blocks("docs/plan.md", "csv"), encoding="utf-8")
    assert [event.kind for event in load_table(path).events] == ["merge", "transfer", "split"]


def test_every_event_is_documented() -> None:
    from geomerge.events import KINDS

    table = (ROOT / "docs/plan.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"| `{kind.kind}` |" in table


def test_every_reason_is_documented() -> None:
    from geomerge.assignment import REASONS

    page = (ROOT / "docs/reassign.md").read_text(encoding="utf-8")
    for reason in REASONS:
        assert reason in page


def test_python_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks("README.md", "python")
    names: dict[str, object] = {}
    exec(code, names)
    moved = names["moved"]
    assert len(moved.updated) + len(moved.review) == 5642  # type: ignore[attr-defined]


def test_commands_are_what_help_says() -> None:
    spec = importlib.util.spec_from_file_location("make_commands", ROOT / "docs/make_commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/make_commands.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_house_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^(\w+)(?:\.py|/) ", blocks("docs/architecture.md", "text")[-1], re.MULTILINE)
    entries = [path for path in (ROOT / "geomerge").iterdir() if not path.name.startswith("_")]
    there = {path.stem for path in entries if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(drawn) == there
