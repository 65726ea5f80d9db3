"""Tables in CSV: read as text, and written again with the separators, quotes, encoding and line ends they had."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geomerge.errors import LayerError

ENCODINGS = ("utf-8-sig", "utf-8")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    encoding: str
    delimiter: str
    quote_all: bool
    line_end: str
    header: tuple[str, ...]


def sniff(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a CSV file is written; LayerError if its encoding or its header cannot be read."""
    data = path.read_bytes()
    if not data.strip():
        raise LayerError(f"{path} is empty. A table needs a header row.")
    name = encoding or ("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LayerError(
            f"{path} is not {name}: line {line} holds byte 0x{data[error.start]:02X}. "
            f"Name its encoding, for example encoding: ISO-8859-1."
        ) from error
    first = text.split("\n", 1)[0]
    line_end = "\r\n" if first.endswith("\r") else "\n"
    first = first.rstrip("\r")
    delimiter = max(";,\t|", key=first.count)
    header = next(csv.reader([first], delimiter=delimiter))
    quoted = all(part.startswith('"') for part in first.split(delimiter))
    return Dialect(name, delimiter, quoted, line_end, tuple(header))


def read(path: Path, encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV file, every value as text; empty values are missing."""
    dialect = sniff(path, encoding)
    try:
        table = pd.read_csv(
            path, sep=dialect.delimiter, dtype=str, keep_default_na=False, na_values=[""], encoding=dialect.encoding
        )
    except pd.errors.ParserError as error:
        raise LayerError(f"{path} has a broken row: {error}. Correct it.") from error
    table.index.name = "fid"
    return table


def rewrite(source: Path, target: Path, changed: Mapping[str, pd.Series]) -> None:
    """Copy a CSV file with new values in some columns; values are given by row number."""
    dialect = sniff(source)
    new = {dialect.header.index(column): values.to_dict() for column, values in changed.items()}
    quoting = csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL
    with (
        source.open(encoding=dialect.encoding, newline="") as old,
        target.open("w", encoding=dialect.encoding, newline="") as out,
    ):
        rows = csv.reader(old, delimiter=dialect.delimiter)
        writer = csv.writer(out, delimiter=dialect.delimiter, lineterminator=dialect.line_end, quoting=quoting)
        writer.writerow(next(rows))
        for number, row in enumerate(rows):
            for column, values in new.items():
                row[column] = values.get(number, row[column])
            writer.writerow(row)
