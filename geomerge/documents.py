"""YAML documents checked against a model: scalars stay the text they are, faults carry their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from geomerge.errors import PlanFormatError

DocumentModel = TypeVar("DocumentModel", bound=BaseModel)

# Where a fault lies: the line or row as people count them, and what stands there, in words.
Place = tuple[str, str]
Locator = Callable[[tuple[Any, ...]], Place]

# What pydantic calls a fault, and what we say; {} stands for the facts it gives.
MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; check its spelling",
    "string_type": "must be one text",
    "string_too_short": "is empty",
    "date_from_datetime_parsing": "is no date of the calendar; write it as 2020-01-31",
    "int_parsing": "is no whole number",
    "float_parsing": "is no number",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be names with values (name: value)",
    "model_type": "must be names with values (name: value)",
    "model_attributes_type": "must be names with values (name: value)",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "literal_error": "must be {expected}",
}


class _TextLoader(yaml.SafeLoader):
    """Reads every scalar as text; only an empty value, ``null`` and ``~`` are no value."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (the name and the form are PyYAML's)
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith((":null", ":merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(path: Path, model: type[DocumentModel]) -> DocumentModel:
    """Read a YAML file as a model; PlanFormatError with all faults and their lines.

    Scalars are read as text (YAML would read the code 0720 as the octal number 464); the model turns dates
    and numbers into what they are.
    """
    root, data = _parse(path)
    faults = [
        (line, f"{path} line {line}: {name!r} stands here for the second time; keep one of them.")
        for line, name in _repeated(root)
    ]
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        faults += explain(error, str(path), lambda place: _find(root, place))
    else:
        if not faults:
            return found
    raise PlanFormatError(*(sentence for _, sentence in sorted(faults)))


def read_text(path: Path) -> str:
    """Return the text of a file; PlanFormatError if it is missing, empty or not UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PlanFormatError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PlanFormatError(
            f"{path} line {line}: byte 0x{data[error.start]:02X} is not UTF-8. Save the file as UTF-8."
        ) from error
    if not text.strip():
        raise PlanFormatError(f"{path} is empty.")
    return text


def beside(folder: Path, name: str) -> str:
    """Return a path that a document names, relative to the folder of the document.

    Examples
    --------
    >>> beside(Path("jobs"), "zip://parcels.zip!parcels.gml")
    'zip://jobs/parcels.zip!parcels.gml'
    """
    if name.startswith("zip://"):
        return f"zip://{(folder / name.removeprefix('zip://')).as_posix()}"
    return name if name.startswith("/vsi") or "://" in name else str(folder / name)


def explain(error: ValidationError, name: str, locate: Locator) -> list[tuple[int, str]]:
    """Return each fault a model found as its line (0 where there is none) and a sentence.

    Parameters
    ----------
    error
        What the model found.
    name
        Name of the document.
    locate
        Gives the line, such as ``line 7``, and the words for a place in the model.
    """
    told: dict[Place, list[str]] = {}
    faults = error.errors(include_url=False)
    for fault in faults:
        if fault["type"] == "too_short" and any(_below(other["loc"], fault["loc"]) for other in faults):
            continue  # only what is in order was counted
        place = fault["loc"] if fault["type"] == "missing" else (*fault["loc"], None)
        told.setdefault(locate(place), []).append(_message(fault))
    return [
        (int(line.split()[-1]) if line else 0, f"{name} {line}".rstrip() + f": {_said(what, messages)}.")
        for (line, what), messages in told.items()
    ]


def _below(place: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def _said(what: str, messages: Sequence[str]) -> str:
    """Join a place with what is wrong there; it may take several forms, each with a message of its own."""
    text = ", or ".join(dict.fromkeys(messages))
    return f"{what}: {text}" if what else text


def _message(fault: Any) -> str:
    facts = fault.get("ctx", {})
    if fault["input"] is None and fault["type"] != "missing":
        return "is empty"
    if fault["type"] == "too_short":
        count = facts["min_length"]
        return "is empty" if facts["actual_length"] == 0 else f"needs at least {count}, but has one"
    if fault["type"] in MESSAGES:
        return MESSAGES[fault["type"]].format(**facts)
    return str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def _parse(path: Path) -> tuple[yaml.Node, dict[Any, Any]]:
    text = read_text(path)
    try:
        loader = _TextLoader(text)
        root = loader.get_single_node()
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise PlanFormatError(f"{path}{place}: {problem}. Correct the YAML there.") from error
    if root is None or not isinstance(data, dict):
        raise PlanFormatError(f"{path} holds no names with values (name: value). See the documentation.")
    return root, data


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Find keys that stand twice in one mapping; YAML would keep the last in silence."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(str(key.value))
            yield from _repeated(value)


def _find(node: yaml.Node | None, path: tuple[Any, ...]) -> Place:
    """Follow a path into the document; steps that only the model knows are passed over."""
    names: list[str] = []
    line = node.start_mark.line + 1 if node and len([step for step in path if step is not None]) else 0
    for number, step in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                names += [str(step)] if step is not None and number == len(path) - 1 else []
                continue
            key, node = found[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            continue
        names.append(str(step + 1) if isinstance(step, int) else str(step))
    return (f"line {line}" if line else ""), " > ".join(names)
