"""Features: all of a text that a model can weigh; and the same hashed, to learn from without the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from routing.difficulty.dense import NAMES
from routing.difficulty.reading import Reading, read
from routing.difficulty.text import text_of

Feature = tuple[str, Any]
"""Its kind, `word`, `pair` or `bound`, and its name."""


class Features(NamedTuple):
    """The features of one text; `dense` are in the order of `dense.NAMES`."""

    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    bounds: frozenset[str]
    dense: tuple[float, ...]

    def sparse(self) -> Iterator[Feature]:
        """Every feature that a text has or has not."""
        for word in self.words:
            yield "word", word
        for pair in self.pairs:
            yield "pair", pair
        for bound in self.bounds:
            yield "bound", bound


def features_of(body: Mapping[str, Any]) -> Features:
    """The features of a request's body, as an estimator reads it."""
    return _features(read(text_of(body)))


def hashed_features(body: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The features of a request's body as JSON, words as hashes in alphabetical order."""
    found = _features(read(text_of(body)).hashed())
    return {
        "words": sorted(found.words),
        "pairs": sorted(" ".join(pair) for pair in found.pairs),
        "bounds": sorted(found.bounds),
        "dense": [round(value, 4) for value in found.dense],
    }


def restored(record: Mapping[str, Any]) -> Features:
    """The features that `hashed_features` wrote. Raises ValueError when they are not such."""
    try:
        words, pairs, bounds, dense = (list(record[name]) for name in Features._fields)
        parts = [tuple(pair.split(" ")) for pair in pairs]
        known = all(isinstance(word, str) for word in (*words, *bounds)) and all(
            len(pair) == 2 for pair in parts
        )
        values = tuple(map(float, dense))
    except (AttributeError, KeyError, TypeError):
        raise ValueError("no features") from None
    if not known or len(values) != len(NAMES):
        raise ValueError("no features")
    return Features(frozenset(words), frozenset(parts), frozenset(bounds), values)


def _features(reading: Reading) -> Features:
    return Features(reading.unique, frozenset(pairwise(reading.words)), reading.bounds, reading.dense)
