"""Finishing: what must not stop half-way is carried out before an interruption is heard."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, or the request to end, wait until the block is done; then it takes effect as always.

    Only the main thread hears signals, so in others there is nothing to wait for.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with uninterrupted():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all")
    ... except KeyboardInterrupt:
    ...     done.append("interrupted")
    >>> done
    ['all', 'interrupted']
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []

    def wait(number: int, _frame: Any) -> None:
        heard.append(number)

    before = {each: signal.signal(each, wait) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler if handler is not None else signal.SIG_DFL)
    for number in heard[:1]:
        signal.raise_signal(number)
