"""The threshold above which a wanted share of a task's requests lies, kept over a rolling sample of their
scores.

A constant does not keep a share: scores of another domain lie elsewhere. A quantile of recent scores does,
but a quantile of a few hundred is itself off by some points; so what was sent too much or too little since
is paid back (the integral part of a controller, as in Gibbs and Candès, Adaptive conformal inference under
distribution shift, NeurIPS 2021).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from itertools import islice
from math import inf, isfinite, nextafter

SIZE = 300
"""Scores that are remembered: few enough that a domain left behind is soon forgotten."""
REPAID = 40
"""Requests within which a debt is paid back; more when thresholds are asked for more rarely than that."""
MOST = 40.0
"""The largest debt, in requests: after an outage of judgement nothing is sent in a burst."""
SHARES = 32
"""Shares that are kept at a time; beyond it the one asked for longest ago begins anew."""


class _Standing:
    """The threshold that was told for a share, the scores since, and how many were sent too few all in
    all."""

    __slots__ = ("debt", "since", "threshold")

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.debt = 0.0
        self.since = 0


class RollingSample:
    """Recent scores of one task on one route, oldest first, and a threshold for each share that is asked for.

    `expected` are scores to start from, such as those of training; each score that is added takes the place
    of one of them. Not safe for use by several threads.
    """

    def __init__(self, expected: Iterable[float] = (), size: int = SIZE) -> None:
        scores = list(islice(filter(isfinite, expected), size))
        self._size = size
        self._recent: deque[float] = deque(scores)
        self._sorted = sorted(scores)
        self._borrowed = len(scores)
        self._standing: dict[float, _Standing] = {}

    def __len__(self) -> int:
        """How many of the remembered scores were really seen."""
        return len(self._recent) - self._borrowed

    def add(self, score: float) -> None:
        """Remembers a request's score; one that is not finite is passed over."""
        if not isfinite(score):
            return
        for share, told in self._standing.items():
            told.debt = min(max(told.debt + share - (score >= told.threshold), -MOST), MOST)
            told.since += 1
        if self._borrowed or len(self._recent) == self._size:
            oldest = self._recent.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
            self._borrowed = max(self._borrowed - 1, 0)
        self._recent.append(score)
        insort(self._sorted, score)

    def threshold(self, share: float) -> float | None:
        """The score from which on (`>=`) a request belongs to the top `share`, in [0, 1]; None before any
        score.

        Scores that are added later count as sent when they reach the threshold that was told last.
        """
        if not self._sorted:
            return None
        if not 0 < share < 1:
            return inf if share <= 0 else -inf
        told = self._standing.pop(share, None)
        if told is None:
            told = _Standing(self._above(share))
            if len(self._standing) == SHARES:
                del self._standing[next(iter(self._standing))]
        elif told.since:
            repaid = max(REPAID, 2 * told.since)  # faster than it is steered, it would swing
            told.threshold = self._above(min(max(share + told.debt / repaid, 0.0), 1.0))
            told.since = 0
        self._standing[share] = told
        return told.threshold

    def _above(self, share: float) -> float:
        """The score that so many of the remembered reach or pass: between two of them, or beyond all."""
        scores = self._sorted
        count = round(share * len(scores))
        if not count:
            return nextafter(scores[-1], inf)
        if count == len(scores):
            return scores[0]
        low, high = scores[-count - 1], scores[-count]
        return low + (high - low) / 2 if low < high else high
