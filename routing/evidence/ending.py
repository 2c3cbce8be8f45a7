"""Endings: what a request's exposure tells of how it ended, and the fact that this makes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from routing.evidence.fact import MICRO, P95, Fact, Request
from routing.evidence.metrics import BAD_BY_DEFAULT, band, judged, mark

UNANSWERED = ("upstream_error", "timeout")


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


class Endings:
    """Requests that ended alike: `status`, `own` and `streamed` as in `Ending`, the rest as in `Request`."""

    __slots__ = (
        "_candidate", "_first_token", "_judged", "_limit", "_own", "_reference", "_status", "_stratum",
        "_streamed",
    )  # fmt: skip

    def __init__(
        self, reference: int, stratum: int, candidate: bool, status: str, own: bool, streamed: bool, p95: P95
    ) -> None:
        self._reference = reference
        self._stratum = stratum
        self._candidate = candidate
        self._status = status
        self._own = own
        self._streamed = streamed
        self._limit = p95.duration
        self._first_token = p95.first_token if streamed else None
        # By whether it was tried, was slow, was late.
        self._judged: list[tuple[int, bool] | None] = [None] * 8

    def said(self, attempts: int, duration: float, first_token: float) -> tuple[int, bool]:
        """Marks of one of them, and whether the assigned variant answered."""
        at = 4 if attempts > 0 else 0
        limit, latest = self._limit, self._first_token
        if limit is not None and duration > limit:
            at |= 2
        if latest is not None and first_token > latest:
            at |= 1
        known = self._judged[at]
        if known is None:
            slow, late = None if limit is None else at & 2 > 0, None if latest is None else at & 1 > 0
            known = self._judged[at] = judgement(self._status, self._own, at & 4 > 0, slow, late)
        return known

    def fact(
        self, time: int, nonce: bytes, attempts: int, duration: float, first_token: float, cost: float
    ) -> Fact:
        """What one of them says; `cost` negative: unknown."""
        marks, good = self.said(attempts, duration, first_token)
        return Fact(
            time, nonce, self._reference, self._stratum, self._candidate, marks, None,
            round(cost * MICRO) if cost >= 0 else None,
            band(duration) if good else None,
            band(first_token) if good and self._streamed else None,
        )  # fmt: skip


def exposed(request: Request, ending: Ending, p95: P95) -> Fact:
    """What an exposure says; `p95` is that of the request's reference."""
    line = Endings(
        request.reference, request.stratum, request.candidate, ending.status, ending.own, ending.streamed, p95
    )
    cost = -1.0 if ending.cost is None else ending.cost
    return line.fact(
        request.time, request.nonce, ending.attempts, ending.duration, ending.first_token, cost
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
