"""The page that shows and proves a run: one HTML file that needs no network and no script."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from geomerge.findings import Finding
from geomerge.palette import CHANGES

THIN: Final = "\u202f"  # a thin space at which no line breaks
LONG: Final = 25  # rows above which a table starts folded


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text
        What to show.
    number
        Whether to align it with the numbers above and below.
    code
        Whether it is a code or a hash, set in letters of one width.
    color
        Colour of the mark before the text, where it has one.
    """

    text: str
    number: bool = False
    code: bool = False
    color: str | None = None


@dataclass(frozen=True)
class Table:
    """A table as the template shows it: a caption, headings, rows and a row of totals.

    Parameters
    ----------
    caption
        What the table shows.
    headings
        A heading for each column.
    rows
        The cells, row by row.
    totals
        The last row, where there is one.
    """

    caption: str
    headings: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] = ()

    @property
    def long(self) -> bool:
        """Whether the table starts folded."""
        return len(self.rows) > LONG

    @property
    def sums(self) -> tuple[tuple[str, str], ...]:
        """Heading and total of each column that has one."""
        pairs = zip(self.headings, self.totals, strict=False)
        return tuple((heading.text, cell.text) for heading, cell in pairs if cell.number)


def page(
    *,
    title: str,
    date: str,
    sentences: Sequence[str],
    summary: Sequence[tuple[str, str]],
    figures: Mapping[str, str],
    area: pd.DataFrame,
    layers: pd.DataFrame,
    units: pd.DataFrame,
    findings: Sequence[Finding],
    manifest: Mapping[str, object],
) -> str:
    """Return the report of a run as one HTML page, the same for the same input.

    Parameters
    ----------
    title, date
        Name of the reform and the day it takes effect.
    sentences
        What was decided, one sentence for each event.
    summary
        Label and value of the most important numbers.
    figures
        SVG markup by caption, from :func:`geomerge.maps.figure_svg`; the only input taken as markup.
        Several figures share one place, and the reader switches between them.
    area
        The area ledger: ``old_code``, ``new_code`` and areas in columns that end in ``_m2``.
    layers
        One row for each layer: ``layer``, ``rows``, ``moved`` and the like.
    units
        The new units: ``code``, ``name``, ``change``, ``predecessors`` and ``area`` in square metres.
    findings
        What the checks found.
    manifest
        What the run read and wrote: values, tables (sequences of mappings) and mappings of either.

    Examples
    --------
    >>> empty = pd.DataFrame()
    >>> text = page(
    ...     title="Ås <and> Bø",
    ...     date="2020-01-01",
    ...     sentences=["Ås and Bø merge into Ås."],
    ...     summary=[("units after", "1")],
    ...     figures={},
    ...     area=empty,
    ...     layers=empty,
    ...     units=empty,
    ...     findings=[],
    ...     manifest={},
    ... )
    >>> "<title>Ås &lt;and&gt; Bø</title>" in text
    True
    """
    changes = units["change"] if "change" in units else pd.Series("", index=units.index, dtype=str)
    places = {name: place for place, name in enumerate(CHANGES)}
    order = changes.map(places).fillna(len(places)).argsort(kind="stable")
    units, changes = units.iloc[order], changes.iloc[order]
    ordered = sorted(findings, key=lambda finding: not finding.blocks)
    return _template().render(
        title=title,
        date=date,
        sentences=list(sentences),
        summary=[(label, value) for label, value in summary],
        figures=[(caption, _inline(svg, caption, i)) for i, (caption, svg) in enumerate(figures.items(), 1)],
        changed=_table(units[changes != "unchanged"], "Units that change", total=False),
        unchanged=_table(units[changes == "unchanged"], "Units that stay as they are", total=False),
        area=_table(area, "Area by old and new code"),
        layers=_table(layers, "Rows by layer", total=False),
        musts=[finding for finding in ordered if finding.blocks],
        shoulds=[finding for finding in ordered if not finding.blocks],
        provenance=list(_provenance(manifest)),
    )


def number(value: float, decimals: int = 0) -> str:
    """Return a number with thin spaces between the thousands.

    Examples
    --------
    >>> number(1234567.5, 1).split("\u202f")
    ['1', '234', '567.5']
    """
    if math.isnan(value):
        return "\u2013"
    text = f"{value:,.{decimals}f}".replace(",", THIN)
    if not text.strip("-0.\u202f"):
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def square_km(square_metres: float) -> str:
    """Return an area in square kilometres with three decimals, without the unit.

    Examples
    --------
    >>> square_km(451_928_687.8)
    '451.929'
    """
    return number(square_metres / 1e6, 3)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geomerge"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _inline(svg: str, caption: str, place: int) -> Markup:
    """Return SVG fit to stand inside a page: without prologue, scaled to the page, its ids its own."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>figure{place}-", body)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version|role|aria-label)="[^"]*"', "", head)
    head += f' role="img" aria-label="{html.escape(caption)}" stroke-linejoin="round"'
    return Markup(f"{head}>{rest.strip()}")  # made by geomerge.maps


def _table(frame: pd.DataFrame, caption: str, *, total: bool = True) -> Table:
    """Return the columns of a frame as a table, with the totals of its areas if asked for."""
    names = [name for name in frame.columns if str(frame[name].dtype) != "geometry"]
    columns = [_column(str(name), frame[name]) for name in names]
    headings = tuple(Cell(_heading(str(name)), number=_numeric(frame[name])) for name in names)
    totals: tuple[Cell, ...] = ()
    if total and len(frame):
        sums = [
            Cell(_value(str(name), frame[name].sum()), number=True) if _is_area(str(name)) else Cell("")
            for name in names
        ]
        totals = (Cell("Total"), *sums[1:])
    return Table(caption, headings, tuple(zip(*columns, strict=True)), totals)


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _is_area(name: str) -> bool:
    return name == "area" or name.endswith("_m2")


def _heading(name: str) -> str:
    words = "SHA-256" if name == "sha256" else name.removesuffix("_m2").replace("_", " ")
    words = f"{words} (km²)" if _is_area(name) else words
    return words[:1].upper() + words[1:]


def _column(name: str, column: pd.Series) -> list[Cell]:
    """Return the cells of one column."""
    numeric = _numeric(column)
    if name == "change":
        return [_change(str(value)) for value in column]
    code = name in ("code", "predecessors", "sha256") or name.endswith("_code")
    return [Cell(_value(name, value), number=numeric, code=code) for value in column]


def _change(value: str) -> Cell:
    known = CHANGES.get(value)
    return Cell(known.text, color=known.color) if known else Cell(value)


def _value(name: str, value: object) -> str:
    """Return one value in words or figures."""
    if value is None or value is pd.NA or value is pd.NaT:
        return "\u2013"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, float, np.integer, np.floating)):
        amount = float(value)
        if _is_area(name):
            return square_km(amount)
        return number(amount, 0 if math.isnan(amount) or amount.is_integer() else 3)
    return str(value)


def _provenance(manifest: Mapping[str, object], prefix: str = "") -> Iterable[Table]:
    """Yield the manifest as tables: its plain values first, then one table for each part."""
    plain = {key: value for key, value in manifest.items() if not _nested(value)}
    if plain:
        rows = tuple((Cell(str(key)), Cell(_plain(str(key), value))) for key, value in plain.items())
        yield Table(prefix or "This run", (Cell("What"), Cell("Value")), rows)
    for key, value in manifest.items():
        if not _nested(value) or (key == "findings" and not prefix):
            continue
        caption = f"{prefix}: {key}" if prefix else _heading(str(key))
        if isinstance(value, Mapping) and not all(isinstance(part, Mapping) for part in value.values()):
            yield from _provenance(value, caption)
        else:
            yield _records(caption, value)


def _records(caption: str, value: object) -> Table:
    """Return a list of records, or records by name, as a table with the columns of all of them."""
    records: list[Mapping[str, object]] = []
    if isinstance(value, Mapping):
        records = [{"name": name, **part} for name, part in value.items()]
    elif isinstance(value, Sequence):
        records = [part if isinstance(part, Mapping) else {"name": part} for part in value]
    names = list(dict.fromkeys(name for record in records for name in record))
    return Table(
        caption,
        tuple(
            Cell(
                _heading(str(name)),
                number=all(isinstance(record.get(name, 0), (int, float)) for record in records),
            )
            for name in names
        ),
        tuple(tuple(_record_cell(name, record.get(name, "")) for name in names) for record in records),
    )


def _record_cell(name: str, value: object) -> Cell:
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(_plain(name, value), number=numeric, code=name in ("sha256", "hash", "path"))


def _nested(value: object) -> bool:
    """Whether a value needs a table of its own."""
    if isinstance(value, Mapping):
        return True
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return any(isinstance(part, Mapping) for part in value)


def _plain(name: str, value: object) -> str:
    """Return a value of the manifest; lists and mappings inside a row become one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(str(key), part)}" for key, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(name, part) for part in value)
    return _value(name, value)
