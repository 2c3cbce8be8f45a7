"""Speed: how long one look takes, from the cells."""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import NamedTuple

from msgspec.structs import replace

from routing.evidence.cells import Cell, Evidence
from routing.rollout.advance import advance
from routing.rollout.document import Document, Period
from routing.rollout.epoch import first_epoch
from routing.rollout.freezing import freeze
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.reading import intervals
from routing.rollout.simulation.run import WHO
from tests.bench_rollout.rows import FIVE, THREE, plan

LOOKS = 300
WEIGHTS = (1_000, 5_000, 9_800)


class Speed(NamedTuple):
    """Milliseconds; the interval is from the quickest look to the 95th percentile."""

    name: str
    quickest: float
    median: float
    p95: float
    at_most: float | None

    @property
    def reached(self) -> bool:
        """By the median: the machine may be busy with other things."""
        return self.at_most is None or self.median <= self.at_most


def speeds() -> list[Speed]:
    """A usual rollout, one with everything, and what is refreshed apart."""
    usual, long = _standing(plan(THREE), 1, 1), _standing(plan(THREE), 3, 4)
    all_on = _standing(plan((*FIVE, "score")), 3, 4)
    return [
        _measured("verdict: three guardrails, the first period", *usual, 1.0),
        _measured("verdict: the same, the third period, four strata", *long, 1.0),
        _measured("verdict: six guardrails, the third period, four strata", *all_on, None),
        _measured_intervals("intervals: three guardrails", *usual),
    ]


def _standing(wanted: Plan, periods: int, strata: int) -> tuple[Document, Plan, Evidence]:
    """A rollout with every cell that there can be, of users with up to three requests."""
    draws = Random(1)
    evidence = Evidence({}, {}, {}, {})
    for period in range(1, periods + 1):
        for stratum in range(strata):
            for metric in wanted.comparisons:
                for side in (False, True):
                    for n in (1, 2, 3):
                        step = 1 if metric == "score" else 20
                        for bad in range(0, 20 * n + 1, step):
                            cell = Cell(period, "compared", 1, stratum, metric, side, bad, n)
                            evidence.cells[cell] = 1 + int(200 * draws.random() * (0.1 ** (bad / n / 20)))
    document = first_epoch(WHO, wanted, 0).document
    known, low = [], 0
    for number, weight in enumerate(WEIGHTS[:periods], start=1):
        opened = Period(number, weight, low, 10_000, 0)
        frozen = freeze((opened,), evidence, 0)
        known.append(Period(number, weight, low, 10_000, 0, frozen))
        low = weight
    return replace(document, periods=tuple(known)), wanted, evidence


def _measured(
    name: str, document: Document, wanted: Plan, evidence: Evidence, at_most: float | None
) -> Speed:
    observed = Observed(evidence)
    times = []
    for _ in range(LOOKS):
        began = perf_counter()
        advance(document, wanted, observed, 1_000)
        times.append(1_000 * (perf_counter() - began))
    times.sort()
    label = f"{name} ({len(evidence.cells)} cells)"
    return Speed(label, times[0], times[LOOKS // 2], times[int(0.95 * LOOKS)], at_most)


def _measured_intervals(name: str, document: Document, wanted: Plan, evidence: Evidence) -> Speed:
    times = []
    for _ in range(20):
        began = perf_counter()
        intervals(document, Observed(evidence), wanted)
        times.append(1_000 * (perf_counter() - began))
    times.sort()
    return Speed(name, times[0], times[10], times[19], None)
