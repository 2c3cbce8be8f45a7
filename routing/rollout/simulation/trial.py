"""A trial: one simulated run, what became of it, and what the rivals would have done."""

from __future__ import annotations

from dataclasses import dataclass

from routing.rollout.census import Census
from routing.rollout.interval import ruled_out
from routing.rollout.plan import Plan
from routing.rollout.simulation.rivals import FixedThreshold, PeekedZTest, Rival
from routing.rollout.simulation.run import Look, Result, looks, tell
from routing.rollout.simulation.scenario import Draws, Scenario

METRIC = "validation_passed"
MARGIN = 0.03
"""The rivals' margin where the plan has none for that metric."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`missed`: whether the metric's interval ever left out the truth."""

    result: Result
    z_test: Rival
    threshold: Rival
    missed: bool = False


def trial(plan: Plan, scenario: Scenario, draws: Draws, seed: int, *, watch_interval: bool = False) -> Trial:
    """Runs it once; `draws` and `seed` decide everything."""
    limits = plan.comparisons.get(METRIC)
    margin = MARGIN if limits is None else limits.margin
    z_test, threshold = PeekedZTest(margin), FixedThreshold(scenario.share(METRIC, False) + margin)
    result, missed = Result(), False
    for look in looks(plan, scenario, draws, seed):
        tell(result, look)
        z_test.look(look.requests, look.sent)
        threshold.look(look.requests, look.sent)
        missed = missed or (watch_interval and _misses(look, scenario.effect.get(METRIC, 0.0)))
    return Trial(result, z_test, threshold, missed)


def _misses(look: Look, truth: float) -> bool:
    """Whether either test of the interval rules the truth out."""
    census = Census(look.document.periods, look.evidence)
    period = look.document.period
    units = census.units(METRIC, period)
    return any(ruled_out(truth, units, period.chance, sign) for sign in (1, -1))
