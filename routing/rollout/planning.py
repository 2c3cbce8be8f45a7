"""Planning: how many units a stage needs before its safe tests can pass, worked out in advance.

The safe test bets against "the candidate is worse by the margin M or more": each unit multiplies the bet's
capital by 1 + λ(M − X), where X is the augmented inverse-propensity score of the unit (Waudby-Smith and
Ramdas, *Estimating means of bounded random variables by betting*, JRSS-B 2024). When both variants give the
same share of bad answers, the logarithm of the best bet's capital grows by a known amount a unit on average,
and the test passes about when it has reached ln(1/α) (Wald's equation). In simulations the median run needs
0.8 to 0.95 of that, and four runs in five at most about twice as much.
"""

from __future__ import annotations

from math import ceil, inf, log

MULTIPLES = (0.5, 0.75, 1.0, 1.5, 2.5)
"""The sizes of effect that the safe test bets on, in margins; its capital is the mean of these bets'."""

BOLDEST = 0.6
"""The largest share of its capital that a bet may lose to one unit."""

USUAL_RATES = {
    "validation_passed": 0.10,
    "needs_review": 0.05,
    "errors": 0.01,
    "score": 0.10,
    "latency_p95": 0.05,
    "time_to_first_token_p95": 0.05,
}
"""The share of bad answers that is expected of a metric before anything is known."""


def growth(margin: float, rate: float, chance: float) -> float:
    """The capital's expected growth a unit, in nats, of the best of the safe test's bets.

    `margin` is M as a fraction, `rate` the share of bad answers of both variants, `chance` that of a
    compared unit to be on the candidate; the last two lie strictly between 0 and 1.
    """
    variance = rate * (1 - rate) / (chance * (1 - chance))
    cases = (
        (chance * rate, (1 - rate) / chance),
        (chance * (1 - rate), -rate / chance),
        ((1 - chance) * rate, -(1 - rate) / (1 - chance)),
        ((1 - chance) * (1 - rate), rate / (1 - chance)),
    )
    highest = max(score for _, score in cases)
    if highest <= margin:
        return inf
    bets = (min(multiple * margin / variance, BOLDEST / (highest - margin)) for multiple in MULTIPLES)
    return max(sum(share * log(1 + bet * (margin - score)) for share, score in cases) for bet in bets)


def units_to_promote(margin: float, rate: float, chance: float, level: float) -> int:
    """The compared units, of both variants, after which the safe test passes at `level` in a typical run.

    For units of one request and variants that are alike: ln(1/level) over the growth. Zero when `margin` is
    so wide that no unit can speak against it.
    """
    return ceil(log(1 / level) / growth(margin, rate, chance))
