"""One HTTP/1.1 connection to an upstream, and one exchange at a time on it.

Strict on purpose: what is not plain HTTP/1.1 with honest framing ends the connection. The exchange outlives
its place on the connection, so that a connection goes back to its pool the moment a response is whole.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from time import monotonic
from typing import Final, cast

import httptools

from gateway.outbox import Outbox
from gateway.providers.base import UpstreamFailure
from gateway.providers.names import KNOWN, lower
from gateway.run import Gate
from routing.fallback import Result

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes of a response that is not a stream."""
HIGH_WATER: Final = 256 * 1024
"""Unread bytes of a stream at which reading from the upstream pauses."""
IDLE_LIMIT: Final = 60.0
"""Seconds that an idle connection is kept, unless the upstream asks for less."""
PATIENCE: Final = 1.0
"""Seconds that an upstream has to end a stream after its last event, so that the connection serves again."""
BRIEFLY: Final = 0.0003
"""Seconds of rest within which no peer closes an idle connection."""
NEVER: Final = float("inf")
SPACE: Final = 0x20


class Exchange(Gate):
    """A request sent and the answer to it; an `Answer` of the provider contract."""

    def __init__(self, connection: Connection, stream: bool, idle: float, deadline: float) -> None:
        super().__init__()
        self._connection: Connection | None = connection
        self.stream = stream
        self.idle = idle
        self.deadline = deadline
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.head = False
        self.begun = False
        self.committed = False
        self.left = False
        self.complete = False
        self.size = 0
        self._parts: list[bytes] = []
        self._failure: UpstreamFailure | None = None
        self._taker: Callable[[bytes], bool] | None = None
        self._raised: Exception | None = None

    async def arrive(self) -> None:
        """Waits for the head, and for an answer that is not a stream for its body too.

        Raises UpstreamFailure.
        """
        while not self.complete and not (self.head and self.stream):
            if self._failure is not None:
                raise self._failure
            await self

    async def read(self) -> bytes:
        """The bytes that have come since the last call, waiting for some; empty at the end."""
        while not self._parts:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self
        return self._taken()

    async def each(self, take: Callable[[bytes], bool]) -> None:
        """Hands on every part within the callback that brings it: no coroutine is resumed for a chunk."""
        self._taker = take
        try:
            while self._hand_on():
                if self.complete:
                    take(b"")
                    return
                if self._failure is not None:
                    raise self._failure
                await self
            if self._raised is not None:
                raise self._raised
        finally:
            self._taker = None

    def come(self) -> None:
        """Lets whoever reads have what has come."""
        try:
            if self._hand_on():
                return
        except Exception as error:
            self._taker, self._raised = None, error
        self.open()

    def _hand_on(self) -> bool:
        """Whether somebody takes what comes, and still does after what there is."""
        take = self._taker
        if take is None:
            return False
        if self._parts and not take(self._taken()):
            self._taker = None
        return self._taker is not None

    def _taken(self) -> bytes:
        parts = self._parts
        block = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.size = 0
        if self._connection is not None:
            self._connection.consumed()
        return block

    def close(self) -> None:
        """Gives the answer up; an upstream that still sends it is disconnected."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def commit(self) -> None:
        """From now on the pauses count, not the time to the first token."""
        self.committed = True
        if self._connection is not None:
            self._connection.rest(self)

    def leave(self) -> None:
        """Lets the end of an answer that needs no more reading come by itself, within `PATIENCE`."""
        self.left = True
        if self._connection is not None:
            self._connection.deadline = monotonic() + PATIENCE

    def take(self, part: bytes) -> None:
        """Another part of the body has come; what nobody wants any more is dropped."""
        if self.left:
            return
        self._parts.append(part)
        self.size += len(part)
        self.begun = True

    def finish(self) -> None:
        """The answer is whole."""
        self.complete = True
        self._connection = None

    def fail(self, result: Result, detail: str) -> None:
        """No more will come."""
        if not self.complete and self._failure is None:
            self._failure = UpstreamFailure(result, detail)
            self._connection = None
            self.open()


class Connection:
    """A pool's connection, an `asyncio.Protocol` by its methods.

    `on_free` is called when it may carry another exchange, `on_lost` at its end.
    """

    def __init__(
        self,
        outbox: Outbox,
        on_free: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self._outbox = outbox
        self._on_free = on_free
        self._on_lost = on_lost
        self._request = b""
        self._raw: dict[bytes, bytes] = {}
        self.on_header = self._raw.__setitem__  # no call of ours a header
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._exchange: Exchange | None = None
        self._whole: Exchange | None = None
        self._framed = False
        self._informational = False
        self._keep = True
        self._head_size = 0
        self._paused = False
        self._proven = False
        self.deadline = NEVER
        """When, on the monotonic clock, the current exchange (or idleness) has lasted too long."""
        self.free_since = 0.0
        """When it became idle, on the monotonic clock."""
        self.idle_limit = IDLE_LIMIT
        """Seconds that the connection may be idle."""

    # ── use ──────────────────────────────────────────────────────────────────────────────────────────

    def stale(self, now: float) -> bool:
        """Whether the peer has closed an idle connection, even if the event loop has not seen it yet.

        Looking costs a system call. It is saved on a connection that has shown that its peer keeps it open
        between two exchanges, and that rested too briefly to be closed as idle.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if self._proven and now - self.free_since < BRIEFLY:
            return False
        self._proven = True
        return bool(self._poll.poll(0))

    def send(self, request: bytes, stream: bool, first: float, idle: float, deadline: float) -> Exchange:
        """Writes a whole request and returns its exchange.

        `first` and `deadline` are points on the monotonic clock: for the first byte of the body, and for all
        of it; `idle` is the seconds that a stream may pause.
        """
        exchange = self._exchange = Exchange(self, stream, idle, deadline)
        self.deadline = first
        self._request = request
        self._outbox.add(self)
        return exchange

    def flush(self) -> None:
        """Writes the request, unless it has been given up already."""
        if self._transport is not None and self._exchange is not None:
            self._transport.write(self._request)

    def consumed(self) -> None:
        """The reader caught up with what was buffered."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
            if self._exchange is not None:
                self.rest(self._exchange)

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()
        self._detach()

    def expire(self) -> None:
        """The deadline has passed."""
        self._fail(Result.TIMEOUT, "no answer in time")

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:  # nobody asked
            self.abort()
            return
        if not exchange.head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._whole is None:
                self._fail(Result.BROKEN if exchange.begun else Result.AMBIGUOUS, "not HTTP")
                return
            self._keep = False
        if self._whole is not None:
            self._whole = None
            self._finish(exchange)
        else:
            self._guard(exchange)

    def eof_received(self) -> None:
        exchange = self._exchange
        if exchange is not None and exchange.head and not self._framed:
            self._keep = False
            self._finish(exchange)  # a body that the end of the connection delimits

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        exchange = self._exchange
        self._fail(Result.BROKEN if exchange is not None and exchange.begun else Result.AMBIGUOUS, "lost")

    # ── httptools ────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self._whole is not None:
            self._keep = False  # bytes after the answer: nobody asked for another one

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        raw = self._raw
        headers: dict[bytes, bytes] = {}
        for name, value in raw.items():
            # The parser leaves white space behind a value where it is; nearly no value has any.
            value = value.rstrip(b" \t") if value and value[-1] <= SPACE else value
            headers[KNOWN.get(name) or lower(name)] = value
        exchange.headers = headers
        raw.clear()
        status = self._parser.get_status_code()
        if status < 100:
            raise ValueError(status)  # llhttp takes it; the feed fails with what a callback raises
        if status < 200:
            if not headers.keys().isdisjoint((b"content-length", b"transfer-encoding")):
                raise ValueError(status)  # llhttp reads a body behind some (RFC 9110, 8.6: there is none)
            self._informational = True
            return
        if b"keep-alive" in headers:
            said = _keep_alive_timeout(headers[b"keep-alive"])
            self.idle_limit = min(IDLE_LIMIT, max(said - 1.0, 0.0))  # before the upstream loses patience
        self._framed = b"content-length" in headers or b"transfer-encoding" in headers
        exchange.status = status
        exchange.head = True
        self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        if self._exchange is not None:
            self._exchange.take(body)

    def on_message_complete(self) -> None:
        if self._informational:
            self._informational = False
        elif self._exchange is not None:
            self._keep = self._keep and self._parser.should_keep_alive()  # trailers have a say, too
            self._whole, self._exchange = self._exchange, None

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _finish(self, exchange: Exchange) -> None:
        self._exchange = None
        self._head_size = 0
        self._raw.clear()  # trailers
        self.deadline = NEVER
        exchange.finish()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if self._keep and self._transport is not None and not self._transport.is_closing():
            self._on_free(self)
        else:
            self.abort()
        exchange.open()

    def _guard(self, exchange: Exchange) -> None:
        """Caps, back-pressure and the idle clock; then lets the reader have what there is."""
        if not exchange.head:
            if self._head_size > MAX_HEAD:
                self._fail(Result.AMBIGUOUS, "response head too large")
            return
        if not exchange.stream:
            if exchange.size > MAX_BODY:
                self._fail(Result.BROKEN, "response too large")
            return
        if exchange.left:
            return
        if exchange.committed:
            self.rest(exchange)
        exchange.come()
        if exchange.size > HIGH_WATER and self._exchange is exchange and self._transport is not None:
            self._paused = True
            self.deadline = NEVER  # the reader is slow, not the upstream
            self._transport.pause_reading()

    def rest(self, exchange: Exchange) -> None:
        """The exchange's stream may pause from now."""
        self.deadline = min(monotonic() + exchange.idle, exchange.deadline)

    def _fail(self, result: Result, detail: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.abort()
        if exchange is not None:
            exchange.fail(result, detail)

    def _detach(self) -> None:
        self._exchange = None
        self._on_lost(self)


def _keep_alive_timeout(value: bytes) -> float:
    """Seconds of `Keep-Alive: timeout=N`; endless when it does not say."""
    for parameter in value.split(b","):
        name, _, number = parameter.strip().partition(b"=")
        if name.lower() == b"timeout" and number.strip().isdigit():
            return float(number)
    return NEVER
