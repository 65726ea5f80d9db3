"""The manifest: what a run read, did and wrote, with hashes, so that anyone can check it later."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from geomerge import layers
from geomerge.findings import Finding

LIBRARIES = ("geopandas", "pandas", "shapely", "pyproj", "numpy", "pyarrow", "fiona")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder that is one layer (its files in the order of their names)."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
    return digest.hexdigest()


class Hashes:
    """Hashes of files that do not change any more, each computed once, while other work goes on."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._found: dict[Path, Future[str]] = {}
        self._times: dict[Path, tuple[int, int]] = {}

    def start(self, paths: Iterable[Path]) -> None:
        """Start with files whose hash is asked for later."""
        for path in paths:
            if path not in self._found:
                self._times[path] = _time(path)
                self._found[path] = self._pool.submit(sha256, path)

    def know(self, path: Path, digest: str) -> None:
        """Note the hash of a file that is known already."""
        self._found[path] = Future()
        self._found[path].set_result(digest)

    def of(self, path: Path) -> str:
        """Return the hash of a file."""
        self.start([path])
        return self._found[path].result()

    def outdated(self, path: Path) -> bool:
        """Return whether a file was written to since its hash was asked for."""
        return path in self._times and self._times[path] != _time(path)


def _time(path: Path) -> tuple[int, int]:
    """Return when a file was last written, and its size."""
    try:
        found = path.stat()
    except OSError:  # hashing it says what is wrong
        return 0, 0
    return found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def hashing() -> Iterator[Hashes]:
    """Give what computes hashes while other work goes on; those that nobody waits for are given up in the end."""
    pool = ThreadPoolExecutor(2)
    try:
        yield Hashes(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def listed(files: Mapping[str, Path], digest: Callable[[Path], str] = sha256) -> list[dict[str, Any]]:
    """Return name, size and hash of files, in the order of their names."""
    return [
        {"path": name, "bytes": path.stat().st_size, "sha256": digest(path)} for name, path in sorted(files.items())
    ]


def manifest(
    *,
    title: str,
    dates: Iterable[str],
    inputs: Mapping[str, Path],
    counts: Mapping[str, Any],
    findings: Iterable[Finding],
    digest: Callable[[Path], str] = sha256,
) -> dict[str, Any]:
    """Return the manifest without its outputs, which are added when they are written."""
    return {
        "title": title,
        "dates": list(dates),
        "versions": versions(),
        "inputs": listed(inputs, digest),
        "counts": dict(counts),
        "findings": [finding.record() for finding in findings],
    }


def versions() -> dict[str, str]:
    """Return the versions of geomerge and of what it stands on."""
    found = {"geomerge": version("geomerge"), "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:  # fiona, where there is no wheel for the Python
            continue
    return found | layers.versions()


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a manifest as JSON."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
