"""A run: one simulated rollout, from its first request to its end, through the real `advance`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappop, heappush

from routing.evidence.cells import Evidence
from routing.evidence.fact import Request
from routing.rollout.advance import advance
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.epoch import Identity, first_epoch
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.simulation.books import Books
from routing.rollout.simulation.scenario import Draws, Scenario
from routing.rollout.simulation.traffic import Sent, Told, Traffic
from routing.rollout.transition import Step, Transition
from routing.snapshot import Rollout, Variant

ENDED = ("rolled_back", "promoted")
BASELINE = Variant("baseline", 1, "simulated", "baseline")
CANDIDATE = Variant("candidate", 2, "simulated", "candidate")
WHO = Identity("simulation", "all", "baseline", "candidate", "1", "2")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to, after `requests` of them; `sent` are those since the look before.

    `transitions` are those of the look and of commands since the one before.
    """

    requests: int
    step: Step
    evidence: Evidence
    sent: list[Sent]
    transitions: tuple[Transition, ...]

    @property
    def document(self) -> Document:
        """As it stands after the look."""
        return self.step.document


def looks(plan: Plan, scenario: Scenario, draws: Draws, seed: int) -> Iterator[Look]:
    """One look after another, until the rollout has ended or the traffic has.

    `draws` decides all but the lots, which come of the request's key and `seed`, as real ones do of a salt.
    """
    traffic = Traffic(
        scenario,
        draws,
        reviewed="needs_review" in plan.comparisons,
        scored="score" in plan.comparisons,
        timed="latency_p95" in plan.comparisons,
        streamed="time_to_first_token_p95" in plan.comparisons,
        priced=bool(plan.ratios),
    )
    books = Books(plan.depth, streamed=traffic.streamed)
    salt = blake2b(b"%d" % seed, digest_size=32, person=b"simulation").digest()
    document = first_epoch(WHO, plan, 0).document
    due: list[tuple[int, int, Request, Told]] = []
    by_hand = dict(scenario.by_hand)
    for start in range(0, scenario.requests, scenario.per_look):
        moved: list[Transition] = []
        if start in by_hand:
            step = command(
                document, plan, "set_weight", traffic.time(start), actor="operator", weight=by_hand[start],
                observed=Observed(books.evidence),
            )  # fmt: skip
            document = step.document
            moved += [step.transition] if step.transition else []
        rollout, p95 = (
            _served(document, salt),
            document.p95(document.period.number, document.period.reference),
        )
        end = min(start + scenario.per_look, scenario.requests)
        sent = [traffic.send(number, rollout) for number in range(start, end)]
        now = traffic.time(end)
        for one in sent:
            request = books.expose(one, rollout, p95)
            if one.told is None:
                continue
            if one.told_at <= now:
                books.report(request, one.told, alone=one.alone)
            else:
                heappush(due, (one.told_at, one.number, request, one.told))
        while due and due[0][0] <= now:
            _, _, request, told = heappop(due)
            books.report(request, told, alone=scenario.users is None)
        step = advance(document, plan, Observed(books.close()), now)
        document = step.document
        moved += [step.transition] if step.transition else []
        yield Look(end, step, books.evidence, sent, tuple(moved))
        if document.phase in ENDED:
            return


def _served(document: Document, salt: bytes) -> Rollout:
    """What a snapshot holds of the rollout."""
    period = document.period
    return Rollout(
        BASELINE, CANDIDATE, period.weight, salt, document.epoch, period.number, period.reference, period.low,
        period.high,
    )  # fmt: skip


@dataclass(slots=True)
class Result:
    """What became of a run. Requests are counted up to a moment; None: it never came.

    `promoted`: all that the plan has was reached, or promotion was recommended; `rolled_back` likewise.
    `served`: bad answers that users got because the candidate served them, in expectation.
    """

    requests: int = 0
    phase: str = "pending"
    rolled_back: int | None = None
    promoted: int | None = None
    served: float = 0.0
    transitions: list[Transition] = field(default_factory=list)


def run(plan: Plan, scenario: Scenario, draws: Draws, seed: int) -> Result:
    """A whole run. In modes that wait for a person, the first recommendation counts."""
    result = Result()
    for look in looks(plan, scenario, draws, seed):
        tell(result, look)
    return result


def tell(result: Result, look: Look) -> None:
    """Adds a look to what is known of its run."""
    document = look.document
    result.requests, result.phase = look.requests, document.phase
    if result.rolled_back is None:
        result.served += sum(one.excess for one in look.sent if one.candidate)
    result.transitions += look.transitions
    if result.rolled_back is None and "rollback" in (_ENDS.get(document.phase), document.recommendation):
        result.rolled_back = look.requests
    arrived = "promote" in (_ENDS.get(document.phase), document.recommendation)
    if result.promoted is None and (arrived or document.phase_reason == "end_of_plan"):
        result.promoted = look.requests


_ENDS = {"rolled_back": "rollback", "promoted": "promote"}
