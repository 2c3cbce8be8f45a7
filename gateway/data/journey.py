"""A request's journey: authenticate → parse → facts → decide → attempt → relay → record.

One coroutine a request, read from top to bottom. Nothing here waits for a store, a file or the control plane.
"""

from __future__ import annotations

import asyncio
import logging
import os
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp

from gateway.data.account import Account
from gateway.data.asgi import serve_asgi
from gateway.data.attempt import Attempt, Attempts, RetryBudget
from gateway.data.authenticate import authenticate
from gateway.data.errors import (
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.data.headers import passed_headers, response_headers
from gateway.data.parse import check_chat, model_of, parse_json
from gateway.data.record import Recorder
from gateway.data.refusal import translate
from gateway.data.relay import Interrupted, note_usage, relay_stream
from gateway.data.request import Request
from gateway.data.table import Table
from routing.decide import decide
from routing.errors import RoutingError
from routing.facts import Facts
from routing.fallback import Result
from routing.request_id import Identity, identity_of
from routing.snapshot import Limits

CHAT = b"/v1/chat/completions"
MAX_ITEMS = 1_000_000
log = logging.getLogger("headgate.worker")


class Service:
    """Serves one worker's requests: the hot path here, every other path by the ASGI application."""

    def __init__(self, table: Table, recorder: Recorder) -> None:
        self.table = table
        self.recorder = recorder
        self.budget = RetryBudget()
        self.application: ASGIApp | None = None
        self.ready = False
        self.draining = False
        self.date = b""
        self._nonces = b""

    @property
    def limits(self) -> Limits:
        """The guards of the data port."""
        return self.table.snapshot.limits

    async def handle(self, request: Request) -> None:
        """Answers one request and records it."""
        if request.path != CHAT or request.method != b"POST":
            assert self.application is not None
            await serve_asgi(self.application, request)
            return
        table, account = self.table, Account(self.nonce(), request.stamp or perf_counter())
        self.budget.active += 1
        try:
            await self._chat(request, table, account)
        except GatewayError as error:
            self._refuse(request, table, account, error)
        except Interrupted:
            account.status = "upstream_error"
        except asyncio.CancelledError:
            account.status = "cancelled"
            if not request.gone and not request.started:
                self._refuse(request, table, account, Overloaded())
        finally:
            self.budget.active -= 1
            self.recorder.finished(account, perf_counter())

    async def _chat(self, request: Request, table: Table, account: Account) -> None:
        snapshot = table.snapshot
        key = account.key = authenticate(snapshot, request, "chat")
        if self.budget.active > snapshot.limits.concurrency:
            account.status = "shed"
            raise Overloaded
        body = parse_json(await request.body(), request.headers)
        account.started = request.stamp
        check_chat(body)
        account.items = _items(request.headers)
        facts = Facts("chat", model_of(body), key, request.headers, body, account.nonce)
        try:
            decision = account.decision = decide(snapshot, facts)
        except RoutingError as error:
            raise translate(error) from None
        account.request_id = table.sealer.seal(account.nonce, identity_of(decision, key))

        stream = body.get("stream") is True
        attempts = Attempts(table, self.recorder, self.budget, account, decision)
        attempt = await attempts.make("/chat/completions", body, request.headers, stream=stream)
        if attempt.result is not Result.OK:
            self._failed(request, table, account, attempt)
            return
        try:
            await self._answer(request, table, account, attempt, body)
        finally:
            attempts.ended(attempt)

    async def _answer(
        self, request: Request, table: Table, account: Account, attempt: Attempt, body: dict[str, Any]
    ) -> None:
        """Gives the client what the upstream said."""
        if attempt.splitter is None:
            note_usage(account, attempt, attempt.usage)
            request.respond(200, self._head(table, account, attempt, stream=False), attempt.body)
        else:
            head = self._head(table, account, attempt, stream=True)
            asked = bool((body.get("stream_options") or {}).get("include_usage"))
            await relay_stream(request, account, attempt, head, asked=asked)
        account.status = "ok"

    def _failed(self, request: Request, table: Table, account: Account, attempt: Attempt) -> None:
        """The last attempt gave no answer: the upstream's own 4xx passes through, the rest is our own text."""
        result = attempt.result
        if result is Result.REJECTED:
            account.status = "client_error"
            request.respond(attempt.status, self._head(table, account, attempt, stream=False), attempt.body)
            return
        account.status = "timeout" if result is Result.TIMEOUT else "upstream_error"
        if result is Result.TIMEOUT:
            raise UpstreamTimeout
        if result is Result.RATE_LIMITED:
            raise _limited(attempt)
        raise UpstreamError

    def _head(self, table: Table, account: Account, attempt: Attempt, *, stream: bool) -> bytes:
        own = response_headers(table, account, self.date, stream=stream)
        return own + passed_headers(attempt.headers)

    def _refuse(self, request: Request, table: Table, account: Account, error: GatewayError) -> None:
        if not account.request_id:
            account.request_id = table.sealer.seal(account.nonce, Identity())
        own = response_headers(table, account, self.date, stream=False)
        request.respond(error.status, own + error.headers(), error.envelope())

    def crashed(self, request: Request, error: BaseException) -> None:
        """A fault of ours: logged whole, told to the client without detail."""
        log.error("request failed", exc_info=error)
        if not request.started:
            request.respond(500, GatewayError().headers(), GatewayError().envelope())
        else:
            request.cut()

    def nonce(self) -> bytes:
        """Twelve random bytes, taken from the system a page at a time."""
        nonces = self._nonces
        if not nonces:
            nonces = os.urandom(12 * 340)
        self._nonces = nonces[12:]
        return nonces[:12]


def _items(headers: dict[bytes, bytes]) -> int:
    value = headers.get(b"x-headgate-items")
    if value is None:
        return 1
    if not value.isdigit() or not 1 <= int(value) <= MAX_ITEMS:
        raise InvalidRequest(
            f"'x-headgate-items' must be an integer from 1 to {MAX_ITEMS}.", param="x-headgate-items"
        )
    return int(value)


def _limited(attempt: Attempt) -> RateLimited:
    wait = attempt.retry_after
    seconds = 1 if wait is None or wait < 0 else min(int(wait + 0.999), 86_400)
    error = RateLimited(retry_after=str(seconds))
    error.should_retry = True if seconds <= 60 else None
    return error
