"""Rivals: how others decide on the same traffic, to see what the difference is.

The peeked z-test compares pooled shares of failures at every look, one-sided at 5 %: it rolls back when the
candidate is significantly worse, and promotes after 300 requests when it is significantly less than the
margin worse. At a single look planned in advance that would be right.

The fixed threshold is what Flagger's analysis does by default: at every look it checks the requests since the
last one; more failures than the usual share and the margin fail the check. Five failed checks roll back, five
passed ones promote.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from routing.rollout.simulation.traffic import Sent

Z = 1.645
"""The normal quantile of 95 %."""
SAMPLES = 300
CHECKS = 5


class Rival:
    """`rolled_back`, `promoted`: after how many requests it first would have; None: never."""

    def __init__(self) -> None:
        self.rolled_back: int | None = None
        self.promoted: int | None = None

    def decide(self, requests: int, worse: bool, fine: bool) -> None:
        """Notes the first of either."""
        if worse and self.rolled_back is None:
            self.rolled_back = requests
        if fine and self.promoted is None:
            self.promoted = requests


class PeekedZTest(Rival):
    """`margin`: by how much less well the candidate may do."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self._margin = margin
        self._n = [0, 0]
        self._bad = [0, 0]

    def look(self, requests: int, sent: Iterable[Sent]) -> None:
        """Takes in the requests since the last look."""
        for one in sent:
            side = int(one.candidate)
            self._n[side] += 1
            self._bad[side] += one.bad
        if not all(self._n):
            return
        rates = [bad / n for bad, n in zip(self._bad, self._n, strict=True)]
        error = sqrt(sum(rate * (1 - rate) / n for rate, n in zip(rates, self._n, strict=True)))
        if not error:
            return
        extra = rates[1] - rates[0]
        enough = self._n[1] >= SAMPLES
        self.decide(requests, extra / error >= Z, enough and (extra - self._margin) / error <= -Z)


class FixedThreshold(Rival):
    """`allowed`: the share of failures above which a check fails."""

    def __init__(self, allowed: float) -> None:
        super().__init__()
        self._allowed = allowed
        self._failed = self._passed = 0

    def look(self, requests: int, sent: Iterable[Sent]) -> None:
        """Takes in the requests since the last look."""
        seen = [one.bad for one in sent if one.candidate]
        if not seen:
            return
        failed = sum(seen) > self._allowed * len(seen)
        self._failed += failed
        self._passed += not failed
        self.decide(requests, self._failed >= CHECKS, self._passed >= CHECKS)
