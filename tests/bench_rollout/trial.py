"""A trial: one simulated run, and what is counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from routing.rollout.census import Census
from routing.rollout.interval import ruled_out
from routing.rollout.plan import Plan
from routing.rollout.simulation.rivals import FixedThreshold, PeekedZTest
from routing.rollout.simulation.run import Look, Result, looks, tell
from routing.rollout.simulation.scenario import Scenario

METRIC = "validation_passed"


@dataclass(frozen=True, slots=True)
class Trial:
    """`missed`: whether the interval ever left out the truth; rivals: (rolled back, promoted)."""

    result: Result
    missed: bool
    z_test: tuple[int | None, int | None]
    threshold: tuple[int | None, int | None]


def trial(plan: Plan, scenario: Scenario, seed: int, *, watch_interval: bool = False) -> Trial:
    """Runs it once. The seed decides everything."""
    margin = plan.comparisons[METRIC].margin
    z_test, threshold = PeekedZTest(margin), FixedThreshold(scenario.share(METRIC, False) + margin)
    result, missed = Result(transitions=[]), False
    for look in looks(plan, scenario, Random(seed), seed):
        tell(result, look)
        z_test.look(look.requests, look.sent)
        threshold.look(look.requests, look.sent)
        missed = missed or (watch_interval and _misses(look, scenario.effect.get(METRIC, 0.0)))
    return Trial(
        result,
        missed,
        (z_test.rolled_back, z_test.promoted),
        (threshold.rolled_back, threshold.promoted),
    )


def _misses(look: Look, truth: float) -> bool:
    """Whether either test of the interval rules the truth out."""
    census = Census(look.document.periods, look.evidence)
    period = look.document.period
    units = census.units(METRIC, period)
    return any(ruled_out(truth, units, period.chance, sign) for sign in (1, -1))
