"""Reading: from a text as the client wrote it to what is weighed."""

from __future__ import annotations

import re
from typing import NamedTuple

from routing.difficulty.dense import dense_of
from routing.difficulty.hashing import hash_of
from routing.difficulty.remarks import TRIGGERS, without_remarks
from routing.difficulty.text import composed
from routing.difficulty.tokens import band, tokens_of
from routing.difficulty.wrapping import unwrapped


class Reading(NamedTuple):
    """What is weighed of a text. `bounds` are features like `n<5.0`: a variable n of at most 10^5."""

    words: list[str]
    unique: frozenset[str]
    bounds: frozenset[str]
    dense: tuple[float, ...]
    hangul: float
    """The share of Hangul among its different words."""

    def hashed(self) -> Reading:
        """The same under the words' hashes."""
        words = list(map(hash_of, self.words))
        return Reading(words, frozenset(words), frozenset(map(hash_of, self.bounds)), self.dense, self.hangul)


def read(text: str) -> Reading:
    """Reads a text, without what wraps it and without remarks on its difficulty."""
    core = unwrapped(*composed(text))
    tokens = tokens_of(core)
    unique = frozenset(tokens.words)
    triggers = TRIGGERS & unique
    if triggers:
        kept = without_remarks(core, triggers)
        if len(kept) != len(core):
            tokens = tokens_of(kept)
            unique = frozenset(tokens.words)
    bounds = frozenset([f"{name}<{band(value)}" for name, value in tokens.bounds]) if tokens.bounds else _NONE
    return Reading(tokens.words, unique, bounds, dense_of(tokens, unique), _hangul(core, unique))


def _hangul(text: str, words: frozenset[str]) -> float:
    if text.isascii() or not words or _syllable.search(text) is None:
        return 0.0
    return sum(map("가".__le__, words)) / len(words)


_NONE: frozenset[str] = frozenset()
_syllable = re.compile("[가-힣]")
