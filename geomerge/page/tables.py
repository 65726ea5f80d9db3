"""The tables of the page: rows and columns of frames and of the manifest, in the words of its language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from geomerge.page.texts import AREAS, Texts
from geomerge.palette import CHANGES

LONG: Final = 25  # rows above which a table starts folded
CODES: Final = ("code", "predecessors", "successors", "sha256", "path", "file", "old_code", "new_code")


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
    change
        The change of the unit it names, for the mark before the text.
    order
        The number to sort it by, where it is one.
    show
        Side and code of the unit the map shows for it.
    """

    text: str
    number: bool = False
    code: bool = False
    change: str | None = None
    order: float | None = None
    show: tuple[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """A table as the template shows it: a caption, headings, rows and a row of totals."""

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


def table(
    frame: pd.DataFrame, caption: str, texts: Texts, *, total: bool = False, sides: Mapping[str, str] | None = None
) -> Table:
    """Return a frame as a table, without its geometry.

    Parameters
    ----------
    frame
        Its columns give the headings.
    caption
        What the table shows.
    texts
        The words of the headings and values.
    total
        Whether areas are added up.
    sides
        Columns with codes of units that the map shows, with their side: ``before`` or ``after``.
    """
    names = [str(name) for name in frame.columns if str(frame[name].dtype) != "geometry"]
    columns = [_column(name, frame[name], texts, (sides or {}).get(name)) for name in names]
    headings = tuple(Cell(texts.heading(name), number=_numeric(frame[name])) for name in names)
    totals: tuple[Cell, ...] = ()
    if total and len(frame):
        sums = [
            Cell(texts.value(name, frame[name].sum()), number=True) if name in AREAS else Cell("") for name in names
        ]
        totals = (Cell(texts["total"]), *sums[1:])
    return Table(caption, headings, tuple(zip(*columns, strict=True)), totals)


def by_change(units: pd.DataFrame) -> pd.DataFrame:
    """Return units in the order of the legend, those of one change as they were."""
    places = {name: place for place, name in enumerate(CHANGES)}
    order = units["change"].map(places).fillna(len(places)).argsort(kind="stable")
    return units.iloc[order]


def provenance(manifest: Mapping[str, object], texts: Texts) -> list[Table]:
    """Return what a run read and stands on as tables: plain values first, then one table for each part."""
    plain = {key: value for key, value in manifest.items() if _is_plain(value)}
    found = [_pairs(texts["captions.run"], plain, texts)] if plain else []
    for key, value in manifest.items():
        caption = texts["captions"].get(key) or texts.heading(key)
        if isinstance(value, Mapping) and all(_is_plain(part) for part in value.values()):
            found.append(_pairs(caption, value, texts))
        elif not _is_plain(value):
            found.append(_records(caption, value, texts))
    return found


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _column(name: str, column: pd.Series, texts: Texts, side: str | None) -> Iterable[Cell]:
    if name == "change":
        for value in column:
            yield Cell(texts["changes"].get(value, str(value)), change=str(value))
        return
    numeric = _numeric(column)
    for value in column:
        yield Cell(
            texts.value(name, value),
            number=numeric,
            code=name in CODES,
            order=float(value) if numeric else None,
            show=(side, str(value)) if side and isinstance(value, str) else None,
        )


def _pairs(caption: str, content: Mapping[str, object], texts: Texts) -> Table:
    rows = tuple((Cell(str(name)), Cell(_plain(name, value, texts))) for name, value in content.items())
    return Table(caption, tuple(Cell(texts.heading(name)) for name in ("what", "value")), rows)


def _records(caption: str, value: object, texts: Texts) -> Table:
    """Return a list of records, or records by name, as a table with the columns of all of them."""
    records: list[Mapping[str, object]] = []
    if isinstance(value, Mapping):
        named = ((name, part if isinstance(part, Mapping) else {"value": part}) for name, part in value.items())
        records = [{"name": name, **part} for name, part in named]
    elif isinstance(value, Sequence):
        records = [part if isinstance(part, Mapping) else {"name": part} for part in value]
    names = list(dict.fromkeys(name for record in records for name in record))
    numbers = {name: all(isinstance(record.get(name, 0), (int, float)) for record in records) for name in names}
    return Table(
        caption,
        tuple(Cell(texts.heading(name), number=numbers[name]) for name in names),
        tuple(
            tuple(
                Cell(_plain(name, record.get(name, ""), texts), number=numbers[name], code=name in CODES)
                for name in names
            )
            for record in records
        ),
    )


def _is_plain(value: object) -> bool:
    """Whether a value needs no table of its own."""
    if isinstance(value, Mapping):
        return False
    if isinstance(value, str) or not isinstance(value, Sequence):
        return True
    return not any(isinstance(part, Mapping) for part in value)


def _plain(name: str, value: object, texts: Texts) -> str:
    """Return a value of the manifest; lists and mappings inside a row become one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(str(key), part, texts)}" for key, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(name, part, texts) for part in value)
    return texts.value(name, value)
