"""Geometry as GeoPackages store it: a header with its bounds, then WKB.

Source: OGC 12-128r18, clause 2.1.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import shapely

from geomerge.files.revision import wkb

ENVELOPE_BYTES = (0, 32, 48, 48, 64)


def blob(shape: Any, srs: int) -> bytes | None:
    r"""Return a geometry as a GeoPackage blob: header with envelope, then ISO WKB.

    Examples
    --------
    >>> blob(shapely.Point(1, 2), 25833)[:8]
    b'GP\x00\x03\xe9d\x00\x00'
    """
    if shape is None:
        return None
    empty = bool(shapely.is_empty(shape))
    envelope = b"" if empty else struct.pack("<4d", *(shape.bounds[i] for i in (0, 2, 1, 3)))
    flags = 1 | (0 if empty else 1 << 1) | (empty << 4)
    return b"GP" + struct.pack("<BBi", 0, flags, srs) + envelope + bytes(wkb([shape])[0])


def wkb_of(data: bytes) -> bytes:
    """Return the WKB inside a GeoPackage blob."""
    return data[8 + ENVELOPE_BYTES[(data[3] >> 1) & 7] :]


def bound_at(position: int) -> Callable[[bytes | None], float | None]:
    """Return what tells a bound of a blob (min x, max x, min y, max y), by its header if that has them."""

    def bound(data: bytes | None) -> float | None:
        if data is None:
            return None
        if (data[3] >> 1) & 7:
            low = "<" if data[3] & 1 else ">"
            return float(struct.unpack_from(f"{low}4d", data, 8)[position])
        return float(shapely.from_wkb(wkb_of(data)).bounds[(0, 2, 1, 3)[position]])

    return bound


def is_empty(data: bytes | None) -> int | None:
    """Return whether a blob holds an empty geometry, as SQL has it."""
    if data is None:
        return None
    return (data[3] >> 4) & 1 or int(not (data[3] >> 1) & 7 and bool(shapely.from_wkb(wkb_of(data)).is_empty))
