"""Comparisons: the verdict on one metric of good and bad."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log

from routing.rollout import betting, words
from routing.rollout.census import HELD_TO_P95, Census
from routing.rollout.coverage import Known, unequal
from routing.rollout.document import Document, Passed, Value
from routing.rollout.freezing import ENOUGH, clipped, drawn
from routing.rollout.plan import Limits, Plan, Stage
from routing.rollout.planning import USUAL_RATES, growth
from routing.rollout.verdict import Comparison, Group, Proof
from routing.snapshot import BASIS_POINTS

BY_NATURE = frozenset(("time_to_first_token_p95",))
"""Metrics that say nothing of some requests, whichever variant they get: coverage holds nothing up."""


def compare(document: Document, plan: Plan, census: Census, metric: str) -> Comparison:
    """What the compared units say of `metric`, one of the plan's."""
    limits, stage, period = plan.comparisons[metric], plan.stages[plan.at(document.weight)], document.period
    baseline, candidate = (Group(*census.group(metric, side)) for side in (False, True))
    proof = _proof(census, metric, limits)
    known = Known(census.asked(metric, False), baseline.n), Known(census.asked(metric, True), candidate.n)
    uncovered = _uncovered(plan, metric, known, period.chance)
    passed = proof.safe >= proof.safe_needed or holds(period.passed.get(metric), limits)
    units = _units_to_go(limits, stage, proof, passed, _expected(metric, baseline), candidate, period.chance)
    verdict, reason = _verdict(metric, limits, stage, proof, passed, candidate, baseline, units)
    learnt = census.learnt() if metric in HELD_TO_P95 and period.frozen is None else ENOUGH
    if learnt < ENOUGH and units is not None and verdict != "fail":
        units += ceil((ENOUGH - learnt) / (1 - period.chance))
        reason = f"{metric}: the baseline's p95 is not frozen yet: {learnt} of {ENOUGH} units"
    if verdict != "fail" and uncovered:
        verdict, reason = "inconclusive", uncovered
    return Comparison(
        metric, verdict, baseline, candidate, proof, (known[0].share, known[1].share), units,
        (reason,) if reason else (), bool(uncovered), limits.armed,
    )  # fmt: skip


def holds(passed: Passed | None, limits: Limits) -> bool:
    """Whether a safe test that passed earlier in the period passed what is asked for now."""
    return passed is not None and passed.margin <= limits.margin and passed.level <= limits.promote_alpha


def _proof(census: Census, metric: str, limits: Limits) -> Proof:
    """Harm over all periods of the epoch, safety over the newest alone."""
    against, towards = betting.harm(limits.harm), betting.safe(limits.margin)
    played = [
        betting.capital(against, census.units(metric, period), period.chance) for period in census.periods
    ]
    harm = betting.over_periods(played) if played else 1.0
    safe, newest = 1.0, census.newest
    if newest.chance:
        safe = betting.averaged(betting.capital(towards, census.units(metric, newest), newest.chance))
    return Proof(harm, 1 / limits.alpha, safe, 1 / limits.promote_alpha)


def _uncovered(plan: Plan, metric: str, known: tuple[Known, Known], chance: float) -> str:
    """Why so many units without a value forbid an automatic promotion; empty: they do not."""
    if metric in BY_NATURE or not chance:
        return ""
    asked = plan.coverage / BASIS_POINTS
    for side, name in zip(known, ("baseline", "candidate"), strict=True):
        if side.share is not None and side.share < asked:
            share = words.percent(side.share)
            return f"{metric}: known of {share} of the {name}'s units, less than {words.percent(asked)}"
    if unequal(*known, chance):
        ours, theirs = (words.percent(side.share or 0.0) for side in known)
        return f"{metric}: known of {ours} of the baseline's units and {theirs} of the candidate's: unequal"
    return ""


def _expected(metric: str, baseline: Group) -> float:
    """The baseline's rate, drawn towards what is usual as a frozen one is."""
    bad = baseline.n * (baseline.bad or 0.0)
    return clipped(drawn(bad, baseline.n, USUAL_RATES[metric]))


def _units_to_go(
    limits: Limits, stage: Stage, proof: Proof, passed: bool, rate: float, candidate: Group, chance: float
) -> int | None:
    """Compared units of both sides until the test passes in a typical run of variants that are alike."""
    if not chance:
        return None
    floor = ceil(max(stage.min_samples - candidate.n, 0) / chance)
    if passed:
        return floor
    left = log(proof.safe_needed) - log(max(proof.safe, 1e-300))
    return max(floor, ceil(left / _growth(limits.margin, round(rate, 3), chance)))


_growth = lru_cache(maxsize=4_096)(growth)


def _verdict(
    metric: str, limits: Limits, stage: Stage, proof: Proof, passed: bool, candidate: Group, baseline: Group,
    units: int | None,
) -> tuple[Value, str]:  # fmt: skip
    """The verdict, and why it is not `pass`."""
    if proof.harm >= proof.harm_needed:
        ours, theirs = words.rate(metric, *candidate), words.rate(metric, *baseline)
        shown = f"evidence {words.evidence(proof.harm)} of {proof.harm_needed:.0f}"
        worse = f"worse by over {words.points(limits.harm)}" if limits.harm else "worse"
        return "fail", f"{metric}: the candidate is {worse}: {ours}, the baseline {theirs} ({shown})"
    if candidate.n < stage.min_samples:
        return "inconclusive", f"{metric}: {candidate.n:,} of {stage.min_samples:,} samples"
    if passed:
        return "pass", ""
    to_go = "" if units is None else f"; about {units:,} units to go"
    shown = f"evidence {words.evidence(proof.safe)} of {proof.safe_needed:.0f}"
    margin = words.points(limits.margin)
    return "inconclusive", f"{metric}: {shown} that it is less than {margin} worse{to_go}"
