"""Copies to shadows: asked behind the client's back, after its answer, and felt by nobody.

    answered → drawn? → room? → ask once → count → judge

A copy has no retry and no fallback, tells no breaker, counts as no request and takes none of the concurrency
that requests have. What there is no room for is shed and counted. A worker that leaves waits for no copy.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from time import monotonic

from gateway.channel.answers import Copied, encode
from gateway.data.attempt import Attempt
from gateway.data.breakers import NONE
from gateway.data.endpoints import Endpoint
from gateway.data.head import Head
from gateway.data.headers import copied_headers
from gateway.data.parse import dump_json
from gateway.data.record import Recorder
from gateway.data.table import Table
from gateway.providers.base import Call, UpstreamFailure
from gateway.run import Run
from routing.cost import Usage, cost_usd
from routing.decision import Decision
from routing.facts import Facts
from routing.fallback import Result
from routing.shadow import copied, copy_of
from routing.snapshot import Route, Shadow

LARGEST = 512 * 1024
"""Bytes of an answer that is judged; the channel is there for other things too."""
REST = 1.0
"""Seconds at least for which an upstream that limits us gets no copies, however few it asks for …"""
LONGEST_REST = 60.0
"""… and at most."""
FAREWELL = 1.0
"""Seconds in which copies that are broken off have to end."""
STATUSES = {
    Result.OK: "ok",
    Result.REJECTED: "client_error",
    Result.TIMEOUT: "timeout",
    Result.CANCELLED: "cancelled",
}
"""What a copy counts as by its result; `upstream_error` for all others."""
Place = tuple[str, str, str]
"""Route, segment and variant."""
log = logging.getLogger("headgate.worker")


class Shadows:
    """The copies of one worker. `send` takes a message to the control plane, False when there is no room."""

    def __init__(self, recorder: Recorder) -> None:
        self.send: Callable[[bytes], bool] | None = None
        self._recorder = recorder
        self._running: set[Run] = set()
        self._taken: Counter[Place] = Counter()
        self._resting: dict[str, float] = {}
        self._closed = False

    def copy(
        self, table: Table, endpoint: Endpoint, decision: Decision, facts: Facts, head: Head, served: str
    ) -> None:
        """A request has been answered: sends a copy of it when it is its turn. Returns at once."""
        shadow = copied(decision, facts, served) if endpoint.answers else None
        if shadow is None:
            return
        place = decision.route.name, decision.segment.name, shadow.variant.name
        if not self._admits(table, place, shadow):
            self._recorder.copied(place, "shed")
            return
        asking = self._ask(table, endpoint, decision.route, shadow, place, facts, head)

        def over(error: BaseException | None) -> None:
            self._running.discard(run)
            self._taken[place] -= 1
            if isinstance(error, Exception):
                log.error("a copy failed", exc_info=error)

        run = Run(asking, over)
        self._running.add(run)
        self._taken[place] += 1
        # Behind the answer, which may still be held for the end of this turn of the event loop.
        asyncio.get_running_loop().call_soon(run.resume)

    def _admits(self, table: Table, place: Place, shadow: Shadow) -> bool:
        """Whether there is room, and the upstream neither limits us nor fails whoever else asks it."""
        variant = shadow.variant
        breaker = table.breakers.get(place[0], NONE).get(variant.name)
        return (
            not self._closed
            and self._taken[place] < shadow.concurrency
            and (breaker is None or breaker.closed)
            and self._resting.get(variant.upstream, 0.0) <= monotonic()
        )

    async def _ask(
        self,
        table: Table,
        endpoint: Endpoint,
        route: Route,
        shadow: Shadow,
        place: Place,
        facts: Facts,
        head: Head,
    ) -> None:
        variant, upstream = shadow.variant, table.snapshot.upstreams[shadow.variant.upstream]
        attempt = Attempt(variant, monotonic())
        try:
            body = endpoint.shape(copy_of(facts.body, facts.endpoint), variant, stream_usage=False)
            headers = copied_headers(head, simulated=upstream.provider == "simulated")
            deadline = attempt.started + route.timeouts.total
            call = Call(endpoint.path, headers, dump_json(body), False, route.timeouts, deadline)
            answer = attempt.answer = await table.providers[upstream.name].send(call)
            await answer.arrive()
            if answer.status == 200:
                attempt.judge(answer, await answer.read(), endpoint.read)
            else:
                await attempt.receive(answer)
        except UpstreamFailure as failure:
            attempt.result, attempt.detail = failure.result, failure.detail
        except Exception:
            attempt.result = Result.BROKEN
            raise
        finally:
            self._ended(attempt, place)
        if attempt.result is Result.OK and route.captures:
            self._judge(place, attempt.body)

    def _ended(self, attempt: Attempt, place: Place) -> None:
        """Counts a copy, and closes its call if that was not whole."""
        result, variant = attempt.result, attempt.variant
        if result is Result.RATE_LIMITED:
            rest = max(min(attempt.retry_after or REST, LONGEST_REST), REST)
            self._resting[variant.upstream] = monotonic() + rest
        if result is not Result.OK:
            self._recorder.troubles.failed(place[0], attempt, monotonic())
            if attempt.answer is not None:
                attempt.answer.close()
        status = STATUSES.get(result, "upstream_error")
        self._recorder.copied(place, status, monotonic() - attempt.started, _cost(attempt))

    def _judge(self, place: Place, body: bytes) -> None:
        message = encode(Copied(*place, body if len(body) <= LARGEST else b""))
        if self.send is not None and not self.send(message):
            self._recorder.lost()

    async def close(self) -> None:
        """Breaks off the copies that are under way; there will be no more."""
        self._closed = True
        for run in list(self._running):
            run.cancel()
        until = monotonic() + FAREWELL
        while self._running and monotonic() < until:
            await asyncio.sleep(0.001)


def _cost(attempt: Attempt) -> float | None:
    """What a copy's answer cost in USD; None when that is not known."""
    price, usage = attempt.variant.price, attempt.usage
    if price is None or usage is None and (price.input or price.output):
        return None
    return cost_usd(usage or Usage(0), price)
