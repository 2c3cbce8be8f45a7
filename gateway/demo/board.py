"""What the simulated application has seen so far: answers counted per segment and assigned variant."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt

_Z = 1.959963984540054
"""The standard normal distribution's 97.5th percentile: two-sided 95 %."""
_LATENCIES = 2000
_RECENT = 6


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as the application saw it.

    `seconds` and `cost` (USD, None when unknown) are the gateway's answer's; `error` is empty when there
    was one, and then `reason` says why its program failed, empty when it passed.
    """

    task: str
    rating: float
    segment: str
    variant: str
    served: str
    seconds: float
    cost: float | None = None
    reason: str = ""
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether there was an answer and its program passed."""
        return not self.error and not self.reason


@dataclass(frozen=True, slots=True)
class Row:
    """One variant of one segment. Latencies are seconds and costs USD; None where nothing is known yet.

    `weight` is the present one, in percent; `share` is of the segment's requests so far; `interval` is the
    95 % interval of `pass_rate`, which counts answered requests. Costs are of those whose cost is known,
    which is not told of streams.
    """

    segment: str
    variant: str
    weight: float
    share: float | None
    requests: int
    errors: int
    passed: int
    failed: int
    pass_rate: float | None
    interval: tuple[float, float] | None
    latency_p50: float | None
    latency_p95: float | None
    cost_per_request: float | None
    cost_per_success: float | None


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    errors: int = 0
    passed: int = 0
    failed: int = 0
    priced: int = 0
    cost: float = 0.0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES))

    def add(self, answered: Answered) -> None:
        self.requests += 1
        if answered.error:
            self.errors += 1
            return
        self.seconds.append(answered.seconds)
        if answered.passed:
            self.passed += 1
        else:
            self.failed += 1
        if answered.cost is not None:
            self.priced += 1
            self.cost += answered.cost


class Board:
    """Counts; `places`, (segment, variant), give the order of the rows."""

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        self._weights: dict[tuple[str, str], float] = {}
        self._tallies: dict[tuple[str, str], _Tally] = {place: _Tally() for place in places}
        self.recent: deque[Answered] = deque(maxlen=_RECENT)
        self.requests = 0
        self.errors = 0

    def add(self, answered: Answered) -> None:
        """Counts one request; one that the gateway never routed (no segment) only as an error."""
        self.requests += 1
        self.errors += bool(answered.error)
        self.recent.append(answered)
        if answered.segment:
            self._tallies.setdefault((answered.segment, answered.variant), _Tally()).add(answered)

    def weigh(self, weights: Mapping[tuple[str, str], float]) -> None:
        """What share of its segment each variant is meant to have now, in percent."""
        self._weights.update(weights)

    def rows(self) -> list[Row]:
        """One row a variant."""
        totals: dict[str, int] = {}
        for (segment, _), tally in self._tallies.items():
            totals[segment] = totals.get(segment, 0) + tally.requests
        return [
            _row(segment, variant, self._weights.get((segment, variant), 0.0), tally, totals[segment])
            for (segment, variant), tally in self._tallies.items()
        ]


def _row(segment: str, variant: str, weight: float, tally: _Tally, total: int) -> Row:
    answered = tally.passed + tally.failed
    each = tally.cost / tally.priced if tally.priced else None
    tries = answered / tally.passed if tally.passed else None  # 1.0 exactly where every answer passes
    return Row(
        segment=segment,
        variant=variant,
        weight=weight,
        share=tally.requests / total if total else None,
        requests=tally.requests,
        errors=tally.errors,
        passed=tally.passed,
        failed=tally.failed,
        pass_rate=tally.passed / answered if answered else None,
        interval=wilson(tally.passed, answered) if answered else None,
        latency_p50=percentile(tally.seconds, 0.50),
        latency_p95=percentile(tally.seconds, 0.95),
        cost_per_request=each,
        cost_per_success=each * tries if each is not None and tries is not None else None,
    )


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least `share` of the values do not exceed; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered) + 0.999999) - 1))]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, JASA 1927)."""
    rate = successes / n
    scale = 1 + _Z * _Z / n
    centre = (rate + _Z * _Z / (2 * n)) / scale
    half = _Z * sqrt(rate * (1 - rate) / n + _Z * _Z / (4 * n * n)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)
