"""Texts as a model sees them, read once for training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from routing.difficulty.reading import read
from routing.difficulty.text import text_of

Feature = tuple[str, Any]
"""Its kind, `word`, `pair` or `bound`, and its name."""


class Text(NamedTuple):
    """The features of one row's text."""

    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    bounds: frozenset[str]
    dense: tuple[float, ...]

    def features(self) -> Iterable[Feature]:
        """Every sparse one."""
        for word in self.words:
            yield "word", word
        for pair in self.pairs:
            yield "pair", pair
        for bound in self.bounds:
            yield "bound", bound


def text_features(body: Mapping[str, Any]) -> Text:
    """The features of a request's body, as the gateway would read it."""
    reading = read(text_of(body))
    return Text(reading.unique, frozenset(pairwise(reading.words)), reading.bounds, reading.dense)
