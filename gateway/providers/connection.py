"""One HTTP/1.1 connection to an upstream, and one exchange at a time on it.

Strict on purpose: what is not plain HTTP/1.1 with honest framing ends the connection. A connection goes back
to its pool the moment a response is whole.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Final, cast

import httptools

from gateway.clock import monotonic
from gateway.outbox import Outbox
from gateway.providers.exchange import Exchange
from gateway.providers.glance import SPACE, Glance, Plain
from gateway.providers.names import KNOWN, lower
from routing.fallback import Result

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes of a response that is not a stream."""
HIGH_WATER: Final = 256 * 1024
"""Unread bytes of a stream at which reading from the upstream pauses."""
IDLE_LIMIT: Final = 60.0
"""Seconds that an idle connection is kept, unless the upstream asks for less."""
BRIEFLY: Final = 0.0003
"""Seconds of rest within which no peer closes an idle connection."""
NEVER: Final = float("inf")


class Connection:
    """A pool's connection, an `asyncio.Protocol` by its methods.

    `on_free` is called when it may carry another exchange, `on_lost` at its end.
    """

    def __init__(
        self,
        outbox: Outbox,
        on_free: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
        glance: Glance,
    ) -> None:
        self._outbox = outbox
        self._glance = glance
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
            if not (self._head_size or exchange.stream):
                plain = self._glance.read(data)
                if plain is not None:
                    self._read(exchange, plain)
                    return
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
            if self._keep and exchange.status == 200 and self._head_size == len(data):
                self._glance.learn(data, exchange.headers)
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
        self._heed(headers)
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

    def _read(self, exchange: Exchange, plain: Plain) -> None:
        """A whole answer has come that needed no parser."""
        exchange.status = 200
        exchange.headers = plain.headers
        exchange.head = self._keep = True
        self._heed(plain.headers)
        exchange.take(plain.body)
        self._finish(exchange)

    def _heed(self, headers: dict[bytes, bytes]) -> None:
        """Takes note of how long the upstream keeps an idle connection, if it says so."""
        if b"keep-alive" in headers:
            said = _keep_alive_timeout(headers[b"keep-alive"])
            self.idle_limit = min(IDLE_LIMIT, max(said - 1.0, 0.0))  # before the upstream loses patience

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
