"""Sample ratio: whether the two sides have as many units as the lot should have given them.

Where they do not, units went missing or were counted for the wrong side, and no comparison is to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, fsum, lgamma, log

from routing.rollout.betting import LARGEST

PRIOR = 100.0
"""How firmly the alternative believes in w: as if it had seen so many units."""
NEEDED = 1_000.0
"""Above it nothing is promoted."""


def evidence(candidate: int, baseline: int, chance: float) -> float:
    """ln E of one period: ln B(100w + n₁, 100(1 − w) + n₀) − ln B(100w, 100(1 − w)) − n₁ ln w − n₀ ln(1 − w).

    A Bayes factor of a beta-binomial against the binomial with chance w; as a mixture of likelihood ratios it
    is a martingale if w is right, so that E ever reaches 1,000 with a chance of at most 0.001. Lindon and
    Malek, *Anytime-valid inference for multinomial count data* (NeurIPS 2022).
    """
    ours, theirs = PRIOR * chance, PRIOR * (1 - chance)
    seen = _log_beta(ours + candidate, theirs + baseline) - _log_beta(ours, theirs)
    return seen - candidate * log(chance) - baseline * log(1 - chance)


def sample_ratio(periods: Iterable[tuple[int, int, float]]) -> float:
    """E over an epoch's periods: (candidate's units, baseline's units, w) of each."""
    return exp(min(fsum(evidence(*period) for period in periods), LARGEST))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
