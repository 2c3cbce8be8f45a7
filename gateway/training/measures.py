"""Measures of a ranking by scores: what a router gains by it, and how well it orders ratings.

Scores come with weights, so that a row can stand for several, or for a part of one. Rows with the same score
are one step: no order among them is claimed. Standard library only.

APGR and CPT: Ong et al., RouteLLM: Learning to Route LLMs with Preference Data (2024).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

Weights = Sequence[float]
Measure = Callable[[Weights], float]
"""A measure of rows that are known, under weights."""

RUNS = 200
"""Resamples of a bootstrap."""


class Interval(NamedTuple):
    """A figure and the bounds between which 95 % of its resamples lie."""

    value: float
    low: float
    high: float


class Ranking:
    """Rows by falling score."""

    def __init__(self, scores: Sequence[float]) -> None:
        order = sorted(range(len(scores)), key=lambda row: -scores[row])
        self.steps = [list(rows) for _, rows in groupby(order, key=lambda row: scores[row])]
        """Rows of one score each, the highest first."""

    def curve(self, gains: Sequence[float], weights: Weights) -> tuple[list[float], list[float]]:
        """The share of requests that the strong variant gets, rising to 1, and the share of its gain."""
        sizes = [sum(weights[row] for row in rows) for rows in self.steps]
        parts = [sum(weights[row] * gains[row] for row in rows) for rows in self.steps]
        size, total = sum(sizes), sum(parts)
        if not size or not total:
            return [0.0, 1.0], [0.0, 1.0]
        return (
            [part / size for part in accumulate(sizes, initial=0.0)],
            [part / total for part in accumulate(parts, initial=0.0)],
        )

    def apgr(self, gains: Sequence[float], weights: Weights) -> float:
        """The average share of the gain that is recovered, over every share of requests; 0.5 is chance."""
        shares, recovered = self.curve(gains, weights)
        steps = zip(shares, shares[1:], recovered, recovered[1:], strict=False)
        return sum((right - left) * (low + high) / 2 for left, right, low, high in steps)

    def cpt(self, gains: Sequence[float], weights: Weights, level: float) -> float:
        """The share of requests that the strong variant must get to recover `level` of its gain."""
        shares, recovered = self.curve(gains, weights)
        for left, right, low, high in zip(shares, shares[1:], recovered, recovered[1:], strict=False):
            if high >= level:
                return left + (right - left) * (level - low) / (high - low)
        return 1.0

    def ranks(self, weights: Weights) -> list[float]:
        """The rank of each row from the bottom; those of one score share the middle."""
        ranks = [0.0] * sum(map(len, self.steps))
        below = 0.0
        for rows in reversed(self.steps):
            size = sum(weights[row] for row in rows)
            for row in rows:
                ranks[row] = below + size / 2
            below += size
        return ranks

    def auc(self, hard: Sequence[bool], weights: Weights) -> float:
        """How often a hard row has the higher score than one that is not; 0.5 without either."""
        easy = below = 0.0
        total = sum(weight for weight, is_hard in zip(weights, hard, strict=True) if is_hard)
        for rows in reversed(self.steps):
            light = sum(weights[row] for row in rows if not hard[row])
            heavy = sum(weights[row] for row in rows if hard[row])
            below += heavy * (easy + light / 2)
            easy += light
        return below / (total * easy) if total and easy else 0.5


def correlation(left: Sequence[float], right: Sequence[float], weights: Weights) -> float:
    """Pearson's correlation, of ranks Spearman's; 0 when either does not vary."""
    size = sum(weights)
    if not size:
        return 0.0
    centre_left = sum(w * a for w, a in zip(weights, left, strict=True)) / size
    centre_right = sum(w * b for w, b in zip(weights, right, strict=True)) / size
    rows = [(w, a - centre_left, b - centre_right) for w, a, b in zip(weights, left, right, strict=True)]
    across = sum(w * a * b for w, a, b in rows)
    within = sum(w * a * a for w, a, _ in rows) * sum(w * b * b for w, _, b in rows)
    return float(across / within**0.5) if within > 0 else 0.0


def spearman(scores: Ranking, ratings: Ranking) -> Measure:
    """The correlation of ranks, under weights to come."""
    return lambda weights: correlation(scores.ranks(weights), ratings.ranks(weights), weights)


def resamples(weights: Weights, groups: Sequence[object], seed: int, runs: int = RUNS) -> list[list[float]]:
    """The weights of as many bootstrap resamples, which draw whole groups (Efron and Tibshirani 1993)."""
    draw = random.Random(seed)
    names = sorted({repr(group) for group in groups})
    own = [repr(group) for group in groups]
    found = []
    for _ in range(runs):
        counts = dict.fromkeys(names, 0)
        for name in draw.choices(names, k=len(names)):
            counts[name] += 1
        found.append([weight * counts[name] for weight, name in zip(weights, own, strict=True)])
    return found


def interval(measure: Measure, weights: Weights, samples: Sequence[Weights]) -> Interval:
    """A measure with its bootstrap interval (percentiles)."""
    values = sorted(map(measure, samples))
    last = len(values) - 1
    return Interval(measure(weights), values[round(0.025 * last)], values[round(0.975 * last)])


def better(new: Measure, old: Measure, samples: Sequence[Weights]) -> float:
    """The share of resamples in which the new one measures more than the old one."""
    return sum(new(weights) > old(weights) for weights in samples) / len(samples)


class Bin(NamedTuple):
    """Rows whose scores lie together: how many, their mean score, and what came of them on average."""

    rows: int
    score: float
    found: float


def calibration(scores: Sequence[float], found: Sequence[float], bins: int = 10) -> list[Bin]:
    """Bins of as many rows each, by rising score."""
    rows = sorted(zip(scores, found, strict=True))
    size = len(rows)
    cuts = [round(size * at / bins) for at in range(bins + 1)]
    parts = [rows[low:high] for low, high in zip(cuts, cuts[1:], strict=False) if low < high]
    return [
        Bin(len(part), sum(s for s, _ in part) / len(part), sum(f for _, f in part) / len(part))
        for part in parts
    ]
