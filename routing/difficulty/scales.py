"""Difficulty scales: which ratings are valid, and the words that stand for some."""

from __future__ import annotations

from itertools import product
from typing import Any

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


WORDS = {"baekjoon": _tiers(), "label": {"easy": 1.0, "medium": 2.0, "hard": 3.0}}
"""Per scale, what is written in words; these scales know whole numbers only."""


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
