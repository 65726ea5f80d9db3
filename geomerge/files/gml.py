"""GML in place: the values that change are written anew, all else stays, the application schema with it."""

from __future__ import annotations

import shutil
import xml.parsers.expat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from geomerge.errors import LayerError
from geomerge.files.revision import Revision, as_text

MEMBERS = ("featureMember", "featureMembers", "member")


@dataclass
class _Feature:
    """Where a feature stands in its file, and where the values do that may change."""

    start: int
    end: int = 0
    values: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)


class _Finder:
    """Finds the features of a layer and, in them, elements by their names."""

    def __init__(self, data: bytes, layer: str, columns: Sequence[str]) -> None:
        self.data, self.layer, self.columns = data, layer, frozenset(columns)
        self.features: list[_Feature] = []
        self.encoding = "utf-8"
        self.stack: list[tuple[str, int]] = []
        self.inside: int | None = None
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.XmlDeclHandler = self.declared
        self.parser.StartElementHandler = self.opened
        self.parser.EndElementHandler = self.closed

    def declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = encoding or self.encoding

    def opened(self, name: str, _attributes: Mapping[str, str]) -> None:
        parent = self.stack[-1][0] if self.stack else ""
        local = name.rpartition(":")[2]
        at = self.parser.CurrentByteIndex
        if self.inside is None and local == self.layer and parent in MEMBERS:
            outer = self.stack[-1][1] if parent != "featureMembers" else at
            self.features.append(_Feature(outer))
            self.inside = len(self.stack)
        self.stack.append((local, at))

    def closed(self, name: str) -> None:
        local, start = self.stack.pop()
        at = self.parser.CurrentByteIndex
        if self.inside is None:
            if local in MEMBERS and self.features and self.features[-1].start == start:
                self.features[-1].end = self.data.index(b">", at) + 1
            return
        if len(self.stack) == self.inside:
            self.inside = None
            self.features[-1].end = self.data.index(b">", at) + 1
        elif local in self.columns:
            self.features[-1].values.setdefault(local, []).append((start, at, name))


def rewrite(source: Path, target: Path, layer: str, revision: Revision, fids: Sequence[int]) -> bool:
    """Write a GML file again with new values; return False, and write nothing, if it takes more.

    Parameters
    ----------
    source, target
        Files.
    layer
        Name of the element that holds a feature.
    revision
        What changes, by row number.
    fids
        Row numbers in the order of the features.
    """
    if revision.added or not revision.geometry.empty:
        return False
    data = source.read_bytes()
    finder = _Finder(data, layer, list(revision.changed))
    try:
        finder.parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as error:
        raise LayerError(f"{source} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    if len(finder.features) != len(fids):
        return False
    place = dict(zip(map(int, fids), finder.features, strict=True))
    edits = [(place[row].start, place[row].end, b"") for row in revision.removed]
    for row, values in revision.cells.items():
        for column, value in values.items():
            found = place[row].values.get(column, [])
            if len(found) != 1 or b"<" in data[data.index(b">", found[0][0]) + 1 : found[0][1]]:
                return False
            edits.append(_edit(data, found[0], value, finder.encoding, source))
    for suffix in (".xsd", ".gfs"):  # they tell the types of the fields
        if (schema := source.with_suffix(suffix)).exists():
            shutil.copyfile(schema, target.with_suffix(suffix))
    with target.open("wb") as out:
        at = 0
        for start, end, new in sorted(edits):
            out.write(data[at:start])
            out.write(new)
            at = end
        out.write(data[at:])
    return True


def _edit(data: bytes, found: tuple[int, int, str], value: Any, encoding: str, path: Path) -> tuple[int, int, bytes]:
    """Return where the text of an element stands, and what comes there."""
    start, end, name = found
    try:
        new = escape(as_text(value)).encode(encoding)
        tag = name.encode(encoding)
    except UnicodeEncodeError as error:
        raise LayerError(f"{path}: {encoding} has no letter {error.object[error.start]!r} of {value!r}.") from error
    if start == end:  # <name/>
        return start, data.index(b">", start) + 1, b"<" + tag + b">" + new + b"</" + tag + b">"
    return data.index(b">", start) + 1, end, new
