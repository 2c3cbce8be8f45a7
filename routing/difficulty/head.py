"""A head: a linear model of one task's texts, from tokens and dense features to a score.

    raw   = intercept + Σ words + Σ pairs + Σ bounds + Σ shapes(dense)
    score = curve(raw)

A word, a pair of neighbours or a bound counts once, however often it is there. A shape is a line through
knots, one for each dense feature; the curve, another, rises and gives the raw sum the scale's distribution.
Everything adds up, so that a score can be taken apart.

Two rules stand against texts that are stuffed with the words of hard problems. Heavy words without a
familiar neighbour count `isolated` at most, together. The name of a technique ("segment tree") moves the sum
towards the rating of problems that need it, but only of one: a list of them is no problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat
from typing import NamedTuple

from routing.difficulty.dense import NAMES
from routing.difficulty.line import Line, at
from routing.difficulty.reading import Reading

Pair = tuple[str, str]
SHARE = 0.8
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
    _lines: tuple[tuple[int, Line], ...] = field(init=False)
    """The shapes, each with the place of its dense feature."""
    _numbers: Mapping[Pair, int] = field(init=False)
    """Pairs and techniques, numbered: a tuple is looked up once, and then small numbers are."""
    _weights: tuple[float, ...] = field(init=False)
    _ratings: Mapping[int, float] = field(init=False)
    _heavy: frozenset[str] = field(init=False)
    _near: Mapping[int, Pair] = field(init=False)
    """The pairs that hold a heavy word."""

    def __post_init__(self) -> None:
        known = list({**self.pairs, **self.named})
        heavy = {word for word, weight in self.words.items() if self.heavy and weight >= self.heavy}
        made: dict[str, object] = {
            "_lines": tuple((NAMES.index(name), line) for name, line in self.shapes.items()),
            "_numbers": {pair: number for number, pair in enumerate(known)},
            "_weights": tuple(self.pairs.get(pair, 0.0) for pair in known),
            "_ratings": {number: self.named[pair] for number, pair in enumerate(known) if pair in self.named},
            "_heavy": frozenset(heavy),
            "_near": {
                number: pair
                for number, pair in enumerate(known)
                if pair in self.pairs and not heavy.isdisjoint(pair)
            },
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def score(self, reading: Reading) -> float:
        """The score of a text."""
        words = reading.words
        return self.weighed(reading.unique, zip(words, words[1:]), reading.bounds, reading.dense)  # noqa: B905

    def weighed(
        self,
        words: AbstractSet[str],
        pairs: Iterable[Pair],
        bounds: AbstractSet[str],
        dense: tuple[float, ...],
    ) -> float:
        """The score of features."""
        found = self._known(pairs)
        raw = self.intercept + sum(map(self.words.get, words, _ZEROS))
        raw += sum(map(self._weights.__getitem__, found))
        raw += sum(map(self.bounds.get, bounds, _ZEROS))
        for index, line in self._lines:
            raw += at(line, dense[index])
        raw -= self._excess(words, found)
        raw += self._lift(raw, found)
        return at(self.curve, raw)

    def contributions(self, reading: Reading) -> list[Contribution]:
        """What makes up the score; the values sum to it."""
        words, unique, bounds, dense = reading[:4]
        pairs = {pair for pair in pairwise(words) if pair in self.pairs}
        found = self._known(pairwise(words))
        parts = [Contribution("intercept", "", self.intercept)]
        parts += [Contribution("word", word, self.words[word]) for word in unique if word in self.words]
        parts += [Contribution("pair", " ".join(pair), self.pairs[pair]) for pair in pairs]
        parts += [
            Contribution("bound", bound, self.bounds[bound]) for bound in bounds if bound in self.bounds
        ]
        parts += [Contribution("shape", NAMES[index], at(line, dense[index])) for index, line in self._lines]
        parts.append(Contribution("isolated", "words that stand alone", -self._excess(unique, found)))
        parts.append(Contribution("named", "a technique", self._lift(_sum(parts), found)))
        raw = _sum(parts)
        parts.append(Contribution("curve", "", at(self.curve, raw) - raw))
        return [part for part in parts if part.value]

    def _known(self, pairs: Iterable[Pair]) -> AbstractSet[int]:
        """The numbers of the pairs that the head knows."""
        found = set(map(self._numbers.get, pairs, _NOBODY))
        found.discard(-1)
        return found

    def _excess(self, words: AbstractSet[str], found: AbstractSet[int]) -> float:
        """By how much the heavy words that stand alone weigh too much."""
        heavy = self._heavy & words
        if not heavy:
            return 0.0
        familiar = [self._near[one] for one in self._near.keys() & found]
        alone = heavy.difference(chain.from_iterable(familiar))
        return max(sum(map(self.words.__getitem__, alone)) - self.isolated, 0.0)

    def _lift(self, raw: float, found: AbstractSet[int]) -> float:
        """What the name of a technique adds to the sum."""
        ratings = self._ratings.keys() & found
        if len(ratings) != 1:
            return 0.0
        return max(SHARE * (self._ratings[ratings.pop()] - raw), 0.0)


def _sum(parts: list[Contribution]) -> float:
    return sum(part.value for part in parts)


_ZEROS = repeat(0.0)
_NOBODY = repeat(-1)
