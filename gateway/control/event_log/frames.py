"""Zstandard frames: one a batch, end to end, so that a file is readable while it grows (RFC 8878, 3.1)."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdError, compress, decompress, get_frame_size
else:
    from backports.zstd import CompressionParameter, ZstdError, compress, decompress, get_frame_size

LEVEL = 1
_OPTIONS: dict[int, int] = {
    CompressionParameter.compression_level: LEVEL,
    CompressionParameter.checksum_flag: 1,
}


def frame(data: bytes | bytearray) -> bytes:
    """One frame with its checksum. Needs no interpreter lock meanwhile."""
    return compress(data, options=_OPTIONS)


def unframe(data: bytes) -> bytes:
    """What whole frames hold, one behind the other."""
    return decompress(data) if data else b""


def whole(data: bytes) -> int:
    """The bytes with which `data` begins that are whole frames, the last of them with a true checksum.

    Only the last can be false: every frame before it was on the disk before the next was written.
    """
    view = memoryview(data)
    at = last = 0
    try:
        while at < len(data):
            length = get_frame_size(view[at:])
            last, at = at, at + length
        torn = False
    except ZstdError:
        torn = True
    if at and not torn:
        try:
            decompress(view[last:at])
        except ZstdError:
            return last
    return at
