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

from gateway.data.guards import AHEAD, HIGH_WATER, KEEP_ALIVE, LINGER, NEVER, SINGLE, WRITE_STALL, refusal
from gateway.data.request import Request, status_line
from gateway.data.table import Table
from gateway.outbox import Outbox
from gateway.run import Run


class Service(Protocol):
    """What the protocol needs of the worker."""

    table: Table
    leaving: bool
    """No connection should be kept for another request."""
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
        self._held = 0  # bytes of them
        self._closed = False  # for writing
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0
        self._head_size = 0
        self._tail = b""
        self._framing = 0
        self._in_head = True
        self._request: Request | None = None  # the one whose body is arriving
        self._active: Request | None = None  # the one being answered
        self._run: Run | None = None
        self._waiting: deque[Request] = deque()  # parsed together with an earlier one
        self._ahead = b""  # not parsed yet
        self._refused = 0  # the status, once something was not HTTP
        self._plain = 0  # bytes of a body that the parser leaves to us, see on_headers_complete
        self.local = False
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
        active = self._active
        if self._refused:
            return
        if active is not None and active.whole:
            # Pipelined: taken up when its turn comes, so that a client cannot fill the memory in advance.
            self._ahead += data
            if len(self._ahead) > AHEAD:
                self.abort()
            return
        limits = self._limits = self._service.table.limits
        if self._in_head:
            if self._head_too_large(data, limits.headers):
                self._refuse(431)
                return
        elif self._framing_too_large(data, limits.headers):
            self._refuse(431)
            return
        self._feed(data)
        if self._in_head and self._head_size:
            if self._active is None and self.deadline > (late := monotonic() + limits.header_time):
                self.deadline = late
        elif self._active is not None and not self._active.whole:
            self.deadline = monotonic() + limits.body_idle
        self._deliver()

    def eof_received(self) -> None:
        return None  # a client that stops sending is taken to have left: the transport closes

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        self._waiting.clear()
        self._ahead = b""
        if self._active is not None:
            self._active.gone = True
        if self._run is not None:
            self._run.cancel()

    def pause_writing(self) -> None:
        self.congested = True
        self.deadline = monotonic() + WRITE_STALL

    def resume_writing(self) -> None:
        self.congested = False
        if self._active is None:
            self.deadline = monotonic() + KEEP_ALIVE
        else:
            self.deadline = NEVER
            self._active.open()

    # ── httptools ────────────────────────────────────────────────────────────────────────────────────

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: nobody here needs one, and it must not pass for a header (RFC 9110, 6.5.1)
        name = name.lower()
        headers = self._headers
        if name in headers:
            if name in SINGLE:
                self._refused = 400
            self._repeated += 1
            value = headers[name] + b", " + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_size = self._framing = 0
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        modern = version != "1.0"
        self._refused = self._refused or refusal(headers, len(headers) + self._repeated, version)
        if self._refused:
            return
        length = int(headers[b"content-length"]) if b"content-length" in headers else 0
        path, _, query = self._target.partition(b"?")
        request = Request(
            self, parser.get_method(), path, query, headers,
            modern and parser.should_keep_alive() and not self._service.leaving, modern,
            length > self._limits.body,
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

    def on_body(self, body: bytes) -> None:
        self._framing = 0
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
        if self._closed:
            return
        unwritten = self._unwritten
        if not unwritten:
            self._service.outbox.add(self)
        unwritten.append(data)
        self._held += len(data)
        if self._held >= HIGH_WATER:
            self.flush()  # a slow reader must be noticed within the turn, too

    def flush(self) -> None:
        """Writes what is held, or nowhere when the client has gone."""
        unwritten = self._unwritten
        if not unwritten:
            return
        self._unwritten = []
        self._held = 0
        if self._transport is not None and not self._closed:
            self._transport.write(unwritten[0] if len(unwritten) == 1 else b"".join(unwritten))

    def abort(self) -> None:
        """Closes at once, whatever is unsent."""
        self._unwritten.clear()
        self._closed = True
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
        if self._closed or self.congested:
            self.abort()
        elif (active is None and self._head_size) or (active is not None and not active.whole):
            self._refuse(408)
        else:
            self._close()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, data: bytes) -> None:
        """Parses, then begins the first request whose head has come."""
        while data and not self._refused:
            try:
                if self._plain:
                    data = self._take_plain(data)
                else:
                    self._parser.feed_data(data)
                    break
            except httptools.HttpParserUpgrade as upgrade:
                self._parser = httptools.HttpRequestParser(self)
                data = data[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refused = self._refused or 400
        active = self._active
        if self._refused and (active is None or not active.whole):
            self._refuse(self._refused)  # else once everything before it has been answered
        elif self._run is None and active is not None:
            self._begin(active)

    def _take_plain(self, data: bytes) -> bytes:
        """Takes what belongs to a body that is counted off by hand; returns what follows it."""
        part, rest = data[: self._plain], data[self._plain :]
        self._plain -= len(part)
        self.on_body(part)
        if not self._plain:
            self.on_message_complete()
        return rest

    def _deliver(self) -> None:
        """Lets the journey go on that waits for the body which has just been parsed."""
        request = self._request
        if request is not None and (request.whole or request.too_large):
            if request.whole:
                self._request = None
            if request is self._active:
                request.open()

    def _begin(self, request: Request) -> None:
        self.deadline = NEVER if request.whole else monotonic() + self._limits.body_idle
        self._active = request
        self._run = run = Run(self._service.handle(request), self._ended)
        self._runs.add(run)
        run.resume()

    def _ended(self, error: BaseException | None) -> None:
        """A request has been answered, or given up."""
        run, request = self._run, self._active
        assert run is not None and request is not None
        self._runs.discard(run)
        self._run = self._active = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._service.crashed(request, error)
        if self._transport is None or self._closed:
            return
        if not request.whole:
            self._linger()
        elif not (request.keep_alive and request.started) or self._service.draining:
            self._close()
        elif self._waiting or self._ahead or self._refused:
            self._active = request  # until its successor: what comes meanwhile is pipelined too
            self._loop.call_soon(self._follow)
        else:
            self.deadline = monotonic() + KEEP_ALIVE

    def _follow(self) -> None:
        """Takes up what the client sent ahead: whole requests, then a partial one, then unparsed bytes."""
        if self._transport is None or self._closed:
            return
        following = self._active = self._waiting.popleft() if self._waiting else None
        if following is not None and following.whole:
            self._begin(following)
            return
        if self._refused:
            self._refuse(self._refused)
            return
        ahead, self._ahead = self._ahead, b""
        if following is not None:
            self._begin(following)
        else:
            self.deadline = monotonic() + KEEP_ALIVE
        if ahead:
            self.data_received(ahead)

    def _head_too_large(self, data: bytes, limit: int) -> bool:
        """Counts a part of a head; whether the head itself, not what follows it, passes the limit."""
        before = self._head_size
        self._head_size = before + len(data)
        if self._head_size <= limit:
            self._tail = data[-3:]
            return False
        end = (self._tail + data).find(b"\r\n\r\n")
        return end < 0 or before + end - len(self._tail) > limit

    def _framing_too_large(self, data: bytes, limit: int) -> bool:
        """Counts what came since the body's last byte: chunk sizes and trailers have to end, too."""
        before, self._framing = self._framing, self._framing + len(data)
        return before > limit

    def _refuse(self, status: int) -> None:
        """Answers with the status alone, after which nothing of this connection can be trusted."""
        self._refused = status
        active, run = self._active, self._run
        if active is not None:
            active.gone = True  # its own answer must not follow
        if active is None or not active.started:
            self.write(b"%bcontent-length: 0\r\nconnection: close\r\n\r\n" % status_line(status))
        self._linger()
        if run is not None:
            run.cancel()

    def _linger(self) -> None:
        """Closes our half and reads on for a moment: closing on unread bytes would reset the answer away."""
        self._refused = self._refused or 400
        self.deadline = monotonic() + LINGER
        self.flush()
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.write_eof()

    def _close(self) -> None:
        self.flush()
        self._closed = True
        if self._transport is not None:
            self._transport.close()


def factory(
    service: Service,
) -> Callable[..., HttpProtocol]:
    """What uvicorn's `http=` wants: makes a protocol out of uvicorn's configuration and server state."""

    def make(config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> HttpProtocol:
        return HttpProtocol(service, server_state.connections, server_state.tasks)

    return make
