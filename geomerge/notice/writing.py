"""Files of a package, written row by row; size, hash and number of rows are known when they are closed."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FIRST = 20  # rows of a long table that people are shown
AT_ONCE = 4096


class Hashed:
    """A text file that is hashed while it is written."""

    def __init__(self, folder: Path, name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        self._stream = (folder / name).open("wb")
        self._digest = hashlib.sha256()
        self._waiting: list[str] = []
        self.name, self.bytes = name, 0

    def write(self, text: str) -> None:
        """Write text in UTF-8, some thousand pieces at a time."""
        self._waiting.append(text)
        if len(self._waiting) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        data = "".join(self._waiting).encode()
        self._waiting.clear()
        self._digest.update(data)
        self._stream.write(data)
        self.bytes += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._stream.close()

    def record(self) -> dict[str, Any]:
        """Return what the notice says of the file."""
        return {"path": self.name, "bytes": self.bytes, "sha256": self._digest.hexdigest()}


class Rows:
    """A table that goes into a CSV file, all values quoted as the texts they are, and on demand into JSON lines too."""

    def __init__(self, folder: Path, name: str, columns: Sequence[str], *, lines: bool = False) -> None:
        self.columns, self.count = list(columns), 0
        self.first: list[list[str]] = []
        self._open = ExitStack()
        self._csv = self._open.enter_context(Hashed(folder, f"{name}.csv"))
        self._lines = self._open.enter_context(Hashed(folder, f"{name}.jsonl")) if lines else None
        self._encode = json.JSONEncoder(ensure_ascii=False).encode
        self._write = csv.writer(self._csv, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        self._write(self.columns)

    def add(self, values: list[str]) -> None:
        """Write one row."""
        self._write(values)
        if self._lines is not None:
            self._lines.write(self._encode(dict(zip(self.columns, values, strict=True))) + "\n")
        if self.count < FIRST:
            self.first.append(values)
        self.count += 1

    def fill(self, rows: Iterable[Mapping[str, str]]) -> Self:
        """Write all rows of a table and close it."""
        for row in rows:
            self.add([row[column] for column in self.columns])
        self.close()
        return self

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def records(self) -> list[dict[str, Any]]:
        """Return what the notice says of the files."""
        files = [self._csv, *([self._lines] if self._lines else [])]
        return [{**file.record(), "rows": self.count, "columns": self.columns} for file in files]
