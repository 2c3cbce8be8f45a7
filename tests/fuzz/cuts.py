"""Where a byte stream is cut: the same bytes always in the same places, so that a find can be replayed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from zlib import crc32

SINGLE = 256
"""Bytes up to which a stream is also taken one byte at a time."""
SEAMS = 40


def chunkings(data: bytes) -> Iterator[list[bytes]]:
    """`data` in many pieces, and in a few. Drawn from its checksum: seeds stay plain texts."""
    draw = random.Random(crc32(data))
    size = len(data)
    if size < 2:
        return
    if size <= SINGLE:
        yield cut(data, range(1, size))
    else:
        yield cut(data, draw.sample(range(1, size), size // 6))
    yield cut(data, draw.sample(range(1, size), min(size - 1, 3)))


def seams(data: bytes) -> Iterator[list[bytes]]:
    """`data` in two pieces, cut at or beside each line end: where parsers keep something for later.

    Of a stream of many lines as many places at most as `SEAMS`, its first and last among them.
    """
    ends = {at + beside for at, byte in enumerate(data) if byte in b"\r\n" for beside in (-1, 0, 1, 2)}
    places = sorted(at for at in ends if 0 < at < len(data))
    if len(places) > SEAMS:
        places = places[: SEAMS // 2] + places[-SEAMS // 2 :]
    for place in places:
        yield cut(data, [place])


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` cut at these places; no piece is empty, because no read is."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[low:high] for low, high in zip(bounds, bounds[1:], strict=False) if low < high]
