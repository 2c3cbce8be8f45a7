"""Facts: what is known of one request. Everything is a fact: an exposure, an outcome, an outcome alone.

A fact begins with what the request id holds, so that an outcome whose exposure was lost, or has not come yet,
brings all that is needed to count it. Facts of one request merge in any order and any number of times.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from routing.decision import COMPARED
from routing.evidence.metrics import BAD_BY_DEFAULT, GOOD_BY_DEFAULT, band, judged, mark, merged_score
from routing.request_id import Identity

MICRO = 1_000_000
UNANSWERED = ("upstream_error", "timeout")


class UnitKey(NamedTuple):
    """A unit within a rollout's epoch: its hash within a period.

    `compared` is a word of `routing.decision.COMPARED`. The requests of a unit that stand outside the
    comparison are a unit of their own: shown, and never tested.
    """

    period: int
    compared: str
    unit: int


class Request(NamedTuple):
    """What a request id says of a request in a rollout; `time` in milliseconds since 1970."""

    key: UnitKey
    time: int
    nonce: bytes
    reference: int
    stratum: int
    candidate: bool


class Fact(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is known of one request, as its unit keeps it.

    `marks` and `score` as in `routing.evidence.metrics`; `cost` in micro-USD, `duration` and `first_token` in
    bands; None: not known.
    """

    time: int
    nonce: bytes
    reference: int
    stratum: int
    candidate: bool
    marks: int = 0
    score: float | None = None
    cost: int | None = None
    duration: int | None = None
    first_token: int | None = None

    def merged(self, other: Fact) -> Fact:
        """What two facts of the same request say together.

        The id's content is the same in both; were it not, the order would still not matter.
        """
        reference, stratum, candidate = min(
            (self.reference, self.stratum, self.candidate), (other.reference, other.stratum, other.candidate)
        )
        return Fact(
            self.time, self.nonce, reference, stratum, candidate, self.marks | other.marks,
            merged_score(self.score, other.score), _larger(self.cost, other.cost),
            _larger(self.duration, other.duration), _larger(self.first_token, other.first_token),
        )  # fmt: skip


def _larger(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


class P95(NamedTuple):
    """The baseline's 95th percentiles, in seconds, frozen for a reference; None: not known, not tested."""

    duration: float | None = None
    first_token: float | None = None


class Ending(NamedTuple):
    """How a request ended, as its exposure tells.

    `status` is one of `ok client_error upstream_error timeout cancelled shed`; `own`: the assigned variant is
    the one that served; times in seconds; `cost` in USD, None when unknown.
    """

    status: str
    own: bool = True
    attempts: int = 1
    duration: float = 0.0
    streamed: bool = False
    first_token: float = 0.0
    cost: float | None = None


def request_of(identity: Identity, nonce: bytes, candidate: int) -> Request:
    """The request of an id; `candidate` is the name hash of the rollout's candidate in that epoch."""
    key = UnitKey(identity.period, COMPARED[identity.compared], identity.unit)
    on_candidate = identity.variant == candidate
    return Request(key, identity.time, nonce, identity.reference, identity.stratum, on_candidate)


def exposed(request: Request, ending: Ending, p95: P95) -> Fact:
    """What an exposure says; `p95` is that of the request's reference."""
    line = Endings(
        request.reference, request.stratum, request.candidate, ending.status, ending.own, ending.streamed, p95
    )
    cost = -1.0 if ending.cost is None else ending.cost
    return line.fact(
        request.time, request.nonce, ending.attempts, ending.duration, ending.first_token, cost
    )  # fmt: skip


class Endings:
    """Requests that ended alike: `status`, `own` and `streamed` as in `Ending`, the rest as in `Request`."""

    __slots__ = (
        "candidate", "first_token", "judged", "limit", "reference", "stratum", "streamed"
    )  # fmt: skip

    def __init__(
        self, reference: int, stratum: int, candidate: bool, status: str, own: bool, streamed: bool, p95: P95
    ) -> None:
        self.reference = reference
        self.stratum = stratum
        self.candidate = candidate
        self.streamed = streamed
        self.limit = p95.duration
        self.first_token = p95.first_token if streamed else None
        tested, timed = p95.duration is not None, self.first_token is not None
        # By whether it was tried, was slow, was late; where that is not tested nothing is.
        self.judged = [
            judgement(
                status, own, bool(at & 4), bool(at & 2) if tested else None, bool(at & 1) if timed else None
            )
            for at in range(8)
        ]

    def said(self, attempts: int, duration: float, first_token: float) -> tuple[int, bool]:
        """Marks of one of them, and whether the assigned variant answered."""
        at = 4 if attempts > 0 else 0
        if self.limit is not None and duration > self.limit:
            at |= 2
        if self.first_token is not None and first_token > self.first_token:
            at |= 1
        return self.judged[at]

    def fact(
        self, time: int, nonce: bytes, attempts: int, duration: float, first_token: float, cost: float
    ) -> Fact:
        """What one of them says; `cost` negative: unknown."""
        marks, good = self.said(attempts, duration, first_token)
        return Fact(
            time, nonce, self.reference, self.stratum, self.candidate, marks, None,
            round(cost * MICRO) if cost >= 0 else None,
            band(duration) if good else None,
            band(first_token) if good and self.streamed else None,
        )  # fmt: skip


@lru_cache
def judgement(status: str, own: bool, tried: bool, slow: bool | None, late: bool | None) -> tuple[int, bool]:
    """Marks, and whether the assigned variant answered; `slow`, `late`: above the p95, None: no word."""
    bad = failed(Ending(status, own, int(tried)))
    marks = mark("validation_passed", BAD_BY_DEFAULT) if status in UNANSWERED else 0
    if bad is not None:
        marks |= judged("errors", bad)
        if slow is not None:
            marks |= judged("latency_p95", bad or slow)
        if late is not None:
            marks |= judged("time_to_first_token_p95", bad or late)
    return marks, bad is False


def failed(ending: Ending) -> bool | None:
    """Whether the assigned variant gave no complete answer, its retry included; None: it cannot be said.

    The upstream's 4xx count, and so does an answer that a fallback had to give. Cancellations and the
    gateway's own refusals, which no attempt preceded, say nothing about the variant.
    """
    if ending.status == "ok":
        return not ending.own
    if ending.status in UNANSWERED:
        return True
    return True if ending.status == "client_error" and ending.attempts else None


def reported(
    request: Request,
    passed: bool | None = None,
    needs_review: bool | None = None,
    score: float | None = None,
    *,
    by_application: bool = True,
) -> Fact:
    """What an outcome says. `passed` is given only from the source whose `validation_passed` counts.

    An application's report without `needs_review` means that none was needed, unless another report of
    the same request says otherwise.
    """
    marks = mark("needs_review", GOOD_BY_DEFAULT) if by_application else 0
    if passed is not None:
        marks |= judged("validation_passed", not passed)
    if needs_review is not None:
        marks |= judged("needs_review", needs_review)
    return Fact(*request[1:], marks=marks, score=None if score is None else float(score))
