"""A head: a linear model of one task's texts, from tokens and dense features to a score.

    raw   = intercept + Σ words + Σ pairs + Σ bounds + Σ shapes(dense)
    score = curve(raw)

A word, a pair of neighbours or a bound counts once, however often it is there. A shape is a line through
knots, one for each dense feature; the curve, another, rises and gives the raw sum the scale's distribution.
Everything adds up, so that a score can be taken apart.

Two rules stand against texts that are stuffed with the words of hard problems. Heavy words without a
familiar neighbour count `isolated` at most, together. The name of a technique ("segment tree") moves the sum
towards the rating of problems that need it, but only while a text names few: a list of them is no problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat
from typing import NamedTuple

from routing.difficulty.dense import NAMES
from routing.difficulty.line import Line, at
from routing.difficulty.reading import Reading

Pair = tuple[str, str]
FEW = 2
"""Techniques that a text may name."""
SHARE = 0.9
"""Of the way to a technique's rating that its name moves the sum."""


class Contribution(NamedTuple):
    """What one feature adds to a score. `kind` is `intercept`, `word`, `pair`, `bound`, `shape` …"""

    kind: str
    feature: str
    value: float


@dataclass(frozen=True, slots=True)
class Head:
    """Weights in units of the score. `heavy` is the weight from which on a word is heavy; 0: none is."""

    intercept: float
    words: Mapping[str, float]
    pairs: Mapping[Pair, float] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    shapes: Mapping[str, Line] = field(default_factory=dict)
    curve: Line = ((0.0, 1.0), (0.0, 1.0))
    heavy: float = 0.0
    isolated: float = 0.0
    named: Mapping[Pair, float] = field(default_factory=dict)
    lines: tuple[tuple[int, Line], ...] = field(init=False)
    """The shapes, each with the place of its dense feature."""
    _words: frozenset[str] = field(init=False)
    _pairs: frozenset[Pair] = field(init=False)
    _heavy: frozenset[str] = field(init=False)
    _near: frozenset[Pair] = field(init=False)
    """The pairs that hold a heavy word."""

    def __post_init__(self) -> None:
        heavy = {word for word, weight in self.words.items() if self.heavy and weight >= self.heavy}
        near = [pair for pair in self.pairs if not heavy.isdisjoint(pair)]
        lines = tuple((NAMES.index(name), line) for name, line in self.shapes.items())
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "_words", frozenset(self.words))
        object.__setattr__(self, "_pairs", frozenset(self.pairs) | frozenset(self.named))
        object.__setattr__(self, "_heavy", frozenset(heavy))
        object.__setattr__(self, "_near", frozenset(near))

    def score(self, reading: Reading) -> float:
        """The score of a text."""
        words = reading.words
        pairs = set(filter(self._pairs.__contains__, zip(words, words[1:])))  # noqa: B905
        return self.weighed(reading.unique, pairs, reading.bounds, reading.dense)

    def weighed(
        self,
        words: AbstractSet[str],
        pairs: AbstractSet[Pair],
        bounds: AbstractSet[str],
        dense: tuple[float, ...],
    ) -> float:
        """The score of features; only pairs that the head knows."""
        known = self._words & words
        raw = self.intercept + sum(map(self.words.__getitem__, known))
        raw += sum(map(self.pairs.get, pairs, _ZEROS))
        raw += sum(map(self.bounds.get, bounds, _ZEROS))
        for index, line in self.lines:
            raw += at(line, dense[index])
        raw -= self._excess(known, pairs)
        if self.named:
            raw += self._lift(raw, pairs)
        return at(self.curve, raw)

    def contributions(self, reading: Reading) -> list[Contribution]:
        """What makes up the score; the values sum to it."""
        words, unique, bounds, dense = reading[:4]
        pairs = self._pairs & set(pairwise(words))
        parts = [Contribution("intercept", "", self.intercept)]
        parts += [Contribution("word", word, self.words[word]) for word in self._words & unique]
        parts += [
            Contribution("pair", " ".join(pair), self.pairs[pair]) for pair in pairs if pair in self.pairs
        ]
        parts += [
            Contribution("bound", bound, self.bounds[bound]) for bound in bounds if bound in self.bounds
        ]
        parts += [Contribution("shape", NAMES[index], at(line, dense[index])) for index, line in self.lines]
        excess = self._excess(self._words & unique, pairs)
        if excess:
            parts.append(Contribution("isolated", "words that stand alone", -excess))
        lift = self._lift(_sum(parts), pairs)
        if lift:
            parts.append(Contribution("named", "a technique", lift))
        raw = _sum(parts)
        return [*parts, Contribution("curve", "", at(self.curve, raw) - raw)]

    def _excess(self, words: AbstractSet[str], pairs: AbstractSet[Pair]) -> float:
        """By how much the heavy words that stand alone weigh too much."""
        heavy = self._heavy & words
        if not heavy:
            return 0.0
        alone = heavy.difference(chain.from_iterable(self._near & pairs))
        return max(sum(map(self.words.__getitem__, alone)) - self.isolated, 0.0)

    def _lift(self, raw: float, pairs: AbstractSet[Pair]) -> float:
        """What the names of techniques add to the sum."""
        ratings = [self.named[pair] for pair in pairs if pair in self.named]
        if not 1 <= len(ratings) <= FEW:
            return 0.0
        return max(SHARE * (max(ratings) - raw), 0.0)


def _sum(parts: list[Contribution]) -> float:
    return sum(part.value for part in parts)


_ZEROS = repeat(0.0)
