"""CSV in blocks of bytes: where records and cells begin and end, found for a million rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BLOCK = 1 << 23
NEWLINE, RETURN, QUOTE = 10, 13, 34

EVERY_BIT = np.uint64(2**64 - 1)

Indices = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint64]


def blocks(stream: BinaryIO, size: int = BLOCK) -> Iterator[bytes]:
    r"""Yield what is left of a stream in blocks that end with a record, the last one as it ends.

    Examples
    --------
    >>> import io
    >>> list(blocks(io.BytesIO(b'a\n"b\nc"\nd'), 4))
    [b'a\n', b'"b\nc"\n', b'd']
    """
    rest = b""
    while more := stream.read(size):
        data = rest + more
        end = _last_end(data)
        if end:
            yield data[:end]
        rest = data[end:]
    if rest:
        yield rest


def _last_end(data: bytes) -> int:
    """Return where the last record of some bytes ends that ends in them; 0 if none does."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    quotes = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == QUOTE))
    end = data.rfind(b"\n") + 1
    after = data.count(b'"', end)
    while end and (quotes - after) % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        after += data.count(b'"', before, end)
        end = before
    return end


@dataclass(frozen=True)
class Scan:
    """Where the cells of some columns lie in a block.

    Parameters
    ----------
    starts, ends
        Of each column and each good record.
    rows
        Number of each good record among those that are not empty.
    broken
        Number of cells of all other records, by their number.
    lines
        Line breaks in the block.
    """

    starts: tuple[Indices, ...]
    ends: tuple[Indices, ...]
    rows: Indices
    broken: dict[int, int]


def scan(data: bytes, delimiter: str, width: int, columns: Sequence[int]) -> Scan | None:
    r"""Find cells of a block; None if quotes stand in it where they tell nothing.

    Examples
    --------
    >>> data = b'0706;"a;b"\r\n0719;c\n0720\n'
    >>> found = scan(data, ";", 2, [0, 1])
    >>> [data[a:b] for a, b in zip(found.starts[1], found.ends[1])], found.rows.tolist(), found.broken
    ([b'"a;b"', b'c'], [0, 1], {2: 1})
    """
    block = np.frombuffer(data, dtype=np.uint8)
    marks = (block == NEWLINE) | (block == ord(delimiter))
    if b'"' in data:
        outside = _outside_quotes(block, marks)
        if outside is None:
            return None
        marks &= outside
    hits = np.flatnonzero(marks)
    breaks = block[hits] == NEWLINE
    if not data.endswith(b"\n"):
        hits, breaks = np.append(hits, len(data)), np.append(breaks, True)
    table = hits.reshape(-1, width) if len(hits) % width == 0 else hits[:0].reshape(0, width)
    if len(table) and breaks[width - 1 :: width].all() and np.count_nonzero(breaks) == len(table):
        first = np.concatenate([[0], table[:-1, -1] + 1])
        if width > 1 or not (_bare(block, first, table[:, 0]) == first).any():
            return _found(block, table, first, columns, np.arange(len(table)), {})
    return _uneven(block, hits, breaks, width, columns)


def _outside_quotes(block: Bytes, marks: Flags) -> Flags | None:
    """Return which bytes stand outside of quotes; None unless each quote opens a cell, closes one, or is doubled.

    64 bytes are looked at together, a bit each. Source: G. Langdale and D. Lemire, *Parsing gigabytes of JSON per
    second*, VLDB Journal 28 (2019), 3.1.1.
    """
    quotes, ends, returns = (_bits(flags) for flags in (block == QUOTE, marks, block == RETURN))
    inside = quotes.copy()
    for step in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(step)
    odd = np.bitwise_xor.accumulate((inside >> np.uint64(63)).astype(bool))
    if odd[-1]:
        return None  # a quote is left open
    inside[1:] ^= np.where(odd[:-1], EVERY_BIT, np.uint64(0))
    opening, closing = quotes & inside, quotes & ~inside
    newlines = _bits(block == NEWLINE)
    before = _later(ends | closing)
    before[0] |= np.uint64(1)
    size = len(block)
    last = np.zeros_like(quotes)
    last[(size - 1) // 64] = np.uint64(1) << np.uint64((size - 1) % 64)
    after = _sooner(ends | opening | (returns & _sooner(newlines))) | last
    if (opening & ~before).any() or (closing & ~after).any():
        return None
    return np.unpackbits((~inside).view(np.uint8), bitorder="little", count=size).view(bool)


def _bits(flags: Flags) -> Words:
    """Return flags as bits, 64 in a word, the first one the lowest."""
    packed = np.packbits(flags, bitorder="little")
    words = np.zeros(-(-len(packed) // 8), dtype=np.uint64)
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _later(words: Words) -> Words:
    """Move all bits one place on."""
    moved = words << np.uint64(1)
    moved[1:] |= words[:-1] >> np.uint64(63)
    return moved


def _sooner(words: Words) -> Words:
    """Move all bits one place back."""
    moved = words >> np.uint64(1)
    moved[:-1] |= words[1:] << np.uint64(63)
    return moved


def _uneven(block: Bytes, hits: Indices, breaks: Flags, width: int, columns: Sequence[int]) -> Scan:
    """Find the cells where some records are empty, or have more or fewer cells."""
    last = np.flatnonzero(breaks)
    begin = np.concatenate([[0], last[:-1] + 1])
    first = np.concatenate([[0], hits[last[:-1]] + 1])
    end = hits[last]
    there = _bare(block, first, end) > first
    begin, first, count = begin[there], first[there], (last - begin + 1)[there]
    good = count == width
    broken = {int(row): int(count[row]) for row in np.flatnonzero(~good)}
    table = hits[begin[good][:, None] + np.arange(width)]
    return _found(block, table, first[good], columns, np.flatnonzero(good), broken)


def _bare(block: Bytes, starts: Indices, ends: Indices) -> Indices:
    """Return the ends of records without the carriage return before a line break."""
    return np.asarray(ends - ((ends > starts) & (block[np.maximum(ends - 1, 0)] == RETURN)), dtype=np.int64)


def _found(
    block: Bytes, table: Indices, first: Indices, columns: Sequence[int], rows: Indices, broken: dict[int, int]
) -> Scan:
    width = table.shape[1]
    starts = tuple(first if at == 0 else table[:, at - 1] + 1 for at in columns)
    ends = tuple(table[:, at] for at in columns)
    ends = tuple(
        _bare(block, start, end) if at == width - 1 else end
        for at, start, end in zip(columns, starts, ends, strict=True)
    )
    return Scan(starts, ends, rows, broken)


def texts(data: bytes, starts: Indices, ends: Indices) -> pa.DictionaryArray:
    """Return the bytes between some places, what repeats once.

    Examples
    --------
    >>> texts(b"ab;ab;c", np.array([0, 3, 6]), np.array([2, 5, 7])).dictionary.to_pylist()
    [b'ab', b'c']
    """
    return _between(data, starts, ends, 0).dictionary_encode()


def _between(data: bytes, starts: Indices, ends: Indices, first: int) -> pa.Array:
    """Return every second piece of some bytes, cut at all starts and ends."""
    offsets = np.empty(2 * len(starts), dtype=np.int32)
    offsets[::2], offsets[1::2] = starts, ends
    pieces = pa.Array.from_buffers(
        pa.binary(), max(len(offsets) - 1, 0), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return pieces.take(pa.array(np.arange(first, len(pieces), 2)))


def spliced(data: bytes, starts: Indices, ends: Indices, new: pa.Array) -> bytes | memoryview:
    """Return bytes with others between some places, which stand in order and do not overlap.

    Examples
    --------
    >>> bytes(spliced(b"a;bc;d", np.array([0, 2]), np.array([1, 4]), pa.array([b"x", b"yyy"])))
    b'x;yyy;d'
    """
    lengths = pc.binary_length(new).to_numpy()
    if np.array_equal(lengths, ends - starts):
        return _patched(data, starts, lengths, new)
    bounds = np.concatenate([[0], ends]), np.concatenate([starts, [len(data)]])
    kept = _between(data, *bounds, 0)
    joined = pc.binary_join_element_wise(kept.slice(0, len(starts)), new, b"")
    size = int(pc.sum(pc.binary_length(joined)).as_py() or 0)
    body = memoryview(joined.buffers()[2])[:size]
    return b"".join([body, data[int(ends[-1]) :]])


def _patched(data: bytes, starts: Indices, lengths: Indices, new: pa.Array) -> memoryview:
    """Return bytes with others of the same length in their place."""
    out = bytearray(data)
    source = new.buffers()[2]
    offsets = np.frombuffer(new.buffers()[1], dtype=np.int32)[new.offset : new.offset + len(new)]
    for length in np.unique(lengths[lengths > 0]).tolist():
        mine = slice(None) if (lengths == length).all() else lengths == length
        done = 0
        while done < length:
            step = next(size for size in (8, 4, 2, 1) if size <= length - done)
            _windows(out, step)[starts[mine] + done] = _windows(source, step)[offsets[mine] + done]
            done += step
    return memoryview(out)


def _windows(data: object, width: int) -> NDArray[np.void]:
    """Return some bytes as they begin at each place."""
    size = memoryview(data).nbytes  # type: ignore[arg-type]
    count = max(size - width + 1, 0)
    return np.ndarray((count,), dtype=f"<u{width}", buffer=data, strides=(1,))  # type: ignore[arg-type]


def is_utf8(data: bytes) -> bool:
    r"""Return whether bytes are UTF-8, faster than by decoding them.

    Examples
    --------
    >>> is_utf8("å".encode()), is_utf8(b"\xe5")
    (True, False)
    """
    if data.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(data)], dtype=np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
