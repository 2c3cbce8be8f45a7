"""An upstream's answer that is handed on as it is: what may pass of it, and what is told instead.

For requests that no route decides: those that are passed through, and those for a stored response. A refusal
that finds fault with our credential is not the client's business, and its words may quote a part of it.
"""

from __future__ import annotations

from math import ceil
from time import time
from typing import Final

from gateway.data.errors import (
    GatewayError,
    OutOfQuota,
    Overloaded,
    RateLimited,
    Unexplained,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.data.headers import passed_errors
from gateway.data.request import Request
from gateway.data.retry_after import retry_after
from gateway.data.upstream_error import WITHOUT_QUOTA, explains, out_of_quota, read_error
from gateway.providers.base import Answer, Call, Provider, UpstreamFailure
from routing.fallback import Result, of_status

LONGEST_WAIT: Final = 86_400
"""Seconds of `retry-after` that a client is told at most."""
WITHHELD: Final = "The model's upstream withheld its answer: its content filter stepped in."


async def refusal_of(answer: Answer) -> GatewayError | None:
    """What is told in place of an answer; None when it may pass. `404` may: what it names is the client's."""
    status = answer.status
    if 200 <= status < 300 or status == 404:
        return None
    result = of_status(status, quota=status == 429 and await _wants_quota(answer))
    if result is Result.REJECTED:
        return None
    return unserved(result, status, answer.headers)


def check_explained(answer: Answer, body: bytes) -> None:
    """Raises Unexplained for an error that may pass but for its body, which no client can read."""
    if answer.status >= 400 and not explains(body):
        raise Unexplained(answer.status, passed_errors(answer.headers))


async def _wants_quota(answer: Answer) -> bool:
    answer.commit()  # whatever time it had: the rest of an error has to come soon
    try:
        return out_of_quota(await read_error(answer) or b"")
    except UpstreamFailure:
        return False


def unserved(result: Result, status: int, headers: dict[bytes, bytes]) -> GatewayError:
    """What is told of a call that gave no answer: by its result, and its upstream's status and headers."""
    passed = passed_errors(headers)
    if result is Result.TIMEOUT:
        return UpstreamTimeout(passed=passed)
    if result is Result.RATE_LIMITED:
        return _limited(headers, passed)
    if result is Result.DENIED and status in WITHOUT_QUOTA:
        return OutOfQuota(passed=passed)
    return UpstreamError(WITHHELD if result is Result.FILTERED else None, passed=passed)


def _limited(headers: dict[bytes, bytes], passed: bytes) -> RateLimited:
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
