"""The documentation says what the program does: examples are read, help texts compared, links followed."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import re
import runpy
import shlex
import shutil
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

HOWTO = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("docs/howto/*.md"))]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def examples() -> list[tuple[str, int, str]]:
    found = []
    for page in ("README.md", *(f"docs/{name}.md" for name in ("plan", "job", "tutorial")), *HOWTO):
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


@pytest.mark.slow
def test_the_tutorial_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(
        ROOT / "sample_data", tmp_path / "sample_data", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    fences = re.findall(r'^```(console|python title="([^"]+)")\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    ran = 0
    for _, file, block in fences:
        if file:
            Path(file).write_text(block, encoding="utf-8")
            continue
        for each in block.split("$ ")[1:]:
            line, _, expected = each.partition("\n")
            printed = output_of(shlex.split(line)).replace("\u202f", " ")
            assert doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS), f"$ {line}\n{printed}"
            ran += 1
    assert ran > 15


def output_of(command: list[str]) -> str:
    """Run geomerge or a script in the working folder, and return what it prints."""
    program, *arguments = command
    if program == "geomerge":
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        return done.output
    assert program == "python"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(*arguments, run_name="__main__")
    return printed.getvalue()


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


def test_columns_of_the_review_are_documented() -> None:
    from geomerge.decisions import COLUMNS
    from geomerge.results import REVIEW

    text = (ROOT / "docs/review.md").read_text(encoding="utf-8")
    assert [column for column in (*REVIEW, *COLUMNS) if f"`{column}`" not in text] == []


def test_provenance_is_documented() -> None:
    from geomerge.provenance import Provenance

    text = (ROOT / "docs/review.md").read_text(encoding="utf-8")
    assert [name for name in Provenance("", "", "", "").items() if f"| `{name}` |" not in text] == []


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in main.commands if name != "schema" and f"`{name}`" not in text] == []
    assert len(text.splitlines()) < 200


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
