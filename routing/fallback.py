"""What an attempt's result means for the next one: the failure table.

result        same-variant retry   next variant   breaker
──────────────────────────────────────────────────────────
refused       yes                  yes            yes       nothing was sent
ambiguous     if allowed           if allowed     yes       sent, no answer
timeout       no                   yes            yes
server_error  yes                  yes            yes       5xx, or 200 whose first event is an error
rate_limited  if soon              yes            no        429
denied        no                   yes            yes       401, 402, 403, 404, and 429 for want of money
rejected      no                   no             no        400, 413, 422 and other 4xx
filtered      no                   yes            no        withheld by the upstream's content filter
broken        no                   no             yes       after commit
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Result(StrEnum):
    """How an attempt ended: a closed set, also the label `result` of the attempt series."""

    OK = "ok"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    DENIED = "denied"
    REJECTED = "rejected"
    FILTERED = "filtered"
    BROKEN = "broken"
    CANCELLED = "cancelled"


class Consequence(NamedTuple):
    """What may follow a result."""

    retry: bool
    fallback: bool
    breaker: bool


NOTHING: Final = Consequence(retry=False, fallback=False, breaker=False)

CONSEQUENCES: Final = {
    Result.OK: NOTHING,
    Result.REFUSED: Consequence(retry=True, fallback=True, breaker=True),
    Result.AMBIGUOUS: Consequence(retry=False, fallback=False, breaker=True),
    Result.TIMEOUT: Consequence(retry=False, fallback=True, breaker=True),
    Result.SERVER_ERROR: Consequence(retry=True, fallback=True, breaker=True),
    Result.RATE_LIMITED: Consequence(retry=False, fallback=True, breaker=False),
    Result.DENIED: Consequence(retry=False, fallback=True, breaker=True),
    Result.REJECTED: NOTHING,
    # Another model may answer, the same one would refuse again. It says nothing of the upstream's health: if
    # the breaker counted it, one user's questions would take the variant from everybody.
    Result.FILTERED: Consequence(retry=False, fallback=True, breaker=False),
    Result.BROKEN: Consequence(retry=False, fallback=False, breaker=True),
    Result.CANCELLED: NOTHING,
}

SOON: Final = 1.0
"""Seconds of `retry-after` up to which a 429 is worth a retry of the same variant."""


def after(result: Result, *, ambiguous: bool, retry_after: float | None = None) -> Consequence:
    """What may follow `result`; `ambiguous` is the route's `retry_ambiguous`, `retry_after` in seconds."""
    if result is Result.AMBIGUOUS and ambiguous:
        return Consequence(retry=True, fallback=True, breaker=True)
    if result is Result.RATE_LIMITED and retry_after is not None and retry_after <= SOON:
        return Consequence(retry=True, fallback=True, breaker=False)
    return CONSEQUENCES[result]


def of_status(status: int, *, quota: bool = False) -> Result:
    """The result that an HTTP status stands for; `quota`: the body says that there is none left."""
    if status < 400:
        return Result.OK
    if status >= 500:
        return Result.SERVER_ERROR
    if status == 429:
        return Result.DENIED if quota else Result.RATE_LIMITED
    if status in (401, 402, 403, 404):
        return Result.DENIED
    return Result.REJECTED
