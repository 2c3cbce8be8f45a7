"""Features: what may be kept of a request's text to learn from it later, without the text.

Sets of hashes in rising order: which words, which neighbours, which bounds; and the dense features.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from routing.difficulty.hashing import hash_of
from routing.difficulty.reading import read
from routing.difficulty.text import text_of


class Features(msgspec.Struct, frozen=True, gc=False):
    """Hashes are eight hex digits, a pair's with a space between them; `dense` is in the order of `NAMES`.

    `task` is what the route's estimator took the text for; None where nothing was estimated.
    """

    task: str | None
    words: list[str]
    pairs: list[str]
    bounds: list[str]
    dense: list[float]


def features_of(body: Mapping[str, Any], task: str = "") -> Features | None:
    """The features of a request's body; None when it has no text, or none that can be read."""
    try:
        text = text_of(body)
        if not text or text.isspace():
            return None
        reading = read(text)
        words = list(map(hash_of, reading.words))
        return Features(
            task or None,
            sorted(set(words)),
            sorted({f"{left} {right}" for left, right in pairwise(words)}),
            sorted(map(hash_of, reading.bounds)),
            [round(value, 6) for value in reading.dense],
        )
    except Exception:  # whatever a client can write, it must not fail the request
        return None
