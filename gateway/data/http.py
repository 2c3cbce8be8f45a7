"""The HTTP/1.1 protocol of the data port: HTTP and nothing else.

uvicorn owns the sockets and the life cycle and makes one of these a connection (`http=`); httptools parses.
Here are the guards that neither has: time and size of heads and bodies, exactly one Host, the number of
connections, idle and stalled clients. What the parser or a guard refuses is answered with the status alone,
and the connection closes (RFC 9112). Time-outs are looked at by one sweep a worker, not by a timer each.

    connection_made → data_received* → [Request → Run(journey)]* → connection_lost
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from time import monotonic
from typing import Any, Protocol, cast

import httptools

from gateway.data.request import Request, status_line
from gateway.data.table import Table
from gateway.outbox import Outbox
from gateway.run import Run

KEEP_ALIVE = 75.0
"""Seconds that an idle connection is kept."""
LINGER = 2.0
"""Seconds that a client which is still sending has to read why it was refused."""
WRITE_STALL = 60.0
"""Seconds that a client may leave a full write buffer unread."""
MAX_HEADERS = 128
MAX_PIPELINED = 16
HIGH_WATER = 64 * 1024
NEVER = float("inf")


class Service(Protocol):
    """What the protocol needs of the worker."""

    table: Table
    draining: bool
    outbox: Outbox

    def handle(self, request: Request) -> Coroutine[Any, Any, None]:
        """The coroutine that answers a request."""
        ...

    def crashed(self, request: Request, error: BaseException) -> None:
        """Something nobody foresaw ended the coroutine."""
        ...


class HttpProtocol(asyncio.Protocol):
    """One client connection."""

    def __init__(self, service: Service, connections: set[HttpProtocol], runs: set[Run]) -> None:
        self._service = service
        self._connections = connections
        self._runs = runs
        self._limits = service.table.limits
        self._loop = asyncio.get_running_loop()
        self._unwritten: list[bytes] = []
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0
        self._head_size = 0
        self._in_head = True
        self._request: Request | None = None  # the one whose body is arriving
        self._active: Request | None = None  # the one being answered
        self._run: Run | None = None
        self._waiting: deque[Request] = deque()
        self._refused = 0
        self._plain = 0  # bytes of a body that the parser leaves to us, see on_headers_complete
        self.local = False
        self.chunked = True
        self.congested = False
        self.deadline = NEVER
        """When, on the monotonic clock, this connection has been idle or stalled for too long."""

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self.local = bool(peer) and ip_address(peer[0].partition("%")[0]).is_loopback
        limits = self._service.table.limits
        self.deadline = monotonic() + limits.header_time
        if len(self._connections) > limits.connections:
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        limits = self._limits = self._service.table.limits
        first = False
        if self._in_head:
            first = self._head_size == 0 and self._active is None
            self._head_size += len(data)
            if self._head_size > limits.headers and self._head_too_large(data, limits.headers):
                self._refuse(431)
                return
        elif self._request is not None and self._active is self._request:
            self.deadline = monotonic() + limits.body_idle
        self._feed(data)
        if first and self._head_size:  # most heads come whole
            self.deadline = monotonic() + limits.header_time
        request = self._request
        if request is not None and (request.whole or request.too_large):
            if request.whole:
                self._request = None
            if request is self._active:
                request.open()

    def eof_received(self) -> None:
        return None  # a client that stops sending is taken to have left: the transport closes

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        self._waiting.clear()
        if self._active is not None:
            self._active.gone = True
        if self._run is not None:
            self._run.cancel()

    def pause_writing(self) -> None:
        self.congested = True
        self.deadline = monotonic() + WRITE_STALL

    def resume_writing(self) -> None:
        self.congested = False
        self.deadline = NEVER
        if self._active is not None:
            self._active.open()

    # ── httptools ────────────────────────────────────────────────────────────────────────────────────

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        if name in headers:
            if name in _SINGLE:
                self._refused = 400
            self._repeated += 1
            value = headers[name] + b", " + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_size = 0
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        self.chunked = version != "1.0"
        self._refused = self._refused or refusal(headers, len(headers) + self._repeated, version)
        if self._refused:
            return
        length = int(headers[b"content-length"]) if b"content-length" in headers else 0
        path, _, query = self._target.partition(b"?")
        request = Request(
            self, parser.get_method(), path, query, headers,
            self.chunked and parser.should_keep_alive(), length > self._limits.body,
        )  # fmt: skip
        if b"expect" in headers:
            request.expects = headers[b"expect"].lower() == b"100-continue"
        if parser.should_upgrade():
            # We speak HTTP/1.1 only, but some clients offer an upgrade (Java's: h2c) with every request. The
            # parser stops behind such a head, so its body is counted off by hand.
            self._plain = length
        self._request = request
        if self._active is None:
            self._active = request
        else:
            self._waiting.append(request)
            if len(self._waiting) >= MAX_PIPELINED and self._transport is not None:
                self._transport.pause_reading()

    def on_body(self, body: bytes) -> None:
        if self._request is not None:
            self._request.take(body, self._limits.body)

    def on_message_complete(self) -> None:
        if self._plain:
            return
        self._target = b""
        self._headers = {}
        self._repeated = 0
        self._in_head = True
        if self._request is not None:
            self._request.finish()

    # ── what requests need ───────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Writes to the client, together with all else that this turn of the event loop has to write."""
        unwritten = self._unwritten
        if not unwritten:
            self._service.outbox.add(self)
        unwritten.append(data)

    def flush(self) -> None:
        """Writes what is held, or nowhere when the client has gone."""
        unwritten = self._unwritten
        if not unwritten:
            return
        self._unwritten = []
        if self._transport is not None:
            self._transport.write(unwritten[0] if len(unwritten) == 1 else b"".join(unwritten))

    def abort(self) -> None:
        """Closes at once, whatever is unsent."""
        self._unwritten.clear()
        if self._transport is not None:
            self._transport.abort()

    # ── what the worker needs ────────────────────────────────────────────────────────────────────────

    def shutdown(self) -> None:
        """uvicorn is closing: an idle connection closes now, a busy one after its answer."""
        if self._active is None:
            self._close()
        else:
            self._active.keep_alive = False

    def expire(self) -> None:
        """The deadline has passed: a late request gets 408, an idle or stalled client is cut off."""
        active = self._active
        if self._refused or self.congested:
            self.abort()
        elif (active is None and self._head_size) or (active is not None and not active.whole):
            self._refuse(408)
        else:
            self._close()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, data: bytes) -> None:
        try:
            if self._plain:
                self._feed_plain(data)
            else:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser = httptools.HttpRequestParser(self)
            rest = data[upgrade.args[0] :]
            if rest and not self._refused:
                self._feed(rest)
        except httptools.HttpParserError:
            self._refused = self._refused or 400
        if self._refused:
            self._refuse(self._refused)
        elif self._run is None and self._active is not None:
            self._begin(self._active)

    def _feed_plain(self, data: bytes) -> None:
        part, rest = data[: self._plain], data[self._plain :]
        self._plain -= len(part)
        self.on_body(part)
        if not self._plain:
            self.on_message_complete()
        if rest:
            self._feed(rest)

    def _begin(self, request: Request) -> None:
        self.deadline = NEVER if request.whole else monotonic() + self._limits.body_idle
        self._active = request
        self._run = run = Run(self._service.handle(request), self._ended)
        self._runs.add(run)
        run.resume()

    def _ended(self, error: BaseException | None) -> None:
        run, request = self._run, self._active
        assert run is not None and request is not None
        self._runs.discard(run)
        self._run = self._active = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._service.crashed(request, error)
        if self._transport is None:
            return
        if not request.whole:
            self._linger()
        elif not (request.keep_alive and request.started) or self._service.draining:
            self._close()
        elif self._waiting:
            following = self._waiting.popleft()
            self._active = following
            self._transport.resume_reading()
            self._loop.call_soon(self._continue, following)
        else:
            self.deadline = monotonic() + KEEP_ALIVE

    def _continue(self, request: Request) -> None:
        if self._transport is not None and self._active is request:
            self._begin(request)

    def _head_too_large(self, data: bytes, limit: int) -> bool:
        """Whether the head itself, not what follows it in the same read, passes the limit."""
        before = self._head_size - len(data)
        end = data.find(b"\r\n\r\n")
        return end < 0 or before + end > limit

    def _refuse(self, status: int) -> None:
        """Answers with the status alone, after which nothing of this connection can be trusted."""
        self._refused = status
        if self._active is None or not self._active.started:
            self.write(b"%bcontent-length: 0\r\nconnection: close\r\n\r\n" % status_line(status))
            if self._active is not None:
                self._active.started = True
        self._linger()

    def _linger(self) -> None:
        """Closes our half and reads on for a moment: closing on unread bytes would reset the answer away."""
        self._refused = self._refused or 400
        self.deadline = monotonic() + LINGER
        self.flush()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def _close(self) -> None:
        self.flush()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()


_SINGLE = frozenset((b"host", b"content-length", b"content-type", b"authorization", b"transfer-encoding"))


def refusal(headers: dict[bytes, bytes], count: int, version: str) -> int:
    """The status with which a head must be refused, or 0 (RFC 9112, 3.2 and 6.3)."""
    if count > MAX_HEADERS:
        return 431
    if version != "1.1":
        return 0 if version == "1.0" else 505
    if b"host" not in headers:
        return 400
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if length is not None and (coding is not None or not length.isdigit()):
        return 400
    return 400 if coding is not None and b"upgrade" in headers else 0


def factory(
    service: Service,
) -> Callable[..., HttpProtocol]:
    """What uvicorn's `http=` wants: makes a protocol out of uvicorn's configuration and server state."""

    def make(config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> HttpProtocol:
        return HttpProtocol(service, server_state.connections, server_state.tasks)

    return make
