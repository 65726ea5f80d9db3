"""Structures of the Thrift compact protocol, read and written again without knowing what they mean.

Source: Apache Thrift, doc/specs/thrift-compact-protocol.md; the footer of a Parquet file is such a structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


@dataclass
class Items:
    """A list of values of one type."""

    kind: int
    values: list[Any]


class Struct(dict[int, tuple[int, Any]]):
    """Type and value of each field by its number, in the order in which they are written.

    Examples
    --------
    >>> struct, size = read(bytes([0x15, 0x02, 0x00]))
    >>> struct, size, write(struct).hex()
    ({1: (5, 1)}, 3, '150200')
    """

    def value(self, field: int, default: Any = None) -> Any:
        """Return the value of a field."""
        return self[field][1] if field in self else default

    def put(self, field: int, value: Any, kind: int = I64) -> None:
        """Give a field another value, of the type it has."""
        self[field] = (self[field][0] if field in self else kind, value)


def read(data: bytes | memoryview) -> tuple[Struct, int]:
    """Return the structure that some bytes begin with, and its length."""
    reader = _Reader(data)
    return reader.struct(), reader.at


def write(struct: Struct) -> bytes:
    """Return a structure as bytes."""
    out = bytearray()
    _put_struct(out, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes | memoryview) -> None:
        self.data, self.at = memoryview(data), 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        found = shift = 0
        while True:
            byte = self.byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7

    def integer(self) -> int:
        number = self.number()
        return (number >> 1) ^ -(number & 1)

    def taken(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise IndexError(size)
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def struct(self) -> Struct:
        found, field = Struct(), 0
        while head := self.byte():
            delta, kind = head >> 4, head & 0x0F
            field = field + delta if delta else self.integer()
            found[field] = (kind, kind == TRUE if kind in (TRUE, FALSE) else self.value(kind))
        return found

    def value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self.byte()
        if kind in (I16, I32, I64):
            return self.integer()
        if kind == DOUBLE:
            return self.taken(8)
        if kind == BINARY:
            return self.taken(self.number())
        if kind in (LIST, SET):
            head = self.byte()
            size = head >> 4 if head >> 4 < 15 else self.number()
            return Items(head & 0x0F, [self.value(head & 0x0F) for _ in range(size)])
        if kind == STRUCT:
            return self.struct()
        raise ValueError(kind)


def _put_number(out: bytearray, number: int) -> None:
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _put_integer(out: bytearray, number: int) -> None:
    _put_number(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _put_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for field in sorted(struct):
        kind, value = struct[field]
        kind = (TRUE if value else FALSE) if kind in (TRUE, FALSE) else kind
        if 0 < field - last < 16:
            out.append((field - last) << 4 | kind)
        else:
            out.append(kind)
            _put_integer(out, field)
        last = field
        if kind not in (TRUE, FALSE):
            _put(out, kind, value)
    out.append(0)


def _put(out: bytearray, kind: int, value: Any) -> None:
    if kind in (TRUE, FALSE, BYTE):
        out.append(value)
    elif kind in (I16, I32, I64):
        _put_integer(out, value)
    elif kind == DOUBLE:
        out += value
    elif kind == BINARY:
        _put_number(out, len(value))
        out += value
    elif kind in (LIST, SET):
        _put_items(out, value.kind, value.values)
    else:
        _put_struct(out, value)


def _put_items(out: bytearray, kind: int, values: Sequence[Any]) -> None:
    if len(values) < 15:
        out.append(len(values) << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _put_number(out, len(values))
    for value in values:
        _put(out, kind, value)
