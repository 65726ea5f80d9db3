"""GeoJSON in place: only the members that change are written anew, every other character stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import shapely

from geomerge.errors import LayerError
from geomerge.files.revision import Revision, as_text, plain

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")

Span = tuple[int, int]


def rewrite(source: Path, target: Path, revision: Revision, fids: Sequence[int]) -> None:
    """Write a GeoJSON file again with a revision.

    Parameters
    ----------
    source, target
        Files.
    revision
        What changes, by row number.
    fids
        Row numbers in the order of the features.

    Raises
    ------
    LayerError
        If the file is no collection of features, or damaged.
    """
    try:
        text = source.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise LayerError(f"{source} is not UTF-8, as GeoJSON has to be. Write it anew in UTF-8.") from error
    try:
        top = dict(_members(text, _skip(text, 1 if text.startswith("\ufeff") else 0), stop="features"))
        if "features" not in top:
            raise LayerError(f"{source} is no collection of features. Make it one, or ask for another format (format).")
        spans = list(_items(text, top["features"][0]))
        if len(spans) != len(fids):
            raise LayerError(f"{source} has {len(spans)} features, but {len(fids)} were read. Get a fresh copy of it.")
        parts = _parts(text, spans, revision, fids)
        head = _with_bounds(text, top.get("bbox"), spans[0][0] if spans else 0, revision)
    except (json.JSONDecodeError, IndexError) as error:
        raise LayerError(f"{source} is damaged or cut short: {error}. Get a fresh copy of it.") from error
    with target.open("w", encoding="utf-8", newline="") as out:
        out.write(head)
        out.writelines(parts)
        out.write(text[spans[-1][1] if spans else 0 :])


def _parts(text: str, spans: list[Span], revision: Revision, fids: Sequence[int]) -> Iterator[str]:
    """Return what stands between the first feature and the last: features, and what separates them."""
    cells, shapes, removed = revision.cells, revision.geometry.to_dict(), set(revision.removed)
    place = {int(fid): span for fid, span in zip(fids, spans, strict=True)}
    between = [""][: len(spans)] + [text[a[1] : b[0]] for a, b in pairwise(spans)]
    found: list[str] = []
    for (fid, span), gap in zip(place.items(), between, strict=True):
        if fid not in removed:
            found += [
                gap if found else "",
                _feature(text, span, cells.get(fid, {}), shapes.get(fid), fid in shapes),
            ]
    for fid, like in revision.added.items():
        copy = _feature(text, place[like], cells.get(fid, {}), shapes.get(fid), fid in shapes, fid)
        found += [(between[-1] or ",\n") if found else "", copy]
    yield from found


def _feature(text: str, span: Span, values: dict[str, Any], shape: Any, drawn: bool, new: int | None = None) -> str:
    """Return the text of a feature with new values, a geometry where drawn, an id where it is a copy."""
    if not values and not drawn and new is None:
        return text[slice(*span)]
    own = dict(_members(text, span[0]))
    edits: list[tuple[Span, str]] = []
    if "properties" in own and text[own["properties"][0]] == "{":
        listed = dict(_members(text, own["properties"][0]))
        fresh = {column: value for column, value in values.items() if column not in listed}
        edits += [
            (listed[column], _json(values[column], text[slice(*listed[column])]))
            for column in values
            if column in listed
        ]
    else:
        listed, fresh = {}, dict(values)
    if "id" in own and "id" in fresh:
        edits.append((own["id"], _json(fresh.pop("id"))))
    elif "id" in own and new is not None:
        number = text[own["id"][0]].isdigit()
        edits.append((own["id"], str(new) if number else _json(str(values.get("id", new)))))
    fresh = {column: value for column, value in fresh.items() if plain(value) is not None}
    if fresh:
        added = ",".join(f"{_json(column)}:{_json(value)}" for column, value in fresh.items())
        if listed:
            last = max(end for _, end in listed.values())
            edits.append(((last, last), f",{added}"))
        elif "properties" in own:
            edits.append((own["properties"], f"{{{added}}}"))
    if drawn and "geometry" in own:
        edits.append((own["geometry"], geometry_text(shape)))
        if "bbox" in own:
            edits.append((own["bbox"], json.dumps(_bounds(shape))))
    return _edited(text, span, edits)


def _edited(text: str, span: Span, edits: list[tuple[Span, str]]) -> str:
    parts, at = [], span[0]
    for (start, end), new in sorted(edits):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at : span[1]]])


def geometry_text(shape: Any) -> str:
    """Return a geometry as GeoJSON: every digit it has, rings turned as RFC 7946 wants them.

    Examples
    --------
    >>> geometry_text(shapely.Point(2.3264631, 48.679716))
    '{"type":"Point","coordinates":[2.3264631,48.679716]}'
    """
    if shape is None:
        return "null"
    turned = shapely.orient_polygons(shape, exterior_cw=False)
    return json.dumps(shapely.geometry.mapping(turned), separators=(",", ":"))


def _bounds(shape: Any) -> list[float] | None:
    return None if shape is None or shape.is_empty else [float(bound) for bound in shape.bounds]


def _with_bounds(text: str, span: Span | None, end: int, revision: Revision) -> str:
    """Return what stands before the features; a bounding box there is widened to hold new geometries."""
    old = json.loads(text[slice(*span)]) if span else None
    new = shapely.total_bounds(revision.geometry.to_numpy()).tolist() if len(revision.geometry) else None
    if span is None or not isinstance(old, list) or new is None or new[0] != new[0]:
        return text[:end]
    half = len(old) // 2
    for axis in (0, 1):
        old[axis] = min(old[axis], new[axis])
        old[half + axis] = max(old[half + axis], new[2 + axis])
    return text[: span[0]] + json.dumps(old) + text[span[1] : end]


def _json(value: Any, before: str = "") -> str:
    value = plain(value)
    if before[:1] in ("{", "[") and isinstance(value, str):
        return value  # GDAL gives nested members as the text they are
    return json.dumps(value, ensure_ascii=False, default=as_text)


def _members(text: str, at: int, stop: str | None = None) -> Iterator[tuple[str, Span]]:
    """Yield name and place of each member of an object; one named ``stop`` is not read and ends it."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if name == stop:
            yield name, (at, at)
            return
        start, at = at, _DECODER.raw_decode(text, at)[1]
        yield name, (start, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _items(text: str, at: int) -> Iterator[Span]:
    """Yield the place of each item of an array."""
    at = _skip(text, at + 1)
    while text[at] != "]":
        start, at = at, _DECODER.raw_decode(text, at)[1]
        yield start, at
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
