"""A head: a linear model of one task's texts, from tokens and dense features to a score.

    raw   = intercept + Σ words + Σ pairs + Σ bounds + Σ shapes(dense)
    score = curve(raw)

A word, a pair of neighbours or a bound counts once, however often it is there. A shape is a line through
knots, one for each dense feature; the curve, another, rises and gives the raw sum the scale's distribution.
Everything adds up, so that a score can be taken apart.

Heavy words that stand alone, without a familiar neighbour, are how a text is stuffed with the words of hard
problems: together they count `isolated` at most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import NamedTuple

from routing.difficulty.dense import NAMES
from routing.difficulty.line import Line, at
from routing.difficulty.reading import Reading

Pair = tuple[str, str]


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
    _suspects: frozenset[str] = field(init=False)
    lines: tuple[tuple[int, Line], ...] = field(init=False)
    """The shapes, each with the place of its dense feature."""

    def __post_init__(self) -> None:
        heavy = [word for word, weight in self.words.items() if self.heavy and weight >= self.heavy]
        object.__setattr__(self, "_suspects", frozenset(heavy))
        object.__setattr__(
            self, "lines", tuple((NAMES.index(name), line) for name, line in self.shapes.items())
        )

    def score(self, reading: Reading) -> float:
        """The score of a text."""
        words, unique, bounds, dense = reading
        raw = self.intercept + sum(map(self.words.get, unique, _ZEROS))
        suspects = self._suspects & unique
        if suspects:
            raw -= self._excess(words, suspects)
        if self.pairs:
            raw += sum(map(self.pairs.get, set(zip(words, words[1:])), _ZEROS))  # noqa: B905
        if bounds:
            raw += sum(map(self.bounds.get, bounds, _ZEROS))
        for index, line in self.lines:
            raw += at(line, dense[index])
        return at(self.curve, raw)

    def _excess(self, words: list[str], suspects: Collection[str]) -> float:
        """By how much the heavy words that stand alone weigh too much."""
        weight = sum(self.words[word] for word in suspects if self._alone(words, word))
        return max(weight - self.isolated, 0.0)

    def _alone(self, words: list[str], word: str) -> bool:
        """Whether a word has no familiar neighbour where it first stands."""
        place = words.index(word)
        return not (
            (place and (words[place - 1], word) in self.pairs)
            or (place + 1 < len(words) and (word, words[place + 1]) in self.pairs)
        )

    def contributions(self, reading: Reading) -> Iterator[Contribution]:
        """What makes up the score; the values sum to it."""
        words, unique, bounds, dense = reading
        parts = [Contribution("intercept", "", self.intercept)]
        parts += [Contribution("word", word, self.words[word]) for word in unique if word in self.words]
        excess = self._excess(words, self._suspects & unique)
        if excess:
            parts.append(Contribution("isolated", "words that stand alone", -excess))
        parts += [
            Contribution("pair", " ".join(pair), self.pairs[pair])
            for pair in set(pairwise(words))
            if pair in self.pairs
        ]
        parts += [
            Contribution("bound", bound, self.bounds[bound]) for bound in bounds if bound in self.bounds
        ]
        parts += [Contribution("shape", NAMES[index], at(line, dense[index])) for index, line in self.lines]
        yield from parts
        raw = sum(part.value for part in parts)
        yield Contribution("curve", "", at(self.curve, raw) - raw)


_ZEROS = repeat(0.0)
