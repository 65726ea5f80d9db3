"""The page people sign a reform off with: one HTML file with a map that moves, which needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import jinja2
import pandas as pd
from markupsafe import Markup

from geomerge.findings import Finding
from geomerge.page.canvas import HATCHES, SIGNS, bokeh_script, canvas
from geomerge.page.shapes import map_data
from geomerge.page.tables import by_change, provenance, table
from geomerge.page.texts import Texts, read_texts
from geomerge.palette import CHANGES, LINES, SEVERITIES

ELSEWHERE: Final = ("title", "dates", "counts", "plan", "findings", "decisions", "run")  # told on the page already
MANY: Final = 200  # findings of one check that are told one by one
SECTIONS: Final = ("decided", "map", "units", "area", "layers", "registers", "decisions", "findings", "provenance")


@dataclass(frozen=True)
class Content:
    """What a page tells.

    Parameters
    ----------
    title, date
        Name of the reform and the day it takes effect.
    run
        Id of the run.
    sentences
        What was decided, one sentence for each event.
    counts
        The numbers of the run, as in its manifest.
    pieces
        Table made by :func:`geomerge.pieces`, for the map; None for a page without one.
    before, after
        Units with ``code``, ``name``, ``change``, ``successors`` or ``predecessors``, and ``area`` in square metres;
        all other columns are told as they are.
    area
        The area ledger: ``old_code``, ``new_code``, and ``area_m2``.
    layers
        One row for each layer: ``layer``, ``rows``, ``moved``, and rows by method.
    findings
        What the checks found.
    manifest
        What the run read and stands on.
    figure
        SVG of the units before and after, for paper.
    registers, decisions
        Tables with what became of registers, and with the decisions that were replayed.
    """

    title: str
    date: str
    run: str
    sentences: Sequence[str]
    counts: Mapping[str, Any]
    pieces: gpd.GeoDataFrame | None
    before: pd.DataFrame
    after: pd.DataFrame
    area: pd.DataFrame
    layers: pd.DataFrame
    findings: Sequence[Finding]
    manifest: Mapping[str, object]
    figure: str = ""
    registers: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None


def page(content: Content, *, language: str = "en") -> str:
    """Return the report of a run as one HTML page, the same for the same input.

    Parameters
    ----------
    content
        What the page tells.
    language
        ``en`` or ``no``.

    Raises
    ------
    InputError
        If the page is not written in the language.

    Examples
    --------
    >>> units = pd.DataFrame({"code": [], "name": [], "change": []})
    >>> nothing = pd.DataFrame()
    >>> text = page(
    ...     Content(
    ...         title="Ås <and> Bø",
    ...         date="2020-01-01",
    ...         run="0123",
    ...         sentences=["Ås and Bø merge into Ås."],
    ...         counts={},
    ...         pieces=None,
    ...         before=units,
    ...         after=units,
    ...         area=nothing,
    ...         layers=nothing,
    ...         findings=[],
    ...         manifest={},
    ...     )
    ... )
    >>> "<title>Ås &lt;and&gt; Bø</title>" in text
    True
    """
    texts = read_texts(language)
    findings = sorted(content.findings, key=lambda finding: not finding.blocks)
    tables = _tables(content, texts)
    told, rest = _told(findings)
    environment = _environment()
    shown = content.pieces is not None and len(content.pieces) > 0
    return environment.get_template("page.html.j2").render(
        content=content,
        texts=texts,
        sections=[name for name in SECTIONS if (name != "map" or shown) and tables.get(name, True) is not None],
        summary=summary(content.counts, language) if content.counts else [],
        tables=tables,
        findings=told,
        rest=rest,
        located={number for number, finding in told if finding.geometry is not None and not finding.geometry.is_empty},
        musts=sum(finding.blocks for finding in findings),
        shoulds=sum(not finding.blocks for finding in findings),
        figure=_address(content.figure) if content.figure else None,
        legend=_legend(content, texts),
        style=_raw(environment, "page.css") + _fills(),
        **(_map(content, told, texts, environment) if shown else {"scripts": (), "data": {}, "policy": _policy(())}),
    )


def summary(counts: Mapping[str, Any], language: str = "en") -> list[tuple[str, str]]:
    """Return the numbers a person wants to see first, of all counts of a run: label and text."""
    texts = read_texts(language)
    layers, area = counts["layers"].values(), counts["area"]
    registers = counts.get("registers", {}).values()
    values = {
        "units_before": texts.number(counts["units_before"]),
        "units_after": texts.number(counts["units_after"]),
        "moved": texts.number(sum(layer["moved"] for layer in layers)),
        "review": texts.number(sum(layer["review"] for layer in layers)),
        "recoded": texts.number(sum(register["recoded"] for register in registers)) if registers else "",
        "area": f"{texts.square_km(area['after'])} km²",
        "balance": f"{texts.number(area['difference'], 3)} m²",
    }
    return [(texts[f"summary.{name}"], value) for name, value in values.items() if value]


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("geomerge"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _raw(environment: jinja2.Environment, name: str) -> Markup:
    """Return a file of the package that goes into the page as it is."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _map(
    content: Content, told: Sequence[tuple[int, Finding]], texts: Texts, environment: jinja2.Environment
) -> dict[str, Any]:
    """Return the scripts and the data of the map, and the policy that lets no other script run."""
    assert content.pieces is not None
    data = map_data(content.pieces, content.before, content.after, told, texts) | {
        "words": {name: texts[name] for name in ("map", "changes", "finding", "columns")},
        "fills": {name: kind.color for name, kind in CHANGES.items()},
        "hatches": HATCHES,
        "signs": {name: [SIGNS[name], kind.color] for name, kind in SEVERITIES.items()},
    }
    scripts = (Markup(bokeh_script()), _raw(environment, "page.js"))
    return {
        "scripts": scripts,
        "data": {"map-data": _json(data), "map-canvas": Markup(canvas())},
        "policy": _policy(scripts),
    }


def _json(content: object) -> Markup:
    """Return JSON that stands inside a script element, whatever is in it: no sign of markup remains."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _policy(scripts: Sequence[str]) -> str:
    """Return a policy for browsers: nothing is fetched, and only these scripts run."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; script-src {allowed}"


def _told(findings: Sequence[Finding]) -> tuple[list[tuple[int, Finding]], dict[str, int]]:
    """Return the findings told one by one, numbered, and how many more there are of each check."""
    told: list[tuple[int, Finding]] = []
    seen: dict[str, int] = {}
    for finding in findings:
        seen[finding.check] = seen.get(finding.check, 0) + 1
        if finding.blocks or seen[finding.check] <= MANY:
            told.append((len(told) + 1, finding))
    left: dict[str, int] = dict(seen)
    for _, finding in told:
        left[finding.check] -= 1
    return told, {check: count for check, count in left.items() if count}


def _tables(content: Content, texts: Texts) -> dict[str, Any]:
    captions = texts["captions"]
    found: dict[str, Any] = {}
    sides = {"before": (content.before, "successors", "after"), "after": (content.after, "predecessors", "before")}
    for side, (units, others, _) in sides.items():
        units = by_change(units)
        changed = units["change"] != "unchanged"
        prefix = "before_" if side == "before" else ""
        for kind, rows in (("changed", units[changed]), ("unchanged", units[~changed].drop(columns="change"))):
            rows = rows if kind == "changed" else rows.drop(columns=others, errors="ignore")
            found[prefix + kind] = table(rows, captions[prefix + kind], texts, sides={"code": side})
    ledger = {"old_code": "before", "new_code": "after"}
    found["area"] = table(content.area, captions["area"], texts, total=True, sides=ledger)
    found["layers"] = table(content.layers, captions["layers"], texts)
    for name in ("registers", "decisions"):
        given: pd.DataFrame | None = getattr(content, name)
        found[name] = table(given, captions[name], texts) if given is not None and len(given) else None
    manifest = {key: value for key, value in content.manifest.items() if key not in ELSEWHERE}
    found["provenance"] = provenance(manifest, texts)
    return found


def _legend(content: Content, texts: Texts) -> list[tuple[str, str, str]]:
    """Return what the map shows: kind of sign, name and words."""
    changes = {*content.before["change"], *content.after["change"]}
    found = [("change", name, texts["changes"][name]) for name in CHANGES if name in changes]
    found += [("line", name, texts["lines"][name]) for name in LINES]
    placed = {finding.severity for finding in content.findings if finding.geometry is not None}
    return found + [("sign", name, texts["severities"][name]) for name in SEVERITIES if name in placed]


def _fills() -> Markup:
    """Return the colours of the signs in legend and tables."""
    colors = [("mark", name, one.color) for name, one in CHANGES.items()]
    colors += [("line", name, one.color) for name, one in LINES.items()]
    colors += [("sign", name, one.color) for name, one in SEVERITIES.items()]
    return Markup("\n".join(f".{sign}.{name} {{ --fill: {color}; }}" for sign, name, color in colors))


def _address(svg: str) -> str:
    """Return SVG as the address of an image: it takes no time until it is shown, and no script in it can run."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
