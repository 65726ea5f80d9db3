"""YAML documents checked against a model: every scalar stays the text it is, every fault is told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from geomerge.errors import PlanFormatError

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as a model; PlanFormatError with all faults and their lines.

    Scalars are read as text (YAML would read the code 0720 as the octal number 464); the model turns dates and numbers
    into what they are.
    """
    text = read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=yaml.BaseLoader)  # BaseLoader builds nothing but text, lists and mappings
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise PlanFormatError(f"{path}{place}: {problem}. Correct the YAML there.") from error
    if not isinstance(data, dict):
        raise PlanFormatError(f"{path} is no mapping of names to values. See the documentation for its form.")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise PlanFormatError(*explain(error, str(path), root)) from error


def read_text(path: Path) -> str:
    """Return the text of a file; PlanFormatError if it is missing or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanFormatError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise PlanFormatError(f"{path} cannot be read: {error.strerror}.") from error


def explain(error: ValidationError, name: str, root: yaml.Node | None = None) -> list[str]:
    """Return one sentence for each fault a model found, with the line where there is one."""
    sentences = []
    for fault in error.errors(include_url=False):
        where, line = _find(root, fault["loc"])
        message = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "is not known here; check its spelling"
        elif fault["type"] == "missing":
            message = "is missing"
        place = f"{name} line {line}" if line else name
        sentences.append(f"{place}: {where or 'the document'}: {message}.")
    return sentences


def _find(node: yaml.Node | None, path: tuple[Any, ...]) -> tuple[str, int]:
    """Follow a path into the document; steps that only the model knows are passed over."""
    names: list[str] = []
    line = node.start_mark.line + 1 if node else 0
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                if step == path[-1]:
                    names.append(str(step))
                continue
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif node is not None:
            continue
        names.append(str(step + 1) if isinstance(step, int) else str(step))
    return " > ".join(names), line
