"""Rollouts as the admin API tells of them: what the engine makes of made-up counts, without a gateway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from routing.evidence.cells import Cell, Evidence
from routing.evidence.metrics import WHOLE
from routing.rollout.advance import advance
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.epoch import Identity, first_epoch
from routing.rollout.observed import Answer, Observed
from routing.rollout.phases import Cause
from routing.rollout.plan import Limits, Plan, Query, Ratio, Stage
from routing.rollout.reading import intervals, reading

HOUR = 3_600_000
START = 1_795_000_000_000
"""Milliseconds since 1970: when made rollouts begin."""
PLAN = Plan(
    stages=(Stage(1_000), Stage(5_000), Stage(10_000)),
    comparisons={
        "validation_passed": Limits(0.0, 0.02, 0.03, 0.05),
        "errors": Limits(0.005, 0.01, 0.01, 0.05),
        "latency_p95": Limits(0.025, 0.005, 0.05, 0.05),
    },
    ratios={"cost_per_success": Ratio(1.1, 0.02)},
    queries=(Query("queue", "up", max=0.5),),
    validated=True,
    whole=False,
)
Sides = tuple[tuple[int, int], tuple[int, int]]
"""(good, bad) units of the baseline, then of the candidate."""


def when(milliseconds: int) -> str:
    """A time as the admin API writes it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def evidence(counts: Mapping[str, Sides], period: int = 1) -> Evidence:
    """Units of one request, by metric."""
    cells = {
        Cell(period, "compared", 0, 0, metric, side == 1, bad * WHOLE, 1): units
        for metric, sides in counts.items()
        for side, pair in enumerate(sides)
        for bad, units in enumerate(pair)
        if units
    }
    return Evidence(cells, {}, {}, {})


def opened(plan: Plan = PLAN, *, route: str = "solver", segment: str = "hard") -> Document:
    """A rollout that has just begun."""
    identity = Identity(route, segment, "base", "tuned", "one", "two")
    return first_epoch(identity, plan, START).document


def told(
    document: Document,
    counts: Mapping[str, Sides] | None = None,
    *,
    plan: Plan = PLAN,
    hours: float = 48,
    largest: float = 0.0,
    queue: float | None = 0.3,
) -> dict[str, Any]:
    """The reading after a look, so many hours after the start."""
    now = START + round(hours * HOUR)
    found = evidence(counts or {}, document.period.number)
    observed = Observed(evidence=found, largest=largest, queries={"queue": [Answer(now, queue)]})
    step = advance(document, plan, observed, now)
    assert step.evaluation is not None
    shown = intervals(step.document, observed, plan, step.evaluation)
    return reading(step.document, plan, step.evaluation, shown, when)


def acted(document: Document, actions: Iterable[tuple[Cause, int | None]], *, plan: Plan = PLAN) -> Document:
    """After what a person did, an hour apart; the numbers are weights."""
    for number, (action, weight) in enumerate(actions, 1):
        document = command(
            document, plan, action, START + number * HOUR, actor="anna", reason="a test", weight=weight
        ).document
    return document


LEAST = {
    "route": "solver", "segment": "hard", "baseline": "base", "candidate": "tuned", "phase": "running",
    "phase_reason": None, "stage": 1, "stages": [10, 50, 100], "weight": 10.0, "epoch": 3, "period": 1,
    "revision": 17, "since": "2026-11-20T08:00:00.000+00:00", "mode": "auto", "recommendation": None,
    "verdict": {
        "value": "inconclusive", "action": "hold", "reasons": ["validation_passed: 212 of 300 samples"],
    },
    "guardrails": [
        {
            "metric": "validation_passed", "verdict": "inconclusive", "baseline": {"n": 1890, "rate": 0.91},
            "candidate": {"n": 212, "rate": 0.92},
            "difference": {"estimate": 0.01, "lower": -0.04, "upper": 0.06},
            "evidence": {"harm": 0.3, "harm_needed": 50, "safe": 4.1, "safe_needed": 20},
            "units_to_go": 5400, "coverage": {"baseline": 0.97, "candidate": 0.96},
        }
    ],
    "sample_ratio": {"verdict": "pass"}, "settle": None,
}  # fmt: skip
"""The least that a gateway tells of a rollout."""


def _entry(hours: int, cause: str, before: str, after: str, reason: str, **more: Any) -> dict[str, Any]:
    return {
        "time": when(START + hours * HOUR), "revision": hours + 1, "actor": "headgate", "cause": cause,
        "from": before, "to": after, "weight": 10.0, "epoch": 1, "period": 1, "stage": 1,
        "reasons": [reason], "authentic": True,
    } | more  # fmt: skip


HISTORY = [
    _entry(0, "started", "pending", "running", "the configuration has a rollout that is not known yet"),
    _entry(
        1, "verdict", "running", "running", "validation_passed: 212 of 300 samples",
        verdict={"value": "inconclusive", "action": "hold"},
    ),
    _entry(
        2, "harm", "running", "rolled_back", "validation_passed: the candidate is worse: 46.1 % passed",
        weight=0.0, period=2, authentic=False,
    ),
]  # fmt: skip
"""A history as the admin API tells it."""
