"""The circuit breaker of a variant: when to stop calling it, and when to try again.

    closed ──errors in a row, or a share of errors──▶ open ──the pause is over──▶ half-open
      ▲                                                 ▲                            │
      └────────────── the probe was answered ───────────┼────────────────────────────┤
                                                        └───── the probe failed ─────┘
                                                               (a longer pause)

After Envoy's outlier detection: consecutive errors, a share of errors among enough requests, and an ejection
time that doubles and calms down again. A pure state machine over `now`, in seconds on any clock that does
not run backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from routing.fallback import CONSEQUENCES, Result
from routing.snapshot import BASIS_POINTS, BreakerRule

WINDOW: Final = 30.0
"""Seconds of one half of the window in which the share of errors is taken."""
CALM: Final = 60.0
"""Seconds closed that make up for one earlier pause."""
PATIENCE: Final = 30.0
"""Seconds that a probe is waited for before another may go."""


class Breaker:
    """One variant's breaker in one worker."""

    def __init__(self, rule: BreakerRule) -> None:
        self.rule = rule
        self.until = 0.0
        """When the pause is over; 0: closed."""
        self._probed = 0.0
        """Until when a probe is waited for."""
        self.row = 0
        """Errors in a row."""
        self._pauses = 0
        self.failed_probes = 0
        """Since it opened."""
        self._closed = 0.0
        """When it closed last."""
        self._half = 0.0
        """When the newer half of the window ends."""
        self._now: tuple[int, int] = (0, 0)
        """Answers and errors in the newer half …"""
        self._before: tuple[int, int] = (0, 0)
        """… and in the one before it."""

    @property
    def closed(self) -> bool:
        """Whether the variant is called as usual."""
        return not self.until

    def admits(self, now: float) -> bool:
        """Whether the variant may be called; half-open, one call may, as a probe."""
        if not self.until:
            return True
        if now < self.until or now < self._probed:
            return False
        self._probed = now + PATIENCE
        return True

    def ended(self, result: Result, now: float) -> None:
        """A call has ended."""
        if result is Result.OK:
            self._answered(now)
        elif CONSEQUENCES[result].breaker:
            self._failed(now)
        else:
            self._probed = 0.0  # says nothing of the variant: the next call is the probe

    def share(self, now: float) -> float:
        """The share of errors among the latest calls, 0 … 1."""
        self._turn(now)
        answers, errors = self._now[0] + self._before[0], self._now[1] + self._before[1]
        return errors / (answers + errors) if errors else 0.0

    def _answered(self, now: float) -> None:
        self._turn(now)
        if not self.until:
            self.row = 0
            self._now = (self._now[0] + 1, self._now[1])
        elif now >= self.until:
            self.until = self._probed = 0.0
            self.failed_probes = 0
            self._closed = now
            self.row = 0
            self._now = self._before = (0, 0)

    def _failed(self, now: float) -> None:
        self._turn(now)
        self.row += 1
        self._now = (self._now[0], self._now[1] + 1)
        if self.until:
            if now >= self.until:
                self.failed_probes += 1
                self._open(now)
        elif self.row >= self.rule.errors or self._too_many(now):
            self._pauses = max(self._pauses - int((now - self._closed) / CALM), 0)
            self._open(now)

    def _too_many(self, now: float) -> bool:
        calls = sum(self._now) + sum(self._before)
        return calls >= self.rule.requests and self.share(now) * BASIS_POINTS >= self.rule.ratio

    def _open(self, now: float) -> None:
        self.until = now + min(self.rule.pause * 2.0 ** min(self._pauses, 60), self.rule.longest_pause)
        self._pauses += 1
        self._probed = 0.0

    def _turn(self, now: float) -> None:
        """Moves the window on."""
        if now < self._half:
            return
        self._before = self._now if now < self._half + WINDOW else (0, 0)
        self._now = (0, 0)
        self._half = now + WINDOW


def least_bad(breakers: Sequence[Breaker], now: float) -> int:
    """Which of several open breakers' variants is tried when all are (panic mode): the index.

    The one with the smallest share of errors, the earliest to be tried again among equals.
    """
    return min(range(len(breakers)), key=lambda index: (breakers[index].share(now), breakers[index].until))
