"""Attempts: the decided variant, its retries, then the fallbacks, until one answers or nothing may follow.

What may follow a result is `routing.fallback`'s table; here it is carried out, within the route's retries,
the worker's retry budget and one overall deadline.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

import msgspec

from gateway.data.account import Account
from gateway.data.headers import forwarded_headers
from gateway.data.parse import dump_json
from gateway.data.record import Recorder
from gateway.data.sse import EventTooLarge, Splitter, data_of, events, json_of
from gateway.data.table import Table
from gateway.providers.base import Answer, Call, Headers, UpstreamFailure
from routing.decision import Decision
from routing.fallback import CONSEQUENCES, Consequence, Result, after, of_status
from routing.shape import shape
from routing.snapshot import Variant

MAX_ERROR_BODY = 1024 * 1024
RETRY_SHARE = 0.2
RETRY_FLOOR = 3
"""Retries under way at once: a share of the active requests, and a few whatever their number."""


class Whole(msgspec.Struct):
    """What is read of an answer that is not a stream."""

    usage: Any = None
    error: Any = None


_read_whole = msgspec.json.Decoder(Whole).decode


@dataclass(slots=True)
class Attempt:
    """One upstream call. `body` is all of a plain answer, or a stream's events up to the commit."""

    variant: Variant
    started: float
    result: Result = Result.CANCELLED
    answer: Answer | None = None
    status: int = 0
    body: bytes = b""
    splitter: Splitter | None = None
    usage: Any = None

    @property
    def headers(self) -> Headers:
        """The answer's headers."""
        return self.answer.headers if self.answer is not None else []

    @property
    def retry_after(self) -> float | None:
        """Seconds that the upstream asked to wait, when it said so in numbers."""
        for name, value in self.headers:
            try:
                if name == b"retry-after-ms":
                    return float(value) / 1000.0
                if name == b"retry-after":
                    return float(value)
            except ValueError:
                continue
        return None


class RetryBudget:
    """How many retries may be under way at once in this worker."""

    def __init__(self) -> None:
        self.active = 0
        """Requests in progress."""
        self._retrying = 0

    def take(self) -> bool:
        """Takes a place, to be given back when the retry has ended; False when there is none."""
        if self._retrying >= max(RETRY_FLOOR, self.active * RETRY_SHARE):
            return False
        self._retrying += 1
        return True

    def give(self) -> None:
        """Gives a place back."""
        self._retrying -= 1


class Attempts:
    """Makes the attempts of one request."""

    def __init__(
        self, table: Table, recorder: Recorder, budget: RetryBudget, account: Account, decision: Decision
    ) -> None:
        self._table = table
        self._recorder = recorder
        self._budget = budget
        self._account = account
        self._decision = decision
        self._timeouts = decision.route.timeouts
        self._deadline = monotonic() + self._timeouts.total
        self._retries = decision.route.retries

    async def make(
        self, path: str, body: dict[str, Any], headers: dict[bytes, bytes], *, stream: bool
    ) -> Attempt:
        """The first attempt whose answer the client may have, else the last one made."""
        attempt, follows = await self._try(self._decision.variant, path, body, headers, stream)
        for variant in self._decision.fallbacks:
            if not follows.fallback:
                break
            attempt, follows = await self._try(variant, path, body, headers, stream)
        return attempt

    async def _try(
        self, variant: Variant, path: str, body: dict[str, Any], headers: dict[bytes, bytes], stream: bool
    ) -> tuple[Attempt, Consequence]:
        """Attempts with one variant, and what may follow the last of them."""
        call = self._call(variant, path, body, headers, stream)
        attempt = await self._attempt(variant, call)
        follows = self._after(attempt)
        while follows.retry and self._retries and self._budget.take():
            self._retries -= 1
            try:
                if attempt.result is Result.RATE_LIMITED:
                    await asyncio.sleep(attempt.retry_after or 0.0)
                attempt = await self._attempt(variant, call)
            finally:
                self._budget.give()
            follows = self._after(attempt)
        return attempt, follows

    def _after(self, attempt: Attempt) -> Consequence:
        if monotonic() >= self._deadline:
            return CONSEQUENCES[Result.OK]  # nothing follows a deadline
        return after(
            attempt.result, ambiguous=self._decision.route.retry_ambiguous, retry_after=attempt.retry_after
        )

    def _call(
        self, variant: Variant, path: str, body: dict[str, Any], headers: dict[bytes, bytes], stream: bool
    ) -> Call:
        upstream = self._table.snapshot.upstreams[variant.upstream]
        shaped = shape(body, variant, stream_usage=stream and upstream.ask_usage)
        forwarded = forwarded_headers(headers, simulated=upstream.provider == "simulated")
        return Call(path, forwarded, dump_json(shaped), stream, self._timeouts, self._deadline)

    async def _attempt(self, variant: Variant, call: Call) -> Attempt:
        account = self._account
        account.served = variant.name
        account.attempts += 1
        attempt = Attempt(variant, perf_counter())
        try:
            answer = attempt.answer = await self._table.providers[variant.upstream].send(call)
            attempt.status = answer.status
            if answer.status != 200:
                await _refused(attempt, answer)
            elif call.stream:
                await _commit(attempt, answer)
            else:
                _judge(attempt, await answer.read())
        except UpstreamFailure as failure:
            attempt.result = failure.result
        except EventTooLarge:
            attempt.result = Result.SERVER_ERROR
        finally:
            now = perf_counter()
            account.waited += now - attempt.started
            if attempt.result is not Result.OK:
                self.ended(attempt)
        return attempt

    def ended(self, attempt: Attempt) -> None:
        """The attempt is over: counted, and closed if it was not whole."""
        seconds = perf_counter() - attempt.started
        variant = attempt.variant
        self._recorder.attempted(variant.upstream, variant.name, attempt.result.value, seconds)
        if attempt.answer is not None and attempt.result is not Result.OK:
            attempt.answer.close()


def _encoded(headers: Headers) -> bool:
    return any(name == b"content-encoding" and value != b"identity" for name, value in headers)


async def _refused(attempt: Attempt, answer: Answer) -> None:
    """Reads the body of an error, which may be passed through, as far as the cap."""
    status = answer.status
    attempt.result = of_status(status) if status >= 400 else Result.SERVER_ERROR
    parts, size = [], 0
    while part := await answer.read():
        size += len(part)
        if size > MAX_ERROR_BODY:
            attempt.result = Result.SERVER_ERROR
            return
        parts.append(part)
    attempt.body = b"".join(parts)


def _judge(attempt: Attempt, body: bytes) -> None:
    """A 200 is an answer when it is a JSON object and not an error in disguise."""
    try:
        whole = _read_whole(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        attempt.result = Result.SERVER_ERROR
        return
    if whole.error or _encoded(attempt.headers):
        attempt.result = Result.SERVER_ERROR
        return
    attempt.body = body
    attempt.usage = whole.usage
    attempt.result = Result.OK


async def _commit(attempt: Attempt, answer: Answer) -> None:
    """Reads a stream up to its first event with data: an error there is still an error, the rest commits."""
    splitter = attempt.splitter = Splitter()
    held = b""
    while True:
        block = await answer.read()
        if not block:
            attempt.result = Result.SERVER_ERROR  # ended before it began
            return
        complete = splitter.feed(block)
        if not complete:
            continue
        held += complete
        for event in events(complete):
            data = data_of(event)
            if data is None:
                continue
            parsed = json_of(data)
            failed = parsed is None or bool(parsed.get("error")) or _encoded(attempt.headers)
            attempt.result = Result.SERVER_ERROR if failed else Result.OK
            attempt.body = held
            return
