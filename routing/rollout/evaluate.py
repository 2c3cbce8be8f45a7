"""Evaluate: what a look finds, and what follows from it. Nothing moves here.

Precedence, the first that applies:

    harm          rolls back; while the baseline fails as well, pauses instead
    data fault    no outcome at all, or too dear: pauses. Unequal samples or coverage: no promotion
    promotion     everything that the stage needs is there
    time          is up without a verdict: inconclusive
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from routing.evidence.cells import Evidence
from routing.rollout import limits, words
from routing.rollout.census import Census
from routing.rollout.comparisons import compare
from routing.rollout.document import Document, Value
from routing.rollout.freezing import COUNTED
from routing.rollout.observed import Observed
from routing.rollout.phases import HELD, LIVE
from routing.rollout.plan import Plan
from routing.rollout.sample_ratio import NEEDED, sample_ratio
from routing.rollout.verdict import Comparison, Cost, Evaluation, QueryVerdict, Verdict
from routing.snapshot import BASIS_POINTS

PATIENCE = 3_600_000
"""Milliseconds after which a rollout without any outcome pauses."""
REPORTED = frozenset(("validation_passed", "needs_review", "score"))
"""Metrics that rest on outcomes."""
WITNESSES = frozenset(("needs_review", "score"))
"""Metrics that have a value only where an application has reported something."""
CROWDED = 0.05
"""A larger share of the traffic under one sticky key is worth a warning."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What evidence says of a rollout, whatever the time: most of a look's work.

    `ratio` is the e-value of the test for unequal samples.
    """

    comparisons: dict[str, Comparison]
    costs: dict[str, Cost]
    ratio: float


@dataclass(frozen=True, slots=True)
class _Look:
    """All that a verdict is made of."""

    document: Document
    plan: Plan
    observed: Observed
    now: int
    comparisons: dict[str, Comparison]
    costs: dict[str, Cost]
    queries: dict[str, QueryVerdict]
    ratio: float


def find(document: Document, plan: Plan, evidence: Evidence) -> Findings:
    """What the evidence of the document's epoch says."""
    document = document.judged
    census = Census(document.periods, evidence)
    return Findings(
        {metric: compare(document, plan, census, metric) for metric in plan.comparisons},
        {
            metric: limits.cost(document, census, evidence, metric, limit)
            for metric, limit in plan.ratios.items()
        },
        sample_ratio(_sides(census)),
    )


def evaluate(
    document: Document, plan: Plan, observed: Observed, now: int, findings: Findings | None = None
) -> Evaluation:
    """What a look at `now` (ms since 1970) finds; `findings` are those of the same evidence, if known."""
    found = findings or find(document, plan, observed.evidence)
    queries = {one.name: limits.query(one, observed.queries.get(one.name, ()), now) for one in plan.queries}
    look = _Look(
        document.judged, plan, observed, now, found.comparisons, found.costs, queries, found.ratio
    )  # fmt: skip
    return Evaluation(
        _verdict(look), look.comparisons, look.costs, look.queries, look.ratio, tuple(_warnings(look))
    )


def _sides(census: Census) -> Iterator[tuple[int, int, float]]:
    for period in census.periods:
        counts = {False: 0, True: 0}
        for (_, candidate, _), count in census.units(COUNTED, period).items():
            counts[candidate] += int(count)
        yield counts[True], counts[False], period.chance


def _warnings(look: _Look) -> Iterator[str]:
    if look.observed.largest > CROWDED:
        share = words.percent(look.observed.largest)
        yield f"one sticky key has {share} of the traffic; it counts as one unit"


def _verdict(look: _Look) -> Verdict:
    phase = look.document.phase
    if phase in LIVE:
        found = _harm(look)
        if found is not None:
            return found
    if phase == "running":
        return _fault(look) or _stage(look)
    if phase == "baking":
        return _bake(look)
    return _waiting(look)


def _harm(look: _Look) -> Verdict | None:
    """Rolls back, in mode `manual` when a person says so."""
    worse = [
        reason for one in look.comparisons.values() if one.verdict == "fail" and one.armed
        for reason in one.reasons
    ]  # fmt: skip
    outside = [reason for one in look.queries.values() if one.verdict == "fail" for reason in one.reasons]
    reasons = tuple(worse + outside)
    if not reasons:
        return None
    if look.plan.mode == "manual":
        return Verdict("fail", "rollback", (*reasons, "waits for a person, as the mode is manual"))
    baseline = look.observed.baseline
    if limits.baseline_fails(*baseline):
        failing = f"the baseline fails as well ({baseline.failed} of its last {baseline.requests} requests)"
        again = look.document.phase_reason == "baseline_failing"
        if again:
            return Verdict("fail", "hold", (failing, *reasons))
        return Verdict("fail", "pause", (failing, *reasons), "baseline_failing")
    return Verdict("fail", "rollback", reasons, "harm" if worse else "query")


def _fault(look: _Look) -> Verdict | None:
    """What is wrong with the data, or too dear, pauses."""
    if _unreported(look):
        reason = "no outcome has been reported within an hour; do applications report to /v1/outcomes?"
        return Verdict("inconclusive", "pause", (reason,), "no_outcomes")
    dear = [one for one in look.costs.values() if one.verdict == "fail" and not one.accepted]
    if dear:
        return Verdict("fail", "pause", tuple(reason for one in dear for reason in one.reasons), "cost")
    return None


def _unreported(look: _Look) -> bool:
    plan, document = look.plan, look.document
    awaited = not plan.validated and any(metric in REPORTED for metric in plan.comparisons)
    return awaited and look.now - document.since >= PATIENCE and not reported(look.observed.evidence)


def reported(evidence: Evidence) -> bool:
    """Whether an application has reported any outcome."""
    return any(cell.metric in WITNESSES for cell in evidence.cells)


def _stage(look: _Look) -> Verdict:
    """Whether the stage has passed, or its time is up."""
    document, plan = look.document, look.plan
    missing = tuple(_missing(look))
    if not missing:
        if plan.after(document.weight) is None:
            return _end_of_plan(document.weight)
        if plan.mode != "auto":
            waits = f"waits for a person, as the mode is {plan.mode}"
            return Verdict("pass", "promote", ("everything that the stage needs is there", waits))
        return Verdict("pass", "promote", (f"stage {document.stage} has passed",), "passed")
    longest = plan.stages[plan.at(document.weight)].max_duration
    if look.now >= document.clock + longest:
        late = f"no verdict within {words.span(longest)}"
        return Verdict("inconclusive", "hold", (late, *missing), "timeout")
    return Verdict("inconclusive", "hold", missing)


def _end_of_plan(weight: int) -> Verdict:
    reason = f"the plan ends at {words.weight(weight)}; `promote` takes it further"
    return Verdict("pass", "pause", (reason,), "end_of_plan")


def _missing(look: _Look) -> Iterator[str]:
    """What the stage still needs."""
    document, stage = look.document, look.plan.stages[look.plan.at(look.document.weight)]
    if not document.period.chance:
        share = words.weight(document.weight)
        why = "has been used before in this epoch" if document.weight else "gives the candidate no traffic"
        yield f"nobody is compared: {share} {why}; set another weight"
    left = document.period.opened + stage.min_duration - look.now
    if left > 0:
        yield f"{words.span(left)} left of the stage's {words.span(stage.min_duration)}"
    if look.ratio >= NEEDED:
        yield "sample ratio: the variants do not have the shares of users that they should; units go missing"
    for one in look.comparisons.values():
        if one.verdict != "pass":
            yield from one.reasons
    for asked in look.queries.values():
        if asked.verdict != "pass":
            yield from asked.reasons


def _bake(look: _Look) -> Verdict:
    """Only harm and time count; a plan that ends below 100, edited or promoted past, ends here."""
    left = look.document.clock + look.plan.bake - look.now
    if left > 0 and look.plan.bakes:
        return Verdict("inconclusive", "hold", (f"bakes for another {words.span(left)}",))
    last = look.plan.stages[-1].weight
    if last < BASIS_POINTS:
        return _end_of_plan(last)
    if look.plan.mode != "auto":
        waits = f"waits for a person, as the mode is {look.plan.mode}"
        return Verdict("pass", "promote", ("baked", waits))
    return Verdict("pass", "promote", (f"baked for {words.span(look.plan.bake)}",), "baked")


def _waiting(look: _Look) -> Verdict:
    """In the other phases nothing follows by itself, but that an epoch may begin."""
    document = look.document
    if document.phase == "pending" and document.phase_reason == "cooldown":
        left = (document.cooldown_until or 0) - look.now
        if left <= 0:
            return Verdict("inconclusive", "hold", ("the cool-down is over",), "started")
        return Verdict("inconclusive", "hold", (f"begins in {words.span(left)}, after the cool-down",))
    if document.phase == "pending":
        return Verdict("inconclusive", "hold", ("waits to be resumed",))
    if document.phase in HELD:
        why = document.phase_reason or document.phase
        value: Value = "inconclusive" if tuple(_missing(look)) else "pass"
        return Verdict(value, "hold", (f"{document.phase} ({why}): nothing is promoted until it is resumed",))
    return Verdict(document.said.value, "hold", (document.phase.replace("_", " "),))
