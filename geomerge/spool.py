"""Spool: what a run cannot hold in memory waits in a folder of its own, and goes when the run is over."""

from __future__ import annotations

import pickle
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geomerge.errors import LayerError


class Spool:
    """Items that wait on the disk, by name, in the order in which they came.

    The folder can be read by its owner only, and is removed when the spool is closed or forgotten, or the program
    ends.

    Parameters
    ----------
    folder
        Where to make it; the temporary folder of the system where none is given.
    prefix
        How its name begins.

    Examples
    --------
    >>> with Spool() as spool:
    ...     spool.put("codes", ["0301", "1103"])
    ...     spool.put("codes", ["4601"])
    ...     list(spool.items("codes")), list(spool.items("keys"))
    ([['0301', '1103'], ['4601']], [])
    """

    def __init__(self, folder: str | Path | None = None, prefix: str = "geomerge-") -> None:
        self._parent, self._prefix = folder, prefix
        self._folder: Path | None = None
        self._files: dict[str, Path] = {}
        self._open = True

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder and all that waits in it."""
        self._open = False
        if self._folder is not None:
            self._remove()

    def put(self, name: str, item: Any) -> None:
        """Add an item to those of a name; LayerError if the disk is full."""
        try:
            if self._folder is None:
                if self._parent is not None:
                    Path(self._parent).mkdir(parents=True, exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self._parent))
                self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            file = self._files.setdefault(name, self._folder / str(len(self._files)))
            with file.open("ab") as stream:
                pickle.dump(item, stream, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            where = self._folder or self._parent or tempfile.gettempdir()
            why = error.strerror or error
            raise LayerError(
                f"{where} cannot be written: {why}. Free the disk, or choose another folder (output)."
            ) from error

    def items(self, name: str) -> Iterator[Any]:
        """Yield the items of a name in the order in which they came; LayerError once the spool is closed."""
        if not self._open:
            raise LayerError("The rows of a run in little memory are gone when it is over. Read its results instead.")
        if name not in self._files:
            return
        with self._files[name].open("rb") as stream:
            while stream.peek(1):
                yield pickle.load(stream)
