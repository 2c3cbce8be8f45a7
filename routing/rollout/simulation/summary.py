"""Summaries: shares and medians of many runs, with 95 % confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

Z = 1.959964


class Estimate(NamedTuple):
    """A figure and its 95 % confidence interval."""

    value: float
    lower: float
    upper: float


def share(happened: int, runs: int) -> Estimate:
    """Of runs in which something happened; Wilson's interval (JASA 22, 1927)."""
    rate, room = happened / runs, Z * Z / runs
    middle = (rate + room / 2) / (1 + room)
    half = Z * sqrt(rate * (1 - rate) / runs + room / (4 * runs)) / (1 + room)
    return Estimate(rate, max(middle - half, 0.0), min(middle + half, 1.0))


def median(values: Sequence[float | None]) -> Estimate:
    """The median run; None counts as never. The interval is between order statistics."""
    ordered = sorted(inf if value is None else value for value in values)
    n = len(ordered)
    reach = Z * sqrt(n) / 2
    low, high = max(int(n / 2 - reach), 0), min(int(n / 2 + reach) + 1, n - 1)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Estimate(middle, ordered[low], ordered[high])


def mean(values: Sequence[float]) -> Estimate:
    """By the normal approximation."""
    n = len(values)
    middle = sum(values) / n
    spread = sqrt(sum((value - middle) ** 2 for value in values) / max(n - 1, 1))
    return Estimate(middle, middle - Z * spread / sqrt(n), middle + Z * spread / sqrt(n))
