"""One list of dependencies in three files: pyproject.toml leads, the other two may not disagree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]

# Where conda-forge calls a package something else.
CONDA_NAMES = {"matplotlib": "matplotlib-base"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def wanted() -> dict[str, SpecifierSet]:
    """Return the bound of every dependency; a package in two extras has one bound."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    bounds: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        assert bounds.setdefault(name, requirement.specifier) == requirement.specifier, f"two bounds: {name}"
    return bounds


def conda_lists() -> tuple[list[str], list[str]]:
    """Return what environment.yml takes from the channel, and what through pip."""
    plain = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]
    (pip,) = (entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))
    return plain, pip


def pinned() -> dict[str, Version]:
    """Return the version of every line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def test_environment_has_the_same_packages_and_bounds() -> None:
    plain, pip = conda_lists()
    listed = {r.name: r.specifier for r in map(Requirement, [*plain, *pip[:-1]])}
    for name in ("python", "pip"):
        listed.pop(name)
    assert listed == {CONDA_NAMES.get(name, name): bound for name, bound in wanted().items()}


def test_environment_names_the_project_last() -> None:
    assert ENVIRONMENT["name"] == PROJECT["name"]
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert conda_lists()[1][-1] == "-e ."


def test_python_is_the_same_everywhere() -> None:
    python = next(r for r in map(Requirement, conda_lists()[0]) if r.name == "python")
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert tools["mypy"]["python_version"] == lowest
    assert tools["ruff"]["target-version"] == "py" + lowest.replace(".", "")
    assert f"Programming Language :: Python :: {lowest}" in PROJECT["classifiers"]


def test_constraints_pin_every_dependency_within_its_bound() -> None:
    pins = pinned()
    faults = [
        f"{name}{bound}: constraints.txt has {pins.get(name, 'nothing')}"
        for name, bound in wanted().items()
        if name not in pins or not bound.contains(pins[name])
    ]
    assert faults == []


def test_constraints_are_plain_pins_each_named_once() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    names = [line.split("==")[0].lower() for line in lines]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt", "environment.yml", "Makefile", ".ci/run"])
def test_no_file_names_a_host(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.findall(r".*://.*|.*\bindex-url\b.*|.*\bfind-links\b.*", text) == []
