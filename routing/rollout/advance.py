"""Advance: one look at a rollout. A pure function of document, plan, what is observed, and the time."""

from __future__ import annotations

from msgspec.structs import replace

from routing.rollout.document import Document, Passed, Period, Said
from routing.rollout.evaluate import Findings, evaluate
from routing.rollout.freezing import freeze
from routing.rollout.observed import Observed, Recent
from routing.rollout.phases import LIVE, Cause
from routing.rollout.plan import Plan
from routing.rollout.stages import enter, finish, roll_back, stop
from routing.rollout.transition import HEADGATE, Step, move
from routing.rollout.verdict import Evaluation

SOUND = 0.1
"""The share of the baseline's requests that may fail while a candidate that is not answering goes back."""


def advance(
    document: Document, plan: Plan, observed: Observed, now: int, findings: Findings | None = None
) -> Step:
    """What follows from a look at `now` (ms since 1970); `findings` are those of the same evidence, if known.

    In the order of precedence: harm rolls back (or pauses, while the baseline fails as well); faults of the
    data hold; what passed goes on; what took too long is inconclusive. At most one transition a look.
    """
    evaluation = evaluate(document, plan, observed, now, findings)
    verdict = evaluation.verdict
    said = document.said
    if document.phase in LIVE:
        said = Said(verdict.value, verdict.action, evaluation.guardrails)
    changed = said.differs(document.said)
    noted = _noted(document, plan, evaluation, observed, now, said)
    if verdict.cause is None:
        if noted is not document:
            noted = replace(noted, revision=document.revision + 1)
        return Step(noted, None, evaluation, changed)
    after = _after(noted, plan, verdict.cause, observed, now)
    step = move(document, after, verdict.cause, now, HEADGATE, verdict.reasons)
    return Step(step.document, step.transition, evaluation, changed)


def _after(document: Document, plan: Plan, cause: Cause, observed: Observed, now: int) -> Document:
    """Where a look's verdict leads."""
    if cause in ("harm", "query"):
        return roll_back(document, now, cause, plan.cooldown)
    if cause == "passed":
        return enter(document, plan, plan.after(document.weight), now, observed)
    if cause == "started":
        return enter(document, plan, 0, now, observed)
    if cause == "baked":
        return finish(document, plan, now)
    if cause == "timeout":
        return replace(document, phase="inconclusive", phase_reason=cause, since=now)
    return stop(document, now, cause)


def _noted(
    document: Document, plan: Plan, evaluation: Evaluation, observed: Observed, now: int, said: Said
) -> Document:
    """The document with what a look has found out; the same object if that is nothing new."""
    period = _period(document, plan, evaluation, observed, now)
    if period is not document.period:
        document = replace(document, periods=(*document.periods[:-1], period))
    action = evaluation.verdict.action
    waits = action if evaluation.verdict.cause is None and action in ("promote", "rollback") else None
    if said.differs(document.said) or waits != document.recommendation:
        document = replace(document, said=said, recommendation=waits)
    return document


def _period(document: Document, plan: Plan, evaluation: Evaluation, observed: Observed, now: int) -> Period:
    """The newest period with what is frozen, and the tests that pass for the rest of it."""
    period = document.period
    if document.phase not in LIVE or not period.chance:
        return period
    if period.frozen is None:
        frozen = freeze(document.periods, observed.evidence, now)
        period = period if frozen is None else replace(period, frozen=frozen)
    passed = dict(period.passed)
    for metric, one in evaluation.comparisons.items():
        limits = plan.comparisons[metric]
        if one.proof.safe >= one.proof.safe_needed:
            best = passed.get(metric)
            if best is None or limits.margin < best.margin or limits.promote_alpha < best.level:
                passed[metric] = Passed(now, limits.margin, limits.promote_alpha)
    return period if passed == period.passed else replace(period, passed=passed)


def breaker_tripped(document: Document, plan: Plan, baseline: Recent, now: int, replica: str = "") -> Step:
    """A replica's breaker has passed the candidate over, and its three probes failed.

    `baseline` are the baseline's last 50 requests there. Below 10 % of errors the candidate is rolled back,
    in every mode; else nothing changes, for what is broken is not the candidate alone.
    """
    if document.phase not in LIVE or (baseline.failed and baseline.failed >= SOUND * baseline.requests):
        return Step(document)
    where = f" at {replica}" if replica else ""
    reasons = (f"the candidate has stopped answering{where}: three probes failed as well",)
    said = replace(document.said, value="fail", action="rollback")
    after = roll_back(replace(document, said=said), now, "breaker", plan.cooldown)
    step = move(document, after, "breaker", now, HEADGATE, reasons)
    return Step(step.document, step.transition, None, said != document.said)
