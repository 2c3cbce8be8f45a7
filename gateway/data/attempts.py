"""Attempts: the decided variant, its retries, then the fallbacks, until one answers or nothing may follow.

What may follow a result is `routing.fallback`'s table; here it is carried out, within the route's retries,
the worker's retry budget and one overall deadline.
"""

from __future__ import annotations

import asyncio
from time import monotonic, perf_counter
from typing import Any

from gateway.data.account import Account
from gateway.data.attempt import Attempt
from gateway.data.headers import forwarded_headers
from gateway.data.parse import dump_json
from gateway.data.record import Recorder
from gateway.data.table import Table
from gateway.providers.base import Call
from routing.decision import Decision
from routing.fallback import NOTHING, Consequence, Result, after
from routing.shape import shape
from routing.snapshot import Variant

RETRY_SHARE = 0.2
RETRY_FLOOR = 3
"""Retries under way at once: a share of the active requests, and a few whatever their number."""


class RetryBudget:
    """How many retries may be under way at once in this worker."""

    __slots__ = ("_retrying", "active")

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
    """Makes the attempts of one request: `path`, `body` and `headers` are the client's."""

    __slots__ = (
        "_account", "_body", "_budget", "_deadline", "_decision", "_headers", "_path", "_recorder",
        "_retries", "_stream", "_table",
    )  # fmt: skip

    def __init__(
        self,
        table: Table,
        recorder: Recorder,
        budget: RetryBudget,
        account: Account,
        decision: Decision,
        *,
        path: str,
        body: dict[str, Any],
        headers: dict[bytes, bytes],
        stream: bool,
    ) -> None:
        self._table = table
        self._recorder = recorder
        self._budget = budget
        self._account = account
        self._decision = decision
        self._path = path
        self._body = body
        self._headers = headers
        self._stream = stream
        self._deadline = monotonic() + decision.route.timeouts.total
        self._retries = decision.route.retries

    async def first_answer(self) -> Attempt:
        """The first attempt whose answer the client may have, else the last one made."""
        decision = self._decision
        variant = decision.variant
        call = self._call(variant)
        attempt = await self._attempt(variant, call)
        if attempt.result is Result.OK:
            return attempt
        attempt, follows = await self._retry(attempt, call)
        for variant in decision.fallbacks:
            if not follows.fallback:
                break
            call = self._call(variant)
            attempt, follows = await self._retry(await self._attempt(variant, call), call)
        return attempt

    async def _retry(self, attempt: Attempt, call: Call) -> tuple[Attempt, Consequence]:
        """Retries with the same variant while its result allows, and what may follow the last of them."""
        follows = self._after(attempt)
        while follows.retry and self._retries and self._budget.take():
            self._retries -= 1
            try:
                if attempt.result is Result.RATE_LIMITED:
                    await asyncio.sleep(attempt.retry_after or 0.0)
                attempt = await self._attempt(attempt.variant, call)
            finally:
                self._budget.give()
            follows = self._after(attempt)
        return attempt, follows

    def _after(self, attempt: Attempt) -> Consequence:
        if monotonic() >= self._deadline:
            return NOTHING
        return after(
            attempt.result, ambiguous=self._decision.route.retry_ambiguous, retry_after=attempt.retry_after
        )

    def _call(self, variant: Variant) -> Call:
        upstream = self._table.snapshot.upstreams[variant.upstream]
        stream = self._stream
        shaped = shape(self._body, variant, stream_usage=stream and upstream.ask_usage)
        headers = forwarded_headers(self._headers, simulated=upstream.provider == "simulated")
        timeouts = self._decision.route.timeouts
        return Call(self._path, headers, dump_json(shaped), stream, timeouts, self._deadline)

    async def _attempt(self, variant: Variant, call: Call) -> Attempt:
        account = self._account
        account.served = variant.name
        account.attempts += 1
        attempt = Attempt(variant, perf_counter())
        try:
            await attempt.make(self._table.providers[variant.upstream], call)
        finally:
            account.waited += perf_counter() - attempt.started
            if attempt.result is not Result.OK:
                self.ended(attempt)
        return attempt

    def ended(self, attempt: Attempt) -> None:
        """The attempt is over: counted, and closed if it was not whole."""
        variant = attempt.variant
        seconds = perf_counter() - attempt.started
        self._recorder.attempted(variant.upstream, variant.name, attempt.result, seconds)
        if attempt.answer is not None and attempt.result is not Result.OK:
            attempt.answer.close()
