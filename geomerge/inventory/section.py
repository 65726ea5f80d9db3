"""The section ``registers`` of a job, made of an inventory: for a person to read, to correct and to confirm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from geomerge.inventory.judging import CODES, Verdict

if TYPE_CHECKING:
    from geomerge.inventory.result import Inventory, TableFound

ROW = "row"  # what a column is about, where nothing else is said
NAMES = ("name", "parent name")
ONCE = ("unit", "parent", "name", "parent name")  # of which a row has one
PLAIN_ENCODINGS = frozenset(["utf-8", "utf-8-sig", "UTF-8", None])
IDENTIFIES = 0.6  # confidence from which a column is taken to identify rows
HEAD = """\
# Made by geomerge inventory. Read each line, correct it, and take out what is not to change. What follows a hash
# is how sure the inventory is (0 to 1), or what it was not sure enough of to say.
registers:
"""
NOTHING = "# No column was found that holds codes.\nregisters: []\n"


@dataclass
class _Columns:
    """The columns of a register: those that are said, and those that stand in comments."""

    said: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


def registers_section(inventory: Inventory) -> str:
    """Return the registers of an inventory as YAML; a table is one where a column surely or likely holds codes."""
    blocks, taken = [], set[str]()
    for table in inventory.found:
        columns = _columns(table)
        if columns.held:
            blocks.append("\n".join(_block(table, columns, _name(table, taken))))
    return f"{HEAD}{chr(10).join(blocks)}\n" if blocks else NOTHING


def _name(table: TableFound, taken: set[str]) -> str:
    stem = PurePath(table.source.rpartition("!")[2]).name.partition(".")[0]
    text = re.sub(r"\W+", "_", f"{stem}_{table.table}" if table.table else stem, flags=re.ASCII).strip("_").lower()
    text, number = text or "table", 1
    name = text
    while name in taken:
        number += 1
        name = f"{text}_{number}"
    taken.add(name)
    return name


def _columns(table: TableFound) -> _Columns:
    """Return what each column is said to hold: units first, as others are about them."""
    found = _Columns()
    order = {"unit": 0, "parent": 1, "district": 1, "key": 1, "composite": 1, "name": 2, "parent name": 2}
    held = [verdict for verdict in table.verdicts if verdict.holds in order]
    lines: dict[str, tuple[str, bool]] = {}
    for verdict in sorted(held, key=lambda verdict: order[verdict.holds]):
        lines[verdict.profile.name] = _column(verdict, found)
    for verdict in held:
        line, sure = lines[verdict.profile.name]
        (found.said if sure else found.doubted).append(line)
    return found


def _column(verdict: Verdict, found: _Columns) -> tuple[str, bool]:
    """Return the line of a column, and whether it is said, or stands in a comment."""
    name, holds, details = verdict.profile.name, verdict.holds, verdict.details or {}
    subject = found.about.get(details.get("about") or "", ROW)
    if holds == "unit" and (holds, ROW) in found.held:
        subject = name
    doubt = ""
    if verdict.certainty == "unclear":
        doubt = "unclear"
    elif details.get("several"):
        doubt = "holds several codes in one value"
    elif holds in ONCE and (holds, subject) in found.held:
        doubt = f"another column holds the {holds} as well"
    elif holds in NAMES and not any(about == subject for kind, about in found.held if kind in CODES):
        doubt = "no column holds the code it belongs to"
    entry: dict[str, Any] = {"holds": holds}
    if holds == "district" or (holds in ("unit", "parent") and verdict.lost):
        entry["width"] = details.get("width")
    entry |= {"layout": details["layout"]} if details.get("layout") else {}
    entry |= {"pattern": f"^{details['pattern']}$"} if details.get("pattern") else {}
    entry |= {"of": subject} if subject != ROW else {}
    if not doubt:
        found.held.add((holds, subject))
        found.names.add(name)
        if holds == "unit":
            found.about[name] = subject
    text = f"{scalar(name)}: {scalar(entry if len(entry) > 1 else holds)}"
    why = f"{verdict.confidence:.2f}, {doubt or verdict.certainty}{_told(verdict)}"
    return f"{text}  # {comment(why)}", not doubt


def _told(verdict: Verdict) -> str:
    said = []
    if verdict.lost:
        said.append(f"zeros lost in {verdict.lost}")
    if verdict.unknown:
        said.append(f"unknown codes: {len(verdict.unknown)}")
    if verdict.changing is not None:
        said.append(f"rows that change: {sum(verdict.changing.values())}")
    return "".join(f"; {each}" for each in said)


def _block(table: TableFound, columns: _Columns, name: str) -> Iterator[str]:
    yield f"  - name: {scalar(name)}"
    yield f"    source: {scalar(table.source)}"
    if table.table:
        yield f"    table: {scalar(table.table)}"
    if table.encoding not in PLAIN_ENCODINGS:
        yield f"    encoding: {scalar(table.encoding)}"
    numbers = list(_keys(table, columns))
    yield from _identifier(table, columns)
    for verdict in table.verdicts:
        if verdict.holds == "date" and verdict.certainty == "certain":
            date = comment(scalar(verdict.profile.name))
            yield f"    # date: {date}  # if rows of before keep the codes of their time"
    yield "    columns:"
    yield from (f"      {line}" for line in columns.said)
    yield from (f"      # {comment(line)}" for line in columns.doubted)
    if numbers:
        yield "    keys:"
        yield from (f"      {line}" for line in numbers)
    yield from _place(table)


def _identifier(table: TableFound, columns: _Columns) -> Iterator[str]:
    """Yield the column that identifies rows: the primary key, else a unique one that is called or looks like a number.

    The row numbers of a GeoPackage identify its rows anyway.
    """
    best = []
    for place, (verdict, role) in enumerate(zip(table.verdicts, table.roles, strict=True)):
        name = verdict.profile.name
        numbered = verdict.holds == "number" or (not verdict.holds and verdict.profile.kind == "integer")
        primary = role.role == "primary" and "together with" not in role.says
        own = primary and table.source.lower().endswith(".gpkg")
        if name in columns.names or own or role.confidence < IDENTIFIES:
            continue
        if primary or (role.role == "unique" and numbered):
            best.append((not primary, verdict.holds != "number", place, name, role))
    if best:
        *_, name, role = min(best, key=lambda each: each[:3])
        yield f"    id: {scalar(name)}  # {role.confidence:.2f}, {comment(role.says)}"


def _keys(table: TableFound, columns: _Columns) -> Iterator[str]:
    """Yield keys that are spread over columns, beside a column that is said to hold the unit."""
    seen = set[tuple[str, ...]]()
    for verdict in table.verdicts:
        details = verdict.details or {}
        numbers = tuple(details.get("numbers") or ())
        code = details.get("about")
        if verdict.holds != "key number" or numbers in seen or code not in columns.about:
            continue
        seen.add(numbers)
        if not columns.names.isdisjoint(numbers):
            continue
        entry = scalar({"code": code, "numbers": list(numbers)})
        yield f"- {entry}  # {verdict.confidence:.2f}, {verdict.certainty}; like a key of {details['layout']}"


def _place(table: TableFound) -> Iterator[str]:
    axes = {axis: name for verdict in table.verdicts if (axis := (verdict.details or {}).get("axis"))
            for name in [verdict.profile.name]}  # fmt: skip
    if {"x", "y"} <= set(axes):
        entry = scalar({"x": axes["x"], "y": axes["y"], "crs": table.crs or "EPSG:..."})
        yield f"    # place: {comment(entry)}  # say in which CRS the coordinates are"


def scalar(value: Any) -> str:
    """Return a value as it stands in YAML, on one line.

    Examples
    --------
    >>> scalar("no"), scalar({"holds": "district", "width": 4}), scalar("a: #b")
    ("'no'", '{holds: district, width: 4}', "'a: #b'")
    """
    text = _written(value, None)
    if not text.isprintable() or text != text.strip():  # spread over lines, or with marks that nobody sees
        text = _written(value, '"')
    return text


def _written(value: Any, style: str | None) -> str:
    import yaml

    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=style is None, sort_keys=False, width=float("inf"),
        default_style=style,
    )  # fmt: skip
    return text.removesuffix("\n").removesuffix("\n...")


def comment(text: str) -> str:
    r"""Return a text as it may stand behind a hash: on one line.

    Examples
    --------
    >>> comment("one\ntwo")
    'one two'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
