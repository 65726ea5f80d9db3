"""The documentation builds as a site, with warnings as errors, and asks the network for nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_every_page_is_there(site):
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not (site / page).exists()} == set()


def test_every_page_but_decisions_is_in_the_navigation(site):
    links = set(re.findall(r'href="([^"#:]+\.html)"', (site / "index.html").read_text(encoding="utf-8")))
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")} - {"404.html"}
    assert {page for page in pages - links if not page.startswith("decisions/")} == set()


def test_pictures_are_there_and_small():
    for page in (ROOT / "docs").rglob("*.md"):
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).stat().st_size < 250_000, target


def test_the_reference_has_each_verb(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    for verb in ("pieces", "dissolve", "reassign", "rekey", "crosswalk", "restate", "diff", "verify", "run"):
        assert re.search(rf'id="geomerge\.\w+(\.\w+)*\.{verb}"|id="geomerge\.{verb}\.{verb}"', page), verb


def test_nothing_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?://[^"]+)"', text)
        fetched += re.findall(r'<link[^>]+rel="(?:stylesheet|preload)"[^>]+href="(https?://[^"]+)"', text)
        assert fetched == [], page.name
