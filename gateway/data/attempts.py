"""Attempts: the decided variant, its retries, then the fallbacks, until one answers or nothing may follow.

What may follow a result is `routing.fallback`'s table, and whom not to call the breakers' business; here both
are carried out, within the route's retries, the worker's retry budget and one overall deadline.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gateway.clock import monotonic
from gateway.data.account import Account
from gateway.data.attempt import Attempt
from gateway.data.breakers import Breakers
from gateway.data.endpoints import Endpoint
from gateway.data.head import Head
from gateway.data.headers import forwarded_headers
from gateway.data.parse import dump_json
from gateway.data.record import Recorder
from gateway.data.table import Table
from gateway.data.tracing import ended, follow, numbers_of
from gateway.providers.base import Call, UpstreamFailure
from routing.breaker import least_bad
from routing.decision import Decision
from routing.fallback import NOTHING, Consequence, Result, after
from routing.snapshot import Rollout, Variant

RETRY_SHARE: Final = 0.2
"""Retries that every request pays in for."""
RETRIES_A_SECOND: Final = 2.0
"""Retries that there are besides, so that a quiet worker has some."""
RETRY_BURST: Final = 10.0
TICK: Final = 0.001
"""Seconds by which the event loop's timers may be early."""


class RetryBudget:
    """How many retries this worker may make: a token bucket, filled by requests and a little by time."""

    __slots__ = ("_seen", "_then", "_tokens", "active", "entered")

    def __init__(self) -> None:
        self.active = 0
        """Requests in progress."""
        self.entered = 0
        """Requests so far."""
        self._seen = 0
        self._then = monotonic()
        self._tokens = RETRY_BURST

    def take(self, now: float) -> bool:
        """Takes a retry; False when there is none. `now` on the monotonic clock."""
        paid = (self.entered - self._seen) * RETRY_SHARE + (now - self._then) * RETRIES_A_SECOND
        self._seen, self._then = self.entered, now
        self._tokens = min(self._tokens + paid, RETRY_BURST)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Attempts:
    """Makes the attempts of one request: `endpoint`, `body` and `head` are the client's.

    All of them together end by `deadline`, on the monotonic clock.
    """

    def __init__(
        self,
        table: Table,
        recorder: Recorder,
        budget: RetryBudget,
        account: Account,
        decision: Decision,
        endpoint: Endpoint,
        body: dict[str, Any],
        head: Head,
        deadline: float,
        breakers: Breakers,
    ) -> None:
        self._table = table
        self._recorder = recorder
        self._budget = budget
        self._account = account
        self._decision = decision
        self._endpoint = endpoint
        self._body = body
        self._head = head
        self._deadline = deadline
        self._breakers = breakers
        self._stream = account.streamed
        self._retries = decision.route.retries
        self._asked: dict[str, float] = {}

    @property
    def judgeable(self) -> bool:
        """Whether a whole answer will have a text to judge: not a stream, nor a promise of one."""
        return self._endpoint.answers and not self._stream and self._body.get("background") is not True

    async def first_answer(self) -> Attempt:
        """The first attempt whose answer the client may have, else the last one made.

        Variants whose breaker is open are passed over; if that leaves nobody, the least bad is tried.
        """
        variants = self._in_order()
        attempt = None
        for variant in variants:
            if not self._admits(variant):
                self._account.passed_over += (variant.name,)
                continue
            call = self._call(variant)
            attempt = await self._attempt(variant, call)
            if attempt.result is Result.OK:
                return attempt
            attempt, follows = await self._retry(attempt, call)
            if not follows.fallback:
                return attempt
        if attempt is None:
            variant = variants[least_bad([self._breakers[one.name] for one in variants], monotonic())]
            attempt = await self._attempt(variant, self._call(variant))
        return attempt

    async def another(self, variant: Variant) -> Attempt | None:
        """What one more variant answers, without fallbacks; None when its breaker is open or time is up."""
        if monotonic() >= self._deadline:
            return None
        if not self._admits(variant):
            self._account.passed_over += (variant.name,)
            return None
        call = self._call(variant)
        attempt = await self._attempt(variant, call)
        if attempt.result is not Result.OK:
            attempt, _ = await self._retry(attempt, call)
        return attempt

    def _in_order(self) -> tuple[Variant, ...]:
        """The variants to try: a candidate that is passed over is followed by its baseline."""
        decision, assignment = self._decision, self._decision.segment.assignment
        variant, fallbacks = decision.variant, decision.fallbacks
        if type(assignment) is Rollout and variant is assignment.candidate and not self._closed(variant):
            baseline = assignment.baseline
            fallbacks = (baseline, *(one for one in fallbacks if one is not baseline))
        return (variant, *fallbacks)

    def _closed(self, variant: Variant) -> bool:
        breaker = self._breakers.get(variant.name)
        return breaker is None or breaker.closed

    def _admits(self, variant: Variant) -> bool:
        breaker = self._breakers.get(variant.name)
        return breaker is None or breaker.closed or breaker.admits(monotonic())

    async def _retry(self, attempt: Attempt, call: Call) -> tuple[Attempt, Consequence]:
        """Retries with the same variant while its result allows, and what may follow the last of them."""
        follows = self._after(attempt)
        while follows.retry and self._retries and self._in_time(attempt) and self._budget.take(monotonic()):
            if attempt.result is Result.RATE_LIMITED:
                await asyncio.sleep(_asked_to_wait(attempt) + TICK)
            if not self._admits(attempt.variant):  # last of all: a probe that was admitted has to be sent
                break
            self._retries -= 1
            attempt = await self._attempt(attempt.variant, call)
            follows = self._after(attempt)
        return attempt, follows

    def _in_time(self, attempt: Attempt) -> bool:
        """Whether there is time for another call, after the wait that the upstream asked for."""
        return monotonic() + _asked_to_wait(attempt) < self._deadline

    def _after(self, attempt: Attempt) -> Consequence:
        if monotonic() >= self._deadline:
            return NOTHING
        return after(
            attempt.result, ambiguous=self._decision.route.retry_ambiguous, retry_after=attempt.retry_after
        )

    def _call(self, variant: Variant) -> Call:
        upstream = self._table.snapshot.upstreams[variant.upstream]
        stream = self._stream
        endpoint = self._endpoint
        shaped = endpoint.shape(self._body, variant, stream_usage=stream and upstream.ask_usage)
        spans = self._account.spans
        traced = spans is not None and bool(spans.span)
        if traced:
            self._asked = numbers_of(shaped)
        headers = forwarded_headers(self._head, simulated=upstream.provider == "simulated", traced=traced)
        timeouts = self._decision.route.timeouts
        return Call(endpoint.path, headers, dump_json(shaped), stream, timeouts, self._deadline)

    async def _attempt(self, variant: Variant, call: Call) -> Attempt:
        """Makes one attempt; it is over then, unless its answer is a stream, still to be relayed."""
        account = self._account
        account.served = variant.name
        account.attempts += 1
        attempt = Attempt(variant, monotonic())
        spans = account.spans
        if spans is not None:
            call = follow(account, spans, attempt, call, self._asked)
        try:
            answer = attempt.answer = await self._table.providers[variant.upstream].send(call)
            account.identify(self._table.sealer)  # while the upstream is at work
            await answer.arrive()
            if answer.status == 200 and not call.stream:
                attempt.judge(answer, await answer.read(), self._endpoint.read)
            else:
                endpoint = self._endpoint
                await attempt.receive(answer, endpoint.first, endpoint.splitter)
        except UpstreamFailure as failure:
            attempt.result, attempt.detail = failure.result, failure.detail
        finally:
            seconds = monotonic() - attempt.started
            account.waited += seconds
            if spans is not None and attempt.splitter is not None:
                spans.attempts[-1].first = seconds
            if attempt.splitter is None or attempt.result is not Result.OK:
                self._ended(attempt, seconds)
            elif not self._closed(variant):
                self._tell_breaker(attempt, seconds)  # a probe has succeeded when its stream begins
        return attempt

    def ended(self, attempt: Attempt) -> None:
        """The attempt's stream is over."""
        self._ended(attempt, monotonic() - attempt.started)

    def _ended(self, attempt: Attempt, seconds: float) -> None:
        """Counts the attempt, and closes it if it was not whole."""
        variant, result = attempt.variant, attempt.result
        self._recorder.attempted(variant.upstream, variant.name, result, seconds)
        self._tell_breaker(attempt, seconds)
        if self._account.spans is not None:
            ended(self._account.spans.attempts[-1], attempt, seconds)
        if result is not Result.OK:
            self._recorder.troubles.failed(self._decision.route.name, attempt, attempt.started + seconds)
            if attempt.answer is not None:
                attempt.answer.close()

    def _tell_breaker(self, attempt: Attempt, seconds: float) -> None:
        breaker = self._breakers.get(attempt.variant.name)
        if breaker is not None:
            until, now = breaker.until, attempt.started + seconds
            breaker.ended(attempt.result, now)
            if breaker.until != until:
                self._recorder.troubles.turned(self._decision.route.name, attempt, breaker, now)


def _asked_to_wait(attempt: Attempt) -> float:
    """Seconds."""
    return attempt.retry_after or 0.0 if attempt.result is Result.RATE_LIMITED else 0.0
