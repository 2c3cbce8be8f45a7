"""The HTTP/1.1 protocol of the data port: HTTP and nothing else.

uvicorn owns the sockets and the life cycle and makes one of these a connection (`http=`); the reader beside
it makes requests of the bytes. Here are the guards that uvicorn lacks: the number of connections, idle,
slow and stalled clients. What the reader or a guard refuses is answered with the status alone, and the
connection closes (RFC 9112). Time-outs are looked at by one sweep a worker, not by a timer each.

    connection_made → data_received* → [Request → Run(journey)]* → connection_lost
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, cast

from gateway.clock import monotonic
from gateway.data.guards import (
    AHEAD,
    HIGH_WATER,
    LINGER,
    NEVER,
    RESERVED,
    RESERVED_TIME,
    WRITE_STALL,
)
from gateway.data.head import Head, Heads
from gateway.data.inflow import Inflow
from gateway.data.reader import Reader
from gateway.data.request import Request, status_line
from gateway.data.table import Table
from gateway.loopback import is_loopback
from gateway.outbox import Outbox
from gateway.run import Run


class Serving:
    """What the protocol needs of the worker: a class, because attributes of a Protocol are looked up."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.leaving = False
        """No connection should be kept for another request."""
        self.draining = False
        self.outbox = Outbox()
        self.heads = Heads()

    def handle(self, request: Request) -> Coroutine[Any, Any, None]:
        """The coroutine that answers a request."""
        raise NotImplementedError

    def crashed(self, request: Request, error: BaseException) -> None:
        """Something nobody foresaw ended the coroutine."""
        raise NotImplementedError


class HttpProtocol:
    """One client connection: an `asyncio.Protocol` by its methods."""

    def __init__(self, service: Serving, connections: set[HttpProtocol], runs: set[Run]) -> None:
        self._service = service
        self._connections = connections
        self._runs = runs
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unwritten: list[bytes] = []
        self._held = 0  # bytes of them
        self._closed = False  # for writing
        self._reader = Reader(self._open, service.heads, service.table.limits)
        self._run: Run | None = None
        self._ahead = b""  # what came behind the active request
        self.local = False
        self.reserved = False
        """Beyond the limit of connections: there is room for one request that is not a model's."""
        self.congested = False
        self.deadline = NEVER
        """When, on the monotonic clock, this connection has been idle or stalled for too long."""

    # ── asyncio.Protocol ─────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self.local = bool(peer) and is_loopback(peer[0])
        limits = self._service.table.limits
        self.deadline = monotonic() + limits.header_time
        beyond = len(self._connections) - limits.connections
        if beyond > RESERVED:
            self._refuse(503)
        elif beyond > 0:
            self.reserved = True
            self.deadline = monotonic() + min(limits.header_time, RESERVED_TIME)

    def data_received(self, data: bytes) -> None:
        if self._reader.refused:
            return
        active = self._reader.request
        if active is not None and active.whole:
            # Taken up when its turn comes: a client cannot fill the memory in advance.
            self._ahead += data
            if len(self._ahead) > AHEAD:
                self.abort()
            return
        self._parse(data)

    def eof_received(self) -> None:
        return None  # a client that stops sending is taken to have left: the transport closes

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        self._ahead = b""
        if self._reader.request is not None:
            self._reader.request.gone = True
        if self._run is not None:
            self._run.cancel()

    def pause_writing(self) -> None:
        self.congested = True
        self.deadline = monotonic() + WRITE_STALL

    def resume_writing(self) -> None:
        self.congested = False
        if self._reader.request is None:
            self.deadline = monotonic() + self._reader.limits.keep_alive
        else:
            self.deadline = NEVER
            self._reader.request.open()

    def _open(self, head: Head, length: int) -> Request:
        """The request of a complete head, whose body has `length` bytes if that is known."""
        keep_alive = head.keep_alive and not self._service.leaving and not self.reserved
        passthrough = self._service.table.passthrough
        if passthrough is not None and passthrough.takes(head.path):
            whole = None if b"transfer-encoding" in head.headers else length
            limit = passthrough.body
            return Inflow(self, head, keep_alive, length > limit, limit, whole)
        return Request(self, head, keep_alive, length > self._reader.limits.body)

    # ── what requests need ───────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Writes to the client, together with all else that this turn of the event loop has to write."""
        if self._closed:
            return
        unwritten = self._unwritten
        unwritten.append(data)
        self._held += len(data)
        if len(unwritten) == 1:
            self._service.outbox.add(self)
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

    def pause_reading(self) -> None:
        """The client has to wait before it sends more of its body: it is not the one who is slow."""
        if self._transport is not None:
            self._transport.pause_reading()
            self.deadline = NEVER

    def resume_reading(self) -> None:
        """It may go on."""
        request = self._reader.request
        if self._transport is not None:
            self._transport.resume_reading()
            if request is not None and not request.whole:
                self.deadline = monotonic() + self._reader.limits.body_idle

    def abort(self) -> None:
        """Closes at once, whatever is unsent."""
        self._unwritten.clear()
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    # ── what the worker needs ────────────────────────────────────────────────────────────────────────

    def shutdown(self) -> None:
        """uvicorn is closing: an idle connection closes now, a busy one after its answer.

        One whose head has begun to come is busy: it is not kept alive, since the service is leaving.
        """
        if self._reader.request is not None:
            self._reader.request.keep_alive = False
        elif not self._reader.within_head:
            self._close()

    def expire(self) -> None:
        """The deadline has passed: a late request gets 408, an idle or stalled client is cut off."""
        active = self._reader.request
        if self._closed or self.congested:
            self._reset()
        elif self._reader.within_head or (active is not None and not active.whole):
            self._refuse(408)
        else:
            self._close()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────

    def _parse(self, data: bytes) -> None:
        """Takes in what belongs to one request and lets its journey go on; the rest waits for its answer."""
        reader = self._reader
        limits = reader.limits = self._service.table.limits
        data = reader.take(data)
        request = reader.request
        if reader.refused:
            self._refuse(reader.refused)
        elif request is None:
            self.deadline = min(self.deadline, monotonic() + limits.header_time)
        else:
            self._ahead = data
            if request.whole:
                self.deadline = NEVER  # the answer may take its time
            elif not request.held_up:
                self.deadline = monotonic() + limits.body_idle
            if self._run is None:
                self._begin(request)
            elif request.whole or request.too_large:
                request.open()

    def _begin(self, request: Request) -> None:
        self._run = run = Run(self._service.handle(request), self._ended)
        self._runs.add(run)
        run.resume()

    def _ended(self, error: BaseException | None) -> None:
        """A request has been answered, or given up."""
        run, request = self._run, self._reader.request
        assert run is not None and request is not None
        self._runs.discard(run)
        self._run = None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._service.crashed(request, error)
        if self._transport is None or self._closed:
            return
        if not request.whole:
            self._linger()
        elif not (request.keep_alive and request.started) or self._service.draining:
            self._close()
        elif self._ahead:
            self._loop.call_soon(self._follow)  # the request stays active: what comes now is pipelined, too
        else:
            self._reader.request = None
            self.deadline = monotonic() + self._reader.limits.keep_alive

    def _follow(self) -> None:
        """Takes up what the client sent ahead."""
        if self._transport is None or self._closed:
            return
        self._reader.request = None
        ahead, self._ahead = self._ahead, b""
        self.deadline = monotonic() + self._reader.limits.keep_alive
        self._parse(ahead)

    def _refuse(self, status: int) -> None:
        """Answers with the status alone, after which nothing of this connection can be trusted."""
        self._reader.refused = status
        active, run = self._reader.request, self._run
        if active is not None:
            active.gone = True  # its own answer must not follow
        if active is None or not active.started:
            self.write(b"%bcontent-length: 0\r\nconnection: close\r\n\r\n" % status_line(status))
        self._linger()
        if run is not None:
            run.cancel()

    def _linger(self) -> None:
        """Closes our half and reads on for a moment: closing on unread bytes would reset the answer away."""
        self._reader.refused = self._reader.refused or 400
        self.deadline = monotonic() + LINGER
        self.flush()
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.write_eof()

    def _reset(self) -> None:
        """Closes so that the kernel lets go, too, of what the client has not read."""
        if self._transport is not None:
            at_once = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, at_once)
        self.abort()

    def _close(self) -> None:
        self.flush()
        self._closed = True
        if self._transport is not None:
            self._transport.close()


def factory(
    service: Serving,
) -> Callable[..., HttpProtocol]:
    """What uvicorn's `http=` wants: makes a protocol out of uvicorn's configuration and server state."""

    def make(config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> HttpProtocol:
        return HttpProtocol(service, server_state.connections, server_state.tasks)

    return make
