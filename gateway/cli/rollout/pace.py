"""Pace: how fast evidence comes, seen from two looks at the same period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from gateway.cli.rollout.admin import Reading
from gateway.cli.rollout.words import moment

_LEAST = 5.0
"""Seconds between two looks that say something."""


class Pace:
    """Unknown at first. Where the reading tells when the period began, that is the first of the two looks."""

    def __init__(self) -> None:
        self._period: tuple[object, object] | None = None
        self._first: tuple[datetime, Mapping[str, float]] | None = None
        self._rates: dict[str, float] = {}

    def look(self, reading: Reading, now: datetime) -> Mapping[str, float]:
        """Compared units a second by metric, as far as known; `now` is when `reading` was taken."""
        units = dict(_units(reading))
        period = reading["epoch"], reading.get("period")
        if period != self._period or self._first is None:
            began = moment(reading.get("period_since"))
            self._period, self._rates = period, {}
            self._first = (now, units) if began is None else (began, {})
        since, before = self._first
        seconds = (now - since).total_seconds()
        if seconds >= _LEAST:
            self._rates = {
                metric: (number - before.get(metric, 0.0)) / seconds for metric, number in units.items()
            }
        return self._rates


def _units(reading: Reading) -> Iterable[tuple[str, float]]:
    for guardrail in reading["guardrails"]:
        sides = [guardrail.get(side) or {} for side in ("baseline", "candidate")]
        yield str(guardrail["metric"]), sum(float(side.get("n") or 0) for side in sides)
