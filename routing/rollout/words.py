"""Words: how figures are written for people."""

from __future__ import annotations

from routing.snapshot import BASIS_POINTS

GOOD = {"validation_passed": "passed", "score": "score"}
"""Metrics that are shown by their good share, and what that is called."""
BAD = {
    "needs_review": "needed review",
    "errors": "failed",
    "latency_p95": "slower than the baseline's p95",
    "time_to_first_token_p95": "later than the baseline's p95",
}
"""Metrics that are shown by their bad share."""

_SPANS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def shown(metric: str, bad: float) -> float:
    """A share of bad answers in the metric's own direction."""
    return 1 - bad if metric in GOOD else bad


def rate(metric: str, n: int, bad: float | None) -> str:
    """Such as `86.2 % of 640 passed`."""
    if bad is None:
        return "nothing known"
    if metric == "score":
        return f"a score of {1 - bad:.3f} over {n:,}"
    return f"{shown(metric, bad) * 100:.1f} % of {n:,} {GOOD.get(metric) or BAD[metric]}"


def points(fraction: float) -> str:
    """Percentage points."""
    written = f"{fraction * 100:.3g}"
    return f"{written} point" if written == "1" else f"{written} points"


def percent(share: float) -> str:
    """A share of one."""
    return f"{share * 100:.3g} %"


def weight(basis_points: int) -> str:
    """A weight with its sign."""
    return percent(basis_points / BASIS_POINTS)


def evidence(value: float) -> str:
    """An E-value: what matters is its size."""
    if value >= 1e6:
        return "over a million"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def span(milliseconds: int) -> str:
    """A duration, in its largest unit, to a tenth."""
    for size, name in _SPANS:
        if milliseconds >= size:
            return f"{milliseconds / size:.1f}".removesuffix(".0") + f" {name}"
    return "0 s" if milliseconds <= 0 else "1 s"
