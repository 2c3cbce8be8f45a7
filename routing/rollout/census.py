"""The census: the compared units of an epoch, sorted by metric, period and what they score."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from routing.evidence.cells import Evidence
from routing.evidence.metrics import WHOLE
from routing.rollout.betting import Kind, Units
from routing.rollout.document import Period
from routing.rollout.freezing import COUNTED, rate_of

HELD_TO_P95 = frozenset(("latency_p95", "time_to_first_token_p95"))
"""Metrics without a value before a p95 is frozen."""

NOBODY: Units = {}


class Census:
    """Counts once, and answers for every metric. `periods` are the document's, the oldest first."""

    def __init__(self, periods: Sequence[Period], evidence: Evidence) -> None:
        self.periods = [period for period in periods if period.low < period.high]
        """Those that compare somebody."""
        self.newest = periods[-1]
        known = {period.number: period for period in self.periods}
        self._units: dict[tuple[str, int], dict[Kind, float]] = {}
        self._held = {False: 0, True: 0}  # by side, units whose latency is held to a p95
        places: dict[tuple[int, int, int, str], tuple[float, dict[Kind, float]]] = {}
        for cell, count in evidence.cells.items():
            number, compared, reference, stratum, metric, candidate, bad, n = cell
            if number not in known or compared != "compared":
                continue
            place = places.get((number, reference, stratum, metric))
            if place is None:
                frozen = known[number].frozen if reference else None
                units = self._units.setdefault((metric, number), {})
                place = rate_of(frozen, metric, stratum), units
                places[number, reference, stratum, metric] = place
            rate, units = place
            kind = rate, candidate, bad / (WHOLE * n)
            units[kind] = units.get(kind, 0) + count
            if metric == COUNTED and reference and number == self.newest.number:
                self._held[candidate] += count

    def units(self, metric: str, period: Period) -> Units:
        """The units of one period that have a value."""
        return self._units.get((metric, period.number), NOBODY)

    def group(self, metric: str, candidate: bool) -> tuple[int, float | None]:
        """Units of one side in the newest period, and the mean of their badness."""
        values = [
            (count, value) for (_, side, value), count in self.units(metric, self.newest).items()
            if side == candidate
        ]  # fmt: skip
        n = sum(int(count) for count, _ in values)
        return n, fsum(count * value for count, value in values) / n if n else None

    def learnt(self) -> int:
        """The baseline's units in all periods: what its rates and p95s are learnt from."""
        counted = (self.units(COUNTED, period) for period in self.periods)
        return sum(int(count) for units in counted for (_, side, _), count in units.items() if not side)

    def asked(self, metric: str, candidate: bool) -> int:
        """Units of one side in the newest period that could have a value."""
        if metric in HELD_TO_P95:
            return self._held[candidate]
        return self.group(COUNTED, candidate)[0]
