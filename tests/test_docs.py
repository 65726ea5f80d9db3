"""The documentation says what the program does: examples are read, help texts compared, links followed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", [text for _, _, text in examples()], ids=[f"{p} {n}" for p, n, _ in examples()])
def test_yaml_examples_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    load(path, Plan if "events:" in text else Job)


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
