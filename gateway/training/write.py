"""From fitted heads to a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from routing.difficulty.head import Head
from routing.difficulty.line import Line
from routing.difficulty.model import HeadFile

DIGITS = 4
"""Significant digits of a weight."""
STEPS = 100
"""Even steps between the quantiles that a model remembers of its training scores."""
HEAVY = 0.97
"""Among a head's words, the quantile of the weight from which on a word is heavy."""


def head_file(
    head: Head,
    *,
    curve: Line | None = None,
    quantiles: Sequence[float] = (),
    named: Mapping[str, float] | None = None,
) -> HeadFile:
    """A head as it is written: rounded, without what weighs next to nothing."""
    weights = np.array(list(head.words.values()) or [0.0])
    least = 2e-3 * float(np.abs(weights).max() or 1.0)

    def kept(weights: Mapping[Any, float]) -> dict[str, float]:
        named = sorted(
            (name if isinstance(name, str) else " ".join(name), weight) for name, weight in weights.items()
        )
        return {name: rounded(weight) for name, weight in named if abs(weight) >= least}

    return HeadFile(
        intercept=rounded(head.intercept),
        words=kept(head.words),
        pairs=kept(head.pairs),
        bounds=kept(head.bounds),
        shapes={
            name: (list(knots), [rounded(value) for value in values])
            for name, (knots, values) in head.shapes.items()
        },
        curve=([rounded(x, 6) for x in curve[0]], [rounded(y, 6) for y in curve[1]]) if curve else WIDE,
        heavy=rounded(float(max(np.quantile(weights, HEAVY), 0.0))),
        named=dict(named or {}),
        quantiles=[rounded(one, 6) for one in quantiles],
    )


WIDE = ([-1e6, 1e6], [-1e6, 1e6])
"""The curve that changes nothing."""


def rounded(value: float, digits: int = DIGITS) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")


def quantiles_of(scores: np.ndarray[Any, Any]) -> list[float]:
    """Scores from the lowest to the highest in even steps."""
    return [float(one) for one in np.quantile(scores, np.linspace(0, 1, STEPS + 1))]


def matching_curve(raw: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], steps: int = 20) -> Line:
    """The rising line that gives raw scores the distribution of what is wanted (quantile matching)."""
    places = np.linspace(0, 1, steps + 1)
    knots, values = np.quantile(raw, places), np.maximum.accumulate(np.quantile(wanted, places))
    keep = np.concatenate([[True], np.diff(knots) > 1e-9])
    return tuple(map(float, knots[keep])), tuple(map(float, values[keep]))
