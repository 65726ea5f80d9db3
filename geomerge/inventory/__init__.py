"""Inventory: which columns of which tables hold codes, keys or names of units, and what merely looks like a code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from geomerge.errors import InputError, LayerError
from geomerge.history import History
from geomerge.inventory.guesses import Knowledge
from geomerge.inventory.judging import Verdict, judge
from geomerge.inventory.known import Known, known_codes
from geomerge.inventory.profile import gather
from geomerge.inventory.reading import RawTable, tables_of
from geomerge.inventory.result import (
    PROBLEMS,
    Inventory,
    TableFound,
    counted_kinds,
    settle_references,
    shrink,
    table_found,
)
from geomerge.inventory.servers import is_address, tables_at, without_secrets
from geomerge.inventory.walking import Found, walk
from geomerge.inventory.words import Words, shipped_words
from geomerge.plan import Plan
from geomerge.progress import progress

__all__ = ["Inventory", "Known", "Verdict", "Words", "inventory", "known_codes", "shipped_words"]

SAMPLE = 10_000  # rows of each table that are read at first
BATCH = 5000

Source = str | Path


def inventory(
    sources: pd.DataFrame | Mapping[str, pd.DataFrame] | Source | Sequence[Source],
    *,
    history: History | None = None,
    units: pd.DataFrame | None = None,
    plan: Plan | None = None,
    code: str = "code",
    name: str | None = None,
    parent: str | None = None,
    layouts: Sequence[Any] | None = None,
    words: Words | None = None,
    full: bool = False,
    sample: int = SAMPLE,
) -> Inventory:
    """Tell what each column of many tables holds: codes, if its values are codes more often than chance gives.

    Parameters
    ----------
    sources
        A table, or tables by name; or folders, files and addresses of databases (``address|schema.table`` for
        one table of it).
    history, units, plan
        What is known of codes: their history, a list of units, or the plan whose codes are looked for.
    code, name, parent
        Columns of the units, text.
    layouts
        Layouts of parcel keys, by name or as :class:`geomerge.keylayout.KeyLayout`; all that ship, where not given.
    words
        Words in the names of columns; those that ship, where not given.
    full
        Read every row, and not only some that are spread over each table.
    sample
        Rows of each table to read, unless ``full``.

    Returns
    -------
    Inventory
        ``columns`` has one row a column, with its confidence from 0 to 1 and the reasons; ``tables`` one a table;
        ``problems`` what could not be read; ``skipped`` files that are no tables. ``registers()`` is a section of
        a job, ``page()`` a page to read.

    Raises
    ------
    InputError
        If nothing says which codes there are, or ``sample`` is not positive.
    LayerError
        If a source does not exist.

    Examples
    --------
    >>> plan = Plan(date="2020-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    >>> cases = pd.DataFrame({"kommune": ["0706", "0719", "0706"], "year": [2016, 2017, 2017]})
    >>> found = inventory({"cases": cases}, plan=plan)
    >>> found.columns[["column", "holds", "certainty", "changing_rows"]].to_numpy().tolist()
    [['kommune', 'unit', 'certain', 3], ['year', 'year', 'likely', <NA>]]
    """
    from geomerge.keylayout import key_layout, shipped_layouts

    if sample < 1:
        raise InputError(f"A sample of {sample} rows tells nothing. Read at least 1 row (sample).")
    known = known_codes(history, units, plan, code=code, name=name, parent=parent)
    kinds = tuple(key_layout(layout) for layout in (shipped_layouts() if layouts is None else layouts))
    by = Knowledge(known, words or shipped_words(), kinds)
    problems: list[tuple[str, str]] = []
    found: list[TableFound] = []
    skipped = Found()
    for raw in _raw(sources, sample, full, problems, skipped):
        try:
            found.append(_judged(raw, by, sample, full))
        except LayerError as error:
            problems.append((f"{raw.source}|{raw.table}" if raw.table else raw.source, str(error)))
    settle_references(found)
    listed = pd.DataFrame([*skipped.problems, *problems], columns=list(PROBLEMS))
    return Inventory(found, listed, counted_kinds(skipped.skipped), None if full else sample)


def _raw(
    sources: pd.DataFrame | Mapping[str, pd.DataFrame] | Source | Sequence[Source],
    sample: int,
    full: bool,
    problems: list[tuple[str, str]],
    skipped: Found,
) -> Iterator[RawTable]:
    """Yield every table of the sources; what cannot be read goes to the problems."""
    if isinstance(sources, pd.DataFrame):
        yield _in_memory("table", sources)
        return
    if isinstance(sources, Mapping):
        for title, table in sources.items():
            yield _in_memory(str(title), table)
        return
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise InputError("Nothing is named to look at. Name folders, files or addresses of databases.")
    addresses = [str(source) for source in given if is_address(str(source))]
    below = walk([Path(source) for source in given if not is_address(str(source))])
    skipped.skipped, skipped.problems = below.skipped, below.problems
    readers = [(str(path), tables_of(path, full=full, problems=problems)) for path in below.files]
    readers += [(address, tables_at(address, sample=sample, full=full, problems=problems)) for address in addresses]
    for title, tables in progress(readers, "tables"):
        try:
            yield from tables
        except LayerError as error:
            problems.append((without_secrets(title), str(error)))


def _in_memory(title: str, table: pd.DataFrame) -> RawTable:
    """Return a table in memory as one to be read; geometry is left out."""
    kept = [at for at, kind in enumerate(table.dtypes) if str(kind) != "geometry"]
    plain = table.iloc[:, kept]
    header = [str(column) for column in plain.columns]
    starts = range(0, len(plain), BATCH)
    batches = (list(plain.iloc[start : start + BATCH].itertuples(index=False, name=None)) for start in starts)
    return RawTable(title, None, header, batches)


def _judged(raw: RawTable, by: Knowledge, sample: int, full: bool) -> TableFound:
    content = gather(list(raw.header), raw.batches, sample=sample, full=full, empty=by.words.empty, total=raw.total)
    verdicts = judge(content, by)
    found = table_found(
        raw.source, raw.table, content.rows, content.read, verdicts, raw.catalogue,
        encoding=raw.encoding, crs=raw.crs, concern=raw.concern(),
    )  # fmt: skip
    shrink(found)
    return found
