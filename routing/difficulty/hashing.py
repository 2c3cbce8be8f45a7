"""Hashed tokens: what may be kept of a prompt to learn from it later, without its text.

CRC-32 of every word, eight hex digits. A hash is no secret: who knows a word can look for it.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

REMEMBERED = 16_384
"""Words whose hash is remembered."""


@lru_cache(REMEMBERED)
def hash_of(word: str) -> str:
    """Eight hex digits."""
    return f"{crc32(word.encode()):08x}"
