"""Limits: the verdicts on costs and on PromQL queries, which are no comparisons of good and bad."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from routing.evidence.cells import Cost as Sums
from routing.evidence.cells import Evidence, Side
from routing.rollout.census import Census
from routing.rollout.document import Document, Value
from routing.rollout.observed import Answer
from routing.rollout.plan import Query, Ratio
from routing.rollout.spending import ENOUGH, Spent, compare
from routing.rollout.verdict import Cost, QueryVerdict

SUCCESS = "cost_per_success"
JUDGED_BY = "validation_passed"
ROW = 3
"""Answers outside in a row that roll back …"""
APART = 19_000
"""… at least so many milliseconds apart: asked every 20 s, a little late or early."""
FEWEST = 5
"""Requests of the baseline that say something of it."""
STALE = 60_000
"""Milliseconds after which an answer is no data."""


def cost(document: Document, census: Census, evidence: Evidence, metric: str, limit: Ratio) -> Cost:
    """What the newest period's compared units say of a cost metric."""
    baseline, candidate = (_spent(document, census, evidence, side) for side in (False, True))
    compared = compare(baseline, candidate, limit.alpha, per_success=metric == SUCCESS)
    units = baseline.cost.n, candidate.cost.n
    verdict: Value = "pass"
    reasons: tuple[str, ...] = ()
    if compared.ratio is None or compared.lower is None:
        verdict = "inconclusive"
        counted = "successes" if metric == SUCCESS else "requests"
        reasons = (f"{metric}: needs {ENOUGH} priced {counted} of each variant",)
    elif compared.lower > limit.max_ratio:
        verdict = "fail"
        times = f"{compared.ratio:.2f} times the baseline's, and surely over {compared.lower:.2f}"
        reasons = (f"{metric}: {times}; {limit.max_ratio:g} are allowed",)
    return Cost(metric, verdict, compared, units, limit.max_ratio, reasons, metric in document.accepted)


def _spent(document: Document, census: Census, evidence: Evidence, candidate: bool) -> Spent:
    sums = evidence.costs.get(Side(document.period.number, "compared", candidate), Sums())
    judged, bad = census.group(JUDGED_BY, candidate)
    return Spent(sums, judged, judged * (1 - (bad or 0.0)))


def query(asked: Query, answers: Sequence[Answer], now: int) -> QueryVerdict:
    """What the newest answers say: fails after three in a row outside; no data is no verdict."""
    newest = answers[-1] if answers else None
    value = None if newest is None or now - newest.time > STALE else newest.value
    if value is None or isnan(value):
        reasons = (f"{asked.name}: Prometheus has no data",)
        return QueryVerdict(asked.name, "inconclusive", None, asked.min, asked.max, reasons)
    if not _outside(asked, value):
        return QueryVerdict(asked.name, "pass", value, asked.min, asked.max)
    row = _row(asked, answers)
    verdict: Value = "fail" if row >= ROW else "inconclusive"
    low = "" if asked.min is None else f" min {asked.min:g}"
    high = "" if asked.max is None else f" max {asked.max:g}"
    reason = f"{asked.name}: {value:g} is outside{low}{high} (look {min(row, ROW)} of {ROW} in a row)"
    return QueryVerdict(asked.name, verdict, value, asked.min, asked.max, (reason,))


def _outside(asked: Query, value: float) -> bool:
    low, high = asked.min, asked.max
    return (low is not None and value < low) or (high is not None and value > high)


def _row(asked: Query, answers: Sequence[Answer]) -> int:
    """How many answers in a row, the newest one last, were outside, each some time after the one before."""
    row, last = 0, None
    for answer in reversed(answers):
        if answer.value is None or not _outside(asked, answer.value):
            break
        if last is None or last - answer.time >= APART:
            row, last = row + 1, answer.time
    return row


def baseline_fails(requests: int, failed: int) -> bool:
    """Whether half of the baseline's newest requests failed, so that going back to it would help nobody."""
    return requests >= FEWEST and 2 * failed >= requests
