"""Difficulty scales: which ratings are valid, the words that stand for some, and one scale's place on
another."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from routing.difficulty.line import Line, at, inverse
from routing.number import LONGEST, number_of
from routing.snapshot import Difficulty


def _tiers() -> dict[str, float]:
    """The 30 tiers of Baekjoon Online Judge, Bronze V = 1 to Ruby I = 30, as solved.ac writes them."""
    leagues = (
        ("bronze", "브론즈"), ("silver", "실버"), ("gold", "골드"),
        ("platinum", "플래티넘"), ("diamond", "다이아몬드"), ("ruby", "루비"),
    )  # fmt: skip
    steps = (("v", "5"), ("iv", "4"), ("iii", "3"), ("ii", "2"), ("i", "1"))
    return {
        f"{name} {step}": float(5 * league + rank + 1)
        for league, names in enumerate(leagues)
        for rank, written in enumerate(steps)
        for name, step in product(names, written)
    }


WORDS: Final = {"baekjoon": _tiers(), "label": {"easy": 1.0, "medium": 2.0, "hard": 3.0}}
"""Per scale, what is written in words; these scales know whole numbers only."""

BAEKJOON: Final[Line] = (
    (1.0, 5.0, 8.0, 10.0, 13.0, 16.0, 20.0, 25.0, 30.0),
    (800.0, 1000.0, 1250.0, 1400.0, 1650.0, 1950.0, 2350.0, 2850.0, 3500.0),
)
"""Tiers, and the Codeforces ratings of about the same difficulty; solvers of both judges place them so."""
MEDIUM: Final = 1400.0
"""The Codeforces rating from which on a problem is medium …"""
HARD: Final = 2000.0
"""… and hard."""


def rating_of(difficulty: Difficulty, value: Any) -> float | None:
    """The valid rating that a JSON value stands for; None for anything else, never an exception.

    A number in a string counts; booleans, NaN, containers and what lies outside the scale do not.
    """
    number = number_of(value)
    if number is None:
        words = WORDS.get(difficulty.scale)
        if words is None or type(value) is not str or len(value) > LONGEST:
            return None
        return words.get(" ".join(value.lower().split()))
    if not difficulty.minimum <= number <= difficulty.maximum:
        return None
    return None if difficulty.scale in WORDS and number != int(number) else number


def converted(score: float, scale: str, minimum: float, maximum: float, difficulty: Difficulty) -> float:
    """A score of another scale on the route's, within its bounds; the order of scores stays.

    Where both are named, by what is about as hard; else by the place between the bounds.
    """
    low, high, wanted = difficulty.minimum, difficulty.maximum, difficulty.scale
    if scale != wanted:
        if scale == "baekjoon":
            score, scale, minimum, maximum = at(BAEKJOON, score), "codeforces", 800.0, 3500.0
        if scale == "codeforces" and wanted == "baekjoon":
            score = at(inverse(BAEKJOON), score)
        elif scale == "codeforces" and wanted == "label":
            score = 1.0 + (score >= MEDIUM) + (score >= HARD)
        else:
            score = low + (score - minimum) / (maximum - minimum) * (high - low)
    elif scale == "range":
        score = low + (score - minimum) / (maximum - minimum) * (high - low)
    return min(max(score, low), high)
