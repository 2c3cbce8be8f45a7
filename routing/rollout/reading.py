"""The reading: what people, the command line and the admin API are shown of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from routing.rollout.betting import harm, safe
from routing.rollout.census import Census
from routing.rollout.comparisons import holds
from routing.rollout.coverage import tipping
from routing.rollout.document import Document
from routing.rollout.interval import interval
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.sample_ratio import NEEDED
from routing.rollout.verdict import Comparison, Cost, Evaluation, Group, QueryVerdict
from routing.rollout.words import GOOD, shown
from routing.snapshot import BASIS_POINTS

LARGEST = 1e12
"""Evidence beyond this is shown as this."""


class Interval(NamedTuple):
    """The 95 % confidence sequence of a metric's extra bad answers in the newest period; fractions.

    `tipping`, where coverage is low or unequal: how much less often than others, as a share, the candidate's
    bad answers would have to be reported to turn the verdict; None: no such share would.
    """

    lower: float
    upper: float
    tipping: float | None = None


def intervals(
    document: Document, observed: Observed, plan: Plan, evaluation: Evaluation | None = None
) -> dict[str, Interval]:
    """By metric; a metric without compared units has none. Some milliseconds: refresh it now and then.

    Tipping points are there for what `evaluation` found not covered.
    """
    document = document.judged
    census = Census(document.periods, observed.evidence)
    period, found = document.period, {}
    for metric, limits in plan.comparisons.items():
        units = census.units(metric, period)
        if not units:
            continue
        turns = None
        one = None if evaluation is None else evaluation.comparisons.get(metric)
        if one is not None and one.uncovered:
            passed = one.proof.safe >= one.proof.safe_needed or holds(period.passed.get(metric), limits)
            game, needed = (
                (safe(limits.margin), one.proof.safe_needed)
                if passed
                else (harm(limits.harm), one.proof.harm_needed)
            )
            silent = max(census.asked(metric, True) - one.candidate.n, 0)
            turns = tipping(game, units, period.chance, needed, silent)
        found[metric] = Interval(*interval(units, period.chance), turns)
    return found


def reading(
    document: Document,
    plan: Plan,
    evaluation: Evaluation,
    found: Mapping[str, Interval],
    when: Callable[[int], Any],
) -> dict[str, Any]:
    """The answer of `GET /admin/v1/rollouts/{route}/{segment}`; `when` writes a time (ms since 1970).

    Rates and differences are in the metric's own direction: of `validation_passed` the share that passed.
    """
    verdict = evaluation.verdict
    return {
        "route": document.route,
        "segment": document.segment,
        "baseline": document.baseline,
        "candidate": document.candidate,
        "phase": document.phase,
        "phase_reason": document.phase_reason,
        "stage": plan.number(document.stage),
        "stages": [_percent(stage.weight) for stage in plan.stages],
        "bake_weight": _bake_weight(plan),
        "weight": document.weight / 100,
        "epoch": document.epoch,
        "period": document.period.number,
        "period_since": when(document.period.opened),
        "revision": document.revision,
        "since": when(document.since),
        "mode": plan.mode,
        "recommendation": document.recommendation,
        "verdict": {"value": verdict.value, "action": verdict.action, "reasons": list(verdict.reasons)},
        "guardrails": [
            *(_comparison(one, found.get(metric)) for metric, one in evaluation.comparisons.items()),
            *(_cost(one) for one in evaluation.costs.values()),
            *(_query(one) for one in evaluation.queries.values()),
        ],
        "sample_ratio": {
            "verdict": "fail" if evaluation.ratio >= NEEDED else "pass",
            "evidence": _rounded(evaluation.ratio),
            "evidence_needed": NEEDED,
        },
        "compared": (document.period.high - document.period.low) / BASIS_POINTS,
        "warnings": list(evaluation.warnings),
        "cooldown_until": None if document.cooldown_until is None else when(document.cooldown_until),
        "settle": _settle(document, plan),
    }


def _comparison(one: Comparison, found: Interval | None) -> dict[str, Any]:
    proof = one.proof
    return {
        "metric": one.metric,
        "verdict": one.verdict,
        "baseline": _group(one.metric, one.baseline),
        "candidate": _group(one.metric, one.candidate),
        "difference": _difference(one, found),
        "evidence": {
            "harm": _rounded(proof.harm),
            "harm_needed": _rounded(proof.harm_needed),
            "safe": _rounded(proof.safe),
            "safe_needed": _rounded(proof.safe_needed),
        },
        "units_to_go": one.units_to_go,
        "coverage": {"baseline": one.coverage[0], "candidate": one.coverage[1]},
        "tipping_point": None if found is None else found.tipping,
        "acts": one.armed,
        "reasons": list(one.reasons),
    }


def _group(metric: str, group: Group) -> dict[str, Any]:
    return {"n": group.n, "rate": None if group.bad is None else shown(metric, group.bad)}


def _difference(one: Comparison, found: Interval | None) -> dict[str, float | None]:
    """The candidate less the baseline."""
    ours, theirs = one.candidate.bad, one.baseline.bad
    estimate = None if ours is None or theirs is None else ours - theirs
    lower, upper = (None, None) if found is None else (found.lower, found.upper)
    if one.metric in GOOD:
        estimate = None if estimate is None else -estimate
        lower, upper = (None, None) if found is None else (-found.upper, -found.lower)
    return {"estimate": estimate, "lower": lower, "upper": upper}


def _cost(one: Cost) -> dict[str, Any]:
    """Rates are USD a request, or a success."""
    compared = one.compared
    return {
        "metric": one.metric,
        "verdict": one.verdict,
        "baseline": {"n": one.units[0], "rate": compared.baseline},
        "candidate": {"n": one.units[1], "rate": compared.candidate},
        "ratio": {"estimate": compared.ratio, "lower": compared.lower, "max": one.max_ratio},
        "accepted": one.accepted,
        "reasons": list(one.reasons),
    }


def _query(one: QueryVerdict) -> dict[str, Any]:
    return {
        "metric": f"prometheus.{one.name}",
        "verdict": one.verdict,
        "value": one.value,
        "min": one.min,
        "max": one.max,
        "reasons": list(one.reasons),
    }


def _settle(document: Document, plan: Plan) -> dict[str, str] | None:
    """The edit after which the configuration says what was promoted."""
    if not document.unsettled:
        return None
    where = f"the route `{document.route}`"
    path = f"routes.{document.route}"
    if not plan.whole:
        where = f"the segment `{document.segment}` of {where}"
        path += f".segments[{document.segment}]"
    return {
        "path": path,
        "remove": "rollout",
        "add": f"variant: {document.candidate}",
        "text": f"in {where}, put `variant: {document.candidate}` in the place of `rollout: …`",
    }


def _bake_weight(plan: Plan) -> int | float | None:
    """The weight at which a stage of 100 bakes; None: the plan has no bake."""
    whole = next((stage for stage in plan.stages if stage.weight == BASIS_POINTS), None)
    return _percent(plan.served(whole)) if whole is not None and plan.bakes else None


def _percent(basis_points: int) -> int | float:
    return basis_points // 100 if basis_points % 100 == 0 else basis_points / 100


def _rounded(value: float) -> float:
    """Four digits are all that a person reads."""
    return float(f"{min(value, LARGEST):.4g}")
