"""The gate: which task a text is, so that the right head judges it.

A linear model over a few hundred words and three figures, one column a task; the largest sum wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.difficulty.dense import NAMES
from routing.difficulty.reading import Reading

TASKS = ("competitive-en", "competitive-ko", "review", "order", "other")
"""Competitive programming in English and in Korean, customers' reviews, orders, everything else."""
OTHER = len(TASKS) - 1
FIGURES = ("short", "hangul", "question")
"""One for a text of few words; the share of Hangul words; one for a question mark."""
FEW = 12


@dataclass(frozen=True, slots=True)
class Gate:
    """Weights by word, one a task, in the order of TASKS; and of each figure."""

    intercepts: tuple[float, ...]
    words: Mapping[str, tuple[float, ...]]
    figures: tuple[tuple[float, ...], ...]
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", frozenset(self.words))

    def task(self, reading: Reading) -> int:
        """The index of the task; what has no words is no task."""
        if not reading.words:
            return OTHER
        sums = self.sums(reading)
        return sums.index(max(sums))

    def sums(self, reading: Reading) -> list[float]:
        """How much speaks for each task."""
        weights = self.words
        columns = [weights[word] for word in self._known & reading.unique]
        columns.append(self.intercepts)
        for figure, column in zip(figures_of(reading), self.figures, strict=True):
            if figure:
                columns.append(tuple([figure * weight for weight in column]))
        return list(map(sum, zip(*columns, strict=True)))


def figures_of(reading: Reading) -> tuple[float, float, float]:
    """The figures of a text, in the order of FIGURES."""
    return float(len(reading.words) <= FEW), reading.hangul, float(reading.dense[_QUESTIONS] > 0)


_QUESTIONS = NAMES.index("questions")
