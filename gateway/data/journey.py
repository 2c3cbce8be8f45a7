"""A request's journey: authenticate → parse → facts → decide → attempt → relay → record.

One coroutine a request, read from top to bottom. Nothing here waits for a store, a file or the control plane.
"""

from __future__ import annotations

import asyncio
import logging
import os
from math import ceil
from time import monotonic
from typing import Any

from starlette.types import ASGIApp

from gateway.data.account import Account
from gateway.data.asgi import serve_asgi
from gateway.data.attempt import Attempt
from gateway.data.attempts import Attempts, RetryBudget
from gateway.data.authenticate import authenticate
from gateway.data.breakers import NONE, outside
from gateway.data.capture import Capture, Captured
from gateway.data.errors import (
    GatewayError,
    InvalidRequest,
    Leaving,
    Overloaded,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.data.head import Heads
from gateway.data.headers import passed_errors, passed_headers, response_headers
from gateway.data.outcomes import Reports, read_reports, receipts
from gateway.data.parse import check_chat, model_of, parse_json
from gateway.data.record import Recorder
from gateway.data.refusal import translate
from gateway.data.relay import Interrupted, estimate_usage, note_usage, relay_stream
from gateway.data.request import Request
from gateway.data.table import Table
from gateway.outbox import Outbox
from routing.decide import decide
from routing.errors import RoutingError
from routing.facts import Facts
from routing.fallback import Result

CHAT = b"/v1/chat/completions"
OUTCOMES = b"/v1/outcomes"
JSON = b"content-type: application/json\r\n"
MAX_ITEMS = 1_000_000
LONGEST_WAIT = 86_400
"""Seconds of `retry-after` that a client is told at most."""
WITHHELD = "The model's upstream withheld its answer: its content filter stepped in."
log = logging.getLogger("headgate.worker")


class Service:
    """Serves one worker's requests: the hot path here, every other path by the ASGI application."""

    def __init__(self, table: Table, recorder: Recorder) -> None:
        self.table = table
        self.recorder = recorder
        self.budget = RetryBudget()
        self.outbox = Outbox()
        self.heads = Heads()
        self.application: ASGIApp | None = None
        self.reports: Reports | None = None
        self.capture: Capture | None = None
        self.ready = False
        self.leaving = False
        self.draining = False
        self.date = b""
        self._nonces: list[bytes] = []

    async def handle(self, request: Request) -> None:
        """Answers one request and records it."""
        head, table = request.head, self.table
        if table.cross_origin is not None and table.cross_origin.admit(request):
            return
        if head.path != CHAT or head.method != b"POST":
            await self._beside(request, table)
            return
        account = Account(self.nonce(), request.stamp or monotonic())
        self.budget.active += 1
        self.budget.entered += 1
        try:
            await self._chat(request, table, account)
        except GatewayError as error:
            self._refuse(request, table, account, error)
        except Interrupted:
            account.status = "upstream_error"
        except asyncio.CancelledError:
            account.status = "cancelled"
            if not request.gone and not request.started:
                self._refuse(request, table, account, Leaving())
        except Exception as error:
            account.status = "upstream_error"
            self._crashed(request, table, account, error)
        finally:
            self.budget.active -= 1
            self.recorder.finished(account, monotonic())

    async def _beside(self, request: Request, table: Table) -> None:
        """What is no model's request: outcomes, and the paths that are not hot."""
        if request.head.path != OUTCOMES or request.head.method != b"POST":
            assert self.application is not None
            await serve_asgi(self.application, request)
            return
        account = Account(self.nonce(), monotonic())
        try:
            answer = await self._take_outcomes(request, table)
        except GatewayError as error:
            self._refuse(request, table, account, error)
        else:
            account.identify(table.sealer)
            head = response_headers(table, account, self.date) + JSON
            request.respond(200, head, answer)

    async def _take_outcomes(self, request: Request, table: Table) -> bytes:
        """The answer to a report of outcomes. Raises GatewayError."""
        assert self.reports is not None
        headers = request.head.headers
        key = authenticate(table, headers, "outcomes", local=request.local)
        if not request.whole:
            await request.arrive()
        body = parse_json(request.body(), headers)
        outcomes = read_reports(body)
        statuses = await self.reports.hand_in(key.application_hash, outcomes)
        return receipts(outcomes, statuses, single="outcomes" not in body)

    async def _chat(self, request: Request, table: Table, account: Account) -> None:
        snapshot, headers = table.snapshot, request.head.headers
        key = account.key = authenticate(table, headers, "chat", local=request.local)
        if self.budget.active > snapshot.limits.concurrency or request.reserved:
            account.status = "shed"
            raise Overloaded
        if not request.whole:
            await request.arrive()
        body = parse_json(request.body(), headers)
        account.started = request.stamp
        account.streamed = body.get("stream") is True
        check_chat(body)
        if b"x-headgate-items" in headers:
            account.items = _items(headers[b"x-headgate-items"])
        facts = Facts("chat", model_of(body), key, headers, body, account.nonce)
        try:
            decision = decide(snapshot, facts)
        except RoutingError as error:
            raise translate(error) from None
        breakers = table.breakers.get(decision.route.name, NONE)
        decision = account.decision = outside(decision, breakers)

        route = decision.route
        attempts = Attempts(
            table, self.recorder, self.budget, account, decision,
            "/chat/completions", body, request.head, account.streamed,
            monotonic() + route.timeouts.total, route.retries, breakers,
        )  # fmt: skip
        attempt = await attempts.first_answer()
        if attempt.result is not Result.OK:
            self._failed(request, table, account, attempt)
            return
        try:
            note_usage(account, attempt.variant, attempt.usage)
            head = self._head(table, account, attempt)
            captured = Captured() if route.captures else None
            if attempt.splitter is None:
                request.respond(200, head, attempt.body)
            else:
                asked = _asks_usage(body)
                await relay_stream(request, account, attempt, head, asked=asked, captured=captured)
            account.status = "ok"
            if captured is not None and self.capture is not None:
                answer = attempt.body if attempt.splitter is None else captured.whole()
                self.capture.answered(account, answer, request.body() if snapshot.content else b"")
        finally:
            if attempt.splitter is not None:
                if account.usage is None and account.status != "ok":
                    estimate_usage(account, attempt, body)
                attempts.ended(attempt)

    def _failed(self, request: Request, table: Table, account: Account, attempt: Attempt) -> None:
        """The last attempt gave no answer: an upstream's 4xx passes through, the rest is our own text."""
        result = attempt.result
        if result is Result.REJECTED:
            account.status = "client_error"
            assert attempt.answer is not None
            head = self._head(table, account, attempt)
            if attempt.answer.status == 409:
                head += b"x-should-retry: false\r\n"
            request.respond(attempt.answer.status, head, attempt.body)
            return
        account.status = "timeout" if result is Result.TIMEOUT else "upstream_error"
        if result is Result.TIMEOUT:
            raise UpstreamTimeout(passed=passed_errors(attempt.headers))
        if result is Result.RATE_LIMITED:
            raise _limited(attempt)
        raise UpstreamError(
            WITHHELD if result is Result.FILTERED else None, passed=passed_errors(attempt.headers)
        )

    def _head(self, table: Table, account: Account, attempt: Attempt) -> bytes:
        assert attempt.answer is not None
        own = response_headers(table, account, self.date, priced=attempt.splitter is None)
        return own + passed_headers(attempt.answer.headers)

    def _refuse(self, request: Request, table: Table, account: Account, error: GatewayError) -> None:
        account.identify(table.sealer)
        own = response_headers(table, account, self.date)
        request.respond(error.status, own + error.headers(), error.envelope())

    def _crashed(self, request: Request, table: Table, account: Account, error: BaseException) -> None:
        """A fault of ours: logged whole, told to the client without detail."""
        log.error("request failed", exc_info=error)
        if request.started:
            request.cut()
        else:
            self._refuse(request, table, account, GatewayError())

    def crashed(self, request: Request, error: BaseException) -> None:
        """The same for paths that are not hot."""
        table = self.table
        self._crashed(request, table, Account(self.nonce(), monotonic()), error)

    def nonce(self) -> bytes:
        """Twelve random bytes, taken from the system a page at a time."""
        if not self._nonces:
            page = os.urandom(4080)
            self._nonces = [page[at : at + 12] for at in range(0, len(page), 12)]
        return self._nonces.pop()


def _asks_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    return bool(options and options.get("include_usage"))


def _items(value: bytes) -> int:
    if not value.isdigit() or len(value) > 7 or not 1 <= int(value) <= MAX_ITEMS:
        raise InvalidRequest(
            f"'x-headgate-items' must be an integer from 1 to {MAX_ITEMS}.", param="x-headgate-items"
        )
    return int(value)


def _limited(attempt: Attempt) -> RateLimited:
    wait = attempt.retry_after
    seconds = 1 if wait is None else max(min(ceil(wait), LONGEST_WAIT), 1)
    error = RateLimited(retry_after=str(seconds), passed=passed_errors(attempt.headers))
    error.should_retry = True if seconds <= 60 else None
    return error
