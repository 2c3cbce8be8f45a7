"""Findings: what the trials of a case come to, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.cli.simulate.question import Case
from routing.rollout.simulation.forecast import forecast
from routing.rollout.simulation.summary import share
from routing.rollout.simulation.trial import Trial


def findings(case: Case, trials: Sequence[Trial]) -> dict[str, Any]:
    """A forecast, and with it how often any stage passed, and where the undecided runs stood at the end.

    `effect` is as the operator writes it: below 0 the candidate is worse.
    """
    phases = [one.result.phase for one in trials if _undecided(one)]
    return {
        "candidate": case.name,
        "effect": case.effect,
        **forecast(trials, case.scenario),
        "passed_a_stage": share(sum(map(_passed, trials)), len(trials))._asdict(),
        "undecided_phases": {phase: phases.count(phase) for phase in sorted(set(phases))},
    }


def _undecided(one: Trial) -> bool:
    return one.result.rolled_back is None and one.result.promoted is None


def _passed(one: Trial) -> bool:
    return any(transition.cause in ("passed", "baked") for transition in one.result.transitions)
