"""An upstream's answer that is handed on as it is: what may pass of it, and what is told instead.

For requests that no route decides: those that are passed through, and those for a stored response. A refusal
that finds fault with our credential is not the client's business, and its words may quote a part of it.
"""

from __future__ import annotations

from math import ceil
from time import time
from typing import Final

from gateway.data.errors import GatewayError, Overloaded, RateLimited, UpstreamError, UpstreamTimeout
from gateway.data.headers import passed_errors
from gateway.data.request import Request
from gateway.data.retry_after import retry_after
from gateway.providers.base import Answer, Call, Provider, UpstreamFailure
from routing.fallback import Result, of_status

LONGEST_WAIT: Final = 86_400
"""Seconds of `retry-after` that a client is told at most."""


def refusal_of(answer: Answer) -> GatewayError | None:
    """What is told in place of an answer; None when it may pass. `404` may: what it names is the client's."""
    status = answer.status
    if 200 <= status < 300 or status == 404:
        return None
    result = of_status(status)
    if result is Result.REJECTED:
        return None
    passed = passed_errors(answer.headers)
    return limited(answer.headers, passed) if result is Result.RATE_LIMITED else UpstreamError(passed=passed)


def limited(headers: dict[bytes, bytes], passed: bytes) -> RateLimited:
    """The upstream's 429 as ours, with the time that it asks to wait."""
    wait = retry_after(headers, time())
    seconds = 1 if wait is None else max(min(ceil(wait), LONGEST_WAIT), 1)
    error = RateLimited(retry_after=str(seconds), passed=passed)
    error.should_retry = True if seconds <= 60 else None
    return error


def failure_of(failure: UpstreamFailure) -> GatewayError:
    """What is told when there is no answer."""
    return UpstreamTimeout() if failure.result is Result.TIMEOUT else UpstreamError()


def status_of(status: int) -> str:
    """What an answer counts as."""
    return "ok" if status < 400 else "client_error"


def status_of_error(error: GatewayError) -> str:
    """What a refusal of ours counts as."""
    if isinstance(error, Overloaded):
        return "shed"
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    return "upstream_error" if isinstance(error, UpstreamError | RateLimited) else "client_error"


class Broken(Exception):
    """An answer broke off after it had begun; the client has been cut off, too."""


async def pump(request: Request, answer: Answer) -> None:
    """Hands a body on, as fast as the client takes it, and ends the answer. Raises Broken."""
    try:
        while block := await answer.read():
            request.write(block)
            if request.congested:
                await request.writable()
    except UpstreamFailure:
        request.cut()
        raise Broken from None
    request.end()


async def ask(provider: Provider, call: Call) -> Answer:
    """The answer to a call, as soon as it can be read; what only reads is asked again when it got lost.

    Raises UpstreamFailure.
    """
    try:
        return await _arrived(provider, call)
    except UpstreamFailure as failure:
        if call.method != "GET" or failure.result not in (Result.REFUSED, Result.AMBIGUOUS):
            raise
        return await _arrived(provider, call)


async def _arrived(provider: Provider, call: Call) -> Answer:
    answer = await provider.send(call)
    try:
        await answer.arrive()
    except BaseException:
        answer.close()
        raise
    return answer
