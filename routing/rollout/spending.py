"""Spending: whether the candidate costs too much, a request or a success."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

from routing.evidence.cells import Cost
from routing.evidence.fact import MICRO

ENOUGH = 100
"""Successes (of `cost_per_request`: requests) a side before anything is said."""
TUNED_FOR = 5_000
"""Units at which the bound is narrowest."""
LEAST_TUNED = 0.1
"""Keeps ρ² positive at levels near a half, for which its formula is not made."""


class Spent(NamedTuple):
    """One side: costs of its units' earliest requests; units that were judged, and how many passed."""

    cost: Cost
    judged: int = 0
    passed: float = 0.0


class Compared(NamedTuple):
    """Mean cost in USD of either side, candidate over baseline, and that ratio's lower bound."""

    baseline: float | None
    candidate: float | None
    ratio: float | None = None
    lower: float | None = None


def mean(spent: Spent, per_success: bool) -> float | None:
    """USD a request, or a success; None while nothing is known, or nothing has passed."""
    if not spent.cost.n:
        return None
    usd = spent.cost.total / MICRO / spent.cost.n
    if not per_success:
        return usd
    return usd / (spent.passed / spent.judged) if spent.passed else None


def compare(baseline: Spent, candidate: Spent, alpha: float, *, per_success: bool) -> Compared:
    """The ratio of the means and a lower bound that holds at any time, with a chance of error of `alpha`.

    By the delta method the logarithm of a mean over n units has the variance v/n, with v = CV², CV the
    coefficient of variation of costs; and of a mean cost over a share p of successes at most
    v = (CV + √((1 − p)/p))², whatever the correlation of the two. With se² = v₁/n₁ + v₀/n₀ and N = n₁ + n₀,

        h = se·√(2(Nρ² + 1)/(Nρ²)·ln(1 + √(Nρ² + 1)/(2α)))

    bounds the error of the log ratio at all times, asymptotically (Waudby-Smith, Arbour, Sinha, Kennedy and
    Ramdas, *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of Statistics 52
    (2024), one-sided form); ρ² = (−2 ln 2α + ln(−2 ln 2α) + 1)/5000 makes it narrowest at N = 5000.
    Assumes that costs have a variance, and enough units for it to be known: hence `ENOUGH`.
    """
    means = mean(baseline, per_success), mean(candidate, per_success)
    enough = min(_counted(baseline, per_success), _counted(candidate, per_success)) >= ENOUGH
    if not enough or not means[0] or not means[1]:
        return Compared(*means)
    ratio = means[1] / means[0]
    error = sqrt(sum(_variance(side, per_success) for side in (baseline, candidate)))
    units = sum(_units(side, per_success) for side in (baseline, candidate))
    return Compared(*means, ratio, exp(log(ratio) - error * _width(units, alpha)))


def _counted(spent: Spent, per_success: bool) -> float:
    return min(spent.passed, spent.cost.n) if per_success else spent.cost.n


def _units(spent: Spent, per_success: bool) -> int:
    """Of a cost a success, as many as both are known of at best."""
    return min(spent.cost.n, spent.judged) if per_success else spent.cost.n


def _variance(spent: Spent, per_success: bool) -> float:
    """v/n of one side."""
    n, total, squares = spent.cost
    spread = sqrt(max(n * squares - total * total, 0)) / total
    if per_success:
        share = spent.passed / spent.judged
        spread += sqrt((1 - share) / share)
    return spread * spread / _units(spent, per_success)


def _width(units: int, alpha: float) -> float:
    """h for a standard error of 1."""
    twice = -2 * log(2 * alpha)
    known = units * max(twice + log(twice) + 1, LEAST_TUNED) / TUNED_FOR
    return sqrt(2 * (known + 1) / known * log(1 + sqrt(known + 1) / (2 * alpha)))
