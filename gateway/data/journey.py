"""A request's journey: authenticate → parse → facts → decide → attempt → relay → record.

One coroutine a request, read from top to bottom. Nothing here waits for a store, a file or the control plane.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp

from gateway.clock import monotonic
from gateway.data.account import Account
from gateway.data.asgi import serve_asgi
from gateway.data.attempt import Attempt
from gateway.data.attempts import Attempts, RetryBudget
from gateway.data.authenticate import authenticate
from gateway.data.breakers import NONE, outside
from gateway.data.capture import Capture, Captured, features_of
from gateway.data.cascade import Cascades
from gateway.data.check import model_of
from gateway.data.endpoints import CHAT, ENDPOINTS, Endpoint
from gateway.data.errors import GatewayError, InvalidRequest, Leaving, Overloaded
from gateway.data.handing import check_explained, status_of_error, unserved
from gateway.data.headers import passed_headers, response_headers
from gateway.data.homes import Homes
from gateway.data.http import Serving
from gateway.data.inflow import Inflow
from gateway.data.outcomes import MAX_ITEMS, Reports, read_reports, receipts
from gateway.data.parse import parse_json
from gateway.data.passthrough import pass_through
from gateway.data.record import Recorder
from gateway.data.refusal import translate
from gateway.data.relay import Interrupted, estimate_usage, note_usage, relay_stream
from gateway.data.request import Request
from gateway.data.shadow import Shadows
from gateway.data.stored import PREFIX as STORED
from gateway.data.stored import ask_stored, find_home
from gateway.data.table import Table
from gateway.data.tracing import Tail, begin
from routing.decision import Decision
from routing.errors import RoutingError, UnknownResponse
from routing.facts import Facts
from routing.fallback import Result
from routing.home import Home
from routing.snapshot import Key, Snapshot
from routing.sticky import conversation_of

OUTCOMES: Final = b"/v1/outcomes"
JSON: Final = b"content-type: application/json\r\n"
log: Final = logging.getLogger("headgate.worker")


class Service(Serving):
    """Serves one worker's requests: the hot path here, every other path by the ASGI application."""

    def __init__(self, table: Table, recorder: Recorder) -> None:
        super().__init__(table)
        self.recorder = recorder
        self.budget = RetryBudget()
        self.shadows = Shadows(recorder)
        self.application: ASGIApp | None = None
        self.reports: Reports | None = None
        self.capture: Capture | None = None
        self.homes: Homes | None = None
        self.cascades = Cascades()
        self.ready = False
        self.date = b""
        self._nonces: list[bytes] = []

    async def handle(self, request: Request) -> None:
        """Answers one request and records it."""
        head, table = request.head, self.table
        if table.cross_origin is not None and table.cross_origin.admit(request):
            return
        endpoint = ENDPOINTS.get(head.path)
        if endpoint is None or head.method != b"POST":
            await self._beside(request, table)
            return
        account = Account(self.nonce(), request.stamp or monotonic())
        self.budget.active += 1
        self.budget.entered += 1
        try:
            await self._answer(request, table, account, endpoint)
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
        """What no route decides: outcomes, what is handed on as it is, and the paths that are not hot."""
        head = request.head
        if isinstance(request, Inflow):
            name = head.path.split(b"/", 3)[2].decode("latin-1")
            try:
                await self._hand_on(request, table, name, partial(pass_through, request, table))
            finally:
                request.detach()  # whatever is still to come must not be waited for
            return
        if head.path.startswith(STORED) and head.path not in ENDPOINTS and self.homes is not None:
            await self._hand_on(request, table, "responses", partial(ask_stored, request, table, self.homes))
            return
        if head.path != OUTCOMES or head.method != b"POST":
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
            lines = response_headers(table, account, self.date) + JSON
            request.respond(200, lines, answer)

    async def _hand_on(
        self,
        request: Request,
        table: Table,
        name: str,
        serve: Callable[[Callable[[], bytes]], Awaitable[str]],
    ) -> None:
        """A request that `serve` answers, given our own header lines, and that is counted under `name`."""
        account = Account(self.nonce(), monotonic())
        status = "upstream_error"

        def own() -> bytes:
            account.identify(table.sealer)
            return response_headers(table, account, self.date)

        self.budget.active += 1
        try:
            if self.budget.active > table.limits.concurrency or request.reserved:
                raise Overloaded
            status = await serve(own)
        except GatewayError as error:
            status = status_of_error(error)
            self._refuse(request, table, account, error)
        except asyncio.CancelledError:
            status = "cancelled"
            if request.started:
                request.cut()
            elif not request.gone:
                self._refuse(request, table, account, Leaving())
        except Exception as error:
            self._crashed(request, table, account, error)
        finally:
            self.budget.active -= 1
            self.recorder.handed_on(name, status)

    async def _take_outcomes(self, request: Request, table: Table) -> bytes:
        """The answer to a report of outcomes. Raises GatewayError."""
        assert self.reports is not None
        headers = request.head.headers
        key = authenticate(table, request, "outcomes")
        if not request.whole:
            await request.arrive()
        body = parse_json(request.body(), headers)
        outcomes = read_reports(body)
        statuses = await self.reports.hand_in(key.application_hash, outcomes)
        return receipts(outcomes, statuses, single="outcomes" not in body)

    async def _answer(self, request: Request, table: Table, account: Account, endpoint: Endpoint) -> None:
        snapshot, headers = table.snapshot, request.head.headers
        key = account.key = authenticate(table, request, "chat")
        if self.budget.active > snapshot.limits.concurrency or not request.keep_alive and request.reserved:
            account.status = "shed"
            raise Overloaded
        if not request.whole:
            await request.arrive()
        body = parse_json(request.body(), headers)
        account.started = request.stamp
        account.streamed = body.get("stream") is True
        endpoint.check(body)
        if b"x-headgate-items" in headers:
            account.items = _items(headers[b"x-headgate-items"])
        home = None
        if endpoint is not CHAT:
            account.endpoint = endpoint.name
            home = await self._followed(table, body, key)
        facts = Facts(endpoint.name, model_of(body), key, headers, body, account.nonce, home)
        decision = _decide(endpoint, snapshot, facts)
        breakers = table.breakers.get(decision.route.name, NONE)
        decision = account.decision = outside(decision, breakers)
        if table.tracing is not None or b"traceparent" in headers:
            begin(account, headers, table.tracing, endpoint.path)

        route = decision.route
        deadline = monotonic() + route.timeouts.total
        attempts = Attempts(
            table, self.recorder, self.budget, account, decision, endpoint, body, request.head, deadline,
            breakers,
        )  # fmt: skip
        attempt = await (
            self.cascades.answer(decision, attempts, account, deadline)
            if decision.reason == "cascade"
            else attempts.first_answer()
        )
        if attempt.result is not Result.OK:
            self._failed(request, table, account, attempt)
            return
        if attempt.stored:
            self._made(attempt, facts, route.name)
        captured = Captured() if route.captures else None
        attempt.seen = captured if captured is not None or account.spans is None else Tail()
        note_usage(account, attempt.variant, attempt.usage)
        head = self._head(table, account, attempt)
        if attempt.splitter is None:
            request.respond(200, head, attempt.body)
            account.status = "ok"
        else:
            try:
                asked, relay = _asks_usage(body), endpoint.relay
                await relay_stream(request, account, attempt, head, relay, asked=asked, seen=attempt.seen)
            finally:
                _stream_over(account, attempt, attempts, body)
        if captured is not None or decision.segment.shadow is not None:
            self._afterwards(request, table, account, endpoint, facts, attempt, captured)

    def _afterwards(
        self,
        request: Request,
        table: Table,
        account: Account,
        endpoint: Endpoint,
        facts: Facts,
        attempt: Attempt,
        captured: Captured | None,
    ) -> None:
        """What else becomes of a request that was answered: somebody wants to see it, or it has a shadow."""
        decision = account.decision
        if captured is not None:
            self._captured(request, table.snapshot, account, attempt, captured, facts)
        if decision is not None and decision.segment.shadow is not None and account.status == "ok":
            self.shadows.copy(table, endpoint, decision, facts, request.head, account.served)

    def _captured(
        self,
        request: Request,
        snapshot: Snapshot,
        account: Account,
        attempt: Attempt,
        captured: Captured,
        facts: Facts,
    ) -> None:
        """Hands an answer that the control plane wants to see to it."""
        if self.capture is None:
            return
        decision, answer, features = account.decision, b"", b""
        assert decision is not None
        if snapshot.content or decision.route.judged:
            answer = attempt.body if attempt.splitter is None else captured.whole()
        if snapshot.features:
            features = features_of(facts.body, decision.difficulty.task)
        prompt = request.body() if snapshot.content else b""
        self.capture.answered(account, answer, prompt, features)

    async def _followed(self, table: Table, body: dict[str, Any], key: Key) -> Home | None:
        """The home of the response that a request follows, if it is known. Raises GatewayError.

        One that is not known goes its ordinary way: it may be older than this gateway.
        """
        previous = body.get("previous_response_id")
        if type(previous) is not str or self.homes is None:
            return None
        home = await find_home(table, self.homes, key, previous)
        if home is not None and home.application != key.application_hash:
            raise translate(UnknownResponse())
        return home

    def _made(self, attempt: Attempt, facts: Facts, route: str) -> None:
        """A response has been made that may be followed, as soon as the client has its id."""
        if self.homes is not None and facts.body.get("store") is not False:
            variant, thread = attempt.variant, conversation_of(facts) or facts.nonce
            home = Home(facts.key.application_hash, route, variant.name, variant.upstream, thread)
            self.homes.made(attempt.stored, home)

    def _failed(self, request: Request, table: Table, account: Account, attempt: Attempt) -> None:
        """The last attempt gave no answer: an upstream's 4xx that says why passes, the rest is our own text.

        Raises GatewayError.
        """
        result, account.failure = attempt.result, attempt.failure
        if result is Result.REJECTED:
            account.status = "client_error"
            assert attempt.answer is not None
            if account.spans is not None:
                account.spans.code = attempt.answer.status
            check_explained(attempt.answer, attempt.body)
            head = self._head(table, account, attempt)
            if attempt.answer.status == 409:
                head += b"x-should-retry: false\r\n"
            request.respond(attempt.answer.status, head, attempt.body)
            return
        account.status = "timeout" if result is Result.TIMEOUT else "upstream_error"
        status = attempt.answer.status if attempt.answer is not None else 0
        raise unserved(result, status, attempt.headers)

    def _head(self, table: Table, account: Account, attempt: Attempt) -> bytes:
        assert attempt.answer is not None
        own = response_headers(table, account, self.date, priced=attempt.splitter is None)
        return own + passed_headers(attempt.answer.headers)

    def _refuse(self, request: Request, table: Table, account: Account, error: GatewayError) -> None:
        account.identify(table.sealer)
        if account.spans is not None:
            account.spans.code = error.status
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


def _stream_over(account: Account, attempt: Attempt, attempts: Attempts, body: dict[str, Any]) -> None:
    if account.status != "ok":
        if attempt.result is not Result.CANCELLED:
            account.failure = attempt.failure
        if account.usage is None:
            estimate_usage(account, attempt, body)
    attempts.ended(attempt)


def _asks_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    return bool(options and options.get("include_usage"))


def _decide(endpoint: Endpoint, snapshot: Snapshot, facts: Facts) -> Decision:
    """Raises GatewayError."""
    try:
        return endpoint.decide(snapshot, facts)
    except RoutingError as error:
        raise translate(error) from None


def _items(value: bytes) -> int:
    if not value.isdigit() or len(value) > 7 or not 1 <= int(value) <= MAX_ITEMS:
        raise InvalidRequest(
            f"'x-headgate-items' must be an integer from 1 to {MAX_ITEMS}.", param="x-headgate-items"
        )
    return int(value)
