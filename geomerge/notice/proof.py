"""Check a package against its own checksums and counts, as a folder or as an archive."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from geomerge.errors import InputError
from geomerge.findings import Finding

PACKAGE, SCHEMA, SUMS = "notice.json", "notice.schema.json", "SHA256SUMS"
VERSION = "1.0"
BLOCK = 1 << 20
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError)
AGAIN = "Do not use the package; ask for it again."


class Files:
    """The files of a package, wherever they stand; nothing is unpacked."""

    def __init__(self, package: Path, stack: ExitStack) -> None:
        self.package = package
        self._archive: zipfile.ZipFile | None = None
        self._root = ""
        if package.is_dir():
            found = (path for path in package.rglob("*") if path.is_file())
            self.names = sorted(path.relative_to(package).as_posix() for path in found)
            return
        try:
            self._archive = stack.enter_context(zipfile.ZipFile(package))
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{package} is no package: neither a folder nor an archive (.zip). {AGAIN}") from error
        names = [name for name in self._archive.namelist() if not name.endswith("/")]
        self._root = next((name.removesuffix(SUMS) for name in names if name.endswith(SUMS)), "")
        self.names = sorted(name.removeprefix(self._root) for name in names)

    def open(self, name: str) -> IO[bytes]:
        """Open a file."""
        return self._archive.open(self._root + name) if self._archive else (self.package / name).open("rb")

    def read(self, name: str) -> bytes:
        """Return the content of a small file; InputError if the archive is damaged there."""
        try:
            with self.open(name) as stream:
                return stream.read()
        except DAMAGED as error:
            raise InputError(f"{name} of {self.package} is damaged. {AGAIN}") from error

    def sha256(self, name: str) -> str:
        """Return the hash of a file; an empty text where the archive is damaged there."""
        digest = hashlib.sha256()
        try:
            with self.open(name) as stream:
                while block := stream.read(BLOCK):
                    digest.update(block)
        except DAMAGED:
            return ""
        return digest.hexdigest()


def check_package(package: Path) -> Iterator[Finding]:
    """Find files that are missing, changed or foreign, counts that are wrong, and a version that is not known."""
    with ExitStack() as stack:
        files = Files(package, stack)
        if SUMS not in files.names:
            raise InputError(f"{package} is no package: it has no {SUMS}. {AGAIN}")
        found = list(_files(files, _sums(files)))
        yield from found
        if any(finding.blocks for finding in found):
            return  # what was changed cannot speak for itself
        yield from _content(files, _notice(files))


def _sums(files: Files) -> dict[str, str]:
    """Return the hashes by file."""
    found: dict[str, str] = {}
    for line in files.read(SUMS).decode("utf-8", "replace").splitlines():
        digest, mark, name = line.partition("  ")
        if not mark or len(digest) != 64:
            raise InputError(f"{SUMS} of {files.package} is damaged: {line[:80]}. {AGAIN}")
        found[name] = digest
    return found


def _files(files: Files, sums: dict[str, str]) -> Iterator[Finding]:
    for name, digest in sums.items():
        if name not in files.names:
            yield Finding("must", "file missing", f"{name} is missing", str(files.package), AGAIN)
        elif files.sha256(name) != digest:
            yield Finding("must", "file changed", f"{name} is not as it was written", str(files.package), AGAIN)
    if PACKAGE not in sums:
        yield Finding("must", "file missing", f"{SUMS} does not name {PACKAGE}", str(files.package), AGAIN)
    for name in files.names:
        if name not in sums and name != SUMS:
            what = f"{name} is not of the package"
            yield Finding("should", "foreign file", what, str(files.package), "Do not rely on it.")


def _notice(files: Files) -> dict[str, Any]:
    try:
        notice = json.loads(files.read(PACKAGE))
    except ValueError as error:
        raise InputError(f"{PACKAGE} of {files.package} is damaged: {error}. {AGAIN}") from error
    needed = {"schema_version", "files", "units", "layers", "open"}
    if not isinstance(notice, dict) or notice.get("schema") != "geomerge-notice" or needed - notice.keys():
        raise InputError(f"{PACKAGE} of {files.package} is no notice of geomerge. {AGAIN}")
    return notice


def _content(files: Files, notice: dict[str, Any]) -> Iterator[Finding]:
    version = str(notice["schema_version"])
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        what = f"The package is of version {version}, but only {VERSION} is known here"
        yield Finding("must", "version", what, PACKAGE, "Use a newer geomerge.")
        return
    counts: dict[str, int] = {}
    for record in notice["files"]:
        name = record["path"]
        counts[name], fault = _counted(files, name, record["columns"])
        if not fault and counts[name] != record["rows"]:
            fault = f"{name} has {counts[name]} rows, but the notice says {record['rows']}"
        if fault:
            yield Finding("must", "count", fault, name, AGAIN)
    told = {"units.csv": len(notice["units"]), "open.csv": notice["open"]["rows"]}
    told |= {layer[form]: layer["changed"] for layer in notice["layers"] for form in ("csv", "jsonl")}
    for name, rows in told.items():
        if counts.get(name) != rows:
            what = f"The notice speaks of {rows} rows in {name}, which has {counts.get(name, 'none')}"
            yield Finding("must", "count", what, PACKAGE, AGAIN)


def _counted(files: Files, name: str, columns: list[str]) -> tuple[int, str]:
    """Return how many rows a file has, and what is wrong with its columns."""
    with files.open(name) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as stream:
        if name.endswith(".jsonl"):
            return sum(1 for _ in stream), ""
        reader = csv.reader(stream)
        header = next(reader, [])
        fault = "" if header == columns else f"{name} has the columns {', '.join(header)}, not {', '.join(columns)}"
        return sum(1 for _ in reader), fault
